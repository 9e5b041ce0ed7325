/* preset.c - the reference implementation's agents and configurations in our keys. */
#include "runtime/config/preset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/config/keys.h"

/* ---- one key at a time ---- */

/* Other programs' spellings of the keys of a section `model`. "": no meaning here. */
static const struct {
    const char *theirs, *ours;
} names[] = {
    {"url", "base_url"},
    {"api_base", "base_url"},
    {"model", "name"},
    {"model_name", "name"},
    {"key", "api_key"},
    {"max_completion_tokens", "max_tokens"},
    {"max_output_tokens", "max_tokens"},
    {"backend", "kind"},
    {"type", "kind"},
    {"deployment", "name"},
    {"prompter", ""},
    {"return_format", ""},
    {"proxies", ""},
    {"module", ""},
};

static bool is_blank(const json_t *v)
{
    const char *s = json_string_value(v);
    return !v || json_is_null(v) || (s && (!*s || strstr(s, "<REDACTED>")));
}

static bool is_model_key(const char *key)
{
    char name[96];
    snprintf(name, sizeof(name), "model.%s", key);
    return config_key_find(name) || strcmp(key, "price") == 0;
}

static void put(json_t *model, const char *key, const json_t *v)
{
    if (v)
        json_object_set(model, key, (json_t *)v);
}

/* The members of an object that name something in a section `model`; the others go to `extra`, or
 * are noted where it is NULL. */
static void put_all(const json_t *v, const char *what, json_t *model, json_t *extra)
{
    const char *key;
    json_t *item;
    json_object_foreach ((json_t *)v, key, item) {
        const char *ours = key;
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            if (strcmp(key, names[i].theirs) == 0)
                ours = names[i].ours;
        if (json_is_object(item) && (strcmp(key, "parameters") == 0 || strcmp(key, "body") == 0))
            put_all(item, what, model, extra);
        else if (*ours && is_model_key(ours))
            put(model, ours, item);
        else if (extra && *ours)
            json_object_set(extra, key, item);
        else if (*ours)
            log_info("%s: '%s' is not used here", what, key);
    }
}

/* ---- their agents ---- */

/* What was published with <REDACTED> in its place loads, and says so when the model is opened. */
static int need(const char *what, const json_t *v, const char *key)
{
    const char *s = json_string_value(v);
    return s && *s ? 0 : err_set(GRASP_EINVAL, "%s: it has no %s; set model.%s", what, key, key);
}

static int read_http(const json_t *p, const char *what, json_t *model)
{
    static const char bearer[] = "Bearer ";
    const char *name;
    json_t *v, *headers = json_object(), *extra = json_object();
    put(model, "base_url", json_object_get(p, "url"));
    json_object_foreach (json_object_get(p, "headers"), name, v) {
        const char *s = json_string_value(v);
        if (s && str_caseeq(name, "Authorization") && str_starts(s, bearer)) {
            s += sizeof(bearer) - 1;
            if (!strstr(s, "<REDACTED>") && strcmp(s, "EMPTY") != 0)
                json_object_set_new(model, "api_key", json_string(s));
        } else if (!str_caseeq(name, "Content-Type")) {
            json_object_set(headers, name, v);
        }
    }
    put_all(json_object_get(p, "body"), what, model, extra);
    if (json_object_size(headers))
        put(model, "headers", headers);
    if (json_object_size(extra))
        put(model, "extra", extra);
    json_decref(headers);
    json_decref(extra);
    return need(what, json_object_get(p, "url"), "base_url");
}

static int from_env(const char *what, json_t *model, const char *key, const char *variable)
{
    const char *v = getenv(variable);
    if (json_object_get(model, key))
        return 0;
    if (!v || !*v)
        return err_set(GRASP_EINVAL,
                       "%s: the environment variable %s is not set; set it, or model.%s", what,
                       variable, key);
    return json_object_set_new(model, key, json_string(v));
}

static int read_azure(const char *what, const char *name, json_t *model)
{
    int rc = from_env(what, model, "base_url", "AZURE_API_BASE");
    if (rc == 0)
        rc = from_env(what, model, "api_key", "AZURE_API_KEY");
    const char *base = json_str_at(model, "base_url", ""),
               *version = json_str_at(model, "query", getenv("AZURE_API_VERSION"));
    size_t n = strlen(base);
    if (rc < 0)
        return rc;
    if (!version || !*version)
        return err_set(GRASP_EINVAL,
                       "%s: the environment variable AZURE_API_VERSION is not set; set it, or "
                       "model.query: api-version=...",
                       what);
    while (n && base[n - 1] == '/')
        n--;
    json_object_set_new(model, "query",
                        json_sprintf("%s%s", strchr(version, '=') ? "" : "api-version=", version));
    json_object_set_new(model, "base_url",
                        json_sprintf("%.*s/openai/deployments/%s", (int)n, base, name));
    json_object_set_new(model, "api_key_header", json_string("api-key"));
    json_object_set_new(model, "name", json_string(name));
    return 0;
}

static int read_litellm(const json_t *p, const char *what, json_t *model)
{
    static const struct {
        const char *provider, *kind, *base, *variable;
    } providers[] = {
        {"openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY"},
        {"anthropic", "anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"},
        {"gemini", "openai", "https://generativelanguage.googleapis.com/v1beta/openai",
         "GEMINI_API_KEY"},
        {"deepseek", "openai", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"},
        {"openrouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"},
        {"groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY"},
        {"mistral", "openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"},
        {"together_ai", "openai", "https://api.together.xyz/v1", "TOGETHERAI_API_KEY"},
        {"xai", "openai", "https://api.x.ai/v1", "XAI_API_KEY"},
        {"hosted_vllm", "openai", NULL, NULL},
    };
    const char *full = json_str_at(p, "model", ""), *slash = strchr(full, '/');
    char provider[32] = "openai";
    json_t *version = json_object_get(p, "api_version");
    json_t *rest = json_copy((json_t *)p);
    json_object_del(rest, "api_version");
    put_all(rest, what, model, NULL);
    json_decref(rest);
    if (!*full)
        return need(what, NULL, "name");
    if (slash)
        snprintf(provider, sizeof(provider), "%.*s", (int)(slash - full), full);
    const char *name = slash ? slash + 1 : full;
    if (strcmp(provider, "azure") == 0) {
        if (version)
            put(model, "query", version);
        return read_azure(what, name, model);
    }
    for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
        int rc = 0;
        if (strcmp(provider, providers[i].provider) != 0)
            continue;
        json_object_set_new(model, "kind", json_string(providers[i].kind));
        json_object_set_new(model, "name", json_string(name));
        if (!json_object_get(model, "base_url") && providers[i].base)
            json_object_set_new(model, "base_url", json_string(providers[i].base));
        if (providers[i].variable)
            rc = from_env(what, model, "api_key", providers[i].variable);
        return rc < 0 ? rc : need(what, json_object_get(model, "base_url"), "base_url");
    }
    return err_set(GRASP_EINVAL,
                   "%s: the provider of '%s' is not known here; set model.base_url to its "
                   "OpenAI-compatible endpoint, model.name and model.api_key",
                   what, full);
}

static int read_responses(const json_t *p, const char *what, json_t *model)
{
    static const char *const variables[] = {"AZURE_OPENAI_API_KEY", "OPENAI_API_KEY"};
    json_t *extra = json_object(), *rest = json_copy((json_t *)p);
    json_t *effort = json_object_get(p, "reasoning_effort"),
           *verbosity = json_object_get(p, "text_verbosity");
    json_object_del(rest, "reasoning_effort");
    json_object_del(rest, "text_verbosity");
    put_all(rest, what, model, extra);
    if (!is_blank(effort))
        json_object_set_new(extra, "reasoning", json_pack("{s:O}", "effort", effort));
    if (!is_blank(verbosity))
        json_object_set_new(extra, "text", json_pack("{s:O}", "verbosity", verbosity));
    if (json_object_size(extra))
        put(model, "extra", extra);
    for (size_t i = 0; i < 2 && is_blank(json_object_get(model, "api_key")); i++)
        if (getenv(variables[i]))
            json_object_set_new(model, "api_key", json_string(getenv(variables[i])));
    json_decref(extra);
    json_decref(rest);
    return need(what, json_object_get(model, "base_url"), "base_url");
}

static int read_vertex(const json_t *p, const char *what, json_t *model)
{
    const char *project = json_str_at(p, "project_id", NULL),
               *location = json_str_at(p, "location", "us-central1"),
               *name = json_str_at(p, "model", NULL);
    bool global = strcmp(location, "global") == 0;
    json_t *rest = json_copy((json_t *)p);
    json_object_del(rest, "project_id");
    json_object_del(rest, "location");
    put_all(rest, what, model, NULL);
    json_decref(rest);
    if (!project || !name)
        return need(what, NULL, project ? "name" : "base_url");
    json_object_set_new(model, "name",
                        json_sprintf("%s%s", strchr(name, '/') ? "" : "google/", name));
    json_object_set_new(model, "base_url",
                        json_sprintf("https://%s%saiplatform.googleapis.com/v1/projects/%s/"
                                     "locations/%s/endpoints/openapi",
                                     global ? "" : location, global ? "" : "-", project, location));
    if (!json_object_get(model, "api_key"))
        json_object_set_new(model, "api_key_command",
                            json_string("gcloud auth print-access-token"));
    return 0;
}

int preset_read(const json_t *tree, const char *what, json_t **out)
{
    static const struct {
        const char *module, *kind;
        int (*read)(const json_t *parameters, const char *what, json_t *model);
    } agents[] = {
        {"HTTPAgent", "openai", read_http},
        {"LiteLLMAgent", "openai", read_litellm},
        {"OpenAIResponsesAgent", "responses", read_responses},
        {"VertexAgent", "openai", read_vertex},
        {"VertexAIAgent", "openai", read_vertex},
    };
    const char *module = json_str_at(tree, "module", NULL);
    const json_t *parameters = json_object_get(tree, "parameters");
    json_t *model = json_object();
    int rc = model ? 0 : err_oom();
    if (rc == 0 && !module) {
        put_all(tree, what, model, NULL);
        if (!json_object_get(model, "kind") && is_blank(json_object_get(model, "base_url")) &&
            !json_object_get(model, "endpoints"))
            rc = err_set(GRASP_EINVAL,
                         "%s: names neither an endpoint (base_url) nor a kind of model", what);
    } else if (rc == 0) {
        const char *last = strrchr(module, '.');
        size_t i = 0, n = sizeof(agents) / sizeof(*agents);
        last = last ? last + 1 : module;
        while (i < n && strcmp(last, agents[i].module) != 0)
            i++;
        if (i < n) {
            json_object_set_new(model, "kind", json_string(agents[i].kind));
            /* What the file does not say is not said here, either. */
            json_object_set_new(model, "temperature", json_null());
            rc = agents[i].read(parameters, what, model);
        } else {
            rc = err_set(GRASP_EINVAL,
                         "%s: the agent module '%s' is not known here; set model.kind, "
                         "model.base_url and model.name instead",
                         what, module);
        }
    }
    if (rc < 0) {
        json_decref(model);
        model = NULL;
    }
    *out = model;
    return rc;
}

/* ---- their configurations ---- */

static int line_of(const json_t *lines, const char *key)
{
    return (int)json_integer_value(json_object_get(lines, key));
}

static void drop(json_t *tree, const char *section, const char *key, const json_t *lines,
                 const char *what)
{
    json_t *at = *section ? json_object_get(tree, section) : tree;
    char path[64];
    snprintf(path, sizeof(path), "%s%s%s", section, *section ? "." : "", key);
    if (json_object_get(at, key)) {
        log_info("%s:%d: '%s' means nothing here", what, line_of(lines, path), path);
        json_object_del(at, key);
    }
}

static json_t *section_of(json_t *tree, const char *name)
{
    if (!json_is_object(json_object_get(tree, name)))
        json_object_set_new(tree, name, json_object());
    return json_object_get(tree, name);
}

/* ---- their configurations of other methods ---- */

/* Switches of theirs that no released run sets otherwise: what they choose is what is done here. */
static const struct {
    const char *section, *key, *value; /* as JSON */
} as_released[] = {
    {"evo_memory", "episodic_enabled", "true"},    {"evo_memory", "semantic_enabled", "true"},
    {"expel", "use_exemplars", "false"},           {"skillx", "skill_type", "\"functional\""},
    {"skillx", "filter_stage1", "true"},           {"skillx", "filter_stage2", "false"},
    {"skillx", "use_plan_extraction", "true"},     {"skillx", "enable_llm_merge", "true"},
    {"skillx", "plan_extractor_max_retries", "1"},
};

static int drop_switches(json_t *tree, const json_t *lines, const char *what)
{
    for (size_t i = 0; i < sizeof(as_released) / sizeof(*as_released); i++) {
        json_t *section = json_object_get(tree, as_released[i].section),
               *v = json_object_get(section, as_released[i].key);
        json_auto_t *want = json_loads(as_released[i].value, JSON_DECODE_ANY, NULL);
        char path[64];
        snprintf(path, sizeof(path), "%s.%s", as_released[i].section, as_released[i].key);
        if (v && !json_equal(v, want))
            return err_set(GRASP_EINVAL, "%s:%d: %s can only be %s here, as in every released run",
                           what, line_of(lines, path), path, as_released[i].value);
        json_object_del(section, as_released[i].key);
    }
    return 0;
}

/* The method that a file of theirs is of; NULL: GRASP. Both memories have the section "memory"; what
 * tells them apart is the folder that they write to. */
static const char *method_in(const json_t *tree)
{
    const char *output = json_str_at(tree, "output_dir", "");
    if (json_object_get(tree, "memory"))
        return strstr(output, "batch") ? "batch_memory" : "seq_memory";
    static const char *const sections[] = {"evo_memory", "expel", "skillx"};
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
        if (json_object_get(tree, sections[i]))
            return sections[i];
    return NULL;
}

/* Their updater is our writer. With a preset it is the preset's model, and of the updater only how to
 * sample stays. */
static int adopt_updater(json_t *tree, const char *what)
{
    static const char *const kept[] = {"temperature", "max_tokens", "timeout"};
    json_t *writer = NULL, *updater = json_object_get(tree, "updater");
    char name[128];
    snprintf(name, sizeof(name), "%.100s: updater", what);
    json_t *model = json_object();
    int rc = model ? 0 : err_oom();
    if (rc == 0 && json_object_get(tree, "writer"))
        log_info("%s: there is a section 'writer'; the updater is not used", what);
    else if (rc == 0 && !json_object_get(tree, "agent_preset"))
        rc = preset_read(updater, name, &writer);
    else if (rc == 0) {
        put_all(json_object_get(updater, "parameters"), name, model, NULL);
        writer = json_object();
        for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
            put(writer, kept[i], json_object_get(model, kept[i]));
        log_info("%s: the writer is the preset's model", what);
    }
    json_decref(model);
    if (rc == 0 && writer)
        json_object_set_new(tree, "writer", writer);
    json_object_del(tree, "updater");
    return rc;
}

static int adopt_method(json_t *tree, const json_t *lines, const char *what)
{
    const char *method = json_object_get(tree, "updater") ? method_in(tree) : NULL;
    if (!method)
        return 0;
    if (!json_object_get(tree, "method")) {
        json_object_set_new(tree, "method", json_pack("{s:s}", "name", method));
        log_info("%s: a configuration of the method %s", what, method);
    }
    int rc = drop_switches(tree, lines, what);
    return rc < 0 ? rc : adopt_updater(tree, what);
}

int preset_adopt(json_t *tree, const json_t *lines, const char *what)
{
    int rc = adopt_method(tree, lines, what);
    if (rc < 0)
        return rc;
    json_t *output = json_object_get(tree, "output_dir");
    if (output && !json_object_get(tree, "run"))
        json_object_set(tree, "run", output);
    json_object_del(tree, "output_dir");
    json_t *task = json_object_get(tree, "task");
    const char *name = json_str_at(task, "name", NULL);
    if (name) {
        json_t *benchmark = section_of(tree, "benchmark");
        if (!json_object_get(benchmark, "version") && strstr(name, "medagentbench"))
            json_object_set_new(benchmark, "version",
                                json_string(strstr(name, "-v2") ? "v2" : "v1"));
        else if (!strstr(name, "medagentbench"))
            return err_set(GRASP_EINVAL, "%s:%d: the task '%s' is not known here", what,
                           line_of(lines, "task.name"), name);
        json_object_del(task, "name");
    }
    drop(tree, "task", "controller_address", lines, what);
    drop(tree, "skills", "base_dir", lines, what);
    drop(tree, "", "_resume", lines, what);
    return 0;
}
