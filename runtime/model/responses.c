/* responses.c - OpenAI's Responses API, without state on the server (store: false). */
#include <stdio.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/model/wire.h"

static void encode(const struct wire_params *p, const struct model_request *rq, struct buf *body)
{
    buf_adds(body, "{\"input\":");
    wire_add_messages(body, rq->chat);
    if (!json_object_get(p->extra, "model")) {
        buf_adds(body, ",\"model\":");
        wire_add_string(body, p->model, strlen(p->model));
    }
    wire_add_temperature(body, p, rq->temperature);
    if (rq->max_tokens > 0 && !json_object_get(p->extra, "max_output_tokens"))
        buf_addf(body, ",\"max_output_tokens\":%d", rq->max_tokens);
    if (!json_object_get(p->extra, "store"))
        buf_adds(body, ",\"store\":false");
    if (p->stream && !json_object_get(p->extra, "stream"))
        buf_adds(body, ",\"stream\":true");
    wire_add_cache_key(body, p, rq);
    wire_add_extra(body, p->extra);
    buf_addch(body, '}');
}

/* [{"type": "summary_text", "text": ...}, ...] */
static void add_thoughts(const json_t *parts, struct buf *reasoning)
{
    size_t i;
    const json_t *part;
    json_array_foreach (parts, i, part)
        buf_adds(reasoning, json_str_at(part, "text", ""));
}

static void decode(const char *body, size_t len, struct wire_reply *out)
{
    size_t i, k;
    const json_t *item, *part;
    bool refused = false, acted = false;
    json_t *root = wire_parse(body, len, out);
    if (!root)
        return;
    wire_read_usage(json_object_get(root, "usage"), false, &out->usage);
    if (wire_read_error(root, out))
        goto out;
    const json_t *output = json_object_get(root, "output");
    const char *status = json_str_at(root, "status", "completed");
    if (!json_is_array(output)) {
        wire_why(out, "the reply has no output");
        goto out;
    }
    if (strcmp(status, "completed") != 0 && strcmp(status, "incomplete") != 0) {
        char why[96];
        snprintf(why, sizeof(why), "the response is not whole: its status is %.32s", status);
        wire_why(out, why);
        goto out;
    }
    json_array_foreach (output, i, item) {
        const char *type = json_str_at(item, "type", "");
        const json_t *content = json_object_get(item, "content");
        if (strcmp(type, "message") == 0) {
            wire_add_parts(content, &out->text, &out->reasoning);
            json_array_foreach (content, k, part)
                refused |= strcmp(json_str_at(part, "type", ""), "refusal") == 0;
        } else if (strcmp(type, "reasoning") == 0) {
            add_thoughts(json_object_get(item, "summary"), &out->reasoning);
            add_thoughts(content, &out->reasoning);
        } else {
            acted |= strstr(type, "_call") != NULL;
        }
    }
    /* Why it is incomplete: max_output_tokens or content_filter. */
    wire_conclude(out,
                  json_str_at(root, "incomplete_details.reason",
                              strcmp(status, "incomplete") == 0 ? "length" : ""),
                  refused, acted);
out:
    json_decref(root);
}

const struct wire wire_responses = {"/responses", "Authorization", encode, decode};
