/* exec_keeper.c - the process that kills what a child process leaves behind. */
#include "runtime/env/exec_keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/err.h"

/* The parent of a process, 0 when it is not known. Its name may hold anything, ')' too. */
static pid_t parent_of(int proc, const char *pid)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "%.20s/stat", pid);
    int fd = openat(proc, path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *after = strrchr(text, ')');
    int parent = 0;
    return after && sscanf(after + 1, " %*c %d", &parent) == 1 ? (pid_t)parent : 0;
}

/* What is below us becomes our child when what is between has died. child 0: it is waited for, and
 * its number may be another process's by now. */
static void kill_children(pid_t child)
{
    if (child) { /* most of them at once, and all there is to do without /proc */
        kill(-child, SIGKILL);
        kill(child, SIGKILL);
    }
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    for (const struct dirent *d; (d = readdir(proc));)
        if (d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
            parent_of(dirfd(proc), d->d_name) == getpid())
            kill((pid_t)atol(d->d_name), SIGKILL);
    closedir(proc);
}

/* Ends the keeper as its child ended. */
static _Noreturn void end_as(int status)
{
    if (WIFSIGNALED(status)) {
        sigset_t all;
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(WTERMSIG(status), SIG_DFL);
        sigfillset(&all);
        sigprocmask(SIG_UNBLOCK, &all, NULL);
        kill(getpid(), WTERMSIG(status));
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void close_all_but(int a, int b)
{
    for (int fd = 0, most = 2; fd <= most; fd++)
        if (fd != a && fd != b)
            close(fd);
    int low = a < b ? a : b, high = a < b ? b : a;
    unsigned ranges[][2] = {
        {3, (unsigned)low - 1}, {(unsigned)low + 1, (unsigned)high - 1}, {(unsigned)high + 1, ~0U}};
    for (int i = 0; i < 3; i++)
        if (ranges[i][0] <= ranges[i][1])
            syscall(SYS_close_range, ranges[i][0], ranges[i][1], 0U);
}

/* True once `child` has ended; it is not waited for yet, others that were left to us are. */
static bool has_ended(pid_t child)
{
    for (;;) {
        siginfo_t si = {0};
        if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == child)
            return true;
        if (si.si_pid == 0)
            return false;
        waitpid(si.si_pid, NULL, 0);
    }
}

static _Noreturn void keep(int fd, exec_become_fn become, const void *arg)
{
    sigset_t all;
    pid_t self = getpid(), pid;
    int status = 0, any;
    setsid(); /* what a terminal sends is for the program to handle */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL); /* only SIGKILL ends us early */
    int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    pid_t child = fork();
    if (child == 0)
        become(self, arg);
    close_all_but(fd, signals);
    if (child < 0)
        _exit(127);
    do {
        struct signalfd_siginfo one;
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        if (poll(p, 2, signals < 0 ? 100 : -1) > 0 && p[0].revents)
            break;
        while (signals >= 0 && read(signals, &one, sizeof(one)) > 0) {
        }
    } while (!has_ended(child));
    do {
        kill_children(child);
        if ((pid = waitpid(-1, &any, 0)) == child) {
            status = any;
            child = 0;
        }
    } while (pid > 0 || errno != ECHILD);
    end_as(status);
}

int exec_keeper_open(struct exec_keeper *k, exec_become_fn become, const void *arg)
{
    int p[2];
    *k = (struct exec_keeper){.fd = -1};
    if (pipe2(p, O_CLOEXEC) < 0)
        return err_set_errno(GRASP_EIO, "cannot make a pipe");
    k->pid = fork();
    if (k->pid == 0)
        keep(p[0], become, arg);
    close(p[0]);
    if (k->pid < 0) {
        close(p[1]);
        k->pid = 0;
        return err_set_errno(GRASP_EIO, "cannot start a process");
    }
    k->fd = p[1];
    return 0;
}

void exec_keeper_close(struct exec_keeper *k)
{
    if (!k->pid)
        return;
    close(k->fd);
    while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *k = (struct exec_keeper){.fd = -1};
}
