/*
 * trace.h - inside report/: a *_runs.jsonl, read without parsing its messages, which are nearly all of
 * it. Everything that report/ knows of how a trace is kept stands here.
 *
 *     struct traces t = {0};
 *     traces_read(&t, "run/epoch_0/dev_runs.jsonl");
 *     const struct trace *x = traces_find(&t, "task1_3");
 *     json_t *messages = trace_messages(&t, x);
 *     traces_release(&t);
 */
#ifndef GRASP_RUNTIME_REPORT_TRACE_H
#define GRASP_RUNTIME_REPORT_TRACE_H

#include <jansson.h>
#include <stdbool.h>

#include "runtime/base/buf.h"

struct trace {
    json_t *head; /* the line without its messages */
    size_t line;  /* of the file, from 0 */
};
struct traces {
    char *file;
    struct trace *v; /* in the file's order */
    size_t n, cap;
    struct buf whole; /* the lines with all texts, once one of them was asked for */
    bool read;
};
/* Lines that are none are left out. 0 for a file that is not there; GRASP_EIO, GRASP_ENOMEM. */
int traces_read(struct traces *t, const char *file);
void traces_release(struct traces *t);
const struct trace *traces_find(const struct traces *t, const char *task);
const char *trace_task(const struct trace *x);
bool trace_scored(const struct trace *x);
bool trace_correct(const struct trace *x);
/* [{role, content}]; NULL where they cannot be read: then the message says why. New reference. */
json_t *trace_messages(struct traces *t, const struct trace *x);

#endif
