/* exec_child.c - starts, feeds, reads and ends one child process. */
#include "runtime/env/exec_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/env/exec_keeper.h"
#include "runtime/env/exec_protocol.h"

#define CHUNK      65536
#define LAST_WORDS 240
/* A child that closed its pipes has ended, as a rule, and its status says more; its keeper has to be
 * scheduled first, on a machine that may be busy. */
#define FADE_NS NS_PER_SEC

struct exec_child {
    struct loop *loop;
    struct exec_command *command;
    exec_line_fn line;
    exec_lost_fn lost;
    void *arg;
    struct exec_keeper keeper; /* its parent, which ends as it ends */
    int in, out, err, pidfd;   /* its stdin, stdout, stderr; -1: closed */
    struct buf sent, got, words;
    size_t sent_at; /* what of `sent` is written */
    uint64_t fade;
    const char *fault; /* what it did before it faded */
    bool gone;         /* lost was called */
    char last[LAST_WORDS + 8];
};

/* ---- starting ---- */

struct birth {
    const struct exec_command *command;
    int fds[3], report;
};

/* Between fork and exec: only what is safe there. The stage and errno go to the program. */
static void become(pid_t parent, const void *arg)
{
    const struct birth *b = arg;
    const struct exec_command *command = b->command;
    int fault[2] = {0};
    sigset_t none;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* it died before we asked to be told */
    for (int i = 0; i < 3; i++)
        if (dup2(b->fds[i], i) < 0)
            goto fail;
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Whatever a library left open without close-on-exec (4: CLOSE_RANGE_CLOEXEC). */
    if (syscall(SYS_close_range, 3U, ~0U, 4U) < 0) {
        struct rlimit r = {0};
        getrlimit(RLIMIT_NOFILE, &r);
        for (int fd = 3; fd < (int)(r.rlim_cur < 65536 ? r.rlim_cur : 65536); fd++)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    fault[0] = 1;
    if (chdir(command->dir) < 0)
        goto fail;
    fault[0] = 2;
    execvpe(command->argv[0], command->argv, command->env);
fail:
    fault[1] = errno;
    if (write(b->report, fault, sizeof(fault)) < 0) {
        /* The parent sees the end of the pipe and then of the process. */
    }
    _exit(127);
}

/* A pipe whose ends are past the standard descriptors, also where those were closed. */
static int make_pipe(int p[2])
{
    if (pipe2(p, O_CLOEXEC) < 0) {
        p[0] = p[1] = -1;
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        if (p[i] > 2)
            continue;
        int moved = fcntl(p[i], F_DUPFD_CLOEXEC, 3);
        close(p[i]);
        if ((p[i] = moved) < 0)
            return -1;
    }
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int explain_fault(const struct exec_command *command, const int fault[2])
{
    errno = fault[1];
    if (fault[0] == 1)
        return err_set_errno(GRASP_EINVAL, "cannot enter '%s'", command->dir);
    if (fault[0] == 2)
        return err_set_errno(GRASP_EINVAL,
                             "cannot run '%s' in '%s' (a path with a slash is taken "
                             "from there, a bare name from PATH)",
                             command->argv[0], command->dir);
    return err_set_errno(GRASP_EIO, "cannot start a process");
}

static int spawn(struct exec_child *c)
{
    int p[4][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}}, fault[2], rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++)
        if (make_pipe(p[i]) < 0)
            rc = err_set_errno(GRASP_EIO, "cannot make a pipe");
    struct birth birth = {c->command, {p[0][0], p[1][1], p[2][1]}, p[3][1]};
    if (rc == 0)
        rc = exec_keeper_open(&c->keeper, become, &birth);
    close_fd(&p[0][0]);
    close_fd(&p[1][1]);
    close_fd(&p[2][1]);
    close_fd(&p[3][1]);
    if (rc == 0) {
        ssize_t n;
        while ((n = read(p[3][0], fault, sizeof(fault))) < 0 && errno == EINTR)
            ;
        if (n == (ssize_t)sizeof(fault))
            rc = explain_fault(c->command, fault);
    }
    c->in = p[0][1];
    c->out = p[1][0];
    c->err = p[2][0];
    close_fd(&p[3][0]);
    return rc;
}

/* ---- what it says ---- */

static void lose(struct exec_child *c, const char *why)
{
    struct buf text = BUF_INIT;
    if (c->gone)
        return;
    c->gone = true;
    buf_adds(&text, why);
    const char *last = exec_child_last_words(c);
    if (*last)
        buf_addf(&text, " (stderr: %s)", last);
    c->lost(text.ptr, c->arg); /* frees c */
    buf_release(&text);
}

static void log_words(struct exec_child *c, const char *text, size_t len)
{
    struct buf plain = BUF_INIT;
    exec_add_plain(&plain, text, len, 4000);
    size_t n = utf8_cut(plain.ptr, plain.len, LAST_WORDS);
    if (strspn(plain.ptr, " ") < plain.len)
        snprintf(c->last, sizeof(c->last), "%.*s", (int)n, plain.ptr);
    size_t *left = &c->command->log_left;
    if (*left) {
        log_debug("env.command[%d]: %s", (int)c->keeper.pid, plain.ptr);
        *left = plain.len + 1 < *left ? *left - plain.len - 1 : 0;
        if (!*left)
            log_debug("env.command: its further output on stderr is not logged");
    }
    buf_release(&plain);
}

static void read_words(struct exec_child *c)
{
    char chunk[CHUNK];
    if (c->err < 0)
        return;
    ssize_t n = read(c->err, chunk, sizeof(chunk));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        buf_add(&c->words, chunk, (size_t)n);
    size_t at = 0;
    for (const char *nl; (nl = memchr(c->words.ptr + at, '\n', c->words.len - at));) {
        size_t end = (size_t)(nl - c->words.ptr);
        log_words(c, c->words.ptr + at, end - at);
        at = end + 1;
    }
    if ((n <= 0 || c->words.len - at > CHUNK) && c->words.len > at) {
        log_words(c, c->words.ptr + at, c->words.len - at);
        at = c->words.len;
    }
    memmove(c->words.ptr, c->words.ptr + at, c->words.len - at);
    buf_truncate(&c->words, c->words.len - at);
    if (n <= 0) {
        loop_watch(c->loop, c->err, 0, NULL, NULL);
        close_fd(&c->err);
    }
}

static void on_words(int fd, uint32_t events, void *arg)
{
    (void)fd, (void)events;
    read_words(arg);
}

const char *exec_child_last_words(struct exec_child *c)
{
    for (int i = 0; i < 4; i++) /* what is in the pipe: 64 KiB as a rule */
        read_words(c);
    return c->last;
}

/* ---- its end ---- */

static void faded(void *arg)
{
    struct exec_child *c = arg;
    siginfo_t si = {0};
    char why[96];
    c->fade = 0;
    snprintf(why, sizeof(why), "%s", c->fault ? c->fault : "ended");
    if (waitid(P_PID, (id_t)c->keeper.pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid) {
        if (si.si_code == CLD_EXITED)
            snprintf(why, sizeof(why), "exited with status %d", si.si_status);
        else
            snprintf(why, sizeof(why), "was killed by signal %d (%s)", si.si_status,
                     sigabbrev_np(si.si_status) ? sigabbrev_np(si.si_status) : "?");
    }
    lose(c, why);
}

static void fade(struct exec_child *c, const char *fault)
{
    if (c->fade || c->gone)
        return;
    c->fault = fault;
    c->fade = loop_timer(c->loop, FADE_NS, faded, c);
}

/* Reads what is there, a bounded part of it. False: the child is closed. */
static bool read_lines(struct exec_child *c)
{
    char chunk[CHUNK];
    ssize_t n = read(c->out, chunk, sizeof(chunk));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0) {
        loop_watch(c->loop, c->out, 0, NULL, NULL);
        close_fd(&c->out);
        fade(c, "closed its standard output");
        return true;
    }
    size_t from = c->got.len;
    buf_add(&c->got, chunk, (size_t)n);
    if (c->got.failed) {
        lose(c, "out of memory for its output");
        return false;
    }
    size_t at = 0;
    for (const char *nl; (nl = memchr(c->got.ptr + from, '\n', c->got.len - from));) {
        size_t end = (size_t)(nl - c->got.ptr);
        if (end - at > c->command->line_limit)
            break;
        if (!c->line(c->got.ptr + at, end - at, c->arg))
            return false;
        at = from = end + 1;
    }
    if (at) { /* not for each piece of a long line */
        memmove(c->got.ptr, c->got.ptr + at, c->got.len - at);
        buf_truncate(&c->got, c->got.len - at);
    }
    if (c->got.len <= c->command->line_limit)
        return true;
    char why[96];
    snprintf(why, sizeof(why), "wrote a line of more than %zu bytes (env.line_limit)",
             c->command->line_limit);
    lose(c, why);
    return false;
}

static void on_output(int fd, uint32_t events, void *arg)
{
    (void)fd, (void)events;
    read_lines(arg);
}

/* It ended. What it wrote before that counts. */
static void on_end(int fd, uint32_t events, void *arg)
{
    (void)fd, (void)events;
    struct exec_child *c = arg;
    loop_watch(c->loop, c->pidfd, 0, NULL, NULL);
    close_fd(&c->pidfd);
    for (int i = 0; i < 16 && c->out >= 0; i++)
        if (!read_lines(c))
            return;
    loop_timer_cancel(c->loop, c->fade);
    faded(c);
}

/* ---- feeding ---- */

static void on_room(int fd, uint32_t events, void *arg);

static void write_some(struct exec_child *c)
{
    while (c->in >= 0 && c->sent_at < c->sent.len) {
        ssize_t n = write(c->in, c->sent.ptr + c->sent_at, c->sent.len - c->sent_at);
        if (n > 0) {
            c->sent_at += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN) {
            if (loop_watch(c->loop, c->in, EPOLLOUT, on_room, c) < 0)
                fade(c, "could not be watched");
            return;
        } else {
            loop_watch(c->loop, c->in, 0, NULL, NULL);
            close_fd(&c->in);
            fade(c, "closed its standard input");
            return;
        }
    }
    buf_reset(&c->sent);
    c->sent_at = 0;
    if (c->in >= 0)
        loop_watch(c->loop, c->in, 0, NULL, NULL);
}

static void on_room(int fd, uint32_t events, void *arg)
{
    (void)fd, (void)events;
    write_some(arg);
}

void exec_child_send(struct exec_child *c, const void *bytes, size_t len)
{
    bool idle = c->sent_at == c->sent.len;
    buf_add(&c->sent, bytes, len);
    if (c->sent.failed)
        fade(c, "could not be written to: out of memory");
    else if (idle && c->in >= 0)
        write_some(c);
}

/* ---- life cycle ---- */

int exec_child_open(struct exec_child **out, struct loop *loop, struct exec_command *command,
                    exec_line_fn line, exec_lost_fn lost, void *arg)
{
    struct exec_child *c = calloc(1, sizeof(*c));
    *out = NULL;
    if (!c)
        return err_oom();
    *c = (struct exec_child){.loop = loop,
                             .command = command,
                             .line = line,
                             .lost = lost,
                             .arg = arg,
                             .in = -1,
                             .out = -1,
                             .err = -1,
                             .pidfd = -1,
                             .sent = BUF_INIT,
                             .got = BUF_INIT,
                             .words = BUF_INIT};
    signal(SIGPIPE, SIG_IGN);
    int rc = spawn(c);
    if (rc == 0) {
        /* Without pidfds (kernels before 5.3) the end of its stdout tells. */
        c->pidfd = (int)syscall(SYS_pidfd_open, c->keeper.pid, 0);
        for (int i = 0; i < 3; i++)
            fcntl((int[]){c->in, c->out, c->err}[i], F_SETFL, O_NONBLOCK);
        rc = loop_watch(loop, c->out, EPOLLIN, on_output, c);
        if (rc == 0)
            rc = loop_watch(loop, c->err, EPOLLIN, on_words, c);
        if (rc == 0 && c->pidfd >= 0)
            rc = loop_watch(loop, c->pidfd, EPOLLIN, on_end, c);
    }
    if (rc < 0) {
        exec_child_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

void exec_child_ask_end(struct exec_child *c)
{
    if (c->in >= 0)
        loop_watch(c->loop, c->in, 0, NULL, NULL);
    close_fd(&c->in);
}

void exec_child_wait(struct exec_child *c, int64_t until)
{
    struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
    int64_t left;
    while (c->pidfd >= 0 && (left = until - clock_mono()) > 0)
        if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) > 0 || errno != EINTR)
            break;
}

void exec_child_close(struct exec_child *c)
{
    if (!c)
        return;
    int *const fds[] = {&c->in, &c->out, &c->err, &c->pidfd};
    for (size_t i = 0; i < 4; i++) {
        if (*fds[i] >= 0)
            loop_watch(c->loop, *fds[i], 0, NULL, NULL);
        close_fd(fds[i]);
    }
    if (c->fade)
        loop_timer_cancel(c->loop, c->fade);
    exec_keeper_close(&c->keeper);
    buf_release(&c->sent);
    buf_release(&c->got);
    buf_release(&c->words);
    free(c);
}
