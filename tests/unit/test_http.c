/* test_http.c - the HTTP client of the loop against a server that plays raw replies. */
#include "test.h"

#include <sys/resource.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/loop/loop.h"
#include "script_server.h"

#define REPLY(status, headers, body, length)                                                       \
    "HTTP/1.1 " status "\r\n" headers "Content-Length: " length "\r\n\r\n" body

struct got {
    int n;
    enum http_result result;
    int status;
    char body[64], type[64], error[256];
    size_t len;
    double retry_after;
};

static void on_reply(const struct http_reply *r, void *arg)
{
    struct got *g = arg;
    g->n++;
    g->result = r->result;
    g->status = r->status;
    g->len = r->body_len;
    g->retry_after = r->retry_after;
    snprintf(g->body, sizeof(g->body), "%s", r->body);
    snprintf(g->type, sizeof(g->type), "%s", r->content_type);
    snprintf(g->error, sizeof(g->error), "%s", r->error);
}

static struct got fetch(struct loop *loop, struct http_request *rq)
{
    struct got g = {0};
    assert_true(http_start(loop, rq, on_reply, &g) != 0);
    assert_int_equal(g.n, 0);
    while (!g.n)
        assert_true(loop_turn(loop, -1) >= 0);
    return g;
}

static void replies_are_understood(void **state)
{
    (void)state;
    static const struct {
        struct step step;
        enum http_result result;
        int status;
        const char *body;
        double retry_after;
    } cases[] = {
        {{REPLY("200 OK", "Content-Type: text/x; charset=utf-8\r\n", "hello", "5"), STEP_KEEP, 0},
         HTTP_OK,
         200,
         "hello",
         -1},
        {{REPLY("429 Too Many", "Retry-After: 7\r\n", "", "0"), STEP_KEEP, 0}, HTTP_OK, 429, "", 7},
        {{REPLY("429 Too Many", "retry-after-ms: 250\r\nRetry-After: 1\r\n", "", "0"), STEP_KEEP,
          0},
         HTTP_OK,
         429,
         "",
         0.25},
        {{REPLY("503 Busy", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "", "0"), STEP_KEEP,
          0},
         HTTP_OK,
         503,
         "",
         0},
        {{REPLY("503 Busy", "Retry-After: soon\r\n", "", "0"), STEP_KEEP, 0}, HTTP_OK, 503, "", -1},
        {{REPLY("302 Found", "Location: http://127.0.0.1:1/\r\n", "", "0"), STEP_KEEP, 0},
         HTTP_OK,
         302,
         "",
         -1},
        {{REPLY("200 OK", "", "half", "9"), STEP_CLOSE, 0}, HTTP_CUT, 200, "half", -1},
        {{REPLY("200 OK", "", "ha", "9"), STEP_RESET, 0}, HTTP_CUT, -1, NULL, -1},
        {{"", STEP_CLOSE, 0}, HTTP_CUT, 0, "", -1},
        {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", STEP_CLOSE, 0},
         HTTP_CUT,
         200,
         "hello",
         -1},
        {{"garbage and no HTTP\r\n\r\n", STEP_CLOSE, 0}, HTTP_BAD, -1, NULL, -1},
    };
    struct loop *loop;
    assert_int_equal(loop_open(&loop), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct script s;
        char url[64];
        script_start(&s, &cases[i].step, 1);
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", s.port);
        struct http_request rq = {.method = "GET", .url = url};
        struct got g = fetch(loop, &rq);
        if (g.result != cases[i].result)
            print_error("case %zu: result %d (%s)\n", i, g.result, g.error);
        assert_int_equal(g.result, cases[i].result);
        if (cases[i].status >= 0)
            assert_int_equal(g.status, cases[i].status);
        if (cases[i].body)
            assert_string_equal(g.body, cases[i].body);
        assert_true(g.retry_after == cases[i].retry_after);
        if (g.result != HTTP_OK)
            assert_true(strlen(g.error) > 0);
        if (i == 0)
            assert_string_equal(g.type, "text/x; charset=utf-8");
        script_stop(&s);
    }
    loop_close(loop);
}

static void requests_say_what_was_asked(void **state)
{
    (void)state;
    static const struct step steps[] = {{REPLY("200 OK", "", "", "0"), STEP_KEEP, 0}};
    struct script s;
    struct loop *loop;
    char url[64];
    script_start(&s, steps, 1);
    assert_int_equal(loop_open(&loop), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/a/b?c=d%%20e", s.port);
    const char *const headers[] = {"X-One: 1", "Content-Type: application/json", NULL};
    struct http_request post = {
        .method = "POST", .url = url, .headers = headers, .body = "{\"a\":\"\0\"}", .body_len = 9};
    struct http_request put = {.method = "PUT", .url = url, .body = "x", .body_len = 1};
    struct http_request empty_post = {.method = "POST", .url = url};
    struct http_request delete = {.method = "DELETE", .url = url};
    struct http_request get = {.url = url};
    struct http_request head = {.method = "HEAD", .url = url};
    struct http_request *all[] = {&post, &put, &empty_post, &delete, &get, &head};
    static const char *const lines[] = {
        "POST /a/b?c=d%20e HTTP/1.1\r\n", "PUT /a", "POST /a", "DELETE /a", "GET /a", "HEAD /a"};
    for (size_t i = 0; i < 6; i++) {
        struct got g = fetch(loop, all[i]);
        assert_int_equal(g.result, HTTP_OK);
        assert_true(strncmp(s.requests[i], lines[i], strlen(lines[i])) == 0);
    }
    assert_non_null(strstr(s.requests[0], "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(s.requests[0], "\r\nContent-Length: 9\r\n"));
    assert_null(strcasestr(s.requests[0], "expect:"));
    assert_non_null(strstr(s.requests[2], "\r\nContent-Length: 0\r\n"));
    assert_null(strcasestr(s.requests[4], "content-length"));
    assert_int_equal(s.n_peers, 1); /* one connection for all of them */
    loop_close(loop);
    script_stop(&s);
}

static void limits_hold(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", STEP_CLOSE, 1 << 20},
        {REPLY("200 OK", "", "", "999999999"), STEP_HANG, 0},
        {NULL, STEP_HANG, 0},
    };
    static const enum http_result want[] = {HTTP_TOO_LARGE, HTTP_TOO_LARGE, HTTP_TIMEOUT};
    struct script s;
    struct loop *loop;
    char url[64];
    script_start(&s, steps, 3);
    assert_int_equal(loop_open(&loop), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", s.port);
    struct http_request rq = {.url = url, .max_body = 100000, .timeout_ns = 100 * NS_PER_MS};
    for (size_t i = 0; i < 3; i++) {
        rq.timeout_ns = i < 2 ? 20 * NS_PER_SEC : 50 * NS_PER_MS;
        struct got g = fetch(loop, &rq);
        assert_int_equal(g.result, want[i]);
        assert_true(g.len <= rq.max_body);
    }
    script_stop(&s);
    /* Nobody listens there any more. */
    struct got g = fetch(loop, &rq);
    assert_int_equal(g.result, HTTP_CONNECT);
    static const char *const bad[] = {"file:///etc/passwd", "gopher://127.0.0.1/", "http://", ""};
    for (size_t i = 0; i < 4; i++) {
        rq.url = bad[i];
        g = fetch(loop, &rq);
        assert_int_equal(g.result, HTTP_BAD);
    }
    loop_close(loop);
}

struct chain {
    struct loop *loop;
    struct http_request rq;
    int left, ok;
    uint64_t victim;
    struct got *victim_got;
};

static void again(const struct http_reply *r, void *arg)
{
    struct chain *c = arg;
    c->ok += r->result == HTTP_OK && r->status == 200;
    http_cancel(c->loop, c->victim); /* while others finish; twice is fine */
    if (c->left-- > 0)
        assert_true(http_start(c->loop, &c->rq, again, c) != 0);
}

static void callbacks_may_start_and_cancel(void **state)
{
    (void)state;
    static const struct step steps[] = {{REPLY("200 OK", "", "x", "1"), STEP_KEEP, 0}};
    static const struct step hang[] = {{NULL, STEP_HANG, 0}};
    struct script s, h;
    char url[64], hang_url[64];
    struct chain c = {.left = 200};
    struct got never = {0};
    script_start(&s, steps, 1);
    script_start(&h, hang, 1);
    assert_int_equal(loop_open(&c.loop), 0);
    http_limit(c.loop, 8);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", s.port);
    snprintf(hang_url, sizeof(hang_url), "http://127.0.0.1:%d/", h.port);
    struct http_request stuck = {.url = hang_url};
    c.rq.url = url;
    c.victim = http_start(c.loop, &stuck, on_reply, &never);
    for (int i = 0; i < 50; i++) /* more than connections are allowed */
        http_start(c.loop, &c.rq, again, &c);
    while (c.ok < 250)
        assert_true(loop_turn(c.loop, -1) >= 0);
    assert_true(s.n_peers <= 8);
    assert_int_equal(never.n, 0);
    http_cancel(c.loop, 0);
    http_cancel(c.loop, UINT64_MAX);
    http_start(c.loop, &stuck, on_reply, &never); /* closing ends what is in flight, silently */
    loop_turn(c.loop, 0);
    loop_close(c.loop);
    assert_int_equal(never.n, 0);
    script_stop(&s);
    script_stop(&h);
}

/* A connection that cannot be opened because nothing can be is not the server's fault. */
static void out_of_descriptors_is_called_that(void **state)
{
    (void)state;
    static const struct step steps[] = {{REPLY("200 OK", "", "x", "1"), STEP_KEEP, 0}};
    struct script s;
    struct loop *loop;
    struct rlimit before, few;
    char url[64];
    int fds[128], n = 0;
    script_start(&s, steps, 1);
    assert_int_equal(loop_open(&loop), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", s.port);
    struct http_request rq = {.url = url};
    http_limit(loop, 8); /* the client is there, and has no connection */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 128 && (fds[n] = dup(STDIN_FILENO)) >= 0)
        n++;
    struct got g = fetch(loop, &rq);
    while (n > 0)
        close(fds[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(g.result, HTTP_CONNECT);
    assert_non_null(strstr(g.error, "Too many open files"));
    assert_non_null(strstr(g.error, "ulimit -n"));
    g = fetch(loop, &rq);
    assert_int_equal(g.status, 200);
    loop_close(loop);
    script_stop(&s);
}

static void count_reply(const struct http_reply *r, void *arg)
{
    int *n = arg;
    n[r->result == HTTP_OK ? 0 : r->result == HTTP_CONNECT ? 1 : 2]++;
}

/* Names are looked up by the first transfer; the others wait for it, whatever becomes of it. */
static void names_are_looked_up_once(void **state)
{
    (void)state;
    static const struct step steps[] = {{REPLY("200 OK", "", "x", "1"), STEP_KEEP, 0}};
    struct script s;
    struct loop *loop;
    char url[64];
    script_start(&s, steps, 1);
    snprintf(url, sizeof(url), "http://localhost:%d/", s.port);
    struct http_request rq = {.url = url};
    for (int round = 0; round < 2; round++) {
        int n[3] = {0};
        uint64_t ids[30];
        assert_int_equal(loop_open(&loop), 0);
        for (int i = 0; i < 30; i++)
            assert_true((ids[i] = http_start(loop, &rq, count_reply, n)) != 0);
        if (round == 1) { /* the leader goes, and one that waits */
            http_cancel(loop, ids[0]);
            http_cancel(loop, ids[5]);
        }
        while (n[0] + n[1] + n[2] < 30 - 2 * round)
            assert_true(loop_turn(loop, -1) >= 0);
        assert_int_equal(n[0], 30 - 2 * round);
        http_start(loop, &rq, count_reply, n);
        http_start(loop, &rq, count_reply, n);
        loop_close(loop);
    }
    script_stop(&s);
    rq.url = "http://no-such-host.invalid/"; /* RFC 6761: never resolves */
    int n[3] = {0};
    assert_int_equal(loop_open(&loop), 0);
    for (int i = 0; i < 10; i++)
        http_start(loop, &rq, count_reply, n);
    while (n[0] + n[1] + n[2] < 10)
        assert_true(loop_turn(loop, -1) >= 0);
    assert_int_equal(n[1], 10);
    for (int i = 0; i < 3; i++) /* closing while they wait */
        http_start(loop, &rq, count_reply, n);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_understood),
        cmocka_unit_test(requests_say_what_was_asked),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(callbacks_may_start_and_cancel),
        cmocka_unit_test(out_of_descriptors_is_called_that),
        cmocka_unit_test(names_are_looked_up_once),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
