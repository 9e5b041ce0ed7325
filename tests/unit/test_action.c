/* test_action.c - what messages of an agent stand for: see tests/data/agent/README.md. */
#include "test.h"

#include "probes/graders/action.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

struct action_run {
    size_t n, wrong;
};

static bool same(const char *s, size_t len, const json_t *want)
{
    if (!json_is_string(want))
        return !s;
    return s && len == json_string_length(want) && memcmp(s, json_string_value(want), len) == 0;
}

static int action_line(json_t *v, size_t number, void *arg)
{
    static const char *const verbs[] = {[AGENT_NONE] = "NONE",
                                        [AGENT_GET] = "GET",
                                        [AGENT_POST] = "POST",
                                        [AGENT_FINISH] = "FINISH"};
    struct action_run *run = arg;
    const json_t *text = json_object_get(v, "text");
    struct buf clean = BUF_INIT;
    struct agent_action a;
    buf_adds(&clean, "kept"); /* what stood in the buffer stays */
    agent_action_read(&a, json_string_value(text), json_string_length(text), &clean);
    run->n++;
    if (strcmp(verbs[a.verb], json_str_at(v, "verb", "?")) != 0 ||
        !same(a.text, a.len, json_object_get(v, "says")) ||
        !same(a.payload, a.payload_len, json_object_get(v, "payload"))) {
        run->wrong++;
        print_message("# line %zu, %s: %s '%.*s', below it '%.*s'\n", number,
                      json_str_at(v, "name", "?"), verbs[a.verb], (int)a.len, a.text,
                      (int)a.payload_len, a.payload ? a.payload : "");
    }
    assert_memory_equal(clean.ptr, "kept", 4);
    buf_release(&clean);
    return 0;
}

static void texts_are_read(void **state)
{
    (void)state;
    struct action_run run = {0};
    if (json_read_lines("tests/data/agent/texts.jsonl", action_line, &run) < 0)
        fail_msg("%s", err_msg());
    assert_int_equal(run.wrong, 0);
    assert_in_range(run.n, 25, 100000);
}

/* Bytes that are no UTF-8 are characters by themselves. */
static void broken_texts_are_read(void **state)
{
    (void)state;
    struct buf clean = BUF_INIT;
    struct agent_action a;
    agent_action_read(&a, "FINISH(1\xe3\x80", 10, &clean);
    assert_int_equal(a.verb, AGENT_FINISH);
    assert_int_equal(a.len, 2);
    buf_reset(&clean);
    agent_action_read(&a, "\xa0GET u\0v", 8, &clean);
    assert_int_equal(a.verb, AGENT_NONE);
    buf_reset(&clean);
    agent_action_read(&a, "GET u\0v", 7, &clean);
    assert_int_equal(a.verb, AGENT_GET);
    assert_int_equal(a.len, 3);
    buf_release(&clean);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_are_read),
                                       cmocka_unit_test(broken_texts_are_read)};
    return cmocka_run_group_tests_name("action", tests, NULL, NULL);
}
