/*
 * lead.h - the first call with a new beginning goes first. A prompt cache has a beginning from when the
 * first answer to it is there: of rollouts that begin together all would be computed from the start,
 * a hundred times what they share. A model in front of another: rollouts whose first message begins as
 * one does that is on its way for the first time wait for that one's answer, at most `most_ns`; from
 * then on nothing waits. What all tasks are told is one such beginning, so a run waits once.
 */
#ifndef GRASP_RUNTIME_SESSION_LEAD_H
#define GRASP_RUNTIME_SESSION_LEAD_H

#include "runtime/model/model.h"

/* Bytes of the first message that are a beginning: the least that endpoints cache (1,024 tokens). What
 * is shorter goes by, as do the writer's calls, which others wait for. */
#define LEAD_BYTES 4096
#define LEAD_NS    (10 * NS_PER_SEC)

/* Does not own `inner`. 0 or GRASP_ENOMEM; model_close is safe then, too. */
int lead_model(struct model **m, struct loop *loop, struct model *inner, int64_t most_ns);

#endif
