/* wire.c - what the HTTP dialects of chat models have in common. */
#include "runtime/model/wire.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/base/duration.h"
#include "runtime/model/sse.h"

#define BODY_STEP ((size_t)16 << 10)

void wire_reply_init(struct wire_reply *r)
{
    *r = (struct wire_reply){.kind = WIRE_BROKEN, .retry_after = -1};
    buf_init(&r->text);
    buf_init(&r->reasoning);
}

void wire_reply_release(struct wire_reply *r)
{
    buf_release(&r->text);
    buf_release(&r->reasoning);
}

void wire_why(struct wire_reply *out, const char *text)
{
    size_t len = strlen(text), n = 0;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t taken = utf8_decode(text + i, len - i, &cp);
        bool odd = cp < 0x20 || cp == 0x7f || cp == 0xfffd;
        if (n + (odd ? 1 : taken) >= sizeof(out->why))
            break;
        if (odd)
            out->why[n] = cp == 0xfffd ? '?' : ' ';
        else
            memcpy(out->why + n, text + i, taken);
        n += odd ? 1 : taken;
        i += taken;
    }
    out->why[n] = '\0';
    log_redact(out->why);
}

/* ---- reading ---- */

static bool hex4(const char *s, size_t len, unsigned *v)
{
    if (len < 6 || s[0] != '\\' || s[1] != 'u')
        return false;
    *v = 0;
    for (int i = 2; i < 6; i++) {
        char c = ascii_lower(s[i]);
        if (!ascii_isdigit(c) && (c < 'a' || c > 'f'))
            return false;
        *v = *v * 16 + (unsigned)(ascii_isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    return true;
}

/* Makes bytes parse that jansson refuses: invalid UTF-8, \u escapes of half a surrogate pair, raw
 * control characters in strings, and the NaN and Infinity that Python's json writes. */
static void repair(const char *s, size_t len, struct buf *out)
{
    static const char *const numbers[] = {"NaN", "-Infinity", "Infinity"};
    bool string = false;
    for (size_t i = 0; i < len;) {
        unsigned high, low;
        size_t taken = 0;
        for (size_t k = 0; !string && !taken && k < sizeof(numbers) / sizeof(*numbers); k++)
            if (len - i >= strlen(numbers[k]) && memcmp(s + i, numbers[k], strlen(numbers[k])) == 0)
                taken = strlen(numbers[k]);
        if (taken) {
            buf_adds(out, "null");
            i += taken;
        } else if (string && s[i] == '\\' && hex4(s + i, len - i, &high)) {
            bool pair = high >= 0xd800 && high < 0xdc00 && hex4(s + i + 6, len - i - 6, &low) &&
                        low >= 0xdc00 && low < 0xe000;
            size_t n = pair ? 12 : 6;
            if (!pair && high >= 0xd800 && high < 0xe000)
                buf_adds(out, "\\ufffd");
            else
                buf_add(out, s + i, n);
            i += n;
        } else if (string && s[i] == '\\' && i + 1 < len) {
            buf_add(out, s + i, 2);
            i += 2;
        } else if (string && (unsigned char)s[i] < 0x20) {
            buf_addf(out, "\\u%04x", (unsigned)s[i++]);
        } else {
            uint32_t cp;
            size_t n = utf8_decode(s + i, len - i, &cp);
            string ^= s[i] == '"';
            if (cp == 0xfffd)
                buf_adds(out, "\xef\xbf\xbd");
            else
                buf_add(out, s + i, n);
            i += n;
        }
    }
}

static json_t *parse_mended(const char *body, size_t len, json_error_t *error)
{
    json_t *root = json_loadb(body, len, JSON_ALLOW_NUL, error);
    if (!root) {
        struct buf fixed = BUF_INIT;
        repair(body, len, &fixed);
        if (!fixed.failed)
            root = json_loadb(fixed.ptr, fixed.len, JSON_ALLOW_NUL, error);
        buf_release(&fixed);
    }
    return root;
}

static json_t *parse_event(const char *data, size_t len)
{
    json_error_t error;
    return parse_mended(data, len, &error);
}

json_t *wire_parse(const char *body, size_t len, struct wire_reply *out)
{
    json_error_t error;
    json_t *root;
    size_t start = 0;
    out->kind = WIRE_BROKEN;
    if (len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        body += 3, len -= 3;
    while (start < len && ascii_isspace(body[start]))
        start++;
    if (start == len) {
        wire_why(out, "the reply is empty");
        return NULL;
    }
    if (body[start] == '<') {
        wire_why(out, "the reply is HTML or XML, not JSON");
        return NULL;
    }
    if (body[start] != '{' && sse_is(body, len)) {
        const char *why;
        if (!(root = sse_assemble(body, len, parse_event, &why)))
            wire_why(out, why);
        return root;
    }
    root = parse_mended(body, len, &error);
    if (!root) {
        char why[sizeof(error.text) + 64];
        snprintf(why, sizeof(why), "the reply is no whole JSON text: %s", error.text);
        wire_why(out, why);
    }
    return root;
}

static void copy_code(char *out, size_t size, const json_t *v)
{
    if (json_is_string(v))
        snprintf(out, size, "%s", json_string_value(v));
    else if (json_is_integer(v))
        snprintf(out, size, "%lld", (long long)json_integer_value(v));
}

/* How long an error asks to wait: Gemini's details[].retryDelay ("34s"), or "try again in 7m12s". */
static double read_delay(const json_t *error, const char *message)
{
    size_t i;
    const json_t *detail;
    double v;
    json_array_foreach (json_object_get(error, "details"), i, detail) {
        const char *s = json_str_at(detail, "retryDelay", NULL);
        if (s && duration_read(s, strlen(s), &v))
            return v;
    }
    static const char *const words[] = {"try again in ", "retry in ", "retry after "};
    for (size_t k = 0; message && k < sizeof(words) / sizeof(*words); k++) {
        const char *s = str_casestr(message, words[k]);
        s = s ? s + strlen(words[k]) : NULL;
        if (s && duration_read(s, strcspn(s, " ,;)\n"), &v))
            return v;
    }
    return json_num_at(error, "metadata.retry_after_seconds", -1);
}

/* OpenRouter's moderation names its reasons. */
static bool is_flagged(const json_t *error)
{
    return json_array_size(json_at(error, "metadata.reasons")) > 0 ||
           json_at(error, "metadata.flagged_input") ||
           json_object_get(error, "content_filter_result") ||
           json_at(error, "innererror.content_filter_result");
}

bool wire_read_error(const json_t *root, struct wire_reply *out)
{
    const json_t *error;
    const char *message = NULL;
    if (json_is_array(root)) /* Gemini's OpenAI-compatible endpoint */
        root = json_array_get(root, 0);
    error = json_object_get(root, "error");
    if (json_is_null(error))
        error = NULL;
    if (json_is_object(error)) {
        message = json_string_value(json_object_get(error, "message"));
        copy_code(out->code, sizeof(out->code), json_object_get(error, "type"));
        copy_code(out->code, sizeof(out->code), json_object_get(error, "code"));
        copy_code(out->param, sizeof(out->param), json_object_get(error, "param"));
        out->flagged = is_flagged(error);
    } else if (json_is_string(error)) {
        message = json_string_value(error);
    } else if (!error && !json_object_get(root, "choices") && !json_object_get(root, "output")) {
        /* vLLM: {"object":"error","message"}; FastAPI: {"detail"}; others: {"message"} */
        message = json_str_at(root, "message", json_str_at(root, "detail", NULL));
        copy_code(out->code, sizeof(out->code), json_object_get(root, "__type")); /* AWS */
        copy_code(out->code, sizeof(out->code), json_object_get(root, "error_code"));
        copy_code(out->code, sizeof(out->code), json_object_get(root, "code"));
    }
    if (!error && !message)
        return false;
    out->kind = WIRE_ERROR;
    out->retry_after = read_delay(error, message);
    wire_why(out, message ? message : *out->code ? out->code : "an error without a message");
    return true;
}

static int64_t count_of(const json_t *usage, const char *path)
{
    double v = json_num_at(usage, path, 0);
    return v > 0 && v < 1e15 ? (int64_t)v : 0;
}

static int64_t first_count(const json_t *usage, const char *const *paths, size_t n)
{
    int64_t v = 0;
    for (size_t i = 0; i < n && !v; i++)
        v = count_of(usage, paths[i]);
    return v;
}

void wire_read_usage(const json_t *usage, bool apart, struct model_usage *out)
{
    static const char *const prompt[] = {"prompt_tokens", "input_tokens"},
                             *const completion[] = {"completion_tokens", "output_tokens"},
                             *const cached[] = {"prompt_tokens_details.cached_tokens",
                                                "input_tokens_details.cached_tokens",
                                                "prompt_cache_hit_tokens", /* DeepSeek */
                                                "cache_read_input_tokens", /* Anthropic */
                                                "cached_tokens",           /* Moonshot */
                                                "num_cached_tokens"},
                             *const written[] = {"cache_creation_input_tokens",
                                                 "prompt_tokens_details.cache_write_tokens",
                                                 "prompt_tokens_details.cache_creation_tokens"},
                             *const thought[] = {"completion_tokens_details.reasoning_tokens",
                                                 "output_tokens_details.reasoning_tokens"};
    int64_t total = count_of(usage, "total_tokens");
    int64_t reasoning = first_count(usage, thought, 2);
    double cost = json_num_at(usage, "cost", 0);
    *out = (struct model_usage){
        .prompt_tokens = first_count(usage, prompt, 2),
        .completion_tokens = first_count(usage, completion, 2),
        .cached_tokens = first_count(usage, cached, sizeof(cached) / sizeof(*cached)),
        .cache_write_tokens = first_count(usage, written, sizeof(written) / sizeof(*written)),
        .cost = cost > 0 && cost < 1e9 ? cost : 0,
    };
    if (apart || out->cached_tokens > out->prompt_tokens)
        out->prompt_tokens += out->cached_tokens + out->cache_write_tokens;
    /* xAI's and Gemini's completion_tokens are without the thinking, which is paid for as well. */
    if (total > out->prompt_tokens + out->completion_tokens && out->prompt_tokens)
        out->completion_tokens = total - out->prompt_tokens;
    else if (!total && reasoning > out->completion_tokens)
        out->completion_tokens += reasoning;
}

void wire_conclude(struct wire_reply *out, const char *finish, bool refused, bool acted)
{
    /* The server stopped it, not the model: half an answer is none. */
    static const char *const cut[] = {
        "abort",         "aborted",           "error",
        "cancelled",     "canceled",          "insufficient_system_resource",
        "network_error", "unknown",           "load",
        "server_error",  "MALFORMED_RESPONSE"};
    /* A filter stopped it: what is there of the text is not what the model meant to say. */
    static const char *const filtered[] = {
        "content_filter",       "content_filtered", "safety", "recitation",
        "prohibited_content",   "blocklist",        "spii",   "sensitive",
        "guardrail_intervened", "refusal"};
    static const char *const full[] = {"length", "max_tokens", "max_output_tokens", "model_length"};
    bool is_full = false;
    snprintf(out->finish, sizeof(out->finish), "%s", finish);
    for (size_t i = 0; i < sizeof(cut) / sizeof(*cut); i++)
        if (str_caseeq(finish, cut[i])) {
            char why[96];
            snprintf(why, sizeof(why), "the server cut the answer (finish_reason %.32s)", finish);
            out->kind = WIRE_BROKEN;
            wire_why(out, why);
            return;
        }
    for (size_t i = 0; i < sizeof(filtered) / sizeof(*filtered); i++)
        if (str_caseeq(finish, filtered[i])) {
            buf_reset(&out->text);
            refused = true;
        }
    for (size_t i = 0; i < sizeof(full) / sizeof(*full); i++)
        is_full |= str_caseeq(finish, full[i]);
    struct said said = {.len = 0};
    if (out->text.len)
        said_split(out->text.ptr, out->text.len, false, &said);
    out->said = refused ? SAID_REFUSED : said.len ? SAID_TEXT : is_full ? SAID_CUT : SAID_EMPTY;
    /* Silence with a reason (all tokens spent on thinking, filtered, a tool call) is final. */
    out->kind = out->said == SAID_EMPTY && !acted ? WIRE_EMPTY : WIRE_TEXT;
}

/* What vendors say, in lower case; their codes and their sentences. */
bool wire_is_context_limit(const struct wire_reply *r)
{
    static const char *const codes[] = {"context_length_exceeded", "exceed_context_size_error",
                                        "model_max_prompt_tokens_exceeded", "tokens_limit_reached",
                                        "string_above_max_length"};
    static const char *const words[] = {
        "context length",        "context window",
        "context size",          "context_length",
        "prompt is too long",    "input is too long",
        "too many input tokens", "exceeds the maximum number of tokens",
        "reduce the length",     "maximum prompt length",
        "max_prompt_tokens",     "input length and `max_tokens` exceed",
        "maximum input length",  "too many tokens in the prompt",
        "maximum allowed input", "exceeds the model's maximum",
        "maximum model length",  "too many tokens: size limit",
        "max_model_len",         "request too large",
        "context_window",        "longer than the model",
    };
    /* These say it only where they are about tokens. */
    static const char *const of_tokens[] = {
        "must have less than", "exceeds the limit", "limit exceeded",      "exceed the",
        "maximum sequence",    "tokens exceeds",    "reduce your message", "is longer than"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (str_caseeq(r->code, codes[i]))
            return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (str_casestr(r->why, words[i]))
            return true;
    for (size_t i = 0; i < sizeof(of_tokens) / sizeof(*of_tokens); i++)
        if (str_casestr(r->why, of_tokens[i]) && str_casestr(r->why, "token") &&
            !str_casestr(r->why, "rate limit") && !str_casestr(r->why, "quota"))
            return true;
    return false;
}

/* ---- writing ---- */

void wire_add_string(struct buf *body, const char *text, size_t len)
{
    buf_add_json_string(body, text, len);
}

void wire_add_messages(struct buf *body, const struct chat *chat)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    size_t bytes = 0;
    int last = -1;
    for (size_t i = 0; i < chat->n; i++)
        bytes += chat->v[i].len + chat->v[i].len / 8 + 64;
    /* Once, rather than by doubling; in steps, so that what one call frees fits the next, longer
     * one. */
    buf_grow(body, (bytes + 1024) / BODY_STEP * BODY_STEP + BODY_STEP - 64);
    buf_addch(body, '[');
    for (size_t i = 0; i < chat->n; i++) {
        const struct message *m = &chat->v[i];
        if (!m->len && chat->n > 1)
            continue;
        if (m->role == (enum chat_role)last) {
            buf_truncate(body, body->len - 2); /* "} */
            buf_adds(body, "\\n\\n");
            buf_add_json(body, m->text, m->len, false);
            buf_adds(body, "\"}");
            continue;
        }
        buf_adds(body, last >= 0 ? ",{\"role\":\"" : "{\"role\":\"");
        buf_adds(body, roles[m->role]);
        buf_adds(body, "\",\"content\":");
        wire_add_string(body, m->text, m->len);
        buf_addch(body, '}');
        last = (int)m->role;
    }
    buf_addch(body, ']');
}

void wire_add_extra(struct buf *body, const json_t *extra)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)extra, key, value) {
        buf_addch(body, ',');
        wire_add_string(body, key, strlen(key));
        buf_addch(body, ':');
        buf_add_json_value(body, value);
    }
}

uint64_t wire_beginning(const struct model_request *rq)
{
    const struct message *first = rq->chat->v;
    if (rq->phase >= PHASE_CLASSIFY || !rq->chat->n)
        return (uint64_t)rq->phase;
    return XXH3_64bits(first->text, first->len);
}

void wire_add_cache_key(struct buf *body, const struct wire_params *p,
                        const struct model_request *rq)
{
    if (p->cache_key && !json_object_get(p->extra, "prompt_cache_key"))
        buf_addf(body, ",\"prompt_cache_key\":\"grasp-%016llx\"",
                 (unsigned long long)wire_beginning(rq));
}

void wire_add_temperature(struct buf *body, const struct wire_params *p, double temperature)
{
    if (temperature < 0 || json_object_get(p->extra, "temperature"))
        return;
    json_t *v = json_real(temperature);
    buf_adds(body, ",\"temperature\":");
    buf_add_json_value(body, v);
    json_decref(v);
}
