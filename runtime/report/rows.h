/*
 * rows.h - what runs hold as flat rows, for R, pandas or a tracker.
 *
 *     struct buf out = BUF_INIT;
 *     rows_head(ROWS_PROBES, ROWS_CSV, &out);
 *     rc = rows_of("runs/1", ROWS_PROBES, ROWS_CSV, NULL, &out);
 */
#ifndef GRASP_RUNTIME_REPORT_ROWS_H
#define GRASP_RUNTIME_REPORT_ROWS_H

#include "runtime/base/buf.h"

enum rows { ROWS_SCORES, ROWS_UPDATES, ROWS_PROBES, ROWS_CALLS, ROWS_KINDS };
extern const char *const rows_names[]; /* "scores", ...; NULL-terminated */
enum rows_format { ROWS_CSV, ROWS_JSONL };
extern const char *const rows_formats[]; /* "csv", "jsonl"; NULL-terminated */

/* The line of column names of a CSV; nothing of JSON Lines. */
void rows_head(enum rows kind, enum rows_format format, struct buf *out);
/* Appends a run's rows. `journal` (NULL: DIR/journal) has its calls. GRASP_ENOTFOUND when `dir` is no
 * run, or there is no such journal. */
int rows_of(const char *dir, enum rows kind, enum rows_format format, const char *journal,
            struct buf *out);
/* "scores\n  run  the run's id\n...": every column and what it holds. */
void rows_columns(struct buf *out);

#endif
