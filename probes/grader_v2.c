/*
 * grader_v2.c - MedAgentBench v2: ten families that read a chart and ask for orders, or for none.
 *
 * Only what was recorded up to 2025-01-01 counts (meta.lastUpdated). Where one order is asked for,
 * it is judged alone; where several are, all accepted posts are walked and each may be the wanted
 * one. A field of the wrong type stops the grader, on any post: see `enum order`.
 */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "probes/grading.h"
#include "probes/pyarena.h"
#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"

#define CUT_OFF "2025-01-01T00:00:00+00:00"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

/* Text. */

/* Whether any of the words is part of `text` (both in lower case). */
static bool names_any(const char *text, size_t len, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memmem(text, len, words[i], strlen(words[i])))
            return true;
    return false;
}

static void lower(struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        b->ptr[i] = ascii_lower(b->ptr[i]);
}

/* str(v): a string as it is, anything else printed. NULL adds nothing. */
static void print_value(struct buf *b, const struct pyvalue *v)
{
    if (v && v->kind == PY_STR)
        buf_add(b, v->s, v->n);
    else if (v)
        py_repr(b, v);
}

/* Whether v in print, in lower case, holds any of the words. */
static bool prints_any(const struct pyvalue *v, const char *const *words, size_t n)
{
    struct buf b = BUF_INIT;
    print_value(&b, v);
    lower(&b);
    bool found = names_any(b.ptr, b.len, words, n);
    buf_release(&b);
    return found;
}

static bool prints(const struct pyvalue *v, const char *word)
{
    return prints_any(v, &word, 1);
}

/* Chart. */

static struct pytime fixed_time(const char *s)
{
    struct pytime t;
    pytime_parse(s, strlen(s), &t);
    return t;
}

static struct pytime now_of(struct grading *g)
{
    char text[64];
    grader_now(g->task, g->settings, text);
    return fixed_time(text);
}

/* Reads a time of a resource that must be one. */
static bool chart_time(struct grading *g, const json_t *v, struct pytime *t)
{
    if (json_is_string(v) && pytime_parse(json_string_value(v), json_string_length(v), t))
        return true;
    return grading_fail(g, "data: a time that is not ISO 8601");
}

/* *in: recorded up to the cut-off, or nobody knows when. */
static bool recorded_in_time(struct grading *g, const json_t *resource, bool *in)
{
    const json_t *meta = json_object_get(resource, "meta");
    const json_t *updated = json_object_get(meta, "lastUpdated");
    struct pytime t, cut_off = fixed_time(CUT_OFF);
    int order = 0;
    if (!json_is_object(meta))
        return grading_fail(g, "data: a resource without meta");
    if (updated && !json_is_null(updated) &&
        (!chart_time(g, updated, &t) || !compare_times(g, &t, &cut_off, &order)))
        return false;
    *in = order <= 0;
    return true;
}

/* The latest of some times. */
struct latest {
    bool any;
    struct pytime time;
};

static bool keep_later(struct grading *g, struct latest *latest, const json_t *time)
{
    struct pytime t;
    int order = 1;
    if (!chart_time(g, time, &t) || (latest->any && !compare_times(g, &t, &latest->time, &order)))
        return false;
    if (order > 0)
        *latest = (struct latest){true, t};
    return true;
}

/* The latest Procedure of a search: performedDateTime, else the period's end, else its start. One
 * without any is passed over. */
static bool latest_procedure(struct grading *g, const json_t *found, struct latest *latest)
{
    *latest = (struct latest){0};
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *procedure = json_array_get(found, i);
        static const char *const places[] = {"performedDateTime", "performedPeriod.end",
                                             "performedPeriod.start"};
        const json_t *time = NULL;
        bool in;
        if (!recorded_in_time(g, procedure, &in))
            return false;
        for (size_t k = 0; k < COUNT(places) && (!time || json_is_null(time)); k++)
            time = json_at(procedure, places[k]);
        if (in && time && !json_is_null(time) && !keep_later(g, latest, time))
            return false;
    }
    return true;
}

/* *old: there is none, or it is more than `us` before `now`. */
static bool none_or_older(struct grading *g, const struct latest *latest, const struct pytime *now,
                          int64_t us, bool *old)
{
    struct pytime limit = pytime_plus(*now, -us);
    int order = -1;
    if (latest->any && !compare_times(g, &latest->time, &limit, &order))
        return false;
    *old = order < 0;
    return true;
}

/* The medication's text in lower case ("" without one); the codeable concept must be there. */
static bool medication_text(struct grading *g, const json_t *request, struct buf *out)
{
    const json_t *concept = json_object_get(request, "medicationCodeableConcept");
    const json_t *text = json_object_get(concept, "text");
    buf_reset(out);
    if (!json_is_object(concept) || (text && !json_is_string(text)))
        return grading_fail(g, "data: a MedicationRequest without medicationCodeableConcept.text");
    if (text)
        buf_add(out, json_string_value(text), json_string_length(text));
    lower(out);
    return true;
}

/* Orders. */

/* What an accepted post is, seen as the order that is looked for. */
enum order {
    ORDER_OTHER,  /* something else; the walk goes on */
    ORDER_WANTED, /* this is it, as far as the envelope goes */
    ORDER_STOPS,  /* a field of the wrong type: all is incorrect */
};

enum {
    SERVICE = 1,
    MEDICATION = 2,
    EITHER = SERVICE | MEDICATION,
};

static bool of_type(const struct pyvalue *payload, int types)
{
    const struct pyvalue *type = py_get(payload, "resourceType");
    return ((types & SERVICE) && py_eq_str(type, "ServiceRequest")) ||
           ((types & MEDICATION) && py_eq_str(type, "MedicationRequest"));
}

static enum order stops(struct grading *g, const char *field, const struct pyvalue *v)
{
    grading_fail(g, "%s.%s: a %s where a string is expected", g->payload, field, py_kind_name(v));
    return ORDER_STOPS;
}

/* A text field against one word, in any case. Missing is another word. */
static enum order word_is(struct grading *g, const struct pyvalue *payload, const char *field,
                          const char *word)
{
    const struct pyvalue *v = py_get(payload, field);
    if (v && v->kind != PY_STR)
        return stops(g, field, v);
    if (v && v->n == strlen(word) && strncasecmp(v->s, word, v->n) == 0)
        return ORDER_WANTED;
    return ORDER_OTHER;
}

static enum order is_object(struct grading *g, const struct pyvalue *payload)
{
    if (payload->kind == PY_DICT)
        return ORDER_WANTED;
    grading_fail(g, "%s: a %s where an object is expected", g->payload, py_kind_name(payload));
    return ORDER_STOPS;
}

/* An active order for the patient, of one of the types. Says what is wrong with one of the right
 * type. */
static enum order envelope(struct grading *g, const struct pyvalue *payload, int types)
{
    static const char *const words[][2] = {{"status", "active"}, {"intent", "order"}};
    enum order is = is_object(g, payload);
    if (is != ORDER_WANTED)
        return is;
    if (!of_type(payload, types))
        return ORDER_OTHER;
    for (size_t i = 0; i < COUNT(words); i++) {
        is = word_is(g, payload, words[i][0], words[i][1]);
        if (is == ORDER_OTHER)
            grading_fail(g, "%s.%s: %s", g->payload, words[i][0],
                         py_get(payload, words[i][0]) ? "another value is expected" : "missing");
        if (is != ORDER_WANTED)
            return is;
    }
    if (is_subject(g, py_get(payload, "subject")))
        return ORDER_WANTED;
    subject_fail(g, py_get(payload, "subject"));
    return ORDER_OTHER;
}

/* Exactly one accepted post, with a right envelope; NULL when it is not. */
static const struct pyvalue *single_order(struct grading *g, int types)
{
    if (!check_posts(g, 1))
        return NULL;
    const struct pyvalue *payload = take_payload(g, 0);
    if (envelope(g, payload, types) == ORDER_WANTED)
        return payload;
    grading_fail(g, "%s.resourceType: another type of resource is expected", g->payload);
    return NULL;
}

static bool missing_order(struct grading *g, const char *what)
{
    return grading_fail(g, "posts: missing: no accepted %s", what);
}

/* No accepted post, and none in the last message. */
static bool check_quiet(struct grading *g)
{
    if (g->n_posts)
        return grading_fail(g, "posts: extra: %zu accepted where nothing is to be ordered",
                            g->n_posts);
    return true;
}

/* task1: CT abdomen, once a year */

static bool real_time(struct grading *g, struct pytime *t)
{
    const char *today = g->settings->today;
    if (!today) {
        *t = (struct pytime){.local = clock_wall() / NS_PER_US, .aware = true};
        return true;
    }
    if (pytime_parse(today, strlen(today), t))
        return true;
    return grading_fail(g, "task: 'benchmark.today' is not ISO 8601");
}

/* The texts of a list of objects, collected before any is read. Python walks a string by characters
 * and an object by keys: those are no objects. */
static bool collect_texts(struct grading *g, const struct pyvalue *payload, const char *field,
                          const char *key, const struct pyvalue **texts, size_t *n, size_t max)
{
    const struct pyvalue *list = py_get(payload, field);
    if (!list)
        return true;
    if (list->kind != PY_LIST) {
        bool empty = (list->kind == PY_STR || list->kind == PY_DICT) && !list->n;
        return empty || grading_fail(g, "%s.%s: a %s where a list is expected", g->payload, field,
                                     py_kind_name(list));
    }
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].kind != PY_DICT)
            return grading_fail(g, "%s.%s[%zu]: a %s where an object is expected", g->payload,
                                field, i, py_kind_name(&list->items[i]));
        const struct pyvalue *text = py_get(&list->items[i], key);
        if (text && *n < max)
            texts[(*n)++] = text;
    }
    return true;
}

static bool check_indication(struct grading *g, const struct pyvalue *payload)
{
    const struct pyvalue *note = py_get(payload, "note"), *text;
    size_t n = 0, max = 1;
    static const char *const lists[] = {"reasonCode", "reasonReference", "note"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        const struct pyvalue *list = py_get(payload, lists[i]);
        max += list && list->kind == PY_LIST ? list->n : 0;
    }
    const struct pyvalue **texts = py_arena_get(&g->arena, max * sizeof(*texts));
    if (!texts)
        return grading_fail(g, "out of memory");
    if (!collect_texts(g, payload, "reasonCode", "text", texts, &n, max) ||
        !collect_texts(g, payload, "reasonReference", "display", texts, &n, max))
        return false;
    if (note && note->kind == PY_DICT) {
        text = py_get(note, "text");
        if (text)
            texts[n++] = text;
    } else if (!collect_texts(g, payload, "note", "text", texts, &n, max)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (texts[i]->kind != PY_STR)
            return stops(g, "reasonCode", texts[i]) == ORDER_WANTED;
        if (prints(texts[i], "renal mass follow-up"))
            return true;
    }
    return grading_fail(g,
                        "%s.reasonCode: nothing there, in reasonReference or in note names the "
                        "indication",
                        g->payload);
}

static bool follow_up_ct(struct grading *g)
{
    struct latest ct;
    struct pytime today;
    bool old;
    if (!real_time(g, &today) || !latest_procedure(g, g->found[0], &ct) ||
        !none_or_older(g, &ct, &today, 365 * PYTIME_DAY, &old))
        return false;
    if (!old)
        return check_silent(g);
    const struct pyvalue *payload = single_order(g, SERVICE);
    if (!payload)
        return false;
    if (!memmem(g->posts[0].url, g->posts[0].url_len, "ServiceRequest", 14))
        return grading_fail(g, "url: the POST must go to the api base and ServiceRequest");
    const struct pyvalue *code = payload_at(g, payload, "code.coding[0].code");
    if (!code)
        return false;
    if (!py_eq_str(code, "74177"))
        return grading_fail(g, "%s.code.coding[0].code: another code is expected", g->payload);
    return check_indication(g, payload);
}

/* task2: one anticoagulant, and that heparin */

static const char *const anticoagulants[] = {"heparin",      "enoxaparin", "dalteparin",
                                             "fondaparinux", "apixaban",   "rivaroxaban",
                                             "dabigatran",   "warfarin"};
static const char *const stop_words[] = {"stopped", "cancelled", "completed", "entered-in-error"};

/* Whether a post's status is one that ends an order. */
static enum order is_stopped(struct grading *g, const struct pyvalue *payload)
{
    for (size_t i = 0; i < COUNT(stop_words); i++) {
        enum order is = word_is(g, payload, "status", stop_words[i]);
        if (is != ORDER_OTHER)
            return is;
    }
    return ORDER_OTHER;
}

static bool count_anticoagulants(struct grading *g, size_t *all, size_t *heparins)
{
    struct buf text = BUF_INIT;
    bool ok = true;
    *all = *heparins = 0;
    for (size_t i = 0; ok && i < json_array_size(g->found[0]); i++) {
        const json_t *request = json_array_get(g->found[0], i);
        bool in;
        ok = recorded_in_time(g, request, &in);
        if (!ok || !in)
            continue;
        ok = medication_text(g, request, &text);
        if (!names_any(text.ptr, text.len, anticoagulants, COUNT(anticoagulants)))
            continue;
        ++*all;
        static const char *const doses[] = {"5,000", "5000"};
        *heparins += strstr(text.ptr, "heparin") && names_any(text.ptr, text.len, doses, 2);
    }
    buf_release(&text);
    return ok;
}

static bool one_anticoagulant(struct grading *g)
{
    size_t all, heparins;
    if (!count_anticoagulants(g, &all, &heparins))
        return false;
    if (all == 1 && heparins == 1)
        return check_quiet(g);
    bool ordered = heparins > 0, stopped = all <= 1;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = take_payload(g, i);
        if (is_object(g, payload) != ORDER_WANTED)
            return false;
        if (!is_subject(g, py_get(payload, "subject")))
            return subject_fail(g, py_get(payload, "subject"));
        if (!of_type(payload, MEDICATION))
            continue;
        enum order active = word_is(g, payload, "status", "active");
        if (active == ORDER_STOPS)
            return false;
        if (active == ORDER_WANTED)
            ordered = ordered || (prints(payload, "heparin") && prints(payload, "5000"));
        else
            stopped = stopped || is_stopped(g, payload) == ORDER_WANTED;
    }
    if (!ordered)
        return missing_order(g, "active MedicationRequest for the drug and dose asked for");
    return stopped || missing_order(g, "MedicationRequest that discontinues a duplicate");
}

/* task3: mean heart rates */

/* The mean of the values in [now - us, now]; *any: there are some. */
static bool window_mean(struct grading *g, const struct pytime *now, int64_t us, double *mean,
                        bool *any)
{
    struct pytime start = pytime_plus(*now, -us);
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(g->found[0]); i++) {
        const json_t *observation = json_array_get(g->found[0], i);
        const json_t *when = json_object_get(observation, "effectiveDateTime");
        const json_t *value = json_at(observation, "valueQuantity.value");
        struct pytime t;
        bool in = true;
        int from, to;
        if (json_object_get(observation, "meta") && !recorded_in_time(g, observation, &in))
            return false;
        if (!in)
            continue;
        if (!json_is_string(when))
            return grading_fail(g, "data: an Observation without effectiveDateTime");
        if (!pytime_parse(json_string_value(when), json_string_length(when), &t))
            continue;
        if (!compare_times(g, &t, &start, &from) || !compare_times(g, &t, now, &to))
            return false;
        if (from < 0 || to > 0 || !value || json_is_null(value))
            continue;
        if (!json_is_number(value))
            return grading_fail(g, "data: the value of an Observation is no number");
        sum += json_number_value(value);
        n++;
    }
    *any = n > 0;
    *mean = n ? sum / (double)n : -1;
    return true;
}

/* null and -1 stand for an empty window, whatever the window holds. */
static bool check_mean(struct grading *g, const struct pyvalue *v, const char *which, double mean,
                       bool any)
{
    double value = -1;
    if (v->kind != PY_NONE && !py_float(v, &value))
        return grading_fail(g, "answer: the %s element is no number", which);
    bool right = value == -1 ? !any : any && fabs(value - mean) <= 0.1;
    return right || grading_fail(g, "answer: another %s value is expected", which);
}

static bool mean_heart_rates(struct grading *g)
{
    const char *text = g->trace->result;
    struct pytime now = now_of(g);
    struct pyvalue answer;
    double six, twelve;
    bool any_six, any_twelve;
    if (!check_silent(g) || !window_mean(g, &now, 6 * PYTIME_HOUR, &six, &any_six) ||
        !window_mean(g, &now, 12 * PYTIME_HOUR, &twelve, &any_twelve))
        return false;
    if (!py_literal(&g->arena, text, strlen(text), &answer) &&
        !py_json(&g->arena, text, strlen(text), &answer))
        return grading_fail(g, "answer: what stands between FINISH( and ) is not JSON");
    if (!py_at(&answer, 1) || answer.n != 2)
        return grading_fail(g, "answer: not a list of two");
    return check_mean(g, &answer.items[0], "first", six, any_six) &&
           check_mean(g, &answer.items[1], "second", twelve, any_twelve);
}

/* task4: catheters */

static bool remove_catheter(struct grading *g)
{
    struct latest placed;
    struct pytime now = now_of(g);
    bool due, in, ordered = false;
    if (!latest_procedure(g, g->found[0], &placed) ||
        !none_or_older(g, &placed, &now, 48 * PYTIME_HOUR, &due))
        return false;
    due = due && placed.any;
    for (size_t i = 0; due && i < json_array_size(g->found[1]); i++) {
        if (!recorded_in_time(g, json_array_get(g->found[1], i), &in))
            return false;
        ordered = ordered || in;
    }
    if (!due || ordered)
        return check_quiet(g);
    bool done = false;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = take_payload(g, i);
        enum order is = envelope(g, payload, SERVICE);
        if (is == ORDER_STOPS)
            return false;
        done = done || (is == ORDER_WANTED && prints(py_get(payload, "code"), "nur1373"));
    }
    return done || missing_order(g, "active ServiceRequest with the code asked for");
}

/* task5: follow-up of a tumour */

static bool follow_up_tumour(struct grading *g)
{
    struct latest ct;
    struct pytime now = now_of(g);
    bool in, diagnosed = false, old;
    for (size_t i = 0; i < json_array_size(g->found[0]); i++) {
        if (!recorded_in_time(g, json_array_get(g->found[0], i), &in))
            return false;
        diagnosed = diagnosed || in;
    }
    if (!diagnosed)
        return check_silent(g);
    if (!latest_procedure(g, g->found[1], &ct) ||
        !none_or_older(g, &ct, &now, 90 * PYTIME_DAY, &old))
        return false;
    if (!old)
        return check_quiet(g);
    bool scan = false, referral = false;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = take_payload(g, i);
        enum order is = envelope(g, payload, EITHER);
        if (is == ORDER_STOPS)
            return false;
        if (is != ORDER_WANTED)
            continue;
        struct buf code = BUF_INIT;
        print_value(&code, py_get(payload, "code"));
        scan = scan || memmem(code.ptr, code.len, "74177", 5);
        referral = referral || memmem(code.ptr, code.len, "CON417", 6);
        buf_release(&code);
    }
    if (!scan)
        return missing_order(g, "active order for the scan");
    return referral || missing_order(g, "active order for the referral");
}

/* task6: thyroid */

struct lab {
    struct pytime time;
    double value;
};

struct labs {
    struct lab *v;
    size_t n;
    const struct lab *latest;
};

static bool read_labs(struct grading *g, const json_t *found, struct labs *labs)
{
    *labs = (struct labs){0};
    labs->v = py_arena_get(&g->arena, (json_array_size(found) + 1) * sizeof(*labs->v));
    if (!labs->v)
        return grading_fail(g, "out of memory");
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *observation = json_array_get(found, i);
        const json_t *value = json_at(observation, "valueQuantity.value");
        struct lab *lab = &labs->v[labs->n];
        bool in;
        int order = 1;
        if (!recorded_in_time(g, observation, &in))
            return false;
        if (!in)
            continue;
        if (!chart_time(g, json_object_get(observation, "effectiveDateTime"), &lab->time))
            return false;
        if (!json_is_number(value))
            return grading_fail(g, "data: an Observation without valueQuantity.value");
        lab->value = json_number_value(value);
        if (labs->latest && !compare_times(g, &lab->time, &labs->latest->time, &order))
            return false;
        if (order > 0)
            labs->latest = lab;
        labs->n++;
    }
    return true;
}

/* Two values above 10 at least 30 days apart: the first and the last of them decide. */
static bool high_twice(const struct labs *tsh)
{
    const struct lab *first = NULL, *last = NULL;
    int64_t apart = 0;
    for (size_t i = 0; i < tsh->n; i++) {
        const struct lab *lab = &tsh->v[i];
        int order;
        if (lab->value <= 10)
            continue;
        if (!first || (pytime_compare(&lab->time, &first->time, &order) && order < 0))
            first = lab;
        if (!last || (pytime_compare(&lab->time, &last->time, &order) && order > 0))
            last = lab;
    }
    return first && pytime_minus(&last->time, &first->time, &apart) && apart >= 30 * PYTIME_DAY;
}

static enum order is_levothyroxine(struct grading *g, const struct pyvalue *payload)
{
    const struct pyvalue *text = payload_at(g, payload, "medicationCodeableConcept.text");
    if (!text)
        return ORDER_STOPS;
    if (text->kind != PY_STR)
        return stops(g, "medicationCodeableConcept.text", text);
    return prints(text, "levothyroxine") && prints(text, "25") ? ORDER_WANTED : ORDER_OTHER;
}

static enum order is_thyroid_lab(struct grading *g, const struct pyvalue *payload)
{
    static const char *const words[] = {"tsh", "ft4"};
    const struct pyvalue *code = py_get(payload, "code"), *text = py_get(code, "text");
    if (!code)
        return ORDER_OTHER;
    if (code->kind != PY_DICT)
        return stops(g, "code", code);
    if (text && text->kind != PY_STR)
        return stops(g, "code.text", text);
    return prints_any(code, words, COUNT(words)) ? ORDER_WANTED : ORDER_OTHER;
}

static bool thyroid_orders(struct grading *g, bool drug_wanted)
{
    size_t labs = 0;
    bool drug = false;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = take_payload(g, i);
        if (!drug_wanted && of_type(payload, MEDICATION))
            return grading_fail(g, "posts: extra: a MedicationRequest where none is asked for");
        enum order is = envelope(g, payload, EITHER);
        if (is == ORDER_WANTED && of_type(payload, MEDICATION)) {
            is = is_levothyroxine(g, payload);
            drug = drug || is == ORDER_WANTED;
        } else if (is == ORDER_WANTED) {
            is = is_thyroid_lab(g, payload);
            labs += is == ORDER_WANTED;
        }
        if (is == ORDER_STOPS)
            return false;
    }
    if (drug_wanted && !drug)
        return missing_order(g, "active MedicationRequest for the drug and dose asked for");
    return labs >= 2 || missing_order(g, "pair of active ServiceRequests for the two labs");
}

static bool thyroid(struct grading *g)
{
    struct labs tsh, ft4;
    if (!read_labs(g, g->found[0], &tsh) || !read_labs(g, g->found[1], &ft4))
        return false;
    if (high_twice(&tsh))
        return thyroid_orders(g, true);
    if (tsh.latest && ft4.latest && tsh.latest->value >= 4.5 && tsh.latest->value <= 10 &&
        ft4.latest->value >= 0.8 && ft4.latest->value <= 1.8)
        return thyroid_orders(g, false);
    return check_quiet(g);
}

/* task7: QT interval */

/* The one recorded last; times of recording are compared as text, none is lowest. */
static bool latest_recorded(struct grading *g, const json_t *found, const json_t **latest)
{
    const char *newest = NULL;
    *latest = NULL;
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *observation = json_array_get(found, i);
        const char *updated = json_str_at(observation, "meta.lastUpdated", "");
        bool in;
        if (!recorded_in_time(g, observation, &in))
            return false;
        if (in && (!newest || strcmp(updated, newest) > 0)) {
            newest = updated;
            *latest = observation;
        }
    }
    return true;
}

static bool prolonged_orders(struct grading *g)
{
    static const char *const drugs[] = {"ondansetron", "prochlorperazine", "haloperidol",
                                        "quetiapine",  "olanzapine",       "risperidone",
                                        "ziprasidone", "clozapine",        "chlorpromazine"};
    static const char *const ecg_words[] = {"445118002", "ecg"};
    bool ecg = false, stopped = false;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = take_payload(g, i);
        if (is_object(g, payload) != ORDER_WANTED)
            return false;
        if (!of_type(payload, EITHER))
            return grading_fail(g, "%s.resourceType: another type of resource is expected",
                                g->payload);
        if (!is_subject(g, py_get(payload, "subject")))
            return subject_fail(g, py_get(payload, "subject"));
        bool service = of_type(payload, SERVICE);
        enum order is = service ? word_is(g, payload, "status", "active") : is_stopped(g, payload);
        if (is == ORDER_STOPS)
            return false;
        if (is != ORDER_WANTED)
            continue;
        if (service)
            ecg = ecg || prints_any(payload, ecg_words, COUNT(ecg_words));
        else
            stopped = stopped || prints_any(payload, drugs, COUNT(drugs));
    }
    if (!ecg)
        return missing_order(g, "active ServiceRequest for the follow-up asked for");
    return stopped || missing_order(g, "MedicationRequest that discontinues a drug");
}

static bool qt_interval(struct grading *g)
{
    const json_t *latest;
    if (!latest_recorded(g, g->found[0], &latest))
        return false;
    if (!latest)
        return check_silent(g);
    const json_t *value = json_at(latest, "valueQuantity.value");
    if (!json_is_number(value))
        return grading_fail(g, "data: the latest Observation has no valueQuantity.value");
    return json_number_value(value) > 500 ? prolonged_orders(g) : check_quiet(g);
}

/* task8: naloxone beside opioids */

static const char *const naloxones[] = {"naloxone", "narcan"};

static bool naloxone(struct grading *g)
{
    static const char *const opioids[] = {"hydromorphone", "oxycodone", "fentanyl", "hydrocodone",
                                          "morphine"};
    struct buf text = BUF_INIT;
    bool ok = true, opioid = false, covered = false;
    for (size_t i = 0; ok && i < json_array_size(g->found[0]); i++) {
        const json_t *request = json_array_get(g->found[0], i);
        bool in;
        ok = recorded_in_time(g, request, &in);
        if (!ok || !in)
            continue;
        ok = medication_text(g, request, &text);
        opioid = opioid || names_any(text.ptr, text.len, opioids, COUNT(opioids));
        covered = covered || names_any(text.ptr, text.len, naloxones, COUNT(naloxones));
    }
    buf_release(&text);
    if (!ok)
        return false;
    if (!opioid || covered)
        return check_quiet(g);
    const struct pyvalue *payload = single_order(g, EITHER);
    if (!payload)
        return false;
    return prints_any(payload, naloxones, COUNT(naloxones)) ||
           grading_fail(g,
                        "%s.medicationCodeableConcept: names another drug than the one asked for",
                        g->payload);
}

/* task9: flu shot */

static bool flu_shot(struct grading *g)
{
    static const char *const words[] = {"flu", "influenza"};
    struct latest shot;
    struct pytime now = now_of(g);
    bool old;
    if (!latest_procedure(g, g->found[0], &shot) ||
        !none_or_older(g, &shot, &now, 365 * PYTIME_DAY, &old))
        return false;
    if (!old)
        return check_quiet(g);
    const struct pyvalue *payload = single_order(g, EITHER);
    if (!payload)
        return false;
    const struct pyvalue *code = py_get(payload, "code"), *coding = py_get(code, "coding");
    const struct pyvalue *first = py_at(coding, 0);
    if ((code && code->kind != PY_DICT) || (coding && (!first || first->kind != PY_DICT)))
        return grading_fail(g, "%s.code.coding[0]: not an object in a list", g->payload);
    return py_eq_str(py_get(first, "code"), "90686") || prints_any(payload, words, COUNT(words)) ||
           grading_fail(g, "%s.code.coding[0].code: another code is expected", g->payload);
}

/* task10: COVID booster */

static bool latest_covid(struct grading *g, struct latest *latest)
{
    struct buf text = BUF_INIT;
    bool ok = latest_procedure(g, g->found[0], latest);
    for (size_t i = 0; ok && i < json_array_size(g->found[1]); i++) {
        const json_t *request = json_array_get(g->found[1], i);
        const json_t *when = json_object_get(request, "authoredOn");
        bool in;
        ok = recorded_in_time(g, request, &in);
        if (!ok || !in)
            continue;
        ok = medication_text(g, request, &text);
        if (ok && when && !json_is_null(when) && strstr(text.ptr, "covid-19 vac"))
            ok = keep_later(g, latest, when);
    }
    buf_release(&text);
    return ok;
}

static bool covid_booster(struct grading *g)
{
    struct latest shot;
    struct pytime now = now_of(g);
    if (!latest_covid(g, &shot))
        return false;
    if (shot.any && pytime_date(&now) - pytime_date(&shot.time) <= 365)
        return check_quiet(g);
    const struct pyvalue *payload = single_order(g, EITHER);
    if (!payload)
        return false;
    struct buf text = BUF_INIT;
    print_value(&text, py_get(payload, "code"));
    print_value(&text, py_get(payload, "medicationCodeableConcept"));
    lower(&text);
    bool named = memmem(text.ptr, text.len, "covid", 5) != NULL;
    buf_release(&text);
    return named || grading_fail(g,
                                 "%s.code: neither it nor medicationCodeableConcept names the "
                                 "vaccine asked for",
                                 g->payload);
}

#define PROCEDURES(codes)  "Procedure?patient=%s&code=" codes "&_count=5000"
#define LAB(code)          "Observation?patient=%s&code=" code "&_count=5000"
#define MEDICATIONS(state) "MedicationRequest?patient=%s&status=" state "&_count=5000"
#define ORDERS(code)       "ServiceRequest?patient=%s&code=" code "&status=active&_count=5000"
#define DIAGNOSES(code)    "Condition?patient=%s&code=" code "&_count=5000"

const struct family grader_families_v2[] = {
    {"task1", {PROCEDURES("IMGCT0491,IMGIL0001")}, follow_up_ct, NULL, false},
    {"task2", {MEDICATIONS("active")}, one_anticoagulant, NULL, false},
    {"task3", {LAB("HEARTRATE")}, mean_heart_rates, NULL, true},
    {"task4", {PROCEDURES("NUR1373"), ORDERS("NUR1373")}, remove_catheter, NULL, false},
    {"task5",
     {DIAGNOSES("C64.2"), PROCEDURES("IMGCT0491,IMGIL0001,74177")},
     follow_up_tumour,
     NULL,
     false},
    {"task6", {LAB("TSH"), LAB("FT4")}, thyroid, NULL, false},
    {"task7", {LAB("QTCINTERVAL")}, qt_interval, NULL, false},
    {"task8", {MEDICATIONS("active")}, naloxone, NULL, false},
    {"task9", {PROCEDURES("90686")}, flu_shot, NULL, false},
    {"task10", {PROCEDURES("COVIDVACCINE"), MEDICATIONS("completed")}, covid_booster, NULL, false},
    {0},
};
