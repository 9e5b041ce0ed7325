/* export.h - what the gate measured, in the skills themselves. */
#ifndef GRASP_RUNTIME_HISTORY_EXPORT_H
#define GRASP_RUNTIME_HISTORY_EXPORT_H

#include "skills/library.h"

/* Adds to the metadata of each skill what the gate measured for the edit that made it what it is at
 * `rev`: gate-score, gate-fixes, gate-regressions and gate-tasks, as an export has them. Skills
 * that no gate measured stay byte for byte as they are. */
int history_fill_gate(struct library *lib, const char *rev, struct skill_set *set);

#endif
