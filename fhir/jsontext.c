/* jsontext.c - JSON as text: indenting, joining, walking. */
#include "fhir/jsontext.h"

#include <string.h>

#include "runtime/base/text.h"

/* The end of the string that begins at p (past its closing quote). */
static const char *string_end(const char *p, const char *end)
{
    const char *start = ++p;
    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        if (!quote)
            return end;
        const char *slash = quote;
        while (slash > start && slash[-1] == '\\')
            slash--;
        if ((quote - slash) % 2 == 0)
            return quote + 1;
        p = quote + 1;
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

/* Deeper levels are not indented further: a hostile text must not grow by its depth times its
 * length. */
#define INDENT_LEVELS 32

/* What one token can add beyond its own bytes: a line end with its indent, a space. */
#define SLACK (2 * INDENT_LEVELS + 32)

struct indenter {
    char *o;                /* where the next byte goes */
    unsigned levels, depth; /* open containers, and those of them that are objects */
    bool in_array[JSONTEXT_DEPTH];
};

static void newline(struct indenter *w)
{
    size_t n = 2 * (size_t)(w->depth < INDENT_LEVELS ? w->depth : INDENT_LEVELS);
    *w->o++ = '\n';
    for (size_t i = 0; i < n; i += 16) /* SLACK has the room that the last step may overrun */
        memcpy(w->o + i, "                ", 16);
    w->o += n;
}

static void open_container(struct indenter *w, char c)
{
    *w->o++ = c;
    if (w->levels == JSONTEXT_DEPTH)
        return;
    w->in_array[w->levels++] = c == '[';
    if (c == '[') {
        *w->o++ = ' ';
    } else {
        w->depth++;
        newline(w);
    }
}

static void close_container(struct indenter *w, char c)
{
    if (w->levels > 0 && w->in_array[--w->levels]) {
        *w->o++ = ' ';
    } else {
        w->depth -= w->depth > 0;
        newline(w);
    }
    *w->o++ = c;
}

/* One token that is no string; returns what follows it. */
static const char *indent_token(struct indenter *w, const char *p, const char *end)
{
    char c = *p++;
    const char *next;
    switch (c) {
    case '{':
    case '[':
        next = skip_space(p, end);
        if (next == end || *next != c + 2) { /* '}' and ']' are two past their openings */
            open_container(w, c);
            return next;
        }
        *w->o++ = c;
        *w->o++ = ' ';
        *w->o++ = *next;
        return next + 1;
    case '}':
    case ']':
        close_container(w, c);
        return p;
    case ',':
        *w->o++ = ',';
        if (w->levels > 0 && w->in_array[w->levels - 1])
            *w->o++ = ' ';
        else
            newline(w);
        return p;
    case ':':
        *w->o++ = ':';
        *w->o++ = ' ';
        return p;
    default:
        *w->o++ = c;
        return p;
    }
}

void fhir_jsontext_indent(struct buf *out, const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    struct indenter w; /* in_array is filled as levels open */
    w.levels = w.depth = 0;
    if (!buf_grow(out, len + len / 2 + SLACK))
        return;
    w.o = out->ptr + out->len;
    while ((p = skip_space(p, end)) < end) {
        size_t token = 1;
        if (*p == '"')
            token = (size_t)(string_end(p, end) - p);
        if ((size_t)(out->ptr + out->cap - w.o) < token + SLACK) {
            out->len = (size_t)(w.o - out->ptr);
            if (!buf_grow(out, token + (size_t)(end - p) + SLACK))
                return;
            w.o = out->ptr + out->len;
        }
        if (*p == '"') {
            memcpy(w.o, p, token);
            w.o += token;
            p += token;
        } else {
            p = indent_token(&w, p, end);
        }
    }
    *w.o = '\0';
    out->len = (size_t)(w.o - out->ptr);
}

void fhir_jsontext_compact(struct buf *out, const char *text, size_t len)
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

struct fhir_jsontext_iter fhir_jsontext_walk(const char *text, size_t len)
{
    const char *p = skip_space(text, text + len);
    return (struct fhir_jsontext_iter){.p = p < text + len ? p + 1 : p, .end = text + len};
}

bool fhir_jsontext_next(struct fhir_jsontext_iter *it)
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

bool fhir_jsontext_key_is(const struct fhir_jsontext_iter *it, const char *key)
{
    return it->key && it->key_len == strlen(key) && memcmp(it->key, key, it->key_len) == 0;
}

bool fhir_jsontext_find(const char *text, size_t len, const char *key, const char **value,
                        size_t *n)
{
    struct fhir_jsontext_iter it = fhir_jsontext_walk(text, len);
    bool found = false;
    while (fhir_jsontext_next(&it))
        if (fhir_jsontext_key_is(&it, key)) {
            *value = it.value;
            *n = it.len;
            found = true;
        }
    return found;
}

void fhir_jsontext_replace(struct buf *out, const char *text, size_t len, fhir_jsontext_map map,
                           void *arg)
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

/* An unescaped quote before `reference` can only open a key or value of that very text. */
void fhir_jsontext_replace_references(struct buf *out, const char *text, size_t len,
                                      fhir_jsontext_map map, void *arg)
{
    static const char key[] = "\"reference\"";
    const char *from = text, *p = text, *end = text + len;
    while ((p = memmem(p, (size_t)(end - p), key, sizeof(key) - 1))) {
        p = skip_space(p + sizeof(key) - 1, end);
        if (p == end || *p != ':')
            continue;
        p = skip_space(p + 1, end);
        if (p == end || *p != '"')
            continue;
        const char *close = string_end(p, end) - 1;
        const char *other = close > p ? map(p + 1, (size_t)(close - p) - 1, arg) : NULL;
        if (other) {
            buf_add(out, from, (size_t)(p + 1 - from));
            buf_add_json(out, other, strlen(other), false);
            from = close;
        }
        p = close;
    }
    buf_add(out, from, (size_t)(end - from));
}
