/*
 * probes.c - the probe set of an update: the outcomes that it is drawn from, the draw, its baseline
 * (spec/method.md, "Probe set").
 *
 * The paper's set is drawn from outcomes that are known before the batch, and its baseline runs
 * beside the batch. A targeted set (probes.targeted) waits for what the library fails now and for the
 * groups of failures that propose, so its baseline runs beside the writer's diagnosis and proposals
 * instead; the selection draws it needs run beside the batch, the labels and, where a group lacks its
 * share, the diagnosis.
 */
#include "runtime/learn/update.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/log.h"

static bool in_batch(const struct batch *b, size_t dev)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->v[i] == dev)
            return true;
    return false;
}

/* The source of an update: tasks with their outcomes, and what is known of them. */
struct source {
    struct probe_source *v;
    enum probe_known *known;
    size_t n;
};

static int source_init(struct source *s, const struct learn *l)
{
    *s = (struct source){.v = calloc(l->dev->n + 1, sizeof(*s->v)),
                         .known = calloc(l->dev->n + 1, sizeof(*s->known))};
    return s->v && s->known ? 0 : err_oom();
}

static void source_release(struct source *s)
{
    free(s->v);
    free(s->known);
}

static void source_add(struct source *s, const struct learn *l, size_t dev, enum outcome o,
                       enum probe_known known)
{
    if (o == OUTCOME_PENDING || o == OUTCOME_UNSCORED)
        return;
    s->v[s->n] = (struct probe_source){&l->dev->v[dev], o == OUTCOME_PASS};
    s->known[s->n++] = known;
}

/* Its last outcome is one of the library as it stands. */
static bool is_current(const struct learn *l, size_t dev)
{
    return l->seen.last[dev] != OUTCOME_PENDING && l->seen.since[dev] == l->count.accepted;
}

/* `now`: outcomes of the library as it stands take the place of earlier ones. */
static int source_make(struct source *s, const struct learn *l, const struct batch *b, bool now)
{
    bool strict = l->c->gate.probe_heldout == HELDOUT_STRICT;
    int rc = source_init(s, l);
    /* (2) all of dev in file order; else the tasks rolled out so far in this epoch's order:
     * (1) without the batch, (3) the batch itself */
    bool whole = l->update == 0 && l->seen.any_before;
    bool others = !whole && l->update > 0;
    for (size_t i = 0; rc == 0 && i < l->dev->n; i++) {
        size_t dev = whole ? i : l->seen.order[i];
        enum outcome o = whole ? l->seen.before[dev] : l->seen.now[dev];
        if (in_batch(b, dev) && (strict || others))
            continue;
        if (o != OUTCOME_PENDING && o != OUTCOME_UNSCORED && now && is_current(l, dev))
            source_add(s, l, dev, l->seen.last[dev], PROBE_KNOWN);
        else
            source_add(s, l, dev, o, PROBE_THEN);
    }
    for (size_t i = 0; rc == 0 && now && others && !strict && i < b->n; i++)
        if (is_current(l, b->v[i]) && l->seen.last[b->v[i]] != OUTCOME_PASS)
            source_add(s, l, b->v[i], l->seen.last[b->v[i]], PROBE_OWN);
    return rc;
}

static uint64_t seed_of(const struct learn *l)
{
    return rng_seed_probes((uint64_t)l->c->cycle.seed, (uint64_t)l->epoch, (uint64_t)l->update);
}

static int draw_paper(const struct probing *p, struct probe_set *out)
{
    const struct learn *l = p->l;
    struct source s;
    int rc = source_make(&s, l, p->batch, false);
    if (rc == 0)
        rc = probe_set_draw(out, s.v, s.n, (size_t)l->c->cycle.grpo_eval_n,
                            (enum probe_strata)l->c->gate.probe_strata, NULL, seed_of(l));
    source_release(&s);
    return rc;
}

static int start_baseline(struct probing *p)
{
    p->base = measure_start(p->l, &p->set, p->l->at.view);
    return p->base ? 0 : GRASP_ENOMEM;
}

/* ---- targeted ---- */

/* Rolls out a task of dev with the library as it stands. */
static int ask(struct probing *p, const struct task *task)
{
    struct learn *l = p->l;
    if (!p->asked)
        p->asked = engine_group(l->s->engine, PHASE_ROLLOUT_PROBE);
    if (!p->asked)
        return GRASP_ENOMEM;
    group_called(p->asked, "choosing probes");
    int rc =
        group_add(p->asked, task, l->at.view,
                  draw_number(&l->s->draws, DRAW_SELECT, (uint32_t)l->updates * DRAWS_AN_UPDATE));
    return rc < 0 ? rc : 0;
}

/* Beside the batch: the failing side of the paper's draw, as far as the batch will not tell. */
static int ask_first(struct probing *p)
{
    struct learn *l = p->l;
    struct probe_set first = {0};
    int rc = draw_paper(p, &first);
    for (size_t i = 0; rc == 0 && i < first.n; i++) {
        size_t dev = (size_t)(first.v[i].task - l->dev->v);
        if (first.v[i].failing && !in_batch(p->batch, dev) && !is_current(l, dev))
            rc = ask(p, first.v[i].task);
    }
    probe_set_release(&first);
    return rc;
}

static int take_asked(struct probing *p)
{
    struct learn *l = p->l;
    if (!p->asked)
        return 0;
    int rc = group_wait(p->asked);
    for (size_t i = 0; rc == 0 && i < group_size(p->asked); i++) {
        const struct rollout *r = group_result(p->asked, i);
        size_t dev = (size_t)(r->task - l->dev->v);
        l->seen.last[dev] = record_outcome(l, "select", r->task, rollout_outcome(r));
        l->seen.since[dev] = l->count.accepted;
        p->unscored += l->seen.last[dev] == OUTCOME_UNSCORED;
    }
    group_free(p->asked);
    p->asked = NULL;
    if (rc == 0 &&
        !gate_enough(p->unscored, (size_t)l->c->cycle.grpo_eval_n, l->c->gate.coverage_floor))
        rc =
            err_set(GRASP_EOUTAGE,
                    "update %d of epoch %d: %zu tasks could not be rolled out to choose its probes "
                    "(%s); nothing was changed, the same command goes on later",
                    l->update + 1, l->epoch + 1, p->unscored, engine_outage(l->s->engine));
    return rc;
}

/* Starts what is to be asked next; with the groups known and nothing to ask: draws the set, and
 * starts its baseline. */
static int next(struct probing *p, const struct probe_need *needs, size_t n_needs)
{
    struct learn *l = p->l;
    struct source s;
    size_t *places = calloc(l->dev->n + 1, sizeof(*places)), n = 0;
    int rc = take_asked(p);
    if (rc == 0)
        rc = source_make(&s, l, p->batch, true);
    else
        s = (struct source){0};
    struct probe_target t = {.source = s.v,
                             .known = s.known,
                             .n = s.n,
                             .size = (size_t)l->c->cycle.grpo_eval_n,
                             .strata = (enum probe_strata)l->c->gate.probe_strata,
                             .needs = needs,
                             .n_needs = n_needs,
                             .seed = seed_of(l)};
    if (rc == 0)
        rc = places ? probe_target_ask(&t, places, &n) : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = ask(p, s.v[places[i]].task);
    p->any = s.n > 0;
    if (rc == 0 && n == 0 && needs) {
        rc = probe_target_draw(&p->set, &t);
        if (rc == 0)
            rc = start_baseline(p);
    }
    free(places);
    source_release(&s);
    return rc;
}

/* ---- the steps of an update ---- */

int probing_begin(struct probing *p, struct learn *l, const struct batch *b)
{
    *p = (struct probing){.l = l, .batch = b};
    if (l->update == 0 && !l->seen.any_before) /* the batch itself is the source */
        return 0;
    if (l->c->probes.targeted)
        return ask_first(p);
    int rc = draw_paper(p, &p->set);
    return rc == 0 && p->set.n ? start_baseline(p) : rc;
}

int probing_batch(struct probing *p, bool failures)
{
    int rc = 0;
    if (p->l->c->probes.targeted)
        return failures ? next(p, NULL, 0) : 0;
    if (!p->base) {
        rc = draw_paper(p, &p->set);
        if (rc == 0 && p->set.n && failures)
            rc = start_baseline(p);
    }
    p->any = p->set.n > 0;
    return rc;
}

int probing_groups(struct probing *p, const struct update *u, bool settle)
{
    size_t k = (size_t)p->l->c->cycle.grpo_k, n = u->n_groups < k ? u->n_groups : k;
    if (p->base)
        return 0;
    struct probe_need *needs = calloc(n + 1, sizeof(*needs));
    int rc = needs ? 0 : err_oom();
    for (size_t g = 0; rc == 0 && g < n; g++) {
        needs[g].label = u->groups[g].label;
        for (size_t i = 0; rc == 0 && i < u->groups[g].n; i++) {
            const char *family = p->l->dev->v[u->batch->v[u->groups[g].v[i]]].family;
            if (!strlist_has(&needs[g].families, family))
                rc = strlist_add(&needs[g].families, family);
        }
    }
    do
        rc = rc == 0 ? next(p, needs, n) : rc;
    while (rc == 0 && settle && !p->base);
    for (size_t g = 0; needs && g < n; g++)
        strlist_release(&needs[g].families);
    free(needs);
    return rc;
}

void probing_end(struct probing *p)
{
    group_free(p->asked);
    group_free(p->base);
    probe_set_release(&p->set);
}
