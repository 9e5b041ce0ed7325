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

static int roll_out(struct learn *l, struct batch *b)
{
    b->group = engine_group(l->s->engine, PHASE_ROLLOUT_DEV);
    int rc = b->group ? 0 : err_oom();
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
    bool measured = !l->c->cycle.no_gate && l->c->cycle.blind_select == BLIND_OFF;
    size_t failures = 0;
    int rc = roll_out(l, b);
    if (rc == 0 && measured)
        rc = probing_begin(&probes, l, b);
    if (rc == 0)
        rc = group_wait(b->group);
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
        log_info("epoch %d, update %d: %s, nothing to learn from", l->epoch + 1, l->update + 1,
                 failures ? "no probes" : "no failures");
    if (rc == 0)
        learn_say_writer(l);
    probing_end(&probes);
    return rc;
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

static size_t batches_of(const struct learn *l)
{
    size_t every = (size_t)l->c->cycle.update_every;
    return (l->dev->n + every - 1) / every;
}

/* Says what is begun. */
static void where(const struct learn *l, size_t updates)
{
    life_where(l->s->life, "epoch %d of %lld, update %d of %zu", l->epoch + 1,
               (long long)config_epochs(l->c), l->update + 1, updates);
}

/* Test rollouts that follow the last epoch. */
static size_t tests_left(const struct learn *l)
{
    const enum split tests[] = {SPLIT_ID_TEST, SPLIT_TEST};
    const struct task_set *set;
    size_t n = 0;
    for (int i = 0; i < 2; i++)
        if (split_file(l->c, tests[i]) && session_split(l->s, tests[i], &set) == 0)
            n += set->n * (l->c->method.name == METHOD_NONE ? 1 : 2);
    return n;
}

static int one_epoch(struct learn *l)
{
    size_t every = (size_t)l->c->cycle.update_every, n = batches_of(l);
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
        where(l, n);
        rc = line_turn(l);
        if (rc == 0)
            rc = l->method ? learn_method_batch(l, b) : one_batch(l, b);
        if (rc == 0)
            rc = record_progress(l);
        if (rc == 0 && !l->updates)
            pace_say(l, b);
        l->updates++;
        life_step(l->s->life, (size_t)(config_epochs(l->c) - l->epoch) * n - i - 1);
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

static int run_all(struct learn *l)
{
    int64_t epochs = config_epochs(l->c);
    int rc = 0;
    log_info("%s run %s in %s, library %s", l->run.resumed ? "going on with" : "starting",
             l->run.id, l->run.dir, library_dir(l->lib));
    life_round(l->s->life, batches_of(l), (size_t)epochs * batches_of(l), tests_left(l), l->val->n);
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
    life_where(l->s->life, "final scores");
    if (rc == 0 && !tests)
        rc = learn_final_start(l);
    if (rc == 0)
        rc = learn_final(l);
    return rc < 0 ? rc : record_end(l);
}

int learn_run(struct learn *l)
{
    int rc = learn_live(l);
    if (rc == 0)
        rc = run_all(l);
    life_forget(l->s->life);
    return rc;
}
