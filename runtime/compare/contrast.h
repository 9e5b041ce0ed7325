/*
 * contrast.h - arms beside each other: their scores, and what may be said of their differences.
 *
 * A claim about a method is about learning runs: with two runs or more of either arm the run is the
 * unit, paired by seed where seeds are common (paired t), Welch's test where none are, with two-way
 * clustering (task and seed) as a check. With one run each nothing is said about the method: the two
 * libraries are compared over tasks (exact sign-flip, interval by t over tasks). Pooled McNemar is not
 * printed for either. p of one table are adjusted by Holm's method over the arms compared with the
 * one reference, split by split.
 */
#ifndef GRASP_RUNTIME_COMPARE_CONTRAST_H
#define GRASP_RUNTIME_COMPARE_CONTRAST_H

#include <jansson.h>

#include "runtime/compare/scores.h"

struct arm_runs {
    const char *name;
    const struct run_result *const *run; /* of distinct seeds */
    size_t n;
};

struct contrast_options {
    double margin;   /* > 0: non-inferiority and equivalence within it (a share) are told, too */
    double unpaired; /* most of the pairs that may be missing or unscored, as a share: 0.05 */
};

/*
 * {reference, arms: [{arm, runs: [{seed, val_best, id_test: {score, n_correct, n_total, interval},
 * test}], id_test: {mean, sd, n}, ...}], contrasts: [{split, arm, against, unit, test, n, df, diff, se,
 * t, p, p_holm, interval, two_way, pairs, unmatched, unscored, told_apart, fixed, broken, by_family,
 * detectable, margin}], notes: [...]}; shares, not percent. The first arm is the reference.
 * GRASP_EINVAL when more pairs are missing than options allow. New reference.
 */
int contrast_arms(const struct arm_runs *arms, size_t n, const struct contrast_options *o,
                  json_t **out);

/* Contrasts that are a family of comparisons: each that has a p gets p_holm and told_apart. GRASP_ENOMEM. */
int contrasts_holm(const json_t *family);

/* {mean, n, sd}, sd from two values on; null where there is none. New reference. */
json_t *spread_json(const double *v, size_t n);
/* Two libraries on one split: a less b, as a member of contrasts without names. The same errors. New
 * reference. */
int contrast_libraries(const struct split_scores *a, const struct split_scores *b,
                       const struct contrast_options *o, json_t **out);

#endif
