/* rollout.h - inside the engine: the release of a rollout's contents. */
#ifndef GRASP_RUNTIME_ENGINE_ROLLOUT_H
#define GRASP_RUNTIME_ENGINE_ROLLOUT_H

#include "runtime/engine/engine.h"

void rollout_release(struct rollout *r);

#endif
