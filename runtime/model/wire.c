/* wire.c - what the HTTP dialects of chat models have in common. */
#include "runtime/model/wire.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define BODY_STEP ((size_t)16 << 10)

void wire_reply_init(struct wire_reply *r)
{
    *r = (struct wire_reply){.kind = WIRE_BROKEN};
    buf_init(&r->text);
}

void wire_reply_release(struct wire_reply *r)
{
    buf_release(&r->text);
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

/* Makes bytes parse that jansson refuses: invalid UTF-8, \u escapes of half a surrogate pair. */
static void repair(const char *s, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len;) {
        unsigned high, low;
        if (s[i] == '\\' && hex4(s + i, len - i, &high)) {
            bool pair = high >= 0xd800 && high < 0xdc00 && hex4(s + i + 6, len - i - 6, &low) &&
                        low >= 0xdc00 && low < 0xe000;
            size_t n = pair ? 12 : 6;
            if (!pair && high >= 0xd800 && high < 0xe000)
                buf_adds(out, "\\ufffd");
            else
                buf_add(out, s + i, n);
            i += n;
        } else if (s[i] == '\\' && i + 1 < len) {
            buf_add(out, s + i, 2);
            i += 2;
        } else {
            uint32_t cp;
            size_t n = utf8_decode(s + i, len - i, &cp);
            if (cp == 0xfffd)
                buf_adds(out, "\xef\xbf\xbd");
            else
                buf_add(out, s + i, n);
            i += n;
        }
    }
}

json_t *wire_parse(const char *body, size_t len, struct wire_reply *out)
{
    json_error_t error;
    size_t start = 0;
    out->kind = WIRE_BROKEN;
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
    json_t *root = json_loadb(body, len, JSON_ALLOW_NUL, &error);
    if (!root) {
        struct buf fixed = BUF_INIT;
        repair(body, len, &fixed);
        if (!fixed.failed)
            root = json_loadb(fixed.ptr, fixed.len, JSON_ALLOW_NUL, &error);
        buf_release(&fixed);
    }
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
    } else if (json_is_string(error)) {
        message = json_string_value(error);
    } else if (!error && !json_object_get(root, "choices") && !json_object_get(root, "output")) {
        /* vLLM: {"object":"error","message"}; FastAPI: {"detail"}; others: {"message"} */
        message = json_str_at(root, "message", json_str_at(root, "detail", NULL));
        copy_code(out->code, sizeof(out->code), json_object_get(root, "code"));
    }
    if (!error && !message)
        return false;
    out->kind = WIRE_ERROR;
    wire_why(out, message ? message : *out->code ? out->code : "an error without a message");
    return true;
}

static void add_text(struct buf *text, const json_t *s)
{
    size_t len = json_string_length(s), room = WIRE_MAX_TEXT - text->len;
    buf_add(text, json_string_value(s), utf8_cut(json_string_value(s), len, room));
}

void wire_add_content(const json_t *content, struct buf *text)
{
    size_t i;
    const json_t *part;
    if (json_is_string(content))
        add_text(text, content);
    json_array_foreach (content, i, part) {
        static const char *const keys[] = {"text", "refusal"};
        if (json_is_string(part))
            add_text(text, part);
        for (size_t k = 0; k < 2; k++) {
            const json_t *s = json_object_get(part, keys[k]);
            if (json_is_string(s))
                add_text(text, s);
        }
    }
}

int64_t wire_count(const json_t *usage, const char *path)
{
    double v = json_num_at(usage, path, 0);
    return v > 0 && v < 1e15 ? (int64_t)v : 0;
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
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (str_caseeq(r->code, codes[i]))
            return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (str_casestr(r->why, words[i]))
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
    for (size_t i = 0; i < chat->n; i++)
        bytes += chat->v[i].len + chat->v[i].len / 8 + 64;
    /* Once, rather than by doubling; in steps, so that what one call frees fits the next, longer
     * one. */
    buf_grow(body, (bytes + 1024) / BODY_STEP * BODY_STEP + BODY_STEP - 64);
    buf_addch(body, '[');
    for (size_t i = 0; i < chat->n; i++) {
        buf_addf(body, "%s{\"role\":\"%s\",\"content\":", i ? "," : "", roles[chat->v[i].role]);
        wire_add_string(body, chat->v[i].text, chat->v[i].len);
        buf_addch(body, '}');
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

void wire_add_temperature(struct buf *body, const struct wire_params *p, double temperature)
{
    if (temperature < 0 || json_object_get(p->extra, "temperature"))
        return;
    json_t *v = json_real(temperature);
    buf_adds(body, ",\"temperature\":");
    buf_add_json_value(body, v);
    json_decref(v);
}
