/*
 * serve.c - the simulated model over HTTP, on libmicrohttpd: one thread for all connections, one
 * for the clock.
 *
 * A request is answered at once, and then its connection is suspended until its latency, counted
 * from its arrival, is over; what waits is a reply of a few hundred bytes. A hanging request is one
 * with a very long latency.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/text.h"
#include "runtime/loop/loop.h"
#include "runtime/simulator/serve_api.h"
#include "runtime/simulator/sim.h"
#include "runtime/simulator/simulator.h"

#define MAX_BODY          ((size_t)32 << 20)
#define CONNECTION_MEMORY ((size_t)8 << 10) /* headers, and the body's piece being read */
#define MOST_CONNECTIONS  16000u
#define HANG_NS           (600 * NS_PER_SEC)
#define ATTEMPT_SLOTS     65536u
#define FIRST_FRESH       (INT64_C(1) << 62) /* clients number theirs from 0 */

struct sim_call {
    struct MHD_Connection *connection;
    struct buf body, reply;
    size_t sent; /* of a reply that will be cut */
    int status;
    enum sim_fault fault;
    bool ready, too_large;
    int64_t arrived, due;
    int64_t latency_ns;
};

struct sim_server {
    struct MHD_Daemon *daemon;
    struct sim_settings sim;
    char *profile;
    pthread_t clock;
    bool clock_runs;
    pthread_mutex_t lock; /* over what follows; taken before libmicrohttpd's own */
    pthread_cond_t wake;
    bool stopping;
    struct sim_call **waiting; /* a binary heap, the one due next first */
    size_t n_waiting, cap_waiting;
    /* How often a request was seen, by hash: what fails passes in the end, and what was slow is
     * drawn anew, as on a real endpoint. A collision only changes which attempt is which. */
    struct {
        uint64_t key;
        int n;
    } * attempts;
    struct sim_cache *cache;          /* NULL: none */
    int64_t asked;                    /* requests so far, for draws that nobody names */
    _Atomic int64_t answered, failed; /* calls of the model */
    _Atomic int64_t prompt_tokens, cached_tokens;
};

/* ---- the clock ---- */

static void waiting_swap(struct sim_server *s, size_t i, size_t k)
{
    struct sim_call *c = s->waiting[i];
    s->waiting[i] = s->waiting[k];
    s->waiting[k] = c;
}

static bool waiting_before(const struct sim_server *s, size_t i, size_t k)
{
    return s->waiting[i]->due < s->waiting[k]->due;
}

/* Returns whether it is the next one due, or GRASP_ENOMEM. */
static int waiting_push(struct sim_server *s, struct sim_call *c)
{
    size_t i = s->n_waiting;
    int rc = grow(&s->waiting, &s->cap_waiting, i + 1);
    if (rc < 0)
        return rc;
    s->waiting[s->n_waiting++] = c;
    for (; i && waiting_before(s, i, (i - 1) / 2); i = (i - 1) / 2)
        waiting_swap(s, i, (i - 1) / 2);
    return i == 0;
}

static struct sim_call *waiting_pop(struct sim_server *s)
{
    struct sim_call *c = s->waiting[0];
    s->waiting[0] = s->waiting[--s->n_waiting];
    for (size_t i = 0, k = 1; k < s->n_waiting; i = k, k = 2 * i + 1) {
        k += k + 1 < s->n_waiting && waiting_before(s, k + 1, k);
        if (!waiting_before(s, k, i))
            break;
        waiting_swap(s, i, k);
    }
    return c;
}

static void resume_due(struct sim_server *s, int64_t now)
{
    while (s->n_waiting && s->waiting[0]->due <= now)
        MHD_resume_connection(waiting_pop(s)->connection);
}

static void *clock_main(void *arg)
{
    struct sim_server *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        resume_due(s, clock_mono());
        if (s->n_waiting) {
            int64_t due = s->waiting[0]->due;
            struct timespec ts = {.tv_sec = due / NS_PER_SEC, .tv_nsec = due % NS_PER_SEC};
            pthread_cond_timedwait(&s->wake, &s->lock, &ts);
        } else {
            pthread_cond_wait(&s->wake, &s->lock);
        }
    }
    resume_due(s, INT64_MAX);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Suspends the call's connection until it is due; false when the server is being stopped. */
static bool put_to_sleep(struct sim_server *s, struct sim_call *c)
{
    pthread_mutex_lock(&s->lock);
    c->due = c->arrived + (c->fault == SIM_HANG ? HANG_NS : c->latency_ns);
    int first = s->stopping ? -1 : waiting_push(s, c);
    if (first >= 0)
        MHD_suspend_connection(c->connection);
    if (first > 0)
        pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    return first >= 0;
}

/* ---- faults ---- */

/* How often the request was seen before; counts this time. */
static int seen(struct sim_server *s, const uint8_t salt[HASH_SIZE])
{
    uint64_t key;
    memcpy(&key, salt, sizeof(key));
    int *n = &s->attempts[key % ATTEMPT_SLOTS].n;
    if (s->attempts[key % ATTEMPT_SLOTS].key != key)
        *n = 0;
    s->attempts[key % ATTEMPT_SLOTS].key = key;
    return (*n)++;
}

static enum sim_fault fault_of(const struct sim_settings *sim, const uint8_t salt[HASH_SIZE],
                               int attempt)
{
    double x = sim->fail > 0 ? sim_share(salt, attempt) : 1;
    if (x >= sim->fail)
        return 0;
    unsigned faults = sim->faults ? sim->faults : SIM_FAULTS_DEFAULT;
    int kinds = __builtin_popcount(faults), pick = (int)(x / sim->fail * kinds);
    for (enum sim_fault f = 1; f <= SIM_HANG; f <<= 1)
        if ((faults & f) && pick-- == 0)
            return f;
    return 0;
}

/* ---- requests ---- */

static enum MHD_Result queue(struct MHD_Connection *con, int status, struct MHD_Response *r)
{
    if (!r)
        return MHD_NO;
    if (status == 429) {
        MHD_add_response_header(r, "Retry-After", "1");
        MHD_add_response_header(r, "retry-after-ms", "20");
    }
    enum MHD_Result rc = MHD_queue_response(con, (unsigned)status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result send_buf(struct MHD_Connection *con, int status, struct buf *b)
{
    size_t len = b->len;
    char *text = buf_detach(b);
    struct MHD_Response *r =
        text ? MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!r)
        free(text);
    else
        MHD_add_response_header(r, "Content-Type", "application/json");
    return queue(con, status, r);
}

/* Half of the reply, then the connection is closed. */
static ssize_t cut_reader(void *arg, uint64_t pos, char *out, size_t max)
{
    struct sim_call *c = arg;
    size_t half = c->reply.len / 2;
    if (pos >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = half - (size_t)pos < max ? half - (size_t)pos : max;
    memcpy(out, c->reply.ptr + pos, n);
    return (ssize_t)n;
}

static enum MHD_Result respond(struct sim_call *c)
{
    switch (c->fault) {
    case SIM_429:
        buf_reset(&c->reply);
        sim_serve_error(&c->reply, "requests", "rate_limit_exceeded", "simulated rate limit");
        return send_buf(c->connection, 429, &c->reply);
    case SIM_500:
        buf_reset(&c->reply);
        sim_serve_error(&c->reply, "server_error", "server_error", "simulated failure");
        return send_buf(c->connection, 500, &c->reply);
    case SIM_CUT:
        return queue(c->connection, 200,
                     MHD_create_response_from_callback(c->reply.len, 1024, cut_reader, c, NULL));
    case SIM_EMPTY:
        buf_truncate(&c->reply, 0);
        break;
    case SIM_TRUNCATED:
        buf_truncate(&c->reply, c->reply.len / 2);
        break;
    case SIM_HANG:
        return MHD_NO;
    }
    return send_buf(c->connection, c->status, &c->reply);
}

/* The draw that a request names; negative: none. */
static int64_t draw_of(struct MHD_Connection *con)
{
    const char *h = MHD_lookup_connection_value(con, MHD_HEADER_KIND, "X-Grasp-Draw");
    int64_t draw;
    return h && str_to_i64(h, 0, INT64_MAX, &draw) ? draw : -1;
}

static void answer(struct sim_server *s, struct sim_call *c, const char *url, const char *method)
{
    static const struct {
        const char *path, *method;
    } routes[] = {
        {"/v1/chat/completions", "POST"}, {"/v1/responses", "POST"}, {"/v1/models", "GET"}};
    static const uint8_t nothing[HASH_SIZE];
    uint8_t salt[HASH_SIZE] = {0};
    struct sim_prompt_use use = {.cache = s->cache, .now = c->arrived};
    size_t i = 0;
    c->latency_ns = sim_latency(&s->sim, nothing, 0);
    while (i < 3 && strcmp(url, routes[i].path) != 0)
        i++;
    c->status = i == 3                                  ? 404
                : strcmp(method, routes[i].method) != 0 ? 405
                : c->too_large || c->body.failed        ? 413
                                                        : 200;
    if (c->status != 200)
        sim_serve_error(&c->reply, "invalid_request_error", NULL,
                        c->status == 404   ? "no such path; there is /v1/chat/completions, "
                                             "/v1/responses and /v1/models"
                        : c->status == 405 ? "wrong method"
                                           : "the request is too large");
    else if (i == 2)
        sim_serve_models(&c->reply);
    else
        c->status = sim_serve_answer(&s->sim, i == 0 ? SIM_CHAT : SIM_RESPONSES,
                                     draw_of(c->connection), FIRST_FRESH + s->asked++, c->body.ptr,
                                     c->body.len, &c->reply, salt, &use);
    buf_release(&c->body);
    if (memcmp(salt, nothing, HASH_SIZE) != 0) {
        int attempt = seen(s, salt);
        c->fault = fault_of(&s->sim, salt, attempt);
        c->latency_ns = sim_latency(&s->sim, salt, attempt);
    }
    if (c->status == 200 && i < 2)
        c->fault ? s->failed++ : s->answered++;
    if (c->status == 200 && i < 2 && !c->fault) {
        s->prompt_tokens += use.prompt_tokens;
        s->cached_tokens += use.cached_tokens;
        if (s->cache)
            sim_cache_ready(s->cache, c->arrived + c->latency_ns);
    }
    c->ready = true;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *con, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct sim_server *s = arg;
    struct sim_call *c = *state;
    (void)version;
    if (!c) {
        c = calloc(1, sizeof(*c));
        if (!c)
            return MHD_NO;
        c->connection = con;
        c->arrived = clock_mono();
        buf_init(&c->body);
        buf_init(&c->reply);
        *state = c;
        return MHD_YES;
    }
    if (*size) {
        c->too_large |= *size > MAX_BODY - c->body.len;
        if (!c->too_large)
            buf_add(&c->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (c->ready)
        return respond(c);
    answer(s, c, url, method);
    if (c->latency_ns == 0 && c->fault != SIM_HANG)
        return respond(c);
    return put_to_sleep(s, c) ? MHD_YES : MHD_NO;
}

static void on_completed(void *arg, struct MHD_Connection *con, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct sim_call *c = *state;
    (void)arg;
    (void)con;
    (void)why;
    if (!c)
        return;
    buf_release(&c->body);
    buf_release(&c->reply);
    free(c);
    *state = NULL;
}

/* ---- life ---- */

static void quiet(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    (void)fmt;
    (void)ap;
}

static int start_daemon(struct sim_server *s, const char *host, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (!host || strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        return err_set(GRASP_EINVAL, "'%s' is no IPv4 address to listen on", host);
    errno = 0;
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
        (uint16_t)port, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&a, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_CONNECTION_LIMIT, MOST_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        CONNECTION_MEMORY, MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096u, MHD_OPTION_END);
    return s->daemon ? 0 : err_set_errno(GRASP_EIO, "cannot listen on %s:%d", host, port);
}

int sim_serve(struct sim_server **out, const struct sim_settings *sim, const char *host, int port)
{
    int rc = 0;
    pthread_condattr_t attr;
    struct sim_server *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s)
        return err_oom();
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    loop_raise_descriptor_limit();
    s->sim = *sim;
    s->profile = str_dup(sim->profile && *sim->profile ? sim->profile : "default");
    s->sim.profile = s->profile;
    s->attempts = calloc(ATTEMPT_SLOTS, sizeof(*s->attempts));
    hash_free(hash_new()); /* fetches the algorithm before there are two threads to do it */
    struct sim_cache_settings cache;
    if (sim->cache && (rc = sim_cache_parse(&cache, sim->cache)) == 0 &&
        !(s->cache = sim_cache_new(&cache)))
        rc = err_code();
    if (!s->profile || !s->attempts)
        rc = err_oom();
    else if (rc == 0 && pthread_create(&s->clock, NULL, clock_main, s) != 0)
        rc = err_set(GRASP_EIO, "cannot start a thread");
    else if (rc == 0)
        s->clock_runs = true;
    if (rc == 0)
        rc = start_daemon(s, host, port);
    if (rc < 0) {
        sim_server_stop(s);
        return rc;
    }
    *out = s;
    return 0;
}

int sim_server_port(const struct sim_server *s)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

void sim_server_counts(const struct sim_server *s, int64_t *answered, int64_t *failed)
{
    *answered = s->answered;
    *failed = s->failed;
}

void sim_server_tokens(const struct sim_server *s, int64_t *prompt, int64_t *cached)
{
    *prompt = s->prompt_tokens;
    *cached = s->cache ? s->cached_tokens : -1;
}

void sim_server_stop(struct sim_server *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->clock_runs)
        pthread_join(s->clock, NULL); /* it has resumed every connection */
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    sim_cache_free(s->cache);
    free(s->waiting);
    free(s->attempts);
    free(s->profile);
    free(s);
}
