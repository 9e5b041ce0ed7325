/* report.c - `grasp report`: runs as one self-contained HTML page. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/text.h"
#include "runtime/commands/table.h"
#include "runtime/compare/matrix.h"
#include "runtime/report/report.h"

static int run(const struct args *a)
{
    size_t n = operand_count(a);
    struct strlist runs = {0};
    int64_t traces = 0;
    const char *file = arg_str(a, "out");
    struct buf page = BUF_INIT;
    char *out = NULL;
    int rc = arg_int(a, "traces", 0, 100000, &traces);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = matrix_runs(operand(a, i), true, &runs);
    if (rc == 0) {
        out = file ? str_dup(file) : fs_join(n == 1 ? operand(a, 0) : NULL, "report.html");
        rc = out ? 0 : err_oom();
    }
    struct report_options o = {
        .library = arg_str(a, "library"), .traces = (size_t)traces, .open = arg_flag(a, "open")};
    if (rc == 0 && o.library && runs.n > 1)
        rc = err_set(GRASP_EUSAGE, "--library is of one run; several are looked for beside theirs");
    if (rc == 0)
        rc = report_page((const char *const *)runs.v, runs.n, &o, &page);
    if (rc == 0)
        rc = fs_write(out, page.ptr, page.len);
    if (rc == 0)
        printf("%s\n", out);
    buf_release(&page);
    strlist_release(&runs);
    free(out);
    return rc;
}

const struct command cmd_report = {
    .name = "report",
    .summary = "runs as one self-contained HTML page",
    .operands = "[NAME=]RUN|MATRIX...",
    .min = 1,
    .max = -1,
    .options =
        (const struct option_def[]){
            {"out", 'o', "FILE", "where to (default: RUN/report.html, of several ./report.html)",
             NULL},
            {"library", 'l', "DIR", "the run's library, where it is not where it was", NULL},
            {"traces", 0, "N", "so many rollouts to read", "12"},
            {"open", 0, NULL, "every row stands open, as for paper", NULL},
            {0}},
    .details =
        "Of one run: what happened, its curve, every update with its edits as diffs, probes "
        "and\nreasons, the skills, failures, rollouts to read, costs, settings. Several runs "
        "stand beside\neach other: curves, scores with intervals, who learned what; runs of one "
        "NAME are its seeds,\nas are those of an arm of a MATRIX (the folder of grasp compare). A "
        "run may be in progress, or\nhave died. The page loads nothing and runs nothing.",
    .run = run,
};
