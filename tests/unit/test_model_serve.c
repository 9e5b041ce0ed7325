/* test_model_serve.c - the simulated model over HTTP and in process: the same answers, also when
 * the endpoint fails, and thousands at a time. */
#include "test.h"

#include <math.h>
#include <pthread.h>
#include <sys/resource.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/loop/loop.h"
#include "runtime/model/hoist.h"
#include "runtime/session/open_model.h"
#include "runtime/simulator/serve_api.h"
#include "runtime/simulator/sim.h"
#include "runtime/simulator/simulator.h"

struct tally {
    int done, bad;
    const struct model_settings *settings;
};
struct got {
    struct tally *all;
    char *text;
    enum model_result result;
};

static void on_reply(const struct model_reply *r, void *arg)
{
    struct got *g = arg;
    g->all->done++;
    g->all->bad += r->result != MODEL_OK;
    g->result = r->result;
    g->text = strdup(r->text);
    if (r->result != MODEL_OK)
        print_error("%s\n", r->error);
}

/* Drawn latencies: the mean is kept, half of them are below the median, the same request waits equally
 * long, and once more, or with another seed, it is drawn anew. */
static void latencies_are_drawn_from_the_request(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct sim_settings sim = {.latency_ms = 200, .latency_sigma = 0.8};
    double sum = 0;
    int below = 0, same_again = 0, same_seed = 0;
    for (int i = 0; i < N; i++) {
        uint8_t salt[HASH_SIZE];
        hash_once(&i, sizeof(i), salt);
        sim.latency_seed = 0;
        int64_t ns = sim_latency(&sim, salt, 0);
        assert_int_equal(ns, sim_latency(&sim, salt, 0));
        same_again += ns == sim_latency(&sim, salt, 1);
        sim.latency_seed = 1;
        same_seed += ns == sim_latency(&sim, salt, 0);
        sum += (double)ns / 1e6;
        below += (double)ns / 1e6 < 200 * exp(-0.32);
    }
    assert_true(fabs(sum / N - 200) < 6);
    assert_true(abs(below - N / 2) < 300);
    assert_int_equal(same_again, 0);
    assert_int_equal(same_seed, 0);
    sim.latency_sigma = 0;
    assert_int_equal(sim_latency(&sim, (const uint8_t[HASH_SIZE]){7}, 3), 200 * NS_PER_MS);
}

/* A rollout's first message, each for another patient. */
static void first_message(struct chat *c, int i)
{
    struct buf b = BUF_INIT;
    buf_addf(&b,
             "{\"phase\":\"task_execution\",\"api\":{\"base_url\":\"http://localhost:8080/fhir\","
             "\"functions\":[]},\"task\":{\"description\":\"What's the age of the patient with MRN "
             "of S%07d?\",\"context\":\"\"}}",
             i);
    size_t len = b.len;
    assert_int_equal(chat_take(c, CHAT_USER, buf_detach(&b), len), 0);
}

/* Asks n different requests, all at once; the answers' texts, each malloc'ed. */
static struct got *ask_all(struct loop *loop, struct model *m, int n, struct tally *t)
{
    struct got *g = calloc((size_t)n, sizeof(*g));
    struct chat *chats = calloc((size_t)n, sizeof(*chats));
    for (int i = 0; i < n; i++) {
        first_message(&chats[i], i / 2);
        g[i].all = t;
        struct model_request rq = {
            .chat = &chats[i], .temperature = 0.5, .max_tokens = 100, .draw = i % 2};
        assert_int_equal(model_ask(m, &rq, on_reply, &g[i]), 0);
    }
    while (t->done < n)
        assert_true(loop_turn(loop, -1) >= 0);
    for (int i = 0; i < n; i++)
        chat_release(&chats[i]);
    free(chats);
    return g;
}

static void free_all(struct got *g, int n)
{
    for (int i = 0; i < n; i++)
        free(g[i].text);
    free(g);
}

static struct model *open_at(struct loop *loop, const char *kind, int port, double timeout_s)
{
    char url[64];
    struct model *m;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", port);
    struct model_endpoint e = {url, NULL};
    struct model_settings s = {.kind = kind,
                               .model = "simulated",
                               .endpoints = &e,
                               .n_endpoints = 1,
                               .backoff_s = 0.002,
                               .attempts = 30,
                               .timeout_s = timeout_s};
    assert_int_equal(model_open(&m, loop, &s), 0);
    return m;
}

static void http_and_process_answer_alike(void **state)
{
    (void)state;
    enum { N = 60 };
    static const struct {
        const char *kind;
        double fail;
        unsigned faults;
    } cases[] = {{"openai", 0, 0},
                 {"responses", 0, 0},
                 {"openai", 0.5, 0},
                 {"openai", 0.3, SIM_429},
                 {"openai", 0.4, SIM_500 | SIM_CUT},
                 {"openai", 0.1, SIM_HANG},
                 {"responses", 0.4, SIM_EMPTY | SIM_TRUNCATED | SIM_CUT}};
    struct loop *loop;
    struct model *m;
    struct tally t = {0};
    struct sim_settings sim = {.noise = 0.3, .seed = 11, .fixed = true};
    struct model_settings local = {.kind = "simulated", .model = "other name", .sim = sim};
    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(model_open(&m, loop, &local), 0);
    struct got *want = ask_all(loop, m, N, &t);
    assert_int_equal(t.bad, 0);
    model_close(m);
    int different = 0;
    for (int i = 1; i < N; i++)
        different += strcmp(want[i].text, want[0].text) != 0;
    assert_true(different > 0); /* else the comparison says nothing */
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sim_server *server;
        sim.fail = cases[i].fail;
        sim.faults = cases[i].faults;
        sim.latency_ms = i % 2 ? 5 : 0;
        assert_int_equal(sim_serve(&server, &sim, "127.0.0.1", 0), 0);
        m = open_at(loop, cases[i].kind, sim_server_port(server),
                    cases[i].faults == SIM_HANG ? 0.15 : 60);
        t = (struct tally){0};
        struct got *got = ask_all(loop, m, N, &t);
        assert_int_equal(t.bad, 0);
        for (int k = 0; k < N; k++)
            assert_string_equal(got[k].text, want[k].text);
        if (sim.fail > 0)
            assert_true(m->health.retries > 0);
        if (cases[i].faults == SIM_429)
            assert_int_equal(m->health.limited, m->health.retries);
        if (cases[i].faults == SIM_HANG)
            assert_int_equal(m->health.timeouts, m->health.retries);
        free_all(got, N);
        model_close(m);
        sim_server_stop(server);
    }
    free_all(want, N);
    loop_close(loop);
}

static void thousands_wait_at_once(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct rlimit r;
    struct loop *loop;
    struct sim_server *server;
    struct tally t = {0};
    struct sim_settings sim = {.latency_ms = 1000};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    if (r.rlim_max < 2 * N + 100)
        skip();
    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(sim_serve(&server, &sim, "localhost", 0), 0);
    struct model *m = open_at(loop, "openai", sim_server_port(server), 60);
    int64_t start = clock_mono();
    struct got *g = ask_all(loop, m, N, &t);
    /* One after the other it would take more than an hour. */
    assert_true(clock_mono() - start < 30 * NS_PER_SEC);
    assert_int_equal(t.bad, 0);
    assert_int_equal(m->health.retries, 0);
    free_all(g, N);
    model_close(m);
    loop_close(loop);
    sim_server_stop(server);
}

static void stopping_ends_what_waits(void **state)
{
    (void)state;
    struct loop *loop;
    struct sim_server *server, *second;
    struct sim_settings sim = {.latency_ms = 3600e3};
    struct tally t = {0};
    struct got g[8] = {0};
    struct chat c = {0};
    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(sim_serve(&server, &sim, "127.0.0.1", 0), 0);
    assert_int_equal(sim_serve(&second, &sim, "127.0.0.1", sim_server_port(server)), GRASP_EIO);
    assert_int_equal(sim_serve(&second, &sim, "not an address", 0), GRASP_EINVAL);
    struct model *m = open_at(loop, "openai", sim_server_port(server), 60);
    first_message(&c, 1);
    for (int i = 0; i < 8; i++) {
        g[i].all = &t;
        struct model_request rq = {.chat = &c, .draw = i};
        assert_int_equal(model_ask(m, &rq, on_reply, &g[i]), 0);
    }
    int64_t until = clock_mono() + 100 * NS_PER_MS; /* the requests arrive and wait */
    while (clock_mono() < until)
        loop_turn(loop, 10 * NS_PER_MS);
    sim_server_stop(server);
    assert_int_equal(t.done, 0);
    model_close(m);
    loop_close(loop);
    chat_release(&c);
    sim_server_stop(NULL);
}

static void requests_are_checked(void **state)
{
    (void)state;
    static const struct {
        enum sim_route route;
        const char *body;
        int status;
        const char *says;
    } cases[] = {
        {SIM_CHAT, "", 400, "request body"},
        {SIM_CHAT, "{", 400, "request body"},
        {SIM_CHAT, "[]", 400, "model"},
        {SIM_CHAT, "{\"model\":\"m\"}", 400, "'messages'"},
        {SIM_CHAT, "{\"model\":\"m\",\"messages\":[]}", 400, "'messages'"},
        {SIM_CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"x\"}]}", 400, "message 0"},
        {SIM_CHAT, "{\"model\":\"m\",\"stream\":true,\"messages\":[]}", 400, "stream"},
        {SIM_CHAT,
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"hi\"}]}]}",
         200, "chat.completion"},
        {SIM_RESPONSES, "{\"model\":\"m\",\"input\":\"hi\",\"instructions\":\"be\"}", 200,
         "output_text"},
        {SIM_RESPONSES, "{\"model\":\"m\",\"messages\":[]}", 400, "'input'"},
    };
    struct sim_settings sim = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = BUF_INIT;
        uint8_t salt[HASH_SIZE];
        int status = sim_serve_answer(&sim, cases[i].route, 0, 0, cases[i].body,
                                      strlen(cases[i].body), &out, salt, NULL);
        json_t *v = NULL;
        assert_int_equal(status, cases[i].status);
        assert_non_null(strstr(out.ptr, cases[i].says));
        assert_int_equal(json_parse(&v, out.ptr, out.len, "reply"), 0);
        json_decref(v);
        buf_release(&out);
    }
}

static int64_t asked_at(struct sim_cache *c, const char *key, const char *text, int64_t s,
                        bool answered)
{
    struct chat chat = {0};
    works(chat_add(&chat, CHAT_USER, text, strlen(text)));
    int64_t cached = sim_cache_ask(c, key, &chat, s * NS_PER_SEC);
    if (answered)
        sim_cache_ready(c, (s + 5) * NS_PER_SEC);
    chat_release(&chat);
    return cached;
}

/* As OpenAI's guide has it: steps of 128 tokens from 1,024 on, exact prefixes, a lifetime from the last
 * use on, machines chosen by the beginning and the key. */
static void prompts_are_cached_as_documented(void **state)
{
    (void)state;
    enum { LEN = 6000 };
    struct sim_cache_settings s;
    char text[LEN + 1], other[LEN + 1];
    works(sim_cache_parse(&s, "machines=1,lifetime=100,rate=0"));
    struct sim_cache *c = sim_cache_new(&s);
    memset(text, 'a', LEN);
    text[LEN] = '\0';
    memcpy(other, text, sizeof(text));
    other[5000] = 'b';
    assert_int_equal(asked_at(c, NULL, text, 0, true), 0);
    assert_int_equal(asked_at(c, NULL, text, 4, false), 0);        /* not answered yet */
    assert_int_equal(asked_at(c, NULL, text, 5, false), 11 * 128); /* 1,500 tokens */
    assert_int_equal(asked_at(c, NULL, other, 6, false), 9 * 128); /* the same up to 1,250 */
    other[4000] = 'b';
    assert_int_equal(asked_at(c, NULL, other, 7, false), 0); /* ... up to 1,000 */
    assert_int_equal(asked_at(c, NULL, text, 104, false), 11 * 128);
    assert_int_equal(asked_at(c, NULL, text, 205, true), 0); /* forgotten */
    assert_int_equal(asked_at(c, NULL, text, 211, true), 11 * 128);
    sim_cache_free(c);

    works(sim_cache_parse(&s, "machines=50,lifetime=0,rate=2"));
    c = sim_cache_new(&s);
    int hits[2] = {0};
    for (int i = 0; i < 20;
         i++) /* one key: two requests a minute to its machine, the rest anywhere */
        hits[0] += asked_at(c, "one", text, 60 + i, true) > 0;
    for (int i = 0; i < 20; i++)
        hits[1] += asked_at(c, "two", text, 200 + 60 * i, true) > 0;
    assert_true(hits[0] < 10);
    assert_int_equal(hits[1], 19);
    sim_cache_free(c);

    static const char *const wrong[] = {
        "",          "lifetime=5", "machines=0", "machines=2,block=0", "machines=2;lifetime=3",
        "machines=x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(sim_cache_parse(&s, wrong[i]), GRASP_EUSAGE);
}

/* Long strings are parsed apart from the JSON around them: what comes out is what jansson reads. */
static void long_strings_are_read_as_jansson_does(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\\n\\t\\\"\\\\\\/\\b\\f\\r",
                                         "\\u00e9\\ud83d\\ude00\\u0000", "\xc3\xa9", "\\\\",
                                         "\\u0001"
                                         "0"};
    static const char *const broken[] = {"\\x",     "\\ud800", "\\udc00\\ud800", "\xff", "\n",
                                         "\\u12g4", "\\u12",   "\x01",           "\\"};
    for (size_t i = 0; i < 14; i++) {
        bool good = i < 5;
        struct buf b = BUF_INIT;
        struct hoist h = {0};
        size_t len = 0;
        buf_adds(&b, "{\"a\":[\"short\",\"");
        for (int k = 0; k < 300; k++)
            buf_addf(&b, "text %d ", k);
        buf_adds(&b, good ? pieces[i] : broken[i - 5]);
        buf_adds(&b, "\"]}");
        json_t *whole = json_loadb(b.ptr, b.len, JSON_ALLOW_NUL, NULL);
        json_t *root = hoist_parse(&h, b.ptr, b.len);
        assert_true((whole != NULL) == good);
        assert_true((root != NULL) == good);
        if (good) {
            const json_t *want = json_at(whole, "a[1]");
            char *text = hoist_take(&h, json_at(root, "a[1]"), &len);
            assert_non_null(text);
            assert_int_equal(len, json_string_length(want));
            assert_memory_equal(text, json_string_value(want), len + 1);
            assert_null(hoist_take(&h, json_at(root, "a[1]"), &len)); /* once */
            assert_null(hoist_take(&h, json_at(root, "a[0]"), &len));
            free(text);
        }
        hoist_release(&h);
        json_decref(whole);
        json_decref(root);
        buf_release(&b);
    }
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latencies_are_drawn_from_the_request),
        cmocka_unit_test(http_and_process_answer_alike),
        cmocka_unit_test(thousands_wait_at_once),
        cmocka_unit_test(stopping_ends_what_waits),
        cmocka_unit_test(requests_are_checked),
        cmocka_unit_test(prompts_are_cached_as_documented),
        cmocka_unit_test(long_strings_are_read_as_jansson_does),
    };
    return cmocka_run_group_tests_name("model_serve", tests, NULL, NULL);
}
