/* pool.c - manners towards the endpoints of one model. */
#include "runtime/model/pool.h"

#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"

#define SMALLEST_WINDOW 2.0
#define GROWTH          1.0   /* calls a round ... */
#define GROWTH_SHARE    0.125 /* ... and this share of the window */
#define TOLERATED       0.05  /* share of 429s that is no reason to halve ... */
#define MOST_TOLERATED  0.6   /* ... and where learning to tolerate more ends */
#define HELPED          1.3   /* halving is to raise the share of answers so much */
#define HOPELESS        0.1   /* below this share of answers it is halved in any case */
#define SMALLEST_ROUND  20
#define LATENCY_WEIGHT  0.1 /* of the newest latency in the moving average */
#define REST_NS         (NS_PER_SEC / 4)
#define LONGEST_REST_NS (30 * NS_PER_SEC)
#define FIRST_CALLS     16                /* in flight before the first answer ... */
#define OPENING_NS      (NS_PER_SEC / 20) /* ... or until none was refused for so long */
#define BURST_NS        NS_PER_SEC        /* so much of a minute's limit may be spent at once */
#define HOME_SHARE      0.25              /* of an even share of the calls in flight, ... */
#define HOME_CALLS      2 /* ... and so many: more to do than others, and still chosen */
#define MINUTE_NS       (60 * NS_PER_SEC)

int pool_init(struct pool *p, size_t n, size_t limit)
{
    *p = (struct pool){.n = n, .limit = limit, .home = -1};
    p->v = calloc(n, sizeof(*p->v));
    if (!p->v)
        return err_oom();
    for (size_t i = 0; i < n; i++) {
        p->v[i].window = (double)limit;
        p->v[i].tolerated = TOLERATED;
        p->v[i].good_before = -1;
    }
    return 0;
}

void pool_release(struct pool *p)
{
    free(p->v);
    *p = (struct pool){0};
}

void pool_pace(struct pool *p, double requests, double tokens)
{
    p->a_minute[0] = requests;
    p->a_minute[1] = tokens;
}

void pool_spend(struct pool *p, int i, int64_t now, bool request, int64_t more)
{
    struct pool_endpoint *e = &p->v[i];
    const double spent[2] = {request, (double)more};
    for (int k = 0; k < 2; k++)
        if (p->a_minute[k] > 0) {
            int64_t from = e->next[k] > now ? e->next[k] : now;
            e->next[k] = from + (int64_t)(spent[k] / p->a_minute[k] * (double)MINUTE_NS);
        }
}

void pool_told(struct pool *p, int i, int64_t now, int64_t remaining, int64_t most, int64_t reset)
{
    struct pool_endpoint *e = &p->v[i];
    /* Those in flight may not be counted yet. Of several replies to one burst, which come in any
     * order, the one counts that says the least. */
    int64_t credit = remaining - (int64_t)e->in_flight;
    bool same_burst = e->told && e->refill > now && e->refill < INT64_MAX;
    credit = credit > 0 ? credit : 0;
    e->most = most > e->most ? most : remaining > e->most ? remaining + 1 : e->most;
    e->told = reset >= 0;
    e->credit = same_burst && e->credit < credit ? e->credit : credit;
    e->refill = same_burst && e->refill > now + reset ? e->refill : now + reset;
}

/* From which time on the endpoint may take another call, as far as limits go; 0: now. */
static int64_t limited_until(const struct pool *p, struct pool_endpoint *e, int64_t now)
{
    int64_t until = e->not_before > now ? e->not_before : 0;
    /* From then on there is as much again, until its next word. */
    if (e->told && (e->refill <= now || (e->refill == INT64_MAX && !e->in_flight))) {
        e->credit = e->most;
        e->told = e->most > 0;
        e->refill = INT64_MAX;
    }
    if (e->told && e->credit <= 0 && e->refill > until)
        until = e->refill;
    for (int k = 0; k < 2; k++) {
        /* The burst is what one second allows, but one call always fits. */
        int64_t a_call =
            p->a_minute[k] > 0 && k == 0 ? (int64_t)((double)MINUTE_NS / p->a_minute[k]) : 0;
        int64_t burst = a_call > BURST_NS ? 0 : BURST_NS - a_call;
        if (p->a_minute[k] > 0 && e->next[k] - burst > now && e->next[k] - burst > until)
            until = e->next[k] - burst;
    }
    return until;
}

/* In flight to the endpoint, as if it were less where the prompt's beginning is in its cache: by a
 * quarter of an even share and a little. */
static double load_of(const struct pool *p, int i)
{
    const struct pool_endpoint *e = &p->v[i];
    double all = 0;
    if (i != p->home)
        return (double)e->in_flight / e->window;
    for (size_t k = 0; k < p->n; k++)
        all += (double)p->v[k].in_flight;
    return ((double)e->in_flight - HOME_SHARE * all / (double)p->n - HOME_CALLS) / e->window;
}

int pool_pick(struct pool *p, int64_t now, int avoid, int64_t *when)
{
    int best = -1;
    double best_load = 0;
    *when = INT64_MAX;
    for (size_t k = 0; k < p->n; k++) {
        size_t i = (p->turn + k) % p->n;
        struct pool_endpoint *e = &p->v[i];
        double load = load_of(p, (int)i) + ((int)i == avoid ? 2 : 0);
        if (e->dead || (double)e->in_flight + 1 > e->window)
            continue;
        if (!e->opens)
            e->opens = now + OPENING_NS;
        bool opening = !e->proven && e->in_flight >= FIRST_CALLS && now < e->opens;
        int64_t until = opening ? e->opens : limited_until(p, e, now);
        if (until) {
            if (until < *when)
                *when = until;
            continue;
        }
        if (best < 0 || load < best_load) {
            best = (int)i;
            best_load = load;
        }
    }
    return best;
}

bool pool_relaxed(const struct pool *p, int i, int64_t now)
{
    const struct pool_endpoint *e = &p->v[i];
    return e->proven && !e->failures && p->a_minute[0] <= 0 && p->a_minute[1] <= 0 &&
           (!e->told || e->credit > e->most / 2) &&
           (!e->limited_at || now - e->limited_at > MINUTE_NS);
}

void pool_begin(struct pool *p, int i)
{
    struct pool_endpoint *e = &p->v[i];
    e->credit -= e->told;
    if (++e->in_flight > e->peak)
        /* It is forgotten slowly: between two bursts there are few in flight. */
        e->peak = e->in_flight > e->peak / 8 * 7 ? e->in_flight : e->peak / 8 * 7;
    p->turn = ((size_t)i + 1) % p->n;
}

static void change(struct pool_endpoint *e, double window, double limit, int64_t now)
{
    e->window = window < SMALLEST_WINDOW ? SMALLEST_WINDOW : window > limit ? limit : window;
    e->changed_at = now;
}

/* At the end of a round: what its share of 429s means for the window. */
static void judge_round(struct pool_endpoint *e, double limit, int64_t now)
{
    double total = (double)(e->answers + e->limited), good = (double)e->answers / total;
    double used = (double)e->peak < e->window ? (double)e->peak : e->window;
    if (total < SMALLEST_ROUND || total < used / 2)
        return;
    /* Half as many again, and one more, may be chance. */
    if ((double)e->limited <= 1 + 1.5 * e->tolerated * total) {
        e->good_before = -1;
        if ((double)e->peak >= e->window / 2 && e->latency <= 2 * e->best)
            e->window += GROWTH + GROWTH_SHARE * e->window;
        e->window = e->window < limit ? e->window : limit;
        if ((1 - good) * 4 < e->tolerated)
            e->tolerated = e->tolerated / 2 > TOLERATED ? e->tolerated / 2 : TOLERATED;
    } else if (good >= HOPELESS && e->good_before >= 0 && good < HELPED * e->good_before) {
        e->tolerated = (1 - good) * 1.5 < MOST_TOLERATED ? (1 - good) * 1.5 : MOST_TOLERATED;
        e->good_before = -1;
        change(e, e->window * 2, limit, now);
    } else {
        e->good_before = good;
        e->halvings++;
        change(e, used / 2, limit, now);
    }
    e->answers = e->limited = 0;
    /* It is forgotten slowly: between two bursts there are few in flight. */
    e->peak = e->in_flight > e->peak / 8 * 7 ? e->in_flight : e->peak / 8 * 7;
}

static void answered(struct pool *p, struct pool_endpoint *e, int64_t started, int64_t now)
{
    double ns = (double)(now - started);
    e->latency = e->latency > 0 ? e->latency + LATENCY_WEIGHT * (ns - e->latency) : ns;
    if (e->best <= 0 || e->latency < e->best)
        e->best = e->latency;
    e->failures = 0;
    e->proven = true;
    if (started >= e->changed_at) {
        e->answers++;
        judge_round(e, (double)p->limit, now);
    }
}

static void limited(struct pool *p, struct pool_endpoint *e, int64_t started, int64_t now,
                    int64_t retry_after)
{
    e->limited_at = now;
    if (started >= e->changed_at)
        e->limited++;
    if (retry_after > 0 && now + retry_after > e->not_before &&
        (double)e->limited >= e->tolerated * (double)(e->answers + e->limited))
        e->not_before = now + retry_after;
    if (started >= e->changed_at)
        judge_round(e, (double)p->limit, now);
}

void pool_end(struct pool *p, int i, enum pool_event what, int64_t started, int64_t now,
              int64_t retry_after)
{
    struct pool_endpoint *e = &p->v[i];
    e->in_flight--;
    switch (what) {
    case POOL_OK:
        answered(p, e, started, now);
        break;
    case POOL_LIMITED:
        e->opens = INT64_MAX;
        limited(p, e, started, now, retry_after);
        break;
    case POOL_FAILED:
        e->opens = INT64_MAX;
        e->failures++;
        if (retry_after > 0 && now + retry_after > e->not_before)
            e->not_before = now + retry_after;
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
