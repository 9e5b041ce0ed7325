/* grader_v2_labs.c - the families of MedAgentBench v2 that read Observations: heart rates, thyroid,
 * QT interval. */
#include <math.h>
#include <string.h>

#include "probes/graders/grading_v2_private.h"
#include "runtime/base/json.h"

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
        if (json_object_get(observation, "meta") && !chart_in_time(g, observation, &in))
            return false;
        if (!in)
            continue;
        if (!json_is_string(when))
            return grading_fail(g, "data: an Observation without effectiveDateTime");
        if (!pytime_parse(json_string_value(when), json_string_length(when), &t))
            continue;
        if (!check_comparable(g, &t, &start, &from) || !check_comparable(g, &t, now, &to))
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

/* null and -1, also as "-1" or -1+0j, stand for an empty window. */
static bool check_mean(struct grading *g, const struct pyvalue *v, int which, double mean, bool any)
{
    double value = -1;
    char how[DIFFERS_SIZE];
    bool number = v->kind == PY_NONE || py_eq_num(v, -1) || py_float(v, &value);
    if (number && (value == -1 ? !any : any && fabs(value - mean) <= 0.1))
        return true;
    differs_number(v, any ? mean : NO_READING, how);
    return grading_fail(g, "answer: element %d: %s", which, how);
}

bool grade_mean_heart_rates(struct grading *g)
{
    const char *text = g->trace->result;
    struct pytime now = chart_now(g);
    struct pyvalue answer;
    double six, twelve;
    bool any_six, any_twelve, ok = check_silent(g);
    if (!window_mean(g, &now, 6 * PYTIME_HOUR, &six, &any_six) ||
        !window_mean(g, &now, 12 * PYTIME_HOUR, &twelve, &any_twelve) || !text)
        return false;
    if (!py_literal(&g->arena, text, strlen(text), &answer) &&
        !py_json(&g->arena, text, strlen(text), &answer))
        return answer_unread(g);
    if (answer.kind != PY_LIST && answer.kind != PY_TUPLE)
        return grading_fail(g, "answer: %s where a list is expected", py_kind_name(&answer));
    if (answer.n != 2)
        return wrong_length(g, answer.n, 2);
    ok = check_mean(g, &answer.items[0], 1, six, any_six) && ok;
    return check_mean(g, &answer.items[1], 2, twelve, any_twelve) && ok;
}

/* task6: thyroid */

struct lab_reading {
    struct pytime time;
    double value;
};

struct lab_readings {
    struct lab_reading *v;
    size_t n;
    const struct lab_reading *latest;
};

static bool read_labs(struct grading *g, const json_t *found, struct lab_readings *labs)
{
    *labs = (struct lab_readings){0};
    labs->v = py_arena_get(&g->arena, (json_array_size(found) + 1) * sizeof(*labs->v));
    if (!labs->v)
        return grading_fail(g, "out of memory");
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *observation = json_array_get(found, i);
        const json_t *value = json_at(observation, "valueQuantity.value");
        struct lab_reading *lab = &labs->v[labs->n];
        bool in;
        int order = 1;
        if (!chart_in_time(g, observation, &in))
            return false;
        if (!in)
            continue;
        if (!chart_time(g, json_object_get(observation, "effectiveDateTime"), &lab->time))
            return false;
        if (!json_is_number(value))
            return grading_fail(g, "data: an Observation without valueQuantity.value");
        lab->value = json_number_value(value);
        if (labs->latest && !check_comparable(g, &lab->time, &labs->latest->time, &order))
            return false;
        if (order > 0)
            labs->latest = lab;
        labs->n++;
    }
    return true;
}

/* Two values above 10 at least 30 days apart: the first and the last of them decide. */
static bool high_twice(const struct lab_readings *tsh)
{
    const struct lab_reading *first = NULL, *last = NULL;
    int64_t apart = 0;
    for (size_t i = 0; i < tsh->n; i++) {
        const struct lab_reading *lab = &tsh->v[i];
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

static enum order_match is_levothyroxine(struct grading *g, const struct pyvalue *payload)
{
    const struct pyvalue *text = payload_at(g, payload, "medicationCodeableConcept.text");
    if (!text)
        return ORDER_STOPS;
    if (text->kind != PY_STR)
        return order_stops(g, "medicationCodeableConcept.text", text);
    return print_names(text, "levothyroxine") && print_names(text, "25") ? ORDER_WANTED
                                                                         : ORDER_OTHER;
}

static const char *const thyroid_labs[] = {"tsh", "ft4"};

static enum order_match is_thyroid_lab(struct grading *g, const struct pyvalue *payload)
{
    const struct pyvalue *code = py_get(payload, "code"), *text = py_get(code, "text");
    if (!code)
        return ORDER_OTHER;
    if (code->kind != PY_DICT)
        return order_stops(g, "code", code);
    if (text && text->kind != PY_STR)
        return order_stops(g, "code.text", text);
    return print_names_any(code, thyroid_labs, COUNT(thyroid_labs)) ? ORDER_WANTED : ORDER_OTHER;
}

/* Fields of the wrong type were named in the walk. */
static void not_thyroid(struct grading *g, const struct pyvalue *payload, void *arg)
{
    const struct pyvalue *code = py_get(payload, "code");
    const struct pyvalue *drug = py_get(py_get(payload, "medicationCodeableConcept"), "text");
    (void)arg;
    if (order_of_type(payload, MEDICATION)) {
        if (py_is_str(drug) && !(print_names(drug, "levothyroxine") && print_names(drug, "25")))
            other_drug(g, "medicationCodeableConcept.text", print_names(drug, "levothyroxine"));
    } else if (!code) {
        grading_fail(g, "%s.code: missing", g->payload);
    } else if (code->kind == PY_DICT && !print_names_any(code, thyroid_labs, COUNT(thyroid_labs))) {
        grading_fail(g, "%s.code: names neither of the labs asked for", g->payload);
    }
}

static bool thyroid_orders(struct grading *g, bool drug_wanted)
{
    size_t labs = 0;
    bool drug = false, ok = true;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = payload_take(g, i);
        enum order_match is = ORDER_WANTED, envelope;
        bool medication = order_of_type(payload, MEDICATION);
        if (!drug_wanted && medication) {
            ok = grading_fail(g, "posts: extra: a MedicationRequest where none is asked for");
            continue;
        }
        if (drug && medication) /* the search for the drug is over */
            continue;
        if (medication)
            is = is_levothyroxine(g, payload);
        else if (order_of_type(payload, SERVICE))
            is = is_thyroid_lab(g, payload);
        envelope = order_envelope(g, payload, EITHER);
        if (is == ORDER_STOPS || envelope == ORDER_STOPS)
            ok = false;
        if (is == ORDER_WANTED && envelope == ORDER_WANTED) {
            drug = drug || medication;
            labs += !medication;
        }
    }
    if (drug_wanted && !drug)
        ok = order_missing(g, "active MedicationRequest for the drug and dose asked for");
    if (labs < 2)
        ok = order_missing(g, "pair of active ServiceRequests for the two labs");
    if ((drug_wanted && !drug) || labs < 2)
        passed_over(g, EITHER, not_thyroid, NULL);
    return ok;
}

bool grade_thyroid(struct grading *g)
{
    struct lab_readings tsh, ft4;
    if (!read_labs(g, g->found[0], &tsh) || !read_labs(g, g->found[1], &ft4))
        return false;
    if (high_twice(&tsh))
        return thyroid_orders(g, true);
    if (tsh.latest && ft4.latest && tsh.latest->value >= 4.5 && tsh.latest->value <= 10 &&
        ft4.latest->value >= 0.8 && ft4.latest->value <= 1.8)
        return thyroid_orders(g, false);
    return check_no_posts(g);
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
        if (!chart_in_time(g, observation, &in))
            return false;
        if (in && (!newest || strcmp(updated, newest) > 0)) {
            newest = updated;
            *latest = observation;
        }
    }
    return true;
}

static const char *const qt_drugs[] = {"ondansetron", "prochlorperazine", "haloperidol",
                                       "quetiapine",  "olanzapine",       "risperidone",
                                       "ziprasidone", "clozapine",        "chlorpromazine"};
static const char *const ecg_words[] = {"445118002", "ecg"};

/* What keeps a post from being the follow-up or the end of a drug; fields of the wrong type were named
 * in the walk. */
static void not_prolonged(struct grading *g, const struct pyvalue *payload)
{
    const struct pyvalue *status = py_get(payload, "status");
    if (!status)
        grading_fail(g, "%s.status: missing", g->payload);
    if (order_of_type(payload, SERVICE)) {
        if (py_is_str(status) && order_word_is(g, payload, "status", "active") == ORDER_OTHER)
            field_differs(g, payload, "status", "active");
        if (!print_names_any(payload, ecg_words, COUNT(ecg_words)))
            grading_fail(g, "%s.code: another code than that of the follow-up asked for",
                         g->payload);
        return;
    }
    if (py_is_str(status) && order_is_stopped(g, payload) == ORDER_OTHER)
        grading_fail(g, "%s.status: a string, but none that ends an order", g->payload);
    if (!print_names_any(payload, qt_drugs, COUNT(qt_drugs)))
        grading_fail(g, "%s.medicationCodeableConcept: names no drug that is to be stopped",
                     g->payload);
}

static bool prolonged_orders(struct grading *g)
{
    bool ecg = false, stopped = false, ok = true;
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = payload_take(g, i);
        if (order_is_object(g, payload) != ORDER_WANTED) {
            ok = false;
            continue;
        }
        if (!order_of_type(payload, EITHER))
            ok = other_type(g, payload);
        if (!subject_is_patient(g, py_get(payload, "subject")))
            ok = subject_fail(g, py_get(payload, "subject"));
        bool service = order_of_type(payload, SERVICE);
        enum order_match is =
            service ? order_word_is(g, payload, "status", "active") : order_is_stopped(g, payload);
        if (is == ORDER_STOPS)
            ok = false;
        if (is != ORDER_WANTED)
            continue;
        if (service)
            ecg = ecg || print_names_any(payload, ecg_words, COUNT(ecg_words));
        else
            stopped = stopped || print_names_any(payload, qt_drugs, COUNT(qt_drugs));
    }
    if (!ecg)
        ok = order_missing(g, "active ServiceRequest for the follow-up asked for");
    if (!stopped)
        ok = order_missing(g, "MedicationRequest that discontinues a drug");
    for (size_t i = 0; (!ecg || !stopped) && i < g->n_posts; i++)
        if (payload_take(g, i)->kind == PY_DICT)
            not_prolonged(g, &g->posts[i].payload);
    return ok;
}

bool grade_qt_interval(struct grading *g)
{
    const json_t *latest;
    if (!latest_recorded(g, g->found[0], &latest))
        return false;
    if (!latest)
        return check_silent(g);
    const json_t *value = json_at(latest, "valueQuantity.value");
    if (!json_is_number(value))
        return grading_fail(g, "data: the latest Observation has no valueQuantity.value");
    return json_number_value(value) > 500 ? prolonged_orders(g) : check_no_posts(g);
}
