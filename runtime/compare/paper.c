/* paper.c - tables in three forms. */
#include "runtime/compare/paper.h"

#include <string.h>

#include "runtime/base/text.h"

/* One character, as LaTeX has it; how many bytes of it were taken. */
static size_t put_latex(FILE *out, const char *c)
{
    static const char plus_minus[] = "±";
    if (str_starts(c, plus_minus)) {
        fputs("$\\pm$", out);
        return strlen(plus_minus);
    }
    if (strchr("<>", *c))
        fprintf(out, "$%c$", *c);
    else if (strchr("\\~^", *c))
        fprintf(out, "\\char%d{}", *c);
    else
        fprintf(out, strchr("_&%#${}", *c) ? "\\%c" : "%c", *c);
    return 1;
}

/* Text of names, as the form asks for. */
static void paper_put(struct paper *p, const char *s, size_t width)
{
    size_t n = utf8_length(s, strlen(s));
    for (; *s && p->owed; p->owed--)
        fputc(' ', p->out);
    for (const char *c = s; *c;) {
        if (p->form == TABLE_LATEX) {
            c += put_latex(p->out, c);
            continue;
        }
        if (p->form == TABLE_MARKDOWN && *c == '|')
            fputc('\\', p->out);
        fputc(*c++, p->out);
    }
    if (p->form == TABLE_TEXT) {
        p->owed += n < width ? width - n : 0;
        return;
    }
    for (; n < width; n++)
        fputc(' ', p->out);
}

void paper_cell(struct paper *p, const char *s, size_t width)
{
    if (p->form == TABLE_TEXT)
        p->owed += 2;
    else
        fputs(p->form == TABLE_MARKDOWN ? " | " : " & ", p->out);
    paper_put(p, s, width);
}

void paper_begin(struct paper *p, const char *s)
{
    if (p->form == TABLE_MARKDOWN)
        fputs("| ", p->out);
    paper_put(p, s, p->width);
}

void paper_end(struct paper *p)
{
    static const char *const ends[] = {"\n", " |\n", " \\\\\n"};
    p->owed = 0;
    fputs(ends[p->form], p->out);
}

void paper_header(struct paper *p, const char *const *columns, const size_t *widths, size_t n)
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

void paper_close(struct paper *p)
{
    if (p->form == TABLE_LATEX)
        fputs("\\end{tabular}\n", p->out);
    fputc('\n', p->out);
}

void paper_note(struct paper *p, const char *s)
{
    static const char *const marks[] = {"note: ", "- ", "% "};
    fputs(marks[p->form], p->out);
    paper_put(p, s, 0);
    fputc('\n', p->out);
}

void paper_title(struct paper *p, const char *s)
{
    static const char *const marks[] = {"", "### ", "% "};
    fprintf(p->out, "%s%s\n%s", marks[p->form], s, p->form == TABLE_MARKDOWN ? "\n" : "");
}

void paper_missing(struct paper *p, int64_t n)
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
