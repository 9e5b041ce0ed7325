/* contrast.c - arms beside each other. */
#include "runtime/compare/contrast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/stats.h"
#include "runtime/base/text.h"

/* Differences (arm - reference) of the same task with the same seed, seed by seed. */
struct pairs {
    double *d;
    size_t *task, *seed, n;
    size_t tasks, seeds;
    size_t unmatched, unscored;
    int *total;                /* by task: sum over seeds */
    const char **id, **family; /* of the tasks, borrowed */
    double *by_seed;           /* mean difference of each */
};

static void pairs_release(struct pairs *p)
{
    free(p->d);
    free(p->task);
    free(p->seed);
    free(p->total);
    free(p->id);
    free(p->family);
    free(p->by_seed);
}

static int pairs_room(struct pairs *p, size_t most, size_t seeds)
{
    p->d = calloc(most + 1, sizeof(*p->d));
    p->task = calloc(most + 1, sizeof(*p->task));
    p->seed = calloc(most + 1, sizeof(*p->seed));
    p->total = calloc(most + 1, sizeof(*p->total));
    p->id = calloc(most + 1, sizeof(*p->id));
    p->family = calloc(most + 1, sizeof(*p->family));
    p->by_seed = calloc(seeds + 1, sizeof(*p->by_seed));
    return p->d && p->task && p->seed && p->total && p->id && p->family && p->by_seed ? 0
                                                                                      : err_oom();
}

static size_t task_number(struct pairs *p, const struct task_score *t)
{
    for (size_t i = 0; i < p->tasks; i++)
        if (strcmp(p->id[i], t->id) == 0)
            return i;
    p->id[p->tasks] = t->id;
    p->family[p->tasks] = t->family;
    return p->tasks++;
}

/* Both lists are sorted by id. */
static void pair_runs(struct pairs *p, const struct split_scores *a, const struct split_scores *b)
{
    double sum = 0;
    size_t i = 0, k = 0, before = p->n;
    while (i < a->n || k < b->n) {
        int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->v[i].id, b->v[k].id);
        if (order) {
            p->unmatched++;
            *(order < 0 ? &i : &k) += 1;
            continue;
        }
        const struct task_score *x = &a->v[i++], *y = &b->v[k++];
        if (!x->scored || !y->scored) {
            p->unscored++;
            continue;
        }
        int d = (int)x->correct - (int)y->correct;
        size_t task = task_number(p, x);
        p->d[p->n] = d;
        p->task[p->n] = task;
        p->seed[p->n++] = p->seeds;
        p->total[task] += d;
        sum += d;
    }
    if (p->n > before)
        p->by_seed[p->seeds++] = sum / (double)(p->n - before);
}

static const struct run_result *of_seed(const struct arm_runs *a, int64_t seed)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->run[i]->seed == seed)
            return a->run[i];
    return NULL;
}

/* With one run each, seeds need not be the same. */
static int pairs_make(struct pairs *p, const struct arm_runs *a, const struct arm_runs *b,
                      enum scored_split split)
{
    size_t most = 0;
    for (size_t i = 0; i < a->n; i++)
        most += a->run[i]->split[split].n;
    int rc = pairs_room(p, most, a->n);
    for (size_t i = 0; rc == 0 && i < a->n; i++) {
        const struct run_result *other =
            a->n == 1 && b->n == 1 ? b->run[0] : of_seed(b, a->run[i]->seed);
        if (other && a->run[i]->split[split].n && other->split[split].n)
            pair_runs(p, &a->run[i]->split[split], &other->split[split]);
    }
    return rc;
}

/* ---- one contrast ---- */

/* Two runs that differ alike by chance have no spread and any p: fewer than these tell nothing apart. */
enum { RUNS_LEAST = 3 };

static json_t *interval_json(double low, double high)
{
    return json_pack("[f, f]", low, high);
}

static void set_estimate(json_t *v, const struct estimate *e, const char *test, const char *unit,
                         size_t n)
{
    json_object_set_new(v, "test", json_string(test));
    json_object_set_new(v, "unit", json_string(unit));
    json_object_set_new(v, "n", json_integer((json_int_t)n));
    json_object_set_new(v, "diff", json_real(e->mean));
    if (!(e->df > 0))
        return;
    json_object_set_new(v, "df", json_real(e->df));
    json_object_set_new(v, "se", json_real(e->se));
    json_object_set_new(v, "p", json_real(e->p));
    if (isfinite(e->t))
        json_object_set_new(v, "t", json_real(e->t));
    json_object_set_new(v, "interval", interval_json(e->low, e->high));
}

static void set_margin(json_t *v, const struct estimate *e, double margin)
{
    if (!(margin > 0) || !(e->df > 0))
        return;
    struct margin_test worse = noninferior(e->mean, e->se, e->df, margin),
                       same = equivalent(e->mean, e->se, e->df, margin);
    json_object_set_new(v, "margin",
                        json_pack("{s:f, s:b, s:f, s:b, s:f}", "margin", margin, "not_worse",
                                  (int)worse.yes, "p_not_worse", worse.p, "equivalent",
                                  (int)same.yes, "p_equivalent", same.p));
}

/* Which tasks changed, and by how much each family did. */
static void set_tasks(json_t *v, const struct pairs *p)
{
    json_t *fixed = json_array(), *broken = json_array(), *families = json_object();
    for (size_t i = 0; i < p->tasks; i++) {
        if (p->total[i])
            json_array_append_new(p->total[i] > 0 ? fixed : broken, json_string(p->id[i]));
        json_t *f = json_object_get(families, p->family[i]);
        json_object_set_new(families, p->family[i],
                            json_integer(json_integer_value(f) + p->total[i]));
    }
    json_object_set_new(v, "fixed", fixed);
    json_object_set_new(v, "broken", broken);
    json_object_set_new(v, "net_by_family", families);
}

static void set_pairs(json_t *v, const struct pairs *p)
{
    json_object_set_new(v, "pairs", json_integer((json_int_t)p->n));
    json_object_set_new(v, "unmatched", json_integer((json_int_t)p->unmatched));
    json_object_set_new(v, "unscored", json_integer((json_int_t)p->unscored));
    set_tasks(v, p);
}

static size_t shares(const struct arm_runs *a, enum scored_split split, double *out)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->run[i]->split[split].total)
            out[n++] = split_share(&a->run[i]->split[split]);
    return n;
}

static int by_runs(json_t *v, const struct pairs *p, double margin)
{
    struct estimate e = mean_of(p->by_seed, p->seeds), check;
    int rc = mean_two_way(p->d, p->task, p->seed, p->n, &check);
    if (rc < 0)
        return rc;
    set_estimate(v, &e, "paired t over seeds", "run", p->seeds);
    json_object_set_new(v, "two_way",
                        json_pack("{s:f, s:f, s:f, s:o}", "se", check.se, "df", check.df, "p",
                                  check.p, "interval", interval_json(check.low, check.high)));
    /* four times in five, were the true difference that large */
    json_object_set_new(
        v, "detectable",
        json_real(detectable((double)p->seeds, 1, 1, e.se * e.se * (double)p->seeds, 0, 0)));
    set_margin(v, &e, margin);
    return 0;
}

static int by_tasks(json_t *v, const struct pairs *p, double margin)
{
    struct estimate e;
    double exact = 1;
    int rc = mean_clustered(p->d, p->task, p->n, &e);
    if (rc == 0)
        rc = sign_flip(p->total, p->tasks, &exact);
    if (rc < 0)
        return rc;
    set_estimate(v, &e, "exact sign-flip over tasks", "task", p->tasks);
    json_object_set_new(v, "p", json_real(exact));
    json_object_set_new(
        v, "detectable",
        json_real(detectable((double)p->tasks, 1, 1, e.se * e.se * (double)p->tasks, 0, 0)));
    set_margin(v, &e, margin);
    return 0;
}

static int welch_of(json_t *v, const struct arm_runs *a, const struct arm_runs *b,
                    enum scored_split split, double margin)
{
    double *x = calloc(a->n + b->n + 1, sizeof(*x)), *y;
    if (!x)
        return err_oom();
    y = x + a->n;
    size_t n = shares(a, split, x), m = shares(b, split, y);
    struct estimate e = welch(x, n, y, m);
    set_estimate(v, &e, "Welch's t over runs", "run", n + m);
    set_margin(v, &e, margin);
    free(x);
    return 0;
}

static bool has_split(const struct arm_runs *a, enum scored_split split)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->run[i]->split[split].n)
            return true;
    return false;
}

static int too_few(const struct pairs *p, const struct arm_runs *a, const struct arm_runs *b,
                   enum scored_split split, double most)
{
    size_t lost = p->unmatched + p->unscored, all = p->n + lost;
    if (!all || (double)lost <= most * (double)all)
        return 0;
    return err_set(
        GRASP_EINVAL,
        "%s against %s on %s: %zu of %zu pairs are no pairs (%zu tasks are in one of them "
        "only, %zu could not be scored): these runs are not of one split",
        a->name, b->name, scored_split_name(split), lost, all, p->unmatched, p->unscored);
}

/* NULL in *out where either lacks the split. */
static int contrast(const struct arm_runs *a, const struct arm_runs *b, enum scored_split split,
                    const struct contrast_options *o, json_t **out)
{
    struct pairs p = {0};
    *out = NULL;
    if (!has_split(a, split) || !has_split(b, split))
        return 0;
    if (strcmp(a->run[0]->benchmark, b->run[0]->benchmark) != 0)
        return err_set(GRASP_EINVAL, "%s is a run of benchmark %s, %s of %s: not to be compared",
                       a->name, a->run[0]->benchmark, b->name, b->run[0]->benchmark);
    json_t *v = json_pack("{s:s, s:s, s:s}", "split", scored_split_name(split), "arm", a->name,
                          "against", b->name);
    int rc = v ? pairs_make(&p, a, b, split) : err_oom();
    if (rc == 0)
        rc = too_few(&p, a, b, split, o->unpaired);
    if (rc == 0 && !p.seeds)
        rc = welch_of(v, a, b, split, o->margin);
    else if (rc == 0 && p.seeds == 1)
        rc = by_tasks(v, &p, o->margin);
    else if (rc == 0)
        rc = by_runs(v, &p, o->margin);
    size_t runs = p.seeds ? p.seeds : a->n < b->n ? a->n : b->n;
    if (rc == 0 && p.seeds != 1 && runs < RUNS_LEAST)
        json_object_set_new(v, "few", json_true());
    if (rc == 0) {
        set_pairs(v, &p);
        *out = v;
        v = NULL;
    }
    json_decref(v);
    pairs_release(&p);
    return rc;
}

int contrast_libraries(const struct split_scores *a, const struct split_scores *b,
                       const struct contrast_options *o, json_t **out)
{
    struct pairs p = {0};
    json_t *v = *out = json_object();
    int rc = v ? pairs_room(&p, a->n, 1) : err_oom();
    if (rc == 0)
        pair_runs(&p, a, b);
    size_t lost = p.unmatched + p.unscored;
    if (rc == 0 && (!p.n || (double)lost > o->unpaired * (double)(p.n + lost)))
        rc = err_set(
            GRASP_EINVAL,
            "%zu of %zu pairs are no pairs (%zu tasks are in one of them only, %zu could not "
            "be scored): these are not scores of one split",
            lost, p.n + lost, p.unmatched, p.unscored);
    if (rc == 0)
        rc = by_tasks(v, &p, o->margin);
    if (rc == 0)
        set_pairs(v, &p);
    pairs_release(&p);
    if (rc < 0) {
        json_decref(v);
        *out = NULL;
    }
    return rc;
}

/* ---- a table ---- */

json_t *spread_json(const double *v, size_t n)
{
    if (!n)
        return json_null();
    struct estimate e = mean_of(v, n);
    json_t *out = json_pack("{s:f, s:I}", "mean", e.mean, "n", (json_int_t)n);
    if (n > 1)
        json_object_set_new(out, "sd", json_real(e.se * sqrt((double)n)));
    return out;
}

static json_t *split_json(const struct split_scores *s)
{
    struct interval w = wilson(s->correct, s->total);
    return json_pack("{s:f, s:i, s:i, s:i, s:o}", "score", split_share(s), "n_correct", s->correct,
                     "n_total", s->total, "unscored", (int)s->n - s->total, "interval",
                     interval_json(w.low, w.high));
}

static int arm_json(const struct arm_runs *a, json_t **out)
{
    double *x = calloc(a->n + 1, sizeof(*x));
    json_t *runs = json_array(), *v = json_pack("{s:s, s:O}", "arm", a->name, "runs", runs);
    size_t n = 0;
    *out = v;
    if (!x || !v) {
        free(x);
        json_decref(runs);
        return err_oom();
    }
    for (size_t i = 0; i < a->n; i++) {
        const struct run_result *r = a->run[i];
        json_t *run = json_pack("{s:I, s:I, s:f}", "seed", (json_int_t)r->seed, "calls",
                                (json_int_t)r->calls, "usd", r->usd);
        if (r->val_best >= 0) {
            json_object_set_new(run, "val_best", json_real(r->val_best));
            x[n++] = r->val_best;
        }
        for (int k = 0; k < SCORED_SPLITS; k++)
            if (r->split[k].n)
                json_object_set_new(run, scored_split_name((enum scored_split)k),
                                    split_json(&r->split[k]));
        json_array_append_new(runs, run);
    }
    json_object_set_new(v, "val_best", spread_json(x, n));
    for (int k = 0; k < SCORED_SPLITS; k++) {
        n = shares(a, (enum scored_split)k, x);
        json_object_set_new(v, scored_split_name((enum scored_split)k), spread_json(x, n));
    }
    free(x);
    json_decref(runs);
    return 0;
}

int contrasts_holm(const json_t *family)
{
    size_t n = 0, i, size = json_array_size(family);
    double *p = calloc(size + 1, sizeof(*p));
    json_t *v;
    if (!p)
        return err_oom();
    json_array_foreach (family, i, v) {
        if (json_object_get(v, "p"))
            p[n++] = json_num_at(v, "p", 1);
    }
    int rc = holm(p, n);
    n = 0;
    json_array_foreach (family, i, v) {
        if (rc == 0 && json_object_get(v, "p")) {
            json_object_set_new(v, "p_holm", json_real(p[n]));
            json_object_set_new(v, "told_apart",
                                json_boolean(p[n] < 0.05 && !json_object_get(v, "few")));
            n++;
        }
    }
    free(p);
    return rc;
}

/* The contrasts of one split are a family. */
static int adjust(const json_t *contrasts, const char *split)
{
    json_auto_t *family = json_array();
    size_t i;
    json_t *v;
    json_array_foreach (contrasts, i, v) {
        if (!strcmp(json_str_at(v, "split", ""), split))
            json_array_append(family, v);
    }
    return contrasts_holm(family);
}

static json_t *notes_of(const struct arm_runs *arms, size_t n, const json_t *contrasts)
{
    json_t *notes = json_array(), *v;
    bool one = false, few = false, shared = false, executors = false;
    size_t c;
    json_array_foreach (contrasts, c, v)
        few |= json_object_get(v, "few") != NULL;
    for (size_t i = 0; i < n; i++) {
        one |= arms[i].n == 1;
        for (size_t k = 0; k < arms[i].n; k++) {
            shared |= arms[i].run[k]->draws_shared;
            executors |= strcmp(arms[i].run[k]->executor, arms[0].run[0]->executor) != 0;
        }
    }
    if (one)
        json_array_append_new(notes, json_string("one run says nothing about the method: where an "
                                                 "arm has one, two libraries are compared"));
    if (few)
        json_array_append_new(notes, json_string("fewer than three runs say nothing about the "
                                                 "method: by them no arms are told apart"));
    if (shared)
        json_array_append_new(
            notes, json_string("the endpoint answers alike whatever the draw: seeds differ in the "
                               "order of dev and in probes alone"));
    if (executors)
        json_array_append_new(notes, json_string("the runs are not all of one executor"));
    return notes;
}

int contrast_arms(const struct arm_runs *arms, size_t n, const struct contrast_options *o,
                  json_t **out)
{
    json_t *rows = json_array(), *contrasts = json_array(), *one;
    int rc = 0;
    *out = json_pack("{s:s, s:O, s:O}", "reference", n ? arms[0].name : "", "arms", rows,
                     "contrasts", contrasts);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = arm_json(&arms[i], &one);
        json_array_append_new(rows, one);
    }
    for (int k = 0; rc == 0 && k < SCORED_SPLITS; k++) {
        for (size_t i = 1; rc == 0 && i < n; i++) {
            rc = contrast(&arms[i], &arms[0], (enum scored_split)k, o, &one);
            if (one)
                json_array_append_new(contrasts, one);
        }
        if (rc == 0)
            rc = adjust(contrasts, scored_split_name((enum scored_split)k));
    }
    if (rc == 0 && n)
        json_object_set_new(*out, "notes", notes_of(arms, n, contrasts));
    json_decref(rows);
    json_decref(contrasts);
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}
