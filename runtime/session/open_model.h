/*
 * open_model.h - the one place that knows every kind of chat model: it stands above the backends, so
 * that none of them knows another.
 */
#ifndef GRASP_RUNTIME_SESSION_OPEN_MODEL_H
#define GRASP_RUNTIME_SESSION_OPEN_MODEL_H

#include "runtime/config/config.h"

/* Opens a model by its kind. Settings are copied where they are needed later. GRASP_EINVAL with what
 * is missing. */
int model_open(struct model **m, struct loop *loop, const struct model_settings *settings);
/* Opens the executor's (or the writer's) model; name_override (may be NULL) replaces the name. */
int config_model(const struct config *c, bool writer, const char *name_override, struct loop *loop,
                 struct model **m);

#endif
