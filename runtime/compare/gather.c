/* gather.c - runs, sorted into arms. */
#include "runtime/compare/gather.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/compare/cells.h"

static int add_run(struct gathered *g, const char *dir, const char *arm, const char *benchmark,
                   const char *model, bool without_skills)
{
    int rc = grow(&g->v, &g->cap, g->n + 1);
    if (rc < 0)
        return rc;
    struct gathered_run *r = &g->v[g->n++];
    *r = (struct gathered_run){.arm = arm, .benchmark = benchmark, .model = model};
    rc = run_result_read(&r->result, dir, without_skills);
    for (size_t i = 0; rc == 0 && i + 1 < g->n; i++)
        if (strcmp(g->v[i].arm, arm) == 0 && strcmp(g->v[i].benchmark, benchmark) == 0 &&
            strcmp(g->v[i].model, model) == 0 && g->v[i].result.seed == r->result.seed)
            return err_set(GRASP_EINVAL,
                           "%s: arm %s has a run of seed %lld already; two runs of one seed are no "
                           "repeats (name them apart: NAME=DIR)",
                           dir, arm, (long long)r->result.seed);
    return rc;
}

int gather_matrix(struct gathered *g, const struct matrix *m)
{
    int rc = 0;
    *g = (struct gathered){0};
    for (size_t i = 0; rc == 0 && i < m->n; i++) {
        const struct cell *c = &m->v[i];
        struct cell_status s;
        cell_status(m, c, &s);
        if (s.state != CELL_DONE) {
            g->missing++;
            continue;
        }
        char *run = cell_path(m, c, "run");
        rc = run ? add_run(g, run, c->arm, c->benchmark, c->model, strcmp(c->arm, "none") == 0)
                 : err_oom();
        free(run);
    }
    return rc;
}

const char *gather_named(const char *run, size_t *len)
{
    const char *slash = strchr(run, '/'), *is = NULL;
    for (const char *p = run; *p && p != slash; p++)
        is = *p == '=' ? p : is;
    *len = is ? (size_t)(is - run) : 0;
    return is ? is + 1 : run;
}

int gather_runs(struct gathered *g, const char *const *runs, size_t n)
{
    int rc = 0;
    *g = (struct gathered){0};
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t len;
        gather_named(runs[i], &len);
        rc = strlist_addn(&g->names, runs[i], len ? len : strlen(runs[i]));
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t len;
        rc = add_run(g, gather_named(runs[i], &len), g->names.v[i], "", "", false);
    }
    return rc;
}

void gathered_release(struct gathered *g)
{
    for (size_t i = 0; i < g->n; i++)
        run_result_release(&g->v[i].result);
    free(g->v);
    strlist_release(&g->names);
    *g = (struct gathered){0};
}

/* ---- tables ---- */

static bool same_table(const struct gathered_run *a, const struct gathered_run *b)
{
    return strcmp(a->benchmark, b->benchmark) == 0 && strcmp(a->model, b->model) == 0;
}

static bool first_of_table(const struct gathered *g, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (same_table(&g->v[i], &g->v[at]))
            return false;
    return true;
}

/* Runs that are set side by side were scored on the same tasks in the same world. A store that was
 * filled twice differs in its bytes and may hold the same: that is only said. */
static int same_data(const struct run_result *a, const struct run_result *b)
{
    const char *key;
    json_t *v;
    json_object_foreach (a->inputs, key, v) {
        const json_t *other = json_object_get(b->inputs, key);
        bool store = strcmp(key, "fhir.store") == 0;
        if (!other || strcmp(json_str_at(v, "sha256", ""), json_str_at(other, "sha256", "")) == 0)
            continue;
        if (store)
            log_warn("the FHIR stores of %s and %s differ in their bytes", a->dir, b->dir);
        else if (strcmp(key, "data.id_test") == 0 || strcmp(key, "data.test") == 0 ||
                 str_starts(key, "fhir.load["))
            return err_set(GRASP_EINVAL,
                           "%s of %s (%s) is not that of %s (%s): scores on other data are not to "
                           "be compared",
                           key, b->dir, json_str_at(other, "file", "?"), a->dir,
                           json_str_at(v, "file", "?"));
    }
    return 0;
}

/* Arms of the table that run `at` belongs to, in order of appearance, the reference first. */
static int table_of(const struct gathered *g, size_t at, const char *against,
                    const struct contrast_options *o, json_t **out)
{
    struct arm_runs *arms = calloc(g->n + 1, sizeof(*arms));
    const struct run_result **runs = calloc(g->n + 1, sizeof(*runs));
    size_t n = 0, used = 0;
    int rc = arms && runs ? 0 : err_oom();
    for (size_t i = at + 1; rc == 0 && i < g->n; i++)
        if (same_table(&g->v[i], &g->v[at]))
            rc = same_data(&g->v[at].result, &g->v[i].result);
    for (int pass = 0; rc == 0 && pass < 2; pass++)
        for (size_t i = at; i < g->n; i++) {
            const char *name = g->v[i].arm;
            bool is_first = against && strcmp(name, against) == 0, known = false;
            for (size_t k = 0; k < n; k++)
                known |= strcmp(arms[k].name, name) == 0;
            if (!same_table(&g->v[i], &g->v[at]) || known || (pass == 0 && !is_first))
                continue;
            arms[n] = (struct arm_runs){.name = name, .run = runs + used};
            for (size_t k = i; k < g->n; k++)
                if (same_table(&g->v[k], &g->v[at]) && strcmp(g->v[k].arm, name) == 0) {
                    runs[used++] = &g->v[k].result;
                    arms[n].n++;
                }
            n++;
        }
    if (rc == 0 && against && n && strcmp(arms[0].name, against) != 0)
        rc = err_set(GRASP_EUSAGE, "--against: there is no arm '%s' that is done", against);
    if (rc == 0)
        rc = contrast_arms(arms, n, o, out);
    free(arms);
    free(runs);
    return rc;
}

int gather_compare(const struct gathered *g, const char *against, const struct contrast_options *o,
                   json_t **out)
{
    json_t *tables = json_array(), *one = NULL;
    int rc = 0;
    *out = json_pack("{s:I, s:O}", "missing", (json_int_t)g->missing, "tables", tables);
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        if (!first_of_table(g, i))
            continue;
        rc = table_of(g, i, against, o, &one);
        if (rc < 0)
            break;
        const struct run_result *r = &g->v[i].result;
        json_object_set_new(one, "benchmark",
                            json_string(*g->v[i].benchmark ? g->v[i].benchmark : r->benchmark));
        json_object_set_new(one, "version", json_string(r->benchmark));
        json_object_set_new(one, "model",
                            json_string(*g->v[i].model ? g->v[i].model : r->executor));
        json_array_append_new(tables, one);
    }
    json_decref(tables);
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

void gather_csv(const struct gathered *g, FILE *out)
{
    struct buf row = BUF_INIT;
    fputs("benchmark,model,method,seed,split,task,family,correct,unscored\n", out);
    for (size_t i = 0; i < g->n; i++)
        for (int k = 0; k < SCORED_SPLITS; k++)
            for (size_t t = 0; t < g->v[i].result.split[k].n; t++) {
                const struct gathered_run *r = &g->v[i];
                const struct task_score *s = &r->result.split[k].v[t];
                buf_reset(&row);
                buf_add_csv(&row, *r->benchmark ? r->benchmark : r->result.benchmark);
                buf_addch(&row, ',');
                buf_add_csv(&row, *r->model ? r->model : r->result.executor);
                buf_addch(&row, ',');
                buf_add_csv(&row, r->arm);
                buf_addf(&row, ",%lld,%s,", (long long)r->result.seed,
                         scored_split_name((enum scored_split)k));
                buf_add_csv(&row, s->id);
                buf_addch(&row, ',');
                buf_add_csv(&row, s->family);
                buf_addf(&row, ",%d,%d\n", s->scored && s->correct, !s->scored);
                fwrite(row.ptr, 1, row.len, out);
            }
    buf_release(&row);
}
