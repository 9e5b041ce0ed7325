/* exec_guard.c - the process that kills what is left when this one is gone. */
#include "runtime/env/exec_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/err.h"

/* Adds a group, or takes one out (negative). */
static void note(pid_t groups[EXEC_GUARD_MAX], pid_t group)
{
    pid_t from = group < 0 ? -group : 0, to = group < 0 ? 0 : group;
    for (int i = 0; i < EXEC_GUARD_MAX; i++)
        if (groups[i] == from) {
            groups[i] = to;
            return;
        }
}

static _Noreturn void guard(int fd)
{
    pid_t groups[EXEC_GUARD_MAX] = {0}, group;
    ssize_t n;
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    setsid();
    /* Nothing that this program has open stays open here, locks among it. */
    if (fd != 0)
        syscall(SYS_close_range, 0U, (unsigned)fd - 1, 0U);
    syscall(SYS_close_range, (unsigned)fd + 1, ~0U, 0U);
    while ((n = read(fd, &group, sizeof(group))) == (ssize_t)sizeof(group) ||
           (n < 0 && errno == EINTR))
        if (n > 0)
            note(groups, group);
    for (int i = 0; i < EXEC_GUARD_MAX; i++)
        if (groups[i] > 1)
            kill(-groups[i], SIGKILL);
    _exit(0);
}

int exec_guard_open(struct exec_guard *g)
{
    int p[2];
    *g = (struct exec_guard){.fd = -1};
    if (pipe2(p, O_CLOEXEC) < 0)
        return err_set_errno(GRASP_EIO, "cannot make a pipe");
    g->pid = fork();
    if (g->pid == 0) {
        close(p[1]);
        guard(p[0]);
    }
    close(p[0]);
    if (g->pid < 0) {
        close(p[1]);
        g->pid = 0;
        return err_set_errno(GRASP_EIO, "cannot start a process");
    }
    g->fd = p[1];
    return 0;
}

static void tell(const struct exec_guard *g, pid_t group)
{
    if (g->pid && write(g->fd, &group, sizeof(group)) < 0) {
        /* Without its guard a child still dies with us; only what it forks may not. */
    }
}

void exec_guard_add(const struct exec_guard *g, pid_t group)
{
    tell(g, group);
}

void exec_guard_remove(const struct exec_guard *g, pid_t group)
{
    tell(g, -group);
}

void exec_guard_close(struct exec_guard *g)
{
    if (!g->pid)
        return;
    close(g->fd);
    while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *g = (struct exec_guard){.fd = -1};
}
