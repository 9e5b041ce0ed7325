/*
 * published.h - the scores of the paper's released runs, seed by seed (jomoll/GRASP results/, arXiv
 * 2605.29668). A run without a scored best checkpoint counts with its own baseline, as in the paper's
 * tables; val_best is the highest over epochs.
 */
#ifndef GRASP_RUNTIME_COMPARE_PUBLISHED_H
#define GRASP_RUNTIME_COMPARE_PUBLISHED_H

#include <jansson.h>

enum { PUBLISHED_SEEDS = 8 };

struct published_scores {
    const char *model, *benchmark,
        *method; /* benchmark: "v1", "v2", "fhir-agentbench"; method also an ablation's name */
    int n;       /* seeds */
    double val_best[PUBLISHED_SEEDS], id_test[PUBLISHED_SEEDS], test[PUBLISHED_SEEDS];
};
extern const struct published_scores published_table[]; /* ends with model NULL */

/* Calls fn for each row of a model and benchmark. */
void published_each(const char *model, const char *benchmark,
                    void (*fn)(void *arg, const struct published_scores *s), void *arg);
/* GRASP_EUSAGE naming the models there are. */
int published_check(const char *model);
/* {mean, n, sd}, NAN left out; null where nothing is there. New reference. */
json_t *published_spread(const double *v, int n);

#endif
