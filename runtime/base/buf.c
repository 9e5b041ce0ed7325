/* buf.c - growing byte buffer. */
#include "runtime/base/buf.h"

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "runtime/base/err.h"
#include "runtime/base/text.h"

char buf_empty[1] = "";

void buf_init(struct buf *b)
{
    *b = (struct buf)BUF_INIT;
}

void buf_release(struct buf *b)
{
    if (b->cap)
        free(b->ptr);
    buf_init(b);
}

void buf_reset(struct buf *b)
{
    b->failed = false;
    buf_truncate(b, 0);
}

bool buf_grow(struct buf *b, size_t extra)
{
    if (b->failed)
        return false;
    if (extra < b->cap - b->len && b->cap)
        return true;
    if (extra > SIZE_MAX / 2 - b->len - 1) {
        b->failed = true;
        return false;
    }
    size_t want = b->len + extra + 1;
    size_t cap = b->cap + b->cap / 2 + 64;
    if (cap < want)
        cap = want;
    char *p = realloc(b->cap ? b->ptr : NULL, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    p[b->len] = '\0';
    b->ptr = p;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (!len || !buf_grow(b, len))
        return;
    memcpy(b->ptr + b->len, bytes, len);
    b->len += len;
    b->ptr[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addch(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        b->failed = true;
    else if (buf_grow(b, (size_t)n)) {
        vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
}

/* plain(): how many of the STEP bytes at s can stand in a JSON string as they are, counted from the
 * first. */
enum { STEP = 16 };
#ifdef __SSE2__
static size_t plain(const char *s, bool ascii)
{
    __m128i w = _mm_loadu_si128((const __m128i *)s);
    const __m128i control = _mm_set1_epi8(0x1f);
    __m128i odd = _mm_cmpeq_epi8(_mm_min_epu8(w, control), w);
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(w, _mm_set1_epi8('"')));
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(w, _mm_set1_epi8('\\')));
    if (ascii)
        odd = _mm_or_si128(odd, w); /* only the highest bits are looked at */
    int mask = _mm_movemask_epi8(odd);
    return mask ? (size_t)__builtin_ctz((unsigned)mask) : STEP;
}
#else
/* Of eight bytes (SWAR: a flag in each byte that cannot; above the first such byte flags may be
 * wrong). */
static size_t plain8(const char *s, bool ascii)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t w;
    memcpy(&w, s, sizeof(w));
    w = le64toh(w);
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    uint64_t odd = (w - ones * 0x20) & ~w;
    odd |= (quote - ones) & ~quote;
    odd |= (slash - ones) & ~slash;
    odd = (odd | (ascii ? w : 0)) & highs;
    return odd ? (size_t)__builtin_ctzll(odd) / 8 : 8;
}

static size_t plain(const char *s, bool ascii)
{
    size_t n = plain8(s, ascii);
    return n < 8 ? n : n + plain8(s + 8, ascii);
}
#endif

/* One character that cannot stand in a JSON string as it is; there is room for it. Returns how many
 * bytes of s it took. */
static size_t add_escape(struct buf *b, const char *s, size_t len)
{
    static const char shorts[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    unsigned char c = (unsigned char)*s;
    char *out = b->ptr + b->len;
    uint32_t cp = c;
    size_t used = 1;
    if (c == '"' || c == '\\' || (c < sizeof(shorts) && shorts[c])) {
        out[0] = '\\';
        out[1] = c < sizeof(shorts) ? shorts[c] : (char)c;
        b->len += 2;
        return 1;
    }
    if (c >= 0x80)
        used = utf8_decode(s, len, &cp);
    if (cp >= 0x10000) {
        b->len += (size_t)sprintf(out, "\\u%04x", 0xd800 + ((cp - 0x10000) >> 10));
        out = b->ptr + b->len;
        cp = 0xdc00 + (cp & 0x3ff);
    }
    b->len += (size_t)sprintf(out, "\\u%04x", cp);
    return used;
}

void buf_add_json(struct buf *b, const char *s, size_t len, bool ascii)
{
    enum { LONGEST_ESCAPE = 12 };
    if (!len || !buf_grow(b, len + len / 8))
        return;
    for (size_t i = 0; i < len;) {
        size_t left = len - i, n = 0;
        if (b->cap - b->len <= STEP + LONGEST_ESCAPE && !buf_grow(b, STEP + LONGEST_ESCAPE))
            return;
        if (left >= STEP) {
            memcpy(b->ptr + b->len, s + i, STEP);
            n = plain(s + i, ascii);
        } else {
            char tail[STEP]; /* what follows s ends the plain run */
            memset(tail, '"', sizeof(tail));
            memcpy(tail, s + i, left);
            memcpy(b->ptr + b->len, tail, STEP);
            n = plain(tail, ascii);
        }
        b->len += n;
        i += n;
        if (n < STEP && i < len)
            i += add_escape(b, s + i, len - i);
    }
    b->ptr[b->len] = '\0';
}

void buf_add_json_string(struct buf *b, const char *s, size_t len)
{
    buf_addch(b, '"');
    if (utf8_valid(s, len)) {
        buf_add_json(b, s, len, false);
    } else {
        for (size_t i = 0; i < len;) {
            uint32_t cp;
            size_t n = utf8_decode(s + i, len - i, &cp);
            if (cp == 0xfffd)
                buf_adds(b, "\xef\xbf\xbd");
            else
                buf_add_json(b, s + i, n, false);
            i += n;
        }
    }
    buf_addch(b, '"');
}

void buf_add_utf8(struct buf *b, const char *s, size_t len)
{
    if (utf8_valid(s, len)) {
        buf_add(b, s, len);
        return;
    }
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = utf8_decode(s + i, len - i, &cp);
        if (cp == 0xfffd)
            buf_adds(b, "\xef\xbf\xbd");
        else
            buf_add(b, s + i, n);
        i += n;
    }
}

/* ECMA-48's control characters, and what turns text around. */
static bool commands(uint32_t cp)
{
    return (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp < 0xa0) || utf8_turns(cp);
}

void buf_add_visible(struct buf *b, const char *s, size_t len)
{
    size_t from = 0;
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t cp;
        n = utf8_decode(s + i, len - i, &cp);
        bool invalid = cp == 0xfffd && n == 1;
        if (!invalid && !commands(cp))
            continue;
        buf_add(b, s + from, i - from);
        buf_addf(b, invalid ? "\\x%02x" : "\\u%04x", invalid ? (unsigned char)s[i] : cp);
        from = i + n;
    }
    buf_add(b, s + from, len - from);
}

void buf_add_csv(struct buf *b, const char *s)
{
    struct buf shown = BUF_INIT;
    if (*s && strchr("=+-@\t\r", *s))
        buf_addch(&shown, '\'');
    buf_add_visible(&shown, s, strlen(s));
    if (!shown.ptr[strcspn(shown.ptr, ",\"\n")]) {
        buf_add(b, shown.ptr, shown.len);
    } else {
        buf_addch(b, '"');
        for (const char *p = shown.ptr; *p; p++) {
            if (*p == '"')
                buf_addch(b, '"');
            buf_addch(b, *p);
        }
        buf_addch(b, '"');
    }
    b->failed |= shown.failed;
    buf_release(&shown);
}

void buf_add_url(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (ascii_isalnum((char)c) || c == '-' || c == '.' || c == '_' || c == '~')
            buf_addch(b, (char)c);
        else
            buf_addf(b, "%%%02X", c);
    }
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len < b->len) {
        b->len = len;
        b->ptr[len] = '\0';
    }
}

char *buf_detach(struct buf *b)
{
    char *p = NULL;
    if (!b->failed && (b->cap || buf_grow(b, 0)))
        p = b->ptr;
    else
        buf_release(b);
    buf_init(b);
    return p;
}

int buf_check(const struct buf *b)
{
    return b->failed ? err_oom() : 0;
}

void buf_add_troff(struct buf *b, const char *s)
{
    for (const char *p = s; *p; p++) {
        if ((*p == '.' || *p == '\'') && (p == s || p[-1] == '\n'))
            buf_adds(b, "\\&");
        if (*p == '\\')
            buf_adds(b, "\\e");
        else if (*p == '-')
            buf_adds(b, "\\-");
        else
            buf_addch(b, *p);
    }
}
