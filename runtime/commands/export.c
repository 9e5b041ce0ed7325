/* export.c - `grasp export`: what runs hold as flat rows, for other tools. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/commands/table.h"
#include "runtime/compare/matrix.h"
#include "runtime/report/rows.h"

static int choice(const struct args *a, const char *option, const char *const *names, int *out)
{
    const char *given = arg_str(a, option);
    struct buf all = BUF_INIT;
    for (*out = 0; names[*out]; ++*out) {
        if (strcmp(names[*out], given) == 0) {
            buf_release(&all);
            return 0;
        }
        buf_addf(&all, "%s%s", *out ? ", " : "", names[*out]);
    }
    int rc = err_set(GRASP_EUSAGE, "--%s: '%s' is none of %s", option, given, all.ptr);
    buf_release(&all);
    return rc;
}

static int rows(const struct args *a, enum rows kind, enum rows_format format, struct buf *out)
{
    struct strlist runs = {0};
    int rc = 0;
    rows_head(kind, format, out);
    for (size_t i = 0; rc == 0 && i < operand_count(a); i++)
        rc = matrix_runs(operand(a, i), false, &runs);
    for (size_t i = 0; rc == 0 && i < runs.n; i++)
        rc = rows_of(runs.v[i], kind, format, arg_str(a, "journal"), out);
    strlist_release(&runs);
    return rc;
}

/* Each kind in a file of its own. Runs need not have kept their calls. */
static int all_to(const struct args *a, const char *dir, enum rows_format format)
{
    int rc = fs_mkdirs(dir);
    for (int kind = 0; rc == 0 && kind < ROWS_KINDS; kind++) {
        struct buf out = BUF_INIT, name = BUF_INIT;
        buf_addf(&name, "%s/%s.%s", dir, rows_names[kind], rows_formats[format]);
        rc = rows(a, (enum rows)kind, format, &out);
        if (rc == GRASP_ENOTFOUND && kind == ROWS_CALLS && !arg_str(a, "journal")) {
            log_warn("%s; calls are left out", err_msg());
            err_clear();
            rc = 0;
        } else if (rc == 0) {
            rc = fs_write(name.ptr, out.ptr, out.len);
            if (rc == 0)
                printf("%s\n", name.ptr);
        }
        buf_release(&out);
        buf_release(&name);
    }
    return rc;
}

static int print_columns(void)
{
    struct buf out = BUF_INIT;
    rows_columns(&out);
    int rc = buf_check(&out);
    if (rc == 0)
        fputs(out.ptr, stdout);
    buf_release(&out);
    return rc;
}

static int run(const struct args *a)
{
    struct buf out = BUF_INIT;
    int kind = 0, format = 0;
    if (arg_flag(a, "columns"))
        return print_columns();
    if (!operand_count(a))
        return err_set(GRASP_EUSAGE, "grasp export needs a RUN, the directory of a run");
    int rc = choice(a, "rows", rows_names, &kind);
    if (rc == 0)
        rc = choice(a, "format", rows_formats, &format);
    if (rc == 0 && arg_str(a, "out"))
        return all_to(a, arg_str(a, "out"), (enum rows_format)format);
    if (rc == 0)
        rc = rows(a, (enum rows)kind, (enum rows_format)format, &out);
    if (rc == 0)
        fwrite(out.ptr, 1, out.len, stdout);
    buf_release(&out);
    return rc;
}

const struct command cmd_export = {
    .name = "export",
    .summary = "scores, updates, probes and calls of runs as flat rows",
    .operands = "[RUN|MATRIX...]",
    .min = 0,
    .max = -1,
    .options =
        (const struct option_def[]){
            {"rows", 'r', "KIND", "scores, updates, probes or calls", "scores"},
            {"format", 'f', "FORMAT", "csv or jsonl", "csv"},
            {"out", 'o', "DIR", "all four kinds, each in a file there", NULL},
            {"journal", 0, "DIR", "where the calls are (default: RUN/journal)", NULL},
            {"columns", 0, NULL, "print every column and what it holds", NULL},
            {0}},
    .details =
        "A row a score, a candidate, a probe of a candidate, a model call; the rows of several\n"
        "runs follow each other, and each names its run. Columns are only ever added at the "
        "end. An\nempty field: there is no such number. In CSV, a text that a spreadsheet would "
        "take for a "
        "formula\nbegins with a '. In R: read.csv(\"updates.csv\"); in "
        "pandas:\nread_json(\"probes.jsonl\", lines=True).",
    .run = run,
};
