/*
 * report.h - a run as a page. Reads the files of a run directory; never runs anything.
 *
 *     struct buf page = BUF_INIT;
 *     rc = report_page("runs/1", &page);
 */
#ifndef GRASP_RUNTIME_REPORT_REPORT_H
#define GRASP_RUNTIME_REPORT_REPORT_H

#include "runtime/base/buf.h"

/* Appends the run in `dir` as one self-contained HTML page. GRASP_ENOTFOUND when `dir` is no run's
 * directory. Texts of models are escaped. */
int report_page(const char *dir, struct buf *out);

#endif
