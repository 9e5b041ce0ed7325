/* v2.c - the simulated model's way through the ten jobs of MedAgentBench v2: it reads the
 * chart, decides which orders are due, and makes them one a turn. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/simulator/sim.h"

#define CPT  "http://www.ama-assn.org/go/cpt"
#define HOUR (3600 * NS_PER_SEC)
#define DAY  (24 * HOUR)

/* Orders that are due, in the order in which they are made. */
#define PLAN_MAX 6
struct sim_plan {
    json_t *v[PLAN_MAX];
    size_t n;
};

static void plan_add(struct sim_plan *p, json_t *order)
{
    if (p->n < PLAN_MAX)
        p->v[p->n++] = order;
    else
        json_decref(order);
}

/* Makes the next order of the plan, or says that all is done. Orders that were made count: the plan
 * is the same on every turn. */
static void carry_out(struct sim_run *r, struct sim_plan *p, bool due, const char *done)
{
    if (sim_has(r, HAB_SLIP))
        due = !due;
    due = (due && !sim_has(r, HAB_NO_ORDER)) || sim_has(r, HAB_ANYWAY);
    if (due && r->n_posts < p->n && !r->guidance.never_post) {
        json_t *order = p->v[r->n_posts];
        sim_post(r, json_str_at(order, "resourceType", "ServiceRequest"), json_incref(order));
    } else {
        sim_say(r, "%s", r->n_posts ? "ordered" : done);
    }
    for (size_t i = 0; i < p->n; i++)
        json_decref(p->v[i]);
}

/* The patient's resources of a type; what was filed after the benchmark's chart was closed (its
 * rule: meta.lastUpdated up to 2025-01-01) is not looked at. */
static json_t *fetch(struct sim_run *r, const char *type, const char *more)
{
    char query[160];
    snprintf(query, sizeof(query), "patient=%s%s", r->mrn, more);
    json_t *found = sim_fetch(r, type, query);
    for (size_t i = json_array_size(found); i-- > 0;) {
        const char *filed = json_str_at(json_array_get(found, i), "meta.lastUpdated", "");
        if (strncmp(filed, "2025-01-01T00:00:00", 19) > 0)
            json_array_remove(found, i);
    }
    return found;
}

/* When a procedure was done. */
static bool performed(const struct sim_run *r, const json_t *v, int64_t *ns)
{
    if (sim_time(json_str_at(v, "performedDateTime", NULL), ns))
        return true;
    return !sim_has(r, HAB_PERIOD) && (sim_time(json_str_at(v, "performedPeriod.end", NULL), ns) ||
                                       sim_time(json_str_at(v, "performedPeriod.start", NULL), ns));
}

/* The time of the last procedure; false: none. */
static bool last_procedure(const struct sim_run *r, const json_t *found, int64_t *last)
{
    bool any = false;
    const json_t *v;
    int64_t ns;
    size_t i;
    json_array_foreach (found, i, v) {
        if (!performed(r, v, &ns) || (any && (ns <= *last || sim_has(r, HAB_FIRST_ENTRY))))
            continue;
        *last = ns;
        any = true;
    }
    return any;
}

/* Procedures by code; looked for in another resource by those with the habit. */
static json_t *fetch_procedures(struct sim_run *r, const char *codes, const char *elsewhere)
{
    char more[96];
    bool other = sim_has(r, HAB_RESOURCE) && elsewhere;
    snprintf(more, sizeof(more), "&%s=%s", other ? "status" : "code", other ? "final" : codes);
    return fetch(r, other ? elsewhere : "Procedure", other ? "" : more);
}

/* A request with a code of the task and, where one is given, a reason. */
static json_t *request(struct sim_run *r, const char *code, const char *display, const char *reason)
{
    json_t *o = sim_service_request(r, CPT, code, display);
    json_object_del(o, "priority"); /* nothing here asks for one */
    if (reason && *reason && !sim_has(r, HAB_INDICATION))
        json_object_set_new(o, "note", json_pack("[{s:s}]", "text", reason));
    return o;
}

/* Orders whose text names one of `names` (alternatives between '|'). */
static bool names_one(const struct sim_run *r, const json_t *order, const char *names)
{
    const char *text =
        json_str_at(order, "medicationCodeableConcept.text",
                    json_str_at(order, "medicationCodeableConcept.coding[0].display", ""));
    char name[32];
    while (*names) {
        size_t n = strcspn(names, "|");
        snprintf(name, sizeof(name), "%.*s", (int)n, names);
        if (str_casestr(text, name))
            return true;
        if (sim_has(r, HAB_CLASS))
            return false; /* knows the first one only */
        names += n + (names[n] == '|');
    }
    return false;
}

static json_t *stop(const struct sim_run *r, const char *text)
{
    json_t *o = sim_medication(r, NULL, text);
    json_object_set_new(o, "status", json_string("stopped"));
    return o;
}

static void solve_ct(struct sim_run *r)
{
    char reason[96];
    struct sim_plan p = {{NULL}, 0};
    int64_t last;
    json_t *found = fetch_procedures(r, "IMGCT0491,IMGIL0001", "DiagnosticReport");
    if (!found)
        return;
    bool any = last_procedure(r, found, &last);
    sim_quoted(r->instruction, 0, reason, sizeof(reason));
    plan_add(&p, request(r, "74177", "CT Abdomen with IV contrast",
                         *reason ? reason : "Renal mass follow-up"));
    carry_out(r, &p, !any || last < r->now_ns - 365 * DAY, "recent");
    json_decref(found);
}

static void solve_dvt(struct sim_run *r)
{
    static const char drugs[] = "heparin|enoxaparin|dalteparin|fondaparinux|apixaban|rivaroxaban|"
                                "dabigatran|warfarin";
    struct sim_plan p = {{NULL}, 0};
    json_t *found = fetch(r, "MedicationRequest", sim_has(r, HAB_STATUS) ? "" : "&status=active");
    if (!found)
        return;
    const json_t *keep = NULL, *v;
    size_t i, all = 0;
    json_array_foreach (found, i, v) {
        const char *text = json_str_at(v, "medicationCodeableConcept.text", "");
        if (!names_one(r, v, drugs))
            continue;
        all++;
        bool right =
            str_casestr(text, "heparin") && (strstr(text, "5000") || strstr(text, "5,000"));
        if (right && (!keep || strcmp(json_str_at(v, "authoredOn", ""),
                                      json_str_at(keep, "authoredOn", "")) > 0))
            keep = v;
    }
    if (!keep)
        plan_add(&p, sim_medication(r, NULL, "heparin 5000 units SC q8h"));
    json_array_foreach (found, i, v) {
        if (v != keep && all > 1 && names_one(r, v, drugs) && !sim_has(r, HAB_DISCONTINUE))
            plan_add(&p, stop(r, json_str_at(v, "medicationCodeableConcept.text", "")));
    }
    bool due = p.n > 0;
    if (!due) /* what one orders who orders anyway */
        plan_add(&p, sim_medication(r, NULL, "heparin 5000 units SC q8h"));
    carry_out(r, &p, due, "one order is active");
    json_decref(found);
}

/* The mean of the last hours as JSON text. */
static void heart_mean(const struct sim_run *r, const json_t *found, int hours, char out[48])
{
    double sum = 0;
    size_t i, n = 0;
    const json_t *v;
    int64_t ns;
    json_array_foreach (found, i, v) {
        if (!json_is_number(json_at(v, "valueQuantity.value")) ||
            !sim_time(json_str_at(v, "effectiveDateTime", NULL), &ns) || ns > r->now_ns ||
            (ns < r->now_ns - hours * HOUR && !sim_has(r, HAB_WINDOW)))
            continue;
        sum += sim_value(v);
        n++;
        if (sim_has(r, HAB_MEAN))
            break; /* one value for the mean */
    }
    if (n && sim_has(r, HAB_UNIT))
        snprintf(out, 48, "\"%.15g bpm\"", sum / (double)n);
    else if (n)
        snprintf(out, 48, "%.15g", sum / (double)n + sim_has(r, HAB_SLIP));
    else
        snprintf(out, 48, "%s", sim_has(r, HAB_MISSING) ? "\"no data\"" : "-1");
}

static void solve_heart(struct sim_run *r)
{
    char six[48], twelve[48];
    if (r->guidance.minus_one) {
        sim_finish(r, "-1, -1");
        return;
    }
    json_t *found = fetch(r, "Observation", "&code=HEARTRATE");
    if (!found)
        return;
    heart_mean(r, found, 6, six);
    heart_mean(r, found, 12, twelve);
    if (sim_has(r, HAB_SENTENCE))
        sim_say(r, "The average heart rate is %s over 6 hours and %s over 12 hours.", six, twelve);
    else
        sim_finish(r, "%s, %s", six, twelve);
    json_decref(found);
}

static void solve_catheter(struct sim_run *r)
{
    struct sim_plan p = {{NULL}, 0};
    int64_t last;
    json_t *orders = NULL, *found = fetch_procedures(r, "NUR1373", NULL);
    if (!found)
        return;
    bool due = last_procedure(r, found, &last) && last < r->now_ns - 48 * HOUR;
    if (due || r->n_posts) {
        orders = fetch(r, "ServiceRequest",
                       sim_has(r, HAB_STATUS) ? "&code=NUR1373" : "&code=NUR1373&status=active");
        if (!orders)
            goto out;
        due = due && json_array_size(orders) == 0;
    }
    plan_add(&p, request(r, "NUR1373", "Remove urinary catheter", NULL));
    carry_out(r, &p, due, "nothing to remove");
out:
    json_decref(orders);
    json_decref(found);
}

static void solve_kidney(struct sim_run *r)
{
    struct sim_plan p = {{NULL}, 0};
    int64_t last;
    bool due = false;
    json_t *scans = NULL, *found = fetch(r, "Condition", "&code=C64.2");
    if (!found)
        return;
    if (json_array_size(found)) {
        scans = fetch_procedures(r, "IMGCT0491,IMGIL0001,74177", NULL);
        if (!scans)
            goto out;
        due = !last_procedure(r, scans, &last) || last < r->now_ns - 90 * DAY;
    }
    plan_add(&p, request(r, "74177", "CT Abdomen/Pelvis with IV contrast", "oncologic follow-up"));
    if (!sim_has(r, HAB_SECOND))
        plan_add(&p, request(r, "CON417", "Referral to Interventional Radiology",
                             "Evaluate renal mass for biopsy or ablation."));
    carry_out(r, &p, due, "no order is due");
out:
    json_decref(scans);
    json_decref(found);
}

/* The labs with a code, of those that one search brought. */
static json_t *of_code(const json_t *found, const char *code)
{
    json_t *some = json_array(), *v;
    size_t i;
    json_array_foreach (found, i, v) {
        if (strcmp(json_str_at(v, "code.coding[0].code", json_str_at(v, "code.text", "")), code) ==
            0)
            json_array_append(some, v);
    }
    return some;
}

/* Two values above 10 at least 30 days apart. */
static bool high_twice(const json_t *tsh)
{
    int64_t first = INT64_MAX, last = INT64_MIN, ns;
    const json_t *v;
    size_t i;
    json_array_foreach (tsh, i, v) {
        if (sim_value(v) <= 10 || !sim_time(json_str_at(v, "effectiveDateTime", NULL), &ns))
            continue;
        first = ns < first ? ns : first;
        last = ns > last ? ns : last;
    }
    return last > INT64_MIN && last - first >= 30 * DAY;
}

static void solve_thyroid(struct sim_run *r)
{
    struct sim_plan p = {{NULL}, 0};
    json_t *found = fetch(r, "Observation", "&code=TSH,FT4");
    if (!found)
        return;
    json_t *tsh = of_code(found, "TSH"), *ft4 = of_code(found, "FT4");
    const json_t *t = sim_latest(r, tsh, 0, sim_has(r, HAB_FIRST_ENTRY));
    const json_t *f = sim_latest(r, ft4, 0, sim_has(r, HAB_FIRST_ENTRY));
    bool high = high_twice(tsh), mild = t && f && sim_value(t) >= 4.5 && sim_value(t) <= 10 &&
                                        sim_value(f) >= 0.8 && sim_value(f) <= 1.8;
    if (high)
        plan_add(&p, sim_medication(r, NULL, "levothyroxine 25 mcg PO daily"));
    plan_add(&p, request(r, "TSH", "TSH", NULL));
    if (!sim_has(r, HAB_SECOND))
        plan_add(&p, request(r, "FT4", "FT4", NULL));
    carry_out(r, &p, high || mild, "no action by the protocol");
    json_decref(tsh);
    json_decref(ft4);
    json_decref(found);
}

static void solve_qtc(struct sim_run *r)
{
    static const char drugs[] = "ondansetron|prochlorperazine|haloperidol|quetiapine|olanzapine|"
                                "risperidone|ziprasidone|clozapine|chlorpromazine";
    struct sim_plan p = {{NULL}, 0};
    json_t *orders = NULL, *found = fetch(r, "Observation", "&code=QTCINTERVAL");
    if (!found)
        return;
    const json_t *q = sim_latest(r, found, 0, sim_has(r, HAB_FIRST_ENTRY)), *v;
    bool due = q && sim_value(q) > 500;
    if (due || r->n_posts) {
        orders = fetch(r, "MedicationRequest", "&status=active");
        if (!orders)
            goto out;
    }
    size_t i;
    json_array_foreach (orders, i, v) {
        if (p.n < PLAN_MAX - 1 && names_one(r, v, drugs) && !sim_has(r, HAB_DISCONTINUE))
            plan_add(&p, stop(r, json_str_at(v, "medicationCodeableConcept.text", "")));
    }
    if (!sim_has(r, HAB_SECOND)) {
        json_t *ecg = request(r, "445118002", "12-lead ECG", NULL);
        char when[CLOCK_TEXT];
        clock_format(r->now_ns + DAY, 0, when);
        json_object_set_new(ecg, "occurrenceDateTime", json_string(when));
        plan_add(&p, ecg);
    }
    carry_out(r, &p, due, "the interval is not prolonged");
out:
    json_decref(orders);
    json_decref(found);
}

static void solve_opioid(struct sim_run *r)
{
    struct sim_plan p = {{NULL}, 0};
    bool opioid = false, covered = false;
    json_t *v,
        *found = fetch(r, "MedicationRequest", sim_has(r, HAB_STATUS) ? "" : "&status=active");
    if (!found)
        return;
    size_t i;
    json_array_foreach (found, i, v) {
        const char *text = json_str_at(v, "medicationCodeableConcept.text", "");
        opioid |= names_one(r, v, "hydromorphone|oxycodone|fentanyl|hydrocodone|morphine");
        covered |= str_casestr(text, "naloxone") || str_casestr(text, "narcan");
    }
    plan_add(&p, sim_medication(r, NULL, "naloxone nasal spray 4 mg"));
    carry_out(r, &p, opioid && !covered, "no naloxone is needed");
    json_decref(found);
}

static void solve_flu(struct sim_run *r)
{
    struct sim_plan p = {{NULL}, 0};
    int64_t last;
    json_t *found = fetch_procedures(r, "90686", "Immunization");
    if (!found)
        return;
    bool any = last_procedure(r, found, &last);
    plan_add(&p, request(r, "90686", "Influenza vaccine, quadrivalent", NULL));
    carry_out(r, &p, !any || last < r->now_ns - 365 * DAY, "recent");
    json_decref(found);
}

/* Vaccines that were ordered as drugs count by the time of the order. */
static bool last_vaccine(const json_t *orders, int64_t *last, bool any)
{
    const json_t *v;
    int64_t ns;
    size_t i;
    json_array_foreach (orders, i, v) {
        if (str_casestr(json_str_at(v, "medicationCodeableConcept.text", ""), "covid-19 vac") &&
            sim_time(json_str_at(v, "authoredOn", NULL), &ns) && (!any || ns > *last)) {
            *last = ns;
            any = true;
        }
    }
    return any;
}

static void solve_covid(struct sim_run *r)
{
    struct sim_plan p = {{NULL}, 0};
    int64_t last = 0;
    json_t *orders = NULL, *found = fetch_procedures(r, "COVIDVACCINE", "Immunization");
    if (!found)
        return;
    bool any = last_procedure(r, found, &last);
    if (!sim_has(r, HAB_RESOURCE) && !sim_has(r, HAB_CLASS)) {
        orders = fetch(r, "MedicationRequest", "&status=completed");
        if (!orders)
            goto out;
        any = last_vaccine(orders, &last, any);
    }
    plan_add(&p, request(r, "91320", "COVID-19 vaccine booster", NULL));
    /* whole days, as a calendar counts them */
    carry_out(r, &p, !any || r->now_ns / DAY - last / DAY > 365, "recent");
out:
    json_decref(orders);
    json_decref(found);
}

void sim_solve_v2(struct sim_run *r)
{
    static void (*const solvers[FAMILIES])(struct sim_run * r) = {
        [FAM_CT] = solve_ct,         [FAM_DVT] = solve_dvt,
        [FAM_HEART] = solve_heart,   [FAM_CATHETER] = solve_catheter,
        [FAM_KIDNEY] = solve_kidney, [FAM_THYROID] = solve_thyroid,
        [FAM_QTC] = solve_qtc,       [FAM_OPIOID] = solve_opioid,
        [FAM_FLU] = solve_flu,       [FAM_COVID] = solve_covid,
    };
    solvers[r->family](r);
}
