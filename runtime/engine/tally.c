/* tally.c - how many rollouts of each kind there are and were, and how long they take. */
#include "runtime/engine/engine_private.h"

#include <string.h>

#include "runtime/base/clock.h"

int64_t engine_now(const struct engine *e)
{
    return e->clock ? e->clock(e->clock_arg) : clock_mono();
}

void engine_clock(struct engine *e, int64_t (*now)(void *), void *arg)
{
    e->clock = now;
    e->clock_arg = arg;
}

void tally_end(const struct slot *s)
{
    struct engine *e = s->group->engine;
    struct engine_tally *t = &e->tally[s->group->tally];
    if (s->cancelled) {
        t->added--;
        return;
    }
    t->ended++;
    t->ever++;
    t->scored += s->r.status != ROLLOUT_UNSCORED;
    t->passed += s->r.correct;
    if (s->paid) {
        e->paid_ns += engine_now(e) - s->began;
        e->n_paid++;
    }
}

void group_called(struct group *g, const char *what)
{
    struct engine *e = g->engine;
    size_t i = 0;
    while (i < e->n_tallies && strcmp(e->tally[i].what, what) != 0)
        i++;
    if (i == e->n_tallies && i < TALLIES)
        e->tally[e->n_tallies++] = (struct engine_tally){.what = what};
    g->tally = i < TALLIES ? i : TALLIES - 1;
}

const struct engine_tally *engine_tallies(const struct engine *e, size_t *n)
{
    *n = e->n_tallies;
    return e->tally;
}

void engine_stage(struct engine *e)
{
    for (size_t i = 0; i < e->n_tallies; i++) {
        struct engine_tally *t = &e->tally[i];
        if (t->added == t->ended)
            *t = (struct engine_tally){.what = t->what, .ever = t->ever};
    }
}

int64_t engine_mean(const struct engine *e)
{
    return e->n_paid ? e->paid_ns / (int64_t)e->n_paid : 0;
}
