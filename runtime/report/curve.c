/* curve.c - learning curves as SVG. */
#include "runtime/report/curve.h"

#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/report/html.h"

/* The chart in its own pixels: text has the same size in both. */
struct frame {
    int w, h, left, right, top, bottom, epochs;
    const char *class;
};

static double x_of(const struct frame *f, double x)
{
    double width = f->w - f->left - f->right;
    return f->left + width * (x + 1.4) / (f->epochs + 0.8);
}
static double y_of(const struct frame *f, double y)
{
    return f->top + (f->h - f->top - f->bottom) * (1 - y);
}

static void add_shape(struct buf *b, int shape, double x, double y, double r)
{
    switch (shape % CURVE_SHAPES) {
    case 0:
        buf_addf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>", x, y, r);
        break;
    case 1:
        buf_addf(b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", x - r, y - r,
                 2 * r, 2 * r);
        break;
    case 2:
        buf_addf(b, "<path d=\"M%.1f %.1fl%.1f %.1fh-%.1fz\"/>", x, y - 1.2 * r, 1.2 * r, 2.1 * r,
                 2.4 * r);
        break;
    case 3:
        buf_addf(b, "<path d=\"M%.1f %.1fl%.1f %.1fl-%.1f %.1fl-%.1f -%.1fz\"/>", x, y - 1.3 * r,
                 1.3 * r, 1.3 * r, 1.3 * r, 1.3 * r, 1.3 * r, 1.3 * r);
        break;
    case 4:
        buf_addf(b, "<path d=\"M%.1f %.1fl%.1f -%.1fh-%.1fz\"/>", x, y + 1.2 * r, 1.2 * r, 2.1 * r,
                 2.4 * r);
        break;
    default:
        buf_addf(b, "<path d=\"M%.1f %.1fl%.1f %.1fm0 -%.1fl-%.1f %.1f\" stroke-width=\"2.5\"/>",
                 x - r, y - r, 2 * r, 2 * r, 2 * r, 2 * r, 2 * r);
    }
}

static const char *dashes(int shape)
{
    static const char *const all[] = {"none", "7 4", "2 3", "9 3 2 3", "12 4", "4 2"};
    return all[shape % (int)(sizeof(all) / sizeof(*all))];
}

static const char *colour(int shape)
{
    static const char *const all[] = {"var(--mark)", "var(--soft)", "var(--good)",
                                      "var(--bad)",  "var(--ink)",  "var(--warm)"};
    return all[shape % CURVE_SHAPES];
}

static void add_axes(struct buf *b, const struct frame *f)
{
    for (int share = 0; share <= 100; share += 25) {
        double y = y_of(f, share / 100.0);
        buf_addf(b,
                 "<path d=\"M%d %.1fH%d\" stroke=\"var(--line)\"/><text x=\"%d\" y=\"%.1f\" "
                 "text-anchor=\"end\">%d&#160;%%</text>\n",
                 f->left, y, f->w - f->right, f->left - 6, y + 4, share);
    }
    int step = f->epochs > (f->w > 500 ? 20 : 8) ? f->epochs / (f->w > 500 ? 10 : 5) : 1;
    for (int e = 0; e < f->epochs; e += step)
        buf_addf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s%d</text>\n", x_of(f, e),
                 f->h - 8, f->w > 500 ? "epoch " : "", e + 1);
    buf_addf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x_of(f, -1),
             f->h - 8, f->w > 500 ? "before" : "epoch:");
}

static const char *level_dashes(size_t at)
{
    return at ? "1 4" : "6 4";
}

static void add_level(struct buf *b, const struct frame *f, const struct curve_level *l, size_t at)
{
    buf_addf(b,
             "<path d=\"M%d %.1fH%d\" stroke=\"var(--soft)\" stroke-width=\"1.2\" "
             "stroke-dasharray=\"%s\"/>\n",
             f->left, y_of(f, l->y), f->w - f->right, level_dashes(at));
}

static void add_curve(struct buf *b, const struct frame *f, const struct curve *c, bool numbers)
{
    const char *ink = colour(c->shape);
    buf_addf(b, "<g stroke=\"%s\" fill=\"none\" stroke-width=\"1.3\">", ink);
    for (size_t i = 0; i < c->n; i++) {
        const struct curve_point *p = &c->v[i];
        double x = x_of(f, p->x);
        if (p->low <= p->high)
            buf_addf(b, "<path d=\"M%.1f %.1fV%.1fM%.1f %.1fh8M%.1f %.1fh8\"/>", x, y_of(f, p->low),
                     y_of(f, p->high), x - 4, y_of(f, p->low), x - 4, y_of(f, p->high));
    }
    buf_addf(b, "<path stroke-width=\"2.2\" stroke-dasharray=\"%s\" d=\"", dashes(c->shape));
    for (size_t i = 0; i < c->n; i++)
        buf_addf(b, "%s%.1f %.1f", i ? "L" : "M", x_of(f, c->v[i].x), y_of(f, c->v[i].y));
    buf_addf(b, "\"/></g><g fill=\"%s\" stroke=\"%s\" stroke-width=\"0\">", ink, ink);
    for (size_t i = 0; i < c->n; i++)
        add_shape(b, c->shape, x_of(f, c->v[i].x), y_of(f, c->v[i].y), 4.2);
    buf_adds(b, "</g>\n");
    for (size_t i = 0; i < c->n; i++) {
        const struct curve_point *p = &c->v[i];
        double x = x_of(f, p->x), y = y_of(f, p->y);
        if (p->best)
            buf_addf(b,
                     "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"8\" fill=\"none\" stroke=\"%s\" "
                     "stroke-width=\"1.5\"/>",
                     x, y, ink);
        if (numbers)
            buf_addf(b,
                     "<text class=\"v\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.*f</text>\n",
                     x, y_of(f, p->low <= p->high ? p->low : p->y) + 14, f->w > 500, 100 * p->y);
    }
}

static void add_chart(struct buf *b, const struct frame *f, const struct curve *c, size_t n,
                      const struct curve_level *levels, size_t n_levels, const char *label)
{
    buf_addf(b, "<svg class=\"chart %s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
             f->class, f->w, f->h);
    html_text(b, label);
    buf_adds(b, "\">\n");
    add_axes(b, f);
    for (size_t i = 0; i < n_levels; i++)
        if (levels[i].y >= 0)
            add_level(b, f, &levels[i], i);
    for (size_t i = n; i-- > 0;)
        if (c[i].n)
            add_curve(b, f, &c[i], i == 0 && n_levels);
    buf_adds(b, "</svg>\n");
}

static void add_key(struct buf *b, const struct curve *c)
{
    buf_addf(b,
             "<li><svg width=\"44\" height=\"14\" viewBox=\"0 0 44 14\" aria-hidden=\"true\"><path "
             "d=\"M1 7H43\" stroke=\"%s\" stroke-width=\"2.2\" stroke-dasharray=\"%s\"/><g "
             "fill=\"%s\" stroke=\"%s\" stroke-width=\"0\">",
             colour(c->shape), dashes(c->shape), colour(c->shape), colour(c->shape));
    add_shape(b, c->shape, 22, 7, 4.2);
    buf_adds(b, "</g></svg>");
    html_text(b, c->name);
    buf_adds(b, "</li>\n");
}

static void add_level_key(struct buf *b, const struct curve_level *l, size_t at)
{
    buf_addf(b,
             "<li><svg width=\"44\" height=\"14\" viewBox=\"0 0 44 14\" aria-hidden=\"true\"><path "
             "d=\"M1 7H43\" stroke=\"var(--soft)\" stroke-width=\"1.2\" "
             "stroke-dasharray=\"%s\"/></svg>",
             level_dashes(at));
    html_text(b, l->name);
    buf_adds(b, " ");
    html_share(b, l->y);
    buf_adds(b, "</li>\n");
}

void curve_figure(struct buf *b, const struct curve *c, size_t n, const struct curve_level *levels,
                  size_t n_levels, int epochs, const char *label)
{
    const struct frame frames[] = {{720, 330, 50, 8, 14, 30, epochs, "wide"},
                                   {340, 260, 44, 4, 12, 26, epochs, "narrow"}};
    buf_adds(b, "<figure>\n");
    for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++)
        add_chart(b, &frames[i], c, n, levels, n_levels, label);
    buf_adds(b, "<figcaption>\n<ul class=\"keys\">\n");
    for (size_t i = 0; i < n; i++)
        if (c[i].n)
            add_key(b, &c[i]);
    for (size_t i = 0; i < n_levels; i++)
        if (levels[i].y >= 0)
            add_level_key(b, &levels[i], i);
    buf_adds(b, "</ul>\n");
}

/* ---- one run ---- */

int curve_val(struct curve *c, const struct run *r)
{
    const json_t *best = run_best_val(r);
    size_t i;
    json_t *v;
    if (!(c->v = calloc(json_array_size(r->vals) + 1, sizeof(*c->v))))
        return err_oom();
    json_array_foreach (r->vals, i, v) {
        struct curve_point *p = &c->v[c->n];
        const json_t *epoch = json_object_get(v, "epoch");
        *p = (struct curve_point){.x = json_is_integer(epoch) ? (double)json_integer_value(epoch)
                                                              : -1,
                                  .y = json_num_at(v, "score", 0),
                                  .low = 1,
                                  .high = 0,
                                  .best = v == best && json_array_size(r->vals) > 1};
        score_interval(v, &p->low, &p->high);
        c->n++;
    }
    return 0;
}

/* Val is scored beside learning and may be late; what an epoch met is known when it ends. */
static int curve_dev(struct curve *c, const struct run *r)
{
    const json_t *ends = json_object_get(r->state, "ends");
    size_t n = json_array_size(r->vals), m = json_array_size(ends), i;
    json_t *v;
    if (!(c->v = calloc(n + m + 1, sizeof(*c->v))))
        return err_oom();
    json_array_foreach (m ? (json_t *)ends : r->vals, i, v) {
        const json_t *score = json_object_get(v, m ? "dev" : "dev_score");
        if (json_is_number(score))
            c->v[c->n++] = (struct curve_point){.x = m ? (double)i : json_num_at(v, "epoch", 0),
                                                .y = json_number_value(score),
                                                .low = 1,
                                                .high = 0};
    }
    return 0;
}

static void numbers_table(struct buf *b, const struct run *r)
{
    const json_t *best = run_best_val(r);
    size_t i;
    json_t *v;
    buf_adds(b, "<details><summary>The curve in numbers</summary><div>\n");
    html_table_open(b, "the curve in numbers");
    buf_adds(b, "<thead><tr><th scope=\"col\">checkpoint</th><th scope=\"col\">val, 95 % interval"
                "</th><th scope=\"col\" class=\"n\">dev</th></tr></thead><tbody>\n");
    json_array_foreach (r->vals, i, v) {
        buf_adds(b, "<tr><th scope=\"row\">");
        if (json_is_integer(json_object_get(v, "epoch")))
            buf_addf(b, "epoch %lld%s", (long long)json_int_at(v, "epoch", 0) + 1,
                     v == best ? ", the best" : "");
        else
            buf_adds(b, "without skills");
        buf_adds(b, "</th>");
        html_score_cell(b, v);
        buf_adds(b, "<td class=\"n\">");
        if (json_is_number(json_object_get(v, "dev_score")))
            html_share(b, json_num_at(v, "dev_score", 0));
        buf_adds(b, "</td></tr>\n");
    }
    buf_adds(b, "</tbody>");
    html_table_close(b);
    buf_adds(b, "</div></details>\n");
}

bool curve_there(const struct run *r)
{
    return json_array_size(r->vals) || json_array_size(json_object_get(r->state, "ends"));
}

void curve_of_run(struct buf *b, const struct run *r)
{
    const json_t *base = run_baseline_val(r), *idle = json_at(r->summary, "do_nothing.val.score");
    struct curve c[2] = {
        {.name = "val: tasks that nothing is learned from; bars: 95 % intervals"},
        {.name = "dev: the tasks that it learns from, as they were met", .shape = 1}};
    const struct curve_level levels[] = {
        {"without skills", base ? json_num_at(base, "score", -1) : -1},
        {"doing nothing", idle ? json_number_value(idle) : -1}};
    int epochs = run_epochs_planned(r);
    if (!curve_there(r)) {
        buf_adds(b, "<p class=\"soft\">Nothing is scored yet: there is no curve.</p>\n");
        return;
    }
    if (curve_val(&c[0], r) == 0 && curve_dev(&c[1], r) == 0) {
        for (size_t i = 0; i < c[0].n; i++)
            epochs = c[0].v[i].x + 1 > epochs ? (int)c[0].v[i].x + 1 : epochs;
        curve_figure(b, c, 2, levels, 2, epochs, "val and dev accuracy by epoch");
        if (c[0].n > 1)
            buf_adds(b, r->life == RUN_DONE
                            ? "The ring marks the checkpoint that became the library."
                            : "The ring marks the best checkpoint so far.");
        buf_adds(b, "</figcaption></figure>\n");
        if (c[0].n)
            numbers_table(b, r);
    }
    free(c[0].v);
    free(c[1].v);
}
