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

/* Collects task ids, patient identifiers and solution values of the given sets. NULL: no memory. */
struct leak_guard *leak_guard_new(const struct task_set *const *sets, size_t n);
void leak_guard_free(struct leak_guard *guard);
/* Whether `text` quotes one verbatim as a whole word; what it is goes into `what` (size bytes), for
 * the log ("task id task3_7"). Numbers count only together with the patient they belong to. */
bool leak_guard_hit(const struct leak_guard *guard, const char *text, char *what, size_t size);

#endif
