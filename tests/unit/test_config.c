/* test_config.c - layers, bounds and messages of configurations. */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/config/config.h"

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
    setenv("GRASP_BACKEND", "responses", 1);
    assert_int_equal(load(&c, yaml, sets, 5), 0);
    assert_true(c->model.temperature == 0);
    assert_string_equal(c->model.kind, "simulated");
    assert_string_equal(c->model.name, "simulated"); /* whatever the preset calls its own */
    assert_string_equal(c->writer.name, "big");
    assert_true(config_has_writer(c));
    assert_int_equal(c->gate.probe_strata, PROBE_STRATA_FAMILY);
    config_free(c);
    assert_int_equal(load(&c, yaml, NULL, 0), 0);
    assert_string_equal(c->model.kind, "responses");
    config_free(c);
    unsetenv("GRASP_BACKEND");
    const char *wrong[] = {"cycle.epoch=2"};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_papers),
        cmocka_unit_test(messages_say_where_and_what),
        cmocka_unit_test(variables_expand),
        cmocka_unit_test(layers_beat_each_other),
        cmocka_unit_test(secrets_stay_out_and_changes_are_shown),
    };
    return cmocka_run_group_tests_name("config", tests, setup, teardown);
}
