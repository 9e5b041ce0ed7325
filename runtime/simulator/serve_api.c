/* serve_api.c - chat completions and responses as the simulated model answers them. */
#include "runtime/simulator/serve_api.h"

#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/model/hoist.h"
#include "runtime/model/local.h"
#include "runtime/model/wire.h"
#include "runtime/simulator/sim.h"
#include "runtime/simulator/simulator.h"

#define MAX_MESSAGES 10000

/* The names that /v1/models lists; any other name gets the server's own profile. */
static const struct {
    const char *name, *profile; /* NULL: as the server was told */
} models[] = {{"simulated", NULL}, {"simulated-weak", "weak"}, {"simulated-strong", "strong"}};

void sim_serve_error(struct buf *out, const char *type, const char *code, const char *message)
{
    buf_adds(out, "{\"error\":{\"message\":");
    wire_add_string(out, message, strlen(message));
    buf_addf(out, ",\"type\":\"%s\",\"param\":null,\"code\":", type);
    if (code)
        buf_addf(out, "\"%s\"}}", code);
    else
        buf_adds(out, "null}}");
}

void sim_serve_models(struct buf *out)
{
    buf_adds(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++)
        buf_addf(out, "%s{\"id\":\"%s\",\"object\":\"model\",\"created\":0,\"owned_by\":\"grasp\"}",
                 i ? "," : "", models[i].name);
    buf_adds(out, "]}");
}

static int add_message(struct chat *chat, struct hoist *long_texts, const json_t *m, size_t i)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {{"system", CHAT_SYSTEM}, {"developer", CHAT_SYSTEM}, {"user", CHAT_USER},
                 {"tool", CHAT_USER},     {"assistant", CHAT_AGENT},  {"agent", CHAT_AGENT}};
    const char *name = json_str_at(m, "role", "");
    const json_t *content = json_object_get(m, "content");
    struct buf text = BUF_INIT;
    for (size_t r = 0; r < sizeof(roles) / sizeof(*roles); r++) {
        if (strcmp(roles[r].name, name) != 0)
            continue;
        size_t len;
        char *whole = hoist_take(long_texts, content, &len);
        if (!whole) {
            wire_add_content(content, &text);
            len = text.len;
            whole = buf_detach(&text);
        }
        return chat_take(chat, roles[r].role, whole, len);
    }
    return err_set(GRASP_EPARSE, "message %zu needs a role: system, user or assistant", i);
}

static int read_chat(struct chat *chat, struct hoist *long_texts, const json_t *root,
                     enum sim_route route)
{
    const char *key = route == SIM_CHAT ? "messages" : "input";
    const json_t *list = json_object_get(root, key);
    const char *instructions = json_str_at(root, "instructions", NULL);
    size_t i;
    json_t *m;
    int rc = 0;
    if (route == SIM_RESPONSES && instructions)
        rc = chat_add(chat, CHAT_SYSTEM, instructions, strlen(instructions));
    if (rc == 0 && route == SIM_RESPONSES && json_is_string(list))
        return chat_add(chat, CHAT_USER, json_string_value(list), json_string_length(list));
    if (rc == 0 && (!json_array_size(list) || json_array_size(list) > MAX_MESSAGES))
        rc = err_set(GRASP_EPARSE, "'%s' must be an array of 1 to %d messages", key, MAX_MESSAGES);
    json_array_foreach (list, i, m) {
        if (rc == 0)
            rc = add_message(chat, long_texts, m, i);
    }
    return rc;
}

static void write_reply(struct buf *out, enum sim_route route, const char *model,
                        const uint8_t salt[HASH_SIZE], const struct buf *text, struct model_usage u,
                        bool has_cache)
{
    char hex[HASH_HEX];
    long long now = (long long)(clock_stamp() / NS_PER_SEC), in = (long long)u.prompt_tokens,
              gen = (long long)u.completion_tokens;
    hash_hex(salt, hex);
    if (route == SIM_CHAT) {
        buf_addf(out, "{\"id\":\"chatcmpl-%.24s\",\"object\":\"chat.completion\",\"created\":%lld,",
                 hex, now);
        buf_adds(out, "\"model\":");
        wire_add_string(out, model, strlen(model));
        buf_adds(out,
                 ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
        wire_add_string(out, text->ptr, text->len);
        buf_addf(out,
                 "},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%lld,"
                 "\"completion_tokens\":%lld,\"total_tokens\":%lld",
                 in, gen, in + gen);
    } else {
        buf_addf(out,
                 "{\"id\":\"resp_%.24s\",\"object\":\"response\",\"created_at\":%lld,"
                 "\"status\":\"completed\",\"error\":null,\"model\":",
                 hex, now);
        wire_add_string(out, model, strlen(model));
        buf_adds(out, ",\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"status\":"
                      "\"completed\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],"
                      "\"text\":");
        wire_add_string(out, text->ptr, text->len);
        buf_addf(out,
                 "}]}],\"usage\":{\"input_tokens\":%lld,\"output_tokens\":%lld,\"total_tokens\":"
                 "%lld",
                 in, gen, in + gen);
    }
    if (has_cache)
        buf_addf(out, ",\"%s_tokens_details\":{\"cached_tokens\":%lld}",
                 route == SIM_CHAT ? "prompt" : "input", (long long)u.cached_tokens);
    buf_adds(out, "}}");
}

static int whole_number(const json_t *root, const char *a, const char *b)
{
    int64_t v = json_int_at(root, a, b ? json_int_at(root, b, 0) : 0);
    return v > 0 && v < INT32_MAX ? (int)v : 0;
}

int sim_serve_answer(const struct sim_settings *sim, enum sim_route route, int64_t draw,
                     int64_t fresh, const char *body, size_t len, struct buf *out,
                     uint8_t salt[HASH_SIZE], struct sim_prompt_use *use)
{
    struct chat chat = {0};
    struct buf text = BUF_INIT;
    struct hoist long_texts = {0};
    json_t *root = hoist_parse(&long_texts, body, len);
    struct sim_settings used = *sim;
    int status = 400, rc = root ? 0 : json_parse(&root, body, len, "request body");
    memset(salt, 0, HASH_SIZE);
    const char *model = json_str_at(root, "model", NULL);
    if (rc == 0 && !model)
        rc = err_set(GRASP_EPARSE, "'model' is missing");
    if (rc == 0 && json_bool_at(root, "stream", false))
        rc = err_set(GRASP_EPARSE, "'stream' is not supported");
    if (rc == 0)
        rc = read_chat(&chat, &long_texts, root, route);
    if (rc < 0) {
        sim_serve_error(out, "invalid_request_error", NULL, err_msg());
        goto out;
    }
    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++)
        if (models[i].profile && strcmp(models[i].name, model) == 0)
            used.profile = models[i].profile;
    struct model_request rq = {
        .chat = &chat,
        .temperature = json_num_at(root, "temperature", -1),
        .max_tokens = route == SIM_CHAT ? whole_number(root, "max_tokens", "max_completion_tokens")
                                        : whole_number(root, "max_output_tokens", NULL),
        .draw = draw > 0 ? draw : 0,
    };
    sim_salt(&rq, salt);
    if (draw < 0)
        draw = !sim->fixed && (sim->noise > 0 || rq.temperature != 0) ? fresh : 0;
    rc = sim_reply(&used, &chat, draw, &text);
    if (rc == 0)
        rc = buf_check(&text);
    status = rc == 0 ? 200 : 500;
    struct model_usage usage = local_usage(&chat, text.len);
    if (rc == 0 && use) {
        use->prompt_tokens = usage.prompt_tokens;
        if (use->cache)
            use->cached_tokens = usage.cached_tokens = sim_cache_ask(
                use->cache, json_str_at(root, "prompt_cache_key", NULL), &chat, use->now);
    }
    if (rc == 0)
        write_reply(out, route, model, salt, &text, usage, use && use->cache);
    else
        sim_serve_error(out, "server_error", "server_error", err_msg());
out:
    json_decref(root);
    hoist_release(&long_texts);
    buf_release(&text);
    chat_release(&chat);
    return status;
}
