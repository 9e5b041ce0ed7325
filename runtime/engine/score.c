/* score.c - accuracy by family, tables and result files. */
#include "runtime/engine/score.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/stats.h"

/* Digit runs compare as numbers. */
static int natural(const void *a, const void *b)
{
    const char *p = ((const struct family_score *)a)->family;
    const char *q = ((const struct family_score *)b)->family;
    return strverscmp(p, q);
}

static struct family_score *family(struct score *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].family, name) == 0)
            return &s->v[i];
    struct family_score *v = reallocarray(s->v, s->n + 1, sizeof(*v));
    if (!v)
        return NULL;
    s->v = v;
    v[s->n] = (struct family_score){.family = str_dup(name)};
    return &v[s->n++];
}

int score_of(const struct group *g, struct score *s)
{
    *s = (struct score){0};
    snprintf(s->texts, sizeof(s->texts), "%s", group_texts(g) ? group_texts(g) : "");
    for (size_t i = 0; i < group_size(g); i++) {
        const struct rollout *r = group_result(g, i);
        struct family_score *f = family(s, r->task->family);
        if (!f)
            return err_oom();
        endings_add(&s->endings, r);
        if (r->status == ROLLOUT_RUNNING || r->status == ROLLOUT_UNSCORED) {
            f->unscored++;
            s->unscored++;
            continue;
        }
        f->total++;
        f->correct += r->correct;
        s->total++;
        s->correct += r->correct;
    }
    if (s->n)
        qsort(s->v, s->n, sizeof(*s->v), natural);
    return 0;
}

void score_release(struct score *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].family);
    free(s->v);
    endings_release(&s->endings);
    *s = (struct score){0};
}

double score_share(int correct, int total)
{
    return total ? (double)correct / total : 0;
}

int score_covered(const struct score *s, double floor, const char *what, const struct engine *e)
{
    enum ending most = endings_most(&s->endings, 0.5);
    if (most != ENDING_ANSWER) {
        struct buf text = BUF_INIT;
        endings_describe(&s->endings, most, false, &text);
        log_warn("%s: %s", what, text.ptr ? text.ptr : "");
        buf_release(&text);
    }
    if (gate_enough((size_t)s->unscored, (size_t)(s->total + s->unscored), floor))
        return 0;
    return err_set(GRASP_EOUTAGE,
                   "%s: only %d of %d rollouts could be scored (%s); run the same command again "
                   "later",
                   what, s->total, s->total + s->unscored, engine_outage(e));
}

static void cell(FILE *out, int correct, int total)
{
    if (total)
        fprintf(out, "  %5.1f %%  %3d/%-3d", 100.0 * score_share(correct, total), correct, total);
    else
        fprintf(out, "  %16s", "-      ");
}

/* Only the share: its tasks are those of the score before it. */
static void idle_cell(FILE *out, int correct, int total)
{
    if (total)
        fprintf(out, "  %8.1f %%", 100.0 * score_share(correct, total));
    else
        fprintf(out, "  %10s", "-  ");
}

static void of_family(const struct score *s, const char *name, int *correct, int *total)
{
    *correct = *total = 0;
    for (size_t k = 0; k < s->n; k++)
        if (strcmp(s->v[k].family, name) == 0) {
            *correct = s->v[k].correct;
            *total = s->v[k].total;
        }
}

void score_table(FILE *out, const struct score *const *scores, const struct score *const *idle,
                 const char *const *names, size_t n)
{
    struct score all = {0}; /* the union of the families */
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < scores[i]->n; k++)
            family(&all, scores[i]->v[k].family);
    if (all.n)
        qsort(all.v, all.n, sizeof(*all.v), natural);
    fprintf(out, "%-10s", "family");
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "  %-16s", names[i]);
        if (idle && idle[i])
            fprintf(out, "  %-10s", "do nothing");
    }
    fputc('\n', out);
    for (size_t f = 0; f < all.n; f++) {
        fprintf(out, "%-10s", all.v[f].family);
        for (size_t i = 0; i < n; i++) {
            int correct, total;
            of_family(scores[i], all.v[f].family, &correct, &total);
            cell(out, correct, total);
            if (idle && idle[i]) {
                of_family(idle[i], all.v[f].family, &correct, &total);
                idle_cell(out, correct, total);
            }
        }
        fputc('\n', out);
    }
    fprintf(out, "%-10s", "all");
    for (size_t i = 0; i < n; i++) {
        cell(out, scores[i]->correct, scores[i]->total);
        if (idle && idle[i])
            idle_cell(out, idle[i]->correct, idle[i]->total);
    }
    fputc('\n', out);
    fprintf(out, "%-10s", "interval");
    for (size_t i = 0; i < n; i++) {
        struct interval w = wilson(scores[i]->correct, scores[i]->total);
        char text[32];
        snprintf(text, sizeof(text), "%.1f to %.1f", 100 * w.low, 100 * w.high);
        fprintf(out, "  %16s", text);
        if (idle && idle[i])
            fprintf(out, "  %10s", "");
    }
    fputc('\n', out);
    for (size_t i = 0; i < n; i++)
        if (scores[i]->unscored)
            fprintf(out, "%s: %d rollouts could not be scored\n", names[i], scores[i]->unscored);
    score_release(&all);
}

json_t *score_to_json(const struct score *s)
{
    json_t *families = json_object();
    for (size_t i = 0; i < s->n; i++)
        json_object_set_new(families, s->v[i].family,
                            json_pack("{s:f, s:i, s:i}", "score",
                                      score_share(s->v[i].correct, s->v[i].total), "n_correct",
                                      s->v[i].correct, "n_total", s->v[i].total));
    struct interval i = wilson(s->correct, s->total);
    return json_pack("{s:f, s:i, s:i, s:[f, f], s:i, s:o, s:o, s:s*}", "score",
                     score_share(s->correct, s->total), "n_correct", s->correct, "n_total",
                     s->total, "interval", i.low, i.high, "unscored", s->unscored, "endings",
                     endings_to_json(&s->endings), "by_family", families, "prompt_texts",
                     *s->texts ? s->texts : NULL);
}

static int score_write_runs(const char *dir, const char *name, const struct group *g)
{
    struct buf path = BUF_INIT;
    struct trace_out file;
    buf_addf(&path, "%s/%s_runs.jsonl", dir, name);
    int rc = fs_mkdirs(dir);
    if (rc == 0)
        rc = trace_out_open(&file, path.ptr);
    if (rc < 0)
        goto out;
    for (size_t i = 0; rc == 0 && i < group_size(g); i++) {
        const struct rollout *r = group_result(g, i);
        if (r->status != ROLLOUT_RUNNING)
            rc = rollout_write(r, &file);
    }
    rc = trace_out_close(&file, rc);
out:
    buf_release(&path);
    return rc;
}

int score_write(const char *dir, const char *name, const struct group *g, const struct score *s,
                const json_t *first)
{
    struct buf path = BUF_INIT;
    int rc = score_write_runs(dir, name, g);
    buf_addf(&path, "%s/%s_score.json", dir, name);
    json_t *v = json_object(), *score = score_to_json(s);
    if (!v || !score || (first && json_object_update(v, (json_t *)first) < 0) ||
        json_object_update(v, score) < 0)
        rc = rc < 0 ? rc : err_oom();
    json_decref(score);
    if (rc == 0)
        rc = json_put_file(v, path.ptr);
    json_decref(v);
    buf_release(&path);
    return rc;
}
