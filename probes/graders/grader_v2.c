/*
 * grader_v2.c - MedAgentBench v2: ten families that read a chart and ask for orders, or for none.
 *
 * Only what was recorded up to 2025-01-01 counts (meta.lastUpdated). Where one order is asked for,
 * it is judged alone; where several are, all accepted posts are walked and each may be the wanted
 * one. A field of the wrong type stops the grader, on any post: see `enum order_match`.
 */
#include <string.h>

#include "probes/graders/grading_v2_private.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"

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
        return empty || grading_fail(g, "%s.%s: %s where a list is expected", g->payload, field,
                                     py_kind_name(list));
    }
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].kind != PY_DICT)
            return grading_fail(g, "%s.%s[%zu]: %s where an object is expected", g->payload, field,
                                i, py_kind_name(&list->items[i]));
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
            return order_stops(g, "reasonCode", texts[i]) == ORDER_WANTED;
        if (print_names(texts[i], "renal mass follow-up"))
            return true;
    }
    return grading_fail(g,
                        "%s.reasonCode: nothing there, in reasonReference or in note names the "
                        "indication",
                        g->payload);
}

static bool code_differs(struct grading *g, const struct pyvalue *code, const char *want)
{
    char how[DIFFERS_SIZE];
    differs_text(code, want, strlen(want), g->task, how);
    return grading_fail(g, "%s.code.coding[0].code: %s", g->payload, how);
}

static bool is_follow_up_ct(struct grading *g, const struct grading_post *post)
{
    bool ok = true;
    if (!memmem(post->url, post->url_len, "ServiceRequest", 14))
        ok = grading_fail(g, "url: the POST must go to the api base and ServiceRequest, but it "
                             "went elsewhere");
    const struct pyvalue *code = payload_at(g, &post->payload, "code.coding[0].code");
    if (!code)
        ok = false;
    else if (!py_eq_str(code, "74177"))
        ok = code_differs(g, code, "74177");
    return check_indication(g, &post->payload) && ok;
}

static bool follow_up_ct(struct grading *g)
{
    struct chart_latest ct;
    struct pytime today;
    bool old;
    if (!real_time(g, &today) || !chart_latest_procedure(g, g->found[0], &ct) ||
        !chart_none_or_older(g, &ct, &today, 365 * PYTIME_DAY, &old))
        return false;
    return old ? order_single(g, SERVICE, is_follow_up_ct) : check_silent(g);
}

/* task2: one anticoagulant, and that heparin */

static const char *const anticoagulants[] = {"heparin",      "enoxaparin", "dalteparin",
                                             "fondaparinux", "apixaban",   "rivaroxaban",
                                             "dabigatran",   "warfarin"};

static bool count_anticoagulants(struct grading *g, size_t *all, size_t *heparins)
{
    struct buf text = BUF_INIT;
    bool ok = true;
    *all = *heparins = 0;
    for (size_t i = 0; ok && i < json_array_size(g->found[0]); i++) {
        const json_t *request = json_array_get(g->found[0], i);
        bool in;
        ok = chart_in_time(g, request, &in);
        if (!ok || !in)
            continue;
        ok = chart_medication(g, request, &text);
        if (!text_names_any(text.ptr, text.len, anticoagulants, COUNT(anticoagulants)))
            continue;
        ++*all;
        static const char *const doses[] = {"5,000", "5000"};
        *heparins += strstr(text.ptr, "heparin") && text_names_any(text.ptr, text.len, doses, 2);
    }
    buf_release(&text);
    return ok;
}

/* What keeps a post from being the order for the drug or the one that ends the other. */
static void not_anticoagulant(struct grading *g, const struct pyvalue *payload, void *arg)
{
    const bool *ordered = arg;
    const struct pyvalue *status = py_get(payload, "status");
    bool drug = print_names(payload, "heparin");
    if (!status)
        grading_fail(g, "%s.status: missing", g->payload);
    else if (py_is_str(status) && order_word_is(g, payload, "status", "active") == ORDER_OTHER &&
             order_is_stopped(g, payload) == ORDER_OTHER)
        grading_fail(g, "%s.status: a string, but neither active nor one that ends an order",
                     g->payload);
    else if (!*ordered && py_is_str(status) && order_is_stopped(g, payload) == ORDER_OTHER)
        other_drug(g, "medicationCodeableConcept", drug);
}

static bool one_anticoagulant(struct grading *g)
{
    size_t all, heparins;
    if (!count_anticoagulants(g, &all, &heparins))
        return false;
    if (all == 1 && heparins == 1)
        return check_no_posts(g);
    bool ordered = heparins > 0, stopped = all <= 1, ok = true;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = payload_take(g, i);
        if (order_is_object(g, payload) != ORDER_WANTED) {
            ok = false;
            continue;
        }
        if (!subject_is_patient(g, py_get(payload, "subject")))
            ok = subject_fail(g, py_get(payload, "subject"));
        if (!order_of_type(payload, MEDICATION))
            continue;
        enum order_match active = order_word_is(g, payload, "status", "active");
        if (active == ORDER_STOPS)
            ok = false;
        else if (active == ORDER_WANTED)
            ordered = ordered || (print_names(payload, "heparin") && print_names(payload, "5000"));
        else
            stopped = stopped || order_is_stopped(g, payload) == ORDER_WANTED;
    }
    if (!ordered)
        ok = order_missing(g, "active MedicationRequest for the drug and dose asked for");
    if (!stopped)
        ok = order_missing(g, "MedicationRequest that discontinues a duplicate");
    if (!ordered || !stopped)
        passed_over(g, MEDICATION, not_anticoagulant, &ordered);
    return ok;
}

/* task4: catheters */

/* Its code holds none of the codes asked for, which `arg` lists up to NULL in lower case. */
static void not_coded(struct grading *g, const struct pyvalue *payload, void *arg)
{
    const struct pyvalue *code = payload_at(g, payload, "code");
    const char *const *codes = arg;
    size_t n = 0;
    while (codes[n])
        n++;
    if (code && !print_names_any(code, codes, n))
        grading_fail(g, "%s.code: holds %s", g->payload,
                     n > 1 ? "none of the codes asked for" : "another code than the one asked for");
}

static bool remove_catheter(struct grading *g)
{
    struct chart_latest placed;
    struct pytime now = chart_now(g);
    bool due, in, ordered = false;
    if (!chart_latest_procedure(g, g->found[0], &placed) ||
        !chart_none_or_older(g, &placed, &now, 48 * PYTIME_HOUR, &due))
        return false;
    due = due && placed.any;
    for (size_t i = 0; due && i < json_array_size(g->found[1]); i++) {
        if (!chart_in_time(g, json_array_get(g->found[1], i), &in))
            return false;
        ordered = ordered || in;
    }
    if (!due || ordered)
        return check_no_posts(g);
    bool ok = true;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = payload_take(g, i);
        enum order_match is = order_envelope(g, payload, SERVICE);
        if (is == ORDER_STOPS)
            ok = false;
        if (is == ORDER_WANTED && print_names(py_get(payload, "code"), "nur1373"))
            return ok; /* what comes behind it is not looked at */
    }
    order_missing(g, "active ServiceRequest with the code asked for");
    passed_over(g, SERVICE, not_coded, (const char *[]){"nur1373", NULL});
    return false;
}

/* task5: follow-up of a tumour */

static bool follow_up_tumour(struct grading *g)
{
    struct chart_latest ct;
    struct pytime now = chart_now(g);
    bool in, diagnosed = false, old;
    for (size_t i = 0; i < json_array_size(g->found[0]); i++) {
        if (!chart_in_time(g, json_array_get(g->found[0], i), &in))
            return false;
        diagnosed = diagnosed || in;
    }
    if (!diagnosed)
        return check_silent(g);
    if (!chart_latest_procedure(g, g->found[1], &ct) ||
        !chart_none_or_older(g, &ct, &now, 90 * PYTIME_DAY, &old))
        return false;
    if (!old)
        return check_no_posts(g);
    bool scan = false, referral = false, ok = true;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = payload_take(g, i);
        const struct pyvalue *type = py_get(payload, "resourceType");
        enum order_match is;
        if (type && (type->kind == PY_LIST || type->kind == PY_DICT)) /* looked up in a set */
            is = order_stops(g, "resourceType", type);
        else
            is = order_envelope(g, payload, EITHER);
        ok = ok && is != ORDER_STOPS;
        if (is != ORDER_WANTED)
            continue;
        struct buf code = BUF_INIT;
        print_add(&code, py_get(payload, "code"));
        scan = scan || memmem(code.ptr, code.len, "74177", 5);
        referral = referral || memmem(code.ptr, code.len, "CON417", 6);
        buf_release(&code);
    }
    if (!scan)
        ok = order_missing(g, "active order for the scan");
    if (!referral)
        ok = order_missing(g, "active order for the referral");
    if (!scan || !referral)
        passed_over(g, EITHER, not_coded, (const char *[]){"74177", "con417", NULL});
    return ok;
}

/* task8: naloxone beside opioids */

static const char *const naloxones[] = {"naloxone", "narcan"};

static bool is_naloxone(struct grading *g, const struct grading_post *post)
{
    return print_names_any(&post->payload, naloxones, COUNT(naloxones)) ||
           other_drug(g, "medicationCodeableConcept", false);
}

static bool naloxone(struct grading *g)
{
    static const char *const opioids[] = {"hydromorphone", "oxycodone", "fentanyl", "hydrocodone",
                                          "morphine"};
    struct buf text = BUF_INIT;
    bool ok = true, opioid = false, covered = false;
    for (size_t i = 0; ok && i < json_array_size(g->found[0]); i++) {
        const json_t *request = json_array_get(g->found[0], i);
        bool in;
        ok = chart_in_time(g, request, &in);
        if (!ok || !in)
            continue;
        ok = chart_medication(g, request, &text);
        opioid = opioid || text_names_any(text.ptr, text.len, opioids, COUNT(opioids));
        covered = covered || text_names_any(text.ptr, text.len, naloxones, COUNT(naloxones));
    }
    buf_release(&text);
    if (!ok)
        return false;
    if (!opioid || covered)
        return check_no_posts(g);
    return order_single(g, EITHER, is_naloxone);
}

/* task9: flu shot */

static bool is_flu_shot(struct grading *g, const struct grading_post *post)
{
    static const char *const words[] = {"flu", "influenza"};
    const struct pyvalue *code = py_get(&post->payload, "code"), *coding = py_get(code, "coding");
    const struct pyvalue *first = py_at(coding, 0);
    /* A list is searched as it prints; on anything else that has no members Python stumbles. */
    if ((code && code->kind != PY_DICT && code->kind != PY_LIST) ||
        (coding && (!first || first->kind != PY_DICT)))
        return grading_fail(g, "%s.code.coding[0]: %s", g->payload,
                            coding && coding->kind == PY_LIST ? "no first entry that is an object"
                                                              : "no object in a list");
    return py_eq_str(py_get(first, "code"), "90686") ||
           print_names_any(&post->payload, words, COUNT(words)) ||
           grading_fail(g, "%s.code.coding[0].code: neither the code asked for nor a name of it",
                        g->payload);
}

static bool flu_shot(struct grading *g)
{
    struct chart_latest shot;
    struct pytime now = chart_now(g);
    bool old;
    if (!chart_latest_procedure(g, g->found[0], &shot) ||
        !chart_none_or_older(g, &shot, &now, 365 * PYTIME_DAY, &old))
        return false;
    return old ? order_single(g, EITHER, is_flu_shot) : check_no_posts(g);
}

/* task10: COVID booster */

static bool latest_covid(struct grading *g, struct chart_latest *latest)
{
    struct buf text = BUF_INIT;
    bool ok = chart_latest_procedure(g, g->found[0], latest);
    for (size_t i = 0; ok && i < json_array_size(g->found[1]); i++) {
        const json_t *request = json_array_get(g->found[1], i);
        const json_t *when = json_object_get(request, "authoredOn");
        bool in;
        ok = chart_in_time(g, request, &in);
        if (!ok || !in)
            continue;
        ok = chart_medication(g, request, &text);
        if (ok && when && !json_is_null(when) && strstr(text.ptr, "covid-19 vac"))
            ok = chart_keep_later(g, latest, when);
    }
    buf_release(&text);
    return ok;
}

static bool is_covid_booster(struct grading *g, const struct grading_post *post)
{
    struct buf text = BUF_INIT;
    print_add(&text, py_get(&post->payload, "code"));
    print_add(&text, py_get(&post->payload, "medicationCodeableConcept"));
    text_lower(&text);
    bool named = memmem(text.ptr, text.len, "covid", 5) != NULL;
    buf_release(&text);
    return named || grading_fail(g,
                                 "%s.code: neither it nor medicationCodeableConcept names the "
                                 "vaccine asked for",
                                 g->payload);
}

static bool covid_booster(struct grading *g)
{
    struct chart_latest shot;
    struct pytime now = chart_now(g);
    if (!latest_covid(g, &shot))
        return false;
    if (shot.any && pytime_date(&now) - pytime_date(&shot.time) <= 365)
        return check_no_posts(g);
    return order_single(g, EITHER, is_covid_booster);
}

#define PROCEDURES(codes)  "Procedure?patient=%s&code=" codes "&_count=5000"
#define LAB(code)          "Observation?patient=%s&code=" code "&_count=5000"
#define MEDICATIONS(state) "MedicationRequest?patient=%s&status=" state "&_count=5000"
#define ORDERS(code)       "ServiceRequest?patient=%s&code=" code "&status=active&_count=5000"
#define DIAGNOSES(code)    "Condition?patient=%s&code=" code "&_count=5000"

const struct grader_family grader_families_v2[] = {
    {"task1", {PROCEDURES("IMGCT0491,IMGIL0001")}, follow_up_ct, .reads_only = false},
    {"task2", {MEDICATIONS("active")}, one_anticoagulant, .reads_only = false},
    {"task3", {LAB("HEARTRATE")}, grade_mean_heart_rates, .reads_only = true},
    {"task4", {PROCEDURES("NUR1373"), ORDERS("NUR1373")}, remove_catheter, .reads_only = false},
    {"task5",
     {DIAGNOSES("C64.2"), PROCEDURES("IMGCT0491,IMGIL0001,74177")},
     follow_up_tumour,
     .reads_only = false},
    {"task6", {LAB("TSH"), LAB("FT4")}, grade_thyroid, .reads_only = false},
    {"task7", {LAB("QTCINTERVAL")}, grade_qt_interval, .reads_only = false},
    {"task8", {MEDICATIONS("active")}, naloxone, .reads_only = false},
    {"task9", {PROCEDURES("90686")}, flu_shot, .reads_only = false},
    {"task10",
     {PROCEDURES("COVIDVACCINE"), MEDICATIONS("completed")},
     covid_booster,
     .reads_only = false},
    {0},
};
