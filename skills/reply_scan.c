/*
 * reply_scan.c - one JSON value as models write it, turned into strict JSON on the way: its
 * structure is held to the letter, so that an unescaped quote is found where it stands, while
 * spellings are taken as they are meant.
 */
#include "skills/reply_scan.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"

enum { DEPTH = 64 };

struct scanner {
    const char *p, *end;
    struct buf out;
    char close[DEPTH];
    size_t depth;
    bool comma; /* one was read and stands in `out` only if another item follows */
    struct scan *scan;
};

static bool fail(struct scanner *s, const char *why)
{
    s->scan->at = s->p;
    snprintf(s->scan->why, sizeof(s->scan->why), "%s", why);
    return false;
}

static bool cut(struct scanner *s, const char *why)
{
    s->scan->cut = true;
    s->p = s->end;
    return fail(s, why);
}

static bool begins(const char *p, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

/* Behind blanks (byte order marks and hard spaces among them) and comments; NULL: a comment that
 * does not end. */
static const char *pass_blank(const char *p, const char *end)
{
    static const char *const blanks[] = {"\xef\xbb\xbf", "\xc2\xa0", "\xe2\x80\x8b", NULL};
    for (;;) {
        size_t i = 0;
        while (p < end && ascii_isspace(*p))
            p++;
        while (blanks[i] && !begins(p, end, blanks[i]))
            i++;
        if (blanks[i]) {
            p += strlen(blanks[i]);
        } else if (begins(p, end, "//") || begins(p, end, "#")) {
            const char *eol = memchr(p, '\n', (size_t)(end - p));
            p = eol ? eol : end;
        } else if (begins(p, end, "/*")) {
            const char *close = memmem(p + 2, (size_t)(end - p - 2), "*/", 2);
            if (!close)
                return NULL;
            p = close + 2;
        } else {
            return p;
        }
    }
}

/* Longest first. */
static const struct {
    const char *open, *close;
} quotes[] = {{"\"\"\"", "\"\"\""},
              {"'''", "'''"},
              {"\"", "\""},
              {"'", "'"},
              {"`", "`"},
              {"\xe2\x80\x9c", "\xe2\x80\x9d"}, /* curly ones */
              {"\xe2\x80\x9d", "\xe2\x80\x9d"},
              {"\xe2\x80\x9e", "\xe2\x80\x9c"},
              {"\xe2\x80\x98", "\xe2\x80\x99"},
              {NULL, NULL}};

/* The index of the quote that opens at `p`, -1: none does. */
static int quote_at(const char *p, const char *end)
{
    for (int i = 0; quotes[i].open; i++)
        if (begins(p, end, quotes[i].open) &&
            /* "" is an empty string unless something to read follows a third quote */
            (strlen(quotes[i].open) != 3 || (unsigned char)quotes[i].open[0] >= 0x80 ||
             memmem(p + 3, (size_t)(end - p - 3), quotes[i].close, 3)))
            return i;
    return -1;
}

static bool is_hex4(const char *p, const char *end)
{
    for (int i = 0; i < 4; i++)
        if (p + i >= end || !strchr("0123456789abcdefABCDEF", p[i]) || !p[i])
            return false;
    return true;
}

/* The escape at s->p (a backslash) becomes one of JSON; a needless one is a backslash. */
static void escape(struct scanner *s)
{
    char c = s->p + 1 < s->end ? s->p[1] : '\0';
    if (c == '\'' || c == '`') {
        buf_addch(&s->out, c);
        s->p += 2;
    } else if ((c && strchr("\"\\/bfnrt", c)) || (c == 'u' && is_hex4(s->p + 2, s->end))) {
        buf_add(&s->out, s->p, 2);
        s->p += 2;
    } else {
        buf_adds(&s->out, "\\\\");
        s->p++;
    }
}

static bool string(struct scanner *s, int quote)
{
    const char *close = quotes[quote].close;
    s->p += strlen(quotes[quote].open);
    buf_addch(&s->out, '"');
    while (s->p < s->end && !begins(s->p, s->end, close)) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '\\') {
            escape(s);
            continue;
        }
        if (c < 0x20)
            buf_addf(&s->out, "\\u%04x", c);
        else if (c == '"')
            buf_adds(&s->out, "\\\"");
        else
            buf_addch(&s->out, (char)c);
        s->p++;
    }
    if (s->p >= s->end)
        return cut(s, "the text ends inside a string");
    s->p += strlen(close);
    buf_addch(&s->out, '"');
    return true;
}

static size_t word_length(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && (ascii_isalnum(p[n]) || (p[n] && strchr("_$+-.", p[n]))))
        n++;
    return n;
}

static bool word(struct scanner *s)
{
    static const struct {
        const char *from, *to;
    } words[] = {{"true", "true"},   {"false", "false"}, {"null", "null"},     {"True", "true"},
                 {"False", "false"}, {"None", "null"},   {"undefined", "null"}};
    size_t n = word_length(s->p, s->end);
    const char *from = s->p, *to = NULL;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strlen(words[i].from) == n && memcmp(from, words[i].from, n) == 0)
            to = words[i].to;
    if (from + n == s->end && n)
        return cut(s, "the text ends inside a value");
    if (!to && !(n && (ascii_isdigit(*from) || *from == '-' || *from == '+')))
        return fail(s, "a value is expected");
    if (to)
        buf_adds(&s->out, to);
    else
        buf_add(&s->out, from + (*from == '+'), n - (*from == '+'));
    s->p += n;
    return true;
}

static void put_comma(struct scanner *s)
{
    if (s->comma)
        buf_addch(&s->out, ',');
    s->comma = false;
}

static bool blank(struct scanner *s)
{
    const char *p = pass_blank(s->p, s->end);
    if (!p)
        return cut(s, "the text ends inside a comment");
    s->p = p;
    return p < s->end ? true : cut(s, "the text ends inside a list or object");
}

static bool opens(struct scanner *s)
{
    if (s->depth == DEPTH)
        return fail(s, "it is nested too deeply");
    s->close[s->depth++] = *s->p == '[' ? ']' : '}';
    buf_addch(&s->out, *s->p++);
    return true;
}

static void closes(struct scanner *s)
{
    s->comma = false;
    buf_addch(&s->out, s->close[--s->depth]);
    s->p++;
}

static bool key(struct scanner *s)
{
    int quote = quote_at(s->p, s->end);
    size_t n = quote < 0 ? word_length(s->p, s->end) : 0;
    put_comma(s);
    if (quote >= 0) {
        if (!string(s, quote))
            return false;
    } else if (n && !ascii_isdigit(*s->p)) {
        buf_addf(&s->out, "\"%.*s\"", (int)n, s->p);
        s->p += n;
    } else {
        return fail(s, "a key is expected");
    }
    if (!blank(s))
        return false;
    if (*s->p != ':')
        return fail(s, "':' is expected");
    buf_addch(&s->out, *s->p++);
    return blank(s);
}

/* One item of what is open: a bracket that opens, or a whole string, number or word. */
static bool item(struct scanner *s, bool *opened)
{
    *opened = false;
    if (s->close[s->depth - 1] == '}' && !key(s))
        return false;
    put_comma(s);
    if (*s->p == '[' || *s->p == '{') {
        *opened = true;
        return opens(s);
    }
    int quote = quote_at(s->p, s->end);
    return quote >= 0 ? string(s, quote) : word(s);
}

static bool whole(struct scanner *s)
{
    bool first = true; /* an item, or the end of what is open, may follow */
    if (!opens(s))
        return false;
    while (s->depth) {
        if (!blank(s))
            return false;
        if (*s->p == s->close[s->depth - 1]) {
            closes(s);
            first = false;
        } else if (*s->p == ',') { /* one is enough, and none where nothing stands before it */
            s->comma = !first;
            s->p++;
        } else if (first || s->comma) {
            if (!item(s, &first))
                return false;
        } else {
            return fail(s, s->close[s->depth - 1] == ']' ? "',' or ']' is expected"
                                                         : "',' or '}' is expected");
        }
    }
    return true;
}

json_t *scan_value(struct scan *scan, const char *p, const char *end, size_t *work)
{
    struct scanner s = {.p = p, .end = end, .scan = scan};
    json_t *v = NULL;
    *scan = (struct scan){.at = p};
    buf_init(&s.out);
    if (whole(&s)) {
        json_error_t error;
        v = s.out.failed ? NULL : json_loadb(s.out.ptr, s.out.len, JSON_ALLOW_NUL, &error);
        if (v) {
            scan->at = s.p;
        } else {
            s.p = p;
            fail(&s, s.out.failed ? "out of memory" : error.text);
            for (char *c = scan->why; *c; c++)
                *c = (unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e ? '?' : *c;
        }
    }
    size_t seen = (size_t)(s.p > scan->at ? s.p - p : scan->at - p) + 1;
    *work -= seen < *work ? seen : *work;
    buf_release(&s.out);
    return v;
}

const char *scan_balance(const char *p, const char *end, size_t *work)
{
    char closing[DEPTH];
    size_t depth = 0;
    bool in_string = false;
    for (; p<end && * work> 0; p++, (*work)--) {
        if (in_string) {
            if (*p == '\\' && p + 1 < end)
                p++;
            else if (*p == '"')
                in_string = false;
        } else if (*p == '"') {
            in_string = true;
        } else if (*p == '[' || *p == '{') {
            if (depth == DEPTH)
                return NULL;
            closing[depth++] = *p == '[' ? ']' : '}';
        } else if (*p == ']' || *p == '}') {
            if (*p != closing[--depth])
                return NULL;
            if (depth == 0)
                return p + 1;
        }
    }
    return NULL;
}

bool scan_looks_like_json(const char *p, const char *end, const char **key_out, size_t *key_len)
{
    bool object = false;
    *key_out = NULL;
    for (size_t depth = 0; depth < DEPTH && p < end && (*p == '[' || *p == '{'); depth++) {
        if (object)
            return false;
        object = *p == '{';
        p = pass_blank(p + 1, end);
        if (!p)
            return true;
    }
    if (p >= end)
        return true;
    int quote = quote_at(p, end);
    size_t n = quote >= 0 ? 0 : word_length(p, end);
    if (object && quote >= 0) {
        const char *from = p + strlen(quotes[quote].open);
        const char *to =
            memmem(from, (size_t)(end - from), quotes[quote].close, strlen(quotes[quote].close));
        *key_out = to ? from : NULL;
        *key_len = to ? (size_t)(to - from) : 0;
    } else if (object && n && p + n < end && p[n] == ':') {
        *key_out = p;
        *key_len = n;
    }
    return quote >= 0 || *key_out;
}
