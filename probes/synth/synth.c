/*
 * synth.c - writes a synthetic clinic by walking its tables: people, charts, tasks, configuration.
 *
 * Who gets which kind of entries is decided by slots: every aspect of a chart has its own order of
 * all patients, and the place in that order decides. The tasks about that aspect take the first
 * thirty in order, dev the first twelve of them, val the next ten, id_test the last eight.
 */
#include "probes/synth/synth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/rng.h"
#include "probes/synth/synth_private.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"

#define PER_FAMILY 30

static const char *const type_names[SYNTH_TYPES] = {
    "Patient", "Observation", "Condition", "MedicationRequest", "Procedure", "ServiceRequest"};

/* Output. */

static int open_files(struct synth *s)
{
    char *dir = fs_join(s->settings->dir, "fhir"), *tasks = fs_join(s->settings->dir, "tasks");
    int rc = dir && tasks ? 0 : err_oom();

    if (rc == 0 && (rc = fs_mkdirs(dir)) == 0)
        rc = fs_mkdirs(tasks);
    for (int t = 0; rc == 0 && t < SYNTH_TYPES; t++) {
        char *path = malloc(strlen(dir) + 64);
        if (!path) {
            rc = err_oom();
            break;
        }
        sprintf(path, "%s/%s.ndjson", dir, type_names[t]);
        if (!(s->out[t] = fopen(path, "w")))
            rc = err_set_errno(GRASP_EIO, "cannot write '%s'", path);
        free(path);
    }
    free(dir);
    free(tasks);
    return rc;
}

static int close_files(struct synth *s)
{
    int rc = 0;

    for (int t = 0; t < SYNTH_TYPES; t++) {
        bool bad = s->out[t] && ferror(s->out[t]);
        if (s->out[t] && (fclose(s->out[t]) != 0 || bad) && rc == 0)
            rc = err_set_errno(GRASP_EIO, "cannot write '%s/fhir/%s.ndjson'", s->settings->dir,
                               type_names[t]);
        s->out[t] = NULL;
    }
    return rc;
}

/* Begins a resource's line: type, id and meta. */
static void begin(struct synth *s, enum synth_type type, const char *id, int64_t recorded)
{
    char at[SYNTH_TIME];
    buf_reset(&s->line);
    buf_addf(&s->line,
             "{\"resourceType\":\"%s\",\"id\":\"%s\",\"meta\":{\"versionId\":\"1\","
             "\"lastUpdated\":\"%s\"}",
             type_names[type], id, synth_iso(recorded, at));
}

static void end(struct synth *s, enum synth_type type)
{
    buf_adds(&s->line, "}\n");
    fwrite(s->line.ptr, 1, s->line.len, s->out[type]);
    s->summary.resources++;
    s->summary.bytes += s->line.len;
}

/* Charts. */

static void add_number(struct buf *b, int value, int decimals)
{
    if (decimals == 0)
        buf_addf(b, "%d", value);
    else
        buf_addf(b, "%d.%d", value / 10, value % 10);
}

static void add_code(struct buf *b, const struct synth_item *item)
{
    buf_addf(b,
             ",\"code\":{\"coding\":[{\"system\":\"%s\",\"code\":\"%s\",\"display\":\"%s\"}],"
             "\"text\":\"%s\"}",
             item->system, item->code, item->text, item->text);
}

static void add_observation(struct buf *b, const struct synth_entry *e, const char *when)
{
    const struct synth_item *item = e->item;
    buf_addf(b,
             ",\"status\":\"%s\",\"category\":[{\"coding\":[{\"system\":"
             "\"http://terminology.hl7.org/CodeSystem/observation-category\",\"code\":\"%s\"}]}]",
             item->status, item->category);
    add_code(b, item);
    buf_addf(b, ",\"effectiveDateTime\":\"%s\",\"valueQuantity\":{\"value\":", when);
    add_number(b, e->value, item->decimals);
    buf_addf(b, ",\"unit\":\"%s\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"%s\"}",
             item->unit, strcmp(item->unit, "uIU/mL") == 0 ? "u[IU]/mL" : item->unit);
}

static void add_procedure(struct buf *b, const struct synth_entry *e, const char *when)
{
    char other[SYNTH_TIME];
    buf_addf(b, ",\"status\":\"%s\"",
             e->item->period == STILL_GOING ? "in-progress" : e->item->status);
    add_code(b, e->item);
    if (e->item->period == AT_ONCE)
        buf_addf(b, ",\"performedDateTime\":\"%s\"", when);
    else if (e->item->period == STILL_GOING)
        buf_addf(b, ",\"performedPeriod\":{\"start\":\"%s\"}", when);
    else
        buf_addf(b, ",\"performedPeriod\":{\"start\":\"%s\",\"end\":\"%s\"}",
                 synth_iso(e->when - 25, other), when);
}

static void write_entry(struct synth *s, const struct synth_person *p, const struct synth_entry *e)
{
    const struct synth_item *item = e->item;
    struct buf *b = &s->line;
    char id[32], when[SYNTH_TIME];

    snprintf(id, sizeof(id), "%c%" PRIu64, "pocmxs"[item->type], ++s->ids[item->type]);
    begin(s, item->type, id, e->recorded);
    synth_iso(e->when, when);
    switch (item->type) {
    case SYNTH_OBSERVATION:
        add_observation(b, e, when);
        break;
    case SYNTH_PROCEDURE:
        add_procedure(b, e, when);
        break;
    case SYNTH_CONDITION:
        buf_adds(b, ",\"clinicalStatus\":{\"coding\":[{\"system\":"
                    "\"http://terminology.hl7.org/CodeSystem/condition-clinical\","
                    "\"code\":\"active\"}]},\"category\":[{\"coding\":[{\"system\":"
                    "\"http://terminology.hl7.org/CodeSystem/condition-category\","
                    "\"code\":\"problem-list-item\"}]}]");
        add_code(b, item);
        buf_addf(b, ",\"onsetDateTime\":\"%s\",\"recordedDate\":\"%s\"", when, when);
        break;
    case SYNTH_MEDICATION:
        buf_addf(b,
                 ",\"status\":\"%s\",\"intent\":\"order\",\"medicationCodeableConcept\":{\"text\":"
                 "\"%s\"},\"authoredOn\":\"%s\"",
                 item->status, item->text, when);
        break;
    case SYNTH_SERVICE:
        buf_addf(b, ",\"status\":\"%s\",\"intent\":\"order\"", item->status);
        add_code(b, item);
        buf_addf(b, ",\"authoredOn\":\"%s\"", when);
        break;
    case SYNTH_PATIENT:
    case SYNTH_TYPES:
        break;
    }
    buf_addf(b, ",\"subject\":{\"reference\":\"Patient/%s\"}", p->mrn);
    end(s, item->type);
}

static int between(struct synth *s, int lo, int hi)
{
    return lo + (int)rng_below(&s->rng, (uint32_t)(hi - lo) + 1);
}

/* Puts an entry on the sheet; no two of one item at the same minute, where there is a choice. */
static void draw_entry(struct synth *s, const struct synth_item *item, int64_t anchor, int from,
                       int to, int lo, int hi, bool late)
{
    struct synth_entry e = {.item = item};

    if (s->n_sheet == SYNTH_SHEET)
        return;
    for (int tries = 0, taken = 1; taken && tries < 50; tries++) {
        e.when = anchor - between(s, from, to);
        taken = 0;
        for (size_t i = 0; i < s->n_sheet; i++)
            taken |= s->sheet[i].item == item && s->sheet[i].when == e.when;
    }
    e.value = between(s, lo, hi);
    e.recorded = late ? synth_minutes("2025-02-03T09:00:00Z") : e.when + 10;
    s->sheet[s->n_sheet++] = e;
}

static void draw_course(struct synth *s, const struct synth_course *c, size_t slot)
{
    int64_t anchor = synth_minutes(c->anchor);
    int kind = (int)(slot % (size_t)c->kinds);

    if (slot < (size_t)c->first || (c->end && slot >= (size_t)c->end))
        return;
    for (int i = 0; i < c->n_points; i++) {
        const struct synth_point *p = &c->points[i];
        for (int k = 0; p->kind == kind && k < p->count; k++)
            draw_entry(s, p->item, anchor, p->from, p->to, p->lo, p->hi, p->recorded_late);
    }
}

static void draw_everyday(struct synth *s, int64_t anchor)
{
    for (int i = 0; i < synth_everyday_n; i++) {
        const struct synth_everyday *e = &synth_everyday[i];
        if ((int)rng_below(&s->rng, 100) >= e->percent)
            continue;
        for (int n = between(s, 1, e->most); n > 0; n--)
            draw_entry(s, &e->item, anchor, DAYS(1), DAYS(700), e->lo, e->hi, false);
    }
}

static void write_person(struct synth *s, const struct synth_person *p, size_t index)
{
    char born[SYNTH_TIME];
    struct buf *b = &s->line;
    int city = between(s, 0, synth_n_cities - 1);

    begin(s, SYNTH_PATIENT, p->mrn, synth_minutes("2023-11-01T08:00:00Z"));
    synth_iso((int64_t)p->born * 1440, born);
    buf_addf(b,
             ",\"identifier\":[{\"use\":\"usual\",\"type\":{\"coding\":[{\"system\":"
             "\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"MR\",\"display\":"
             "\"Medical record number\"}]},\"system\":\"http://example.org/fhir/mrn\","
             "\"value\":\"%s\"}],\"active\":true,\"name\":[{\"use\":\"official\",\"family\":\"%s\","
             "\"given\":[\"%s\"]}],\"telecom\":[{\"system\":\"phone\",\"value\":\"555-%04zu-%04d\","
             "\"use\":\"home\"}],\"gender\":\"%s\",\"birthDate\":\"%.10s\",\"address\":[{\"line\":"
             "[\"%d %s\"],\"city\":\"%s\",\"state\":\"%s\",\"postalCode\":\"%05d\"}]",
             p->mrn, synth_families[p->family], synth_given[p->given].name, index % 10000,
             between(s, 0, 9999), synth_given[p->given].female ? "female" : "male", born,
             between(s, 1, 999), synth_streets[between(s, 0, synth_n_streets - 1)],
             synth_cities[city][0], synth_cities[city][1], between(s, 10000, 99999));
    end(s, SYNTH_PATIENT);
}

static void write_charts(struct synth *s)
{
    int64_t anchor = synth_minutes(s->clinic->families[SYNTH_FAMILIES - 1].now);
    size_t order[SYNTH_SHEET];

    for (size_t i = 0; i < s->n; i++) {
        write_person(s, &s->people[i], i);
        s->n_sheet = 0;
        for (int c = 0; c < s->clinic->n_courses; c++)
            draw_course(s, &s->clinic->courses[c], s->slot[s->clinic->courses[c].place][i]);
        draw_everyday(s, anchor);
        for (size_t k = 0; k < s->n_sheet; k++) /* a server's order is nobody's */
            order[k] = k;
        rng_shuffle(&s->rng, order, s->n_sheet);
        for (size_t k = 0; k < s->n_sheet; k++)
            write_entry(s, &s->people[i], &s->sheet[order[k]]);
    }
}

/* All of it. */

static int write_configuration(struct synth *s)
{
    struct buf b = BUF_INIT;
    char *path = fs_join(s->settings->dir, "grasp.yaml");
    int rc;

    buf_addf(&b, "# A synthetic clinic: %zu patients, seed %" PRIu64 ", benchmark %s. Made by\n",
             s->n, s->settings->seed, s->clinic->version);
    buf_addf(&b, "#     grasp synth --benchmark %s --patients %zu --seed %" PRIu64 " --out DIR\n\n",
             s->clinic->version, s->n, s->settings->seed);
    buf_adds(&b, "model:\n  kind: simulated         # or openai, with base_url, name and api_key\n"
                 "  temperature: 0          # the same request is paid for once\n\n"
                 "cycle:\n  epochs: 5\n  update_every: 48\n  batch_concurrency: 64\n  grpo_k: 4\n"
                 "  grpo_eval_n: 36\n  max_learned_skills: 10\n  proposal_temperature: 1\n  "
                 "max_rounds: 8\n  seed: 1\n\n"
                 "data:\n  dev: tasks/split_dev.json\n  val: tasks/split_val.json\n"
                 "  id_test: tasks/split_id_test.json\n  test: tasks/split_test.json\n"
                 "  full: tasks/all_tasks.json\n  funcs: tasks/funcs.json\n\n");
    buf_addf(&b, "benchmark:\n  version: %s\n", s->clinic->version);
    if (s->settings->benchmark == BENCHMARK_V2)
        buf_addf(&b, "  today: %s\n", SYNTH_TODAY);
    buf_adds(&b, "\nfhir:\n  load:\n");
    for (int t = 0; t < SYNTH_TYPES; t++)
        buf_addf(&b, "    - fhir/%s.ndjson\n", type_names[t]);
    buf_adds(&b, "\nlibrary: library\nrun: run\n");
    rc = buf_check(&b);
    if (rc == 0)
        rc = path ? fs_write(path, b.ptr, b.len) : err_oom();
    free(path);
    buf_release(&b);
    return rc;
}

int synth_write(const struct synth_settings *settings, struct synth_summary *summary)
{
    struct synth s = {.settings = settings,
                      .clinic = settings->benchmark == BENCHMARK_V2 ? &synth_v2 : &synth_v1,
                      .n = settings->patients,
                      .line = BUF_INIT};
    int rc, closed;

    rng_init(&s.rng, settings->seed);
    if ((rc = synth_populate(&s)) < 0 || (rc = open_files(&s)) < 0)
        goto out;
    write_charts(&s);
    rc = buf_check(&s.line);
out:
    closed = close_files(&s);
    rc = rc < 0 ? rc : closed;
    if (rc == 0 && (rc = synth_write_tasks(&s)) == 0)
        rc = write_configuration(&s);
    if (rc == 0 && summary)
        *summary = s.summary;
    synth_depopulate(&s);
    buf_release(&s.line);
    return rc;
}
