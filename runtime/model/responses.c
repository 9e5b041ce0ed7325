/* responses.c - OpenAI's Responses API, without state on the server (store: false). */
#include "runtime/base/json.h"
#include "runtime/model/wire.h"

#include <string.h>

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
    wire_add_extra(body, p->extra);
    buf_addch(body, '}');
}

static void decode(const char *body, size_t len, struct wire_reply *out)
{
    size_t i;
    const json_t *item;
    json_t *root = wire_parse(body, len, out);
    if (!root || wire_read_error(root, out))
        goto out;
    const json_t *output = json_object_get(root, "output");
    const char *status = json_str_at(root, "status", "completed");
    if (!json_is_array(output) || strcmp(status, "failed") == 0) {
        wire_why(out, json_is_array(output) ? "the response failed without saying why"
                                            : "the reply has no output");
        goto out;
    }
    json_array_foreach (output, i, item) {
        if (strcmp(json_str_at(item, "type", ""), "message") == 0)
            wire_add_content(json_object_get(item, "content"), &out->text);
    }
    out->kind = out->text.len || strcmp(status, "incomplete") == 0 ? WIRE_TEXT : WIRE_EMPTY;
    const json_t *usage = json_object_get(root, "usage");
    out->usage.prompt_tokens = wire_count(usage, "input_tokens");
    out->usage.completion_tokens = wire_count(usage, "output_tokens");
    out->usage.cached_tokens = wire_count(usage, "input_tokens_details.cached_tokens");
out:
    json_decref(root);
}

const struct wire wire_responses = {"/responses", encode, decode};
