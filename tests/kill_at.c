/*
 * kill_at.c - runs a command and lets it die, or its disk fill up, at a chosen point.
 *
 *     kill_at [-e] [-c FILE] N COMMAND...
 *
 * Counts the system calls that change files (writes to regular files, new files, renames, links,
 * truncations, flushes). At the Nth the command is killed by SIGKILL: before the call when N is
 * even, and when it is odd after half of a write, or after another call. With -e it is not killed,
 * but that call and all later ones that need room fail with ENOSPC. N = 0: only counts. The count
 * goes to FILE. Exit status: the command's, 137 when it was killed, 125 when this does not work
 * here. Linux on x86-64 only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__) && defined(__x86_64__)

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

static int regular(pid_t pid, unsigned long long fd)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d/fd/%llu", (int)pid, fd);
    return fd > 2 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* 0: of no interest, 1: changes files, 2: and needs room, 3: a write of rdx bytes. */
static int kind_of(pid_t pid, const struct user_regs_struct *r)
{
    switch (r->orig_rax) {
    case SYS_write:
    case SYS_pwrite64:
        return regular(pid, r->rdi) ? 3 : 0;
    case SYS_writev:
    case SYS_pwritev:
        return regular(pid, r->rdi) ? 2 : 0;
    case SYS_openat:
        return r->rdx & O_CREAT ? 2 : 0;
    case SYS_open:
        return r->rsi & O_CREAT ? 2 : 0;
    case SYS_mkdir:
    case SYS_mkdirat:
    case SYS_link:
    case SYS_linkat:
    case SYS_symlink:
    case SYS_symlinkat:
        return 2;
    case SYS_rename:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_rmdir:
    case SYS_ftruncate:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_msync:
    case SYS_syncfs:
        return 1;
    default:
        return 0;
    }
}

static int finish(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* One stop at a system call's entry or exit. 0, or what waitpid said of the end in *status. */
static int next_stop(pid_t pid, int *status)
{
    int signal = 0;
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, pid, 0, signal) < 0 || waitpid(pid, status, 0) < 0)
            return -1;
        if (WIFEXITED(*status) || WIFSIGNALED(*status))
            return 1;
        if (WSTOPSIG(*status) == (SIGTRAP | 0x80))
            return 0;
        signal = WSTOPSIG(*status) == SIGTRAP ? 0 : WSTOPSIG(*status);
    }
}

static int kill_now(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return 137;
}

static int trace(pid_t pid, long at, int full, long *count)
{
    struct user_regs_struct r;
    int status, ended;
    for (;;) {
        if ((ended = next_stop(pid, &status)) != 0) /* entry */
            return ended < 0 ? 125 : finish(status);
        ptrace(PTRACE_GETREGS, pid, 0, &r);
        int kind = kind_of(pid, &r);
        int now = kind && ++*count == at, no_room = full && at && kind >= 2 && *count >= at;
        if (now && !full && *count % 2 == 0)
            return kill_now(pid);
        if (now && !full && kind == 3) {
            r.rdx /= 2;
            ptrace(PTRACE_SETREGS, pid, 0, &r);
        }
        if (no_room) {
            r.orig_rax = (unsigned long long)-1;
            ptrace(PTRACE_SETREGS, pid, 0, &r);
        }
        if ((ended = next_stop(pid, &status)) != 0) /* exit */
            return ended < 0 ? 125 : finish(status);
        if (now && !full)
            return kill_now(pid);
        if (no_room) {
            ptrace(PTRACE_GETREGS, pid, 0, &r);
            r.rax = (unsigned long long)-ENOSPC;
            ptrace(PTRACE_SETREGS, pid, 0, &r);
        }
    }
}

int main(int argc, char **argv)
{
    const char *file = NULL;
    int full = 0, opt, status;
    long count = 0;
    while ((opt = getopt(argc, argv, "+ec:")) != -1) {
        full |= opt == 'e';
        file = opt == 'c' ? optarg : file;
    }
    if (argc - optind < 2)
        return 125;
    long at = strtol(argv[optind], NULL, 10);
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(argv[optind + 1], argv + optind + 1);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
        return 125;
    int rc = trace(pid, at, full, &count);
    FILE *out = file ? fopen(file, "w") : NULL;
    if (out) {
        fprintf(out, "%ld\n", count);
        fclose(out);
    }
    return rc;
}

#else

int main(void)
{
    return 125;
}

#endif
