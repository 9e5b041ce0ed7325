/* arms.c - measures the arms of a gate on a probe set. */
#include "runtime/engine/arms.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

struct group *arms_start(const struct arms *a, struct skills_view *view)
{
    struct group *g = engine_group(a->engine, PHASE_ROLLOUT_PROBE);
    for (size_t i = 0; g && i < a->probes->n; i++)
        for (int r = 0; r < a->repeats; r++)
            if (group_add(g, a->probes->v[i].task, view, a->draw + r) < 0) {
                group_free(g);
                return NULL;
            }
    return g;
}

/* The outcome of a probe whose repeats begin at `first` in the group. */
static enum outcome outcome_at(const struct arms *a, const struct group *g, size_t first,
                               size_t arm, const struct probe *p)
{
    enum { MOST = 99 };
    enum outcome draws[MOST], o;
    for (int r = 0; r < a->repeats; r++)
        draws[r] = rollout_outcome(group_result(g, first + (size_t)r));
    o = a->repeats == 1 ? draws[0] : gate_majority(draws, a->repeats);
    return a->measured ? a->measured(a->arg, arm, p, o) : o;
}

int arms_wait(const struct arms *a, struct group *g, enum outcome *outcomes)
{
    if (!g)
        return err_set(GRASP_ENOMEM, "out of memory");
    int rc = group_wait(g);
    for (size_t i = 0; rc == 0 && i < a->probes->n; i++)
        outcomes[i] = outcome_at(a, g, i * (size_t)a->repeats, ARM_BASE, &a->probes->v[i]);
    return rc;
}

/* One wave: its outcomes are entered once all of it is measured. */
static int one_wave(const struct arms *a, struct gate *g, struct skills_view *const *views,
                    struct gate_pick *picks)
{
    size_t repeats = (size_t)a->repeats;
    size_t n = g->rules.early_stop ? a->wave / repeats : g->arms * g->n;
    struct group *group = engine_group(a->engine, PHASE_ROLLOUT_PROBE);
    int rc = group ? 0 : err_set(GRASP_ENOMEM, "out of memory");
    n = gate_wave(g, n ? n : 1, picks);
    for (size_t i = 0; rc >= 0 && i < n; i++)
        for (size_t r = 0; rc >= 0 && r < repeats; r++)
            rc = group_add(group, a->probes->v[picks[i].probe].task, views[picks[i].arm],
                           a->draw + (int)r);
    if (rc >= 0)
        rc = group_wait(group);
    for (size_t i = 0; rc == 0 && i < n; i++)
        g->arm[picks[i].arm].outcomes[picks[i].probe] =
            outcome_at(a, group, i * repeats, picks[i].arm, &a->probes->v[picks[i].probe]);
    group_free(group);
    return rc < 0 ? rc : 0;
}

int arms_measure(const struct arms *a, struct gate *g, struct skills_view *const *views)
{
    struct gate_pick *picks = calloc(g->arms * g->n + 1, sizeof(*picks));
    int rc = picks ? 0 : err_set(GRASP_ENOMEM, "out of memory");
    while (rc == 0 && gate_update(g) > 0)
        rc = one_wave(a, g, views, picks);
    free(picks);
    return rc;
}

int arms_gate(struct gate *g, const struct gate_rules *rules, const struct probe_set *probes,
              const enum outcome *base, size_t candidates)
{
    int rc = gate_init(g, rules, NULL, probes->n, candidates);
    for (size_t i = 0; rc == 0 && i < probes->n; i++)
        g->failing[i] = probes->v[i].failing;
    if (rc == 0 && base)
        memcpy(g->base, base, probes->n * sizeof(*base));
    return rc;
}
