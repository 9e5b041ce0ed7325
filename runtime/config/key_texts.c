/* key_texts.c - what each configuration key means, with an example; beside the table in keys.c. */
#include "runtime/config/key_texts.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/base/text.h"

const struct key_text key_texts[] = {
    /* model.* and writer.* */
    {"*.kind",
     "Which interface the model is spoken to by: openai (chat completions), responses, anthropic "
     "(Messages API), replay (answers from a file) or simulated. Left out: openai where there is a "
     "base_url, else simulated.",
     "openai", NULL},
    {"*.name", "The model's name as the endpoint knows it.", "gpt-oss-120b", NULL},
    {"*.identity",
     "What the journal calls the endpoint, so that paid answers are found again when its address "
     "changes and the model does not. Left out: the first base URL.",
     "gpt-oss-120b@cluster", NULL},
    {"*.base_url", "Where the endpoint's API begins; the interface's own path is appended.",
     "http://localhost:8000/v1", NULL},
    {"*.endpoints",
     "Several endpoints that serve the same model; calls are balanced over them. URLs, or objects "
     "with base_url and api_key.",
     "[\"http://gpu1:8000/v1\", \"http://gpu2:8000/v1\"]", NULL},
    {"*.api_key",
     "The endpoint's key. Better taken from the environment than written down; never logged, and "
     "left out of what a run leaves.",
     "${OPENAI_API_KEY:-}", NULL},
    {"*.api_key_file", "A file that holds the key; read again when the endpoint refuses it.",
     "openai.key", NULL},
    {"*.api_key_command", "A command that prints the key; run again when the endpoint refuses it.",
     "pass show openai", NULL},
    {"*.headers", "Further request headers, name to value.", "{OpenAI-Organization: org-1}", NULL},
    {"*.unix_socket", "A local socket to connect to in place of the address in base_url.",
     "/run/model.sock", NULL},
    {"*.client_cert", "A client certificate (PEM) for endpoints that ask for one.", "client.pem",
     NULL},
    {"*.client_key", "The client certificate's private key (PEM).", "client.key", NULL},
    {"*.thinking",
     "drop: what a model thinks aloud is taken off its answer before anybody reads it (the journal "
     "keeps it); keep: it stays.",
     "keep", NULL},
    {"*.stream", "Ask for server-sent events; timeout is then the time between two chunks.", "true",
     NULL},
    {"*.prompt_cache_key",
     "Send prompt_cache_key with every request, as OpenAI's prompt cache routes by: the turns of a "
     "conversation go to one machine. No part of a call's name in the journal.",
     "true", NULL},
    {"*.max_wait",
     "Seconds. An endpoint that asks for a longer wait ends the run, which can be resumed.", "1800",
     NULL},
    {"*.api_key_header",
     "The header that carries the key, where it is not the interface's own: Azure's api-key.",
     "api-key", NULL},
    {"*.query", "A query appended to every request's URL.", "api-version=2024-10-21", NULL},
    {"*.replay_file", "kind replay: the file of recorded answers.", "answers.jsonl", NULL},
    {"*.extra", "Further members of every request's body, as the endpoint knows them.",
     "{reasoning_effort: low}", NULL},
    {"*.temperature", "The sampling temperature. Left out: none is sent.", "0", NULL},
    {"*.max_tokens",
     "The longest answer asked for, in tokens; 0: no limit is sent where the interface does not "
     "need one.",
     "4096", NULL},
    {"*.timeout",
     "Seconds for one attempt; where the endpoint streams, between two chunks. Once the endpoint "
     "has "
     "answered a few times, a call is sent again much sooner: after about ten times the usual "
     "latency, each time with twice the patience.",
     "120", NULL},
    {"*.requests_per_minute",
     "At most so many requests a minute to each endpoint; 0: no limit but those that the endpoint "
     "tells, which are kept to in any case.",
     "500", NULL},
    {"*.tokens_per_minute",
     "At most so many tokens a minute to each endpoint; 0: no limit but those that the endpoint "
     "tells.",
     "200000", NULL},
    {"*.attempts", "How often a call is made before it counts as an outage.", "4", NULL},
    {"*.backoff", "Seconds before the second attempt, doubled from then on.", "1", NULL},
    {"*.concurrency", "At most so many calls in flight at once.", "64", NULL},
    {"*.hedge",
     "Whether a call that is answered late is sent once more while few are in flight; the first "
     "answer counts. At most 9 % more requests, and none within a minute of a rate limit "
     "or "
     "where limits are near. auto: only where nothing says that a request costs: no API key, price "
     "or budget, and no cost in the endpoint's replies. At a temperature the quicker of two "
     "samples "
     "is more often the shorter one.",
     "off", NULL},
    {"*.outage_limit",
     "After so many outages in a row no further call is made and the run stops, to be resumed; 0: "
     "never.",
     "50", NULL},
    {"*.price.prompt", "USD per million prompt tokens.", "0.15", NULL},
    {"*.price.completion", "USD per million tokens of answers; 0: as the prompt's.", "0.60", NULL},
    {"*.price.cached",
     "USD per million prompt tokens that the endpoint had cached; 0: as the prompt's.", "0.075",
     NULL},
    {"*.price.cache_write",
     "USD per million prompt tokens that the endpoint writes to its cache; 0: as the prompt's.",
     "0.19", NULL},
    {"model.speculate",
     "Idle slots are filled with calls that will probably be wanted next; at most this share of "
     "all calls, and one a slot, may not be wanted then. Decisions do not depend on it. 0: none; "
     "nor are there any where env.kind is exec.",
     "0.02", NULL},
    {"writer.trace_chars",
     "How many characters of a task's steps stand in the writer's prompts: actions in full, then "
     "digests of the answers.",
     "12000", NULL},
    {"model.draws",
     "Whether equal requests are samples of their own (fresh) or paid for once (shared). auto "
     "finds out after the first batch whether the endpoint answers alike.",
     "fresh", NULL},
    {"sim.noise", "The simulated model: the share of episodes that come out the other way.", "0.05",
     NULL},
    {"sim.fail", "The simulated model: the share of calls that fail as an endpoint's do.", "0.01",
     NULL},
    {"sim.seed", "The simulated model: what its chances are drawn from.", "7", NULL},
    {"sim.latency_ms", "The simulated model: milliseconds before an answer.", "100", NULL},
    {"sim.profile", "The simulated model: weak, default or strong.", "weak", NULL},

    {"method.name",
     "What learns: grasp (skills behind the gate), none (scores without skills), or one of the "
     "methods "
     "that the paper compares it with. `method: NAME` is the same.",
     "expel", NULL},
    {"method.fidelity",
     "published: another method does what its released code does; repaired: what its description "
     "says, where the two differ.",
     "repaired", NULL},
    {"memory.max_bullets",
     "seq_memory and batch_memory: most notes that are kept; the released code reads it and keeps "
     "all, "
     "so it counts with fidelity repaired.",
     "50", NULL},
    {"expel.max_num_rules", "expel: most rules that are kept.", "30", NULL},
    {"evo_memory.episodic_top_k", "evo_memory: episodes that a message is shown.", "5", NULL},
    {"evo_memory.semantic_top_k", "evo_memory: rules that a message is shown.", "4", NULL},
    {"evo_memory.max_episodes", "evo_memory: most episodes kept; the oldest drop out.", "200",
     NULL},
    {"evo_memory.max_semantic_rules", "evo_memory: most rules kept.", "40", NULL},
    {"evo_memory.max_context_chars", "evo_memory: the longest block that a message is shown.",
     "4000", NULL},
    {"skillx.retrieval_top_k", "skillx: skills that a message is shown.", "3", NULL},
    {"skillx.extractor_max_retries", "skillx: tries until an extraction can be read.", "3", NULL},
    {"skillx.max_history_messages", "skillx: messages of a trace that the writer is shown.", "12",
     NULL},
    {"skillx.max_message_chars", "skillx: characters of each of them.", "600", NULL},
    {"skillx.max_action_chars", "skillx: characters of each action of a trace.", "300", NULL},
    {"skillx.max_actions", "skillx: actions of a trace that the writer is shown.", "20", NULL},

    {"cycle.epochs", "How often the dev split is gone through.", "3", NULL},
    {"cycle.update_every", "Tasks of the dev split between two updates of the library.", "24",
     NULL},
    {"cycle.batch_concurrency", "Rollouts in flight at once. Decisions do not depend on it.", "64",
     NULL},
    {"cycle.grpo_k",
     "Proposals that an update asks the writer for; each becomes a candidate that the gate "
     "measures.",
     "8", NULL},
    {"cycle.grpo_eval_n",
     "Probes that an update measures baseline and candidates on: half of them failing, half "
     "passing.",
     "48", NULL},
    {"cycle.max_learned_skills", "How many skills the library may hold.", "20", NULL},
    {"cycle.max_proposals", "How many edits one proposal may make.", "2", NULL},
    {"cycle.proposal_temperature",
     "The temperature of the writer's proposals. Left out: the executor's.", "1", NULL},
    {"cycle.run_baseline",
     "Score the agent without skills, too, so that the library is compared with something.",
     "false", NULL},
    {"cycle.seed",
     "What every random choice of a run is drawn from: probes, order, draws. Runs of different "
     "seeds share nothing.",
     "2", NULL},
    {"cycle.dedupe_prefix",
     "Two proposals are the same when so many of the first characters of their content are; 0: "
     "when all are.",
     "100", NULL},
    {"cycle.max_rounds", "Turns of an agent before its rollout is ended.", "12", NULL},
    {"cycle.no_gate",
     "The paper's ablation: every valid proposal is accepted unmeasured, in order.", "true", NULL},
    {"cycle.regression_gate",
     "Refuse candidates that break more than the baseline does (gate.regression_budget). false is "
     "the paper's ablation.",
     "false", NULL},
    {"cycle.fixes_only_scoring",
     "The paper's ablation: a candidate's score counts its fixes and not its regressions.", "true",
     NULL},
    {"cycle.append_only", "The paper's ablation: skills are added, never changed or removed.",
     "true", NULL},
    {"cycle.cluster_failures",
     "Failures are shown to the writer in groups of one mechanism. false is the paper's ablation.",
     "false", NULL},
    {"cycle.blind_select",
     "The paper's ablation: the winner is not measured but drawn (random) or the writer's choice "
     "(proposer).",
     "random", NULL},

    {"gate.invalid_action_penalty",
     "How much a regression counts that ends in an invalid action (the paper's lambda).", "1",
     NULL},
    {"gate.regression_budget",
     "How many more regressions than the baseline's own a candidate may have.", "1", NULL},
    {"gate.repeats", "Samples of each probe and arm under the paper's rule; the majority counts.",
     "3", NULL},
    {"gate.rejected_memory", "So many refused edits are told to the writer; 0: none.", "5", NULL},
    {"gate.coverage_floor",
     "The share of probes that must have been measured in both arms for a decision; outages count "
     "for nobody.",
     "0.8", NULL},
    {"gate.early_stop", "Stop candidates that can no longer win. No decision changes.", "false",
     NULL},
    {"gate.confirm", "No longer there: refused when true; gate.rule: replicate took its place.",
     "false", NULL},
    {"gate.rule",
     "paper: one outcome of a probe counts as it is; replicate: what differs between the arms is "
     "drawn again, and all draws are weighed together; auto: what the endpoint's measured noise "
     "asks for.",
     "replicate", NULL},
    {"gate.alpha",
     "Under replicate: the probability at most with which an update lets a useless edit in.",
     "0.01", NULL},
    {"checkpoint.rule",
     "Which state of the library is best: max, the highest val score; one_se, the latest within "
     "one standard error of it; auto, one_se where samples are fresh.",
     "max", NULL},
    {"gate.adopt",
     "auto: what the gate lets in is the library; ask: it waits on a branch proposed/RUN for a "
     "person.",
     "ask", NULL},
    {"gate.leak_guard", "Refuse edits that quote the benchmark's answers or identifiers.", "false",
     NULL},
    {"gate.probe_strata", "Probes are drawn evenly over types of tasks, or over families.",
     "family", NULL},
    {"gate.probe_heldout",
     "paper: probes may come from the batch that an edit was written from; strict: never.",
     "strict", NULL},
    {"probes.targeted",
     "Failing probes are tasks that the library fails now, two at least of each proposing group's "
     "families; false: the paper's draw.",
     "false", NULL},
    {"gate.revise",
     "Without a winner the writer narrows the best edit that only regressions keep out (wide); "
     "winner: only a winner that breaks something is narrowed.",
     "winner", NULL},

    {"data.dev", "The tasks that are learned from.", "tasks/split_dev.json", NULL},
    {"data.val", "The tasks that choose the best checkpoint.", "tasks/split_val.json", NULL},
    {"data.id_test", "The in-distribution test; no decision sees it.", "tasks/split_id_test.json",
     NULL},
    {"data.test", "The out-of-distribution test; no decision sees it.", "tasks/split_test.json",
     NULL},
    {"data.full", "All tasks of the benchmark, for `grasp eval --split full`.",
     "tasks/test_data_v2.json", NULL},
    {"data.funcs", "The functions that the agent is told of.", "tasks/funcs_v1.json", NULL},
    {"task.fhir_api_base",
     "The FHIR server's base URL: what the agent is told, and where requests go when neither "
     "fhir.load nor fhir.store is given.",
     "http://localhost:8080/fhir/", NULL},

    {"fhir.load",
     "FHIR files that are loaded into a throw-away store in this process: NDJSON, bundles, "
     "folders.",
     "[Patient.ndjson, Observation.ndjson.gz]", NULL},
    {"fhir.store", "A store in this process, as `grasp fhir load` or `grasp fhir import` made it.",
     "medagentbench.db", NULL},
    {"fhir.writes",
     "accept: writes are answered and forgotten, as the benchmark has it; apply: kept in an "
     "overlay of their rollout.",
     "apply", NULL},
    {"fhir.error_detail",
     "A refused request says why, and placeholders and second actions are called that; false: "
     "status and URL alone, as the benchmark has it.",
     "false", NULL},
    {"fhir.unknown_params",
     "An unknown search parameter is an error, as the official server has it, or ignored.",
     "ignore", NULL},
    {"fhir.timeout", "Seconds for a request to a FHIR server over HTTP.", "60", NULL},

    {"benchmark.version", "MedAgentBench's version: whose graders judge.", "v2", NULL},
    {"benchmark.today",
     "v2: the time that the grader of task1 takes for now, ISO 8601; left out: the clock's.",
     "2023-11-13T10:15:00+00:00", NULL},
    {"benchmark.lenient", "v1: the route of task5 may also be written as {text: IV}.", "true",
     NULL},

    {"prompt.order",
     "shared: what all tasks have in common stands first and the skill that changed last stands "
     "last, "
     "so that model servers cache it; paper: the reference's order, skills by name.",
     "paper", NULL},
    {"prompt.texts",
     "A YAML file with the texts that the agent sees in the FHIR world; `grasp help --texts` "
     "prints ours.",
     "texts.yaml", NULL},
    {"prompt.dir",
     "A folder of prompt templates for the writer, and inject.md: the block of skills that the "
     "agent reads.",
     "prompts", NULL},
    {"skills.max_chars",
     "An edit that makes the library longer than so many characters is refused; 0: none is.",
     "20000", NULL},
    {"skills.inject",
     "all: the whole library stands in the first message; top_k: the best ranked skills.", "top_k",
     NULL},
    {"skills.top_k", "With inject top_k: how many skills.", "5", NULL},

    {"budget.calls",
     "Model calls that a run may make over all its starts; then it stops, to be resumed. 0: no "
     "limit.",
     "5000", NULL},
    {"budget.tokens", "Tokens that a run may use over all its starts. 0: no limit.", "20000000",
     NULL},
    {"budget.usd",
     "USD that a run may spend over all its starts, by the prices given. 0: no limit.", "20", NULL},
    {"budget.seconds", "Seconds that a run may take over all its starts. 0: no limit.", "36000",
     NULL},

    {"env.kind",
     "fhir: MedAgentBench's world; exec: any world through child processes, grasp-exec(7).", "exec",
     NULL},
    {"env.command",
     "kind exec: the program and its arguments, no shell; runs in the configuration's folder.",
     "[python3, world.py]", NULL},
    {"env.pass",
     "kind exec: environment variables that the world sees besides PATH, HOME, TMPDIR and the "
     "locale.",
     "[PYTHONPATH]", NULL},
    {"env.timeout", "kind exec: seconds for each answer.", "120", NULL},
    {"env.line_limit", "kind exec: bytes of an answer's line.", "4194304", NULL},
    {"env.processes", "kind exec: at most so many processes.", "16", NULL},

    {"prices",
     "Prices of models by name, in USD per million tokens: input, output, cached, cache_write. A "
     "model's own keys come first.",
     "{gpt-4o-mini: {input: 0.15, output: 0.60}}", NULL},
    {"library", "The library's git repository, where --library is not given.", "skills-lib", NULL},
    {"run", "The run's directory, where --run is not given.", "run-1", NULL},
    {"journal", "The journal's directory, where --journal is not given.", "journal", NULL},
    {0},
};

const struct key_text *key_text_find(const char *name)
{
    const char *dot = strchr(name, '.');
    bool model = str_starts(name, "model.") || str_starts(name, "writer.");
    for (const struct key_text *t = key_texts; t->name; t++)
        if (strcmp(t->name, name) == 0 || (model && t->name[0] == '*' && !strcmp(t->name + 1, dot)))
            return t;
    return NULL;
}
