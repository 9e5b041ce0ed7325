/* api_open.c - chat models over HTTP as the settings say, until they are closed; and their state. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/model/api_private.h"
#include "runtime/model/backend.h"
#include "runtime/model/key.h"

#define DEFAULT_ATTEMPTS    8
#define DEFAULT_CONCURRENCY 4096
#define DEFAULT_TIMEOUT_S   300.0
#define DEFAULT_BACKOFF_S   0.5 /* doubled by each attempt */
#define DEFAULT_MAX_WAIT_S  600.0

static double seconds(int64_t ns)
{
    return ns > 0 ? (double)ns / 1e9 : 0;
}

static json_t *state(const struct model *m)
{
    const struct api *a = (const struct api *)m;
    const struct api_call *c;
    json_t *endpoints = json_array();
    int64_t now = clock_mono(), oldest = now, soonest = INT64_MAX;
    size_t under_way = 0, retrying = 0, queued = 0;
    const char *why = "";
    TAILQ_FOREACH (c, &a->others, link) {
        bool asked = false;
        for (int k = 0; k < 2; k++) {
            asked |= c->rqs[k].http != 0;
            if (c->rqs[k].http && c->rqs[k].started < oldest)
                oldest = c->rqs[k].started;
        }
        under_way += asked;
        if (!asked && c->timer && !c->end) {
            retrying++;
            why = c->why;
        }
    }
    TAILQ_FOREACH (c, &a->queue, link)
        queued++;
    for (size_t i = 0; i < a->pool.n; i++) {
        const struct pool_endpoint *e = &a->pool.v[i];
        if (!e->dead && e->not_before < soonest)
            soonest = e->not_before;
        json_array_append_new(endpoints,
                              json_pack("{s:s, s:I, s:f, s:f, s:i, s:b}", "url",
                                        a->endpoints[i].base, "in_flight", (json_int_t)e->in_flight,
                                        "window", e->window, "rests", seconds(e->not_before - now),
                                        "failures", e->failures, "dead", (int)e->dead));
    }
    return json_pack("{s:I, s:f, s:I, s:I, s:s, s:f, s:o}", "in_flight", (json_int_t)under_way,
                     "longest", seconds(now - oldest), "queued", (json_int_t)queued, "retrying",
                     (json_int_t)retrying, "why", why, "limited",
                     soonest == INT64_MAX ? 0.0 : seconds(soonest - now), "endpoints", endpoints);
}

static void close_api(struct model *m)
{
    struct api *a = (struct api *)m;
    struct api_call *c;
    while ((c = TAILQ_FIRST(&a->queue)) || (c = TAILQ_FIRST(&a->others)))
        api_drop(c);
    loop_timer_cancel(a->loop, a->pump_timer);
    loop_timer_cancel(a->loop, a->silence_timer);
    loop_timer_cancel(a->loop, a->late_timer);
    for (size_t i = 0; a->endpoints && i < a->pool.n; i++) {
        free(a->endpoints[i].base);
        free(a->endpoints[i].url);
        free(a->endpoints[i].auth);
        free(a->endpoints[i].key_file);
        free(a->endpoints[i].key_command);
    }
    free(a->endpoints);
    pool_release(&a->pool);
    late_release(&a->late);
    json_decref(a->extra);
    free(a->model);
    free(a->fatal);
    free(a->gone);
    free(a->auth_name);
    free(a->unix_socket);
    free(a->client_cert);
    free(a->client_key);
    strlist_release(&a->headers);
    free(a);
}

static int set_url(struct api_endpoint *e, const struct model_settings *s, const char *path)
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
    return e->url ? 0 : err_oom();
}

int api_set_auth(struct api *a, struct api_endpoint *e, const char *key)
{
    struct buf line = BUF_INIT;
    if (!key || !*key)
        return 0;
    log_secret(key);
    for (const char *p = key; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return err_set(GRASP_EINVAL, "the model's API key holds blanks or control characters");
    buf_addf(&line, "%s: %s%s", a->auth_name,
             str_caseeq(a->auth_name, "Authorization") ? "Bearer " : "", key);
    free(e->auth);
    e->auth = buf_detach(&line);
    return e->auth ? 0 : err_oom();
}

/* The headers of the configuration. Their values may be secrets: none is ever shown. */
static int set_headers(struct api *a, const json_t *headers)
{
    const char *name;
    json_t *v;
    int rc = 0;
    if (json_object_size(headers) > MAX_HEADERS)
        return err_set(GRASP_EINVAL, "model.headers: at most %d", MAX_HEADERS);
    json_object_foreach ((json_t *)headers, name, v) {
        const char *value = json_string_value(v);
        bool token = *name && strcspn(name, " \t\r\n:\"(),/;<=>?@[\\]{}") == strlen(name);
        if (!token || !value || strpbrk(value, "\r\n"))
            return err_set(GRASP_EINVAL, "model.headers.%s: %s", name,
                           !token   ? "no name of a header"
                           : !value ? "its value must be text"
                                    : "its value holds a line break");
        log_secret(value);
        rc = rc ? rc : strlist_addf(&a->headers, "%s: %s", name, value);
    }
    return rc;
}

static int set_key(struct api *a, struct api_endpoint *e, const char *given,
                   const struct model_settings *s)
{
    char *key = NULL;
    if (given || (!s->key_file && !s->key_command))
        return api_set_auth(a, e, given);
    e->key_file = str_dup(s->key_file);
    e->key_command = str_dup(s->key_command);
    int rc = key_read(s->key_file, s->key_command, KEY_TIMEOUT_NS, &key);
    if (rc == 0)
        rc = api_set_auth(a, e, key);
    e->key_read_at = clock_mono();
    free(key);
    return rc;
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
    if (rc >= 0)
        rc = late_init(&a->late, s->n_endpoints, s->slots);
    pool_pace(&a->pool, s->requests_per_minute, s->tokens_per_minute);
    a->endpoints = calloc(s->n_endpoints, sizeof(*a->endpoints));
    if (rc >= 0 && !a->endpoints)
        rc = err_oom();
    for (size_t i = 0; rc >= 0 && i < s->n_endpoints; i++) {
        struct api_endpoint *e = &a->endpoints[i];
        const char *base = s->endpoints[i].base_url;
        e->base = str_dup(base ? base : "");
        rc = e->base ? set_url(e, s, a->wire->path) : err_oom();
        if (rc >= 0)
            rc = set_key(a, e, s->endpoints[i].api_key, s);
    }
    return rc;
}

static int open_api(struct model **m, struct loop *loop, const struct model_settings *s,
                    const struct wire *wire)
{
    static const struct model_ops ops = {api_ask, close_api};
    if (s->n_endpoints == 0)
        return err_set(GRASP_EINVAL, "model.kind '%s' needs an endpoint's base URL", s->kind);
    if (!s->model || !*s->model)
        return err_set(GRASP_EINVAL, "model.kind '%s' needs the model's name", s->kind);
    if (s->cache_key && wire == &wire_anthropic)
        return err_set(GRASP_EINVAL,
                       "prompt_cache_key: OpenAI's interfaces have it, kind '%s' does "
                       "not",
                       s->kind);
    struct api *a = calloc(1, sizeof(*a));
    if (!a)
        return err_oom();
    TAILQ_INIT(&a->queue);
    TAILQ_INIT(&a->others);
    a->loop = loop;
    a->wire = wire;
    a->extra = s->extra ? json_deep_copy(s->extra) : NULL;
    a->model = str_dup(s->model);
    a->auth_name =
        str_dup(s->api_key_header && *s->api_key_header ? s->api_key_header : wire->auth);
    a->unix_socket = str_dup(s->unix_socket);
    a->client_cert = str_dup(s->client_cert);
    a->client_key = str_dup(s->client_key);
    a->params = (struct wire_params){
        .model = a->model, .extra = a->extra, .stream = s->stream, .cache_key = s->cache_key};
    a->max_wait_ns =
        (int64_t)((s->max_wait_s > 0 ? s->max_wait_s : DEFAULT_MAX_WAIT_S) * (double)NS_PER_SEC);
    a->attempts = s->attempts > 0 ? s->attempts : DEFAULT_ATTEMPTS;
    a->outage_limit = s->outage_limit;
    a->hedge = s->hedge;
    a->timeout_ns =
        (int64_t)((s->timeout_s > 0 ? s->timeout_s : DEFAULT_TIMEOUT_S) * (double)NS_PER_SEC);
    a->backoff_ns =
        (int64_t)((s->backoff_s > 0 ? s->backoff_s : DEFAULT_BACKOFF_S) * (double)NS_PER_SEC);
    int rc = model_init(&a->m, &ops, s);
    a->m.halt = api_halt;
    a->m.state = state;
    if (rc >= 0 && strcmp(wire->path, wire_anthropic.path) == 0 &&
        !json_object_get(s->headers, "anthropic-version"))
        rc = strlist_add(&a->headers, "anthropic-version: 2023-06-01");
    if (rc >= 0)
        rc = set_headers(a, s->headers);
    if (rc >= 0 && (!a->model || !a->auth_name || (s->extra && !a->extra)))
        rc = err_oom();
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

int model_open_anthropic(struct model **m, struct loop *loop, const struct model_settings *s)
{
    return open_api(m, loop, s, &wire_anthropic);
}

int model_open_responses(struct model **m, struct loop *loop, const struct model_settings *s)
{
    return open_api(m, loop, s, &wire_responses);
}
