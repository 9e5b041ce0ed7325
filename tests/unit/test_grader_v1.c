/* test_grader_v1.c - the graders of MedAgentBench v1: our own cases, shared vectors, published
 * reference values, recorded episodes. */
#include "grader_cases.h"

static const struct grader_settings settings_v1 = {
    .benchmark = BENCHMARK_V1,
    .base = "http://localhost:8080/fhir/",
};

static void own_cases_agree(void **state)
{
    (void)state;
    struct grader_settings settings = settings_v1;
    settings.base = "http://fhir.test/r4/";
    cases_agree("tests/data/graders/v1.jsonl", &settings, 300);
}

static bool load_public(struct clinic *c)
{
    static const char *const files[] = {
        "medagentbench/recorded/fhir/Condition.ndjson",
        "medagentbench/recorded/fhir/MedicationRequest.ndjson",
        "medagentbench/recorded/fhir/Observation.ndjson",
        "medagentbench/recorded/fhir/Patient.ndjson",
        "medagentbench/recorded/fhir/Procedure.ndjson",
        "medagentbench/rebuilt/Observation.ndjson",
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (!clinic_load(c, files[i]))
            return false;
    return true;
}

static void vectors_agree(void **state)
{
    (void)state;
    struct clinic c = {0};
    char path[512];
    if (!load_public(&c) || !clinic_load(&c, "vectors/clinic_v1/Observation.ndjson") ||
        !clinic_load(&c, "vectors/clinic_v1/Patient.ndjson") ||
        !shared_file("vectors/graders_v1.jsonl", path))
        skip();
    struct vector_run run = {.clinic = &c, .settings = settings_v1};
    assert_int_equal(json_read_lines(path, vector_line, &run), 0);
    assert_int_equal(run.wrong, 0);
    assert_in_range(run.n, 684, 100000);
    clinic_release(&c);
}

static void reference_values_agree(void **state)
{
    (void)state;
    struct clinic c = {0};
    struct task_set tasks;
    char path[512];
    json_t *expected;
    if (!load_public(&c) || !shared_file("medagentbench/v1/test_data_v2.json", path))
        skip();
    assert_int_equal(task_set_load(&tasks, path, true), 0);
    assert_non_null(shared_file("medagentbench/rebuilt/expected_values.json", path));
    assert_int_equal(json_read_file(&expected, path), 0);
    size_t i, wrong = 0;
    json_t *row;
    json_array_foreach (expected, i, row) {
        const struct task *task = task_set_find(&tasks, json_str_at(row, "task_id", ""));
        struct strlist queries = {0};
        assert_non_null(task);
        assert_int_equal(grader_searches(task, &settings_v1, &queries), 0);
        json_t *found = clinic_search(&c, queries.v[0]);
        json_t *got = grader_reference(task, &settings_v1, &found);
        json_t *want = json_object_get(row, "value");
        bool same = json_is_number(got) && json_is_number(want)
                        ? json_number_value(got) == json_number_value(want)
                        : json_equal(got, want);
        if (!same) {
            char *a = json_dumps(got, JSON_ENCODE_ANY), *b = json_dumps(want, JSON_ENCODE_ANY);
            print_message("# %s: %s, expected %s\n", task->id, a ? a : "-", b);
            free(a);
            free(b);
            wrong++;
        }
        json_decref(got);
        json_decref(found);
        strlist_release(&queries);
    }
    assert_int_equal(json_array_size(expected), 180);
    assert_int_equal(wrong, 0);
    json_decref(expected);
    task_set_release(&tasks);
    clinic_release(&c);
}

struct episodes {
    struct clinic clinic;
    struct task_set tasks;
    size_t n, wrong;
};

static int episode_line(json_t *v, size_t line, void *arg)
{
    struct episodes *e = arg;
    struct verdict verdict;
    char base[256];
    const struct task *task = task_set_find(&e->tasks, json_str_at(v, "task_id", ""));
    const char *start = strstr(json_str_at(v, "messages[0].content", ""), "http://");
    assert_non_null(task);
    assert_non_null(start);
    snprintf(base, sizeof(base), "%.*s", (int)strcspn(start, " \n"), start);
    struct grader_settings settings = {.benchmark = BENCHMARK_V1, .base = base};
    const char *result = json_string_value(json_object_get(v, "result"));
    case_grade(&e->clinic, &settings, task->raw, json_object_get(v, "messages"), result, &verdict,
               NULL);
    e->n++;
    if (verdict.correct != json_bool_at(v, "verdict", false)) {
        e->wrong++;
        print_message("# episode %zu %s: %s\n", line, task->id, verdict.reason);
    }
    return 0;
}

static void recorded_episodes_agree(void **state)
{
    (void)state;
    struct episodes e = {0};
    char path[512];
    if (!load_public(&e.clinic) || !shared_file("medagentbench/v1/test_data_v2.json", path))
        skip();
    assert_int_equal(task_set_load(&e.tasks, path, true), 0);
    assert_non_null(shared_file("medagentbench/recorded/episodes.jsonl", path));
    assert_int_equal(json_read_lines(path, episode_line, &e), 0);
    assert_int_equal(e.n, 200);
    assert_int_equal(e.wrong, 0);
    task_set_release(&e.tasks);
    clinic_release(&e.clinic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_cases_agree),
        cmocka_unit_test(vectors_agree),
        cmocka_unit_test(reference_values_agree),
        cmocka_unit_test(recorded_episodes_agree),
    };
    return cmocka_run_group_tests_name("grader_v1", tests, NULL, NULL);
}
