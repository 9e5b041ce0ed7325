/*
 * stats.h - statistics of scores and of their differences. Pure.
 *
 * What is repeated decides what may be said. A claim about a method is about learning runs, each of
 * which ends in another library: the run is the unit (mean_of differences by seed; welch where seeds
 * are not paired; mean_two_way as a check). A claim about one frozen library is about tasks: sign_flip
 * over task totals, mean_clustered over tasks. Pooling the pairs of several runs (mcnemar_exact over
 * all of them) finds differences that are not there as soon as runs differ.
 *
 * Clusters are numbered from 0, every number below the count of values; a number that does not occur
 * does not count.
 */
#ifndef GRASP_BASE_STATS_H
#define GRASP_BASE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interval {
    double low, high;
};
/* The 95 % interval of a share, count of n, by Wilson's method: it behaves for none of few, which
 * is what one often hopes for. n = 0: 0 to 1. */
struct interval wilson(int64_t count, int64_t n);

/* A mean (of values or of differences) by Student's t: t and the two-sided p are against zero, low
 * and high the 95 % interval. With fewer than two units df is 0 and nothing but the mean is said: se
 * is 0, p is 1, the interval the mean itself. */
struct estimate {
    double mean, se, df, t, p, low, high;
};
/* Each value a unit of its own. */
struct estimate mean_of(const double *v, size_t n);
/* Values of one cluster (the repeats of a task) are one unit: Liang and Zeger's variance with
 * C/(C-1), as in Miller 2024 (arXiv 2411.00640), which lacks that factor. GRASP_ENOMEM. */
int mean_clustered(const double *v, const size_t *cluster, size_t n, struct estimate *out);
/* Clustered both ways (Cameron, Gelbach and Miller 2011): V = V_task + V_run - V_cell, at least
 * either; df is that of the fewer. GRASP_ENOMEM. */
int mean_two_way(const double *v, const size_t *task, const size_t *run, size_t n,
                 struct estimate *out);
/* Mean of a less that of b, variances not equal (Welch 1947). */
struct estimate welch(const double *a, size_t na, const double *b, size_t nb);

/* Two-sided, exact: so many tasks only one of the two got right. 1 where there are none. */
double mcnemar_exact(int64_t only_a, int64_t only_b);
/* Two-sided, exact: d[i] is what task i gained over all repeats; every sign is as likely as the
 * other. With one repeat this is mcnemar_exact. GRASP_ENOMEM. */
int sign_flip(const int *d, size_t n, double *p);

struct margin_test {
    double p, low, high; /* of the 90 % interval */
    bool yes;            /* at alpha = 0.05 */
};
/* Not worse than by `margin` (> 0), which is chosen before looking. */
struct margin_test noninferior(double diff, double se, double df, double margin);
/* Within +-margin, by two one-sided tests: "no difference found" is never that. */
struct margin_test equivalent(double diff, double se, double df, double margin);

/* p of a family of comparisons, adjusted in place (Holm 1979). GRASP_ENOMEM. */
int holm(double *p, size_t n);

/* The difference that so many tasks with ka and kb repeats find four times in five at 5 %, where
 * the true differences of tasks have variance `between` and one draw `within_a`, `within_b`. */
double detectable(double tasks, double ka, double kb, double between, double within_a,
                  double within_b);

/* The value below which Student's t lies with probability p (0 < p < 1). */
double t_quantile(double p, double df);

#endif
