/* test_transfer.c - the pure parts of transfer: which model is meant, what a skill is worth,
 * tables, trailers. */
#include "test.h"

#include "runtime/base/json.h"
#include "runtime/base/err.h"
#include "runtime/history/decision.h"
#include "runtime/history/words.h"
#include "runtime/transfer/transfer.h"

/* ---- targets ---- */

static void check_targets(void **state)
{
    static const struct {
        const char *text, *slug, *preset, *sets; /* sets joined by blanks; NULL text: refused */
    } cases[] = {
        {"gpt-4.1", "gpt-4.1", NULL, "model.name=\"gpt-4.1\""},
        {"llama3:8b", "llama3%3A8b", NULL, "model.name=\"llama3:8b\""},
        {"a \"b\"\\", "a%20%22b%22%5C", NULL, "model.name=\"a \\\"b\\\"\\\\\""},
        {"Meta/X", "Meta%2FX", NULL, "model.name=\"Meta/X\""},
        {"preset:Big_one.2", "Big_one.2", "Big_one.2", ""},
        {"simulated", "simulated", NULL,
         "model.kind=simulated model.name=simulated sim.profile=default"},
        {"simulated:weak", "simulated-weak", NULL,
         "model.kind=simulated model.name=simulated-weak sim.profile=weak"},
        {"openai/gpt-oss-120b", "openai%2Fgpt-oss-120b", NULL,
         "model.name=\"openai/gpt-oss-120b\""},
        {"a..b", "a.%2Eb", NULL, "model.name=\"a..b\""},
        {"x.lock", "x%2Elock", NULL, "model.name=\"x.lock\""},
        {"\xe6\xa8\xa1", "%E6%A8%A1", NULL, "model.name=\"\xe6\xa8\xa1\""},
        {"100%25", "100%2525", NULL, "model.name=\"100%25\""},
        {"simulated:default", "simulated", NULL,
         "model.kind=simulated model.name=simulated sim.profile=default"},
        {"simulatedx", "simulatedx", NULL, "model.name=\"simulatedx\""},
    };
    static const char *const refused[] = {
        "",           "simulated:", "simulated:Weak", "preset:",        "preset:..", "preset:../x",
        "preset:a/b", "---",        "preset:.x",      "simulated:huge", "preset:a b"};
    struct target t;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf sets = BUF_INIT;
        assert_int_equal(target_parse(&t, cases[i].text), 0);
        assert_string_equal(t.slug, cases[i].slug);
        assert_int_equal(!t.preset, !cases[i].preset);
        if (t.preset)
            assert_string_equal(t.preset, cases[i].preset);
        for (size_t k = 0; k < t.sets.n; k++)
            buf_addf(&sets, "%s%s", k ? " " : "", t.sets.v[k]);
        assert_string_equal(sets.len ? sets.ptr : "", cases[i].sets);
        buf_release(&sets);
        target_release(&t);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        assert_int_equal(target_parse(&t, refused[i]), GRASP_EUSAGE);
}

/* ---- contributions ---- */

#define P OUTCOME_PASS
#define F OUTCOME_FAIL
#define I OUTCOME_INVALID
#define U OUTCOME_UNSCORED

static void check_contribution(void **state)
{
    const enum outcome with[] = {P, P, F, I, P, F, U, P, OUTCOME_ERROR};
    const enum outcome without[] = {P, F, P, P, I, F, P, U, P};
    struct contribution c = {.brings = 9, .causes = 9, .score = 5};
    int a, b;
    (void)state;
    contribution_count(with, without, 9, &c);
    assert_int_equal(c.brings, 2);
    assert_int_equal(c.causes, 3);
    assert_int_equal(c.score, 5);
    passes_of(with, without, 9, &a, &b);
    assert_int_equal(a, 3);
    assert_int_equal(b, 4);
    passes_of(with, without, 0, &a, &b);
    assert_int_equal(a + b, 0);
    const enum outcome pending[] = {OUTCOME_PENDING, P};
    const enum outcome fails[] = {P, OUTCOME_PENDING};
    contribution_count(pending, fails, 2, &c);
    assert_int_equal(c.brings + c.causes, 0);
}

/* ---- tables ---- */

static struct score a_score(int correct1, int total1, int correct2, int total2)
{
    struct score s = {.n = 2, .correct = correct1 + correct2, .total = total1 + total2};
    s.v = calloc(2, sizeof(*s.v));
    s.v[0] = (struct family_score){str_dup("task2"), correct1, total1, 0};
    s.v[1] = (struct family_score){str_dup("task10"), correct2, total2, 0};
    return s;
}

static void check_difference(void **state)
{
    struct score a = a_score(1, 4, 0, 4), b = a_score(3, 4, 0, 0);
    double points;
    (void)state;
    assert_true(score_difference(&a, &b, NULL, &points));
    assert_float_equal(points, 62.5, 1e-9);
    assert_true(score_difference(&a, &b, "task2", &points));
    assert_float_equal(points, 50, 1e-9);
    assert_false(score_difference(&a, &b, "task10", &points));
    assert_false(score_difference(&a, &b, "task3", &points));
    score_release(&a);
    score_release(&b);
}

static struct transfer a_transfer(void)
{
    struct transfer t = {.library = "lib",
                         .at = "v1",
                         .commit = {"0123456789012345678901234567890123456789"},
                         .learned_by = str_dup("small"),
                         .skills = 2,
                         .splits = {SPLIT_TEST},
                         .n_splits = 1,
                         .n = 2};
    t.v = calloc(2, sizeof(*t.v));
    for (size_t i = 0; i < t.n; i++) {
        struct executor *e = &t.v[i];
        assert_int_equal(target_parse(&e->target, i ? "big" : "simulated:weak"), 0);
        e->simulated = !i;
        e->model = str_dup("m");
        e->label = str_dup("l");
        e->done = !i; /* the second one was not reached */
        e->score[SPLIT_TEST][ARM_BASELINE] = a_score(1, 4, 0, 4);
        e->score[SPLIT_TEST][ARM_LIBRARY] = a_score(3, 4, 1, 4);
    }
    return t;
}

static void set_outcomes(struct executor *e, enum transfer_arm arm, const char *passes)
{
    size_t n = strlen(passes);
    e->tasks[SPLIT_TEST] = n;
    e->outcomes[SPLIT_TEST][arm] = calloc(n, sizeof(enum outcome));
    for (size_t i = 0; i < n; i++)
        e->outcomes[SPLIT_TEST][arm][i] = passes[i] == '+'   ? OUTCOME_PASS
                                          : passes[i] == '?' ? OUTCOME_UNSCORED
                                                             : OUTCOME_FAIL;
}

static void check_pairs(void **state)
{
    struct transfer t = a_transfer();
    struct executor *e = &t.v[0];
    struct paired p;
    char *text = NULL;
    size_t len;
    (void)state;
    set_outcomes(e, ARM_BASELINE, "-------+?");
    set_outcomes(e, ARM_LIBRARY, "++++++--+");
    assert_int_equal(paired_of(e->outcomes[SPLIT_TEST][ARM_BASELINE],
                               e->outcomes[SPLIT_TEST][ARM_LIBRARY], 9, &p),
                     0);
    assert_int_equal(p.n, 8); /* what is unscored in one arm counts in neither */
    assert_int_equal(p.gained, 6);
    assert_int_equal(p.lost, 1);
    assert_float_equal(p.diff.mean, 62.5, 1e-9);
    assert_true(p.diff.low < 30 && p.diff.low > -10 && p.diff.high > 100);
    assert_float_equal(p.p, 0.125, 1e-9);
    e->regated = true;
    set_outcomes(e, ARM_PRUNED, "+++++---+");
    FILE *out = open_memstream(&text, &len);
    transfer_print(&t, out);
    fclose(out);
    assert_non_null(strstr(text, "the library: 50.0 % (21.5 to 78.5), +62.5 points ("));
    assert_non_null(
        strstr(text, "against no skills on the same 8 tasks: 6 gained, 1 lost, p 0.1250"));
    assert_non_null(strstr(text,
                           "does worse on test with the pruned library than with the whole one "
                           "on the same 9 tasks: 0 gained, 1 lost, p 1.0000"));
    free(text);
    json_t *v = transfer_to_json(&t);
    assert_true(json_bool_at(v, "executors[0].splits.test.pruned_is_worse", false));
    assert_int_equal(json_int_at(v, "executors[0].splits.test.pruned_against_library.lost", 0), 1);
    json_decref(v);
    transfer_release(&t);
}

static void check_table(void **state)
{
    static const char want[] =
        "source: lib at v1 (012345678901), 2 skills, learned by small; executors marked * are the "
        "simulated model\n"
        "\ntest\n"
        "  executor         baseline          with library        diff\n"
        "  simulated:weak*   12.5 %    1/8     50.0 %    4/8     +37.5\n"
        "\nsimulated:weak on test by family\n"
        "  family  baseline          with library        diff\n"
        "  task2    25.0 %    1/4     75.0 %    3/4     +50.0\n"
        "  task10    0.0 %    0/4     25.0 %    1/4     +25.0\n";
    struct transfer t = a_transfer();
    char *text = NULL;
    size_t len;
    (void)state;
    FILE *out = open_memstream(&text, &len);
    transfer_print(&t, out);
    fclose(out);
    assert_string_equal(text, want);
    free(text);
    json_t *v = transfer_to_json(&t);
    assert_int_equal(json_array_size(json_object_get(v, "executors")), 1);
    json_decref(v);
    transfer_release(&t);
}

/* ---- trailers ---- */

static void check_trailers(void **state)
{
    struct trailers t = {.n = 0};
    char longest[300];
    (void)state;
    trailers_add(&t, "Executor-Model", "%s", "a\nForged: b\t");
    assert_string_equal(t.v[0].value, "a Forged: b ");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    trailers_add(&t, "Run", "%s", longest);
    assert_int_equal(strlen(t.v[1].value), TRAILER_TEXT - 1);
    for (int i = 0; i < 2 * MAX_TRAILERS; i++)
        trailers_add(&t, "More", "%d", i);
    assert_int_equal(t.n, MAX_TRAILERS);
}

static void check_fate(void **state)
{
    struct gate_arm arm = {.stop = GATE_FINISHED,
                           .score = {.score = 2, .gains = true, .eligible = true}};
    (void)state;
    assert_string_equal(decision_fate(&arm, true), "accepted");
    assert_string_equal(decision_fate(&arm, false), "beaten");
    arm.score.eligible = false;
    assert_string_equal(decision_fate(&arm, false), "regressions");
    arm.score.gains = false;
    assert_string_equal(decision_fate(&arm, false), "score");
    arm.stop = GATE_STOP_BEATEN;
    assert_string_equal(decision_fate(&arm, false), "beaten");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_targets),    cmocka_unit_test(check_contribution),
        cmocka_unit_test(check_difference), cmocka_unit_test(check_pairs),
        cmocka_unit_test(check_table),      cmocka_unit_test(check_trailers),
        cmocka_unit_test(check_fate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
