/* rollout.h - inside the engine: what fills and empties a rollout. */
#ifndef GRASP_RUNTIME_ENGINE_ROLLOUT_H
#define GRASP_RUNTIME_ENGINE_ROLLOUT_H

#include "runtime/engine/engine.h"

void rollout_release(struct rollout *r);
/* Copies; without memory there is none, and the rollout is as right or wrong as before. */
void rollout_set_verdict(struct rollout *r, const struct verdict *v);

#endif
