/* gather.h - the runs of a matrix, or runs that were named, sorted into arms and set side by side. */
#ifndef GRASP_RUNTIME_COMPARE_GATHER_H
#define GRASP_RUNTIME_COMPARE_GATHER_H

#include <stdio.h>

#include "runtime/compare/contrast.h"
#include "runtime/compare/matrix.h"

struct gathered_run {
    const char *arm, *benchmark, *model; /* borrowed */
    struct run_result result;
};
struct gathered {
    struct gathered_run *v;
    size_t n, cap;
    size_t missing;       /* cells that are not done */
    struct strlist names; /* owns names of arms that were not a matrix's */
};

/* The cells that are done. `arm` of the method none is scored without skills. */
int gather_matrix(struct gathered *g, const struct matrix *m);
/* Runs as "NAME=DIR" or "DIR" (named by its folder); one NAME may come several times. */
int gather_runs(struct gathered *g, const char *const *runs, size_t n);
void gathered_release(struct gathered *g);

/* {tables: [{benchmark, model, ...as contrast_arms}], missing}. `against` (NULL: the first arm) is
 * the reference. New reference. */
int gather_compare(const struct gathered *g, const char *against, const struct contrast_options *o,
                   json_t **out);
/* A row per benchmark, model, arm, seed, split and task. */
void gather_csv(const struct gathered *g, FILE *out);

/* The directory of "[NAME=]RUN" and the length of its name, 0 without one. A name may hold "=" as arms do
 * ("cycle.grpo_k=8"), and so may what follows a "/". */
const char *gather_named(const char *run, size_t *len);

#endif
