/* agent_url.c - the wall around the agent. */
#include "runtime/env/agent_url.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/text.h"

static int hex(char c)
{
    return ascii_isdigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that stands at *p and is moved past, as a server sees it that decodes until there is
 * nothing left to decode: %2e, %252e and %25252e are all a dot. */
static char decoded(const char **p, const char *end)
{
    char c = *(*p)++;
    while (c == '%' && end - *p >= 2) {
        int high = hex(ascii_lower((*p)[0])), low = hex(ascii_lower((*p)[1]));
        if (high < 0 || low < 0)
            break;
        c = (char)(high << 4 | low);
        *p += 2;
    }
    return c;
}

/* A segment of dots alone is one too many for "here" and "above"; what follows a ';' is a parameter
 * of the segment, which some servers drop before they look at it. */
static bool leaves(const char *path, const char *end)
{
    bool dots = true;
    size_t n = 0;
    for (const char *p = path; p < end;) {
        const char *at = p;
        char c = decoded(&p, end);
        if (c == '\\' || (c == '/' && *at == '%'))
            return true;
        if (c == '/' || c == ';') {
            if (dots && n > 0)
                return true;
            dots = c == '/';
            n = 0;
        } else {
            dots = dots && c == '.';
            n++;
        }
    }
    return dots && n > 0;
}

const char *agent_url_target(const char *base, const char *url, size_t len, const char **target)
{
    size_t n = strlen(base);
    *target = url + len;
    if (len + 1 == n && memcmp(base, url, len) == 0)
        return NULL; /* the base itself without its last slash */
    if (len < n || memcmp(base, url, n) != 0)
        return "only the FHIR server named in the task can be reached";
    *target = url + n;
    return NULL;
}

const char *agent_url_make(const char *base, const char *target, size_t len, const char *suffix,
                           struct buf *out)
{
    static const char not_in_urls[] = "\"<>^`{|}";
    size_t path = 0, start = out->len;
    while (path < len && target[path] != '?' && target[path] != '#')
        path++;
    if (leaves(target, target + path))
        return "the path of the URL is not allowed";
    buf_adds(out, base);
    for (size_t i = 0; i < len && out->len - start <= AGENT_URL_MAX; i++) {
        unsigned char c = (unsigned char)target[i];
        if (c <= ' ' || c >= 0x7f || c == '\\' || strchr(not_in_urls, c))
            buf_addf(out, "%%%02X", c);
        else
            buf_addch(out, target[i]);
    }
    buf_adds(out, suffix);
    if (out->len - start <= AGENT_URL_MAX)
        return NULL;
    buf_truncate(out, start);
    return "the URL is too long";
}
