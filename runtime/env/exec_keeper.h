/*
 * exec_keeper.h - a process that stands between this program and one child process, so that nothing
 * which that child ever starts outlives it or us.
 *
 * The kernel gives orphans to their nearest ancestor that asked for them (PR_SET_CHILD_SUBREAPER).
 * The keeper does: whatever the child forks stays below it, also what began a session of its own,
 * and is killed when the child has ended, when we close our end of `fd`, or when we are gone.
 */
#ifndef GRASP_RUNTIME_ENV_EXEC_KEEPER_H
#define GRASP_RUNTIME_ENV_EXEC_KEEPER_H

#include <sys/types.h>

struct exec_keeper {
    pid_t pid; /* ends as its child did: same exit status, same signal */
    int fd;    /* closing it asks for the end */
};
/* What the child does between fork and exec; it does not return. */
typedef void (*exec_become_fn)(pid_t parent, const void *arg);
/* The keeper keeps no descriptor of this program open but `fd`'s other end. GRASP_EIO. */
int exec_keeper_open(struct exec_keeper *k, exec_become_fn become, const void *arg);
/* Has everything killed and waits for it. A keeper that was not opened has pid 0. */
void exec_keeper_close(struct exec_keeper *k);

#endif
