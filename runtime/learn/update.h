/* update.h - shared by the files of an update: update.c (failures to the writer's replies),
 * candidates.c (replies to candidates) and gate.c (candidates to a decision). */
#ifndef GRASP_RUNTIME_LEARN_UPDATE_H
#define GRASP_RUNTIME_LEARN_UPDATE_H

#include "runtime/learn/learn_private.h"

/* What an update knows while it runs. */
struct update {
    struct learn *l;
    const struct batch *batch;
    struct group *base;            /* the baseline's rollouts of the probes; NULL: none */
    json_t *labels, *also, *notes; /* id -> text, of this batch's failures */
    struct fail_group {
        const char *label;
        size_t *v, n; /* indices into the batch's group */
    } * groups;
    size_t n_groups;
    struct candidate_list list;
    const char *label, *about; /* of the failures that the reply being taken is for */
    int k;
};

void update_release(struct update *u);
/* contrast.c. Whether the batch's i-th task failed, by the recorded outcome. */
bool update_is_failure(const struct update *u, size_t i);
/* A passing rollout of the batch of the same family; NULL: there is none. */
const struct rollout *update_beside(const struct update *u, const struct rollout *r);
/* Adds to a proposal's data what it is shown of the batch: tasks, passing, passing_others, others,
 * what the agents were told, and what the skills in it did on these tasks. */
int update_contrast(struct update *u, const struct fail_group *g, json_t *data);
/* What an edit may be in this update: room, number of edits, what it must not quote. */
struct edit_rules update_rules(struct learn *l);
/* Counts an edit that was refused and says why in the log; `arg` is the struct update. */
void update_refused(void *arg, enum edit_refusal why, const char *detail);
/* Takes a valid proposal as a candidate unless an earlier one is the same. */
int update_add_candidate(struct update *u, struct proposal *p, bool revision);
/* Takes the valid edits of a writer's reply as candidates. */
int update_take_reply(struct update *u, const struct buf *text, bool revision);
/* Measures the candidates, revises and confirms the winner, records the decision. */
int update_gate(struct update *u, const struct probe_set *p, const enum outcome *base);

#endif
