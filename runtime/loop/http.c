/*
 * http.c - the HTTP client of the loop: one curl multi handle, driven by its sockets and timers.
 *
 * Easy handles are kept and reused, connections live in the multi handle's cache. Curl never calls
 * back into the program: finished transfers are collected after each drive, so callbacks may start
 * and cancel what they like.
 *
 * Curl starts a thread for every name it looks up, also when a thousand transfers begin with the
 * same one. So the first transfer to a named host goes alone until the name is known; the others
 * wait. (Over TLS curl does that by itself: CURLOPT_PIPEWAIT.)
 */
#include "runtime/loop/loop_private.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "runtime/base/clock.h"
#include "runtime/base/duration.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/text.h"

#define DEFAULT_TIMEOUT_NS         (600 * NS_PER_SEC)
#define DEFAULT_CONNECT_TIMEOUT_NS (10 * NS_PER_SEC)
#define DEFAULT_MAX_BODY           ((size_t)16 << 20)
#define DEFAULT_PER_HOST           512
/* Thousands of transfers have one of each; replies are a few KiB, requests are sent from the
 * asker's memory. */
#define READ_BUFFER   8192L
#define UPLOAD_BUFFER 16384L
#define SPARE_HANDLES 64
#define OTHER_FILES   64 /* what the process needs besides the connections to a host */

struct http_host {
    struct http *http;
    SLIST_ENTRY(http_host) next;
    bool known;                   /* its name was resolved once */
    struct http_transfer *leader; /* the one that resolves it now */
    TAILQ_HEAD(, http_transfer) waiting;
    uint64_t release;
    char name[]; /* host:port as in the URL */
};
struct http_transfer {
    struct http *http;
    struct http_host *host; /* NULL: nothing to wait for */
    TAILQ_ENTRY(http_transfer) link;
    bool waiting, doomed; /* in host->waiting, not yet curl's; about to be told so */
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    size_t max_body;
    bool too_large;
    http_fn fn;
    void *arg;
    uint32_t slot;
    char error[CURL_ERROR_SIZE];
};
struct transfer_slot {
    struct http_transfer *t;
    uint32_t generation, next_free;
};
struct http {
    struct loop *loop;
    CURLM *multi;
    uint64_t timer;
    struct transfer_slot *slots;
    uint32_t n_slots, cap, free_slot;
    CURL *spare[SPARE_HANDLES];
    size_t n_spare;
    SLIST_HEAD(, http_host) hosts;
};

static void collect(struct http *h);
static void leader_left(struct http_host *host);
static void release_waiting(void *host);

/* ---- curl's sockets and timer on the loop ---- */

static void on_socket(int fd, uint32_t events, void *arg)
{
    struct http *h = arg;
    int running, action = 0;
    if (events & (EPOLLIN | EPOLLHUP))
        action |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        action |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        action |= CURL_CSELECT_ERR;
    curl_multi_socket_action(h->multi, fd, action, &running);
    collect(h);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http *h = arg;
    (void)easy;
    (void)socket_arg;
    if (what == CURL_POLL_REMOVE)
        return loop_watch(h->loop, fd, 0, NULL, NULL);
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    return loop_watch(h->loop, fd, events, on_socket, h) < 0 ? -1 : 0;
}

static void on_timer(void *arg)
{
    struct http *h = arg;
    int running;
    h->timer = 0;
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(h);
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
    struct http *h = arg;
    (void)multi;
    loop_timer_cancel(h->loop, h->timer);
    h->timer = ms < 0 ? 0 : loop_timer(h->loop, ms * NS_PER_MS, on_timer, h);
    return ms >= 0 && !h->timer ? -1 : 0;
}

/* ---- life ---- */

size_t loop_raise_descriptor_limit(void)
{
    struct rlimit r = {.rlim_cur = 1024};
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < 20480) {
        r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max > 20480 ? 20480 : r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    return r.rlim_cur;
}

static void release(struct http *h);

static struct http *http_of(struct loop *loop)
{
    struct http_slot *place = loop_http_slot(loop);
    struct http *h = place->http;
    if (h)
        return h;
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
        err_set(GRASP_ENOMEM, "cannot start libcurl");
        return NULL;
    }
    h = calloc(1, sizeof(*h));
    if (!h || !(h->multi = curl_multi_init())) {
        free(h);
        curl_global_cleanup();
        err_oom();
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN); /* a write to a connection that the peer closed */
    h->loop = loop;
    h->free_slot = UINT32_MAX;
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    *place = (struct http_slot){h, release};
    http_limit(loop, DEFAULT_PER_HOST);
    return h;
}

static void transfer_free(struct http_transfer *t)
{
    if (!t)
        return;
    curl_slist_free_all(t->headers);
    buf_release(&t->body);
    free(t);
}

/* The handle of a detached transfer goes back to the spares. */
static void recycle(struct http *h, CURL *easy)
{
    if (h->n_spare < SPARE_HANDLES) {
        curl_easy_reset(easy);
        h->spare[h->n_spare++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

/* Takes the transfer out of the client. */
static void detach(struct http_transfer *t)
{
    struct http *h = t->http;
    struct transfer_slot *s = &h->slots[t->slot];
    if (t->waiting)
        TAILQ_REMOVE(&t->host->waiting, t, link);
    else
        curl_multi_remove_handle(h->multi, t->easy);
    s->t = NULL;
    s->generation++;
    s->next_free = h->free_slot;
    h->free_slot = t->slot;
    if (t->host && t->host->leader == t)
        leader_left(t->host);
}

/* The end of a transfer that nobody is told of any more. */
static void discard(struct http_transfer *t)
{
    detach(t);
    recycle(t->http, t->easy);
    transfer_free(t);
}

static void release(struct http *h)
{
    for (uint32_t i = 0; i < h->n_slots; i++) {
        struct http_transfer *t = h->slots[i].t;
        if (t)
            discard(t);
    }
    while (h->n_spare)
        curl_easy_cleanup(h->spare[--h->n_spare]);
    curl_multi_cleanup(h->multi);
    for (struct http_host *host; (host = SLIST_FIRST(&h->hosts));) {
        SLIST_REMOVE_HEAD(&h->hosts, next);
        loop_timer_cancel(h->loop, host->release);
        free(host);
    }
    loop_timer_cancel(h->loop, h->timer);
    free(h->slots);
    free(h);
    curl_global_cleanup();
}

size_t http_limit(struct loop *loop, size_t per_host)
{
    struct http *h = http_of(loop);
    size_t files = loop_raise_descriptor_limit();
    size_t most = files > 2 * OTHER_FILES ? files - OTHER_FILES : OTHER_FILES;
    if (!h)
        return per_host;
    if (per_host > most)
        per_host = most;
    curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)per_host);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)per_host + OTHER_FILES / 2);
    return per_host;
}

/* ---- names that are not known yet ---- */

/* The host of a URL that has to be looked up; NULL when there is none (or no memory: then curl does
 * it all the same). */
static struct http_host *host_of(struct http *h, const char *url)
{
    struct http_host *host;
    if (strncasecmp(url, "http://", 7) != 0)
        return NULL;
    url += 7;
    size_t n = strcspn(url, "/?#");
    if (n == 0 || strspn(url, "0123456789.:[]") >= n)
        return NULL;
    SLIST_FOREACH (host, &h->hosts, next)
        if (strlen(host->name) == n && strncasecmp(host->name, url, n) == 0)
            return host;
    host = calloc(1, sizeof(*host) + n + 1);
    if (!host)
        return NULL;
    host->http = h;
    memcpy(host->name, url, n);
    TAILQ_INIT(&host->waiting);
    SLIST_INSERT_HEAD(&h->hosts, host, next);
    return host;
}

static void release_soon(struct http_host *host)
{
    if (!host->release)
        host->release = loop_timer(host->http->loop, 0, release_waiting, host);
}

static void leader_left(struct http_host *host)
{
    host->leader = NULL;
    release_soon(host);
}

/* Curl opens a socket for the leader: the name is known. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct http_host *host = arg;
    (void)purpose;
    host->known = true;
    release_soon(host);
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void lead(struct http_host *host, struct http_transfer *t)
{
    host->leader = t;
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, host);
}

/* Lets the next one go ahead, or all of them once the name is known. */
static void release_waiting(void *arg)
{
    struct http_host *host = arg;
    struct http_transfer *t;
    host->release = 0;
    while ((host->known || !host->leader) && (t = TAILQ_FIRST(&host->waiting))) {
        TAILQ_REMOVE(&host->waiting, t, link);
        t->waiting = false;
        if (!host->known)
            lead(host, t);
        curl_multi_add_handle(host->http->multi, t->easy);
    }
}

/* Those that waited for a name that does not resolve fail with the one that tried. */
static void fail_waiting(struct http_host *host, const struct http_reply *reply)
{
    struct http_transfer *t;
    TAILQ_FOREACH (t, &host->waiting, link)
        t->doomed = true;
    for (;;) {
        TAILQ_FOREACH (t, &host->waiting, link)
            if (t->doomed)
                break;
        if (!t)
            return;
        detach(t);
        recycle(t->http, t->easy);
        t->fn(reply, t->arg);
        transfer_free(t);
    }
}

/* ---- one transfer ---- */

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_transfer *t = arg;
    n *= size;
    if (n > t->max_body - t->body.len) {
        t->too_large = true;
        return 0;
    }
    buf_add(&t->body, bytes, n);
    return t->body.failed ? 0 : n;
}

static bool set_headers(struct http_transfer *t, const char *const *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* no round trip before bodies */
    for (; list && headers && *headers; headers++) {
        struct curl_slist *longer = curl_slist_append(list, *headers);
        if (!longer)
            curl_slist_free_all(list);
        list = longer;
    }
    t->headers = list;
    return list;
}

static void set_method(CURL *e, const struct http_request *rq)
{
    const char *method = rq->method ? rq->method : "GET";
    if (rq->body || strcmp(method, "POST") == 0) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(rq->body ? rq->body_len : 0));
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, rq->body ? rq->body : "");
        if (strcmp(method, "POST") != 0)
            curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
    } else if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "GET") != 0) {
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
    }
}

/* A server on this machine is never asked through a proxy. */
static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"localhost", "127.", "[::1]"};
    const char *host = strstr(url, "://");
    for (size_t i = 0; host && i < sizeof(hosts) / sizeof(*hosts); i++)
        if (strncasecmp(host + 3, hosts[i], strlen(hosts[i])) == 0)
            return true;
    return false;
}

static void set_options(struct http_transfer *t, const struct http_request *rq)
{
    CURL *e = t->easy;
    int64_t connect =
        rq->connect_timeout_ns > 0 ? rq->connect_timeout_ns : DEFAULT_CONNECT_TIMEOUT_NS;
    int64_t whole = rq->timeout_ns > 0 ? rq->timeout_ns : rq->idle_ns ? 0 : DEFAULT_TIMEOUT_NS;
    bool tls = strncasecmp(rq->url, "https:", 6) == 0;
    curl_easy_setopt(e, CURLOPT_URL, rq->url);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L); /* what was checked is what is sent */
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, READ_BUFFER);
    curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)((whole + NS_PER_MS - 1) / NS_PER_MS));
    if (rq->idle_ns > 0) { /* curl looks once a second */
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
                         (long)((rq->idle_ns + NS_PER_SEC - 1) / NS_PER_SEC));
    }
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)((connect + NS_PER_MS - 1) / NS_PER_MS));
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, 300L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "grasp/" GRASP_VERSION);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    if (rq->unix_socket)
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, rq->unix_socket);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->max_body);
    if (tls) {
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(e, CURLOPT_PIPEWAIT,
                         rq->fresh ? 0L : 1L);     /* a stream rather than a connection */
        const char *ca = getenv("CURL_CA_BUNDLE"); /* the names that other clients know */
        ca = ca && *ca ? ca : getenv("SSL_CERT_FILE");
        if (ca && *ca)
            curl_easy_setopt(e, CURLOPT_CAINFO, ca);
        if (rq->client_cert)
            curl_easy_setopt(e, CURLOPT_SSLCERT, rq->client_cert);
        if (rq->client_key)
            curl_easy_setopt(e, CURLOPT_SSLKEY, rq->client_key);
    } else {
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    }
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, rq->fresh ? 1L : 0L);
    if (is_loopback(rq->url))
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    set_method(e, rq);
}

static bool take_slot(struct http *h, struct http_transfer *t)
{
    if (h->free_slot == UINT32_MAX) {
        if (h->n_slots == h->cap) {
            uint32_t cap = h->cap ? h->cap * 2 : 64;
            struct transfer_slot *slots = reallocarray(h->slots, cap, sizeof(*slots));
            if (!slots)
                return false;
            h->slots = slots;
            h->cap = cap;
        }
        h->slots[h->n_slots] = (struct transfer_slot){NULL, 0, UINT32_MAX};
        h->free_slot = h->n_slots++;
    }
    t->slot = h->free_slot;
    h->free_slot = h->slots[t->slot].next_free;
    h->slots[t->slot].t = t;
    return true;
}

uint64_t http_start(struct loop *loop, const struct http_request *rq, http_fn fn, void *arg)
{
    struct http *h = http_of(loop);
    if (!h)
        return 0;
    struct http_transfer *t = calloc(1, sizeof(*t));
    if (!t)
        goto no_memory;
    *t = (struct http_transfer){.http = h, .fn = fn, .arg = arg};
    buf_init(&t->body);
    t->max_body = rq->max_body ? rq->max_body : DEFAULT_MAX_BODY;
    t->easy = h->n_spare ? h->spare[--h->n_spare] : curl_easy_init();
    if (!t->easy)
        goto no_memory;
    if (!set_headers(t, rq->headers) || !take_slot(h, t)) {
        curl_easy_cleanup(t->easy);
        goto no_memory;
    }
    set_options(t, rq);
    t->host = host_of(h, rq->url);
    if (t->host && !t->host->known) {
        if (t->host->leader) {
            TAILQ_INSERT_TAIL(&t->host->waiting, t, link);
            t->waiting = true;
            return (uint64_t)h->slots[t->slot].generation << 32 | (t->slot + 1);
        }
        lead(t->host, t);
    }
    CURLMcode code = curl_multi_add_handle(h->multi, t->easy);
    if (code != CURLM_OK) {
        err_set(GRASP_EIO, "cannot start a request: %s", curl_multi_strerror(code));
        discard(t);
        return 0;
    }
    return (uint64_t)h->slots[t->slot].generation << 32 | (t->slot + 1);
no_memory:
    transfer_free(t);
    err_oom();
    return 0;
}

/* NULL: it has ended. */
static struct http_transfer *transfer_of(struct loop *loop, uint64_t id)
{
    struct http *h = loop_http_slot(loop)->http;
    uint32_t slot = (uint32_t)id - 1;
    if (!h || !id || slot >= h->n_slots || h->slots[slot].generation != (uint32_t)(id >> 32))
        return NULL;
    return h->slots[slot].t;
}

void http_cancel(struct loop *loop, uint64_t id)
{
    struct http_transfer *t = transfer_of(loop, id);
    if (t)
        discard(t);
}

size_t http_received(struct loop *loop, uint64_t id)
{
    const struct http_transfer *t = transfer_of(loop, id);
    return t ? t->body.len : 0;
}

/* ---- the end of a transfer ---- */

static enum http_result result_of(CURLcode code)
{
    static const struct {
        CURLcode code;
        enum http_result result;
    } table[] = {
        {CURLE_OK, HTTP_OK},
        {CURLE_COULDNT_CONNECT, HTTP_CONNECT},
        {CURLE_COULDNT_RESOLVE_HOST, HTTP_CONNECT},
        {CURLE_COULDNT_RESOLVE_PROXY, HTTP_CONNECT},
        {CURLE_PROXY, HTTP_CONNECT},
        {CURLE_SSL_CONNECT_ERROR, HTTP_CONNECT},
        {CURLE_OPERATION_TIMEDOUT, HTTP_TIMEOUT},
        {CURLE_FILESIZE_EXCEEDED, HTTP_TOO_LARGE},
        {CURLE_PARTIAL_FILE, HTTP_CUT},
        {CURLE_GOT_NOTHING, HTTP_CUT},
        {CURLE_SEND_ERROR, HTTP_CUT},
        {CURLE_RECV_ERROR, HTTP_CUT},
        {CURLE_SEND_FAIL_REWIND, HTTP_CUT},
        {CURLE_HTTP2, HTTP_CUT},
        {CURLE_HTTP2_STREAM, HTTP_CUT},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (table[i].code == code)
            return table[i].result;
    return HTTP_BAD;
}

static const char *header_of(CURL *e, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(e, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value
                                                                                : NULL;
}

const char *http_header(const struct http_reply *reply, const char *name)
{
    return reply->handle ? header_of(reply->handle, name) : NULL;
}

/* RFC 9110 section 10.2.3: seconds or a date. `retry-after-ms` is what some model vendors add, and
 * some write a unit. */
static double retry_after(CURL *e)
{
    double v;
    const char *value = header_of(e, "retry-after-ms");
    if (value && str_to_double(value, &v) && v >= 0)
        return v / 1000;
    value = header_of(e, "retry-after");
    if (!value)
        return -1;
    if (duration_read(value, strlen(value), &v))
        return v;
    time_t then = curl_getdate(value, NULL);
    if (then == (time_t)-1)
        return -1;
    v = (double)then - (double)(clock_wall() / NS_PER_SEC);
    return v > 0 ? v : 0;
}

static void finish(struct http_transfer *t, CURLcode code)
{
    long status = 0;
    char *type = NULL;
    t->too_large |=
        code == CURLE_FILESIZE_EXCEEDED; /* curl counts, too: from 8.4 on all that comes */
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    /* Copies: the handle forgets them before the callback runs. */
    char content_type[128];
    snprintf(content_type, sizeof(content_type), "%s", type ? type : "");
    struct http_reply reply = {
        .result = t->too_large ? HTTP_TOO_LARGE : result_of(code),
        .status = (int)status,
        .body = t->body.ptr,
        .body_len = t->body.len,
        .content_type = content_type,
        .retry_after = retry_after(t->easy),
        .error = "",
        .handle = t->easy,
    };
    if (t->too_large)
        reply.error = "the reply is too large";
    else if (code != CURLE_OK)
        reply.error = fs_out_of_files() ? err_msg()
                      : *t->error       ? t->error
                                        : curl_easy_strerror(code);
    struct http *h = t->http;
    CURL *easy = t->easy;
    detach(t);
    t->fn(&reply, t->arg); /* it may ask for headers: the handle still has them */
    bool unknown = t->host && !t->host->known && code == CURLE_OPERATION_TIMEDOUT;
    if (t->host && (unknown || code == CURLE_COULDNT_RESOLVE_HOST))
        fail_waiting(t->host, &reply);
    transfer_free(t);
    recycle(h, easy);
}

static void collect(struct http *h)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(h->multi, &left))) {
        struct http_transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish(t, code);
    }
}
