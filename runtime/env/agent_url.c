/* agent_url.c - the wall around the agent. */
#include "runtime/env/agent_url.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/base/text.h"

static int hex(char c)
{
    return ascii_isdigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes once, in place. True when a byte that ends or climbs a path came out of it. */
static bool decode(struct buf *path, bool *changed)
{
    size_t to = 0;
    bool bad = false;
    *changed = false;
    for (size_t i = 0; i < path->len; i++) {
        char c = path->ptr[i];
        int high = c == '%' && path->len - i > 2 ? hex(ascii_lower(path->ptr[i + 1])) : -1;
        int low = high >= 0 ? hex(ascii_lower(path->ptr[i + 2])) : -1;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
            *changed = true;
            bad = bad || c == '/' || c == '\\';
        }
        path->ptr[to++] = c;
    }
    buf_truncate(path, to);
    return bad;
}

/* A segment of dots alone is "here", "above" or a server's own idea. What follows a ';' is a
 * parameter, which some servers drop before they look at the segment. */
static bool has_dots(const struct buf *path)
{
    const char *p = path->ptr, *end = p + path->len;
    for (;;) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        const char *stop = slash ? slash : end, *q = p;
        while (q < stop && *q == '.')
            q++;
        if (q > p && (q == stop || *q == ';'))
            return true;
        if (!slash)
            return false;
        p = slash + 1;
    }
}

/* Also for a server that decodes again what it has decoded, until nothing is left to decode. */
static bool leaves(const char *target, size_t len)
{
    enum { ROUNDS = 8 };
    struct buf path = BUF_INIT;
    bool bad, changed = true;
    buf_add(&path, target, len);
    bad = path.failed || memchr(target, '\\', len);
    for (int i = 0; !bad && changed; i++)
        bad = i == ROUNDS || has_dots(&path) || decode(&path, &changed);
    buf_release(&path);
    return bad;
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
    if (path > AGENT_URL_MAX)
        return "the URL is too long";
    if (leaves(target, path))
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
