/*
 * api.c - a chat model behind one or several HTTP endpoints: queueing, attempts, back-off,
 * failover, and what a status or a broken reply means. wire.h has the dialects, pool.h the manners.
 *
 * A call is queued, in flight, or waiting for its timer (back-off, or its end: an answer is never
 * delivered from inside model_ask). Its body exists only while it is in flight.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/model/backend.h"
#include "runtime/model/judge.h"
#include "runtime/model/pool.h"

#define DEFAULT_ATTEMPTS    8
#define DEFAULT_CONCURRENCY 4096
#define DEFAULT_TIMEOUT_S   300.0
/* A 429 is the word of a living endpoint: it costs a quarter of an attempt. */
#define LIMITED_PER_ATTEMPT 4
#define DEFAULT_BACKOFF_S   0.5 /* doubled by each attempt */
#define LONGEST_BACKOFF_NS  (30 * NS_PER_SEC)
#define LONGEST_ASKED_NS    (600 * NS_PER_SEC) /* a longer Retry-After is an outage */
#define EMPTY_REPLIES       2                  /* asked again so often, then taken at its word */

struct endpoint {
    char *base, *url, *auth; /* auth: the whole header line, NULL: none */
};
struct api {
    struct model m;
    struct loop *loop;
    const struct wire *wire;
    struct wire_params params;
    json_t *extra;
    char *model;
    struct endpoint *endpoints;
    struct pool pool;
    int64_t timeout_ns, backoff_ns;
    int attempts, outage_limit, outages_in_row;
    char *fatal; /* why it can never work */
    uint64_t pump_timer;
    bool short_of_files;              /* not yet said that it limits the calls in flight */
    TAILQ_HEAD(, call) queue, others; /* others: in flight or waiting for their timer */
};
struct call {
    struct api *api;
    TAILQ_ENTRY(call) link;
    bool queued;
    struct model_request rq;
    model_fn fn;
    void *arg;
    int endpoint, avoid; /* -1: none */
    int failures, limited, empties;
    bool completion_tokens; /* how its body called max_tokens */
    uint64_t http, timer;
    int64_t started, latency_ns;
    struct buf body;
    enum model_result end; /* what its timer delivers */
    char why[512];
};

static void pump(struct api *a);

/* ---- where a call is ---- */

static void move(struct call *c, bool queued, bool first)
{
    struct api *a = c->api;
    if (c->queued)
        TAILQ_REMOVE(&a->queue, c, link);
    else
        TAILQ_REMOVE(&a->others, c, link);
    c->queued = queued;
    if (!queued)
        TAILQ_INSERT_TAIL(&a->others, c, link);
    else if (first)
        TAILQ_INSERT_HEAD(&a->queue, c, link);
    else
        TAILQ_INSERT_TAIL(&a->queue, c, link);
}

static void drop(struct call *c)
{
    if (c->queued)
        TAILQ_REMOVE(&c->api->queue, c, link);
    else
        TAILQ_REMOVE(&c->api->others, c, link);
    http_cancel(c->api->loop, c->http);
    loop_timer_cancel(c->api->loop, c->timer);
    buf_release(&c->body);
    free(c);
}

static void deliver(struct call *c, enum model_result result, const struct wire_reply *r)
{
    struct api *a = c->api;
    struct model_reply reply = {
        .result = result,
        .text = r && result == MODEL_OK ? r->text.ptr : "",
        .len = r && result == MODEL_OK ? r->text.len : 0,
        .latency_ns = c->latency_ns,
        .error = "",
    };
    char why[sizeof(c->why)];
    if (result != MODEL_OK) {
        memcpy(why, c->why, sizeof(why));
        reply.error = why;
    }
    if (r)
        reply.usage = r->usage;
    if (result == MODEL_OUTAGE) {
        a->m.health.outages++;
        a->outages_in_row += c->failures + c->limited > 0; /* not those never sent */
        log_debug("%s: outage: %s", a->m.name, why);
    } else if (result != MODEL_FATAL) {
        a->outages_in_row = 0;
    }
    model_fn fn = c->fn;
    void *arg = c->arg;
    drop(c);
    pump(a);
    fn(&reply, arg);
}

static void on_end(void *arg)
{
    struct call *c = arg;
    c->timer = 0;
    deliver(c, c->end, NULL);
}

/* Ends a call from the next turn on. */
static void end_later(struct call *c, enum model_result result)
{
    move(c, false, false);
    c->end = result;
    c->timer = loop_timer(c->api->loop, 0, on_end, c);
}

/* Whether the whole model is beyond use; then c->why says so and *result how to end. */
static bool hopeless(struct call *c, enum model_result *result)
{
    struct api *a = c->api;
    *result = a->fatal ? MODEL_FATAL : MODEL_OUTAGE;
    if (a->fatal)
        snprintf(c->why, sizeof(c->why), "%s", a->fatal);
    else if (a->outage_limit > 0 && a->outages_in_row >= a->outage_limit)
        snprintf(c->why, sizeof(c->why), "%s was out of reach %d times in a row; given up",
                 a->m.name, a->outages_in_row);
    else
        return false;
    return true;
}

/* ---- trying again ---- */

static void on_backoff(void *arg)
{
    struct call *c = arg;
    c->timer = 0;
    move(c, true, true);
    pump(c->api);
}

/* Half to all of the doubled delay; which part is the request's own and the same in every run. */
static int64_t backoff(struct call *c, int doublings)
{
    uint8_t hash[HASH_SIZE];
    int64_t ns = c->api->backoff_ns << (doublings < 10 ? doublings : 10);
    ns = ns < LONGEST_BACKOFF_NS ? ns : LONGEST_BACKOFF_NS;
    model_request_hash(&c->rq, c->api->m.identity, hash);
    uint64_t jitter = ((uint64_t)hash[doublings & 15] << 8 | hash[(doublings & 15) + 1]) & 0xffff;
    return ns / 2 + (int64_t)((uint64_t)(ns / 2) * jitter / 0xffff);
}

static size_t alive(const struct api *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->pool.n; i++)
        n += !a->pool.v[i].dead;
    return n ? n : 1;
}

static void try_again(struct call *c, bool limited, int64_t retry_after)
{
    struct api *a = c->api;
    int usable = (int)alive(a), tries = a->attempts * usable;
    limited ? c->limited++ : c->failures++;
    a->m.health.retries++;
    log_debug("%s: attempt %d: %s", a->m.name, c->failures + c->limited, c->why);
    if (c->failures >= tries || c->limited >= tries * LIMITED_PER_ATTEMPT ||
        retry_after > LONGEST_ASKED_NS) {
        end_later(c, MODEL_OUTAGE);
        return;
    }
    int passes = (limited ? c->limited : c->failures) / usable;
    int64_t delay = 0; /* another endpoint at once, as long as there is one not tried yet */
    if ((c->failures + c->limited) % usable == 0) {
        delay = backoff(c, passes > 0 ? passes - 1 : 0);
        if (retry_after > 0)
            delay = retry_after + delay / 8;
    }
    move(c, false, false);
    c->timer = loop_timer(a->loop, delay, on_backoff, c);
}

static void endpoint_is_fatal(struct call *c, int i)
{
    struct api *a = c->api;
    a->pool.v[i].dead = true;
    if (pool_all_dead(&a->pool)) {
        free(a->fatal);
        a->fatal = str_dup(c->why);
        end_later(c, MODEL_FATAL);
    } else {
        log_warn("%s; going on with the other endpoints", c->why);
        c->avoid = i;
        move(c, true, true);
    }
}

static void count(struct model_health *h, const struct http_reply *r)
{
    h->limited += r->result == HTTP_OK && r->status == 429;
    h->server_errors += r->result == HTTP_OK && r->status >= 500;
    h->timeouts += r->result == HTTP_TIMEOUT;
    h->cut += r->result == HTTP_CUT || r->result == HTTP_CONNECT;
}

static enum pool_event event_of(enum judgement j, const struct http_reply *r)
{
    if (j == JUDGE_LIMITED || r->result == HTTP_TIMEOUT)
        return POOL_LIMITED;
    if (j == JUDGE_RETRY)
        return r->result == HTTP_OK && r->status < 500 ? POOL_FINISHED : POOL_FAILED;
    return j == JUDGE_ANSWER || j == JUDGE_CONTEXT ? POOL_OK : POOL_FINISHED;
}

static void on_http(const struct http_reply *reply, void *arg)
{
    struct call *c = arg;
    struct api *a = c->api;
    struct wire_reply r;
    int i = c->endpoint;
    int64_t now = clock_mono();
    int64_t retry_after =
        reply->retry_after < 0
            ? -1
            : (int64_t)((reply->retry_after < 1e6 ? reply->retry_after : 1e6) * (double)NS_PER_SEC);
    c->http = 0;
    c->endpoint = -1;
    c->avoid = i;
    c->latency_ns = now - c->started;
    buf_release(&c->body);
    wire_reply_init(&r);
    enum judgement j = judge_reply(a->wire, reply, a->pool.v[i].proven, &r);
    log_redact_data(r.text.ptr, r.text.len); /* it may repeat the key that it was sent */
    count(&a->m.health, reply);
    pool_end(&a->pool, i, event_of(j, reply), c->started, now, retry_after);
    a->m.health.lowered = 0;
    for (size_t k = 0; k < a->pool.n; k++)
        a->m.health.lowered += a->pool.v[k].halvings;
    judge_explain(j, reply, &r, a->endpoints[i].base, c->why, sizeof(c->why));
    if (strcmp(r.code, "unsupported_parameter") == 0 && strcmp(r.param, "max_tokens") == 0 &&
        !c->completion_tokens) {
        a->params.completion_tokens = true; /* newer models of OpenAI want it called so */
        j = JUDGE_RETRY;
    }
    if (j == JUDGE_ANSWER && r.kind == WIRE_EMPTY && c->empties++ < EMPTY_REPLIES)
        j = JUDGE_RETRY;
    switch (j) {
    case JUDGE_ANSWER:
        deliver(c, MODEL_OK, &r);
        break;
    case JUDGE_CONTEXT:
        deliver(c, MODEL_CONTEXT_LIMIT, &r);
        break;
    case JUDGE_REFUSED:
        deliver(c, MODEL_OUTAGE, NULL);
        break;
    case JUDGE_FATAL:
        endpoint_is_fatal(c, i);
        break;
    case JUDGE_LIMITED:
    case JUDGE_RETRY:
        a->m.health.garbled += reply->result == HTTP_OK && reply->status == 200;
        try_again(c, j == JUDGE_LIMITED, retry_after);
        break;
    }
    wire_reply_release(&r);
    pump(a);
}

/* ---- starting calls ---- */

static void start(struct call *c, int i)
{
    struct api *a = c->api;
    const struct endpoint *e = &a->endpoints[i];
    char draw[48];
    const char *headers[5];
    size_t n = 0;
    headers[n++] = "Content-Type: application/json";
    headers[n++] = "Accept: application/json";
    if (e->auth)
        headers[n++] = e->auth;
    if (c->rq.draw > 0) { /* endpoints pass over it; grasp model serve draws by it */
        snprintf(draw, sizeof(draw), "X-Grasp-Draw: %lld", (long long)c->rq.draw);
        headers[n++] = draw;
    }
    headers[n] = NULL;
    move(c, false, false);
    c->completion_tokens = a->params.completion_tokens;
    a->wire->encode(&a->params, &c->rq, &c->body);
    struct http_request rq = {
        .method = "POST",
        .url = e->url,
        .headers = headers,
        .body = c->body.ptr,
        .body_len = c->body.len,
        .timeout_ns = a->timeout_ns,
        .max_body = JUDGE_MAX_BODY,
    };
    c->endpoint = i;
    c->started = clock_mono();
    a->m.health.attempts++;
    c->http = c->body.failed ? 0 : http_start(a->loop, &rq, on_http, c);
    if (c->http) {
        pool_begin(&a->pool, i);
        return;
    }
    snprintf(c->why, sizeof(c->why), "%s", c->body.failed ? "out of memory" : err_msg());
    buf_release(&c->body);
    c->endpoint = -1;
    end_later(c, MODEL_OUTAGE);
}

static void on_pump(void *arg)
{
    struct api *a = arg;
    a->pump_timer = 0;
    pump(a);
}

static void pump(struct api *a)
{
    struct call *c;
    while ((c = TAILQ_FIRST(&a->queue))) {
        int64_t when, now = clock_mono();
        enum model_result end;
        if (hopeless(c, &end)) {
            end_later(c, end);
            continue;
        }
        int i = pool_pick(&a->pool, now, c->avoid, &when);
        if (i >= 0) {
            start(c, i);
            continue;
        }
        if (a->short_of_files && when == INT64_MAX) {
            log_warn("only %zu calls of the model at a time: the process may not open more files "
                     "(ulimit -Hn)",
                     a->pool.limit);
            a->short_of_files = false;
        }
        loop_timer_cancel(a->loop, a->pump_timer);
        a->pump_timer = when == INT64_MAX ? 0 : loop_timer(a->loop, when - now, on_pump, a);
        return;
    }
}

static int ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct api *a = (struct api *)m;
    struct call *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(GRASP_ENOMEM, "out of memory");
    *c = (struct call){
        .api = a, .rq = *rq, .fn = fn, .arg = arg, .endpoint = -1, .avoid = -1, .queued = true};
    buf_init(&c->body);
    TAILQ_INSERT_TAIL(&a->queue, c, link);
    pump(a);
    return 0;
}

/* ---- life ---- */

static void close_api(struct model *m)
{
    struct api *a = (struct api *)m;
    struct call *c;
    while ((c = TAILQ_FIRST(&a->queue)) || (c = TAILQ_FIRST(&a->others)))
        drop(c);
    loop_timer_cancel(a->loop, a->pump_timer);
    for (size_t i = 0; a->endpoints && i < a->pool.n; i++) {
        free(a->endpoints[i].base);
        free(a->endpoints[i].url);
        free(a->endpoints[i].auth);
    }
    free(a->endpoints);
    pool_release(&a->pool);
    json_decref(a->extra);
    free(a->model);
    free(a->fatal);
    free(a);
}

static int set_url(struct endpoint *e, const struct model_settings *s, const char *path)
{
    struct buf url = BUF_INIT;
    const char *base = e->base;
    size_t n = strlen(base);
    if (strncasecmp(base, "http://", 7) != 0 && strncasecmp(base, "https://", 8) != 0)
        return err_set(GRASP_EINVAL,
                       "the model's base URL '%s' must begin with http:// or https://", base);
    for (const char *p = base; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == '@' || *p == '?' || *p == '#')
            return err_set(GRASP_EINVAL,
                           "the model's base URL '%s' may hold no blanks, user, query or fragment",
                           base);
    while (n && base[n - 1] == '/')
        n--;
    buf_add(&url, base, n);
    if (!str_ends(url.ptr, path))
        buf_adds(&url, path);
    if (s->query && *s->query)
        buf_addf(&url, "?%s", s->query);
    e->url = buf_detach(&url);
    return e->url ? 0 : err_set(GRASP_ENOMEM, "out of memory");
}

static int set_auth(struct endpoint *e, const struct model_settings *s, const char *key)
{
    struct buf line = BUF_INIT;
    const char *name =
        s->api_key_header && *s->api_key_header ? s->api_key_header : "Authorization";
    if (!key || !*key)
        return 0;
    log_secret(key);
    for (const char *p = key; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return err_set(GRASP_EINVAL, "the model's API key holds blanks or control characters");
    buf_addf(&line, "%s: %s%s", name, str_caseeq(name, "Authorization") ? "Bearer " : "", key);
    e->auth = buf_detach(&line);
    return e->auth ? 0 : err_set(GRASP_ENOMEM, "out of memory");
}

/* Calls in flight to one endpoint: as configured, or as many files as the process may open. */
static size_t limit_calls(struct api *a, const struct model_settings *s)
{
    size_t want = s->concurrency ? s->concurrency : DEFAULT_CONCURRENCY;
    size_t most = http_limit(a->loop, want > 512 ? want : 512);
    a->short_of_files = most < want;
    return most < want ? most : want;
}

static int set_endpoints(struct api *a, const struct model_settings *s, size_t limit)
{
    int rc = pool_init(&a->pool, s->n_endpoints, limit);
    a->endpoints = calloc(s->n_endpoints, sizeof(*a->endpoints));
    if (rc >= 0 && !a->endpoints)
        rc = err_set(GRASP_ENOMEM, "out of memory");
    for (size_t i = 0; rc >= 0 && i < s->n_endpoints; i++) {
        struct endpoint *e = &a->endpoints[i];
        const char *base = s->endpoints[i].base_url;
        e->base = str_dup(base ? base : "");
        rc = e->base ? set_url(e, s, a->wire->path) : err_set(GRASP_ENOMEM, "out of memory");
        if (rc >= 0)
            rc = set_auth(e, s, s->endpoints[i].api_key);
    }
    return rc;
}

static int open_api(struct model **m, struct loop *loop, const struct model_settings *s,
                    const struct wire *wire)
{
    static const struct model_ops ops = {ask, close_api};
    if (s->n_endpoints == 0)
        return err_set(GRASP_EINVAL, "model.kind '%s' needs an endpoint's base URL", s->kind);
    if (!s->model || !*s->model)
        return err_set(GRASP_EINVAL, "model.kind '%s' needs the model's name", s->kind);
    struct api *a = calloc(1, sizeof(*a));
    if (!a)
        return err_set(GRASP_ENOMEM, "out of memory");
    TAILQ_INIT(&a->queue);
    TAILQ_INIT(&a->others);
    a->loop = loop;
    a->wire = wire;
    a->extra = s->extra ? json_deep_copy(s->extra) : NULL;
    a->model = str_dup(s->model);
    a->params = (struct wire_params){.model = a->model, .extra = a->extra};
    a->attempts = s->attempts > 0 ? s->attempts : DEFAULT_ATTEMPTS;
    a->outage_limit = s->outage_limit;
    a->timeout_ns =
        (int64_t)((s->timeout_s > 0 ? s->timeout_s : DEFAULT_TIMEOUT_S) * (double)NS_PER_SEC);
    a->backoff_ns =
        (int64_t)((s->backoff_s > 0 ? s->backoff_s : DEFAULT_BACKOFF_S) * (double)NS_PER_SEC);
    int rc = model_init(&a->m, &ops, s);
    if (rc >= 0 && (!a->model || (s->extra && !a->extra)))
        rc = err_set(GRASP_ENOMEM, "out of memory");
    if (rc >= 0)
        rc = set_endpoints(a, s, limit_calls(a, s));
    if (rc < 0) {
        model_close(&a->m);
        return rc;
    }
    *m = &a->m;
    return 0;
}

int model_open_openai(struct model **m, struct loop *loop, const struct model_settings *s)
{
    return open_api(m, loop, s, &wire_openai);
}

int model_open_responses(struct model **m, struct loop *loop, const struct model_settings *s)
{
    return open_api(m, loop, s, &wire_responses);
}
