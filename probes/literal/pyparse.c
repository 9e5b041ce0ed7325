/* pyparse.c - json.loads. Nesting is bounded; memory is at most a small multiple of the text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/literal/pyparse_private.h"
#include "runtime/base/text.h"

#define JSON_DEPTH 900  /* Python gives up somewhat below 1000 */
#define INT_DIGITS 4300 /* sys.get_int_max_str_digits() */

bool py_push(struct py_parser *q, const struct pyvalue *key, const struct pyvalue *value)
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

bool py_close_list(struct py_parser *q, size_t mark, enum py_kind kind, struct pyvalue *out)
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

static bool close_dict(struct py_parser *q, size_t mark, struct pyvalue *out)
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

char *py_copy_text(struct py_parser *q, const char *s, size_t n)
{
    char *copy = py_arena_get(q->arena, n + 1);
    if (copy) {
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

/* A decimal integer: sign and digits, no leading zeros. */
bool py_set_integer(struct py_parser *q, const char *s, size_t n, struct pyvalue *out)
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
    char *text = py_copy_text(q, s, n);
    if (!text)
        return false;
    int64_t value;
    if (str_to_i64(text, INT64_MIN, INT64_MAX, &value))
        *out = (struct pyvalue){.kind = PY_INT, .i = value};
    else
        *out = (struct pyvalue){.kind = PY_BIG, .s = text, .n = n};
    return true;
}

bool py_set_real(struct py_parser *q, const char *s, size_t n, struct pyvalue *out)
{
    char small[64], *text = n < sizeof(small) ? small : py_copy_text(q, s, n);
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
char *py_put_utf8(char *to, uint32_t c)
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
bool py_hex_digits(const char *p, const char *end, int count, uint32_t *out)
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

static void skip_json_space(struct py_parser *q)
{
    while (q->p < q->end && (*q->p == ' ' || *q->p == '\n' || *q->p == '\r' || *q->p == '\t'))
        q->p++;
}

/* After "\u"; joins two halves of a pair. */
static bool json_unicode(struct py_parser *q, char **to)
{
    uint32_t c, low;
    if (!py_hex_digits(q->p, q->end, 4, &c))
        return false;
    q->p += 4;
    if (c >= 0xd800 && c < 0xdc00 && q->end - q->p >= 6 && q->p[0] == '\\' && q->p[1] == 'u' &&
        py_hex_digits(q->p + 2, q->end, 4, &low) && low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        q->p += 6;
    }
    *to = py_put_utf8(*to, c);
    return true;
}

/* q->p is behind the opening quote. */
static bool json_string_at(struct py_parser *q, struct pyvalue *out)
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

static bool json_number_at(struct py_parser *q, struct pyvalue *out)
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
    return real ? py_set_real(q, start, n, out) : py_set_integer(q, start, n, out);
}

static bool json_word_at(struct py_parser *q, struct pyvalue *out)
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

static bool json_value_at(struct py_parser *q, struct pyvalue *out);

/* q->p is behind the opening bracket. */
static bool json_items(struct py_parser *q, char close, struct pyvalue *out)
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
        if (!json_value_at(q, &value) || !py_push(q, close == '}' ? &key : NULL, &value))
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
    return close == '}' ? close_dict(q, mark, out) : py_close_list(q, mark, PY_LIST, out);
}

static bool json_value_at(struct py_parser *q, struct pyvalue *out)
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
    struct py_parser q = {.arena = a, .p = text, .end = text + len};
    skip_json_space(&q);
    bool ok = json_value_at(&q, out);
    skip_json_space(&q);
    free(q.stack);
    return ok && q.p == q.end;
}
