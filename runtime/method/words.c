/* words.c - texts as sets of tokens, and how alike two sets are. */
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/method/method_private.h"

int words_each(const char *text, int (*fn)(const char *token, size_t len, void *arg), void *arg)
{
    char low[256];
    for (const char *p = text; *p;) {
        size_t n = 0, len = 0;
        while (ascii_isalnum(p[len])) {
            if (n < sizeof(low))
                low[n++] = ascii_lower(p[len]);
            len++;
        }
        int rc = n ? fn(low, n, arg) : 0;
        if (rc)
            return rc;
        p += len ? len : 1;
    }
    return 0;
}

static int add_token(const char *token, size_t len, void *arg)
{
    struct words *w = arg;
    int rc = grow(&w->v, &w->cap, w->n + 1);
    if (rc == 0)
        w->v[w->n++] = XXH3_64bits(token, len);
    return rc;
}

static int words_add(struct words *w, const char *text)
{
    return words_each(text, add_token, w);
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void words_done(struct words *w)
{
    size_t n = 0;
    if (w->n)
        qsort(w->v, w->n, sizeof(*w->v), ascending);
    for (size_t i = 0; i < w->n; i++)
        if (!n || w->v[n - 1] != w->v[i])
            w->v[n++] = w->v[i];
    w->n = n;
}

void words_release(struct words *w)
{
    free(w->v);
    *w = (struct words){0};
}

int words_of(struct words *w, const char *text)
{
    *w = (struct words){0};
    int rc = words_add(w, text);
    words_done(w);
    return rc;
}

int words_of_entry(struct words *w, const json_t *entry, const char *const *keys)
{
    int rc = 0;
    *w = (struct words){0};
    for (; rc == 0 && *keys; keys++) {
        const json_t *v = json_object_get(entry, *keys);
        size_t i;
        json_t *item;
        if (json_is_string(v))
            rc = words_add(w, json_string_value(v));
        json_array_foreach (v, i, item)
            if (rc == 0 && json_is_string(item))
                rc = words_add(w, json_string_value(item));
    }
    words_done(w);
    return rc;
}

static size_t common(const struct words *a, const struct words *b)
{
    size_t n = 0;
    for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
        n += a->v[i] == b->v[k];
        uint64_t x = a->v[i], y = b->v[k];
        i += x <= y;
        k += y <= x;
    }
    return n;
}

double words_jaccard(const struct words *a, const struct words *b)
{
    size_t both = common(a, b), any = a->n + b->n - both;
    return any ? (double)both / (double)any : 0;
}

double words_overlap(const struct words *a, const struct words *b)
{
    if (!a->n || !b->n)
        return 0;
    return (double)common(a, b) / sqrt((double)a->n * (double)b->n);
}
