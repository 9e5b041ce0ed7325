/* trace.c - a *_runs.jsonl, read without parsing its messages. */
#include "runtime/report/trace.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/text.h"
#include "runtime/base/traces.h"

/* The key that comes last in a line, as it is written. In a string it would have its quotes escaped. */
#define MESSAGES ",\"messages\":"

static int add_line(struct traces *t, const char *line, size_t len, size_t number)
{
    const char *cut = memmem(line, len, MESSAGES, sizeof(MESSAGES) - 1);
    struct buf head = BUF_INIT;
    json_t *v = NULL;
    int rc = 0;
    buf_add(&head, line, cut ? (size_t)(cut - line) : len);
    if (cut)
        buf_addch(&head, '}');
    if (json_parse(&v, head.ptr, head.len, "a rollout") < 0) {
        err_clear(); /* as of a run that is writing it */
    } else if (!json_str_at(v, "task_id", NULL) || (rc = grow(&t->v, &t->cap, t->n + 1)) < 0) {
        json_decref(v);
    } else {
        t->v[t->n++] = (struct trace){v, number};
    }
    buf_release(&head);
    return rc;
}

int traces_read(struct traces *t, const char *file)
{
    struct buf text = BUF_INIT;
    *t = (struct traces){.file = str_dup(file), .whole = BUF_INIT};
    int rc = !t->file ? err_oom() : fs_exists(file) ? fs_read(file, &text) : 0;
    const char *p = text.ptr, *end = p + text.len;
    for (size_t number = 0; rc == 0 && p < end; number++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((eol ? eol : end) - p);
        if (len)
            rc = add_line(t, p, len, number);
        p += len + 1;
    }
    buf_release(&text);
    return rc;
}

void traces_release(struct traces *t)
{
    for (size_t i = 0; i < t->n; i++)
        json_decref(t->v[i].head);
    free(t->v);
    free(t->file);
    buf_release(&t->whole);
    *t = (struct traces){.whole = BUF_INIT};
}

const char *trace_task(const struct trace *x)
{
    return json_str_at(x->head, "task_id", "");
}

bool trace_scored(const struct trace *x)
{
    return strcmp(json_str_at(x->head, "status", "unscored"), "unscored") != 0;
}

bool trace_correct(const struct trace *x)
{
    return json_bool_at(x->head, "correct", false);
}

const struct trace *traces_find(const struct traces *t, const char *task)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(trace_task(&t->v[i]), task) == 0)
            return &t->v[i];
    return NULL;
}

/* A line of the whole ones; NULL: there is none. */
static const char *whole_line(const struct traces *t, size_t number, size_t *len)
{
    const char *p = t->whole.ptr, *end = p + t->whole.len;
    for (; p < end; number--) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        *len = (size_t)((eol ? eol : end) - p);
        if (!number)
            return p;
        p += *len + 1;
    }
    return NULL;
}

json_t *trace_messages(struct traces *t, const struct trace *x)
{
    json_t *v = NULL, *messages = NULL;
    size_t len;
    if (!t->read && trace_whole(t->file, &t->whole) < 0)
        buf_release(&t->whole); /* err_msg() stays */
    t->read = true;
    const char *line = whole_line(t, x->line, &len);
    if (line && json_parse(&v, line, len, t->file) == 0)
        messages = json_incref(json_object_get(v, "messages"));
    json_decref(v);
    return messages;
}
