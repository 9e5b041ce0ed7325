/*
 * leak.h - the leak guard: an edit must not quote the benchmark (switch `gate.leak_guard`).
 *
 *     struct leak_guard *guard = leak_guard_new(sets, 4);    // dev, val, id_test, test
 *     struct leak_edit texts = {.name = e->name, .description = e->description,
 *                               .content = e->content, .tags = &e->tags};
 *     if (leak_guard_edit(guard, &texts, what, sizeof(what)))
 *         ... refused: "task id task3_7"
 *     leak_guard_free(guard);
 *
 * Whoever lets text into a library (the reader of edits, merge, an edit by hand) asks
 * leak_guard_edit, so that all refuse the same.
 */
#ifndef GRASP_PROBES_LEAK_H
#define GRASP_PROBES_LEAK_H

#include <stdbool.h>
#include <stddef.h>

#include "probes/task.h"
#include "runtime/base/text.h"

struct leak_guard;

/* Collects task ids, patient identifiers and solution values of the given sets (NULL entries are
 * skipped; nothing is borrowed). Left out: texts of one or two characters, digits alone up to four,
 * and solutions that the task's own wording shows. NULL: no memory. */
struct leak_guard *leak_guard_new(const struct task_set *const *sets, size_t n);
void leak_guard_free(struct leak_guard *guard);
/* Whether `text` quotes one as a whole word, in any case; what it is goes into `what` (size bytes,
 * may be NULL), for the log ("task id task3_7"). Numbers count only together with the patient they
 * belong to. False without a guard (NULL). */
bool leak_guard_hit(const struct leak_guard *guard, const char *text, char *what, size_t size);

/* All that an edit would put into a library or its history; NULL where it says nothing. Borrowed. */
struct leak_edit {
    const char *name, *description, *content, *reason;
    const struct strlist *tags;
};
/* leak_guard_hit for each of the texts, in this order; a name's hyphens may stand for the
 * underscores of what it quotes, since a slug has none. */
bool leak_guard_edit(const struct leak_guard *guard, const struct leak_edit *edit, char *what,
                     size_t size);

#endif
