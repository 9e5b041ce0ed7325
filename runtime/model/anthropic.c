/*
 * anthropic.c - Anthropic's Messages API.
 *
 * The system message is a member of its own, max_tokens must be there, and what is to be cached is
 * marked: everything up to the end of the first message's shared part (instructions, API, skills),
 * which is the same for every task.
 */
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/model/wire.h"

#define DEFAULT_MAX_TOKENS 8192
/* Below about a thousand tokens the server caches nothing. */
#define LEAST_CACHED 4096

/* Where the part that all tasks share ends in a first message (engine/first_message.c writes the
 * task last); 0: it has none that is worth marking. */
static size_t shared_part(const struct message *m)
{
    static const char task[] = ",\"task\":{\"description\":";
    if (m->role != CHAT_USER || !m->len || *m->text != '{')
        return 0;
    const char *hit = memmem(m->text, m->len, task, sizeof(task) - 1);
    return hit && hit - m->text >= LEAST_CACHED ? (size_t)(hit - m->text) : 0;
}

static void add_text_part(struct buf *body, const char *text, size_t len, bool cached)
{
    buf_adds(body, "{\"type\":\"text\",\"text\":");
    wire_add_string(body, text, len);
    if (cached)
        buf_adds(body, ",\"cache_control\":{\"type\":\"ephemeral\"}");
    buf_addch(body, '}');
}

static void encode(const struct wire_params *p, const struct model_request *rq, struct buf *body)
{
    const struct chat *chat = rq->chat;
    struct chat rest = *chat;
    size_t shared = 0, systems = 0;
    while (systems < chat->n && chat->v[systems].role == CHAT_SYSTEM)
        systems++;
    rest.v += systems;
    rest.n -= systems;
    if (rest.n)
        shared = shared_part(&rest.v[0]);
    buf_adds(body, "{\"messages\":");
    if (shared && (rest.n == 1 || rest.v[1].role == CHAT_AGENT)) {
        struct chat later = {.v = rest.v + 1, .n = rest.n - 1};
        buf_adds(body, "[{\"role\":\"user\",\"content\":[");
        add_text_part(body, rest.v[0].text, shared, true);
        buf_addch(body, ',');
        add_text_part(body, rest.v[0].text + shared, rest.v[0].len - shared, false);
        buf_adds(body, "]}");
        if (later.n) {
            struct buf more = BUF_INIT;
            wire_add_messages(&more, &later);
            buf_addch(body, ',');
            buf_add(body, more.ptr + 1, more.len - 1);
            buf_release(&more);
        } else {
            buf_addch(body, ']');
        }
    } else {
        wire_add_messages(body, &rest);
    }
    if (systems) {
        buf_adds(body, ",\"system\":[");
        for (size_t i = 0; i < systems; i++) {
            buf_adds(body, i ? "," : "");
            add_text_part(body, chat->v[i].text, chat->v[i].len, false);
        }
        buf_addch(body, ']');
    }
    if (!json_object_get(p->extra, "model")) {
        buf_adds(body, ",\"model\":");
        wire_add_string(body, p->model, strlen(p->model));
    }
    wire_add_temperature(body, p, rq->temperature);
    if (!json_object_get(p->extra, "max_tokens"))
        buf_addf(body, ",\"max_tokens\":%d",
                 rq->max_tokens > 0 ? rq->max_tokens : DEFAULT_MAX_TOKENS);
    if (p->stream && !json_object_get(p->extra, "stream"))
        buf_adds(body, ",\"stream\":true");
    wire_add_extra(body, p->extra);
    buf_addch(body, '}');
}

static void decode(const char *body, size_t len, struct wire_reply *out)
{
    size_t i;
    const json_t *part;
    bool acted = false;
    json_t *root = wire_parse(body, len, out);
    if (!root)
        return;
    wire_read_usage(json_object_get(root, "usage"), true, &out->usage);
    const json_t *content = json_object_get(root, "content");
    if (!json_is_array(content)) {
        if (!wire_read_error(root, out))
            wire_why(out, "the reply has no content");
        goto out;
    }
    wire_add_parts(content, &out->text, &out->reasoning);
    json_array_foreach (content, i, part)
        acted |= strcmp(json_str_at(part, "type", ""), "tool_use") == 0;
    wire_conclude(out, json_str_at(root, "stop_reason", ""), false, acted);
out:
    json_decref(root);
}

const struct wire wire_anthropic = {"/messages", "x-api-key", encode, decode};
