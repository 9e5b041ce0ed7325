/* test_env_exec.c - the lines of env.kind exec, and what its child processes leave behind: no
 * zombie, no descriptor. */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <sys/wait.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/config/config.h"
#include "runtime/env/env.h"
#include "runtime/env/exec_protocol.h"

/* ---- requests ---- */

static void requests_are_one_line_of_json(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    json_t *task = json_pack("{s:s, s:[i]}", "id", "a_1", "extra", 7);
    exec_write_hello(&b, 1);
    assert_string_equal(b.ptr, "{\"id\":1,\"op\":\"hello\",\"protocol\":1}\n");
    buf_reset(&b);
    exec_write_start(&b, 2, 9, task);
    assert_string_equal(
        b.ptr,
        "{\"id\":2,\"op\":\"start\",\"episode\":9,\"task\":{\"id\":\"a_1\",\"extra\":[7]}}\n");
    buf_reset(&b);
    exec_write_step(&b, 3, 9, "a\n\"\xff\xc3\xa9", 6);
    assert_string_equal(b.ptr,
                        "{\"id\":3,\"op\":\"step\",\"episode\":9,\"reply\":\"a\\n\\\"\xef\xbf\xbd"
                        "\xc3\xa9\"}\n");
    buf_reset(&b);
    exec_write_grade(&b, 4, 9, ROLLOUT_COMPLETED, "4\"2");
    exec_write_grade(&b, 5, 9, ROLLOUT_TASK_LIMIT, NULL);
    exec_write_end(&b, 9);
    assert_string_equal(
        b.ptr, "{\"id\":4,\"op\":\"grade\",\"episode\":9,\"status\":\"completed\","
               "\"answer\":\"4\\\"2\"}\n"
               "{\"id\":5,\"op\":\"grade\",\"episode\":9,\"status\":\"task limit reached\","
               "\"answer\":null}\n"
               "{\"op\":\"end\",\"episode\":9}\n");
    buf_release(&b);
    json_decref(task);
}

/* ---- answers ---- */

static void answers_are_taken_or_refused(void **state)
{
    (void)state;
    static const struct {
        enum exec_op op;
        const char *line, *refused; /* NULL: taken */
    } cases[] = {
        {EXEC_HELLO, "{\"id\":5,\"protocol\":1}", NULL},
        {EXEC_HELLO, "{\"id\":5,\"protocol\":1,\"episodes\":64,\"name\":\"x\"} \r", NULL},
        {EXEC_HELLO, "{\"id\":5}", "has no \"protocol\""},
        {EXEC_HELLO, "{\"id\":5,\"protocol\":2}", "another version"},
        {EXEC_HELLO, "{\"id\":5,\"protocol\":1,\"episodes\":0}", "\"episodes\""},
        {EXEC_HELLO, "{\"id\":5,\"protocol\":1,\"episodes\":\"9\"}", "\"episodes\""},
        {EXEC_HELLO, "{\"id\":5,\"outage\":\"x\"}", "has no \"protocol\""},
        {EXEC_START, "{\"id\":5,\"api\":{}}", NULL},
        {EXEC_START, "{\"id\":5,\"description\":\"d\",\"context\":null}", NULL},
        {EXEC_START, "{\"id\":5}", "none of api"},
        {EXEC_START, "{\"id\":5,\"api\":{},\"context\":3}", "is no string"},
        {EXEC_START, "{\"id\":5,\"error\":\"broken\"}", NULL},
        {EXEC_STEP, "{\"id\":5,\"observation\":\"x\"}", NULL},
        {EXEC_STEP, "{\"id\":5,\"observation\":{\"a\":1},\"later\":\"addition\"}", NULL},
        {EXEC_STEP, "{\"id\":5,\"observation\":\"x\",\"digest\":\"short\"}", NULL},
        {EXEC_STEP, "{\"id\":5,\"observation\":\"x\",\"digest\":[1]}", "no text"},
        {EXEC_STEP, "{\"id\":5,\"done\":true}", NULL},
        {EXEC_STEP, "{\"id\":5,\"invalid\":true}", NULL},
        {EXEC_STEP, "{\"id\":5,\"done\":false}", "exactly one of"},
        {EXEC_STEP, "{\"id\":5,\"observation\":\"x\",\"done\":true}", "exactly one of"},
        {EXEC_STEP, "{\"id\":6,\"observation\":\"x\"}", "does not repeat the \"id\""},
        {EXEC_STEP, "{\"observation\":\"x\"}", "does not repeat the \"id\""},
        {EXEC_STEP, "{\"id\":\"5\",\"observation\":\"x\"}", "does not repeat the \"id\""},
        {EXEC_STEP, "{\"id\":-5,\"observation\":\"x\"}", "does not repeat the \"id\""},
        {EXEC_STEP, "", "is no JSON object on one line"},
        {EXEC_STEP, "[5]", "is no JSON object"},
        {EXEC_STEP, "{\"id\":5,\"observation\":\"x\"} {", "is no JSON object on one line"},
        {EXEC_STEP, "{\"id\":5,\"id\":5,\"observation\":\"x\"}", "is no JSON object on one line"},
        {EXEC_GRADE, "{\"id\":5,\"correct\":true}", NULL},
        {EXEC_GRADE, "{\"id\":5,\"correct\":1}", "has no \"correct\""},
        {EXEC_GRADE, "{\"id\":5,\"correct\":false,\"tags\":\"a\"}", "no list"},
        {EXEC_GRADE, "{\"id\":5,\"correct\":false,\"tags\":[1]}", "no string"},
        {EXEC_GRADE, "{\"id\":5,\"correct\":false,\"reasons\":\"a\"}", "no list"},
        {EXEC_GRADE, "{\"id\":5,\"correct\":false,\"reasons\":[[]]}", "a reason that is no string"},
        {EXEC_GRADE, "{\"id\":5,\"correct\":false,\"reasons\":[\"a\"]}", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct exec_answer a;
        int rc = exec_read(&a, cases[i].op, 5, cases[i].line, strlen(cases[i].line));
        if ((rc == 0) != (cases[i].refused == NULL))
            fail_msg("%s: %s", cases[i].line, rc ? err_msg() : "taken");
        if (rc < 0 && !strstr(err_msg(), cases[i].refused))
            fail_msg("%s: '%s' does not say '%s'", cases[i].line, err_msg(), cases[i].refused);
        if (rc == 0)
            exec_answer_release(&a);
    }
}

static void a_world_sums_up_itself(void **state)
{
    (void)state;
    static const char line[] =
        "{\"id\":5,\"observation\":{\"a\":[1,2]},\"digest\":\"two\\nnumbers\"}",
                      done[] = "{\"id\":5,\"done\":true,\"answer\":\"x\",\"digest\":\"two\"}";
    struct exec_answer a;
    assert_int_equal(exec_read(&a, EXEC_STEP, 5, line, sizeof(line) - 1), 0);
    assert_string_equal(a.text.ptr, "{\"a\":[1,2]}");
    assert_string_equal(a.digest.ptr, "two\nnumbers");
    exec_answer_release(&a);
    assert_int_equal(exec_read(&a, EXEC_STEP, 5, done, sizeof(done) - 1), 0);
    assert_string_equal(a.digest.ptr, ""); /* an answer is shown as it is */
    exec_answer_release(&a);
    struct buf long_one = BUF_INIT;
    buf_adds(&long_one, "{\"id\":5,\"observation\":1,\"digest\":\"");
    for (size_t i = 0; i < EXEC_DIGEST_MAX; i++)
        buf_adds(&long_one, "\xc3\xa9");
    buf_adds(&long_one, "\"}");
    assert_int_equal(exec_read(&a, EXEC_STEP, 5, long_one.ptr, long_one.len), 0);
    assert_int_equal(a.digest.len, EXEC_DIGEST_MAX);
    exec_answer_release(&a);
    buf_release(&long_one);
}

static void what_answers_mean(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum rollout_status status;
        const char *text, *action, *error;
    } cases[] = {
        {"{\"id\":5,\"observation\":\"a\\nb\",\"action\":\"LOOK\\n x\"}", ROLLOUT_RUNNING, "a\nb",
         "LOOK  x", NULL},
        {"{\"id\":5,\"observation\":{\"a\":[1]}}", ROLLOUT_RUNNING, "{\"a\":[1]}", "", NULL},
        {"{\"id\":5,\"observation\":null}", ROLLOUT_RUNNING, "null", "", NULL},
        {"{\"id\":5,\"done\":true,\"answer\":7}", ROLLOUT_COMPLETED, "7", "", NULL},
        {"{\"id\":5,\"done\":true,\"answer\":null}", ROLLOUT_COMPLETED, NULL, "", NULL},
        {"{\"id\":5,\"invalid\":\"why\"}", ROLLOUT_INVALID_ACTION, NULL, "", "why"},
        {"{\"id\":5,\"invalid\":true}", ROLLOUT_INVALID_ACTION, NULL, "", NULL},
        {"{\"id\":5,\"error\":\"e\"}", ROLLOUT_TASK_ERROR, NULL, "", "e"},
        {"{\"id\":5,\"outage\":\"o\",\"error\":\"e\"}", ROLLOUT_UNSCORED, NULL, "", "o"},
    };
    uint64_t digests[16];
    size_t n = sizeof(cases) / sizeof(*cases);
    for (size_t i = 0; i < n; i++) {
        struct exec_answer a;
        assert_int_equal(exec_read(&a, EXEC_STEP, 5, cases[i].line, strlen(cases[i].line)), 0);
        assert_int_equal(a.status, cases[i].status);
        assert_int_equal(a.has_text, cases[i].text != NULL);
        if (cases[i].text)
            assert_string_equal(a.text.ptr, cases[i].text);
        assert_string_equal(a.action.ptr, cases[i].action);
        assert_string_equal(a.error ? a.error : "", cases[i].error ? cases[i].error : "");
        digests[i] = exec_answer_digest(&a);
        exec_answer_release(&a);
    }
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(digests[i] != digests[k]);
}

static void tags_and_reasons_are_bounded(void **state)
{
    (void)state;
    struct exec_answer a;
    struct buf b = BUF_INIT;
    buf_adds(&b, "{\"id\":5,\"correct\":false,\"reason\":\"a\\nb\",\"reasons\":[\"a\\nb\"");
    for (int i = 0; i < 100; i++)
        buf_addf(&b, ",\"c%d\"", i);
    buf_adds(&b, "],\"tags\":[");
    for (int i = 0; i < 100; i++)
        buf_addf(&b, "%s\"%0*d\\u0007\"", i ? "," : "", 90, i);
    buf_adds(&b, "]}");
    assert_int_equal(exec_read(&a, EXEC_GRADE, 5, b.ptr, b.len), 0);
    assert_int_equal(a.tags.n, EXEC_TAGS_MAX);
    assert_int_equal(strlen(a.tags.v[0]), 64);
    assert_int_equal(a.reasons.n, EXEC_REASONS_MAX);
    assert_string_equal(a.reasons.v[0], "a b");
    assert_string_equal(a.reasons.v[1], "c0");
    exec_answer_release(&a);
    buf_release(&b);
}

/* The same content in another order of keys is the same answer. */
static void digests_do_not_see_the_order_of_keys(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"id\":5,\"api\":{\"a\":1,\"b\":2},\"description\":\"d\"}",
        "{\"description\":\"d\",\"api\":{\"b\":2,\"a\":1},\"id\":5}",
        "{\"id\":5,\"api\":{\"a\":1,\"b\":3},\"description\":\"d\"}",
    };
    uint64_t d[3];
    for (size_t i = 0; i < 3; i++) {
        struct exec_answer a;
        assert_int_equal(exec_read(&a, EXEC_START, 5, lines[i], strlen(lines[i])), 0);
        d[i] = exec_answer_digest(&a);
        exec_answer_release(&a);
    }
    assert_true(d[0] == d[1]);
    assert_true(d[0] != d[2]);
}

/* ---- children. A world in shell: one episode at a time; "die" ends it, "echo X" is observed. ---- */

static const char world[] =
    "while read -r l; do i=${l#*:}; i=${i%%,*}; case $l in "
    "*hello*) echo '{\"id\":'$i',\"protocol\":1}';; "
    "*start*die*) exit 3;; "
    "*start*) echo '{\"id\":'$i',\"api\":{\"k\":1},\"response_format\":\"r\"}';; "
    "*die*) exit 3;; "
    "*step*) echo '{\"id\":'$i',\"observation\":\"seen\"}';; "
    "*grade*) echo '{\"id\":'$i',\"correct\":true}';; "
    "esac; done";

struct fixture {
    char *dir;
    struct config *config;
    struct loop *loop;
    struct env *env;
    /* the last answer */
    bool answered, scored, correct;
    enum rollout_status status;
    json_t *api;
    char text[64], error[256];
};

static void begin(struct fixture *f)
{
    struct buf b = BUF_INIT;
    *f = (struct fixture){.dir = fs_tempdir("test-exec")};
    char *path = fs_join(f->dir, "grasp.yaml");
    buf_adds(&b, "model: {kind: simulated}\n"
                 "env: {kind: exec, timeout: 20, processes: 2, command: [sh, world.sh]}\n");
    char *script = fs_join(f->dir, "world.sh"); /* found there: children run beside the file */
    assert_int_equal(fs_write(script, world, sizeof(world) - 1), 0);
    free(script);
    assert_int_equal(fs_write(path, b.ptr, b.len), 0);
    if (config_load(&f->config, path, NULL, 0) < 0)
        fail_msg("%s", err_msg());
    assert_int_equal(loop_open(&f->loop), 0);
    if (env_open(&f->env, f->loop, f->config) < 0)
        fail_msg("%s", err_msg());
    buf_release(&b);
    free(path);
}

static void end(struct fixture *f)
{
    env_close(f->env);
    loop_close(f->loop);
    config_free(f->config);
    fs_remove_tree(f->dir);
    free(f->dir);
    errno = 0;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left, dead or alive */
    assert_int_equal(errno, ECHILD);
}

static void on_prompt(enum rollout_status status, const json_t *parts, const char *error, void *arg)
{
    struct fixture *f = arg;
    f->answered = true;
    f->status = status;
    f->api = json_object_get(parts, "api");
    snprintf(f->text, sizeof(f->text), "%s", json_str_at(parts, "description", ""));
    snprintf(f->error, sizeof(f->error), "%s", error ? error : "");
}

static void on_step(const struct env_step *step, void *arg)
{
    struct fixture *f = arg;
    f->answered = true;
    f->status = step->status;
    snprintf(f->text, sizeof(f->text), "%s", step->text ? step->text : "");
    snprintf(f->error, sizeof(f->error), "%s", step->error ? step->error : "");
}

static void on_grade(const struct verdict *v, const struct strlist *tags, bool scored, void *arg)
{
    struct fixture *f = arg;
    (void)tags;
    f->answered = true;
    f->scored = scored;
    f->correct = v->correct;
}

static void wait_answer(struct fixture *f)
{
    for (int i = 0; i < 100000 && !f->answered; i++)
        if (loop_turn(f->loop, -1) < 0)
            fail_msg("%s", err_msg());
    assert_true(f->answered);
    f->answered = false;
}

static struct task make_task(json_t *raw)
{
    struct task t;
    assert_int_equal(task_from_json(&t, raw, "test", false), 0);
    json_decref(raw);
    return t;
}

static struct env_episode *start(struct fixture *f, const struct task *t)
{
    struct env_episode *ep = NULL;
    assert_int_equal(f->env->ops->start(f->env, t, &ep), 0);
    f->env->ops->prompt(ep, on_prompt, f);
    wait_answer(f);
    return ep;
}

static void an_episode_from_start_to_grade(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct task t = make_task(json_pack("{s:s, s:s}", "id", "a_1", "instruction", "do it"));
    const json_t *api = NULL;
    for (int i = 0; i < 3; i++) {
        struct env_episode *ep = start(&f, &t);
        assert_int_equal(f.status, ROLLOUT_RUNNING);
        assert_string_equal(f.text, "do it"); /* the world gave no description */
        assert_true(!api || api == f.api);    /* one value for all */
        api = f.api;
        f.env->ops->step(ep, "go", 2, on_step, &f);
        wait_answer(&f);
        assert_int_equal(f.status, ROLLOUT_RUNNING);
        assert_string_equal(f.text, "seen");
        struct trace trace = {NULL, "42"};
        f.env->ops->grade(ep, &trace, ROLLOUT_COMPLETED, on_grade, &f);
        wait_answer(&f);
        assert_true(f.scored && f.correct);
        f.env->ops->end(ep);
    }
    task_release(&t);
    end(&f);
}

static void a_lost_child_is_an_outage_of_its_episode(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct task good = make_task(json_pack("{s:s, s:s}", "id", "a_1", "instruction", "do it"));
    struct task bad = make_task(json_pack("{s:s, s:s}", "id", "a_2", "instruction", "die"));
    struct env_episode *a = start(&f, &good), *b = start(&f, &bad);
    assert_int_equal(f.status, ROLLOUT_UNSCORED);
    assert_non_null(strstr(f.error, "exited with status 3"));
    f.env->ops->end(b);
    f.env->ops->step(a, "go", 2, on_step, &f);
    wait_answer(&f);
    assert_int_equal(f.status, ROLLOUT_RUNNING);
    f.env->ops->step(a, "die", 3, on_step, &f);
    wait_answer(&f);
    assert_int_equal(f.status, ROLLOUT_UNSCORED);
    f.env->ops->end(a);
    task_release(&good);
    task_release(&bad);
    end(&f);
}

/* Ended in every state: before its first request is sent, and while an answer is under way. */
static void episodes_may_end_at_any_time(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct task t = make_task(json_pack("{s:s, s:s}", "id", "a_1", "instruction", "do it"));
    struct env_episode *ep[8];
    for (int i = 0; i < 8; i++) {
        assert_int_equal(f.env->ops->start(f.env, &t, &ep[i]), 0);
        f.env->ops->prompt(ep[i], on_prompt, &f);
    }
    for (int i = 7; i >= 0; i--) /* 0 is the first to be sent */
        f.env->ops->end(ep[i]);
    struct env_episode *one = start(&f, &t);
    f.env->ops->step(one, "go", 2, on_step, &f);
    f.env->ops->end(one);
    struct env_episode *last = start(&f, &t);
    assert_int_equal(f.status, ROLLOUT_RUNNING);
    f.env->ops->step(last, "go", 2, on_step, &f);
    env_close(f.env); /* ends what still stands */
    f.env = NULL;
    task_release(&t);
    end(&f);
}

static int descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void no_descriptor_is_left(void **state)
{
    a_lost_child_is_an_outage_of_its_episode(state); /* libraries open theirs */
    int before = descriptors();
    for (int i = 0; i < 3; i++)
        a_lost_child_is_an_outage_of_its_episode(state);
    assert_int_equal(descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_one_line_of_json),
        cmocka_unit_test(answers_are_taken_or_refused),
        cmocka_unit_test(a_world_sums_up_itself),
        cmocka_unit_test(what_answers_mean),
        cmocka_unit_test(tags_and_reasons_are_bounded),
        cmocka_unit_test(digests_do_not_see_the_order_of_keys),
        cmocka_unit_test(an_episode_from_start_to_grade),
        cmocka_unit_test(a_lost_child_is_an_outage_of_its_episode),
        cmocka_unit_test(episodes_may_end_at_any_time),
        cmocka_unit_test(no_descriptor_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
