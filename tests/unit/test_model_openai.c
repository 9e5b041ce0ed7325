/* test_model_openai.c - chat models over HTTP against a server that plays each way of failing. */
#include "test.h"

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/loop/loop.h"
#include "runtime/model/pool.h"
#include "script_server.h"

#include "runtime/model/wire.h"
#include "runtime/session/open_model.h"

#define KEY "sk-very-secret-key-0123456789"

struct got {
    int n;
    enum model_result result;
    char text[128], error[512];
    size_t len;
    struct model_usage usage;
};

static void on_reply(const struct model_reply *r, void *arg)
{
    struct got *g = arg;
    g->n++;
    g->result = r->result;
    g->len = r->len;
    g->usage = r->usage;
    assert_non_null(r->text);
    assert_int_equal(r->text[r->len], 0);
    snprintf(g->text, sizeof(g->text), "%s", r->text);
    snprintf(g->error, sizeof(g->error), "%s", r->error);
    if (r->result != MODEL_OK) {
        assert_true(*r->error);
        assert_null(strstr(r->error, "very-secret"));
    }
}

/* A raw reply with the right length; the caller frees it. */
static char *raw(int status, const char *headers, const char *body)
{
    struct buf b = BUF_INIT;
    buf_addf(&b, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers, strlen(body),
             body);
    return buf_detach(&b);
}

static struct model *open_model(struct loop *loop, const char *kind, const int *ports, size_t n,
                                struct model_settings extra)
{
    struct model *m = NULL;
    char urls[4][64];
    struct model_endpoint ends[4];
    for (size_t i = 0; i < n; i++) {
        snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%d/v1/", ports[i]);
        ends[i] = (struct model_endpoint){urls[i], KEY};
    }
    extra.kind = kind;
    extra.model = "test-model";
    extra.endpoints = ends;
    extra.n_endpoints = n;
    extra.backoff_s = extra.backoff_s > 0 ? extra.backoff_s : 0.001;
    extra.timeout_s = extra.timeout_s > 0 ? extra.timeout_s : 20;
    assert_int_equal(model_open(&m, loop, &extra), 0);
    return m;
}

static struct got ask_once(struct loop *loop, struct model *m, struct model_request rq)
{
    struct got g = {0};
    struct chat c = {0};
    if (!rq.chat) {
        chat_add(&c, CHAT_USER, "Say \"hi\"\n\xc3\xa9\xff", 13);
        rq.chat = &c;
    }
    assert_int_equal(model_ask(m, &rq, on_reply, &g), 0);
    assert_int_equal(g.n, 0);
    while (!g.n)
        assert_true(loop_turn(loop, -1) >= 0);
    assert_int_equal(g.n, 1);
    chat_release(&c);
    return g;
}

#define OK_BODY                                                                                    \
    "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"fine\"}}],\"usage\":{"       \
    "\"prompt_tokens\":100,\"completion_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":"  \
    "64}}}"
#define CONTENT(c)           "{\"choices\":[{\"message\":{\"content\":" c "},\"finish_reason\":\"stop\"}]}"
#define ERROR(code, message) "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"

struct play {
    int status; /* 0: `body` is sent as it is */
    const char *headers, *body;
    enum step_end end;
};
struct scene {
    const char *name;
    struct play plays[4];
    enum model_result result;
    const char *text, *error; /* error: a part of it */
    size_t requests;          /* 0: as many as plays */
};

/* Ways that end well after a repetition: the play, then a good answer. */
static const struct play passing[] = {
    {429, "Retry-After: 0\r\n", ERROR("rate_limit_exceeded", "slow down"), STEP_KEEP},
    {500, "", "oops", STEP_KEEP},
    {502, "Content-Type: text/html\r\n", "<html>bad gateway</html>", STEP_KEEP},
    {503, "", "", STEP_KEEP},
    {529, "", ERROR("overloaded_error", "Overloaded"), STEP_KEEP},
    {408, "", "", STEP_KEEP},
    {200, "", "", STEP_KEEP},
    {200, "", "{\"choices\":[", STEP_KEEP},
    {200, "", "{\"choices\":[]}", STEP_KEEP},
    {200, "", "{\"choices\":[{\"message\":null}]}", STEP_KEEP},
    {200, "", "[1,2]", STEP_KEEP},
    {200, "", "null", STEP_KEEP},
    {200, "", CONTENT("null"), STEP_KEEP},
    {200, "", CONTENT("\"\""), STEP_KEEP},
    {200, "", ERROR("server_error", "try later"), STEP_KEEP},
    {200, "", "{\"error\":{\"code\":502,\"message\":\"provider\"}}", STEP_KEEP},
    {0, "", "", STEP_CLOSE},
    {0, "", "", STEP_RESET},
    {0, "", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\":[{\"mess", STEP_CLOSE},
    {0, "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"choic\r\n", STEP_RESET},
};

static void what_passes_is_tried_again(void **state)
{
    (void)state;
    struct loop *loop;
    assert_int_equal(loop_open(&loop), 0);
    for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
        const struct play *p = &passing[i];
        char *bad = p->status ? raw(p->status, p->headers, p->body) : strdup(p->body);
        char *good = raw(200, "", OK_BODY);
        const struct step steps[] = {{bad, p->end, 0}, {bad, p->end, 0}, {good, STEP_KEEP, 0}};
        struct script s;
        script_start(&s, steps, 3);
        struct model *m = open_model(loop, "openai", &s.port, 1, (struct model_settings){0});
        struct got g = ask_once(loop, m, (struct model_request){.max_tokens = 9});
        if (g.result != MODEL_OK || s.n_requests != 3)
            print_error("case %zu: %d, %zu requests, %s\n", i, g.result, s.n_requests, g.error);
        assert_int_equal(g.result, MODEL_OK);
        assert_string_equal(g.text, "fine");
        assert_int_equal(s.n_requests, 3);
        assert_int_equal(m->health.retries, 2);
        assert_int_equal(m->health.attempts, 3);
        assert_true(g.usage.prompt_tokens >= 100); /* an empty answer is paid for as well */
        assert_true(g.usage.completion_tokens >= 7);
        assert_int_equal(g.usage.cached_tokens, 64);
        model_close(m);
        script_stop(&s);
        free(bad);
        free(good);
    }
    loop_close(loop);
}

/* Ways that end at once; a second request would be a mistake. */
static const struct {
    int status;
    const char *body;
    enum model_result result;
    const char *text, *error;
} final[] = {
    {401, ERROR("invalid_api_key", "Incorrect API key provided: " KEY), MODEL_FATAL, "",
     "check the API key"},
    {403, "", MODEL_FATAL, "", "403"},
    {404, ERROR("model_not_found", "The model `x` does not exist"), MODEL_FATAL, "",
     "check the model's name"},
    {404, "<html>not here</html>", MODEL_FATAL, "", "base URL"},
    {301, "", MODEL_FATAL, "", "redirect"},
    {429, ERROR("insufficient_quota", "You exceeded your current quota"), MODEL_FATAL, "", "quota"},
    {402, "{\"error\":{\"message\":\"Insufficient Balance\"}}", MODEL_FATAL, "", "balance"},
    {400, "{\"detail\":\"temperature: not allowed\"}", MODEL_FATAL, "", "temperature: not allowed"},
    {400, ERROR("context_length_exceeded", "too long"), MODEL_CONTEXT_LIMIT, "", "too long"},
    {400,
     "{\"object\":\"error\",\"message\":\"This model's maximum context length is 8192 tokens. "
     "However, you requested 9000 tokens\",\"code\":400}",
     MODEL_CONTEXT_LIMIT, "", "8192"},
    {400,
     "[{\"error\":{\"code\":400,\"message\":\"The input token count (99) exceeds the maximum "
     "number of tokens allowed (9).\",\"status\":\"INVALID_ARGUMENT\"}}]",
     MODEL_CONTEXT_LIMIT, "", "token count"},
    {400,
     "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 > 8\"}}",
     MODEL_CONTEXT_LIMIT, "", "too long"},
    {500,
     "{\"error\":{\"code\":500,\"message\":\"the request exceeds the available context size\"}}",
     MODEL_CONTEXT_LIMIT, "", "context size"},
    {400, ERROR("content_filter", "filtered"), MODEL_OK,
     "<reply kind=\"refused\" finish=\"content_filter\"/>\n", ""},
    {200, CONTENT("[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]"),
     MODEL_OK, "ab", ""},
    {200, "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"I will not\"}}]}", MODEL_OK,
     "<reply kind=\"refused\"/>\nI will not", ""},
    {200, "{\"choices\":[{\"message\":{\"content\":\"GET x\",\"reasoning_content\":\"hmm\"}}]}",
     MODEL_OK, "<reasoning_content>hmm</reasoning_content>\nGET x", ""},
    {200,
     "{\"choices\":[{\"message\":{\"content\":null,\"reasoning_content\":\"hmm\"},"
     "\"finish_reason\":\"length\"}]}",
     MODEL_OK,
     "<reply kind=\"cut\" finish=\"length\"/>\n<reasoning_content>hmm</reasoning_content>\n", ""},
    {200, CONTENT("\"bad \xff\xc0\x80 bytes \\ud800 and \\ud83d\\ude00\""), MODEL_OK,
     "bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd bytes \xef\xbf\xbd and \xf0\x9f\x98\x80", ""},
    {200, "\xef\xbb\xbf", MODEL_OUTAGE, "", "the reply is empty"},
};

static void what_is_final_is_not_repeated(void **state)
{
    (void)state;
    struct loop *loop;
    assert_int_equal(loop_open(&loop), 0);
    for (size_t i = 0; i < sizeof(final) / sizeof(*final); i++) {
        char *reply = raw(final[i].status, "", final[i].body);
        const struct step steps[] = {{reply, STEP_KEEP, 0}};
        struct script s;
        script_start(&s, steps, 1);
        struct model *m =
            open_model(loop, "openai", &s.port, 1, (struct model_settings){.attempts = 2});
        struct got g = ask_once(loop, m, (struct model_request){0});
        if (g.result != final[i].result)
            print_error("case %zu: %d %s\n", i, g.result, g.error);
        assert_int_equal(g.result, final[i].result);
        assert_string_equal(g.text, final[i].text);
        if (!strstr(g.error, final[i].error))
            print_error("case %zu: %s\n", i, g.error);
        assert_non_null(strstr(g.error, final[i].error));
        assert_int_equal(s.n_requests, g.result == MODEL_OUTAGE ? 2 : 1);
        if (g.result == MODEL_FATAL) { /* and the model stays so, without asking */
            g = ask_once(loop, m, (struct model_request){0});
            assert_int_equal(g.result, MODEL_FATAL);
            assert_int_equal(s.n_requests, 1);
        }
        model_close(m);
        script_stop(&s);
        free(reply);
    }
    loop_close(loop);
}

static void a_nul_in_a_reply_is_kept(void **state)
{
    (void)state;
    struct wire_reply r;
    wire_reply_init(&r);
    static const char body[] = CONTENT("\"a\\u0000b\"");
    wire_openai.decode(body, sizeof(body) - 1, &r);
    assert_int_equal(r.kind, WIRE_TEXT);
    assert_int_equal(r.text.len, 3);
    assert_memory_equal(r.text.ptr, "a\0b", 3);
    wire_reply_release(&r);
}

static void outages_end_and_are_counted(void **state)
{
    (void)state;
    struct loop *loop;
    char *reply = raw(500, "", "no");
    const struct step bad[] = {{reply, STEP_KEEP, 0}};
    const struct step huge[] = {{"HTTP/1.1 200 OK\r\n\r\n", STEP_CLOSE, 50 << 20}};
    const struct step hang[] = {{NULL, STEP_HANG, 0}};
    struct script s;
    struct got g;
    assert_int_equal(loop_open(&loop), 0);

    script_start(&s, bad, 1);
    struct model *m = open_model(loop, "openai", &s.port, 1,
                                 (struct model_settings){.attempts = 3, .outage_limit = 2});
    for (int i = 0; i < 4; i++) {
        g = ask_once(loop, m, (struct model_request){0});
        assert_int_equal(g.result, MODEL_OUTAGE);
        assert_non_null(strstr(g.error, i < 2 ? "answered 500" : "2 times in a row"));
    }
    assert_int_equal(s.n_requests, 6); /* after two outages nobody is asked any more */
    assert_int_equal(m->health.server_errors, 6);
    assert_int_equal(m->health.outages, 4);
    model_close(m);
    script_stop(&s);

    /* Nobody listens there now. */
    m = open_model(loop, "openai", &s.port, 1, (struct model_settings){.attempts = 2});
    g = ask_once(loop, m, (struct model_request){0});
    assert_int_equal(g.result, MODEL_OUTAGE);
    assert_int_equal(m->health.cut, 2);
    model_close(m);

    script_start(&s, huge, 1);
    m = open_model(loop, "openai", &s.port, 1, (struct model_settings){.attempts = 2});
    g = ask_once(loop, m, (struct model_request){0});
    assert_int_equal(g.result, MODEL_OUTAGE);
    assert_non_null(strstr(g.error, "too large"));
    model_close(m);
    script_stop(&s);

    script_start(&s, hang, 1);
    m = open_model(loop, "openai", &s.port, 1,
                   (struct model_settings){.attempts = 2, .timeout_s = 0.03});
    g = ask_once(loop, m, (struct model_request){0});
    assert_int_equal(g.result, MODEL_OUTAGE);
    assert_int_equal(m->health.timeouts, 2);
    assert_int_equal(s.n_requests, 2);
    /* Closing with a call in flight. */
    struct chat c = {0};
    chat_add(&c, CHAT_USER, "x", 1);
    struct got never = {0};
    struct model_request rq = {.chat = &c};
    model_ask(m, &rq, on_reply, &never);
    model_close(m);
    loop_turn(loop, 0);
    assert_int_equal(never.n, 0);
    chat_release(&c);
    script_stop(&s);

    char *asks = raw(429, "Retry-After: 86400\r\n", "");
    const struct step later[] = {{asks, STEP_KEEP, 0}};
    script_start(&s, later, 1);
    m = open_model(loop, "openai", &s.port, 1, (struct model_settings){0});
    g = ask_once(loop, m, (struct model_request){0});
    assert_int_equal(g.result, MODEL_OUTAGE);
    assert_int_equal(s.n_requests, 1);
    model_close(m);
    script_stop(&s);
    loop_close(loop);
    free(reply);
    free(asks);
}

static void retry_after_is_honoured(void **state)
{
    (void)state;
    struct loop *loop;
    char *wait = raw(429, "retry-after-ms: 120\r\n", ""), *good = raw(200, "", OK_BODY);
    const struct step steps[] = {{wait, STEP_KEEP, 0}, {good, STEP_KEEP, 0}};
    struct script s;
    assert_int_equal(loop_open(&loop), 0);
    script_start(&s, steps, 2);
    struct model *m = open_model(loop, "openai", &s.port, 1, (struct model_settings){0});
    int64_t start = clock_mono();
    struct got g = ask_once(loop, m, (struct model_request){0});
    assert_int_equal(g.result, MODEL_OK);
    assert_true(clock_mono() - start >= 120 * NS_PER_MS);
    assert_int_equal(m->health.limited, 1);
    model_close(m);
    script_stop(&s);
    loop_close(loop);
    free(wait);
    free(good);
}

static json_t *body_of(const char *request)
{
    json_t *v = NULL;
    const char *body = strstr(request, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(json_parse(&v, body + 4, strlen(body + 4), "request"), 0);
    return v;
}

static void requests_are_well_formed(void **state)
{
    (void)state;
    struct loop *loop;
    char *good = raw(200, "", OK_BODY);
    const struct step steps[] = {{good, STEP_KEEP, 0}};
    struct script s;
    assert_int_equal(loop_open(&loop), 0);
    script_start(&s, steps, 1);
    json_t *extra = json_pack("{s:i,s:f}", "seed", 4, "temperature", 1.0);
    struct model *m = open_model(loop, "openai", &s.port, 1, (struct model_settings){0});
    ask_once(loop, m, (struct model_request){.temperature = 0.25, .max_tokens = 9, .draw = 3});
    ask_once(loop, m, (struct model_request){.temperature = -1});
    model_close(m);
    m = open_model(loop, "openai", &s.port, 1,
                   (struct model_settings){.extra = extra,
                                           .api_key_header = "api-key",
                                           .query = "api-version=2024-10-21"});
    ask_once(loop, m, (struct model_request){.temperature = 0});
    assert_non_null(strstr(m->identity, "\"seed\":4"));
    model_close(m);
    json_decref(extra);

    const char *first = s.requests[0];
    assert_true(strncmp(first, "POST /v1/chat/completions HTTP/1.1\r\n", 36) == 0);
    assert_non_null(strstr(first, "\r\nAuthorization: Bearer " KEY "\r\n"));
    assert_non_null(strstr(first, "\r\nX-Grasp-Draw: 3\r\n"));
    json_t *b = body_of(first);
    assert_string_equal(json_str_at(b, "model", ""), "test-model");
    assert_true(json_num_at(b, "temperature", -1) == 0.25);
    assert_int_equal(json_int_at(b, "max_tokens", 0), 9);
    assert_string_equal(json_str_at(b, "messages[0].role", ""), "user");
    assert_string_equal(json_str_at(b, "messages[0].content", ""),
                        "Say \"hi\"\n\xc3\xa9\xef\xbf\xbd");
    json_decref(b);
    b = body_of(s.requests[1]);
    assert_null(json_object_get(b, "temperature"));
    assert_null(json_object_get(b, "max_tokens"));
    assert_non_null(strstr(s.requests[1], "\r\nX-Grasp-Draw: 0\r\n"));
    json_decref(b);
    const char *azure = s.requests[2];
    assert_true(strncmp(azure, "POST /v1/chat/completions?api-version=2024-10-21 HTTP", 52) == 0);
    assert_non_null(strstr(azure, "\r\napi-key: " KEY "\r\n"));
    assert_null(strstr(azure, "Bearer"));
    b = body_of(azure);
    assert_true(json_num_at(b, "temperature", -1) == 1.0);
    assert_int_equal(json_int_at(b, "seed", 0), 4);
    json_decref(b);
    script_stop(&s);
    loop_close(loop);
    free(good);
}

static void max_completion_tokens_is_learnt(void **state)
{
    (void)state;
    struct loop *loop;
    char *picky = raw(400, "",
                      "{\"error\":{\"code\":\"unsupported_parameter\",\"param\":\"max_tokens\","
                      "\"message\":\"Use 'max_completion_tokens' instead.\"}}");
    char *good = raw(200, "", OK_BODY);
    const struct step steps[] = {{picky, STEP_KEEP, 0}, {good, STEP_KEEP, 0}};
    struct script s;
    assert_int_equal(loop_open(&loop), 0);
    script_start(&s, steps, 2);
    struct model *m = open_model(loop, "openai", &s.port, 1, (struct model_settings){0});
    struct got g = ask_once(loop, m, (struct model_request){.max_tokens = 5});
    assert_int_equal(g.result, MODEL_OK);
    json_t *b = body_of(s.requests[1]);
    assert_int_equal(json_int_at(b, "max_completion_tokens", 0), 5);
    assert_null(json_object_get(b, "max_tokens"));
    json_decref(b);
    model_close(m);
    script_stop(&s);
    loop_close(loop);
    free(picky);
    free(good);
}

static void responses_api_is_spoken(void **state)
{
    (void)state;
    struct loop *loop;
    char *failed = raw(200, "",
                       "{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":"
                       "\"x\"},\"output\":[]}");
    char *good = raw(200, "",
                     "{\"status\":\"completed\",\"error\":null,\"output\":[{\"type\":\"reasoning\","
                     "\"summary\":[{\"text\":\"no\"}]},{\"type\":\"message\",\"content\":[{"
                     "\"type\":\"output_text\",\"text\":\"FINISH\"},{\"type\":\"output_text\","
                     "\"text\":\"(1)\"}]}],\"usage\":{\"input_tokens\":50,\"output_tokens\":4,"
                     "\"input_tokens_details\":{\"cached_tokens\":32}}}");
    char *cut = raw(200, "",
                    "{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
                    "\"max_output_tokens\"},\"output\":[]}");
    const struct step steps[] = {{failed, STEP_KEEP, 0}, {good, STEP_KEEP, 0}, {cut, STEP_KEEP, 0}};
    struct script s;
    assert_int_equal(loop_open(&loop), 0);
    script_start(&s, steps, 3);
    struct model *m = open_model(loop, "responses", &s.port, 1, (struct model_settings){0});
    struct got g = ask_once(loop, m, (struct model_request){.temperature = 0, .max_tokens = 7});
    assert_int_equal(g.result, MODEL_OK);
    assert_string_equal(g.text, "<reasoning_content>no</reasoning_content>\nFINISH(1)");
    assert_int_equal(g.usage.prompt_tokens, 50);
    assert_int_equal(g.usage.completion_tokens, 4);
    assert_int_equal(g.usage.cached_tokens, 32);
    g = ask_once(loop, m, (struct model_request){0});
    assert_int_equal(g.result, MODEL_OK);
    assert_string_equal(g.text, "<reply kind=\"cut\" finish=\"max_output_tokens\"/>\n");
    assert_true(strncmp(s.requests[0], "POST /v1/responses HTTP", 23) == 0);
    json_t *b = body_of(s.requests[0]);
    assert_string_equal(json_str_at(b, "input[0].role", ""), "user");
    assert_int_equal(json_int_at(b, "max_output_tokens", 0), 7);
    assert_false(json_bool_at(b, "store", true));
    json_decref(b);
    model_close(m);
    script_stop(&s);
    loop_close(loop);
    free(failed);
    free(good);
    free(cut);
}

static json_t *encoded(const struct wire *wire, const struct chat *chat, int max_tokens)
{
    const struct wire_params p = {.model = "m"};
    const struct model_request rq = {.chat = chat, .temperature = 0, .max_tokens = max_tokens};
    struct buf body = BUF_INIT;
    json_t *v = NULL;
    wire->encode(&p, &rq, &body);
    assert_int_equal(json_parse(&v, body.ptr, body.len, "body"), 0);
    buf_release(&body);
    return v;
}

static void add(struct chat *c, enum chat_role role, const char *text)
{
    assert_int_equal(chat_add(c, role, text, strlen(text)), 0);
}

/* What chat templates of real servers refuse is never sent. */
static void roles_alternate_and_nothing_is_empty(void **state)
{
    (void)state;
    static const struct wire *const wires[] = {&wire_openai, &wire_responses, &wire_anthropic};
    static const char *const keys[] = {"messages", "input", "messages"};
    struct chat c = {0};
    add(&c, CHAT_USER, "skills \"a\"");
    add(&c, CHAT_USER, "task");
    add(&c, CHAT_AGENT, "");
    add(&c, CHAT_USER, "result");
    add(&c, CHAT_AGENT, "GET x");
    add(&c, CHAT_USER, "more");
    for (size_t i = 0; i < 3; i++) {
        json_t *b = encoded(wires[i], &c, 0), *m = json_object_get(b, keys[i]);
        assert_int_equal(json_array_size(m), 3);
        assert_string_equal(json_str_at(json_array_get(m, 0), "content", ""),
                            "skills \"a\"\n\ntask\n\nresult");
        assert_string_equal(json_str_at(json_array_get(m, 1), "role", ""), "assistant");
        assert_string_equal(json_str_at(json_array_get(m, 2), "content", ""), "more");
        json_decref(b);
    }
    chat_release(&c);
}

static void the_messages_api_is_spoken(void **state)
{
    (void)state;
    struct chat c = {0};
    struct buf first = BUF_INIT;
    buf_adds(&first, "{\"phase\":\"task_execution\",\"behavioral_skills\":\"");
    for (int i = 0; i < 500; i++)
        buf_adds(&first, "- a rule\\n");
    size_t shared = first.len + 1;
    buf_adds(&first, "\",\"task\":{\"description\":\"what?\"}}");
    add(&c, CHAT_SYSTEM, "be good");
    add(&c, CHAT_USER, first.ptr);
    add(&c, CHAT_AGENT, "GET x");
    add(&c, CHAT_USER, "result");
    json_t *b = encoded(&wire_anthropic, &c, 0);
    assert_string_equal(json_str_at(b, "system[0].text", ""), "be good");
    assert_int_equal(json_int_at(b, "max_tokens", 0), 8192); /* it has to be there */
    assert_int_equal(json_array_size(json_object_get(b, "messages")), 3);
    /* What all tasks share is marked, and the parts are the whole. */
    const char *one = json_str_at(b, "messages[0].content[0].text", ""),
               *two = json_str_at(b, "messages[0].content[1].text", "");
    assert_int_equal(strlen(one), shared);
    assert_int_equal(strlen(one) + strlen(two), first.len);
    assert_memory_equal(one, first.ptr, shared);
    assert_string_equal(two, first.ptr + shared);
    assert_string_equal(json_str_at(b, "messages[0].content[0].cache_control.type", ""),
                        "ephemeral");
    assert_null(json_at(b, "messages[0].content[1].cache_control"));
    assert_string_equal(json_str_at(b, "messages[2].content", ""), "result");
    json_decref(b);
    b = encoded(&wire_anthropic, &c, 99);
    assert_int_equal(json_int_at(b, "max_tokens", 0), 99);
    json_decref(b);
    chat_release(&c);
    buf_release(&first);

    struct loop *loop;
    char *good =
        raw(200, "",
            "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"fine\"}],"
            "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}");
    const struct step steps[] = {{good, STEP_KEEP, 0}};
    struct script s;
    assert_int_equal(loop_open(&loop), 0);
    script_start(&s, steps, 1);
    struct model *m =
        open_model(loop, "anthropic", &s.port, 1, (struct model_settings){.stream = true});
    struct got g = ask_once(loop, m, (struct model_request){.temperature = -1});
    assert_string_equal(g.text, "fine");
    assert_true(strncmp(s.requests[0], "POST /v1/messages HTTP", 22) == 0);
    assert_non_null(strstr(s.requests[0], "\r\nx-api-key: " KEY "\r\n"));
    assert_non_null(strstr(s.requests[0], "\r\nanthropic-version: "));
    assert_non_null(strstr(s.requests[0], "\"stream\":true"));
    model_close(m);
    script_stop(&s);
    loop_close(loop);
    free(good);
}

static void other_endpoints_take_over(void **state)
{
    (void)state;
    struct loop *loop;
    char *good = raw(200, "", OK_BODY), *bad = raw(500, "", ""), *denied = raw(401, "", "");
    const struct step up[] = {{good, STEP_KEEP, 0}}, down[] = {{bad, STEP_KEEP, 0}},
                      no[] = {{denied, STEP_KEEP, 0}};
    struct script s[3];
    assert_int_equal(loop_open(&loop), 0);
    script_start(&s[0], down, 1);
    script_start(&s[1], up, 1);
    script_start(&s[2], no, 1);
    int ports[3] = {s[0].port, s[1].port, s[2].port};
    struct chat c = {0};
    chat_add(&c, CHAT_USER, "x", 1);
    /* The back-off is long: who is down may not hold up the others. */
    struct model *m = open_model(loop, "openai", ports, 3, (struct model_settings){.backoff_s = 5});
    struct got g[60] = {0};
    struct model_request rq = {.chat = &c};
    int64_t start = clock_mono();
    for (int i = 0; i < 60; i++)
        assert_int_equal(model_ask(m, &rq, on_reply, &g[i]), 0);
    for (int done = 0; done < 60;) {
        assert_true(loop_turn(loop, -1) >= 0);
        done = 0;
        for (int i = 0; i < 60; i++)
            done += g[i].n;
    }
    for (int i = 0; i < 60; i++)
        assert_int_equal(g[i].result, MODEL_OK);
    assert_true(clock_mono() - start < 2 * NS_PER_SEC);
    assert_true(s[1].n_requests >= 60);
    assert_in_range(s[2].n_requests, 1, 59); /* until its first answer */
    size_t denied_before = s[2].n_requests;
    ask_once(loop, m, rq);
    assert_int_equal(s[2].n_requests, denied_before);
    model_close(m);
    /* All of them say no. */
    m = open_model(loop, "openai", &ports[2], 1, (struct model_settings){0});
    struct got one = ask_once(loop, m, rq);
    assert_int_equal(one.result, MODEL_FATAL);
    model_close(m);
    chat_release(&c);
    for (int i = 0; i < 3; i++)
        script_stop(&s[i]);
    loop_close(loop);
    free(good);
    free(bad);
    free(denied);
}

static void settings_are_checked(void **state)
{
    (void)state;
    struct loop *loop;
    struct model *m;
    static const struct {
        const char *base, *key, *model, *says;
    } cases[] = {{"ftp://x/v1", NULL, "m", "http://"},
                 {"https://user@x/v1", NULL, "m", "user"},
                 {"https://x /v1", NULL, "m", "blanks"},
                 {"", NULL, "m", "http://"},
                 {"https://x/v1", "a b-very-secret", "m", "API key"},
                 {"https://x/v1", "line\nbreak", "m", "API key"},
                 {"https://x/v1", NULL, "", "name"}};
    assert_int_equal(loop_open(&loop), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct model_endpoint e = {cases[i].base, cases[i].key};
        struct model_settings s = {
            .kind = "openai", .model = cases[i].model, .endpoints = &e, .n_endpoints = 1};
        assert_int_equal(model_open(&m, loop, &s), GRASP_EINVAL);
        assert_non_null(strstr(err_msg(), cases[i].says));
        assert_null(strstr(err_msg(), "very-secret"));
        assert_null(m);
    }
    struct model_settings none = {.kind = "openai", .model = "m"};
    assert_int_equal(model_open(&m, loop, &none), GRASP_EINVAL);
    loop_close(loop);
}

/* One key for the turns of a conversation, another for another; of the writer one a phase. */
static void a_cache_key_is_the_conversations(void **state)
{
    (void)state;
    const struct wire *const wires[] = {&wire_openai, &wire_responses};
    struct chat chats[3] = {{0}};
    chat_add(&chats[0], CHAT_USER, "one", 3);
    chat_add(&chats[1], CHAT_USER, "one", 3);
    chat_add(&chats[1], CHAT_AGENT, "GET x", 5);
    chat_add(&chats[2], CHAT_USER, "two", 3);
    for (size_t w = 0; w < 2; w++) {
        char keys[5][40] = {{0}};
        for (size_t i = 0; i < 5; i++) {
            struct wire_params p = {.model = "m", .cache_key = true};
            struct model_request rq = {.chat = &chats[i % 3],
                                       .temperature = -1,
                                       .draw = (int64_t)i,
                                       .phase = i < 3 ? PHASE_ROLLOUT_DEV : PHASE_PROPOSE};
            struct buf body = BUF_INIT;
            json_t *v;
            wires[w]->encode(&p, &rq, &body);
            works(json_parse(&v, body.ptr, body.len, "body"));
            snprintf(keys[i], sizeof(keys[i]), "%s", json_str_at(v, "prompt_cache_key", ""));
            assert_true(str_starts(keys[i], "grasp-"));
            json_decref(v);
            buf_reset(&body);
            p.cache_key = false;
            wires[w]->encode(&p, &rq, &body);
            assert_null(strstr(body.ptr, "prompt_cache_key"));
            buf_release(&body);
        }
        assert_string_equal(keys[0], keys[1]);
        assert_string_not_equal(keys[0], keys[2]);
        assert_string_equal(keys[3], keys[4]);
    }
    for (size_t i = 0; i < 3; i++)
        chat_release(&chats[i]);
}

/* A conversation stays where its beginning is cached, but not at the price of one endpoint's doing what
 * others could. */
static void a_pool_has_homes(void **state)
{
    (void)state;
    struct pool p;
    int64_t when, now = NS_PER_SEC;
    int at_home = 0;
    works(pool_init(&p, 4, 64));
    for (size_t k = 0; k < p.n; k++)
        p.v[k].proven = true;
    for (int i = 0; i < 100; i++) {
        p.home = i * 7 % 4;
        int k = pool_pick(&p, now, -1, &when);
        at_home += k == p.home;
        pool_begin(&p, k);
    }
    assert_true(at_home > 90);
    for (int i = 0; i < 100; i++) { /* all at home in one place */
        p.home = 2;
        pool_begin(&p, pool_pick(&p, now, -1, &when));
    }
    for (size_t k = 0; k < p.n; k++)
        assert_in_range(p.v[k].in_flight, 40, 64);
    p.v[2].dead = true;
    assert_int_not_equal(pool_pick(&p, now, -1, &when), 2);
    pool_release(&p);
}

static void pool_windows_follow_the_endpoint(void **state)
{
    (void)state;
    struct pool p;
    int64_t when, now = NS_PER_SEC;
    assert_int_equal(pool_init(&p, 2, 64), 0);
    for (size_t k = 0; k < p.n; k++)
        p.v[k].proven = true; /* it has answered before: no careful beginning */
    /* Least loaded: calls alternate. */
    for (int i = 0; i < 10; i++)
        pool_begin(&p, pool_pick(&p, now, -1, &when));
    assert_int_equal(p.v[0].in_flight, 5);
    assert_int_equal(p.v[1].in_flight, 5);
    assert_int_equal(pool_pick(&p, now, 1, &when), 0);
    for (int i = 0; i < 5; i++) {
        pool_end(&p, 0, POOL_OK, now, now + 100, -1);
        pool_end(&p, 1, POOL_FINISHED, now, now + 100, -1);
    }
    /* A burst of 429s halves once, not once per answer. */
    now += 1000;
    for (int i = 0; i < 40; i++)
        pool_begin(&p, 0);
    for (int i = 0; i < 40; i++)
        pool_end(&p, 0, POOL_LIMITED, now, now + 100 + i, -1);
    assert_true(p.v[0].window == 20); /* half of what was in flight */
    assert_true(p.v[1].window == 64);
    /* One 429 among twenty is tolerated, and the window grows. */
    double before = p.v[0].window;
    for (int round = 0; round < 3; round++, now += 1000) {
        for (int i = 0; i < 20; i++)
            pool_begin(&p, 0);
        for (int i = 0; i < 20; i++)
            pool_end(&p, 0, i == 3 ? POOL_LIMITED : POOL_OK, now, now + 100, -1);
        if (round > 0) /* the first makes up for what was in flight before */
            assert_true(p.v[0].window > before);
        before = p.v[0].window;
    }
    /* Latency that doubles stops growth. */
    for (int round = 0; round < 20; round++, now += 10000) {
        for (int i = 0; i < 20; i++)
            pool_begin(&p, 0);
        for (int i = 0; i < 20; i++)
            pool_end(&p, 0, POOL_OK, now, now + 1000, -1);
        if (round == 2)
            before = p.v[0].window;
    }
    assert_true(p.v[0].window == before);
    assert_true(before < 64);
    /* Never below the smallest window, however hard it is hit. */
    for (int i = 0; i < 200; i++) {
        now += 1000;
        pool_begin(&p, 0);
        pool_end(&p, 0, POOL_LIMITED, now, now + 1, -1);
        now += 1000;
    }
    assert_true(p.v[0].window == 2);
    /* Retry-After keeps it out until then; the other one is used. */
    pool_begin(&p, 0);
    pool_end(&p, 0, POOL_LIMITED, now, now, 5 * NS_PER_SEC);
    for (int i = 0; i < 64; i++) {
        int k = pool_pick(&p, now, -1, &when);
        assert_int_equal(k, 1);
        pool_begin(&p, k);
    }
    assert_int_equal(pool_pick(&p, now, -1, &when), -1);
    assert_true(when == now + 5 * NS_PER_SEC);
    assert_int_equal(pool_pick(&p, when, -1, &when), 0);
    p.v[0].dead = true;
    assert_int_equal(pool_pick(&p, now + 6 * NS_PER_SEC, -1, &when), -1);
    assert_true(when == INT64_MAX);
    assert_false(pool_all_dead(&p));
    p.v[1].dead = true;
    assert_true(pool_all_dead(&p));
    pool_release(&p);
}

/* Rounds of a window's worth of calls against an endpoint that takes `capacity` at a time and
 * refuses `random` of the rest out of mere mood; the share of 429s in the last rounds. */
static double settle(struct pool *p, int capacity, double random)
{
    int64_t now = NS_PER_SEC, when;
    int answers = 0, limited = 0;
    unsigned r = 1;
    for (int round = 0; round < 400; round++, now += 200 * NS_PER_MS) {
        int n = 0;
        while (n < 500 && pool_pick(p, now, -1, &when) == 0) {
            pool_begin(p, 0);
            n++;
        }
        for (int i = 0; i < n; i++) {
            r = r * 1103515245u + 12345u;
            bool no = i >= capacity || (double)(r >> 8) / (1 << 24) < random;
            pool_end(p, 0, no ? POOL_LIMITED : POOL_OK, now, now + 100 * NS_PER_MS, -1);
            answers += round >= 300 && !no;
            limited += round >= 300 && no;
        }
    }
    return (double)limited / (answers + limited);
}

/* A server that takes `most` requests at once and `rate` a second, against 64 that want in; in
 * virtual time. Returns when the last of `calls` was answered. */
static int64_t play_bucket(struct pool *p, bool tells, int calls, double most, double rate,
                           int *refused)
{
    enum { AT_A_TIME = 64, LATENCY_MS = 40 };
    int64_t due[AT_A_TIME], when;
    bool good[AT_A_TIME], busy[AT_A_TIME] = {false};
    double level = most;
    int done = 0, flying = 0;
    *refused = 0;
    for (int64_t ms = 0; ms < 3600000; ms++) {
        int64_t now = ms * NS_PER_MS + NS_PER_SEC;
        level = level + rate / 1000 < most ? level + rate / 1000 : most;
        for (int k = 0; k < AT_A_TIME; k++) {
            if (!busy[k] || due[k] > ms)
                continue;
            busy[k] = false;
            flying--;
            done += good[k];
            *refused += !good[k];
            pool_end(p, 0, good[k] ? POOL_OK : POOL_LIMITED, now - LATENCY_MS * NS_PER_MS, now, -1);
            if (tells)
                pool_told(p, 0, now, (int64_t)level, (int64_t)most,
                          (int64_t)((most - level) / rate * 1e9));
            if (done == calls)
                return now - NS_PER_SEC;
        }
        for (int k = 0; k < AT_A_TIME && done + flying < calls; k++) {
            if (busy[k] || pool_pick(p, now, -1, &when) < 0)
                continue;
            pool_begin(p, 0);
            pool_spend(p, 0, now, true, 100);
            busy[k] = true;
            good[k] = level >= 1;
            level -= good[k];
            due[k] = ms + LATENCY_MS;
            flying++;
        }
    }
    fail_msg("the calls never ended");
    return 0;
}

static void pool_keeps_to_limits(void **state)
{
    (void)state;
    struct pool p;
    int refused;
    /* Told: 8 at once and 8 a second; 88 of 96 calls have to wait for 11 s. */
    assert_int_equal(pool_init(&p, 1, 4096), 0);
    int64_t ns = play_bucket(&p, true, 96, 8, 8, &refused);
    assert_true(ns <= 12100 * NS_PER_MS);
    assert_in_range(refused, 0, 19);
    pool_release(&p);
    /* Not told: it is found out by refusals. */
    assert_int_equal(pool_init(&p, 1, 4096), 0);
    ns = play_bucket(&p, false, 96, 8, 8, &refused);
    assert_true(ns <= 14300 * NS_PER_MS);
    pool_release(&p);
    /* Configured: as many a minute, none refused. */
    assert_int_equal(pool_init(&p, 1, 4096), 0);
    pool_pace(&p, 480, 0);
    ns = play_bucket(&p, false, 96, 8, 8, &refused);
    assert_true(ns <= 12100 * NS_PER_MS);
    assert_int_equal(refused, 0);
    pool_release(&p);
    /* Tokens: 100 a call, 30,000 a minute are five calls a second. */
    assert_int_equal(pool_init(&p, 1, 4096), 0);
    pool_pace(&p, 0, 30000);
    ns = play_bucket(&p, false, 96, 1000, 1000, &refused);
    assert_in_range(ns / NS_PER_MS, 17000, 20000);
    pool_release(&p);
    /* Less than one a second. */
    assert_int_equal(pool_init(&p, 1, 4096), 0);
    pool_pace(&p, 6, 0);
    ns = play_bucket(&p, false, 4, 1000, 1000, &refused);
    assert_in_range(ns / NS_PER_MS, 30000, 30200);
    pool_release(&p);
}

/* An endpoint that is slow to answer, and refuses nothing, is not waited for. */
static void pool_opens_soon(void **state)
{
    (void)state;
    enum { WANTED = 1000 };
    struct pool p;
    int64_t when, now = NS_PER_SEC;
    size_t begun = 0;
    assert_int_equal(pool_init(&p, 1, WANTED), 0);
    for (; pool_pick(&p, now, -1, &when) == 0; begun++)
        pool_begin(&p, 0);
    assert_in_range(begun, 8, 20); /* a bucket of 8 refuses few of them */
    assert_in_range(when - now, 1, 100 * NS_PER_MS);
    for (now = when; pool_pick(&p, now, -1, &when) == 0; begun++)
        pool_begin(&p, 0);
    assert_int_equal(begun, WANTED);
    pool_release(&p);
    /* One that refuses the first is, until it has answered. */
    assert_int_equal(pool_init(&p, 1, WANTED), 0);
    now = NS_PER_SEC;
    for (begun = 0; pool_pick(&p, now, -1, &when) == 0; begun++)
        pool_begin(&p, 0);
    pool_end(&p, 0, POOL_LIMITED, now, now + NS_PER_MS, -1);
    for (now = when; pool_pick(&p, now, -1, &when) == 0; begun++)
        pool_begin(&p, 0);
    assert_in_range(begun, 8, 21);
    pool_end(&p, 0, POOL_OK, now, now + NS_PER_SEC, -1);
    for (now += NS_PER_SEC; pool_pick(&p, now, -1, &when) == 0; begun++)
        pool_begin(&p, 0);
    assert_in_range(begun, 500, WANTED + 2);
    pool_release(&p);
}

static void pool_windows_settle(void **state)
{
    (void)state;
    static const int capacities[] = {3, 20, 150};
    struct pool p;
    for (size_t i = 0; i < 3; i++) { /* about what it can take, with few refusals */
        int c = capacities[i];
        assert_int_equal(pool_init(&p, 1, 4096), 0);
        for (size_t k = 0; k < p.n; k++)
            p.v[k].proven = true; /* it has answered before: no careful beginning */
        double share = settle(&p, c, 0);
        if (p.v[0].window < c / 2.0 || p.v[0].window > c * 2.0 + 6 || share > 0.3)
            print_error("capacity %d: window %f, %f refused\n", c, p.v[0].window, share);
        assert_true(p.v[0].window >= c / 2.0 && p.v[0].window <= c * 2.0 + 6);
        assert_true(share < 0.3);
        pool_release(&p);
    }
    static const double moods[] = {0.03, 0.2, 0.35};
    for (size_t i = 0; i < 3; i++) { /* refusals that have nothing to do with us */
        assert_int_equal(pool_init(&p, 1, 4096), 0);
        for (size_t k = 0; k < p.n; k++)
            p.v[k].proven = true; /* it has answered before: no careful beginning */
        settle(&p, 500, moods[i]);
        if (p.v[0].window < 100)
            print_error("mood %f: window %f\n", moods[i], p.v[0].window);
        assert_true(p.v[0].window >= 100);
        pool_release(&p);
    }
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(what_is_final_is_not_repeated),
        cmocka_unit_test(a_nul_in_a_reply_is_kept),
        cmocka_unit_test(outages_end_and_are_counted),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(requests_are_well_formed),
        cmocka_unit_test(max_completion_tokens_is_learnt),
        cmocka_unit_test(responses_api_is_spoken),
        cmocka_unit_test(roles_alternate_and_nothing_is_empty),
        cmocka_unit_test(the_messages_api_is_spoken),
        cmocka_unit_test(other_endpoints_take_over),
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test(a_cache_key_is_the_conversations),
        cmocka_unit_test(a_pool_has_homes),
        cmocka_unit_test(pool_windows_follow_the_endpoint),
        cmocka_unit_test(pool_opens_soon),
        cmocka_unit_test(pool_windows_settle),
        cmocka_unit_test(pool_keeps_to_limits),
    };
    return cmocka_run_group_tests_name("model_openai", tests, NULL, NULL);
}
