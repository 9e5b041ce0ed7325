/* pyvalue.c - memory, comparison, conversion and printing of Python values. */
#include "probes/literal/pyvalue.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/literal/pyparse_private.h"
#include "probes/literal/pyprint_private.h"
#include "runtime/base/text.h"

struct py_chunk {
    struct py_chunk *next;
    size_t used, cap;
    max_align_t data[];
};

void *py_arena_get(struct py_arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 4)
        return NULL;
    bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct py_chunk *c = a->head;
    if (!c || c->cap - c->used < bytes) {
        size_t cap = bytes > 8192 ? bytes : 8192;
        c = malloc(sizeof(*c) + cap);
        if (!c)
            return NULL;
        *c = (struct py_chunk){.next = a->head, .cap = cap};
        a->head = c;
    }
    void *p = (char *)c->data + c->used;
    c->used += bytes;
    return p;
}

void py_arena_release(struct py_arena *a)
{
    while (a->head) {
        struct py_chunk *next = a->head->next;
        free(a->head);
        a->head = next;
    }
}

static bool same_text(const struct pyvalue *v, const char *s, size_t n)
{
    return v->n == n && memcmp(v->s, s, n) == 0;
}

const struct pyvalue *py_get(const struct pyvalue *v, const char *key)
{
    if (!v || v->kind != PY_DICT)
        return NULL;
    size_t n = strlen(key);
    for (size_t i = 0; i < v->n; i++)
        if (same_text(&v->members[i].key, key, n))
            return &v->members[i].value;
    return NULL;
}

const struct pyvalue *py_at(const struct pyvalue *v, size_t i)
{
    if (!v || (v->kind != PY_LIST && v->kind != PY_TUPLE) || i >= v->n)
        return NULL;
    return &v->items[i];
}

bool py_is_str(const struct pyvalue *v)
{
    return v && v->kind == PY_STR;
}

bool py_is_number(const struct pyvalue *v)
{
    return v &&
           (v->kind == PY_INT || v->kind == PY_BOOL || v->kind == PY_BIG || v->kind == PY_FLOAT);
}

bool py_eq_str(const struct pyvalue *v, const char *text)
{
    return py_is_str(v) && same_text(v, text, strlen(text));
}

/* Integer equals double, exactly: no rounding of the integer on the way. */
static bool int_eq_double(int64_t i, double d)
{
    return d >= -9223372036854775808.0 && d < 9223372036854775808.0 && (int64_t)d == i &&
           (double)(int64_t)d == d;
}

bool py_eq_num(const struct pyvalue *v, double number)
{
    if (!v)
        return false;
    if (v->kind == PY_INT || v->kind == PY_BOOL)
        return int_eq_double(v->i, number);
    if (v->kind == PY_FLOAT)
        return v->f == number;
    if (v->kind == PY_COMPLEX)
        return v->z[0] == number && v->z[1] == 0;
    if (v->kind != PY_BIG || !isfinite(number) || number != floor(number))
        return false;
    char text[330];
    int n = snprintf(text, sizeof(text), "%.0f", number);
    return n > 0 && same_text(v, text, (size_t)n);
}

bool py_eq_json(const struct pyvalue *v, const json_t *j)
{
    if (!v || !j)
        return false;
    switch (json_typeof(j)) {
    case JSON_NULL:
        return v->kind == PY_NONE;
    case JSON_TRUE:
    case JSON_FALSE:
        return py_eq_num(v, json_is_true(j));
    case JSON_INTEGER:
        if (v->kind == PY_INT || v->kind == PY_BOOL)
            return v->i == json_integer_value(j);
        return v->kind == PY_FLOAT && int_eq_double(json_integer_value(j), v->f);
    case JSON_REAL:
        return py_eq_num(v, json_real_value(j));
    case JSON_STRING:
        return v->kind == PY_STR && same_text(v, json_string_value(j), json_string_length(j));
    case JSON_ARRAY:
        if (v->kind != PY_LIST || v->n != json_array_size(j))
            return false;
        for (size_t i = 0; i < v->n; i++)
            if (!py_eq_json(&v->items[i], json_array_get(j, i)))
                return false;
        return true;
    default:
        break;
    }
    if (v->kind != PY_DICT || v->n != json_object_size(j))
        return false;
    for (size_t i = 0; i < v->n; i++) {
        const struct pyitem *m = &v->members[i];
        if (!py_eq_json(&m->value, json_object_getn(j, m->key.s, m->key.n)))
            return false;
    }
    return true;
}

bool py_number(const struct pyvalue *v, double *out)
{
    if (!v)
        return false;
    if (v->kind == PY_INT || v->kind == PY_BOOL)
        *out = (double)v->i;
    else if (v->kind == PY_FLOAT)
        *out = v->f;
    else
        return v->kind == PY_BIG && str_to_double(v->s, out);
    return true;
}

/* str.isspace() */
static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

void py_lstrip(const char **s, size_t *len)
{
    uint32_t cp;
    while (*len) {
        size_t n = utf8_decode(*s, *len, &cp);
        if (!is_space(cp))
            break;
        *s += n;
        *len -= n;
    }
}

/* Where the last character of a text that is not empty begins. A byte that is part of none is one by
 * itself. */
static size_t last_start(const char *s, size_t len)
{
    uint32_t cp;
    size_t start = len - 1;
    while (start && len - start < 4 && ((unsigned char)s[start] & 0xc0) == 0x80)
        start--;
    return start + utf8_decode(s + start, len - start, &cp) == len ? start : len - 1;
}

void py_rstrip(const char *s, size_t *len)
{
    uint32_t cp;
    while (*len) {
        size_t start = last_start(s, *len);
        utf8_decode(s + start, *len - start, &cp);
        if (!is_space(cp))
            break;
        *len = start;
    }
}

void py_strip(const char **s, size_t *len)
{
    py_lstrip(s, len);
    py_rstrip(*s, len);
}

size_t py_but_last(const char *s, size_t len)
{
    return len ? last_start(s, len) : 0;
}

bool py_word_at(const char *s, size_t len)
{
    /* Latin-1's signs, general punctuation to arrows and boxes, CJK punctuation, full-width signs. */
    static const uint32_t signs[][2] = {
        {0x80, 0xa9},     {0xab, 0xb1},     {0xb4, 0xb4},     {0xb6, 0xb8},     {0xbb, 0xbb},
        {0xbf, 0xbf},     {0xd7, 0xd7},     {0xf7, 0xf7},     {0x2000, 0x206f}, {0x20a0, 0x20cf},
        {0x2190, 0x23ff}, {0x2500, 0x2775}, {0x3000, 0x3004}, {0x3008, 0x3020}, {0xfe30, 0xfe4f},
        {0xff01, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff3e}, {0xff5b, 0xff65}, {0xfffd, 0xfffd},
    };
    uint32_t cp;
    if (!len)
        return false;
    utf8_decode(s, len, &cp);
    if (cp < 0x80)
        return ascii_isalnum((char)cp) || cp == '_';
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
        if (cp >= signs[i][0] && cp <= signs[i][1])
            return false;
    return true;
}

/* "inf", "nan" and their long forms, in any case. */
static bool special_float(const char *s, double *out)
{
    if (str_caseeq(s, "inf") || str_caseeq(s, "infinity"))
        *out = INFINITY;
    else if (str_caseeq(s, "nan"))
        *out = NAN;
    else
        return false;
    return true;
}

/* Digits with single underscores between them, copied without; how many, or 0. */
static size_t float_digits(const char **s, char **to)
{
    size_t n = 0;
    while (ascii_isdigit(**s) || (n && **s == '_' && ascii_isdigit((*s)[1]))) {
        if (**s == '_')
            (*s)++;
        *(*to)++ = *(*s)++;
        n++;
    }
    return n;
}

static bool text_to_float(const char *s, size_t len, double *out)
{
    char plain[512];
    py_strip(&s, &len);
    if (!len || len >= sizeof(plain) / 2)
        return false;
    char text[sizeof(plain) / 2];
    memcpy(text, s, len);
    text[len] = '\0';
    if (strlen(text) != len)
        return false;
    const char *p = text;
    char *to = plain;
    double sign = *p == '-' ? -1 : 1;
    p += *p == '-' || *p == '+';
    if (special_float(p, out)) {
        *out *= sign;
        return true;
    }
    size_t n = float_digits(&p, &to);
    if (*p == '.') {
        *to++ = *p++;
        n += float_digits(&p, &to);
    }
    if (!n)
        return false;
    if (*p == 'e' || *p == 'E') {
        *to++ = *p++;
        if (*p == '-' || *p == '+')
            *to++ = *p++;
        if (!float_digits(&p, &to))
            return false;
    }
    *to = '\0';
    if (*p)
        return false;
    if (!str_to_double(plain, out))
        *out = INFINITY;
    *out *= sign;
    return true;
}

bool py_float(const struct pyvalue *v, double *out)
{
    if (v && (v->kind == PY_STR || v->kind == PY_BYTES))
        return text_to_float(v->s, v->n, out);
    return py_number(v, out);
}

static bool printable(uint32_t c)
{
    size_t low = 0, high = sizeof(py_unprintable) / sizeof(*py_unprintable);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > py_unprintable[mid][1])
            low = mid + 1;
        else
            high = mid;
    }
    return low == sizeof(py_unprintable) / sizeof(*py_unprintable) || c < py_unprintable[low][0];
}

static size_t decode_wtf8(const char *s, size_t len, uint32_t *c)
{
    const unsigned char *u = (const unsigned char *)s;
    if (len >= 3 && u[0] == 0xed && u[1] >= 0xa0 && u[1] < 0xc0 && (u[2] & 0xc0) == 0x80) {
        *c = 0xd000u | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu); /* a lone surrogate */
        return 3;
    }
    return utf8_decode(s, len, c);
}

/* A string by its characters, bytes each by itself: only ASCII prints there. */
static void repr_text(struct buf *b, const struct pyvalue *v)
{
    const char *s = v->s;
    size_t len = v->n;
    char quote = memchr(s, '\'', len) && !memchr(s, '"', len) ? '"' : '\'';
    buf_addch(b, quote);
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t c = (unsigned char)s[i];
        n = v->kind == PY_BYTES ? 1 : decode_wtf8(s + i, len - i, &c);
        if (c == (unsigned char)quote || c == '\\') {
            buf_addch(b, '\\');
            buf_addch(b, (char)c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            buf_adds(b, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        } else if (printable(c) && (v->kind == PY_STR || c < 0x80)) {
            buf_add(b, s + i, n);
        } else {
            buf_addf(b, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        }
    }
    buf_addch(b, quote);
}

/* The shortest digits that read back the same, with an exponent from 1e16 on and below 1e-4. */
static void repr_float(struct buf *b, double d)
{
    if (!isfinite(d)) {
        buf_adds(b, isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
        return;
    }
    char text[40];
    int precision = 0;
    do
        snprintf(text, sizeof(text), "%.*e", precision, d);
    while (strtod(text, NULL) != d && ++precision < 17);
    char *e = strchr(text, 'e');
    int exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
    if (exponent >= -4 && exponent < 16) {
        int places = precision - exponent;
        buf_addf(b, "%.*f%s", places > 0 ? places : 0, d, places > 0 ? "" : ".0");
        return;
    }
    if (e)
        *e = '\0';
    buf_addf(b, "%se%c%02d", text, exponent < 0 ? '-' : '+', abs(exponent));
}

/* A part of a complex number: as a float, but whole ones without ".0". */
static void repr_part(struct buf *b, double d)
{
    repr_float(b, d);
    if (b->len > 2 && memcmp(b->ptr + b->len - 2, ".0", 2) == 0)
        buf_truncate(b, b->len - 2);
}

/* "2j", "(1+2j)": a real part of plain zero is left out. */
static void repr_complex(struct buf *b, const double z[2])
{
    bool both = z[0] != 0 || signbit(z[0]);
    if (both) {
        buf_addch(b, '(');
        repr_part(b, z[0]);
        if (isnan(z[1]) || !signbit(z[1]))
            buf_addch(b, '+');
    }
    repr_part(b, z[1]);
    buf_adds(b, both ? "j)" : "j");
}

void py_repr(struct buf *b, const struct pyvalue *v)
{
    switch (v->kind) {
    case PY_NONE:
        buf_adds(b, "None");
        return;
    case PY_BOOL:
        buf_adds(b, v->i ? "True" : "False");
        return;
    case PY_INT:
        buf_addf(b, "%lld", (long long)v->i);
        return;
    case PY_BIG:
        buf_add(b, v->s, v->n);
        return;
    case PY_FLOAT:
        repr_float(b, v->f);
        return;
    case PY_COMPLEX:
        repr_complex(b, v->z);
        return;
    case PY_BYTES:
        buf_addch(b, 'b');
        /* fall through */
    case PY_STR:
        repr_text(b, v);
        return;
    case PY_LIST:
    case PY_TUPLE:
        buf_addch(b, v->kind == PY_LIST ? '[' : '(');
        for (size_t i = 0; i < v->n; i++) {
            buf_adds(b, i ? ", " : "");
            py_repr(b, &v->items[i]);
        }
        buf_adds(b, v->kind == PY_LIST ? "]" : v->n == 1 ? ",)" : ")");
        return;
    case PY_DICT:
        buf_addch(b, '{');
        for (size_t i = 0; i < v->n; i++) {
            buf_adds(b, i ? ", " : "");
            py_repr(b, &v->members[i].key);
            buf_adds(b, ": ");
            py_repr(b, &v->members[i].value);
        }
        buf_addch(b, '}');
        return;
    }
}

const char *py_kind_name(const struct pyvalue *v)
{
    static const char *const names[] = {
        [PY_NONE] = "null",
        [PY_BOOL] = "true or false",
        [PY_INT] = "a number",
        [PY_BIG] = "a number",
        [PY_FLOAT] = "a number",
        [PY_STR] = "a string",
        [PY_COMPLEX] = "a complex number",
        [PY_BYTES] = "a string",
        [PY_LIST] = "a list",
        [PY_TUPLE] = "a list",
        [PY_DICT] = "an object",
    };
    return v ? names[v->kind] : "nothing";
}
