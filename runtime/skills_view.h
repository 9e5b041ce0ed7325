/* skills_view.h - what the engine keeps of a library revision. */
#ifndef GRASP_RUNTIME_SKILLS_VIEW_H
#define GRASP_RUNTIME_SKILLS_VIEW_H

#include "runtime/engine.h"

struct skills_view {
    int refs;
    struct skill_set set;
    struct ranker *ranker;
    struct buf block;      /* all skills rendered */
    struct buf prefix;     /* the first message up to the task, once it is known */
    const void *prefix_of; /* for which shared parts */
};

int skills_view_top(const struct skills_view *v, const struct chat *chat, int k, struct buf *out);

#endif
