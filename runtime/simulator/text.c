/* text.c - pieces of a conversation's text, read without copying them. */
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/simulator/sim.h"

bool sim_text_has(struct sim_text t, const char *needle)
{
    return t.n && memmem(t.s, t.n, needle, strlen(needle)) != NULL;
}

bool sim_starts(struct sim_text t, const char *prefix)
{
    size_t n = strlen(prefix);
    return t.n >= n && memcmp(t.s, prefix, n) == 0;
}

/* Takes the next line off `rest`. */
bool sim_next_line(struct sim_text *rest, struct sim_text *line)
{
    if (rest->n == 0)
        return false;
    const char *nl = memchr(rest->s, '\n', rest->n);
    size_t n = nl ? (size_t)(nl - rest->s) : rest->n, step = n + (nl != NULL);
    *line = (struct sim_text){rest->s, n};
    rest->s += step;
    rest->n -= step;
    return true;
}

struct sim_text sim_trim(struct sim_text t)
{
    while (t.n && ascii_isspace(*t.s))
        t.s++, t.n--;
    while (t.n && ascii_isspace(t.s[t.n - 1]))
        t.n--;
    return t;
}

struct sim_text sim_field(struct sim_text record, const char *key)
{
    struct sim_text rest = record, line;
    while (sim_next_line(&rest, &line))
        if (sim_starts(line, key))
            return sim_trim((struct sim_text){line.s + strlen(key), line.n - strlen(key)});
    return (struct sim_text){0};
}
