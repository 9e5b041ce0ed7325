/* text.c - UTF-8, ASCII and string list helpers. */
#include "runtime/base/text.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"

size_t utf8_decode(const char *s, size_t len, uint32_t *cp)
{
    const unsigned char *u = (const unsigned char *)s;
    *cp = 0xfffd;
    if (!len)
        return 0;
    if (u[0] < 0x80) {
        *cp = u[0];
        return 1;
    }
    size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc2 ? 2 : 0;
    if (!n || u[0] > 0xf4 || n > len)
        return 1;
    uint32_t c = u[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 1;
        c = c << 6 | (u[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 1;
    *cp = c;
    return n;
}

bool utf8_turns(uint32_t cp)
{
    return (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e ||
           cp == 0x200f || cp == 0x061c;
}

bool utf8_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        uint64_t w[4];
        while (len - i >= sizeof(w)) { /* most text is ASCII */
            memcpy(w, s + i, sizeof(w));
            if ((w[0] | w[1] | w[2] | w[3]) & UINT64_C(0x8080808080808080))
                break;
            i += sizeof(w);
        }
        if (i == len)
            break;
        if ((unsigned char)s[i] < 0x80) {
            i++;
            continue;
        }
        size_t n = utf8_decode(s + i, len - i, &cp);
        if (n == 1)
            return false;
        i += n;
    }
    return true;
}

size_t utf8_cut(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
        max--;
    return max;
}

size_t utf8_prefix(const char *s, size_t len, size_t chars)
{
    size_t i = 0;
    uint32_t cp;
    while (i < len && chars--)
        i += utf8_decode(s + i, len - i, &cp);
    return i;
}

size_t utf8_length(const char *s, size_t len)
{
    size_t n = 0;
    uint32_t cp;
    for (size_t i = 0; i < len; n++)
        i += utf8_decode(s + i, len - i, &cp);
    return n;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_caseeq(const char *a, const char *b)
{
    for (; *a && ascii_lower(*a) == ascii_lower(*b); a++, b++)
        ;
    return !*a && !*b;
}

bool str_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

const char *str_casestr(const char *s, const char *needle)
{
    for (;; s++) {
        size_t i = 0;
        while (needle[i] && ascii_lower(s[i]) == ascii_lower(needle[i]))
            i++;
        if (!needle[i])
            return s;
        if (!*s)
            return NULL;
    }
}

char *str_ndup(const char *s, size_t len)
{
    char *p = malloc(len + 1);
    if (p) {
        memcpy(p, s, len);
        p[len] = '\0';
    }
    return p;
}

char *str_dup(const char *s)
{
    return s ? str_ndup(s, strlen(s)) : NULL;
}

bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    if (!ascii_isdigit(s[0]) && !(s[0] == '-' && ascii_isdigit(s[1])))
        return false;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || *end || v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool str_to_double(const char *s, double *out)
{
    for (const char *p = s; *p; p++)
        if (!ascii_isdigit(*p) && !strchr("+-.eE", *p))
            return false;
    static locale_t c_locale; /* made once, kept for the process's life */
    if (!c_locale)
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char *end;
    double v = c_locale ? strtod_l(s, &end, c_locale) : strtod(s, &end);
    if (end == s || *end || !isfinite(v))
        return false;
    *out = v;
    return true;
}

size_t str_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    size_t n = strnlen(a, MAX), m = strnlen(b, MAX);
    size_t d[3][MAX + 1];
    for (size_t j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            row[j] = best;
        }
    }
    return d[n % 3][m];
}

void strlist_release(struct strlist *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
    *l = (struct strlist){0};
}

int strlist_addn(struct strlist *l, const char *s, size_t len)
{
    int rc = grow(&l->v, &l->cap, l->n + 1);
    char *copy = rc == 0 ? str_ndup(s, len) : NULL;
    if (!copy)
        return err_oom();
    l->v[l->n++] = copy;
    return 0;
}

int strlist_add(struct strlist *l, const char *s)
{
    return strlist_addn(l, s, strlen(s));
}

int strlist_addf(struct strlist *l, const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        return err_oom();
    int rc = strlist_addn(l, s, (size_t)n);
    free(s);
    return rc;
}

bool strlist_has(const struct strlist *l, const char *s)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], s) == 0)
            return true;
    return false;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strlist_sort(struct strlist *l)
{
    if (l->n)
        qsort(l->v, l->n, sizeof(*l->v), by_bytes);
}

bool strlist_equal(const struct strlist *a, const struct strlist *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

int strlist_copy(struct strlist *dst, const struct strlist *src)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < src->n; i++)
        rc = strlist_add(dst, src->v[i]);
    return rc;
}

const char *plural(int64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}
