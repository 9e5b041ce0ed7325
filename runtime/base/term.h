/*
 * term.h - standard output, on which nothing that came from a model, a library or a server can give
 * orders to a terminal.
 *
 *     term_open();        // once, at the start of the program
 *     ... printf(), fwrite(.., stdout), json_dumpf(.., stdout) as ever ...
 *
 * What is printed goes through buf_add_visible: control characters and changes of direction appear
 * as "\u001b". In JSON that is another way to write the same string. Secrets (log.h) are blanked out.
 * Where nobody reads any more (a pipe whose other end closed), what is left is dropped without an error.
 */
#ifndef GRASP_RUNTIME_BASE_TERM_H
#define GRASP_RUNTIME_BASE_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

void term_open(void);
/* Prints what is left and gives the standard stream back. -1 with errno. */
int term_close(void);
/* From now on bytes are printed as they are, but for secrets: a user who asked for it. */
void term_raw(bool raw);
/* Columns and lines of the terminal behind a descriptor; where it is none, what COLUMNS and LINES say, else 80
 * and 24. */
size_t term_width(int fd);
size_t term_height(int fd);
/* A text and the end of its line, broken at blanks so that it fits `width` columns; `first` columns of the
 * first line are taken, the others begin with `indent` blanks. */
void term_wrap(FILE *out, const char *text, size_t width, size_t indent, size_t first);

#endif
