/* test_evidence.c - the evidence of a decision, written, read and forged. */
#include "gate_letters.h"

#include "runtime/base/json.h"

static json_t *sample_evidence(const char *cand)
{
    static const char *const ids[] = {"a_1", "a_2", "b_1", "b_2"};
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g;
    bool side[4];
    json_t *e;
    assert_int_equal(gate_init(&g, &rules, side, sides("FFPP", side), 1), 0);
    memcpy(g.failing, side, sizeof(side));
    outcomes("fipp", g.base);
    arm(&g, 0, cand);
    gate_update(&g);
    e = gate_evidence(&g, 0, ids);
    assert_non_null(e);
    gate_release(&g);
    return e;
}

static void evidence_reads_well(void **state)
{
    json_t *e = sample_evidence("pepp");
    char *text = json_dumps(e, JSON_COMPACT);
    struct gate_score s;
    (void)state;
    assert_string_equal(
        text,
        "{\"schema\":\"grasp-evidence-1\",\"rules\":{\"invalid_action_penalty\":2,"
        "\"regression_budget\":0,\"regression_gate\":true,\"fixes_only_scoring\":false,"
        "\"early_stop\":true,\"coverage_floor\":0.90000000000000002,\"repeats\":1},"
        "\"stop\":\"finished\",\"score\":{\"fixes\":1,\"regressions\":0,"
        "\"invalid_action_regressions\":0,\"base_fixes\":0,\"base_regressions\":0,\"failing\":2,"
        "\"passing\":2,\"unscored\":0,\"pending\":0,\"score\":1,\"eligible\":true},"
        "\"probes\":["
        "{\"id\":\"a_1\",\"side\":\"failing\",\"base\":\"fail\",\"cand\":\"pass\"},"
        "{\"id\":\"a_2\",\"side\":\"failing\",\"base\":\"invalid\",\"cand\":\"error\"},"
        "{\"id\":\"b_1\",\"side\":\"passing\",\"base\":\"pass\",\"cand\":\"pass\"},"
        "{\"id\":\"b_2\",\"side\":\"passing\",\"base\":\"pass\",\"cand\":\"pass\"}]}");
    assert_int_equal(gate_evidence_check(e, &s), 0);
    assert_int_equal(s.score, 1);
    assert_true(s.eligible);
    free(text);
    json_decref(e);
}

/* Every key that carries meaning, altered: {path to the object, key, new value, code}. */
static const struct {
    const char *at, *key, *value;
    int code;
} forgeries[] = {
    {"", "schema", "\"grasp-evidence-2\"", GRASP_EPARSE},
    {"", "note", "\"further keys are fine\"", 0},
    {"", "probes", "{}", GRASP_EPARSE},
    {"", "stop", "\"score\"", GRASP_EREFUSED},
    {"", "stop", "\"regressions\"", GRASP_EREFUSED},
    {"", "stop", "\"running\"", GRASP_EPARSE},
    {"", "stop", "3", GRASP_EPARSE},
    {"score", "score", "2", GRASP_EREFUSED},
    {"score", "score", "1.0", GRASP_EPARSE},
    {"score", "fixes", "2", GRASP_EREFUSED},
    {"score", "regressions", "1", GRASP_EREFUSED},
    {"score", "invalid_action_regressions", "1", GRASP_EREFUSED},
    {"score", "base_fixes", "1", GRASP_EREFUSED},
    {"score", "base_regressions", "1", GRASP_EREFUSED},
    {"score", "failing", "18", GRASP_EREFUSED},
    {"score", "passing", "18", GRASP_EREFUSED},
    {"score", "unscored", "1", GRASP_EREFUSED},
    {"score", "pending", "1", GRASP_EREFUSED},
    {"score", "eligible", "false", GRASP_EREFUSED},
    {"score", "eligible", "1", GRASP_EPARSE},
    {"rules", "invalid_action_penalty", "9999999", GRASP_EPARSE},
    {"rules", "regression_budget", "-1", GRASP_EREFUSED},
    {"rules", "regression_gate", "null", GRASP_EPARSE},
    {"rules", "repeats", "0", GRASP_EPARSE},
    {"probes[0]", "cand", "\"fail\"", GRASP_EREFUSED},
    {"probes[0]", "base", "\"pass\"", GRASP_EREFUSED},
    {"probes[2]", "cand", "\"invalid\"", GRASP_EREFUSED},
    {"probes[2]", "side", "\"failing\"", GRASP_EREFUSED},
    {"probes[2]", "side", "\"f\"", GRASP_EPARSE},
    {"probes[2]", "cand", "\"passed\"", GRASP_EPARSE},
    {"probes[2]", "cand", "\"pending\"", GRASP_EREFUSED},
    {"probes[2]", "id", "null", GRASP_EPARSE},
};

static void forged_evidence_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forgeries) / sizeof(*forgeries); i++) {
        json_t *e = sample_evidence("pepp"),
               *at = *forgeries[i].at ? json_at(e, forgeries[i].at) : e;
        json_t *v = json_loads(forgeries[i].value, JSON_DECODE_ANY, NULL);
        assert_non_null(v);
        assert_int_equal(json_object_set_new(at, forgeries[i].key, v), 0);
        int rc = gate_evidence_check(e, NULL);
        if (rc != forgeries[i].code)
            fail_msg("%s.%s = %s: %d %s", forgeries[i].at, forgeries[i].key, forgeries[i].value, rc,
                     err_msg());
        json_decref(e);
    }
    json_t *e = json_loads("[1]", 0, NULL);
    assert_int_equal(gate_evidence_check(e, NULL), GRASP_EPARSE);
    assert_int_equal(gate_evidence_check(NULL, NULL), GRASP_EPARSE);
    json_decref(e);
}

static void evidence_of_stopped_arms(void **state)
{
    static const struct {
        const char *cand, *stop;
        int pending;
    } cases[] = {{"..f.", "regressions", 3}, {"fi..", "score", 2}, {"pppp", "finished", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *e = sample_evidence(cases[i].cand);
        struct gate_score s;
        assert_string_equal(json_str_at(e, "stop", ""), cases[i].stop);
        assert_int_equal(gate_evidence_check(e, &s), 0);
        assert_int_equal(s.pending, cases[i].pending);
        json_object_set_new(e, "stop", json_string("finished"));
        assert_int_equal(gate_evidence_check(e, &s), s.pending ? GRASP_EREFUSED : 0);
        json_decref(e);
    }
}

/* Three fixes, one of them contradicted, under the rule for outcomes that flip. */
static json_t *sample_replicate(void)
{
    static const char *const ids[] = {"a_1", "a_2", "a_3", "b_1"};
    static const char *const again[] = {"pppppp", "pppppp", "f", ""};
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g;
    bool side[4];
    json_t *e;
    rules.rule = GATE_REPLICATE;
    assert_int_equal(gate_init(&g, &rules, side, sides("FFFP", side), 1), 0);
    outcomes("fffp", g.base);
    arm(&g, 0, "pppp");
    for (size_t i = 0; i < 4; i++) {
        outcomes(again[i], g.arm[0].again + i * GATE_REDRAWS);
        outcomes("ffffff", g.base_again + i * GATE_REDRAWS);
    }
    assert_int_equal(gate_update(&g), 0);
    e = gate_evidence(&g, 0, ids);
    assert_non_null(e);
    gate_release(&g);
    return e;
}

static void redraws_are_evidence(void **state)
{
    static const struct {
        const char *at, *key, *value;
        int code;
    } forged[] = {
        {"rules", "rule", "\"paper\"", GRASP_EPARSE},
        {"rules", "rule", "\"odds\"", GRASP_EPARSE},
        {"rules", "alpha", "0.0", GRASP_EPARSE},
        {"rules", "alpha", "0.00001", GRASP_EREFUSED},
        {"rules", "flips", "0.5", GRASP_EPARSE},
        {"rules", "flips", "null", GRASP_EPARSE},
        {"rules", "candidates", "0", GRASP_EPARSE},
        {"rules", "candidates", "1000", GRASP_EREFUSED},
        {"probes[0]", "cand_again", "\"pass\"", GRASP_EPARSE},
        {"probes[0]", "cand_again", "[\"pending\"]", GRASP_EPARSE},
        {"probes[0]", "cand_again", "[1]", GRASP_EPARSE},
        {"probes[0]", "cand_again", "[\"fail\"]", GRASP_EREFUSED},
        {"probes[0]", "base_again", "[\"pass\"]", GRASP_EREFUSED},
        {"probes[2]", "cand_again", "[\"pass\"]", GRASP_EREFUSED},
        {"probes[3]", "cand_again", "[\"pass\"]", GRASP_EREFUSED}, /* nobody asked for it */
        {"probes[3]", "base_again", "[\"pass\"]", GRASP_EREFUSED},
    };
    struct gate_score s;
    json_t *e = sample_replicate(), *paper = sample_evidence("pepp"), *list = json_array();
    (void)state;
    assert_string_equal(json_str_at(e, "rules.rule", ""), "replicate");
    assert_int_equal(json_array_size(json_at(e, "probes[2].cand_again")), 1);
    assert_null(json_at(e, "probes[3].cand_again"));
    size_t pairs = json_array_size(json_at(e, "probes[0].cand_again"));
    assert_in_range(pairs, 2, 5); /* it had enough: what was drawn ahead is not shown */
    assert_int_equal(json_array_size(json_at(e, "probes[0].base_again")), pairs - 1);
    assert_int_equal(gate_evidence_check(e, &s), 0);
    assert_true(s.eligible);
    assert_int_equal(s.score, 2);
    json_decref(e);
    for (size_t i = 0; i < sizeof(forged) / sizeof(*forged); i++) {
        e = sample_replicate();
        json_t *v = json_loads(forged[i].value, JSON_DECODE_ANY, NULL);
        assert_int_equal(json_object_set_new(json_at(e, forged[i].at), forged[i].key, v), 0);
        int rc = gate_evidence_check(e, NULL);
        if (rc != forged[i].code)
            fail_msg("%s.%s = %s: %d %s", forged[i].at, forged[i].key, forged[i].value, rc,
                     err_msg());
        json_decref(e);
    }
    e = sample_replicate();
    for (int r = 0; r <= GATE_REDRAWS; r++)
        json_array_append_new(list, json_string("pass"));
    json_object_set(json_at(e, "probes[0]"), "cand_again", list);
    assert_int_equal(gate_evidence_check(e, NULL), GRASP_EPARSE);
    json_object_set(json_at(paper, "probes[0]"), "cand_again", list); /* its rule has none */
    assert_int_equal(gate_evidence_check(paper, NULL), GRASP_EPARSE);
    json_decref(list);
    json_decref(paper);
    json_decref(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence_reads_well),
        cmocka_unit_test(forged_evidence_is_found),
        cmocka_unit_test(evidence_of_stopped_arms),
        cmocka_unit_test(redraws_are_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
