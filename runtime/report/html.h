/*
 * html.h - inside report/: pieces of HTML. Every text from outside goes through html_text.
 */
#ifndef GRASP_RUNTIME_REPORT_HTML_H
#define GRASP_RUNTIME_REPORT_HTML_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/buf.h"

/* The page up to its body: style, and a policy that lets nothing run or load. */
void html_head(struct buf *b, const char *title);
void html_foot(struct buf *b);

/* Text: markup stands for itself, control characters and marks that turn the direction of text are
 * shown as what they are, bytes that are no UTF-8 as U+FFFD. NULL is nothing. */
void html_text(struct buf *b, const char *s);
void html_textn(struct buf *b, const char *s, size_t len);
/* <TAG>text</TAG>; `tag` may have attributes ("td class=\"n\""). */
void html_in(struct buf *b, const char *tag, const char *text);
/* 23.3 million; below a million as text_add_count. */
void html_big(struct buf *b, int64_t n);
/* <td class="n">4,497</td> */
void html_int_cell(struct buf *b, int64_t n);
/* "85.9 %" */
void html_share(struct buf *b, double share);
/* "3 min 20 s", "2 h 5 min", "4.7 s" */
void html_duration(struct buf *b, double seconds);
/* Of a score {score, n_correct, n_total, interval}: its share, the interval in words, and as a bar. */
void html_score_cell(struct buf *b, const json_t *score);
/* low and high of a score's 95 % interval: what it says, else Wilson's of its counts. False: no
 * counts either. */
bool score_interval(const json_t *score, double *low, double *high);

/* A table that may be wider than the page: a region that scrolls, also by keyboard. */
void html_table_open(struct buf *b, const char *label);
void html_table_close(struct buf *b);
/* <section id="ID"><h2>TITLE</h2> */
void html_section(struct buf *b, const char *id, const char *title);
/* A definition list of short facts. */
void html_fact(struct buf *b, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
