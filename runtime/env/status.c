/* status.c - the ways a rollout can end, by name. */
#include "runtime/env/env.h"

static const char *const status_names[] = {
    [ROLLOUT_RUNNING] = "running",
    [ROLLOUT_COMPLETED] = "completed",
    [ROLLOUT_INVALID_ACTION] = "agent invalid action",
    [ROLLOUT_TASK_LIMIT] = "task limit reached",
    [ROLLOUT_CONTEXT_LIMIT] = "agent context limit",
    [ROLLOUT_TASK_ERROR] = "task error",
    [ROLLOUT_UNSCORED] = "unscored",
};

const char *rollout_status_name(enum rollout_status s)
{
    return status_names[s];
}
