/* sse.c - server-sent events of three APIs, put together. */
#include "runtime/model/sse.h"

#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/model/wire.h"

struct stream {
    struct buf text, reasoning, refusal;
    json_t *finish, *usage;
    json_t *whole;        /* what ends it all: an error event, or the Responses API's object */
    json_t *choice_error; /* of chat completions: only this answer failed */
    bool chat, messages, tools, done;
};

static bool begins(const char *p, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

bool sse_is(const char *body, size_t len)
{
    const char *end = body + len;
    while (body < end && ascii_isspace(*body))
        body++;
    return begins(body, end, "data:") || begins(body, end, "event:") || begins(body, end, ":") ||
           begins(body, end, "id:") || begins(body, end, "retry:");
}

static void keep(json_t **place, json_t *v)
{
    if (!v || json_is_null(v))
        return;
    json_decref(*place);
    *place = json_incref(v);
}

static void chat_event(struct stream *s, const json_t *event)
{
    size_t i;
    const json_t *choice;
    s->chat = true;
    keep(&s->usage, json_object_get(event, "usage"));
    if (!s->usage)
        keep(&s->usage, json_at(event, "x_groq.usage"));
    json_array_foreach (json_object_get(event, "choices"), i, choice) {
        const json_t *delta = json_object_get(choice, "delta");
        if (json_int_at(choice, "index", 0) != 0)
            continue;
        if (!delta) /* some send the whole message in the last one */
            delta = json_object_get(choice, "message");
        wire_add_parts(json_object_get(delta, "content"), &s->text, &s->reasoning);
        wire_add_reasoning(delta, &s->reasoning);
        wire_add_parts(json_object_get(delta, "refusal"), &s->refusal, NULL);
        s->tools |= json_array_size(json_object_get(delta, "tool_calls")) > 0;
        keep(&s->finish, json_object_get(choice, "finish_reason"));
        keep(&s->choice_error, json_object_get(choice, "error"));
    }
}

static void messages_event(struct stream *s, const char *type, const json_t *event)
{
    const json_t *block = json_object_get(event, "content_block");
    const json_t *delta = json_object_get(event, "delta");
    const json_t *usage = json_object_get(event, "usage");
    s->messages = true;
    if (strcmp(type, "message_start") == 0) {
        const json_t *first = json_at(event, "message.usage");
        json_t *copy = json_is_object(first) ? json_deep_copy(first) : NULL;
        keep(&s->usage, copy);
        json_decref(copy);
    }
    if (json_is_object(usage)) { /* of the whole so far: later numbers replace earlier ones */
        if (s->usage)
            json_object_update(s->usage, (json_t *)usage);
        else
            keep(&s->usage, (json_t *)usage);
    }
    const json_t *part = block ? block : delta;
    buf_adds(&s->text, json_str_at(part, "text", ""));
    buf_adds(&s->reasoning, json_str_at(part, "thinking", ""));
    keep(&s->finish, json_object_get(delta, "stop_reason"));
    s->tools |= strcmp(json_str_at(block, "type", ""), "tool_use") == 0;
    s->done |= strcmp(type, "message_stop") == 0;
}

static void take(struct stream *s, const json_t *event)
{
    const char *type = json_str_at(event, "type", "");
    const json_t *error = json_object_get(event, "error");
    if (error && !json_is_null(error))
        keep(&s->whole, (json_t *)event);
    else if (json_object_get(event, "choices"))
        chat_event(s, event);
    else if (str_starts(type, "response.")) {
        if (strcmp(type, "response.completed") == 0 || strcmp(type, "response.incomplete") == 0 ||
            strcmp(type, "response.failed") == 0)
            keep(&s->whole, json_object_get(event, "response"));
    } else if (str_starts(type, "message_") || str_starts(type, "content_block_"))
        messages_event(s, type, event);
    else if (json_is_object(json_object_get(event, "usage")))
        keep(&s->usage, json_object_get(event, "usage"));
}

static json_t *text_of(const struct buf *b)
{
    return json_text(b->ptr, b->len);
}

static json_t *chat_whole(struct stream *s)
{
    json_t *message = json_pack("{s:s, s:o}", "role", "assistant", "content", text_of(&s->text));
    if (s->reasoning.len)
        json_object_set_new(message, "reasoning_content", text_of(&s->reasoning));
    if (s->refusal.len)
        json_object_set_new(message, "refusal", text_of(&s->refusal));
    if (s->tools)
        json_object_set_new(message, "tool_calls", json_pack("[{}]"));
    json_t *choice = json_pack("{s:i, s:o}", "index", 0, "message", message);
    if (s->finish)
        json_object_set(choice, "finish_reason", s->finish);
    if (s->choice_error)
        json_object_set(choice, "error", s->choice_error);
    json_t *root = json_pack("{s:[o]}", "choices", choice);
    if (s->usage)
        json_object_set(root, "usage", s->usage);
    return root;
}

static json_t *messages_whole(struct stream *s)
{
    json_t *content = json_array();
    if (s->reasoning.len)
        json_array_append_new(content, json_pack("{s:s, s:o}", "type", "thinking", "thinking",
                                                 text_of(&s->reasoning)));
    json_array_append_new(content,
                          json_pack("{s:s, s:o}", "type", "text", "text", text_of(&s->text)));
    if (s->tools)
        json_array_append_new(content, json_pack("{s:s}", "type", "tool_use"));
    json_t *root = json_pack("{s:s, s:o}", "type", "message", "content", content);
    if (s->finish)
        json_object_set(root, "stop_reason", s->finish);
    if (s->usage)
        json_object_set(root, "usage", s->usage);
    return root;
}

static json_t *whole(struct stream *s, const char **why)
{
    if (s->text.failed || s->reasoning.failed || s->refusal.failed)
        *why = "out of memory";
    else if (s->whole)
        return json_incref(s->whole);
    else if (!s->done && !s->finish && !s->choice_error)
        *why = "the stream ended in the middle";
    else if (s->chat)
        return chat_whole(s);
    else if (s->messages)
        return messages_whole(s);
    else
        *why = "a stream of events that are no reply";
    return NULL;
}

/* One line of the body without its end. */
static const char *line_end(const char *p, const char *end)
{
    while (p < end && *p != '\n' && *p != '\r')
        p++;
    return p;
}

json_t *sse_assemble(const char *body, size_t len, json_t *(*parse)(const char *data, size_t len),
                     const char **why)
{
    struct stream s = {.text = BUF_INIT, .reasoning = BUF_INIT, .refusal = BUF_INIT};
    struct buf data = BUF_INIT;
    json_t *root = NULL;
    *why = NULL;
    for (const char *p = body, *end = body + len; p <= end && !*why;) {
        const char *stop = line_end(p, end);
        if (stop == p || stop == end) { /* a blank line, or the end, ends an event */
            if (stop > p && begins(p, stop, "data:"))
                buf_add(&data, p + 5, (size_t)(stop - p) - 5);
            size_t skip = 0;
            while (skip < data.len && ascii_isspace(data.ptr[skip]))
                skip++;
            if (data.len - skip >= 6 && memcmp(data.ptr + skip, "[DONE]", 6) == 0) {
                s.done = true;
            } else if (data.len > skip) {
                json_t *event = parse(data.ptr, data.len);
                if (!event)
                    *why = stop == end && data.len ? "the stream ended in the middle of an event"
                                                   : "an event of the stream is no JSON";
                else
                    take(&s, event);
                json_decref(event);
            }
            buf_reset(&data);
        } else if (begins(p, stop, "data:")) {
            if (data.len)
                buf_addch(&data, '\n');
            buf_add(&data, p + 5, (size_t)(stop - p) - 5);
        }
        p = stop + 1 + (stop + 1 < end && stop[0] == '\r' && stop[1] == '\n');
    }
    if (data.failed)
        *why = "out of memory";
    if (!*why)
        root = whole(&s, why);
    buf_release(&data);
    buf_release(&s.text);
    buf_release(&s.reasoning);
    buf_release(&s.refusal);
    json_decref(s.finish);
    json_decref(s.usage);
    json_decref(s.whole);
    json_decref(s.choice_error);
    return root;
}
