/* summary.h - the plan before a run and the account after it. */
#ifndef GRASP_RUNTIME_LEARN_SUMMARY_H
#define GRASP_RUNTIME_LEARN_SUMMARY_H

#include <stdio.h>

#include "runtime/learn/learn.h"

/* What a run may need at most. */
struct plan {
    int64_t max_rounds, updates;
    int64_t rollouts[MODEL_PHASES], writer[MODEL_PHASES];
    int64_t tokens[MODEL_PHASES]; /* of a prompt, of a rollout's first one: estimated */
};
void plan_make(struct session *s, struct plan *p);
void plan_tokens(struct session *s, struct plan *p); /* estimate.c: part of plan_make */
void plan_print(const struct session *s, const struct plan *p, FILE *out);
void summary_print(const struct learn *l, FILE *out);

#endif
