/*
 * buf.h - a growing byte buffer that stays failed.
 *
 *     struct buf b = BUF_INIT;
 *     buf_addf(&b, "%s: %d", key, n);
 *     buf_adds(&b, "\n");
 *     if ((rc = buf_check(&b)) < 0)   // once, at the end
 *         goto out;
 *     ...
 * out:
 *     buf_release(&b);
 *
 * `ptr` is always a valid NUL-terminated string (the terminator is not counted in `len`), also of
 * an empty or failed buffer. After the first failed allocation, all additions do nothing.
 */
#ifndef GRASP_RUNTIME_BASE_BUF_H
#define GRASP_RUNTIME_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *ptr;
    size_t len, cap; /* cap == 0: ptr is not owned */
    bool failed;
};

extern char buf_empty[1];
/* clang-format off */
#define BUF_INIT {.ptr = buf_empty}
/* clang-format on */

void buf_init(struct buf *b);
void buf_release(struct buf *b);
/* Makes it empty and keeps the memory (and clears a failure). */
void buf_reset(struct buf *b);
/* Room for at least `extra` more bytes; false (and failed) when there is none. */
bool buf_grow(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addch(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);
/* Appends `s` as the inside of a JSON string (no quotes), escaping what JSON asks for. The bytes
 * must be UTF-8; with `ascii`, everything past 7 bits becomes \u escapes. */
void buf_add_json(struct buf *b, const char *s, size_t len, bool ascii);
/* Appends a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void buf_add_json_string(struct buf *b, const char *s, size_t len);
/* Appends text as UTF-8: each byte that is not part of any becomes U+FFFD. */
void buf_add_utf8(struct buf *b, const char *s, size_t len);
/* Appends text as a terminal can show it without obeying it: control characters but line feed and
 * tab, and marks that change the direction of text, become "\u001b" (in JSON the same string),
 * bytes that are no UTF-8 "\x9b". */
void buf_add_visible(struct buf *b, const char *s, size_t len);
/* Appends a text as a field of a CSV file, visible as above. What a spreadsheet would take for a formula
 * gets a "'" before it. */
void buf_add_csv(struct buf *b, const char *s);
/* Percent-encodes everything but unreserved characters (RFC 3986 section 2.3). */
void buf_add_url(struct buf *b, const char *s, size_t len);
/* Text for troff: hyphens, backslashes and a leading dot or quote stand for themselves. */
void buf_add_troff(struct buf *b, const char *s);
/* Cuts to `len` bytes (no-op when shorter). */
void buf_truncate(struct buf *b, size_t len);
/* Hands the malloc'ed string over (caller frees) and leaves the buffer empty; NULL when failed. */
char *buf_detach(struct buf *b);
/* 0, or GRASP_ENOMEM with the message set. */
int buf_check(const struct buf *b);

#endif
