/* test_leak.c - what the leak guard refuses and what it lets pass. */
#include "test.h"

#include "probes/leak.h"
#include "runtime/base/json.h"

static const char tasks_json[] =
    "[{\"id\":\"task1_7\",\"instruction\":\"MRN of Ann? Else \\\"Patient not found\\\"\","
    "\"eval_MRN\":\"S6534835\",\"sol\":[\"S6534835\"]},"
    "{\"id\":\"task1_8\",\"instruction\":\"MRN of Bob? Else \\\"Patient not found\\\"\","
    "\"eval_MRN\":\"S111\",\"sol\":[\"Patient not found\"]},"
    "{\"id\":\"task4_9\",\"instruction\":\"Mg?\",\"eval_MRN\":\"MRN-22/7\",\"sol\":[1.8]},"
    "{\"id\":\"task4_10\",\"instruction\":\"Mg?\",\"eval_MRN\":\"S333\",\"sol\":\"-1\"},"
    "{\"id\":\"task4_11\",\"instruction\":\"who?\",\"eval_MRN\":\"42\","
    "\"sol\":[\"Dr. Mabel Quist\",\"no\",null,true]},"
    "{\"id\":\"task4_12\",\"instruction\":\"Mg?\",\"eval_MRN\":\"77\",\"sol\":[2.25]}]";

static const struct {
    const char *text;
    const char *what; /* NULL: passes */
} cases[] = {
    {"Search by family and given name, take the newest entry.", NULL},
    {"", NULL},
    {"as in task1_7.", "task id task1_7"},
    {"as in TASK1_7", "task id task1_7"},
    {"task1_70, mytask1_7, task1_7b", NULL},
    {"task1_7", "task id task1_7"},
    {"{\"reference\": \"Patient/S6534835\"}", "patient identifier S6534835"},
    {"s6534835's labs", "patient identifier S6534835"},
    {"S65348351 S653483", NULL},
    {"answer \"Patient not found\" when there is none", NULL},
    {"answer 1.8 when it is 1.8", NULL},
    {"42 patients, no answer, true", NULL},
    {"MRN-22/7 has a magnesium of 1.8 mg/dL", "patient identifier MRN-22/7"},
    {"MRN-22/7 has a magnesium", "patient identifier MRN-22/7"},
    {"MRN-22/70 or XMRN-22/7", NULL},
    {"S333 gets -1", "solution -1 of patient S333"},
    {"patient 77 has 2.25", "solution 2.25 of patient 77"},
    {"patient 77 has 2.251, or 12.25", NULL},
    {"patient 77 has 1.77", NULL},
    {"ask dr. mabel quist", "solution Dr. Mabel Quist"},
    {"ask dr. mabel quistx", NULL},
    {"\xc3\xa9task1_7 \xff\xfe", NULL},
};

static struct leak_guard *guard_of(struct task_set *set, json_t **list)
{
    const struct task_set *sets[2] = {NULL, set};
    struct leak_guard *g;
    json_t *o;
    size_t i;

    assert_int_equal(json_parse(list, tasks_json, strlen(tasks_json), "tasks"), 0);
    set->n = json_array_size(*list);
    set->v = calloc(set->n, sizeof(*set->v));
    json_array_foreach (*list, i, o)
        set->v[i] = (struct task){.id = json_str_at(o, "id", NULL),
                                  .instruction = json_str_at(o, "instruction", NULL),
                                  .context = "",
                                  .mrn = json_str_at(o, "eval_MRN", NULL),
                                  .raw = o};
    g = leak_guard_new(sets, 2);
    assert_non_null(g);
    return g;
}

static void cases_hold(void **state)
{
    struct task_set set = {0};
    json_t *list;
    struct leak_guard *g = guard_of(&set, &list);
    char what[80];

    (void)state;
    free(set.v); /* nothing is borrowed */
    json_decref(list);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bool hit = leak_guard_hit(g, cases[i].text, what, sizeof(what));
        if (hit != (cases[i].what != NULL))
            fail_msg("'%s': %s", cases[i].text, hit ? what : "passed");
        if (hit)
            assert_string_equal(what, cases[i].what);
    }
    assert_true(leak_guard_hit(g, "task4_9", NULL, 0));
    assert_true(leak_guard_hit(g, "task4_9", what, 6));
    assert_string_equal(what, "task ");
    leak_guard_free(g);
}

/* Every text that a library would keep is looked at, wherever the edit comes from. */
static void edits_as_a_whole(void **state)
{
    struct task_set set = {0};
    struct strlist tags = {0}, clean = {0};
    json_t *list;
    struct leak_guard *g = guard_of(&set, &list);
    char what[80] = "";
    const struct {
        struct leak_edit edit;
        bool hit;
    } rows[] = {
        {{.name = "a", .description = "b", .content = "c", .tags = &clean}, false},
        {{0}, false},
        {{.name = "a", .description = "b", .content = "c", .tags = &tags}, true},
        {{.description = "as in task1_7"}, true},
        {{.content = "as in task1_7"}, true},
        {{.reason = "task1_7 failed"}, true},
        {{.name = "task1_7"}, true},
        {{.name = "like-task1-7"}, true},
        {{.name = "as-in-task1-7-too"}, true},
        {{.name = "task1-7"}, true},
        {{.name = "task1-70"}, false},
        {{.description = "task1-7"}, false},
    };

    (void)state;
    assert_int_equal(strlist_add(&clean, "labs"), 0);
    assert_int_equal(strlist_add(&tags, "labs"), 0);
    assert_int_equal(strlist_add(&tags, "task1_7"), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (leak_guard_edit(g, &rows[i].edit, what, sizeof(what)) != rows[i].hit)
            fail_msg("row %zu", i);
        if (rows[i].hit)
            assert_string_equal(what, "task id task1_7");
    }
    assert_false(leak_guard_edit(NULL, &rows[2].edit, what, sizeof(what)));
    strlist_release(&tags);
    strlist_release(&clean);
    leak_guard_free(g);
    free(set.v);
    json_decref(list);
}

static void long_texts(void **state)
{
    struct task_set set = {0};
    json_t *list;
    struct leak_guard *g = guard_of(&set, &list);
    size_t len = 64 * 1024;
    char *text = malloc(len + 1), what[80];

    (void)state;
    memset(text, 'x', len);
    text[len] = '\0';
    assert_false(leak_guard_hit(g, text, what, sizeof(what)));
    memcpy(text + len - 8, " task1_8", 8);
    assert_true(leak_guard_hit(g, text, what, sizeof(what)));
    free(text);
    leak_guard_free(g);
    free(set.v);
    json_decref(list);
}

static void no_guard(void **state)
{
    struct leak_guard *g = leak_guard_new(NULL, 0);
    (void)state;
    assert_false(leak_guard_hit(NULL, "task1_7", NULL, 0));
    assert_false(leak_guard_hit(g, "task1_7", NULL, 0));
    leak_guard_free(g);
    leak_guard_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_hold),
                                       cmocka_unit_test(edits_as_a_whole),
                                       cmocka_unit_test(long_texts), cmocka_unit_test(no_guard)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
