/*
 * pyliteral.c - the part of ast.literal_eval that an answer can need. Within brackets, line ends
 * are blanks; outside, one ends the expression.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/literal/pyparse_private.h"
#include "runtime/base/text.h"

#define LITERAL_DEPTH 100 /* of brackets; Python's parser takes about as many */

static void skip_space(struct py_parser *q)
{
    for (; q->p < q->end; q->p++) {
        char c = *q->p;
        if (c == '#') {
            while (q->p < q->end && *q->p != '\n' && *q->p != '\r')
                q->p++;
            q->p--;
        } else if (c == '\\' && q->end - q->p >= 2 && q->p[1] == '\n') {
            q->p++;
        } else if (c == '\n' || c == '\r') {
            if (!q->depth)
                return;
        } else if (c != ' ' && c != '\t' && c != '\f') {
            return;
        }
    }
}

/* Octal: one to three digits, the first already read. */
static uint32_t octal_digits(struct py_parser *q, char first)
{
    uint32_t value = (uint32_t)(first - '0');
    for (int i = 0; i < 2 && q->p < q->end && *q->p >= '0' && *q->p <= '7'; i++)
        value = value * 8 + (uint32_t)(*q->p++ - '0');
    return value;
}

/* After a backslash in a string or bytes. \N{...} is refused. */
static bool literal_escape(struct py_parser *q, bool bytes, char **to)
{
    static const char from[] = "\\'\"abfnrtv", into[] = "\\'\"\a\b\f\n\r\t\v";
    char c = *q->p++;
    const char *known = c ? strchr(from, c) : NULL;
    uint32_t code;
    int count = c == 'x' ? 2 : c == 'u' && !bytes ? 4 : c == 'U' && !bytes ? 8 : 0;
    if (c == '\n')
        return true;
    if (known) {
        *(*to)++ = into[known - from];
        return true;
    }
    if (c >= '0' && c <= '7') {
        code = octal_digits(q, c);
    } else if (count) {
        if (!py_hex_digits(q->p, q->end, count, &code) || code > 0x10ffff)
            return false;
        q->p += count;
    } else if (c == 'N' && !bytes) {
        return false;
    } else {
        *(*to)++ = '\\'; /* an unknown escape stays as it is */
        *(*to)++ = c;
        return true;
    }
    if (bytes)
        *(*to)++ = (char)code;
    else
        *to = py_put_utf8(*to, code);
    return true;
}

/* q->p is at the quote. */
static bool literal_text(struct py_parser *q, bool raw, bool bytes, char **to)
{
    char quote = *q->p;
    bool triple = q->end - q->p >= 3 && q->p[1] == quote && q->p[2] == quote;
    for (q->p += triple ? 3 : 1; q->p < q->end;) {
        char c = *q->p;
        if (c == quote &&
            (!triple || (q->end - q->p >= 3 && q->p[1] == quote && q->p[2] == quote))) {
            q->p += triple ? 3 : 1;
            return true;
        }
        if ((c == '\n' && !triple) || c == '\0' || (bytes && (unsigned char)c >= 0x80))
            return false;
        q->p++;
        if (c != '\\') {
            *(*to)++ = c;
        } else if (q->p >= q->end || !*q->p || (bytes && (unsigned char)*q->p >= 0x80)) {
            return false;
        } else if (raw) {
            *(*to)++ = c;
            *(*to)++ = *q->p++;
        } else if (!literal_escape(q, bytes, to)) {
            return false;
        }
    }
    return false;
}

/* The length of a string prefix at p (0: a bare quote follows); -1: no string starts here. */
static int string_prefix(const struct py_parser *q, bool *raw, bool *bytes)
{
    int n = 0;
    *raw = *bytes = false;
    bool unicode = false;
    for (; n < 3 && q->end - q->p > n; n++) {
        char c = ascii_lower(q->p[n]);
        if (c == '"' || c == '\'')
            return unicode && (*raw || *bytes) ? -1 : n;
        if (c == 'r' && !*raw)
            *raw = true;
        else if (c == 'b' && !*bytes)
            *bytes = true;
        else if (c == 'u' && !n)
            unicode = true;
        else
            return -1;
    }
    return -1;
}

/* One string or several side by side, which count as one. */
static bool literal_string(struct py_parser *q, struct pyvalue *out)
{
    bool raw, bytes, first = true, kind = false;
    char *to = q->scratch;
    for (int n; (n = string_prefix(q, &raw, &bytes)) >= 0; first = false) {
        if (!first && bytes != kind)
            return false;
        kind = bytes;
        q->p += n;
        if (!literal_text(q, raw, bytes, &to))
            return false;
        skip_space(q);
    }
    size_t len = (size_t)(to - q->scratch);
    *out = (struct pyvalue){.kind = kind ? PY_BYTES : PY_STR, .n = len};
    out->s = py_copy_text(q, q->scratch, len);
    return !first && out->s;
}

/* Digits of a base with single underscores between them; copied without. How many. */
static size_t base_digits(struct py_parser *q, int base, char **to)
{
    size_t n = 0;
    for (; q->p < q->end; n++) {
        const char *p = q->p;
        uint32_t value;
        if (n && *p == '_')
            p++;
        if (!py_hex_digits(p, q->end, 1, &value) || (int)value >= base)
            break;
        *(*to)++ = *p;
        q->p = p + 1;
    }
    return n;
}

/* 0x, 0o, 0b: as a float's value is enough when it is past 64 bits. */
static bool literal_base(struct py_parser *q, int base, struct pyvalue *out)
{
    char *text = q->scratch, *to = text;
    q->p += 2;
    if (q->p < q->end && *q->p == '_')
        q->p++;
    if (!base_digits(q, base, &to))
        return false;
    *to = '\0';
    double value = 0;
    int64_t exact = 0;
    for (const char *p = text; *p; p++) {
        char c = ascii_lower(*p);
        int digit = ascii_isdigit(c) ? c - '0' : c - 'a' + 10;
        value = value * base + digit;
        exact = value < 0x1p62 ? exact * base + digit : 0;
    }
    if (value < 0x1p62)
        *out = (struct pyvalue){.kind = PY_INT, .i = exact};
    else
        *out = (struct pyvalue){.kind = PY_FLOAT, .f = value};
    return true;
}

/* A number behind which stands j. */
static bool set_imaginary(struct py_parser *q, const char *text, size_t n, struct pyvalue *out)
{
    double *z = py_arena_get(q->arena, 2 * sizeof(*z));
    if (!z || !py_set_real(q, text, n, out))
        return false;
    z[0] = 0;
    z[1] = out->f;
    *out = (struct pyvalue){.kind = PY_COMPLEX, .z = z};
    return true;
}

static bool literal_number(struct py_parser *q, struct pyvalue *out)
{
    if (q->end - q->p >= 2 && *q->p == '0') {
        char c = ascii_lower(q->p[1]);
        int base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
        if (base)
            return literal_base(q, base, out);
    }
    char *text = q->scratch, *to = text;
    bool real = false;
    size_t n = base_digits(q, 10, &to);
    if (q->p < q->end && *q->p == '.') {
        real = true;
        *to++ = *q->p++;
        n += base_digits(q, 10, &to);
    }
    if (!n)
        return false;
    if (q->p < q->end && (*q->p == 'e' || *q->p == 'E')) {
        real = true;
        *to++ = *q->p++;
        if (q->p < q->end && (*q->p == '-' || *q->p == '+'))
            *to++ = *q->p++;
        if (!base_digits(q, 10, &to))
            return false;
    }
    if (q->p < q->end && (*q->p == 'j' || *q->p == 'J')) {
        q->p++;
        return set_imaginary(q, text, (size_t)(to - text), out);
    }
    if (real)
        return py_set_real(q, text, (size_t)(to - text), out);
    size_t zeros = 0;
    while (zeros + 1 < (size_t)(to - text) && text[zeros] == '0')
        zeros++;
    if (zeros && text[zeros] != '0') /* 0123 is an error, 000 is none */
        return false;
    return py_set_integer(q, text + zeros, (size_t)(to - text) - zeros, out);
}

static bool literal_name(struct py_parser *q, struct pyvalue *out)
{
    static const struct {
        const char *word;
        enum py_kind kind;
        int64_t i;
    } words[] = {{"None", PY_NONE, 0}, {"True", PY_BOOL, 1}, {"False", PY_BOOL, 0}};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        size_t n = strlen(words[i].word);
        if ((size_t)(q->end - q->p) < n || memcmp(q->p, words[i].word, n) != 0)
            continue;
        q->p += n;
        *out = (struct pyvalue){.kind = words[i].kind, .i = words[i].i};
        return true;
    }
    return false;
}

static bool literal_value(struct py_parser *q, struct pyvalue *out);

/* Values up to `close` (0: the end of the text) with commas between them; *commas: how many. */
static bool literal_items(struct py_parser *q, char close, size_t *commas)
{
    *commas = 0;
    for (skip_space(q);; skip_space(q)) {
        struct pyvalue value;
        if (close ? q->p < q->end && *q->p == close
                  : q->p >= q->end || *q->p == '\n' || *q->p == '\r')
            return true;
        if (!literal_value(q, &value) || !py_push(q, NULL, &value))
            return false;
        skip_space(q);
        if (q->p < q->end && *q->p == ',') {
            q->p++;
            ++*commas;
        } else if (close) {
            return q->p < q->end && *q->p == close;
        } else {
            return true;
        }
    }
}

static bool literal_group(struct py_parser *q, char open, struct pyvalue *out)
{
    size_t mark = q->n, commas;
    char close = open == '[' ? ']' : ')';
    q->p++;
    if (++q->depth > LITERAL_DEPTH)
        return false;
    if (!literal_items(q, close, &commas))
        return false;
    q->depth--;
    q->p++;
    if (open == '[')
        return py_close_list(q, mark, PY_LIST, out);
    if (q->n - mark == 1 && !commas) { /* mere parentheses */
        *out = q->stack[mark].value;
        q->n = mark;
        return true;
    }
    return py_close_list(q, mark, PY_TUPLE, out);
}

static bool is_real(const struct pyvalue *v)
{
    return v->kind == PY_INT || v->kind == PY_FLOAT || v->kind == PY_BIG;
}

static bool negate(struct py_parser *q, struct pyvalue *v)
{
    if (v->kind == PY_INT && v->i != INT64_MIN) {
        v->i = -v->i;
    } else if (v->kind == PY_FLOAT) {
        v->f = -v->f;
    } else if (v->kind == PY_COMPLEX) {
        double *z = py_arena_get(q->arena, 2 * sizeof(*z));
        if (!z)
            return false;
        z[0] = -v->z[0];
        z[1] = -v->z[1];
        v->z = z;
    } else if (v->kind == PY_BIG) {
        char *text = py_arena_get(q->arena, v->n + 2);
        if (!text)
            return false;
        *text = '-';
        memcpy(text + 1, v->s, v->n + 1);
        v->s = text;
        v->n++;
    }
    return true;
}

/* A value with at most one sign, and nothing added to it. */
static bool literal_signed(struct py_parser *q, struct pyvalue *out)
{
    if (q->p >= q->end)
        return false;
    char c = *q->p;
    if (c == '-' || c == '+') { /* one sign a number, however it is bracketed */
        q->p++;
        skip_space(q);
        if (q->p >= q->end || *q->p == '-' || *q->p == '+' || !literal_signed(q, out) || q->sign ||
            q->sum)
            return false;
        q->sign = true;
        if (!is_real(out) && out->kind != PY_COMPLEX)
            return false;
        return c == '+' || negate(q, out);
    }
    if (c == '(')
        return literal_group(q, c, out);
    bool raw, bytes, ok;
    if (c == '[')
        ok = literal_group(q, c, out);
    else if (ascii_isdigit(c) || c == '.')
        ok = literal_number(q, out);
    else if (string_prefix(q, &raw, &bytes) >= 0)
        ok = literal_string(q, out);
    else
        ok = literal_name(q, out);
    q->sign = q->sum = false;
    return ok;
}

/* Complex numbers are the one sum that literal_eval takes: a real number, maybe behind a sign, and
 * an imaginary one without. */
static bool literal_value(struct py_parser *q, struct pyvalue *out)
{
    double left;
    struct pyvalue right;
    if (!literal_signed(q, out))
        return false;
    skip_space(q);
    if (q->p >= q->end || (*q->p != '+' && *q->p != '-'))
        return true;
    double way = *q->p++ == '-' ? -1 : 1;
    double *z = py_arena_get(q->arena, 2 * sizeof(*z));
    if (!z || q->sum || !is_real(out) || !py_number(out, &left))
        return false;
    skip_space(q);
    if (!literal_signed(q, &right) || q->sign || q->sum || right.kind != PY_COMPLEX)
        return false;
    z[0] = left + way * right.z[0];
    z[1] = 0 + way * right.z[1];
    *out = (struct pyvalue){.kind = PY_COMPLEX, .z = z};
    q->sum = true;
    skip_space(q);
    return q->p >= q->end || (*q->p != '+' && *q->p != '-');
}

static bool at_line_end(const struct py_parser *q)
{
    return q->p < q->end && (*q->p == '\n' || *q->p == '\r');
}

bool py_literal(struct py_arena *a, const char *text, size_t len, struct pyvalue *out)
{
    struct py_parser q = {.arena = a, .p = text, .end = text + len};
    size_t commas;
    q.scratch = malloc(len + 2);
    if (!q.scratch)
        return false;
    while (q.p < q.end && (*q.p == ' ' || *q.p == '\t'))
        q.p++;
    const char *line = q.p;
    for (skip_space(&q); at_line_end(&q); skip_space(&q))
        line = ++q.p;
    bool ok = q.p == line || q.p[-1] == '\f'; /* an indented line is an error, also a
                                                 last one of blanks alone */
    ok = ok && literal_items(&q, '\0', &commas) && q.n > 0;
    while (at_line_end(&q)) {
        line = ++q.p;
        skip_space(&q);
        ok = ok && (q.p == line || q.p < q.end || memchr(line, '#', (size_t)(q.end - line)));
    }
    ok = ok && q.p == q.end;
    if (ok && commas)
        ok = py_close_list(&q, 0, PY_TUPLE, out);
    else if (ok)
        *out = q.stack[0].value;
    free(q.stack);
    free(q.scratch);
    return ok;
}
