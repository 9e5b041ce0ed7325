/* method.c - the table of the methods, and what is the same for all. */
#include "runtime/method/method.h"

#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/method/method_private.h"

static const struct method_ops *const table[METHODS] = {
    [METHOD_SEQ_MEMORY] = &method_seq_memory, [METHOD_BATCH_MEMORY] = &method_batch_memory,
    [METHOD_EXPEL] = &method_expel,           [METHOD_EVO_MEMORY] = &method_evo_memory,
    [METHOD_SKILLX] = &method_skillx,
};

const struct method_ops *method_ops_of(const struct memory *m)
{
    return table[m->settings.name];
}

enum memory_place memory_place(const struct memory *m, size_t turn)
{
    return repaired(m) || turn == 0 ? PLACE_FIRST : method_ops_of(m)->later;
}

bool memory_retrieves(const struct memory *m)
{
    return method_ops_of(m)->retrieves;
}

int memory_prepare(struct memory *m)
{
    const struct method_ops *ops = method_ops_of(m);
    for (size_t i = 0; i < 2 && ops->keys[i]; i++) {
        const json_t *list = memory_list(m, ops->lists[i]);
        size_t n = json_array_size(list);
        m->n_prepared[i] = n;
        m->prepared[i] = calloc(n + 1, sizeof(*m->prepared[i]));
        int rc = m->prepared[i] ? 0 : err_oom();
        for (size_t k = 0; rc == 0 && k < n; k++)
            rc = words_of_entry(&m->prepared[i][k], json_array_get(list, k), ops->keys[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void memory_block(const struct memory *m, const char *query, struct buf *out)
{
    method_ops_of(m)->block(m, query, out);
}

bool method_is_serial(enum method m)
{
    return table[m] && table[m]->serial;
}

int64_t method_calls(const struct method_settings *s, int64_t dev, int64_t epochs)
{
    switch ((enum method)s->name) {
    case METHOD_SEQ_MEMORY:
    case METHOD_BATCH_MEMORY:
        return dev * epochs;
    case METHOD_EXPEL: /* the failures of all epochs so far, again in each of them */
        return dev * epochs * (epochs + 1) / 2 + epochs;
    case METHOD_EVO_MEMORY:
        return 2 * dev * epochs;
    case METHOD_SKILLX: { /* a plan, and for each of so many steps a skill and its filter */
        enum { STEPS = 6 };
        return dev * epochs * (1 + STEPS * (s->extractor_max_retries + 1));
    }
    default:
        return 0;
    }
}

uint64_t method_order_seed(const struct method_settings *s, uint64_t seed)
{
    const struct method_ops *ops = table[s->name];
    return ops && ops->epoch_order && s->fidelity == FIDELITY_PUBLISHED ? 0 : seed;
}

struct method_run *method_run_new(struct memory *m, struct method_writer *writer)
{
    struct method_run *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    *r = (struct method_run){m, writer, json_array(), json_array()};
    if (!r->failures || !r->successes) {
        method_run_free(r);
        return NULL;
    }
    return r;
}

void method_run_free(struct method_run *r)
{
    if (!r)
        return;
    json_decref(r->failures);
    json_decref(r->successes);
    free(r);
}

int method_after_task(struct method_run *r, const struct method_trace *t, bool *changed)
{
    const struct method_ops *ops = method_ops_of(r->m);
    *changed = false;
    return ops->after_task ? ops->after_task(r, t, changed) : 0;
}

int method_after_batch(struct method_run *r, const struct method_trace *t, size_t n, bool *changed)
{
    const struct method_ops *ops = method_ops_of(r->m);
    *changed = false;
    return ops->after_batch ? ops->after_batch(r, t, n, changed) : 0;
}

int method_after_epoch(struct method_run *r, const struct method_trace *t, size_t n, bool *changed)
{
    const struct method_ops *ops = method_ops_of(r->m);
    *changed = false;
    return ops->after_epoch ? ops->after_epoch(r, t, n, changed) : 0;
}
