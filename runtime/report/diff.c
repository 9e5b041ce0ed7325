/* diff.c - a text against the one before it, line by line. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

/* Larger tables are not worth their time: then all that differs is one block. */
enum { MOST_CELLS = 4000000, CONTEXT = 3 };

struct line {
    const char *s;
    size_t len;
};
struct lines {
    struct line *v;
    size_t n, cap;
};

static int split(struct lines *l, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        int rc = grow(&l->v, &l->cap, l->n + 1);
        if (rc < 0)
            return rc;
        l->v[l->n++] = (struct line){text, n};
        text += n + (text[n] == '\n');
    }
    return 0;
}

static bool same(const struct line *a, const struct line *b)
{
    return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static void put(struct buf *b, char mark, const struct line *l)
{
    const char *tag = mark == '+' ? "ins" : mark == '-' ? "del" : "span";
    buf_addf(b, "<%s>%c ", tag, mark);
    html_textn(b, l->s, l->len);
    buf_addf(b, "</%s>", tag);
}

/* What differs: its lines in order, each with its mark. */
struct script {
    struct {
        char mark;
        const struct line *line;
    } * v;
    size_t n, cap;
};

static int step(struct script *s, char mark, const struct line *l)
{
    int rc = grow(&s->v, &s->cap, s->n + 1);
    if (rc == 0) {
        s->v[s->n].mark = mark;
        s->v[s->n++].line = l;
    }
    return rc;
}

/* The middle, by the longest common subsequence. */
static int middle(struct script *s, const struct line *a, size_t na, const struct line *b,
                  size_t nb)
{
    unsigned *table =
        na && nb && na * nb <= MOST_CELLS ? calloc((na + 1) * (nb + 1), sizeof(*table)) : NULL;
    size_t w = nb + 1, i = 0, k = 0;
    int rc = 0;
    for (size_t x = na; table && x-- > 0;)
        for (size_t y = nb; y-- > 0;) {
            unsigned down = table[(x + 1) * w + y], right = table[x * w + y + 1];
            table[x * w + y] = same(&a[x], &b[y]) ? table[(x + 1) * w + y + 1] + 1
                               : down > right     ? down
                                                  : right;
        }
    while (rc == 0 && (i < na || k < nb)) {
        if (table && i < na && k < nb && same(&a[i], &b[k])) {
            rc = step(s, ' ', &a[i++]);
            k++;
        } else if (i < na &&
                   (!table || k == nb || table[(i + 1) * w + k] >= table[i * w + k + 1])) {
            rc = step(s, '-', &a[i++]);
        } else {
            rc = step(s, '+', &b[k++]);
        }
    }
    free(table);
    return rc;
}

/* Whether line `at` is at most CONTEXT lines from one that changed. */
static bool near_change(const struct script *s, size_t at)
{
    size_t from = at > CONTEXT ? at - CONTEXT : 0, to = at + CONTEXT;
    for (size_t i = from; i <= to && i < s->n; i++)
        if (s->v[i].mark != ' ')
            return true;
    return false;
}

static void print(struct buf *b, const struct script *s)
{
    size_t left = 0;
    buf_adds(b, "<pre class=\"diff\">");
    for (size_t i = 0; i <= s->n; i++) {
        bool shown = i < s->n && near_change(s, i);
        if (left && (shown || i == s->n)) {
            buf_addf(b, "<span class=\"gap\">  &#8230; %zu line%s alike</span>", left,
                     left == 1 ? "" : "s");
            left = 0;
        }
        if (shown)
            put(b, s->v[i].mark, s->v[i].line);
        else
            left += i < s->n;
    }
    buf_adds(b, "</pre>\n");
}

int part_diff(struct buf *b, const char *before, const char *after)
{
    struct lines x = {0}, y = {0};
    struct script s = {0};
    size_t head = 0, tail = 0;
    int rc = split(&x, before);
    if (rc == 0)
        rc = split(&y, after);
    while (head < x.n && head < y.n && same(&x.v[head], &y.v[head]))
        head++;
    while (tail < x.n - head && tail < y.n - head &&
           same(&x.v[x.n - 1 - tail], &y.v[y.n - 1 - tail]))
        tail++;
    for (size_t i = 0; rc == 0 && i < head; i++)
        rc = step(&s, ' ', &x.v[i]);
    if (rc == 0)
        rc = middle(&s, x.v ? x.v + head : NULL, x.n - head - tail, y.v ? y.v + head : NULL,
                    y.n - head - tail);
    for (size_t i = x.n - tail; rc == 0 && i < x.n; i++)
        rc = step(&s, ' ', &x.v[i]);
    if (rc == 0)
        print(b, &s);
    free(x.v);
    free(y.v);
    free(s.v);
    return rc;
}
