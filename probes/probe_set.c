/*
 * probe_set.c - stratified sampling of either side, and the order of dev in an epoch.
 *
 * Failing probes can show a fix and passing ones a regression; a set of both at equal weight is
 * what lets a handful of rollouts judge an edit. Strata keep a family with many failures from
 * filling its side. The steps and the order of draws are the reference's, draw for draw: whatever
 * consumes the generator differently gives other probe sets for the same seed.
 */
#include "probes/probe_set.h"

#include <stdlib.h>
#include <string.h>

#include "probes/rng.h"
#include "runtime/base/err.h"

/* One side of the source, and scratch for sampling from it; all arrays hold one entry per source
 * task. */
struct probe_side {
    const struct task **v;
    size_t n;
    size_t *group; /* of each task, numbered by first appearance */
    size_t groups;
    size_t *pick, *member;
    bool *taken;
};

static const char *stratum(const struct task *task, enum probe_strata strata)
{
    if (strata == PROBE_STRATA_FAMILY)
        return task->family;
    return task->type ? task->type : "other";
}

static void number_groups(struct probe_side *s, enum probe_strata strata)
{
    s->groups = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t j = 0;
        while (j < i && strcmp(stratum(s->v[i], strata), stratum(s->v[j], strata)) != 0)
            j++;
        s->group[i] = j < i ? s->group[j] : s->groups++;
    }
}

/* Draws k of the first `members` of s->member. */
static int take(struct probe_side *s, struct rng *r, size_t members, size_t k,
                struct probe_set *set)
{
    int rc = rng_sample(r, members, k, s->pick);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < k; i++) {
        size_t at = s->member[s->pick[i]];
        s->taken[at] = true;
        set->v[set->n++].task = s->v[at];
    }
    return 0;
}

/* Adds up to `half` tasks of one side. */
static int sample_side(struct probe_side *s, struct rng *r, size_t half, enum probe_strata strata,
                       struct probe_set *set)
{
    size_t start = set->n, members;
    int rc;

    /* First the same number from each group, at least one; sampled even where nothing is left to
     * choose, because the reference's generator is asked then, too. */
    number_groups(s, strata);
    memset(s->taken, 0, s->n * sizeof(*s->taken));
    for (size_t g = 0; g < s->groups; g++) {
        size_t want = half / s->groups ? half / s->groups : 1;
        members = 0;
        for (size_t i = 0; i < s->n; i++)
            if (s->group[i] == g)
                s->member[members++] = i;
        if ((rc = take(s, r, members, want < members ? want : members, set)) < 0)
            return rc;
    }
    /* Small groups leave places open: they are filled from all that is left. */
    if (set->n - start < half) {
        size_t missing = half - (set->n - start);
        members = 0;
        for (size_t i = 0; i < s->n; i++)
            if (!s->taken[i])
                s->member[members++] = i;
        if ((rc = take(s, r, members, missing < members ? missing : members, set)) < 0)
            return rc;
    }
    if (set->n - start > half) /* more groups than places */
        set->n = start + half;
    return 0;
}

/* By id and not by side: a source may list a task twice, with one outcome each, and one failure
 * makes it a failing probe wherever it was drawn. */
static bool is_failing(const struct probe_source *source, size_t n, const struct task *task)
{
    for (size_t i = 0; i < n; i++)
        if (!source[i].correct && strcmp(source[i].task->id, task->id) == 0)
            return true;
    return false;
}

int probe_set_draw(struct probe_set *set, const struct probe_source *source, size_t n, size_t size,
                   enum probe_strata strata, const struct strlist *without, uint64_t seed)
{
    size_t room = n ? n : 1;
    struct probe_side s = {.v = malloc(room * sizeof(*s.v)),
                           .group = malloc(room * sizeof(*s.group)),
                           .pick = malloc(room * sizeof(*s.pick)),
                           .member = malloc(room * sizeof(*s.member)),
                           .taken = malloc(room * sizeof(*s.taken))};
    struct rng r;
    int rc = 0;

    set->n = 0;
    set->v = calloc(2 * room, sizeof(*set->v));
    if (!s.v || !s.group || !s.pick || !s.member || !s.taken || !set->v) {
        rc = err_oom();
        goto out;
    }
    rng_init(&r, seed);
    for (int side = 0; side < 2 && rc == 0; side++) {
        s.n = 0;
        for (size_t i = 0; i < n; i++)
            if (source[i].correct == (side == 1) &&
                !(without && strlist_has(without, source[i].task->id)))
                s.v[s.n++] = source[i].task;
        rc = sample_side(&s, &r, size / 2, strata, set);
    }
    for (size_t i = 0; i < set->n; i++)
        set->v[i].failing = is_failing(source, n, set->v[i].task);
out:
    if (rc < 0)
        probe_set_release(set);
    free(s.v);
    free(s.group);
    free(s.pick);
    free(s.member);
    free(s.taken);
    return rc;
}

void probe_set_release(struct probe_set *set)
{
    free(set->v);
    *set = (struct probe_set){0};
}

void probe_epoch_order(uint64_t seed, uint64_t epoch, size_t n, size_t *order)
{
    struct rng r;
    rng_init(&r, rng_seed_epoch(seed, epoch));
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(&r, order, n);
}
