/*
 * probe_set.h - the balanced sample of previously failing and previously passing tasks on which an
 * update is measured. Pure.
 *
 *     struct probe_set set;
 *     probe_set_draw(&set, source, n, 36, PROBE_STRATA_TYPE, NULL, rng_seed_probes(1, 0, 3));
 *     ... set.v[0 .. set.n): at most 18 failing tasks, then at most 18 passing ones ...
 *     probe_set_release(&set);
 */
#ifndef GRASP_PROBES_PROBE_SET_H
#define GRASP_PROBES_PROBE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/task.h"
#include "runtime/base/text.h"

/* One task of the source with its known outcome. A source lists tasks in its own order. */
struct probe_source {
    const struct task *task;
    bool correct;
};

enum probe_strata { PROBE_STRATA_TYPE, PROBE_STRATA_FAMILY };

struct probe {
    const struct task *task;
    bool failing; /* the side it was drawn for */
};

struct probe_set {
    struct probe *v; /* failing ones first, each side in drawing order */
    size_t n;
};

/* Draws the probe set for a seed (rng_seed_probes or rng_seed_recovery). `size` is grpo_eval_n.
 * `without` (may be NULL): ids never taken (strict held-out; the first set, for a confirmation).
 * 0 with n == 0 when there is nothing to draw from; GRASP_ENOMEM. */
int probe_set_draw(struct probe_set *set, const struct probe_source *source, size_t n, size_t size,
                   enum probe_strata strata, const struct strlist *without, uint64_t seed);
void probe_set_release(struct probe_set *set);

/* The order of dev in an epoch: dev's indices 0..n-1 shuffled into `order` (n entries). */
void probe_epoch_order(uint64_t seed, uint64_t epoch, size_t n, size_t *order);

#endif
