/* late.c - when an answer is late. */
#include "runtime/model/late.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"

#define SHORTEST       ((double)NS_PER_MS) /* upper end of the first bucket */
#define A_DOUBLING     4                   /* buckets */
#define MEMORY         400 /* observations; then half of their weight is forgotten */
#define ENOUGH         10  /* observations, to hedge ... */
#define FEW            5   /* ... to say what is lost ... */
#define OTHER_KIND     5   /* ... before, so many times as long as another kind of call is waited */
#define HEDGE_SHARE    0.09
#define MOST_HEDGES    64
#define KEPT           4    /* hedges, at each level, for those above */
#define FIRST_QUANTILE 0.25 /* of what is hedged when nothing else is in flight ... */
#define LAST_QUANTILE  0.95 /* ... and when so many of the slots are in use: */
#define IDLE           0.25
#define WORTH          0.5  /* a hedge is to come so many medians earlier */
#define LATER          1.25 /* times the longest, what is hedged in any case */
#define SHORTEST_HEDGE (NS_PER_SEC / 20)
#define LOST_SHARE     0.02
#define MOST_LOST      4
#define SHORTEST_LOST  (NS_PER_SEC / 2)
#define LOOKS          16 /* at a call while the median passes */
#define SHORTEST_PAUSE (10 * NS_PER_MS)
#define LONGEST_PAUSE  (NS_PER_SEC / 4)

/* ---- latencies ---- */

static size_t bucket_of(int64_t ns)
{
    double b = (double)ns <= SHORTEST ? 0 : 1 + A_DOUBLING * log2((double)ns / SHORTEST);
    return b < LATE_BUCKETS - 1 ? (size_t)b : LATE_BUCKETS - 1;
}

static double bucket_end(double b)
{
    return SHORTEST * exp2(b / A_DOUBLING);
}

void latencies_add(struct latencies *l, int64_t ns, bool answered)
{
    (answered ? l->answered : l->left)[bucket_of(ns)]++;
    l->n++;
    l->n_left += !answered;
    if (l->n < MEMORY)
        return;
    for (size_t b = 0; b < LATE_BUCKETS; b++) {
        l->answered[b] /= 2;
        l->left[b] /= 2;
    }
    l->n /= 2;
    l->n_left /= 2;
}

/* The quantiles of these shares, which ascend. */
static void quantiles(const struct latencies *l, size_t n, const double *shares, int64_t *out)
{
    double at_risk = l->n, waiting = 1; /* waiting: the share that is not answered by then */
    size_t i = 0;
    for (size_t b = 0; b < LATE_BUCKETS && i < n && at_risk > 0.01; b++) {
        /* Those left during it were there for half of it. */
        double there = at_risk - l->left[b] / 2;
        double after = there > 0 ? waiting * (1 - l->answered[b] / there) : waiting;
        after = after > 1e-9 ? after : 0;
        for (; i < n && after <= 1 - shares[i] && after < waiting; i++)
            out[i] = (int64_t)bucket_end((double)b - (1 - shares[i] - after) / (waiting - after));
        at_risk -= l->answered[b] + l->left[b];
        waiting = after;
    }
    while (i < n)
        out[i++] = INT64_MAX;
}

int64_t latencies_quantile(const struct latencies *l, double share)
{
    int64_t ns;
    quantiles(l, 1, &share, &ns);
    return ns;
}

/* ---- what follows from them ---- */

void late_release(struct late *l)
{
    free(l->v);
    *l = (struct late){0};
}

static void earn(double *credit, double more, double most)
{
    *credit = *credit + more < most ? *credit + more : most;
}

void late_sent(struct late *l)
{
    earn(&l->hedges, HEDGE_SHARE, MOST_HEDGES);
}

void late_hedged(struct late *l)
{
    l->hedges--;
}

void late_lost(struct late *l)
{
    l->give_ups--;
}

/* About ten times the mean of latencies as models have them (lognormal), from whichever of these
 * quantiles is known: where every tenth request hangs, there is no 0.99. Fewer observations have not
 * seen the tail. */
static int64_t lost_after_own(const struct latencies *l)
{
    static const struct {
        double share, times;
    } from[] = {{0.99, 2}, {0.95, 4}, {0.75, 8}, {0.5, 16}};
    for (size_t i = 0; l->n >= FEW && i < sizeof(from) / sizeof(*from); i++) {
        int64_t q = latencies_quantile(l, from[i].share);
        if (q < INT64_MAX)
            return (int64_t)((double)q * from[i].times * (1 + 10 / l->n)) + SHORTEST_LOST / 4;
    }
    return 0;
}

static int64_t lost_after(const struct late *l, int endpoint, enum late_kind kind)
{
    int64_t ns = l->v[endpoint][kind].lost;
    for (int k = 0; !ns && k < LATE_KINDS; k++)
        ns = OTHER_KIND * l->v[endpoint][k].lost;
    return !ns ? INT64_MAX : ns < SHORTEST_LOST ? SHORTEST_LOST : ns;
}

/* From which age on a request is hedged that is not before the quantile `from`: where half of those
 * as old take a good part of the median longer. Latencies that are all alike leave none but what is
 * later than all of them. */
static int64_t hedge_after(const struct latencies *l, double from)
{
    static const double later[] = {0.5, 0.75, 0.9, 0.95, 0.97};
    enum { N = 1 + sizeof(later) / sizeof(*later) };
    double shares[2 * N + 1] = {from};
    int64_t q[2 * N + 1];
    size_t n = 1;
    for (size_t i = 0; i < N - 1; i++)
        if (later[i] > from)
            shares[n++] = later[i];
    int64_t median = latencies_quantile(l, 0.5), longest = latencies_quantile(l, 0.99);
    if (median == INT64_MAX)
        return INT64_MAX;
    quantiles(l, n, shares, q);
    for (size_t i = 0; i < n && q[i] < INT64_MAX; i++) {
        int64_t half = latencies_quantile(l, (1 + shares[i]) / 2);
        if ((double)half - (double)q[i] >= WORTH * (double)median)
            return q[i];
    }
    return longest < INT64_MAX ? (int64_t)(LATER * (double)longest) : INT64_MAX;
}

/* They are worked out again after a few more observations. */
static void refresh(struct late_times *t)
{
    if (t->seen.n >= FEW && t->news <= t->seen.n / 32)
        return;
    t->news = 0;
    t->lost = lost_after_own(&t->seen);
    t->median = t->seen.n >= FEW ? latencies_quantile(&t->seen, 0.5) : INT64_MAX;
    for (int i = 0; i < LATE_LEVELS; i++)
        t->hedge[i] =
            t->seen.n < ENOUGH
                ? INT64_MAX
                : hedge_after(&t->seen, FIRST_QUANTILE + (LAST_QUANTILE - FIRST_QUANTILE) * i /
                                                             (LATE_LEVELS - 1));
}

int late_init(struct late *l, size_t endpoints, size_t slots)
{
    *l = (struct late){.n = endpoints, .slots = slots, .give_ups = MOST_LOST};
    l->v = calloc(endpoints, sizeof(*l->v));
    if (!l->v)
        return err_oom();
    for (size_t i = 0; i < endpoints; i++)
        for (int k = 0; k < LATE_KINDS; k++)
            refresh(&l->v[i][k]);
    return 0;
}

static void add(struct late_times *t, int64_t ns, bool answered)
{
    latencies_add(&t->seen, ns, answered);
    t->news++;
    refresh(t);
}

void late_answered(struct late *l, int endpoint, enum late_kind kind, int64_t ns, bool again)
{
    again = again && ns < lost_after(l, endpoint, kind);
    add(&l->v[endpoint][kind], ns, true);
    earn(&l->give_ups, LOST_SHARE + (again ? 1 : 0), MOST_LOST);
}

void late_left(struct late *l, int endpoint, enum late_kind kind, int64_t ns)
{
    add(&l->v[endpoint][kind], ns, false);
}

enum late_step late_judge(const struct late *l, const struct late_call *c)
{
    if (l->give_ups >= 1) {
        int64_t ns = lost_after(l, c->endpoint, c->kind);
        if (ns < INT64_MAX && c->given_up < 20 && c->age / (INT64_C(1) << c->given_up) >= ns)
            return LATE_LOST;
    }
    if (c->may_hedge && c->requests == 1 && c->in_flight < l->slots) {
        double used = (double)c->urgent / (double)l->slots;
        int level = used < IDLE ? (int)(used / IDLE * (LATE_LEVELS - 1)) : LATE_LEVELS - 1;
        if (l->hedges >= 1 + KEPT * level && c->age >= SHORTEST_HEDGE &&
            c->age >= l->v[c->endpoint][c->kind].hedge[level])
            return LATE_HEDGE;
    }
    return LATE_WAIT;
}

int64_t late_pause(const struct late *l)
{
    int64_t pause = LONGEST_PAUSE;
    for (size_t i = 0; i < l->n; i++)
        for (int k = 0; k < LATE_KINDS; k++)
            if (l->v[i][k].median / LOOKS < pause)
                pause = l->v[i][k].median / LOOKS;
    return pause > SHORTEST_PAUSE ? pause : SHORTEST_PAUSE;
}
