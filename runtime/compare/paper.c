/* paper.c - tables in three forms. */
#include "runtime/compare/paper.h"

#include <string.h>

#include "runtime/base/text.h"

/* Text of names, as the form asks for. */
static void paper_put(const struct paper *p, const char *s, size_t width)
{
    size_t n = utf8_length(s, strlen(s));
    for (const char *c = s; *c; c++) {
        if (p->form == TABLE_LATEX && strchr("_&%#$", *c))
            fputc('\\', p->out);
        if (p->form == TABLE_MARKDOWN && *c == '|')
            fputc('\\', p->out);
        fputc(*c, p->out);
    }
    for (; n < width; n++)
        fputc(' ', p->out);
}

void paper_cell(const struct paper *p, const char *s, size_t width)
{
    static const char *const between[] = {"  ", " | ", " & "};
    fputs(between[p->form], p->out);
    paper_put(p, s, width);
}

void paper_begin(const struct paper *p, const char *s)
{
    if (p->form == TABLE_MARKDOWN)
        fputs("| ", p->out);
    paper_put(p, s, p->width);
}

void paper_end(const struct paper *p)
{
    static const char *const ends[] = {"\n", " |\n", " \\\\\n"};
    fputs(ends[p->form], p->out);
}

void paper_header(const struct paper *p, const char *const *columns, const size_t *widths, size_t n)
{
    if (p->form == TABLE_LATEX) {
        fputs("\\begin{tabular}{l", p->out);
        for (size_t i = 1; i < n; i++)
            fputc('r', p->out);
        fputs("}\n", p->out);
    }
    paper_begin(p, columns[0]);
    for (size_t i = 1; i < n; i++)
        paper_cell(p, columns[i], widths[i]);
    paper_end(p);
    if (p->form == TABLE_MARKDOWN) {
        fputs("| ---", p->out);
        for (size_t i = 1; i < n; i++)
            fputs(" | ---:", p->out);
        fputs(" |\n", p->out);
    } else if (p->form == TABLE_LATEX) {
        fputs("\\hline\n", p->out);
    }
}

void paper_close(const struct paper *p)
{
    if (p->form == TABLE_LATEX)
        fputs("\\end{tabular}\n", p->out);
    fputc('\n', p->out);
}

void paper_note(const struct paper *p, const char *s)
{
    static const char *const marks[] = {"note: ", "- ", "% "};
    fputs(marks[p->form], p->out);
    paper_put(p, s, 0);
    fputc('\n', p->out);
}

void paper_title(const struct paper *p, const char *s)
{
    static const char *const marks[] = {"", "### ", "% "};
    fprintf(p->out, "%s%s\n%s", marks[p->form], s, p->form == TABLE_MARKDOWN ? "\n" : "");
}

void paper_missing(const struct paper *p, int64_t n)
{
    char text[96];
    if (!n)
        return;
    snprintf(text, sizeof(text), "%lld %s not done and %s in no row", (long long)n,
             n == 1 ? "cell is" : "cells are", n == 1 ? "is" : "are");
    paper_note(p, text);
}

void paper_p(double value, char out[16])
{
    if (value < 0.001)
        snprintf(out, 16, "<0.001");
    else
        snprintf(out, 16, "%.3f", value);
}
