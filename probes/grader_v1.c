/*
 * grader_v1.c - MedAgentBench v1: ten families, from searches to the last check of an order.
 *
 * What an order must hold is a table of checks, walked in its order. The latest reading of a lab is
 * the first of those with the latest time; a reading that lacks time or value stops the grader,
 * however old it is.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probes/grading.h"
#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"

#define NOW         NOW_V1
#define DAY_BEFORE  "2023-11-12T10:15:00+00:00"
#define YEAR_BEFORE "2022-11-13T10:15:00+00:00"

/* Answers. */

static bool read_answer(struct grading *g, struct pyvalue *answer)
{
    const char *text = g->trace->result;
    if (py_json(&g->arena, text, strlen(text), answer))
        return true;
    return grading_fail(g, "answer: what stands between FINISH( and ) is not JSON");
}

static bool check_answer(struct grading *g, const json_t *expected)
{
    struct pyvalue answer;
    if (!read_answer(g, &answer))
        return false;
    if (py_eq_json(&answer, expected))
        return true;
    if (answer.kind != PY_LIST)
        return grading_fail(g, "answer: a %s where a list is expected", py_kind_name(&answer));
    if (json_is_array(expected) && answer.n != json_array_size(expected))
        return grading_fail(g, "answer: a list of %zu where one of %zu is expected", answer.n,
                            json_array_size(expected));
    return grading_fail(g, "answer: another value is expected");
}

/* The expected list or an empty one, for tasks that ask for an order. Takes `expected`. */
static bool check_answer_or_none(struct grading *g, json_t *expected)
{
    struct pyvalue answer;
    bool ok = read_answer(g, &answer) &&
              ((answer.kind == PY_LIST && answer.n == 0) || check_answer(g, expected));
    json_decref(expected);
    return ok;
}

/* Readings. */

struct reading {
    const json_t *value; /* NULL: there is none */
    const json_t *when;
    struct pytime time;
};

/* Reads an Observation; *in: it is not older than `since` (NULL: any is in). */
static bool read_reading(struct grading *g, const json_t *observation, const char *since,
                         struct reading *r, bool *in)
{
    struct pytime start;
    int order = 0;
    r->when = json_object_get(observation, "effectiveDateTime");
    r->value = json_at(observation, "valueQuantity.value");
    if (!json_is_string(r->when))
        return grading_fail(g, "data: an Observation without effectiveDateTime");
    if (!pytime_parse(json_string_value(r->when), json_string_length(r->when), &r->time))
        return grading_fail(g, "data: an Observation whose effectiveDateTime is no ISO 8601 time");
    if (!r->value)
        return grading_fail(g, "data: an Observation without valueQuantity.value");
    if (since) {
        pytime_parse(since, strlen(since), &start);
        if (!compare_times(g, &r->time, &start, &order))
            return false;
    }
    *in = order >= 0;
    return true;
}

/* The latest Observation since then (NULL: ever). */
static bool latest_reading(struct grading *g, const char *since, struct reading *latest)
{
    const json_t *list = g->found[0];
    memset(latest, 0, sizeof(*latest));
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct reading r;
        bool in;
        int order = 1;
        if (!read_reading(g, json_array_get(list, i), since, &r, &in))
            return false;
        if (!in)
            continue;
        if (latest->when && !compare_times(g, &r.time, &latest->time, &order))
            return false;
        if (order > 0)
            *latest = r;
    }
    if (json_is_null(latest->value))
        latest->value = NULL;
    return true;
}

/* A reading as the number that thresholds are compared with. */
static bool reading_number(struct grading *g, const struct reading *r, double *value)
{
    if (!json_is_number(r->value))
        return grading_fail(g, "data: the value of the latest Observation is no number");
    *value = json_number_value(r->value);
    return true;
}

/* [value], or [-1]. */
static json_t *value_list(const struct reading *r)
{
    json_t *list = json_array();
    if (r->value)
        json_array_append(list, (json_t *)r->value);
    else
        json_array_append_new(list, json_integer(-1));
    return list;
}

/* Payloads. */

enum rule {
    TEXT,     /* the string `want` */
    HOLDS,    /* "contains": part of a string, member of a list, key of an object */
    ONE,      /* a list of one */
    JSON,     /* the JSON value `want` */
    SUBJECT,  /* a reference to the task's patient, and nothing more */
    REFERRAL, /* contains what the instruction has in quotes */
    ROUTE_IV,
    ROUTE_ORAL,
    DOSE,      /* {value, unit want} with exactly the dose */
    DOSE_NEAR, /* a number within 0.1 of the dose */
};

struct check {
    const char *path;
    enum rule rule;
    const char *want;
};

static bool wrong_type(struct grading *g, const struct check *c, const struct pyvalue *v,
                       const char *expected)
{
    return grading_fail(g, "%s.%s: a %s where %s is expected", g->payload, c->path, py_kind_name(v),
                        expected);
}

static bool wrong_value(struct grading *g, const struct check *c)
{
    return grading_fail(g, "%s.%s: another value is expected", g->payload, c->path);
}

static bool check_holds(struct grading *g, const struct check *c, const struct pyvalue *v,
                        const char *want, size_t len)
{
    if (v->kind == PY_STR) {
        if (memmem(v->s, v->n, want, len))
            return true;
        return grading_fail(g, "%s.%s: does not contain what it should", g->payload, c->path);
    }
    if (v->kind != PY_LIST && v->kind != PY_DICT)
        return wrong_type(g, c, v, "a string");
    for (size_t i = 0; i < v->n; i++) {
        const struct pyvalue *x = v->kind == PY_LIST ? &v->items[i] : &v->members[i].key;
        if (py_is_str(x) && x->n == len && memcmp(x->s, want, len) == 0)
            return true;
    }
    return wrong_type(g, c, v, "a string");
}

/* The instruction's text in quotes: from the first quotation mark to the last. */
static bool check_referral(struct grading *g, const struct check *c, const struct pyvalue *v)
{
    const char *first = strchr(g->task->instruction, '"');
    const char *last = strrchr(g->task->instruction, '"');
    if (!first || last == first)
        return grading_fail(g, "task: the instruction has no text in quotation marks");
    return check_holds(g, c, v, first + 1, (size_t)(last - first - 1));
}

static bool check_json(struct grading *g, const struct check *c, const struct pyvalue *v)
{
    json_t *want = json_loads(c->want, JSON_DECODE_ANY, NULL);
    bool ok = py_eq_json(v, want);
    json_decref(want);
    return ok || wrong_value(g, c);
}

static bool check_route_iv(struct grading *g, const struct check *c, const struct pyvalue *v)
{
    if (py_eq_str(v, "IV") || (g->settings->lenient && py_eq_str(py_get(v, "text"), "IV")))
        return true;
    return py_is_str(v) ? wrong_value(g, c) : wrong_type(g, c, v, "a string");
}

/* A string, or an object with text or a coding's display. A coding that is there must have a first
 * entry, even when the text decides. */
static bool check_route_oral(struct grading *g, const struct check *c, const struct pyvalue *v)
{
    const struct pyvalue *route = v;
    if (v->kind == PY_DICT) {
        const struct pyvalue *text = py_get(v, "text"), *coding = py_get(v, "coding");
        const struct pyvalue *first = py_at(coding, 0);
        if (coding && (!first || first->kind != PY_DICT))
            return grading_fail(g, "%s.%s.coding: no first entry that is an object", g->payload,
                                c->path);
        route = text ? text : py_get(first, "display");
        if (!route)
            return grading_fail(g, "%s.%s: neither text nor a coding's display", g->payload,
                                c->path);
    }
    if (!py_is_str(route))
        return wrong_type(g, c, route, "a string");
    const char *s = route->s;
    size_t n = route->n;
    py_strip(&s, &n);
    return (n == 4 && strncasecmp(s, "oral", 4) == 0) || wrong_value(g, c);
}

static bool check_dose(struct grading *g, const struct check *c, const struct pyvalue *v,
                       double dose)
{
    const struct pyvalue *value = py_get(v, "value"), *unit = py_get(v, "unit");
    if (v->kind != PY_DICT)
        return wrong_type(g, c, v, "an object");
    if (!py_eq_num(value, dose))
        return grading_fail(g, "%s.%s.value: %s", g->payload, c->path,
                            value ? "another value is expected" : "missing");
    if (!py_eq_str(unit, c->want))
        return grading_fail(g, "%s.%s.unit: %s", g->payload, c->path,
                            unit ? "another value is expected" : "missing");
    return v->n == 2 || grading_fail(g, "%s.%s: more than value and unit", g->payload, c->path);
}

static bool check_field(struct grading *g, const struct check *c, const struct pyvalue *v,
                        double dose)
{
    double number;
    switch (c->rule) {
    case TEXT:
        if (py_eq_str(v, c->want))
            return true;
        return py_is_str(v) ? wrong_value(g, c) : wrong_type(g, c, v, "a string");
    case HOLDS:
        return check_holds(g, c, v, c->want, strlen(c->want));
    case ONE:
        if (v->kind != PY_LIST)
            return wrong_type(g, c, v, "a list");
        return v->n == 1 || grading_fail(g, "%s.%s: %zu entries where one is expected", g->payload,
                                         c->path, v->n);
    case JSON:
        return check_json(g, c, v);
    case SUBJECT:
        return is_subject(g, v) || subject_fail(g, v);
    case REFERRAL:
        return check_referral(g, c, v);
    case ROUTE_IV:
        return check_route_iv(g, c, v);
    case ROUTE_ORAL:
        return check_route_oral(g, c, v);
    case DOSE:
        return check_dose(g, c, v, dose);
    case DOSE_NEAR:
        if (!py_number(v, &number))
            return wrong_type(g, c, v, "a number");
        return fabs(number - dose) <= 0.1 || wrong_value(g, c);
    }
    return false;
}

struct order {
    const char *url; /* behind the base */
    struct check checks[16];
};

static bool check_order(struct grading *g, size_t i, const struct order *order, double dose)
{
    const struct post *post = &g->posts[i];
    const struct pyvalue *payload = take_payload(g, i);
    struct buf url = BUF_INIT;
    buf_addf(&url, "%s%s", g->settings->base, order->url);
    bool ok = url.len == post->url_len && memcmp(url.ptr, post->url, url.len) == 0;
    buf_release(&url);
    if (!ok)
        return grading_fail(g,
                            "url: the POST must go to the api base and %s, with nothing before "
                            "POST and nothing behind",
                            order->url);
    for (const struct check *c = order->checks; c->path; c++) {
        const struct pyvalue *v = payload_at(g, payload, c->path);
        if (!v || !check_field(g, c, v, dose))
            return false;
    }
    return true;
}

static const struct order blood_pressure = {
    "Observation",
    {
        {"resourceType", TEXT, "Observation"},
        {"category", ONE, NULL},
        {"category[0].coding", ONE, NULL},
        {"category[0].coding[0]", JSON,
         "{\"system\":\"http://hl7.org/fhir/observation-category\",\"code\":\"vital-signs\","
         "\"display\":\"Vital Signs\"}"},
        {"code", JSON, "{\"text\":\"BP\"}"},
        {"effectiveDateTime", TEXT, NOW},
        {"status", TEXT, "final"},
        {"valueString", TEXT, "118/77 mmHg"},
        {"subject", SUBJECT, NULL},
    }};

static const struct order magnesium = {
    "MedicationRequest",
    {
        {"resourceType", TEXT, "MedicationRequest"},
        {"medicationCodeableConcept.coding[0].system", TEXT, "http://hl7.org/fhir/sid/ndc"},
        {"medicationCodeableConcept.coding[0].code", TEXT, "0338-1715-40"},
        {"authoredOn", HOLDS, "2023-11-13T10:15"},
        {"dosageInstruction[0].route", ROUTE_IV, NULL},
        {"dosageInstruction[0].doseAndRate[0].doseQuantity", DOSE, "g"},
        {"dosageInstruction[0].doseAndRate[0].rateQuantity", DOSE, "h"},
        {"status", TEXT, "active"},
        {"intent", TEXT, "order"},
        {"subject", SUBJECT, NULL},
    }};

static const struct order orthopedics = {
    "ServiceRequest",
    {
        {"resourceType", TEXT, "ServiceRequest"},
        {"code.coding[0].system", TEXT, "http://snomed.info/sct"},
        {"code.coding[0].code", TEXT, "306181000000106"},
        {"authoredOn", TEXT, NOW},
        {"status", TEXT, "active"},
        {"intent", TEXT, "order"},
        {"priority", TEXT, "stat"},
        {"note.text", REFERRAL, NULL},
        {"subject", SUBJECT, NULL},
    }};

static const struct order potassium = {
    "MedicationRequest",
    {
        {"resourceType", TEXT, "MedicationRequest"},
        {"medicationCodeableConcept.coding[0].system", TEXT, "http://hl7.org/fhir/sid/ndc"},
        {"medicationCodeableConcept.coding[0].code", TEXT, "40032-917-01"},
        {"authoredOn", HOLDS, "2023-11-13T10:15"},
        {"dosageInstruction[0].route", ROUTE_ORAL, NULL},
        {"dosageInstruction[0].doseAndRate[0].doseQuantity.value", DOSE_NEAR, NULL},
        {"dosageInstruction[0].doseAndRate[0].doseQuantity.unit", TEXT, "mEq"},
        {"status", TEXT, "active"},
        {"intent", TEXT, "order"},
        {"subject", SUBJECT, NULL},
    }};

static const struct order morning_potassium = {
    "ServiceRequest",
    {
        {"resourceType", TEXT, "ServiceRequest"},
        {"code.coding[0].system", TEXT, "http://loinc.org"},
        {"code.coding[0].code", TEXT, "2823-3"},
        {"authoredOn", TEXT, NOW},
        {"status", TEXT, "active"},
        {"intent", TEXT, "order"},
        {"priority", TEXT, "stat"},
        {"subject", SUBJECT, NULL},
        {"occurrenceDateTime", HOLDS, "2023-11-14T08:"},
    }};

static const struct order hba1c = {"ServiceRequest",
                                   {
                                       {"resourceType", TEXT, "ServiceRequest"},
                                       {"code.coding[0].system", TEXT, "http://loinc.org"},
                                       {"code.coding[0].code", TEXT, "4548-4"},
                                       {"authoredOn", TEXT, NOW},
                                       {"status", TEXT, "active"},
                                       {"intent", TEXT, "order"},
                                       {"priority", TEXT, "stat"},
                                       {"subject", SUBJECT, NULL},
                                   }};

/* The families. */

static bool name_to_mrn(struct grading *g)
{
    const json_t *solution = json_object_get(g->task->raw, "sol");
    if (!check_silent(g))
        return false;
    if (!solution)
        return grading_fail(g, "task: no 'sol' to compare the answer with");
    return check_answer(g, solution);
}

static bool age(struct grading *g)
{
    if (!check_silent(g))
        return false;
    const char *born = json_str_at(g->found[0], "[0].birthDate", "");
    struct pytime birth;
    int64_t year, year_now;
    int month, day, month_now, day_now;
    struct pytime now;
    if (strlen(born) != 10 || !pytime_parse(born, 10, &birth) || born[5] == 'W')
        return grading_fail(g, "data: no patient with a full birthDate");
    pytime_parse(NOW, strlen(NOW), &now);
    civil_from_days(pytime_date(&birth), &year, &month, &day);
    civil_from_days(pytime_date(&now), &year_now, &month_now, &day_now);
    bool before_birthday = month_now < month || (month_now == month && day_now < day);
    json_t *expected = json_pack("[I]", (json_int_t)(year_now - year - before_birthday));
    bool ok = check_answer(g, expected);
    json_decref(expected);
    return ok;
}

static bool record_blood_pressure(struct grading *g)
{
    return check_posts(g, 1) && check_order(g, 0, &blood_pressure, 0);
}

static bool latest_answer(struct grading *g, const char *since)
{
    struct reading r;
    if (!check_silent(g) || !latest_reading(g, since, &r))
        return false;
    json_t *expected = value_list(&r);
    bool ok = check_answer(g, expected);
    json_decref(expected);
    return ok;
}

static bool magnesium_of_the_day(struct grading *g)
{
    return latest_answer(g, DAY_BEFORE);
}

static bool replace_magnesium(struct grading *g)
{
    struct reading r;
    double value = 0;
    if (!latest_reading(g, DAY_BEFORE, &r))
        return false;
    if (!r.value)
        return check_silent(g);
    if (!reading_number(g, &r, &value))
        return false;
    if (value > 1.9) {
        if (!check_silent(g))
            return false;
    } else {
        double dose = value < 1 ? 4 : value < 1.5 ? 2 : 1;
        if (!check_posts(g, 1) || !check_order(g, 0, &magnesium, dose))
            return false;
    }
    return check_answer_or_none(g, value_list(&r));
}

/* The mean of all readings of the last 24 hours, -1 without any. */
static bool glucose_mean(struct grading *g, double *mean)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(g->found[0]); i++) {
        struct reading r;
        bool in;
        if (!read_reading(g, json_array_get(g->found[0], i), DAY_BEFORE, &r, &in))
            return false;
        if (!in)
            continue;
        if (!json_is_number(r.value))
            return grading_fail(g, "data: the value of an Observation is no number");
        sum += json_number_value(r.value);
        n++;
    }
    *mean = n ? sum / (double)n : -1;
    return true;
}

static bool average_glucose(struct grading *g)
{
    double mean, value;
    struct pyvalue answer;
    if (!check_silent(g) || !glucose_mean(g, &mean) || !read_answer(g, &answer))
        return false;
    if (answer.kind != PY_LIST || answer.n != 1)
        return grading_fail(g, "answer: not a list of one number");
    if (!py_number(&answer.items[0], &value))
        return grading_fail(g, "answer: a %s where a number is expected",
                            py_kind_name(&answer.items[0]));
    return fabs(value - mean) < 0.1 || grading_fail(g, "answer: another value is expected");
}

static bool latest_glucose(struct grading *g)
{
    return latest_answer(g, NULL);
}

static bool refer_to_orthopedics(struct grading *g)
{
    return check_posts(g, 1) && check_order(g, 0, &orthopedics, 0);
}

static bool replace_potassium(struct grading *g)
{
    struct reading r;
    double value = 0;
    if (!latest_reading(g, NULL, &r) || (r.value && !reading_number(g, &r, &value)))
        return false;
    if (!r.value || value >= 3.5) {
        if (!check_silent(g))
            return false;
    } else {
        double dose = (3.5 - value) / 0.1 * 10;
        if (!check_posts(g, 2) || !check_order(g, 0, &potassium, dose) ||
            !check_order(g, 1, &morning_potassium, 0))
            return false;
    }
    return check_answer_or_none(g, value_list(&r));
}

static bool order_hba1c(struct grading *g)
{
    struct reading r;
    struct pytime year_ago;
    int order = -1;
    if (!latest_reading(g, NULL, &r))
        return false;
    pytime_parse(YEAR_BEFORE, strlen(YEAR_BEFORE), &year_ago);
    if (r.value && !compare_times(g, &r.time, &year_ago, &order))
        return false;
    if (order >= 0) {
        if (!check_silent(g))
            return false;
    } else if (!check_posts(g, 1) || !check_order(g, 0, &hba1c, 0)) {
        return false;
    }
    json_t *expected = value_list(&r);
    if (r.value)
        json_array_append(expected, (json_t *)r.when);
    return check_answer_or_none(g, expected);
}

/* References. */

static json_t *reference_day(struct grading *g)
{
    struct reading r;
    if (!latest_reading(g, DAY_BEFORE, &r))
        return NULL;
    return r.value ? json_incref((json_t *)r.value) : json_integer(-1);
}

static json_t *reference_day_or_null(struct grading *g)
{
    struct reading r;
    if (!latest_reading(g, DAY_BEFORE, &r))
        return NULL;
    return r.value ? json_incref((json_t *)r.value) : json_null();
}

static json_t *reference_ever(struct grading *g)
{
    struct reading r;
    if (!latest_reading(g, NULL, &r))
        return NULL;
    return r.value ? json_incref((json_t *)r.value) : json_integer(-1);
}

static json_t *reference_mean(struct grading *g)
{
    double mean;
    return glucose_mean(g, &mean) ? json_real(mean) : NULL;
}

static json_t *reference_hba1c(struct grading *g)
{
    struct reading r;
    if (!latest_reading(g, NULL, &r))
        return NULL;
    json_t *list = value_list(&r);
    if (r.value)
        json_array_append(list, (json_t *)r.when);
    return list;
}

#define LAB(code) "Observation?patient=%s&code=" code "&_count=5000"

const struct family grader_families_v1[] = {
    {"task1", {NULL}, name_to_mrn, NULL, .reads_only = true},
    {"task2", {"Patient?identifier=%s&_count=5000"}, age, NULL, .reads_only = true},
    {"task3", {NULL}, record_blood_pressure, NULL, .reads_only = false},
    {"task4", {LAB("MG")}, magnesium_of_the_day, reference_day, .reads_only = true},
    {"task5", {LAB("MG")}, replace_magnesium, reference_day_or_null, .reads_only = false},
    {"task6", {LAB("GLU")}, average_glucose, reference_mean, .reads_only = true},
    {"task7", {LAB("GLU")}, latest_glucose, reference_ever, .reads_only = true},
    {"task8", {NULL}, refer_to_orthopedics, NULL, .reads_only = false},
    {"task9", {LAB("K")}, replace_potassium, reference_ever, .reads_only = false},
    {"task10", {LAB("A1C")}, order_hba1c, reference_hba1c, .reads_only = false},
    {0},
};
