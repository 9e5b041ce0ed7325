/*
 * measure.c - the arms of an update, measured (arms.h) with what a run remembers of outcomes:
 * those that could not be scored stay so when it goes on, and how candidates fared on a task before
 * says which probes to ask first.
 */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/engine/arms.h"
#include "runtime/base/err.h"
#include "runtime/learn/learn_private.h"

static struct gate_past *past_of(const struct learn *l, const struct probe *p)
{
    return &l->seen.past[p->failing][p->task - l->dev->v];
}

/* What outcomes of an update are remembered by. */
struct remembered {
    struct learn *l;
    struct candidate *const *candidates;
};

static enum outcome remember(void *arg, size_t arm, int draw, const struct probe *p, enum outcome o)
{
    const struct remembered *r = arg;
    char name[64];
    const char *who = arm == GATE_BASE ? "base" : r->candidates[arm]->tree.hex;
    snprintf(name, sizeof(name), draw ? "%.40s+%d" : "%.40s", who, draw);
    o = record_outcome(r->l, name, p->task, o);
    if (arm != GATE_BASE && draw == 0 && o != OUTCOME_UNSCORED) {
        past_of(r->l, p)->seen++;
        past_of(r->l, p)->wrong += o != OUTCOME_PASS;
    }
    return o;
}

/* Idle slots are for what comes after the gate. */
static int leads(void *arg, int candidate)
{
    const struct remembered *r = arg;
    return learn_ahead(r->l, candidate < 0 ? r->l->at.view : r->candidates[candidate]->view);
}

static struct arms arms_of(const struct learn *l, const struct probe_set *p)
{
    return (struct arms){.engine = l->s->engine,
                         .probes = p,
                         .repeats = (int)l->c->gate.repeats,
                         .wave = l->run.wave,
                         .draws = &l->s->draws,
                         .purpose = DRAW_PROBE,
                         .counter = (uint32_t)l->updates * DRAWS_AN_UPDATE};
}

struct group *measure_start(struct learn *l, const struct probe_set *p, struct skills_view *view)
{
    struct arms arms = arms_of(l, p);
    return arms_start(&arms, view);
}

int measure_wait(struct learn *l, struct group *g, const struct probe_set *p,
                 enum outcome *outcomes)
{
    struct arms arms = arms_of(l, p);
    struct remembered r = {l, NULL};
    arms.measured = remember;
    arms.arg = &r;
    json_decref(l->base_seen);
    if (!(arms.base_seen = l->base_seen = arms_seen(p->n)))
        return GRASP_ENOMEM;
    return arms_wait(&arms, g, outcomes);
}

/* Measures the candidates; `near`: after that, the one to narrow. */
static int measure(struct learn *l, const struct probe_set *p, struct gate *g,
                   struct candidate *const *candidates, int *near)
{
    struct arms arms = arms_of(l, p);
    struct remembered r = {l, candidates};
    struct skills_view **views = calloc(g->arms + 1, sizeof(*views));
    json_t **seen = calloc(g->arms + 1, sizeof(json_t *)); /* borrowed of the candidates */
    int rc = views && seen ? 0 : err_oom();
    arms.measured = remember;
    arms.leads = leads;
    arms.near_miss =
        l->c->gate.revise == REVISE_WIDE && g->arms > 0 && !candidates[g->arms - 1]->revision;
    arms.arg = &r;
    for (size_t arm = 0; rc == 0 && arm < g->arms; arm++) {
        views[arm] = candidates[arm]->view;
        if (!candidates[arm]->seen && !(candidates[arm]->seen = arms_seen(p->n)))
            rc = GRASP_ENOMEM;
        seen[arm] = candidates[arm]->seen;
    }
    arms.seen = seen;
    for (size_t i = 0; i < p->n; i++)
        g->past[i] = *past_of(l, &p->v[i]);
    if (rc == 0)
        rc = near ? arms_near_miss(&arms, g, l->at.view, views, near)
                  : arms_measure(&arms, g, l->at.view, views);
    for (size_t arm = 0; rc == 0 && arm < g->arms; arm++)
        if (!gate_covered(&g->rules, g->base, g->arm[arm].outcomes, g->n))
            rc = err_set(GRASP_EOUTAGE,
                         "update %d of epoch %d is indecisive: too many probes could not be "
                         "measured (%s); nothing was changed, the same command goes on later",
                         l->update + 1, l->epoch + 1, engine_outage(l->s->engine));
    free(seen);
    free(views);
    return rc;
}

int measure_candidates(struct learn *l, const struct probe_set *p, struct gate *g,
                       struct candidate *const *candidates)
{
    return measure(l, p, g, candidates, NULL);
}

int measure_near_miss(struct learn *l, const struct probe_set *p, struct gate *g,
                      struct candidate *const *candidates, int *which)
{
    return measure(l, p, g, candidates, which);
}
