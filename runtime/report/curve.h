/* curve.h - inside report/: learning curves as SVG, one run's or several beside each other. */
#ifndef GRASP_RUNTIME_REPORT_CURVE_H
#define GRASP_RUNTIME_REPORT_CURVE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/report/run.h"

enum { CURVE_SHAPES = 6 }; /* told apart by shape and by dashes */
struct curve_point {
    double x, y;
    double low, high; /* of the interval; low > high: none */
    bool best;
};
struct curve {
    const char *name; /* from outside */
    int shape;
    struct curve_point *v;
    size_t n;
};
struct curve_level { /* a level that is no curve; < 0: none */
    const char *name;
    double y;
};

/* Opens a figure: the chart twice, for wide screens and for phones, and its key; the caller adds to the
 * caption and closes both. `epochs`: of the x axis. With levels, the first curve's numbers stand at its
 * points. */
void curve_figure(struct buf *b, const struct curve *c, size_t n, const struct curve_level *levels,
                  size_t n_levels, int epochs, const char *label);
/* Whether anything of a run is scored. */
bool curve_there(const struct run *r);
/* The figure of one run, with its numbers in a table below. */
void curve_of_run(struct buf *b, const struct run *r);
/* Val of a run as points; `v` is the caller's to free. 0 or GRASP_ENOMEM. */
int curve_val(struct curve *c, const struct run *r);

#endif
