/* first_message.h - the first user message of a rollout (spec: "Rollout"). */
#ifndef GRASP_RUNTIME_ENGINE_FIRST_MESSAGE_H
#define GRASP_RUNTIME_ENGINE_FIRST_MESSAGE_H

#include "runtime/engine/skills_view.h"

/* parts: {api, response_format, description, context} as env_ops.prompt gives them. `api` is the
 * same value for all tasks that share it: then everything before the task is rendered once per
 * revision. */
int first_message(struct skills_view *skills, bool with_skills, const json_t *parts,
                  enum prompt_order order, struct buf *out);
/* The same with this block in the place of the skills (NULL: none). */
int first_message_of(const struct buf *block, const json_t *parts, enum prompt_order order,
                     struct buf *out);

#endif
