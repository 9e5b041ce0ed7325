/*
 * api.c - a chat model behind one or several HTTP endpoints: queueing, attempts, back-off,
 * failover, and what a status or a broken reply means. wire.h has the dialects, pool.h the manners.
 *
 * A call is queued, in flight, or waiting for its timer (back-off, or its end: an answer is never
 * delivered from inside model_ask). One whose answer is late may be in flight twice (late.h): then
 * the first answer counts, and a request that fails leaves the call to the other. The body exists
 * only while a request is in flight.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/model/api_private.h"
#include "runtime/model/backend.h"
#include "runtime/model/judge.h"
#include "runtime/model/key.h"
#include "runtime/model/limits.h"
#include "runtime/model/local.h"

/* A 429 is the word of a living endpoint: it costs a quarter of an attempt. */
#define LIMITED_PER_ATTEMPT 4
#define LONGEST_BACKOFF_NS  (30 * NS_PER_SEC)
#define EMPTY_REPLIES       2 /* asked again so often, then taken at its word */
#define DOUBTS              2 /* what is probably the settings' fault is tried again so often */
#define SILENCE_NS          (20 * NS_PER_SEC) /* nobody got an answer for so long: it is said */

/* ---- where a call is ---- */

void api_move(struct api_call *c, bool queued, bool first)
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

struct api_request *api_in_flight(struct api_call *c, const struct api_request *r)
{
    for (int k = 0; k < 2; k++)
        if (c->rqs[k].http && &c->rqs[k] != r)
            return &c->rqs[k];
    return NULL;
}

enum late_kind api_kind(const struct api_call *c)
{
    return c->rq.phase <= PHASE_ROLLOUT_TEST ? LATE_TURN : LATE_WRITING;
}

void api_cancel(struct api_request *r)
{
    struct api *a = r->call->api;
    int64_t now = clock_mono();
    http_cancel(a->loop, r->http);
    r->http = 0;
    buf_release(&r->body);
    pool_end(&a->pool, r->endpoint, r->lost ? POOL_FAILED : POOL_FINISHED, r->started, now, -1);
    late_left(&a->late, r->endpoint, api_kind(r->call), now - r->started);
    a->m.health.cancelled++;
    r->call->cancelled++;
}

void api_drop(struct api_call *c)
{
    struct api_request *r;
    while ((r = api_in_flight(c, NULL)))
        api_cancel(r);
    if (c->queued)
        TAILQ_REMOVE(&c->api->queue, c, link);
    else
        TAILQ_REMOVE(&c->api->others, c, link);
    loop_timer_cancel(c->api->loop, c->timer);
    c->api->waiting--;
    free(c);
}

/* The text that goes on, with what the server said beside it in front (said.h). */
static const char *whole_text(const struct wire_reply *r, struct buf *own, size_t *len)
{
    *len = r->text.len;
    if (r->said == SAID_TEXT && !r->reasoning.len)
        return r->text.ptr;
    said_write(own, r->said, r->finish, &r->reasoning, r->text.ptr, r->text.len);
    *len = own->len;
    return own->ptr;
}

/* What a cancelled request took is not known. It is thought to be as much as the answer to the same
 * one, or its prompt alone where there is none. */
static struct model_usage take_cancelled(struct api_call *c, const struct wire_reply *r)
{
    struct api *a = c->api;
    struct model_usage all = {0};
    int n = c->cancelled + (api_in_flight(c, NULL) != NULL);
    struct model_usage u = n && (!r || !r->usage.prompt_tokens) ? local_usage(c->rq.chat, 0)
                           : r                                  ? r->usage
                                                                : (struct model_usage){0};
    u.estimated = true;
    for (; n > 0; n--) {
        model_usage_add(&all, &u);
        if (a->m.meter.used)
            a->m.meter.used(a->m.meter.arg, &u);
    }
    return all;
}

static void deliver(struct api_call *c, enum model_result result, const struct wire_reply *r)
{
    struct api *a = c->api;
    struct buf own = BUF_INIT;
    struct model_reply reply = {.result = result,
                                .cancelled = take_cancelled(c, r),
                                .text = "",
                                .latency_ns = c->latency_ns,
                                .usage = c->usage,
                                .error = "",
                                .finish = "",
                                .thinking = ""};
    char why[sizeof(c->why)];
    if (result == MODEL_OK)
        reply.text = whole_text(r, &own, &reply.len);
    if (own.failed) {
        reply.result = result = MODEL_OUTAGE;
        snprintf(c->why, sizeof(c->why), "out of memory");
        reply.text = "";
        reply.len = 0;
    }
    if (result != MODEL_OK) {
        memcpy(why, c->why, sizeof(why));
        reply.error = why;
    }
    if (result == MODEL_OUTAGE) {
        a->m.health.outages++;
        a->outages_in_row += c->failures + c->limited > 0; /* not those never sent */
        log_debug("%s: outage: %s", a->m.name, why);
    } else if (result != MODEL_FATAL) {
        a->outages_in_row = 0;
        a->answered_at = clock_mono();
    }
    model_fn fn = c->fn;
    void *arg = c->arg;
    api_drop(c);
    api_pump(a);
    fn(&reply, arg);
    buf_release(&own);
}

static void on_end(void *arg)
{
    struct api_call *c = arg;
    c->timer = 0;
    deliver(c, c->end, NULL);
}

/* Ends a call from the next turn on. */
static void end_later(struct api_call *c, enum model_result result)
{
    api_move(c, false, false);
    c->end = result;
    c->timer = loop_timer(c->api->loop, 0, on_end, c);
}

/* Whether the whole model is beyond use; then c->why says so and *result how to end. */
static bool hopeless(struct api_call *c, enum model_result *result)
{
    struct api *a = c->api;
    *result = a->fatal ? MODEL_FATAL : MODEL_OUTAGE;
    if (a->fatal || a->gone)
        snprintf(c->why, sizeof(c->why), "%s", a->fatal ? a->fatal : a->gone);
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
    struct api_call *c = arg;
    c->timer = 0;
    api_move(c, true, true);
    api_pump(c->api);
}

/* Half to all of the doubled delay; which part is the request's own and the same in every run. */
static int64_t backoff(struct api_call *c, int doublings)
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

static void try_again(struct api_call *c, bool limited, int64_t retry_after)
{
    struct api *a = c->api;
    if (a->m.meter.allows && !a->m.meter.allows(a->m.meter.arg)) {
        snprintf(c->why, sizeof(c->why), "a budget is spent; it was not asked again");
        end_later(c, MODEL_OUTAGE);
        return;
    }
    int usable = (int)alive(a), tries = a->attempts * usable;
    /* Others are being answered: it is our turn soon, and no sign that it will never be. */
    bool served = limited && a->answered_at > c->before;
    if (limited)
        c->limited += !served;
    else
        c->failures++;
    log_debug("%s: attempt %d: %s", a->m.name, c->failures + c->limited, c->why);
    if (c->failures >= tries || c->limited >= tries * LIMITED_PER_ATTEMPT) {
        end_later(c, MODEL_OUTAGE);
        return;
    }
    int passes = (limited ? c->limited : c->failures) / usable;
    int64_t delay = 0; /* another endpoint at once, as long as there is one not tried yet */
    if (served || (c->failures + c->limited) % usable == 0) {
        delay = backoff(c, served ? 1 : passes > 0 ? passes - 1 : 0);
        if (retry_after > 0)
            delay = retry_after + delay / 8;
    }
    api_move(c, false, false);
    c->timer = loop_timer(a->loop, delay, on_backoff, c);
}

/* No call is sent to this endpoint any more. When no other is left: the end, for good where it never
 * worked; what worked before, or would after more patience than there is, is an outage, so that the
 * run can go on then. */
static void give_up_endpoint(struct api_call *c, int i, bool patience)
{
    struct api *a = c->api;
    bool worked = a->pool.v[i].proven || patience;
    a->pool.v[i].dead = true;
    if (!pool_all_dead(&a->pool)) {
        log_warn("%s; going on with the other endpoints", c->why);
        c->avoid = i;
        api_move(c, true, true);
        return;
    }
    if (worked && !patience) {
        size_t n = strlen(c->why);
        snprintf(c->why + n, sizeof(c->why) - n, "; it worked before, and is asked no more");
    }
    char **why = worked ? &a->gone : &a->fatal;
    free(*why);
    *why = str_dup(c->why);
    end_later(c, worked ? MODEL_OUTAGE : MODEL_FATAL);
}

/* The endpoint asks for more patience than the configuration has. */
static void give_up_waiting(struct api_call *c, int i, int64_t wait)
{
    char until[32];
    time_t then = (time_t)((clock_wall() + wait) / NS_PER_SEC);
    struct tm tm;
    size_t n = strlen(c->why);
    strftime(until, sizeof(until), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&then, &tm));
    snprintf(c->why + n, sizeof(c->why) - n,
             ": it asks to wait until %s, longer than model.max_wait (%.0f s)", until,
             (double)c->api->max_wait_ns / 1e9);
    give_up_endpoint(c, i, true);
}

/* After a 401: a key that others have read anew meanwhile, or can be read anew, may do. */
static void refresh_key(struct api_call *c, int i, int64_t started)
{
    struct api_endpoint *e = &c->api->endpoints[i];
    char *key = NULL;
    if ((!e->key_file && !e->key_command) || started < e->key_read_at)
        return;
    int rc = key_read(e->key_file, e->key_command, KEY_TIMEOUT_NS, &key);
    e->key_read_at = clock_mono();
    if (rc == 0)
        rc = key_header(key, c->api->auth_name, &e->auth);
    if (rc < 0)
        log_warn("%s", err_msg());
    free(key);
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

static const char *header_of(void *reply, const char *name)
{
    return http_header(reply, name);
}

/* How long the endpoint asks to be left alone: by the header made for it, in the error's body, or by
 * when a limit that is used up is filled again. -1: it does not say. */
static int64_t asked_wait(const struct http_reply *reply, const struct wire_reply *r)
{
    double wall = (double)clock_wall() / (double)NS_PER_SEC, v = reply->retry_after;
    if (v < 0)
        v = r->retry_after;
    if (v < 0 && reply->result == HTTP_OK && reply->status >= 400)
        v = limits_reset(header_of, (void *)(uintptr_t)reply, wall);
    return v < 0 ? -1 : (int64_t)((v < 1e9 ? v : 1e9) * (double)NS_PER_SEC);
}

/* What the reply's headers say of how much more the endpoint takes. */
static void take_limits(struct api *a, int i, const struct http_reply *reply, int64_t now)
{
    double wall = (double)clock_wall() / (double)NS_PER_SEC, reset;
    int64_t most, remaining = -1;
    if (reply->result == HTTP_OK)
        remaining = limits_remaining(header_of, (void *)(uintptr_t)reply, wall, &most, &reset);
    if (remaining >= 0 && reset >= 0)
        pool_told(&a->pool, i, now, remaining, most,
                  (int64_t)((reset < 1e6 ? reset : 1e6) * (double)NS_PER_SEC));
}

/* Newer models of OpenAI want max_tokens called max_completion_tokens, and say so in several ways. */
static bool wants_other_limit(const struct wire_reply *r)
{
    return (strcmp(r->param, "max_tokens") == 0 && (strcmp(r->code, "unsupported_parameter") == 0 ||
                                                    str_casestr(r->why, "not supported"))) ||
           (str_casestr(r->why, "max_tokens") && str_casestr(r->why, "max_completion_tokens") &&
            !str_casestr(r->why, "context"));
}

/* What the attempt cost. A server that does not say is not free: four bytes are a token then. */
static void take_usage(struct api_call *c, struct wire_reply *r)
{
    struct api *a = c->api;
    struct model_usage u = r->usage;
    if (r->kind == WIRE_TEXT || r->kind == WIRE_EMPTY) {
        struct model_usage own = local_usage(c->rq.chat, r->text.len + r->reasoning.len);
        u.estimated = !u.prompt_tokens || (!u.completion_tokens && own.completion_tokens);
        u.prompt_tokens = u.prompt_tokens ? u.prompt_tokens : own.prompt_tokens;
        u.completion_tokens = u.completion_tokens ? u.completion_tokens : own.completion_tokens;
        if (u.estimated && !a->said_estimated) {
            a->said_estimated = true;
            log_warn("%s does not report how many tokens a call took: they are estimated from the "
                     "texts, four bytes a token",
                     a->m.name);
        }
    }
    r->usage = u;
    model_usage_add(&c->usage, &u);
    if (a->hedge == HEDGE_AUTO && u.cost > 0)
        a->hedge = HEDGE_OFF;
    if (a->m.meter.used)
        a->m.meter.used(a->m.meter.arg, &u);
}

/* What the end of a request says of latencies. */
static void learn_latency(struct api_call *c, const struct api_request *r,
                          const struct api_request *other, enum judgement j, bool timed_out)
{
    struct late *l = &c->api->late;
    bool later = other && r->started > other->started;
    if (timed_out)
        late_left(l, r->endpoint, api_kind(c), c->latency_ns);
    else if (j == JUDGE_ANSWER || j == JUDGE_CONTEXT)
        late_answered(l, r->endpoint, api_kind(c), c->latency_ns, c->lost && (later || !other));
    c->api->m.health.later_first += later && j == JUDGE_ANSWER;
}

static void on_http(const struct http_reply *reply, void *arg)
{
    struct api_request *rq = arg, *other;
    struct api_call *c = rq->call;
    struct api *a = c->api;
    struct wire_reply r;
    int i = rq->endpoint;
    int64_t now = clock_mono();
    rq->http = 0;
    c->avoid = i;
    c->latency_ns = now - rq->started;
    buf_release(&rq->body);
    wire_reply_init(&r);
    enum judgement j = judge_reply(a->wire, reply, a->pool.v[i].proven, &r);
    log_redact_data(r.text.ptr, r.text.len); /* it may repeat the key that it was sent */
    count(&a->m.health, reply);
    int64_t wait = j == JUDGE_LIMITED || j == JUDGE_RETRY ? asked_wait(reply, &r) : -1;
    pool_end(&a->pool, i, event_of(j, reply), rq->started, now, wait);
    take_limits(a, i, reply, now);
    a->m.health.lowered = 0;
    for (size_t k = 0; k < a->pool.n; k++)
        a->m.health.lowered += a->pool.v[k].halvings;
    judge_explain(j, reply, &r, a->endpoints[i].base, c->why, sizeof(c->why));
    if (reply->status >= 400 && !rq->completion_tokens && wants_other_limit(&r)) {
        a->params.completion_tokens = true;
        j = JUDGE_RETRY;
    }
    other = api_in_flight(c, rq);
    if (j == JUDGE_ANSWER && r.kind == WIRE_EMPTY && (other || c->empties++ < EMPTY_REPLIES))
        j = JUDGE_RETRY;
    if (r.usage.prompt_tokens > 0)
        pool_spend(&a->pool, i, now, false,
                   r.usage.prompt_tokens + r.usage.completion_tokens - rq->expected);
    if (reply->result == HTTP_OK && reply->status == 200)
        take_usage(c, &r);
    learn_latency(c, rq, other, j, reply->result == HTTP_TIMEOUT);
    if (other && j != JUDGE_ANSWER && j != JUDGE_CONTEXT && j != JUDGE_REFUSED) {
        log_debug("%s: one of two requests: %s", a->m.name, c->why);
        wire_reply_release(&r);
        api_pump(a);
        return;
    }
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
    case JUDGE_DOUBT:
        if (reply->status == 401)
            refresh_key(c, i, rq->started);
        if (c->doubts++ < DOUBTS && c->failures + 1 < a->attempts && alive(a) == 1)
            try_again(c, false, -1);
        else
            give_up_endpoint(c, i, false);
        break;
    case JUDGE_FATAL:
        give_up_endpoint(c, i, false);
        break;
    case JUDGE_LIMITED:
    case JUDGE_RETRY:
        a->m.health.garbled += reply->result == HTTP_OK && reply->status == 200;
        if (wait > a->max_wait_ns)
            give_up_waiting(c, i, wait);
        else
            try_again(c, j == JUDGE_LIMITED, wait);
        break;
    }
    wire_reply_release(&r);
    api_pump(a);
}

/* ---- starting calls ---- */

bool api_send(struct api_call *c, int i, bool fresh)
{
    struct api *a = c->api;
    struct api_request *r = &c->rqs[c->rqs[0].http != 0];
    const struct api_endpoint *e = &a->endpoints[i];
    char draw[48];
    const char *headers[MAX_HEADERS + 5];
    size_t n = 0;
    headers[n++] = "Content-Type: application/json";
    headers[n++] = "Accept: application/json";
    if (e->auth)
        headers[n++] = e->auth;
    for (size_t k = 0; k < a->headers.n; k++)
        headers[n++] = a->headers.v[k];
    /* endpoints pass over it; grasp model serve draws by it */
    snprintf(draw, sizeof(draw), "X-Grasp-Draw: %lld", (long long)c->rq.draw);
    headers[n++] = draw;
    headers[n] = NULL;
    r->completion_tokens = a->params.completion_tokens;
    if (chat_wake(c->rq.chat) == 0)
        a->wire->encode(&a->params, &c->rq, &r->body);
    else
        r->body.failed = true;
    chat_sleep(c->rq.chat);
    struct http_request rq = {
        .method = "POST",
        .url = e->url,
        .headers = headers,
        .body = r->body.ptr,
        .body_len = r->body.len,
        .timeout_ns = a->params.stream ? 0 : a->timeout_ns,
        .idle_ns = a->params.stream ? a->timeout_ns : 0,
        .max_body = JUDGE_MAX_BODY,
        .unix_socket = a->unix_socket,
        .client_cert = a->client_cert,
        .client_key = a->client_key,
        .fresh = fresh,
    };
    a->m.health.attempts++;
    r->started = clock_mono();
    r->lost = false;
    r->http = r->body.failed ? 0 : http_start(a->loop, &rq, on_http, r);
    if (!r->http) {
        snprintf(c->why, sizeof(c->why), "%s", r->body.failed ? "out of memory" : err_msg());
        buf_release(&r->body);
        return false;
    }
    r->endpoint = i;
    c->before = c->started ? c->started : c->before;
    c->started = r->started;
    pool_begin(&a->pool, i);
    r->expected = (int64_t)c->rq.max_tokens + local_usage(c->rq.chat, 0).prompt_tokens;
    pool_spend(&a->pool, i, r->started, true, r->expected);
    if (!a->late_timer)
        a->late_timer = loop_timer(a->loop, late_pause(&a->late), a->look, a);
    return true;
}

static void start(struct api_call *c, int i)
{
    api_move(c, false, false);
    if (!c->started)
        late_sent(&c->api->late);
    else
        c->api->m.health.retries++;
    if (!api_send(c, i, c->lost > 0))
        end_later(c, MODEL_OUTAGE);
}

static void on_pump(void *arg)
{
    struct api *a = arg;
    a->pump_timer = 0;
    api_pump(a);
}

size_t api_on_their_way(const struct api *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->pool.n; i++)
        n += (size_t)a->pool.v[i].in_flight;
    return n;
}

void api_pump(struct api *a)
{
    struct api_call *c;
    while ((c = TAILQ_FIRST(&a->queue))) {
        int64_t when, now = clock_mono();
        enum model_result end;
        if (hopeless(c, &end)) {
            end_later(c, end);
            continue;
        }
        if (a->m.meter.room && !a->m.meter.room(a->m.meter.arg, api_on_their_way(a))) {
            if (a->gone)
                continue;
            return;
        }
        a->pool.home = a->pool.n > 1 ? (int)(wire_beginning(&c->rq) % a->pool.n) : -1;
        int i = pool_pick(&a->pool, now, c->avoid, &when);
        if (i >= 0) {
            start(c, i);
            continue;
        }
        if (a->short_of_files && a->pool.v[0].in_flight >= a->pool.limit) {
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

/* Nobody got an answer for a while: a word, so that waiting is told from hanging. */
static void on_silence(void *arg)
{
    struct api *a = arg;
    int64_t silent = clock_mono() - a->answered_at;
    const struct api_call *c = TAILQ_FIRST(&a->others);
    a->silence_timer = 0;
    if (!a->waiting)
        return;
    if (silent >= SILENCE_NS && c && *c->why)
        log_warn("%s has given no answer for %lld s to %zu %s: %s", a->m.name,
                 (long long)(silent / NS_PER_SEC), a->waiting,
                 plural((int64_t)a->waiting, "call that waits", "calls that wait"), c->why);
    a->silence_timer = loop_timer(a->loop, SILENCE_NS, on_silence, a);
}

void api_halt(struct model *m, const char *why)
{
    struct api *a = (struct api *)m;
    struct api_call *c, *next;
    if (!a->gone)
        a->gone = str_dup(why);
    for (c = TAILQ_FIRST(&a->others); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (api_in_flight(c, NULL) || !c->timer || c->end)
            continue;
        loop_timer_cancel(a->loop, c->timer);
        snprintf(c->why, sizeof(c->why), "%s", a->gone ? a->gone : why);
        end_later(c, MODEL_OUTAGE);
    }
    api_pump(a);
}

int api_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct api *a = (struct api *)m;
    struct api_call *c = calloc(1, sizeof(*c));
    if (!c)
        return err_oom();
    if (!a->waiting++) {
        a->answered_at = clock_mono();
        if (!a->silence_timer)
            a->silence_timer = loop_timer(a->loop, SILENCE_NS, on_silence, a);
    }
    *c = (struct api_call){.api = a,
                           .rq = *rq,
                           .fn = fn,
                           .arg = arg,
                           .avoid = -1,
                           .queued = true,
                           .before = clock_mono()};
    for (int k = 0; k < 2; k++) {
        c->rqs[k].call = c;
        buf_init(&c->rqs[k].body);
    }
    TAILQ_INSERT_TAIL(&a->queue, c, link);
    api_pump(a);
    return 0;
}
