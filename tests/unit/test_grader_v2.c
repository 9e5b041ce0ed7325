/* test_grader_v2.c - the graders of MedAgentBench v2: our own cases, shared vectors. */
#include "grader_cases.h"

static const struct grader_settings settings_v2 = {
    .benchmark = BENCHMARK_V2,
    .base = "http://localhost:8080/fhir/",
    .today = "2026-01-15T00:00:00+00:00",
};

static void own_cases_agree(void **state)
{
    (void)state;
    struct grader_settings settings = settings_v2;
    settings.base = "http://fhir.test/r4/";
    cases_agree("tests/data/graders/v2.jsonl", &settings, 300);
}

static void vectors_agree(void **state)
{
    (void)state;
    static const char *const types[] = {"Condition", "MedicationRequest", "Observation",
                                        "Patient",   "Procedure",         "ServiceRequest"};
    struct clinic c = {0};
    char path[512];
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        char name[128];
        snprintf(name, sizeof(name), "vectors/clinic_v2/%s.ndjson", types[i]);
        if (!clinic_load(&c, name))
            skip();
    }
    static const struct {
        const char *name;
        size_t rows;
    } files[] = {{"vectors/graders_v2.jsonl", 656},
                 {"agent/v2_misjudged.jsonl", 4},
                 {"agent/v2_order_of_checks.jsonl", 4}};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct vector_run run = {.clinic = &c, .settings = settings_v2};
        if (!shared_file(files[i].name, path))
            skip();
        assert_int_equal(json_read_lines(path, vector_line, &run), 0);
        assert_int_equal(run.wrong, 0);
        assert_in_range(run.n, files[i].rows, 100000);
    }
    clinic_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_cases_agree),
        cmocka_unit_test(vectors_agree),
    };
    return cmocka_run_group_tests_name("grader_v2", tests, NULL, NULL);
}
