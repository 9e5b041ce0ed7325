/* rollout.h - inside the engine: the release of a rollout's contents. */
#ifndef GRASP_RUNTIME_ROLLOUT_H
#define GRASP_RUNTIME_ROLLOUT_H

#include "runtime/engine.h"

void rollout_release(struct rollout *r);

#endif
