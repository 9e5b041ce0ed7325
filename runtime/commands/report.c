/* report.c - `grasp report`: a run as one self-contained HTML page. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/fs.h"
#include "runtime/base/text.h"
#include "runtime/commands/table.h"
#include "runtime/report/report.h"

static int run(const struct args *a)
{
    const char *dir = operand(a, 0), *file = arg_str(a, "out");
    struct buf page = BUF_INIT;
    char *out = file ? str_dup(file) : fs_join(dir, "report.html");
    int rc = report_page(dir, &page);
    if (rc == 0)
        rc = fs_write(out, page.ptr, page.len);
    if (rc == 0)
        printf("%s\n", out);
    buf_release(&page);
    free(out);
    return rc;
}

const struct command cmd_report = {
    .name = "report",
    .summary = "a run as one self-contained HTML page",
    .operands = "RUN",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"out", 'o', "FILE", "where to (default: RUN/report.html)", NULL}, {0}},
    .run = run,
};
