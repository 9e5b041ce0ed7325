/* history.c - commits of a library taken apart: kinds, numbers, rows of evidence, changed skills.
 */
#include "runtime/history/history.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

static const char *const kind_names[] = {"root",   "edit",    "unmeasured",
                                         "import", "restore", "other"};
static const char *const effect_names[] = {"none", "fixed", "broke", "unknown"};

const char *step_kind_name(enum step_kind k)
{
    return kind_names[k];
}

const char *effect_name(enum effect e)
{
    return effect_names[e];
}

void history_release(struct history *h)
{
    for (size_t i = 0; i < h->n; i++) {
        library_commit_release(&h->v[i].info);
        free(h->v[i].ref);
    }
    free(h->v);
    *h = (struct history){0};
}

static int number(const struct library_commit_info *info, const char *key)
{
    const char *text = library_trailer(info, key);
    int64_t n;
    return text && str_to_i64(text, INT_MIN, INT_MAX, &n) ? (int)n : -1;
}

/* "6/18" */
static void share(const struct library_commit_info *info, const char *key, int *count, int *of)
{
    const char *text = library_trailer(info, key), *slash = text ? strchr(text, '/') : NULL;
    char left[16];
    int64_t a, b;
    *count = *of = -1;
    if (!slash || (size_t)(slash - text) >= sizeof(left))
        return;
    memcpy(left, text, (size_t)(slash - text));
    left[slash - text] = '\0';
    if (str_to_i64(left, 0, INT_MAX, &a) && str_to_i64(slash + 1, 0, INT_MAX, &b)) {
        *count = (int)a;
        *of = (int)b;
    }
}

void step_parse(struct step *s)
{
    const struct library_commit_info *info = &s->info;
    const char *score = library_trailer(info, "Gate-Score");
    int64_t n = 0;
    s->epoch = number(info, "Epoch");
    s->update = number(info, "Update");
    share(info, "Gate-Fixes", &s->fixes, &s->failing);
    share(info, "Gate-Regressions", &s->regressions, &s->passing);
    if (!*info->parent.hex && !info->boundary)
        s->kind = STEP_ROOT;
    else if (library_trailer(info, "Restores"))
        s->kind = STEP_RESTORE;
    else if (library_trailer(info, "Imported-From"))
        s->kind = STEP_IMPORT;
    else if (score && str_to_i64(score, INT_MIN, INT_MAX, &n))
        s->kind = STEP_EDIT;
    else if (score && strcmp(score, "unmeasured") == 0)
        s->kind = STEP_UNMEASURED;
    else
        s->kind = STEP_OTHER;
    s->score = s->kind == STEP_EDIT ? (int)n : 0;
}

/* Room for one more, all zero; NULL when out of memory. */
static struct step *more(struct history *h)
{
    if (h->n == h->cap) {
        size_t cap = h->cap ? 2 * h->cap : 32;
        struct step *v = reallocarray(h->v, cap, sizeof(*v));
        if (!v)
            return NULL;
        h->v = v;
        h->cap = cap;
    }
    h->v[h->n] = (struct step){0};
    return &h->v[h->n++];
}

int history_add(struct history *h, struct library *lib, const struct oid *commit, const char *ref)
{
    struct step *s = more(h);
    if (!s)
        return err_oom();
    int rc = library_commit_read(lib, commit, &s->info);
    if (rc == 0 && ref && !(s->ref = str_dup(ref)))
        rc = err_oom();
    if (rc == 0)
        step_parse(s);
    else if (rc < 0)
        library_commit_release(&h->v[--h->n].info);
    return rc;
}

int history_read(struct library *lib, const char *rev, struct history *h)
{
    struct oid at;
    int rc = library_resolve(lib, rev, &at);
    while (rc == 0 && *at.hex) {
        rc = history_add(h, lib, &at, NULL);
        if (rc == 0)
            at = h->v[h->n - 1].info.parent;
    }
    return rc;
}

struct collect {
    struct history *h;
    struct library *lib;
};

static int collect(const char *ref, const struct oid *commit, void *arg)
{
    struct collect *c = arg;
    return history_add(c->h, c->lib, commit, ref);
}

int history_candidates(struct library *lib, struct history *h)
{
    struct collect c = {h, lib};
    return library_candidates(lib, collect, &c);
}

void step_edit(const struct step *s, struct buf *out)
{
    const char *colon = strstr(s->info.subject, ": ");
    bool edit = s->kind == STEP_EDIT || s->kind == STEP_UNMEASURED;
    size_t len = strlen(s->info.subject);
    buf_add(out, s->info.subject, edit && colon ? (size_t)(colon - s->info.subject) : len);
}

static void set_text(json_t *v, const char *key, const char *text)
{
    if (text)
        json_object_set_new(v, key, json_string(text));
}

static void set_number(json_t *v, const char *key, int n)
{
    if (n >= 0)
        json_object_set_new(v, key, json_integer(n));
}

json_t *step_to_json(const struct step *s)
{
    char when[CLOCK_TEXT];
    struct buf edit = BUF_INIT;
    clock_format(s->info.when, 0, when);
    step_edit(s, &edit);
    json_t *v = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "commit", s->info.commit.hex, "parent",
                          s->info.parent.hex, "kind", step_kind_name(s->kind), "edit", edit.ptr,
                          "subject", s->info.subject, "when", when);
    buf_release(&edit);
    if (!v) /* a subject that is not UTF-8 */
        v = json_pack("{s:s, s:s, s:s}", "commit", s->info.commit.hex, "kind",
                      step_kind_name(s->kind), "when", when);
    if (!v)
        return NULL;
    if (s->kind == STEP_EDIT)
        json_object_set_new(v, "score", json_integer(s->score));
    set_number(v, "fixes", s->fixes);
    set_number(v, "failing", s->failing);
    set_number(v, "regressions", s->regressions);
    set_number(v, "passing", s->passing);
    set_number(v, "epoch", s->epoch);
    set_number(v, "update", s->update);
    set_text(v, "run", library_trailer(&s->info, "Run"));
    set_text(v, "writer_model", library_trailer(&s->info, "Writer-Model"));
    set_text(v, "executor_model", library_trailer(&s->info, "Executor-Model"));
    set_text(v, "stopped", library_trailer(&s->info, "Gate-Stopped"));
    set_text(v, "restores", library_trailer(&s->info, "Restores"));
    set_text(v, "ref", s->ref);
    return v;
}

bool candidate_ref_parse(const char *ref, char *run, size_t size, int *update, int *k)
{
    static const char prefix[] = "refs/grasp/candidates/";
    const char *slash = str_starts(ref, prefix) ? strchr(ref += sizeof(prefix) - 1, '/') : NULL;
    const char *second = slash ? strchr(slash + 1, '/') : NULL;
    char middle[16];
    int64_t u, n;
    if (!second || (size_t)(slash - ref) >= size || (size_t)(second - slash) > sizeof(middle))
        return false;
    memcpy(run, ref, (size_t)(slash - ref));
    run[slash - ref] = '\0';
    memcpy(middle, slash + 1, (size_t)(second - slash - 1));
    middle[second - slash - 1] = '\0';
    if (!*run || !str_to_i64(middle, 0, INT_MAX, &u) || !str_to_i64(second + 1, 0, INT_MAX, &n))
        return false;
    *update = (int)u;
    *k = (int)n;
    return true;
}

/* ---- evidence ---- */

enum effect probe_effect(const json_t *row)
{
    int base = outcome_from_name(json_str_at(row, "base", ""));
    int cand = outcome_from_name(json_str_at(row, "cand", ""));
    if (base <= OUTCOME_PENDING || cand <= OUTCOME_PENDING || base == OUTCOME_UNSCORED ||
        cand == OUTCOME_UNSCORED)
        return EFFECT_UNKNOWN;
    if ((base == OUTCOME_PASS) == (cand == OUTCOME_PASS))
        return EFFECT_NONE;
    return cand == OUTCOME_PASS ? EFFECT_FIXED : EFFECT_BROKE;
}

const json_t *probe_find(const json_t *probes, const char *task)
{
    size_t i;
    json_t *row;
    json_array_foreach ((json_t *)probes, i, row) {
        if (strcmp(json_str_at(row, "id", ""), task) == 0)
            return row;
    }
    return NULL;
}

/* ---- skills ---- */

int skill_changes(const struct skill_set *from, const struct skill_set *to,
                  struct skill_changes *out)
{
    size_t a = 0, b = 0;
    *out = (struct skill_changes){0};
    if (!(out->v = calloc(from->n + to->n + 1, sizeof(*out->v))))
        return err_oom();
    while (a < from->n || b < to->n) {
        const struct skill *x = a < from->n ? &from->v[a] : NULL;
        const struct skill *y = b < to->n ? &to->v[b] : NULL;
        int order = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);
        struct skill_change *c = &out->v[out->n];
        if (order < 0)
            *c = (struct skill_change){EDIT_REMOVE, x->name, x->version, 0};
        else if (order > 0)
            *c = (struct skill_change){EDIT_ADD, y->name, 0, y->version};
        else
            *c = (struct skill_change){EDIT_MODIFY, y->name, x->version, y->version};
        out->n += order != 0 || !skill_same_files(x, y);
        a += order <= 0;
        b += order >= 0;
    }
    return 0;
}
