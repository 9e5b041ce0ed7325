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

/* The orders that a value calls for, as the agent would write them; how many. %s: the patient. */
static size_t right_orders(const char *family, const json_t *value, const char *orders[2],
                           char *text, size_t size)
{
#define POST_TO(type) "POST http://localhost:8080/fhir/" type "\n"
#define SENT                                                                                       \
    "\"authoredOn\":\"2023-11-13T10:15:00+00:00\",\"status\":\"active\",\"intent\":\"order\","
#define SUBJECT "\"subject\":{\"reference\":\"Patient/%s\"}}"
#define LAB_ORDER(code, more)                                                                      \
    POST_TO("ServiceRequest")                                                                      \
    "{\"resourceType\":\"ServiceRequest\",\"code\":{\"coding\":[{\"system\":\"http://loinc.org\"," \
    "\"code\":\"" code "\"}]},\"priority\":\"stat\"," more SENT SUBJECT
#define DRUG_ORDER(ndc)                                                                            \
    POST_TO("MedicationRequest")                                                                   \
    "{\"resourceType\":\"MedicationRequest\",\"medicationCodeableConcept\":{\"coding\":[{"         \
    "\"system\":\"http://hl7.org/fhir/sid/ndc\",\"code\":\"" ndc "\"}]}," SENT
    static const char a1c[] = LAB_ORDER("4548-4", "");
    static const char potassium[] =
        LAB_ORDER("2823-3", "\"occurrenceDateTime\":\"2023-11-14T08:00:00+00:00\",");
    bool many = json_is_array(value);
    double v = json_number_value(many ? json_array_get(value, 0) : value);
    if (strcmp(family, "task10") == 0) {
        orders[0] = a1c;
        return v == -1 || strcmp(json_str_at(value, "[1]", ""), "2022-11-13T10:15:00+00:00") < 0;
    }
    if (strcmp(family, "task5") == 0 && json_is_number(value) && v <= 1.9) {
        int dose = v < 1 ? 4 : v < 1.5 ? 2 : 1;
        snprintf(
            text, size,
            DRUG_ORDER(
                "0338-1715-40") "\"dosageInstruction\":[{\"route\":\"IV\","
                                "\"doseAndRate\":[{\"doseQuantity\":{\"value\":%d,\"unit\":\"g\"},"
                                "\"rateQuantity\":{\"value\":%d,\"unit\":\"h\"}}]}],"
                                "\"subject\":{\"reference\":\"Patient/%%s\"}}",
            dose, dose);
        orders[0] = text;
        return 1;
    }
    if (strcmp(family, "task9") == 0 && v >= 0 && v < 3.5) {
        snprintf(text, size,
                 DRUG_ORDER("40032-917-01") "\"dosageInstruction\":[{\"route\":\"oral\","
                                            "\"doseAndRate\":[{\"doseQuantity\":{\"value\":%.12g,"
                                            "\"unit\":\"mEq\"}}]}],"
                                            "\"subject\":{\"reference\":\"Patient/%%s\"}}",
                 (3.5 - v) * 100);
        orders[0] = text;
        orders[1] = potassium;
        return 2;
    }
    return 0;
#undef POST_TO
#undef SENT
#undef SUBJECT
#undef LAB_ORDER
#undef DRUG_ORDER
}

/* The verdict on an agent that places the orders for `ordered` and answers `answered`. */
static bool value_passes(const struct clinic *c, const struct task *task, const json_t *ordered,
                         const json_t *answered)
{
    const char *orders[2];
    char text[1024], post[1200];
    struct verdict verdict;
    json_t *messages = json_array();
    json_t *list =
        json_is_array(answered) ? json_incref((json_t *)answered) : json_pack("[O]", answered);
    char *result = json_dumps(list, JSON_ENCODE_ANY);
    size_t n = right_orders(task->family, ordered, orders, text, sizeof(text));
    assert_non_null(result);
    for (size_t i = 0; i < n; i++) {
        snprintf(post, sizeof(post), orders[i], task->mrn);
        case_say(messages, "agent", post);
        case_say(messages, "user", "POST request accepted and executed successfully.");
    }
    case_say(messages, "agent", "FINISH");
    case_grade(c, &settings_v1, task->raw, messages, result, &verdict, NULL);
    if (!verdict.correct && json_equal(ordered, answered))
        print_message("# %s: FINISH(%s): %s\n", task->id, result, verdict.reason);
    free(result);
    json_decref(list);
    json_decref(messages);
    return verdict.correct;
}

/* Each published value with the orders it calls for is right; another value is not, where a value
 * is asked for. */
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
        json_t *value = json_object_get(row, "value"), *other = json_pack("[f]", 1234.5);
        assert_non_null(task);
        wrong += !value_passes(&c, task, value, value);
        wrong += !json_is_null(value) && value_passes(&c, task, value, other);
        json_decref(other);
    }
    assert_int_equal(json_array_size(expected), 180);
    assert_int_equal(wrong, 0);
    json_decref(expected);
    task_set_release(&tasks);
    clinic_release(&c);
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
