/* trace.c - a *_runs.jsonl, read without parsing its messages. */
#include "runtime/report/trace.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"

/* The key that comes last in a line, as it is written. In a string it would have its quotes escaped. */
#define MESSAGES ",\"messages\":"

static int add_line(struct traces *t, const char *line, size_t len)
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
        t->v[t->n++] = (struct trace){v, (size_t)(line - t->text.ptr), len};
    }
    buf_release(&head);
    return rc;
}

int traces_read(struct traces *t, const char *file)
{
    *t = (struct traces){.text = BUF_INIT};
    int rc = fs_exists(file) ? fs_read(file, &t->text) : 0;
    for (size_t i = 0; rc == 0 && i < t->text.len;) {
        const char *line = t->text.ptr + i, *end = memchr(line, '\n', t->text.len - i);
        size_t len = end ? (size_t)(end - line) : t->text.len - i;
        if (len)
            rc = add_line(t, line, len);
        i += len + 1;
    }
    return rc;
}

void traces_release(struct traces *t)
{
    for (size_t i = 0; i < t->n; i++)
        json_decref(t->v[i].head);
    free(t->v);
    buf_release(&t->text);
    *t = (struct traces){0};
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

json_t *trace_messages(const struct traces *t, const struct trace *x)
{
    json_t *v = NULL, *messages = NULL;
    if (json_parse(&v, t->text.ptr + x->at, x->len, "a rollout") < 0)
        err_clear();
    else
        messages = json_incref(json_object_get(v, "messages"));
    json_decref(v);
    return messages;
}
