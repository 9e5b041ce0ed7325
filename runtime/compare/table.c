/* table.c - a comparison as text, Markdown or LaTeX. */
#include "runtime/compare/table.h"

#include <math.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/compare/paper.h"
#include "runtime/compare/published.h"

/* "60.9 ± 3.1": a mean and its standard deviation, in percent. */
static void spread_text(const json_t *v, char *out, size_t size)
{
    const json_t *sd = json_object_get(v, "sd");
    if (!json_is_object(v))
        snprintf(out, size, "-");
    else if (sd)
        snprintf(out, size, "%.1f ± %.1f", 100 * json_num_at(v, "mean", 0),
                 100 * json_number_value(sd));
    else
        snprintf(out, size, "%.1f", 100 * json_num_at(v, "mean", 0));
}

static const char *const score_columns[] = {"arm", "seeds", "val best", "id_test", "test", "calls"};
static const size_t score_widths[] = {0, 5, 12, 14, 14, 9};
enum { SCORE_COLUMNS = sizeof(score_columns) / sizeof(*score_columns) };

static int64_t calls_of(const json_t *arm)
{
    const json_t *runs = json_object_get(arm, "runs");
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(runs); i++)
        sum += json_int_at(json_array_get(runs, i), "calls", 0);
    return sum;
}

/* One run has no spread; that of its score over tasks is shown: "60.9 (49-72)". */
static void add_interval(const json_t *arm, const char *key, char *text, size_t size)
{
    const json_t *runs = json_object_get(arm, "runs"),
                 *score = json_object_get(json_array_get(runs, 0), key),
                 *v = json_object_get(score, "interval");
    size_t len = strlen(text);
    if (json_array_size(runs) == 1 && v)
        snprintf(text + len, size - len, " (%.0f-%.0f)",
                 100 * json_number_value(json_array_get(v, 0)),
                 100 * json_number_value(json_array_get(v, 1)));
}

static void score_row(struct paper *p, const json_t *arm)
{
    static const char *const keys[] = {"val_best", "id_test", "test"};
    char text[64];
    paper_begin(p, json_str_at(arm, "arm", "?"));
    snprintf(text, sizeof(text), "%zu", json_array_size(json_object_get(arm, "runs")));
    paper_cell(p, text, score_widths[1]);
    for (size_t i = 0; i < 3; i++) {
        spread_text(json_object_get(arm, keys[i]), text, sizeof(text));
        add_interval(arm, keys[i], text, sizeof(text));
        paper_cell(p, text, score_widths[2 + i]);
    }
    snprintf(text, sizeof(text), "%lld", (long long)calls_of(arm));
    paper_cell(p, text, score_widths[5]);
    paper_end(p);
}

/* The first column holds this name, too. */
static void widen(struct paper *p, const char *name)
{
    size_t n = utf8_length(name, strlen(name));
    p->width = n > p->width ? n : p->width;
}

static void published_name(const struct published_scores *s, char out[96])
{
    snprintf(out, 96, "published: %s", s->method);
}

static void published_width(void *arg, const struct published_scores *s)
{
    struct paper *p = arg;
    char name[96];
    published_name(s, name);
    widen(p, name);
}

static void published_row(void *arg, const struct published_scores *s)
{
    struct paper *p = arg;
    char name[96], text[64];
    published_name(s, name);
    paper_begin(p, name);
    snprintf(text, sizeof(text), "%d", s->n);
    paper_cell(p, text, score_widths[1]);
    const double *const of[] = {s->val_best, s->id_test, s->test};
    for (size_t i = 0; i < 3; i++) {
        json_t *v = published_spread(of[i], s->n);
        spread_text(v, text, sizeof(text));
        json_decref(v);
        paper_cell(p, text, score_widths[2 + i]);
    }
    paper_cell(p, "-", score_widths[5]);
    paper_end(p);
}

static const char *const contrast_columns[] = {"arm", "split",    "difference", "95 % interval",
                                               "p",   "p (Holm)", "unit",       ""};
static const size_t contrast_widths[] = {0, 7, 10, 17, 5, 8, 7, 0};
enum { CONTRAST_COLUMNS = sizeof(contrast_columns) / sizeof(*contrast_columns) };

static void contrast_row(struct paper *p, const json_t *v)
{
    char text[160];
    const json_t *interval = json_object_get(v, "interval");
    paper_begin(p, json_str_at(v, "arm", "?"));
    paper_cell(p, json_str_at(v, "split", "?"), contrast_widths[1]);
    snprintf(text, sizeof(text), "%+.1f", 100 * json_num_at(v, "diff", 0));
    paper_cell(p, text, contrast_widths[2]);
    if (interval)
        snprintf(text, sizeof(text), "%+.1f to %+.1f",
                 100 * json_number_value(json_array_get(interval, 0)),
                 100 * json_number_value(json_array_get(interval, 1)));
    paper_cell(p, interval ? text : "-", contrast_widths[3]);
    paper_p(json_num_at(v, "p", 1), text);
    paper_cell(p, json_object_get(v, "p") ? text : "-", contrast_widths[4]);
    paper_p(json_num_at(v, "p_holm", 1), text);
    paper_cell(p, json_object_get(v, "p_holm") ? text : "-", contrast_widths[5]);
    snprintf(text, sizeof(text), "%lld %s%s", (long long)json_int_at(v, "n", 0),
             json_str_at(v, "unit", "?"), json_int_at(v, "n", 0) == 1 ? "" : "s");
    paper_cell(p, text, contrast_widths[6]);
    const json_t *margin = json_object_get(v, "margin");
    snprintf(text, sizeof(text), "%s%s",
             !json_object_get(v, "told_apart")      ? "nothing can be said"
             : json_bool_at(v, "told_apart", false) ? ""
                                                    : "not told apart",
             !margin                                     ? ""
             : json_bool_at(margin, "equivalent", false) ? "; equivalent within the margin"
             : json_bool_at(margin, "not_worse", false)  ? "; not worse by the margin"
                                                         : "; may be worse by the margin");
    paper_cell(p, text, 0);
    paper_end(p);
}

/* "task1_3, task1_7 and 4 more" */
static void print_ids(struct paper *p, const char *what, const json_t *ids)
{
    enum { SHOWN = 12 };
    size_t n = json_array_size(ids);
    if (!n)
        return;
    fprintf(p->out, "  %s (%zu):", what, n);
    for (size_t i = 0; i < n && i < SHOWN; i++)
        fprintf(p->out, "%s %s", i ? "," : "", json_string_value(json_array_get(ids, i)));
    if (n > SHOWN)
        fprintf(p->out, " and %zu more", n - SHOWN);
    fputc('\n', p->out);
}

void table_print_libraries(const json_t *v, const char *what, FILE *out)
{
    const json_t *interval = json_object_get(v, "interval");
    struct paper p = {.out = out};
    char value[16];
    paper_p(json_num_at(v, "p", 1), value);
    fprintf(out, "against %s: %+.1f points (%+.1f to %+.1f), p %s, over %lld tasks%s\n", what,
            100 * json_num_at(v, "diff", 0), 100 * json_number_value(json_array_get(interval, 0)),
            100 * json_number_value(json_array_get(interval, 1)), value,
            (long long)json_int_at(v, "n", 0),
            json_num_at(v, "p", 1) < 0.05 ? "" : ": not told apart");
    print_ids(&p, "fixed", json_object_get(v, "fixed"));
    print_ids(&p, "broken", json_object_get(v, "broken"));
}

static void print_contrasts(struct paper *p, const json_t *table)
{
    const json_t *contrasts = json_object_get(table, "contrasts"), *v;
    size_t n = json_array_size(contrasts);
    char title[160];
    if (!n)
        return;
    v = json_array_get(contrasts, 0);
    snprintf(title, sizeof(title), "against %s, in points (%s)",
             json_str_at(table, "reference", "?"), json_str_at(v, "test", "?"));
    paper_title(p, title);
    paper_header(p, contrast_columns, contrast_widths, CONTRAST_COLUMNS);
    for (size_t i = 0; i < n; i++)
        contrast_row(p, json_array_get(contrasts, i));
    paper_close(p);
    for (size_t i = 0; p->form == TABLE_TEXT && i < n; i++) {
        v = json_array_get(contrasts, i);
        bool tasks = strcmp(json_str_at(v, "unit", ""), "task") == 0;
        const json_t *two = json_object_get(v, "two_way");
        if (tasks) {
            fprintf(p->out, "%s against %s on %s:\n", json_str_at(v, "arm", "?"),
                    json_str_at(v, "against", "?"), json_str_at(v, "split", "?"));
            print_ids(p, "fixed", json_object_get(v, "fixed"));
            print_ids(p, "broken", json_object_get(v, "broken"));
        }
        if (two)
            fprintf(
                p->out,
                "%s, %s: clustered by task and seed %+.1f to %+.1f; a difference of %.1f points "
                "would be found four times in five\n",
                json_str_at(v, "arm", "?"), json_str_at(v, "split", "?"),
                100 * json_number_value(json_array_get(json_object_get(two, "interval"), 0)),
                100 * json_number_value(json_array_get(json_object_get(two, "interval"), 1)),
                100 * json_num_at(v, "detectable", 0));
        int64_t unmatched = json_int_at(v, "unmatched", 0),
                unscored = json_int_at(v, "unscored", 0);
        if (unmatched || unscored)
            fprintf(p->out,
                    "%s, %s: left out on both sides: %lld tasks without a partner, %lld "
                    "pairs that could not be scored\n",
                    json_str_at(v, "arm", "?"), json_str_at(v, "split", "?"), (long long)unmatched,
                    (long long)unscored);
    }
}

static void print_table(struct paper *p, const json_t *table, const char *published)
{
    const json_t *arms = json_object_get(table, "arms"), *notes = json_object_get(table, "notes");
    p->width = 10;
    for (size_t i = 0; i < json_array_size(arms); i++)
        widen(p, json_str_at(json_array_get(arms, i), "arm", "?"));
    if (published)
        published_each(published, json_str_at(table, "version", ""), published_width, p);
    char title[256];
    snprintf(title, sizeof(title), "%.100s, %.100s: percent, mean ± standard deviation over seeds",
             json_str_at(table, "benchmark", "?"), json_str_at(table, "model", "?"));
    paper_title(p, title);
    paper_header(p, score_columns, score_widths, SCORE_COLUMNS);
    for (size_t i = 0; i < json_array_size(arms); i++)
        score_row(p, json_array_get(arms, i));
    if (published)
        published_each(published, json_str_at(table, "version", ""), published_row, p);
    paper_close(p);
    print_contrasts(p, table);
    for (size_t i = 0; i < json_array_size(notes); i++)
        paper_note(p, json_string_value(json_array_get(notes, i)));
    if (published) {
        char text[200];
        snprintf(text, sizeof(text),
                 "published: scores of the paper's released runs with %s, another model than ours",
                 published);
        paper_note(p, text);
    }
}

void table_print(const json_t *comparison, enum table_form form, const char *published, FILE *out)
{
    struct paper p = {.out = out, .form = form};
    const json_t *tables = json_object_get(comparison, "tables");
    for (size_t i = 0; i < json_array_size(tables); i++) {
        if (i)
            fputc('\n', out);
        print_table(&p, json_array_get(tables, i), published);
    }
    paper_missing(&p, json_int_at(comparison, "missing", 0));
}
