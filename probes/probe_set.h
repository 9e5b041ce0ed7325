/*
 * probe_set.h - the balanced sample of previously failing and previously passing tasks on which an
 * update is measured. Pure.
 *
 *     struct probe_set set;
 *     probe_set_draw(&set, source, n, 36, PROBE_STRATA_TYPE, NULL, rng_seed_probes(1, 0, 3));
 *     ... set.v[0 .. set.n): at most 18 failing tasks, then at most 18 passing ones ...
 *     probe_set_release(&set);
 *
 * A targeted set can see what the edits of an update do: its failing half is made of tasks that the
 * library fails as it stands, some of each group of failures that proposes. Which those are is found
 * out in rounds:
 *
 *     while (probe_target_ask(&t, ask, &n) == 0 && n)
 *         ... roll these out with the library as it stands, enter outcomes into t.source and t.known ...
 *     probe_target_draw(&set, &t);
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

/* Why a task is in a targeted set. */
enum probe_reason {
    PROBE_AS_BEFORE, /* its outcome in the source, which an earlier library may have had */
    PROBE_NOW,       /* its outcome with the library as it stands */
    PROBE_FAMILY,    /* the same, and it is of the families of a group that proposes */
};
struct probe_why {
    enum probe_reason reason;
    const char *group; /* PROBE_FAMILY: the need's label, borrowed */
};
struct probe_set {
    struct probe *v; /* failing ones first, each side in drawing order */
    size_t n;
    struct probe_why *why; /* n of them; NULL: not targeted */
};

/* Draws the probe set for a seed (rng_seed_probes or rng_seed_recovery). `size` is grpo_eval_n.
 * `without` (may be NULL): ids never taken (strict held-out; the first set, for a confirmation).
 * 0 with n == 0 when there is nothing to draw from; GRASP_ENOMEM. */
int probe_set_draw(struct probe_set *set, const struct probe_source *source, size_t n, size_t size,
                   enum probe_strata strata, const struct strlist *without, uint64_t seed);
void probe_set_release(struct probe_set *set);

/* What is known of a task of the source. */
enum probe_known {
    PROBE_THEN,  /* an outcome that the library as it stands may not have */
    PROBE_KNOWN, /* its outcome with the library as it stands */
    PROBE_OWN,   /* likewise; the proposals come from it, so it fills places that others leave */
};
/* A group of failures that proposes: PROBE_NEEDS of the failing probes at least are of its families. */
enum { PROBE_NEEDS = 2 };
struct probe_need {
    const char *label;
    struct strlist families;
};
struct probe_target {
    const struct probe_source *source;
    const enum probe_known *known; /* n, as the source */
    size_t n, size;
    enum probe_strata strata;
    const struct probe_need *needs;
    size_t n_needs;
    uint64_t seed;
};
/* Which tasks to roll out next (places in the source; `out` has room for n), *wanted of them: as many
 * as failing probes are missing, of those that failed before; for a group that would have none of its
 * families otherwise, of those that passed, too. 0 of them: the set can be drawn. GRASP_ENOMEM. */
int probe_target_ask(const struct probe_target *t, size_t *out, size_t *wanted);
/* Draws the set. 0 or GRASP_ENOMEM. */
int probe_target_draw(struct probe_set *set, const struct probe_target *t);

/* The order of dev in an epoch: dev's indices 0..n-1 shuffled into `order` (n entries). */
void probe_epoch_order(uint64_t seed, uint64_t epoch, size_t n, size_t *order);

#endif
