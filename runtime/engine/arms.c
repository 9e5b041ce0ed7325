/* arms.c - measures the arms of a gate on a probe set. */
#include "runtime/engine/arms.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/engine/arms_ahead.h"

struct group *arms_start(const struct arms *a, struct skills_view *view)
{
    struct group *g = engine_group(a->engine, PHASE_ROLLOUT_PROBE);
    if (g)
        group_called(g, "baseline");
    for (size_t i = 0; g && i < a->probes->n; i++)
        if (arms_add(a, g, &(struct gate_pick){GATE_BASE, i, 0}, view) < 0) {
            group_free(g);
            return NULL;
        }
    return g;
}

json_t *arms_seen(size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++)
        if (json_array_append_new(list, json_null()) < 0) {
            json_decref(list);
            list = NULL;
        }
    if (!list)
        err_oom();
    return list;
}

/* Keeps what was seen of an outcome: of several rollouts, the first that came out so. */
static void keep_seen(const struct arms *a, const struct group *g, size_t first,
                      const struct gate_pick *p, enum outcome o)
{
    json_t *list = p->arm == GATE_BASE ? a->base_seen : a->seen ? a->seen[p->arm] : NULL;
    if (!list || p->draw || o == OUTCOME_UNSCORED || o == OUTCOME_PENDING)
        return;
    for (size_t r = first; r < first + (size_t)a->repeats; r++)
        if (rollout_outcome(group_result(g, r)) == o) {
            json_array_set_new(list, p->probe, rollout_seen(group_result(g, r)));
            return;
        }
}

/* What counts as the outcome of a pick, whose rollouts have ended. */
static enum outcome outcome_at(const struct arms *a, const struct group *g, size_t first,
                               const struct gate_pick *p)
{
    enum outcome o = arms_outcome(a, g, first);
    if (a->measured)
        o = a->measured(a->arg, p->arm, p->draw, &a->probes->v[p->probe], o);
    keep_seen(a, g, first, p, o);
    return o;
}

int arms_wait(const struct arms *a, struct group *g, enum outcome *outcomes)
{
    if (!g)
        return GRASP_ENOMEM;
    int rc = group_wait(g);
    for (size_t i = 0; rc == 0 && i < a->probes->n; i++)
        outcomes[i] =
            outcome_at(a, g, i * (size_t)a->repeats, &(struct gate_pick){GATE_BASE, i, 0});
    return rc;
}

/* One wave: its outcomes are entered once all of it is measured. */
static int one_wave(const struct arms *a, struct gate *g, struct arms_ahead *ahead,
                    struct gate_pick *picks)
{
    size_t repeats = (size_t)a->repeats;
    size_t n = g->rules.early_stop ? a->wave / repeats : gate_wave_max(g);
    struct group *group = engine_group(a->engine, PHASE_ROLLOUT_PROBE);
    int rc = group ? 0 : GRASP_ENOMEM;
    n = gate_wave(g, n ? n : 1, picks);
    for (size_t i = 0; rc >= 0 && i < n; i++)
        rc = arms_add(a, group, &picks[i],
                      picks[i].arm == GATE_BASE ? ahead->base : ahead->views[picks[i].arm]);
    arms_ahead_wave(ahead, group, picks, n);
    if (rc >= 0)
        rc = group_wait(group);
    for (size_t i = 0; rc == 0 && i < n; i++)
        *gate_place(g, &picks[i]) = outcome_at(a, group, i * repeats, &picks[i]);
    group_free(group);
    return rc < 0 ? rc : 0;
}

int arms_measure(const struct arms *a, struct gate *g, struct skills_view *base,
                 struct skills_view *const *views)
{
    size_t wave = a->wave > gate_wave_max(g) ? a->wave : gate_wave_max(g);
    struct gate_pick *picks = calloc(wave, sizeof(*picks));
    struct arms_ahead ahead;
    int rc = arms_ahead_open(&ahead, a, g, base, views, wave);
    if (rc == 0 && !picks)
        rc = err_oom();
    engine_on_room(a->engine, arms_ahead_fill, &ahead);
    while (rc == 0 && gate_update(g) > 0)
        rc = one_wave(a, g, &ahead, picks);
    engine_on_room(a->engine, NULL, NULL);
    arms_ahead_close(&ahead);
    free(picks);
    return rc;
}

int arms_near_miss(const struct arms *a, struct gate *g, struct skills_view *base,
                   struct skills_view *const *views, int *which)
{
    *which = -1;
    if (!g->rules.regression_gate)
        return 0;
    gate_hold(g, false);
    int rc = arms_measure(a, g, base, views);
    *which = rc == 0 ? gate_winner(g) : -1;
    gate_hold(g, true);
    gate_update(g);
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
