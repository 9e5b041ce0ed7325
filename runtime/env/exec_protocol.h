/*
 * exec_protocol.h - the lines that env.kind exec and its child processes exchange, version 1. What
 * it looks like from the other side, with every message: examples/exec-python/README.md.
 *
 * A message is one JSON object on one line. Every request but `end` is answered by one line that
 * repeats its `id`; the next request to the same child goes out only then, so that a time limit has
 * one culprit. `episode` numbers tell apart the episodes that live in one child.
 *
 *     exec_write_step(&line, 12, 3, reply, len);
 *     ... send it, get a line back ...
 *     struct exec_answer a;
 *     if (exec_read(&a, EXEC_STEP, 12, text, len) < 0) ...  // the message says what was wrong
 *     exec_answer_release(&a);
 */
#ifndef GRASP_RUNTIME_ENV_EXEC_PROTOCOL_H
#define GRASP_RUNTIME_ENV_EXEC_PROTOCOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"
#include "runtime/env/env.h"

#define EXEC_PROTOCOL 1

enum exec_op { EXEC_HELLO, EXEC_START, EXEC_STEP, EXEC_GRADE, EXEC_END };
const char *exec_op_name(enum exec_op op);

/* Append one request with its newline. Texts that are not UTF-8 are sent with U+FFFD. */
void exec_write_hello(struct buf *out, uint64_t id);
void exec_write_start(struct buf *out, uint64_t id, uint64_t episode, const json_t *task);
void exec_write_step(struct buf *out, uint64_t id, uint64_t episode, const char *reply, size_t len);
/* answer NULL: the episode ended without one. */
void exec_write_grade(struct buf *out, uint64_t id, uint64_t episode, enum rollout_status status,
                      const char *answer);
void exec_write_end(struct buf *out, uint64_t episode);

#define EXEC_EPISODES_MAX 4096
#define EXEC_TAGS_MAX     32
#define EXEC_REASONS_MAX  64
#define EXEC_ACTION_MAX   4096 /* bytes */
#define EXEC_DIGEST_MAX   8192

struct exec_answer {
    json_t *root; /* owns what the pointers below point to */
    /* hello */
    const char *name; /* "" when it has none */
    int64_t episodes; /* at once; 1 when it does not say */
    /* start and step: RUNNING, or how it ended. TASK_ERROR ("error") and UNSCORED ("outage") may
     * also come in answer to grade. */
    enum rollout_status status;
    const char *error;
    /* start; NULL: absent */
    json_t *api, *response_format;
    const char *description, *context;
    /* step: observation or answer, what was done, and the observation as a writer of skills should
     * read it ("": as it is). No answer: has_text is false. */
    struct buf text, action, digest;
    bool has_text;
    /* grade */
    bool correct;
    struct strlist reasons, tags; /* the reason is the first of the reasons */
};
/* GRASP_EPARSE with a message that begins with "its answer to ..."; *a is released then. */
int exec_read(struct exec_answer *a, enum exec_op op, uint64_t id, const char *line, size_t len);
void exec_answer_release(struct exec_answer *a);
/* The same for answers of the same content: what a repeated episode is compared by. */
uint64_t exec_answer_digest(const struct exec_answer *a);

/* Appends text as one printable line of at most `max` bytes: control characters become blanks, what
 * is not UTF-8 U+FFFD. */
void exec_add_plain(struct buf *out, const char *text, size_t len, size_t max);

#endif
