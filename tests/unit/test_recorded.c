/* test_recorded.c - recorded episodes in anybody's form: see tests/data/agent/README.md. */
#include "test.h"

#include "probes/graders/recorded.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

struct recorded_run {
    size_t n, wrong;
};

static void check(struct recorded_run *run, const json_t *v, const char *key, const char *got)
{
    const json_t *want = json_object_get(v, key);
    const char *text = json_string_value(want);
    if (!want || (text ? got && strcmp(text, got) == 0 : !got))
        return;
    run->wrong++;
    print_message("# %s: %s should be %s and is %s\n", json_str_at(v, "name", "?"), key,
                  text ? text : "nothing", got ? got : "nothing");
}

static void check_number(struct recorded_run *run, const json_t *v, const char *key, int64_t got)
{
    const json_t *want = json_object_get(v, key);
    if (!want || json_integer_value(want) == got)
        return;
    run->wrong++;
    print_message("# %s: %s is %lld\n", json_str_at(v, "name", "?"), key, (long long)got);
}

static int log_line(json_t *v, size_t number, void *arg)
{
    struct recorded_run *run = arg;
    struct recorded r;
    const char *refused = json_str_at(v, "refused", NULL);
    int rc = recorded_read(&r, json_object_get(v, "episode"));
    (void)number;
    run->n++;
    if (refused ? rc != GRASP_EPARSE || !str_starts(err_msg(), refused) : rc < 0) {
        run->wrong++;
        print_message("# %s: %s\n", json_str_at(v, "name", "?"), rc < 0 ? err_msg() : "read");
    }
    if (rc == 0) {
        check(run, v, "result", r.result);
        check(run, v, "base", r.base);
        check(run, v, "task_id", r.task_id);
        check(run, v, "task", json_str_at(r.task, "id", NULL));
        check_number(run, v, "index", r.index);
        check_number(run, v, "messages", (int64_t)r.chat.n);
    }
    recorded_release(&r);
    return 0;
}

static void logs_are_read(void **state)
{
    (void)state;
    struct recorded_run run = {0};
    if (json_read_lines("tests/data/agent/logs.jsonl", log_line, &run) < 0)
        fail_msg("%s", err_msg());
    assert_int_equal(run.wrong, 0);
    assert_in_range(run.n, 45, 100000);
}

static void documents_have_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rows; /* -1: a row by itself */
    } cases[] = {
        {"[{}, {}]", 2},
        {"{\"total\": 2, \"custom\": {\"raw_results\": [{}, {}, {}]}}", 3},
        {"{\"raw_results\": [{}]}", 1},
        {"{\"results\": []}", 0},
        {"{\"result\": []}", -1},
        {"{\"results\": {}}", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *v = json_loads(cases[i].text, 0, NULL);
        const json_t *rows = recorded_rows(v);
        assert_int_equal(rows ? (int)json_array_size(rows) : -1, cases[i].rows);
        json_decref(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(logs_are_read),
                                       cmocka_unit_test(documents_have_rows)};
    return cmocka_run_group_tests_name("recorded", tests, NULL, NULL);
}
