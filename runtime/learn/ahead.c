/*
 * ahead.c - rollouts of what comes after the decision that is being measured, with the library that
 * leads, in slots that are idle: the next batch of dev, or after the last one val and the tests. Their
 * answers are found in the journal if it comes to that; nothing else of them is kept.
 */
#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/learn/learn_private.h"

void learn_ahead_end(struct learn *l)
{
    for (size_t i = 0; i < LEARN_AHEAD; i++)
        group_free(l->ahead.of[i].group);
    skills_view_unref(l->ahead.view);
    free(l->ahead.order);
    l->ahead = (struct learn_ahead){0};
}

void learn_order(const struct learn *l, int epoch, size_t *out)
{
    probe_epoch_order(method_order_seed(&l->c->method, (uint64_t)l->c->cycle.seed), (uint64_t)epoch,
                      l->dev->n, out);
}

/* The next batch: this epoch's, or the first of the next epoch. False: there is none. */
static bool next_batch(const struct learn *l, int *epoch, size_t *from)
{
    size_t at = (size_t)(l->update + 1) * (size_t)l->c->cycle.update_every;
    *epoch = l->epoch + (at >= l->dev->n);
    *from = at >= l->dev->n ? 0 : at;
    return *epoch < config_epochs(l->c);
}

static void add(struct learn *l, enum model_phase phase, const struct task_set *tasks, int64_t draw)
{
    struct learn_ahead *a = &l->ahead;
    a->of[a->n++] =
        (struct ahead_tasks){.phase = phase, .tasks = tasks, .end = tasks->n, .draw = draw};
}

static void add_tests(struct learn *l)
{
    for (int split = SPLIT_ID_TEST; split <= SPLIT_TEST; split++)
        if (l->s->splits[split].n)
            add(l, PHASE_ROLLOUT_TEST, &l->s->splits[split],
                draw_number(&l->s->draws, DRAW_TEST, 0));
}

static int begin(struct learn *l, struct skills_view *view, bool tests)
{
    struct learn_ahead *a = &l->ahead;
    int epoch;
    size_t from, every = (size_t)l->c->cycle.update_every;
    learn_ahead_end(l);
    a->view = skills_view_ref(view);
    if (!tests && next_batch(l, &epoch, &from)) {
        if (!(a->order = calloc(l->dev->n, sizeof(*a->order))))
            return err_oom();
        learn_order(l, epoch, a->order);
        add(l, PHASE_ROLLOUT_DEV, l->dev, draw_number(&l->s->draws, DRAW_DEV, (uint32_t)epoch));
        a->of[0].order = a->order;
        a->of[0].at = from;
        a->of[0].end = from + every < l->dev->n ? from + every : l->dev->n;
        return 0;
    }
    if (!tests)
        add(l, PHASE_ROLLOUT_VAL, l->val,
            draw_number(&l->s->draws, DRAW_VAL, (uint32_t)l->epoch + 1));
    add_tests(l);
    return 0;
}

/* The next of them. */
static int ask(struct learn *l, struct ahead_tasks *t)
{
    size_t i = t->order ? t->order[t->at] : t->at;
    t->at++;
    if (!t->group) {
        t->group = engine_group(l->s->engine, t->phase);
        if (!t->group)
            return GRASP_ENOMEM;
        group_ahead(t->group);
    }
    return group_add(t->group, &t->tasks->v[i], l->ahead.view, t->draw);
}

static int fill(struct learn *l, struct skills_view *view, bool tests)
{
    struct learn_ahead *a = &l->ahead;
    int rc = view == a->view ? 0 : begin(l, view, tests);
    size_t room = engine_room(l->s->engine);
    for (size_t i = 0; i < a->n; i++)
        for (; rc >= 0 && room && a->of[i].at < a->of[i].end; room--)
            rc = ask(l, &a->of[i]);
    return rc < 0 ? rc : 0;
}

int learn_ahead(struct learn *l, struct skills_view *view)
{
    return fill(l, view, false);
}

int learn_ahead_tests(struct learn *l, struct skills_view *view)
{
    return fill(l, view, true);
}
