/* use.c - what other modules take from a configuration. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/config/config.h"

void config_gate_rules(const struct config *c, bool shared, double flips, struct gate_rules *out)
{
    bool paper = c->gate.rule == RULE_PAPER ||
                 (c->gate.rule == RULE_AUTO && (shared || c->gate.repeats > 1));
    *out = (struct gate_rules){
        .rule = paper ? GATE_PAPER : GATE_REPLICATE,
        .alpha = c->gate.alpha,
        .flips = flips,
        .candidates = 1,
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

int64_t config_epochs(const struct config *c)
{
    return c->method.name == METHOD_NONE ? 0 : c->cycle.epochs;
}

bool config_has_writer(const struct config *c)
{
    const struct model_config *m = &c->model, *w = &c->writer;
    return strcmp(m->kind, w->kind) != 0 || strcmp(m->name, w->name) != 0 ||
           !!m->base_url != !!w->base_url ||
           (m->base_url && strcmp(m->base_url, w->base_url) != 0) ||
           !json_equal(m->extra ? m->extra : json_null(), w->extra ? w->extra : json_null());
}
