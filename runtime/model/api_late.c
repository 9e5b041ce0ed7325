/* api_late.c - what is done about an answer that is late (late.h says which is). */
#include <stdio.h>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/model/api_private.h"

/* The call's request that began last. */
static struct api_request *youngest(struct api_call *c)
{
    struct api_request *r = api_in_flight(c, NULL), *other = r ? api_in_flight(c, r) : NULL;
    return other && other->started > r->started ? other : r;
}

/* Whether one more request of the call may go to the endpoint. */
static bool may_send(struct api *a)
{
    return TAILQ_EMPTY(&a->queue) && (!a->m.meter.allows || a->m.meter.allows(a->m.meter.arg)) &&
           (!a->m.meter.room || a->m.meter.room(a->m.meter.arg, api_on_their_way(a)));
}

/* An endpoint for it, another one if there is one; -1: none has room. */
static int other_endpoint(struct api *a, int64_t now, int avoid)
{
    int64_t when;
    a->pool.home = -1;
    return pool_pick(&a->pool, now, avoid, &when);
}

/* Its answer does not come: it is sent once more. The older of two is given up for that, or the only
 * one where there is no room for two. */
static void send_lost(struct api_call *c, struct api_request *last, int64_t now)
{
    struct api *a = c->api;
    struct api_request *older = api_in_flight(c, last);
    late_lost(&a->late);
    a->m.health.lost++;
    c->lost++;
    last->lost = true;
    c->avoid = last->endpoint;
    snprintf(c->why, sizeof(c->why), "%s: no answer after %.1f s, longer than others took",
             a->endpoints[last->endpoint].base, (double)(now - last->started) / 1e9);
    log_debug("%s: sent once more: %s", a->m.name, c->why);
    if (older)
        api_cancel(older);
    int i = may_send(a) ? other_endpoint(a, now, c->avoid) : -1;
    if (i >= 0 && api_send(c, i, true))
        return;
    api_cancel(last);
    api_move(c, true, true);
}

static void send_hedge(struct api_call *c, struct api_request *last, int64_t now)
{
    struct api *a = c->api;
    int i = other_endpoint(a, now, last->endpoint);
    if (i < 0 || !pool_relaxed(&a->pool, i, now) || !api_send(c, i, false))
        return;
    late_hedged(&a->late);
    a->m.health.hedges++;
}

void api_look(void *arg)
{
    struct api *a = arg;
    struct api_call *c, *next;
    int64_t now = clock_mono();
    size_t waiting = 0, urgent = 0;
    a->late_timer = 0;
    TAILQ_FOREACH (c, &a->others, link)
        urgent += !c->rq.ahead && api_in_flight(c, NULL);
    for (c = TAILQ_FIRST(&a->others); c; c = next) {
        next = TAILQ_NEXT(c, link);
        struct api_request *r = youngest(c);
        if (!r)
            continue;
        waiting++;
        if (a->params.stream && http_received(a->loop, r->http) > 0)
            continue; /* it comes, however slowly */
        struct late_call about = {.endpoint = r->endpoint,
                                  .kind = api_kind(c),
                                  .age = now - r->started,
                                  .requests = 1 + (api_in_flight(c, r) != NULL),
                                  .given_up = c->lost,
                                  .in_flight = api_on_their_way(a),
                                  .urgent = c->rq.ahead ? api_on_their_way(a) : urgent,
                                  .may_hedge = a->hedge != HEDGE_OFF};
        enum late_step step = late_judge(&a->late, &about);
        if (step == LATE_LOST)
            send_lost(c, r, now);
        else if (step == LATE_HEDGE && may_send(a))
            send_hedge(c, r, now);
    }
    if (waiting && !a->late_timer)
        a->late_timer = loop_timer(a->loop, late_pause(&a->late), api_look, a);
    api_pump(a);
}
