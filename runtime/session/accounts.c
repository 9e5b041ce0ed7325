/* accounts.c - counters by phase, prices, budgets. */
#include "runtime/session/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/session/prefix.h"

struct accounts {
    const struct config *config;
    accounts_stop_fn stop;
    void *stop_arg;
    bool stopped;
    int64_t started, in_flight;
    struct account_counts by_phase[MODEL_PHASES];
    struct account_counts all;
    struct prefix *prefix[2]; /* executor's and writer's requests */
};

LIST_HEAD(metered_calls, metered_call);

struct metered {
    struct model base;
    struct metered_calls calls; /* not answered yet; what is left at the end is freed by close */
    struct accounts *accounts;
    struct loop *loop;
    struct model *inner;
    bool writer;
};

struct metered_call {
    LIST_ENTRY(metered_call) link;
    struct metered *m;
    enum model_phase phase;
    int64_t chars, fresh;
    model_fn fn;
    void *arg;
};

struct accounts *accounts_new(const struct config *config, accounts_stop_fn stop, void *arg)
{
    struct accounts *a = calloc(1, sizeof(*a));
    if (a)
        *a = (struct accounts){
            .config = config, .stop = stop, .stop_arg = arg, .started = clock_mono()};
    for (int i = 0; a && i < 2; i++)
        if (!(a->prefix[i] = prefix_new())) {
            accounts_free(a);
            return NULL;
        }
    return a;
}

void accounts_carry(struct accounts *a, const struct account_counts *earlier, int64_t started)
{
    a->all = *earlier;
    a->started = started;
}

void accounts_free(struct accounts *a)
{
    for (int i = 0; a && i < 2; i++)
        prefix_free(a->prefix[i]);
    free(a);
}

static void add(struct account_counts *c, const struct model_reply *r,
                const struct metered_call *call, double usd)
{
    bool answered = r->result == MODEL_OK || r->result == MODEL_CONTEXT_LIMIT;
    c->calls += answered;
    c->failed += !answered;
    c->usage.prompt_tokens += r->usage.prompt_tokens;
    c->usage.completion_tokens += r->usage.completion_tokens;
    c->usage.cached_tokens += r->usage.cached_tokens;
    c->prompt_chars += call->chars;
    c->fresh_chars += call->fresh;
    c->completion_chars += (int64_t)r->len;
    c->latency_ns += r->latency_ns;
    c->usd += usd;
}

static double price(const struct model_config *m, const struct model_usage *u)
{
    double cached = m->price_cached > 0 ? m->price_cached : m->price_prompt;
    return ((double)(u->prompt_tokens - u->cached_tokens) * m->price_prompt +
            (double)u->cached_tokens * cached +
            (double)u->completion_tokens * m->price_completion) /
           1e6;
}

/* Which budget the next call would break; calls in flight count as made. */
static bool spent(const struct accounts *a, char *why, size_t size)
{
    const struct config *c = a->config;
    const struct account_counts *all = &a->all;
    int64_t tokens = all->usage.prompt_tokens + all->usage.completion_tokens;
    double seconds = (double)(clock_mono() - a->started) / 1e9;
    if (c->budget.calls && all->calls + a->in_flight >= c->budget.calls)
        snprintf(why, size, "budget.calls: %lld calls are made", (long long)all->calls);
    else if (c->budget.tokens && tokens >= c->budget.tokens)
        snprintf(why, size, "budget.tokens: %lld tokens are used", (long long)tokens);
    else if (c->budget.usd > 0 && all->usd >= c->budget.usd)
        snprintf(why, size, "budget.usd: %.2f USD are spent", all->usd);
    else if (c->budget.seconds > 0 && seconds >= c->budget.seconds)
        snprintf(why, size, "budget.seconds: %.0f seconds have passed", seconds);
    else
        return false;
    return true;
}

static void forget(struct metered_call *call)
{
    LIST_REMOVE(call, link);
    free(call);
}

static void answered(const struct model_reply *reply, void *arg)
{
    struct metered_call *call = arg;
    struct metered *m = call->m;
    struct accounts *a = m->accounts;
    double usd = price(m->writer ? &a->config->writer : &a->config->model, &reply->usage);
    a->in_flight--;
    add(&a->by_phase[call->phase], reply, call, usd);
    add(&a->all, reply, call, usd);
    model_fn fn = call->fn;
    void *fn_arg = call->arg;
    forget(call);
    fn(reply, fn_arg);
}

static void refused(void *arg)
{
    struct metered_call *call = arg;
    struct model_reply reply = {
        .result = MODEL_OUTAGE, .text = "", .error = "a budget is spent; no call was made"};
    call->fn(&reply, call->arg);
    forget(call);
}

static int metered_ask(struct model *base, const struct model_request *rq, model_fn fn, void *arg)
{
    struct metered *m = (struct metered *)base;
    struct accounts *a = m->accounts;
    struct metered_call *call = calloc(1, sizeof(*call));
    if (!call)
        return err_set(GRASP_ENOMEM, "out of memory");
    *call = (struct metered_call){.m = m, .phase = rq->phase, .fn = fn, .arg = arg};
    LIST_INSERT_HEAD(&m->calls, call, link);
    char why[128];
    if (a->stopped || spent(a, why, sizeof(why))) {
        if (!a->stopped) {
            char message[256];
            a->stopped = true;
            snprintf(message, sizeof(message),
                     "stopped by %s; raise it and run the same command to go on", why);
            if (a->stop)
                a->stop(a->stop_arg, GRASP_ESTOPPED, message);
        }
        if (loop_defer(m->loop, refused, call) == 0)
            return 0;
        forget(call);
        return err_set(GRASP_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < rq->chat->n; i++)
        call->chars += (int64_t)rq->chat->v[i].len;
    call->fresh = prefix_add(a->prefix[m->writer], rq->chat);
    a->in_flight++;
    int rc = model_ask(m->inner, rq, answered, call);
    if (rc < 0) {
        a->in_flight--;
        forget(call);
    }
    return rc;
}

static void metered_close(struct model *base)
{
    struct metered *m = (struct metered *)base;
    while (!LIST_EMPTY(&m->calls))
        forget(LIST_FIRST(&m->calls));
    free(m);
}

static const struct model_ops metered_ops = {.ask = metered_ask, .close = metered_close};

int accounts_model(struct model **out, struct accounts *a, bool writer, struct loop *loop,
                   struct model *inner)
{
    struct metered *m = calloc(1, sizeof(*m));
    *out = m ? &m->base : NULL;
    if (!m)
        return err_set(GRASP_ENOMEM, "out of memory");
    *m = (struct metered){.accounts = a, .loop = loop, .inner = inner, .writer = writer};
    return model_wrap(&m->base, &metered_ops, inner);
}

void accounts_counts(const struct accounts *a, enum model_phase phase, struct account_counts *out)
{
    *out = phase < MODEL_PHASES ? a->by_phase[phase] : a->all;
}
