/* final.c - checkpoints scored beside the learning, the best one, the final scores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn_private.h"

/* epoch -1: without skills. */
static int start_checkpoint(struct learn *l, struct checkpoint from, struct skills_view *view)
{
    int epoch = from.epoch;
    struct checkpoint *v = reallocarray(l->scores.checks, l->scores.n_checks + 1, sizeof(*v));
    if (!v)
        return err_oom();
    l->scores.checks = v;
    struct checkpoint *c = &v[l->scores.n_checks];
    *c = from;
    c->group =
        engine_group_of(l->s->engine, PHASE_ROLLOUT_VAL, true, l->val, epoch < 0 ? NULL : view,
                        draw_number(&l->s->draws, DRAW_VAL, (uint32_t)(epoch + 1)));
    if (!c->group)
        return GRASP_ENOMEM;
    l->scores.n_checks++;
    return 0;
}

int learn_checkpoint(struct learn *l, int epoch, bool has_dev, double dev_score)
{
    struct checkpoint c = {
        .epoch = epoch, .commit = l->at.head, .has_dev = has_dev, .dev_score = dev_score};
    return start_checkpoint(l, c, l->at.view);
}

int learn_checkpoint_at(struct learn *l, int epoch, double dev_score, const struct oid *commit)
{
    struct checkpoint c = {
        .epoch = epoch, .commit = *commit, .has_dev = true, .dev_score = dev_score};
    struct skill_set set = {0};
    struct skills_view *view = NULL;
    int rc = library_read(l->lib, commit->hex, &set);
    if (rc == 0 && !(view = skills_view_new(&set)))
        rc = err_oom();
    if (rc == 0)
        rc = start_checkpoint(l, c, view);
    skills_view_unref(view);
    skill_set_release(&set);
    return rc;
}

/* The best checkpoint is a decision, too: a run that goes on after it chooses the same one. */
static void recall_unscored(struct learn *l, struct checkpoint *c)
{
    char arm[32];
    snprintf(arm, sizeof(arm), "val %d", c->epoch);
    for (size_t i = 0; i < group_size(c->group); i++) {
        const struct rollout *r = group_result(c->group, i);
        enum outcome was = rollout_outcome(r);
        if (record_outcome(l, arm, r->task, was) != was)
            group_unscore(c->group, i, "could not be measured when the best was chosen");
    }
}

static int finish_checkpoint(struct learn *l, struct checkpoint *c)
{
    char name[32], *dir = NULL;
    snprintf(name, sizeof(name), c->epoch < 0 ? "epoch_baseline" : "epoch_%d", c->epoch);
    int rc = group_wait(c->group);
    if (rc == 0) {
        recall_unscored(l, c);
        rc = score_of(c->group, &c->score);
    }
    if (rc == 0)
        rc = score_covered(&c->score, l->c->gate.coverage_floor, "val", l->s->engine);
    if (rc < 0)
        return rc;
    c->scored = true;
    dir = fs_join(l->run.dir, name);
    json_t *first = json_pack("{s:o, s:o}", "epoch",
                              c->epoch < 0 ? json_string("baseline") : json_integer(c->epoch),
                              "dev_score", c->has_dev ? json_real(c->dev_score) : json_null());
    rc = score_write(dir, "val", c->group, &c->score, first);
    json_decref(first);
    free(dir);
    group_free(c->group);
    c->group = NULL;
    if (c->epoch < 0)
        log_info("val without skills: %.1f %%",
                 100.0 * score_share(c->score.correct, c->score.total));
    else
        log_info("val after epoch %d: %.1f %% (dev %.1f %%)", c->epoch + 1,
                 100.0 * score_share(c->score.correct, c->score.total), 100.0 * c->dev_score);
    return rc < 0 ? rc : record_val_scores(l);
}

/* Strictly better than every epoch before, starting from 0. Where scores are noisy the highest is
 * often so by luck: then the latest within one standard error of it, which has learned most
 * (checkpoint.rule, spec/method.md "The loop"). */
const struct checkpoint *learn_best(const struct learn *l)
{
    const struct checkpoint *best = NULL;
    bool one_se = l->c->checkpoint.rule == CHECKPOINT_ONE_SE ||
                  (l->c->checkpoint.rule == CHECKPOINT_AUTO && !l->s->draws.shared);
    double most = 0, error = 0;
    for (size_t i = l->scores.since; i < l->scores.n_checks; i++) {
        const struct checkpoint *c = &l->scores.checks[i];
        double share = score_share(c->score.correct, c->score.total);
        if (c->epoch >= 0 && share > most) {
            most = share;
            error = sqrt(share * (1 - share) / c->score.total);
            best = c;
        }
    }
    for (size_t i = l->scores.since; one_se && best && i < l->scores.n_checks; i++) {
        const struct checkpoint *c = &l->scores.checks[i];
        if (c->epoch > best->epoch && score_share(c->score.correct, c->score.total) >= most - error)
            best = c;
    }
    return best;
}

/* While val is scored for the last time: rolls the tests out ahead, with what will probably be best. A
 * checkpoint before the last one would have to be read again for that. */
static int tests_ahead(void *arg)
{
    enum { ENOUGH = 2 }; /* of so many rollouts, one that is still under way */
    struct learn *l = arg;
    struct checkpoint *c = &l->scores.checks[l->scores.n_checks - 1];
    if (!c->group || c->epoch < 0 || ENOUGH * group_ended(c->group) < group_size(c->group))
        return 0;
    for (size_t i = 0; i < group_size(c->group); i++) {
        enum outcome o = rollout_outcome(group_result(c->group, i));
        c->score.correct += o == OUTCOME_PASS;
        c->score.total += o != OUTCOME_PENDING && o != OUTCOME_UNSCORED;
    }
    const struct checkpoint *best = learn_best(l);
    c->score = (struct score){0};
    return best == c ? learn_ahead_tests(l, l->at.view) : 0;
}

static const struct {
    enum split split;
    bool skills;
    const char *name;
} finals[4] = {{SPLIT_ID_TEST, false, "baseline"},
               {SPLIT_TEST, false, "baseline"},
               {SPLIT_ID_TEST, true, "best"},
               {SPLIT_TEST, true, "best"}};

static int start_final(struct learn *l, size_t i)
{
    const struct task_set *tasks;
    const char *const files[SPLITS] = {
        [SPLIT_ID_TEST] = l->c->data.id_test, [SPLIT_TEST] = l->c->data.test};
    if (!files[finals[i].split])
        return 0;
    int rc = session_split(l->s, finals[i].split, &tasks);
    if (rc == 0 &&
        !(l->scores.final[i] = engine_group_of(l->s->engine, PHASE_ROLLOUT_TEST, true, tasks,
                                               finals[i].skills ? l->at.view : NULL,
                                               draw_number(&l->s->draws, DRAW_TEST, 0))))
        rc = GRASP_ENOMEM;
    return rc;
}

/* The tests without skills depend on nothing that is still to be learned. */
int learn_final_start(struct learn *l)
{
    int rc = start_final(l, 0);
    return rc < 0 ? rc : start_final(l, 1);
}

/* The method "none" has nothing to score beside: what it is best with is nothing. */
static struct group *final_group(const struct learn *l, size_t i)
{
    return l->scores.final[l->c->method.name == METHOD_NONE ? i % 2 : i];
}

static int finish_final(struct learn *l, size_t i, json_t *scores)
{
    struct group *g = final_group(l, i);
    struct score score = {0};
    const struct score *idle;
    char name[64], *dir = NULL;
    const char *split = split_name(finals[i].split);
    snprintf(name, sizeof(name), "%s_eval_%s", split, finals[i].name);
    int rc = group_wait(g);
    if (rc == 0)
        rc = score_of(g, &score);
    if (rc == 0)
        rc = score_covered(&score, l->c->gate.coverage_floor, name, l->s->engine);
    if (rc == 0)
        rc = session_idle(l->s, finals[i].split, &idle);
    if (rc == 0) {
        dir = fs_join(l->run.dir, name);
        rc = score_write(dir, "test", g, &score, NULL);
        free(dir);
        json_t *of = json_object_get(scores, split);
        if (!of) {
            of = json_object();
            json_object_set_new(scores, split, of);
        }
        json_object_set_new(of, finals[i].name, score_to_json(&score));
        /* and as the reference implementation has it */
        json_object_set_new(scores, name,
                            json_pack("{s:s, s:f, s:i, s:i}", "split", split, "score",
                                      score_share(score.correct, score.total), "n_correct",
                                      score.correct, "n_total", score.total));
    }
    score_release(&score);
    return rc;
}

int learn_final(struct learn *l)
{
    const struct score *idle;
    int rc = 0;
    learn_ahead_end(l);
    if (l->scores.n_checks)
        engine_on_room(l->s->engine, tests_ahead, l);
    for (size_t i = 0; rc == 0 && i < l->scores.n_checks; i++)
        rc = finish_checkpoint(l, &l->scores.checks[i]);
    engine_on_room(l->s->engine, NULL, NULL);
    if (rc == 0)
        rc = session_idle(l->s, SPLIT_VAL, &idle);
    const struct checkpoint *best = rc == 0 ? learn_best(l) : NULL;
    if (rc == 0 && best)
        rc = record_best(l, best);
    for (size_t i = 2; rc == 0 && i < 4 && l->c->method.name != METHOD_NONE; i++)
        rc = start_final(l, i);
    learn_ahead_end(l);
    json_t *scores = json_object();
    for (size_t i = 0; rc == 0 && i < 4; i++)
        if (final_group(l, i))
            rc = finish_final(l, i, scores);
    if (rc == 0) {
        char *path = fs_join(l->run.dir, "test_scores.json");
        rc = json_put_file(scores, path);
        free(path);
    }
    json_decref(l->scores.test);
    l->scores.test = scores;
    return rc;
}
