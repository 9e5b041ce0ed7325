/*
 * json.h - what jansson leaves to its users: paths, typed reads with a useful message, files.
 *
 * Ownership follows jansson: json_at and friends borrow, the rest says what it returns.
 */
#ifndef GRASP_RUNTIME_BASE_JSON_H
#define GRASP_RUNTIME_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/fs.h"
#include "runtime/base/text.h"

/* The value at a path such as "code.coding[0].system" (the path is ours, not outside text); NULL
 * when a step is missing or has another type. Borrowed. */
json_t *json_at(const json_t *v, const char *path);
/* Typed reads at a path; the fallback when it is missing or of another type. */
const char *json_str_at(const json_t *v, const char *path, const char *fallback);
int64_t json_int_at(const json_t *v, const char *path, int64_t fallback);
double json_num_at(const json_t *v, const char *path, double fallback);
bool json_bool_at(const json_t *v, const char *path, bool fallback);

/* A JSON string of text from outside: bytes that are not UTF-8 become U+FFFD. NULL: no memory. */
json_t *json_text(const char *s, size_t len);
/* The list as an array of such strings. New reference; NULL: no memory. */
json_t *json_strings(const struct strlist *l);

/* Parses a whole text of `len` bytes (depth bounded by jansson). `what` names it in the message:
 * "FILE:LINE: reason". New reference in *out, or GRASP_EPARSE. */
int json_parse(json_t **out, const char *text, size_t len, const char *what);
/* Reads a JSON file whole. GRASP_EIO / GRASP_ENOTFOUND / GRASP_EPARSE with file and line. */
int json_read_file(json_t **out, const char *path);
/* Writes JSON to a file atomically (see fs_write): indented by 2, a short
 * object or array of scalars on one line, one newline at the end. */
int json_write_file(const json_t *v, const char *path);
int json_put_file(const json_t *v, const char *path); /* as fs_put */
/* The whole content of a file that is open; as fs_out_hold. */
int json_hold_file(const json_t *v, struct fs_out *o, struct barrier *b);
/* Appends compact JSON: insertion order, UTF-8, no spaces; reals as jansson prints them with 17
 * digits or fewer that read back the same. */
void buf_add_json_value(struct buf *b, const json_t *v);
/* The same with sorted keys: one text for one value. */
void buf_add_json_canonical(struct buf *b, const json_t *v);

/* Walks a JSON Lines file or stream. Called with each value (borrowed) and its line number from 1;
 * blank lines are skipped; stops at the first negative return and hands it on. */
typedef int (*json_line_fn)(json_t *v, size_t line, void *arg);
int json_read_lines(const char *path, json_line_fn fn, void *arg);
/* One line of that, in memory. */
int json_read_line(const char *path, size_t number, const char *line, size_t len, json_line_fn fn,
                   void *arg);

#endif
