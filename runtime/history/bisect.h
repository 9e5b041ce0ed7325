/*
 * bisect.h - which commit of a line changed a state.
 *
 * Bisection over a line of commits, numbered from 0 (oldest): the state is known at both ends and
 * differs; at(mid) is asked until one commit is left. The commits asked about are those that git
 * bisect asks about (below 1,024 of them), so that both find the same where a state comes and goes.
 *
 *     struct bisection b = {0, n - 1};
 *     while (!bisection_done(&b))
 *         bisection_set(&b, same_as_new_end(bisection_next(&b)));
 *     b.new is the first that has the new state
 */
#ifndef GRASP_RUNTIME_HISTORY_BISECT_H
#define GRASP_RUNTIME_HISTORY_BISECT_H

#include <stdbool.h>
#include <stddef.h>

struct bisection {
    size_t old, new; /* last known to have the old state, first known to have the new one */
};
bool bisection_done(const struct bisection *b);
size_t bisection_next(const struct bisection *b);
void bisection_set(struct bisection *b, bool is_new);

#endif
