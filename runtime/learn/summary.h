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
/* What the plan costs at most, or what runs of such a plan did cost: early stopping, short episodes, one
 * prompt for what is shared. Money by the configuration's prices, 0 where there are none. */
void plan_spending(const struct session *s, const struct plan *p, bool expected,
                   struct spending *out);
void plan_print(const struct session *s, const struct plan *p, FILE *out);
void summary_print(const struct learn *l, FILE *out);

#endif
