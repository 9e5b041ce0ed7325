/* skills_view.h - what the engine keeps of a library revision. */
#ifndef GRASP_RUNTIME_ENGINE_SKILLS_VIEW_H
#define GRASP_RUNTIME_ENGINE_SKILLS_VIEW_H

#include "runtime/engine/engine.h"
#include "runtime/method/method.h"

/* Rollouts of one family tend to choose the same skills turn after turn. */
#define BLOCKS_KEPT 64
struct chosen_block {
    size_t *pick, n;
    struct buf text;
};

struct skills_view {
    int refs;
    struct skill_set set;
    struct memory *memory; /* another method's, in place of skills; NULL: none */
    struct ranker *ranker;
    struct buf block;      /* all skills rendered; of a memory: what every task is shown */
    struct buf prefix;     /* the first message up to the task, once it is known */
    const void *prefix_of; /* for which shared parts */
    struct chosen_block chosen[BLOCKS_KEPT]; /* rendered so far; then round robin */
    size_t n_chosen;
};

int skills_view_top(struct skills_view *v, const struct chat *chat, int k, struct buf *out);

#endif
