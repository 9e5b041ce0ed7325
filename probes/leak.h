/*
 * leak.h - the leak guard: an edit must not quote the benchmark (spec/method.md, "Gate", switch
 * `leak_guard`).
 */
#ifndef GRASP_PROBES_LEAK_H
#define GRASP_PROBES_LEAK_H

#include <stdbool.h>
#include <stddef.h>

#include "probes/task.h"

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

#endif
