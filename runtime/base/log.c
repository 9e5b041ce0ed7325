/* log.c - messages, secrets and the progress line. */
#include "runtime/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

static struct {
    pthread_mutex_t lock;
    enum log_level level;
    FILE *file;
    struct strlist secrets;
    bool bar_shown;
    int64_t bar_at;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO};

void log_set_level(enum log_level level)
{
    state.level = level;
}

int log_open(const char *path)
{
    log_close();
    if (!path)
        return 0;
    state.file = fopen(path, "ae");
    return state.file ? 0 : err_set_errno(GRASP_EIO, "cannot open log '%s'", path);
}

void log_close(void)
{
    if (state.file)
        fclose(state.file);
    state.file = NULL;
    strlist_release(&state.secrets);
}

void log_secret(const char *secret)
{
    if (secret && strlen(secret) >= 4 && !strlist_has(&state.secrets, secret))
        strlist_add(&state.secrets, secret);
}

void log_redact(char *text)
{
    for (size_t i = 0; i < state.secrets.n; i++) {
        size_t n = strlen(state.secrets.v[i]);
        for (char *p = text; (p = strstr(p, state.secrets.v[i]));)
            memset(p, '*', n), p += n;
    }
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
    pthread_mutex_lock(&state.lock);
    log_redact(text);
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
    free(text);
}

void progress_set(const char *label, uint64_t done, uint64_t total, const char *note)
{
    enum { WIDTH = 24 };
    int64_t now = clock_mono();
    if (!isatty(2) || (now - state.bar_at < 100 * NS_PER_MS && done < total))
        return;
    state.bar_at = now;
    clear_bar();
    if (total) {
        char bar[WIDTH + 1];
        int filled = (int)(done >= total ? WIDTH : done * WIDTH / total);
        memset(bar, '.', WIDTH);
        memset(bar, '#', (size_t)filled);
        bar[WIDTH] = '\0';
        fprintf(stderr, "%s [%s] %llu/%llu %s", label, bar, (unsigned long long)done,
                (unsigned long long)total, note ? note : "");
    } else {
        fprintf(stderr, "%s %llu %s", label, (unsigned long long)done, note ? note : "");
    }
    fflush(stderr);
    state.bar_shown = true;
}

void progress_clear(void)
{
    clear_bar();
    fflush(stderr);
}
