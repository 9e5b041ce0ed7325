/* test_seen.c - what evidence shows of its probes, and how it is cut to the room there is. */
#include "test.h"

#include "gate/gate.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/seen.h"

/* A note of n probes; of every third the edit fixes something. */
static json_t *note_of(size_t n)
{
    json_t *probes = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(probes, json_pack("{s:o, s:s, s:s, s:s}", "id",
                                                json_sprintf("task1_%zu", i), "side", "failing",
                                                "base", "fail", "cand", i % 3 ? "fail" : "pass"));
    return json_pack("{s:s, s:o}", "schema", "grasp-evidence-1", "probes", probes);
}

static json_t *ends_of(size_t n, size_t answer, size_t reasons, const char *skill)
{
    json_t *ends = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *list = json_array(), *v;
        struct buf text = BUF_INIT;
        for (size_t k = 0; k < reasons; k++)
            json_array_append_new(
                list, json_sprintf("payload[%zu].status: a string, but another one", k));
        while (text.len < answer)
            buf_adds(&text, "\xc3\xa4");
        v = json_pack("{s:o, s:o, s:[s], s:s, s:s}", "answer", json_text(text.ptr, text.len),
                      "reasons", list, "skills", skill, "prompt", "0123456789abcdef", "call",
                      "fedcba9876543210");
        json_array_append_new(ends, v);
        buf_release(&text);
    }
    return ends;
}

static size_t size_of(const json_t *v)
{
    return json_dumpb(v, NULL, 0, JSON_INDENT(2) | JSON_SORT_KEYS);
}

static void all_is_told_where_there_is_room(void **state)
{
    (void)state;
    json_t *note = note_of(3), *before = ends_of(3, 10, 2, "a v1"),
           *after = ends_of(3, 8, 0, "a v2");
    json_array_set_new(after, 1, json_null()); /* not measured */
    works(seen_add(note, before, after, true, 100000));
    const json_t *row = seen_find(note, "task1_2");
    assert_non_null(row);
    assert_null(seen_find(note, "task1_1"));
    assert_null(seen_find(note, "task1_7"));
    assert_int_equal(strlen(json_str_at(row, "before.answer", "")), 10);
    assert_null(json_at(row, "before.answer_bytes"));
    assert_int_equal(json_array_size(json_at(row, "before.reasons")), 2);
    assert_int_equal(json_array_size(json_at(row, "after.reasons")), 0);
    assert_string_equal(json_str_at(row, "after.call", ""), "fedcba9876543210");
    assert_string_equal(json_str_at(seen_skills(note, json_at(row, "before")), "[0]", ""), "a v1");
    assert_string_equal(json_str_at(seen_skills(note, json_at(row, "after")), "[0]", ""), "a v2");
    assert_int_equal(json_array_size(json_at(note, "seen.skills")), 2); /* each list once */
    assert_int_equal(json_int_at(note, "seen.left_out", -1), 0);
    json_decref(note);
    json_decref(before);
    json_decref(after);
}

static void without_a_journal_no_call_is_named(void **state)
{
    (void)state;
    json_t *note = note_of(1), *ends = ends_of(1, 10, 1, "a v1");
    works(seen_add(note, ends, ends, false, 100000));
    assert_null(json_at(note, "seen.probes[0].before.call"));
    assert_non_null(json_at(note, "seen.probes[0].before.prompt"));
    json_decref(note);
    json_decref(ends);
}

/* Whatever the probes hold, the note keeps to its room, says what it left out, and cuts no
 * character in two. */
static void what_is_cut_is_said(void **state)
{
    (void)state;
    static const struct {
        size_t n, answer, reasons, most;
        int left_out; /* -1: nothing is told at all */
    } cases[] = {
        {18, 4000, 24, 50000, 0},     {48, 4000, 24, 50000, 32}, {300, 4000, 24, 40000, 300},
        {300, 4000, 24, 150000, 200}, {200, 10, 1, 200000, 0},   {300, 4000, 24, 1000, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *note = note_of(cases[i].n), *plain = json_deep_copy(note);
        json_t *ends = ends_of(cases[i].n, cases[i].answer, cases[i].reasons, "a v1");
        works(seen_add(note, ends, ends, true, cases[i].most));
        const json_t *end = json_at(note, "seen.probes[0].before");
        assert_int_equal(json_int_at(note, "seen.left_out", -1), cases[i].left_out);
        if (cases[i].left_out < 0)
            assert_true(json_equal(note, plain));
        else
            assert_in_range(size_of(note), size_of(plain), cases[i].most);
        const char *answer = json_str_at(end, "answer", "");
        assert_true(utf8_valid(answer, strlen(answer)));
        if (end && strlen(answer) < cases[i].answer)
            assert_int_equal(json_int_at(end, "answer_bytes", -1), cases[i].answer);
        size_t told = json_array_size(json_object_get(end, "reasons"));
        if (end && told < cases[i].reasons) {
            char more[64];
            snprintf(more, sizeof(more), "more: %zu further reasons are left out",
                     cases[i].reasons - told + 1);
            assert_string_equal(
                json_string_value(json_array_get(json_object_get(end, "reasons"), told - 1)), more);
        }
        json_decref(note);
        json_decref(plain);
        json_decref(ends);
    }
}

/* Notes with it are as true as those without: those of before hold, and so do these. */
static void it_decides_nothing(void **state)
{
    (void)state;
    const char *const ids[] = {"task1_1", "task1_2"};
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g = {0};
    works(gate_init(&g, &rules, (bool[]){true, false}, 2, 1));
    g.base[0] = OUTCOME_FAIL;
    g.base[1] = g.arm[0].outcomes[0] = g.arm[0].outcomes[1] = OUTCOME_PASS;
    gate_update(&g);
    json_t *note = gate_evidence(&g, 0, ids), *ends = ends_of(2, 10, 1, "a v1");
    works(gate_evidence_check(note, NULL));
    works(seen_add(note, ends, ends, true, 100000));
    works(gate_evidence_check(note, NULL));
    assert_non_null(seen_find(note, "task1_2"));
    json_decref(note);
    json_decref(ends);
    gate_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_told_where_there_is_room),
        cmocka_unit_test(without_a_journal_no_call_is_named),
        cmocka_unit_test(what_is_cut_is_said),
        cmocka_unit_test(it_decides_nothing),
    };
    return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
