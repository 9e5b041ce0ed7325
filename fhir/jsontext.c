/* jsontext.c - JSON as text: indenting, joining, walking. */
#include "fhir/jsontext.h"

#include <string.h>

#include "runtime/base/text.h"

/* The end of the string that begins at p (past its closing quote). */
static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\')
            p++;
    }
    return end;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

static char *newline(char *o, unsigned depth)
{
    *o++ = '\n';
    memset(o, ' ', 2 * (size_t)depth);
    return o + 2 * (size_t)depth;
}

/* Room for what one token can add beyond its own bytes. */
#define SLACK (2 * JSONTEXT_DEPTH + 16)

void jsontext_indent(struct buf *out, const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    bool in_array[JSONTEXT_DEPTH];
    unsigned levels = 0, depth = 0; /* containers, and those that are objects */
    buf_grow(out, 2 * len + SLACK);
    while ((p = skip_space(p, end)) < end) {
        if (out->cap - out->len < SLACK && !buf_grow(out, (size_t)(end - p) + SLACK))
            return;
        if (out->failed)
            return;
        char *o = out->ptr + out->len;
        char c = *p;
        if (c == '"') {
            const char *stop = string_end(p, end);
            out->len = (size_t)(o - out->ptr);
            buf_add(out, p, (size_t)(stop - p));
            p = stop;
            continue;
        }
        p++;
        if (c == '{' || c == '[') {
            const char *next = skip_space(p, end);
            *o++ = c;
            if (next < end && *next == c + 2) { /* '}' and ']' are two past their openings */
                *o++ = ' ';
                *o++ = *next;
                p = next + 1;
            } else if (levels < JSONTEXT_DEPTH) {
                in_array[levels++] = c == '[';
                if (c == '{')
                    o = newline(o, ++depth);
                else
                    *o++ = ' ';
            }
        } else if (c == '}' || c == ']') {
            if (levels > 0 && in_array[--levels])
                *o++ = ' ';
            else
                o = newline(o, depth ? --depth : 0);
            *o++ = c;
        } else if (c == ',') {
            *o++ = ',';
            if (levels > 0 && in_array[levels - 1])
                *o++ = ' ';
            else
                o = newline(o, depth);
        } else if (c == ':') {
            *o++ = ':';
            *o++ = ' ';
        } else {
            *o++ = c;
        }
        *o = '\0';
        out->len = (size_t)(o - out->ptr);
    }
}

void jsontext_compact(struct buf *out, const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    while ((p = skip_space(p, end)) < end) {
        const char *stop = *p == '"' ? string_end(p, end) : p + 1;
        if (*p != '"')
            while (stop < end && *stop != '"' && !is_space(*stop))
                stop++;
        buf_add(out, p, (size_t)(stop - p));
        p = stop;
    }
}

/* The end of the value that begins at p. */
static const char *value_end(const char *p, const char *end)
{
    unsigned depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = string_end(p, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            if (depth == 0)
                return p;
            depth--;
            p++;
        } else if (depth == 0 && (*p == ',' || is_space(*p))) {
            return p;
        } else {
            p++;
            continue;
        }
        if (depth == 0)
            return p;
    }
    return end;
}

struct jsontext_iter jsontext_walk(const char *text, size_t len)
{
    const char *p = skip_space(text, text + len);
    return (struct jsontext_iter){.p = p < text + len ? p + 1 : p, .end = text + len};
}

bool jsontext_next(struct jsontext_iter *it)
{
    const char *p = skip_space(it->p, it->end);
    if (p < it->end && *p == ',')
        p = skip_space(p + 1, it->end);
    if (p >= it->end || *p == '}' || *p == ']')
        return false;
    it->key = NULL;
    it->key_len = 0;
    const char *stop = value_end(p, it->end), *colon = skip_space(stop, it->end);
    if (*p == '"' && colon < it->end && *colon == ':') {
        it->key = p + 1;
        it->key_len = (size_t)(stop - p) - 2;
        p = skip_space(colon + 1, it->end);
        stop = value_end(p, it->end);
    }
    it->value = p;
    it->len = (size_t)(stop - p);
    it->p = stop;
    return stop > p;
}

bool jsontext_key_is(const struct jsontext_iter *it, const char *key)
{
    return it->key && it->key_len == strlen(key) && memcmp(it->key, key, it->key_len) == 0;
}

bool jsontext_find(const char *text, size_t len, const char *key, const char **value, size_t *n)
{
    struct jsontext_iter it = jsontext_walk(text, len);
    bool found = false;
    while (jsontext_next(&it))
        if (jsontext_key_is(&it, key)) {
            *value = it.value;
            *n = it.len;
            found = true;
        }
    return found;
}

void jsontext_replace(struct buf *out, const char *text, size_t len, jsontext_map map, void *arg)
{
    const char *p = text, *end = text + len;
    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        if (!quote)
            break;
        const char *stop = string_end(quote, end), *next = skip_space(stop, end);
        const char *other = (next < end && *next == ':') || stop - quote < 2
                                ? NULL
                                : map(quote + 1, (size_t)(stop - quote) - 2, arg);
        buf_add(out, p, (size_t)(quote - p));
        if (other) {
            buf_addch(out, '"');
            buf_add_json(out, other, strlen(other), false);
            buf_addch(out, '"');
        } else {
            buf_add(out, quote, (size_t)(stop - quote));
        }
        p = stop;
    }
    buf_add(out, p, (size_t)(end - p));
}
