/*
 * ahead.c - rollouts of what comes after the decision that is being measured: the next batch of dev
 * with the library that leads, in slots that are idle. Their answers are found in the journal if it
 * comes to that; nothing else of them is kept.
 */
#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/learn/learn_private.h"

void learn_ahead_end(struct learn *l)
{
    group_free(l->ahead.group);
    skills_view_unref(l->ahead.view);
    free(l->ahead.v);
    l->ahead = (struct learn_ahead){0};
}

/* The batch after this one: this epoch's next, or the first of the next epoch. */
static int begin(struct learn *l, struct skills_view *view)
{
    struct learn_ahead *a = &l->ahead;
    size_t every = (size_t)l->c->cycle.update_every, from = (size_t)(l->update + 1) * every;
    bool next_epoch = from >= l->dev->n;
    learn_ahead_end(l);
    a->view = skills_view_ref(view);
    a->epoch = l->epoch + next_epoch;
    if (a->epoch >= config_epochs(l->c))
        return 0;
    if (!(a->v = calloc(l->dev->n, sizeof(*a->v))))
        return err_oom();
    learn_order(l, a->epoch, a->v);
    a->at = next_epoch ? 0 : from;
    a->end = a->at + every < l->dev->n ? a->at + every : l->dev->n;
    a->group = engine_group(l->s->engine, PHASE_ROLLOUT_DEV);
    if (!a->group)
        return GRASP_ENOMEM;
    group_ahead(a->group);
    return 0;
}

int learn_ahead(struct learn *l, struct skills_view *view)
{
    struct learn_ahead *a = &l->ahead;
    int rc = view == a->view ? 0 : begin(l, view);
    for (size_t room = engine_room(l->s->engine); rc >= 0 && room && a->at < a->end; room--)
        rc = group_add(a->group, &l->dev->v[a->v[a->at++]], view,
                       draw_number(&l->s->draws, DRAW_DEV, (uint32_t)a->epoch));
    return rc < 0 ? rc : 0;
}
