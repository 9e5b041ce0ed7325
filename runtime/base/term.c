/* term.c - standard output, made visible on its way. */
#include "runtime/base/term.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

/* The process has one standard output. `held` is what cannot be judged yet: the beginning of a
 * character or of a secret whose rest has not been written. */
static struct {
    FILE *file, *before;
    struct buf held;
    bool raw, gone; /* gone: nobody reads any more */
} term = {.held = BUF_INIT};

/* How much of `b` can be printed: not a character that was cut off at its end. */
static size_t whole(const struct buf *b)
{
    for (size_t back = 1; back <= 3 && back <= b->len; back++) {
        unsigned char c = (unsigned char)b->ptr[b->len - back];
        size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        if (c >= 0xc0)
            return need > back ? b->len - back : b->len;
        if (c < 0x80)
            break;
    }
    return b->len;
}

/* A reader who has seen enough (`| head`) is no error: the rest is dropped, the work goes on. */
static int write_out(const struct buf *out)
{
    int rc = term.gone ? 0 : fs_write_all(STDOUT_FILENO, out->ptr, out->len);
    term.gone = term.gone || (rc < 0 && errno == EPIPE);
    return term.gone ? 0 : rc;
}

static int print(size_t len)
{
    struct buf out = BUF_INIT;
    log_redact_data(term.held.ptr, term.held.len);
    if (term.raw)
        buf_add(&out, term.held.ptr, len);
    else
        buf_add_visible(&out, term.held.ptr, len);
    int rc = buf_check(&out);
    if (rc < 0)
        errno = ENOMEM;
    else
        rc = write_out(&out);
    buf_release(&out);
    size_t rest = term.held.len - len;
    struct buf kept = BUF_INIT;
    buf_add(&kept, term.held.ptr + len, rest);
    buf_release(&term.held);
    term.held = kept;
    return rc;
}

static ssize_t on_write(void *cookie, const char *bytes, size_t len)
{
    (void)cookie;
    buf_add(&term.held, bytes, len);
    if (term.held.failed) {
        errno = ENOMEM;
        return 0;
    }
    size_t ready = whole(&term.held), secret = log_secret_begins(term.held.ptr, term.held.len);
    if (secret < ready)
        ready = secret;
    return print(ready) < 0 ? 0 : (ssize_t)len;
}

static int on_close(void *cookie)
{
    (void)cookie;
    return print(term.held.len) < 0 ? EOF : 0;
}

void term_open(void)
{
    cookie_io_functions_t io = {.write = on_write, .close = on_close};
    FILE *f = fopencookie(NULL, "w", io);
    if (!f)
        return;
    if (isatty(STDOUT_FILENO))
        setvbuf(f, NULL, _IOLBF, 0);
    term.before = stdout;
    term.file = stdout = f;
}

int term_close(void)
{
    FILE *f = term.file;
    if (!f)
        return 0;
    term.file = NULL;
    stdout = term.before;
    int rc = fclose(f) != 0 ? -1 : 0;
    buf_release(&term.held);
    term.raw = term.gone = false;
    return rc;
}

void term_raw(bool raw)
{
    if (raw != term.raw)
        fflush(stdout);
    term.raw = raw;
}

static size_t from_environment(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    int64_t n;
    return text && str_to_i64(text, 20, 1000, &n) ? (size_t)n : otherwise;
}

size_t term_width(int fd)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : from_environment("COLUMNS", 80);
}

size_t term_height(int fd)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_row ? w.ws_row : from_environment("LINES", 24);
}

void term_wrap(FILE *out, const char *text, size_t width, size_t indent, size_t first)
{
    enum { LEAST = 20 };
    size_t room = width > indent + LEAST ? width - indent : LEAST,
           at = first > indent ? first - indent : 0;
    for (const char *word = text; *word;) {
        size_t len = strcspn(word, " \n"), chars = utf8_length(word, len);
        if (at && at + 1 + chars > room) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = 0;
        }
        fprintf(out, "%s%.*s", at && word != text ? " " : "", (int)len, word);
        at += chars + (at && word != text);
        word += len + strspn(word + len, " \n");
    }
    fputc('\n', out);
}
