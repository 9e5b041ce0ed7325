/* backend.h - what the chat backends share among themselves (model.h is the public face). */
#ifndef GRASP_RUNTIME_MODEL_BACKEND_H
#define GRASP_RUNTIME_MODEL_BACKEND_H

#include "runtime/model/model.h"

/* Fills the common part: ops, name, label, identity. On failure the caller frees m by
 * model_close. `ops->close` frees the struct itself and what the backend added; model_close has
 * freed the common part before. */
int model_init(struct model *m, const struct model_ops *ops, const struct model_settings *s);

int model_open_openai(struct model **m, struct loop *loop, const struct model_settings *s);
int model_open_responses(struct model **m, struct loop *loop, const struct model_settings *s);
int model_open_anthropic(struct model **m, struct loop *loop, const struct model_settings *s);
int model_open_replay(struct model **m, struct loop *loop, const struct model_settings *s);

#endif
