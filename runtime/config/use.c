/* use.c - what other modules take from a configuration. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/config/config.h"

void config_gate_rules(const struct config *c, struct gate_rules *out)
{
    *out = (struct gate_rules){
        .invalid_action_penalty = (int)c->gate.invalid_action_penalty,
        .regression_budget = (int)c->gate.regression_budget,
        .regression_gate = c->cycle.regression_gate,
        .fixes_only = c->cycle.fixes_only,
        .early_stop = c->gate.early_stop,
        .coverage_floor = c->gate.coverage_floor,
        .repeats = (int)c->gate.repeats,
    };
}

void config_grader(const struct config *c, struct grader_settings *out)
{
    *out = (struct grader_settings){
        .benchmark = (enum benchmark)c->benchmark.version,
        .base = c->fhir_api_base,
        .today = c->benchmark.today,
        .lenient = c->benchmark.lenient,
    };
}

void config_engine(const struct config *c, struct engine_settings *out)
{
    *out = (struct engine_settings){
        .concurrency = (size_t)c->cycle.batch_concurrency,
        .max_rounds = (int)c->cycle.max_rounds,
        .inject = (enum inject_mode)c->skills.inject,
        .top_k = (int)c->skills.top_k,
        .order = (enum prompt_order)c->prompt.order,
        .temperature = c->model.temperature,
        .max_tokens = (int)c->model.max_tokens,
    };
}

bool config_has_writer(const struct config *c)
{
    const struct model_config *m = &c->model, *w = &c->writer;
    return strcmp(m->kind, w->kind) != 0 || strcmp(m->name, w->name) != 0 ||
           !!m->base_url != !!w->base_url ||
           (m->base_url && strcmp(m->base_url, w->base_url) != 0) ||
           !json_equal(m->extra ? m->extra : json_null(), w->extra ? w->extra : json_null());
}

int config_model(const struct config *c, bool writer, const char *name_override, struct loop *loop,
                 struct model **m)
{
    const struct model_config *mc = writer ? &c->writer : &c->model;
    size_t n = json_array_size(mc->endpoints);
    struct model_endpoint *ends = calloc(n + 1, sizeof(*ends));
    if (!ends)
        return err_set(GRASP_ENOMEM, "out of memory");
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
        .endpoints = ends,
        .n_endpoints = n,
        .api_key_header = mc->api_key_header,
        .query = mc->query,
        .extra = mc->extra,
        .timeout_s = mc->timeout,
        .attempts = (int)mc->attempts,
        .backoff_s = mc->backoff,
        .concurrency = (size_t)mc->concurrency,
        .outage_limit = (int)mc->outage_limit,
        .sim = c->sim,
        .replay_file = mc->replay_file,
    };
    int rc = model_open(m, loop, &s);
    free(ends);
    return rc;
}
