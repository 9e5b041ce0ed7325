/* env_exec.c - tasks of any world through a child process that speaks JSON lines. */
#include "runtime/base/err.h"
#include "runtime/env.h"

int env_open_exec(struct env **e, struct loop *loop, const struct config *config)
{
    (void)loop, (void)config;
    *e = NULL;
    return err_set(GRASP_EINVAL, "env.kind: exec is not available in this build");
}
