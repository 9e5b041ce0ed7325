/* openai.c - OpenAI chat completions, as spoken by OpenAI, Azure, vLLM, llama.cpp, DeepSeek,
 * OpenRouter and many others. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/model/wire.h"

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
    if (p->stream && !json_object_get(p->extra, "stream"))
        buf_adds(body, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    wire_add_cache_key(body, p, rq);
    wire_add_extra(body, p->extra);
    buf_addch(body, '}');
}

/* The choice of index 0: the only one that was asked for, wherever it stands. */
static const json_t *first_choice(const json_t *root)
{
    const json_t *choices = json_object_get(root, "choices"), *choice;
    size_t i;
    json_array_foreach (choices, i, choice)
        if (json_int_at(choice, "index", -1) == 0)
            return choice;
    return json_array_get(choices, 0);
}

/* An aggregator's answer whose provider failed on the way: {"choices": [{"error": ...}]}. */
static bool read_choice_error(const json_t *choice, struct wire_reply *out)
{
    const json_t *error = json_object_get(choice, "error");
    if (!error || json_is_null(error))
        return false;
    json_t *root = json_pack("{s:O}", "error", (json_t *)error);
    bool found = wire_read_error(root, out);
    json_decref(root);
    return found;
}

static void decode(const char *body, size_t len, struct wire_reply *out)
{
    json_t *root = wire_parse(body, len, out);
    const json_t *choice = first_choice(root), *message = json_object_get(choice, "message");
    const json_t *usage = json_object_get(root, "usage");
    if (!root)
        return;
    wire_read_usage(usage ? usage : json_at(root, "x_groq.usage"), false, &out->usage);
    if (wire_read_error(root, out) || read_choice_error(choice, out))
        goto out;
    if (!json_is_object(message)) {
        bool legacy = json_is_string(json_object_get(choice, "text"));
        if (legacy) {
            out->kind = WIRE_ERROR;
            snprintf(out->code, sizeof(out->code), "%s", WIRE_NOT_CHAT);
        }
        wire_why(out, legacy ? "the reply is one of /completions, not of /chat/completions"
                      : json_is_object(root) ? "the reply has no choices[0].message"
                                             : "the reply is no JSON object");
        goto out;
    }
    wire_add_parts(json_object_get(message, "content"), &out->text, &out->reasoning);
    wire_add_reasoning(message, &out->reasoning);
    bool refused = false;
    if (!out->text.len) { /* a refusal is an answer, if not to the task */
        wire_add_parts(json_object_get(message, "refusal"), &out->text, NULL);
        refused = out->text.len > 0;
    }
    wire_conclude(out, json_str_at(choice, "finish_reason", ""), refused,
                  json_array_size(json_object_get(message, "tool_calls")));
out:
    json_decref(root);
}

const struct wire wire_openai = {"/chat/completions", "Authorization", encode, decode};
