/*
 * exec_guard.h - sees to it that no child process outlives this program, however it ends.
 *
 * The kernel kills a child when its parent dies (PR_SET_PDEATHSIG), but not what that child has
 * forked. The guard is a small process that does nothing but wait for the end of this one, and then
 * kills the process groups that were named to it.
 */
#ifndef GRASP_RUNTIME_ENV_EXEC_GUARD_H
#define GRASP_RUNTIME_ENV_EXEC_GUARD_H

#include <sys/types.h>

#define EXEC_GUARD_MAX 256 /* groups at a time */

struct exec_guard {
    pid_t pid;
    int fd; /* its end is our end */
};
int exec_guard_open(struct exec_guard *g); /* GRASP_EIO */
void exec_guard_add(const struct exec_guard *g, pid_t group);
void exec_guard_remove(const struct exec_guard *g, pid_t group);
void exec_guard_close(struct exec_guard *g); /* a guard that was not opened has pid 0 */

#endif
