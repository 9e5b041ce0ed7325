/* run.c - reads a run's directory and its library. */
#include "runtime/report/run.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/config/yaml.h"
#include "skills/edit.h"

json_t *run_json(const struct run *r, const char *name)
{
    json_t *v = NULL;
    char *path = fs_join(r->dir, name);
    if (path && fs_exists(path) && json_read_file(&v, path) < 0) {
        log_warn("%s; the report goes on without it", err_msg());
        err_clear();
        v = NULL;
    }
    free(path);
    return v;
}

static enum run_life life_of(const struct run *r)
{
    const char *status = json_str_at(r->summary, "status", "");
    if (fs_is_held(r->dir))
        return RUN_RUNNING;
    if (strcmp(status, "done") == 0)
        return RUN_DONE;
    if (strcmp(status, "stopped") == 0 || strcmp(status, "indecisive") == 0)
        return RUN_STOPPED;
    return *status ? RUN_FAILED : RUN_DIED;
}

static json_t *in_epoch(const struct run *r, size_t epoch, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "epoch_%zu/%s", epoch, name);
    return run_json(r, path);
}

/* What was asked for stands in the summary; of a run that has none, in the notes of its updates. */
static json_t *asked_in(const struct run *r, const struct run_epoch *e, int epoch)
{
    json_t *out = json_array(), *v;
    const json_t *all = json_object_get(r->summary, "proposals");
    int64_t last = -1;
    size_t i;
    json_array_foreach (all, i, v) {
        if (json_int_at(v, "epoch", -1) == epoch)
            json_array_append(out, v);
    }
    if (json_array_size(out))
        return out;
    json_array_foreach (e->updates, i, v) {
        const json_t *asked = json_object_get(v, "proposals");
        if (asked && json_int_at(v, "update", -1) != last) {
            json_array_append(out, (json_t *)asked);
            last = json_int_at(v, "update", -1);
        }
    }
    return out;
}

static int read_epochs(struct run *r)
{
    size_t cap = 0;
    int rc = 0;
    for (;;) {
        char name[32];
        snprintf(name, sizeof(name), "epoch_%zu", r->epochs);
        char *dir = fs_join(r->dir, name);
        bool there = dir && fs_is_dir(dir);
        free(dir);
        if (!there)
            return 0;
        if ((rc = grow(&r->epoch, &cap, r->epochs + 1)) < 0)
            return rc;
        struct run_epoch *e = &r->epoch[r->epochs];
        *e = (struct run_epoch){.updates = in_epoch(r, r->epochs, "skill_updates.json"),
                                .taxonomy = in_epoch(r, r->epochs, "failure_taxonomy.json")};
        e->asked = asked_in(r, e, (int)r->epochs);
        r->epochs++;
    }
}

/* ---- the library ---- */

/* The library at `dir`, when it holds the commit that the run began at. */
static bool try_library(struct run *r, const char *dir)
{
    struct library_commit_info info;
    struct oid start;
    if (!dir || !fs_is_dir(dir) || !oid_from_text(&start, json_str_at(r->state, "start", NULL)))
        return false;
    if (library_open(&r->lib, dir, LIBRARY_READ) == 0 &&
        library_commit_read(r->lib, &start, &info) == 0) {
        library_commit_release(&info);
        return true;
    }
    err_clear();
    library_close(r->lib);
    r->lib = NULL;
    return false;
}

static int find_library(struct run *r, const char *given)
{
    if (given)
        return try_library(r, given) ? 0
                                     : err_set(GRASP_ENOTFOUND,
                                               "%s is not the library of the run in %s: it lacks "
                                               "the commit that the run began at",
                                               given, r->dir);
    const char *said = json_str_at(r->state, "library", NULL);
    char *beside = fs_join(r->dir, "../library"), *inside = fs_join(r->dir, "library");
    if (!try_library(r, said) && !try_library(r, beside))
        try_library(r, inside);
    free(beside);
    free(inside);
    return 0;
}

static bool read_at(struct run *r, const char *rev, struct skill_set *set)
{
    if (rev && *rev && library_read(r->lib, rev, set) == 0)
        return true;
    err_clear();
    skill_set_release(set);
    return false;
}

int run_apply(struct skill_set *set, const json_t *edit)
{
    struct proposal p = {0};
    struct skill_set next = {0};
    int rc = proposal_from_json(&p, edit);
    if (rc == 0)
        rc = proposal_apply(set, &p, NULL, &next);
    if (rc == 0) {
        skill_set_release(set);
        *set = next;
    } else {
        skill_set_release(&next);
    }
    proposal_release(&p);
    return rc;
}

/* What the run's accepted edits make of the skills that it began with, as of the best checkpoint. */
static int put_together(struct run *r)
{
    const char *best = json_str_at(run_best_val(r), "commit", "");
    bool restored = r->life == RUN_DONE && *best, found = false;
    int rc = skill_set_copy(&r->now, &r->begin);
    if (restored && strcmp(best, json_str_at(r->state, "start", "")) == 0)
        return rc;
    for (size_t e = 0; rc == 0 && e < r->epochs && !found; e++) {
        size_t i;
        json_t *v;
        json_array_foreach (r->epoch[e].updates, i, v) {
            const char *fate = json_str_at(v, "fate", "");
            if (strcmp(fate, "accepted") != 0 && strcmp(fate, "unmeasured") != 0)
                continue;
            if (run_apply(&r->now, json_object_get(v, "edit")) < 0)
                err_clear(); /* an edit on what is not in the run's files */
            if ((found = restored && strcmp(json_str_at(v, "commit", ""), best) == 0))
                break;
        }
    }
    return rc;
}

/* A run that is done leaves the branch at its best checkpoint, or at a commit that restores it. */
static void find_best(struct run *r, const char *head)
{
    struct library_commit_info info;
    struct oid at;
    if (r->life != RUN_DONE || !r->lib || !oid_from_text(&at, head))
        return;
    if (library_commit_read(r->lib, &at, &info) < 0) {
        err_clear();
        return;
    }
    const char *restores = library_trailer(&info, "Restores");
    if (!oid_from_text(&r->best, restores))
        r->best = at;
    library_commit_release(&info);
}

static int read_skills(struct run *r)
{
    const char *head = json_str_at(r->summary, "head", json_str_at(r->state, "head", NULL));
    const char *state_head = json_str_at(r->state, "head", NULL);
    bool begin = r->lib && read_at(r, json_str_at(r->state, "start", NULL), &r->begin);
    find_best(r, head);
    r->whole = begin && (read_at(r, head, &r->now) || read_at(r, state_head, &r->now));
    return r->whole ? 0 : put_together(r);
}

/* ---- the whole ---- */

/* Val is scored beside learning and kept when it is through; a run in progress says more in
 * status.json. */
static void read_curve_so_far(struct run *r)
{
    json_t *status = run_json(r, "status.json"), *vals = json_array(), *v;
    size_t i;
    json_array_foreach (json_object_get(status, "curve"), i, v) {
        int64_t epoch = json_int_at(v, "epoch", 0), total = json_int_at(v, "total", 0),
                done = json_int_at(v, "done", 0), passed = json_int_at(v, "passed", 0);
        if (total <= 0 || done < total)
            continue;
        json_array_append_new(vals,
                              json_pack("{s:o, s:f, s:I, s:I, s:O*}", "epoch",
                                        epoch < 0 ? json_string("baseline") : json_integer(epoch),
                                        "score", (double)passed / (double)total, "n_correct",
                                        (json_int_t)passed, "n_total", (json_int_t)total,
                                        "dev_score", json_object_get(v, "dev_score")));
    }
    if (json_array_size(vals) > json_array_size(r->vals)) {
        json_decref(r->vals);
        r->vals = json_incref(vals);
    }
    json_decref(vals);
    json_decref(status);
}

int run_read(struct run *r, const char *dir, const char *library)
{
    *r = (struct run){.dir = str_dup(dir)};
    char *config = fs_join(dir, "config.yaml");
    int rc = r->dir && config ? 0 : err_oom();
    if (rc < 0)
        goto out;
    r->summary = run_json(r, "run_summary.json");
    r->state = run_json(r, "run.json");
    if (!r->summary && !r->state) {
        rc = err_set(GRASP_ENOTFOUND,
                     fs_exists(dir) ? "%s is no run's directory: there is neither run.json nor "
                                      "run_summary.json in it"
                                    : "there is no directory '%s'",
                     dir);
        goto out;
    }
    if (fs_exists(config) && yaml_read_file(config, &r->config, NULL) < 0)
        err_clear(); /* settings are left out */
    r->vals = run_json(r, "val_scores.json");
    r->tests = run_json(r, "test_scores.json");
    r->name = json_str_at(r->summary, "run", json_str_at(r->state, "run", "?"));
    r->life = life_of(r);
    if (r->life == RUN_RUNNING || r->life == RUN_DIED)
        read_curve_so_far(r);
    rc = read_epochs(r);
    if (rc == 0)
        rc = find_library(r, library);
    if (rc == 0)
        rc = read_skills(r);
out:
    free(config);
    return rc;
}

void run_release(struct run *r)
{
    for (size_t i = 0; i < r->epochs; i++) {
        json_decref(r->epoch[i].updates);
        json_decref(r->epoch[i].taxonomy);
        json_decref(r->epoch[i].asked);
    }
    free(r->epoch);
    json_decref(r->summary);
    json_decref(r->state);
    json_decref(r->config);
    json_decref(r->vals);
    json_decref(r->tests);
    skill_set_release(&r->begin);
    skill_set_release(&r->now);
    library_close(r->lib);
    free(r->dir);
    *r = (struct run){0};
}

bool run_has_gate(const struct run *r)
{
    return strcmp(json_str_at(r->summary, "method", json_str_at(r->config, "method.name", "grasp")),
                  "grasp") == 0;
}

int run_epochs_planned(const struct run *r)
{
    return (int)json_int_at(r->config, "cycle.epochs", 0);
}

const json_t *run_best_val(const struct run *r)
{
    const json_t *best = NULL;
    size_t i;
    json_t *v;
    json_array_foreach (r->vals, i, v) {
        bool epoch = json_is_integer(json_object_get(v, "epoch"));
        if (epoch && *r->best.hex && str_same(json_str_at(v, "commit", ""), r->best.hex))
            return v;
        if (epoch && (!best || json_num_at(v, "score", 0) > json_num_at(best, "score", 0)))
            best = v;
    }
    return best;
}

const json_t *run_baseline_val(const struct run *r)
{
    size_t i;
    json_t *v;
    json_array_foreach (r->vals, i, v) {
        if (!json_is_integer(json_object_get(v, "epoch")))
            return v;
    }
    return NULL;
}

static void add_tags(const struct strlist *tags, struct buf *out)
{
    for (size_t i = 0; i < tags->n; i++)
        buf_addf(out, "%s%s", i ? ", " : "tags: ", tags->v[i]);
    buf_adds(out, tags->n ? "\n" : "");
}

void skill_text(const struct skill *s, struct buf *out)
{
    buf_addf(out, "description: %s\n", s->description ? s->description : "");
    add_tags(&s->tags, out);
    buf_addf(out, "\n%s", s->body ? s->body : "");
}

bool edit_text(const json_t *edit, const struct skill *before, struct buf *out)
{
    const json_t *tags = json_object_get(edit, "tags");
    const char *content = json_str_at(edit, "content", NULL);
    struct strlist list = {0};
    size_t i;
    json_t *tag;
    if (!content)
        return false;
    json_array_foreach ((json_t *)tags, i, tag) {
        strlist_add(&list, json_string_value(tag) ? json_string_value(tag) : "");
    }
    buf_addf(
        out, "description: %s\n",
        json_str_at(edit, "description", before && before->description ? before->description : ""));
    add_tags(tags || !before ? &list : &before->tags, out);
    buf_addf(out, "\n%s", content);
    strlist_release(&list);
    return true;
}
