/* transfer.c - the tables of a transfer. */
#include "runtime/transfer/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

static const char *const arm_names[] = {"baseline", "library", "pruned"};

const char *transfer_arm_name(enum transfer_arm a)
{
    return arm_names[a];
}

void transfer_release(struct transfer *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct executor *e = &t->v[i];
        target_release(&e->target);
        free(e->model);
        free(e->label);
        for (int s = 0; s < SPLITS; s++)
            for (int a = 0; a < TRANSFER_ARMS; a++) {
                score_release(&e->score[s][a]);
                free(e->outcomes[s][a]);
            }
        prune_report_release(&e->pruning);
    }
    for (int s = 0; s < SPLITS; s++)
        score_release(&t->idle[s]);
    free(t->v);
    free(t->learned_by);
    *t = (struct transfer){0};
}

/* ---- numbers ---- */

/* Correct and scored tasks of a family (NULL: of all). */
static void counts(const struct score *s, const char *family, int *correct, int *total)
{
    *correct = family ? 0 : s->correct;
    *total = family ? 0 : s->total;
    for (size_t i = 0; family && i < s->n; i++)
        if (strcmp(s->v[i].family, family) == 0) {
            *correct = s->v[i].correct;
            *total = s->v[i].total;
        }
}

bool score_difference(const struct score *from, const struct score *to, const char *family,
                      double *points)
{
    int c0, n0, c1, n1;
    counts(from, family, &c0, &n0);
    counts(to, family, &c1, &n1);
    *points = 100.0 * (score_share(c1, n1) - score_share(c0, n0));
    return n0 && n1;
}

int paired_of(const enum outcome *a, const enum outcome *b, size_t n, struct paired *out)
{
    double *d = calloc(n + 1, sizeof(*d));
    *out = (struct paired){0};
    if (!d)
        return err_oom();
    for (size_t i = 0; i < n; i++) {
        bool left = a[i] == OUTCOME_PASS, right = b[i] == OUTCOME_PASS;
        if (a[i] == OUTCOME_UNSCORED || b[i] == OUTCOME_UNSCORED)
            continue;
        d[out->n++] = 100.0 * (right - left);
        out->gained += right && !left;
        out->lost += left && !right;
    }
    out->diff = mean_of(d, (size_t)out->n);
    out->p = mcnemar_exact(out->gained, out->lost);
    free(d);
    return 0;
}

/* False when one of the arms was not measured. */
static bool paired(const struct executor *e, enum split split, enum transfer_arm a,
                   enum transfer_arm b, struct paired *out)
{
    enum outcome *const *o = e->outcomes[split];
    return o[a] && o[b] && paired_of(o[a], o[b], e->tasks[split], out) == 0 && out->n;
}

/* ---- text ---- */

static void share(FILE *out, const struct score *s, const char *family)
{
    int correct, total;
    counts(s, family, &correct, &total);
    if (total)
        fprintf(out, "  %5.1f %%  %3d/%-3d", 100.0 * score_share(correct, total), correct, total);
    else
        fprintf(out, "  %16s", "-      ");
}

static void difference(FILE *out, const struct score *from, const struct score *to,
                       const char *family)
{
    double points;
    if (score_difference(from, to, family, &points))
        fprintf(out, "  %+6.1f", points);
    else
        fprintf(out, "  %6s", "-");
}

static void row(FILE *out, const struct executor *e, enum split split, const char *family,
                bool pruned)
{
    const struct score *s = e->score[split];
    share(out, &s[ARM_BASELINE], family);
    share(out, &s[ARM_LIBRARY], family);
    difference(out, &s[ARM_BASELINE], &s[ARM_LIBRARY], family);
    if (pruned && e->regated) {
        share(out, &s[ARM_PRUNED], family);
        difference(out, &s[ARM_BASELINE], &s[ARM_PRUNED], family);
    }
    fputc('\n', out);
}

static void heading(FILE *out, const char *first, int width, bool pruned)
{
    fprintf(out, "  %-*s  %-16s  %-16s  %6s", width, first, "baseline", "with library", "diff");
    if (pruned)
        fprintf(out, "  %-16s  %6s", "pruned", "diff");
    fputc('\n', out);
}

/* A baseline's families are those of the split. */
static void by_family(const struct executor *e, enum split split, const struct score *idle,
                      FILE *out)
{
    const struct score *base = &e->score[split][ARM_BASELINE];
    int width = 6;
    for (size_t f = 0; f < base->n; f++)
        if ((int)strlen(base->v[f].family) > width)
            width = (int)strlen(base->v[f].family);
    fprintf(out, "\n%s on %s by family\n", e->target.text, split_name(split));
    char first[96];
    snprintf(first, sizeof(first), "%-*s%s", width < 64 ? width : 64, "family",
             idle->total ? "  do nothing" : "");
    heading(out, first, width, e->regated);
    for (size_t f = 0; f < base->n; f++) {
        int correct, total;
        fprintf(out, "  %-*s", width, base->v[f].family);
        counts(idle, base->v[f].family, &correct, &total);
        if (total)
            fprintf(out, "  %8.1f %%", 100 * score_share(correct, total));
        row(out, e, split, base->v[f].family, true);
    }
}

static void transfer_print_skills(const struct executor *e, FILE *out)
{
    const struct prune_report *r = &e->pruning;
    int width = 5;
    for (size_t i = 0; i < r->n; i++)
        if ((int)strlen(r->v[i].name) > width)
            width = (int)strlen(r->v[i].name);
    fprintf(out,
            "\nwhat each skill does for %s: %zu probes, %zu of them failing with the library\n",
            e->target.text, r->probes, r->failing);
    if (r->n)
        fprintf(out, "  %-*s  %6s  %6s  %s\n", width, "skill", "brings", "causes",
                "score without it");
    for (size_t i = 0; i < r->n; i++) {
        const struct contribution *c = &r->v[i];
        fprintf(out, "  %-*s  %6d  %6d  %+d", width, c->name, c->brings, c->causes, c->score);
        if (c->removed)
            fprintf(out, ", removed in round %d", c->removed);
        else if (c->score > 0 && !c->eligible)
            fputs(", kept: too much breaks without it", out);
        fputc('\n', out);
    }
    fprintf(out,
            "  on its probes: %d pass with the library, %d with the branch %s (%zu of %zu "
            "skills)\n",
            r->passed_plain, r->passed_pruned, e->branch, r->set.n, r->n);
}

static void tasks(FILE *out, const struct paired *p)
{
    fprintf(out, " on the same %d tasks: %d gained, %d lost, p ", p->n, p->gained, p->lost);
    if (p->p < 0.0001)
        fputs("< 0.0001\n", out);
    else
        fprintf(out, "%.4f\n", p->p);
}

/* One arm against another on the same tasks. */
static void against(FILE *out, const struct executor *e, enum split split, enum transfer_arm a,
                    enum transfer_arm b)
{
    static const char *const names[] = {"no skills", "the library", "the pruned library"};
    const struct score *s = &e->score[split][b];
    struct interval share = wilson(s->correct, s->total);
    struct paired p;
    if (!paired(e, split, a, b, &p))
        return;
    fprintf(out, "  %s, %s: %.1f %% (%.1f to %.1f), %+.1f points (%+.1f to %+.1f) against %s",
            e->target.text, names[b], 100 * score_share(s->correct, s->total), 100 * share.low,
            100 * share.high, p.diff.mean, p.diff.low, p.diff.high, names[a]);
    tasks(out, &p);
}

static bool worse(const struct executor *e, enum split split, struct paired *p)
{
    return e->regated && paired(e, split, ARM_LIBRARY, ARM_PRUNED, p) && p->lost > p->gained;
}

static void comparisons(const struct transfer *t, enum split split, FILE *out)
{
    struct paired p;
    for (size_t i = 0; i < t->n; i++) {
        const struct executor *e = &t->v[i];
        if (!e->done)
            continue;
        against(out, e, split, ARM_BASELINE, ARM_LIBRARY);
        if (e->regated)
            against(out, e, split, ARM_BASELINE, ARM_PRUNED);
        if (worse(e, split, &p)) {
            fprintf(out, "  %s does worse on %s with the pruned library than with the whole one",
                    e->target.text, split_name(split));
            tasks(out, &p);
        }
    }
}

void transfer_print(const struct transfer *t, FILE *out)
{
    int width = 8;
    bool simulated = false, pruned = false;
    for (size_t i = 0; i < t->n; i++) {
        if ((int)strlen(t->v[i].target.text) > width)
            width = (int)strlen(t->v[i].target.text);
        simulated = simulated || (t->v[i].done && t->v[i].simulated);
        pruned = pruned || (t->v[i].done && t->v[i].regated);
    }
    fprintf(out, "source: %s at %s (%.12s), %zu skill%s%s%s%s\n", t->library, t->at, t->commit.hex,
            t->skills, t->skills == 1 ? "" : "s", t->learned_by ? ", learned by " : "",
            t->learned_by ? t->learned_by : "",
            simulated ? "; executors marked * are the simulated model" : "");
    for (size_t s = 0; s < t->n_splits; s++) {
        const struct score *idle = &t->idle[t->splits[s]];
        fprintf(out, "\n%s\n", split_name(t->splits[s]));
        if (idle->total)
            fprintf(out, "  doing nothing: %.1f %%, %d/%d\n",
                    100 * score_share(idle->correct, idle->total), idle->correct, idle->total);
        heading(out, "executor", width + 1, pruned);
        for (size_t i = 0; i < t->n; i++) {
            const struct executor *e = &t->v[i];
            if (!e->done)
                continue;
            fprintf(out, "  %s%-*s", e->target.text, width + 1 - (int)strlen(e->target.text),
                    e->simulated ? "*" : "");
            row(out, e, t->splits[s], NULL, pruned);
        }
        comparisons(t, t->splits[s], out);
    }
    for (size_t i = 0; i < t->n; i++)
        for (size_t s = 0; s < t->n_splits && t->v[i].done; s++)
            by_family(&t->v[i], t->splits[s], &t->idle[t->splits[s]], out);
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].done && t->v[i].regated)
            transfer_print_skills(&t->v[i], out);
}

/* ---- JSON ---- */

static json_t *paired_json(const struct paired *p)
{
    return json_pack("{s:i, s:i, s:i, s:f, s:f, s:f, s:f}", "tasks", p->n, "gained", p->gained,
                     "lost", p->lost, "difference", p->diff.mean, "low", p->diff.low, "high",
                     p->diff.high, "p", p->p);
}

/* What arms say of each other, beside their scores. */
static void add_pairs(json_t *out, const struct executor *e, enum split split)
{
    static const struct {
        const char *key;
        enum transfer_arm a, b;
    } pairs[] = {{"library_against_baseline", ARM_BASELINE, ARM_LIBRARY},
                 {"pruned_against_baseline", ARM_BASELINE, ARM_PRUNED},
                 {"pruned_against_library", ARM_LIBRARY, ARM_PRUNED}};
    struct paired p;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        if (paired(e, split, pairs[i].a, pairs[i].b, &p))
            json_object_set_new(out, pairs[i].key, paired_json(&p));
    if (e->regated)
        json_object_set_new(out, "pruned_is_worse", json_boolean(worse(e, split, &p)));
}

static json_t *split_json(const struct executor *e, enum split split)
{
    const struct score *s = e->score[split];
    json_t *out = json_object();
    double points;
    for (int a = 0; a < (e->regated ? TRANSFER_ARMS : ARM_PRUNED); a++)
        json_object_set_new(out, arm_names[a], score_to_json(&s[a]));
    if (score_difference(&s[ARM_BASELINE], &s[ARM_LIBRARY], NULL, &points))
        json_object_set_new(out, "difference", json_real(points));
    if (e->regated && score_difference(&s[ARM_BASELINE], &s[ARM_PRUNED], NULL, &points))
        json_object_set_new(out, "difference_pruned", json_real(points));
    add_pairs(out, e, split);
    return out;
}

json_t *transfer_to_json(const struct transfer *t)
{
    json_t *executors = json_array();
    for (size_t i = 0; i < t->n; i++) {
        const struct executor *e = &t->v[i];
        json_t *splits = json_object();
        for (size_t s = 0; s < t->n_splits && e->done; s++)
            json_object_set_new(splits, split_name(t->splits[s]), split_json(e, t->splits[s]));
        json_t *v = e->done ? json_pack("{s:s, s:s, s:s, s:b, s:O}", "to", e->target.text, "model",
                                        e->model, "label", e->label, "simulated", (int)e->simulated,
                                        "splits", splits)
                            : NULL;
        json_decref(splits);
        if (v && e->regated)
            json_object_set_new(v, "regate", prune_to_json(&e->pruning, e->branch));
        if (v)
            json_array_append_new(executors, v);
    }
    json_t *idle = json_object();
    for (size_t s = 0; s < t->n_splits; s++)
        if (t->idle[t->splits[s]].total)
            json_object_set_new(idle, split_name(t->splits[s]),
                                score_to_json(&t->idle[t->splits[s]]));
    return json_pack("{s:{s:s, s:s, s:s, s:s, s:i, s:s?}, s:o, s:o}", "library", "dir", t->library,
                     "at", t->at, "commit", t->commit.hex, "object", t->object.hex, "skills",
                     (int)t->skills, "learned_by", t->learned_by, "do_nothing", idle, "executors",
                     executors);
}
