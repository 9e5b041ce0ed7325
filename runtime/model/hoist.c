/* hoist.c - JSON with long strings, parsed around them. */
#include "runtime/model/hoist.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"

#define LONG_STRING 512

/* The closing quote of the string that begins at s (after its quote); NULL: it is cut. */
static const char *end_of_string(const char *s, const char *end)
{
    for (const char *p = s; p < end; p++) {
        p = memchr(p, '"', (size_t)(end - p));
        if (!p)
            return NULL;
        const char *b = p;
        while (b > s && b[-1] == '\\')
            b--;
        if ((p - b) % 2 == 0)
            return p;
    }
    return NULL;
}

static int hex_digit(char c)
{
    c = ascii_lower(c);
    return ascii_isdigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_u(const char *s, const char *end, uint32_t *v)
{
    *v = 0;
    if (end - s < 6 || s[0] != '\\' || s[1] != 'u')
        return false;
    for (int i = 2; i < 6; i++) {
        int d = hex_digit(s[i]);
        if (d < 0)
            return false;
        *v = *v << 4 | (uint32_t)d;
    }
    return true;
}

static char *put_utf8(char *o, uint32_t cp)
{
    if (cp < 0x80) {
        *o++ = (char)cp;
    } else if (cp < 0x800) {
        *o++ = (char)(0xc0 | cp >> 6);
        *o++ = (char)(0x80 | (cp & 0x3f));
    } else if (cp < 0x10000) {
        *o++ = (char)(0xe0 | cp >> 12);
        *o++ = (char)(0x80 | (cp >> 6 & 0x3f));
        *o++ = (char)(0x80 | (cp & 0x3f));
    } else {
        *o++ = (char)(0xf0 | cp >> 18);
        *o++ = (char)(0x80 | (cp >> 12 & 0x3f));
        *o++ = (char)(0x80 | (cp >> 6 & 0x3f));
        *o++ = (char)(0x80 | (cp & 0x3f));
    }
    return o;
}

/* One escape at *s; false when it is none that JSON knows. */
static bool unescape_one(const char **s, const char *end, char **o)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *hit = *s + 1 < end && (*s)[1] ? strchr(names, (*s)[1]) : NULL;
    uint32_t cp, low;
    if (hit) {
        *(*o)++ = values[hit - names];
        *s += 2;
        return true;
    }
    if (!read_u(*s, end, &cp))
        return false;
    *s += 6;
    if (cp >= 0xd800 && cp < 0xdc00) {
        if (!read_u(*s, end, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        *s += 6;
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    } else if (cp >= 0xdc00 && cp < 0xe000) {
        return false;
    }
    *o = put_utf8(*o, cp);
    return true;
}

/* The text never gets longer than it was escaped. NULL when it is no JSON string. */
static char *unescape(const char *s, const char *end, size_t *len)
{
    char *out = malloc((size_t)(end - s) + 1), *o = out;
    if (!out || !utf8_valid(s, (size_t)(end - s)))
        goto bad;
    while (s < end) {
        const char *stop = memchr(s, '\\', (size_t)(end - s));
        size_t n = (size_t)((stop ? stop : end) - s);
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)s[i] < 0x20)
                goto bad;
        memcpy(o, s, n);
        o += n;
        s += n;
        if (stop && !unescape_one(&s, end, &o))
            goto bad;
    }
    *o = '\0';
    *len = (size_t)(o - out);
    return out;
bad:
    free(out);
    return NULL;
}

static bool keep(struct hoist *h, char *text, size_t len)
{
    if (h->n == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 16;
        struct hoisted *v = reallocarray(h->v, cap, sizeof(*v));
        if (!v)
            return false;
        h->v = v;
        h->cap = cap;
    }
    h->v[h->n++] = (struct hoisted){text, len};
    return true;
}

json_t *hoist_parse(struct hoist *h, const char *body, size_t len)
{
    struct buf rest = BUF_INIT;
    json_t *root = NULL;
    const char *s = body, *end = body + len;
    while (s < end) {
        const char *quote = memchr(s, '"', (size_t)(end - s));
        buf_add(&rest, s, (size_t)((quote ? quote : end) - s));
        if (!quote)
            break;
        const char *close = end_of_string(quote + 1, end);
        if (!close)
            goto out;
        if (close - quote < LONG_STRING) {
            buf_add(&rest, quote, (size_t)(close + 1 - quote));
        } else {
            size_t n;
            char *text = unescape(quote + 1, close, &n);
            if (!text || !keep(h, text, n)) {
                free(text);
                goto out;
            }
            buf_addf(&rest, "\"\\u0001%zu\"", h->n - 1);
        }
        s = close + 1;
    }
    if (h->n && !rest.failed)
        root = json_loadb(rest.ptr, rest.len, JSON_ALLOW_NUL, NULL);
out:
    if (!root)
        hoist_release(h);
    buf_release(&rest);
    return root;
}

char *hoist_take(struct hoist *h, const json_t *value, size_t *len)
{
    const char *s = json_string_value(value);
    int64_t i;
    if (!s || *s != '\1' || !h->n || !str_to_i64(s + 1, 0, (int64_t)h->n - 1, &i))
        return NULL;
    char *text = h->v[i].text;
    *len = h->v[i].len;
    h->v[i].text = NULL;
    return text;
}

void hoist_release(struct hoist *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->v[i].text);
    free(h->v);
    *h = (struct hoist){0};
}
