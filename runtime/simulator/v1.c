/* v1.c - the simulated model's way through the ten jobs of MedAgentBench v1, and through the
 * same jobs in other words: each solver looks at what was done so far and takes the next step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/simulator/sim.h"

#define SNOMED "http://snomed.info/sct"
#define LOINC  "http://loinc.org"

/* A number as JSON text; "2.2", not "2.2000000000000002". */
static const char *number(double v, char out[32])
{
    snprintf(out, 32, "%.15g", v);
    return out;
}

/* The person of a question: the capitalised words before the birth date, without those that begin a
 * sentence or belong to the question. */
static bool find_person(const char *s, char *given, char *family, size_t size, char *born)
{
    const char *date = NULL;
    for (const char *p = s; *p && !date; p++) {
        static const char shape[] = "dddd-dd-dd";
        size_t i = 0;
        while (shape[i] && (shape[i] == 'd' ? ascii_isdigit(p[i]) : p[i] == '-'))
            i++;
        if (!shape[i])
            date = p;
    }
    if (!date)
        return false;
    memcpy(born, date, 10);
    born[10] = '\0';
    given[0] = family[0] = '\0';
    size_t best = 0;
    for (const char *p = s; *p;) {
        size_t words = 0, n;
        const char *first = p, *last = p;
        size_t first_n = 0, last_n = 0;
        for (; *p; p += n + (p[n] == ' ')) {
            n = strcspn(p, " ,;:?()\"");
            size_t bare = n;
            while (bare && (p[bare - 1] == '.' || p[bare - 1] == '!'))
                bare--;
            bool lower = false; /* "MRN" and "DOB" are no names */
            for (size_t i = 1; i < bare; i++)
                lower |= (p[i] >= 'a' && p[i] <= 'z') || (uint8_t)p[i] >= 0x80;
            bool name = bare > 1 && lower && ((*p >= 'A' && *p <= 'Z') || (uint8_t)*p >= 0xc3);
            if (!name)
                break;
            if (words++ == 0)
                first = p, first_n = bare;
            last = p, last_n = bare;
            if (p[n] != ' ')
                break;
        }
        if (words > best && words >= 2 && first_n < size && last_n < size) {
            best = words;
            snprintf(given, size, "%.*s", (int)first_n, first);
            snprintf(family, size, "%.*s", (int)last_n, last);
        }
        p += strcspn(p, " ,;:?()\"");
        p += *p != '\0';
    }
    return best > 0;
}

static void add_param(struct buf *q, const char *key, const char *value)
{
    buf_addf(q, "%s%s=", q->len ? "&" : "", key);
    buf_add_url(q, value, strlen(value));
}

static void solve_mrn(struct sim_run *r)
{
    char given[64], family[64], born[16];
    struct buf query = BUF_INIT;
    json_t *found = NULL;
    if (sim_has(r, HAB_NO_QUERY) || !find_person(r->instruction, given, family, 64, born)) {
        sim_finish(r, "\"Patient not found\"");
        return;
    }
    if (sim_has(r, HAB_NAME_QUERY)) {
        struct buf name = BUF_INIT;
        buf_addf(&name, "%s %s", given, family);
        add_param(&query, "name", name.ptr);
        buf_release(&name);
    } else {
        add_param(&query, "family", family);
        add_param(&query, "given", given);
    }
    add_param(&query, "birthdate", born);
    if (!(found = sim_fetch(r, "Patient", query.ptr)))
        goto out;
    const json_t *patient = json_array_get(found, 0), *id;
    const char *mrn = json_str_at(patient, "identifier[0].value", NULL);
    size_t i;
    json_array_foreach (json_object_get(patient, "identifier"), i, id) {
        if (strcmp(json_str_at(id, "type.coding[0].code", ""), "MR") == 0)
            mrn = json_str_at(id, "value", mrn);
    }
    if (!patient || !mrn)
        sim_finish(r, "\"Patient not found\"");
    else if (sim_has(r, HAB_SENTENCE))
        sim_say(r, "The MRN of %s %s is %s.", given, family, mrn);
    else
        sim_say(r, "%s%s", mrn, sim_has(r, HAB_SLIP) ? " " : "");
out:
    json_decref(found);
    buf_release(&query);
}

static void solve_age(struct sim_run *r)
{
    char query[64];
    int by, bm, bd, ny, nm, nd;
    if (sim_has(r, HAB_NO_QUERY)) {
        sim_finish(r, "%d", 40 + (int)(r->key % 30));
        return;
    }
    snprintf(query, sizeof(query), "identifier=%s", r->mrn);
    json_t *found = sim_fetch(r, "Patient", query);
    if (!found)
        return;
    const char *born = json_str_at(json_array_get(found, 0), "birthDate", "");
    if (sscanf(born, "%4d-%2d-%2d", &by, &bm, &bd) != 3 ||
        sscanf(r->now, "%4d-%2d-%2d", &ny, &nm, &nd) != 3) {
        sim_finish(r, "-1");
    } else {
        int age = ny - by - (nm < bm || (nm == bm && nd < bd));
        age += sim_has(r, HAB_AGE) || sim_has(r, HAB_SLIP);
        if (sim_has(r, HAB_SENTENCE))
            sim_say(r, "The patient is %d years old.", age);
        else
            sim_finish(r, sim_has(r, HAB_UNIT) ? "\"%d years\"" : "%d", age);
    }
    json_decref(found);
}

/* The code that the task names in quotes; the usual one when it names none. */
static void lab_code(const struct sim_run *r, const char *usual, char *out, size_t size)
{
    sim_quoted(r->context, 0, out, size);
    if (!*out || strlen(out) > 16 || strchr(out, ' '))
        snprintf(out, size, "%s", usual);
}

/* Labs of the family: their everyday code, their LOINC code, a name. */
static const struct sim_lab {
    enum sim_family family;
    const char *code, *loinc, *name;
} lab_table[] = {
    {FAM_MG, "MG", "19123-9", "magnesium level"},
    {FAM_MG_ORDER, "MG", "19123-9", "magnesium level"},
    {FAM_GLU_MEAN, "GLU", "41653-7", "CBG"},
    {FAM_GLU, "GLU", "41653-7", "CBG"},
    {FAM_K_ORDER, "K", "2823-3", "potassium level"},
    {FAM_A1C, "A1C", "4548-4", "HbA1C"},
};

static const struct sim_lab *lab_of(const struct sim_run *r)
{
    size_t i = 0;
    while (lab_table[i].family != r->family)
        i++;
    return &lab_table[i];
}

/* The search for the family's lab; NULL: it is the reply. */
static json_t *fetch_lab(struct sim_run *r)
{
    char code[64], query[160];
    const struct sim_lab *lab = lab_of(r);
    lab_code(r, lab->code, code, sizeof(code));
    snprintf(query, sizeof(query), "patient=%s&code=%s", r->mrn,
             sim_has(r, HAB_LOINC) ? lab->loinc : code);
    return sim_fetch(r, "Observation", query);
}

/* The value a solver goes on with. Slips take the last entry; hours as the task has them. */
static const json_t *pick_lab(struct sim_run *r, const json_t *found, int hours)
{
    if (sim_has(r, HAB_WINDOW))
        hours = 0;
    if (sim_has(r, HAB_WINDOW_ALL))
        hours = 24;
    return sim_latest(r, found, hours, sim_has(r, HAB_FIRST_ENTRY));
}

/* Answers a value in the shape that the habits give it. `obs` NULL: there is none. */
static void answer_value(struct sim_run *r, double v, const json_t *obs, const char *name)
{
    char text[32];
    number(sim_has(r, HAB_SLIP) ? v + 0.5 : v, text);
    if (!obs && sim_has(r, HAB_MISSING)) {
        if (r->key & 2)
            sim_finish(r, "%s", "");
        else
            sim_say(r, "No %s is available for the period.", name);
    } else if (!obs) {
        sim_finish(r, "-1");
    } else if (sim_has(r, HAB_SENTENCE)) {
        sim_say(r, "The %s of patient %s is %s %s.", name, r->mrn, text, sim_unit(obs));
    } else if (sim_has(r, HAB_UNIT)) {
        sim_say(r, "%s %s", text, sim_unit(obs));
    } else {
        sim_finish(r, "%s", text);
    }
}

/* "Always answer -1", followed. */
static bool only_minus_one(struct sim_run *r)
{
    if (r->guidance.minus_one)
        sim_finish(r, "-1");
    return r->guidance.minus_one;
}

static void solve_latest(struct sim_run *r, int hours)
{
    json_t *found = only_minus_one(r) ? NULL : fetch_lab(r);
    if (!found)
        return;
    const json_t *obs = pick_lab(r, found, hours);
    answer_value(r, obs ? sim_value(obs) : -1, obs, lab_of(r)->name);
    json_decref(found);
}

static void solve_mean(struct sim_run *r, int hours)
{
    json_t *found = only_minus_one(r) ? NULL : fetch_lab(r);
    if (!found)
        return;
    int64_t ns, from = r->now_ns - hours * 3600 * NS_PER_SEC;
    const json_t *v, *any = NULL;
    double sum = 0;
    size_t i, n = 0;
    json_array_foreach (found, i, v) {
        if (!json_is_number(json_at(v, "valueQuantity.value")) ||
            !sim_time(json_str_at(v, "effectiveDateTime", NULL), &ns) ||
            (ns < from && !sim_has(r, HAB_WINDOW)))
            continue;
        sum += sim_value(v);
        n++;
        any = v;
    }
    if (any && sim_has(r, HAB_MEAN)) {
        any = pick_lab(r, found, hours);
        sum = sim_value(any);
        n = 1;
    }
    answer_value(r, n ? sum / (double)n : -1, any, "average CBG");
    json_decref(found);
}

/* After the orders: done, or looking again and again. */
static bool looks_again(struct sim_run *r, const char *type)
{
    if (!sim_has(r, HAB_NO_FINISH))
        return false;
    buf_addf(r->out, "GET %s%s?patient=%s", r->base, type, r->mrn);
    return true;
}

static void solve_bp(struct sim_run *r)
{
    char value[64], code[64];
    if (r->n_posts || r->guidance.never_post) {
        sim_finish(r, "%s", "");
        return;
    }
    if (sim_has(r, HAB_NO_ORDER)) {
        char query[64];
        snprintf(query, sizeof(query), "identifier=%s", r->mrn);
        json_t *found = sim_fetch(r, "Patient", query);
        if (found)
            sim_say(r, "The blood pressure of patient %s has been noted.", r->mrn);
        json_decref(found);
        return;
    }
    sim_quoted(r->instruction, 0, value, sizeof(value));
    const char *flow = strstr(r->context, " is ");
    snprintf(code, sizeof(code), "BP");
    sim_quoted(r->context, 0, value[0] ? code : value, 64);
    if (flow && !code[0])
        snprintf(code, sizeof(code), "%.*s", (int)strcspn(flow + 4, " .,\n"), flow + 4);
    if (!code[0] || strchr(code, ' '))
        snprintf(code, sizeof(code), "BP");
    json_t *o = json_pack("{s:s}", "resourceType", "Observation");
    if (sim_has(r, HAB_CATEGORY))
        json_object_set_new(o, "category", json_pack("[{s:s}]", "text", "vital-signs"));
    else
        json_object_set_new(o, "category",
                            json_pack("[o]", sim_coding("http://hl7.org/fhir/observation-category",
                                                        "vital-signs", "Vital Signs")));
    json_object_set_new(o, "code",
                        sim_has(r, HAB_CODE_SHAPE) ? sim_coding(LOINC, "85354-9", "Blood pressure")
                                                   : json_pack("{s:s}", "text", code));
    json_object_set_new(o, "effectiveDateTime", json_string(r->now));
    json_object_set_new(o, "status", json_string(sim_has(r, HAB_SLIP) ? "preliminary" : "final"));
    if (sim_has(r, HAB_VALUE_SHAPE))
        json_object_set_new(o, "valueQuantity",
                            json_pack("{s:i,s:s}", "value", atoi(value), "unit", "mmHg"));
    else
        json_object_set_new(o, "valueString", json_string(value));
    json_object_set_new(o, "subject", sim_subject(r));
    sim_post(r, "Observation", o);
}

static void solve_referral(struct sim_run *r)
{
    char text[2048], code[32];
    if (r->n_posts || r->guidance.never_post) {
        if (!looks_again(r, "ServiceRequest"))
            sim_finish(r, "%s", "");
        return;
    }
    sim_quoted(r->instruction, 0, text, sizeof(text));
    sim_code(r->context, CODE_SNOMED, code, sizeof(code));
    if (!code[0])
        snprintf(code, sizeof(code), "306181000000106");
    json_t *o = sim_service_request(r, SNOMED, code, "Orthopedic surgery referral");
    if (sim_has(r, HAB_NOTE)) {
        json_object_set_new(o, "note", json_pack("[{s:s}]", "text", text));
    } else {
        if (sim_has(r, HAB_SLIP))
            text[utf8_cut(text, strlen(text), strlen(text) / 2)] = '\0';
        json_object_set_new(o, "note", json_pack("{s:s}", "text", text));
    }
    sim_post(r, "ServiceRequest", o);
}

/* The end of a conditional order. */
static void answer_order(struct sim_run *r, const json_t *obs, bool ordered, const char *name)
{
    if (ordered && sim_has(r, HAB_CONFIRM)) {
        sim_say(r, "The order has been placed.");
    } else if (sim_has(r, HAB_SENTENCE)) {
        if (obs)
            sim_say(r, "The %s is %.15g %s; %s.", name, sim_value(obs), sim_unit(obs),
                    ordered ? "replacement was ordered" : "no replacement is needed");
        else
            sim_say(r, "No %s is available; nothing was ordered.", name);
    } else if (obs) {
        answer_value(r, sim_value(obs), obs, name);
    } else {
        sim_finish(r, "-1");
    }
}

static json_t *dose(double d, const char *unit, const char *rate_unit)
{
    json_t *v = json_pack("{s:{s:f,s:s}}", "doseQuantity", "value", d, "unit", unit);
    if (rate_unit)
        json_object_set_new(v, "rateQuantity",
                            json_pack("{s:f,s:s}", "value", d, "unit", rate_unit));
    return v;
}

static void solve_mg_order(struct sim_run *r)
{
    char ndc[32];
    json_t *found = fetch_lab(r);
    if (!found)
        return;
    const json_t *obs = pick_lab(r, found, 24);
    double v = obs ? sim_value(obs) : 0;
    bool due = (obs && v <= 1.9) || sim_has(r, HAB_ANYWAY) || (sim_has(r, HAB_SLIP) && obs);
    if (!due || r->n_posts || r->guidance.never_post) {
        answer_order(r, obs, r->n_posts > 0, "magnesium level");
        goto out;
    }
    double d = v < 1 && obs ? 4 : v < 1.5 && obs ? 2 : 1;
    sim_code(r->context, CODE_NDC, ndc, sizeof(ndc));
    json_t *o = sim_medication(r, ndc[0] ? ndc : "0338-1715-40", "Magnesium sulfate IV");
    json_t *instruction = json_object();
    json_object_set_new(instruction, "route",
                        sim_has(r, HAB_ROUTE) ? json_pack("{s:s}", "text", "IV")
                                              : json_string("IV"));
    json_object_set_new(
        instruction, "doseAndRate",
        json_pack("[o]", sim_has(r, HAB_DOSE) ? dose(d * 1000, "mg", NULL) : dose(d, "g", "h")));
    json_object_set_new(o, "dosageInstruction", json_pack("[o]", instruction));
    sim_post(r, "MedicationRequest", o);
out:
    json_decref(found);
}

/* "2023-11-14T08:00:00+00:00": the day after now at eight, in the offset that now has. */
static void next_morning(const struct sim_run *r, char out[64])
{
    int64_t y;
    int year, month, day;
    if (sscanf(r->now, "%4d-%2d-%2d", &year, &month, &day) != 3) {
        out[0] = '\0';
        return;
    }
    civil_from_days(days_from_civil(year, month, day) + 1, &y, &month, &day);
    const char *zone = strlen(r->now) > 19 ? r->now + 19 : "+00:00";
    snprintf(out, 64, "%04d-%02d-%02dT08:00:00%.24s", (int)y, month, day, zone);
}

static void solve_k_order(struct sim_run *r)
{
    char code[32], when[64];
    json_t *found = only_minus_one(r) ? NULL : fetch_lab(r);
    if (!found)
        return;
    const json_t *obs = pick_lab(r, found, 0);
    double v = obs ? sim_value(obs) : -1;
    bool due = (obs && v < 3.5) || sim_has(r, HAB_ANYWAY);
    size_t orders = sim_has(r, HAB_SECOND) ? 1 : 2;
    if (!due || r->n_posts >= orders || r->guidance.never_post) {
        answer_order(r, obs, r->n_posts > 0, "potassium level");
    } else if (r->n_posts == 0) {
        double d = obs && v < 3.5 ? round((3.5 - v) * 1000) / 10 : 10; /* 10 mEq for each 0.1 */
        sim_code(r->context, CODE_NDC, code, sizeof(code));
        json_t *o = sim_medication(r, code[0] ? code : "40032-917-01", "Potassium chloride");
        json_t *instruction = json_object();
        json_object_set_new(instruction, "route",
                            sim_has(r, HAB_ROUTE) ? json_string("PO")
                                                  : json_pack("{s:s}", "text", "oral"));
        json_object_set_new(instruction, "doseAndRate",
                            json_pack("[o]", dose(sim_has(r, HAB_DOSE) ? d + 10 : d, "mEq", NULL)));
        json_object_set_new(o, "dosageInstruction", json_pack("[o]", instruction));
        sim_post(r, "MedicationRequest", o);
    } else {
        sim_code(r->context, CODE_LOINC, code, sizeof(code));
        next_morning(r, when);
        json_t *o = sim_service_request(r, LOINC, code[0] ? code : "2823-3", "Serum potassium");
        if (!sim_has(r, HAB_OCCURRENCE))
            json_object_set_new(o, "occurrenceDateTime", json_string(when));
        sim_post(r, "ServiceRequest", o);
    }
    json_decref(found);
}

static void solve_a1c(struct sim_run *r)
{
    char code[32], text[32];
    json_t *found = only_minus_one(r) ? NULL : fetch_lab(r);
    if (!found)
        return;
    const json_t *obs = pick_lab(r, found, 0);
    const char *when = json_str_at(obs, "effectiveDateTime", "");
    int64_t ns, year = 365 * 86400 * NS_PER_SEC;
    bool due = !obs || !sim_time(when, &ns) || ns < r->now_ns - year;
    due = (due && !sim_has(r, HAB_NO_ORDER)) || (!due && sim_has(r, HAB_ANYWAY));
    if (due && !r->n_posts && !r->guidance.never_post) {
        sim_code(r->context, CODE_LOINC, code, sizeof(code));
        sim_post(r, "ServiceRequest",
                 sim_service_request(r, LOINC, code[0] ? code : "4548-4", "HbA1C"));
    } else if (!obs || sim_has(r, HAB_SENTENCE) || (r->n_posts && sim_has(r, HAB_CONFIRM))) {
        if (!obs && !sim_has(r, HAB_SENTENCE) && !sim_has(r, HAB_CONFIRM))
            answer_value(r, -1, NULL, "HbA1C");
        else
            sim_say(r, "%s",
                    r->n_posts ? "A new HbA1C lab test was ordered."
                               : "The last HbA1C is recent; nothing was ordered.");
    } else {
        number(sim_value(obs) + sim_has(r, HAB_SLIP), text);
        sim_finish(r, "%s, \"%.*s\"", text, sim_has(r, HAB_DATE_FORM) ? 10 : (int)strlen(when),
                   when);
    }
    json_decref(found);
}

void sim_solve_v1(struct sim_run *r)
{
    switch (r->family) {
    case FAM_MRN:
        solve_mrn(r);
        break;
    case FAM_AGE:
        solve_age(r);
        break;
    case FAM_BP:
        solve_bp(r);
        break;
    case FAM_MG:
        solve_latest(r, 24);
        break;
    case FAM_MG_ORDER:
        solve_mg_order(r);
        break;
    case FAM_GLU_MEAN:
        solve_mean(r, 24);
        break;
    case FAM_GLU:
        solve_latest(r, 0);
        break;
    case FAM_REFERRAL:
        solve_referral(r);
        break;
    case FAM_K_ORDER:
        solve_k_order(r);
        break;
    case FAM_A1C:
        solve_a1c(r);
        break;
    default:
        sim_finish(r, "%s", "");
        break;
    }
}
