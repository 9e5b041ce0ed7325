/*
 * noise.h - how often an endpoint's outcomes flip, measured: some tasks are rolled out again. A gate
 * that takes one outcome for the truth is fooled by those flips; what is measured here decides
 * whether samples are shared and which rule the gate follows.
 *
 *     struct noise n;
 *     noise_measure(&n, engine, &draws, dev_group, view);   // 24 of its tasks once more
 *     noise_rules(config, &n, shared, &rules);
 */
#ifndef GRASP_RUNTIME_ENGINE_NOISE_H
#define GRASP_RUNTIME_ENGINE_NOISE_H

#include "runtime/base/stats.h"
#include "runtime/engine/engine.h"
#include "runtime/model/draw.h"

enum { NOISE_TASKS = 24 };

struct noise {
    int asked[2], differ[2]; /* tasks that passed at first [0], that were wrong [1] */
    bool alike;              /* every message that was asked for again came byte for byte */
    bool measured;           /* all zero otherwise */
};

/* Rolls out up to 24 tasks of `first`, which has ended, once more with the same skills: half of them
 * passed, half of them were wrong, as far as there are so many. Rollouts that could not be scored
 * are left out. Waits. 0, or what group_wait says. */
int noise_measure(struct noise *n, struct engine *e, const struct draws *draws,
                  const struct group *first, struct skills_view *view);
/* The flip rate as the gate takes it (gate_flips): a middling one where nothing was measured. */
double noise_flips(const struct noise *n);
/* What is said of it: the plain estimate and its 95 % interval. */
double noise_rate(const struct noise *n, struct interval *interval);
/* "this endpoint flips 4 % of outcomes (1 to 13): ..." */
void noise_describe(const struct noise *n, struct buf *out);
json_t *noise_to_json(const struct noise *n); /* new reference */
int noise_from_json(struct noise *n, const json_t *v);

#endif
