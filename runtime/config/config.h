/*
 * config.h - a run's configuration: YAML with the reference's keys, checked against one table
 * (keys.c: name, type, bounds, default), expanded, with --set on top. yaml.h reads the text, use.c
 * hands its parts to other modules; the models it names are opened by session/open_model.h.
 *
 *     struct config *c = NULL;
 *     if (config_load(&c, "grasp.yaml", sets, n_sets) < 0) ...   // message: file, line, key
 *     c->cycle.epochs ...
 *     config_free(c);
 *
 * Precedence: --set, then the file, then its agent_preset (an entry of its table `models`, else
 * agents/NAME.yaml, .yml or .json beside it)
 * or its section `agent`, then defaults. A preset that the caller, `--set agent_preset=NAME` or else
 * the environment's GRASP_BACKEND names takes the place of the file's model. Relative paths are
 * relative to the file; task files are looked for in the working directory, too. Files of the
 * reference implementation load as they are (preset.h).
 */
#ifndef GRASP_RUNTIME_CONFIG_CONFIG_H
#define GRASP_RUNTIME_CONFIG_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gate/gate.h"
#include "probes/graders/grader.h"
#include "probes/probe_set.h"
#include "runtime/base/hash.h"
#include "runtime/method/method.h"
#include "runtime/model/model.h"

enum blind_select { BLIND_OFF, BLIND_RANDOM, BLIND_PROPOSER };
/* Which samples are one and the same (draw.h): found out, never, always. */
enum draws_mode { DRAWS_AUTO, DRAWS_FRESH, DRAWS_SHARED };
enum rule_choice { RULE_AUTO, RULE_PAPER, RULE_REPLICATE };
enum adopt_choice { ADOPT_AUTO, ADOPT_ASK };
enum checkpoint_rule { CHECKPOINT_AUTO, CHECKPOINT_ONE_SE, CHECKPOINT_MAX };
enum env_kind { ENV_FHIR, ENV_EXEC };
enum fhir_writes { FHIR_WRITES_ACCEPT, FHIR_WRITES_APPLY };
enum thinking { THINKING_DROP, THINKING_KEEP };
enum probe_heldout { HELDOUT_PAPER, HELDOUT_STRICT };
enum revise_choice { REVISE_WIDE, REVISE_WINNER };

/* Keys of `model:` and, where they differ, of `writer:`. Strings belong to the configuration. */
struct model_config {
    const char *kind, *name, *base_url, *api_key, *api_key_header, *query, *replay_file, *identity;
    const char *api_key_file, *api_key_command; /* where the key is read instead */
    const char *unix_socket, *client_cert, *client_key;
    json_t *headers;   /* name to value; NULL: none */
    json_t *endpoints; /* array of URLs or {base_url, api_key}; NULL: base_url alone */
    json_t *extra;
    double temperature; /* -1: not sent */
    int thinking;       /* enum */
    int hedge;          /* enum model_hedge, by the same names */
    bool stream, prompt_cache_key;
    double timeout;  /* seconds per attempt; where it streams, between two chunks */
    double max_wait; /* seconds; an endpoint that asks for more ends the run */
    double backoff;  /* seconds before the second, doubled from then on */
    double requests_per_minute, tokens_per_minute; /* 0: no limit */
    int64_t max_tokens, attempts, concurrency, outage_limit;
    /* USD per million tokens; 0: as prompt's */
    double price_prompt, price_completion, price_cached, price_cache_write;
};

struct config {
    char *path, *dir;
    const char *preset; /* the agent preset's name, NULL: none; not among the keys */
    json_t *resolved;   /* nested, every key, without secrets */
    json_t *keep;       /* owns the strings and values below */

    struct model_config model, writer;
    double speculate; /* share of the calls that may be made ahead and not be wanted then */
    struct {
        int64_t trace_chars; /* of a task's steps in a prompt of the writer */
    } told;
    int draws; /* enum draws_mode */
    struct sim_settings sim;
    struct method_settings method;
    struct {
        int64_t epochs, update_every, batch_concurrency, grpo_k, grpo_eval_n, max_learned_skills;
        int64_t max_proposals, seed, max_rounds, dedupe_prefix;
        double proposal_temperature; /* -1: the executor's */
        bool run_baseline, no_gate, regression_gate, fixes_only, append_only, cluster_failures;
        int blind_select; /* enum */
    } cycle;
    struct {
        int64_t invalid_action_penalty, regression_budget, repeats, rejected_memory;
        double coverage_floor, alpha;
        int rule;  /* enum rule_choice */
        int adopt; /* enum adopt_choice */
        bool early_stop, confirm, leak_guard;
        int probe_strata, probe_heldout, revise; /* enums */
    } gate;
    struct {
        bool targeted;
    } probes;
    struct {
        const char *dev, *val, *id_test, *test, *full, *funcs;
    } data;
    const char *fhir_api_base;
    struct {
        int rule; /* enum checkpoint_rule */
    } checkpoint;
    struct {
        json_t *load;       /* array of files for a throw-away store, NULL: none */
        const char *store;  /* a store directory; both absent: fhir_api_base over HTTP */
        int writes;         /* enum */
        int unknown_params; /* 0: an error, as HAPI; 1: ignored */
        bool error_detail;
        double timeout;
    } fhir;
    struct {
        int version; /* enum benchmark */
        const char *today;
        bool lenient;
    } benchmark;
    struct {
        int order; /* enum prompt_order */
        const char *dir, *texts;
    } prompt;
    struct {
        int inject; /* enum inject_mode */
        int64_t top_k;
        int64_t max_chars; /* of all skills as the executor reads them; 0: any */
    } skills;
    struct {
        int64_t calls, tokens;
        double usd, seconds; /* 0: no limit, all four */
    } budget;
    struct {
        int kind; /* enum env_kind */
        json_t *command, *pass;
        double timeout;
        int64_t processes, line_limit;
    } env;
    json_t *prices; /* by model's name: {input, cached, cache_write, output}; NULL: none */
    const char *library, *run, *journal;
};

/* sets: "key=value" texts. GRASP_ENOTFOUND, GRASP_EPARSE, GRASP_EINVAL. */
int config_load(struct config **c, const char *path, const char *const *sets, size_t n_sets);
/* The same with another model: agents/PRESET.yaml stands in for the file's whole section `model`
 * (only temperature and max_tokens stay where the preset says nothing). */
int config_load_preset(struct config **c, const char *path, const char *preset,
                       const char *const *sets, size_t n_sets);
/* GRASP_EINVAL, with the ways out, when the command line names another model (NULL: none) than the
 * simulated one, which the configuration has. */
int config_names_model(const struct config *c, const char *name);
/* Whether the file's table `models` has an entry of this name: 1, 0 or negative. */
int config_has_model(const char *path, const char *name);
void config_free(struct config *c);
/* The resolved configuration as YAML, secrets left out. */
void config_render(const struct config *c, struct buf *out);
/* Compares with a rendered configuration of an earlier run. 0 when only harmless keys differ;
 * GRASP_EREFUSED with the differences in the message. */
int config_same_run(const struct config *c, const char *earlier_path);
/* A hash of every key that a run's decisions depend on: the keys that config_same_run compares. */
void config_fingerprint(const struct config *c, uint8_t out[HASH_SIZE]);
/* The parts other modules take. */
/* `shared`: samples are; `flips`: the measured noise. gate.rule auto is the paper's rule where nothing
 * flips or where each probe is measured several times anyway. */
void config_gate_rules(const struct config *c, bool shared, double flips, struct gate_rules *out);
void config_grader(const struct config *c, struct grader_settings *out);
/* How often dev is gone through: never by the method "none". */
int64_t config_epochs(const struct config *c);
/* True when the writer is configured apart from the executor. */
bool config_has_writer(const struct config *c);

#endif
