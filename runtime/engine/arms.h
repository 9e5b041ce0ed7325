/*
 * arms.h - measures the arms of a gate on a probe set: the baseline, then the candidates in waves.
 *
 *     struct arms a = {.engine = e, .probes = &probes, .repeats = 1, .wave = 64,
 *                      .draws = &draws, .purpose = DRAW_PROBE, .counter = 1000};
 *     struct group *g = arms_start(&a, library_view);      // the baseline, in the background
 *     arms_wait(&a, g, gate.base);
 *     arms_measure(&a, &gate, library_view, views);        // one view a candidate
 *
 * Candidates are measured in waves: up to `wave` rollouts over all of them, and only when a wave is
 * over is anything stopped. So what is measured depends on outcomes and on the size of the wave,
 * never on which answer happened to come first. What the next waves will probably be is asked for
 * while one waits for its last answers (arms_ahead.h).
 */
#ifndef GRASP_RUNTIME_ENGINE_ARMS_H
#define GRASP_RUNTIME_ENGINE_ARMS_H

#include "gate/gate.h"
#include "probes/probe_set.h"
#include "runtime/engine/engine.h"
#include "runtime/model/draw.h"

struct arms {
    struct engine *engine;
    const struct probe_set *probes;
    int repeats; /* 1..99 */
    size_t wave; /* rollouts in flight at once over all candidates */
    /* Number of the first sample; further ones count up. The arms share theirs, so that what an
     * edit does not touch is paid once and is no difference; `apart` (0: shared) sets the samples of
     * arm k off by (k + 1) * apart, for arms that would send the same bytes. */
    const struct draws *draws;
    enum draw_purpose purpose;
    uint32_t counter, apart;
    /* Sees each outcome (arm: the candidate's index, or GATE_BASE; draw 0 is the first, r > 0 a
     * redraw) and says what counts. May be NULL. */
    enum outcome (*measured)(void *arg, size_t arm, int draw, const struct probe *p,
                             enum outcome o);
    void *arg;
    /* Where what was seen of each probe (rollout_seen, of its first draw) is kept: arrays as
     * arms_seen makes them, of the baseline and one a candidate. NULL: nowhere. */
    json_t *base_seen;
    json_t *const *seen;
    /* Without a winner, arms_near_miss comes next. */
    bool near_miss;
    /* There are idle slots, and the gate can think of nothing to measure ahead: the candidate that will
     * probably win, -1 for none; `arg` as above. May be NULL. */
    int (*leads)(void *arg, int candidate);
};
/* Adds the rollouts of one pick, `repeats` of them; what those from `first` on came to
 * by themselves. */
int arms_add(const struct arms *a, struct group *g, const struct gate_pick *p,
             struct skills_view *view);
enum outcome arms_outcome(const struct arms *a, const struct group *g, size_t first);
/* An array with a place for each of n probes; NULL and a message when out of memory. */
json_t *arms_seen(size_t n);

/* Starts the baseline's rollouts; NULL when out of memory. Freed with group_free. */
struct group *arms_start(const struct arms *a, struct skills_view *view);
/* Waits for them and fills outcomes[probes->n]. */
int arms_wait(const struct arms *a, struct group *g, enum outcome *outcomes);
/* Measures all candidates against g->base as far as the gate wants them, and the baseline (`base`)
 * again where its rule asks for that. An arm that is not running any more is left as it is. */
int arms_measure(const struct arms *a, struct gate *g, struct skills_view *base,
                 struct skills_view *const *views);
/* After that, and without a winner: the candidate that only regressions keep out, of the highest score
 * and measured in full; -1: none. */
int arms_near_miss(const struct arms *a, struct gate *g, struct skills_view *base,
                   struct skills_view *const *views, int *which);
/* Makes a gate of the probe set's sides with `candidates` arms; `base` (may be NULL) is copied. */
int arms_gate(struct gate *g, const struct gate_rules *rules, const struct probe_set *probes,
              const enum outcome *base, size_t candidates);

#endif
