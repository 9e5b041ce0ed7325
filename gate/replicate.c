/*
 * replicate.c - the rule for endpoints whose outcomes flip.
 *
 * A probe has one role for all candidates of an update, by the baseline's first draw b_0: where that
 * is wrong, a candidate can show a fix; where it passes, a break. What differs is drawn again in
 * both arms until it is evidence or contradicted.
 *
 * The ratio l of a probe says how much likelier all its draws are if the edit changed the task than
 * if it did nothing. A task is steady (its outcomes flip with probability p), or a coin (COIN of
 * them); a steady one's b_0 was its usual outcome or a flip, and the outcome that chose the probe is
 * a weak word on which. An edit that changes a task turns it over, or (HALF of the time) only makes
 * a coin of it.
 *
 * Fixes: odds = product of (1 - SHARE + SHARE l). At candidates / alpha the fixes are evidence. Until
 * then the probes with l >= GO_ON are drawn again, round by round; when none is left, the candidate
 * is refused. Breaks: each probe by itself is broken at l >= BROKEN, and not when l falls below
 * GO_ON or its redraws are spent.
 *
 * Why alpha holds. Let an edit change nothing. Given b_0 and the outcome that chose the probe, its
 * task is steady, flipped or a coin with the weights above, and passes equally often in both arms. l
 * is then a likelihood ratio times the weight of the states that can change, at most 1: its
 * expectation is at most 1, and stays so with every further draw, whatever rule asked for it, as
 * long as that looked only at this candidate's past. A mixture of l and 1 has expectation at most 1,
 * and so has a product over tasks: odds is a nonnegative supermartingale that begins at 1, and by
 * Ville's inequality reaches candidates / alpha with probability at most alpha / candidates. Over all
 * candidates of an update, dependent or not: at most alpha. In the same way an innocent probe is
 * called broken with probability at most 1 / BROKEN. Taken for granted are p and COIN: of all
 * unchanged tasks a coin is the likeliest to show a difference, so its term caps what any one probe
 * can claim, whatever p is; gate_flips keeps p from being too low. Figures: tests/bench.
 *
 * Arithmetic: + * / on doubles in a fixed order (compiled with -ffp-contract=off), so that everyone
 * recomputes the same decision from the evidence.
 */
#include <math.h>
#include <string.h>

#include "gate/gate_private.h"

#define SHARE   0.1 /* of the probes, what an edit that works fixes */
#define COIN    0.1 /* of the tasks */
#define HALF    0.3 /* of the changes: a coin instead of the other outcome */
#define MOVED   0.1 /* of the tasks: changed sides since the outcome that chose them */
#define GO_ON   2.0
#define BROKEN  100.0
#define LEAST_P 0.08
#define MOST_P  0.20

double gate_flips(int differ, int n)
{
    double v = (differ + 0.5) / (n + 1) / 2;
    double p = v >= 0.25 ? 0.5 : (1 - sqrt(1 - 4 * v)) / 2;
    p = p < LEAST_P ? LEAST_P : p > MOST_P ? MOST_P : p;
    return round(p * 1000) / 1000;
}

static double power(double x, int n)
{
    double y = 1;

    while (n-- > 0)
        y *= x;
    return y;
}

static double ratio(double p, const struct gate_walk *w)
{
    double turned = p + MOVED * (1 - 2 * p);
    double steady = (1 - COIN) * (w->agrees ? 1 - turned : turned) * power(1 - p, w->sb) *
                    power(p, w->nb - w->sb);
    double flipped = (1 - COIN) * (w->agrees ? turned : 1 - turned) * power(p, w->sb) *
                     power(1 - p, w->nb - w->sb);
    double coin = COIN * power(0.5, w->nb);
    double like = power(1 - p, w->sc) * power(p, w->nc - w->sc);
    double unlike = power(p, w->sc) * power(1 - p, w->nc - w->sc);
    double even = power(0.5, w->nc);

    return (steady * ((1 - HALF) * unlike + HALF * even) + coin * unlike) /
           (steady * like + flipped * unlike + coin * even);
}

static bool passes(enum outcome o)
{
    return o == OUTCOME_PASS;
}

static bool has_role(const struct gate *g, size_t i)
{
    return g->base[i] != OUTCOME_PENDING && g->base[i] != OUTCOME_UNSCORED;
}

static void begin(const struct gate *g, size_t arm, size_t i, struct gate_walk *w)
{
    bool base = passes(g->base[i]);

    *w = (struct gate_walk){.nb = 1, .sb = 1, .nc = 1, .agrees = g->failing[i] != base};
    w->sc = passes(g->arm[arm].outcomes[i]) == base;
    w->l = ratio(g->rules.flips, w);
}

static bool may_go_on(const struct gate_walk *w)
{
    return !w->closed && w->l >= GO_ON && w->nc <= GATE_REDRAWS;
}

struct wish {
    struct gate_pick *v; /* NULL: nobody asks */
    size_t n;
};

static void want(struct wish *w, size_t arm, size_t probe, int draw)
{
    if (w->v)
        w->v[w->n] = (struct gate_pick){arm, probe, draw};
    w->n++;
}

/* The next pair of an open probe: the candidate's draw nc, and the baseline's one before that, which
 * has the outcome that chose the probe ahead of it. False: it is not all there yet. */
static bool step(const struct gate *g, size_t arm, size_t i, struct gate_walk *w, struct wish *wish)
{
    size_t at = i * GATE_REDRAWS;
    int r = w->nc;
    enum outcome c = g->arm[arm].again[at + (size_t)r - 1];
    enum outcome b = r > 1 ? g->base_again[at + (size_t)r - 2] : OUTCOME_PASS;
    bool base = passes(g->base[i]);

    if (c == OUTCOME_PENDING)
        want(wish, arm, i, r);
    if (b == OUTCOME_PENDING)
        want(wish, GATE_BASE, i, r - 1);
    if (c == OUTCOME_PENDING || b == OUTCOME_PENDING)
        return false;
    w->nc++;
    w->nb += r > 1;
    if (c == OUTCOME_UNSCORED || b == OUTCOME_UNSCORED) {
        w->closed = true;
        return true;
    }
    w->sc += passes(c) == base;
    w->sb += r > 1 && passes(b) == base;
    w->l = ratio(g->rules.flips, w);
    return true;
}

static void note_used(struct replicate_used *used, size_t i, const struct gate_walk *w)
{
    if (used)
        used[i] = (struct replicate_used){(unsigned char)(w->nb - 1), (unsigned char)(w->nc - 1)};
}

/* The first question. All open probes advance together: whether the odds have come is asked of
 * whole rounds. Returns false while draws are missing. */
static bool weigh_fixes(const struct gate *g, size_t arm, struct replicate_state *s,
                        struct wish *wish, struct replicate_used *used)
{
    const enum outcome *cand = g->arm[arm].outcomes;
    struct gate_walk *w = g->walk, *before = g->walk + g->n;
    bool missing = false;

    for (size_t i = 0; i < g->n; i++) {
        bool fix = has_role(g, i) && !passes(g->base[i]) && cand[i] != OUTCOME_UNSCORED;
        bool open = g->base[i] == OUTCOME_PENDING && cand[i] != OUTCOME_UNSCORED;
        if (fix && cand[i] == OUTCOME_PENDING)
            want(wish, arm, i, 0);
        if (open || (fix && cand[i] == OUTCOME_PENDING)) {
            s->score.pending++;
            missing = true;
        }
        s->most += open;
        begin(g, arm, i, &w[i]);
        w[i].fix = fix;
    }
    while (true) {
        int standing = 0, left = 0;
        s->odds = 1;
        for (size_t i = 0; i < g->n; i++) {
            if (!w[i].fix || cand[i] == OUTCOME_PENDING) {
                s->most += w[i].fix;
                continue;
            }
            s->odds *= 1 - SHARE + SHARE * w[i].l;
            standing += w[i].l >= GO_ON;
            left += may_go_on(&w[i]);
            note_used(used, i, &w[i]);
        }
        s->score.fixes = standing;
        if (missing) { /* of a first draw, or of this round's */
            s->most += standing;
            return false;
        }
        if (s->odds >= g->rules.candidates / g->rules.alpha) {
            s->most = standing;
            s->phase = REPLICATE_BREAKS;
            return true;
        }
        if (!left) {
            s->phase = REPLICATE_REFUSED;
            return true;
        }
        memcpy(before, w, g->n * sizeof(*w));
        for (size_t i = 0; i < g->n; i++)
            if (w[i].fix && may_go_on(&w[i]) && !step(g, arm, i, &w[i], wish))
                missing = true;
        if (missing) { /* the round is not over: it counts as a whole */
            s->score.pending = left;
            memcpy(w, before, g->n * sizeof(*w));
        }
    }
}

/* The second question, of each probe by itself. */
static bool weigh_breaks(const struct gate *g, size_t arm, struct replicate_state *s,
                         struct wish *wish, struct replicate_used *used)
{
    const enum outcome *cand = g->arm[arm].outcomes;
    bool whole = true;

    for (size_t i = 0; i < g->n; i++) {
        struct gate_walk w;
        bool there = true;
        if (!has_role(g, i) || !passes(g->base[i]) || cand[i] == OUTCOME_UNSCORED)
            continue;
        if (cand[i] == OUTCOME_PENDING) {
            want(wish, arm, i, 0);
            s->score.pending++;
            whole = false;
            continue;
        }
        begin(g, arm, i, &w);
        while (there && may_go_on(&w) && w.l < BROKEN)
            there = step(g, arm, i, &w, wish);
        note_used(used, i, &w);
        s->score.pending += !there;
        whole &= there;
        if (w.l >= BROKEN) {
            s->score.regressions++;
            s->score.invalid += cand[i] == OUTCOME_INVALID;
        }
    }
    return whole;
}

/* What is known of the sides, whatever is decided. */
static void count_sides(const struct gate *g, size_t arm, struct replicate_state *s)
{
    const enum outcome *cand = g->arm[arm].outcomes;

    for (size_t i = 0; i < g->n; i++) {
        if (g->base[i] == OUTCOME_UNSCORED || cand[i] == OUTCOME_UNSCORED) {
            s->score.unscored++;
            continue;
        }
        if (g->base[i] == OUTCOME_PENDING || cand[i] == OUTCOME_PENDING) {
            s->first_draws++;
            continue;
        }
        *(passes(g->base[i]) ? &s->score.passing : &s->score.failing) += 1;
        s->score.base_fixes += g->failing[i] && passes(g->base[i]);
        s->score.base_regressions += !g->failing[i] && !passes(g->base[i]);
    }
}

void replicate_weigh(const struct gate *g, size_t arm, struct replicate_state *out,
                     struct gate_pick *wants, size_t *wanted, struct replicate_used *used)
{
    const struct gate_rules *r = &g->rules;
    struct wish wish = {wants, 0};

    *out = (struct replicate_state){.odds = 1};
    for (size_t i = 0; used && i < g->n; i++)
        used[i] = (struct replicate_used){0, 0};
    count_sides(g, arm, out);
    if (weigh_fixes(g, arm, out, &wish, used) && out->phase == REPLICATE_BREAKS &&
        (r->fixes_only || weigh_breaks(g, arm, out, &wish, used)))
        out->phase = REPLICATE_DECIDED;
    struct gate_score *s = &out->score;
    int harm = s->regressions + (r->invalid_action_penalty - 1) * s->invalid;
    s->score = s->fixes - harm;
    out->most -= harm;
    s->gains = out->phase == REPLICATE_DECIDED && s->score >= 1;
    s->eligible = s->gains &&
                  (!r->regression_gate || r->fixes_only || s->regressions <= r->regression_budget);
    if (out->phase == REPLICATE_REFUSED)
        s->pending = out->first_draws;
    if (wanted)
        *wanted = wish.n;
}

/* ---- waves ---- */

static size_t add(const struct gate_pick *p, struct gate_pick *out, size_t n, size_t max)
{
    for (size_t i = 0; i < n; i++) /* a draw of the baseline may be wanted by several */
        if (out[i].arm == p->arm && out[i].probe == p->probe && out[i].draw == p->draw)
            return n;
    if (n < max)
        out[n++] = *p;
    return n;
}

static bool pending(const struct gate *g, const struct gate_pick *p)
{
    const enum outcome *again = p->arm == GATE_BASE ? g->base_again : g->arm[p->arm].again;

    if (p->draw > GATE_REDRAWS)
        return false;
    if (p->draw == 0)
        return g->arm[p->arm].outcomes[p->probe] == OUTCOME_PENDING;
    return again[p->probe * GATE_REDRAWS + (size_t)p->draw - 1] == OUTCOME_PENDING;
}

/* Draws that will probably be wanted next fill a wave that has room: they shorten the chain of
 * rounds, and change no decision because a candidate looks at what its path asked for only. */
static size_t look_ahead(const struct gate *g, size_t n, size_t max, struct gate_pick *out)
{
    size_t sure = n;

    for (size_t i = 0; i < sure && n < max; i++) {
        struct gate_pick next = out[i];
        next.draw++;
        if (out[i].draw > 0 && pending(g, &next))
            n = add(&next, out, n, max);
    }
    for (size_t k = 0; k < g->arms && n < max; k++) {
        struct replicate_state s;
        if (g->arm[k].stop != GATE_RUNNING)
            continue;
        replicate_weigh(g, k, &s, NULL, NULL, NULL);
        if (g->rules.early_stop && (s.odds < 1 || s.phase != REPLICATE_FIXES))
            continue; /* it has asked for what it needs, or will be refused */
        for (size_t i = 0; i < g->n && n < max; i++) {
            struct gate_pick first = {k, i, 0};
            if (g->base[i] != OUTCOME_UNSCORED && pending(g, &first))
                n = add(&first, out, n, max);
        }
    }
    return n;
}

size_t replicate_wave(const struct gate *g, size_t max, struct gate_pick *out)
{
    size_t n = 0;

    for (size_t k = 0; k < g->arms; k++) {
        struct replicate_state s;
        g->listed[k] = 0;
        if (g->arm[k].stop == GATE_RUNNING)
            replicate_weigh(g, k, &s, g->wanted + 2 * k * g->n, &g->listed[k], NULL);
    }
    for (int firsts = 0; firsts < 2; firsts++) /* redraws are few and decide most */
        for (size_t at = 0; at < 2 * g->n; at++)
            for (size_t k = 0; k < g->arms; k++) {
                const struct gate_pick *p = &g->wanted[2 * k * g->n + at];
                if (at < g->listed[k] && (p->draw == 0) == firsts)
                    n = add(p, out, n, max);
            }
    return look_ahead(g, n, max, out);
}
