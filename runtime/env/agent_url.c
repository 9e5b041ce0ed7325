/* agent_url.c - the wall around the agent. */
#include "runtime/env/agent_url.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/base/text.h"

static bool is_dot(const char **p, const char *end)
{
    if (*p < end && **p == '.')
        return (*p)++, true;
    if (end - *p >= 3 && (*p)[0] == '%' && (*p)[1] == '2' && ascii_lower((*p)[2]) == 'e')
        return *p += 3, true;
    return false;
}

/* A path segment that is "." or "..". */
static bool dotted(const char *path, const char *end)
{
    for (const char *p = path; p < end; p++) {
        const char *q = p;
        bool start = p == path || p[-1] == '/';
        if (!start || !is_dot(&q, end))
            continue;
        is_dot(&q, end);
        if (q == end || *q == '/' || *q == ';')
            return true;
    }
    return false;
}

const char *agent_url_check(const char *base, const char *url, size_t len, const char **target)
{
    size_t n = strlen(base);
    const char *end = url + len;
    *target = end;
    if (len + 1 == n && memcmp(base, url, len) == 0)
        return NULL; /* the base itself without its last slash */
    if (len < n || memcmp(base, url, n) != 0)
        return "only the FHIR server named in the task can be reached";
    const char *path = url + n, *stop = path;
    while (stop < end && *stop != '?' && *stop != '#' && *stop != '&')
        stop++;
    for (const char *p = path; p < stop; p++) {
        bool encoded = stop - p >= 3 && *p == '%';
        if (*p == '\\' || (encoded && p[1] == '5' && ascii_lower(p[2]) == 'c') ||
            (encoded && p[1] == '2' && ascii_lower(p[2]) == 'f'))
            return "the path of the URL is not allowed";
    }
    if (dotted(path, stop))
        return "the path of the URL is not allowed";
    *target = path;
    return NULL;
}
