/*
 * bench_stats.c - do the intervals cover, and do the tests err as often as they say?
 *
 *     bench_stats [DRAWS [TRIALS]]      (10000 and 1500)
 *
 * First table: how often the 95 % interval holds the true value. Second: two methods without any
 * difference, 64 tasks and 5 seeds each, pass by a logistic model (tasks differ with sd 1.5 logits);
 * learning runs are alike, or each run is better or worse as a whole (sd 0.5, 1), or the run's luck is
 * shared by both methods. How often a test at 5 % finds a difference.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "probes/rng.h"
#include "runtime/base/stats.h"

enum { TASKS = 64, SEEDS = 5, PAIRS = TASKS * SEEDS };

static double uniform(struct rng *r)
{
    return (rng_bits(r, 32) + 0.5) / 4294967296.0;
}

static double normal(struct rng *r)
{
    return sqrt(-2 * log(uniform(r))) * cos(6.283185307179586 * uniform(r));
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static bool holds(const struct estimate *e, double truth)
{
    return e->low <= truth && truth <= e->high;
}

/* ---- intervals ---- */

static void coverage(int draws)
{
    struct rng r;
    int of[4] = {0};
    rng_init(&r, 1);
    for (int i = 0; i < draws; i++) {
        double a[SEEDS], b[SEEDS], d[PAIRS];
        size_t task[PAIRS], n = 0;
        for (int k = 0; k < SEEDS; k++) {
            a[k] = 0.1 + 0.08 * normal(&r);
            b[k] = 0.03 * normal(&r);
        }
        struct estimate e = mean_of(a, SEEDS), w = welch(a, SEEDS, b, SEEDS), c;
        of[0] += holds(&e, 0.1);
        of[1] += holds(&w, 0.1);
        /* tasks differ in what they gain; five repeats of each */
        for (size_t t = 0; t < TASKS; t++) {
            double gain = 0.1 + 0.3 * normal(&r);
            for (int k = 0; k < SEEDS; k++) {
                d[n] = gain + 0.4 * normal(&r);
                task[n++] = t;
            }
        }
        if (mean_clustered(d, task, n, &c) == 0)
            of[2] += holds(&c, 0.1);
        double p = 0.05 + 0.9 * uniform(&r);
        int count = 0;
        for (int t = 0; t < TASKS; t++)
            count += uniform(&r) < p;
        struct interval s = wilson(count, TASKS);
        of[3] += s.low <= p && p <= s.high;
    }
    printf("how often the 95 %% interval holds the truth, %d draws\n\n", draws);
    printf("| interval | covers |\n| --- | --- |\n");
    static const char *const names[] = {"t over 5 seeds", "Welch, 5 and 5 seeds",
                                        "t over 64 tasks, 5 repeats each", "Wilson, 64 tasks"};
    for (int i = 0; i < 4; i++)
        printf("| %s | %.1f %% |\n", names[i], 100.0 * of[i] / draws);
}

/* ---- tests without a difference ---- */

enum test { POOLED, BY_TASK, BY_SEED, TWO_WAY, TESTS };

static void one_trial(struct rng *r, double sd, bool shared, bool *found)
{
    double d[PAIRS], seed_mean[SEEDS] = {0}, skill[TASKS];
    size_t task[PAIRS], seed[PAIRS], n = 0;
    int only[2] = {0};
    struct estimate by_task, two_way;
    for (int t = 0; t < TASKS; t++)
        skill[t] = 1.5 * normal(r);
    for (int k = 0; k < SEEDS; k++) {
        double luck = sd * normal(r), other = shared ? luck : sd * normal(r);
        for (int t = 0; t < TASKS; t++) {
            int a = uniform(r) < logistic(skill[t] + luck);
            int b = uniform(r) < logistic(skill[t] + other);
            only[0] += a && !b;
            only[1] += b && !a;
            d[n] = a - b;
            seed_mean[k] += d[n] / TASKS;
            task[n] = (size_t)t;
            seed[n++] = (size_t)k;
        }
    }
    struct estimate by_seed = mean_of(seed_mean, SEEDS);
    if (mean_clustered(d, task, n, &by_task) < 0 || mean_two_way(d, task, seed, n, &two_way) < 0)
        exit(1);
    found[POOLED] = mcnemar_exact(only[0], only[1]) < 0.05;
    found[BY_TASK] = by_task.p < 0.05;
    found[BY_SEED] = by_seed.p < 0.05;
    found[TWO_WAY] = two_way.p < 0.05;
}

static void errors(int trials)
{
    static const struct {
        double sd;
        bool shared;
    } worlds[] = {{0, false}, {0.5, false}, {1, false}, {1, true}};
    static const char *const names[TESTS] = {"McNemar on the pooled pairs (not printed by compare)",
                                             "t over tasks (only for frozen libraries)",
                                             "paired t over seeds (compare's)",
                                             "two-way clustered (its check)"};
    enum { WORLDS = sizeof(worlds) / sizeof(*worlds) };
    int of[TESTS][WORLDS] = {{0}};
    struct rng r;
    rng_init(&r, 2);
    for (int w = 0; w < WORLDS; w++)
        for (int i = 0; i < trials; i++) {
            bool found[TESTS];
            one_trial(&r, worlds[w].sd, worlds[w].shared, found);
            for (int t = 0; t < TESTS; t++)
                of[t][w] += found[t];
        }
    printf("\nhow often a difference is found where there is none (5 %% is right), %d trials\n\n",
           trials);
    printf(
        "| test | runs alike | sd 0.5 | sd 1 | sd 1, shared |\n| --- | --- | --- | --- | --- |\n");
    for (int t = 0; t < TESTS; t++) {
        printf("| %s |", names[t]);
        for (int w = 0; w < WORLDS; w++)
            printf(" %.1f %% |", 100.0 * of[t][w] / trials);
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    coverage(argc > 1 ? atoi(argv[1]) : 10000);
    errors(argc > 2 ? atoi(argv[2]) : 1500);
    return 0;
}
