/*
 * simulated.c - the simulated model as a chat backend in process: sim_reply behind the loop's
 * timers. Calls that `sim.fail` picks are tried again, as an endpoint would make us do; they are
 * answered in the end (outages are what the HTTP backend is tested with, against model_serve).
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/model/backend.h"

#define RETRY_NS NS_PER_MS

struct simulated {
    struct model m;
    struct loop *loop;
    struct sim_settings sim;
    char *profile;
    struct sim_call *calls; /* in flight, so that closing frees them */
};
struct sim_call {
    struct simulated *model;
    struct sim_call *next, **link;
    struct model_request rq;
    model_fn fn;
    void *arg;
    uint64_t timer;
    int64_t started;
    uint8_t hash[HASH_SIZE];
    bool failed_once;
};

static void drop(struct sim_call *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    free(c);
}

static void answer(void *arg)
{
    struct sim_call *c = arg;
    struct simulated *s = c->model;
    struct buf text = BUF_INIT;
    size_t prompt_bytes = 0;
    c->timer = 0;
    if (!c->failed_once && sim_share(c->hash) < s->sim.fail) {
        c->failed_once = true;
        c->timer = loop_timer(s->loop, RETRY_NS, answer, c);
        if (c->timer)
            return;
    }
    for (size_t i = 0; i < c->rq.chat->n; i++)
        prompt_bytes += c->rq.chat->v[i].len;
    int rc = sim_reply(&s->sim, c->rq.chat, c->rq.draw, c->hash, &text);
    if (rc >= 0)
        rc = buf_check(&text);
    struct model_reply reply = {
        .result = rc < 0 ? MODEL_OUTAGE : MODEL_OK,
        .text = rc < 0 ? "" : text.ptr,
        .len = rc < 0 ? 0 : text.len,
        .usage = sim_usage(prompt_bytes, text.len),
        .latency_ns = clock_mono() - c->started,
        .error = rc < 0 ? err_msg() : "",
    };
    model_fn fn = c->fn;
    void *fn_arg = c->arg;
    drop(c);
    fn(&reply, fn_arg);
    buf_release(&text);
}

static int ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct simulated *s = (struct simulated *)m;
    struct sim_call *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(GRASP_ENOMEM, "out of memory");
    c->model = s;
    c->rq = *rq;
    c->fn = fn;
    c->arg = arg;
    c->started = clock_mono();
    model_request_hash(rq, m->name, c->hash);
    /* Also without latency it is a timer: it can be taken back when the model is closed. */
    c->timer = loop_timer(s->loop, (int64_t)(s->sim.latency_ms * (double)NS_PER_MS), answer, c);
    if (!c->timer) {
        free(c);
        return GRASP_ENOMEM;
    }
    c->next = s->calls;
    c->link = &s->calls;
    if (c->next)
        c->next->link = &c->next;
    s->calls = c;
    return 0;
}

static void close_simulated(struct model *m)
{
    struct simulated *s = (struct simulated *)m;
    while (s->calls) {
        loop_timer_cancel(s->loop, s->calls->timer);
        drop(s->calls);
    }
    free(s->profile);
    free(s);
}

/* ---- shared with model_serve ---- */

double sim_share(const uint8_t hash[HASH_SIZE])
{
    uint64_t v;
    memcpy(&v, hash + 8, sizeof(v));
    return (double)(v >> 11) * 0x1p-53;
}

struct model_usage sim_usage(size_t prompt_bytes, size_t reply_bytes)
{
    /* About four bytes a token, as English text has with the usual tokenizers. */
    return (struct model_usage){.prompt_tokens = (int64_t)(prompt_bytes + 3) / 4,
                                .completion_tokens = (int64_t)(reply_bytes + 3) / 4};
}

int model_open_simulated(struct model **m, struct loop *loop, const struct model_settings *settings)
{
    static const struct model_ops ops = {ask, close_simulated};
    struct simulated *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(GRASP_ENOMEM, "out of memory");
    s->loop = loop;
    s->sim = settings->sim;
    s->profile = strdup(s->sim.profile ? s->sim.profile : "default");
    s->sim.profile = s->profile;
    int rc = model_init(&s->m, &ops, settings);
    if (rc < 0 || !s->profile) {
        model_close(&s->m);
        return err_set(GRASP_ENOMEM, "out of memory");
    }
    *m = &s->m;
    return 0;
}
