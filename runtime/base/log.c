/* log.c - messages, secrets, and the line below them. */
#include "runtime/base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define SECRET_MIN     4
#define SECRET_IN_DATA 12

static struct {
    pthread_mutex_t lock;
    enum log_level level;
    FILE *file;
    struct strlist secrets;
    bool bar_shown;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO};

void log_set_level(enum log_level level)
{
    state.level = level;
}

static void close_file(void)
{
    if (state.file)
        fclose(state.file);
    state.file = NULL;
}

int log_open(const char *path)
{
    close_file();
    if (!path)
        return 0;
    /* Not through a link, which may come with somebody else's run directory, nor into a pipe. */
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    state.file = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (state.file)
        return 0;
    int rc = err_set_errno(GRASP_EIO, "cannot open log '%s'", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

void log_close(void)
{
    close_file();
    strlist_release(&state.secrets);
}

static void add_secret(const char *secret)
{
    if (!strlist_has(&state.secrets, secret))
        strlist_add(&state.secrets, secret);
}

void log_secret(const char *secret)
{
    struct rlimit no_core = {0};
    struct buf other = BUF_INIT;
    if (!secret || strlen(secret) < SECRET_MIN)
        return;
    if (getrlimit(RLIMIT_CORE, &no_core) == 0) {
        no_core.rlim_cur = 0;
        setrlimit(RLIMIT_CORE, &no_core);
    }
    add_secret(secret);
    buf_add_url(&other, secret, strlen(secret));
    add_secret(other.ptr);
    buf_reset(&other);
    buf_add_json(&other, secret, strlen(secret), false);
    add_secret(other.ptr);
    buf_release(&other);
}

static void redact(char *bytes, size_t len, size_t least)
{
    for (size_t i = 0; i < state.secrets.n; i++) {
        const char *secret = state.secrets.v[i];
        size_t n = strlen(secret);
        if (n < least)
            continue;
        for (char *p = bytes; (p = memmem(p, len - (size_t)(p - bytes), secret, n)); p += n)
            memset(p, '*', n);
    }
}

void log_redact(char *text)
{
    redact(text, strlen(text), SECRET_MIN);
}

void log_redact_data(char *bytes, size_t len)
{
    redact(bytes, len, SECRET_IN_DATA);
}

size_t log_secret_begins(const char *bytes, size_t len)
{
    size_t first = len;
    for (size_t i = 0; i < state.secrets.n; i++) {
        const char *secret = state.secrets.v[i];
        size_t n = strlen(secret);
        for (size_t at = len > n - 1 ? len - (n - 1) : 0; n >= SECRET_IN_DATA && at < first; at++)
            if (memcmp(bytes + at, secret, len - at) == 0)
                first = at;
    }
    return first;
}

static void clear_bar(void)
{
    if (state.bar_shown)
        fputs("\r\033[K", stderr);
    state.bar_shown = false;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    if (level < state.level && !state.file)
        return;
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    log_redact(text);
    struct buf shown = BUF_INIT;
    buf_add_visible(&shown, text, (size_t)n);
    free(text);
    text = shown.ptr;
    pthread_mutex_lock(&state.lock);
    if (level >= state.level) {
        clear_bar();
        if (level == LOG_WARN || level == LOG_ERROR)
            fprintf(stderr, "grasp: %s: %s\n", names[level], text);
        else
            fprintf(stderr, "%s\n", text);
    }
    if (state.file) {
        char stamp[CLOCK_TEXT];
        clock_format(clock_wall(), 1, stamp);
        fprintf(state.file, "%s %s %s\n", stamp, names[level], text);
        fflush(state.file);
    }
    pthread_mutex_unlock(&state.lock);
    buf_release(&shown);
}

bool log_shows(enum log_level level)
{
    return level >= state.level;
}

void log_bar(const char *text)
{
    struct buf line = BUF_INIT, shown = BUF_INIT;
    if (!isatty(2) || (!text && !state.bar_shown))
        return;
    buf_adds(&line, text ? text : "");
    if (line.ptr) {
        log_redact(line.ptr);
        buf_add_visible(&shown, line.ptr, strcspn(line.ptr, "\n"));
    }
    pthread_mutex_lock(&state.lock);
    clear_bar();
    if (text && shown.ptr)
        fputs(shown.ptr, stderr);
    fflush(stderr);
    state.bar_shown = text;
    pthread_mutex_unlock(&state.lock);
    buf_release(&line);
    buf_release(&shown);
}
