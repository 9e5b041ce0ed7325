/*
 * ask.c - the writer's replies are read, or named as what they are: one that is cut off or no JSON
 * is asked for once more, with what was wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn_private.h"

enum { SAMPLE_AGAIN = 500 }; /* second samples are numbered from here; first ones end before */

/* A reply without anything of the shape is none to ask for again where it may be meant so. */
static bool unreadable(const struct writer_call *w, const struct reply_shape *shape, bool needed,
                       struct reply_fault *fault)
{
    json_decref(reply_read(w->text.ptr, w->text.len, shape, fault));
    return fault->state == REPLY_CUT || fault->state == REPLY_UNPARSEABLE ||
           (needed && fault->state == REPLY_NOTHING);
}

int ask_again(struct learn *l, struct writer_call **calls, size_t n, enum model_phase phase,
              const struct reply_shape *shape, bool needed, int *asked_again)
{
    struct writer_call **again = calloc(n + 1, sizeof(*again));
    int rc = again ? 0 : err_oom(), waiting = 0;
    struct reply_fault fault;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!unreadable(calls[i], shape, needed, &fault))
            continue;
        log_warn("epoch %d, update %d: the writer's reply %zu to %s is %s%s", l->epoch + 1,
                 l->update + 1, i + 1, model_phase_name(phase), fault.text,
                 calls[i]->too_long ? "" : "; it is asked once more");
        if (calls[i]->too_long)
            continue;
        rc = writer_again(l, &again[i], calls[i], fault.text, (int)i + SAMPLE_AGAIN);
        waiting++;
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (again[i])
            rc = writer_wait(l, &again[i], 1);
    for (size_t i = 0; again && i < n; i++) {
        if (!again[i])
            continue;
        if (rc == 0) {
            struct writer_call *first = calls[i];
            calls[i] = again[i];
            again[i] = first;
            if (unreadable(calls[i], shape, needed, &fault))
                log_warn("epoch %d, update %d: the second one is %s", l->epoch + 1, l->update + 1,
                         fault.text);
        }
        writer_release(again[i]);
    }
    free(again);
    if (asked_again)
        *asked_again = waiting;
    return rc;
}

int ask_object(struct learn *l, enum model_phase phase, const char *prompt, json_t *data,
               const struct reply_shape *shape, bool needed, json_t **out)
{
    struct writer_call *w = NULL;
    struct reply_fault fault;
    *out = NULL;
    int rc = writer_start(l, &w, phase, prompt, data, 0);
    if (rc == 0)
        rc = writer_wait(l, &w, 1);
    if (rc == 0)
        rc = ask_again(l, &w, 1, phase, shape, needed, NULL);
    if (rc == 0)
        *out = reply_read(w->text.ptr, w->text.len, shape, &fault);
    writer_release(w);
    json_decref(data);
    return rc;
}
