/*
 * pool.h - manners towards the endpoints of one model: which one takes the next call, how many it
 * takes at a time, and when it is left in peace. Pure: the caller brings the time.
 *
 *     int i = pool_pick(&p, now, avoid, &when);   // -1: not before `when`
 *     pool_begin(&p, i);
 *     ...
 *     pool_end(&p, i, POOL_OK, started, now, -1);
 *
 * The window of an endpoint (most calls in flight) starts at its limit. It is looked at once a
 * round, over the answers to calls begun since the last change: when more than the tolerated share
 * of them (one in twenty) were 429s, it is halved; else it grows by an eighth and one, as long as
 * it is in use and latency stays below twice the best seen. 429s that come as often after halving
 * as before are not about our load: the window goes back, and their share is tolerated from then
 * on.
 *
 * An endpoint that has not answered yet gets a few calls only, until a moment has passed in which none
 * of them was refused or failed: a limiter says no much sooner than a model says anything, so that
 * limits, or that nothing works, are known before thousands are sent, and an answer need not be
 * waited for. Limits that are told (pool_told) or configured
 * (pool_pace) are kept to from then on.
 */
#ifndef GRASP_RUNTIME_MODEL_POOL_H
#define GRASP_RUNTIME_MODEL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pool_event {
    POOL_OK,       /* it answered */
    POOL_LIMITED,  /* 429, 503, 529, or no answer in time: too much */
    POOL_FAILED,   /* another failure of the endpoint: refused, cut, 5xx */
    POOL_FINISHED, /* an answer that says nothing about load, or none at all (cancelled) */
};
struct pool_endpoint {
    size_t in_flight;
    double window;
    size_t peak;              /* most calls in flight this round */
    int64_t limited_at;       /* the last 429 or the like; 0: none */
    int64_t not_before;       /* Retry-After, or a rest after failures when others are there */
    int64_t changed_at;       /* answers of calls begun before it are not counted */
    int64_t answers, limited; /* of this round */
    double tolerated;         /* share of 429s */
    double good_before;       /* share of answers in the round before halving; < 0: not halved */
    double latency, best;     /* ns, moving average and its lowest value */
    int failures;             /* in a row */
    int64_t halvings;         /* how often the window was halved */
    bool told;                /* it says how many requests it will still take ... */
    int64_t credit;           /* ... so many from now on ... */
    int64_t refill, most;     /* ... and at this time so many again */
    int64_t next[2]; /* when what was spent of requests, of tokens a minute is made up for */
    bool dead;       /* fatal: wrong key, no such model */
    bool proven;     /* has answered at least once */
    int64_t opens; /* it gets more than the first few then; 0: not asked, INT64_MAX: once proven */
};
struct pool {
    struct pool_endpoint *v;
    size_t n;
    size_t limit;
    size_t turn; /* breaks ties round robin */
    int home;    /* set before a pick: the endpoint that has the beginning in its cache; -1: any */
    double a_minute[2]; /* requests, tokens; 0: no limit */
};

int pool_init(struct pool *p, size_t n, size_t limit);
void pool_release(struct pool *p);
/* `home` unless it has clearly more to do than the others; else the least loaded endpoint with room,
 * other than `avoid` (-1: none) if there is one; -1 when none
 * can take a call, *when then says from which time on one might (INT64_MAX: when a call ends). */
int pool_pick(struct pool *p, int64_t now, int avoid, int64_t *when);
/* Whether requests that need not be may go to it: nothing is known to limit it, nor did lately. */
bool pool_relaxed(const struct pool *p, int i, int64_t now);
void pool_begin(struct pool *p, int i);
/* Requests and tokens a minute for each endpoint, 0: no limit. They are spread over the minute. */
void pool_pace(struct pool *p, double requests, double tokens);
/* What a call that pool_begin began takes of these, as far as it is known; `more` is negative where
 * less was used than thought. */
void pool_spend(struct pool *p, int i, int64_t now, bool request, int64_t more);
/* The endpoint says that it takes `remaining` more requests, and `most` (0: not said) again in
 * `reset` ns. */
void pool_told(struct pool *p, int i, int64_t now, int64_t remaining, int64_t most, int64_t reset);
/* retry_after: ns that the endpoint asked for, -1 none. */
void pool_end(struct pool *p, int i, enum pool_event what, int64_t started, int64_t now,
              int64_t retry_after);
bool pool_all_dead(const struct pool *p);

#endif
