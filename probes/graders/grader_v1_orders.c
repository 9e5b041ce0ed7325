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

static bool wrong_text(struct grading *g, const struct order_check *c, const struct pyvalue *v,
                       const char *want, size_t len)
{
    char how[DIFFERS_SIZE];
    differs_text(v, want, len, g->task, how);
    return grading_fail(g, "%s.%s: %s", g->payload, c->path, how);
}

static bool check_holds(struct grading *g, const struct order_check *c, const struct pyvalue *v,
                        const char *want, size_t len)
{
    if (v->kind == PY_STR && memmem(v->s, v->n, want, len))
        return true;
    for (size_t i = 0; (v->kind == PY_LIST || v->kind == PY_DICT) && i < v->n; i++) {
        const struct pyvalue *x = v->kind == PY_LIST ? &v->items[i] : &v->members[i].key;
        if (py_is_str(x) && x->n == len && memcmp(x->s, want, len) == 0)
            return true;
    }
    if (c->rule == REFERRAL && v->kind == PY_STR)
        return grading_fail(
            g,
            "%s.%s: the text differs: the instruction's words in quotation marks are not "
            "in it as they stand",
            g->payload, c->path);
    return wrong_text(g, c, v, want, len);
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
    char how[DIFFERS_SIZE];
    bool ok = py_eq_json(v, want);
    if (!ok && v->kind != PY_DICT) {
        wrong_type(g, c, v, "an object");
        payload_amiss(g, c->path, strlen(c->path));
    } else if (!ok) {
        grading_fail(g, "%s.%s: an object, but not with the right members alone", g->payload,
                     c->path);
        json_object_foreach (want, key, text) {
            const struct pyvalue *member = py_get(v, key);
            if (member && !py_eq_json(member, text))
                differs_json(member, text, g->task, how);
            if (!py_eq_json(member, text))
                grading_fail(g, "%s.%s.%s: %s", g->payload, c->path, key, member ? how : "missing");
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
    return wrong_text(g, c, v, "IV", 2);
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
    return (n == 4 && str_casestr(s, "oral") == s) || wrong_text(g, c, route, "oral", 4);
}

static bool check_dose(struct grading *g, const struct order_check *c, const struct pyvalue *v,
                       double dose)
{
    const struct pyvalue *value = py_get(v, "value"), *unit = py_get(v, "unit");
    char how[DIFFERS_SIZE] = "missing";
    bool ok = true;
    if (v->kind != PY_DICT)
        return wrong_type(g, c, v, "an object");
    if (!py_eq_num(value, dose)) {
        if (value)
            differs_number(value, dose, how);
        ok = grading_fail(g, "%s.%s.value: %s", g->payload, c->path, how);
    }
    if (!py_eq_str(unit, c->want)) {
        strcpy(how, "missing");
        if (unit)
            differs_text(unit, c->want, strlen(c->want), g->task, how);
        ok = grading_fail(g, "%s.%s.unit: %s", g->payload, c->path, how);
    }
    if (ok && v->n != 2)
        ok = grading_fail(g, "%s.%s: more than value and unit", g->payload, c->path);
    return ok;
}

static bool check_field(struct grading *g, const struct order_check *c, const struct pyvalue *v,
                        double dose)
{
    char how[DIFFERS_SIZE];
    double number;
    switch (c->rule) {
    case TEXT:
        if (py_eq_str(v, c->want))
            return true;
        return wrong_text(g, c, v, c->want, strlen(c->want));
    case HOLDS:
        return check_holds(g, c, v, c->want, strlen(c->want));
    case ONE:
        if (v->kind != PY_LIST) {
            payload_amiss(g, c->path, strlen(c->path));
            return wrong_type(g, c, v, "a list");
        }
        return v->n == 1 || grading_fail(g, "%s.%s: a list of %zu where one of 1 is expected",
                                         g->payload, c->path, v->n);
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
        if (py_number(v, &number) && fabs(number - dose) <= 0.1)
            return true;
        differs_number(v, dose, how);
        return grading_fail(g, "%s.%s: %s", g->payload, c->path, how);
    }
    return false;
}

static const char *other_url(const struct grading *g, const struct grading_post *post,
                             const char *type)
{
    const char *base = g->settings->base;
    size_t n = strlen(base), len = strlen(type);
    if (post->url_len >= n && memcmp(post->url, base, n) == 0)
        return post->url_len > n + len && memcmp(post->url + n, type, len) == 0
                   ? "more stands behind"
                   : "another place follows the base";
    if (memmem(post->url, post->url_len, base, n))
        return "something stands before or behind the word POST";
    return "it went to another base, or to none";
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
        grading_fail(g, "url: the POST must go to the api base and %s alone, but %s", form->url,
                     other_url(g, post, form->url));
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
