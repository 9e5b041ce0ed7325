/*
 * loop.h - the event loop: one thread, epoll, timers, deferred calls, and HTTP over curl_multi
 * (DESIGN.md D3). Everything asynchronous in the program runs on one of these.
 *
 *     struct loop *loop = NULL;
 *     loop_open(&loop);
 *     loop_defer(loop, fn, arg);                 // soon, never from inside the caller
 *     loop_timer(loop, 50 * NS_PER_MS, fn, arg); // once
 *     while (!done) loop_turn(loop, -1);         // "straight code" waits like this
 *     loop_close(loop);
 */
#ifndef GRASP_RUNTIME_LOOP_LOOP_H
#define GRASP_RUNTIME_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

struct loop;
typedef void (*loop_fn)(void *arg);

int loop_open(struct loop **loop);
void loop_close(struct loop *loop);
/* Runs what is due: deferred calls, timers, socket events. Blocks up to `max_ns` (-1: until
 * something happens; 0: not at all). Returns the number of callbacks run, GRASP_ESTOPPED after a
 * signal (loop_signals), GRASP_EIO, or GRASP_EINVAL when it would wait forever for nothing. */
int loop_turn(struct loop *loop, int64_t max_ns);
/* In FIFO order; a call deferred by a callback runs in the same turn (up to a bound: the rest comes
 * in the next turn, so that turn ends come too). 0 or GRASP_ENOMEM. */
int loop_defer(struct loop *loop, loop_fn fn, void *arg);
/* Called once at the end of each turn that ran anything (the journal's group commit). */
int loop_at_turn_end(struct loop *loop, loop_fn fn, void *arg);
void loop_not_at_turn_end(struct loop *loop, loop_fn fn, void *arg); /* takes it back */
/* A one-shot timer; the id (never 0) cancels it. Returns 0 when out of memory. */
uint64_t loop_timer(struct loop *loop, int64_t delay_ns, loop_fn fn, void *arg);
void loop_timer_cancel(struct loop *loop, uint64_t id);
/* Calls `fn` about every `period_ns` while the loop is turned; one for a loop, NULL: no more. Nobody
 * waits for it. */
void loop_tick(struct loop *loop, int64_t period_ns, loop_fn fn, void *arg);
/* Watches a descriptor; events are EPOLLIN/EPOLLOUT; replaces an earlier watch; fn NULL removes it.
 */
typedef void (*loop_fd_fn)(int fd, uint32_t events, void *arg);
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *arg);
/* SIGINT and SIGTERM make loop_turn return GRASP_ESTOPPED (every time, until cleared); a second
 * SIGINT ends the process at once. */
int loop_signals(struct loop *loop);
void loop_signals_clear(struct loop *loop);
bool loop_interrupted(const struct loop *loop);

/* HTTP. One curl_multi per loop; handles and connections are reused; HTTP/2 where TLS offers it. */
struct http_request {
    const char *method, *url;
    const char *const *headers; /* "Name: value" lines, NULL-terminated; may be NULL */
    const char *body;           /* borrowed until the callback */
    size_t body_len;
    int64_t timeout_ns;         /* whole transfer; 0: 600 s, or without end where idle_ns is set */
    int64_t idle_ns;            /* so long without a byte is a timeout, too; 0: never */
    int64_t connect_timeout_ns; /* 0: 10 s */
    size_t max_body;            /* a longer reply is cut off as HTTP_TOO_LARGE; 0: 16 MiB */
    const char *unix_socket;    /* connect to this path instead of the URL's host; NULL: no */
    const char *client_cert, *client_key; /* PEM files for TLS; NULL: none */
    bool fresh; /* on a connection of its own, not one that is there: that may be dead */
};
enum http_result { HTTP_OK, HTTP_CONNECT, HTTP_TIMEOUT, HTTP_CUT, HTTP_TOO_LARGE, HTTP_BAD };
struct http_reply {
    enum http_result result; /* HTTP_OK: a status came and the body is whole */
    int status;
    const char *body; /* borrowed for the callback's time */
    size_t body_len;
    const char *content_type; /* "" when absent */
    double retry_after;       /* seconds from the header, in whatever form; -1 when absent */
    const char *error;        /* libcurl's words when result != HTTP_OK */
    void *handle;             /* for http_header */
};
typedef void (*http_fn)(const struct http_reply *reply, void *arg);
/* The value of a header of the reply, NULL when it has none; borrowed until the next call. Only
 * during the callback. */
const char *http_header(const struct http_reply *reply, const char *name);
/* Redirects are never followed; only http and https; the environment's proxies (http_proxy,
 * https_proxy, all_proxy, no_proxy) apply to both, but not to servers on this machine. Bodies packed with gzip or deflate are unpacked.
 * Certificates are checked against the system's authorities, or those in the file that
 * CURL_CA_BUNDLE, else SSL_CERT_FILE, names.
 * The callback comes from loop_turn, exactly once, unless http_cancel was called. Returns an id, 0
 * when it could not be started (message set). */
uint64_t http_start(struct loop *loop, const struct http_request *request, http_fn fn, void *arg);
void http_cancel(struct loop *loop, uint64_t id);
/* Bytes of the reply's body that have come so far. */
size_t http_received(struct loop *loop, uint64_t id);
/* At most this many connections to one host (default 512); further requests wait. Returns how many
 * it will be: fewer when the process may not open as many files. */
size_t http_limit(struct loop *loop, size_t per_host);
/* Thousands of connections need as many descriptors; the soft limit is often 1024. Returns what it
 * is now. */
size_t loop_raise_descriptor_limit(void);

#endif
