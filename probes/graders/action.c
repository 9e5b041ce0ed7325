/* action.c - reads a message of the agent as the benchmark's environment does. */
#include "probes/graders/action.h"

#include <string.h>

#include "probes/literal/pyvalue.h"
#include "runtime/base/text.h"

/* str.replace(word, ""), from `start` on. */
static void drop_all(struct buf *b, size_t start, const char *word)
{
    size_t n = strlen(word);
    char *to = b->ptr + start, *end = b->ptr + b->len;
    for (const char *p = to; p < end;) {
        const char *found = memmem(p, (size_t)(end - p), word, n);
        size_t keep = (size_t)((found ? found : end) - p);
        memmove(to, p, keep);
        to += keep;
        p += keep + (found ? n : 0);
    }
    buf_truncate(b, (size_t)(to - b->ptr));
}

static bool begins(const struct agent_action *a, const char *word)
{
    size_t n = strlen(word);
    return a->len >= n && memcmp(a->text, word, n) == 0;
}

static void skip(struct agent_action *a, size_t n)
{
    a->text += n;
    a->len -= n;
}

void agent_action_read(struct agent_action *a, const char *reply, size_t len, struct buf *clean)
{
    size_t start = clean->len;
    buf_add(clean, reply, len);
    drop_all(clean, start, "```tool_code");
    drop_all(clean, start, "```");
    *a = (struct agent_action){.text = clean->ptr + start, .len = clean->len - start};
    py_strip(&a->text, &a->len);
    a->said = a->text;
    a->said_len = a->len;
    if (begins(a, "GET")) {
        a->verb = AGENT_GET;
        skip(a, 3);
        py_strip(&a->text, &a->len);
    } else if (begins(a, "POST")) {
        a->verb = AGENT_POST;
        skip(a, 4);
        const char *line = memchr(a->text, '\n', a->len);
        if (line) {
            a->payload = line + 1;
            a->payload_len = (size_t)(a->text + a->len - a->payload);
            a->len = (size_t)(line - a->text);
        }
        py_strip(&a->text, &a->len);
    } else if (begins(a, "FINISH(")) {
        a->verb = AGENT_FINISH;
        skip(a, 7);
        a->len = py_but_last(a->text, a->len);
    }
}
