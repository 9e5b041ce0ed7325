/* local.c - chat models that answer in this process. */
#include "runtime/model/local.h"

#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/model/backend.h"

#define AGAIN_NS NS_PER_MS

struct local_call {
    struct local_model *model;
    struct local_call *next, **link;
    struct model_request rq;
    model_fn fn;
    void *arg;
    uint64_t timer;
    int64_t started;
    int attempt;
};

static void drop(struct local_call *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    free(c);
}

struct model_usage local_usage(const struct chat *chat, size_t reply_bytes)
{
    size_t bytes = 3;
    for (size_t i = 0; i < chat->n; i++)
        bytes += chat->v[i].len;
    return (struct model_usage){.prompt_tokens = (int64_t)(bytes / 4),
                                .completion_tokens = (int64_t)((reply_bytes + 3) / 4)};
}

static void on_due(void *arg)
{
    struct local_call *c = arg;
    struct local_model *l = c->model;
    struct buf text = BUF_INIT;
    bool again = false;
    c->timer = 0;
    l->m.health.attempts++;
    enum model_result result = chat_wake(c->rq.chat) == 0
                                   ? l->answer(l, &c->rq, c->attempt++, &again, &text)
                                   : MODEL_OUTAGE;
    if (again && (c->timer = loop_timer(l->loop, AGAIN_NS, on_due, c))) {
        l->m.health.retries++;
        buf_release(&text);
        return;
    }
    text.failed |= result == MODEL_OUTAGE && !text.len;
    if (text.failed)
        result = MODEL_OUTAGE;
    bool ok = result == MODEL_OK;
    struct model_reply reply = {
        .result = result,
        .text = ok ? text.ptr : "",
        .len = ok ? text.len : 0,
        .latency_ns = clock_mono() - c->started,
        .error = ok            ? ""
                 : text.failed ? "out of memory"
                               : text.ptr,
    };
    if (ok)
        reply.usage = local_usage(c->rq.chat, text.len);
    model_fn fn = c->fn;
    void *fn_arg = c->arg;
    drop(c);
    fn(&reply, fn_arg);
    buf_release(&text);
}

static int ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct local_model *l = (struct local_model *)m;
    struct local_call *c = calloc(1, sizeof(*c));
    if (!c)
        return err_oom();
    *c = (struct local_call){
        .model = l, .rq = *rq, .fn = fn, .arg = arg, .started = clock_mono(), .next = l->calls};
    /* A timer also without latency: unlike a deferred call it can be taken back. */
    c->timer = loop_timer(l->loop, l->latency_ns, on_due, c);
    if (!c->timer) {
        free(c);
        return GRASP_ENOMEM;
    }
    c->link = &l->calls;
    if (c->next)
        c->next->link = &c->next;
    l->calls = c;
    return 0;
}

static void close_local(struct model *m)
{
    struct local_model *l = (struct local_model *)m;
    while (l->calls) {
        loop_timer_cancel(l->loop, l->calls->timer);
        drop(l->calls);
    }
    if (l->release)
        l->release(l);
    free(l);
}

int local_init(struct local_model *l, struct loop *loop, const struct model_settings *s)
{
    static const struct model_ops ops = {ask, close_local};
    l->loop = loop;
    return model_init(&l->m, &ops, s);
}
