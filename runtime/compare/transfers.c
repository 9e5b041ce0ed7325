/* transfers.c - libraries by models. */
#include "runtime/compare/transfers.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/compare/cells.h"
#include "runtime/compare/contrast.h"
#include "runtime/transfer/target.h"

static int read_runs(const struct matrix *m, const struct cell *c, const char *slug,
                     const char *split, const char *arm, struct split_scores *out)
{
    struct buf name = BUF_INIT;
    buf_addf(&name, "transfer/%s/%s/%s_runs.jsonl", slug, split, arm);
    char *path = cell_path(m, c, name.ptr);
    int rc = path ? split_scores_read(out, path) : err_oom();
    free(path);
    buf_release(&name);
    return rc;
}

/* A done cell's scores on one split; *out NULL where it has none there. */
static int cell_scores(const struct matrix *m, const struct cell *c, const json_t *transfer,
                       const char *split, json_t **out)
{
    const json_t *e = json_array_get(json_object_get(transfer, "executors"), 0);
    const json_t *of = json_object_get(json_object_get(e, "splits"), split);
    struct split_scores none = {0}, with = {0};
    struct contrast_options o = {.unpaired = 0.05};
    struct target t;
    json_t *contrast = NULL;
    *out = NULL;
    if (!of)
        return 0;
    int rc = target_parse(&t, c->model);
    if (rc < 0)
        return rc;
    rc = read_runs(m, c, t.slug, split, "baseline", &none);
    if (rc == 0)
        rc = read_runs(m, c, t.slug, split, "library", &with);
    if (rc == 0)
        rc = contrast_libraries(&with, &none, &o, &contrast);
    if (rc == 0) {
        const char *by = json_str_at(transfer, "library.learned_by", "");
        *out = json_pack("{s:s, s:b, s:O, s:O, s:o}", "model", c->model, "own",
                         strcmp(by, json_str_at(e, "model", "?")) == 0, "none",
                         json_object_get(of, "baseline"), "library", json_object_get(of, "library"),
                         "against_none", contrast);
        json_t *pruned = json_object_get(of, "pruned");
        if (pruned)
            json_object_set(*out, "pruned", pruned);
        if (!*out)
            rc = err_oom();
    }
    split_scores_release(&none);
    split_scores_release(&with);
    target_release(&t);
    return rc;
}

/* The object of a list with this text at `key`; added with it where there is none. Borrowed. */
static json_t *entry(json_t *list, const char *key, const char *text)
{
    size_t i;
    json_t *v;
    json_array_foreach (list, i, v) {
        if (strcmp(json_str_at(v, key, ""), text) == 0)
            return v;
    }
    v = json_pack("{s:s}", key, text);
    json_array_append_new(list, v);
    return v;
}

/* All models of the plan are columns, in its order. */
static json_t *table_for(const struct matrix *m, json_t *tables, const char *benchmark,
                         const char *split)
{
    size_t i;
    json_t *v;
    json_array_foreach (tables, i, v) {
        if (strcmp(json_str_at(v, "benchmark", ""), benchmark) == 0 &&
            strcmp(json_str_at(v, "split", ""), split) == 0)
            return v;
    }
    v = json_pack("{s:s, s:s, s:[], s:[]}", "benchmark", benchmark, "split", split, "models",
                  "rows");
    json_array_append_new(tables, v);
    for (size_t k = 0; k < m->n; k++)
        if (strcmp(m->v[k].benchmark, benchmark) == 0)
            entry(json_object_get(v, "models"), "model", m->v[k].model);
    return v;
}

static int add_cell(const struct matrix *m, const struct cell *c, json_t *tables)
{
    char *path = cell_path(m, c, "transfer/transfer.json");
    json_t *transfer = NULL, *splits, *v, *scores;
    const char *split;
    int rc = path ? json_read_file(&transfer, path) : err_oom();
    splits = json_at(transfer, "executors[0].splits");
    json_object_foreach (splits, split, v) {
        if (rc < 0)
            break;
        rc = cell_scores(m, c, transfer, split, &scores);
        if (rc < 0 || !scores)
            continue;
        json_t *table = table_for(m, tables, c->benchmark, split);
        json_t *row = entry(json_object_get(table, "rows"), "library", c->arm);
        json_object_set_new(row, "learned_by",
                            json_string(json_str_at(transfer, "library.learned_by", "")));
        if (!json_object_get(row, "cells"))
            json_object_set_new(row, "cells", json_array());
        json_array_append_new(json_object_get(row, "cells"), scores);
    }
    json_decref(transfer);
    free(path);
    return rc;
}

/* A table's contrasts with the score without skills are a family. */
static int adjust(const json_t *table)
{
    json_auto_t *family = json_array();
    size_t i, k;
    json_t *row, *cell;
    json_array_foreach (json_object_get(table, "rows"), i, row) {
        json_array_foreach (json_object_get(row, "cells"), k, cell)
            json_array_append(family, json_object_get(cell, "against_none"));
    }
    return contrasts_holm(family);
}

int transfers_compare(const struct matrix *m, json_t **out)
{
    json_t *tables = json_array();
    int64_t missing = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->n; i++) {
        struct cell_status s;
        cell_status(m, &m->v[i], &s);
        if (s.state == CELL_DONE)
            rc = add_cell(m, &m->v[i], tables);
        else
            missing++;
    }
    for (size_t i = 0; rc == 0 && i < json_array_size(tables); i++)
        rc = adjust(json_array_get(tables, i));
    *out =
        rc == 0 ? json_pack("{s:I, s:O}", "missing", (json_int_t)missing, "tables", tables) : NULL;
    json_decref(tables);
    return rc;
}

/* ---- printing ---- */

static const json_t *cell_of(const json_t *row, const char *model)
{
    size_t i;
    json_t *v;
    json_array_foreach (json_object_get(row, "cells"), i, v) {
        if (strcmp(json_str_at(v, "model", ""), model) == 0)
            return v;
    }
    return NULL;
}

/* "68.8 (+12.5, +2.1 to +22.9, p 0.021)", then "pruned 70.3" */
static void cell_text(const json_t *v, char *out, size_t size)
{
    if (!v) {
        snprintf(out, size, "-");
        return;
    }
    char p[16];
    const json_t *interval = json_at(v, "against_none.interval");
    paper_p(json_num_at(v, "against_none.p_holm", 1), p);
    int n = snprintf(out, size, "%.1f (%+.1f, %+.1f to %+.1f, p %s)%s",
                     100 * json_num_at(v, "library.score", 0),
                     100 * json_num_at(v, "against_none.diff", 0),
                     100 * json_number_value(json_array_get(interval, 0)),
                     100 * json_number_value(json_array_get(interval, 1)), p,
                     json_bool_at(v, "own", false) ? "*" : "");
    if (json_object_get(v, "pruned") && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, " pruned %.1f",
                 100 * json_num_at(v, "pruned.score", 0));
}

static void print_row(struct paper *p, const json_t *models, const json_t *row,
                      const size_t *widths)
{
    char text[128];
    paper_begin(p, json_str_at(row, "library", "?"));
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *v = cell_of(row, json_str_at(json_array_get(models, i), "model", "?"));
        cell_text(v, text, sizeof(text));
        paper_cell(p, text, widths[i + 1]);
    }
    paper_end(p);
}

/* The scores without skills, which are the model's own. */
static void print_none(struct paper *p, const json_t *table, const size_t *widths)
{
    const json_t *models = json_object_get(table, "models"), *rows = json_object_get(table, "rows");
    paper_begin(p, "no skills");
    for (size_t i = 0; i < json_array_size(models); i++) {
        char text[64] = "-";
        for (size_t k = 0; k < json_array_size(rows); k++) {
            const json_t *v = cell_of(json_array_get(rows, k),
                                      json_str_at(json_array_get(models, i), "model", "?"));
            if (v)
                snprintf(text, sizeof(text), "%.1f", 100 * json_num_at(v, "none.score", 0));
        }
        paper_cell(p, text, widths[i + 1]);
    }
    paper_end(p);
}

static void print_table(struct paper *p, const json_t *table)
{
    const json_t *models = json_object_get(table, "models"), *rows = json_object_get(table, "rows");
    size_t n = json_array_size(models);
    const char **columns = calloc(n + 1, sizeof(*columns));
    size_t *widths = calloc(n + 1, sizeof(*widths)); /* [0] is the rows' names */
    char text[256];
    if (!columns || !widths)
        goto out;
    columns[0] = "library";
    p->width = strlen("no skills");
    for (size_t i = 0; i < n; i++) {
        columns[i + 1] = json_str_at(json_array_get(models, i), "model", "?");
        widths[i + 1] = strlen(columns[i + 1]);
        for (size_t k = 0; k < json_array_size(rows); k++) {
            cell_text(cell_of(json_array_get(rows, k), columns[i + 1]), text, sizeof(text));
            widths[i + 1] = strlen(text) > widths[i + 1] ? strlen(text) : widths[i + 1];
        }
    }
    for (size_t k = 0; k < json_array_size(rows); k++) {
        size_t len = strlen(json_str_at(json_array_get(rows, k), "library", "?"));
        p->width = len > p->width ? len : p->width;
    }
    snprintf(
        text, sizeof(text),
        "%.60s, %.20s: percent, and against no skills in points with its 95 %% interval (exact "
        "sign-flip over tasks; p by Holm over the table)",
        json_str_at(table, "benchmark", "?"), json_str_at(table, "split", "?"));
    paper_title(p, text);
    paper_header(p, columns, widths, n + 1);
    print_none(p, table, widths);
    for (size_t k = 0; k < json_array_size(rows); k++)
        print_row(p, models, json_array_get(rows, k), widths);
    paper_close(p);
out:
    free(columns);
    free(widths);
}

void transfers_print(const json_t *comparison, enum table_form form, FILE *out)
{
    struct paper p = {.out = out, .form = form};
    const json_t *tables = json_object_get(comparison, "tables");
    for (size_t i = 0; i < json_array_size(tables); i++)
        print_table(&p, json_array_get(tables, i));
    paper_note(&p,
               "*: the model that learned the library; one library says nothing about the method");
    paper_missing(&p, json_int_at(comparison, "missing", 0));
}
