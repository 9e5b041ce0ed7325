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
    const struct prompts *prompts; /* what it is rendered by; borrowed, NULL: our template */
    struct buf block; /* all skills rendered, once `ready`; of a memory: what every task is
                                      shown */
    bool ready;
    enum prompt_order order;  /* that the block has */
    struct chat_head *prefix; /* the first message up to the task, once it is known */
    const void *prefix_of;    /* for which shared parts */
    struct chosen_block chosen[BLOCKS_KEPT]; /* rendered so far; then round robin */
    size_t n_chosen;
};

/* Whether that version of a skill is among those that were shown. */
bool skills_view_shown(const struct skill *s, const struct strlist *shown);
/* Appends the block of the k best skills for a conversation, nothing when no skills are there. Those
 * that `shown` (NULL: not wanted) lacks are added to it. */
int skills_view_top(struct skills_view *v, const struct chat *chat, int k, struct buf *out,
                    struct strlist *shown);
/* Adds "NAME vVERSION" of these skills (NULL: the first n) to `shown`, each once. */
int skills_view_names(const struct skills_view *v, const size_t *pick, size_t n,
                      struct strlist *shown);
/* Renders the block, by the engine's templates, its skills by name in the paper's order, else as
 * inject_order has them; what was rendered otherwise is dropped. 0, or as inject_render_by. */
int skills_view_ready(struct skills_view *v, const struct prompts *prompts,
                      enum prompt_order order);

#endif
