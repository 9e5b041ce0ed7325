/* test_agent_url.c - what the agent can reach. */
#include "test.h"

#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/config/config.h"
#include "runtime/env/agent_url.h"
#include "runtime/env/env.h"
#include "script_server.h"

static void only_the_base_is_reachable(void **state)
{
    (void)state;
    static const char base[] = "http://localhost:8080/fhir/";
    static const struct {
        const char *url, *sent; /* sent: after the base; NULL: refused */
    } cases[] = {
        {"http://localhost:8080/fhir/Patient?name=A", "Patient?name=A"},
        {"http://localhost:8080/fhir/Patient", "Patient"},
        {"http://localhost:8080/fhir/", ""},
        {"http://localhost:8080/fhir", ""},
        {"http://localhost:8080/fhir/Observation?date=1..2", "Observation?date=1..2"},
        {"http://localhost:8080/fhir/Patient?name=../x", "Patient?name=../x"},
        {"http://localhost:8080/fhir/Patient?name=a b\\\xc3\xa9", "Patient?name=a%20b%5C%C3%A9"},
        {"http://localhost:8080/fhir/Patient\n\tx", "Patient%0A%09x"},
        {"http://localhost:8080/fhir/http://evil.example/x", "http://evil.example/x"},
        {"http://localhost:8080/fhir//evil.example/x", "/evil.example/x"},
        {"http://localhost:8080/fhir/@evil.example/x", "@evil.example/x"},
        {"http://localhost:8080/fhir/a.b/..c/d..", "a.b/..c/d.."},
        {"http://localhost:8080/fhir/../admin", NULL},
        {"http://localhost:8080/fhir/Patient/../../admin", NULL},
        {"http://localhost:8080/fhir/Patient&/../../admin", NULL},
        {"http://localhost:8080/fhir/Patient&/../../admin?x", NULL},
        {"http://localhost:8080/fhir/%2e%2e/admin", NULL},
        {"http://localhost:8080/fhir/.%2E/admin", NULL},
        {"http://localhost:8080/fhir/%252e%25252E/admin", NULL},
        {"http://localhost:8080/fhir/./admin", NULL},
        {"http://localhost:8080/fhir/a%5%2563b", NULL}, /* %5%63, then %5c, then a backslash */
        {"http://localhost:8080/fhir/..;/admin", NULL},
        {"http://localhost:8080/fhir/..;x=/admin", NULL},
        {"http://localhost:8080/fhir/..", NULL},
        {"http://localhost:8080/fhir/..#x", NULL},
        {"http://localhost:8080/fhir/a%2fb", NULL},
        {"http://localhost:8080/fhir/a%252Fb", NULL},
        {"http://localhost:8080/fhir/a\\b", NULL},
        {"http://localhost:8080/fhir/a%5Cb", NULL},
        {"http://localhost:8080/fhirX", NULL},
        {"http://localhost:8080/", NULL},
        {"http://localhost:8080@evil.example/fhir/Patient", NULL},
        {"http://user@localhost:8080/fhir/Patient", NULL},
        {"https://localhost:8080/fhir/Patient", NULL},
        {"http://localhost:80800/fhir/Patient", NULL},
        {"http://evil.example/fhir/Patient", NULL},
        {"file:///etc/passwd", NULL},
        {"Patient?name=A", NULL},
        {"", NULL},
    };
    struct buf sent = BUF_INIT;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *url = cases[i].url, *end = url + strlen(url), *target;
        const char *no = agent_url_target(base, url, strlen(url), &target);
        buf_reset(&sent);
        if (!no)
            no = agent_url_make(base, target, (size_t)(end - target), "&x", &sent);
        if (!no != !!cases[i].sent)
            fail_msg("%s: %s", url, no ? no : "was let through");
        if (no) {
            assert_int_equal(sent.len, 0);
            continue;
        }
        char want[256];
        snprintf(want, sizeof(want), "%s%s&x", base, cases[i].sent);
        assert_string_equal(sent.ptr, want);
    }
    char *wide = malloc(AGENT_URL_MAX);
    memset(wide, 'a', AGENT_URL_MAX);
    size_t most = AGENT_URL_MAX - strlen(base);
    buf_reset(&sent);
    assert_null(agent_url_make(base, wide, most, "", &sent));
    buf_reset(&sent);
    assert_string_equal(agent_url_make(base, wide, most, "&", &sent), "the URL is too long");
    assert_int_equal(sent.len, 0);
    free(wide);
    buf_release(&sent);
}

/* ---- what arrives where ---- */

struct world {
    struct script server, other;
    char *dir;
    struct config *config;
    struct loop *loop;
    struct env *env;
    struct task task;
    bool answered, scored, correct;
    enum rollout_status status;
    char text[512];
};

static const char ok_reply[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 2\r\n\r\n{}";
static const struct step ok_steps[] = {{ok_reply, STEP_KEEP, 0}};

/* A server with the FHIR base below /fhir/, and another one that nobody is to reach. */
static void begin(struct world *w, const struct step *steps, size_t n)
{
    char set[128], *file;
    const char *sets[] = {set};
    memset(w, 0, sizeof(*w));
    script_start(&w->server, steps, n);
    script_start(&w->other, ok_steps, 1);
    w->server.expected = "GET /fhir/";
    w->dir = fs_tempdir("agent-url");
    file = fs_join(w->dir, "c.yaml");
    snprintf(set, sizeof(set), "task.fhir_api_base=http://127.0.0.1:%d/fhir/", w->server.port);
    works(fs_write(file, "model: {kind: simulated}\n", 25));
    works(config_load(&w->config, file, sets, 1));
    works(loop_open(&w->loop));
    works(env_open_fhir(&w->env, w->loop, w->config));
    json_t *raw =
        json_pack("{s:s, s:s, s:s}", "id", "task4_1", "instruction", "i", "eval_MRN", "S1");
    works(task_from_json(&w->task, raw, "test", true));
    json_decref(raw);
    free(file);
}

static void end(struct world *w)
{
    env_close(w->env);
    loop_close(w->loop);
    config_free(w->config);
    task_release(&w->task);
    script_stop(&w->server);
    script_stop(&w->other);
    assert_int_equal(w->other.n_peers, 0);
    assert_int_equal(w->other.n_requests, 0);
    fs_remove_tree(w->dir);
    free(w->dir);
}

static void wait_answer(struct world *w)
{
    while (!w->answered)
        if (loop_turn(w->loop, -1) < 0)
            fail_msg("%s", err_msg());
    w->answered = false;
}

static void on_step(const struct env_step *step, void *arg)
{
    struct world *w = arg;
    w->answered = true;
    w->status = step->status;
    snprintf(w->text, sizeof(w->text), "%s", step->text ? step->text : step->error);
}

static void step_with(struct world *w, struct env_episode *ep, const char *reply)
{
    w->env->ops->step(ep, reply, strlen(reply), on_step, w);
    wait_answer(w);
}

/* Every way we know to leave a base, in any order. */
static void make_target(const struct world *w, uint64_t *seed, struct buf *out)
{
    static const char *const parts[] = {
        "..",    ".",         "/", "//",  "\\",       "%2e",     "%2E%2e",   "%252e",     "%2f",
        "%5c",   "&",         "?", "#",   ";",        "@",       ":",        "http:",     "https:",
        "http:", "Patient",   " ", "\t",  "\r\n",     "%0d%0a",  "\xc3\xa9", "\xff",      "a=b",
        "[::1]", "localhost", "%", "%00", "_count=1", "Host: x", "{",        "127.0.0.1", "fhir",
    };
    size_t n = sizeof(parts) / sizeof(*parts);
    uint64_t r = *seed;
    for (int left = 1 + (int)(r % 9); left > 0; left--) {
        r = r * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t pick = (size_t)(r >> 33) % (n + 3);
        if (pick < n)
            buf_adds(out, parts[pick]);
        else if (pick == n)
            buf_addf(out, "http://127.0.0.1:%d/", w->other.port);
        else if (pick == n + 1)
            buf_addf(out, "@127.0.0.1:%d/", w->other.port);
        else
            buf_addf(out, ":%d", w->other.port);
    }
    *seed = r * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

/* URL_TARGETS=1000000 for a long run. */
static void no_target_leads_anywhere_else(void **state)
{
    (void)state;
    struct world w;
    struct env_episode *ep;
    struct buf reply = BUF_INIT;
    uint64_t seed = 1;
    const char *most = getenv("URL_TARGETS");
    long sent = 0, refused = 0, targets = most ? atol(most) : 2000;
    begin(&w, ok_steps, 1);
    works(w.env->ops->start(w.env, &w.task, &ep));
    for (long i = 0; i < targets; i++) {
        buf_reset(&reply);
        buf_adds(&reply, "GET ");
        if (i % 8 != 7)
            buf_adds(&reply, w.config->fhir_api_base);
        make_target(&w, &seed, &reply);
        step_with(&w, ep, reply.ptr);
        if (w.status != ROLLOUT_RUNNING)
            fail_msg("%s: %s", reply.ptr, w.text);
        *(strncmp(w.text, "Error in sending", 16) == 0 ? &refused : &sent) += 1;
    }
    w.env->ops->end(ep);
    assert_true(sent > targets / 4 && refused > targets / 8);
    /* One request at opening; whatever was sent stayed below the base. */
    assert_int_equal(w.server.n_requests, sent + 1);
    assert_int_equal(w.server.n_strange, 0);
    buf_release(&reply);
    end(&w);
}

/* An agent cannot make its rollout unscored by asking for more than can be read. */
static void an_answer_that_is_too_large_is_an_answer(void **state)
{
    (void)state;
    static const char huge[] = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n";
    static const struct step steps[] = {{ok_reply, STEP_KEEP, 0}, {huge, STEP_CLOSE, 1 << 20}};
    struct world w;
    struct env_episode *ep;
    char reply[128];
    begin(&w, steps, 2);
    works(w.env->ops->start(w.env, &w.task, &ep));
    snprintf(reply, sizeof(reply), "GET %sObservation?", w.config->fhir_api_base);
    step_with(&w, ep, reply);
    assert_int_equal(w.status, ROLLOUT_RUNNING);
    assert_non_null(strstr(w.text, "too large"));
    assert_int_equal(w.server.n_requests, 2); /* not asked again */
    w.env->ops->end(ep);
    end(&w);
}

/* ---- pages of the grader's searches ---- */

static void on_grade(const struct verdict *v, const struct strlist *tags, bool scored, void *arg)
{
    struct world *w = arg;
    (void)tags;
    w->answered = true;
    w->scored = scored;
    snprintf(w->text, sizeof(w->text), "%s", v->reason);
}

/* A bundle whose next link is `next`, as a raw reply. */
static char *page(const char *next)
{
    char body[512], *raw;
    snprintf(body, sizeof(body), "{\"entry\":[],\"link\":[{\"relation\":\"next\",\"url\":\"%s\"}]}",
             next);
    if (asprintf(&raw, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body) < 0)
        abort();
    return raw;
}

static void pages_are_followed_inside_the_base_and_once(void **state)
{
    (void)state;
    static const char last[] = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"entry\":[]}";
    static const struct {
        const char *next; /* %s: where the base is; O: the other server */
        bool scored;
        const char *path; /* of the second request; NULL: there is none */
    } cases[] = {
        {"B/fhir/Observation?page=2", true, "GET /fhir/Observation?page=2 "},
        {"B/fhir?_getpages=7", true, "GET /fhir/?_getpages=7 "},
        {"Observation?page=2", true, "GET /fhir/Observation?page=2 "},
        {"O/fhir/Observation?page=2", false, NULL},
        {"B/fhir/../admin", false, NULL},
        {"B/fhir/O/fhir/x", true, "GET /fhir/http://"},
        {"B/admin", false, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct world w;
        struct env_episode *ep;
        struct step steps[3] = {
            {ok_reply, STEP_KEEP, 0}, {NULL, STEP_KEEP, 0}, {last, STEP_KEEP, 0}};
        begin(&w, steps, 3);
        struct buf next = BUF_INIT;
        for (const char *p = cases[i].next; *p; p++)
            if ((*p == 'B' || (*p == 'O' && p[1] == '/')))
                buf_addf(&next, "http://127.0.0.1:%d", *p == 'B' ? w.server.port : w.other.port);
            else
                buf_addch(&next, *p);
        char *raw = page(next.ptr);
        steps[1].raw = raw;
        works(w.env->ops->start(w.env, &w.task, &ep));
        struct chat chat = {0};
        struct trace trace = {&chat, "[1]"};
        w.env->ops->grade(ep, &trace, ROLLOUT_COMPLETED, on_grade, &w);
        wait_answer(&w);
        if (w.scored != cases[i].scored)
            fail_msg("%s: %s", next.ptr, w.text);
        assert_int_equal(w.server.n_requests, cases[i].path ? 3 : 2);
        if (cases[i].path)
            assert_memory_equal(w.server.requests[2], cases[i].path, strlen(cases[i].path));
        w.env->ops->end(ep);
        end(&w);
        buf_release(&next);
        free(raw);
    }
}

static void pages_that_lead_back_end(void **state)
{
    (void)state;
    char *raw = page("Observation?page=2");
    const struct step steps[] = {{ok_reply, STEP_KEEP, 0}, {raw, STEP_KEEP, 0}};
    struct world w;
    struct env_episode *ep;
    begin(&w, steps, 2);
    works(w.env->ops->start(w.env, &w.task, &ep));
    struct chat chat = {0};
    struct trace trace = {&chat, "[1]"};
    w.env->ops->grade(ep, &trace, ROLLOUT_COMPLETED, on_grade, &w);
    wait_answer(&w);
    assert_false(w.scored);
    assert_non_null(strstr(w.text, "no end"));
    assert_int_equal(w.server.n_requests, 3);
    w.env->ops->end(ep);
    end(&w);
    free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_base_is_reachable),
        cmocka_unit_test(no_target_leads_anywhere_else),
        cmocka_unit_test(an_answer_that_is_too_large_is_an_answer),
        cmocka_unit_test(pages_are_followed_inside_the_base_and_once),
        cmocka_unit_test(pages_that_lead_back_end),
    };
    return cmocka_run_group_tests_name("agent_url", tests, NULL, NULL);
}
