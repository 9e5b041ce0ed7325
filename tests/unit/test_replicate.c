/*
 * test_replicate.c - the rule for outcomes that flip: against a reference written from its words
 * over whole tables of draws, its evidence, and how often noise gets through.
 */
#include "gate_letters.h"

#include <math.h>

#include "gate/gate_private.h"
#include "probes/rng.h"
#include "runtime/base/json.h"

#define MOST_ARMS 5
#define DRAWS     (GATE_REDRAWS + 1)

/* Every draw that could ever be asked for. */
struct table {
    struct gate_rules rules;
    size_t n, arms;
    bool side[MOST];
    uint8_t base[MOST][DRAWS], cand[MOST_ARMS][MOST][DRAWS];
};

/* ---- the reference ---- */

struct verdict {
    int fixes, regressions, invalid, score;
    bool eligible, weighed; /* weighed: its fixes are evidence, its breaks were looked at */
};

/* Of one probe: the draws of both arms by how often each agrees with the baseline's first. */
static double likelier(double p, bool agrees, int nb, int sb, int nc, int sc)
{
    double moved = 0.9 * p + 0.1 * (1 - p); /* the choosing outcome differs from what is usual */
    double weight[3] = {0.9 * (agrees ? 1 - moved : moved), 0.9 * (agrees ? moved : 1 - moved),
                        0.1};
    double same[3] = {1 - p, p, 0.5}; /* a draw agrees with b_0: steady, flipped, coin */
    double none = 0, edit = 0;
    for (int s = 0; s < 3; s++) {
        double b = weight[s] * pow(same[s], sb) * pow(1 - same[s], nb - sb);
        none += b * pow(same[s], sc) * pow(1 - same[s], nc - sc);
        if (s == 0)
            edit += b * (0.7 * pow(p, sc) * pow(1 - p, nc - sc) + 0.3 * pow(0.5, nc));
        if (s == 2)
            edit += b * pow(p, sc) * pow(1 - p, nc - sc);
    }
    return edit / none;
}

struct open_probe {
    int nb, sb, nc, sc;
    bool stuck;
    double l;
};

static void look_again(const struct table *t, size_t k, size_t i, struct open_probe *o)
{
    bool usual = t->base[i][0] == OUTCOME_PASS;
    o->l = likelier(t->rules.flips, t->side[i] != usual, o->nb, o->sb, o->nc, o->sc);
    (void)k;
}

static void open_it(const struct table *t, size_t k, size_t i, struct open_probe *o)
{
    *o = (struct open_probe){1, 1, 1, 0, false, 0};
    o->sc = (t->cand[k][i][0] == OUTCOME_PASS) == (t->base[i][0] == OUTCOME_PASS);
    look_again(t, k, i, o);
}

static bool goes_on(const struct open_probe *o)
{
    return o->l >= 2 && !o->stuck && o->nc < DRAWS;
}

/* Candidate's draw nc, baseline's draw nc - 1 (its first is there already). */
static void once_more(const struct table *t, size_t k, size_t i, struct open_probe *o)
{
    bool usual = t->base[i][0] == OUTCOME_PASS;
    int c = t->cand[k][i][o->nc], b = t->base[i][o->nc - 1];
    bool also_base = o->nc > 1;
    if (c == OUTCOME_UNSCORED || (also_base && b == OUTCOME_UNSCORED)) {
        o->stuck = true;
        return;
    }
    o->sc += (c == OUTCOME_PASS) == usual;
    o->sb += also_base && (b == OUTCOME_PASS) == usual;
    o->nb += also_base;
    o->nc++;
    look_again(t, k, i, o);
}

static struct verdict judge(const struct table *t, size_t k)
{
    const struct gate_rules *r = &t->rules;
    struct verdict v = {0};
    struct open_probe o[MOST];
    bool role[MOST];
    int share = r->candidates > (int)t->arms ? r->candidates : (int)t->arms;
    for (size_t i = 0; i < t->n; i++) {
        role[i] = t->base[i][0] != OUTCOME_PASS && t->base[i][0] != OUTCOME_UNSCORED &&
                  t->cand[k][i][0] != OUTCOME_UNSCORED;
        if (role[i])
            open_it(t, k, i, &o[i]);
    }
    for (bool any = true; any;) {
        double odds = 1;
        any = false;
        v.fixes = 0;
        for (size_t i = 0; i < t->n; i++)
            if (role[i]) {
                odds *= 0.9 + 0.1 * o[i].l;
                v.fixes += o[i].l >= 2;
                any |= goes_on(&o[i]);
            }
        v.weighed = odds >= share / r->alpha;
        if (v.weighed)
            break;
        for (size_t i = 0; i < t->n; i++)
            if (role[i] && goes_on(&o[i]))
                once_more(t, k, i, &o[i]);
    }
    for (size_t i = 0; v.weighed && !r->fixes_only && i < t->n; i++) {
        struct open_probe b;
        if (t->base[i][0] != OUTCOME_PASS || t->cand[k][i][0] == OUTCOME_UNSCORED)
            continue;
        for (open_it(t, k, i, &b); goes_on(&b) && b.l < 100;)
            once_more(t, k, i, &b);
        v.regressions += b.l >= 100;
        v.invalid += b.l >= 100 && t->cand[k][i][0] == OUTCOME_INVALID;
    }
    v.score = v.fixes - v.regressions - (r->invalid_action_penalty - 1) * v.invalid;
    v.eligible = v.weighed && v.score > 0 &&
                 (r->fixes_only || !r->regression_gate || v.regressions <= r->regression_budget);
    return v;
}

static int winner_of(const struct table *t)
{
    int winner = -1, best = 0;
    for (size_t k = 0; k < t->arms; k++) {
        struct verdict v = judge(t, k);
        if (v.eligible && v.score > best) {
            best = v.score;
            winner = (int)k;
        }
    }
    return winner;
}

/* ---- tables ---- */

static bool chance(struct rng *r, double p)
{
    return rng_bits(r, 32) < p * 4294967296.0;
}

static uint8_t toss(struct rng *r, double pass, double odd)
{
    if (chance(r, odd))
        return (uint8_t)(OUTCOME_INVALID + (int)rng_below(r, 3));
    return chance(r, pass) ? OUTCOME_PASS : OUTCOME_FAIL;
}

static void toss_all(struct rng *r, double pass, double odd, uint8_t out[DRAWS])
{
    for (int d = 0; d < DRAWS; d++)
        out[d] = toss(r, pass, odd);
}

static void draw_rules(struct rng *r, struct gate_rules *rules)
{
    static const double alphas[] = {0.05, 0.05, 0.2, 1}, flips[] = {0.02, 0.08, 0.12, 0.2};
    *rules = (struct gate_rules)GATE_RULES_DEFAULT;
    rules->rule = GATE_REPLICATE;
    rules->alpha = alphas[rng_below(r, 4)];
    rules->flips = flips[rng_below(r, 4)];
    rules->candidates = 1 + (int)rng_below(r, 6);
    rules->invalid_action_penalty = (int)rng_below(r, 5);
    rules->regression_budget = rng_below(r, 3) ? 0 : (int)rng_below(r, 3);
    rules->regression_gate = rng_below(r, 6) != 0;
    rules->fixes_only = rng_below(r, 6) == 0;
    rules->early_stop = rng_below(r, 2);
}

/* Edits that fix, break, do half or nothing, on tasks that are steady or not. */
static void draw_table(struct table *t, struct rng *r)
{
    double odd = rng_below(r, 3) ? 0.01 : 0.15, noise = rng_below(r, 2) ? 0.04 : 0.15;
    draw_rules(r, &t->rules);
    t->n = rng_below(r, 4) ? rng_below(r, 13) : rng_below(r, MOST + 1);
    t->arms = 1 + rng_below(r, MOST_ARMS);
    double pass[MOST];
    for (size_t i = 0; i < t->n; i++) {
        t->side[i] = rng_below(r, 2);
        pass[i] = chance(r, 0.1) ? 0.5 : t->side[i] == chance(r, 0.1) ? 1 - noise : noise;
        toss_all(r, pass[i], odd, t->base[i]);
    }
    for (size_t k = 0; k < t->arms; k++) {
        double fix = rng_below(r, 80) / 100.0, harm = rng_below(r, 3) ? 0.03 : 0.3;
        if (k && rng_below(r, 6) == 0) { /* a twin: every tie there is */
            memcpy(t->cand[k], t->cand[k - 1], sizeof(t->cand[k]));
            continue;
        }
        for (size_t i = 0; i < t->n; i++) {
            double q = pass[i];
            if (q < 0.5 && chance(r, fix))
                q = rng_below(r, 3) ? 1 - noise : 0.5;
            else if (q > 0.5 && chance(r, harm))
                q = rng_below(r, 3) ? noise : 0.5;
            toss_all(r, q, q < 0.5 && chance(r, 0.2) ? 0.5 : odd, t->cand[k][i]);
        }
    }
}

static enum outcome drawn(const struct table *t, const struct gate_pick *p)
{
    return (enum outcome)(p->arm == GATE_BASE ? t->base[p->probe][p->draw]
                                              : t->cand[p->arm][p->probe][p->draw]);
}

/* Measures in waves of at most `wave`; `r` (may be NULL) enters the outcomes of a wave in any order and
 * looks in between. The number of draws, those of the first baseline aside. */
static size_t measure(struct gate *g, const struct table *t, size_t wave, struct rng *r)
{
    struct gate_pick *picks;
    size_t measured = 0;
    size_t most = gate_wave_max(g) > wave ? gate_wave_max(g) : wave;
    picks = calloc(most + 1, sizeof(*picks));
    while (gate_update(g) > 0) {
        size_t got = gate_wave(g, g->rules.early_stop ? wave : most, picks);
        assert_in_range(got, 1, most);
        measured += got;
        if (r)
            for (size_t i = got; i-- > 1;) {
                size_t j = rng_below(r, (uint32_t)i + 1);
                struct gate_pick swap = picks[i];
                picks[i] = picks[j];
                picks[j] = swap;
            }
        for (size_t i = 0; i < got; i++) {
            enum outcome *at = gate_place(g, &picks[i]);
            assert_int_equal(*at, OUTCOME_PENDING); /* nothing twice, in a wave neither */
            *at = drawn(t, &picks[i]);
            if (r && rng_below(r, 4) == 0)
                gate_update(g);
        }
    }
    free(picks);
    return measured;
}

static size_t decide(struct gate *g, const struct table *t, size_t wave, struct rng *r)
{
    works(gate_init(g, &t->rules, t->side, t->n, t->arms));
    for (size_t i = 0; i < t->n; i++)
        g->base[i] = (enum outcome)t->base[i][0];
    return measure(g, t, wave, r);
}

/* Without a winner: the one that only regressions keep out is found whatever was stopped, and its
 * being found changes nothing. */
static bool finds_near_miss(struct gate *g, struct table *t, size_t wave)
{
    bool held = t->rules.regression_gate;
    gate_hold(g, false);
    measure(g, t, wave, NULL);
    t->rules.regression_gate = false;
    int near = winner_of(t);
    t->rules.regression_gate = held;
    assert_int_equal(gate_winner(g), near);
    gate_hold(g, held);
    assert_int_equal(gate_update(g), 0);
    assert_int_equal(gate_winner(g), -1);
    return near >= 0;
}

static void same_as(const struct gate_score *s, const struct verdict *v, size_t round)
{
    if (s->fixes != v->fixes || s->regressions != v->regressions || s->invalid != v->invalid ||
        s->score != v->score || s->eligible != v->eligible)
        fail_msg("table %zu: f %d r %d i %d score %d %d, wanted f %d r %d i %d score %d %d", round,
                 s->fixes, s->regressions, s->invalid, s->score, s->eligible, v->fixes,
                 v->regressions, v->invalid, v->score, v->eligible);
}

static void decides_as_its_words_say(void **state)
{
    static const size_t waves[] = {1, 3, 5, 64};
    static struct table t;
    size_t won = 0, refused = 0, broken = 0, finished = 0, spared = 0;
    size_t near = 0;
    struct rng r;
    (void)state;
    rng_init(&r, 31);
    for (size_t round = 0; round < 4000; round++) {
        size_t cost[2];
        draw_table(&t, &r);
        int winner = winner_of(&t);
        won += winner >= 0;
        for (int early = 0; early < 2; early++) {
            struct gate g;
            t.rules.early_stop = early;
            cost[early] = decide(&g, &t, waves[rng_below(&r, 4)], rng_below(&r, 2) ? &r : NULL);
            if (gate_winner(&g) != winner)
                fail_msg("table %zu, early %d: winner %d, wanted %d", round, early, gate_winner(&g),
                         winner);
            if (winner < 0)
                near += finds_near_miss(&g, &t, waves[rng_below(&r, 4)]);
            for (size_t k = 0; k < t.arms; k++) {
                struct verdict v = judge(&t, k);
                if (!early)
                    assert_int_equal(g.arm[k].stop, GATE_FINISHED);
                if (g.arm[k].stop != GATE_FINISHED)
                    continue;
                same_as(&g.arm[k].score, &v, round);
                finished++;
                refused += !v.weighed;
                broken += v.regressions > 0;
            }
            gate_release(&g);
        }
        spared += cost[0] > cost[1];
    }
    assert_true(won > 800 && refused > 1000 && broken > 500 && finished > 8000 && spared > 1000);
    assert_true(near > 100);
}

/* A baseline that is not all there decides nothing. */
static void waits_for_its_baseline(void **state)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g;
    bool side[MOST];
    size_t n = sides("FFFFFFPPP", side);
    (void)state;
    rules.rule = GATE_REPLICATE;
    works(gate_init(&g, &rules, side, n, 1));
    outcomes("fff.ffppp", g.base);
    outcomes("fffpffppp", g.arm[0].outcomes);
    assert_int_equal(gate_update(&g), 1);
    assert_true(g.arm[0].score.pending > 0);
    assert_int_equal(g.arm[0].bound.most, 1);
    g.base[3] = OUTCOME_PASS;
    assert_int_equal(gate_update(&g), 0);
    assert_int_equal(g.arm[0].stop, GATE_FINISHED);
    assert_false(g.arm[0].score.eligible);
    gate_release(&g);
}

/* What a candidate is worth hangs on its own draws and the baseline's. */
static void others_do_not_matter(void **state)
{
    static struct table t, other, alone;
    struct rng r;
    (void)state;
    rng_init(&r, 32);
    for (size_t round = 0; round < 300; round++) {
        struct gate g, h, one;
        draw_table(&t, &r);
        t.rules.early_stop = false;
        t.rules.candidates = MOST_ARMS;
        size_t k = rng_below(&r, (uint32_t)t.arms);
        draw_table(&other, &r); /* its draws in place of the others' */
        alone = t;
        alone.arms = 1;
        memcpy(alone.cand[0], t.cand[k], sizeof(t.cand[k]));
        struct table *mixed = &other;
        memcpy(mixed->cand[k], t.cand[k], sizeof(t.cand[k]));
        memcpy(mixed->base, t.base, sizeof(t.base));
        memcpy(mixed->side, t.side, sizeof(t.side));
        for (size_t i = 0; i < MOST; i++) /* the other table may have been a smaller one */
            for (size_t a = 0; a < MOST_ARMS; a++)
                if (a != k && mixed->cand[a][i][0] == OUTCOME_PENDING)
                    toss_all(&r, 0.5, 0.1, mixed->cand[a][i]);
        mixed->rules = t.rules;
        mixed->n = t.n;
        mixed->arms = t.arms;
        decide(&g, &t, 64, NULL);
        decide(&h, mixed, 64, NULL);
        decide(&one, &alone, 64, NULL);
        assert_memory_equal(&g.arm[k].score, &h.arm[k].score, sizeof(g.arm[k].score));
        assert_memory_equal(&g.arm[k].score, &one.arm[0].score, sizeof(g.arm[k].score));
        gate_release(&g);
        gate_release(&h);
        gate_release(&one);
    }
}

/* A second gate with one arm more: nothing is measured again. */
static void earlier_arms_are_kept(void **state)
{
    static struct table t, fewer;
    struct rng r;
    size_t won = 0;
    (void)state;
    rng_init(&r, 33);
    for (size_t round = 0; round < 500; round++) {
        struct gate first, all, whole;
        struct gate_pick picks[64];
        draw_table(&t, &r);
        if (t.arms < 2)
            continue;
        t.rules.candidates = MOST_ARMS;
        fewer = t;
        fewer.arms = t.arms - 1;
        decide(&first, &fewer, 64, NULL);
        works(gate_init(&all, &t.rules, t.side, t.n, t.arms));
        memcpy(all.base, first.base, t.n * sizeof(*all.base));
        gate_keep(&all, &first);
        while (gate_update(&all) > 0) {
            size_t got = gate_wave(&all, 64, picks);
            assert_in_range(got, 1, 64);
            for (size_t i = 0; i < got; i++) {
                assert_true(picks[i].arm == GATE_BASE || picks[i].arm == t.arms - 1);
                assert_int_equal(*gate_place(&all, &picks[i]), OUTCOME_PENDING);
                *gate_place(&all, &picks[i]) = drawn(&t, &picks[i]);
            }
        }
        decide(&whole, &t, 64, NULL);
        assert_int_equal(gate_winner(&all), gate_winner(&whole));
        won += gate_winner(&all) == (int)t.arms - 1;
        gate_release(&first);
        gate_release(&all);
        gate_release(&whole);
    }
    assert_true(won > 20);
}

/* ---- evidence ---- */

static char names[MOST][8];
static const char *ids[MOST];

static void name_probes(void)
{
    for (size_t i = 0; i < MOST; i++) {
        snprintf(names[i], sizeof(names[i]), "t_%zu", i);
        ids[i] = names[i];
    }
}

/* The table that an evidence shows. */
static int read_back(const json_t *e, struct table *t)
{
    const json_t *rules = json_object_get(e, "rules"), *row;
    size_t i, d;
    memset(t, 0, sizeof(*t));
    t->arms = 1;
    t->rules = (struct gate_rules)GATE_RULES_DEFAULT;
    t->rules.rule = GATE_REPLICATE;
    t->rules.alpha = json_num_at(rules, "alpha", 0);
    t->rules.flips = json_num_at(rules, "flips", 0);
    t->rules.candidates = (int)json_int_at(rules, "candidates", 0);
    t->rules.invalid_action_penalty = (int)json_int_at(rules, "invalid_action_penalty", 0);
    t->rules.regression_budget = (int)json_int_at(rules, "regression_budget", 0);
    t->rules.regression_gate = json_bool_at(rules, "regression_gate", false);
    t->rules.fixes_only = json_bool_at(rules, "fixes_only_scoring", false);
    t->n = json_array_size(json_object_get(e, "probes"));
    json_array_foreach (json_object_get(e, "probes"), i, row) {
        json_t *o;
        t->side[i] = strcmp(json_str_at(row, "side", ""), "failing") == 0;
        t->base[i][0] = (uint8_t)outcome_from_name(json_str_at(row, "base", ""));
        t->cand[0][i][0] = (uint8_t)outcome_from_name(json_str_at(row, "cand", ""));
        json_array_foreach (json_object_get(row, "base_again"), d, o)
            t->base[i][d + 1] = (uint8_t)outcome_from_name(json_string_value(o));
        json_array_foreach (json_object_get(row, "cand_again"), d, o)
            t->cand[0][i][d + 1] = (uint8_t)outcome_from_name(json_string_value(o));
        if (!t->base[i][0] || !t->cand[0][i][0])
            return -1; /* not measured in full: the reference has nothing to say */
    }
    return 0;
}

/* An evidence that was altered and is believed must still be true to the reference. */
static void believed_only_if_true(const json_t *e, const char *what)
{
    static struct table t;
    struct gate_score s;
    if (gate_evidence_check(e, &s) < 0 || strcmp(json_str_at(e, "stop", ""), "finished") != 0 ||
        read_back(e, &t) < 0)
        return;
    struct verdict v = judge(&t, 0);
    if (v.fixes != json_int_at(e, "score.fixes", -1) ||
        v.regressions != json_int_at(e, "score.regressions", -1) ||
        v.score != json_int_at(e, "score.score", -999) ||
        v.eligible != json_bool_at(e, "score.eligible", false))
        fail_msg("%s: believed with %lld fixes, %lld regressions, eligible %d; they are %d, %d, %d",
                 what, (long long)json_int_at(e, "score.fixes", -1),
                 (long long)json_int_at(e, "score.regressions", -1),
                 json_bool_at(e, "score.eligible", false), v.fixes, v.regressions, v.eligible);
}

static const char *const all_outcomes[] = {"pending", "pass",  "fail",
                                           "invalid", "error", "unscored"};

/* Every outcome of a row, of its redraws, and its side, altered one by one. */
static size_t alter_row(const json_t *e, size_t i)
{
    static const char *const keys[] = {"base", "cand"}, *const lists[] = {"base_again",
                                                                          "cand_again"};
    size_t refused = 0, d;
    for (int o = 0; o < 6; o++) {
        json_t *copy = json_deep_copy(e);
        json_t *row = json_array_get(json_object_get(copy, "probes"), i), *was;
        for (int k = 0; k < 2; k++) {
            was = json_incref(json_object_get(row, keys[k]));
            json_object_set_new(row, keys[k], json_string(all_outcomes[o]));
            believed_only_if_true(copy, keys[k]);
            refused += gate_evidence_check(copy, NULL) < 0;
            json_object_set_new(row, keys[k], was);
            json_t *list = json_object_get(row, lists[k]);
            for (d = 0; d < json_array_size(list); d++) {
                was = json_incref(json_array_get(list, d));
                json_array_set_new(list, d, json_string(all_outcomes[o]));
                believed_only_if_true(copy, lists[k]);
                refused += gate_evidence_check(copy, NULL) < 0;
                json_array_set_new(list, d, was);
            }
        }
        json_object_set_new(
            row, "side",
            json_string(strcmp(json_str_at(row, "side", ""), "failing") ? "failing" : "passing"));
        believed_only_if_true(copy, "side");
        json_decref(copy);
    }
    return refused;
}

/* A draw left out or put in is not what the rule asked for. */
static void lists_are_exact(const json_t *e, size_t i)
{
    static const char *const lists[] = {"base_again", "cand_again"};
    for (int k = 0; k < 2; k++) {
        json_t *copy = json_deep_copy(e);
        json_t *row = json_array_get(json_object_get(copy, "probes"), i),
               *list = json_object_get(row, lists[k]);
        if (!list)
            json_object_set_new(row, lists[k], list = json_array());
        json_array_append_new(list, json_string("pass"));
        assert_true(gate_evidence_check(copy, NULL) < 0);
        json_array_remove(list, json_array_size(list) - 1);
        assert_int_equal(gate_evidence_check(copy, NULL), 0);
        if (json_array_size(list)) {
            json_array_remove(list, json_array_size(list) - 1);
            assert_true(gate_evidence_check(copy, NULL) < 0);
        }
        json_decref(copy);
    }
}

static void alter_numbers(const json_t *e)
{
    static const char *const rules[] = {"alpha", "flips", "candidates", "invalid_action_penalty",
                                        "regression_budget"};
    static const char *const flags[] = {"regression_gate", "fixes_only_scoring"};
    json_t *copy = json_deep_copy(e), *score = json_object_get(copy, "score"), *v;
    json_t *of = json_object_get(copy, "rules");
    const char *key;
    void *next;
    json_object_foreach_safe (score, next, key, v) {
        json_t *was = json_incref(v);
        json_object_set_new(score, key,
                            json_is_boolean(v) ? json_boolean(!json_is_true(v))
                                               : json_integer(json_integer_value(v) + 1));
        assert_int_equal(gate_evidence_check(copy, NULL), GRASP_EREFUSED);
        json_object_set_new(score, key, was);
    }
    for (size_t i = 0; i < 5; i++)
        for (int up = 0; up < 2; up++) {
            json_t *was = json_incref(json_object_get(of, rules[i]));
            json_object_set_new(of, rules[i],
                                json_is_real(was)
                                    ? json_real(json_real_value(was) * (up ? 1.9 : 0.3))
                                    : json_integer(json_integer_value(was) + (up ? 3 : -1)));
            believed_only_if_true(copy, rules[i]);
            json_object_set_new(of, rules[i], was);
        }
    for (size_t i = 0; i < 2; i++) {
        bool was = json_bool_at(of, flags[i], false);
        json_object_set_new(of, flags[i], json_boolean(!was));
        believed_only_if_true(copy, flags[i]);
        json_object_set_new(of, flags[i], json_boolean(was));
    }
    json_object_del(of, "rule"); /* as the paper's rule has no redraws */
    believed_only_if_true(copy, "rule");
    json_decref(copy);
}

/* Stopped or not, in whatever waves: each arm's evidence is true to itself. */
static void evidence_is_believed(void **state)
{
    static const size_t waves[] = {1, 3, 5, 64};
    static struct table t;
    size_t stops[GATE_STOP_BEATEN + 1] = {0}, refused = 0;
    struct rng r;
    (void)state;
    name_probes();
    rng_init(&r, 34);
    for (size_t round = 0; round < 1500; round++) {
        struct gate g;
        struct gate_score s;
        draw_table(&t, &r);
        decide(&g, &t, waves[round % 4], round % 3 ? NULL : &r);
        for (size_t k = 0; k < t.arms; k++) {
            json_t *e = gate_evidence(&g, k, ids);
            assert_non_null(e);
            stops[g.arm[k].stop]++;
            if (gate_evidence_check(e, &s) < 0)
                fail_msg("table %zu, arm %zu (%s): %s", round, k, gate_stop_name(g.arm[k].stop),
                         err_msg());
            struct verdict v = judge(&t, k);
            if (g.arm[k].stop == GATE_FINISHED)
                same_as(&s, &v, round);
            for (size_t i = 0; round % 30 == 0 && i < t.n; i++) {
                refused += alter_row(e, i);
                lists_are_exact(e, i);
            }
            if (round % 10 == 0)
                alter_numbers(e);
            json_decref(e);
        }
        gate_release(&g);
    }
    for (int s = GATE_FINISHED; s <= GATE_STOP_BEATEN; s++)
        assert_true(stops[s] > 50);
    assert_true(refused > 1000);
}

/* Equal for every size of wave: all of an arm's evidence where nothing stops early, and where it
 * does, that of an arm whose breaks were looked at to the end. What an arm that stopped early shows
 * of draws it did not come to is a matter of the waves; its redraws never are more than its path's. */
static void evidence_is_equal_for_all_waves(void **state)
{
    static const size_t waves[] = {1, 3, 5, 64};
    static struct table t;
    size_t compared = 0, ahead = 0;
    struct rng r;
    (void)state;
    name_probes();
    rng_init(&r, 35);
    for (size_t round = 0; round < 300; round++) {
        json_t *first[MOST_ARMS] = {NULL};
        draw_table(&t, &r);
        for (size_t w = 0; w < 4; w++) {
            struct gate g;
            size_t measured = decide(&g, &t, waves[w], w % 2 ? &r : NULL), shown = 0;
            for (size_t k = 0; k < t.arms; k++) {
                if (g.arm[k].stop != GATE_FINISHED || (t.rules.early_stop && t.rules.fixes_only))
                    continue;
                json_t *e = gate_evidence(&g, k, ids), *row;
                size_t i;
                json_array_foreach (json_object_get(e, "probes"), i, row)
                    shown += 1 + json_array_size(json_object_get(row, "cand_again"));
                if (!first[k])
                    first[k] = json_incref(e);
                else if (!json_equal(first[k], e))
                    fail_msg("table %zu, arm %zu: another evidence in waves of %zu", round, k,
                             waves[w]);
                else
                    compared++;
                json_decref(e);
            }
            ahead += measured > shown;
            gate_release(&g);
        }
        for (size_t k = 0; k < t.arms; k++)
            json_decref(first[k]);
    }
    assert_true(compared > 1000 && ahead > 100);
}

/* ---- how often noise gets through ---- */

/* Four candidates that change nothing, on tasks as the rule supposes them: what the sides and the
 * first draw leave of each kind, then draws that do not know the arm. */
static void draw_nulls(struct table *t, double p, struct rng *r)
{
    t->n = 36;
    t->arms = 4;
    t->rules = (struct gate_rules)GATE_RULES_DEFAULT;
    t->rules.rule = GATE_REPLICATE;
    t->rules.flips = p;
    for (size_t i = 0; i < t->n; i++) {
        bool usual = i >= 18, agrees = !chance(r, 0.1);
        double moved = p + 0.1 * (1 - 2 * p);
        double w[3] = {0.9 * (agrees ? 1 - moved : moved) * (1 - p),
                       0.9 * (agrees ? moved : 1 - moved) * p, 0.1 * 0.5};
        double x = rng_bits(r, 32) / 4294967296.0 * (w[0] + w[1] + w[2]);
        double same = x < w[0] ? 1 - p : x < w[0] + w[1] ? p : 0.5;
        t->side[i] = usual != agrees;
        toss_all(r, usual ? same : 1 - same, 0, t->base[i]);
        t->base[i][0] = usual ? OUTCOME_PASS : OUTCOME_FAIL;
        for (size_t k = 0; k < t->arms; k++)
            toss_all(r, usual ? same : 1 - same, 0, t->cand[k][i]);
    }
}

/* The bound of replicate.c: the odds of an innocent edit are 1 on average, whenever one stops, and
 * so reach K / alpha in no more than alpha of the updates. */
static void alpha_holds(void **state)
{
    static const double flips[] = {0.08, 0.12, 0.2};
    static struct table t;
    (void)state;
    for (size_t f = 0; f < 3; f++) {
        const size_t rounds = 1500;
        double sum = 0, squares = 0;
        size_t in = 0;
        struct rng r;
        rng_init(&r, 36 + (uint64_t)f);
        for (size_t round = 0; round < rounds; round++) {
            struct gate g;
            struct replicate_state s;
            draw_nulls(&t, flips[f], &r);
            t.rules.alpha = 0.5; /* so that it is reached at all */
            decide(&g, &t, 64, NULL);
            bool any = false;
            for (size_t k = 0; k < t.arms; k++) {
                replicate_weigh(&g, k, &s, NULL, NULL, NULL);
                any |= s.phase == REPLICATE_BREAKS || s.phase == REPLICATE_DECIDED;
                sum += s.odds;
                squares += s.odds * s.odds;
            }
            in += any;
            gate_release(&g);
        }
        double n = 4.0 * (double)rounds, mean = sum / n;
        double error = sqrt((squares / n - mean * mean) / n);
        if (mean > 1 + 3 * error)
            fail_msg("flips %g: mean odds %g +- %g", flips[f], mean, error);
        double most = 0.5 + 3 * sqrt(0.25 / (double)rounds);
        if ((double)in / (double)rounds > most)
            fail_msg("flips %g: %zu of %zu updates let one in", flips[f], in, rounds);
        assert_true(in > 0);
    }
}

/* 96 tasks, half of them solved; probes chosen by one noisy outcome; arm 0 solves ten more, or not. */
static int update_of(struct table *t, double p, bool good, struct rng *r)
{
    size_t order[96], of[2] = {0};
    struct gate g;
    t->n = 36;
    t->arms = 4;
    t->rules = (struct gate_rules)GATE_RULES_DEFAULT;
    t->rules.rule = GATE_REPLICATE;
    t->rules.flips = gate_flips((int)(24 * 2 * p * (1 - p) + 0.5), 24);
    for (size_t i = 0; i < 96; i++)
        order[i] = i;
    rng_shuffle(r, order, 96);
    for (size_t k = 0, i = 0; k < 96; k++) {
        bool solved = order[k] >= 48, seen = solved != chance(r, p);
        if (of[seen]++ >= 18)
            continue;
        t->side[i] = !seen;
        toss_all(r, solved ? 1 - p : p, 0, t->base[i]);
        for (size_t a = 0; a < 4; a++)
            toss_all(r, solved || (good && a == 0 && order[k] < 10) ? 1 - p : p, 0, t->cand[a][i]);
        i++;
    }
    decide(&g, t, 64, NULL);
    int winner = gate_winner(&g);
    gate_release(&g);
    return winner;
}

static void noise_does_not_fool_it(void **state)
{
    static struct table t;
    struct rng r;
    int useless = 0, good = 0, wrong = 0;
    (void)state;
    rng_init(&r, 39);
    for (int i = 0; i < 400; i++) {
        useless += update_of(&t, 0.05, false, &r) >= 0;
        int winner = update_of(&t, 0.05, true, &r);
        good += winner == 0;
        wrong += winner > 0;
    }
    assert_in_range(useless, 0, 19);
    assert_in_range(good, 361, 400);
    assert_in_range(wrong, 0, 8);
}

static void flip_rates(void **state)
{
    (void)state;
    assert_true(gate_flips(0, 24) == 0.08); /* too low a rate costs, too high a one hardly */
    assert_true(gate_flips(24, 24) == 0.2);
    assert_true(gate_flips(5, 24) == 0.126); /* 2 p (1 - p) = 5.5 / 25 */
    assert_true(gate_flips(0, 0) == 0.2);
    for (int d = 1; d <= 24; d++)
        assert_true(gate_flips(d, 24) >= gate_flips(d - 1, 24));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_as_its_words_say),
        cmocka_unit_test(waits_for_its_baseline),
        cmocka_unit_test(others_do_not_matter),
        cmocka_unit_test(earlier_arms_are_kept),
        cmocka_unit_test(evidence_is_believed),
        cmocka_unit_test(evidence_is_equal_for_all_waves),
        cmocka_unit_test(alpha_holds),
        cmocka_unit_test(noise_does_not_fool_it),
        cmocka_unit_test(flip_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
