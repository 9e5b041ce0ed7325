/* plan.c - the plan that a matrix is kept by: plan.json, written once, read, held against another. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/compare/matrix.h"

static json_t *plan_json(const struct matrix *m)
{
    json_t *cells = json_array();
    for (size_t i = 0; i < m->n; i++) {
        const struct cell *c = &m->v[i];
        json_t *v = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s*, s:o, s:s}", "cell", c->name,
                              "arm", c->arm, "benchmark", c->benchmark, "model", c->model, "seed",
                              (json_int_t)c->seed, "config", c->config, "preset", c->preset, "set",
                              json_strings(&c->sets), "fingerprint", c->fingerprint);
        if (c->library)
            json_object_update_new(v,
                                   json_pack("{s:s, s:s, s:s, s:b}", "library", c->library, "at",
                                             c->at, "commit", c->commit, "regate", (int)c->regate));
        json_array_append_new(cells, v);
    }
    return json_pack("{s:i, s:o}", "grasp_matrix", 1, "cells", cells);
}

static char *plan_path(const char *dir)
{
    return fs_join(dir, "plan.json");
}

bool matrix_is(const char *dir)
{
    char *path = plan_path(dir);
    bool there = path && fs_exists(path);
    free(path);
    return there;
}

static int read_cell(struct matrix *m, const json_t *v)
{
    int rc = grow(&m->v, &m->cap, m->n + 1);
    if (rc < 0)
        return rc;
    struct cell *c = &m->v[m->n++];
    *c = (struct cell){.name = str_dup(json_str_at(v, "cell", "")),
                       .arm = str_dup(json_str_at(v, "arm", "")),
                       .benchmark = str_dup(json_str_at(v, "benchmark", "")),
                       .model = str_dup(json_str_at(v, "model", "")),
                       .config = str_dup(json_str_at(v, "config", "")),
                       .preset = str_dup(json_str_at(v, "preset", NULL)),
                       .fingerprint = str_dup(json_str_at(v, "fingerprint", "")),
                       .library = str_dup(json_str_at(v, "library", NULL)),
                       .at = str_dup(json_str_at(v, "at", NULL)),
                       .commit = str_dup(json_str_at(v, "commit", NULL)),
                       .regate = json_bool_at(v, "regate", false),
                       .seed = json_int_at(v, "seed", 0)};
    const json_t *sets = json_object_get(v, "set");
    for (size_t i = 0; rc == 0 && i < json_array_size(sets); i++) {
        const char *set = json_string_value(json_array_get(sets, i));
        rc = strlist_add(&c->sets, set ? set : "");
    }
    if (rc == 0 && (!*c->name || strchr(c->name, '/') || *c->name == '.' || !*c->arm))
        rc = err_set(GRASP_EPARSE, "%s/plan.json: cell %zu has no name or no arm", m->dir, m->n);
    return rc;
}

int matrix_read(struct matrix *m, const char *dir)
{
    json_t *plan = NULL;
    char *path = plan_path(dir);
    *m = (struct matrix){.dir = str_dup(dir)};
    int rc = path && m->dir ? json_read_file(&plan, path) : err_oom();
    const json_t *cells = json_object_get(plan, "cells");
    if (rc == 0 && (json_int_at(plan, "grasp_matrix", 0) != 1 || !json_array_size(cells)))
        rc = err_set(GRASP_EPARSE, "%s: not a plan that this program wrote", path);
    for (size_t i = 0; rc == 0 && i < json_array_size(cells); i++)
        rc = read_cell(m, json_array_get(cells, i));
    json_decref(plan);
    free(path);
    return rc;
}

/* Says the first thing in which two plans differ. */
static int refuse_difference(const struct matrix *m, const json_t *now, const json_t *then)
{
    size_t n = json_array_size(now), was = json_array_size(then);
    for (size_t i = 0; i < n && i < was; i++) {
        const json_t *a = json_array_get(now, i), *b = json_array_get(then, i);
        if (json_equal(a, b))
            continue;
        const char *name = json_str_at(a, "cell", "?"), *other = json_str_at(b, "cell", "?");
        if (strcmp(name, other) != 0)
            return err_set(GRASP_EREFUSED,
                           "%s holds another plan: its cell %zu is %s, here it is %s; use another "
                           "folder, or 'grasp compare %s' to go on with that plan",
                           m->dir, i + 1, other, name, m->dir);
        return err_set(GRASP_EREFUSED,
                       "%s holds another plan: cell %s had other settings or another configuration "
                       "file; use another folder, or 'grasp compare %s' to go on with that plan",
                       m->dir, name, m->dir);
    }
    return err_set(GRASP_EREFUSED,
                   "%s holds another plan: %zu cells, here %zu; use another folder, or 'grasp "
                   "compare %s' to go on with that plan",
                   m->dir, was, n, m->dir);
}

int matrix_claim(const struct matrix *m, bool write)
{
    char *path = plan_path(m->dir);
    json_t *plan = plan_json(m), *there = NULL;
    int rc = path && plan ? 0 : err_oom();
    if (rc == 0 && fs_exists(path)) {
        rc = json_read_file(&there, path);
        if (rc == 0 && !json_equal(plan, there))
            rc = refuse_difference(m, json_object_get(plan, "cells"),
                                   json_object_get(there, "cells"));
    } else if (rc == 0 && write) {
        rc = fs_mkdirs(m->dir);
        if (rc == 0)
            rc = json_write_file(plan, path);
    }
    json_decref(plan);
    json_decref(there);
    free(path);
    return rc;
}
