/* several.c - runs beside each other: curves together, scores with intervals, who learned what. */
#include "runtime/report/several.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/compare/gather.h"
#include "runtime/report/curve.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

struct several {
    struct run *run;
    char **name; /* how each is called: as it was named, with its seed where it has a name */
    size_t n;
};

static void several_release(struct several *s)
{
    for (size_t i = 0; i < s->n; i++) {
        run_release(&s->run[i]);
        free(s->name[i]);
    }
    free(s->run);
    free(s->name);
}

static int several_read(struct several *s, const char *const *runs, size_t n)
{
    s->run = calloc(n + 1, sizeof(*s->run));
    s->name = calloc(n + 1, sizeof(*s->name));
    int rc = s->run && s->name ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t len;
        const char *dir = gather_named(runs[i], &len);
        s->n++;
        rc = run_read(&s->run[i], dir, NULL);
        if (rc < 0)
            break;
        struct buf name = BUF_INIT;
        buf_add(&name, runs[i], len ? len : strlen(runs[i]));
        if (len)
            buf_addf(&name, ", seed %lld",
                     (long long)json_int_at(s->run[i].config, "cycle.seed", 1));
        s->name[i] = buf_detach(&name);
        rc = s->name[i] ? 0 : err_oom();
    }
    return rc;
}

/* ---- the sentence ---- */

/* The lowest and the highest score at a path of the runs that have one: how many. */
static size_t range_of(const struct several *s, const char *path, double *low, double *high)
{
    size_t n = 0;
    *low = 2;
    *high = -1;
    for (size_t i = 0; i < s->n; i++) {
        const struct run *r = &s->run[i];
        const json_t *v =
            path ? json_at(r->tests, path) : json_object_get(run_best_val(r), "score");
        if (!json_is_number(v))
            continue;
        *low = json_number_value(v) < *low ? json_number_value(v) : *low;
        *high = json_number_value(v) > *high ? json_number_value(v) : *high;
        n++;
    }
    return n;
}

static void add_range(struct buf *b, double low, double high)
{
    html_share(b, low);
    if (high - low >= 0.0005) {
        buf_adds(b, " to ");
        html_share(b, high);
    }
}

static void add_sentence(struct buf *b, const struct several *s)
{
    static const struct {
        const char *best, *base, *of;
    } splits[] = {{"id_test.best.score", "id_test.baseline.score",
                   "new tasks of the kinds that they learned from"},
                  {"test.best.score", "test.baseline.score", "tasks of other kinds"},
                  {NULL, NULL, "the val tasks"}};
    double low, high;
    size_t n = 0;
    buf_addf(b, "%zu runs beside each other", s->n);
    for (size_t i = 0; !n && i < sizeof(splits) / sizeof(*splits); i++) {
        if (!(n = range_of(s, splits[i].best, &low, &high)))
            continue;
        buf_adds(b, ": with what they learned ");
        if (n < s->n)
            buf_addf(b, "%zu of them, which were scored, pass ", n);
        else
            buf_adds(b, "they pass ");
        add_range(b, low, high);
        buf_addf(b, " of %s", splits[i].of);
        if (splits[i].base && range_of(s, splits[i].base, &low, &high)) {
            buf_adds(b, ", without it ");
            add_range(b, low, high);
        }
    }
    buf_adds(b, ".");
}

/* ---- curves and scores ---- */

static void add_curves(struct buf *b, const struct several *s)
{
    struct curve *c = calloc(s->n + 1, sizeof(*c));
    int epochs = 1;
    size_t n = 0, points = 0;
    for (size_t i = 0; c && i < s->n; i++) {
        c[i] = (struct curve){.name = s->name[i], .shape = (int)(i % CURVE_SHAPES)};
        int planned = run_epochs_planned(&s->run[i]), begun = (int)s->run[i].epochs;
        epochs = planned > epochs ? planned : epochs;
        epochs = begun > epochs ? begun : epochs;
        if (curve_val(&c[i], &s->run[i]) < 0)
            break;
        points += c[i].n;
        n++;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < c[i].n; k++) { /* so that intervals stand beside each other */
            c[i].v[k].x += n > 1 ? 0.24 * ((double)i / (double)(n - 1) - 0.5) : 0;
            if (n > 4)
                c[i].v[k].low = 1, c[i].v[k].high = 0;
        }
    if (points) {
        curve_figure(b, c, n, NULL, 0, epochs, "val accuracy by epoch of each run");
        buf_addf(b,
                 "Val by epoch, leftmost without skills; %sthe ring marks the checkpoint that "
                 "became the library. Points of one epoch are set a little apart.</figcaption>"
                 "</figure>\n",
                 n > 4 ? "" : "bars: 95 % intervals; ");
    }
    for (size_t i = 0; i < n; i++)
        free(c[i].v);
    free(c);
}

static const char *life_word(enum run_life life)
{
    static const char *const all[] = {[RUN_DONE] = "done",
                                      [RUN_STOPPED] = "stopped",
                                      [RUN_FAILED] = "failed",
                                      [RUN_RUNNING] = "in progress",
                                      [RUN_DIED] = "ended without a word"};
    return all[life];
}

static void add_scores(struct buf *b, const struct several *s)
{
    html_table_open(b, "scores of the runs");
    buf_adds(b,
             "<thead><tr><th scope=\"col\">run</th><th scope=\"col\">without skills, id_test</th>"
             "<th scope=\"col\">best on val</th><th scope=\"col\">id_test</th><th "
             "scope=\"col\">test</th><th scope=\"col\" class=\"n\">skills</th><th scope=\"col\" "
             "class=\"n\">edits let in</th><th scope=\"col\" class=\"n\">calls</th></tr></thead>"
             "<tbody>\n");
    for (size_t i = 0; i < s->n; i++) {
        const struct run *r = &s->run[i];
        buf_adds(b, "<tr><th scope=\"row\">");
        html_text(b, s->name[i]);
        buf_addf(b, "<br><span class=\"soft\">%s</span></th>", life_word(r->life));
        html_score_cell(b, json_at(r->tests, "id_test.baseline"));
        html_score_cell(b, run_best_val(r));
        html_score_cell(b, json_at(r->tests, "id_test.best"));
        html_score_cell(b, json_at(r->tests, "test.best"));
        html_int_cell(b, (int64_t)r->now.n);
        html_int_cell(b, json_int_at(r->summary, "candidates_accepted", 0));
        html_int_cell(b, json_int_at(r->summary, "spent.calls", 0));
        buf_adds(b, "</tr>\n");
    }
    buf_adds(b, "</tbody>");
    html_table_close(b);
}

/* ---- differences ---- */

static void p_text(struct buf *b, const json_t *v, const char *key)
{
    double p = json_num_at(v, key, -1);
    if (p < 0)
        buf_adds(b, "<td class=\"n\">-</td>");
    else if (p < 0.001)
        buf_adds(b, "<td class=\"n\">&lt; 0.001</td>");
    else
        buf_addf(b, "<td class=\"n\">%.3f</td>", p);
}

static void contrast_row(struct buf *b, const json_t *v)
{
    const json_t *interval = json_object_get(v, "interval");
    buf_adds(b, "<tr><th scope=\"row\">");
    html_text(b, json_str_at(v, "arm", "?"));
    buf_adds(b, "</th>");
    html_in(b, "td", json_str_at(v, "split", "?"));
    buf_addf(b, "<td class=\"n\">%+.1f</td><td class=\"n\">", 100 * json_num_at(v, "diff", 0));
    if (interval)
        buf_addf(b, "%+.1f to %+.1f", 100 * json_number_value(json_array_get(interval, 0)),
                 100 * json_number_value(json_array_get(interval, 1)));
    buf_adds(b, "</td>");
    p_text(b, v, "p_holm");
    buf_addf(b, "<td>%lld %s</td><td>%s</td></tr>\n", (long long)json_int_at(v, "n", 0),
             strcmp(json_str_at(v, "unit", ""), "task") == 0 ? "tasks" : "runs",
             !json_object_get(v, "told_apart")      ? "nothing can be said"
             : json_bool_at(v, "told_apart", false) ? "told apart"
                                                    : "not told apart");
}

static void add_table(struct buf *b, const json_t *table)
{
    const json_t *contrasts = json_object_get(table, "contrasts");
    size_t i;
    json_t *v;
    if (!json_array_size(contrasts))
        return;
    buf_adds(b, "<h3>Against ");
    html_text(b, json_str_at(table, "reference", "?"));
    buf_adds(b, "</h3>\n");
    html_table_open(b, "differences");
    buf_adds(b,
             "<thead><tr><th scope=\"col\">run</th><th scope=\"col\">split</th><th scope=\"col\" "
             "class=\"n\">points</th><th scope=\"col\" class=\"n\">95 % interval</th><th "
             "scope=\"col\" class=\"n\">p (Holm)</th><th scope=\"col\">over</th><th "
             "scope=\"col\">verdict</th></tr></thead><tbody>\n");
    json_array_foreach ((json_t *)contrasts, i, v) {
        contrast_row(b, v);
    }
    buf_adds(b, "</tbody>");
    html_table_close(b);
    buf_adds(b, "<ul class=\"why soft\">\n");
    json_array_foreach (json_object_get(table, "notes"), i, v) {
        html_in(b, "li", json_string_value(v));
    }
    buf_adds(b, "</ul>\n");
}

/* Two of them have one name. */
static bool has_seeds(const char *const *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len, other;
        gather_named(runs[i], &len);
        for (size_t k = i + 1; len && k < n; k++) {
            gather_named(runs[k], &other);
            if (other == len && strncmp(runs[i], runs[k], len) == 0)
                return true;
        }
    }
    return false;
}

static void add_contrasts(struct buf *b, const char *const *runs, size_t n)
{
    struct gathered g = {0};
    struct contrast_options o = {.unpaired = 0.05};
    json_t *all = NULL, *v;
    size_t i;
    int rc = gather_runs(&g, runs, n);
    if (rc == 0)
        rc = gather_compare(&g, NULL, &o, &all);
    if (rc < 0) {
        buf_adds(b, "<p class=\"note\">Their differences are not told: ");
        html_text(b, err_msg());
        buf_adds(b, "</p>\n");
        err_clear();
    }
    json_array_foreach (json_object_get(all, "tables"), i, v) {
        add_table(b, v);
    }
    if (rc == 0 && !has_seeds(runs, n))
        buf_adds(b,
                 "<p class=\"soft\">With one run each, two libraries are compared over tasks: that "
                 "says nothing of the methods, which need several seeds (NAME=RUN, the same NAME "
                 "for each).</p>\n");
    json_decref(all);
    gathered_release(&g);
}

/* ---- who learned what ---- */

static int all_names(const struct several *s, struct strlist *names)
{
    int rc = 0;
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; rc == 0 && k < s->run[i].now.n; k++)
            if (!strlist_has(names, s->run[i].now.v[k].name))
                rc = strlist_add(names, s->run[i].now.v[k].name);
    strlist_sort(names);
    return rc;
}

static void add_who(struct buf *b, const struct several *s)
{
    struct strlist names = {0};
    html_section(b, "library", "Who learned what");
    if (all_names(s, &names) < 0 || !names.n) {
        buf_adds(b, "<p>None of them has a skill.</p></section>\n");
        strlist_release(&names);
        return;
    }
    html_table_open(b, "who learned what");
    buf_adds(b, "<thead><tr><th scope=\"col\">skill</th>");
    for (size_t i = 0; i < s->n; i++)
        html_in(b, "th scope=\"col\"", s->name[i]);
    buf_adds(b, "</tr></thead><tbody>\n");
    for (size_t k = 0; k < names.n; k++) {
        buf_adds(b, "<tr><th scope=\"row\">");
        html_text(b, names.v[k]);
        buf_adds(b, "</th>");
        for (size_t i = 0; i < s->n; i++) {
            const struct skill *skill = skill_set_find(&s->run[i].now, names.v[k]);
            if (skill)
                buf_addf(b, "<td><a href=\"#r%zu-", i);
            if (skill) {
                html_text(b, names.v[k]);
                buf_addf(b, "\">&#10003; version %d</a></td>", skill->version);
            } else {
                buf_adds(b, "<td class=\"soft\">no</td>");
            }
        }
        buf_adds(b, "</tr>\n");
    }
    buf_adds(b, "</tbody>");
    html_table_close(b);
    buf_adds(b, "</section>\n");
    strlist_release(&names);
}

static void add_run(struct buf *b, const struct several *s, size_t at)
{
    const struct run *r = &s->run[at];
    buf_addf(b, "<h3>");
    html_text(b, s->name[at]);
    buf_adds(b, "</h3>\n<p>");
    part_sentence(b, r);
    buf_adds(b, "</p>\n");
    for (size_t i = 0; i < r->now.n; i++) {
        const struct skill *skill = &r->now.v[i];
        buf_adds(b, "<details><summary><b>");
        html_text(b, skill->name);
        buf_adds(b, "</b><br>");
        html_text(b, skill->description);
        buf_addf(b, "</summary><div id=\"r%zu-", at); /* inside: a link to it opens the row */
        html_text(b, skill->name);
        buf_adds(b, "\">\n");
        html_in(b, "pre", skill->body);
        buf_adds(b, "</div></details>\n");
    }
    buf_adds(b, "<p class=\"soft\">Its updates, failures, rollouts and costs: <code>grasp report ");
    html_text(b, r->dir);
    buf_adds(b, "</code></p>\n");
}

int several_runs(const char *const *runs, size_t n, struct buf *out)
{
    struct several s = {0};
    int rc = several_read(&s, runs, n);
    if (rc < 0)
        goto out;
    html_head(out, "grasp: runs beside each other");
    buf_adds(out, "<header>\n<p class=\"kicker\">grasp report</p>\n<h1>");
    add_sentence(out, &s);
    buf_adds(out, "</h1>\n");
    add_curves(out, &s);
    buf_adds(out, "</header>\n<nav aria-label=\"parts of the page\"><div><a href=\"#scores\">Scores"
                  "</a>\n<a href=\"#library\">Skills</a>\n<a href=\"#each\">Each run</a>\n<label>"
                  "<input type=\"checkbox\" id=\"open\"> open all, as for paper</label></div></nav>"
                  "\n<main id=\"main\">\n");
    html_section(out, "scores", "Scores");
    add_scores(out, &s);
    add_contrasts(out, runs, n);
    buf_adds(out, "</section>\n");
    add_who(out, &s);
    html_section(out, "each", "Each run");
    for (size_t i = 0; i < s.n; i++)
        add_run(out, &s, i);
    buf_adds(out, "</section>\n</main>\n");
    html_foot(out);
out:
    several_release(&s);
    return rc;
}
