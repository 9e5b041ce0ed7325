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
/* ---- by what was measured (pace.c) ---- */

#define PLAN_TURNS 2.1 /* of an episode, in runs of the paper's settings */
struct pace_calls {
    int64_t calls, latency_ns; /* sums */
    struct model_usage usage;
};
/* What calls took; all zero: nothing is known. */
struct pace {
    struct pace_calls of[MODEL_PHASES];
    double turns; /* of an episode; 0: not known */
};
/* Of these models' calls in the session's journal, or where it has none in this directory (NULL, or
 * not there: nothing). */
void pace_of_journal(const struct session *s, const char *dir, struct pace *p);
/* plan_spending of what is expected, with measured tokens where there are some (pace NULL: none), and
 * the tokens in `usage` (NULL: not wanted). */
void plan_paced(const struct session *s, const struct plan *p, const struct pace *pace,
                struct spending *out, struct model_usage *usage);
/* Seconds that the run is expected to take; -1: not known. */
double pace_seconds(const struct session *s, const struct plan *p, const struct pace *pace);
int64_t plan_calls(const struct plan *p, size_t phase); /* at most */
int64_t plan_calls_expected(const struct plan *p, const struct pace *pace, size_t phase);
/* Tokens of so many calls of a phase. */
void pace_usage(const struct pace *pace, const struct plan *p, size_t phase, int64_t calls,
                struct model_usage *u);
/* "120,000 of prompts (90,000 cached, 10,000 written to the cache, 20,000 new), 3,000 of
 * answers" */
void plan_print_tokens(const struct model_usage *u, FILE *out);
void pace_print_time(double seconds, FILE *out);
/* GRASP_EREFUSED, with the numbers, where a budget is not enough for what is expected; `spent` is what
 * the run has spent already. `insist`: how to begin all the same. */
int plan_check(const struct config *c, const struct spending *spent,
               const struct spending *expected, const char *insist);

void plan_print(const struct session *s, const struct plan *p, const struct pace *pace, FILE *out);
void summary_print(const struct learn *l, FILE *out);
/* learned.c: what it learned, in sentences; the end of the summary. */
void learned_print(const struct learn *l, FILE *out);

#endif
