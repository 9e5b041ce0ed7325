/* null_gate.c - how noisy the gate is: scores of a library against itself. */
#include "runtime/transfer/null_gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/stats.h"

void null_gate_release(struct null_gate *g)
{
    free(g->v);
    free(g->tasks);
    *g = (struct null_gate){0};
}

static struct null_task *task_of(struct null_gate *g, const char *id)
{
    for (size_t i = 0; i < g->n_tasks; i++)
        if (strcmp(g->tasks[i].id, id) == 0)
            return &g->tasks[i];
    struct null_task *v = reallocarray(g->tasks, g->n_tasks + 1, sizeof(*v));
    if (!v)
        return NULL;
    g->tasks = v;
    v[g->n_tasks] = (struct null_task){.id = id};
    return &v[g->n_tasks++];
}

/* A probe in both arms, by first draws: how much they agree, and how the baseline differs from what
 * chose the probe. */
static int add_pair(struct null_gate *g, const struct probe *p, enum outcome base,
                    enum outcome cand)
{
    if (base == OUTCOME_UNSCORED || cand == OUTCOME_UNSCORED)
        return 0;
    bool before = base == OUTCOME_PASS, same = before == (cand == OUTCOME_PASS);
    struct null_task *t = task_of(g, p->task->id);
    if (!t)
        return err_oom();
    t->measured++;
    t->agreed += same;
    g->measured++;
    g->agreed += same;
    *(p->failing ? &g->failing_total : &g->passing_total) += 1;
    g->failing_pass += p->failing && before;
    g->passing_fail += !p->failing && !before;
    return 0;
}

int null_gate_add(struct null_gate *g, const struct probe_set *probes, const struct gate *gate)
{
    struct null_candidate *v = reallocarray(g->v, g->n + gate->arms, sizeof(*v));
    if (!v)
        return err_oom();
    g->v = v;
    for (size_t k = 0; k < gate->arms; k++) {
        const struct gate_arm *a = &gate->arm[k];
        v[g->n++] = (struct null_candidate){a->score, a->score.eligible};
        for (size_t i = 0; i < probes->n; i++) {
            int rc = add_pair(g, &probes->v[i], gate->base[i], a->outcomes[i]);
            if (rc < 0)
                return rc;
        }
    }
    g->rounds++;
    g->fooled += gate_winner(gate) >= 0;
    return 0;
}

/* ---- summary ---- */

void null_gate_summary(const struct null_gate *g, struct null_summary *out)
{
    double sum = 0, squares = 0;
    *out = (struct null_summary){.candidates = {0, 1}, .updates = {0, 1}};
    out->agreement = g->measured ? (double)g->agreed / g->measured : 1;
    if (!g->n)
        return;
    out->min = out->max = g->v[0].score.score;
    for (size_t i = 0; i < g->n; i++) {
        int score = g->v[i].score.score;
        sum += score;
        out->min = score < out->min ? score : out->min;
        out->max = score > out->max ? score : out->max;
        out->accepted += g->v[i].accepted;
    }
    out->mean = sum / (double)g->n;
    for (size_t i = 0; i < g->n; i++)
        squares += pow(g->v[i].score.score - out->mean, 2);
    out->sd = g->n > 1 ? sqrt(squares / (double)(g->n - 1)) : 0;
    out->share = (double)out->accepted / (double)g->n;
    out->candidates = wilson(out->accepted, (int)g->n);
    out->update = (double)g->fooled / g->rounds;
    out->updates = wilson(g->fooled, g->rounds);
}

/* ---- output ---- */

static int least_agreed(const void *a, const void *b)
{
    const struct null_task *x = a, *y = b;
    int less = x->agreed * y->measured, more = y->agreed * x->measured;
    if (less != more)
        return less < more ? -1 : 1;
    if (x->measured != y->measured)
        return x->measured > y->measured ? -1 : 1;
    return strverscmp(x->id, y->id);
}

/* The tasks with the least agreement first; NULL when out of memory. */
static struct null_task *sorted(const struct null_gate *g)
{
    struct null_task *v = calloc(g->n_tasks + 1, sizeof(*v));
    if (v && g->n_tasks) {
        memcpy(v, g->tasks, g->n_tasks * sizeof(*v));
        qsort(v, g->n_tasks, sizeof(*v), least_agreed);
    }
    return v;
}

static void print_scores(const struct null_gate *g, const struct null_summary *s, FILE *out)
{
    enum { BAR = 40 };
    int most = 1;
    fprintf(out, "%7s  %6s  %8s\n", "score", "edits", "let in");
    for (int pass = 0; pass < 2; pass++)
        for (int score = s->min; score <= s->max; score++) {
            int count = 0, in = 0;
            for (size_t i = 0; i < g->n; i++) {
                count += g->v[i].score.score == score;
                in += g->v[i].score.score == score && g->v[i].accepted;
            }
            most = count > most ? count : most;
            if (!pass)
                continue;
            fprintf(out, "%+7d  %6d  %8d  ", score, count, in);
            for (int i = 0; i < (count * BAR + most - 1) / most; i++)
                fputc('#', out);
            fputc('\n', out);
        }
}

void null_gate_print(const struct null_gate *g, FILE *out)
{
    enum { SHOWN = 10 };
    struct null_summary s;
    struct null_task *tasks = sorted(g);
    size_t differ = 0;
    null_gate_summary(g, &s);
    if (g->n)
        print_scores(g, &s, out);
    fprintf(out, "score: mean %+.2f, standard deviation %.2f, from %+d to %+d\n", s.mean, s.sd,
            s.min, s.max);
    fprintf(out,
            "a useless edit would have been let in: %d of %zu, %.1f %% (95 %%: %.1f to %.1f %%)\n",
            s.accepted, g->n, 100 * s.share, 100 * s.candidates.low, 100 * s.candidates.high);
    fprintf(out, "updates that let one in: %d of %d, %.1f %% (95 %%: %.1f to %.1f %%)\n", g->fooled,
            g->rounds, 100 * s.update, 100 * s.updates.low, 100 * s.updates.high);
    fprintf(out, "probes with the same outcome in both arms: %d of %d, %.1f %%\n", g->agreed,
            g->measured, 100 * s.agreement);
    fprintf(out,
            "drawn as failing, passing when measured again: %d of %d; as passing, failing: %d of "
            "%d\n",
            g->failing_pass, g->failing_total, g->passing_fail, g->passing_total);
    for (size_t i = 0; tasks && i < g->n_tasks; i++)
        differ += tasks[i].agreed < tasks[i].measured;
    if (differ)
        fprintf(out, "least agreement, of %zu tasks that differed at all (%zu were probes):\n",
                differ, g->n_tasks);
    for (size_t i = 0; tasks && i < differ && i < SHOWN; i++)
        fprintf(out, "  %-20s  %d of %d\n", tasks[i].id, tasks[i].agreed, tasks[i].measured);
    free(tasks);
}

json_t *null_gate_to_json(const struct null_gate *g)
{
    json_t *candidates = json_array(), *tasks = json_array();
    struct null_task *v = sorted(g);
    struct null_summary s;
    null_gate_summary(g, &s);
    for (size_t i = 0; i < g->n; i++) {
        const struct gate_score *r = &g->v[i].score;
        json_array_append_new(candidates,
                              json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b}", "score",
                                        r->score, "fixes", r->fixes, "regressions", r->regressions,
                                        "base_fixes", r->base_fixes, "base_regressions",
                                        r->base_regressions, "unscored", r->unscored, "eligible",
                                        (int)r->eligible, "accepted", (int)g->v[i].accepted));
    }
    for (size_t i = 0; v && i < g->n_tasks; i++)
        json_array_append_new(tasks, json_pack("{s:s, s:i, s:i}", "id", v[i].id, "measured",
                                               v[i].measured, "agreed", v[i].agreed));
    free(v);
    return json_pack("{s:i, s:i, s:o, s:f, s:f, s:i, s:i, s:i, s:f, s:[f,f], s:f, s:[f,f], s:f, "
                     "s:{s:i, s:i, s:i, "
                     "s:i}, s:o}",
                     "rounds", g->rounds, "rounds_fooled", g->fooled, "candidates", candidates,
                     "mean", s.mean, "sd", s.sd, "min", s.min, "max", s.max, "accepted", s.accepted,
                     "share", s.share, "interval", s.candidates.low, s.candidates.high,
                     "share_of_updates", s.update, "interval_of_updates", s.updates.low,
                     s.updates.high, "agreement", s.agreement, "baseline", "failing_pass",
                     g->failing_pass, "failing", g->failing_total, "passing_fail", g->passing_fail,
                     "passing", g->passing_total, "tasks", tasks);
}
