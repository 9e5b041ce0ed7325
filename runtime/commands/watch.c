/* watch.c - `grasp watch`: a run, or a matrix of runs, live from another shell. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/term.h"
#include "runtime/base/text.h"
#include "runtime/commands/table.h"
#include "runtime/compare/cells.h"
#include "runtime/report/watch.h"

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
    (void)sig;
    ended = 1;
}

/* A line a cell, those that run first: they are what one looks for. */
static int matrix_screen(const char *dir, const struct watch_size *size, bool *running,
                         struct buf *out)
{
    struct matrix m = {0};
    size_t count[CELL_STATES] = {0}, lines = 1;
    struct buf cells = BUF_INIT;
    int rc = matrix_read(&m, dir);
    struct cell_status *s = rc == 0 ? calloc(m.n + 1, sizeof(*s)) : NULL;
    static const enum cell_state order[] = {CELL_RUNNING, CELL_FAILED, CELL_RESUMABLE, CELL_DONE,
                                            CELL_MISSING};
    if (rc == 0 && !s)
        rc = err_oom();
    for (size_t i = 0; rc == 0 && i < m.n; i++) {
        cell_status(&m, &m.v[i], &s[i]);
        count[s[i].state]++;
    }
    for (size_t k = 0; rc == 0 && k < CELL_STATES; k++)
        for (size_t i = 0; i < m.n && (!size->height || lines < size->height); i++) {
            struct buf line = BUF_INIT, brief = BUF_INIT, shown = BUF_INIT;
            if (s[i].state != order[k])
                continue;
            char *run = cell_path(&m, &m.v[i], "run");
            if (run)
                watch_brief(run, clock_wall(), &brief);
            buf_addf(&line, "%-9s %-30s %s%s%s", cell_state_name(s[i].state), m.v[i].name,
                     brief.ptr ? brief.ptr : "", *s[i].why && brief.len ? "; " : "", s[i].why);
            buf_add_visible(&shown, line.ptr ? line.ptr : "", line.len);
            if (shown.ptr)
                buf_add(&cells, shown.ptr, utf8_prefix(shown.ptr, shown.len, size->width));
            buf_addch(&cells, '\n');
            lines++;
            buf_release(&line);
            buf_release(&brief);
            buf_release(&shown);
            free(run);
        }
    if (rc == 0) {
        buf_add_visible(out, dir, strlen(dir));
        buf_addf(out, ": %zu cells", m.n);
        for (size_t k = 0; k < CELL_STATES; k++)
            if (count[order[k]])
                buf_addf(out, ", %zu %s", count[order[k]], cell_state_name(order[k]));
        buf_addch(out, '\n');
        buf_add(out, cells.ptr ? cells.ptr : "", cells.len);
        *running = count[CELL_RUNNING];
    }
    buf_release(&cells);
    free(s);
    matrix_release(&m);
    return rc;
}

static int screen(const char *dir, const struct watch_size *size, bool *running, struct buf *out)
{
    enum watch_state state = WATCH_ENDED;
    if (matrix_is(dir))
        return matrix_screen(dir, size, running, out);
    int rc = watch_screen(dir, size, clock_wall(), &state, out);
    *running = state == WATCH_RUNNING || state == WATCH_SILENT;
    return rc;
}

/* The whole screen at once, over the one before; what is visible in it was made so. */
static int draw(const struct buf *lines)
{
    struct buf out = BUF_INIT;
    buf_adds(&out, "\033[H");
    for (const char *p = lines->ptr, *end; p && *p; p = end + 1) {
        end = strchr(p, '\n');
        buf_add(&out, p, (size_t)(end - p));
        buf_adds(&out, end[1] ? "\033[K\r\n" : "\033[K");
    }
    buf_adds(&out, "\033[J");
    if (out.ptr)
        log_redact_data(out.ptr, out.len);
    int rc = buf_check(&out);
    if (rc == 0 && fs_write_all(STDOUT_FILENO, out.ptr, out.len) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot write to the terminal");
    buf_release(&out);
    return rc;
}

/* Waits a second; true when somebody wants to leave. */
static bool wants_to_leave(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;
    if (ended)
        return true;
    if (poll(&in, isatty(STDIN_FILENO) ? 1 : 0, 1000) > 0 && read(STDIN_FILENO, &key, 1) == 1)
        return key == 'q' || key == 'Q' || key == 4;
    return ended;
}

static int live(const char *dir)
{
    static const char enter[] = "\033[?1049h\033[?25l", leave[] = "\033[?25h\033[?1049l";
    struct termios before;
    struct sigaction sa = {.sa_handler = on_signal}, ignored = {.sa_handler = SIG_DFL};
    bool keys = tcgetattr(STDIN_FILENO, &before) == 0, running = true, left = false;
    int rc = 0;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    if (keys) {
        struct termios raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fs_write_all(STDOUT_FILENO, enter, sizeof(enter) - 1);
    while (rc == 0 && running && !left) {
        struct buf lines = BUF_INIT;
        struct watch_size size = {term_width(STDOUT_FILENO), term_height(STDOUT_FILENO)};
        rc = screen(dir, &size, &running, &lines);
        if (rc == 0)
            rc = draw(&lines);
        buf_release(&lines);
        left = rc == 0 && running && wants_to_leave();
    }
    fs_write_all(STDOUT_FILENO, leave, sizeof(leave) - 1);
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    sigaction(SIGINT, &ignored, NULL);
    sigaction(SIGTERM, &ignored, NULL);
    return rc;
}

static int run(const struct args *a)
{
    const char *dir = operand(a, 0);
    bool terminal = isatty(STDOUT_FILENO), running = false;
    struct buf lines = BUF_INIT;
    struct watch_size size = {term_width(STDOUT_FILENO), 0};
    int rc = screen(dir, &size, &running, &lines);
    if (rc == 0 && running && terminal && !arg_flag(a, "once")) {
        rc = live(dir);
        buf_release(&lines);
        if (rc == 0) /* how it stood at the end stays to be read */
            rc = screen(dir, &size, &running, &lines);
    }
    if (rc == 0)
        fputs(lines.ptr ? lines.ptr : "", stdout);
    buf_release(&lines);
    return rc;
}

const struct command cmd_watch = {
    .name = "watch",
    .summary = "a run or a matrix, live from another shell",
    .operands = "RUN",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){{"once", 0, NULL, "print one screen and stop", NULL}, {0}},
    .details =
        "What the run is at and how long it will still take, its curve, the update in work probe "
        "by\nprobe, the last decisions, the endpoints, the money; of a matrix, a line a cell. "
        "Reads "
        "files\nonly, so that it may be started and ended at any time, and works on runs that are "
        "done or died.\nOn a terminal it is drawn anew each second until the run ends, or q. "
        "Epochs "
        "and updates are\ncounted from 1.",
    .run = run,
};
