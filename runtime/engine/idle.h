/*
 * idle.h - what an agent scores that does nothing: it answers `FINISH([])` at once. Some tasks are
 * won that way, and a score is worth what it is above that.
 */
#ifndef GRASP_RUNTIME_ENGINE_IDLE_H
#define GRASP_RUNTIME_ENGINE_IDLE_H

#include "runtime/engine/score.h"

/* Grades every task so. No model is asked. GRASP_ESTOPPED on a signal. */
int idle_score(struct loop *loop, struct env *env, const struct task_set *tasks, struct score *out);

#endif
