/* figures.h - numbers as people write them. */
#ifndef GRASP_RUNTIME_BASE_FIGURES_H
#define GRASP_RUNTIME_BASE_FIGURES_H

#include <stdint.h>
#include <stdio.h>

#include "runtime/base/buf.h"

/* "1,204" */
void text_add_count(struct buf *out, int64_t n);
/* The same between two texts. */
void print_count(const char *before, int64_t n, const char *after, FILE *out);
/* "40 s", "12 min", "2 h 05 min", "3 d 4 h" */
void text_add_duration(struct buf *out, int64_t ns);

#endif
