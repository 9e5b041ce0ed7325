/* stats.c - statistics of scores and of their differences. */
#include "runtime/base/stats.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/err.h"

static const double z975 = 1.959963984540054, z80 = 0.8416212335729143;

struct interval wilson(int64_t count, int64_t n)
{
    if (n <= 0)
        return (struct interval){0, 1};
    double m = (double)n, p = (double)count / m, zz = z975 * z975;
    double middle = (p + zz / (2 * m)) / (1 + zz / m);
    double half = z975 / (1 + zz / m) * sqrt(p * (1 - p) / m + zz / (4 * m * m));
    return (struct interval){count == 0 ? 0 : middle - half, count == n ? 1 : middle + half};
}

/* ---- Student's t ---- */

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
static double beta_fraction(double x, double a, double b)
{
    enum { STEPS = 10000 };
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int m = 1; m < STEPS; m++) {
        double k = m;
        double even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
        double odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
        double before = f;
        for (int half = 0; half < 2; half++) {
            double term = half ? odd : even;
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            f *= c * d;
        }
        if (fabs(f - before) <= 1e-16 * fabs(f))
            break;
    }
    return f;
}

/* The regularised incomplete beta function. */
static double beta_share(double x, double a, double b)
{
    if (x <= 0 || x >= 1)
        return x > 0;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(x, a, b) / a
                                     : 1 - front * beta_fraction(1 - x, b, a) / b;
}

/* P(T > t) */
static double t_tail(double t, double df)
{
    double both = isinf(t) ? 0 : beta_share(df / (df + t * t), df / 2, 0.5);
    return t > 0 ? both / 2 : 1 - both / 2;
}

double t_quantile(double p, double df)
{
    if (p < 0.5)
        return -t_quantile(1 - p, df);
    double low = 0, high = 1;
    while (t_tail(high, df) > 1 - p && high < 1e300)
        high *= 2;
    for (int i = 0; i < 200 && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        *(t_tail(middle, df) > 1 - p ? &low : &high) = middle;
    }
    return high;
}

/* (x - 0) / se, where se may be none at all. */
static double ratio(double x, double se)
{
    return se > 0 ? x / se : x > 0 ? INFINITY : x < 0 ? -INFINITY : 0;
}

static struct estimate estimate(double mean, double se, double df)
{
    if (!(df > 0))
        return (struct estimate){.mean = mean, .p = 1, .low = mean, .high = mean};
    double t = ratio(mean, se), half = se * t_quantile(0.975, df);
    double p = 2 * t_tail(fabs(t), df);
    return (struct estimate){mean, se, df, t, p, mean - half, mean + half};
}

/* ---- means ---- */

static double mean(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return n ? sum / (double)n : 0;
}

/* Of the mean, the values being clustered (NULL: each its own); *clusters counts those that occur. */
static int variance(const double *v, const size_t *cluster, size_t n, double *out, size_t *clusters)
{
    struct {
        double sum;
        bool any;
    } *of = calloc(n + 1, sizeof(*of));
    double m = mean(v, n), squares = 0;
    if (!of)
        return err_oom();
    *clusters = 0;
    for (size_t i = 0; i < n; i++) {
        size_t c = cluster ? cluster[i] : i;
        of[c].sum += v[i] - m;
        *clusters += !of[c].any;
        of[c].any = true;
    }
    for (size_t i = 0; i < n; i++)
        squares += of[i].sum * of[i].sum;
    free(of);
    double c = (double)*clusters;
    *out = c > 1 ? squares * c / (c - 1) / ((double)n * (double)n) : 0;
    return 0;
}

struct estimate mean_of(const double *v, size_t n)
{
    double m = mean(v, n), squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (v[i] - m) * (v[i] - m);
    if (n < 2)
        return estimate(m, 0, 0);
    return estimate(m, sqrt(squares / (double)(n - 1) / (double)n), (double)n - 1);
}

int mean_clustered(const double *v, const size_t *cluster, size_t n, struct estimate *out)
{
    double var = 0;
    size_t clusters = 0;
    int rc = variance(v, cluster, n, &var, &clusters);
    *out = estimate(mean(v, n), sqrt(var), (double)clusters - 1);
    return rc;
}

struct cell {
    size_t task, run, at;
};
static int by_cell(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    return x->task != y->task ? (x->task < y->task ? -1 : 1)
                              : (x->run > y->run) - (x->run < y->run);
}

/* The cells of task and run that occur, numbered. */
static int number_cells(const size_t *task, const size_t *run, size_t n, size_t *out)
{
    struct cell *v = calloc(n + 1, sizeof(*v));
    if (!v)
        return err_oom();
    for (size_t i = 0; i < n; i++)
        v[i] = (struct cell){task[i], run[i], i};
    qsort(v, n, sizeof(*v), by_cell);
    size_t number = 0;
    for (size_t i = 0; i < n; i++) {
        number += i && by_cell(&v[i - 1], &v[i]) != 0;
        out[v[i].at] = number;
    }
    free(v);
    return 0;
}

int mean_two_way(const double *v, const size_t *task, const size_t *run, size_t n,
                 struct estimate *out)
{
    double by_task = 0, by_run = 0, of_cell = 0;
    size_t tasks = 0, runs = 0, cells = 0, *cell = calloc(n + 1, sizeof(*cell));
    int rc = cell ? number_cells(task, run, n, cell) : err_oom();
    if (rc == 0)
        rc = variance(v, task, n, &by_task, &tasks);
    if (rc == 0)
        rc = variance(v, run, n, &by_run, &runs);
    if (rc == 0)
        rc = variance(v, cell, n, &of_cell, &cells);
    free(cell);
    double var = fmax(by_task + by_run - of_cell, fmax(by_task, by_run));
    *out = estimate(mean(v, n), sqrt(var), (double)(tasks < runs ? tasks : runs) - 1);
    return rc;
}

struct estimate welch(const double *a, size_t na, const double *b, size_t nb)
{
    struct estimate x = mean_of(a, na), y = mean_of(b, nb);
    double diff = x.mean - y.mean, va = x.se * x.se, vb = y.se * y.se, var = va + vb;
    if (na < 2 || nb < 2)
        return estimate(diff, 0, 0);
    double df = var > 0 ? var * var / (va * va / x.df + vb * vb / y.df) : x.df + y.df;
    return estimate(diff, sqrt(var), df);
}

/* ---- exact ---- */

double mcnemar_exact(int64_t only_a, int64_t only_b)
{
    int64_t n = only_a + only_b, m = only_a < only_b ? only_a : only_b;
    long double term = expl(lgammal((long double)n + 1) - lgammal((long double)m + 1) -
                            lgammal((long double)(n - m) + 1) - (long double)n * logl(2)),
                sum = 0;
    for (int64_t k = m; k >= 0 && term > 0; k--) {
        sum += term;
        term *= (long double)k / (long double)(n - k + 1);
    }
    return fmin(1, (double)(2 * sum));
}

int sign_flip(const int *d, size_t n, double *p)
{
    size_t range = 0;
    long long seen = 0;
    *p = 1;
    for (size_t i = 0; i < n; i++) {
        range += (size_t)abs(d[i]);
        seen += d[i];
    }
    /* of[s]: the probability that the sum is s - range */
    double *of = calloc(4 * range + 2, sizeof(*of)), *next = of + 2 * range + 1;
    if (!of)
        return err_oom();
    of[range] = 1;
    size_t reach = 0;
    for (size_t i = 0; i < n; i++) {
        size_t step = (size_t)abs(d[i]);
        if (!step)
            continue;
        for (size_t s = range - reach - step; s <= range + reach + step; s++)
            next[s] = 0;
        for (size_t s = range - reach; s <= range + reach; s++) {
            next[s - step] += of[s] / 2;
            next[s + step] += of[s] / 2;
        }
        reach += step;
        for (size_t s = range - reach; s <= range + reach; s++)
            of[s] = next[s];
    }
    double tail = 0;
    for (size_t s = (size_t)llabs(seen); seen && s <= range; s++)
        tail += of[range + s] + of[range - s];
    free(of);
    *p = seen ? fmin(1, tail) : 1;
    return 0;
}

/* ---- margins, families, power ---- */

struct margin_test noninferior(double diff, double se, double df, double margin)
{
    double half = se * t_quantile(0.95, df);
    return (struct margin_test){t_tail(ratio(diff + margin, se), df), diff - half, diff + half,
                                diff - half > -margin};
}

struct margin_test equivalent(double diff, double se, double df, double margin)
{
    struct margin_test below = noninferior(diff, se, df, margin),
                       above = noninferior(-diff, se, df, margin);
    below.p = fmax(below.p, above.p);
    below.yes = below.yes && above.yes;
    return below;
}

struct ranked {
    double p;
    size_t at;
};
static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->p > y->p) - (x->p < y->p);
}

int holm(double *p, size_t n)
{
    struct ranked *v = calloc(n + 1, sizeof(*v));
    double most = 0;
    if (!v)
        return err_oom();
    for (size_t i = 0; i < n; i++)
        v[i] = (struct ranked){p[i], i};
    qsort(v, n, sizeof(*v), by_p);
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, v[i].p * (double)(n - i));
        p[v[i].at] = fmin(1, most);
    }
    free(v);
    return 0;
}

double detectable(double tasks, double ka, double kb, double between, double within_a,
                  double within_b)
{
    return (z975 + z80) * sqrt((between + within_a / ka + within_b / kb) / tasks);
}
