/* figures.h - numbers as people write them. */
#ifndef GRASP_RUNTIME_BASE_FIGURES_H
#define GRASP_RUNTIME_BASE_FIGURES_H

#include <stdint.h>
#include <stdio.h>

#include "runtime/base/buf.h"

/* "1,204" */
void text_add_count(struct buf *out, int64_t n);
/* The same for printf: figure(n).text, good until the end of the statement. */
struct figure {
    char text[28];
};
struct figure figure(int64_t n);
/* "40 s", "12 min", "2 h 05 min", "3 d 4 h" */
void text_add_duration(struct buf *out, int64_t ns);

#endif
