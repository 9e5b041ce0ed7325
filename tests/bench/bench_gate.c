/*
 * bench_gate.c - how good the gate's decisions are under noise, and what its order of probes saves.
 *
 *     bench_gate [TRIALS]        no model, no I/O but the shared vectors where they are there
 *
 * World of the first table: 96 tasks, half of them solved without the edit. An outcome flips with
 * the noise's probability, also in the measurement that the probe set is drawn from. The edit's
 * skill concerns a third of the tasks (of either half). A useless edit changes no task, a good one
 * (+10 points) solves a fifth of the unsolved ones, a bad one (-10) breaks a fifth of the solved
 * ones. Common random numbers: where a task's prompt does not show the edit, both arms send the
 * same bytes and get the same answer, once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gate.h"
#include "probes/probe_set.h"
#include "probes/rng.h"
#include "runtime/base/json.h"
#include "test.h"

#define TASKS  96
#define PROBES 36
#define ARMS   4

/* ---- quality of the decision ---- */

enum edit { USELESS, GOOD, BAD, N_EDITS };

struct world {
    struct task task[TASKS];
    char id[TASKS][16];
    bool before[TASKS], after[TASKS], shown[TASKS];
};

struct mode {
    const char *name;
    bool common, confirm;
    int repeats;
};

static const struct mode modes[] = {
    {"the paper's rule", false, false, 1},
    {"common random numbers", true, false, 1},
    {"`confirm`", false, true, 1},
    {"`repeats: 3`", false, false, 3},
    {"common random numbers, `confirm`", true, true, 1},
    {"common random numbers, `repeats: 3`", true, false, 3},
};

static bool chance(struct rng *r, double p)
{
    return rng_bits(r, 32) < p * 4294967296.0;
}

static void make_world(struct world *w, enum edit edit, struct rng *r)
{
    size_t order[TASKS];

    for (size_t i = 0; i < TASKS; i++)
        order[i] = i;
    rng_shuffle(r, order, TASKS);
    for (size_t k = 0; k < TASKS; k++) { /* places 0-47 unsolved, 48-95 solved */
        size_t i = order[k], place = k % (TASKS / 2);
        bool changed =
            place < 10 && ((edit == GOOD && k < TASKS / 2) || (edit == BAD && k >= TASKS / 2));
        snprintf(w->id[i], sizeof(w->id[i]), "t_%zu", i);
        w->task[i] = (struct task){.id = w->id[i], .family = w->id[i]};
        w->before[i] = k >= TASKS / 2;
        w->after[i] = w->before[i] != changed;
        w->shown[i] = place < TASKS / 6;
    }
}

static enum outcome measure(bool truth, double noise, int repeats, struct rng *r)
{
    enum outcome draws[8];

    for (int i = 0; i < repeats; i++)
        draws[i] = truth != chance(r, noise) ? OUTCOME_PASS : OUTCOME_FAIL;
    return gate_majority(draws, repeats);
}

/* One candidate against the baseline on one probe set; whether it is let in. Adds up the rollouts.
 */
static bool gate_once(const struct world *w, const struct probe_source *source,
                      const struct strlist *without, struct strlist *used, const struct mode *m,
                      double noise, uint64_t seed, struct rng *r, size_t *rollouts)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct probe_set set;
    struct gate_pick pick[4];
    struct gate g;
    bool failing[PROBES];
    size_t got;
    int winner;

    rules.repeats = m->repeats;
    if (probe_set_draw(&set, source, TASKS, PROBES, PROBE_STRATA_TYPE, without, seed) < 0)
        abort();
    for (size_t i = 0; i < set.n; i++)
        failing[i] = set.v[i].failing;
    if (gate_init(&g, &rules, failing, set.n, 1) < 0)
        abort();
    for (size_t i = 0; i < set.n; i++) {
        size_t t = (size_t)(set.v[i].task - w->task);
        g.base[i] = measure(w->before[t], noise, m->repeats, r);
        *rollouts += (size_t)m->repeats;
        if (used)
            strlist_add(used, set.v[i].task->id);
    }
    while (gate_update(&g) > 0) {
        got = gate_wave(&g, 4, pick);
        for (size_t i = 0; i < got; i++) {
            size_t p = pick[i].probe, t = (size_t)(set.v[p].task - w->task);
            if (m->common && !w->shown[t]) {
                g.arm[0].outcomes[p] = g.base[p];
                continue;
            }
            g.arm[0].outcomes[p] = measure(w->after[t], noise, m->repeats, r);
            *rollouts += (size_t)m->repeats;
        }
    }
    winner = gate_winner(&g);
    gate_release(&g);
    probe_set_release(&set);
    return winner == 0;
}

static void quality(const struct mode *m, double noise, size_t trials)
{
    size_t in[N_EDITS] = {0}, rollouts[N_EDITS] = {0};
    struct rng r;

    for (enum edit e = USELESS; e < N_EDITS; e++) {
        rng_init(&r, 1000 + (uint64_t)e);
        for (size_t i = 0; i < trials; i++) {
            struct probe_source source[TASKS];
            struct strlist used = {0};
            struct world w;
            make_world(&w, e, &r);
            for (size_t t = 0; t < TASKS; t++)
                source[t] = (struct probe_source){&w.task[t], measure(w.before[t], noise, 1, &r) ==
                                                                  OUTCOME_PASS};
            bool ok = gate_once(&w, source, NULL, &used, m, noise, 2 * i, &r, &rollouts[e]);
            if (ok && m->confirm)
                ok = gate_once(&w, source, &used, NULL, m, noise, 2 * i + 1, &r, &rollouts[e]);
            in[e] += ok;
            strlist_release(&used);
        }
    }
    double n = (double)trials / 100;
    printf("| %2.0f %% | %s | %.1f %% | %.1f %% | %.1f %% | %.0f | %.0f |\n", 100 * noise, m->name,
           (double)in[USELESS] / n, 100 - (double)in[GOOD] / n, (double)in[BAD] / n,
           (double)rollouts[USELESS] / n / 100, (double)rollouts[GOOD] / n / 100);
}

/* ---- order of the probes ---- */

struct table {
    size_t n, arms;
    bool failing[PROBES];
    enum outcome base[PROBES], cand[ARMS][PROBES];
    struct gate_past past[PROBES];
};

typedef size_t order_fn(const struct gate *g, size_t arm, size_t *out);

static size_t by_side(const struct gate *g, size_t arm, bool failing, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->failing[i] == failing && g->arm[arm].outcomes[i] == OUTCOME_PENDING)
            out[n++] = i;
    return n;
}

static size_t passing_first(const struct gate *g, size_t arm, size_t *out)
{
    size_t n = by_side(g, arm, false, out);
    return n + by_side(g, arm, true, out + n);
}

static size_t failing_first(const struct gate *g, size_t arm, size_t *out)
{
    size_t n = by_side(g, arm, true, out);
    return n + by_side(g, arm, false, out + n);
}

/* A probe of either side by turns. */
static size_t interleaved(const struct gate *g, size_t arm, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < (g->n + 1) / 2; i++)
        for (size_t j = i; j < g->n; j += (g->n + 1) / 2)
            if (g->arm[arm].outcomes[j] == OUTCOME_PENDING)
                out[n++] = j;
    return n;
}

static size_t promising(const struct gate *g, size_t arm, size_t *out)
{
    return gate_next(g, arm, g->n, out);
}

static const struct {
    const char *name;
    order_fn *order;
    bool past;
} orders[] = {
    {"failing first", failing_first, false},
    {"interleaved", interleaved, false},
    {"passing first", passing_first, false},
    {"most promising side (`gate_next`)", promising, false},
    {"the same, with earlier updates' outcomes", promising, true},
    {"and only as far as is likely (`gate_wave`)", NULL, true},
};

/* Rollouts that a decision takes, arms by turns in waves. `order` NULL: in the gate's own. */
static size_t cost(const struct table *t, order_fn *order, bool past, size_t wave)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g;
    size_t total = 0, list[ARMS][PROBES], n[ARMS];

    if (gate_init(&g, &rules, t->failing, t->n, t->arms) < 0)
        abort();
    memcpy(g.base, t->base, t->n * sizeof(*g.base));
    if (past)
        memcpy(g.past, t->past, t->n * sizeof(*g.past));
    while (gate_update(&g) > 0) {
        size_t left = wave;
        if (!order) {
            struct gate_pick picks[ARMS * PROBES];
            size_t got = gate_wave(&g, wave, picks);
            for (size_t i = 0; i < got; i++)
                g.arm[picks[i].arm].outcomes[picks[i].probe] =
                    t->cand[picks[i].arm][picks[i].probe];
            total += got;
            continue;
        }
        for (size_t k = 0; k < t->arms; k++)
            n[k] = g.arm[k].stop == GATE_RUNNING ? order(&g, k, list[k]) : 0;
        for (size_t turn = 0; turn < t->n; turn++)
            for (size_t k = 0; k < t->arms && left; k++)
                if (turn < n[k]) {
                    size_t p = list[k][turn];
                    g.arm[k].outcomes[p] = t->cand[k][p];
                    left--;
                    total++;
                }
    }
    gate_release(&g);
    return total;
}

/* Updates as learning meets them: a useful, a useless, a too broad and a harmful edit. */
static void simulate(struct table *t, double noise, struct rng *r)
{
    static const struct {
        double fixes, breaks;
    } kinds[] = {{0.3, 0.01}, {0.02, 0.02}, {0.25, 0.1}, {0.05, 0.2}};

    *t = (struct table){.n = PROBES, .arms = ARMS};
    for (size_t i = 0; i < t->n; i++) {
        bool solved = (t->failing[i] = i < PROBES / 2) == chance(r, noise);
        t->base[i] = measure(solved, noise, 1, r);
        t->past[i] = (struct gate_past){0, 0};
        for (size_t k = 0; k < t->arms; k++) {
            size_t kind = (k + i / PROBES) % 4;
            bool ok = solved ? !chance(r, kinds[kind].breaks) : chance(r, kinds[kind].fixes);
            t->cand[k][i] = measure(ok, noise, 1, r);
            if (t->cand[k][i] == OUTCOME_FAIL && chance(r, 0.1))
                t->cand[k][i] = OUTCOME_INVALID;
        }
    }
    for (size_t k = t->arms; k-- > 1;) { /* kinds in any place */
        enum outcome swap[PROBES];
        size_t j = rng_below(r, (uint32_t)k + 1);
        memcpy(swap, t->cand[k], sizeof(swap));
        memcpy(t->cand[k], t->cand[j], sizeof(swap));
        memcpy(t->cand[j], swap, sizeof(swap));
    }
}

static bool has(const json_t *list, const char *id)
{
    size_t i;
    json_t *v;
    json_array_foreach (list, i, v)
        if (strcmp(json_string_value(v), id) == 0)
            return true;
    return false;
}

static enum outcome recorded_outcome(const json_t *arm, const char *id)
{
    if (has(json_at(arm, "correct"), id))
        return OUTCOME_PASS;
    return has(json_at(arm, "invalid"), id) ? OUTCOME_INVALID : OUTCOME_FAIL;
}

/* One update of a recorded run; `past` collects what its candidates did, task by task. */
static void read_update(struct table *t, const json_t *u, json_t *past)
{
    static const char *const sides[] = {"probe.failing", "probe.passing"};
    const json_t *arms = json_at(u, "evaluated");
    json_t *id;
    size_t i;

    *t = (struct table){.arms = json_array_size(arms)};
    for (int side = 0; side < 2; side++)
        json_array_foreach (json_at(u, sides[side]), i, id) {
            const char *s = json_string_value(id);
            char key[64];
            snprintf(key, sizeof(key), "%s %d", s, side);
            json_t *seen = json_object_get(past, key);
            t->failing[t->n] = side == 0;
            t->base[t->n] = recorded_outcome(json_at(u, "baseline"), s);
            t->past[t->n].wrong = (int)json_integer_value(json_array_get(seen, 0));
            t->past[t->n].seen = (int)json_integer_value(json_array_get(seen, 1));
            for (size_t k = 0; k < t->arms; k++) {
                t->cand[k][t->n] = recorded_outcome(json_array_get(arms, k), s);
                json_t *now = json_object_get(past, key);
                json_object_set_new(past, key,
                                    json_pack("[I,I]",
                                              json_integer_value(json_array_get(now, 0)) +
                                                  (t->cand[k][t->n] != OUTCOME_PASS),
                                              json_integer_value(json_array_get(now, 1)) + 1));
            }
            t->n++;
        }
}

static size_t read_recorded(struct table *tables, size_t max)
{
    static const char *const files[] = {"vectors/decisions_plain.json",
                                        "vectors/decisions_family.json"};
    size_t n = 0, i;

    for (size_t f = 0; f < 2; f++) {
        char path[512];
        json_t *run = NULL, *u, *past = json_object();
        if (shared_file(files[f], path) && json_read_file(&run, path) == 0)
            json_array_foreach (json_at(run, "updates"), i, u)
                if (n < max)
                    read_update(&tables[n++], u, past);
        json_decref(past);
        json_decref(run);
    }
    return n;
}

static void compare_orders(const char *what, const struct table *tables, size_t n)
{
    static const size_t waves[] = {1, 4, 16, 64};
    size_t full = 0;

    for (size_t i = 0; i < n; i++)
        full += tables[i].n * tables[i].arms;
    for (size_t o = 0; full && o < sizeof(orders) / sizeof(*orders); o++) {
        printf("| %s | %s |", what, orders[o].name);
        for (size_t w = 0; w < sizeof(waves) / sizeof(*waves); w++) {
            size_t sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += cost(&tables[i], orders[o].order, orders[o].past, waves[w]);
            printf(" %.1f %% |", 100.0 * (double)sum / (double)full);
        }
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    static const double noises[] = {0, 0.05, 0.1};
    size_t trials = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000, n = 1000;
    struct table *tables = calloc(n, sizeof(*tables));
    struct rng r;

    if (!tables || trials == 0)
        return 2;
    printf("| noise | gate | useless let in | good missed | bad let in | rollouts, useless | "
           "rollouts, good |\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < 3; i++)
        for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++)
            quality(&modes[m], noises[i], trials);
    printf("\nCandidates' rollouts, of a full evaluation's:\n\n"
           "| outcomes | order | wave 1 | 4 | 16 | 64 |\n|---|---|---|---|---|---|\n");
    compare_orders("recorded", tables, read_recorded(tables, n));
    for (size_t i = 0; i < 3; i++) {
        char what[64];
        rng_init(&r, 5 + i);
        for (size_t k = 0; k < n; k++)
            simulate(&tables[k], noises[i], &r);
        snprintf(what, sizeof(what), "simulated, noise %.0f %%", 100 * noises[i]);
        compare_orders(what, tables, n);
    }
    free(tables);
    return 0;
}
