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
#include <sys/socket.h>
#include <unistd.h>

#include "fhir/store.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define BODY_LIMIT       ((size_t)32 << 20) /* bytes of one request body */
#define HEADER_LIMIT     ((size_t)64 << 10) /* request line and headers, and the read buffer */
#define CONNECTION_LIMIT 4096
#define IDLE_SECONDS     60
#define MAX_THREADS      16

static const char fhir_json[] = "application/fhir+json;charset=UTF-8";

struct fhir_server {
    struct MHD_Daemon *daemon;
    struct fhir_store *store;
    char *base_path; /* "/fhir/" */
    char *url;
    int port;
};

struct http_exchange {
    char *target; /* path and query as they came */
    struct buf body;
    bool started, too_large;
};

static void *call_new(void *server, const char *uri, struct MHD_Connection *connection)
{
    (void)server;
    (void)connection;
    struct http_exchange *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
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
    if (!cors || !origin)
        return;
    bool any = fhir_listed(cors, ' ', "*", 1);
    if (!any && !fhir_listed(cors, ' ', origin, strlen(origin)))
        return;
    add_header(r, "Access-Control-Allow-Origin", any ? "*" : origin);
    add_header(r, "Vary", "Origin");
    add_header(r, "Access-Control-Expose-Headers",
               "Location, Content-Location, ETag, Last-Modified");
}

/* Sends the response and empties it. */
static enum MHD_Result send_response(const struct fhir_server *s, struct MHD_Connection *connection,
                                     struct fhir_response *rs)
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
    enum MHD_Result sent = send_response(s, connection, &rs);
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
        (target[n - 1] == '\0' || target[n - 1] == '?'))
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
    enum MHD_Result sent = send_response(s, connection, &rs);
    fhir_response_release(&rs);
    return sent;
}

/* Called once with the headers, then with pieces of the body, then at its end. */
static enum MHD_Result on_request(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **context)
{
    struct fhir_server *s = server;
    (void)url;
    (void)version;
    struct http_exchange *c = *context;
    if (!c || !c->target)
        return MHD_NO;
    if (!c->started) {
        c->started = true;
        int64_t announced;
        const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
        const char *encoding = header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING);
        if (encoding && !str_caseeq(encoding, "identity"))
            return send_problem(s, connection, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "not-supported",
                                "send the body without Content-Encoding");
        c->too_large = length && !str_to_i64(length, 0, BODY_LIMIT, &announced);
        if (!c->too_large)
            return MHD_YES;
    } else if (*data_len) {
        if (*data_len > BODY_LIMIT - c->body.len)
            c->too_large = true;
        else if (!c->too_large)
            buf_add(&c->body, data, *data_len);
        *data_len = 0;
        return c->body.failed ? MHD_NO : MHD_YES;
    }
    if (c->too_large) {
        char text[80];
        snprintf(text, sizeof(text), "the body is larger than %zu bytes; send it in parts",
                 BODY_LIMIT);
        return send_problem(s, connection, MHD_HTTP_CONTENT_TOO_LARGE, "too-long", text);
    }
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

int fhir_serve(struct fhir_server **server, struct fhir_store *store, const char *host, int port)
{
    int rc = 0, fd = -1;
    struct fhir_server *s = calloc(1, sizeof(*s));
    *server = NULL;
    if (!s)
        return err_set(GRASP_ENOMEM, "out of memory");
    s->store = store;
    s->port = port;
    if (!host || !*host)
        host = "127.0.0.1";
    if ((rc = listen_on(host, &s->port, &fd)) < 0)
        goto out;
    s->base_path = path_of(store->base_url);
    s->url = s->base_path ? address(host, s->port, s->base_path) : NULL;
    if (!s->url || (rc = own_base(store, s->url)) < 0) {
        rc = err_set(GRASP_ENOMEM, "out of memory");
        goto out;
    }
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = cpus < 2 ? 2 : cpus > MAX_THREADS ? MAX_THREADS : (unsigned)cpus;
    s->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, (uint16_t)s->port, NULL,
        NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_URI_LOG_CALLBACK, call_new, s,
        MHD_OPTION_NOTIFY_COMPLETED, call_done, s, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTION_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADER_LIMIT, MHD_OPTION_END);
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
    free(server->base_path);
    free(server->url);
    free(server);
}
