/*
 * test_gate.c - the gate's arithmetic over tables of outcomes, early stopping against full
 * evaluation.
 */
#include "gate_letters.h"

#include "probes/rng.h"

enum variant { PLAIN, BUDGET1, NO_GATE, FIXES_ONLY, PENALTY1, PENALTY4 };

static struct gate_rules rules_of(enum variant v)
{
    struct gate_rules r = GATE_RULES_DEFAULT;
    if (v == BUDGET1)
        r.regression_budget = 1;
    if (v == NO_GATE)
        r.regression_gate = false;
    if (v == FIXES_ONLY)
        r.fixes_only = true;
    if (v == PENALTY1)
        r.invalid_action_penalty = 1;
    if (v == PENALTY4)
        r.invalid_action_penalty = 4;
    return r;
}

static const struct {
    enum variant rules;
    const char *side, *base, *cand;
    int f, r, i, bf, br, score;
    bool eligible;
} scores[] = {
    /* nothing to measure, nothing won */
    {PLAIN, "", "", "", 0, 0, 0, 0, 0, 0, false},
    {PLAIN, "FFPP", "ffpp", "ffpp", 0, 0, 0, 0, 0, 0, false},
    /* one fix is enough, without any regression */
    {PLAIN, "FFPP", "ffpp", "pfpp", 1, 0, 0, 0, 0, 1, true},
    {PLAIN, "FFPP", "ffpp", "ppfp", 2, 1, 0, 0, 0, 1, false},
    {BUDGET1, "FFPP", "ffpp", "ppfp", 2, 1, 0, 0, 0, 1, true},
    {BUDGET1, "FFFPP", "fffpp", "pppff", 3, 2, 0, 0, 0, 1, false},
    {NO_GATE, "FFPP", "ffpp", "ppfp", 2, 1, 0, 0, 0, 1, true},
    {NO_GATE, "FFPP", "ffpp", "pffp", 1, 1, 0, 0, 0, 0, false},
    {FIXES_ONLY, "FFPP", "ffpp", "pfff", 1, 2, 0, 0, 0, 1, true},
    {FIXES_ONLY, "FFPP", "pfpp", "fpff", 1, 2, 0, 1, 0, 0, false},
    /* the baseline's own fixes are not the candidate's merit */
    {PLAIN, "FFFPP", "pffpp", "pffpp", 1, 0, 0, 1, 0, 0, false},
    {PLAIN, "FFFPP", "pffpp", "fppp.", 2, 0, 0, 1, 0, 1, false},
    {PLAIN, "FFFPP", "pffpp", "fpppp", 2, 0, 0, 1, 0, 1, true},
    /* as many regressions as the baseline are allowed, and fewer count as gain */
    {PLAIN, "FPP", "ffp", "ffp", 0, 1, 0, 0, 1, 0, false},
    {PLAIN, "FPP", "ffp", "ppf", 1, 1, 0, 0, 1, 1, true},
    {PLAIN, "FPP", "ffp", "fpp", 0, 0, 0, 0, 1, 1, true},
    {PLAIN, "FPP", "ffp", "pff", 1, 2, 0, 0, 1, 0, false},
    /* a regression by an invalid action costs lambda in all; on a failing probe nothing */
    {BUDGET1, "FFFP", "fffp", "pppi", 3, 1, 1, 0, 0, 1, true},
    {BUDGET1, "FFFP", "fffp", "ppii", 2, 1, 1, 0, 0, 0, false},
    {PENALTY1, "FFP", "ffp", "ppi", 2, 1, 1, 0, 0, 1, false},
    {PENALTY4, "FFP", "ffp", "ppi", 2, 1, 1, 0, 0, -2, false},
    {PLAIN, "FFP", "fff", "ppi", 2, 1, 1, 0, 1, 1, true},
    {PLAIN, "FP", "ip", "pp", 1, 0, 0, 0, 0, 1, true},
    {PLAIN, "FP", "fp", "ip", 0, 0, 0, 0, 0, 0, false},
    /* errors: wrong in the baseline; neither way where the baseline erred; new ones regress */
    {PLAIN, "FP", "fp", "pe", 1, 1, 0, 0, 0, 0, false},
    {PLAIN, "FP", "ee", "ee", 0, 0, 0, 0, 1, 1, true},
    {PLAIN, "FP", "ee", "pf", 1, 1, 0, 0, 1, 1, true},
    {PLAIN, "FP", "fe", "pp", 1, 0, 0, 0, 1, 2, true},
    {PLAIN, "FP", "ff", "pe", 1, 1, 0, 0, 1, 1, true},
    /* unscored in either arm: in neither */
    {PLAIN, "FFPP", "ffpp", "pfup", 1, 0, 0, 0, 0, 1, true},
    {PLAIN, "FFPP", "ffup", "pffp", 1, 0, 0, 0, 0, 1, true},
    {PLAIN, "FFPP", "ufpp", "pfpp", 0, 0, 0, 0, 0, 0, false},
    {PLAIN, "FFPP", "pfpp", "uppp", 1, 0, 0, 0, 0, 1, true},
    {PLAIN, "FPP", "ffp", "pup", 1, 0, 0, 0, 0, 1, true},
    {PLAIN, "FPP", "ffp", "puf", 1, 1, 0, 0, 0, 0, false},
};

static void scores_hold(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof(scores) / sizeof(*scores); t++) {
        bool side[MOST];
        enum outcome base[MOST], cand[MOST];
        struct gate_rules r = rules_of(scores[t].rules);
        struct gate_score s;
        size_t n = sides(scores[t].side, side);
        assert_int_equal(outcomes(scores[t].base, base), n);
        assert_int_equal(outcomes(scores[t].cand, cand), n);
        gate_score(&r, side, base, cand, n, &s);
        if (s.fixes != scores[t].f || s.regressions != scores[t].r || s.invalid != scores[t].i ||
            s.base_fixes != scores[t].bf || s.base_regressions != scores[t].br ||
            s.score != scores[t].score || (s.eligible && s.pending == 0) != scores[t].eligible)
            fail_msg("row %zu (%s %s %s): f %d r %d i %d bf %d br %d score %d eligible %d", t,
                     scores[t].side, scores[t].base, scores[t].cand, s.fixes, s.regressions,
                     s.invalid, s.base_fixes, s.base_regressions, s.score, s.eligible);
    }
}

static const struct {
    const char *draws;
    char want;
} majorities[] = {
    {"", 'u'},      {"p", 'p'},     {"f", 'f'},     {"i", 'i'},     {".", '.'},     {"u", 'u'},
    {"ppf", 'p'},   {"pp.", 'p'},   {".pp", 'p'},   {"p..", '.'},   {"pf.", '.'},   {"pfu", 'u'},
    {"puu", 'u'},   {"ppu", 'p'},   {"ffu", 'f'},   {"uuu", 'u'},   {"u..", '.'},   {"pu.", '.'},
    {"ffp", 'f'},   {"ff.", 'f'},   {"fip", 'f'},   {"ifp", 'i'},   {"fie", 'f'},   {"fii", 'i'},
    {"fi.", '.'},   {".fi", '.'},   {"eip", 'e'},   {"pf", 'f'},    {"p.", '.'},    {"pu", 'u'},
    {"fu", 'f'},    {"f.", 'f'},    {".f", '.'},    {"pp", 'p'},    {"ppff", 'f'},  {"pppf", 'p'},
    {"ffii.", '.'}, {"fffi.", 'f'}, {"iff..", '.'}, {"iii..", 'i'}, {"fii.p", '.'}, {"fif.p", 'f'},
};

static void majorities_hold(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof(majorities) / sizeof(*majorities); t++) {
        enum outcome draws[8], got;
        int n = (int)outcomes(majorities[t].draws, draws);
        got = gate_majority(draws, n);
        if (got != letter(majorities[t].want))
            fail_msg("'%s': %s", majorities[t].draws, outcome_name(got));
    }
}

/* What a majority says with open draws is what it says for every way of filling them. */
static void majority_never_changes(void **state)
{
    enum outcome d[5], full[5];
    (void)state;
    for (int code = 0; code < 6 * 6 * 6 * 6 * 6; code++) {
        enum outcome early;
        bool differs = false, open = false;
        for (int i = 0, c = code; i < 5; i++, c /= 6)
            open |= (d[i] = (enum outcome)(c % 6)) == OUTCOME_PENDING;
        early = gate_majority(d, 5);
        enum outcome first = OUTCOME_PENDING;
        for (int fill = 0; fill < 3125; fill++) {
            int c = fill;
            for (int i = 0; i < 5; i++) {
                full[i] = d[i] ? d[i] : (enum outcome)(1 + c % 5);
                c = d[i] ? c : c / 5;
            }
            if (c) /* more digits than open draws */
                break;
            enum outcome o = gate_majority(full, 5);
            assert_int_not_equal(o, OUTCOME_PENDING);
            differs |= first && o != first;
            first = o;
        }
        if (early != (differs ? OUTCOME_PENDING : first) && !(open && early == OUTCOME_PENDING))
            fail_msg("draws %d: %s", code, outcome_name(early));
        if (differs)
            assert_int_equal(early, OUTCOME_PENDING);
    }
}

/* The method's words again, as plainly as they can be put. */
static int plain_score(const struct gate_rules *r, const bool *failing, const enum outcome *base,
                       const enum outcome *cand, size_t n, bool *eligible)
{
    int f = 0, reg = 0, inv = 0, bf = 0, br = 0, score;
    for (size_t k = 0; k < n; k++) {
        if (base[k] == OUTCOME_UNSCORED || cand[k] == OUTCOME_UNSCORED)
            continue;
        if (failing[k] && base[k] == OUTCOME_PASS)
            bf++;
        if (!failing[k] && base[k] != OUTCOME_PASS)
            br++;
        if (base[k] == OUTCOME_ERROR && cand[k] == OUTCOME_ERROR)
            continue;
        if (failing[k] && cand[k] == OUTCOME_PASS)
            f++;
        if (!failing[k] && cand[k] != OUTCOME_PASS)
            reg++;
        if (!failing[k] && cand[k] == OUTCOME_INVALID)
            inv++;
    }
    score = r->fixes_only ? f - bf : (f - bf) - (reg - br) - (r->invalid_action_penalty - 1) * inv;
    *eligible =
        score > 0 && (r->fixes_only || !r->regression_gate || reg <= br + r->regression_budget);
    return score;
}

/* A bound is what brute force over all completions finds. */
static void bounds_are_exact(void **state)
{
    struct rng rng;
    (void)state;
    rng_init(&rng, 11);
    for (int round = 0; round < 6000; round++) {
        size_t n = 1 + rng_below(&rng, 7), open[7], n_open = 0;
        bool side[8], can = false, must = true, eligible;
        enum outcome base[8], cand[8], full[8];
        struct gate_rules r = rules_of((enum variant)rng_below(&rng, 6));
        struct gate_bound b;
        int least = 1000, most = -1000, total = 1;
        for (size_t k = 0; k < n; k++) {
            side[k] = rng_below(&rng, 2);
            base[k] = (enum outcome)(1 + rng_below(&rng, 5));
            cand[k] = (enum outcome)(1 + rng_below(&rng, 5));
            if (n_open < 4 && rng_below(&rng, 2)) {
                cand[k] = OUTCOME_PENDING;
                open[n_open++] = k;
                total *= 5;
            }
        }
        for (int fill = 0; fill < total; fill++) {
            memcpy(full, cand, sizeof(full));
            for (size_t k = 0, c = (size_t)fill; k < n_open; k++, c /= 5)
                full[open[k]] = (enum outcome)(1 + c % 5);
            int s = plain_score(&r, side, base, full, n, &eligible);
            least = s < least ? s : least;
            most = s > most ? s : most;
            can |= eligible;
            must &= eligible;
        }
        gate_bound(&r, side, base, cand, n, &b);
        assert_int_equal(b.least, least);
        assert_int_equal(b.most, most);
        assert_int_equal(b.can_be_eligible, can);
        if (b.must_be_eligible)
            assert_true(must);
    }
}

struct table {
    size_t n, arms;
    bool side[MOST];
    enum outcome base[MOST], cand[5][MOST];
    int winner;
};

static enum outcome draw(struct rng *r, uint32_t pass_percent, uint32_t odd_percent)
{
    if (rng_below(r, 100) < odd_percent)
        return (enum outcome)(OUTCOME_INVALID + (int)rng_below(r, 3));
    return rng_below(r, 100) < pass_percent ? OUTCOME_PASS : OUTCOME_FAIL;
}

/* Small probe sets and few kinds of arms make ties and boundaries common. */
static void draw_table(struct table *t, const struct gate_rules *rules, struct rng *r)
{
    uint32_t odd = rng_below(r, 3) ? 3 : 25, noise = rng_below(r, 2) ? 4 : 20;
    int best = -1;
    t->n = rng_below(r, 4) ? 1 + rng_below(r, 10) : 1 + rng_below(r, 36);
    t->arms = 1 + rng_below(r, 5);
    for (size_t k = 0; k < t->n; k++) {
        t->side[k] = rng_below(r, 2);
        t->base[k] = draw(r, t->side[k] ? noise : 100 - noise, odd);
    }
    for (size_t a = 0; a < t->arms; a++) {
        uint32_t fixes = rng_below(r, 60), breaks = rng_below(r, 3) ? 3 : rng_below(r, 40);
        bool eligible;
        if (a && rng_below(r, 5) == 0) /* a twin: every tie there is */
            memcpy(t->cand[a], t->cand[a - 1], sizeof(t->cand[a]));
        else
            for (size_t k = 0; k < t->n; k++)
                t->cand[a][k] = draw(r, t->side[k] ? fixes : 100 - breaks, odd);
        int s = plain_score(rules, t->side, t->base, t->cand[a], t->n, &eligible);
        if (a == 0)
            t->winner = -1;
        if (eligible && (t->winner < 0 || s > best)) {
            t->winner = (int)a;
            best = s;
        }
    }
}

/* Who is worth narrowing where nobody wins, by all outcomes: the best but for the regression rule. */
static int plain_near_miss(const struct table *t, const struct gate_rules *rules)
{
    struct gate_rules lenient = *rules;
    int best = -1, most = 0;
    bool eligible;
    lenient.regression_gate = false;
    for (size_t a = 0; a < t->arms; a++) {
        int s = plain_score(&lenient, t->side, t->base, t->cand[a], t->n, &eligible);
        if (eligible && s > most) {
            most = s;
            best = (int)a;
        }
    }
    return best;
}

static size_t measure_in_waves(struct gate *g, const struct table *t, size_t wave)
{
    struct gate_pick picks[24];
    size_t measured = 0, got;
    while (gate_update(g) > 0) {
        got = gate_wave(g, wave, picks);
        assert_in_range(got, 1, wave);
        for (size_t i = 0; i < got; i++, measured++) {
            enum outcome *o = gate_place(g, &picks[i]);
            assert_int_equal(*o, OUTCOME_PENDING);
            *o = t->cand[picks[i].arm][picks[i].probe];
        }
    }
    return measured;
}

/* A gate without a winner is asked who came near, whatever early stopping left out; then it is as it
 * was, with more outcomes. */
static void look_for_near_miss(struct gate *g, const struct table *t, size_t wave)
{
    enum gate_stop stop[5];
    bool held = g->rules.regression_gate;
    for (size_t k = 0; k < t->arms; k++)
        stop[k] = g->arm[k].stop;
    gate_hold(g, false);
    measure_in_waves(g, t, wave);
    int which = gate_winner(g);
    assert_int_equal(which, plain_near_miss(t, &g->rules));
    gate_hold(g, held);
    assert_int_equal(gate_update(g), 0);
    assert_int_equal(gate_winner(g), -1);
    for (size_t k = 0; k < t->arms; k++) {
        struct gate_score s; /* what its evidence says */
        gate_score(&g->rules, g->failing, g->base, g->arm[k].outcomes, t->n, &s);
        assert_memory_equal(&g->arm[k].score, &s, sizeof(s));
        assert_int_equal(g->arm[k].stop, s.pending ? stop[k] : GATE_FINISHED);
    }
    if (which >= 0)
        assert_int_equal(g->arm[which].stop, GATE_FINISHED);
}

/* One decision in the order that learning uses: waves over all arms. */
static size_t decide_in_waves(const struct table *t, const struct gate_rules *rules, struct rng *r)
{
    struct gate g;
    size_t measured, wave = 1 + rng_below(r, 24);

    assert_int_equal(gate_init(&g, rules, t->side, t->n, t->arms), 0);
    memcpy(g.base, t->base, t->n * sizeof(*g.base));
    for (size_t i = 0; i < t->n; i++) {
        g.past[i].seen = (int)rng_below(r, 5);
        g.past[i].wrong = (int)rng_below(r, (uint32_t)g.past[i].seen + 1);
    }
    measured = measure_in_waves(&g, t, wave);
    assert_int_equal(gate_winner(&g), t->winner);
    if (t->winner < 0)
        look_for_near_miss(&g, t, wave);
    gate_release(&g);
    return measured;
}

/* One decision with outcomes coming in at random: from gate_next or in any order, in waves of any
 * size, arms out of step, the baseline before or between. */
static size_t decide(const struct table *t, const struct gate_rules *rules, struct rng *r)
{
    struct gate g;
    size_t measured = 0, order[MOST], wave = 1 + rng_below(r, 12), base_known = t->n;
    bool by_next = rng_below(r, 3) != 0;

    assert_int_equal(gate_init(&g, rules, t->side, t->n, t->arms), 0);
    if (rng_below(r, 4) == 0)
        base_known = rng_below(r, (uint32_t)t->n + 1);
    memcpy(g.base, t->base, base_known * sizeof(*g.base));
    while (gate_update(&g) > 0) {
        if (base_known < t->n && rng_below(r, 2)) {
            g.base[base_known] = t->base[base_known];
            base_known++;
            continue;
        }
        size_t a = rng_below(r, (uint32_t)t->arms);
        size_t got = gate_next(&g, a, t->n, order);
        if (got && !by_next)
            rng_shuffle(r, order, got);
        for (size_t i = 0; i < got && i < wave; i++, measured++) {
            assert_int_equal(g.arm[a].outcomes[order[i]], OUTCOME_PENDING);
            g.arm[a].outcomes[order[i]] = t->cand[a][order[i]];
        }
        if (g.arm[a].stop >= GATE_STOP_REGRESSIONS) /* a late answer changes nothing */
            g.arm[a].outcomes[rng_below(r, (uint32_t)t->n)] = OUTCOME_PASS;
    }
    assert_int_equal(gate_winner(&g), t->winner);
    if (t->winner >= 0) {
        struct gate_arm *w = &g.arm[t->winner];
        assert_int_equal(w->stop, GATE_FINISHED);
        assert_int_equal(w->score.pending, 0);
    }
    gate_release(&g);
    return measured;
}

static void early_stop_decides_alike(void **state)
{
    struct rng r;
    size_t stopped = 0, full = 0, won = 0;
    (void)state;
    rng_init(&r, 7);
    for (int round = 0; round < 300000; round++) {
        struct gate_rules rules = rules_of((enum variant)rng_below(&r, 6));
        struct table t;
        rules.early_stop = rng_below(&r, 16) != 0;
        draw_table(&t, &rules, &r);
        size_t m = rng_below(&r, 3) ? decide(&t, &rules, &r) : decide_in_waves(&t, &rules, &r);
        full += t.n * t.arms;
        stopped += t.n * t.arms - m;
        won += t.winner >= 0;
        size_t scored = 0;
        for (size_t k = 0; k < t.n; k++)
            scored += t.base[k] != OUTCOME_UNSCORED;
        if (!rules.early_stop)
            assert_in_range(m, scored * t.arms, t.n * t.arms);
    }
    assert_true(stopped > full / 10); /* the test did test something */
    assert_true(won > 100000);
}

static void stops_say_why(void **state)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g;
    bool side[MOST];
    size_t n = sides("FFFPPP", side), order[8];
    (void)state;
    assert_int_equal(gate_init(&g, &rules, side, n, 5), 0);
    outcomes("fffppp", g.base);
    assert_int_equal(gate_update(&g), 5);
    arm(&g, 0, "..pppp");
    arm(&g, 1, "p...f.");
    arm(&g, 2, "fff...");
    arm(&g, 3, "ff....");
    arm(&g, 4, "......");
    assert_int_equal(gate_update(&g), 2);
    assert_int_equal(g.arm[0].stop, GATE_RUNNING);
    assert_int_equal(g.arm[0].bound.least, 1);
    assert_true(g.arm[0].bound.must_be_eligible);
    assert_int_equal(g.arm[1].stop, GATE_STOP_REGRESSIONS);
    assert_int_equal(g.arm[2].stop, GATE_STOP_SCORE);
    /* at most 1, and arm 0 comes first with at least 1 */
    assert_int_equal(g.arm[3].stop, GATE_STOP_BEATEN);
    assert_int_equal(gate_winner(&g), -1);
    arm(&g, 0, "pppppp");
    assert_int_equal(gate_update(&g), 0);
    assert_int_equal(g.arm[4].stop, GATE_STOP_BEATEN);
    assert_int_equal(gate_winner(&g), 0);
    assert_int_equal(gate_next(&g, 0, 8, order), 0);
    assert_int_equal(gate_next(&g, 4, 8, order), 0);
    gate_release(&g);
    gate_release(&g);

    /* what the baseline could not score is not wanted */
    assert_int_equal(gate_init(&g, &rules, side, n, 1), 0);
    outcomes("ffuppu", g.base);
    assert_int_equal(gate_next(&g, 0, 8, order), 4);
    arm(&g, 0, "pp.pp.");
    assert_int_equal(gate_update(&g), 0);
    assert_int_equal(g.arm[0].stop, GATE_FINISHED);
    assert_int_equal(g.arm[0].score.unscored, 2);
    gate_release(&g);

    /* an earlier arm goes on as long as it can draw level */
    assert_int_equal(gate_init(&g, &rules, side, n, 2), 0);
    outcomes("fffppp", g.base);
    arm(&g, 0, "ff....");
    arm(&g, 1, "pffppp");
    assert_int_equal(gate_update(&g), 1);
    assert_int_equal(g.arm[1].stop, GATE_FINISHED);
    arm(&g, 0, "ffpppp");
    assert_int_equal(gate_update(&g), 0);
    assert_int_equal(gate_winner(&g), 0);
    gate_release(&g);
}

static void coverage(void **state)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    enum outcome base[MOST], cand[MOST];
    size_t n;
    (void)state;
    n = outcomes("pppppppppp", base);
    outcomes("pppppppppu", cand);
    assert_true(gate_covered(&rules, base, cand, n));
    base[0] = OUTCOME_UNSCORED;
    assert_false(gate_covered(&rules, base, cand, n));
    base[0] = OUTCOME_PASS, base[9] = OUTCOME_UNSCORED; /* the same probe in both */
    assert_true(gate_covered(&rules, base, cand, n));
    outcomes("pp........", cand);
    assert_true(gate_covered(&rules, base, cand, n));
    assert_true(gate_covered(&rules, base, cand, 0));
    for (size_t i = 0; i < 36; i++)
        base[i] = i < 3 ? OUTCOME_UNSCORED : OUTCOME_FAIL, cand[i] = OUTCOME_FAIL;
    assert_true(gate_covered(&rules, base, cand, 36));
    base[3] = OUTCOME_UNSCORED;
    assert_false(gate_covered(&rules, base, cand, 36));
    rules.coverage_floor = 0;
    assert_true(gate_covered(&rules, base, cand, 36));
}

static void names(void **state)
{
    (void)state;
    for (int o = 0; o <= OUTCOME_UNSCORED; o++)
        assert_int_equal(outcome_from_name(outcome_name((enum outcome)o)), o);
    for (int s = 0; s <= GATE_STOP_BEATEN; s++)
        assert_int_equal(gate_stop_from_name(gate_stop_name((enum gate_stop)s)), s);
    assert_int_equal(outcome_from_name("passed"), -1);
    assert_int_equal(outcome_from_name(NULL), -1);
    assert_int_equal(gate_stop_from_name(""), -1);
    assert_string_equal(gate_rule_name(GATE_PAPER), "paper");
    assert_string_equal(gate_rule_name(GATE_REPLICATE), "replicate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_hold),
        cmocka_unit_test(majorities_hold),
        cmocka_unit_test(majority_never_changes),
        cmocka_unit_test(bounds_are_exact),
        cmocka_unit_test(early_stop_decides_alike),
        cmocka_unit_test(stops_say_why),
        cmocka_unit_test(coverage),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
