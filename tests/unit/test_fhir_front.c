/* test_fhir_front.c - the HTTP front with bytes that no client library would send, and with more
 * connections than it keeps. */
#include "test.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "fhir/fhir.h"
#include "runtime/base/buf.h"

#define CONNECTIONS 4300 /* some more than the front keeps */

struct fixture {
    struct fhir_store *store;
    struct fhir_server *server;
    int port;
};

static int setup(void **state)
{
    static struct fixture f;
    struct fhir_options o = {.cors = "http://page.example http://other.example"};
    works(fhir_open(&f.store, NULL, &o));
    works(fhir_serve(&f.server, f.store, NULL, 0));
    assert_int_equal(sscanf(fhir_server_url(f.server), "http://127.0.0.1:%d/", &f.port), 1);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fhir_server_stop(f->server);
    fhir_close(f->store);
    return 0;
}

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void say(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* it answered before the end */
        bytes += n;
        len -= (size_t)n;
    }
}

/* All that it says until it closes. */
static void hear(int fd, struct buf *out)
{
    char bytes[4096];
    ssize_t n;
    buf_reset(out);
    buf_adds(out, "");
    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        buf_add(out, bytes, (size_t)n);
}

static int status_of(const struct buf *answer)
{
    int status = 0;
    return sscanf(answer->ptr, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

/* libmicrohttpd itself refuses what is malformed from 1.0 on, in its own words, and answers nothing to a
 * NUL in the request line. */
static bool refused_below(const struct buf *answer, bool nul)
{
    return MHD_VERSION >= 0x01000000 &&
           ((nul && !answer->len) ||
            (status_of(answer) == 400 && (strstr(answer->ptr, "<title>Request broken") ||
                                          strstr(answer->ptr, "<title>Malformed request"))));
}

#define GET(target, more) "GET " target " HTTP/1.1\r\n" more "Connection: close\r\n\r\n"
#define POST(more, body)                                                                           \
    "POST /fhir/Patient HTTP/1.1\r\nHost: a\r\n" more "Connection: close\r\n\r\n" body
#define HOST "Host: a\r\n"

static void strict_about_requests(void **state)
{
    static const struct {
        const char *request; /* '~' is sent as a NUL */
        int status;
        const char *holds;
    } cases[] = {
        {GET("/fhir/Patient/x", HOST), 404, "OperationOutcome"},
        {GET("/fhir/Patient/x", "Host:a\r\nX:\r\nY:  \r\nZ:\t b \t \r\n"), 404, "OperationOutcome"},
        {GET("/fhir/Patient/x", HOST "Cookie: a=b; c=\"d\"; e\r\n"), 404, "OperationOutcome"},
        {"\r\n" GET("/fhir/Patient/x", HOST), 404, "OperationOutcome"},
        {"GET /fhir/Patient/x HTTP/1.0\r\n\r\n", 404, "OperationOutcome"},
        {"GET /fhir/Patient/x HTTP/1.1\nHost: a\nConnection: close\n\n", 400, "line feed"},
        {"GET /fhir/Patient/x HTTP/1.1\n" HOST "\r\n", 400, "line feed"},
        {"GET /fhir/Patient/x HTTP/1.1\nHost:   a\r\n\r\n", 400, "line feed"},
        {"GET /fhir/Patient/x HTTP/1.1\r\nHost: a\n\r\n", 400, "line feed"},
        {"GET /fhir/Patient/x HTTP/1.1\r\n" HOST "\n", 400, "line feed"},
        {GET("/fhir/Patient/x", HOST "X: a\r\n b\r\n"), 400, "OperationOutcome"},
        {GET("/fhir/Patient/x", HOST "X: a\rY: b\r\n"), 400, "control"},
        {GET("/fhir/Patient/x", HOST "X: a\x1b[0m\r\n"), 400, "control"},
        {GET("/fhir/Patient/x~", HOST), 400, "NUL"},
        {GET("/fhir/Patient?name=x~y", HOST), 400, "NUL"},
        {GET("/fhir/Patient/x", "Host: a~b\r\n"), 400, "NUL"},
        {GET("/fhir/Patient/x", HOST "X~: a\r\n"), 400, ""},
        {"GET /fhir/Patient/x HTTP/1.1\r\nHost: a\n\r\nGET /fhir/Patient/y HTTP/1.1\r\n" HOST
         "\r\n",
         400, "Connection: close"},
        {GET("/fhir/Patient/x", ""), 400, ""},
        {GET("/fhir/Patient/x", HOST HOST), 400, "Host"},
        {GET("/fhir/Patient/x", HOST "X-Other : b\r\n"), 400, "colon"},
        {GET("/fhir/Patient?name=a%00b", HOST), 400, "NUL"},
        {POST("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), 400, "how long"},
        {POST("Content-Length: 2\r\nContent-Length: 30\r\n", "{}"), 400, ""},
        {POST("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), 400,
         "how long"},
        {POST("Content-Length: 99999999\r\n", ""), 413, "larger"},
        {POST("Content-Length: 9999999999999999999\r\n", ""), 413, ""},
        {"OPTIONS /fhir/Patient HTTP/1.1\r\n" HOST
         "Origin: http://page.example\r\nAccess-Control-Request-Headers: X-Mine\r\nConnection: "
         "close\r\n\r\n",
         204, "Access-Control-Allow-Headers: X-Mine"},
        {"OPTIONS /fhir/Patient HTTP/1.1\r\n" HOST
         "Origin: http://evil.example\r\nConnection: close\r\n\r\n",
         204, "Allow: GET"},
        {GET("/fhir/Patient", HOST "Origin: http://other.example\r\n"), 200,
         "Access-Control-Allow-Origin: http://other.example"},
    };
    struct fixture *f = *state;
    struct buf answer = BUF_INIT, request = BUF_INIT;
    int failed = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int fd = dial(f->port);
        buf_reset(&request);
        buf_adds(&request, cases[i].request);
        char *nul = strchr(request.ptr, '~');
        if (nul)
            *nul = '\0';
        say(fd, request.ptr, request.len);
        hear(fd, &answer);
        close(fd);
        bool ours =
            status_of(&answer) == cases[i].status && strstr(answer.ptr, cases[i].holds) != NULL;
        if (!ours && (cases[i].status != 400 || !refused_below(&answer, nul != NULL))) {
            print_message("%s\n-> %s\n", cases[i].request, answer.ptr);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
    buf_release(&answer);
    buf_release(&request);
}

/* What an agent asks is answered alike in process and over HTTP, with "&_format=json" behind it as
 * the environments send it. */
static void in_process_and_over_http_alike(void **state)
{
    static const char *const asked[] = {
        "",
        "/",
        "/Patient",
        "/Patient/a",
        "/Patient/none",
        "/metadata",
        "/Patient?name=x",
        "/Patient?nonsense=1",
        "/Patient/a/Observation",
        "/?_type=Patient",
        "/Nothing",
        "/Patient/a?x=1",
        "/Observation?patient=Foo/S1",
        "/Observation?date=ge2023-11-12T10:15:00+00:00",
        "/Patient/a/$x",
        "/Patient/_search?gender=male",
        "/Patient/a/_history/1",
        "/Patient//a",
        "/Patient/a/",
    };
    struct fixture *f = *state;
    struct buf answer = BUF_INIT, request = BUF_INIT;
    static const char patient[] = "{\"resourceType\":\"Patient\",\"id\":\"a\"}";
    struct fhir_request put = {
        .method = "PUT", .target = "Patient/a", .body = patient, .body_len = sizeof(patient) - 1};
    struct fhir_response made = FHIR_RESPONSE_INIT;
    int failed = 0;
    assert_int_equal(fhir_handle(f->store, &put, &made), 0);
    fhir_response_release(&made);
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        struct fhir_response rs = FHIR_RESPONSE_INIT;
        buf_reset(&request);
        buf_addf(&request, "%s&_format=json", *asked[i] == '/' ? asked[i] + 1 : asked[i]);
        struct fhir_request rq = {.method = "GET", .target = request.ptr, .agent_url = true};
        assert_int_equal(fhir_handle(f->store, &rq, &rs), 0);
        int fd = dial(f->port);
        buf_reset(&request);
        buf_addf(&request, GET("/fhir%s&_format=json", HOST), asked[i]);
        say(fd, request.ptr, request.len);
        hear(fd, &answer);
        close(fd);
        const char *body = strstr(answer.ptr, "\r\n\r\n");
        if (status_of(&answer) != rs.status || !body || strcmp(body + 4, rs.body.ptr) != 0) {
            print_message("'%s': %d %s\nover HTTP: %s\n", asked[i], rs.status, rs.body.ptr,
                          answer.ptr);
            failed++;
        }
        fhir_response_release(&rs);
    }
    assert_int_equal(failed, 0);
    buf_release(&answer);
    buf_release(&request);
}

static void many_parameters_are_refused_at_once(void **state)
{
    static const size_t counts[] = {300, 900, 1200, 20000};
    struct fixture *f = *state;
    struct buf answer = BUF_INIT, request = BUF_INIT;
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        buf_reset(&request);
        buf_adds(&request, "GET /fhir/Patient?");
        for (size_t j = 0; j < counts[i]; j++)
            buf_addf(&request, "%sn%zu=1", j ? "&" : "", j);
        buf_adds(&request, " HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        int fd = dial(f->port);
        say(fd, request.ptr, request.len);
        hear(fd, &answer);
        close(fd);
        int status = status_of(&answer);
        assert_true(status == 400 || status == 413 || status == 414 || status == 431);
        if (counts[i] <= 1200) /* beyond, the library says it */
            assert_non_null(strstr(answer.ptr, "OperationOutcome"));
    }
    buf_release(&answer);
    buf_release(&request);
}

/* Those who say nothing make room for one who asks. */
static void idle_connections_make_room(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit;
    struct buf answer = BUF_INIT;
    static int idle[CONNECTIONS];
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * CONNECTIONS + 512) {
        skip();
        return;
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        idle[i] = dial(f->port);
        say(idle[i], "GET /fhir/", 10);
    }
    for (int i = 0; i < 20; i++) {
        int fd = dial(f->port);
        static const char request[] = GET("/fhir/Patient/x", HOST);
        say(fd, request, strlen(request));
        hear(fd, &answer);
        assert_int_equal(status_of(&answer), 404);
        close(fd);
    }
    hear(idle[0], &answer); /* the longest idle one was closed */
    assert_int_equal(answer.len, 0);
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(idle[i]);
    buf_release(&answer);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strict_about_requests),
        TEST(in_process_and_over_http_alike),
        TEST(many_parameters_are_refused_at_once),
        TEST(idle_connections_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
