/* test_reply.c - what is read out of a writer's reply, and what it is called when nothing can be. */
#include "test.h"

#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "skills/edit.h"

static const char *const label_keys[] = {"labels", "new_labels", NULL};
static const struct reply_shape labels = {.keys = label_keys, .type = JSON_OBJECT};

static const char *state_name(enum reply_state s)
{
    return s == REPLY_CUT           ? "cut off"
           : s == REPLY_UNPARSEABLE ? "unparseable"
           : s == REPLY_NOTHING     ? "nothing"
                                    : "";
}

/* Each row of a file {name, phase, reply, wanted}: wanted is {edits}, {labels} or {refused}. */
static size_t rows_hold(const char *path)
{
    struct buf text = BUF_INIT;
    size_t rows = 0, bad = 0;
    assert_int_equal(fs_read(path, &text), 0);
    for (char *line = text.ptr, *eol; *line; line = eol + 1) {
        eol = strchr(line, '\n');
        assert_non_null(eol);
        json_auto_t *row = NULL;
        assert_int_equal(json_parse(&row, line, (size_t)(eol - line), path), 0);
        const char *reply = json_str_at(row, "reply", ""), *name = json_str_at(row, "name", "?");
        const json_t *wanted = json_object_get(row, "wanted");
        const json_t *edits = json_object_get(wanted, "edits");
        bool classify = strcmp(json_str_at(row, "phase", ""), "classify") == 0;
        struct reply_fault fault;
        json_auto_t *v =
            reply_read(reply, strlen(reply), classify ? &labels : &edit_reply_shape, &fault);
        bool right = strcmp(state_name(fault.state), json_str_at(wanted, "refused", "")) == 0;
        if (edits)
            right &= json_equal(v, edits) != 0;
        else if (classify && json_object_get(wanted, "labels"))
            right &= json_equal(json_object_get(v, "labels"), json_object_get(wanted, "labels"));
        if (*fault.text)
            right &= utf8_valid(fault.text, strlen(fault.text)) && !strchr(fault.text, '\n');
        if (!right) {
            char *got = json_dumps(v, JSON_ENCODE_ANY);
            print_message("%s: %s (%s)\n", name, got ? got : "nothing", fault.text);
            free(got);
            bad++;
        }
        rows++;
    }
    buf_release(&text);
    if (bad)
        fail_msg("%zu of %zu rows of %s", bad, rows, path);
    return rows;
}

static void replies_are_read_as_wanted(void **state)
{
    (void)state;
    assert_int_equal(rows_hold("tests/data/agent/replies.jsonl"), 18);
    assert_true(rows_hold("tests/data/agent/replies_more.jsonl") > 40);
}

/* What a writer is told when it is asked again: the place, and what was expected there. */
static void faults_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *reply, *says;
    } cases[] = {
        {"[{\"action\":\"ADD\",\n\"content\":\"say \"hi\" now\"}]",
         "unparseable: ',' or '}' is expected in line 2, column 17 before \"hi\\\" now"},
        {"[{\"action\":\"ADD\",\"content\":\"# T", "cut off: the text ends inside a string"},
        {"[{\"action\":\"ADD\" /* why", "cut off: the text ends inside a comment"},
        {"[{\"action\":\"ADD\"", "cut off: the text ends inside a list or object"},
        {"[{\"action\" \"ADD\"}]", "':' is expected in line 1, column 12"},
        {"I would rather not.", "no JSON array of the kind asked for in the reply; it begins \"I "},
        {"", "it begins \"\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct reply_fault fault;
        assert_null(reply_read(cases[i].reply, strlen(cases[i].reply), &edit_reply_shape, &fault));
        struct buf want = BUF_INIT;
        for (const char *p = cases[i].says; *p; p++)
            if (*p != '\\')
                buf_addch(&want, *p);
        if (!strstr(fault.text, want.ptr))
            fail_msg("%zu: %s", i, fault.text);
        buf_release(&want);
    }
}

static void objects_by_any_key(void **state)
{
    (void)state;
    static const char *const ids[] = {"t_1", "t_2", NULL};
    static const struct reply_shape notes = {.any = true, .keys = ids, .type = -1}, all = {0};
    static const char *const texts[] = {
        "So: {not json} {\"t\": 1} then {\"t_2\": \"b\", \"t_1\": \"a\",} ok",
        "{\"t_1\": \"a\"}\n{\"t_2\": \"b\"}",
        "{\"notes\": {\"t_1\": \"a\", \"t_2\": \"b\"}}",
    };
    struct reply_fault fault;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        json_auto_t *v = reply_read(texts[i], strlen(texts[i]), &notes, &fault);
        assert_string_equal(json_str_at(v, "t_1", ""), "a");
        assert_string_equal(json_str_at(v, "t_2", ""), "b");
    }
    json_auto_t *v = reply_read("x {\"a\": 1}", 10, &all, &fault);
    assert_int_equal(json_int_at(v, "a", 0), 1);
    assert_null(reply_read("no", 2, &all, &fault));
    assert_int_equal(fault.state, REPLY_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_read_as_wanted),
        cmocka_unit_test(faults_say_where),
        cmocka_unit_test(objects_by_any_key),
    };
    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
