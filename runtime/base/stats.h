/* stats.h - statistics of counts. Pure. */
#ifndef GRASP_BASE_STATS_H
#define GRASP_BASE_STATS_H

struct interval {
    double low, high;
};
/* The 95 % interval of a share, count of n, by Wilson's method: it behaves for none of few, which
 * is what one often hopes for. n = 0: 0 to 1. */
struct interval wilson(int count, int n);

#endif
