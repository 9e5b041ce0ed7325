/*
 * command_harness.h - the program's commands, run in this process as main runs them: what they print,
 * what they say, how they end.
 *
 *     ends(0, "eval %s --split dev --json", CLINIC);    // words between blanks; the exit code
 *     prints("\"n_total\"");                            // on standard output
 *     refuses(2, "--split", "eval %s --split x", CLINIC);    // the exit code, and among the messages
 *     json_t *v = printed_json();                       // standard output as one JSON value
 *
 * A group of tests has a directory of its own as working directory, in it a synthetic clinic:
 *
 *     return cmocka_run_group_tests(tests, clinic_make, clinic_remove);
 */
#ifndef GRASP_TESTS_COMMAND_HARNESS_H
#define GRASP_TESTS_COMMAND_HARNESS_H

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "runtime/base/buf.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/table.h"

#define CLINIC "clinic/grasp.yaml"

/* What the last command left; kept to the next one. */
static struct {
    int code;
    char line[1024];
    struct buf out, err;
    char *dir, *back; /* the group's directory, and where the process was before */
} ran;

static inline int command_words(char *line, char **argv, int most)
{
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t) "grasp";
    for (char *save = NULL, *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        assert_true(argc + 1 < most);
        argv[argc++] = w;
    }
    argv[argc] = NULL;
    return argc;
}

/* Makes `fd` a file of that name, until command_restore. */
static inline int command_divert(int fd, const char *name)
{
    int kept = dup(fd), to = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && to >= 0 && dup2(to, fd) == fd);
    close(to);
    return kept;
}

static inline void command_restore(int fd, int kept, const char *name, struct buf *text)
{
    dup2(kept, fd);
    close(kept);
    buf_release(text);
    works(fs_read(name, text));
    if (!text->ptr)
        buf_adds(text, "");
}

__attribute__((format(printf, 1, 2))) static inline void grasp(const char *fmt, ...)
{
    char words[sizeof(ran.line)], *argv[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ran.line, sizeof(ran.line), fmt, ap);
    va_end(ap);
    memcpy(words, ran.line, sizeof(words));
    int argc = command_words(words, argv, 64);
    log_set_level(LOG_INFO);
    fflush(stdout);
    fflush(stderr);
    int out = command_divert(1, ".out"), err = command_divert(2, ".err");
    ran.code = command_main(all_commands, "0", argc, argv);
    fflush(stdout);
    fflush(stderr);
    command_restore(1, out, ".out", &ran.out);
    command_restore(2, err, ".err", &ran.err);
}

#define ends(code_, ...)                                                                           \
    do {                                                                                           \
        grasp(__VA_ARGS__);                                                                        \
        if (ran.code != (code_))                                                                   \
            fail_msg("grasp %s: exit %d, expected %d\n%s%s", ran.line, ran.code, code_,            \
                     ran.out.ptr, ran.err.ptr);                                                    \
    } while (0)
#define prints(text_)                                                                              \
    do {                                                                                           \
        if (!strstr(ran.out.ptr, text_))                                                           \
            fail_msg("grasp %s: does not print '%s'\n%s", ran.line, text_, ran.out.ptr);           \
    } while (0)
#define prints_no(text_)                                                                           \
    do {                                                                                           \
        if (strstr(ran.out.ptr, text_))                                                            \
            fail_msg("grasp %s: prints '%s'\n%s", ran.line, text_, ran.out.ptr);                   \
    } while (0)
#define says(text_)                                                                                \
    do {                                                                                           \
        if (!strstr(ran.err.ptr, text_))                                                           \
            fail_msg("grasp %s: does not say '%s'\n%s", ran.line, text_, ran.err.ptr);             \
    } while (0)
/* Wrong, and why: the exit code and a part of the message. */
#define refuses(code_, text_, ...)                                                                 \
    do {                                                                                           \
        ends(code_, __VA_ARGS__);                                                                  \
        says(text_);                                                                               \
    } while (0)

/* Standard output as JSON; the caller drops it. */
static inline json_t *printed_json(void)
{
    json_error_t e;
    json_t *v = json_loadb(ran.out.ptr, ran.out.len, 0, &e);
    if (!v)
        fail_msg("grasp %s: no JSON: %s\n%s", ran.line, e.text, ran.out.ptr);
    return v;
}

/* One string or number out of it, by path. */
static inline long long printed_int(const char *path)
{
    json_t *v = printed_json(), *at = json_at(v, path);
    if (!json_is_integer(at) && !json_is_boolean(at))
        fail_msg("grasp %s: no number at %s\n%s", ran.line, path, ran.out.ptr);
    long long n = json_is_integer(at) ? json_integer_value(at) : json_is_true(at);
    json_decref(v);
    return n;
}

static inline size_t printed_lines(void)
{
    size_t n = 0;
    for (const char *p = ran.out.ptr; (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

static inline void write_file(const char *name, const char *text)
{
    works(fs_write(name, text, strlen(text)));
}

/* ---- a server, in a process of its own ---- */

struct serving {
    pid_t pid;
    FILE *out;
    char url[128]; /* as it says that it listens */
};

/* Starts a command that prints "listening on URL" and runs until it is interrupted. */
static inline void serve_begin(struct serving *s, const char *line)
{
    char words[256], first[256] = "", *argv[64];
    int ends_[2];
    snprintf(words, sizeof(words), "%s", line);
    int argc = command_words(words, argv, 64);
    assert_int_equal(pipe(ends_), 0);
    fflush(stdout);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        close(ends_[0]);
        dup2(ends_[1], 1);
        close(ends_[1]);
        exit(command_main(all_commands, "0", argc, argv));
    }
    close(ends_[1]);
    s->out = fdopen(ends_[0], "r");
    assert_non_null(fgets(first, sizeof(first), s->out));
    assert_int_equal(sscanf(first, "listening on %127s", s->url), 1);
}

/* Interrupts it; what it printed last is in `ran.out`. */
static inline void serve_end(struct serving *s)
{
    int status, c;
    kill(s->pid, SIGINT);
    buf_release(&ran.out);
    while ((c = fgetc(s->out)) != EOF)
        buf_addch(&ran.out, (char)c);
    buf_adds(&ran.out, "");
    fclose(s->out);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the group's directory ---- */

static inline int clinic_make(void **state)
{
    (void)state;
    unsetenv("GRASP_BACKEND");
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    ran.back = realpath(".", NULL);
    ran.dir = fs_tempdir("grasp-command");
    if (!ran.back || !ran.dir || chdir(ran.dir) < 0)
        return -1;
    grasp("synth --out clinic --patients 60 --seed 1 --json");
    return ran.code;
}

static inline int clinic_remove(void **state)
{
    (void)state;
    int rc = chdir(ran.back);
    fs_remove_tree(ran.dir);
    buf_release(&ran.out);
    buf_release(&ran.err);
    free(ran.back);
    free(ran.dir);
    return rc;
}

/* A library that a short learning run with the simulated model fills, in lib, its run in run. By the
 * paper's rule, which lets more in. */
static inline int clinic_learn(void **state)
{
    if (clinic_make(state) != 0)
        return -1;
    grasp("learn " CLINIC " --library lib --run run --set cycle.epochs=1 "
          "--set cycle.proposal_temperature=1 --set gate.rule=paper -q");
    if (ran.code)
        print_error("%s%s", ran.out.ptr, ran.err.ptr);
    return ran.code;
}

#endif
