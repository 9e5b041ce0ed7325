/* reply.c - what the writer's replies to the methods have in common: fences, tags, bullets. */
#include <string.h>

#include "runtime/method/method_private.h"

void reply_unfence(const char *s, size_t len, const char **from, size_t *n)
{
    const char *end = s + len, *open = memmem(s, len, "```", 3);
    const char *line = open ? memchr(open, '\n', (size_t)(end - open)) : NULL;
    *from = s;
    *n = len;
    if (!line)
        return;
    const char *close = memmem(line + 1, (size_t)(end - line - 1), "```", 3);
    *from = line + 1;
    *n = (size_t)((close ? close : end) - *from);
}

bool reply_tag(const char *s, const char *tag, const char **from, size_t *n)
{
    char open[48], close[48];
    snprintf(open, sizeof(open), "<%s>", tag);
    snprintf(close, sizeof(close), "</%s>", tag);
    const char *at = strstr(s, open), *end = at ? strstr(at, close) : NULL;
    if (!end)
        return false;
    *from = at + strlen(open);
    *n = (size_t)(end - *from);
    return true;
}

void add_folded(struct buf *out, const char *s, size_t len)
{
    bool blank = false, any = false;
    for (size_t i = 0; i < len; i++) {
        if (ascii_isspace(s[i])) {
            blank = true;
            continue;
        }
        if (blank && any)
            buf_addch(out, ' ');
        buf_addch(out, s[i]);
        any = true;
        blank = false;
    }
}

void strip_bullet(const char **s, size_t *len)
{
    const char *p = *s, *end = p + *len;
    while (p < end && ascii_isspace(*p))
        p++;
    while (end > p && ascii_isspace(end[-1]))
        end--;
    const char *digits = p;
    while (digits < end && ascii_isdigit(*digits))
        digits++;
    if (p + 1 < end && strchr("-*+", *p) && ascii_isspace(p[1]))
        p += 2;
    else if (digits > p && digits + 1 < end && strchr(".)", *digits) && ascii_isspace(digits[1]))
        p = digits + 2;
    while (p < end && ascii_isspace(*p))
        p++;
    *s = p;
    *len = (size_t)(end - p);
}
