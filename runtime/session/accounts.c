/* accounts.c - counters by phase, prices, budgets. */
#include "runtime/session/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/figures.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/session/prefix.h"

/* USD per million tokens. */
struct price {
    double prompt, completion, cached, cache_write;
};
struct accounts {
    const struct config *config;
    accounts_stop_fn stop;
    void *stop_arg;
    bool stopped;
    struct loop *loop;                              /* of the first model; NULL: none yet */
    uint64_t timer;                                 /* of budget.seconds */
    int64_t started, in_flight, open[MODEL_PHASES]; /* open: in flight, by phase */
    int64_t open_tokens; /* of attempts whose calls are not answered yet */
    double open_usd;
    struct spending earlier; /* of the run's processes before this one */
    struct spent_file file;
    bool changed; /* since it was written */
    LIST_HEAD(, metered) models;
    struct account_counts by_phase[MODEL_PHASES];
    struct account_counts all;
    struct prefix *prefix[2]; /* executor's and writer's requests */
};

LIST_HEAD(metered_calls, metered_call);

struct metered {
    struct model base;
    LIST_ENTRY(metered) link;
    struct price price;
    bool meters;              /* the backend tells of each attempt */
    int64_t attempts, tokens; /* those that were paid for, and what they took together */
    double usd;
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
        *a = (struct accounts){.config = config,
                               .stop = stop,
                               .stop_arg = arg,
                               .started = clock_mono(),
                               .file.fd = -1};
    for (int i = 0; a && i < 2; i++)
        if (!(a->prefix[i] = prefix_new())) {
            accounts_free(a);
            return NULL;
        }
    return a;
}

void accounts_spent(const struct accounts *a, struct spending *out)
{
    const struct account_counts *all = &a->all;
    *out = (struct spending){
        a->earlier.calls + all->calls,
        a->earlier.tokens + all->usage.prompt_tokens + all->usage.completion_tokens +
            a->open_tokens,
        a->earlier.usd + all->usd + a->open_usd,
        a->earlier.seconds + (double)(clock_mono() - a->started) / 1e9,
    };
}

static void write_spent(void *arg)
{
    struct accounts *a = arg;
    struct spending now;
    if (!a->changed || a->file.fd < 0)
        return;
    accounts_spent(a, &now);
    spent_write(&a->file, &now, a->in_flight);
    a->changed = false;
}

void accounts_free(struct accounts *a)
{
    if (a && a->loop) {
        loop_timer_cancel(a->loop, a->timer);
        loop_not_at_turn_end(a->loop, write_spent, a);
    }
    if (a) {
        a->changed = true;
        write_spent(a);
        spent_close(&a->file);
    }
    for (int i = 0; a && i < 2; i++)
        prefix_free(a->prefix[i]);
    free(a);
}

static void add(struct account_counts *c, const struct model_reply *r,
                const struct model_usage *paid, const struct metered_call *call, double usd)
{
    bool answered = r->result == MODEL_OK || r->result == MODEL_CONTEXT_LIMIT;
    c->calls += answered;
    c->failed += !answered;
    model_usage_add(&c->usage, paid);
    c->prompt_chars += call->chars;
    c->fresh_chars += call->fresh;
    c->completion_chars += (int64_t)r->len;
    c->latency_ns += r->latency_ns;
    c->usd += usd;
}

static double first_above_zero(double a, double b)
{
    return a > 0 ? a : b;
}

/* From the model's section, else from the table under its name. */
static struct price price_of(const struct config *c, bool writer, const char *name)
{
    const struct model_config *m = writer ? &c->writer : &c->model;
    const json_t *row = json_object_get(c->prices, name);
    struct price p = {
        .prompt = first_above_zero(m->price_prompt, json_num_at(row, "input", 0)),
        .completion = first_above_zero(m->price_completion, json_num_at(row, "output", 0)),
        .cached = first_above_zero(m->price_cached, json_num_at(row, "cached", -1)),
        .cache_write = first_above_zero(m->price_cache_write, json_num_at(row, "cache_write", -1)),
    };
    p.cached = p.cached < 0 ? p.prompt : p.cached;
    p.cache_write = p.cache_write < 0 ? p.prompt : p.cache_write;
    return p;
}

/* What the server says it cost, else by the table. */
static double cost(const struct price *p, const struct model_usage *u)
{
    int64_t plain = u->prompt_tokens - u->cached_tokens - u->cache_write_tokens;
    if (u->cost > 0)
        return u->cost;
    return ((double)(plain > 0 ? plain : 0) * p->prompt + (double)u->cached_tokens * p->cached +
            (double)u->cache_write_tokens * p->cache_write +
            (double)u->completion_tokens * p->completion) /
           1e6;
}

double accounts_cost(const struct config *c, bool writer, const char *model,
                     const struct model_usage *u)
{
    struct price p = price_of(c, writer, model);
    return cost(&p, u);
}

/* Which of the budgets that attempts use up is spent. */
static bool used_up(const struct accounts *a, char *why, size_t size)
{
    const struct config *c = a->config;
    struct spending s;
    accounts_spent(a, &s);
    if (c->budget.tokens && s.tokens >= c->budget.tokens)
        snprintf(why, size, "budget.tokens: %s tokens are used", figure(s.tokens).text);
    else if (c->budget.usd > 0 && s.usd >= c->budget.usd)
        snprintf(why, size, "budget.usd: %.2f USD are spent", s.usd);
    else if (c->budget.seconds > 0 && s.seconds >= c->budget.seconds)
        snprintf(why, size, "budget.seconds: %.0f seconds have passed", s.seconds);
    else
        return false;
    return true;
}

/* Which budget the next call would break; calls in flight count as made. */
static bool spent(const struct accounts *a, char *why, size_t size)
{
    const struct config *c = a->config;
    int64_t made = a->earlier.calls + a->all.calls;
    if (!c->budget.calls || made + a->in_flight < c->budget.calls)
        return used_up(a, why, size);
    int n = snprintf(why, size, "budget.calls: %s %s made", figure(made).text,
                     plural(made, "call is", "calls are"));
    if (a->in_flight)
        snprintf(why + n, size - (size_t)n, ", %s more %s in flight", figure(a->in_flight).text,
                 plural(a->in_flight, "is", "are"));
    return true;
}

/* Nothing is asked any more, and what only waits is ended. */
static void stop(struct accounts *a, const char *why)
{
    struct metered *m;
    char message[256];
    if (a->stopped)
        return;
    a->stopped = true;
    snprintf(message, sizeof(message), "stopped by %s; raise it and run the same command to go on",
             why);
    if (a->stop)
        a->stop(a->stop_arg, GRASP_ESTOPPED, message);
    LIST_FOREACH (m, &a->models, link)
        model_halt(m->inner, "a budget is spent");
}

/* A budget of time also ends a run that only waits. */
static void on_time(void *arg);

static void arm(struct accounts *a)
{
    double seconds = a->config->budget.seconds;
    if (!a->loop || seconds <= 0 || a->stopped)
        return;
    loop_timer_cancel(a->loop, a->timer);
    int64_t left =
        a->started + (int64_t)((seconds - a->earlier.seconds) * (double)NS_PER_SEC) - clock_mono();
    a->timer = loop_timer(a->loop, left > 0 ? left : 0, on_time, a);
}

static void on_time(void *arg)
{
    struct accounts *a = arg;
    char why[128];
    a->timer = 0;
    if (used_up(a, why, sizeof(why)))
        stop(a, why);
    else
        arm(a);
}

int accounts_keep(struct accounts *a, const char *path)
{
    int rc = spent_open(&a->file, path, &a->earlier);
    if (rc == 0 && a->loop)
        rc = loop_at_turn_end(a->loop, write_spent, a);
    if (rc == 0)
        arm(a);
    return rc;
}

double accounts_left(const struct accounts *a)
{
    const struct config *c = a->config;
    struct spending s;
    accounts_spent(a, &s);
    const double of[][2] = {{(double)(s.calls + a->in_flight), (double)c->budget.calls},
                            {(double)s.tokens, (double)c->budget.tokens},
                            {s.usd, c->budget.usd},
                            {s.seconds, c->budget.seconds}};
    double least = 1;
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
        if (of[i][1] > 0 && 1 - of[i][0] / of[i][1] < least)
            least = 1 - of[i][0] / of[i][1];
    return least;
}

void accounts_done(struct accounts *a)
{
    if (a->file.fd >= 0)
        unlink(a->file.path);
    spent_close(&a->file);
}

bool accounts_stopped(const struct accounts *a)
{
    return a->stopped;
}

void accounts_carry(struct accounts *a, const struct spending *earlier)
{
    a->earlier = *earlier;
    arm(a);
}

static void meter_used(void *arg, const struct model_usage *usage)
{
    struct metered *m = arg;
    m->meters = true;
    m->accounts->open_tokens += usage->prompt_tokens + usage->completion_tokens;
    m->accounts->open_usd += cost(&m->price, usage);
    m->accounts->changed = true;
    m->attempts++;
    m->tokens += usage->prompt_tokens + usage->completion_tokens;
    m->usd += cost(&m->price, usage);
}

static bool meter_allows(void *arg)
{
    struct metered *m = arg;
    char why[128];
    if (!m->accounts->stopped && used_up(m->accounts, why, sizeof(why)))
        stop(m->accounts, why);
    return !m->accounts->stopped;
}

/* What is on its way is thought to take as much as those before. What a first attempt takes is not
 * known: it goes alone, and as long as attempts end without an answer, twice as many each time. */
static bool meter_room(void *arg, size_t on_their_way)
{
    struct metered *m = arg;
    const struct config *c = m->accounts->config;
    struct spending s;
    if (!meter_allows(arg))
        return false;
    if (!on_their_way || (!c->budget.tokens && c->budget.usd <= 0))
        return true;
    if (!m->attempts)
        return m->inner->health.attempts >= 2 * (int64_t)on_their_way;
    accounts_spent(m->accounts, &s);
    double share = (double)(on_their_way + 1) / (double)m->attempts;
    return (!c->budget.tokens ||
            (double)s.tokens + (double)m->tokens * share <= (double)c->budget.tokens) &&
           (c->budget.usd <= 0 || s.usd + m->usd * share <= c->budget.usd);
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
    struct model_usage paid = reply->usage;
    model_usage_add(&paid, &reply->cancelled);
    double usd = cost(&m->price, &paid);
    a->in_flight--;
    a->open[call->phase]--;
    a->changed = true;
    if (m->meters) {
        a->open_tokens -= paid.prompt_tokens + paid.completion_tokens;
        a->open_usd -= usd;
    }
    add(&a->by_phase[call->phase], reply, &paid, call, usd);
    add(&a->all, reply, &paid, call, usd);
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
        return err_oom();
    *call = (struct metered_call){.m = m, .phase = rq->phase, .fn = fn, .arg = arg};
    LIST_INSERT_HEAD(&m->calls, call, link);
    char why[128];
    if (a->stopped || spent(a, why, sizeof(why))) {
        stop(a, why);
        if (loop_defer(m->loop, refused, call) == 0)
            return 0;
        forget(call);
        return err_oom();
    }
    for (size_t i = 0; i < rq->chat->n; i++)
        call->chars += (int64_t)rq->chat->v[i].len;
    call->fresh = prefix_add(a->prefix[m->writer], rq->chat);
    a->in_flight++;
    a->open[rq->phase]++;
    a->changed = true;
    int rc = model_ask(m->inner, rq, answered, call);
    if (rc < 0) {
        a->in_flight--;
        a->open[rq->phase]--;
        forget(call);
    }
    return rc;
}

static void metered_close(struct model *base)
{
    struct metered *m = (struct metered *)base;
    while (!LIST_EMPTY(&m->calls))
        forget(LIST_FIRST(&m->calls));
    LIST_REMOVE(m, link);
    free(m);
}

static const struct model_ops metered_ops = {.ask = metered_ask, .close = metered_close};

int accounts_model(struct model **out, struct accounts *a, bool writer, struct loop *loop,
                   struct model *inner)
{
    bool free_of_charge = model_kind_here((writer ? &a->config->writer : &a->config->model)->kind);
    struct price price = price_of(a->config, writer, inner->name);
    *out = NULL;
    if (a->config->budget.usd > 0 && !free_of_charge && price.prompt + price.completion <= 0)
        return err_set(
            GRASP_EINVAL,
            "budget.usd: what %s costs is not known; set %s.price.prompt and .completion, or "
            "prices: {%s: {input: ..., output: ...}} (USD per million tokens)",
            inner->name, writer ? "writer" : "model", inner->name);
    if ((price.prompt > 0) != (price.completion > 0) &&
        !json_object_get(a->config->prices, inner->name))
        log_warn("%s.price.%s is not set: what is counted in USD is the price of its %s alone",
                 writer ? "writer" : "model", price.prompt > 0 ? "completion" : "prompt",
                 price.prompt > 0 ? "prompts" : "answers");
    struct metered *m = calloc(1, sizeof(*m));
    *out = m ? &m->base : NULL;
    if (!m)
        return err_oom();
    *m = (struct metered){
        .accounts = a, .loop = loop, .inner = inner, .writer = writer, .price = price};
    LIST_INSERT_HEAD(&a->models, m, link);
    inner->meter = (struct model_meter){meter_used, meter_allows, meter_room, m};
    if (!a->loop) {
        a->loop = loop;
        arm(a);
    }
    return model_wrap(&m->base, &metered_ops, inner);
}

void accounts_counts(const struct accounts *a, enum model_phase phase, struct account_counts *out)
{
    *out = phase < MODEL_PHASES ? a->by_phase[phase] : a->all;
}

int64_t accounts_open(const struct accounts *a, enum model_phase phase)
{
    return phase < MODEL_PHASES ? a->open[phase] : a->in_flight;
}
