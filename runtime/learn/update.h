/* update.h - shared by the two files of an update: learn_update.c (failures to candidates)
 * and learn_gate.c (candidates to a decision). */
#ifndef GRASP_RUNTIME_LEARN_UPDATE_H
#define GRASP_RUNTIME_LEARN_UPDATE_H

#include "runtime/learn/learn.h"

/* What an update knows while it runs. */
struct update {
    struct learn *l;
    const struct batch *batch;
    json_t *labels, *notes; /* id -> text, of this batch's failures */
    struct fail_group {
        const char *label;
        size_t *v, n; /* indices into the batch's group */
    } * groups;
    size_t n_groups;
    struct candidate_list list;
    const char *reason; /* of the proposal call being parsed */
    int k;
};

/* Takes the valid edits of a writer's reply as candidates. */
int update_take_reply(struct update *u, const struct buf *text, bool revision);
/* Measures the candidates, revises and confirms the winner, records the decision. */
int update_gate(struct update *u, const struct probe_set *p, const enum outcome *base);

#endif
