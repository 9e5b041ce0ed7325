/*
 * grader_v1.c - MedAgentBench v1: ten families, with their searches.
 *
 * What an order must hold is in grader_v1_orders.c. The latest reading of a lab is
 * the first of those with the latest time; a reading that lacks time or value stops the grader,
 * however old it is.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probes/graders/grading_v1_private.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"

#define NOW         NOW_V1
#define DAY_BEFORE  "2023-11-12T10:15:00+00:00"
#define YEAR_BEFORE "2022-11-13T10:15:00+00:00"

/* Answers. */

/* Without a FINISH there is none, and that was said already. */
static bool read_answer(struct grading *g, struct pyvalue *answer)
{
    const char *text = g->trace->result;
    if (!text)
        return false;
    if (py_json(&g->arena, text, strlen(text), answer))
        return true;
    return answer_unread(g);
}

/* How a value differs from the expected one; `place` says where it stands. */
static bool wrong_answer(struct grading *g, const struct pyvalue *v, const json_t *expected,
                         const char *place)
{
    char how[DIFFERS_SIZE];
    differs_json(v, expected, g->task, how);
    return grading_fail(g, "answer: %s%s", place, how);
}

/* What is no list is an answer all the same, if the right one. */
static bool no_list(struct grading *g, const struct pyvalue *answer, const json_t *expected)
{
    bool right = json_array_size(expected) == 1 && py_eq_json(answer, json_array_get(expected, 0));
    return grading_fail(g, "answer: %s where a list is expected%s", py_kind_name(answer),
                        right ? ": the right value, but not in a list" : "");
}

static bool check_answer(struct grading *g, const json_t *expected)
{
    struct pyvalue answer;
    char place[48] = "";
    bool ok = true;
    if (!read_answer(g, &answer))
        return false;
    if (py_eq_json(&answer, expected))
        return true;
    if (!json_is_array(expected))
        return wrong_answer(g, &answer, expected, place);
    if (answer.kind != PY_LIST)
        return no_list(g, &answer, expected);
    if (answer.n != json_array_size(expected))
        ok = wrong_length(g, answer.n, json_array_size(expected));
    for (size_t i = 0; i < answer.n && i < json_array_size(expected); i++) {
        const json_t *want = json_array_get(expected, i);
        if (json_array_size(expected) > 1)
            snprintf(place, sizeof(place), "element %zu: ", i + 1);
        if (!py_eq_json(&answer.items[i], want))
            ok = wrong_answer(g, &answer.items[i], want, place);
    }
    return ok;
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
        if (!check_comparable(g, &r->time, &start, &order))
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
        if (latest->when && !check_comparable(g, &r.time, &latest->time, &order))
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

/* The families. */

static bool name_to_mrn(struct grading *g)
{
    const json_t *solution = json_object_get(g->task->raw, "sol");
    bool silent = check_silent(g);
    if (!solution)
        return grading_fail(g, "task: no 'sol' to compare the answer with");
    return check_answer(g, solution) && silent;
}

static bool age(struct grading *g)
{
    bool silent = check_silent(g);
    const char *born = json_str_at(g->found[0], "[0].birthDate", "");
    struct pytime birth;
    int64_t year, year_now;
    int month, day, month_now, day_now;
    struct pytime now;
    if (!pytime_parse(born, 10, &birth) || born[5] == 'W')
        return grading_fail(g, "data: no patient with a full birthDate");
    pytime_parse(NOW, strlen(NOW), &now);
    civil_from_days(pytime_date(&birth), &year, &month, &day);
    civil_from_days(pytime_date(&now), &year_now, &month_now, &day_now);
    bool before_birthday = month_now < month || (month_now == month && day_now < day);
    json_t *expected = json_pack("[I]", (json_int_t)(year_now - year - before_birthday));
    bool ok = check_answer(g, expected);
    json_decref(expected);
    return ok && silent;
}

static bool record_blood_pressure(struct grading *g)
{
    return check_orders(g, &(struct order_wanted){&order_blood_pressure, 0}, 1);
}

static bool latest_answer(struct grading *g, const char *since)
{
    struct reading r;
    bool silent = check_silent(g);
    if (!latest_reading(g, since, &r))
        return false;
    json_t *expected = value_list(&r);
    bool ok = check_answer(g, expected);
    json_decref(expected);
    return ok && silent;
}

static bool magnesium_of_the_day(struct grading *g)
{
    return latest_answer(g, DAY_BEFORE);
}

static bool replace_magnesium(struct grading *g)
{
    struct reading r;
    double value = 0;
    bool ok;
    if (!latest_reading(g, DAY_BEFORE, &r))
        return false;
    if (!r.value)
        return check_silent(g);
    if (!reading_number(g, &r, &value))
        return false;
    if (value > 1.9) {
        ok = check_silent(g);
    } else {
        double dose = value < 1 ? 4 : value < 1.5 ? 2 : 1;
        ok = check_orders(g, &(struct order_wanted){&order_magnesium, dose}, 1);
    }
    return check_answer_or_none(g, value_list(&r)) && ok;
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
    double mean = -1, value;
    char how[DIFFERS_SIZE];
    struct pyvalue answer;
    bool silent = check_silent(g);
    if (!glucose_mean(g, &mean) || !read_answer(g, &answer))
        return false;
    if (answer.kind != PY_LIST)
        return grading_fail(g, "answer: %s where a list is expected", py_kind_name(&answer));
    if (answer.n != 1)
        return wrong_length(g, answer.n, 1);
    if (py_number(&answer.items[0], &value) && fabs(value - mean) < 0.1)
        return silent;
    differs_number(&answer.items[0], mean, how);
    return grading_fail(g, "answer: %s", how);
}

static bool latest_glucose(struct grading *g)
{
    return latest_answer(g, NULL);
}

static bool refer_to_orthopedics(struct grading *g)
{
    return check_orders(g, &(struct order_wanted){&order_orthopedics, 0}, 1);
}

static bool replace_potassium(struct grading *g)
{
    struct reading r;
    double value = 0;
    bool ok;
    if (!latest_reading(g, NULL, &r) || (r.value && !reading_number(g, &r, &value)))
        return false;
    if (!r.value || value >= 3.5) {
        ok = check_silent(g);
    } else {
        double dose = (3.5 - value) / 0.1 * 10;
        const struct order_wanted wanted[] = {{&order_potassium, dose},
                                              {&order_morning_potassium, 0}};
        ok = check_orders(g, wanted, 2);
    }
    return check_answer_or_none(g, value_list(&r)) && ok;
}

static bool renew_hba1c(struct grading *g)
{
    struct reading r;
    struct pytime year_ago;
    int order = -1;
    if (!latest_reading(g, NULL, &r))
        return false;
    pytime_parse(YEAR_BEFORE, strlen(YEAR_BEFORE), &year_ago);
    if (r.value && !check_comparable(g, &r.time, &year_ago, &order))
        return false;
    bool ok =
        order >= 0 ? check_silent(g) : check_orders(g, &(struct order_wanted){&order_hba1c, 0}, 1);
    json_t *expected = value_list(&r);
    if (r.value)
        json_array_append(expected, (json_t *)r.when);
    return check_answer_or_none(g, expected) && ok;
}

#define LAB(code) "Observation?patient=%s&code=" code "&_count=5000"

const struct grader_family grader_families_v1[] = {
    {"task1", {NULL}, name_to_mrn, .reads_only = true},
    {"task2", {"Patient?identifier=%s&_count=5000"}, age, .reads_only = true},
    {"task3", {NULL}, record_blood_pressure, .reads_only = false},
    {"task4", {LAB("MG")}, magnesium_of_the_day, .reads_only = true},
    {"task5", {LAB("MG")}, replace_magnesium, .reads_only = false},
    {"task6", {LAB("GLU")}, average_glucose, .reads_only = true},
    {"task7", {LAB("GLU")}, latest_glucose, .reads_only = true},
    {"task8", {NULL}, refer_to_orthopedics, .reads_only = false},
    {"task9", {LAB("K")}, replace_potassium, .reads_only = false},
    {"task10", {LAB("A1C")}, renew_hba1c, .reads_only = false},
    {0},
};
