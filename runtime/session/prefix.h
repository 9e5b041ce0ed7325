/*
 * prefix.h - how much of the prompts a prefix cache can serve. Model servers keep what they
 * computed for a prompt and use it again for one that begins alike; only the rest is new work.
 *
 *     struct prefix *p = prefix_new();
 *     fresh += prefix_add(p, chat);      // characters after what an earlier chat began with
 *     prefix_free(p);
 *
 * Counted in blocks of 256 characters, as such caches do, from the start of each message.
 */
#ifndef GRASP_RUNTIME_SESSION_PREFIX_H
#define GRASP_RUNTIME_SESSION_PREFIX_H

#include "runtime/base/chat.h"

struct prefix;
struct prefix *prefix_new(void); /* NULL on no memory */
void prefix_free(struct prefix *p);
/* Characters of `chat` that are new; it is remembered. Out of memory: what cannot be remembered
 * counts as new every time. NULL: 0. */
int64_t prefix_add(struct prefix *p, const struct chat *chat);

#endif
