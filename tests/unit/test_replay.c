/* test_replay.c - recorded episodes as a model: small ones of our own, and the 200 real ones. */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/loop/loop.h"
#include "runtime/session/open_model.h"

struct got {
    int n;
    enum model_result result;
    char *text, error[256];
};

static void on_reply(const struct model_reply *r, void *arg)
{
    struct got *g = arg;
    g->n++;
    g->result = r->result;
    free(g->text);
    g->text = strdup(r->text);
    snprintf(g->error, sizeof(g->error), "%s", r->error);
}

static void ask(struct loop *loop, struct model *m, const struct chat *c, int draw, struct got *g)
{
    struct model_request rq = {.chat = c, .draw = draw};
    g->n = 0;
    assert_int_equal(model_ask(m, &rq, on_reply, g), 0);
    while (!g->n)
        assert_true(loop_turn(loop, -1) >= 0);
}

static int open_replay(struct model **m, struct loop *loop, const char *name, const char *file)
{
    struct model_settings s = {.kind = "replay", .model = name, .replay_file = file};
    return model_open(m, loop, &s);
}

static void say(struct chat *c, enum chat_role role, const char *text)
{
    assert_int_equal(chat_add(c, role, text, strlen(text)), 0);
}

static const char episodes[] =
    "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"You should use "
    "http://old:1/fhir/ as the base.\\nQuestion: How  old is\\nS1? \"},{\"role\":\"agent\","
    "\"content\":\"GET http://old:1/fhir/Patient?identifier=S1\"},{\"role\":\"user\",\"content\":"
    "\"{}\"},{\"role\":\"agent\",\"content\":\"FINISH([1])\"}]}\n"
    "\n"
    "{\"model\":\"b\",\"messages\":[{\"role\":\"user\",\"content\":\"Question: How old is S1?\"},"
    "{\"role\":\"agent\",\"content\":\"FINISH([2])\"}]}\n"
    "{\"model\":\"b\",\"messages\":[{\"role\":\"system\",\"content\":\"x\"},{\"role\":\"user\","
    "\"content\":\"Question: How old is S1?\"},{\"role\":\"assistant\",\"content\":"
    "\"FINISH([3])\"}]}\n";

static void small_file(const char *content, char *dir_out, char *path)
{
    char *dir = fs_tempdir("grasp-replay");
    assert_non_null(dir);
    snprintf(dir_out, 256, "%s", dir);
    snprintf(path, 300, "%s/e.jsonl", dir);
    assert_int_equal(fs_write(path, content, strlen(content)), 0);
    free(dir);
}

static void episodes_go_on_as_recorded(void **state)
{
    (void)state;
    struct loop *loop;
    struct model *m;
    struct chat c = {0};
    struct got g = {0};
    char dir[256], path[300];
    small_file(episodes, dir, path);
    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(open_replay(&m, loop, "a", path), 0);
    say(&c, CHAT_USER, "# Skills\nalways be careful");
    say(&c, CHAT_USER,
        "{\"api\":{\"base_url\":\"http://new:2/r4\"},\"task\":{\"description\":\"How old is "
        "S1?\"}}");
    ask(loop, m, &c, 0, &g);
    assert_int_equal(g.result, MODEL_OK);
    assert_string_equal(g.text, "GET http://new:2/r4/Patient?identifier=S1");
    say(&c, CHAT_AGENT, "GET http://new:2/r4/Patient?identifier=S1\n");
    say(&c, CHAT_USER, "another answer than the recorded one");
    ask(loop, m, &c, 0, &g);
    assert_string_equal(g.text, "FINISH([1])");
    say(&c, CHAT_AGENT, "FINISH([1])");
    ask(loop, m, &c, 0, &g); /* the episode ends there */
    assert_int_equal(g.result, MODEL_MISSING);
    assert_non_null(strstr(g.error, "2 agent messages"));
    chat_release(&c);

    say(&c, CHAT_USER, "Question: How old is S1?");
    say(&c, CHAT_AGENT, "GET http://elsewhere/Patient");
    ask(loop, m, &c, 0, &g);
    assert_int_equal(g.result, MODEL_MISSING);
    chat_release(&c);
    say(&c, CHAT_USER, "Question: How old is S2?");
    ask(loop, m, &c, 0, &g);
    assert_int_equal(g.result, MODEL_MISSING);
    chat_release(&c);
    ask(loop, m, &c, 0, &g); /* nothing at all */
    assert_int_equal(g.result, MODEL_MISSING);
    model_close(m);

    assert_int_equal(open_replay(&m, loop, "b", path), 0);
    say(&c, CHAT_USER, "Question: How old is S1?");
    static const char *const draws[] = {"FINISH([2])", "FINISH([3])", "FINISH([2])"};
    for (int draw = 0; draw < 3; draw++) {
        ask(loop, m, &c, draw, &g);
        assert_string_equal(g.text, draws[draw]);
    }
    model_close(m);
    /* A model that the file does not know: any episode will do. */
    assert_int_equal(open_replay(&m, loop, "c", path), 0);
    ask(loop, m, &c, 0, &g);
    assert_string_equal(g.text, "GET http://old:1/fhir/Patient?identifier=S1");
    model_close(m);
    chat_release(&c);
    free(g.text);
    loop_close(loop);
    fs_remove_tree(dir);
}

static void bad_files_are_named(void **state)
{
    (void)state;
    struct loop *loop;
    struct model *m;
    static const struct {
        const char *content, *says;
    } cases[] = {
        {"", "no episodes"},
        {"{\"messages\":[]}\n", "e.jsonl:1"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}\n{\"messages\":3}\n", "e.jsonl:2"},
        {"{\"messages\":", "e.jsonl:1"}};
    assert_int_equal(loop_open(&loop), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char dir[256], path[300];
        small_file(cases[i].content, dir, path);
        assert_true(open_replay(&m, loop, "a", path) < 0);
        assert_non_null(strstr(err_msg(), cases[i].says));
        assert_null(m);
        fs_remove_tree(dir);
    }
    assert_int_equal(open_replay(&m, loop, "a", "/nonexistent/x.jsonl"), GRASP_ENOTFOUND);
    assert_int_equal(open_replay(&m, loop, "a", NULL), GRASP_EINVAL);
    loop_close(loop);
}

struct real {
    struct loop *loop;
    struct model *models[2];
    int episodes, replies;
};

/* Our prompt around the recorded task; every recorded agent message must come back. */
static int replay_one(json_t *line, size_t number, void *arg)
{
    struct real *r = arg;
    struct chat recorded = {0}, ours = {0};
    struct got g = {0};
    const char *model = json_str_at(line, "model", "");
    int which = strcmp(model, "gpt-4o") == 0 ? 0 : 1;
    assert_int_equal(chat_from_json(&recorded, json_object_get(line, "messages")), 0);
    const char *q = strstr(recorded.v[0].text, "\nQuestion: ");
    assert_non_null(q);
    json_t *prompt = json_pack("{s:s,s:{s:s},s:{s:s,s:s}}", "phase", "task_execution", "api",
                               "base_url", "http://34.170.56.151:8080/fhir", "task", "description",
                               q + 11, "context", "now");
    char *text = json_dumps(prompt, 0);
    say(&ours, CHAT_USER, text);
    for (size_t i = 1; i < recorded.n; i++) {
        const struct message *m = &recorded.v[i];
        if (m->role == CHAT_AGENT) {
            ask(r->loop, r->models[which], &ours, 0, &g);
            if (g.result != MODEL_OK)
                print_error("line %zu, message %zu: %s\n", number, i, g.error);
            assert_int_equal(g.result, MODEL_OK);
            assert_string_equal(g.text, m->text);
            r->replies++;
        }
        assert_int_equal(chat_add(&ours, m->role, m->text, m->len), 0);
    }
    r->episodes++;
    free(text);
    free(g.text);
    json_decref(prompt);
    chat_release(&recorded);
    chat_release(&ours);
    return 0;
}

static void real_episodes_replay(void **state)
{
    (void)state;
    char path[512];
    struct real r = {0};
    if (!shared_file("medagentbench/recorded/episodes.jsonl", path))
        skip();
    assert_int_equal(loop_open(&r.loop), 0);
    assert_int_equal(open_replay(&r.models[0], r.loop, "gpt-4o", path), 0);
    assert_int_equal(open_replay(&r.models[1], r.loop, "deepseekv3", path), 0);
    assert_int_equal(json_read_lines(path, replay_one, &r), 0);
    assert_int_equal(r.episodes, 200);
    assert_true(r.replies >= 400);
    model_close(r.models[0]);
    model_close(r.models[1]);
    loop_close(r.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(episodes_go_on_as_recorded),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(real_episodes_replay),
    };
    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
