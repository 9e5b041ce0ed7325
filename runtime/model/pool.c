/* pool.c - manners towards the endpoints of one model. */
#include "runtime/model/pool.h"

#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"

#define SMALLEST_WINDOW 2.0
#define GROWTH          4.0   /* calls a round ... */
#define GROWTH_SHARE    0.125 /* ... and this share of the window */
#define TOLERATED       20    /* one 429 in so many answers is no reason to halve */
#define LATENCY_WEIGHT  0.1   /* of the newest latency in the moving average */
#define REST_NS         (NS_PER_SEC / 4)
#define LONGEST_REST_NS (30 * NS_PER_SEC)

int pool_init(struct pool *p, size_t n, size_t limit)
{
    *p = (struct pool){.n = n, .limit = limit};
    p->v = calloc(n, sizeof(*p->v));
    if (!p->v)
        return err_set(GRASP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        p->v[i].window = (double)limit;
    return 0;
}

void pool_release(struct pool *p)
{
    free(p->v);
    *p = (struct pool){0};
}

int pool_pick(struct pool *p, int64_t now, int avoid, int64_t *when)
{
    int best = -1;
    double best_load = 0;
    *when = INT64_MAX;
    for (size_t k = 0; k < p->n; k++) {
        size_t i = (p->turn + k) % p->n;
        const struct pool_endpoint *e = &p->v[i];
        double load = (double)e->in_flight / e->window + ((int)i == avoid ? 2 : 0);
        if (e->dead || (double)e->in_flight + 1 > e->window)
            continue;
        if (e->not_before > now) {
            if (e->not_before < *when)
                *when = e->not_before;
            continue;
        }
        if (best < 0 || load < best_load) {
            best = (int)i;
            best_load = load;
        }
    }
    return best;
}

void pool_begin(struct pool *p, int i)
{
    p->v[i].in_flight++;
    p->turn = ((size_t)i + 1) % p->n;
}

static void grow(struct pool_endpoint *e, double limit)
{
    if (e->latency > 2 * e->best)
        return;
    e->window += GROWTH / e->window + GROWTH_SHARE; /* a round is as many answers */
    if (e->window > limit)
        e->window = limit;
}

static void halve(struct pool_endpoint *e, int64_t now)
{
    e->window = e->window / 2 < SMALLEST_WINDOW ? SMALLEST_WINDOW : e->window / 2;
    e->halved_at = now;
    e->answers = e->limited = 0;
}

static void answered(struct pool *p, struct pool_endpoint *e, int64_t started, int64_t now)
{
    double ns = (double)(now - started);
    e->latency = e->latency > 0 ? e->latency + LATENCY_WEIGHT * (ns - e->latency) : ns;
    if (e->best <= 0 || e->latency < e->best)
        e->best = e->latency;
    e->failures = 0;
    e->proven = true;
    e->answers++;
    grow(e, (double)p->limit);
}

void pool_end(struct pool *p, int i, enum pool_event what, int64_t started, int64_t now,
              int64_t retry_after)
{
    struct pool_endpoint *e = &p->v[i];
    e->in_flight--;
    if (retry_after > 0 && now + retry_after > e->not_before)
        e->not_before = now + retry_after;
    switch (what) {
    case POOL_OK:
        answered(p, e, started, now);
        break;
    case POOL_LIMITED:
        if (started >= e->halved_at && ++e->limited > e->answers / TOLERATED)
            halve(e, now);
        break;
    case POOL_FAILED:
        e->failures++;
        if (p->n > 1) { /* the others carry on; alone, the calls' own back-off is enough */
            int doublings = e->failures < 8 ? e->failures : 8;
            int64_t rest = REST_NS << doublings;
            rest = rest < LONGEST_REST_NS ? rest : LONGEST_REST_NS;
            if (now + rest > e->not_before)
                e->not_before = now + rest;
        }
        break;
    case POOL_FINISHED:
        break;
    }
}

bool pool_all_dead(const struct pool *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (!p->v[i].dead)
            return false;
    return true;
}
