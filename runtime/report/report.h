/*
 * report.h - runs as a page. Reads the files of run directories and their libraries; never runs
 * anything.
 *
 *     struct report_options o = {.traces = 12};
 *     struct buf page = BUF_INIT;
 *     rc = report_page((const char *[]){"runs/1"}, 1, &o, &page);
 */
#ifndef GRASP_RUNTIME_REPORT_REPORT_H
#define GRASP_RUNTIME_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/buf.h"

struct report_options {
    const char *library; /* of the one run; NULL: where the run says, or beside it */
    size_t traces;       /* how many rollouts to read */
    bool open;           /* every row stands open, as for paper */
};

/* Appends the runs in these directories as one self-contained HTML page: one in full, several beside
 * each other ("DIR", or "NAME=DIR"; runs of one name are seeds of one arm). A run may be in progress,
 * or have died. GRASP_ENOTFOUND when one is no run's directory. Texts of models are escaped. */
int report_page(const char *const *runs, size_t n, const struct report_options *o, struct buf *out);

#endif
