/*
 * traces.h - episodes as JSON Lines in two files: FILE has every line without the long texts that an
 * agent was told, FILE.zst has the same lines whole. Of a run's traces nineteen parts in twenty are the
 * same first message over and over; a reader of statuses, verdicts, actions and replies never meets it.
 *
 *     {"task_id": ..., "messages": [{"role": "user", "left_out": 18734}, {"role": "agent", ...}]}
 *
 * `left_out` says how many bytes the text has; there is no "content" then, so that nobody takes what is
 * left for all of it. `zstdcat FILE.zst` prints the whole lines to any other program.
 */
#ifndef GRASP_RUNTIME_BASE_TRACES_H
#define GRASP_RUNTIME_BASE_TRACES_H

#include "runtime/base/chat.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"

/* FILE as a writer has it open; both files take their places in trace_out_close. */
struct trace_out {
    struct fs_out lines, whole;
    void *zstd;
    struct buf line, packed;
};
int trace_out_open(struct trace_out *o, const char *path);
/* One episode: `summary` is an object of all but the messages. */
int trace_out_add(struct trace_out *o, const json_t *summary, const struct chat *chat);
/* As fs_out_close of what fs_out_put opened: with what came of it. Whole lines first: after a power
 * failure FILE.zst may be damaged, which a reader is told. */
int trace_out_close(struct trace_out *o, int rc);

/* Appends the whole lines of a file, which may be any file of JSON, a FILE as above with its FILE.zst
 * beside it, or a FILE.zst itself. GRASP_ENOTFOUND, GRASP_EPARSE (not of one another, damaged) with what
 * to do. "-" is standard input. */
int trace_whole(const char *path, struct buf *out);
/* json_read_lines over that. */
int trace_lines(const char *path, json_line_fn fn, void *arg);

#endif
