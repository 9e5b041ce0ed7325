/* library_change.c - refs that are set in a batch: noted, until it is written (library_batch.c). */
#include "skills/library_private.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/text.h"

static void change_release(struct ref_change *c)
{
    free(c->name);
    free(c->why);
    free(c->line);
}

static struct ref_change *change_find(struct library *lib, const char *name)
{
    for (size_t i = 0; i < lib->batch.n; i++)
        if (strcmp(lib->batch.v[i].name, name) == 0)
            return &lib->batch.v[i];
    return NULL;
}

int library_ref_id(struct library *lib, const char *ref, git_oid *out)
{
    const struct ref_change *c = change_find(lib, ref);
    if (!c)
        return git_reference_name_to_id(out, lib->repo, ref);
    *out = c->id;
    return 0;
}

int library_batch_ref(struct library *lib, const char *ref, const git_oid *id,
                      const git_oid *expected, const char *why)
{
    struct ref_change *c = change_find(lib, ref);
    struct ref_change new = {.id = *id, .checked = expected != NULL};
    if (c) { /* on top of what this batch makes of it */
        c->id = *id;
        return 0;
    }
    if (expected)
        new.expected = *expected;
    new.name = str_dup(ref);
    new.why = str_dup(why);
    if (!new.name || !new.why || grow(&lib->batch.v, &lib->batch.cap, lib->batch.n + 1) < 0) {
        change_release(&new);
        return err_oom();
    }
    lib->batch.v[lib->batch.n++] = new;
    return 0;
}

void library_changes_forget(struct library *lib)
{
    for (size_t i = 0; i < lib->batch.n; i++)
        change_release(&lib->batch.v[i]);
    free(lib->batch.v);
    lib->batch = (struct batch){.v = NULL};
}
