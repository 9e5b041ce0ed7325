/* test_config.c - layers, bounds and messages of configurations. */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/config/config.h"
#include "runtime/config/explain.h"
#include "runtime/config/key_texts.h"
#include "runtime/config/keys.h"

static char *dir;

static int setup(void **state)
{
    (void)state;
    dir = fs_tempdir("grasp-config");
    unsetenv("GRASP_BACKEND");
    return dir ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fs_remove_tree(dir);
    free(dir);
    return 0;
}

static int load(struct config **c, const char *text, const char *const *sets, size_t n)
{
    char *path = fs_join(dir, "grasp.yaml");
    assert_int_equal(fs_write(path, text, strlen(text)), 0);
    int rc = config_load(c, path, sets, n);
    free(path);
    return rc;
}

static void defaults_are_the_papers(void **state)
{
    (void)state;
    struct config *c;
    assert_int_equal(load(&c, "cycle:\n  epochs: 2\n", NULL, 0), 0);
    assert_int_equal(c->cycle.epochs, 2);
    assert_int_equal(c->cycle.update_every, 48);
    assert_int_equal(c->cycle.grpo_k, 4);
    assert_int_equal(c->cycle.grpo_eval_n, 36);
    assert_int_equal(c->cycle.max_learned_skills, 10);
    assert_int_equal(c->cycle.batch_concurrency, 5);
    assert_int_equal(c->gate.invalid_action_penalty, 2);
    assert_int_equal(c->gate.regression_budget, 0);
    assert_true(c->gate.leak_guard && c->gate.early_stop && c->cycle.regression_gate);
    assert_true(c->model.temperature == -1);
    assert_string_equal(c->model.kind, "simulated");
    assert_string_equal(c->fhir_api_base, "http://localhost:8080/fhir/");
    config_free(c);
}

static void messages_say_where_and_what(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"cycle:\n  epoch: 3\n", "grasp.yaml:2: there is no key 'cycle.epoch'; did you mean "
                                 "'cycle.epochs'?"},
        {"cycle:\n  epochs: many\n", "grasp.yaml:2: cycle.epochs must be a whole number from 0"},
        {"cycle:\n  epochs: 1.5\n", "cycle.epochs must be a whole number"},
        {"cycle:\n  grpo_k: 0\n", "cycle.grpo_k must be a whole number from 1 to 64"},
        {"cycle:\n  no_gate: 1\n", "grasp.yaml:2: cycle.no_gate must be true or false"},
        {"skills:\n  inject: some\n", "skills.inject must be one of all top_k"},
        {"epochs: 3\n", "did you mean 'cycle.epochs'?"},
        {"cycle: [1\n", "grasp.yaml:2"},
        {"a: 1\na: 2\n", "grasp.yaml:2: the key 'a' stands here twice"},
        {"data:\n  dev: ${GRASP_NOT_SET_ANYWHERE}/x\n",
         "grasp.yaml:2: the environment variable GRASP_NOT_SET_ANYWHERE is not set"},
        {"agent_preset: nobody\n", "agent_preset 'nobody'"},
        {"- 1\n", "a mapping of keys is needed"},
        {"a: &x 1\nb: *x\n", "aliases are not supported"},
        {"prices: {m: {input: -1, output: 1}}\n", "prices.m.input must be a number from 0"},
        {"prices: {m: {output: dear}}\n", "prices.m.output must be a number from 0"},
        {"prices: {m: {inputs: 1}}\n", "prices.m.inputs is no price"},
        {"prices: {m: {input: 1}}\n", "prices.m has no output"},
        {"prices: {m: {output: 1, cached: 1}}\n", "prices.m has no input"},
        {"prices: {m: 3}\n", "prices.m must be a table"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config *c;
        assert_true(load(&c, cases[i].text, NULL, 0) < 0);
        assert_null(c);
        if (!strstr(err_msg(), cases[i].says))
            fail_msg("'%s' gives '%s', not '%s'", cases[i].text, err_msg(), cases[i].says);
    }
}

static void variables_expand(void **state)
{
    (void)state;
    struct config *c;
    setenv("GRASP_TEST_DIR", "/data", 1);
    assert_int_equal(load(&c,
                          "data:\n  dev: ${GRASP_TEST_DIR}/dev.json\n  val: tasks/val.json\n"
                          "cycle:\n  seed: ${GRASP_TEST_SEED:-7}\n",
                          NULL, 0),
                     0);
    assert_string_equal(c->data.dev, "/data/dev.json");
    assert_int_equal(c->cycle.seed, 7);
    char *val = fs_join(dir, "tasks/val.json");
    assert_string_equal(c->data.val, val);
    free(val);
    config_free(c);
}

static void layers_beat_each_other(void **state)
{
    (void)state;
    struct config *c;
    char *agents = fs_join(dir, "agents"), *preset = fs_join(agents, "oss.yaml");
    fs_mkdirs(agents);
    const char *text = "model: gpt-oss-120b\nurl: http://oss/v1\ntemperature: 0.5\nodd: 1\n";
    fs_write(preset, text, strlen(text));
    const char *yaml = "agent_preset: oss\nmodel:\n  temperature: 0.25\n";
    assert_int_equal(load(&c, yaml, NULL, 0), 0);
    assert_string_equal(c->model.name, "gpt-oss-120b");
    assert_string_equal(c->model.base_url, "http://oss/v1");
    assert_true(c->model.temperature == 0.25);
    assert_string_equal(c->model.kind, "openai");
    assert_string_equal(c->writer.name, "gpt-oss-120b");
    assert_false(config_has_writer(c));
    config_free(c);

    const char *sets[] = {"model.temperature=0", "writer.name=big", "model.kind=simulated",
                          "cycle.probe_strata=family", "writer.kind=openai"};
    assert_int_equal(load(&c, yaml, sets, 5), 0);
    assert_true(c->model.temperature == 0);
    assert_string_equal(c->model.kind, "simulated");
    assert_string_equal(c->model.name, "simulated"); /* whatever the preset calls its own */
    assert_string_equal(c->writer.name, "big");
    assert_true(config_has_writer(c));
    assert_int_equal(c->gate.probe_strata, PROBE_STRATA_FAMILY);
    config_free(c);
    /* A preset that is chosen takes the place of the file's model: the caller's choice beats the
     * environment's. */
    char *other = fs_join(agents, "other.json");
    text = "{\"kind\": \"responses\", \"base_url\": \"http://other/v1\", \"name\": \"o\"}";
    fs_write(other, text, strlen(text));
    setenv("GRASP_BACKEND", "other", 1);
    assert_int_equal(load(&c, yaml, NULL, 0), 0);
    assert_string_equal(c->model.kind, "responses");
    assert_string_equal(c->model.base_url, "http://other/v1");
    assert_true(c->model.temperature == 0.25);
    config_free(c);
    const char *choice[] = {"agent_preset=oss"};
    assert_int_equal(load(&c, yaml, choice, 1), 0);
    assert_string_equal(c->model.name, "gpt-oss-120b");
    config_free(c);
    setenv("GRASP_BACKEND", "simulated", 1);
    assert_int_equal(load(&c, yaml, NULL, 0), GRASP_ENOTFOUND);
    assert_non_null(
        strstr(err_msg(), "there are oss, other (a kind of model is set with model.kind)"));
    unsetenv("GRASP_BACKEND");
    free(other);
    const char *table = "models:\n  'big: one/2':\n    base_url: http://big/v1\n    name: big\n"
                        "  small: {kind: anthropic, base_url: http://small/v1, name: small}\n";
    const char *from_table[] = {"agent_preset=big: one/2"};
    assert_int_equal(load(&c, table, from_table, 1), 0);
    assert_string_equal(c->model.base_url, "http://big/v1");
    assert_string_equal(c->model.name, "big");
    config_free(c);
    from_table[0] = "agent_preset=tiny";
    assert_int_equal(load(&c, table, from_table, 1), GRASP_ENOTFOUND);
    assert_non_null(strstr(err_msg(), "there are big: one/2, oss, other, small"));
    const char *wrong[] = {"cycle.epoch=2"}; /* a key that does not exist */
    assert_int_equal(load(&c, yaml, wrong, 1), GRASP_EUSAGE);
    free(agents);
    free(preset);
}

static void secrets_stay_out_and_changes_are_shown(void **state)
{
    (void)state;
    struct config *c;
    struct buf text = BUF_INIT;
    assert_int_equal(
        load(&c, "model:\n  kind: openai\n  api_key: sk-verysecret\n  name: m\n", NULL, 0), 0);
    config_render(c, &text);
    assert_null(strstr(text.ptr, "verysecret"));
    assert_non_null(strstr(text.ptr, "name: \"m\""));
    char *old = fs_join(dir, "old.yaml");
    assert_int_equal(fs_write(old, text.ptr, text.len), 0);
    assert_int_equal(config_same_run(c, old), 0);
    config_free(c);

    const char *harmless[] = {"cycle.batch_concurrency=64", "budget.calls=10",
                              "model.api_key=other"};
    assert_int_equal(load(&c, "model:\n  kind: openai\n  name: m\n", harmless, 3), 0);
    assert_int_equal(config_same_run(c, old), 0);
    config_free(c);
    const char *other[] = {"cycle.seed=2"};
    assert_int_equal(load(&c, "model:\n  kind: openai\n  name: m\n", other, 1), 0);
    assert_int_equal(config_same_run(c, old), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "cycle.seed: 1 -> 2"));
    config_free(c);
    buf_release(&text);
    free(old);
}

static void no_model_takes_anothers_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"model:\n  name: gpt-4\n", "the model gpt-4 is asked for, and no endpoint"},
        {"model:\n  api_key: sk-verysecret\n", "set model.base_url"},
        {"model:\n  replay_file: x.jsonl\n", "set model.kind: replay as well"},
        {"writer:\n  name: gpt-4\n", "set writer.base_url"},
        {"agent:\n  module: src.client.agents.MyAgent\n  parameters: {}\n",
         "the agent module 'src.client.agents.MyAgent' is not known here"},
        {"agent:\n  module: x.LiteLLMAgent\n  parameters: {model: azure/gpt-4}\n",
         "AZURE_API_BASE"},
        {"agent:\n  module: x.LiteLLMAgent\n  parameters: {model: cohere/command}\n",
         "the provider of 'cohere/command' is not known here"},
        {"agent: {name: gpt-4}\n", "names neither an endpoint"},
    };
    unsetenv("AZURE_API_BASE");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config *c;
        assert_int_equal(load(&c, cases[i].text, NULL, 0), GRASP_EINVAL);
        if (!strstr(err_msg(), cases[i].says))
            fail_msg("'%s' gives '%s', not '%s'", cases[i].text, err_msg(), cases[i].says);
    }
    struct config *c;
    assert_int_equal(load(&c, "model:\n  temperature: 0\n", NULL, 0), 0);
    assert_string_equal(c->model.name, "simulated");
    config_free(c);
}

/* A released configuration of another method. */
static void check_other(const struct config *c, const char *file)
{
    static const struct {
        const char *file;
        enum method method;
    } methods[] = {{"memory_cycle", METHOD_SEQ_MEMORY},
                   {"batch_memory_cycle", METHOD_BATCH_MEMORY},
                   {"evo_memory_cycle", METHOD_EVO_MEMORY},
                   {"expel_cycle", METHOD_EXPEL},
                   {"skillx_cycle", METHOD_SKILLX}};
    size_t i = 0;
    while (strcmp(methods[i].file, file) != 0)
        i++;
    assert_int_equal(c->method.name, methods[i].method);
    assert_int_equal(c->method.fidelity, FIDELITY_PUBLISHED);
    assert_int_equal(c->method.max_bullets, 200);
    assert_int_equal(c->method.retrieval_top_k, 5);
    /* with a preset the writer is its model; how to sample stays the updater's */
    assert_string_equal(c->writer.name, c->model.name);
    assert_true(c->writer.temperature == 0.7);
    assert_int_equal(c->writer.max_tokens, 32768);
    assert_true(c->writer.timeout == 120);
}

/* The reference implementation's files: what they come to. */
static void the_references_files_load(void **state)
{
    (void)state;
    static const char *const variables[][2] = {
        {"OSS_API_BASE", "http://oss/v1"},
        {"DEEPSEEK_API_BASE", "https://ds/v1"},
        {"DEEPSEEK_API_KEY", "ds-key"},
        {"LOCAL_API_BASE", "http://local/v1"},
        {"LOCAL_MODEL", "mine"},
        {"AZURE_API_BASE", "https://x.azure.com/"},
        {"AZURE_API_KEY", "az-key"},
        {"AZURE_API_VERSION", "2024-12-01-preview"},
        {"AZURE_OPENAI_BASE_URL", "https://a/openai/v1"},
        {"AZURE_OPENAI_API_KEY", "a-key"},
        {"GOOGLE_CLOUD_PROJECT", "proj"},
    };
    static const struct {
        const char *file, *preset;          /* a configuration, or a preset of grasp.json */
        const char *kind, *name, *base_url; /* NULL: refused ... */
        const char *says;                   /* ... with this */
    } cases[] = {
        {"grasp", NULL, "openai", "gpt-oss-120b", "http://oss/v1/chat/completions", NULL},
        {"grasp", "gptoss", "openai", "gpt-oss-120b", "http://oss/v1/chat/completions", NULL},
        {"grasp", "deepseek", "openai", "deepseek-v4-flash", "https://ds/v1/chat/completions",
         NULL},
        {"grasp", "local", "openai", "mine", "http://local/v1/chat/completions", NULL},
        {"grasp", "gpt4", "openai", "gpt-4.1", "https://x.azure.com/openai/deployments/gpt-4.1",
         NULL},
        {"grasp", "gpt5", "responses", "gpt-5.4", "https://a/openai/v1", NULL},
        {"grasp", "gemini", "openai", "google/gemini-3.1-flash-lite",
         "https://us-central1-aiplatform.googleapis.com/v1/projects/proj/locations/us-central1/"
         "endpoints/openapi",
         NULL},
        {"grasp", "nobody", NULL, NULL, NULL,
         "there are deepseek, gemini, gpt4, gpt5, gptoss, local"},
        {"run_main", NULL, "openai", "gpt-oss-120b", "<REDACTED>", NULL},
        {"run_lam4", NULL, "openai", "gpt-oss-120b", "<REDACTED>", NULL},
        {"run_no_gate", NULL, "openai", "gpt-oss-120b", "<REDACTED>", NULL},
        {"run_gpt54", NULL, "responses", "<REDACTED>-06-gpt-5.4-2026-03-05", "<REDACTED>", NULL},
        {"other_memory_cycle", NULL, "openai", "gpt-oss-120b", "http://oss/v1/chat/completions",
         NULL},
        {"other_batch_memory_cycle", NULL, "openai", "gpt-oss-120b",
         "http://oss/v1/chat/completions", NULL},
        {"other_evo_memory_cycle", NULL, "openai", "gpt-oss-120b", "http://oss/v1/chat/completions",
         NULL},
        {"other_expel_cycle", NULL, "openai", "gpt-oss-120b", "http://oss/v1/chat/completions",
         NULL},
        {"other_skillx_cycle", NULL, "openai", "gpt-oss-120b", "http://oss/v1/chat/completions",
         NULL},
    };
    static const char *const presets[] = {"deepseek", "gemini", "gpt4", "gpt5", "gptoss", "local"};
    char *base = fs_join(dir, "reference"), *agents = fs_join(base, "agents");
    struct buf text = BUF_INIT;
    assert_int_equal(fs_mkdirs(agents), 0);
    log_set_level(LOG_ERROR);
    for (size_t i = 0; i < sizeof(presets) / sizeof(*presets); i++) {
        char from[96], to[512];
        snprintf(from, sizeof(from), "tests/data/reference/preset_%s.json", presets[i]);
        snprintf(to, sizeof(to), "%s/%s.json", agents, presets[i]);
        buf_reset(&text);
        assert_int_equal(fs_read(from, &text), 0);
        assert_int_equal(fs_write(to, text.ptr, text.len), 0);
    }
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        setenv(variables[i][0], variables[i][1], 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config *c;
        char from[96], path[512];
        snprintf(from, sizeof(from), "tests/data/reference/%s.json", cases[i].file);
        snprintf(path, sizeof(path), "%s/%s.json", base, cases[i].file);
        buf_reset(&text);
        assert_int_equal(fs_read(from, &text), 0);
        assert_int_equal(fs_write(path, text.ptr, text.len), 0);
        int rc = config_load_preset(&c, path, cases[i].preset, NULL, 0);
        if (cases[i].says) {
            assert_true(rc < 0);
            if (!strstr(err_msg(), cases[i].says))
                fail_msg("%s: '%s', not '%s'", cases[i].file, err_msg(), cases[i].says);
            continue;
        }
        if (rc < 0)
            fail_msg("%s %s: %s", cases[i].file, cases[i].preset, err_msg());
        assert_string_equal(c->model.kind, cases[i].kind);
        assert_string_equal(c->model.name, cases[i].name);
        assert_string_equal(c->model.base_url, cases[i].base_url);
        assert_int_equal(c->cycle.grpo_eval_n, 36);
        if (str_starts(cases[i].file, "other_"))
            check_other(c, cases[i].file + strlen("other_"));
        if (strcmp(cases[i].file, "run_lam4") == 0)
            assert_int_equal(c->gate.invalid_action_penalty, 4);
        if (strcmp(cases[i].file, "run_no_gate") == 0)
            assert_true(c->cycle.no_gate);
        if (strcmp(cases[i].file, "run_gpt54") == 0) {
            assert_true(c->model.temperature == -1);
            assert_int_equal(c->model.max_tokens, 65536);
        }
        if (cases[i].preset && strcmp(cases[i].preset, "gpt4") == 0) {
            assert_string_equal(c->model.query, "api-version=2024-12-01-preview");
            assert_string_equal(c->model.api_key, "az-key");
            assert_string_equal(c->model.api_key_header, "api-key");
        }
        if (cases[i].preset && strcmp(cases[i].preset, "gemini") == 0)
            assert_string_equal(c->model.api_key_command, "gcloud auth print-access-token");
        config_free(c);
    }
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        unsetenv(variables[i][0]);
    buf_release(&text);
    free(base);
    free(agents);
}

/* `method:` as a name or a section; files of the reference for other methods than ours. */
static void methods_are_chosen(void **state)
{
    static const char updater[] =
        "updater:\n  module: src.client.agents.LiteLLMAgent\n  parameters: {model: openai/w, "
        "temperature: 0.7, max_output_tokens: 99}\nmodel: {kind: simulated}\n";
    static const struct {
        const char *text, *set;
        int name, fidelity; /* -1: refused, and `says` why */
        const char *says;
    } cases[] = {
        {"model: {kind: simulated}\n", NULL, METHOD_GRASP, FIDELITY_PUBLISHED, NULL},
        {"method: expel\n", NULL, METHOD_EXPEL, FIDELITY_PUBLISHED, NULL},
        {"method: {name: skillx, fidelity: repaired}\n", NULL, METHOD_SKILLX, FIDELITY_REPAIRED,
         NULL},
        {"method: {fidelity: repaired}\n", "method=none", METHOD_NONE, FIDELITY_REPAIRED, NULL},
        {"method: expel\n", "method.name=evo_memory", METHOD_EVO_MEMORY, FIDELITY_PUBLISHED, NULL},
        {"a: 1\n", NULL, -1, 0, "there is no key 'a'"},
        {"\nmethod: expell\n", NULL, -1, 0,
         ":2: method.name must be one of grasp none seq_memory batch_memory expel evo_memory "
         "skillx"},
        {"method: {name: expel, fidelity: exact}\n", NULL, -1, 0,
         "method.fidelity must be one of published repaired"},
        {"method: {nam: expel}\n", NULL, -1, 0,
         "there is no key 'method.nam'; did you mean "
         "'method.name'"},
        {"%expel: {max_num_rules: 7}\n", NULL, METHOD_EXPEL, FIDELITY_PUBLISHED, NULL},
        {"%memory: {max_bullets: 7}\n", NULL, METHOD_SEQ_MEMORY, FIDELITY_PUBLISHED, NULL},
        {"%memory: {max_bullets: 7}\noutput_dir: out/batch_memory\n", NULL, METHOD_BATCH_MEMORY,
         FIDELITY_PUBLISHED, NULL},
        {"%memory: {max_bullets: 7}\nmethod: batch_memory\n", NULL, METHOD_BATCH_MEMORY,
         FIDELITY_PUBLISHED, NULL},
        {"%expel: {use_exemplars: false}\n", NULL, METHOD_EXPEL, FIDELITY_PUBLISHED, NULL},
        {"%expel:\n  use_exemplars: true\n", NULL, -1, 0,
         ":6: expel.use_exemplars can only be false here"},
        {"%skillx: {filter_stage2: true}\n", NULL, -1, 0,
         "skillx.filter_stage2 can only be false here"},
        {"%evo_memory: {topk: 3}\n", NULL, -1, 0, "there is no key 'evo_memory.topk'"},
    };
    (void)state;
    setenv("OPENAI_API_KEY", "k", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config *c;
        struct buf text = BUF_INIT;
        bool theirs = *cases[i].text == '%';
        buf_adds(&text, theirs ? updater : "");
        buf_adds(&text, cases[i].text + theirs);
        int rc = load(&c, text.ptr, &cases[i].set, cases[i].set != NULL);
        if (rc == 0 && cases[i].name < 0)
            fail_msg("%s: taken", cases[i].text);
        if (rc < 0 && (cases[i].name >= 0 || !strstr(err_msg(), cases[i].says)))
            fail_msg("%s: %s", cases[i].text, err_msg());
        if (rc == 0) {
            assert_int_equal(c->method.name, cases[i].name);
            assert_int_equal(c->method.fidelity, cases[i].fidelity);
        }
        if (rc == 0 && theirs) { /* no preset: the writer is the updater */
            assert_string_equal(c->writer.name, "w");
            assert_string_equal(c->writer.base_url, "https://api.openai.com/v1");
            assert_int_equal(c->writer.max_tokens, 99);
        }
        buf_release(&text);
        config_free(rc == 0 ? c : NULL);
    }
    unsetenv("OPENAI_API_KEY");
}

/* Every key is explained, its example is one that loads, and no text is about a key that is none. */
static void every_key_is_explained(void **state)
{
    (void)state;
    static const char *const sections[] = {"model", "writer"};
    for (const struct config_key *k = config_keys; k->name; k++) {
        struct buf out = BUF_INIT;
        if (!(k->flags & KEY_ALIAS) && !key_text_find(k->name))
            fail_msg("%s has no text in key_texts.c", k->name);
        if (config_explain(&out, k->name) < 0 || !strstr(out.ptr, "example  --set"))
            fail_msg("%s is not explained", k->name);
        buf_release(&out);
    }
    for (const struct key_text *t = key_texts; t->name; t++)
        for (int i = 0; i < (t->name[0] == '*' ? 2 : 1); i++) {
            char set[256], name[64];
            const char *sets[] = {set};
            struct config *c = NULL;
            snprintf(name, sizeof(name), "%s%s", t->name[0] == '*' ? sections[i] : "",
                     t->name + (t->name[0] == '*'));
            snprintf(set, sizeof(set), "%s=%s", name, t->example);
            if (!config_key_find(name) || (config_key_find(name)->flags & KEY_ALIAS))
                fail_msg("%s is no key", name);
            if (load(&c, "model: {name: m, base_url: http://localhost:1/v1}\n", sets, 1) < 0)
                fail_msg("--set %s: %s", set, err_msg());
            config_free(c);
        }
    struct buf man = BUF_INIT;
    config_man(&man);
    assert_non_null(strstr(man.ptr, "\n.B gate.alpha\n"));
    buf_release(&man);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_papers),
        cmocka_unit_test(messages_say_where_and_what),
        cmocka_unit_test(variables_expand),
        cmocka_unit_test(layers_beat_each_other),
        cmocka_unit_test(methods_are_chosen),
        cmocka_unit_test(secrets_stay_out_and_changes_are_shown),
        cmocka_unit_test(no_model_takes_anothers_place),
        cmocka_unit_test(the_references_files_load),
        cmocka_unit_test(every_key_is_explained),
    };
    return cmocka_run_group_tests_name("config", tests, setup, teardown);
}
