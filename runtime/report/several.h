/* several.h - inside report/: runs beside each other. */
#ifndef GRASP_RUNTIME_REPORT_SEVERAL_H
#define GRASP_RUNTIME_REPORT_SEVERAL_H

#include <stddef.h>

#include "runtime/base/buf.h"

/* As report_page, of two or more. */
int several_runs(const char *const *runs, size_t n, struct buf *out);

#endif
