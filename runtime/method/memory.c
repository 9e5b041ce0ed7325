/* memory.c - what a method keeps: lists of entries by name. */
#include <stdlib.h>

#include "runtime/method/method_private.h"

const char *const method_names[METHODS + 1] = {"grasp", "none",       "seq_memory", "batch_memory",
                                               "expel", "evo_memory", "skillx",     NULL};
const char *const fidelity_names[3] = {"published", "repaired", NULL};

void memory_free(struct memory *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; m->prepared[i] && k < m->n_prepared[i]; k++)
            words_release(&m->prepared[i][k]);
        free(m->prepared[i]);
    }
    json_decref(m->lists);
    free(m);
}

enum method memory_method(const struct memory *m)
{
    return (enum method)m->settings.name;
}

enum fidelity memory_fidelity(const struct memory *m)
{
    return (enum fidelity)m->settings.fidelity;
}

json_t *memory_list(const struct memory *m, const char *name)
{
    return json_object_get(m->lists, name);
}

size_t memory_size(const struct memory *m)
{
    const char *name;
    json_t *v;
    size_t n = 0;
    json_object_foreach (m->lists, name, v)
        n += json_array_size(v);
    return n;
}
