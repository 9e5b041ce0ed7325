/* synth_tasks.c - tasks of a synthetic clinic and their splits. */
#include <stdlib.h>
#include <string.h>

#include "probes/synth/synth_private.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"

/* Tasks of one family by split, in the order of slots: 12, 10, 8. */
enum { DEV, VAL, ID_TEST, TEST, SPLITS };
static const char *const split_files[SPLITS] = {"split_dev.json", "split_val.json",
                                                "split_id_test.json", "split_test.json"};
static const size_t split_ends[] = {12, 22, SYNTH_TASKS};

struct filling {
    const struct synth_person *person;
    const char *born, *now, *text;
};

/* Fills {name}s in. */
static void fill(struct buf *out, const char *wording, const struct filling *f)
{
    const struct {
        const char *key, *value;
    } values[] = {{"{mrn}", f->person->mrn},
                  {"{given}", synth_given[f->person->given].name},
                  {"{family}", synth_families[f->person->family]},
                  {"{born}", f->born},
                  {"{now}", f->now},
                  {"{text}", f->text ? f->text : ""}};

    while (*wording) {
        size_t n = strcspn(wording, "{"), i = 0;
        buf_add(out, wording, n);
        wording += n;
        if (!*wording)
            break;
        while (i < sizeof(values) / sizeof(*values) &&
               strncmp(wording, values[i].key, strlen(values[i].key)) != 0)
            i++;
        if (i < sizeof(values) / sizeof(*values)) {
            buf_adds(out, values[i].value);
            wording += strlen(values[i].key);
        } else {
            buf_addch(out, *wording++);
        }
    }
}

/* The task about the patient in a slot. A question for somebody's number brings its answer, and may
 * be about nobody. */
static json_t *make_task(struct synth *s, int family, size_t k, size_t number)
{
    const struct synth_family *f = &s->clinic->families[family];
    const struct synth_person *p = &s->people[s->order[f->place][(size_t)f->first + k]];
    bool by_name = f->place == s->clinic->names;
    bool nobody = by_name && k % NAME_KINDS == NAME_NOBODY;
    struct buf instruction = BUF_INIT, context = BUF_INIT;
    char id[32], born[SYNTH_TIME];
    struct filling values = {.person = p, .born = born, .now = f->now};
    json_t *task = NULL;
    size_t texts = 0;

    while (f->texts && f->texts[texts])
        texts++;
    if (texts)
        values.text = f->texts[rng_below(&s->rng, (uint32_t)texts)];
    synth_iso((int64_t)(nobody ? synth_nobodys_birthday(s, p) : p->born) * 1440, born);
    born[10] = '\0';
    fill(&instruction, f->wordings[rng_below(&s->rng, 2)], &values);
    fill(&context, f->context, &values);
    snprintf(id, sizeof(id), "task%d_%zu", family + 1, number);
    if (buf_check(&instruction) == 0 && buf_check(&context) == 0)
        task = json_pack("{s:s, s:s, s:s}", "id", id, "instruction", instruction.ptr, "context",
                         context.ptr);
    if (task && by_name)
        json_object_set_new(task, "sol", json_pack("[s]", nobody ? "Patient not found" : p->mrn));
    if (task && !nobody)
        json_object_set_new(task, "eval_MRN", json_string(p->mrn));
    buf_release(&instruction);
    buf_release(&context);
    return task;
}

/* Families as the public splits have them: by name, so that task10 follows task1. */
static const int families_in_order[SYNTH_FAMILIES] = {0, 9, 1, 2, 3, 4, 5, 6, 7, 8};

static int make_family(struct synth *s, int family, json_t *const splits[SPLITS],
                       json_t *numbered[SYNTH_TASKS])
{
    bool held_out = family + 1 == s->clinic->held_out[0] || family + 1 == s->clinic->held_out[1];
    size_t numbers[SYNTH_TASKS], order[SYNTH_TASKS], k = 0;
    json_t *made[SYNTH_TASKS];

    for (size_t i = 0; i < SYNTH_TASKS; i++)
        numbers[i] = i;
    rng_shuffle(&s->rng, numbers, SYNTH_TASKS);
    for (size_t i = 0; i < SYNTH_TASKS; i++) {
        made[i] = make_task(s, family, i, numbers[i] + 1);
        numbered[numbers[i]] = made[i];
    }
    for (size_t part = held_out ? 2 : 0; part < 3; part++) {
        size_t n = 0, split = held_out ? (size_t)TEST : part;
        for (; k < split_ends[part]; k++)
            order[n++] = k;
        rng_shuffle(&s->rng, order, n);
        for (size_t i = 0; i < n; i++)
            if (json_array_append(splits[split], made[order[i]]) < 0)
                return -1;
    }
    return 0;
}

static int write_list(struct synth *s, const json_t *list, const char *name)
{
    char *dir = fs_join(s->settings->dir, "tasks"), *path = dir ? fs_join(dir, name) : NULL;
    int rc = path && list ? json_write_file(list, path) : err_oom();

    free(dir);
    free(path);
    return rc;
}

int synth_write_tasks(struct synth *s)
{
    json_t *splits[SPLITS] = {json_array(), json_array(), json_array(), json_array()};
    json_t *all = json_array(), *functions = synth_functions();
    json_t *numbered[SYNTH_FAMILIES][SYNTH_TASKS] = {{NULL}};
    int rc = 0;

    for (int f = 0; f < SYNTH_FAMILIES && rc == 0; f++)
        rc = make_family(s, families_in_order[f], splits, numbered[families_in_order[f]]);
    for (int f = 0; f < SYNTH_FAMILIES; f++)
        for (size_t i = 0; i < SYNTH_TASKS; i++)
            if (numbered[f][i] && json_array_append_new(all, numbered[f][i]) < 0)
                rc = -1;
    if (rc < 0)
        rc = err_oom();
    for (int i = 0; i < SPLITS && rc == 0; i++)
        rc = write_list(s, splits[i], split_files[i]);
    if (rc == 0 && (rc = write_list(s, all, "all_tasks.json")) == 0)
        rc = write_list(s, functions, "funcs.json");
    s->summary.tasks = json_array_size(all);
    for (int i = 0; i < SPLITS; i++)
        json_decref(splits[i]);
    json_decref(all);
    json_decref(functions);
    return rc;
}
