/* test_null_gate.c - the arithmetic of the library against itself. */
#include "test.h"

#include "runtime/transfer/null_gate.h"

#define P OUTCOME_PASS
#define F OUTCOME_FAIL
#define I OUTCOME_INVALID
#define U OUTCOME_UNSCORED

static struct task tasks[] = {{.id = "t_1"}, {.id = "t_2"}, {.id = "t_3"}, {.id = "t_4"}};
static struct probe sides[] = {
    {&tasks[0], true}, {&tasks[1], true}, {&tasks[2], false}, {&tasks[3], false}};
static const struct probe_set probes = {.v = sides, .n = 4};
static const struct gate_rules rules = GATE_RULES_DEFAULT;

/* baseline, candidate, what the gate says of it */
static const struct {
    enum outcome base[4], cand[4];
    int score;
    bool accepted;
} rounds[] = {
    {{F, F, P, P}, {F, F, P, P}, 0, false},  {{F, F, P, P}, {P, F, P, P}, 1, true},
    {{F, F, P, P}, {P, P, P, F}, 1, false},  /* a regression */
    {{P, F, F, P}, {P, P, P, P}, 2, true},   /* the baseline regressed */
    {{F, F, P, P}, {F, F, P, I}, -2, false}, /* an invalid action counts twice */
    {{U, F, P, P}, {P, P, P, U}, 1, true},   /* what is unscored counts nowhere */
};
#define ROUNDS (sizeof(rounds) / sizeof(*rounds))

/* Rounds from..to as the candidates of one update, on the baseline of the first. */
static void add_round(struct null_gate *g, size_t from, size_t to)
{
    struct gate gate;
    bool failing[4];
    for (size_t i = 0; i < 4; i++)
        failing[i] = sides[i].failing;
    assert_int_equal(gate_init(&gate, &rules, failing, 4, to - from), 0);
    memcpy(gate.base, rounds[from].base, sizeof(rounds[from].base));
    for (size_t k = 0; k < to - from; k++)
        memcpy(gate.arm[k].outcomes, rounds[from + k].cand, sizeof(rounds[from].cand));
    assert_int_equal(gate_update(&gate), 0);
    assert_int_equal(null_gate_add(g, &probes, &gate), 0);
    gate_release(&gate);
}

static void add_all(struct null_gate *g)
{
    for (size_t i = 0; i < ROUNDS; i++)
        add_round(g, i, i + 1);
}

static void check_rounds(void **state)
{
    struct null_gate g = {0};
    (void)state;
    add_all(&g);
    assert_int_equal(g.n, ROUNDS);
    for (size_t i = 0; i < ROUNDS; i++) {
        assert_int_equal(g.v[i].score.score, rounds[i].score);
        assert_int_equal(g.v[i].accepted, rounds[i].accepted);
    }
    assert_int_equal(g.n_tasks, 4);
    assert_int_equal(g.measured, 22);
    assert_int_equal(g.agreed, 14);
    assert_int_equal(g.failing_total, 11);
    assert_int_equal(g.failing_pass, 1);
    assert_int_equal(g.passing_total, 11);
    assert_int_equal(g.passing_fail, 1);
    assert_int_equal(g.tasks[0].measured, 5);
    assert_int_equal(g.tasks[0].agreed, 3);
    null_gate_release(&g);
}

static void check_summary(void **state)
{
    struct null_gate g = {0};
    struct null_summary s;
    (void)state;
    null_gate_summary(&g, &s);
    assert_int_equal(s.accepted, 0);
    assert_float_equal(s.agreement, 1, 0);
    add_all(&g);
    null_gate_summary(&g, &s);
    assert_float_equal(s.mean, 0.5, 1e-12);
    assert_float_equal(s.sd, 1.378404875, 1e-6);
    assert_int_equal(s.min, -2);
    assert_int_equal(s.max, 2);
    assert_int_equal(s.accepted, 3);
    assert_float_equal(s.share, 0.5, 1e-12);
    assert_float_equal(s.update, 0.5, 1e-12);
    /* Wilson's 95 % interval of 3 of 6 */
    assert_float_equal(s.candidates.low, 0.1876, 1e-4);
    assert_float_equal(s.candidates.high, 0.8124, 1e-4);
    assert_float_equal(s.updates.low, 0.1876, 1e-4);
    null_gate_release(&g);
}

/* Candidates of one update: one that is let in makes it a fooled one, however many there are. */
static void check_updates(void **state)
{
    struct null_gate g = {0};
    struct null_summary s;
    (void)state;
    add_round(&g, 0, 3);
    add_round(&g, 0, 1);
    assert_int_equal(g.n, 4);
    assert_int_equal(g.rounds, 2);
    assert_int_equal(g.fooled, 1);
    null_gate_summary(&g, &s);
    assert_float_equal(s.share, 0.25, 1e-12);
    assert_float_equal(s.update, 0.5, 1e-12);
    null_gate_release(&g);
}

static void check_none_of_many(void **state)
{
    struct null_gate g = {0};
    struct null_summary s;
    (void)state;
    for (int i = 0; i < 20; i++)
        add_round(&g, 0, 1);
    null_gate_summary(&g, &s);
    assert_float_equal(s.candidates.low, 0, 0);
    assert_float_equal(s.candidates.high, 0.1611, 1e-4); /* of 0 of 20 */
    assert_float_equal(s.update, 0, 0);
    null_gate_release(&g);
}

static void check_text(void **state)
{
    struct null_gate g = {0};
    char *text = NULL;
    size_t len;
    (void)state;
    add_all(&g);
    FILE *out = open_memstream(&text, &len);
    null_gate_print(&g, out);
    fclose(out);
    assert_non_null(strstr(text, "     +1       3         2  #"));
    assert_non_null(strstr(text, "let in: 3 of 6, 50.0 % (95 %: 18.8 to 81.2 %)"));
    assert_non_null(
        strstr(text, "  t_2                   3 of 6\n  t_1                   3 of 5\n"));
    free(text);
    json_t *v = null_gate_to_json(&g);
    assert_int_equal(json_array_size(json_object_get(v, "candidates")), ROUNDS);
    json_decref(v);
    null_gate_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_rounds),  cmocka_unit_test(check_updates),
        cmocka_unit_test(check_summary), cmocka_unit_test(check_none_of_many),
        cmocka_unit_test(check_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
