/*
 * test_synth.c - synthetic clinics are valid, repeatable, and have every branch of every grader in
 * every split: of each family's ways of acting (order nothing, order this, order both, ...), each
 * task has the ones that its chart asks for, and each occurs.
 */
#include "grader_cases.h"

#include <math.h>

#include "probes/synth/synth.h"
#include "runtime/base/clock.h"

#define BASE "http://localhost:8080/fhir/"
#define NOW1 "2023-11-13T10:15:00+00:00"

static const char *const types[] = {"Patient",           "Observation", "Condition",
                                    "MedicationRequest", "Procedure",   "ServiceRequest"};
enum { DEV, VAL, ID_TEST, TEST, SPLITS };
static const char *const split_names[SPLITS] = {"dev", "val", "id_test", "test"};
static const size_t split_sizes[SPLITS] = {96, 80, 64, 60};

struct made {
    char *dir;
    struct clinic clinic;
    json_t *splits[SPLITS], *all;
    struct grader_settings settings;
};

static json_t *read_json(const char *dir, const char *name)
{
    char path[1024];
    json_t *v = NULL;
    snprintf(path, sizeof(path), "%s/tasks/%s.json", dir, name);
    if (json_read_file(&v, path) < 0)
        fail_msg("%s", err_msg());
    return v;
}

static void make(struct made *m, enum benchmark benchmark, size_t patients, uint64_t seed)
{
    char path[512];
    struct synth_summary sum;
    memset(m, 0, sizeof(*m));
    m->dir = fs_tempdir("synth");
    struct synth_settings s = {benchmark, patients, seed, m->dir};
    if (synth_write(&s, &sum) < 0)
        fail_msg("%s", err_msg());
    for (size_t t = 0; t < 6; t++) {
        snprintf(path, sizeof(path), "%s/fhir/%s.ndjson", m->dir, types[t]);
        if (json_read_lines(path, clinic_line, &m->clinic) < 0)
            fail_msg("%s", err_msg());
    }
    assert_int_equal(json_array_size(m->clinic.resources), sum.resources);
    assert_int_equal(sum.tasks, 300);
    for (int i = 0; i < SPLITS; i++) {
        snprintf(path, sizeof(path), "split_%s", split_names[i]);
        m->splits[i] = read_json(m->dir, path);
    }
    m->all = read_json(m->dir, "all_tasks");
    m->settings =
        (struct grader_settings){.benchmark = benchmark, .base = BASE, .today = SYNTH_TODAY};
}

static void unmake(struct made *m)
{
    fs_remove_tree(m->dir);
    free(m->dir);
    clinic_release(&m->clinic);
    for (int i = 0; i < SPLITS; i++)
        json_decref(m->splits[i]);
    json_decref(m->all);
}

/* Valid. */

static int64_t instant(const char *text)
{
    int64_t ns = 0;
    if (!text || clock_parse(text, &ns) < 0)
        fail_msg("no time: '%s'", text ? text : "(none)");
    return ns;
}

static const struct {
    const char *type, *path;
    json_type is;
} required[] = {
    {"Patient", "identifier[0].value", JSON_STRING},
    {"Patient", "name[0].family", JSON_STRING},
    {"Patient", "name[0].given[0]", JSON_STRING},
    {"Patient", "birthDate", JSON_STRING},
    {"Patient", "gender", JSON_STRING},
    {"Observation", "status", JSON_STRING},
    {"Observation", "code.coding[0].code", JSON_STRING},
    {"Observation", "code.text", JSON_STRING},
    {"Observation", "category[0].coding[0].code", JSON_STRING},
    {"Observation", "valueQuantity.unit", JSON_STRING},
    {"Observation", "effectiveDateTime", JSON_STRING},
    {"Condition", "code.coding[0].code", JSON_STRING},
    {"Condition", "clinicalStatus.coding[0].code", JSON_STRING},
    {"MedicationRequest", "status", JSON_STRING},
    {"MedicationRequest", "intent", JSON_STRING},
    {"MedicationRequest", "medicationCodeableConcept.text", JSON_STRING},
    {"MedicationRequest", "authoredOn", JSON_STRING},
    {"Procedure", "status", JSON_STRING},
    {"Procedure", "code.coding[0].code", JSON_STRING},
    {"ServiceRequest", "status", JSON_STRING},
    {"ServiceRequest", "intent", JSON_STRING},
    {"ServiceRequest", "code.coding[0].code", JSON_STRING},
};

static void check_resource(const json_t *r, json_t *seen)
{
    static const char *const times[] = {"effectiveDateTime", "authoredOn", "performedDateTime",
                                        "performedPeriod.end", "recordedDate"};
    const char *type = json_str_at(r, "resourceType", ""), *id = json_str_at(r, "id", "");
    char key[128];
    snprintf(key, sizeof(key), "%s/%s", type, id);
    assert_true(*id && strlen(id) <= 64 && strspn(id, "abcdefghijklmnopqrstuvwxyzS0123456789"));
    if (json_object_get(seen, key))
        fail_msg("%s is there twice", key);
    json_object_set_new(seen, key, json_true());
    int64_t recorded = instant(json_str_at(r, "meta.lastUpdated", NULL));
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
        if (json_at(r, times[i]))
            assert_true(instant(json_str_at(r, times[i], NULL)) <= recorded);
    for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++)
        if (strcmp(required[i].type, type) == 0) {
            const json_t *v = json_at(r, required[i].path);
            if (!v || json_typeof(v) != required[i].is)
                fail_msg("%s: %s", key, required[i].path);
        }
    if (strcmp(type, "Observation") == 0)
        assert_true(json_is_number(json_at(r, "valueQuantity.value")));
    if (strcmp(type, "Procedure") == 0)
        assert_true(!json_at(r, "performedDateTime") != !json_at(r, "performedPeriod"));
}

static void check_tasks(const struct made *m, const int held_out[2])
{
    json_t *seen = json_object(), *t;
    size_t i;
    assert_int_equal(json_array_size(m->all), 300);
    for (int s = 0; s < SPLITS; s++) {
        int count[11] = {0};
        assert_int_equal(json_array_size(m->splits[s]), split_sizes[s]);
        json_array_foreach (m->splits[s], i, t) {
            const char *id = json_str_at(t, "id", "");
            int f = 0, n = 0;
            assert_int_equal(sscanf(id, "task%d_%d", &f, &n), 2);
            assert_in_range(n, 1, 30);
            count[f]++;
            assert_null(json_object_get(seen, id));
            json_object_set(seen, id, t);
            assert_non_null(json_str_at(t, "instruction", NULL));
            assert_null(strchr(json_str_at(t, "instruction", "{"), '{'));
            assert_null(strchr(json_str_at(t, "context", "{"), '{'));
        }
        for (int f = 1; f <= 10; f++) {
            bool held = f == held_out[0] || f == held_out[1];
            assert_int_equal(count[f], held == (s == TEST) ? split_sizes[s] / (held ? 2 : 8) : 0);
        }
    }
    json_array_foreach (m->all, i, t)
        assert_true(json_equal(json_object_get(seen, json_str_at(t, "id", "")), t));
    json_decref(seen);
}

static void check_functions(const struct made *m)
{
    json_t *list = read_json(m->dir, "funcs"), *f, *need;
    size_t i, k;
    assert_true(json_array_size(list) >= 9);
    json_array_foreach (list, i, f) {
        const json_t *properties = json_at(f, "parameters.properties");
        assert_true(strstr(json_str_at(f, "name", ""), " {api_base}/"));
        assert_true(*json_str_at(f, "description", ""));
        assert_string_equal(json_str_at(f, "parameters.type", ""), "object");
        json_array_foreach (json_at(f, "parameters.required"), k, need)
            assert_non_null(json_object_get(properties, json_string_value(need)));
    }
    const json_t *order = json_array_get(list, 5);
    assert_string_equal(json_str_at(order, "name", ""), "POST {api_base}/MedicationRequest");
    const json_t *dose = json_at(order, "parameters.properties.dosageInstruction");
    assert_string_equal(json_str_at(dose, "type", ""), "array");
    assert_string_equal(json_str_at(dose,
                                    "items.properties.doseAndRate.items.properties.doseQuantity."
                                    "properties.value.type",
                                    ""),
                        "number");
    json_decref(list);
}

static void valid(enum benchmark b, size_t patients, const int held_out[2])
{
    struct made m;
    json_t *seen = json_object(), *r;
    size_t i;
    make(&m, b, patients, 7);
    json_array_foreach (m.clinic.resources, i, r)
        check_resource(r, seen);
    json_array_foreach (m.clinic.resources, i, r) {
        const char *ref = json_str_at(r, "subject.reference", NULL);
        if (strcmp(json_str_at(r, "resourceType", ""), "Patient") != 0)
            assert_true(ref && json_object_get(seen, ref));
    }
    json_t *t;
    json_array_foreach (m.all, i, t) {
        char key[64];
        const char *mrn = json_str_at(t, "eval_MRN", NULL);
        snprintf(key, sizeof(key), "Patient/%s", mrn ? mrn : "");
        if (mrn)
            assert_non_null(json_object_get(seen, key));
        else
            assert_string_equal(json_str_at(t, "sol[0]", ""), "Patient not found");
    }
    check_tasks(&m, held_out);
    check_functions(&m);
    json_decref(seen);
    unmake(&m);
}

static void valid_v1(void **state)
{
    (void)state;
    valid(BENCHMARK_V1, 60, (const int[]){6, 7});
    valid(BENCHMARK_V1, 300, (const int[]){6, 7});
}

static void valid_v2(void **state)
{
    (void)state;
    valid(BENCHMARK_V2, 60, (const int[]){5, 7});
    valid(BENCHMARK_V2, 300, (const int[]){5, 7});
}

/* Repeatable. */

static void same_file(const char *a, const char *b, const char *name, bool same)
{
    char path[512];
    struct buf x = BUF_INIT, y = BUF_INIT;
    snprintf(path, sizeof(path), "%s/%s", a, name);
    assert_int_equal(fs_read(path, &x), 0);
    snprintf(path, sizeof(path), "%s/%s", b, name);
    assert_int_equal(fs_read(path, &y), 0);
    assert_int_equal(x.len == y.len && memcmp(x.ptr, y.ptr, x.len) == 0, same);
    buf_release(&x);
    buf_release(&y);
}

static void repeatable(void **state)
{
    struct made a, b, c;
    (void)state;
    make(&a, BENCHMARK_V2, 70, 3);
    make(&b, BENCHMARK_V2, 70, 3);
    make(&c, BENCHMARK_V2, 70, 4);
    for (size_t t = 0; t < 6; t++) {
        char name[64];
        snprintf(name, sizeof(name), "fhir/%s.ndjson", types[t]);
        same_file(a.dir, b.dir, name, true);
        same_file(a.dir, c.dir, name, false);
    }
    same_file(a.dir, b.dir, "tasks/all_tasks.json", true);
    same_file(a.dir, b.dir, "tasks/split_dev.json", true);
    same_file(a.dir, b.dir, "grasp.yaml", true);
    same_file(a.dir, c.dir, "tasks/all_tasks.json", false);
    same_file(a.dir, c.dir, "tasks/funcs.json", true);
    unmake(&a);
    unmake(&b);
    unmake(&c);
}

static void refused(void **state)
{
    (void)state;
    struct synth_settings s = {BENCHMARK_V1, 60, 1, "/dev/null/clinic"};
    assert_int_equal(synth_write(&s, NULL), GRASP_EIO);
}

/* Every branch. */

/* A conversation of posts (NULL-terminated; "TYPE payload") and a FINISH. */
static bool right(const struct made *m, json_t *task, const char *const *posts, const char *answer)
{
    json_t *messages = json_array();
    struct verdict v;
    json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "user", "content", "task"));
    for (; posts && *posts; posts++) {
        const char *payload = strchr(*posts, ' ') + 1;
        json_array_append_new(
            messages, json_pack("{s:s, s:o}", "role", "agent", "content",
                                json_sprintf("POST " BASE "%.*s\n%s", (int)(payload - *posts - 1),
                                             *posts, payload)));
        json_array_append_new(messages,
                              json_pack("{s:s, s:s}", "role", "user", "content",
                                        "POST request accepted and executed successfully."));
    }
    json_array_append_new(messages, json_pack("{s:s, s:o}", "role", "agent", "content",
                                              json_sprintf("FINISH(%s)", answer)));
    case_grade(&m->clinic, &m->settings, task, messages, answer, &v, NULL);
    json_decref(messages);
    return v.correct;
}

/* The answer that a v1 family asks for, read from the chart: the latest value (of the last day), or
 * the mean of the last day's; -1 where there is none. */
static json_t *chart_answer(const struct made *m, int family, const char *mrn)
{
    const char *code = family == 9 ? "K" : family == 10 ? "A1C" : family <= 5 ? "MG" : "GLU";
    int64_t since = family <= 6 ? instant(NOW1) - 24 * 3600 * NS_PER_SEC : INT64_MIN;
    char query[128];
    const json_t *latest = NULL;
    int64_t newest = INT64_MIN;
    double sum = 0;
    size_t i, n = 0;
    json_t *o, *answer;
    snprintf(query, sizeof(query), "Observation?patient=%s&code=%s", mrn, code);
    json_t *found = clinic_search(&m->clinic, query);
    json_array_foreach (found, i, o) {
        int64_t t = instant(json_str_at(o, "effectiveDateTime", NULL));
        if (t < since)
            continue;
        sum += json_num_at(o, "valueQuantity.value", NAN);
        n++;
        if (t > newest)
            latest = o, newest = t;
    }
    if (family == 6)
        answer = json_pack("[f]", n ? sum / (double)n : -1);
    else if (!latest)
        answer = json_pack("[i]", -1);
    else
        answer = json_pack("[O]", json_at(latest, "valueQuantity.value"));
    if (family == 10 && latest)
        json_array_append(answer, json_object_get(latest, "effectiveDateTime"));
    json_decref(found);
    return answer;
}

#define ORDERED                                                                                    \
    "\"status\":\"active\",\"intent\":\"order\",\"subject\":{\"reference\":\"Patient/%s\"}"
#define V1_TIME "\"authoredOn\":\"" NOW1 "\","

static unsigned v1_magnesium(const struct made *m, json_t *t, const char *mrn, const char *answer)
{
    static const int doses[] = {1, 2, 4};
    unsigned mask = right(m, t, NULL, answer);
    for (unsigned d = 0; d < 3; d++) {
        char post[1024];
        snprintf(post, sizeof(post),
                 "MedicationRequest {\"resourceType\":\"MedicationRequest\","
                 "\"medicationCodeableConcept\":{\"coding\":[{\"system\":"
                 "\"http://hl7.org/fhir/sid/ndc\",\"code\":\"0338-1715-40\"}]}," V1_TIME
                 "\"dosageInstruction\":[{\"route\":\"IV\",\"doseAndRate\":[{\"doseQuantity\":"
                 "{\"value\":%d,\"unit\":\"g\"},\"rateQuantity\":{\"value\":%d,\"unit\":\"h\"}}]}"
                 "]," ORDERED "}",
                 doses[d], doses[d], mrn);
        mask |= (unsigned)right(m, t, (const char *[]){post, NULL}, answer) << (d + 1);
    }
    return mask;
}

static unsigned v1_potassium(const struct made *m, json_t *t, const char *mrn, const char *answer)
{
    char drug[1024], lab[1024];
    double value = strtod(answer + 1, NULL);
    snprintf(drug, sizeof(drug),
             "MedicationRequest {\"resourceType\":\"MedicationRequest\","
             "\"medicationCodeableConcept\":{\"coding\":[{\"system\":"
             "\"http://hl7.org/fhir/sid/ndc\",\"code\":\"40032-917-01\"}]}," V1_TIME
             "\"dosageInstruction\":[{\"route\":\"oral\",\"doseAndRate\":[{\"doseQuantity\":"
             "{\"value\":%.1f,\"unit\":\"mEq\"}}]}]," ORDERED "}",
             (3.5 - value) / 0.1 * 10, mrn);
    snprintf(lab, sizeof(lab),
             "ServiceRequest {\"resourceType\":\"ServiceRequest\",\"code\":{\"coding\":[{"
             "\"system\":\"http://loinc.org\",\"code\":\"2823-3\"}]}," V1_TIME
             "\"priority\":\"stat\",\"occurrenceDateTime\":\"2023-11-14T08:00:00+00:00\"," ORDERED
             "}",
             mrn);
    return (unsigned)right(m, t, NULL, answer) |
           (unsigned)right(m, t, (const char *[]){drug, lab, NULL}, answer) << 1;
}

static unsigned v1_hba1c(const struct made *m, json_t *t, const char *mrn, const char *answer)
{
    char lab[1024];
    snprintf(lab, sizeof(lab),
             "ServiceRequest {\"resourceType\":\"ServiceRequest\",\"code\":{\"coding\":[{"
             "\"system\":\"http://loinc.org\",\"code\":\"4548-4\"}]}," V1_TIME
             "\"priority\":\"stat\"," ORDERED "}",
             mrn);
    unsigned none = strtod(answer + 1, NULL) == -1;
    return (unsigned)right(m, t, NULL, answer) |
           (unsigned)right(m, t, (const char *[]){lab, NULL}, answer) << (1 + none);
}

static unsigned v1_age(const struct made *m, json_t *t)
{
    unsigned ages = 0;
    for (int age = 0; age < 120; age++) {
        char answer[16];
        snprintf(answer, sizeof(answer), "[%d]", age);
        ages += right(m, t, NULL, answer);
    }
    return ages;
}

static unsigned v1_record(const struct made *m, json_t *t, const char *mrn)
{
    char post[1024];
    snprintf(post, sizeof(post),
             "Observation {\"resourceType\":\"Observation\",\"category\":[{\"coding\":[{"
             "\"system\":\"http://hl7.org/fhir/observation-category\",\"code\":\"vital-signs\","
             "\"display\":\"Vital Signs\"}]}],\"code\":{\"text\":\"BP\"},\"effectiveDateTime\":"
             "\"" NOW1 "\",\"status\":\"final\",\"valueString\":\"118/77 mmHg\",\"subject\":{"
             "\"reference\":\"Patient/%s\"}}",
             mrn);
    return right(m, t, (const char *[]){post, NULL}, "[]");
}

static unsigned v1_refer(const struct made *m, json_t *t, const char *mrn)
{
    const char *s = json_str_at(t, "instruction", ""), *from = strchr(s, '"') + 1;
    char post[2048];
    snprintf(post, sizeof(post),
             "ServiceRequest {\"resourceType\":\"ServiceRequest\",\"code\":{\"coding\":[{"
             "\"system\":\"http://snomed.info/sct\",\"code\":\"306181000000106\"}]}," V1_TIME
             "\"priority\":\"stat\",\"note\":{\"text\":\"%.*s\"}," ORDERED "}",
             (int)(strrchr(s, '"') - from), from, mrn);
    return right(m, t, (const char *[]){post, NULL}, "[]");
}

/* Which ways of acting are right for a v1 task, one bit each. */
static unsigned v1_signature(const struct made *m, json_t *t, int family)
{
    const char *mrn = json_str_at(t, "eval_MRN", "");
    json_t *ref =
        family == 1 ? json_incref(json_object_get(t, "sol")) : chart_answer(m, family, mrn);
    char *text = json_dumps(ref, JSON_ENCODE_ANY | JSON_COMPACT), answer[128];
    unsigned mask;

    snprintf(answer, sizeof(answer), "%s", text ? text : "");
    free(text);
    json_decref(ref);
    switch (family) {
    case 1:
        return right(m, t, NULL, answer) ? 1 + !*mrn : 0;
    case 2:
        return v1_age(m, t);
    case 3:
        return v1_record(m, t, mrn);
    case 5:
        return v1_magnesium(m, t, mrn, answer);
    case 8:
        return v1_refer(m, t, mrn);
    case 9:
        return v1_potassium(m, t, mrn, answer);
    case 10:
        return v1_hba1c(m, t, mrn, answer);
    default:
        mask = right(m, t, NULL, answer);
        return mask ? 1 + (strtod(answer + 1, NULL) == -1) : 0;
    }
}

enum { ORDER = 1, STOP, LABS, DRUG, CT, CONSULT, ECG };

/* Writes an order of v2 into `out`. */
static const char *v2_post(char out[1024], int what, int family, const char *mrn)
{
    static const char *const codes[] = {"", "74177", "", "NUR1373", "",     "",
                                        "", "",      "", "90686",   "91320"};
    char code[128] = "";
    const char *drug = family == 2 ? "heparin 5000 units SC q8h" : "naloxone nasal spray 4 mg";
    if (family == 2 || family == 8 || what == DRUG || what == STOP) {
        if (what == DRUG)
            drug = "levothyroxine 25 mcg PO daily";
        if (what == STOP)
            drug = family == 2 ? "enoxaparin" : "ondansetron, quetiapine, haloperidol";
        snprintf(out, 1024,
                 "MedicationRequest {\"resourceType\":\"MedicationRequest\",\"status\":\"%s\","
                 "\"intent\":\"order\",\"medicationCodeableConcept\":{\"text\":\"%s\"},"
                 "\"subject\":{\"reference\":\"Patient/%s\"}}",
                 what == STOP ? "stopped" : "active", drug, mrn);
        return out;
    }
    snprintf(code, sizeof(code), "%s",
             what == CT        ? "74177"
             : what == CONSULT ? "CON417"
             : what == ECG     ? "445118002"
             : what == LABS    ? "TSH"
             : family == 4     ? "NUR1373"
                               : codes[family]);
    snprintf(
        out, 1024,
        "ServiceRequest {\"resourceType\":\"ServiceRequest\",\"code\":{\"coding\":[{\"code\":"
        "\"%s\"}],\"text\":\"%s\"},\"reasonCode\":[{\"text\":\"Renal mass follow-up\"}]," ORDERED
        "}",
        code, family == 10 ? "COVID booster" : code, mrn);
    return out;
}

/* Ways of acting in v2 after which one is silent; each is a list of orders. */
static const int ways[11][4][4] = {
    [1] = {{ORDER}},
    [2] = {{ORDER}, {STOP}, {ORDER, STOP}},
    [4] = {{ORDER}},
    [5] = {{CT}, {CONSULT}, {CT, CONSULT}},
    [6] = {{LABS, LABS}, {DRUG, LABS, LABS}},
    [7] = {{ECG}, {ECG, STOP}},
    [8] = {{ORDER}},
    [9] = {{ORDER}},
    [10] = {{ORDER}},
};

/* The means of v2's third family, and which windows have values. */
static unsigned heart_answer(const struct made *m, const char *mrn, char *out)
{
    int64_t now = instant("2023-11-20T08:30:00Z");
    char query[128];
    double sum[2] = {0}, mean[2];
    int n[2] = {0};
    size_t i;
    json_t *o;
    snprintf(query, sizeof(query), "Observation?patient=%s&code=HEARTRATE", mrn);
    json_t *found = clinic_search(&m->clinic, query);
    json_array_foreach (found, i, o) {
        int64_t t = instant(json_str_at(o, "effectiveDateTime", NULL));
        for (int w = 0; w < 2; w++)
            if (t <= now && t >= now - (w ? 12 : 6) * 3600 * NS_PER_SEC) {
                sum[w] += json_num_at(o, "valueQuantity.value", NAN);
                n[w]++;
            }
    }
    json_decref(found);
    for (int w = 0; w < 2; w++)
        mean[w] = n[w] ? sum[w] / n[w] : -1;
    snprintf(out, 128, "[%.6f, %.6f]", mean[0], mean[1]);
    return n[0] ? 1 : n[1] ? 2 : 4;
}

static unsigned v2_signature(const struct made *m, json_t *t, int family)
{
    const char *mrn = json_str_at(t, "eval_MRN", "");
    char answer[128], posts[4][1024];
    if (family == 3) {
        unsigned mask = heart_answer(m, mrn, answer);
        return right(m, t, NULL, answer) ? mask : 0;
    }
    unsigned mask = right(m, t, NULL, "[]");
    for (int w = 0; w < 4 && ways[family][w][0]; w++) {
        const char *list[5] = {NULL};
        for (int k = 0; k < 4 && ways[family][w][k]; k++)
            list[k] = v2_post(posts[k], ways[family][w][k], family, mrn);
        mask |= (unsigned)right(m, t, list, "[]") << (w + 1);
    }
    return mask;
}

/* The signatures that must occur in every split that has the family, and no others. */
static const unsigned v1_wanted[11][5] = {{0},    {1, 2}, {1}, {1},    {1, 2},   {1, 2, 4, 8},
                                          {1, 2}, {1, 2}, {1}, {1, 2}, {1, 2, 4}};
static const unsigned v2_wanted[11][5] = {{0},    {1, 2}, {1, 10, 12, 8}, {1, 2, 4},
                                          {1, 2}, {1, 8}, {1, 2, 4},      {1, 4},
                                          {1, 2}, {1, 2}, {1, 2}};

static void branches(enum benchmark b, const unsigned wanted[11][5],
                     unsigned (*signature)(const struct made *, json_t *, int))
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct made m;
        make(&m, b, seed == 1 ? 60 : 120, seed);
        for (int s = 0; s < SPLITS; s++) {
            unsigned seen[11] = {0};
            size_t i;
            json_t *t;
            json_array_foreach (m.splits[s], i, t) {
                int f = atoi(json_str_at(t, "id", "") + 4), w = 0;
                unsigned mask = signature(&m, t, f);
                while (wanted[f][w] && wanted[f][w] != mask)
                    w++;
                if (!wanted[f][w])
                    fail_msg("seed %d: %s: ways that are right: %x", (int)seed,
                             json_str_at(t, "id", ""), mask);
                seen[f] |= 1U << w;
            }
            for (int f = 1; f <= 10; f++)
                for (int w = 0; seen[f] && wanted[f][w]; w++)
                    if (!(seen[f] >> w & 1))
                        fail_msg("seed %d: no task%d of %s where %x is right", (int)seed, f,
                                 split_names[s], wanted[f][w]);
        }
        unmake(&m);
    }
}

static void branches_v1(void **state)
{
    (void)state;
    branches(BENCHMARK_V1, v1_wanted, v1_signature);
}

static void branches_v2(void **state)
{
    (void)state;
    branches(BENCHMARK_V2, v2_wanted, v2_signature);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_v1), cmocka_unit_test(valid_v2),    cmocka_unit_test(repeatable),
        cmocka_unit_test(refused),  cmocka_unit_test(branches_v1), cmocka_unit_test(branches_v2),
    };
    return cmocka_run_group_tests_name("synth", tests, NULL, NULL);
}
