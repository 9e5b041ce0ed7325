/*
 * learn_measure.c - measures arms of an update on its probe set.
 *
 * Candidates are measured in waves: up to `wave` probes over all of them, and only when a wave is
 * over is anything stopped. So what is measured depends on outcomes and on the wave of the run,
 * never on which answer happened to come first.
 */
#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/learn.h"

int draw_dev(const struct learn *l)
{
    return l->epoch * 1000000;
}

int draw_probe(const struct learn *l, bool confirm, int repeat)
{
    return l->epoch * 1000000 + (l->update + 1) * 1000 + (confirm ? 500 : 0) + repeat;
}

int draw_val(int epoch)
{
    return (epoch + 1) * 1000000 - 1;
}

struct group *measure_start(struct learn *l, const struct probe_set *p, struct skills_view *view,
                            bool confirm)
{
    struct group *g = engine_group(l->s->engine, PHASE_ROLLOUT_PROBE);
    for (size_t i = 0; g && i < p->n; i++)
        for (int r = 0; r < l->c->gate.repeats; r++)
            if (group_add(g, p->v[i].task, view, draw_probe(l, confirm, r)) < 0) {
                group_free(g);
                return NULL;
            }
    return g;
}

/* The outcome of the probe whose repeats begin at `first` in the group. */
static enum outcome outcome_at(const struct learn *l, const struct group *g, size_t first)
{
    enum { MOST = 99 };
    enum outcome draws[MOST];
    int n = (int)l->c->gate.repeats;
    for (int r = 0; r < n; r++)
        draws[r] = rollout_outcome(group_result(g, first + (size_t)r));
    return n == 1 ? draws[0] : gate_majority(draws, n);
}

int measure_wait(struct learn *l, struct group *g, const struct probe_set *p,
                 enum outcome *outcomes)
{
    if (!g)
        return err_set(GRASP_ENOMEM, "out of memory");
    int rc = group_wait(g);
    for (size_t i = 0; rc == 0 && i < p->n; i++)
        outcomes[i] = record_outcome(l, "base", p->v[i].task,
                                     outcome_at(l, g, i * (size_t)l->c->gate.repeats));
    return rc;
}

static size_t dev_index(const struct learn *l, const struct task *task)
{
    return (size_t)(task - l->dev->v);
}

/* One wave: its outcomes are entered once all of it is measured. */
static int one_wave(struct learn *l, const struct probe_set *p, struct gate *g,
                    struct candidate *const *candidates, bool confirm, struct gate_pick *picks)
{
    size_t repeats = (size_t)l->c->gate.repeats;
    size_t n = l->c->gate.early_stop ? l->wave / repeats : g->arms * p->n;
    struct group *group = engine_group(l->s->engine, PHASE_ROLLOUT_PROBE);
    int rc = group ? 0 : err_set(GRASP_ENOMEM, "out of memory");
    n = gate_wave(g, n ? n : 1, picks);
    for (size_t i = 0; rc >= 0 && i < n; i++)
        for (size_t r = 0; rc >= 0 && r < repeats; r++)
            rc = group_add(group, p->v[picks[i].probe].task, candidates[picks[i].arm]->view,
                           draw_probe(l, confirm, (int)r));
    if (rc >= 0)
        rc = group_wait(group);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct candidate *c = candidates[picks[i].arm];
        enum outcome o = record_outcome(l, c->tree.hex, p->v[picks[i].probe].task,
                                        outcome_at(l, group, i * repeats));
        struct gate_past *past =
            &l->past[p->v[picks[i].probe].failing][dev_index(l, p->v[picks[i].probe].task)];
        g->arm[picks[i].arm].outcomes[picks[i].probe] = o;
        past->seen += o != OUTCOME_UNSCORED;
        past->wrong += o != OUTCOME_UNSCORED && o != OUTCOME_PASS;
    }
    group_free(group);
    return rc < 0 ? rc : 0;
}

int measure_candidates(struct learn *l, const struct probe_set *p, struct gate *g,
                       struct candidate *const *candidates, bool confirm)
{
    struct gate_pick *picks = calloc(g->arms * p->n + 1, sizeof(*picks));
    int rc = picks ? 0 : err_set(GRASP_ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n; i++)
        g->past[i] = l->past[p->v[i].failing][dev_index(l, p->v[i].task)];
    while (rc == 0 && gate_update(g) > 0)
        rc = one_wave(l, p, g, candidates, confirm, picks);
    for (size_t arm = 0; rc == 0 && arm < g->arms; arm++) {
        l->probes_saved += g->arm[arm].score.pending * l->c->gate.repeats;
        if (!gate_covered(&g->rules, g->base, g->arm[arm].outcomes, g->n))
            rc = err_set(GRASP_EOUTAGE,
                         "update %d of epoch %d is indecisive: too many probes could not be "
                         "measured; nothing was changed, the same command goes on later",
                         l->update, l->epoch);
    }
    free(picks);
    return rc;
}
