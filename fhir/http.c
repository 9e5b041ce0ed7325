/*
 * http.c - the HTTP front: libmicrohttpd's threads around fhir_handle.
 *
 * It gathers a request (bounded), cuts the base path off the target as it came (nothing decoded),
 * and sends what fhir_handle says. A few threads with epoll serve any number of kept-alive
 * connections.
 */
#include "fhir/fhir.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fhir/store.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define BODY_LIMIT   ((size_t)32 << 20)  /* bytes of one request body */
#define BODIES_LIMIT ((size_t)256 << 20) /* of all that are on their way */
#define TARGET_LIMIT ((size_t)64 << 10)  /* bytes of a request's target */
/* What a connection may take for its request line and headers. The library splits parameters into it
 * before it asks us, 80 bytes each: with room for some thousand the refusal is ours. Not more, as it
 * clears all of it after each request. */
#define HEADER_LIMIT     ((size_t)128 << 10)
#define CONNECTION_LIMIT 4096 /* more are let in, and the longest idle ones closed for them */
#define CONNECTION_SPARE 256  /* files that are not connections */
#define IDLE_SECONDS     60
#define MAX_THREADS      16

static const char fhir_json[] = "application/fhir+json;charset=UTF-8";

/* An open connection, in the order of what happened last on them. */
struct connection {
    struct connection *prev, *next;
    int fd;
    bool closing;
};

struct fhir_server {
    pthread_mutex_t lock;     /* of the list */
    struct connection oldest; /* its ring's knot: .next is the longest idle, .prev the latest */
    size_t open;              /* in the list and not closing */
    _Atomic size_t bodies;    /* bytes that are held of requests on their way */
    struct MHD_Daemon *daemon;
    struct fhir_store *store;
    char *base_path; /* "/fhir/" */
    char *url;
    int port;
};

struct http_exchange {
    char *target; /* path and query as they came */
    struct buf body;
    struct fhir_server *server;
    bool started, too_large, too_many;
};

/* ---- connections ---- */

static void unlink_connection(struct connection *c)
{
    c->prev->next = c->next;
    c->next->prev = c->prev;
}

static void link_latest(struct fhir_server *s, struct connection *c)
{
    c->next = &s->oldest;
    c->prev = s->oldest.prev;
    c->prev->next = c;
    s->oldest.prev = c;
}

/* Closes the longest idle connection: the library sees its end and cleans up. */
static void close_oldest(struct fhir_server *s)
{
    struct connection *c = s->oldest.next;
    while (c != &s->oldest && c->closing)
        c = c->next;
    if (c == &s->oldest)
        return;
    c->closing = true;
    s->open--;
    shutdown(c->fd, SHUT_RDWR);
}

/* Somebody who opens connections and says nothing must not keep others out. */
static void on_connection(void *server, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct fhir_server *s = server;
    struct connection *c = *context;
    pthread_mutex_lock(&s->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = c = info ? calloc(1, sizeof(*c)) : NULL;
        if (c) {
            c->fd = info->connect_fd;
            if (s->open >= CONNECTION_LIMIT)
                close_oldest(s);
            link_latest(s, c);
            s->open++;
        }
    } else if (c) {
        unlink_connection(c);
        s->open -= !c->closing;
        free(c);
        *context = NULL;
    }
    pthread_mutex_unlock(&s->lock);
}

static void touch(struct fhir_server *s, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info ? info->socket_context : NULL;
    if (!c)
        return;
    pthread_mutex_lock(&s->lock);
    unlink_connection(c);
    link_latest(s, c);
    pthread_mutex_unlock(&s->lock);
}

/* ---- requests ---- */

static void *call_new(void *server, const char *uri, struct MHD_Connection *connection)
{
    (void)connection;
    struct http_exchange *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->server = server;
    buf_init(&c->body);
    c->target = str_dup(uri);
    return c;
}

static void call_done(void *server, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code)
{
    (void)server;
    (void)connection;
    (void)code;
    struct http_exchange *c = *context;
    if (!c)
        return;
    atomic_fetch_sub(&c->server->bodies, c->body.len);
    buf_release(&c->body);
    free(c->target);
    free(c);
    *context = NULL;
}

static void add_header(struct MHD_Response *r, const char *name, const char *value)
{
    if (value && *value)
        MHD_add_response_header(r, name, value);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Lets a browser's page of a named origin read the answer (Fetch, CORS protocol). */
static void add_cors(const struct fhir_server *s, struct MHD_Connection *connection,
                     struct MHD_Response *r)
{
    const char *origin = header(connection, "Origin"), *cors = s->store->cors;
    if (!cors)
        return;
    bool any = fhir_listed(cors, ' ', "*", 1);
    if (!any)
        add_header(r, "Vary", "Origin");
    if (!origin || (!any && !fhir_listed(cors, ' ', origin, strlen(origin))))
        return;
    add_header(r, "Access-Control-Allow-Origin", any ? "*" : origin);
    add_header(r, "Access-Control-Expose-Headers",
               "Location, Content-Location, ETag, Last-Modified");
}

/* Sends the response and empties it. `last`: the connection is closed behind it. */
static enum MHD_Result send_response(const struct fhir_server *s, struct MHD_Connection *connection,
                                     struct fhir_response *rs, bool last)
{
    size_t len = rs->body.len;
    char *body = buf_detach(&rs->body);
    struct MHD_Response *r =
        body ? MHD_create_response_from_buffer_with_free_callback(len, body, free) : NULL;
    if (!r) {
        free(body);
        return MHD_NO;
    }
    if (len)
        add_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                   rs->content_type ? rs->content_type : fhir_json);
    add_header(r, MHD_HTTP_HEADER_ETAG, rs->etag);
    add_header(r, MHD_HTTP_HEADER_LAST_MODIFIED, rs->last_modified);
    add_header(r, MHD_HTTP_HEADER_LOCATION, rs->location);
    if (last)
        add_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    add_cors(s, connection, r);
    enum MHD_Result sent = MHD_queue_response(connection, (unsigned)rs->status, r);
    MHD_destroy_response(r);
    return sent;
}

/* A problem that is the front's, not the store's. */
static enum MHD_Result send_problem(const struct fhir_server *s, struct MHD_Connection *connection,
                                    int status, const char *code, const char *diagnostics)
{
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    rs.status = status;
    buf_addf(&rs.body,
             "{\n  \"resourceType\": \"OperationOutcome\",\n  \"issue\": [\n    {\n"
             "      \"severity\": \"error\",\n      \"code\": \"%s\",\n      \"diagnostics\": \"",
             code);
    buf_add_json(&rs.body, diagnostics, strlen(diagnostics), false);
    buf_adds(&rs.body, "\"\n    }\n  ]\n}\n");
    /* of a request that two would read otherwise nobody knows where the next one begins */
    enum MHD_Result sent = send_response(s, connection, &rs, status == MHD_HTTP_BAD_REQUEST);
    fhir_response_release(&rs);
    return sent;
}

/* OPTIONS: what may be done here; for a browser, whether a page may do it (preflight). */
static enum MHD_Result send_options(const struct fhir_server *s, struct MHD_Connection *connection)
{
    static const char methods[] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    struct MHD_Response *r = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    add_header(r, "Allow", methods);
    add_cors(s, connection, r);
    if (MHD_get_response_header(r, "Access-Control-Allow-Origin")) {
        const char *wanted = header(connection, "Access-Control-Request-Headers");
        add_header(r, "Access-Control-Allow-Methods", methods);
        add_header(r, "Access-Control-Allow-Headers",
                   wanted ? wanted : "Accept, Content-Type, If-Match, If-None-Exist, Prefer");
        add_header(r, "Access-Control-Max-Age", "86400");
    }
    enum MHD_Result sent = MHD_queue_response(connection, MHD_HTTP_NO_CONTENT, r);
    MHD_destroy_response(r);
    return sent;
}

/* The part of the target behind the base path, or NULL when it lies elsewhere. */
static const char *below_base(const struct fhir_server *s, const char *target)
{
    size_t n = strlen(s->base_path);
    if (strncmp(target, s->base_path, n) == 0)
        return target + n;
    /* the base itself without its last slash */
    if (strncmp(target, s->base_path, n - 1) == 0 &&
        (target[n - 1] == '\0' || target[n - 1] == '?' || target[n - 1] == '&'))
        return target + n - 1;
    return NULL;
}

static enum MHD_Result answer(struct fhir_server *s, struct MHD_Connection *connection,
                              const char *method, struct http_exchange *c)
{
    char text[256];
    const char *target = below_base(s, c->target);
    if (strcmp(method, "OPTIONS") == 0)
        return send_options(s, connection);
    if (!target) {
        snprintf(text, sizeof(text), "nothing is here; the FHIR base is '%.180s'", s->base_path);
        return send_problem(s, connection, MHD_HTTP_NOT_FOUND, "not-found", text);
    }
    struct fhir_request rq = {
        .method =
            strcmp(method, "HEAD") == 0 ? "GET" : method, /* the library leaves the body out */
        .target = target,
        .body = c->body.len ? c->body.ptr : NULL,
        .body_len = c->body.len,
        .content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
        .accept = header(connection, MHD_HTTP_HEADER_ACCEPT),
        .if_match = header(connection, MHD_HTTP_HEADER_IF_MATCH),
        .if_none_match = header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH),
        .if_none_exist = header(connection, "If-None-Exist"),
        .prefer = header(connection, "Prefer"),
    };
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    if (fhir_handle(s->store, &rq, &rs) < 0) {
        log_error("%s %s: %s", method, c->target, err_msg());
        if (rs.status == 0)
            rs.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    enum MHD_Result sent = send_response(s, connection, &rs, false);
    fhir_response_release(&rs);
    return sent;
}

/* What the headers of a request must not be (RFC 9112): two readers of it would disagree about
 * whose it is or where the next one begins. */
struct header_check {
    size_t lengths, hosts;
    size_t bytes; /* what the lines seen so far take in a request that is written as it must be */
    bool blank;   /* before a colon */
    bool control; /* characters in a value */
};

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct header_check *h = arg;
    (void)kind;
    /* both lie in the request as it came: what is between them is the colon and blanks */
    h->bytes += (size_t)(value - name) + strlen(value) + 2;
    h->lengths += str_caseeq(name, MHD_HTTP_HEADER_CONTENT_LENGTH) ||
                  str_caseeq(name, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    h->hosts += str_caseeq(name, MHD_HTTP_HEADER_HOST);
    h->blank |= strpbrk(name, " \t") != NULL;
    for (const char *p = value; *p; p++)
        h->control |= ((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f;
    return MHD_YES;
}

/* The library takes a bare LF for the end of a line and a NUL for that of a string, and does not say
 * so. But it says how long the whole was, and then that is not the sum of what was read. Later
 * versions refuse both themselves. */
static bool accounted_for(struct MHD_Connection *connection, const struct header_check *h,
                          const char *method, const char *target, const char *version)
{
    const union MHD_ConnectionInfo *info =
        MHD_VERSION >= 0x00097701
            ? NULL
            : MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t line = strlen(method) + 1 + strlen(target) + 1 + strlen(version) + 2;
    return !info || info->header_size == line + h->bytes + 2;
}

/* NULL: nothing is wrong. */
static const char *ambiguous(struct MHD_Connection *connection, const char *method,
                             const char *target, const char *version)
{
    struct header_check h = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &h);
    if (!accounted_for(connection, &h, method, target, version))
        return "the request line or a header holds a NUL, a line feed without a carriage return "
               "before it, or more blanks than HTTP/1.1 allows";
    return h.lengths > 1 ? "more than one header says how long the body is"
           : h.hosts > 1 ? "there is more than one Host header"
           : h.blank     ? "there is a blank before a header's colon"
           : h.control   ? "there is a control character in a header"
                         : NULL;
}

/* The headers are here: what need not be read further is answered at once. */
static enum MHD_Result begin(struct fhir_server *s, struct MHD_Connection *connection,
                             const char *method, const char *version, struct http_exchange *c)
{
    int64_t announced;
    char text[120];
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *encoding = header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING);
    const char *why = ambiguous(connection, method, c->target, version);
    if (why)
        return send_problem(s, connection, MHD_HTTP_BAD_REQUEST, "invalid", why);
    if (strlen(c->target) > TARGET_LIMIT) {
        snprintf(text, sizeof(text), "a URL of more than %zu bytes: search by POST Type/_search",
                 TARGET_LIMIT);
        return send_problem(s, connection, MHD_HTTP_URI_TOO_LONG, "too-long", text);
    }
    if (encoding && !str_caseeq(encoding, "identity"))
        return send_problem(s, connection, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "not-supported",
                            "send the body without Content-Encoding");
    c->too_large = length && !str_to_i64(length, 0, BODY_LIMIT, &announced);
    if (c->too_large) {
        snprintf(text, sizeof(text), "the body is larger than %zu bytes; send it in parts",
                 BODY_LIMIT);
        return send_problem(s, connection, MHD_HTTP_CONTENT_TOO_LARGE, "too-long", text);
    }
    return MHD_YES;
}

/* A piece of the body. */
static enum MHD_Result take(struct fhir_server *s, struct http_exchange *c, const char *data,
                            size_t len)
{
    if (len > BODY_LIMIT - c->body.len)
        c->too_large = true;
    else if (atomic_load(&s->bodies) + len > BODIES_LIMIT)
        c->too_many = true;
    if (c->too_large || c->too_many)
        return MHD_YES;
    buf_add(&c->body, data, len);
    if (c->body.failed)
        return MHD_NO;
    atomic_fetch_add(&s->bodies, len);
    return MHD_YES;
}

/* Called once with the headers, then with pieces of the body, then at its end. */
static enum MHD_Result on_request(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **context)
{
    struct fhir_server *s = server;
    struct http_exchange *c = *context;
    (void)url;
    if (!c || !c->target)
        return MHD_NO;
    touch(s, connection);
    if (!c->started) {
        c->started = true;
        return begin(s, connection, method, version, c);
    }
    if (*data_len) {
        size_t len = *data_len;
        *data_len = 0;
        return take(s, c, data, len);
    }
    if (c->too_large) {
        char text[80];
        snprintf(text, sizeof(text), "the body is larger than %zu bytes; send it in parts",
                 BODY_LIMIT);
        return send_problem(s, connection, MHD_HTTP_CONTENT_TOO_LARGE, "too-long", text);
    }
    if (c->too_many)
        return send_problem(s, connection, MHD_HTTP_SERVICE_UNAVAILABLE, "throttled",
                            "too many bodies are on their way; try again");
    return answer(s, connection, method, c);
}

static void on_message(void *server, const char *fmt, va_list ap)
{
    (void)server;
    char text[512];
    vsnprintf(text, sizeof(text), fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http: %s", text);
}

/* A listening socket; *port becomes the one it has. */
static int listen_on(const char *host, int *port, int *out)
{
    int fd = -1, yes = 1, code;
    char service[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    snprintf(service, sizeof(service), "%d", *port);
    if ((code = getaddrinfo(host, service, &hints, &found)) != 0)
        return err_set(GRASP_EIO, "cannot listen on '%s': %s", host, gai_strerror(code));
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = 0;
    if (fd < 0) {
        rc = err_set_errno(GRASP_EIO, "cannot open a socket");
        goto out;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        if (errno == EADDRINUSE)
            rc = err_set(GRASP_EIO,
                         "port %d on %s is in use; take another one, or port 0 for any free one",
                         *port, host);
        else
            rc = err_set_errno(GRASP_EIO, "cannot listen on %s port %d", host, *port);
        goto out;
    }
    if (getsockname(fd, (struct sockaddr *)&bound, &len) == 0)
        *port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
out:
    freeaddrinfo(found);
    if (rc < 0 && fd >= 0)
        close(fd);
    else
        *out = fd;
    return rc;
}

/* "http://127.0.0.1:8080/fhir/": where a client on this machine finds it. */
static char *address(const char *host, int port, const char *path)
{
    char *url = NULL;
    bool any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    bool v6 = !any && strchr(host, ':');
    return asprintf(&url, "http://%s%s%s:%d%s", v6 ? "[" : "", any ? "localhost" : host,
                    v6 ? "]" : "", port, path) < 0
               ? NULL
               : url;
}

/* "http://host:port/fhir/" -> "/fhir/" */
static char *path_of(const char *base_url)
{
    const char *p = strstr(base_url, "://");
    p = p ? strchr(p + 3, '/') : strchr(base_url, '/');
    return str_dup(p ? p : "/");
}

/* A store opened without a base URL of its own gets the one it is now served at. */
static int own_base(struct fhir_store *store, const char *url)
{
    if (strcmp(store->base_url, FHIR_DEFAULT_BASE) != 0)
        return 0;
    char *own = str_dup(url);
    if (!own)
        return GRASP_ENOMEM;
    free(store->base_url);
    store->base_url = own;
    return 0;
}

/* Files that this process may have open: connections are files. */
static unsigned connections_possible(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return CONNECTION_LIMIT;
    if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < 4 * CONNECTION_LIMIT) {
        rlim_t most = 4 * CONNECTION_LIMIT;
        limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    rlim_t n = limit.rlim_cur > 2 * CONNECTION_SPARE ? limit.rlim_cur - CONNECTION_SPARE
                                                     : CONNECTION_SPARE;
    return n < 4 * CONNECTION_LIMIT ? (unsigned)n : 4 * CONNECTION_LIMIT;
}

int fhir_serve(struct fhir_server **server, struct fhir_store *store, const char *host, int port)
{
    int rc = 0, fd = -1;
    struct fhir_server *s = calloc(1, sizeof(*s));
    *server = NULL;
    if (!s)
        return err_oom();
    pthread_mutex_init(&s->lock, NULL);
    s->oldest.next = s->oldest.prev = &s->oldest;
    s->store = store;
    s->port = port;
    if (!host || !*host)
        host = "127.0.0.1";
    if ((rc = listen_on(host, &s->port, &fd)) < 0)
        goto out;
    s->base_path = path_of(store->base_url);
    s->url = s->base_path ? address(host, s->port, s->base_path) : NULL;
    if (!s->url || (rc = own_base(store, s->url)) < 0) {
        rc = err_oom();
        goto out;
    }
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = cpus < 2 ? 2 : cpus > MAX_THREADS ? MAX_THREADS : (unsigned)cpus;
    s->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, (uint16_t)s->port, NULL,
        NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_URI_LOG_CALLBACK, call_new, s,
        MHD_OPTION_NOTIFY_COMPLETED, call_done, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT, connections_possible(),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        HEADER_LIMIT, MHD_OPTION_END);
    if (!s->daemon) {
        rc = err_set_errno(GRASP_EIO, "cannot start the HTTP server");
        goto out;
    }
    fd = -1; /* the daemon's now */
    *server = s;
    s = NULL;
out:
    if (fd >= 0)
        close(fd);
    fhir_server_stop(s);
    return rc;
}

const char *fhir_server_url(const struct fhir_server *server)
{
    return server->url;
}

void fhir_server_stop(struct fhir_server *server)
{
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    pthread_mutex_destroy(&server->lock);
    free(server->base_path);
    free(server->url);
    free(server);
}
