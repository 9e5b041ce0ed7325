/*
 * exec_child.h - one child process with pipes, on the event loop.
 *
 *     struct exec_command command = {.argv = ..., .dir = ..., .line_limit = 1 << 20};
 *     struct exec_child *c = NULL;
 *     if (exec_child_open(&c, loop, &command, on_line, on_lost, arg) < 0) ...
 *     exec_child_send(c, line, len);      // on_line comes from the loop
 *     exec_child_close(c);                // kills what is left of it
 *
 * The child is in a session of its own (Ctrl-C is ours to handle) and dies with this program, and
 * with it whatever it forked (exec_keeper.h). It inherits no descriptor but its three pipes, of the
 * environment only what it was given, and is always waited for. Its stderr goes to the log at debug
 * level, as far as the command's bound allows.
 */
#ifndef GRASP_RUNTIME_ENV_EXEC_CHILD_H
#define GRASP_RUNTIME_ENV_EXEC_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/loop/loop.h"

struct exec_command {
    char **argv;       /* NULL-terminated; argv[0] with a slash is taken from `dir` */
    char **env;        /* NULL-terminated "NAME=value" */
    const char *dir;   /* where it runs */
    size_t line_limit; /* bytes of a line of its stdout */
    size_t log_left;   /* bytes of stderr that still go to the log, of all children together */
};

struct exec_child;
/* A line of its stdout, without the newline. False: the callee has closed the child. */
typedef bool (*exec_line_fn)(const char *line, size_t len, void *arg);
/* It is of no more use: it ended, closed a pipe or wrote a line past the limit. Comes once, from
 * the loop; the callee closes it. `why` reads like "exited with status 1 (stderr: ...)". */
typedef void (*exec_lost_fn)(const char *why, void *arg);

/* `command` is borrowed until exec_child_close. GRASP_EINVAL when it cannot be run, GRASP_EIO. */
int exec_child_open(struct exec_child **c, struct loop *loop, struct exec_command *command,
                    exec_line_fn line, exec_lost_fn lost, void *arg);
/* Writes, now or when there is room; a failure comes as on_lost. */
void exec_child_send(struct exec_child *c, const void *bytes, size_t len);
/* The last line of its stderr, "" when there is none. */
const char *exec_child_last_words(struct exec_child *c);
/* Closes its stdin, which asks it to end. */
void exec_child_ask_end(struct exec_child *c);
/* Waits until it ended, up to the instant `until` of clock_mono. */
void exec_child_wait(struct exec_child *c, int64_t until);
/* Kills it and all that it forked, waits for them, frees. NULL is fine. */
void exec_child_close(struct exec_child *c);

#endif
