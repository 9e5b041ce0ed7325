/*
 * gate.c - score, bounds, early stopping, winner.
 *
 * Every probe adds an independent amount to a candidate's score and to its slack (how many more
 * regressions the rule would allow), so the best and the worst an unfinished candidate can reach is
 * a sum over its probes.
 */
#include "gate/gate_private.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

static const char *const outcome_names[] = {"pending", "pass",  "fail",
                                            "invalid", "error", "unscored"};
static const char *const stop_names[] = {"running", "finished", "regressions", "score", "beaten"};

const char *outcome_name(enum outcome o)
{
    return outcome_names[o];
}

const char *gate_rule_name(enum gate_rule r)
{
    return r == GATE_REPLICATE ? "replicate" : "paper";
}

int outcome_from_name(const char *name)
{
    for (int o = 0; name && o <= OUTCOME_UNSCORED; o++)
        if (strcmp(name, outcome_names[o]) == 0)
            return o;
    return -1;
}

const char *gate_stop_name(enum gate_stop s)
{
    return stop_names[s];
}

int gate_stop_from_name(const char *name)
{
    for (int s = 0; name && s <= GATE_STOP_BEATEN; s++)
        if (strcmp(name, stop_names[s]) == 0)
            return s;
    return -1;
}

/* The kind of a probe that is wrong: the most frequent one, ties to the first drawn. PENDING while
 * the open draws could still change that. */
static enum outcome wrong_kind(const enum outcome *draws, int n, int open)
{
    int count[OUTCOME_UNSCORED + 1] = {0}, first[OUTCOME_UNSCORED + 1], first_open = n;
    enum outcome top = OUTCOME_FAIL;

    for (int o = 0; o <= OUTCOME_UNSCORED; o++)
        first[o] = n;
    for (int i = n; i-- > 0;) {
        count[draws[i]]++;
        first[draws[i]] = i;
        if (draws[i] == OUTCOME_PENDING)
            first_open = i;
    }
    for (enum outcome o = OUTCOME_FAIL; o <= OUTCOME_ERROR; o++)
        if (count[o] > count[top] || (count[o] == count[top] && first[o] < first[top]))
            top = o;
    for (enum outcome o = OUTCOME_FAIL; open && o <= OUTCOME_ERROR; o++) {
        int soonest = first[o] < first_open ? first[o] : first_open;
        if (o != top && (count[o] + open > count[top] ||
                         (count[o] + open == count[top] && soonest < first[top])))
            return OUTCOME_PENDING;
    }
    return top;
}

enum outcome gate_majority(const enum outcome *draws, int n)
{
    int pass = 0, wrong = 0, open = 0;

    for (int i = 0; i < n; i++) {
        pass += draws[i] == OUTCOME_PASS;
        wrong += draws[i] >= OUTCOME_FAIL && draws[i] <= OUTCOME_ERROR;
        open += draws[i] == OUTCOME_PENDING;
    }
    if (2 * pass > n)
        return OUTCOME_PASS;
    if (n > 0 && 2 * wrong >= n)
        return wrong_kind(draws, n, open);
    return open ? OUTCOME_PENDING : OUTCOME_UNSCORED;
}

/* What one measured probe adds. */
struct effect {
    int score, slack;
};

static struct effect effect_of(const struct gate_rules *rules, bool failing, enum outcome base,
                               enum outcome cand)
{
    int before = base == OUTCOME_PASS, after = cand == OUTCOME_PASS, regressed, base_regressed;

    if (base == OUTCOME_UNSCORED || cand == OUTCOME_UNSCORED)
        return (struct effect){0, 0};
    if (failing)
        return (struct effect){after - before, 0};
    base_regressed = !before;
    regressed = !after && !(cand == OUTCOME_ERROR && base == OUTCOME_ERROR);
    if (rules->fixes_only)
        return (struct effect){0, base_regressed - regressed};
    return (struct effect){base_regressed - regressed -
                               (cand == OUTCOME_INVALID ? rules->invalid_action_penalty - 1 : 0),
                           base_regressed - regressed};
}

/* The least and the most a probe can add, whatever is still to be measured of it. */
static void effect_range(const struct gate_rules *rules, bool failing, enum outcome base,
                         enum outcome cand, struct effect *lo, struct effect *hi)
{
    enum outcome b0 = base ? base : OUTCOME_PASS, b1 = base ? base : OUTCOME_UNSCORED;
    enum outcome c0 = cand ? cand : OUTCOME_PASS, c1 = cand ? cand : OUTCOME_UNSCORED;

    *lo = *hi = effect_of(rules, failing, b0, c0);
    for (enum outcome b = b0; b <= b1; b++)
        for (enum outcome c = c0; c <= c1; c++) {
            struct effect e = effect_of(rules, failing, b, c);
            lo->score = e.score < lo->score ? e.score : lo->score;
            lo->slack = e.slack < lo->slack ? e.slack : lo->slack;
            hi->score = e.score > hi->score ? e.score : hi->score;
            hi->slack = e.slack > hi->slack ? e.slack : hi->slack;
        }
}

static bool within_budget(const struct gate_rules *rules, int slack)
{
    return !rules->regression_gate || rules->fixes_only || slack + rules->regression_budget >= 0;
}

void gate_score(const struct gate_rules *rules, const bool *failing, const enum outcome *base,
                const enum outcome *cand, size_t n, struct gate_score *out)
{
    int slack = 0;

    *out = (struct gate_score){0};
    for (size_t i = 0; i < n; i++) {
        bool before = base[i] == OUTCOME_PASS, after = cand[i] == OUTCOME_PASS;
        if (base[i] == OUTCOME_UNSCORED || cand[i] == OUTCOME_UNSCORED) {
            out->unscored++;
            continue;
        }
        if (base[i] == OUTCOME_PENDING || cand[i] == OUTCOME_PENDING) {
            out->pending++;
            continue;
        }
        if (failing[i]) {
            out->failing++;
            out->fixes += after;
            out->base_fixes += before;
        } else {
            bool same_error = cand[i] == OUTCOME_ERROR && base[i] == OUTCOME_ERROR;
            out->passing++;
            out->regressions += !after && !same_error;
            out->base_regressions += !before;
            out->invalid += cand[i] == OUTCOME_INVALID;
        }
        struct effect e = effect_of(rules, failing[i], base[i], cand[i]);
        out->score += e.score;
        slack += e.slack;
    }
    out->gains = out->score > 0;
    out->eligible = out->gains && within_budget(rules, slack);
}

void gate_bound(const struct gate_rules *rules, const bool *failing, const enum outcome *base,
                const enum outcome *cand, size_t n, struct gate_bound *out)
{
    struct effect least = {0, 0}, most = {0, 0}, lo, hi;

    for (size_t i = 0; i < n; i++) {
        effect_range(rules, failing[i], base[i], cand[i], &lo, &hi);
        least.score += lo.score;
        least.slack += lo.slack;
        most.score += hi.score;
        most.slack += hi.slack;
    }
    out->least = least.score;
    out->most = most.score;
    out->slack = most.slack + rules->regression_budget;
    out->within_budget = within_budget(rules, most.slack);
    out->can_be_eligible = most.score > 0 && out->within_budget;
    out->must_be_eligible = least.score > 0 && within_budget(rules, least.slack);
}

int gate_init(struct gate *g, const struct gate_rules *rules, const bool *failing, size_t n,
              size_t candidates)
{
    size_t again = rules->rule == GATE_REPLICATE ? n * GATE_REDRAWS : 0;

    *g = (struct gate){.rules = *rules, .n = n, .arms = candidates};
    if (g->rules.candidates < (int)candidates)
        g->rules.candidates = (int)candidates;
    g->failing = calloc(n ? n : 1, sizeof(*g->failing));
    g->base = calloc(n ? n : 1, sizeof(*g->base));
    g->arm = calloc(candidates ? candidates : 1, sizeof(*g->arm));
    g->past = calloc(n ? n : 1, sizeof(*g->past));
    g->rank = calloc(n ? n : 1, sizeof(*g->rank));
    g->order = calloc((n ? n : 1) * (candidates ? candidates : 1), sizeof(*g->order));
    g->listed = calloc(candidates ? candidates : 1, sizeof(*g->listed));
    g->lead = calloc(candidates ? candidates : 1, sizeof(*g->lead));
    g->base_again = calloc(again + 1, sizeof(*g->base_again));
    g->walk = calloc(again ? 2 * n : 1, sizeof(*g->walk));
    g->wanted = calloc(again ? 2 * n * candidates + 1 : 1, sizeof(*g->wanted));
    if (!g->failing || !g->base || !g->arm || !g->past || !g->rank || !g->order || !g->listed ||
        !g->lead || !g->base_again || !g->walk || !g->wanted)
        goto fail;
    for (size_t k = 0; k < candidates; k++) {
        g->arm[k].outcomes = calloc(n ? n : 1, sizeof(*g->arm[k].outcomes));
        g->arm[k].again = calloc(again + 1, sizeof(*g->arm[k].again));
        if (!g->arm[k].outcomes || !g->arm[k].again)
            goto fail;
    }
    if (failing && n)
        memcpy(g->failing, failing, n * sizeof(*failing));
    return 0;
fail:
    gate_release(g);
    return err_oom();
}

void gate_release(struct gate *g)
{
    for (size_t k = 0; g->arm && k < g->arms; k++) {
        free(g->arm[k].outcomes);
        free(g->arm[k].again);
    }
    free(g->base_again);
    free(g->walk);
    free(g->wanted);
    free(g->failing);
    free(g->base);
    free(g->arm);
    free(g->past);
    free(g->rank);
    free(g->order);
    free(g->listed);
    free(g->lead);
    *g = (struct gate){0};
}

void gate_keep(struct gate *g, const struct gate *from)
{
    size_t again = from->rules.rule == GATE_REPLICATE ? g->n * GATE_REDRAWS : 0;

    memcpy(g->base_again, from->base_again, again * sizeof(*g->base_again));
    for (size_t k = 0; k < from->arms; k++) {
        memcpy(g->arm[k].outcomes, from->arm[k].outcomes, g->n * sizeof(*g->arm[k].outcomes));
        memcpy(g->arm[k].again, from->arm[k].again, again * sizeof(*g->arm[k].again));
        g->arm[k].stop = from->arm[k].stop;
        g->arm[k].score = from->arm[k].score;
        g->arm[k].bound = from->arm[k].bound;
    }
}

void gate_copy(struct gate *g, const struct gate *from)
{
    g->rules = from->rules;
    memcpy(g->failing, from->failing, g->n * sizeof(*g->failing));
    memcpy(g->base, from->base, g->n * sizeof(*g->base));
    memcpy(g->past, from->past, g->n * sizeof(*g->past));
    gate_keep(g, from);
}

/* Whether arm k cannot win because of what another arm is sure to reach: a later one must exceed
 * that, an earlier one reach it. */
static bool beaten(const struct gate *g, size_t k)
{
    int most = g->arm[k].bound.most;

    for (size_t j = 0; j < g->arms; j++) {
        const struct gate_arm *a = &g->arm[j];
        if (j != k && a->stop <= GATE_FINISHED && a->bound.must_be_eligible &&
            (most < a->bound.least || (most == a->bound.least && k > j)))
            return true;
    }
    return false;
}

enum outcome *gate_place(struct gate *g, const struct gate_pick *pick)
{
    bool base = pick->arm == GATE_BASE;
    struct gate_arm *a = base ? NULL : &g->arm[pick->arm];

    if (pick->draw == 0)
        return (base ? g->base : a->outcomes) + pick->probe;
    return (base ? g->base_again : a->again) + pick->probe * GATE_REDRAWS + pick->draw - 1;
}

/* Score and bound of arm k by all that is known of it. */
static void look(const struct gate *g, size_t k)
{
    struct gate_arm *a = &g->arm[k];
    struct replicate_state s;

    if (g->rules.rule == GATE_PAPER) {
        gate_bound(&g->rules, g->failing, g->base, a->outcomes, g->n, &a->bound);
        gate_score(&g->rules, g->failing, g->base, a->outcomes, g->n, &a->score);
        if (a->score.pending == 0)
            a->stop = GATE_FINISHED;
        return;
    }
    replicate_weigh(g, k, &s, NULL, NULL, NULL);
    a->score = s.score;
    a->bound = (struct gate_bound){.most = s.most,
                                   .slack = g->rules.regression_budget - s.score.regressions};
    a->bound.within_budget = within_budget(&g->rules, -s.score.regressions);
    a->bound.can_be_eligible = s.phase != REPLICATE_REFUSED && s.most > 0 && a->bound.within_budget;
    if (s.phase == REPLICATE_DECIDED || s.score.pending == 0)
        a->stop = GATE_FINISHED;
    if (a->stop == GATE_FINISHED) {
        a->bound.least = s.score.score;
        a->bound.must_be_eligible = s.score.eligible;
    }
}

size_t gate_update(struct gate *g)
{
    size_t running = 0;

    for (size_t k = 0; k < g->arms; k++)
        if (g->arm[k].stop == GATE_RUNNING)
            look(g, k);
    for (size_t k = 0; k < g->arms; k++) {
        struct gate_arm *a = &g->arm[k];
        if (a->stop == GATE_RUNNING && g->rules.early_stop) {
            if (!a->bound.within_budget)
                a->stop = GATE_STOP_REGRESSIONS;
            else if (!a->bound.can_be_eligible)
                a->stop = GATE_STOP_SCORE;
            else if (beaten(g, k))
                a->stop = GATE_STOP_BEATEN;
        }
        running += a->stop == GATE_RUNNING;
    }
    return running;
}

int gate_winner(const struct gate *g)
{
    int winner = -1;

    for (size_t k = 0; k < g->arms; k++) {
        const struct gate_arm *a = &g->arm[k];
        if (a->stop == GATE_FINISHED && a->score.eligible &&
            (winner < 0 || a->score.score > g->arm[winner].score.score))
            winner = (int)k;
    }
    return winner;
}

void gate_hold(struct gate *g, bool regression_gate)
{
    g->rules.regression_gate = regression_gate;
    for (size_t k = 0; k < g->arms; k++)
        g->arm[k].stop = GATE_RUNNING;
}

bool gate_enough(size_t unscored, size_t n, double floor)
{
    /* 33 of 36 at a floor of 0.9; the sum forgives the floor's last binary digit */
    return n == 0 || (double)(n - unscored) / (double)n + 1e-12 >= floor;
}

bool gate_covered(const struct gate_rules *rules, const enum outcome *base,
                  const enum outcome *cand, size_t n)
{
    size_t unscored = 0;

    for (size_t i = 0; i < n; i++)
        unscored += base[i] == OUTCOME_UNSCORED || cand[i] == OUTCOME_UNSCORED;
    return gate_enough(unscored, n, rules->coverage_floor);
}
