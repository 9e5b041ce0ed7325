/* pyparse.c - json.loads, and the part of ast.literal_eval that an answer can need. Nesting is
 * bounded; memory is at most a small multiple of the text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/pyarena.h"
#include "runtime/base/text.h"

#define JSON_DEPTH    900  /* Python gives up somewhat below 1000 */
#define LITERAL_DEPTH 100  /* of brackets, as many as Python's parser takes without complaint */
#define INT_DIGITS    4300 /* sys.get_int_max_str_digits() */

struct parser {
    struct py_arena *arena;
    const char *p, *end;
    struct pyitem *stack; /* items of the containers that are open */
    size_t n, cap;
    int depth;
    char *scratch; /* literals: as long as the text */
    bool sign;     /* literals: the value just read is a number behind a sign */
};

static bool push(struct parser *q, const struct pyvalue *key, const struct pyvalue *value)
{
    if (q->n == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 32;
        struct pyitem *v = realloc(q->stack, cap * sizeof(*v));
        if (!v)
            return false;
        q->stack = v;
        q->cap = cap;
    }
    if (key)
        q->stack[q->n].key = *key;
    q->stack[q->n++].value = *value;
    return true;
}

/* Takes the items above `mark` off the stack into a list or tuple. */
static bool close_list(struct parser *q, size_t mark, enum py_kind kind, struct pyvalue *out)
{
    size_t n = q->n - mark;
    struct pyvalue *items = py_arena_get(q->arena, n * sizeof(*items));
    if (!items)
        return false;
    for (size_t i = 0; i < n; i++)
        items[i] = q->stack[mark + i].value;
    q->n = mark;
    *out = (struct pyvalue){.kind = kind, .items = items, .n = n};
    return true;
}

static uint64_t key_hash(const struct pyvalue *key)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < key->n; i++)
        h = (h ^ (unsigned char)key->s[i]) * 1099511628211u;
    return h ^ h >> 29;
}

static bool same_key(const struct pyvalue *a, const struct pyvalue *b)
{
    return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
}

/* Drops repeated keys: the first place, the last value. Small objects by looking at all pairs,
 * larger ones through a table, so that hostile text costs no more than its length. */
static bool unique_members(struct pyitem *v, size_t *count)
{
    size_t n = *count, kept = 0, size = 16;
    size_t *table = NULL;
    if (n > 12) {
        while (size < 2 * n)
            size *= 2;
        table = malloc(size * sizeof(*table));
        if (!table)
            return false;
        memset(table, 0xff, size * sizeof(*table));
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = kept;
        if (table) {
            size_t slot = key_hash(&v[i].key) & (size - 1);
            while (table[slot] != SIZE_MAX && !same_key(&v[table[slot]].key, &v[i].key))
                slot = (slot + 1) & (size - 1);
            if (table[slot] == SIZE_MAX)
                table[slot] = kept;
            at = table[slot];
        } else {
            for (at = 0; at < kept && !same_key(&v[at].key, &v[i].key); at++)
                ;
        }
        if (at == kept)
            v[kept++] = v[i];
        else
            v[at].value = v[i].value;
    }
    free(table);
    *count = kept;
    return true;
}

static bool close_dict(struct parser *q, size_t mark, struct pyvalue *out)
{
    size_t n = q->n - mark;
    q->n = mark;
    if (n && !unique_members(q->stack + mark, &n))
        return false;
    struct pyitem *members = py_arena_get(q->arena, n * sizeof(*members));
    if (!members)
        return false;
    if (n)
        memcpy(members, q->stack + mark, n * sizeof(*members));
    *out = (struct pyvalue){.kind = PY_DICT, .members = members, .n = n};
    return true;
}

static char *copy_text(struct parser *q, const char *s, size_t n)
{
    char *copy = py_arena_get(q->arena, n + 1);
    if (copy) {
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

/* A decimal integer: sign and digits, no leading zeros. */
static bool set_integer(struct parser *q, const char *s, size_t n, struct pyvalue *out)
{
    bool minus = *s == '-';
    if (n - minus > INT_DIGITS)
        return false;
    if (n - minus <= 18) {
        int64_t value = 0;
        for (size_t i = minus; i < n; i++)
            value = value * 10 + (s[i] - '0');
        *out = (struct pyvalue){.kind = PY_INT, .i = minus ? -value : value};
        return true;
    }
    char *text = copy_text(q, s, n);
    if (!text)
        return false;
    int64_t value;
    if (str_to_i64(text, INT64_MIN, INT64_MAX, &value))
        *out = (struct pyvalue){.kind = PY_INT, .i = value};
    else
        *out = (struct pyvalue){.kind = PY_BIG, .s = text, .n = n};
    return true;
}

static bool set_real(struct parser *q, const char *s, size_t n, struct pyvalue *out)
{
    char small[64], *text = n < sizeof(small) ? small : copy_text(q, s, n);
    if (!text)
        return false;
    memcpy(text, s, n);
    text[n] = '\0';
    *out = (struct pyvalue){.kind = PY_FLOAT};
    if (!str_to_double(text, &out->f))
        out->f = *text == '-' ? -INFINITY : INFINITY;
    return true;
}

/* Encodes a code point; surrogates too. */
static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* `count` hexadecimal digits at p; false when there are fewer. */
static bool hex_digits(const char *p, const char *end, int count, uint32_t *out)
{
    uint32_t value = 0;
    if (end - p < count)
        return false;
    for (int i = 0; i < count; i++) {
        char c = ascii_lower(p[i]);
        if (ascii_isdigit(c))
            value = value * 16 + (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (uint32_t)(c - 'a') + 10;
        else
            return false;
    }
    *out = value;
    return true;
}

static void skip_json_space(struct parser *q)
{
    while (q->p < q->end && (*q->p == ' ' || *q->p == '\n' || *q->p == '\r' || *q->p == '\t'))
        q->p++;
}

/* After "\u"; joins two halves of a pair. */
static bool json_unicode(struct parser *q, char **to)
{
    uint32_t c, low;
    if (!hex_digits(q->p, q->end, 4, &c))
        return false;
    q->p += 4;
    if (c >= 0xd800 && c < 0xdc00 && q->end - q->p >= 6 && q->p[0] == '\\' && q->p[1] == 'u' &&
        hex_digits(q->p + 2, q->end, 4, &low) && low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        q->p += 6;
    }
    *to = put_utf8(*to, c);
    return true;
}

/* q->p is behind the opening quote. */
static bool json_string_at(struct parser *q, struct pyvalue *out)
{
    const char *close = q->p;
    while (close < q->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= q->end)
        return false;
    char *text = py_arena_get(q->arena, (size_t)(close - q->p) + 1), *to = text;
    if (!text)
        return false;
    while (*q->p != '"') {
        char c = *q->p++;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
        c = *q->p++;
        const char *known = c ? strchr(from, c) : NULL;
        if (known)
            *to++ = into[known - from];
        else if (c != 'u' || !json_unicode(q, &to))
            return false;
    }
    q->p++;
    *to = '\0';
    *out = (struct pyvalue){.kind = PY_STR, .s = text, .n = (size_t)(to - text)};
    return true;
}

static bool json_number_at(struct parser *q, struct pyvalue *out)
{
    const char *start = q->p, *p = q->p;
    bool real = false;
    p += *p == '-';
    if (p >= q->end || !ascii_isdigit(*p))
        return false;
    if (*p == '0')
        p++;
    else
        while (p < q->end && ascii_isdigit(*p))
            p++;
    if (q->end - p >= 2 && *p == '.' && ascii_isdigit(p[1])) {
        real = true;
        for (p++; p < q->end && ascii_isdigit(*p); p++)
            ;
    }
    if (p < q->end && (*p == 'e' || *p == 'E')) {
        const char *e = p + 1;
        e += e < q->end && (*e == '-' || *e == '+');
        if (e < q->end && ascii_isdigit(*e)) {
            real = true;
            for (p = e; p < q->end && ascii_isdigit(*p); p++)
                ;
        }
    }
    q->p = p;
    size_t n = (size_t)(p - start);
    return real ? set_real(q, start, n, out) : set_integer(q, start, n, out);
}

static bool json_word_at(struct parser *q, struct pyvalue *out)
{
    static const struct {
        const char *word;
        enum py_kind kind;
        double value;
    } words[] = {{"null", PY_NONE, 0},
                 {"true", PY_BOOL, 1},
                 {"false", PY_BOOL, 0},
                 {"NaN", PY_FLOAT, NAN},
                 {"Infinity", PY_FLOAT, INFINITY},
                 {"-Infinity", PY_FLOAT, -INFINITY}};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        size_t n = strlen(words[i].word);
        if ((size_t)(q->end - q->p) < n || memcmp(q->p, words[i].word, n) != 0)
            continue;
        q->p += n;
        *out = (struct pyvalue){.kind = words[i].kind};
        if (out->kind == PY_FLOAT)
            out->f = words[i].value;
        else
            out->i = words[i].value != 0;
        return true;
    }
    return false;
}

static bool json_value_at(struct parser *q, struct pyvalue *out);

/* q->p is behind the opening bracket. */
static bool json_items(struct parser *q, char close, struct pyvalue *out)
{
    size_t mark = q->n;
    skip_json_space(q);
    bool more = q->p >= q->end || *q->p != close;
    while (more) {
        struct pyvalue key, value;
        if (close == '}') {
            if (q->p >= q->end || *q->p++ != '"' || !json_string_at(q, &key))
                return false;
            skip_json_space(q);
            if (q->p >= q->end || *q->p++ != ':')
                return false;
            skip_json_space(q);
        }
        if (!json_value_at(q, &value) || !push(q, close == '}' ? &key : NULL, &value))
            return false;
        skip_json_space(q);
        if (q->p >= q->end || (*q->p != ',' && *q->p != close))
            return false;
        more = *q->p == ',';
        if (more) {
            q->p++;
            skip_json_space(q);
        }
    }
    q->p++;
    return close == '}' ? close_dict(q, mark, out) : close_list(q, mark, PY_LIST, out);
}

static bool json_value_at(struct parser *q, struct pyvalue *out)
{
    if (q->p >= q->end)
        return false;
    char c = *q->p;
    if (c == '"') {
        q->p++;
        return json_string_at(q, out);
    }
    if (c == '{' || c == '[') {
        q->p++;
        if (++q->depth > JSON_DEPTH)
            return false;
        bool ok = json_items(q, c == '{' ? '}' : ']', out);
        q->depth--;
        return ok;
    }
    return json_word_at(q, out) || json_number_at(q, out);
}

bool py_json(struct py_arena *a, const char *text, size_t len, struct pyvalue *out)
{
    struct parser q = {.arena = a, .p = text, .end = text + len};
    skip_json_space(&q);
    bool ok = json_value_at(&q, out);
    skip_json_space(&q);
    free(q.stack);
    return ok && q.p == q.end;
}

/* Python literals. Within brackets, line ends are blanks; outside, one ends the expression. */

static void skip_space(struct parser *q)
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
static uint32_t octal_digits(struct parser *q, char first)
{
    uint32_t value = (uint32_t)(first - '0');
    for (int i = 0; i < 2 && q->p < q->end && *q->p >= '0' && *q->p <= '7'; i++)
        value = value * 8 + (uint32_t)(*q->p++ - '0');
    return value;
}

/* After a backslash in a string or bytes. \N{...} is refused. */
static bool literal_escape(struct parser *q, bool bytes, char **to)
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
        if (!hex_digits(q->p, q->end, count, &code) || code > 0x10ffff)
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
        *to = put_utf8(*to, code);
    return true;
}

/* q->p is at the quote. */
static bool literal_text(struct parser *q, bool raw, bool bytes, char **to)
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
        } else if (q->p >= q->end) {
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
static int string_prefix(const struct parser *q, bool *raw, bool *bytes)
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
static bool literal_string(struct parser *q, struct pyvalue *out)
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
    out->s = copy_text(q, q->scratch, len);
    return !first && out->s;
}

/* Digits of a base with single underscores between them; copied without. How many. */
static size_t base_digits(struct parser *q, int base, char **to)
{
    size_t n = 0;
    for (; q->p < q->end; n++) {
        const char *p = q->p;
        uint32_t value;
        if (n && *p == '_')
            p++;
        if (!hex_digits(p, q->end, 1, &value) || (int)value >= base)
            break;
        *(*to)++ = *p;
        q->p = p + 1;
    }
    return n;
}

/* 0x, 0o, 0b: as a float's value is enough when it is past 64 bits. */
static bool literal_base(struct parser *q, int base, struct pyvalue *out)
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

static bool literal_number(struct parser *q, struct pyvalue *out)
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
    if (real)
        return set_real(q, text, (size_t)(to - text), out);
    size_t zeros = 0;
    while (zeros + 1 < (size_t)(to - text) && text[zeros] == '0')
        zeros++;
    if (zeros && text[zeros] != '0') /* 0123 is an error, 000 is none */
        return false;
    return set_integer(q, text + zeros, (size_t)(to - text) - zeros, out);
}

static bool literal_name(struct parser *q, struct pyvalue *out)
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

static bool literal_value(struct parser *q, struct pyvalue *out);

/* Values up to `close` (0: the end of the text) with commas between them; *commas: how many. */
static bool literal_items(struct parser *q, char close, size_t *commas)
{
    *commas = 0;
    for (skip_space(q);; skip_space(q)) {
        struct pyvalue value;
        if (close ? q->p < q->end && *q->p == close
                  : q->p >= q->end || *q->p == '\n' || *q->p == '\r')
            return true;
        if (!literal_value(q, &value) || !push(q, NULL, &value))
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

static bool literal_group(struct parser *q, char open, struct pyvalue *out)
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
        return close_list(q, mark, PY_LIST, out);
    if (q->n - mark == 1 && !commas) { /* mere parentheses */
        *out = q->stack[mark].value;
        q->n = mark;
        return true;
    }
    return close_list(q, mark, PY_TUPLE, out);
}

static bool negate(struct parser *q, struct pyvalue *v)
{
    if (v->kind == PY_INT && v->i != INT64_MIN) {
        v->i = -v->i;
    } else if (v->kind == PY_FLOAT) {
        v->f = -v->f;
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

static bool literal_value(struct parser *q, struct pyvalue *out)
{
    if (q->p >= q->end)
        return false;
    char c = *q->p;
    if (c == '-' || c == '+') { /* one sign a number, however it is bracketed */
        q->p++;
        skip_space(q);
        if (q->p >= q->end || *q->p == '-' || *q->p == '+' || !literal_value(q, out) || q->sign)
            return false;
        q->sign = true;
        if (out->kind != PY_INT && out->kind != PY_FLOAT && out->kind != PY_BIG)
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
    q->sign = false;
    return ok;
}

static bool at_line_end(const struct parser *q)
{
    return q->p < q->end && (*q->p == '\n' || *q->p == '\r');
}

bool py_literal(struct py_arena *a, const char *text, size_t len, struct pyvalue *out)
{
    struct parser q = {.arena = a, .p = text, .end = text + len};
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
        ok = close_list(&q, 0, PY_TUPLE, out);
    else if (ok)
        *out = q.stack[0].value;
    free(q.stack);
    free(q.scratch);
    return ok;
}
