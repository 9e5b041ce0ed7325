/* paper.h - tables as text, Markdown or LaTeX. */
#ifndef GRASP_RUNTIME_COMPARE_PAPER_H
#define GRASP_RUNTIME_COMPARE_PAPER_H

#include <stdint.h>
#include <stdio.h>

enum table_form { TABLE_TEXT, TABLE_MARKDOWN, TABLE_LATEX };

struct paper {
    FILE *out;
    enum table_form form;
    size_t width; /* of the first column */
    size_t owed;  /* blanks that a cell of text ends with, written when another follows */
};

void paper_title(struct paper *p, const char *s);
/* Column 0 is the rows' names; widths[0] is not looked at. */
void paper_header(struct paper *p, const char *const *columns, const size_t *widths, size_t n);
void paper_begin(struct paper *p, const char *name);
void paper_cell(struct paper *p, const char *s, size_t width);
void paper_end(struct paper *p);
void paper_close(struct paper *p);
void paper_note(struct paper *p, const char *s);
/* Says how many cells are not done, where there are any. */
void paper_missing(struct paper *p, int64_t n);
/* "0.021", "<0.001" */
void paper_p(double value, char out[16]);

#endif
