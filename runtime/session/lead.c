/* lead.c - beginnings on their way for the first time, and who waits for them. */
#include "runtime/session/lead.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <xxhash.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/grow.h"

struct held {
    TAILQ_ENTRY(held) link;
    struct model_request rq;
    model_fn fn;
    void *arg;
};
/* The call that goes first; those held for it until it is answered or its time is up. */
struct leader {
    LIST_ENTRY(leader) link;
    struct lead *lead;
    uint64_t beginning, timer;
    TAILQ_HEAD(, held) held;
    model_fn fn;
    void *arg;
};
struct lead {
    struct model base;
    struct loop *loop;
    struct model *inner;
    int64_t most_ns;
    LIST_HEAD(, leader) leaders;
    uint64_t *known; /* beginnings that went first once; few */
    size_t n_known, cap_known;
};

static void no_answer(const struct held *h)
{
    struct model_reply reply = {
        .result = MODEL_OUTAGE, .text = "", .finish = "", .thinking = "", .error = "out of memory"};
    h->fn(&reply, h->arg);
}

static void release(struct leader *l)
{
    struct held *h;
    loop_timer_cancel(l->lead->loop, l->timer);
    l->timer = 0;
    while ((h = TAILQ_FIRST(&l->held))) {
        TAILQ_REMOVE(&l->held, h, link);
        if (model_ask(l->lead->inner, &h->rq, h->fn, h->arg) < 0)
            no_answer(h);
        free(h);
    }
}

static void on_time(void *arg)
{
    struct leader *l = arg;
    l->timer = 0;
    release(l);
}

static void answered(const struct model_reply *reply, void *arg)
{
    struct leader *l = arg;
    model_fn fn = l->fn;
    void *fn_arg = l->arg;
    release(l);
    LIST_REMOVE(l, link);
    free(l);
    fn(reply, fn_arg);
}

static bool is_known(const struct lead *m, uint64_t beginning)
{
    for (size_t i = 0; i < m->n_known; i++)
        if (m->known[i] == beginning)
            return true;
    return false;
}

static int go_first(struct lead *m, uint64_t beginning, const struct model_request *rq, model_fn fn,
                    void *arg)
{
    struct leader *l = calloc(1, sizeof(*l));
    int rc = l ? grow(&m->known, &m->cap_known, m->n_known + 1) : err_oom();
    if (rc < 0) {
        free(l);
        return rc;
    }
    *l = (struct leader){.lead = m, .beginning = beginning, .fn = fn, .arg = arg};
    TAILQ_INIT(&l->held);
    m->known[m->n_known++] = beginning;
    LIST_INSERT_HEAD(&m->leaders, l, link);
    rc = model_ask(m->inner, rq, answered, l);
    if (rc < 0) {
        LIST_REMOVE(l, link);
        free(l);
        return rc;
    }
    l->timer = loop_timer(m->loop, m->most_ns, on_time, l);
    return 0;
}

static int ask(struct model *base, const struct model_request *rq, model_fn fn, void *arg)
{
    enum { MANY = 1024 }; /* beginnings: texts of the user's own that share nothing */
    struct lead *m = (struct lead *)base;
    const struct message *first = rq->chat->v;
    struct leader *l;
    if (!rq->chat->n || first->len < LEAD_BYTES || rq->phase >= PHASE_CLASSIFY)
        return model_ask(m->inner, rq, fn, arg);
    uint64_t beginning = XXH3_64bits(first->text, LEAD_BYTES);
    if (!is_known(m, beginning) && m->n_known < MANY)
        return go_first(m, beginning, rq, fn, arg);
    LIST_FOREACH (l, &m->leaders, link)
        if (l->beginning == beginning && l->timer)
            break;
    if (!l)
        return model_ask(m->inner, rq, fn, arg);
    struct held *h = malloc(sizeof(*h));
    if (!h)
        return err_oom();
    *h = (struct held){.rq = *rq, .fn = fn, .arg = arg};
    TAILQ_INSERT_TAIL(&l->held, h, link);
    return 0;
}

static void close_lead(struct model *base)
{
    struct lead *m = (struct lead *)base;
    struct leader *l;
    while ((l = LIST_FIRST(&m->leaders))) {
        struct held *h;
        while ((h = TAILQ_FIRST(&l->held))) {
            TAILQ_REMOVE(&l->held, h, link);
            free(h);
        }
        loop_timer_cancel(m->loop, l->timer);
        LIST_REMOVE(l, link);
        free(l);
    }
    free(m->known);
    free(m);
}

int lead_model(struct model **out, struct loop *loop, struct model *inner, int64_t most_ns)
{
    static const struct model_ops ops = {.ask = ask, .close = close_lead};
    struct lead *m = calloc(1, sizeof(*m));
    *out = m ? &m->base : NULL;
    if (!m)
        return err_oom();
    *m = (struct lead){.loop = loop, .inner = inner, .most_ns = most_ns};
    return model_wrap(&m->base, &ops, inner);
}
