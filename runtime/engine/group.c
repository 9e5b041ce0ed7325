/* group.c - rollouts that belong together: added, waited for, read, dropped. */
#include "runtime/engine/engine_private.h"

#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/engine/skills_view.h"

struct group *engine_group(struct engine *e, enum model_phase phase)
{
    struct group *g = calloc(1, sizeof(*g));
    if (!g) {
        err_oom();
        return NULL;
    }
    g->engine = e;
    g->phase = phase;
    group_called(g, phase == PHASE_ROLLOUT_DEV     ? "dev"
                    : phase == PHASE_ROLLOUT_VAL   ? "val"
                    : phase == PHASE_ROLLOUT_PROBE ? "candidates"
                    : phase == PHASE_ROLLOUT_TEST  ? "tests"
                                                   : "rollouts");
    g->next = e->groups;
    if (g->next)
        g->next->prev = g;
    e->groups = g;
    return g;
}

void group_background(struct group *g)
{
    g->rank = BACKGROUND;
}

void group_ahead(struct group *g)
{
    g->rank = AHEAD;
    group_called(g, TALLY_AHEAD);
}

int group_add(struct group *g, const struct task *task, struct skills_view *skills, int64_t draw)
{
    struct engine *e = g->engine;
    int rc = skills_view_ready(skills ? skills : e->none, e->settings.prompts, e->settings.order);
    if (rc < 0)
        return rc;
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        struct slot **v = reallocarray(g->v, cap, sizeof(*v));
        if (!v)
            return err_oom();
        g->v = v;
        g->cap = cap;
    }
    struct slot *s = calloc(1, sizeof(*s));
    if (!s)
        return err_oom();
    buf_init(&s->block);
    s->group = g;
    s->index = g->n;
    s->r.task = task;
    s->r.draw = draw;
    s->skills = skills_view_ref(skills ? skills : e->none);
    g->v[g->n++] = s;
    e->tally[g->tally].added++;
    struct queue *q = &e->queue[g->rank];
    *q->last = s;
    q->last = &s->next;
    e->ahead += g->rank == AHEAD;
    engine_schedule(e);
    return (int)s->index;
}

const char *group_texts(const struct group *g)
{
    return g->engine->env->texts;
}

struct group *engine_group_of(struct engine *e, enum model_phase phase, bool background,
                              const struct task_set *tasks, struct skills_view *skills,
                              int64_t draw)
{
    struct group *g = engine_group(e, phase);
    if (g && background)
        group_background(g);
    for (size_t i = 0; g && i < tasks->n; i++)
        if (group_add(g, &tasks->v[i], skills, draw) < 0) {
            group_free(g);
            return NULL;
        }
    return g;
}

int engine_turn(struct engine *e)
{
    int rc = engine_stopped(e);
    if (rc == 0)
        rc = loop_turn(e->loop, -1);
    if (rc >= 0 && e->on_room && engine_room(e) > 0)
        rc = e->on_room(e->on_room_arg);
    return rc < 0 ? rc : 0;
}

int group_wait(struct group *g)
{
    while (!group_done(g)) {
        int rc = engine_turn(g->engine);
        if (rc < 0)
            return rc;
    }
    return engine_stopped(g->engine);
}

bool group_done(const struct group *g)
{
    return g->ended == g->n;
}

size_t group_ended(const struct group *g)
{
    return g->ended;
}

size_t group_size(const struct group *g)
{
    return g->n;
}

const struct rollout *group_result(const struct group *g, size_t index)
{
    return index < g->n ? &g->v[index]->r : NULL;
}

void group_unscore(struct group *g, size_t index, const char *why)
{
    g->v[index]->r.correct = false;
    slot_end(g->v[index], ROLLOUT_UNSCORED, why);
}

/* Takes the group's rollouts that have not started out of the queue. */
static void unqueue(struct group *g)
{
    struct queue *q = &g->engine->queue[g->rank];
    struct slot **p = &q->first;
    q->last = p;
    while (*p) {
        struct slot *s = *p;
        if (s->group == g) {
            *p = s->next;
            s->next = NULL;
            s->cancelled = true;
            slot_end(s, ROLLOUT_UNSCORED, "cancelled");
            g->ended++;
            g->engine->tally[g->tally].added--;
            g->engine->ahead -= g->rank == AHEAD;
        } else {
            p = &s->next;
            q->last = p;
        }
    }
}

void group_cancel(struct group *g)
{
    unqueue(g);
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i]->r.status == ROLLOUT_RUNNING)
            g->v[i]->cancelled = true;
}

void group_free(struct group *g)
{
    if (!g)
        return;
    group_cancel(g);
    g->freed = true;
    if (!g->in_flight)
        group_destroy(g);
}
