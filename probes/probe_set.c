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

/* Sampling from a source; all arrays hold one entry per source task. */
struct sampler {
    const struct probe_source *source;
    size_t n;
    enum probe_strata strata;
    struct rng rng;
    bool *in;              /* the tasks to sample from */
    bool *taken;           /* those that were sampled */
    size_t *group, groups; /* of each task that is in, numbered by first appearance */
    size_t *pick, *member;
    size_t *out, n_out; /* what was taken, in this order */
};

static int sampler_init(struct sampler *s, const struct probe_source *source, size_t n,
                        enum probe_strata strata, uint64_t seed)
{
    size_t room = n ? n : 1;

    *s = (struct sampler){.source = source,
                          .n = n,
                          .strata = strata,
                          .in = calloc(room, sizeof(*s->in)),
                          .taken = calloc(room, sizeof(*s->taken)),
                          .group = malloc(room * sizeof(*s->group)),
                          .pick = malloc(room * sizeof(*s->pick)),
                          .member = malloc(room * sizeof(*s->member)),
                          .out = malloc(room * sizeof(*s->out))};
    rng_init(&s->rng, seed);
    return s->in && s->taken && s->group && s->pick && s->member && s->out ? 0 : err_oom();
}

static void sampler_release(struct sampler *s)
{
    free(s->in);
    free(s->taken);
    free(s->group);
    free(s->pick);
    free(s->member);
    free(s->out);
}

static const char *stratum(const struct sampler *s, size_t i)
{
    const struct task *task = s->source[i].task;
    if (s->strata == PROBE_STRATA_FAMILY)
        return task->family;
    return task->type ? task->type : "other";
}

static void number_groups(struct sampler *s)
{
    s->groups = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t j = 0;
        while (j < i && !(s->in[j] && strcmp(stratum(s, i), stratum(s, j)) == 0))
            j++;
        if (s->in[i])
            s->group[i] = j < i ? s->group[j] : s->groups++;
    }
}

/* Draws k of the first `members` of s->member, or all where there are fewer. */
static int take(struct sampler *s, size_t members, size_t k)
{
    k = k < members ? k : members;
    int rc = rng_sample(&s->rng, members, k, s->pick);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < k; i++) {
        size_t at = s->member[s->pick[i]];
        s->taken[at] = true;
        s->out[s->n_out++] = at;
    }
    return 0;
}

/* Fills one side, which began at `start`, up to `half` tasks. */
static int sample_side(struct sampler *s, size_t start, size_t half)
{
    size_t members;
    int rc;

    /* First the same number from each group, at least one; sampled even where nothing is left to
     * choose, because the reference's generator is asked then, too. */
    number_groups(s);
    for (size_t g = 0; g < s->groups; g++) {
        size_t want = half / s->groups ? half / s->groups : 1, had = 0;
        members = 0;
        for (size_t i = 0; i < s->n; i++) {
            bool is = s->in[i] && s->group[i] == g;
            had += is && s->taken[i];
            if (is && !s->taken[i])
                s->member[members++] = i;
        }
        if ((rc = take(s, members, want > had ? want - had : 0)) < 0)
            return rc;
    }
    /* Small groups leave places open: they are filled from all that is left. */
    if (s->n_out - start < half) {
        members = 0;
        for (size_t i = 0; i < s->n; i++)
            if (s->in[i] && !s->taken[i])
                s->member[members++] = i;
        if ((rc = take(s, members, half - (s->n_out - start))) < 0)
            return rc;
    }
    if (s->n_out - start > half) /* more groups than places */
        s->n_out = start + half;
    return 0;
}

/* By id and not by side: a source may list a task twice, with one outcome each, and one failure
 * makes it a failing probe wherever it was drawn. */
static bool is_failing(const struct sampler *s, const struct task *task)
{
    for (size_t i = 0; i < s->n; i++)
        if (!s->source[i].correct && strcmp(s->source[i].task->id, task->id) == 0)
            return true;
    return false;
}

/* The set of what was taken. */
static int make_set(struct probe_set *set, const struct sampler *s)
{
    set->v = calloc(s->n_out + 1, sizeof(*set->v));
    if (!set->v)
        return err_oom();
    for (; set->n < s->n_out; set->n++) {
        const struct task *task = s->source[s->out[set->n]].task;
        set->v[set->n] = (struct probe){task, is_failing(s, task)};
    }
    return 0;
}

int probe_set_draw(struct probe_set *set, const struct probe_source *source, size_t n, size_t size,
                   enum probe_strata strata, const struct strlist *without, uint64_t seed)
{
    struct sampler s;
    int rc = sampler_init(&s, source, n, strata, seed);

    *set = (struct probe_set){0};
    for (int side = 0; side < 2 && rc == 0; side++) {
        for (size_t i = 0; i < n; i++)
            s.in[i] = source[i].correct == (side == 1) &&
                      !(without && strlist_has(without, source[i].task->id));
        rc = sample_side(&s, s.n_out, size / 2);
    }
    if (rc == 0)
        rc = make_set(set, &s);
    sampler_release(&s);
    return rc;
}

/* ---- targeted ---- */

static bool fails_now(const struct probe_target *t, size_t i)
{
    return !t->source[i].correct && t->known[i] != PROBE_THEN;
}

static bool meets(const struct probe_target *t, const struct probe_need *need, size_t i)
{
    return strlist_has(&need->families, t->source[i].task->family);
}

/* Puts into s->member what may be asked for a group's sake: tasks of its families that failed before
 * (passed: that passed) and are not asked already. */
static size_t askable(const struct probe_target *t, const struct probe_need *need, bool passed,
                      struct sampler *s)
{
    size_t members = 0;

    for (size_t i = 0; i < t->n; i++)
        if (t->known[i] == PROBE_THEN && t->source[i].correct == passed && !s->taken[i] &&
            meets(t, need, i))
            s->member[members++] = i;
    return members;
}

static int ask_for(const struct probe_target *t, const struct probe_need *need, struct sampler *s)
{
    size_t have = 0, own = 0, members;

    for (size_t i = 0; i < t->n; i++)
        if (meets(t, need, i) && (s->taken[i] || fails_now(t, i)))
            *(t->known[i] == PROBE_OWN ? &own : &have) += 1;
    if (have >= PROBE_NEEDS)
        return 0;
    members = askable(t, need, false, s);
    if (!members && have + own < PROBE_NEEDS)
        members = askable(t, need, true, s);
    return take(s, members, PROBE_NEEDS - have);
}

int probe_target_ask(const struct probe_target *t, size_t *out, size_t *wanted)
{
    size_t half = t->size / 2, failing = 0;
    struct sampler s;
    int rc = sampler_init(&s, t->source, t->n, t->strata, t->seed);

    for (size_t i = 0; i < t->n && rc == 0; i++) {
        failing += fails_now(t, i) && t->known[i] == PROBE_KNOWN;
        s.in[i] = t->known[i] == PROBE_THEN && !t->source[i].correct;
    }
    if (rc == 0 && failing < half)
        rc = sample_side(&s, 0, half - failing);
    for (size_t k = 0; rc == 0 && k < t->n_needs; k++)
        rc = ask_for(t, &t->needs[k], &s);
    *wanted = rc == 0 ? s.n_out : 0;
    if (*wanted)
        memcpy(out, s.out, *wanted * sizeof(*out));
    sampler_release(&s);
    return rc;
}

/* Gives a group one failing probe more if it has fewer than `share`; of the batch's own only where
 * there is no other. `why` by place in the source. */
static int take_for(const struct probe_target *t, const struct probe_need *need, size_t share,
                    struct sampler *s, struct probe_why *why)
{
    size_t members = 0, have = 0, n = s->n_out;

    for (size_t i = 0; i < n; i++)
        have += meets(t, need, s->out[i]);
    if (have >= share)
        return 0;
    for (int known = PROBE_KNOWN; known <= PROBE_OWN && !members; known++)
        for (size_t i = 0; i < t->n; i++)
            if (fails_now(t, i) && (int)t->known[i] == known && !s->taken[i] && meets(t, need, i))
                s->member[members++] = i;
    int rc = take(s, members, 1);
    if (rc == 0 && s->n_out > n)
        why[s->out[n]] = (struct probe_why){PROBE_FAMILY, need->label};
    return rc;
}

/* One for each group, a second one for each, the rest by strata; the batch's own where places are
 * left. */
static int draw_failing(const struct probe_target *t, struct sampler *s, struct probe_why *why)
{
    size_t half = t->size / 2;
    int rc = 0;

    for (size_t share = 1; share <= PROBE_NEEDS; share++)
        for (size_t k = 0; rc == 0 && k < t->n_needs && s->n_out < half; k++)
            rc = take_for(t, &t->needs[k], share, s, why);
    for (int known = PROBE_KNOWN; rc == 0 && known <= PROBE_OWN; known++) {
        for (size_t i = 0; i < t->n; i++)
            s->in[i] = fails_now(t, i) && (int)t->known[i] == known;
        if (s->n_out < half)
            rc = sample_side(s, 0, half);
    }
    return rc;
}

int probe_target_draw(struct probe_set *set, const struct probe_target *t)
{
    struct probe_why *why = calloc(t->n + 1, sizeof(*why));
    struct sampler s;
    int rc = sampler_init(&s, t->source, t->n, t->strata, t->seed);

    *set = (struct probe_set){.why = calloc(t->n + 1, sizeof(*set->why))};
    if (rc == 0 && (!why || !set->why))
        rc = err_oom();
    for (size_t i = 0; rc == 0 && i < t->n; i++)
        why[i].reason = t->known[i] == PROBE_THEN ? PROBE_AS_BEFORE : PROBE_NOW;
    if (rc == 0)
        rc = draw_failing(t, &s, why);
    for (size_t i = 0; rc == 0 && i < t->n; i++)
        s.in[i] = t->source[i].correct;
    if (rc == 0)
        rc = sample_side(&s, s.n_out, t->size / 2);
    if (rc == 0)
        rc = make_set(set, &s);
    for (size_t i = 0; i < set->n; i++)
        set->why[i] = why[s.out[i]];
    if (rc < 0)
        probe_set_release(set);
    sampler_release(&s);
    free(why);
    return rc;
}

void probe_set_release(struct probe_set *set)
{
    free(set->v);
    free(set->why);
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
