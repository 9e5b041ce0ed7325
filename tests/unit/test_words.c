/* What the gate decided, in words: the same out of a measured arm and out of its note. */
#include <string.h>

#include "test.h"

#include "runtime/base/json.h"
#include "runtime/history/words.h"

static const struct {
    const char *fate, *stop;
    int fixes, base_fixes, regressions, base_regressions, invalid, budget, score;
    int winner; /* -1: not known */
    const char *counts, *words;
} cases[] = {
    {"accepted", "finished", 7, 5, 0, 0, 0, 0, 2, -1,
     "+2 (7 fixes, 5 of them the baseline's own; no regressions)", "accepted"},
    {"accepted", "finished", 4, 0, 1, 0, 0, 1, 3, -1, "+3 (4 fixes; 1 regression)",
     "accepted: it broke 1, which the budget allows"},
    {"beaten", "finished", 2, 0, 1, 1, 0, 0, 2, 3,
     "+2 (2 fixes; 1 regression, as many as the baseline's own)",
     "refused: another candidate of the update gained more (+3)"},
    {"beaten", "finished", 2, 0, 0, 0, 0, 0, 2, 2, "+2 (2 fixes; no regressions)",
     "refused: another candidate of the update gained as much (+2), and came first"},
    {"beaten", "beaten", 1, 0, 0, 0, 0, 0, 1, -1, "1 fix; no regressions",
     "refused: another candidate of the update was sure to gain more; stopped after 9 of 12 "
     "probes, since no outcome of the rest could help it"},
    {"regressions", "regressions", 0, 0, 2, 0, 2, 0, -6, -1,
     "no fixes; 2 regressions, 2 by an action that is none, which weighs more",
     "refused: it broke 2 tasks that pass without it, none may break; stopped after 9 of 12 "
     "probes, since no outcome of the rest could help it"},
    {"regressions", "finished", 5, 0, 2, 0, 0, 1, 3, -1, "+3 (5 fixes; 2 regressions)",
     "refused: it broke 2 tasks that pass without it, at most 1 may break"},
    {"score", "finished", 0, 2, 0, 3, 0, 0, 1, -1,
     "+1 (no fixes where the baseline alone has 2; no regressions where the baseline alone has 3)",
     "refused: it gained nothing"},
    {"score", "finished", 0, 0, 1, 0, 0, 0, -1, -1, "-1 (no fixes; 1 regression)",
     "refused: it lost 1"},
    {"not confirmed", "finished", 3, 0, 0, 0, 0, 0, 3, -1, "+3 (3 fixes; no regressions)",
     "refused: did not hold on the second probe set"},
    {"of a later version", "finished", 0, 0, 0, 0, 0, 0, 0, -1, "+0 (no fixes; no regressions)",
     "refused: of a later version"},
};

static void each_fate_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf counts = BUF_INIT, words = BUF_INIT;
        struct ruling v;
        json_t *note = json_pack(
            "{s:s, s:s, s:{s:i}, s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}}", "fate",
            cases[i].fate, "stop", cases[i].stop, "rules", "regression_budget", cases[i].budget,
            "score", "fixes", cases[i].fixes, "base_fixes", cases[i].base_fixes, "regressions",
            cases[i].regressions, "base_regressions", cases[i].base_regressions,
            "invalid_action_regressions", cases[i].invalid, "failing", 5, "passing", 4, "pending",
            strcmp(cases[i].stop, "finished") ? 3 : 0, "score", cases[i].score);
        assert_non_null(note);
        ruling_read(&v, note);
        v.winner = cases[i].winner < 0 ? NULL : &cases[i].winner;
        ruling_counts(&v, &counts);
        ruling_words(&v, &words);
        assert_string_equal(counts.ptr, cases[i].counts);
        assert_string_equal(words.ptr, cases[i].words);
        assert_int_equal(ruling_accepted(&v), strcmp(cases[i].fate, "accepted") == 0);
        buf_release(&counts);
        buf_release(&words);
        json_decref(note);
    }
}

static void chance_is_named_where_outcomes_flip(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct ruling v;
    json_t *note = json_pack("{s:s, s:{s:s}, s:{s:i}}", "fate", "score", "rules", "rule",
                             "replicate", "score", "score", 2);
    ruling_read(&v, note);
    ruling_words(&v, &b);
    assert_string_equal(b.ptr, "refused: a gain of 2 can be chance where outcomes flip");
    buf_release(&b);
    json_decref(note);
}

static void an_arm_is_told_like_its_note(void **state)
{
    (void)state;
    const struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate_arm arm = {.stop = GATE_FINISHED, .score = {.fixes = 2, .score = 2, .gains = true}};
    struct buf b = BUF_INIT;
    struct ruling v;
    arm.score.regressions = 1;
    ruling_of(&v, &rules, &arm, false);
    ruling_words(&v, &b);
    assert_string_equal(b.ptr, "refused: it broke 1 task that passes without it, none may break");
    buf_reset(&b);
    arm.stop = GATE_RUNNING;
    ruling_of(&v, &rules, &arm, false);
    ruling_counts(&v, &b);
    buf_adds(&b, "; ");
    ruling_words(&v, &b);
    assert_string_equal(b.ptr, "2 fixes; 1 regression; not decided yet");
    buf_release(&b);
}

static void without_a_measurement(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct ruling v;
    json_t *row = json_pack("{s:s}", "fate", "unmeasured");
    ruling_read(&v, row);
    ruling_counts(&v, &b);
    buf_adds(&b, "; ");
    ruling_words(&v, &b);
    assert_string_equal(b.ptr, "nothing was measured; taken in without being measured");
    assert_true(ruling_accepted(&v));
    buf_release(&b);
    json_decref(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fate_is_told),
        cmocka_unit_test(chance_is_named_where_outcomes_flip),
        cmocka_unit_test(an_arm_is_told_like_its_note),
        cmocka_unit_test(without_a_measurement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
