/* quickjson.c - plain JSON into jansson's trees; see quickjson.h for what is left to jansson. */
#include "fhir/quickjson.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"

#define DEPTH  64
#define DIGITS 15 /* of a number that a double holds exactly, and of its fraction */

struct quick {
    const char *p, *end;
    struct buf unescaped;
};

static json_t *value(struct quick *q, int depth);

static void blanks(struct quick *q)
{
    while (q->p < q->end && (*q->p == ' ' || *q->p == '\n' || *q->p == '\r' || *q->p == '\t'))
        q->p++;
}

static bool take(struct quick *q, char c)
{
    if (q->p == q->end || *q->p != c)
        return false;
    q->p++;
    return true;
}

static bool take_word(struct quick *q, const char *word, size_t len)
{
    if ((size_t)(q->end - q->p) < len || memcmp(q->p, word, len) != 0)
        return false;
    q->p += len;
    return true;
}

/* The rest of a string that has escapes; `from` is where it begins. */
static bool unescape(struct quick *q, const char *from, const char **s, size_t *len)
{
    static const char marks[] = "\"\\/bfnrt", chars[] = "\"\\/\b\f\n\r\t";
    struct buf *b = &q->unescaped;
    buf_reset(b);
    for (;;) {
        buf_add(b, from, (size_t)(q->p - from));
        if (q->end - q->p < 2)
            return false;
        if (*q->p == '"')
            break;
        const char *mark = q->p[1] ? strchr(marks, q->p[1]) : NULL;
        if (!mark)
            return false;
        buf_addch(b, chars[mark - marks]);
        from = q->p += 2;
        while (q->p < q->end && (uint8_t)*q->p >= 0x20 && *q->p != '"' && *q->p != '\\')
            q->p++;
        if (q->p == q->end || (uint8_t)*q->p < 0x20)
            return false;
    }
    q->p++;
    *s = b->ptr;
    *len = b->len;
    return !b->failed && utf8_valid(b->ptr, b->len);
}

/* Behind its first quote. Good until the next one. */
static bool string(struct quick *q, const char **s, size_t *len)
{
    const char *from = q->p;
    uint8_t all = 0;
    while (q->p < q->end && (uint8_t)*q->p >= 0x20 && *q->p != '"' && *q->p != '\\')
        all |= (uint8_t)*q->p++;
    if (q->p == q->end || (uint8_t)*q->p < 0x20)
        return false;
    if (*q->p == '\\')
        return unescape(q, from, s, len);
    *s = from;
    *len = (size_t)(q->p++ - from);
    return all < 0x80 || utf8_valid(*s, *len);
}

static int64_t digits(struct quick *q, int64_t n, int *count)
{
    for (; q->p < q->end && ascii_isdigit(*q->p) && *count <= DIGITS; q->p++, (*count)++)
        n = 10 * n + (*q->p - '0');
    return n;
}

/* What a double holds exactly over a power of ten that one holds exactly: one division, rounded once. */
static json_t *number(struct quick *q)
{
    static const double tens[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool minus = take(q, '-'), zero = q->p < q->end && *q->p == '0';
    int count = 0;
    int64_t n = digits(q, 0, &count);
    int whole = count;
    if (!whole || (zero && whole > 1) || count > DIGITS)
        return NULL;
    bool real = take(q, '.');
    if (real)
        n = digits(q, n, &count);
    if (count > DIGITS || (real && count == whole) ||
        (q->p < q->end && (*q->p == 'e' || *q->p == 'E' || *q->p == '.')))
        return NULL;
    if (!real)
        return json_integer(minus ? -n : n);
    double d = (double)n / tens[count - whole];
    return json_real(minus ? -d : d);
}

static json_t *object(struct quick *q, int depth)
{
    json_t *v = json_object(), *item;
    const char *key;
    size_t len;
    char own[64];
    blanks(q);
    if (v && take(q, '}'))
        return v;
    while (v) {
        blanks(q);
        if (!take(q, '"') || !string(q, &key, &len) || len >= sizeof(own))
            break;
        memcpy(own, key, len); /* an escaped one would not outlive its value */
        blanks(q);
        if (!take(q, ':') || !(item = value(q, depth)) ||
            json_object_setn_new_nocheck(v, own, len, item) < 0)
            break;
        blanks(q);
        if (take(q, '}'))
            return v;
        if (!take(q, ','))
            break;
    }
    json_decref(v);
    return NULL;
}

static json_t *array(struct quick *q, int depth)
{
    json_t *v = json_array(), *item;
    blanks(q);
    if (v && take(q, ']'))
        return v;
    while (v && (item = value(q, depth)) && json_array_append_new(v, item) == 0) {
        blanks(q);
        if (take(q, ']'))
            return v;
        if (!take(q, ','))
            break;
    }
    json_decref(v);
    return NULL;
}

static json_t *value(struct quick *q, int depth)
{
    const char *s;
    size_t len;
    blanks(q);
    if (q->p == q->end || depth == DEPTH)
        return NULL;
    switch (*q->p) {
    case '{':
        q->p++;
        return object(q, depth + 1);
    case '[':
        q->p++;
        return array(q, depth + 1);
    case '"':
        q->p++;
        return string(q, &s, &len) ? json_stringn_nocheck(s, len) : NULL;
    case 't':
        return take_word(q, "true", 4) ? json_true() : NULL;
    case 'f':
        return take_word(q, "false", 5) ? json_false() : NULL;
    case 'n':
        return take_word(q, "null", 4) ? json_null() : NULL;
    default:
        return number(q);
    }
}

json_t *fhir_quickjson(const char *text, size_t len)
{
    struct quick q = {text, text + len, BUF_INIT};
    blanks(&q);
    json_t *v = q.p < q.end && *q.p == '{' ? value(&q, 0) : NULL;
    blanks(&q);
    if (v && q.p < q.end) {
        json_decref(v);
        v = NULL;
    }
    buf_release(&q.unescaped);
    return v;
}
