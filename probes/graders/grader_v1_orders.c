/* grader_v1_orders.c - what the orders of MedAgentBench v1 must hold: tables of checks, walked in
 * their order, and the rules they name. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probes/graders/grading_v1_private.h"
#include "runtime/base/buf.h"

static bool wrong_type(struct grading *g, const struct order_check *c, const struct pyvalue *v,
                       const char *expected)
{
    return grading_fail(g, "%s.%s: %s where %s is expected", g->payload, c->path, py_kind_name(v),
                        expected);
}

/* The same where the first reason is not to say more than "another value". */
static bool wrong_kind(struct grading *g, const struct pyvalue *v, const char *expected,
                       const char *path, const char *member)
{
    char detail[64];
    snprintf(detail, sizeof(detail), "%s where %s is expected", py_kind_name(v), expected);
    return grading_differs(g, detail, "%s.%s%s", g->payload, path, member);
}

static bool wrong_value(struct grading *g, const struct order_check *c, const struct pyvalue *v)
{
    const char *kind = py_kind_name(v);
    char detail[64];
    snprintf(detail, sizeof(detail), "another %s is expected", kind + (kind[1] == ' ' ? 2 : 3));
    return grading_differs(g, detail, "%s.%s", g->payload, c->path);
}

static bool check_holds(struct grading *g, const struct order_check *c, const struct pyvalue *v,
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
static bool check_referral(struct grading *g, const struct order_check *c, const struct pyvalue *v)
{
    const char *first = strchr(g->task->instruction, '"');
    const char *last = strrchr(g->task->instruction, '"');
    if (!first || last == first)
        return grading_fail(g, "task: the instruction has no text in quotation marks");
    return check_holds(g, c, v, first + 1, (size_t)(last - first - 1));
}

/* An object with exactly these members, all of them strings. */
static bool check_object(struct grading *g, const struct order_check *c, const struct pyvalue *v)
{
    json_t *want = json_loads(c->want, JSON_DECODE_ANY, NULL), *text;
    const char *key;
    bool ok = py_eq_json(v, want);
    if (!ok && v->kind != PY_DICT) {
        wrong_kind(g, v, "an object", c->path, "");
        payload_amiss(g, c->path, strlen(c->path));
    } else if (!ok) {
        wrong_value(g, c, v);
        json_object_foreach (want, key, text) {
            const struct pyvalue *member = py_get(v, key);
            if (!py_eq_json(member, text))
                grading_fail(g, "%s.%s.%s: %s", g->payload, c->path, key,
                             !member             ? "missing"
                             : py_is_str(member) ? "another string is expected"
                                                 : "no string");
        }
        if (v->n > json_object_size(want))
            grading_fail(g, "%s.%s: more members than asked for", g->payload, c->path);
    }
    json_decref(want);
    return ok;
}

static bool check_route_iv(struct grading *g, const struct order_check *c, const struct pyvalue *v)
{
    if (py_eq_str(v, "IV") || (g->settings->lenient && py_eq_str(py_get(v, "text"), "IV")))
        return true;
    return py_is_str(v) ? wrong_value(g, c, v) : wrong_type(g, c, v, "a string");
}

/* A string, or an object with text or a coding's display. A coding that is there must have a first
 * entry, even when the text decides. */
static bool check_route_oral(struct grading *g, const struct order_check *c,
                             const struct pyvalue *v)
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
    return (n == 4 && str_casestr(s, "oral") == s) || wrong_value(g, c, v);
}

/* A member that differs, or is missing. */
static bool dose_member(struct grading *g, const struct order_check *c, const struct pyvalue *v,
                        bool of_kind, const char *form, const char *member)
{
    if (!v)
        return grading_fail(g, "%s.%s%s: missing", g->payload, c->path, member);
    if (!of_kind)
        return wrong_kind(g, v, form, c->path, member);
    return grading_differs(
        g, py_is_str(v) ? "another string is expected" : "another number is expected", "%s.%s%s",
        g->payload, c->path, member);
}

static bool check_dose(struct grading *g, const struct order_check *c, const struct pyvalue *v,
                       double dose)
{
    const struct pyvalue *value = py_get(v, "value"), *unit = py_get(v, "unit");
    bool ok = true;
    if (v->kind != PY_DICT)
        return wrong_type(g, c, v, "an object");
    if (!py_eq_num(value, dose))
        ok = dose_member(g, c, value, py_is_number(value), "a number", ".value");
    if (!py_eq_str(unit, c->want))
        ok = dose_member(g, c, unit, py_is_str(unit), "a string", ".unit");
    if (ok && v->n != 2)
        ok = grading_fail(g, "%s.%s: more than value and unit", g->payload, c->path);
    return ok;
}

static bool check_field(struct grading *g, const struct order_check *c, const struct pyvalue *v,
                        double dose)
{
    double number;
    switch (c->rule) {
    case TEXT:
        if (py_eq_str(v, c->want))
            return true;
        return py_is_str(v) ? wrong_value(g, c, v) : wrong_type(g, c, v, "a string");
    case HOLDS:
        return check_holds(g, c, v, c->want, strlen(c->want));
    case ONE:
        if (v->kind != PY_LIST) {
            payload_amiss(g, c->path, strlen(c->path));
            return wrong_type(g, c, v, "a list");
        }
        return v->n == 1 || grading_fail(g, "%s.%s: %zu entries where one is expected", g->payload,
                                         c->path, v->n);
    case OBJECT:
        return check_object(g, c, v);
    case SUBJECT:
        return subject_is_patient(g, v) || subject_fail(g, v);
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
        return fabs(number - dose) <= 0.1 || wrong_value(g, c, v);
    }
    return false;
}

static bool check_order(struct grading *g, size_t i, const struct order_wanted *wanted)
{
    const struct order_form *form = wanted->form;
    const struct grading_post *post = &g->posts[i];
    const struct pyvalue *payload = payload_take(g, i);
    struct buf url = BUF_INIT;
    buf_addf(&url, "%s%s", g->settings->base, form->url);
    bool ok = url.len == post->url_len && memcmp(url.ptr, post->url, url.len) == 0;
    buf_release(&url);
    if (!ok)
        grading_fail(g,
                     "url: the POST must go to the api base and %s, with nothing before "
                     "POST and nothing behind",
                     form->url);
    for (const struct order_check *c = form->checks; c->path; c++) {
        const struct pyvalue *v = payload_at(g, payload, c->path);
        ok = v && check_field(g, c, v, wanted->dose) && ok;
    }
    return ok;
}

/* The first post that no order has taken and that says it is what the form asks for; n_posts when
 * there is none. */
static size_t find_post(const struct grading *g, const struct order_form *form)
{
    size_t i = 0;
    for (; i < g->n_posts; i++)
        if (!g->posts[i].taken &&
            py_eq_str(py_get(&g->posts[i].payload, "resourceType"), form->url))
            break;
    return i;
}

bool check_orders(struct grading *g, const struct order_wanted *wanted, size_t n)
{
    bool ok = check_posts(g, n), all = ok;
    for (size_t i = 0; i < n; i++) {
        size_t at = all ? i : find_post(g, wanted[i].form);
        if (at < g->n_posts) {
            g->posts[at].taken = true;
            ok = check_order(g, at, &wanted[i]) && ok;
        } else {
            grading_fail(g, "posts: missing: no accepted %s", wanted[i].form->url);
        }
    }
    for (size_t i = 0; i < g->n_posts; i++)
        if (!g->posts[i].taken) {
            const struct pyvalue *payload = payload_take(g, i);
            grading_fail(g, "posts: extra: %s is %s that nothing asks for", g->payload,
                         payload_type(payload));
        }
    return ok;
}

const struct order_form order_blood_pressure = {
    "Observation",
    {
        {"resourceType", TEXT, "Observation"},
        {"category", ONE, NULL},
        {"category[0].coding", ONE, NULL},
        {"category[0].coding[0]", OBJECT,
         "{\"system\":\"http://hl7.org/fhir/observation-category\",\"code\":\"vital-signs\","
         "\"display\":\"Vital Signs\"}"},
        {"code", OBJECT, "{\"text\":\"BP\"}"},
        {"effectiveDateTime", TEXT, NOW_V1},
        {"status", TEXT, "final"},
        {"valueString", TEXT, "118/77 mmHg"},
        {"subject", SUBJECT, NULL},
    }};

const struct order_form order_magnesium = {
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

const struct order_form order_orthopedics = {
    "ServiceRequest",
    {
        {"resourceType", TEXT, "ServiceRequest"},
        {"code.coding[0].system", TEXT, "http://snomed.info/sct"},
        {"code.coding[0].code", TEXT, "306181000000106"},
        {"authoredOn", TEXT, NOW_V1},
        {"status", TEXT, "active"},
        {"intent", TEXT, "order"},
        {"priority", TEXT, "stat"},
        {"note.text", REFERRAL, NULL},
        {"subject", SUBJECT, NULL},
    }};

const struct order_form order_potassium = {
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

const struct order_form order_morning_potassium = {
    "ServiceRequest",
    {
        {"resourceType", TEXT, "ServiceRequest"},
        {"code.coding[0].system", TEXT, "http://loinc.org"},
        {"code.coding[0].code", TEXT, "2823-3"},
        {"authoredOn", TEXT, NOW_V1},
        {"status", TEXT, "active"},
        {"intent", TEXT, "order"},
        {"priority", TEXT, "stat"},
        {"subject", SUBJECT, NULL},
        {"occurrenceDateTime", HOLDS, "2023-11-14T08:"},
    }};

const struct order_form order_hba1c = {"ServiceRequest",
                                       {
                                           {"resourceType", TEXT, "ServiceRequest"},
                                           {"code.coding[0].system", TEXT, "http://loinc.org"},
                                           {"code.coding[0].code", TEXT, "4548-4"},
                                           {"authoredOn", TEXT, NOW_V1},
                                           {"status", TEXT, "active"},
                                           {"intent", TEXT, "order"},
                                           {"priority", TEXT, "stat"},
                                           {"subject", SUBJECT, NULL},
                                       }};
