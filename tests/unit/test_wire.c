/*
 * test_wire.c - what model servers answer, played from a folder of scripted replies (its README.md
 * says how a case is written): every case is a model of its own on one loop, asked as often as it
 * has expectations.
 *
 *     WIRE_CASES=DIR build/tests/test_wire       other cases; the folders below tests/data/wire else
 *     WIRE_SHOW=1                                also prints what each call came to
 */
#include "test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/loop/loop.h"
#include "runtime/model/said_model.h"
#include "runtime/session/open_model.h"

#define MAX_STEPS 16

struct wire_step {
    struct buf bytes;
    double delay;
    bool close;
    struct strlist when;
};
struct wire_case {
    char *name;
    json_t *root;
    const char *kind;
    struct wire_step steps[MAX_STEPS];
    size_t n_steps, played;
    bool then_good;
    /* the asking side */
    struct model *backend, *model;
    struct chat chat;
    size_t asked, n_calls, requests_before;
    bool waiting;
    json_t *seen;
    struct strlist wrong;
};
struct wire_server {
    int listener, port;
    pthread_mutex_t lock;
    struct wire_case *cases;
    size_t n;
};
struct wire_peer {
    struct wire_server *server;
    int fd;
};

/* ---- the answers ---- */

static const char *good_body(const char *path)
{
    if (strstr(path, "/responses"))
        return "{\"id\":\"1\",\"object\":\"response\",\"status\":\"completed\",\"output\":[{"
               "\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":"
               "\"FINISH([\\\"x\\\"])\"}]}],\"usage\":{\"input_tokens\":100,\"output_tokens\":10,"
               "\"total_tokens\":110}}";
    if (strstr(path, "/messages"))
        return "{\"id\":\"1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
               "\"text\",\"text\":\"FINISH([\\\"x\\\"])\"}],\"stop_reason\":\"end_turn\","
               "\"usage\":{\"input_tokens\":100,\"output_tokens\":10}}";
    return "{\"id\":\"1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":"
           "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"FINISH([\\\"x\\\"])\"}"
           ",\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":"
           "10,\"total_tokens\":110}}";
}

static void add_gzip(struct buf *out, const char *text, size_t len)
{
    z_stream z = {0};
    unsigned char packed[65536];
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)len;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_add(out, packed, z.total_out);
    deflateEnd(&z);
}

/* Latin-1: each character is a byte. */
static void add_raw(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        i += utf8_decode(text + i, len - i, &cp);
        buf_addch(out, (char)cp);
    }
}

static void render_step(const json_t *v, struct wire_step *s)
{
    struct buf body = BUF_INIT;
    const json_t *raw = json_object_get(v, "raw"), *b = json_object_get(v, "body"), *item;
    const char *key;
    size_t i;
    bool typed = false, chunked = json_bool_at(v, "chunked", false);
    buf_init(&s->bytes);
    s->delay = json_num_at(v, "delay", 0);
    s->close = json_bool_at(v, "close", false) || raw || json_object_get(v, "cut");
    json_array_foreach (json_object_get(v, "when"), i, item)
        strlist_addf(&s->when, "\"%s\":", json_string_value(item));
    if (raw) {
        add_raw(&s->bytes, json_string_value(raw), json_string_length(raw));
        return;
    }
    if (json_is_string(b))
        buf_add(&body, json_string_value(b), json_string_length(b));
    else if (b)
        buf_add_json_value(&body, b);
    if (json_bool_at(v, "gzip", false)) {
        struct buf packed = BUF_INIT;
        add_gzip(&packed, body.ptr, body.len);
        buf_release(&body);
        body = packed;
    }
    buf_addf(&s->bytes, "HTTP/1.1 %lld X\r\n", (long long)json_int_at(v, "status", 200));
    json_object_foreach ((json_t *)json_object_get(v, "headers"), key, item) {
        buf_addf(&s->bytes, "%s: %s\r\n", key, json_string_value(item));
        typed |= str_caseeq(key, "content-type");
    }
    if (!typed)
        buf_adds(&s->bytes, "Content-Type: application/json\r\n");
    if (json_bool_at(v, "gzip", false))
        buf_adds(&s->bytes, "Content-Encoding: gzip\r\n");
    size_t cut = (size_t)json_int_at(v, "cut", (int64_t)body.len);
    cut = cut < body.len ? cut : body.len;
    if (chunked) {
        buf_adds(&s->bytes, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0; at < cut; at += 7) {
            size_t n = cut - at < 7 ? cut - at : 7;
            buf_addf(&s->bytes, "%zx\r\n", n);
            buf_add(&s->bytes, body.ptr + at, n);
            buf_adds(&s->bytes, "\r\n");
        }
        if (cut == body.len)
            buf_adds(&s->bytes, "0\r\n\r\n");
    } else {
        buf_addf(&s->bytes, "Content-Length: %zu\r\n\r\n", body.len);
        buf_add(&s->bytes, body.ptr, cut);
    }
    buf_release(&body);
}

/* ---- the server ---- */

static bool send_bytes(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_good(int fd, const char *path)
{
    const char *body = strstr(path, "/models") ? "{\"data\":[{\"id\":\"m\"}]}" : good_body(path);
    char head[128];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     strlen(body));
    return send_bytes(fd, head, (size_t)n) && send_bytes(fd, body, strlen(body));
}

/* Answers one request; false: the connection ends. */
static bool answer_one(struct wire_server *server, int fd, char *request)
{
    char *path = strchr(request, ' ');
    char *end = path ? strchr(++path, ' ') : NULL;
    struct wire_step *step = NULL;
    if (!end)
        return false;
    *end = '\0';
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->n && !strstr(path, "/models"); i++) {
        struct wire_case *c = &server->cases[i];
        size_t n = strlen(c->name);
        if (strncmp(path + 1, c->name, n) != 0 || path[1 + n] != '/')
            continue;
        size_t k = c->played++;
        if (k < c->n_steps || !c->then_good)
            step = &c->steps[k < c->n_steps ? k : c->n_steps - 1];
    }
    pthread_mutex_unlock(&server->lock);
    bool plays = step && !step->when.n;
    for (size_t i = 0; step && i < step->when.n; i++)
        plays |= strstr(end + 1, step->when.v[i]) != NULL;
    if (!plays)
        return send_good(fd, path);
    if (step->delay > 0) /* until then, or the client goes away */
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)(step->delay * 1000));
    return send_bytes(fd, step->bytes.ptr, step->bytes.len) && !step->close;
}

static void *serve_peer(void *arg)
{
    struct wire_peer p = *(struct wire_peer *)arg;
    struct buf in = BUF_INIT;
    char bytes[8192];
    ssize_t got;
    free(arg);
    while ((got = recv(p.fd, bytes, sizeof(bytes), 0)) > 0) {
        buf_add(&in, bytes, (size_t)got);
        char *end = strstr(in.ptr, "\r\n\r\n"), *length = strcasestr(in.ptr, "content-length:");
        if (!end)
            continue;
        size_t whole = (size_t)(end - in.ptr) + 4;
        if (length && length < end)
            whole += strtoul(length + 15, NULL, 10);
        if (in.len < whole)
            continue;
        if (!answer_one(p.server, p.fd, in.ptr))
            break;
        buf_reset(&in);
    }
    buf_release(&in);
    close(p.fd);
    return NULL;
}

static void *serve(void *arg)
{
    struct wire_server *s = arg;
    int fd;
    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        struct wire_peer *p = malloc(sizeof(*p));
        pthread_t thread;
        *p = (struct wire_peer){s, fd};
        if (pthread_create(&thread, NULL, serve_peer, p) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

static void server_start(struct wire_server *s, pthread_t *thread)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    pthread_mutex_init(&s->lock, NULL);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(s->listener, 512), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &size), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(thread, NULL, serve, s), 0);
}

/* ---- the asking side ---- */

static const char *const result_names[] = {"ok", "context", "outage", "fatal", "missing"};

static const json_t *expected(const struct wire_case *c, size_t call)
{
    const json_t *list = json_object_get(c->root, "expect");
    size_t n = json_array_size(list);
    return n ? json_array_get(list, call < n ? call : n - 1) : NULL;
}

static void compare(struct wire_case *c, const json_t *seen)
{
    const json_t *want = expected(c, c->asked - 1), *v;
    const char *key;
    json_object_foreach ((json_t *)want, key, v) {
        const json_t *is = json_object_get(seen, key);
        bool part = strcmp(key, "error") == 0;
        if (part && *json_string_value(v)
                ? strstr(json_string_value(is), json_string_value(v)) != NULL
                : json_equal((json_t *)v, (json_t *)is))
            continue;
        struct buf text = BUF_INIT;
        buf_addf(&text, "%s, call %zu: %s is ", c->name, c->asked, key);
        is ? buf_add_json_value(&text, is) : buf_adds(&text, "not there");
        buf_adds(&text, ", expected ");
        buf_add_json_value(&text, v);
        strlist_add(&c->wrong, text.ptr);
        buf_release(&text);
    }
}

static void on_reply(const struct model_reply *r, void *arg)
{
    struct wire_case *c = arg;
    json_t *seen =
        json_pack("{s:s, s:s, s:o, s:i, s:[I,I,I], s:s, s:s}", "result", result_names[r->result],
                  "kind", said_kind_name(r->kind), "text", json_text(r->text, r->len), "requests",
                  (int)(c->played - c->requests_before), "usage",
                  (json_int_t)r->usage.prompt_tokens, (json_int_t)r->usage.completion_tokens,
                  (json_int_t)r->usage.cached_tokens, "finish", r->finish, "error", r->error);
    c->waiting = false;
    json_array_append_new(c->seen, seen);
    compare(c, seen);
}

static void ask_next(struct wire_case *c)
{
    struct model_request rq = {
        .chat = &c->chat, .temperature = 0, .max_tokens = 100, .phase = PHASE_ROLLOUT_DEV};
    c->asked++;
    c->requests_before = c->played;
    c->waiting = true;
    assert_int_equal(model_ask(c->model, &rq, on_reply, c), 0);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct wire_case *)a)->name, ((const struct wire_case *)b)->name);
}

static size_t load_cases(const char *dir, struct wire_case **out)
{
    DIR *d = opendir(dir);
    struct wire_case *v = NULL;
    size_t n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!str_ends(e->d_name, ".json"))
            continue;
        char *path = fs_join(dir, e->d_name);
        v = reallocarray(v, n + 1, sizeof(*v));
        v[n] = (struct wire_case){.name = str_ndup(e->d_name, strlen(e->d_name) - 5)};
        if (json_read_file(&v[n].root, path) < 0)
            fail_msg("%s", err_msg());
        free(path);
        n++;
    }
    if (d)
        closedir(d);
    if (n)
        qsort(v, n, sizeof(*v), by_name);
    *out = v;
    return n;
}

static void open_case(struct wire_case *c, struct loop *loop, int port)
{
    char url[256];
    const json_t *step;
    size_t i;
    const char *about = json_str_at(c->root, "about", "");
    c->kind =
        json_str_at(c->root, "kind", strstr(about, "kind responses") ? "responses" : "openai");
    c->then_good = strcmp(json_str_at(c->root, "after", ""), "ok") == 0;
    json_array_foreach (json_object_get(c->root, "steps"), i, step)
        if (c->n_steps < MAX_STEPS)
            render_step(step, &c->steps[c->n_steps++]);
    assert_true(c->n_steps > 0);
    c->n_calls = json_array_size(json_object_get(c->root, "expect"));
    if (!c->n_calls)
        c->n_calls = c->n_steps + 1;
    c->seen = json_array();
    chat_add(&c->chat, CHAT_USER, "Which?", 6);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/%s/v1", port, c->name);
    struct model_endpoint end = {url, "sk-wire-secret-key"};
    struct model_settings s = {
        .kind = c->kind,
        .model = "m",
        .endpoints = &end,
        .n_endpoints = 1,
        .backoff_s = 0.0001,
        .timeout_s = 20,
    };
    if (model_open(&c->backend, loop, &s) < 0 || said_model(&c->model, c->backend, false) < 0)
        fail_msg("%s: %s", c->name, err_msg());
}

static void close_case(struct wire_case *c)
{
    model_close(c->model);
    model_close(c->backend);
    for (size_t i = 0; i < c->n_steps; i++) {
        buf_release(&c->steps[i].bytes);
        strlist_release(&c->steps[i].when);
    }
    chat_release(&c->chat);
    strlist_release(&c->wrong);
    json_decref(c->root);
    json_decref(c->seen);
    free(c->name);
}

static void play_folder(const char *dir)
{
    struct wire_server server = {0};
    struct loop *loop;
    pthread_t thread;
    size_t wrong = 0;
    server.n = load_cases(dir, &server.cases);
    if (!server.n)
        fail_msg("%s has no cases", dir);
    assert_int_equal(loop_open(&loop), 0);
    server_start(&server, &thread);
    for (size_t i = 0; i < server.n; i++)
        open_case(&server.cases[i], loop, server.port);
    for (bool busy = true; busy;) {
        busy = false;
        for (size_t i = 0; i < server.n; i++) {
            struct wire_case *c = &server.cases[i];
            if (!c->waiting && c->asked < c->n_calls)
                ask_next(c);
            busy |= c->waiting;
        }
        if (busy)
            assert_true(loop_turn(loop, -1) >= 0);
    }
    for (size_t i = 0; i < server.n; i++) {
        struct wire_case *c = &server.cases[i];
        if (getenv("WIRE_SHOW")) {
            char *text = json_dumps(c->seen, JSON_COMPACT);
            print_message("%s %s\n", c->name, text);
            free(text);
        }
        if (!json_object_get(c->root, "expect"))
            print_message("%s says nothing of what is expected\n", c->name);
        for (size_t k = 0; k < c->wrong.n; k++)
            print_error("%s\n", c->wrong.v[k]);
        wrong += c->wrong.n > 0;
    }
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(server.listener);
    size_t n = server.n;
    for (size_t i = 0; i < server.n; i++)
        close_case(&server.cases[i]);
    loop_close(loop);
    free(server.cases);
    if (wrong)
        fail_msg("%zu of %zu cases are not as expected", wrong, n);
}

static void replies_come_to_what_is_expected(void **state)
{
    const char *dir = *state;
    log_set_level(LOG_ERROR);
    play_folder(dir);
}

int main(void)
{
    const char *own = getenv("WIRE_CASES");
    char cases[] = "tests/data/wire/cases", good[] = "tests/data/wire/good",
         more[] = "tests/data/wire/more";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(replies_come_to_what_is_expected,
                                  own ? (void *)(uintptr_t)own : cases),
        cmocka_unit_test_prestate(replies_come_to_what_is_expected, good),
        cmocka_unit_test_prestate(replies_come_to_what_is_expected, more),
    };
    return own ? cmocka_run_group_tests_name("wire", (const struct CMUnitTest[]){tests[0]}, NULL,
                                             NULL)
               : cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
