/*
 * bench_gate.c - how good the gate's decisions are under noise, and what its order of probes saves.
 *
 *     bench_gate [UPDATES]       no model, no I/O but the shared vectors where they are there
 *
 * World of the first tables: 96 tasks, half of them solved without an edit; 36 probes drawn by one
 * outcome of each task. An outcome flips with the noise's probability, every draw anew, also the one
 * that chose the probes; "flaky": a fifth of the tasks pass with a probability between 0.15 and
 * 0.85. A useless edit changes no task, a good one (+10 points) solves ten more, one of half effect
 * makes coins of twenty, a bad one breaks ten, a mixed one solves ten and breaks four. What a rule
 * knows of the noise it has from 24 tasks rolled out twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gate.h"
#include "probes/rng.h"
#include "runtime/base/json.h"
#include "test.h"

#define TASKS  96
#define PROBES 36
#define ARMS   4

/* ---- quality of the decision ---- */

enum edit { USELESS, GOOD, HALF, BAD, MIXED };

static const struct {
    int fixes, breaks;
    bool half; /* what it fixes it fixes half of the time */
} edits[] = {[GOOD] = {10, 0, false},
             [HALF] = {20, 0, true},
             [BAD] = {0, 10, false},
             [MIXED] = {10, 4, false}};

/* One update: the probes' sides, and how often each passes without an edit and with each. */
struct update {
    uint64_t seed;
    bool failing[PROBES];
    double base[PROBES], cand[ARMS][PROBES];
    int differ; /* of NOISE_TASKS that were rolled out twice */
};
#define NOISE_TASKS 24

enum rule { PAPER, REPEATS, REPLICATION, REPLICATE, RULES };
static const char *const rule_names[] = {"`paper`", "`paper`, `repeats: 3`",
                                         "replicate 3 (reference)", "`replicate`"};

struct cost {
    size_t rollouts, waves;
};

static bool chance(struct rng *r, double p)
{
    return rng_bits(r, 32) < p * 4294967296.0;
}

static enum outcome measure(bool truth, double noise, struct rng *r)
{
    return truth != chance(r, noise) ? OUTCOME_PASS : OUTCOME_FAIL;
}

static void apply(enum edit e, double noise, double *pass, struct rng *r)
{
    size_t order[TASKS];
    int fixes = edits[e].fixes, breaks = edits[e].breaks;

    for (size_t i = 0; i < TASKS; i++)
        order[i] = i;
    rng_shuffle(r, order, TASKS);
    for (size_t i = 0; i < TASKS; i++) {
        double *q = &pass[order[i]];
        if (order[i] < TASKS / 2 && fixes-- > 0)
            *q = !edits[e].half ? 1 - noise : *q > 0.5 ? *q : 0.5;
        else if (order[i] >= TASKS / 2 && breaks-- > 0)
            *q = noise;
    }
}

static void make_update(struct update *u, const enum edit *e, size_t arms, double noise,
                        double flaky, struct rng *r)
{
    double pass[1 + ARMS][TASKS], twice = 0;
    size_t order[TASKS], of[2], n;

    for (size_t i = 0; i < TASKS; i++) {
        pass[0][i] = i < TASKS / 2 ? noise : 1 - noise;
        order[i] = i;
    }
    rng_shuffle(r, order, TASKS);
    for (size_t i = 0; i < (size_t)(flaky * TASKS); i++)
        pass[0][order[i]] = 0.15 + 0.7 * rng_bits(r, 32) / 4294967296.0;
    for (size_t k = 0; k < arms; k++) {
        memcpy(pass[k + 1], pass[0], sizeof(pass[0]));
        apply(e[k], noise, pass[k + 1], r);
    }
    for (size_t i = 0; i < TASKS; i++)
        twice += 2 * pass[0][i] * (1 - pass[0][i]) / TASKS;
    *u = (struct update){.seed = (uint64_t)rng_bits(r, 32) << 32 | rng_bits(r, 32)};
    for (int i = 0; i < NOISE_TASKS; i++)
        u->differ += chance(r, twice);
    do { /* a side that is too small is drawn again */
        of[0] = of[1] = n = 0;
        rng_shuffle(r, order, TASKS);
        for (size_t i = 0; i < TASKS; i++) {
            bool fails = !chance(r, pass[0][order[i]]);
            if (of[fails] == PROBES / 2)
                continue;
            of[fails]++;
            u->failing[n] = fails;
            u->base[n] = pass[0][order[i]];
            for (size_t k = 0; k < arms; k++)
                u->cand[k][n] = pass[k + 1][order[i]];
            n++;
        }
    } while (n < PROBES);
}

/* Draw r of a probe in an arm: one and the same for all rules. */
static enum outcome toss(const struct update *u, size_t arm, size_t probe, int r)
{
    double pass = arm == GATE_BASE ? u->base[probe] : u->cand[arm][probe];
    uint64_t x =
        u->seed + (((arm == GATE_BASE ? ARMS : arm) * PROBES + probe) * 128 + (uint64_t)r) *
                      UINT64_C(0x9E3779B97F4A7C15);

    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((x ^ x >> 31) >> 11) * 0x1p-53 < pass ? OUTCOME_PASS : OUTCOME_FAIL;
}

static enum outcome toss_repeats(const struct update *u, const struct gate_pick *p, int repeats)
{
    enum outcome draws[3];

    if (repeats == 1)
        return toss(u, p->arm, p->probe, p->draw);
    for (int i = 0; i < repeats; i++)
        draws[i] = toss(u, p->arm, p->probe, i);
    return gate_majority(draws, repeats);
}

/* By the program's own gate, in waves of so many rollouts (0: all that can be asked at once, nothing
 * stopped early). */
static int by_gate(const struct update *u, enum rule rule, size_t arms, size_t wave,
                   struct cost *cost)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate_pick picks[3 * ARMS * PROBES + 1];
    struct gate g;
    int winner;

    rules.rule = rule == REPLICATE ? GATE_REPLICATE : GATE_PAPER;
    rules.flips = gate_flips(u->differ, NOISE_TASKS);
    rules.repeats = rule == REPEATS ? 3 : 1;
    rules.early_stop = wave > 0;
    if (gate_init(&g, &rules, u->failing, PROBES, arms) < 0)
        abort();
    for (size_t i = 0; i < PROBES; i++)
        g.base[i] = toss_repeats(u, &(struct gate_pick){GATE_BASE, i, 0}, rules.repeats);
    cost->rollouts += (size_t)(PROBES * rules.repeats);
    cost->waves++;
    wave = !wave ? gate_wave_max(&g) : rule == REPEATS ? (wave + 2) / 3 : wave;
    while (gate_update(&g) > 0) {
        size_t got = gate_wave(&g, wave, picks);
        for (size_t i = 0; i < got; i++)
            *gate_place(&g, &picks[i]) = toss_repeats(u, &picks[i], rules.repeats);
        cost->rollouts += got * (size_t)rules.repeats;
        cost->waves++;
    }
    winner = gate_winner(&g);
    gate_release(&g);
    return winner;
}

/* A simpler rule to compare with: what differs must differ again, a fix in three further pairs of
 * draws, a break in two; the first pair that does not ends it. All first draws are made. */
static int by_replication(const struct update *u, size_t arms, struct cost *cost)
{
    bool drawn[PROBES][4] = {{false}}; /* redraws of the baseline, which serve all */
    int winner = -1, best = 0;

    cost->rollouts += PROBES * (arms + 1);
    for (size_t k = 0; k < arms; k++) {
        int fixes = 0, breaks = 0;
        for (size_t i = 0; i < PROBES; i++) {
            enum outcome b = toss(u, GATE_BASE, i, 0);
            bool stands = toss(u, k, i, 0) != b;
            int pairs = b == OUTCOME_PASS ? 2 : 3;
            for (int r = 1; r <= pairs && stands; r++) /* known already */
                stands = !drawn[i][r] || toss(u, GATE_BASE, i, r) == b;
            for (int r = 1; r <= pairs && stands; r++) {
                cost->rollouts += 1 + !drawn[i][r];
                drawn[i][r] = true;
                stands = toss(u, GATE_BASE, i, r) == b && toss(u, k, i, r) != b;
            }
            *(b == OUTCOME_PASS ? &breaks : &fixes) += stands;
        }
        if (breaks == 0 && fixes > best) {
            best = fixes;
            winner = (int)k;
        }
    }
    return winner;
}

static int decide(const struct update *u, enum rule rule, size_t arms, size_t wave,
                  struct cost *cost)
{
    return rule == REPLICATION ? by_replication(u, arms, cost) : by_gate(u, rule, arms, wave, cost);
}

/* Who is let in, in percent. */
struct share {
    double one, other;
};

static struct share cell(enum rule rule, size_t arms, enum edit one, enum edit others, double noise,
                         double flaky, size_t updates)
{
    struct share in = {0, 0};
    struct rng r;

    rng_init(&r, 100 + 10 * (uint64_t)one + (uint64_t)others + arms);
    for (size_t i = 0; i < updates; i++) {
        enum edit e[ARMS] = {others, others, others, others};
        struct cost cost = {0, 0};
        struct update u;
        size_t at = rng_below(&r, (uint32_t)arms);
        e[at] = one;
        make_update(&u, e, arms, noise, flaky, &r);
        int winner = decide(&u, rule, arms, 64, &cost);
        in.one += winner == (int)at;
        in.other += winner >= 0 && winner != (int)at;
    }
    in.one *= 100.0 / (double)updates;
    in.other *= 100.0 / (double)updates;
    return in;
}

static void quality(enum rule rule, double noise, double flaky, size_t updates)
{
    struct share s, g;

    printf("| %.0f %%%s | %s |", 100 * noise, flaky > 0 ? ", flaky" : "", rule_names[rule]);
    for (enum edit e = USELESS; e <= BAD; e++)
        printf(" %.1f |", cell(rule, 1, e, e, noise, flaky, updates).one);
    s = cell(rule, ARMS, USELESS, USELESS, noise, flaky, updates);
    g = cell(rule, ARMS, GOOD, USELESS, noise, flaky, updates);
    printf(" %.1f | %.0f, %.1f, %.0f |", s.one + s.other, g.one, g.other, 100 - g.one - g.other);
    s = cell(rule, ARMS, HALF, USELESS, noise, flaky, updates);
    printf(" %.0f, %.1f |", s.one, s.other);
    s = cell(rule, ARMS, BAD, BAD, noise, flaky, updates);
    printf(" %.1f |", s.one + s.other);
    s = cell(rule, ARMS, MIXED, USELESS, noise, flaky, updates);
    printf(" %.0f, %.1f |\n", s.one, s.other);
    fflush(stdout);
}

/* What it costs: in full, and in waves, which must not change who wins. */
static void price(enum rule rule, double noise, double flaky, size_t updates)
{
    static const size_t waves[] = {0, 5, 64};
    struct cost cost[2][3] = {{{0, 0}}};

    for (int good = 0; good < 2; good++) {
        struct rng r;
        rng_init(&r, 7 + (uint64_t)good);
        for (size_t i = 0; i < updates; i++) {
            enum edit e[ARMS] = {good ? GOOD : USELESS};
            struct update u;
            int winner = -1;
            make_update(&u, e, ARMS, noise, flaky, &r);
            for (size_t w = 0; w < 3 && (w == 0 || rule != REPLICATION); w++) {
                int now = decide(&u, rule, ARMS, waves[w], &cost[good][w]);
                if (w && now != winner) {
                    fprintf(stderr, "stopping early changed a decision\n");
                    exit(1);
                }
                winner = now;
            }
        }
    }
    printf("| %.0f %%%s | %s |", 100 * noise, flaky > 0 ? ", flaky" : "", rule_names[rule]);
    for (size_t w = 0; w < 3; w++)
        if (w && rule == REPLICATION)
            printf(" |");
        else
            printf(" %.0f, %.0f |", (double)cost[0][w].rollouts / (double)updates,
                   (double)cost[1][w].rollouts / (double)updates);
    if (rule == REPLICATION)
        printf(" |\n");
    else
        printf(" %.1f, %.1f |\n", (double)cost[0][2].waves / (double)updates,
               (double)cost[1][2].waves / (double)updates);
    fflush(stdout);
}

static void all_noises(void (*row)(enum rule, double, double, size_t), size_t updates)
{
    static const double noises[] = {0, 0.02, 0.05, 0.12, 0.2};

    for (int flaky = 0; flaky < 2; flaky++)
        for (size_t i = 0; i < sizeof(noises) / sizeof(*noises); i++)
            for (enum rule rule = PAPER; rule < RULES; rule++)
                row(rule, noises[i], flaky ? 0.2 : 0, updates);
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
        t->base[i] = measure(solved, noise, r);
        t->past[i] = (struct gate_past){0, 0};
        for (size_t k = 0; k < t->arms; k++) {
            size_t kind = (k + i / PROBES) % 4;
            bool ok = solved ? !chance(r, kinds[kind].breaks) : chance(r, kinds[kind].fixes);
            t->cand[k][i] = measure(ok, noise, r);
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
    size_t updates = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000, n = 1000;
    struct table *tables = calloc(n, sizeof(*tables));
    struct rng r;

    if (!tables || updates == 0)
        return 2;
    printf("Let in, %% (%zu updates a cell):\n\n"
           "| noise | rule | one candidate: useless | good | half effect | bad | four useless: one "
           "of them | one good of four: it, a useless one, none | half effect: it, a useless one | "
           "four bad: one of them | mixed: it, a useless one |\n"
           "|---|---|---|---|---|---|---|---|---|---|---|\n",
           updates);
    all_noises(quality, updates);
    printf("\nRollouts of an update of four (none good, one good), its baseline's among them:\n\n"
           "| noise | rule | all measured | stopping early, 5 in flight | 64 | waves at 64 |\n"
           "|---|---|---|---|---|---|\n");
    all_noises(price, updates);
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
