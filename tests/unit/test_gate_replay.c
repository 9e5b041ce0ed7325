/*
 * test_gate_replay.c - whole learning runs of the published reference: given the outcomes, batches,
 * probe sets, scores, eligibility and winners must come out. tests/data/decisions_small.json has
 * the same format and was drawn up for this test.
 */
#include "test.h"

#include "gate/gate.h"
#include "probes/probe_set.h"
#include "probes/rng.h"
#include "runtime/base/json.h"

struct run {
    json_t *file;
    struct task *dev;
    size_t n;
    bool *last, *now; /* outcome of each dev task in the epoch before, and in this one */
    struct probe_source *source;
    size_t candidates, winners;
};

static bool listed(const json_t *list, const char *id)
{
    size_t i;
    json_t *v;
    json_array_foreach (list, i, v)
        if (strcmp(json_string_value(v), id) == 0)
            return true;
    return false;
}

static void open_dev(struct run *r, json_t *dev, bool family_types)
{
    size_t i;
    json_t *o;
    r->n = json_array_size(dev);
    r->dev = calloc(r->n, sizeof(*r->dev));
    r->last = calloc(r->n, sizeof(*r->last));
    r->now = calloc(r->n, sizeof(*r->now));
    r->source = calloc(r->n, sizeof(*r->source));
    json_array_foreach (dev, i, o) {
        const char *id = json_is_string(o) ? json_string_value(o) : json_str_at(o, "id", NULL);
        r->dev[i].id = id;
        r->dev[i].family = strndup(id, (size_t)(strrchr(id, '_') - id));
        r->dev[i].type = family_types ? r->dev[i].family : NULL;
    }
}

static void expect_probes(const struct probe_set *set, const json_t *probe)
{
    const json_t *failing = json_at(probe, "failing"), *passing = json_at(probe, "passing");
    size_t nf = json_array_size(failing);
    assert_int_equal(set->n, nf + json_array_size(passing));
    for (size_t i = 0; i < set->n; i++) {
        const json_t *want = i < nf ? json_array_get(failing, i) : json_array_get(passing, i - nf);
        assert_string_equal(set->v[i].task->id, json_string_value(want));
        assert_int_equal(set->v[i].failing, i < nf);
    }
}

static enum outcome outcome_of(const json_t *arm, const char *id)
{
    if (listed(json_at(arm, "correct"), id))
        return OUTCOME_PASS;
    if (listed(json_at(arm, "errors"), id))
        return OUTCOME_ERROR;
    return listed(json_at(arm, "invalid"), id) ? OUTCOME_INVALID : OUTCOME_FAIL;
}

/* Evaluates the candidates in full, and once more with early stopping in the order of gate_next. */
static int decide(const struct probe_set *set, json_t *update, json_t *candidates, bool early)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g;
    bool *failing = calloc(set->n + 1, sizeof(*failing));
    size_t k, p, wave = early ? 3 : set->n;
    json_t *c;
    int winner;

    rules.early_stop = early;
    for (size_t i = 0; i < set->n; i++)
        failing[i] = set->v[i].failing;
    assert_int_equal(gate_init(&g, &rules, failing, set->n, json_array_size(candidates)), 0);
    for (size_t i = 0; i < set->n; i++)
        g.base[i] = outcome_of(json_at(update, "baseline"), set->v[i].task->id);
    while (gate_update(&g) > 0)
        json_array_foreach (candidates, k, c)
            for (size_t i = 0; i < wave && gate_next(&g, k, 1, &p); i++)
                g.arm[k].outcomes[p] = outcome_of(c, set->v[p].task->id);
    json_array_foreach (candidates, k, c) {
        const struct gate_score *s = &g.arm[k].score;
        if (g.arm[k].stop != GATE_FINISHED)
            continue;
        assert_int_equal(s->base_fixes, json_int_at(update, "baseline.fixes", -1));
        assert_int_equal(s->base_regressions, json_int_at(update, "baseline.regressions", -1));
        assert_int_equal(s->fixes, json_int_at(c, "fixes", -1));
        assert_int_equal(s->regressions, json_int_at(c, "regressions", -1));
        assert_int_equal(s->invalid, json_int_at(c, "invalid_action_regressions", -1));
        assert_int_equal(s->score, json_int_at(c, "adjusted", -99));
    }
    winner = gate_winner(&g);
    gate_release(&g);
    free(failing);
    return winner;
}

static void check_winner(json_t *update, const json_t *candidates, int winner)
{
    json_t *want = json_at(update, "winner"), *c = json_array_get(candidates, (size_t)winner);
    if (winner < 0) {
        assert_true(json_is_null(want));
        return;
    }
    assert_true(json_is_object(want));
    assert_string_equal(json_str_at(want, "action", ""), json_str_at(c, "action", "?"));
    assert_string_equal(json_str_at(want, "name", ""), json_str_at(c, "name", "?"));
}

static void check_update(struct run *r, json_t *u, const size_t *order)
{
    size_t every = (size_t)json_int_at(r->file, "settings.update_every", 0), n = 0, i;
    uint64_t seed = (uint64_t)json_int_at(r->file, "settings.seed", 0);
    uint64_t epoch = (uint64_t)json_int_at(u, "epoch", 0);
    uint64_t cycle = (uint64_t)json_int_at(u, "update_cycle", 0);
    struct probe_set set = {0};
    json_t *id, *all = json_at(u, "evaluated"), *c, *candidates = json_array();

    if (cycle > 0)
        for (i = 0; i < every * cycle; i++)
            r->source[n++] = (struct probe_source){&r->dev[order[i]], r->now[order[i]]};
    else if (epoch > 0)
        for (i = 0; i < r->n; i++)
            r->source[n++] = (struct probe_source){&r->dev[i], r->last[i]};
    json_array_foreach (json_at(u, "batch"), i, id) {
        size_t at = order[every * cycle + i];
        assert_string_equal(json_string_value(id), r->dev[at].id);
        r->now[at] = !listed(json_at(u, "batch_failing"), r->dev[at].id);
        if (cycle == 0 && epoch == 0)
            r->source[n++] = (struct probe_source){&r->dev[at], r->now[at]};
    }
    assert_true(i == every || every * cycle + i == r->n);
    assert_int_equal(probe_set_draw(&set, r->source, n,
                                    (size_t)json_int_at(r->file, "settings.grpo_eval_n", 0),
                                    PROBE_STRATA_TYPE, NULL, rng_seed_probes(seed, epoch, cycle)),
                     0);
    expect_probes(&set, json_at(u, "probe"));
    json_array_foreach (all, i, c)
        if (!json_bool_at(c, "revision", false))
            json_array_append(candidates, c);
    r->candidates += json_array_size(candidates);
    int winner = decide(&set, u, candidates, false);
    assert_int_equal(decide(&set, u, candidates, true), winner);
    r->winners += winner >= 0;
    if (!json_bool_at(u, "winner_is_revision", false))
        check_winner(u, candidates, winner);
    json_decref(candidates);
    probe_set_release(&set);
}

static void replay(const char *path, json_t *dev, size_t candidates, size_t winners)
{
    struct run r = {0};
    size_t i, *order;
    json_t *u;

    assert_int_equal(json_read_file(&r.file, path), 0);
    if (!dev)
        dev = json_at(r.file, "dev");
    open_dev(&r, dev, strcmp(json_str_at(r.file, "settings.types", ""), "family") == 0);
    order = calloc(r.n, sizeof(*order));
    json_array_foreach (json_at(r.file, "updates"), i, u) {
        if (json_int_at(u, "update_cycle", 0) == 0) {
            memcpy(r.last, r.now, r.n * sizeof(*r.now));
            probe_epoch_order((uint64_t)json_int_at(r.file, "settings.seed", 0),
                              (uint64_t)json_int_at(u, "epoch", 0), r.n, order);
        }
        check_update(&r, u, order);
    }
    assert_int_equal(r.candidates, candidates);
    assert_int_equal(r.winners, winners);
    for (i = 0; i < r.n; i++)
        free(r.dev[i].family);
    free(r.dev);
    free(r.last);
    free(r.now);
    free(r.source);
    free(order);
    json_decref(r.file);
}

static void own_run(void **state)
{
    (void)state;
    replay("tests/data/decisions_small.json", NULL, 24, 4);
}

static void published(const char *name, size_t candidates, size_t winners)
{
    char path[512];
    json_t *dev = NULL;
    if (!shared_file("medagentbench/v1/split_dev.json", path))
        skip();
    assert_int_equal(json_read_file(&dev, path), 0);
    replay(shared_file(name, path), dev, candidates, winners);
    json_decref(dev);
}

static void published_plain(void **state)
{
    (void)state;
    published("vectors/decisions_plain.json", 31, 4);
}

static void published_family(void **state)
{
    (void)state;
    published("vectors/decisions_family.json", 28, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(own_run), cmocka_unit_test(published_plain),
                                       cmocka_unit_test(published_family)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
