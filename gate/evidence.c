/* evidence.c - what the gate measured as JSON, and whether such a JSON is true to itself. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gate_private.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

#define SCHEMA "grasp-evidence-1"
/* More probes, or numbers beyond this in the rules, are no evidence of ours. */
#define MOST_PROBES 1000000
#define MOST_RULE   1000

static const struct {
    const char *key;
    size_t offset;
} counts[] = {
    {"fixes", offsetof(struct gate_score, fixes)},
    {"regressions", offsetof(struct gate_score, regressions)},
    {"invalid_action_regressions", offsetof(struct gate_score, invalid)},
    {"base_fixes", offsetof(struct gate_score, base_fixes)},
    {"base_regressions", offsetof(struct gate_score, base_regressions)},
    {"failing", offsetof(struct gate_score, failing)},
    {"passing", offsetof(struct gate_score, passing)},
    {"unscored", offsetof(struct gate_score, unscored)},
    {"pending", offsetof(struct gate_score, pending)},
    {"score", offsetof(struct gate_score, score)},
};
#define N_COUNTS (sizeof(counts) / sizeof(*counts))

static int count_of(const struct gate_score *s, size_t i)
{
    return *(const int *)((const char *)s + counts[i].offset);
}

/* What the path looked at, and no more: draws made ahead of it are none of its evidence. */
static void add_again(json_t *row, const char *key, const enum outcome *again, unsigned n)
{
    json_t *list = n ? json_array() : NULL;

    for (unsigned r = 0; list && r < n; r++)
        json_array_append_new(list, json_string(outcome_name(again[r])));
    if (list)
        json_object_set_new(row, key, list);
}

json_t *gate_evidence(const struct gate *g, size_t arm, const char *const *ids)
{
    const struct gate_arm *a = &g->arm[arm];
    const struct gate_rules *r = &g->rules;
    json_t *score = json_object(), *probes = json_array();
    struct replicate_state state = {0};
    struct replicate_used *used = NULL;
    struct gate_score s;

    if (r->rule == GATE_REPLICATE && !(used = calloc(g->n + 1, sizeof(*used))))
        goto fail;
    if (used)
        replicate_weigh(g, arm, &state, NULL, NULL, used);
    else
        gate_score(r, g->failing, g->base, a->outcomes, g->n, &state.score);
    s = state.score;
    for (size_t i = 0; i < N_COUNTS; i++)
        if (json_object_set_new(score, counts[i].key, json_integer(count_of(&s, i))) < 0)
            goto fail;
    if (json_object_set_new(score, "eligible", json_boolean(s.eligible && s.pending == 0)) < 0)
        goto fail;
    for (size_t i = 0; i < g->n; i++) {
        json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "id", ids[i], "side",
                                g->failing[i] ? "failing" : "passing", "base",
                                outcome_name(g->base[i]), "cand", outcome_name(a->outcomes[i]));
        if (used && row) {
            add_again(row, "base_again", g->base_again + i * GATE_REDRAWS, used[i].base);
            add_again(row, "cand_again", a->again + i * GATE_REDRAWS, used[i].cand);
        }
        if (json_array_append_new(probes, row) < 0)
            goto fail;
    }
    json_t *rules = json_pack("{s:i, s:i, s:b, s:b, s:b, s:f, s:i}", "invalid_action_penalty",
                              r->invalid_action_penalty, "regression_budget", r->regression_budget,
                              "regression_gate", r->regression_gate, "fixes_only_scoring",
                              r->fixes_only, "early_stop", r->early_stop, "coverage_floor",
                              r->coverage_floor, "repeats", r->repeats);
    if (used && rules)
        json_object_update_new(rules, json_pack("{s:s, s:f, s:f, s:i}", "rule",
                                                gate_rule_name(r->rule), "alpha", r->alpha, "flips",
                                                r->flips, "candidates", r->candidates));
    free(used);
    return json_pack("{s:s, s:o, s:s, s:o, s:o}", "schema", SCHEMA, "rules", rules, "stop",
                     gate_stop_name(a->stop), "score", score, "probes", probes);
fail:
    free(used);
    json_decref(score);
    json_decref(probes);
    return NULL;
}

static int read_rules(const json_t *evidence, struct gate_rules *r)
{
    json_error_t e;
    int gate, fixes, stop;

    if (json_unpack_ex((json_t *)evidence, &e, 0, "{s:{s:i, s:i, s:b, s:b, s:b, s:F, s:i}}",
                       "rules", "invalid_action_penalty", &r->invalid_action_penalty,
                       "regression_budget", &r->regression_budget, "regression_gate", &gate,
                       "fixes_only_scoring", &fixes, "early_stop", &stop, "coverage_floor",
                       &r->coverage_floor, "repeats", &r->repeats) < 0)
        return err_set(GRASP_EPARSE, "evidence: rules: %s", e.text);
    if (abs(r->invalid_action_penalty) > MOST_RULE || abs(r->regression_budget) > MOST_RULE ||
        r->repeats < 1 || r->repeats > MOST_RULE)
        return err_set(GRASP_EPARSE, "evidence: rules: a number is out of range");
    const json_t *rule = json_object_get(json_object_get(evidence, "rules"), "rule");
    if (rule) { /* the paper's has no such key */
        if (strcmp(json_string_value(rule) ? json_string_value(rule) : "",
                   gate_rule_name(GATE_REPLICATE)) != 0 ||
            json_unpack_ex((json_t *)evidence, &e, 0, "{s:{s:F, s:F, s:i}}", "rules", "alpha",
                           &r->alpha, "flips", &r->flips, "candidates", &r->candidates) < 0 ||
            !(r->alpha > 0 && r->alpha <= 1) || !(r->flips > 0 && r->flips < 0.5) ||
            r->candidates < 1 || r->candidates > MOST_PROBES)
            return err_set(GRASP_EPARSE, "evidence: rules: want rule 'replicate' with alpha, flips "
                                         "and candidates in range");
        r->rule = GATE_REPLICATE;
    }
    r->regression_gate = gate;
    r->fixes_only = fixes;
    r->early_stop = stop;
    return 0;
}

static int read_again(const json_t *list, const struct gate *g, enum outcome *again, size_t probe)
{
    size_t n = json_array_size(list);

    if (!list)
        return 0;
    if (!json_is_array(list) || g->rules.rule != GATE_REPLICATE || n > GATE_REDRAWS)
        return -1;
    for (size_t r = 0; r < n; r++) {
        int o = outcome_from_name(json_string_value(json_array_get(list, r)));
        if (o <= OUTCOME_PENDING)
            return -1;
        again[probe * GATE_REDRAWS + r] = (enum outcome)o;
    }
    return 0;
}

static int read_probes(struct gate *g, const json_t *probes)
{
    json_t *row;
    size_t i;

    json_array_foreach (probes, i, row) {
        const char *id, *side, *base, *cand;
        int b, c;
        if (json_unpack(row, "{s:s, s:s, s:s, s:s}", "id", &id, "side", &side, "base", &base,
                        "cand", &cand) < 0 ||
            (b = outcome_from_name(base)) < 0 || (c = outcome_from_name(cand)) < 0 ||
            (strcmp(side, "failing") != 0 && strcmp(side, "passing") != 0))
            return err_set(GRASP_EPARSE,
                           "evidence: probes[%zu]: want {id, side, base, cand} with a known side "
                           "and known outcomes",
                           i);
        g->failing[i] = side[0] == 'f';
        g->base[i] = (enum outcome)b;
        g->arm[0].outcomes[i] = (enum outcome)c;
        if (read_again(json_object_get(row, "base_again"), g, g->base_again, i) < 0 ||
            read_again(json_object_get(row, "cand_again"), g, g->arm[0].again, i) < 0)
            return err_set(GRASP_EPARSE,
                           "evidence: probes[%zu]: its redraws are no list of at most "
                           "%d known outcomes",
                           i, GATE_REDRAWS);
    }
    return 0;
}

/* A row shows the redraws that the rule looked at: all of them, and no others. */
static int check_again(const struct gate *g, const json_t *probes)
{
    struct replicate_used *used = calloc(g->n + 1, sizeof(*used));
    struct replicate_state state;
    json_t *row;
    size_t i;
    int rc = used ? 0 : err_oom();

    if (used)
        replicate_weigh(g, 0, &state, NULL, NULL, used);
    json_array_foreach (probes, i, row) {
        if (rc == 0 && (json_array_size(json_object_get(row, "base_again")) != used[i].base ||
                        json_array_size(json_object_get(row, "cand_again")) != used[i].cand))
            rc = err_set(GRASP_EREFUSED,
                         "evidence: probes[%zu] has other redraws than its rule asked for: %d of "
                         "the baseline, %d of the candidate",
                         i, used[i].base, used[i].cand);
    }
    free(used);
    return rc;
}

static int check_score(const json_t *score, const struct gate_score *s)
{
    const json_t *eligible = json_object_get(score, "eligible");
    bool is = s->eligible && s->pending == 0;

    for (size_t i = 0; i < N_COUNTS; i++) {
        const json_t *v = json_object_get(score, counts[i].key);
        if (!json_is_integer(v))
            return err_set(GRASP_EPARSE, "evidence: score.%s is no integer", counts[i].key);
        if (json_integer_value(v) != count_of(s, i))
            return err_set(GRASP_EREFUSED,
                           "evidence: score.%s is %" JSON_INTEGER_FORMAT ", but its probes give %d",
                           counts[i].key, json_integer_value(v), count_of(s, i));
    }
    if (!json_is_boolean(eligible))
        return err_set(GRASP_EPARSE, "evidence: score.eligible is no boolean");
    if (json_is_true(eligible) != is)
        return err_set(GRASP_EREFUSED, "evidence: score.eligible is %s, but its probes say %s",
                       is ? "false" : "true", is ? "true" : "false");
    return 0;
}

/* Whether the probes bear the stop out. What beat a candidate is not in its own evidence. */
static int check_stop(const char *name, const struct gate_score *s, const struct gate_bound *b)
{
    int stop = gate_stop_from_name(name);
    bool fits = true;

    if (stop < 0 || stop == GATE_RUNNING)
        return err_set(GRASP_EPARSE, "evidence: stop: '%s' is no reason to stop", name ? name : "");
    if (stop == GATE_FINISHED)
        fits = s->pending == 0;
    else if (stop == GATE_STOP_REGRESSIONS)
        fits = !b->within_budget;
    else if (stop == GATE_STOP_SCORE)
        fits = !b->can_be_eligible;
    if (!fits)
        return err_set(GRASP_EREFUSED, "evidence: its probes do not bear out the stop '%s'", name);
    return 0;
}

int gate_evidence_check(const json_t *evidence, struct gate_score *recomputed)
{
    const json_t *probes = json_object_get(evidence, "probes");
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g = {0};
    struct gate_score s;
    struct gate_bound b;
    int rc;

    if (strcmp(json_str_at(evidence, "schema", ""), SCHEMA) != 0)
        return err_set(GRASP_EPARSE, "evidence: its schema is not %s", SCHEMA);
    if (!json_is_array(probes) || json_array_size(probes) > MOST_PROBES)
        return err_set(GRASP_EPARSE, "evidence: probes is no list of at most %d", MOST_PROBES);
    if ((rc = read_rules(evidence, &rules)) < 0 ||
        (rc = gate_init(&g, &rules, NULL, json_array_size(probes), 1)) < 0 ||
        (rc = read_probes(&g, probes)) < 0)
        goto out;
    g.arm[0].stop = GATE_RUNNING;
    gate_update(&g); /* the same look at it as when it was decided */
    s = g.arm[0].score;
    b = g.arm[0].bound;
    if (recomputed)
        *recomputed = s;
    if ((rc = check_score(json_object_get(evidence, "score"), &s)) == 0)
        rc = check_stop(json_str_at(evidence, "stop", NULL), &s, &b);
    if (rc == 0 && rules.rule == GATE_REPLICATE)
        rc = check_again(&g, probes);
out:
    gate_release(&g);
    return rc;
}
