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
static const struct probe_set probes = {sides, 4};
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

static void add_all(struct null_gate *g)
{
    for (size_t i = 0; i < ROUNDS; i++)
        assert_int_equal(null_gate_add(g, &rules, &probes, rounds[i].base, rounds[i].cand), 0);
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
    null_gate_summary(&g, 4, &s);
    assert_int_equal(s.accepted, 0);
    assert_float_equal(s.agreement, 1, 0);
    add_all(&g);
    null_gate_summary(&g, 2, &s);
    assert_float_equal(s.mean, 0.5, 1e-12);
    assert_float_equal(s.sd, 1.378404875, 1e-6);
    assert_int_equal(s.min, -2);
    assert_int_equal(s.max, 2);
    assert_int_equal(s.accepted, 3);
    assert_float_equal(s.share, 0.5, 1e-12);
    assert_float_equal(s.update, 0.75, 1e-12);
    /* Wilson's 95 % interval of 3 of 6 */
    assert_float_equal(s.low, 0.1876, 1e-4);
    assert_float_equal(s.high, 0.8124, 1e-4);
    null_gate_release(&g);
}

static void check_none_of_many(void **state)
{
    struct null_gate g = {0};
    struct null_summary s;
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(null_gate_add(&g, &rules, &probes, rounds[0].base, rounds[0].cand), 0);
    null_gate_summary(&g, 4, &s);
    assert_float_equal(s.low, 0, 0);
    assert_float_equal(s.high, 0.1611, 1e-4); /* of 0 of 20 */
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
    null_gate_print(&g, 4, out);
    fclose(out);
    assert_non_null(strstr(text, "     +1       3         2  #"));
    assert_non_null(strstr(text, "let in: 3 of 6 rounds, 50.0 % (95 %: 18.8 to 81.2 %)"));
    assert_non_null(
        strstr(text, "  t_2                   3 of 6\n  t_1                   3 of 5\n"));
    free(text);
    json_t *v = null_gate_to_json(&g, 4);
    assert_int_equal(json_array_size(json_object_get(v, "rounds")), ROUNDS);
    json_decref(v);
    null_gate_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_rounds),
        cmocka_unit_test(check_summary),
        cmocka_unit_test(check_none_of_many),
        cmocka_unit_test(check_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
