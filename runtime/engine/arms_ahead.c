/* arms_ahead.c - what a gate will probably ask for next, measured ahead. */
#include "runtime/engine/arms_ahead.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

#define SURE 10 /* so many outcomes may be made up, to ask for what follows from them */

/* What was asked for ahead of one pick: from 1, where its rollouts begin in the group; 0: nothing. */
struct asked {
    struct gate_pick pick;
    size_t at;
};

static size_t place(const struct arms_ahead *h, const struct gate_pick *p)
{
    size_t arm = p->arm == GATE_BASE ? h->gate->arms : p->arm;
    return (arm * h->gate->n + p->probe) * (GATE_REDRAWS + 1) + (size_t)p->draw;
}

static size_t places(const struct arms_ahead *h)
{
    return (h->gate->arms + 1) * h->gate->n * (GATE_REDRAWS + 1);
}

int arms_ahead_open(struct arms_ahead *h, const struct arms *a, const struct gate *g,
                    struct skills_view *base, struct skills_view *const *views, size_t most)
{
    *h = (struct arms_ahead){.arms = a, .gate = g, .base = base, .views = views, .most = most};
    h->picks = calloc(most, sizeof(*h->picks));
    h->asked = calloc(places(h), sizeof(*h->asked));
    if (!h->picks || !h->asked)
        return err_oom();
    return gate_init(&h->copy, &g->rules, NULL, g->n, g->arms);
}

void arms_ahead_close(struct arms_ahead *h)
{
    group_free(h->group);
    gate_release(&h->copy);
    free(h->picks);
    free(h->asked);
    *h = (struct arms_ahead){0};
}

void arms_ahead_wave(struct arms_ahead *h, const struct group *group, const struct gate_pick *wave,
                     size_t n)
{
    h->wave_group = group;
    h->wave = wave;
    h->n_wave = n;
    h->ended = SIZE_MAX;
}

static int ask(struct arms_ahead *h, const struct gate_pick *p)
{
    struct asked *k = &h->asked[place(h, p)];
    if (!h->group) {
        h->group = engine_group(h->arms->engine, PHASE_ROLLOUT_PROBE);
        if (!h->group)
            return GRASP_ENOMEM;
        group_ahead(h->group);
    }
    *k = (struct asked){*p, group_size(h->group) + 1};
    return arms_add(h->arms, h->group, p, p->arm == GATE_BASE ? h->base : h->views[p->arm]);
}

/* What came of what was asked for ahead. PENDING, too, where it was dropped for want of a slot. */
static enum outcome came_of(const struct arms_ahead *h, const struct asked *k)
{
    enum outcome o = k->at ? arms_outcome(h->arms, h->group, k->at - 1) : OUTCOME_PENDING;
    return o == OUTCOME_UNSCORED ? OUTCOME_PENDING : o;
}

/* Whether anything came in since the last look. */
static bool stale(struct arms_ahead *h)
{
    size_t ended = group_ended(h->wave_group) + (h->group ? group_ended(h->group) : 0);
    bool is = h->more || ended != h->ended;
    h->ended = ended;
    return is;
}

/* The copy knows all that is known, whoever asked for it. */
static void look(struct arms_ahead *h)
{
    size_t repeats = (size_t)h->arms->repeats;
    gate_copy(&h->copy, h->gate);
    for (size_t i = 0; i < h->n_wave; i++)
        *gate_place(&h->copy, &h->wave[i]) = arms_outcome(h->arms, h->wave_group, i * repeats);
    for (size_t i = 0; h->group && i < places(h); i++) {
        const struct asked *k = &h->asked[i];
        if (k->at && *gate_place(&h->copy, &k->pick) == OUTCOME_PENDING)
            *gate_place(&h->copy, &k->pick) = came_of(h, k);
    }
}

static bool in_wave(const struct arms_ahead *h, const struct gate_pick *p)
{
    for (size_t i = 0; i < h->n_wave; i++)
        if (h->wave[i].arm == p->arm && h->wave[i].probe == p->probe && h->wave[i].draw == p->draw)
            return true;
    return false;
}

/* Takes what the copy wants next for what is likely, or for what `all` says (PENDING: likely). Returns
 * how many outcomes are made up so. */
static size_t make_up(struct arms_ahead *h, size_t n, enum outcome all)
{
    for (size_t i = 0; i < n; i++)
        *gate_place(&h->copy, &h->picks[i]) = all ? all : gate_guess(&h->copy, &h->picks[i]);
    return n;
}

/* Asks for what the copy wants next and was not asked for. */
static int ask_wave(struct arms_ahead *h, size_t n, size_t *room)
{
    size_t repeats = (size_t)h->arms->repeats;
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < n && !h->more; i++) {
        if (h->asked[place(h, &h->picks[i])].at || in_wave(h, &h->picks[i]))
            continue;
        h->more = *room < repeats;
        if (!h->more) {
            rc = ask(h, &h->picks[i]);
            *room -= repeats;
        }
    }
    return rc;
}

/* Goes on from what is known to the end of the gate, `room` (NULL: none) for what is wanted on the way;
 * as far as not too much is made up. *winner: -1 for none, where that is reached; else NOT_YET. */
enum { NOT_YET = -2 };
static int go_on(struct arms_ahead *h, size_t *room, enum outcome all, int *winner)
{
    bool wide = h->arms->near_miss, near = wide && !h->gate->rules.regression_gate;
    size_t made_up = 0, n;
    int rc = 0;
    *winner = NOT_YET;
    look(h);
    while (rc >= 0 && made_up <= SURE) {
        if (gate_update(&h->copy) > 0) {
            if (!(n = gate_wave(&h->copy, h->most, h->picks)))
                break;
            if (room)
                rc = ask_wave(h, n, room);
            made_up += make_up(h, n, all);
        } else if (wide && !near && gate_winner(&h->copy) < 0) {
            gate_hold(&h->copy, false);
            near = true;
        } else {
            *winner = near ? -1 : gate_winner(&h->copy); /* a near miss is no winner */
            break;
        }
    }
    return rc;
}

int arms_ahead_fill(void *arg)
{
    struct arms_ahead *h = arg;
    const struct arms *a = h->arms;
    size_t room = engine_room(a->engine);
    int winner, best, worst, rc;
    if (!stale(h) || !h->gate->rules.early_stop)
        return 0;
    h->more = false;
    rc = go_on(h, &room, OUTCOME_PENDING, &winner);
    if (rc < 0 || h->more || !room || winner == NOT_YET || !a->leads)
        return rc < 0 ? rc : 0;
    go_on(h, NULL, OUTCOME_PASS, &best);
    go_on(h, NULL, OUTCOME_FAIL, &worst);
    return winner == best || winner == worst ? a->leads(a->arg, winner) : 0;
}
