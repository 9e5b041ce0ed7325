/* keys.c - every configuration key: type, default, bounds (spec: "Configuration"). */
#include "runtime/config/keys.h"

#include <string.h>

#include "runtime/config/config.h"

#define AT(field) offsetof(struct config, field)
#define BIG       9e15

static const char *const blind_choices[] = {"false", "random", "proposer", NULL};
static const char *const strata_choices[] = {"type", "family", NULL};
static const char *const heldout_choices[] = {"paper", "strict", NULL};
static const char *const revise_choices[] = {"wide", "winner", NULL};
static const char *const writes_choices[] = {"accept", "apply", NULL};
static const char *const unknown_choices[] = {"error", "ignore", NULL};
static const char *const version_choices[] = {"", "v1", "v2", NULL};
static const char *const order_choices[] = {"shared", "paper", NULL};
static const char *const inject_choices[] = {"all", "top_k", NULL};
static const char *const thinking_choices[] = {"drop", "keep", NULL};
static const char *const hedge_choices[] = {"off", "auto", "on", NULL};
static const char *const draws_choices[] = {"auto", "fresh", "shared", NULL};
static const char *const rule_choices[] = {"auto", "paper", "replicate", NULL};
static const char *const checkpoint_choices[] = {"auto", "one_se", "max", NULL};
static const char *const adopt_choices[] = {"auto", "ask", NULL};
static const char *const env_choices[] = {"fhir", "exec", NULL};

/* clang-format off */
#define MODEL_KEYS(p, f) \
    {p ".kind", KEY_STRING, AT(f.kind), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".name", KEY_STRING, AT(f.name), NULL, 0, 0, NULL, 0}, \
    {p ".identity", KEY_STRING, AT(f.identity), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".base_url", KEY_STRING, AT(f.base_url), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".endpoints", KEY_LIST, AT(f.endpoints), NULL, 0, 0, NULL, KEY_HARMLESS | KEY_SECRET}, \
    {p ".api_key", KEY_STRING, AT(f.api_key), NULL, 0, 0, NULL, KEY_HARMLESS | KEY_SECRET}, \
    {p ".api_key_file", KEY_PATH, AT(f.api_key_file), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".api_key_command", KEY_STRING, AT(f.api_key_command), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".headers", KEY_OBJECT, AT(f.headers), NULL, 0, 0, NULL, KEY_HARMLESS | KEY_SECRET}, \
    {p ".unix_socket", KEY_PATH, AT(f.unix_socket), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".client_cert", KEY_PATH, AT(f.client_cert), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".client_key", KEY_PATH, AT(f.client_key), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".thinking", KEY_ENUM, AT(f.thinking), "drop", 0, 0, thinking_choices, 0}, \
    {p ".stream", KEY_BOOL, AT(f.stream), "false", 0, 0, NULL, KEY_HARMLESS}, \
    {p ".prompt_cache_key", KEY_BOOL, AT(f.prompt_cache_key), "false", 0, 0, NULL, KEY_HARMLESS}, \
    {p ".max_wait", KEY_REAL, AT(f.max_wait), "600", 0.001, 1e9, NULL, KEY_HARMLESS}, \
    {p ".api_key_header", KEY_STRING, AT(f.api_key_header), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".query", KEY_STRING, AT(f.query), NULL, 0, 0, NULL, KEY_HARMLESS}, \
    {p ".replay_file", KEY_PATH, AT(f.replay_file), NULL, 0, 0, NULL, 0}, \
    {p ".extra", KEY_OBJECT, AT(f.extra), NULL, 0, 0, NULL, 0}, \
    {p ".temperature", KEY_REAL, AT(f.temperature), NULL, 0, 2, NULL, 0}, \
    {p ".max_tokens", KEY_INT, AT(f.max_tokens), "0", 0, 1e9, NULL, 0}, \
    {p ".timeout", KEY_REAL, AT(f.timeout), "300", 0.001, 86400, NULL, KEY_HARMLESS}, \
    {p ".requests_per_minute", KEY_REAL, AT(f.requests_per_minute), "0", 0, 1e9, NULL, KEY_HARMLESS}, \
    {p ".tokens_per_minute", KEY_REAL, AT(f.tokens_per_minute), "0", 0, 1e12, NULL, KEY_HARMLESS}, \
    {p ".attempts", KEY_INT, AT(f.attempts), "8", 1, 1000, NULL, KEY_HARMLESS}, \
    {p ".backoff", KEY_REAL, AT(f.backoff), "0.5", 0.001, 600, NULL, KEY_HARMLESS}, \
    {p ".concurrency", KEY_INT, AT(f.concurrency), "4096", 1, 16000, NULL, KEY_HARMLESS}, \
    {p ".hedge", KEY_ENUM, AT(f.hedge), "auto", 0, 0, hedge_choices, KEY_HARMLESS}, \
    {p ".outage_limit", KEY_INT, AT(f.outage_limit), "20", 0, 1e6, NULL, KEY_HARMLESS}, \
    {p ".price.prompt", KEY_REAL, AT(f.price_prompt), "0", 0, 1e6, NULL, KEY_HARMLESS}, \
    {p ".price.completion", KEY_REAL, AT(f.price_completion), "0", 0, 1e6, NULL, KEY_HARMLESS}, \
    {p ".price.cached", KEY_REAL, AT(f.price_cached), "0", 0, 1e6, NULL, KEY_HARMLESS}, \
    {p ".price.cache_write", KEY_REAL, AT(f.price_cache_write), "0", 0, 1e6, NULL, KEY_HARMLESS}

#define INT_KEY(n, f, d, lo, hi) {n, KEY_INT, AT(f), d, lo, hi, NULL, 0}
#define BOOL_KEY(n, f, d) {n, KEY_BOOL, AT(f), d, 0, 0, NULL, 0}
/* A switch of the gate may also stand under `cycle:`. */
#define GATE_INT(n, d, hi) INT_KEY("gate." #n, gate.n, d, 0, hi), \
    {"cycle." #n, KEY_INT, AT(gate.n), NULL, 0, hi, NULL, KEY_ALIAS}
#define GATE_BOOL(n, d) BOOL_KEY("gate." #n, gate.n, d), \
    {"cycle." #n, KEY_BOOL, AT(gate.n), NULL, 0, 0, NULL, KEY_ALIAS}
#define GATE_ENUM(n, d, c) {"gate." #n, KEY_ENUM, AT(gate.n), d, 0, 0, c, 0}, \
    {"cycle." #n, KEY_ENUM, AT(gate.n), NULL, 0, 0, c, KEY_ALIAS}

const struct config_key config_keys[] = {
    MODEL_KEYS("model", model),
    MODEL_KEYS("writer", writer),
    {"model.speculate", KEY_REAL, AT(speculate), "0.05", 0, 1, NULL, KEY_HARMLESS},
    INT_KEY("writer.trace_chars", told.trace_chars, "6000", 200, 10000000),
    {"model.draws", KEY_ENUM, AT(draws), "auto", 0, 0, draws_choices, 0},
    {"sim.noise", KEY_REAL, AT(sim.noise), "0", 0, 0.5, NULL, 0},
    {"sim.fail", KEY_REAL, AT(sim.fail), "0", 0, 1, NULL, KEY_HARMLESS},
    {"sim.seed", KEY_INT, AT(sim.seed), "0", 0, BIG, NULL, 0},
    {"sim.latency_ms", KEY_REAL, AT(sim.latency_ms), "0", 0, 1e6, NULL, KEY_HARMLESS},
    {"sim.profile", KEY_STRING, AT(sim.profile), "default", 0, 0, NULL, 0},

    /* `method: NAME` is method.name */
    {"method.name", KEY_ENUM, AT(method.name), "grasp", 0, 0, method_names, 0},
    {"method.fidelity", KEY_ENUM, AT(method.fidelity), "published", 0, 0, fidelity_names, 0},
    INT_KEY("memory.max_bullets", method.max_bullets, "200", 1, 1e6),
    INT_KEY("expel.max_num_rules", method.max_rules, "20", 1, 1000),
    INT_KEY("evo_memory.episodic_top_k", method.episodic_top_k, "3", 0, 100),
    INT_KEY("evo_memory.semantic_top_k", method.semantic_top_k, "8", 0, 100),
    INT_KEY("evo_memory.max_episodes", method.max_episodes, "500", 1, 1e5),
    INT_KEY("evo_memory.max_semantic_rules", method.max_semantic_rules, "25", 1, 1000),
    INT_KEY("evo_memory.max_context_chars", method.max_context_chars, "6000", 100, 1e6),
    INT_KEY("skillx.retrieval_top_k", method.retrieval_top_k, "5", 1, 1000),
    INT_KEY("skillx.extractor_max_retries", method.extractor_max_retries, "2", 1, 20),
    INT_KEY("skillx.max_history_messages", method.max_history_messages, "24", 5, 1000),
    INT_KEY("skillx.max_message_chars", method.max_message_chars, "1200", 20, 1e6),
    INT_KEY("skillx.max_action_chars", method.max_action_chars, "600", 20, 1e6),
    INT_KEY("skillx.max_actions", method.max_actions, "12", 4, 1000),

    INT_KEY("cycle.epochs", cycle.epochs, "5", 0, 1000),
    INT_KEY("cycle.update_every", cycle.update_every, "48", 1, 100000),
    {"cycle.batch_concurrency", KEY_INT, AT(cycle.batch_concurrency), "5", 1, 16000, NULL, KEY_HARMLESS},
    INT_KEY("cycle.grpo_k", cycle.grpo_k, "4", 1, 64),
    INT_KEY("cycle.grpo_eval_n", cycle.grpo_eval_n, "36", 2, 100000),
    INT_KEY("cycle.max_learned_skills", cycle.max_learned_skills, "10", 1, 1000),
    INT_KEY("cycle.max_proposals", cycle.max_proposals, "1", 1, 64),
    {"cycle.proposal_temperature", KEY_REAL, AT(cycle.proposal_temperature), NULL, 0, 2, NULL, 0},
    BOOL_KEY("cycle.run_baseline", cycle.run_baseline, "true"),
    INT_KEY("cycle.seed", cycle.seed, "1", 0, 1e9),
    INT_KEY("cycle.dedupe_prefix", cycle.dedupe_prefix, "0", 0, 1e9),
    INT_KEY("cycle.max_rounds", cycle.max_rounds, "8", 1, 1000),
    BOOL_KEY("cycle.no_gate", cycle.no_gate, "false"),
    BOOL_KEY("cycle.regression_gate", cycle.regression_gate, "true"),
    BOOL_KEY("cycle.fixes_only_scoring", cycle.fixes_only, "false"),
    BOOL_KEY("cycle.append_only", cycle.append_only, "false"),
    BOOL_KEY("cycle.cluster_failures", cycle.cluster_failures, "true"),
    {"cycle.blind_select", KEY_ENUM, AT(cycle.blind_select), "false", 0, 0, blind_choices, 0},

    GATE_INT(invalid_action_penalty, "2", 1000),
    GATE_INT(regression_budget, "0", 100000),
    GATE_INT(repeats, "1", 99),
    GATE_INT(rejected_memory, "0", 100),
    {"gate.coverage_floor", KEY_REAL, AT(gate.coverage_floor), "0.9", 0, 1, NULL, 0},
    BOOL_KEY("gate.early_stop", gate.early_stop, "true"),
    GATE_BOOL(confirm, "false"), /* refused when true: replicate took its place */
    GATE_ENUM(rule, "auto", rule_choices),
    {"gate.alpha", KEY_REAL, AT(gate.alpha), "0.05", 1e-6, 1, NULL, 0},
    {"checkpoint.rule", KEY_ENUM, AT(checkpoint.rule), "auto", 0, 0, checkpoint_choices, 0},
    {"gate.adopt", KEY_ENUM, AT(gate.adopt), "auto", 0, 0, adopt_choices, 0},
    GATE_BOOL(leak_guard, "true"),
    GATE_ENUM(probe_strata, "type", strata_choices),
    GATE_ENUM(probe_heldout, "paper", heldout_choices),
    BOOL_KEY("probes.targeted", probes.targeted, "true"),
    GATE_ENUM(revise, "wide", revise_choices),

    {"data.dev", KEY_PATH, AT(data.dev), NULL, 0, 0, NULL, KEY_DATA},
    {"data.val", KEY_PATH, AT(data.val), NULL, 0, 0, NULL, KEY_DATA},
    {"data.id_test", KEY_PATH, AT(data.id_test), NULL, 0, 0, NULL, KEY_DATA},
    {"data.test", KEY_PATH, AT(data.test), NULL, 0, 0, NULL, KEY_DATA},
    {"data.full", KEY_PATH, AT(data.full), NULL, 0, 0, NULL, KEY_HARMLESS | KEY_DATA},
    {"data.funcs", KEY_PATH, AT(data.funcs), NULL, 0, 0, NULL, KEY_DATA},
    {"task.fhir_api_base", KEY_STRING, AT(fhir_api_base), "http://localhost:8080/fhir/", 0, 0, NULL, 0},

    {"fhir.load", KEY_PATHS, AT(fhir.load), NULL, 0, 0, NULL, 0},
    {"fhir.store", KEY_PATH, AT(fhir.store), NULL, 0, 0, NULL, 0},
    {"fhir.writes", KEY_ENUM, AT(fhir.writes), "accept", 0, 0, writes_choices, 0},
    BOOL_KEY("fhir.error_detail", fhir.error_detail, "true"),
    {"fhir.unknown_params", KEY_ENUM, AT(fhir.unknown_params), "error", 0, 0, unknown_choices, 0},
    {"fhir.timeout", KEY_REAL, AT(fhir.timeout), "30", 0.001, 3600, NULL, KEY_HARMLESS},

    {"benchmark.version", KEY_ENUM, AT(benchmark.version), "v1", 0, 0, version_choices, 0},
    {"benchmark.today", KEY_STRING, AT(benchmark.today), NULL, 0, 0, NULL, 0},
    BOOL_KEY("benchmark.lenient", benchmark.lenient, "false"),

    {"prompt.order", KEY_ENUM, AT(prompt.order), "shared", 0, 0, order_choices, 0},
    {"prompt.texts", KEY_PATH, AT(prompt.texts), NULL, 0, 0, NULL, 0},
    {"prompt.dir", KEY_PATH, AT(prompt.dir), NULL, 0, 0, NULL, 0},
    INT_KEY("skills.max_chars", skills.max_chars, "80000", 0, 100000000),
    {"skills.inject", KEY_ENUM, AT(skills.inject), "all", 0, 0, inject_choices, 0},
    INT_KEY("skills.top_k", skills.top_k, "3", 1, 1000),

    {"budget.calls", KEY_INT, AT(budget.calls), "0", 0, BIG, NULL, KEY_HARMLESS},
    {"budget.tokens", KEY_INT, AT(budget.tokens), "0", 0, BIG, NULL, KEY_HARMLESS},
    {"budget.usd", KEY_REAL, AT(budget.usd), "0", 0, 1e12, NULL, KEY_HARMLESS},
    {"budget.seconds", KEY_REAL, AT(budget.seconds), "0", 0, 1e12, NULL, KEY_HARMLESS},

    {"env.kind", KEY_ENUM, AT(env.kind), "fhir", 0, 0, env_choices, 0},
    {"env.command", KEY_LIST, AT(env.command), NULL, 0, 0, NULL, 0},
    {"env.pass", KEY_LIST, AT(env.pass), NULL, 0, 0, NULL, 0},
    {"env.timeout", KEY_REAL, AT(env.timeout), "60", 0.001, 86400, NULL, KEY_HARMLESS},
    {"env.line_limit", KEY_INT, AT(env.line_limit), "1048576", 1024, 67108864, NULL, KEY_HARMLESS},
    {"env.processes", KEY_INT, AT(env.processes), "4", 1, 256, NULL, KEY_HARMLESS},

    {"prices", KEY_OBJECT, AT(prices), NULL, 0, 0, NULL, KEY_HARMLESS},
    {"library", KEY_PATH, AT(library), NULL, 0, 0, NULL, KEY_HARMLESS},
    {"run", KEY_PATH, AT(run), NULL, 0, 0, NULL, KEY_HARMLESS},
    {"journal", KEY_PATH, AT(journal), NULL, 0, 0, NULL, KEY_HARMLESS},
    {0},
};
/* clang-format on */

const struct config_key *config_key_find(const char *name)
{
    for (const struct config_key *k = config_keys; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}
