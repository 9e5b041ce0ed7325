/* starter.c - a first configuration for MedAgentBench. */
#include "runtime/config/starter.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"

const struct starter_provider starter_providers[] = {
    {"openai", "OpenAI, or any endpoint that is spoken to as theirs is", "openai",
     "${OPENAI_BASE_URL:-https://api.openai.com/v1}", "OPENAI_API_KEY", "gpt-4.1-mini", 64,
     "{reasoning_effort: low}",
     "  # max_tokens: 4096         # the longest answer that is asked for\n"},
    {"vllm", "vLLM on GPUs of your own", "openai", "http://localhost:8000/v1", NULL, "gpt-oss-120b",
     64, "{reasoning_effort: low}",
     "  # Several servers of the same model, one a GPU say: calls are balanced over them.\n"
     "  # endpoints: [http://localhost:8000/v1, http://localhost:8001/v1]\n"
     "  # identity: my-model       # what the journal calls them: addresses may change then\n"},
    {"llamacpp", "llama.cpp's llama-server", "openai", "http://localhost:8081/v1", NULL, "local", 4,
     "{chat_template_kwargs: {enable_thinking: false}}",
     "  # As many slots as cycle.batch_concurrency, and a context that holds a conversation in "
     "each:\n"
     "  #     llama-server -m model.gguf --port 8081 --jinja --parallel 4 -c 131072\n"
     "  timeout: 1800              # seconds; long prompts are slow where no GPU is\n"},
    {"ollama", "Ollama", "openai", "http://localhost:11434/v1", NULL, "qwen3:8b", 4,
     "{reasoning_effort: low}",
     "  # Ollama cuts a prompt that its context does not hold, and says nothing:\n"
     "  #     OLLAMA_CONTEXT_LENGTH=32768 OLLAMA_NUM_PARALLEL=4 ollama serve\n"
     "  timeout: 1800              # seconds\n"},
    {"azure", "a deployment at Azure OpenAI", "openai", NULL, "AZURE_OPENAI_API_KEY",
     "gpt-4.1-mini", 32, "{reasoning_effort: low}",
     "  api_key_header: api-key    # Azure's own header and query\n"
     "  query: api-version=${AZURE_OPENAI_API_VERSION:-2024-10-21}\n"
     "  # requests_per_minute: 600 # the deployment's limits, where it does not tell them "
     "itself\n"},
    {"anthropic", "Anthropic's Messages API", "anthropic",
     "${ANTHROPIC_BASE_URL:-https://api.anthropic.com}/v1", "ANTHROPIC_API_KEY",
     "claude-sonnet-4-5", 32, "{thinking: {type: enabled, budget_tokens: 2048}}",
     "  # max_tokens: 8192         # this interface needs one: 8192 is sent where none is named\n"},
    {"simulated", "no model at all: the simulated one, to try things out", "simulated", NULL, NULL,
     NULL, 64, NULL, NULL},
    {0},
};

const struct starter_provider *starter_provider(const char *name)
{
    for (const struct starter_provider *p = starter_providers; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* ---- task files ---- */

const char starter_where[] =
    "The task files are in the repository jomoll/GRASP (git clone "
    "https://github.com/jomoll/GRASP): "
    "v1 in benchmarks/MedAgentBench/data/medagentbench, v2 in "
    "benchmarks/MedAgentBench-v2/data/medagentbench. A synthetic clinic needs none: grasp synth "
    "--out clinic";

enum { FILE_DEV, FILE_VAL, FILE_ID_TEST, FILE_TEST, FILE_FULL, FILE_FUNCS };

/* The key of a file in the section data, and its name in the benchmark. */
static const char *file_of(int version, int i, const char **key)
{
    static const char *const keys[STARTER_FILES] = {"dev",  "val",  "id_test",
                                                    "test", "full", "funcs"};
    static const char *const names[STARTER_FILES] = {"split_dev.json",     "split_val.json",
                                                     "split_id_test.json", "split_test.json",
                                                     "test_data_v2.json",  "funcs_v1.json"};
    if (key)
        *key = keys[i];
    return i == FILE_FULL && version == 2 ? "new_patient_tasks.json" : names[i];
}

static bool holds(const char *dir, const char *name)
{
    char *path = fs_join(dir, name);
    bool yes = path && fs_exists(path);
    free(path);
    return yes;
}

/* The version whose files a folder holds; 0: none; `asked` where its splits could be either's. */
static int version_of(const char *dir, int asked)
{
    if (!holds(dir, file_of(1, FILE_DEV, NULL)))
        return 0;
    /* the second benchmark began as a copy of the first, and may still have the first's file */
    if (holds(dir, file_of(2, FILE_FULL, NULL)))
        return 2;
    return holds(dir, file_of(1, FILE_FULL, NULL)) || !asked ? 1 : asked;
}

static int missing_in(const char *dir, int version)
{
    struct buf names = BUF_INIT;
    for (int i = FILE_DEV; i <= FILE_VAL; i++)
        if (!holds(dir, file_of(version, i, NULL)))
            buf_addf(&names, "%s%s", names.len ? ", " : "", file_of(version, i, NULL));
    int rc =
        names.len ? err_set(GRASP_ENOTFOUND, "%s has no %s. %s", dir, names.ptr, starter_where) : 0;
    buf_release(&names);
    return rc;
}

/* Where it may be below the folder that was named, the nearest first. */
static const char *const below[3][4] = {
    {0},
    {"v1", "medagentbench", "data/medagentbench", "benchmarks/MedAgentBench/data/medagentbench"},
    {"v2", "medagentbench", "data/medagentbench", "benchmarks/MedAgentBench-v2/data/medagentbench"},
};

static int look(struct starter_tasks *t, const char *dir, int version)
{
    int found = version_of(dir, version);
    if (found && version && found != version)
        return err_set(GRASP_EINVAL, "%s holds the task files of v%d, not those of v%d", dir, found,
                       version);
    if (found) {
        t->version = found;
        t->dir = str_dup(dir);
        return t->dir ? 0 : err_oom();
    }
    for (int v = version ? version : 1; !t->dir && v <= (version ? version : 2); v++) {
        for (size_t i = 0; !t->dir && i < sizeof(below[v]) / sizeof(*below[v]); i++) {
            char *path = fs_join(dir, below[v][i]);
            if (path && version_of(path, v) == v)
                *t = (struct starter_tasks){.version = v, .dir = path};
            else
                free(path);
        }
    }
    return 0;
}

int starter_find_tasks(struct starter_tasks *t, const char *dir, int version)
{
    *t = (struct starter_tasks){0};
    if (!fs_is_dir(dir))
        return err_set(GRASP_ENOTFOUND, "%s is no folder. %s", dir, starter_where);
    int rc = look(t, dir, version);
    if (rc == 0)
        rc = missing_in(t->dir ? t->dir : dir, t->dir ? t->version : version ? version : 1);
    for (int i = 0; rc == 0 && i < STARTER_FILES; i++)
        t->there[i] = holds(t->dir, file_of(t->version, i, NULL));
    if (rc < 0)
        starter_tasks_release(t);
    return rc;
}

void starter_tasks_release(struct starter_tasks *t)
{
    free(t->dir);
    *t = (struct starter_tasks){0};
}

/* ---- the text ---- */

static void add_quoted(struct buf *out, const char *s)
{
    buf_add_json_string(out, s, strlen(s));
}

/* Whether a name is that of a model that reasons and takes no temperature at its maker's endpoint. */
static bool reasons(const char *model)
{
    const char *slash = strrchr(model, '/'), *name = slash ? slash + 1 : model;
    return str_starts(name, "gpt-5") || (name[0] == 'o' && ascii_isdigit(name[1]));
}

static void add_model(struct buf *out, const struct starter *s)
{
    const struct starter_provider *p = s->provider;
    const char *url = s->base_url ? s->base_url : p->base_url;
    buf_addf(out, "model:                       # %s\n  kind: %s\n", p->what, p->kind);
    if (!s->model) {
        buf_adds(out, "\n");
        return;
    }
    buf_adds(out, "  base_url: ");
    add_quoted(out, url ? url : "");
    buf_adds(out, "\n  name: ");
    add_quoted(out, s->model);
    if (p->key)
        buf_addf(out, "\n  api_key: ${%s:-}   # from the environment: no key in files", p->key);
    if (reasons(s->model))
        buf_addf(out, "\n  # temperature: 0           # models that reason take none\n  extra: %s",
                 p->reasons);
    else
        buf_addf(
            out,
            "\n  temperature: 0             # leave it out for a model that reasons; how much it "
            "does:\n  # extra: %s",
            p->reasons);
    buf_addf(out, "\n%s", p->more ? p->more : "");
    if (p->key)
        buf_adds(out,
                 "  # price: {prompt: 0.40, completion: 1.60, cached: 0.10}   # USD per million "
                 "tokens: for budget.usd and the plan\n");
    buf_adds(out,
             "  # writer: a section like this one, where another model is to write the skills\n\n");
}

static void add_data(struct buf *out, const struct starter_tasks *t)
{
    buf_adds(out, "data:\n");
    for (int i = 0; i < STARTER_FILES; i++) {
        const char *key, *name = file_of(t->version, i, &key);
        char *path = fs_join(t->dir, name);
        buf_addf(out, "  %s%s: ", t->there[i] ? "" : "# not there: ", key);
        add_quoted(out, path ? path : "");
        buf_adds(out, "\n");
        free(path);
    }
    buf_addf(out, "\nbenchmark:\n  version: v%d\n", t->version);
    if (t->version == 2)
        buf_adds(out, "  # today: 2023-11-13T10:15:00+00:00   # what a task that asks for a day is "
                      "graded against; left out: the day of the run\n");
}

static void add_fhir(struct buf *out, const struct starter *s)
{
    const char *first = s->fhir.n ? s->fhir.v[0] : "";
    bool url = strstr(first, "://") != NULL;
    buf_adds(out, "\ntask:\n  fhir_api_base: ");
    add_quoted(out, url ? first : "http://localhost:8080/fhir/");
    buf_adds(out, url ? "    # is read only: what the agent writes is graded and not sent on\n"
                      : "    # what the agent is told; nobody is asked there\n");
    if (url)
        return;
    buf_addf(out, "\nfhir:\n  %s: ", s->fhir_store ? "store" : "load");
    for (size_t i = 0; i < s->fhir.n; i++) {
        buf_adds(out, s->fhir_store ? "" : i ? ", " : "[");
        add_quoted(out, s->fhir.v[i]);
    }
    buf_adds(out, s->fhir_store
                      ? "    # once: grasp fhir import http://localhost:8080/fhir/ --store DIR\n"
                      : "]\n");
}

void starter_render(const struct starter *s, struct buf *out)
{
    buf_addf(out,
             "# MedAgentBench v%d with the paper's settings, written by `grasp init`.\n"
             "# `grasp help KEY` explains any key.\n#\n"
             "#     grasp doctor %s             # checks everything, spends nothing\n"
             "#     grasp learn %s --dry-run    # what it takes\n"
             "#     grasp learn %s              # learns; stopped, it goes on by the same command\n"
             "#     grasp report run-1\n\n",
             s->tasks.version, s->name, s->name, s->name);
    add_model(out, s);
    buf_addf(out,
             "cycle:\n"
             "  epochs: 5                # passes over dev\n"
             "  update_every: 48         # tasks, then an update: proposals and the gate\n"
             "  grpo_k: 4                # proposals an update\n"
             "  grpo_eval_n: 36          # probe tasks that decide between them\n"
             "  max_learned_skills: 10\n"
             "  %sproposal_temperature: 1\n"
             "  max_rounds: 8            # turns a rollout\n"
             "  batch_concurrency: %d    # rollouts in flight: what your endpoint bears\n"
             "  seed: 1\n\n",
             s->model && reasons(s->model) ? "# " : "", s->provider->concurrency);
    add_data(out, &s->tasks);
    add_fhir(out, s);
    buf_adds(out,
             "\nlibrary: skills-lib        # a git repository; made when missing\n"
             "run: run-1                 # scores, traces, journal; another name for another run\n"
             "\n# budget: {usd: 20}        # stops cleanly there; the same command goes on\n");
}
