/* test_fhir_texts.c - what the agent sees in the FHIR world: our texts, and a user's. */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/config/config.h"
#include "runtime/env/env.h"
#include "runtime/env/fhir_texts.h"

#define BASE "http://f.example/r4/"

struct world {
    char *dir;
    struct config *config;
    struct loop *loop;
    struct env *env;
    struct env_episode *ep;
    struct task task;
    json_t *parts;
    enum rollout_status status;
    struct buf text;
};

static void put(const char *dir, const char *name, const char *text)
{
    char *path = fs_join(dir, name);
    works(fs_write(path, text, strlen(text)));
    free(path);
}

static void on_prompt(enum rollout_status status, const json_t *parts, const char *error, void *arg)
{
    struct world *w = arg;
    (void)error;
    assert_int_equal(status, ROLLOUT_RUNNING);
    w->parts = json_deep_copy(parts);
}

static void on_step(const struct env_step *step, void *arg)
{
    struct world *w = arg;
    w->status = step->status;
    buf_reset(&w->text);
    buf_add(&w->text, step->text ? step->text : "", step->text ? step->len : 0);
}

/* `texts` NULL: ours; `more`: a further setting, or NULL. */
static void begin(struct world *w, const char *texts, const char *context, const char *more)
{
    static const char config[] =
        "model: {kind: simulated}\ntask: {fhir_api_base: '" BASE "'}\ndata: {funcs: f.json}\n"
        "fhir: {load: [p.ndjson]}\ncycle: {max_rounds: 5}\n";
    const char *sets[2] = {"prompt.texts=t.yaml", more};
    memset(w, 0, sizeof(*w));
    w->dir = fs_tempdir("fhir-texts");
    put(w->dir, "c.yaml", config);
    put(w->dir, "f.json",
        "[{\"name\": \"GET {api_base}/Patient\", \"description\": \"At {api_base}.\"}]");
    put(w->dir, "p.ndjson",
        "{\"resourceType\":\"Patient\",\"id\":\"p1\",  \"gender\":\"female\"}\n");
    if (texts)
        put(w->dir, "t.yaml", texts);
    char *file = fs_join(w->dir, "c.yaml");
    works(
        config_load(&w->config, file, texts ? sets : sets + 1, (texts ? 1 : 0) + (more ? 1U : 0U)));
    free(file);
    works(loop_open(&w->loop));
    works(env_open_fhir(&w->env, w->loop, w->config));
    json_t *raw = json_pack("{s:s, s:s, s:s, s:s}", "id", "task4_1", "instruction", "Which {x}?",
                            "context", context, "eval_MRN", "S1");
    works(task_from_json(&w->task, raw, "test", true));
    json_decref(raw);
    works(w->env->ops->start(w->env, &w->task, &w->ep));
    w->env->ops->prompt(w->ep, on_prompt, w);
    assert_non_null(w->parts);
}

static void end(struct world *w)
{
    w->env->ops->end(w->ep);
    env_close(w->env);
    loop_close(w->loop);
    config_free(w->config);
    task_release(&w->task);
    json_decref(w->parts);
    buf_release(&w->text);
    fs_remove_tree(w->dir);
    free(w->dir);
}

static const char *step(struct world *w, const char *reply)
{
    w->env->ops->step(w->ep, reply, strlen(reply), on_step, w);
    assert_int_equal(w->status, ROLLOUT_RUNNING);
    return w->text.ptr;
}

static void expect(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

/* ---- ours ---- */

static void the_example_is_ours(void **state)
{
    static const char path[] = "examples/texts/texts.yaml";
    struct buf ours = BUF_INIT, file = BUF_INIT;
    struct fhir_texts *a, *b;
    (void)state;
    fhir_texts_print(&ours);
    works(fs_read(path, &file));
    assert_string_equal(file.ptr, ours.ptr);
    works(fhir_texts_open(&a, NULL));
    works(fhir_texts_open(&b, path));
    for (int i = 0; i < FHIR_TEXTS; i++) {
        const char *x = fhir_texts_get(a, (enum fhir_text)i);
        const char *y = fhir_texts_get(b, (enum fhir_text)i);
        assert_true(str_same(x, y));
    }
    assert_null(fhir_texts_hash(a));
    assert_int_equal(strlen(fhir_texts_hash(b)), 64);
    fhir_texts_close(a);
    fhir_texts_close(b);
    buf_release(&ours);
    buf_release(&file);
}

static void the_first_message_leaves_nothing_open(void **state)
{
    struct world w;
    (void)state;
    begin(&w, NULL, "", NULL);
    const json_t *f = json_at(w.parts, "api.functions[0]");
    assert_string_equal(json_str_at(f, "name", ""), "GET " BASE "Patient");
    assert_string_equal(json_str_at(f, "description", ""), "At " BASE ".");
    expect(json_str_at(w.parts, "response_format", ""), "There are 5 turns");
    expect(json_str_at(w.parts, "response_format", ""), "whether or not an order is due");
    assert_string_equal(json_str_at(w.parts, "context", ""),
                        "Current time: 2023-11-13T10:15:00+00:00");
    end(&w);
    begin(&w, NULL, "It's 2023-11-13T10:15:00+00:00 now. The code is K.", NULL);
    assert_string_equal(json_str_at(w.parts, "context", ""),
                        "It's 2023-11-13T10:15:00+00:00 now. The code is K.");
    end(&w);
}

/* What was sent, and how the answer begins with and without details. */
static const struct {
    const char *reply, *detail, *bare;
} slips[] = {
    {"GET {api_base}/Patient", "Error in sending the GET request: {api_base} is a placeholder",
     "Error in sending the GET request: only the FHIR server"},
    {"GET " BASE "Patient?identifier=<mrn>",
     "Error in sending the GET request: <mrn> is a placeholder", "{\"resourceType\":\"Bundle\""},
    {"POST {api_base}/Observation\n{\"a\": 1}",
     "Error in sending the POST request: {api_base} is a placeholder", "POST request accepted"},
    {"POST " BASE "Patient/{id}\n{}", "Error in sending the POST request: {id} is a placeholder",
     "POST request accepted"},
    {"POST " BASE "Observation\n{\"a\": \"{x}\"}", "POST request accepted",
     "POST request accepted"},
    {"GET " BASE "Patient\nFINISH([1])",
     "Error in sending the GET request: a second action stands below it (FINISH([1])), and one",
     "Error in sending the GET request: 4"},
    {"GET " BASE "Patient\n\n  GET " BASE "Observation\n",
     "Error in sending the GET request: a second action stands below it (GET " BASE "Observation)",
     "Error in sending the GET request: 4"},
    {"GET " BASE "Patient\nand then the labs", "Error in sending the GET request: 40",
     "Error in sending the GET request: 40"},
    {"POST " BASE "Observation\n{\"a\": 1}\nFINISH([])",
     "Invalid POST request: a second action stands below it (FINISH([])), and one",
     "Invalid POST request"},
    {"POST " BASE "Observation\nno payload", "Invalid POST request", "Invalid POST request"},
    {"POST " BASE "Observation\n{\"a\": \"\\nFINISH([])\"}", "POST request accepted",
     "POST request accepted"},
};

static void slips_are_called_what_they_are(void **state)
{
    (void)state;
    for (int detail = 1; detail >= 0; detail--) {
        struct world w;
        begin(&w, NULL, "", detail ? NULL : "fhir.error_detail=false");
        for (size_t i = 0; i < sizeof(slips) / sizeof(*slips); i++) {
            const char *got = step(&w, slips[i].reply),
                       *want = detail ? slips[i].detail : slips[i].bare;
            if (!str_starts(got, want))
                fail_msg("%s: '%s', not '%s'", slips[i].reply, got, want);
        }
        end(&w);
    }
}

static void failures_carry_what_the_server_said(void **state)
{
    static const struct {
        const char *url, *bare;
    } cases[] = {
        {BASE "Patient?nonsense=1",
         "Error in sending the GET request: 400 Client Error: for url: "},
        {BASE "Patient/gone", "Error in sending the GET request: 404 Client Error: for url: "},
    };
    (void)state;
    for (int detail = 0; detail < 2; detail++) {
        struct world w;
        begin(&w, NULL, "", detail ? "fhir.error_detail=true" : "fhir.error_detail=false");
        for (size_t i = 0; i < 2; i++) {
            char reply[128], want[256];
            snprintf(reply, sizeof(reply), "GET %s", cases[i].url);
            snprintf(want, sizeof(want), "%s%s", cases[i].bare, cases[i].url);
            const char *got = step(&w, reply);
            assert_true(str_starts(got, want));
            assert_int_equal(strlen(got) > strlen(want) + 10, detail);
        }
        end(&w);
    }
}

/* ---- a user's ---- */

static const char theirs[] =
    "first: |-\n"
    "  {skills}Use {api_base} with {functions_given}, that is {functions}.\n"
    "  Q: {instruction} C: {context} N: {now} R: {max_rounds} {{now}} {\"a\": {\"b\": 1}}\n"
    "time: ''\n"
    "answer: \"Here: {answer}. FINISH?\"\n"
    "accepted: \"POST request accepted, thanks.\"\n"
    "error: \"{status} at {url}\"\n"
    "reminder: \"{left} of {max_rounds} left\"\n";

static void a_user_says_it_otherwise(void **state)
{
    struct world w;
    (void)state;
    begin(&w, theirs, "K is {k}", NULL);
    assert_int_equal(strlen(w.env->texts), 64);
    assert_string_equal(json_str_at(w.parts, "before_skills", "?"), "");
    assert_string_equal(
        json_str_at(w.parts, "after_skills", ""),
        "Use " BASE " with [{\"name\": \"GET {api_base}/Patient\", \"description\": \"At "
        "{api_base}.\"}], that is [{\"name\": \"GET " BASE "Patient\", \"description\": \"At " BASE
        ".\"}].\nQ: Which {x}? C: K is {k} N: 2023-11-13T10:15:00+00:00 R: 5 {now} {\"a\": {\"b\": "
        "1}}");
    expect(step(&w, "GET " BASE "Patient?_id=p1"), "Here: {\"resourceType\":\"Bundle\"");
    expect(w.text.ptr, "}. FINISH?\n4 of 5 left");
    assert_string_equal(step(&w, "GET " BASE "Patient/gone"),
                        "404 at " BASE "Patient/gone\n3 of 5 left");
    assert_string_equal(step(&w, "POST " BASE "Patient\n{}"),
                        "POST request accepted, thanks.\n2 of 5 left");
    end(&w);
    begin(&w, "fields: {description: question, base_url: root}\n", "", NULL);
    assert_string_equal(json_str_at(w.parts, "fields.description", ""), "question");
    assert_string_equal(json_str_at(w.parts, "api.root", ""), BASE);
    end(&w);
}

static void what_a_file_may_say(void **state)
{
    static const struct {
        const char *file, *says;
    } cases[] = {
        {"frist: x\n", "t.yaml:1: there is no text 'frist'; see grasp help --texts"},
        {"fields:\n  colour: x\n", "t.yaml:2: there is no text 'fields.colour'"},
        {"answer: [1]\n", "t.yaml:1: answer is not a text"},
        {"time: 'At {when}'\n", "time: there is no placeholder {when} here; there are: now"},
        {"answer: '{{ok}} {anwser}'\n", "answer: there is no placeholder {anwser} here"},
        {"accepted: 'OK'\n", "accepted: it must hold 'POST request accepted'"},
        {"invalid: 'no POST request accepted'\n", "would make graders count what was not"},
        {"first: 'no place'\n", "first: it must hold {skills} once"},
        {"first: '{skills}{skills}'\n", "first: it must hold {skills} once"},
        {"fields: {task: 'a\"b'}\n", "'a\"b' is no name of a field"},
        {"- a\n", "texts stand as 'key: text'"},
    };
    (void)state;
    char *dir = fs_tempdir("fhir-texts"), *path = fs_join(dir, "t.yaml");
    struct fhir_texts *t;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put(dir, "t.yaml", cases[i].file);
        assert_true(fhir_texts_open(&t, path) < 0);
        expect(err_msg(), cases[i].says);
    }
    fs_remove_tree(dir);
    assert_true(fhir_texts_open(&t, path) < 0);
    free(dir);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_ours),
        cmocka_unit_test(the_first_message_leaves_nothing_open),
        cmocka_unit_test(slips_are_called_what_they_are),
        cmocka_unit_test(failures_carry_what_the_server_said),
        cmocka_unit_test(a_user_says_it_otherwise),
        cmocka_unit_test(what_a_file_may_say),
    };
    return cmocka_run_group_tests_name("fhir_texts", tests, NULL, NULL);
}
