/* openai.c - OpenAI chat completions, as spoken by OpenAI, Azure, vLLM, llama.cpp, DeepSeek,
 * OpenRouter and many others. */
#include "runtime/base/json.h"
#include "runtime/model/wire.h"

#include <string.h>

static void encode(const struct wire_params *p, const struct model_request *rq, struct buf *body)
{
    const char *limit = p->completion_tokens ? "max_completion_tokens" : "max_tokens";
    buf_adds(body, "{\"messages\":");
    wire_add_messages(body, rq->chat);
    if (!json_object_get(p->extra, "model")) {
        buf_adds(body, ",\"model\":");
        wire_add_string(body, p->model, strlen(p->model));
    }
    wire_add_temperature(body, p, rq->temperature);
    if (rq->max_tokens > 0 && !json_object_get(p->extra, limit))
        buf_addf(body, ",\"%s\":%d", limit, rq->max_tokens);
    wire_add_extra(body, p->extra);
    buf_addch(body, '}');
}

static void decode(const char *body, size_t len, struct wire_reply *out)
{
    json_t *root = wire_parse(body, len, out);
    if (!root || wire_read_error(root, out))
        goto out;
    const json_t *choice = json_at(root, "choices[0]");
    const json_t *message = json_object_get(choice, "message");
    const char *finish = json_str_at(choice, "finish_reason", "");
    if (!json_is_object(message)) {
        wire_why(out, json_is_object(root) ? "the reply has no choices[0].message"
                                           : "the reply is no JSON object");
        goto out;
    }
    wire_add_content(json_object_get(message, "content"), &out->text);
    if (!out->text.len) /* a refusal is an answer, if not to the task */
        wire_add_content(json_object_get(message, "refusal"), &out->text);
    /* Silence with a reason (all tokens spent on thinking, filtered, a tool call) is final. */
    out->kind = out->text.len || strcmp(finish, "length") == 0 ||
                        strcmp(finish, "content_filter") == 0 ||
                        json_array_size(json_object_get(message, "tool_calls"))
                    ? WIRE_TEXT
                    : WIRE_EMPTY;
    const json_t *usage = json_object_get(root, "usage");
    out->usage.prompt_tokens = wire_count(usage, "prompt_tokens");
    out->usage.completion_tokens = wire_count(usage, "completion_tokens");
    out->usage.cached_tokens = wire_count(usage, "prompt_tokens_details.cached_tokens");
    if (!out->usage.cached_tokens) /* DeepSeek */
        out->usage.cached_tokens = wire_count(usage, "prompt_cache_hit_tokens");
out:
    json_decref(root);
}

const struct wire wire_openai = {"/chat/completions", encode, decode};
