/* learn.c - epochs, batches, checkpoints, collapse recovery (spec/method.md, "The loop"). */
#include "runtime/learn/learn_private.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"

/* ---- how skills fare on dev ---- */

static struct skill_record *record_for(struct learn *l, const struct skill *s)
{
    struct skill_record *r = NULL;
    for (size_t i = 0; i < l->fared.n && !r; i++)
        if (strcmp(l->fared.v[i].name, s->name) == 0)
            r = &l->fared.v[i];
    if (!r) {
        r = reallocarray(l->fared.v, l->fared.n + 1, sizeof(*r));
        if (!r)
            return NULL;
        l->fared.v = r;
        r = &l->fared.v[l->fared.n++];
        *r = (struct skill_record){.name = str_dup(s->name), .version = s->version};
    }
    if (r->version != s->version) { /* the count starts anew; the old one is remembered */
        int net = r->fixes - r->regressions;
        if (!r->best_version || net > r->best_net) {
            r->best_version = r->version;
            r->best_net = net;
        }
        r->version = s->version;
        r->fixes = r->regressions = 0;
    }
    return r;
}

/* Every skill of the library was there when these tasks changed since the last epoch. */
static void count_changes(struct learn *l, const struct batch *b)
{
    int fixes = 0, regressions = 0;
    for (size_t i = 0; i < b->n; i++) {
        enum outcome was = l->seen.before[b->v[i]], is = l->seen.now[b->v[i]];
        if (was == OUTCOME_PENDING || was == OUTCOME_UNSCORED || is == OUTCOME_UNSCORED)
            continue;
        fixes += was != OUTCOME_PASS && is == OUTCOME_PASS;
        regressions += was == OUTCOME_PASS && is != OUTCOME_PASS;
    }
    for (size_t i = 0; i < l->at.set.n; i++) {
        struct skill_record *r = record_for(l, &l->at.set.v[i]);
        if (r) {
            r->fixes += fixes;
            r->regressions += regressions;
        }
    }
}

/* ---- batches ---- */

struct dev_shown {
    const struct learn *l;
    size_t done, correct;
};

static void dev_ended(struct group *g, size_t index, void *arg)
{
    struct dev_shown *p = arg;
    char label[64], note[64];
    p->done++;
    p->correct += group_result(g, index)->correct;
    snprintf(label, sizeof(label), "epoch %d update %d: dev", p->l->epoch, p->l->update);
    snprintf(note, sizeof(note), "%zu correct, %zu skills", p->correct, p->l->at.set.n);
    progress_set(label, p->done, group_size(g), note);
}

static int roll_out(struct learn *l, struct batch *b, struct dev_shown *shown)
{
    b->group = engine_group(l->s->engine, PHASE_ROLLOUT_DEV);
    int rc = b->group ? 0 : err_oom();
    *shown = (struct dev_shown){.l = l};
    if (rc == 0)
        group_on_end(b->group, dev_ended, shown);
    for (size_t i = 0; rc >= 0 && i < b->n; i++)
        rc = group_add(b->group, &l->dev->v[b->v[i]], l->at.view,
                       draw_number(&l->s->draws, DRAW_DEV, (uint32_t)l->epoch));
    learn_ahead_end(l);
    return rc < 0 ? rc : 0;
}

/* One batch and its update. What can be known of its probes runs beside it. */
static int one_batch(struct learn *l, struct batch *b)
{
    struct probing probes = {0};
    struct dev_shown shown;
    bool measured = !l->c->cycle.no_gate && l->c->cycle.blind_select == BLIND_OFF;
    size_t failures = 0;
    int rc = roll_out(l, b, &shown);
    if (rc == 0 && measured)
        rc = probing_begin(&probes, l, b);
    if (rc == 0)
        rc = group_wait(b->group);
    progress_clear();
    if (rc == 0)
        rc = learn_outcomes(l, b, &failures);
    if (rc == 0)
        rc = learn_noise(l, b);
    if (rc == 0)
        count_changes(l, b);
    if (rc == 0 && measured)
        rc = probing_batch(&probes, failures > 0);
    if (rc == 0 && failures && (probes.any || !measured))
        rc = learn_update(l, b, &probes);
    else if (rc == 0)
        log_info("epoch %d update %d: %s, nothing to learn from", l->epoch, l->update,
                 failures ? "no probes" : "no failures");
    if (rc == 0)
        learn_say_writer(l);
    probing_end(&probes);
    return rc;
}

void learn_order(const struct learn *l, int epoch, size_t *out)
{
    probe_epoch_order(method_order_seed(&l->c->method, (uint64_t)l->c->cycle.seed), (uint64_t)epoch,
                      l->dev->n, out);
}

static double dev_accuracy(const struct learn *l)
{
    int correct = 0, total = 0;
    for (size_t i = 0; i < l->dev->n; i++) {
        correct += l->seen.now[i] == OUTCOME_PASS;
        total += l->seen.now[i] != OUTCOME_PENDING && l->seen.now[i] != OUTCOME_UNSCORED;
    }
    return score_share(correct, total);
}

static int one_epoch(struct learn *l)
{
    size_t every = (size_t)l->c->cycle.update_every;
    size_t n = (l->dev->n + every - 1) / every;
    struct batch *batches = calloc(n + 1, sizeof(*batches));
    int rc = batches ? 0 : err_oom();
    learn_order(l, l->epoch, l->seen.order);
    for (size_t i = 0; i < l->dev->n; i++)
        l->seen.now[i] = OUTCOME_PENDING;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct batch *b = &batches[i];
        l->update = (int)i;
        b->v = l->seen.order + i * every;
        b->n = i + 1 < n ? every : l->dev->n - i * every;
        rc = line_turn(l);
        if (rc == 0)
            rc = l->method ? learn_method_batch(l, b) : one_batch(l, b);
        if (rc == 0)
            rc = record_progress(l);
        l->updates++;
    }
    double dev = dev_accuracy(l);
    if (rc == 0)
        rc = record_epoch(l, batches, n);
    if (rc == 0 && l->method)
        rc = learn_method_epoch(l, batches, n);
    else if (rc == 0 && l->epoch > 0 && dev < 0.05 && l->at.set.n && !l->c->cycle.no_gate) {
        l->update = (int)n; /* numbered after the epoch's batches */
        rc = line_turn(l);
        if (rc == 0)
            rc = learn_recover(l);
        if (rc == 0)
            rc = record_progress(l);
        l->updates++;
    }
    if (rc == 0)
        rc = learn_checkpoint(l, l->epoch, true, dev);
    if (rc == 0)
        rc = inputs_end_epoch(l, dev);
    for (size_t i = 0; batches && i < n; i++)
        group_free(batches[i].group);
    free(batches);
    return rc;
}

/* A run that was begun anew begins there, and scores the checkpoints before. */
static int first_epoch(struct learn *l)
{
    int first = (int)json_int_at(l->run.state, "anew.epoch", 0), rc = 0;
    l->updates = (int)json_int_at(l->run.state, "anew.updates", 0);
    for (l->epoch = 0; rc == 0 && l->epoch < first; l->epoch++) {
        const json_t *end = json_array_get(json_object_get(l->run.state, "ends"), (size_t)l->epoch);
        struct oid commit;
        if (!oid_from_text(&commit, json_str_at(end, "head", "")))
            return err_set(GRASP_EINVAL, "%s/run.json: damaged; use another run directory",
                           l->run.dir);
        rc = learn_checkpoint_at(l, l->epoch, json_num_at(end, "dev", 0), &commit);
    }
    return rc;
}

int learn_run(struct learn *l)
{
    int64_t epochs = config_epochs(l->c);
    int rc = 0;
    log_info("%s run %s in %s, library %s", l->run.resumed ? "going on with" : "starting",
             l->run.id, l->run.dir, library_dir(l->lib));
    if (l->c->cycle.run_baseline)
        rc = learn_checkpoint(l, -1, false, 0);
    if (rc == 0)
        rc = first_epoch(l);
    bool tests = false;
    for (; rc == 0 && l->epoch < epochs; l->epoch++) {
        json_array_clear(l->told.taxonomy);
        json_array_clear(l->told.log);
        if ((tests = l->epoch + 1 == epochs))
            rc = learn_final_start(l);
        if (rc == 0)
            rc = one_epoch(l);
        memcpy(l->seen.before, l->seen.now, l->dev->n * sizeof(*l->seen.now));
        l->seen.any_before = true;
    }
    if (rc == 0 && !tests)
        rc = learn_final_start(l);
    if (rc == 0)
        rc = learn_final(l);
    return rc < 0 ? rc : record_end(l);
}
