/* test_reasons.c - what every reason of every verdict must be: of a known kind, more than "another
 * value", and without a value of the solution. */
#include "grader_cases.h"

#include <regex.h>

#include "probes/leak.h"

#define KIND     "(a string|a number|a list|an object|null|true or false|a complex number)"
#define EXPECTED "(a string|a number|a list|an object)"

/* The place, and the kinds of what may be wrong there. */
static const char *const places[] = {
    "answer(: element [0-9]+)?",
    "no_answer",
    "has_post",
    "posts: (missing|extra)",
    "url",
    "payload(\\[[0-9]+\\])?(\\.[A-Za-z]+(\\[[0-9]+\\])?)*",
    "data",
    "task",
    "more", /* than there is room for */
};

static const char *const kinds[] = {
    /* types */
    KIND " where " EXPECTED " is expected",
    KIND " where (a number|a string) is expected: the right one stands in it",
    KIND
    " where a number is expected(: the right one in quotation marks|: the one for nothing found"
    "|, and another one stands in it|, though there is one to report)",
    KIND " where a list is expected: the right value, but not in a list",
    "[A-Za-z.0-9]+(\\[[0-9]\\][A-Za-z.0-9]*)* is below " KIND
    ", where (a list|an object) is expected",
    "(a list|an object|null|true or false), but another one",
    /* presence */
    "missing",
    "more members than asked for",
    "more than value and unit",
    "an object, but not with the right members alone",
    "a list of [0-9]+ where one of [12] is expected",
    "no first entry that is an object",
    "no object in a list",
    "neither text nor a coding's display",
    /* numbers */
    "a number, but another one(: nothing is there to report| that is close to it)?",
    "a number, but the one for nothing found, where there is something",
    "a number, but a rounded or cut form of the right one",
    /* texts */
    "a string, but another one",
    "an empty string",
    "a string, but not the words that the task gives for this",
    "words of the task where there is something else to report",
    "a string with letters where one without is expected",
    "several words where one is expected",
    "a part of the right text alone",
    "the right text with more around it",
    "the right text, but for case or blanks around it",
    "a URL, but another one|no URL where one is expected",
    "the text differs: the instruction's words in quotation marks are not in it as they stand",
    /* times */
    "the right time(, but without its offset from UTC|, but written in another form| with more "
    "around "
    "it)",
    "the right date, but (not in the form of ISO 8601|without the time of day|another time of day)",
    "another (date|time), and without (the time of day|an offset from UTC)",
    "no date or time in the form of ISO 8601",
    "a date or time, but another one",
    /* references, types, codes, drugs, states */
    "a reference, but not to the task's patient|its reference is no string",
    "the right reference, but with more beside it",
    "the task's patient, but in another form than TYPE/ID",
    "a type of resource, but another one",
    "holds (another code than the one|none of the codes) asked for",
    "another code than that of the follow-up asked for",
    "neither the code asked for nor a name of it",
    "names (another drug than the one asked for|the drug asked for, but not the dose"
    "|neither of the labs asked for|no drug that is to be stopped)",
    "neither it nor medicationCodeableConcept names the vaccine asked for",
    "nothing there, in reasonReference or in note names the indication",
    "a string, but (neither active nor one|none) that ends an order",
    /* answers and orders */
    "the conversation ended without FINISH",
    "what stands between FINISH\\( and \\) is not JSON(: nothing is there|: it is in Python's "
    "notation"
    "|: it is text without quotation marks)?",
    "(a POST|the word POST in a message) where nothing is to be sent",
    "a POST \\(or the word\\) in the last message, which nothing answers",
    "[0-9]+ accepted where ([0-9] (is|are) expected|nothing is to be ordered)",
    "payload(\\[[0-9]+\\])? is (a|an) [A-Za-z]+ (where nothing is due|that nothing asks for)",
    "no accepted (Observation|ServiceRequest|MedicationRequest)",
    "no accepted [A-Za-z ]*(MedicationRequest|ServiceRequest|order) (for|with) the [a-z -]+",
    "no accepted MedicationRequest that discontinues a (duplicate|drug)",
    "no accepted pair of active ServiceRequests for the two labs",
    "a MedicationRequest where none is asked for",
    "[0-9]+ (POST was|POSTs were) not accepted",
    "[0-9]+ accepted without JSON alone below the first line",
    "the POST must go to the api base and [A-Za-z]+( alone)?, but (more stands behind|another "
    "place "
    "follows the base|something stands before or behind the word POST|it went to another base, or "
    "to "
    "none|it went elsewhere)",
    "[0-9]+ further reasons are left out",
    /* nobody can be right */
    "an Observation (without effectiveDateTime|without valueQuantity.value|whose effectiveDateTime "
    "is "
    "no ISO 8601 time)",
    "the (value of the latest Observation is no number|latest Observation has no "
    "valueQuantity.value)",
    "the value of an Observation is no number",
    "no patient with a full birthDate",
    "a time (that is not ISO 8601|without zone cannot be compared with one that has one)",
    "a resource without meta",
    "a MedicationRequest without medicationCodeableConcept.text",
    "no eval_MRN|no 'sol' to compare the answer with",
    "the instruction has no text in quotation marks",
};

struct reason_check {
    json_t *reasons;       /* each once -> the task of the first */
    struct task_set tasks; /* of all that was graded */
    size_t failed, none, cut;
};

static void collect(const json_t *task, const struct verdict *verdict, void *arg)
{
    struct reason_check *c = arg;
    json_t *reasons = verdict_reasons(verdict), *reason;
    size_t i;
    c->tasks.v = realloc(c->tasks.v, (c->tasks.n + 1) * sizeof(*c->tasks.v));
    assert_non_null(c->tasks.v);
    works(task_from_json(&c->tasks.v[c->tasks.n++], (json_t *)task, "case", true));
    c->failed += !verdict->correct;
    c->none += verdict->correct ? json_array_size(reasons) != 0 : json_array_size(reasons) == 0;
    json_array_foreach (reasons, i, reason) {
        c->cut += json_string_length(reason) >= VERDICT_REASON_SIZE - 1;
        json_object_set(c->reasons, json_string_value(reason), json_object_get(task, "id"));
    }
    json_decref(reasons);
}

static void compile(regex_t *re, const char *kind)
{
    char pattern[1024];
    size_t n = 0;
    n += (size_t)snprintf(pattern + n, sizeof(pattern) - n, "^(");
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        n += (size_t)snprintf(pattern + n, sizeof(pattern) - n, "%s%s", i ? "|" : "", places[i]);
    n += (size_t)snprintf(pattern + n, sizeof(pattern) - n, "): (%s)$", kind);
    assert_in_range(n, 1, sizeof(pattern) - 1);
    assert_int_equal(regcomp(re, pattern, REG_EXTENDED | REG_NOSUB), 0);
}

/* A number of three digits or with decimals is nobody's index or length. ISO 8601 is a name. */
static bool has_value(const char *reason)
{
    for (const char *p = reason; *p; p++) {
        size_t n = strspn(p, "0123456789");
        if ((n >= 3 && !(p - reason >= 4 && memcmp(p - 4, "ISO 8601", 8) == 0)) ||
            (n && p[n] == '.' && ascii_isdigit(p[n + 1])))
            return true;
        p += n;
        if (!*p)
            break;
    }
    return false;
}

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* Checks what was collected and releases it; how often each kind was seen is added up. */
static void check(struct reason_check *c, size_t seen[KINDS])
{
    struct leak_guard *guard = leak_guard_new((const struct task_set *const[]){&c->tasks}, 1);
    regex_t re[KINDS];
    size_t unknown = 0, leaks = 0, mute = 0;
    const char *reason;
    json_t *id;
    char what[128];
    assert_non_null(guard);
    for (size_t k = 0; k < KINDS; k++)
        compile(&re[k], kinds[k]);
    json_object_foreach (c->reasons, reason, id) {
        bool known = false;
        for (size_t k = 0; k < KINDS; k++) {
            bool is = regexec(&re[k], reason, 0, NULL, 0) == 0;
            known = known || is;
            seen[k] += is;
        }
        bool leak = leak_guard_hit(guard, reason, what, sizeof(what)) || has_value(reason);
        bool says_nothing = str_ends(reason, ": another value is expected");
        unknown += !known;
        leaks += leak;
        mute += says_nothing;
        if (!known || leak || says_nothing)
            print_message("# %s: %s%s%s\n", json_string_value(id), reason,
                          known ? "" : " (no known kind)", leak ? " (a value)" : "");
    }
    for (size_t k = 0; k < KINDS; k++)
        regfree(&re[k]);
    leak_guard_free(guard);
    for (size_t i = 0; i < c->tasks.n; i++)
        task_release(&c->tasks.v[i]);
    free(c->tasks.v);
    json_decref(c->reasons);
    assert_int_equal(unknown, 0);
    assert_int_equal(leaks, 0);
    assert_int_equal(mute, 0);
    assert_int_equal(c->none, 0);
    assert_int_equal(c->cut, 0);
}

static void own_cases(struct reason_check *c, enum benchmark benchmark)
{
    struct case_run run = {
        .settings = {.benchmark = benchmark,
                     .base = "http://fhir.test/r4/",
                     .today = benchmark == BENCHMARK_V2 ? "2026-01-15T00:00:00+00:00" : NULL},
        .seen = collect,
        .arg = c};
    works(json_read_lines(benchmark == BENCHMARK_V1 ? "tests/data/graders/v1.jsonl"
                                                    : "tests/data/graders/v2.jsonl",
                          case_line, &run));
    json_decref(run.base);
    assert_int_equal(run.wrong, 0);
}

/* Each kind has a case of ours that shows it. */
static void own_cases_show_every_kind(void **state)
{
    (void)state;
    struct reason_check c = {.reasons = json_object()};
    size_t seen[KINDS] = {0}, unseen = 0;
    own_cases(&c, BENCHMARK_V1);
    own_cases(&c, BENCHMARK_V2);
    check(&c, seen);
    for (size_t k = 0; k < KINDS; k++)
        if (!seen[k]) {
            print_message("# no case shows: %s\n", kinds[k]);
            unseen++;
        }
    assert_in_range(c.failed, 500, 100000);
    assert_int_equal(unseen, 0);
}

static void shared_vectors(struct clinic *clinic, const char *file,
                           const struct grader_settings *settings, size_t failing)
{
    struct reason_check c = {.reasons = json_object()};
    struct vector_run run = {.clinic = clinic, .settings = *settings, .seen = collect, .arg = &c};
    size_t seen[KINDS] = {0};
    char path[512];
    assert_non_null(shared_file(file, path));
    works(json_read_lines(path, vector_line, &run));
    check(&c, seen);
    assert_int_equal(c.failed, failing);
    clinic_release(clinic);
}

static void vectors_v1_have_kinds(void **state)
{
    (void)state;
    struct clinic clinic = {0};
    if (!load_public(&clinic) || !clinic_load(&clinic, "vectors/clinic_v1/Observation.ndjson") ||
        !clinic_load(&clinic, "vectors/clinic_v1/Patient.ndjson"))
        skip();
    shared_vectors(
        &clinic, "vectors/graders_v1.jsonl",
        &(struct grader_settings){.benchmark = BENCHMARK_V1, .base = "http://localhost:8080/fhir/"},
        394);
}

static void vectors_v2_have_kinds(void **state)
{
    (void)state;
    static const char *const files[] = {
        "vectors/clinic_v2/Condition.ndjson",   "vectors/clinic_v2/MedicationRequest.ndjson",
        "vectors/clinic_v2/Observation.ndjson", "vectors/clinic_v2/Patient.ndjson",
        "vectors/clinic_v2/Procedure.ndjson",   "vectors/clinic_v2/ServiceRequest.ndjson"};
    struct clinic clinic = {0};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (!clinic_load(&clinic, files[i]))
            skip();
    shared_vectors(&clinic, "vectors/graders_v2.jsonl",
                   &(struct grader_settings){.benchmark = BENCHMARK_V2,
                                             .base = "http://localhost:8080/fhir/",
                                             .today = "2026-01-15T00:00:00+00:00"},
                   350);
}

static void recorded_failures_have_kinds(void **state)
{
    (void)state;
    struct reason_check c = {.reasons = json_object()};
    struct episodes e = {.seen = collect, .arg = &c};
    size_t seen[KINDS] = {0};
    char path[512];
    if (!load_public(&e.clinic) || !shared_file("medagentbench/v1/test_data_v2.json", path)) {
        json_decref(c.reasons);
        skip();
    }
    works(task_set_load(&e.tasks, path, true));
    assert_non_null(shared_file("medagentbench/recorded/episodes.jsonl", path));
    works(json_read_lines(path, episode_line, &e));
    check(&c, seen);
    assert_int_equal(c.failed, 72);
    task_set_release(&e.tasks);
    clinic_release(&e.clinic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_cases_show_every_kind),
        cmocka_unit_test(vectors_v1_have_kinds),
        cmocka_unit_test(vectors_v2_have_kinds),
        cmocka_unit_test(recorded_failures_have_kinds),
    };
    return cmocka_run_group_tests_name("reasons", tests, NULL, NULL);
}
