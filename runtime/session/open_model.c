/* open_model.c - opens the model that a configuration names. */
#include "runtime/session/open_model.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/model/backend.h"
#include "runtime/session/accounts.h"
#include "runtime/simulator/simulator.h"

int model_open(struct model **m, struct loop *loop, const struct model_settings *settings)
{
    static const struct {
        const char *kind;
        int (*open)(struct model **m, struct loop *loop, const struct model_settings *s);
    } kinds[] = {
        {"openai", model_open_openai},       {"responses", model_open_responses},
        {"anthropic", model_open_anthropic}, {"simulated", model_open_simulated},
        {"replay", model_open_replay},
    };
    *m = NULL;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(kinds[i].kind, settings->kind) == 0)
            return kinds[i].open(m, loop, settings);
    return err_set(GRASP_EINVAL,
                   "model.kind '%s' is none of openai, responses, anthropic, simulated, replay",
                   settings->kind);
}

/* Whether anything says that somebody pays for each request. */
static bool is_dear(const struct config *c, bool writer, const char *name)
{
    const struct model_config *mc = writer ? &c->writer : &c->model;
    const struct model_usage some = {.prompt_tokens = 1, .completion_tokens = 1};
    bool key = (mc->api_key && *mc->api_key) || mc->api_key_file || mc->api_key_command;
    const char *header;
    const json_t *v;
    json_object_foreach (mc->headers, header, v)
        key |= str_casestr(header, "auth") || str_casestr(header, "key");
    for (size_t i = 0; i < json_array_size(mc->endpoints); i++)
        key |= *json_str_at(json_array_get(mc->endpoints, i), "api_key", "") != '\0';
    return key || accounts_cost(c, writer, name, &some) > 0 || c->budget.calls ||
           c->budget.tokens || c->budget.usd > 0;
}

int config_model(const struct config *c, bool writer, const char *name_override, struct loop *loop,
                 struct model **m)
{
    const struct model_config *mc = writer ? &c->writer : &c->model;
    size_t n = json_array_size(mc->endpoints);
    struct model_endpoint *ends = calloc(n + 1, sizeof(*ends));
    if (!ends)
        return err_oom();
    if (!n && mc->base_url)
        ends[n++] = (struct model_endpoint){mc->base_url, mc->api_key};
    for (size_t i = 0; i < json_array_size(mc->endpoints); i++) {
        const json_t *e = json_array_get(mc->endpoints, i);
        ends[i].base_url =
            json_is_string(e) ? json_string_value(e) : json_str_at(e, "base_url", NULL);
        ends[i].api_key = json_str_at(e, "api_key", mc->api_key);
        log_secret(ends[i].api_key);
    }
    struct model_settings s = {
        .kind = mc->kind,
        .model = name_override ? name_override : mc->name,
        .identity = mc->identity,
        .endpoints = ends,
        .n_endpoints = n,
        .api_key_header = mc->api_key_header,
        .query = mc->query,
        .key_file = mc->api_key_file,
        .key_command = mc->api_key_command,
        .headers = mc->headers,
        .unix_socket = mc->unix_socket,
        .client_cert = mc->client_cert,
        .client_key = mc->client_key,
        .stream = mc->stream,
        .cache_key = mc->prompt_cache_key,
        .max_wait_s = mc->max_wait,
        .extra = mc->extra,
        .timeout_s = mc->timeout,
        .attempts = (int)mc->attempts,
        .backoff_s = mc->backoff,
        .concurrency = (size_t)mc->concurrency,
        .requests_per_minute = mc->requests_per_minute,
        .tokens_per_minute = mc->tokens_per_minute,
        .outage_limit = (int)mc->outage_limit,
        .slots = (size_t)c->cycle.batch_concurrency,
        .sim = c->sim,
        .replay_file = mc->replay_file,
    };
    s.hedge = mc->hedge == HEDGE_AUTO && is_dear(c, writer, s.model) ? HEDGE_OFF
                                                                     : (enum model_hedge)mc->hedge;
    int rc = model_open(m, loop, &s);
    free(ends);
    return rc;
}
