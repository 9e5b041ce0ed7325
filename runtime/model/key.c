/* key.c - an API key from a file or a command. */
#include "runtime/model/key.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define LONGEST_KEY 16384

/* Everything until the end of the pipe; negative: too slow, too much. */
static int read_pipe(int fd, int64_t until, struct buf *out)
{
    for (;;) {
        char bytes[1024];
        int64_t left = until - clock_mono();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = left > 0 ? poll(&p, 1, (int)(left / NS_PER_MS) + 1) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(GRASP_EINVAL, "gave nothing in time");
        ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        if (out->len + (size_t)got > LONGEST_KEY)
            return err_set(GRASP_EINVAL, "printed more than a key");
        buf_add(out, bytes, (size_t)got);
    }
}

static int run(const char *command, int64_t timeout_ns, struct buf *out)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set_errno(GRASP_EINVAL, "cannot be run");
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0); /* what it starts ends with it */
        dup2(ends[1], STDOUT_FILENO);
        int null = open("/dev/null", O_RDONLY);
        if (null >= 0)
            dup2(null, STDIN_FILENO);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return err_set_errno(GRASP_EINVAL, "cannot be run");
    }
    int rc = read_pipe(ends[0], clock_mono() + timeout_ns, out);
    close(ends[0]);
    if (rc < 0)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (rc == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        rc = err_set(GRASP_EINVAL, "failed (exit status %d)",
                     WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return rc;
}

int key_read(const char *file, const char *command, int64_t timeout_ns, char **key)
{
    struct buf text = BUF_INIT;
    const char *what = command ? "api_key_command" : "api_key_file";
    int rc = command ? run(command, timeout_ns, &text) : fs_read(file, &text);
    *key = NULL;
    const char *p = text.ptr, *end = p + text.len;
    while (p < end && ascii_isspace(*p))
        p++;
    while (end > p && ascii_isspace(end[-1]))
        end--;
    if (rc == 0 && p == end)
        rc = err_set(GRASP_EINVAL, "holds no key");
    for (const char *c = p; rc == 0 && c < end; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            rc = err_set(GRASP_EINVAL, "holds more than a key: blanks or control characters");
    if (rc == 0 && !(*key = str_ndup(p, (size_t)(end - p))))
        rc = err_oom();
    if (rc == 0)
        log_secret(*key);
    else
        rc = err_prefix(GRASP_EINVAL, "%s '%s'", what, command ? command : file);
    buf_release(&text);
    return rc;
}

int key_header(const char *key, const char *name, char **line)
{
    struct buf text = BUF_INIT;
    if (!key || !*key)
        return 0;
    log_secret(key);
    for (const char *p = key; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return err_set(GRASP_EINVAL, "the model's API key holds blanks or control characters");
    buf_addf(&text, "%s: %s%s", name, str_caseeq(name, "Authorization") ? "Bearer " : "", key);
    free(*line);
    *line = buf_detach(&text);
    return *line ? 0 : err_oom();
}
