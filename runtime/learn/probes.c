/* probes.c - the probe set of an update and the outcomes it is drawn from (spec/method.md, "Probe set"). */
#include "runtime/learn/learn_private.h"

#include <stdlib.h>

#include "runtime/base/err.h"

static bool in_batch(const struct batch *b, size_t dev)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->v[i] == dev)
            return true;
    return false;
}

static int learn_probe_source(const struct learn *l, const struct batch *b,
                              struct probe_source **out, size_t *n)
{
    struct probe_source *source = calloc(l->dev->n + 1, sizeof(*source));
    bool strict = l->c->gate.probe_heldout == HELDOUT_STRICT;
    *out = source;
    *n = 0;
    if (!source)
        return err_oom();
    for (size_t i = 0; i < l->dev->n; i++) {
        /* (2) all of dev in file order; else the tasks rolled out so far in this epoch's order:
         * (1) without the batch, (3) the batch itself */
        bool whole = l->update == 0 && l->seen.any_before;
        size_t dev = whole ? i : l->seen.order[i];
        enum outcome o = whole ? l->seen.before[dev] : l->seen.now[dev];
        if (o == OUTCOME_PENDING || o == OUTCOME_UNSCORED)
            continue;
        if (in_batch(b, dev) && (strict || (!whole && l->update > 0)))
            continue;
        source[(*n)++] = (struct probe_source){&l->dev->v[dev], o == OUTCOME_PASS};
    }
    return 0;
}

int learn_probe_set(struct learn *l, const struct batch *b, struct probe_set *out)
{
    struct probe_source *source;
    size_t n;
    int rc = learn_probe_source(l, b, &source, &n);
    if (rc == 0)
        rc = probe_set_draw(
            out, source, n, (size_t)l->c->cycle.grpo_eval_n,
            (enum probe_strata)l->c->gate.probe_strata, NULL,
            rng_seed_probes((uint64_t)l->c->cycle.seed, (uint64_t)l->epoch, (uint64_t)l->update));
    free(source);
    return rc;
}
