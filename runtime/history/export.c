/* export.c - which edit made a skill what it is, and what the gate measured for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/history/history.h"
#include "runtime/history/export.h"

static int set_number(struct skill *s, const char *key, int n)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", n);
    return n < 0 && strcmp(key, "gate-score") != 0 ? 0 : skill_set_meta(s, key, text);
}

static int set_tasks(struct library *lib, const struct step *step, struct skill *s)
{
    json_t *evidence = NULL, *task;
    struct buf text = BUF_INIT;
    size_t i;
    int rc = library_note_read(lib, &step->info.commit, &evidence);
    if (rc == GRASP_ENOTFOUND || rc == GRASP_EPARSE)
        rc = 0; /* a library without its notes: the trailers have to do */
    json_array_foreach (json_object_get(evidence, "triggering_tasks"), i, task) {
        const char *id = json_string_value(task);
        if (id && !strpbrk(id, " \t\r\n"))
            buf_addf(&text, "%s%s", text.len ? " " : "", id);
    }
    if (rc == 0 && text.len)
        rc = skill_set_meta(s, "gate-tasks", text.ptr);
    buf_release(&text);
    json_decref(evidence);
    return rc;
}

static int fill_one(struct library *lib, const struct step *step, struct skill *s)
{
    static const char *const keys[] = {"gate-score", "gate-fixes", "gate-regressions",
                                       "gate-tasks"};
    int rc = 0;
    if (step->kind != STEP_EDIT)
        return 0;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        skill_unset_meta(s, keys[i]);
    rc = set_number(s, "gate-score", step->score);
    if (rc == 0)
        rc = set_number(s, "gate-fixes", step->fixes);
    if (rc == 0)
        rc = set_number(s, "gate-regressions", step->regressions);
    return rc < 0 ? rc : set_tasks(lib, step, s);
}

/* The commit that a step's skills come from: a restored revision is followed to its own history. */
static struct oid origin(const struct step *s)
{
    const char *restores = library_trailer(&s->info, "Restores");
    struct oid from;
    return s->kind == STEP_RESTORE && oid_from_text(&from, restores) ? from : s->info.parent;
}

/* Skills that this step changed are its; they are done. */
static int take(struct library *lib, const struct step *s, const struct skill_set *before,
                const struct skill_set *now, struct skill_set *set, bool *done)
{
    struct skill_changes changes;
    int rc = skill_changes(before, now, &changes);
    for (size_t i = 0; rc == 0 && i < changes.n; i++)
        for (size_t k = 0; rc == 0 && k < set->n; k++) {
            if (done[k] || strcmp(set->v[k].name, changes.v[i].name) != 0)
                continue;
            done[k] = true;
            rc = fill_one(lib, s, &set->v[k]);
        }
    free(changes.v);
    return rc;
}

static bool all(const bool *done, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!done[i])
            return false;
    return true;
}

int history_fill_gate(struct library *lib, const char *rev, struct skill_set *set)
{
    struct skill_set now = {0}, before = {0};
    struct history h = {0};
    bool *done = calloc(set->n + 1, sizeof(*done));
    struct oid at;
    json_t *seen = json_object(); /* a forged "Restores" may point forward */
    int rc = done && seen ? library_resolve(lib, rev, &at) : err_oom();
    if (rc == 0)
        rc = library_read(lib, at.hex, &now);
    while (rc == 0 && *at.hex && !all(done, set->n) && !json_object_get(seen, at.hex)) {
        json_object_set_new(seen, at.hex, json_true());
        rc = history_add(&h, lib, &at, NULL);
        if (rc < 0)
            break;
        const struct step *s = &h.v[h.n - 1];
        at = origin(s);
        if (*at.hex)
            rc = library_read(lib, at.hex, &before);
        if (rc == 0)
            rc = take(lib, s, &before, &now, set, done);
        skill_set_release(&now);
        now = before;
        before = (struct skill_set){0};
    }
    skill_set_release(&now);
    history_release(&h);
    json_decref(seen);
    free(done);
    return rc;
}
