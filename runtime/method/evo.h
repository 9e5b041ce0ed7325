/* evo.h - rules of Evo memory (evo_rules.c), for evo.c and its tests. A rule is {id, text, tags, shown,
 * success, failure}; its text has a mark of its priority, "[P1] ". */
#ifndef GRASP_RUNTIME_METHOD_EVO_H
#define GRASP_RUNTIME_METHOD_EVO_H

#include "runtime/method/method_private.h"

/* 0 (first) to 2, from the mark. */
int evo_priority(const char *text);
const char *evo_unmarked(const char *text); /* inside `text` */
/* Appends the normal form: one line without bullets and wrapping tags, with a mark; nothing for a
 * text without anything in it. */
void evo_normal(const char *text, struct buf *out);
/* Appends what two texts that are one rule have in common: the tokens without the mark. */
void evo_key(const char *text, struct buf *out);
/* Long enough, and not an answer. */
bool evo_usable(const char *text);
int64_t evo_shown(const json_t *rules); /* how often all of them were shown */
/* How good a rule was, and how little is known of that (UCB); `all`: evo_shown. */
double evo_utility(const json_t *rule, int64_t all);
/* The entries for a query, best first, equal ones as they stand: rules by priority, then overlap and
 * utility; episodes by overlap, which must be there. `prepared` (memory_prepare) may be NULL. New reference; NULL: no
 * memory. */
json_t *evo_choose(const json_t *list, const struct words *prepared, const char *query,
                   const char *const *keys, bool rules, size_t most);

#endif
