/* final.c - checkpoints scored beside the learning, the best one, the final scores. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn.h"

enum { FINAL_DRAW = 1999999999 };

static struct group *background(struct learn *l, const struct task_set *tasks,
                                struct skills_view *view, enum model_phase phase, int draw)
{
    struct group *g = engine_group(l->s->engine, phase);
    if (g)
        group_background(g);
    for (size_t i = 0; g && i < tasks->n; i++)
        if (group_add(g, &tasks->v[i], view, draw) < 0) {
            group_free(g);
            return NULL;
        }
    return g;
}

/* Starts scoring val with the present library (epoch -1: without skills); nobody waits for it yet.
 */
int learn_checkpoint(struct learn *l, int epoch, bool has_dev, double dev_score)
{
    struct checkpoint *v = reallocarray(l->checks, l->n_checks + 1, sizeof(*v));
    if (!v)
        return err_set(GRASP_ENOMEM, "out of memory");
    l->checks = v;
    struct checkpoint *c = &v[l->n_checks];
    *c = (struct checkpoint){
        .epoch = epoch, .commit = l->head, .has_dev = has_dev, .dev_score = dev_score};
    c->group =
        background(l, l->val, epoch < 0 ? NULL : l->view, PHASE_ROLLOUT_VAL, draw_val(epoch));
    if (!c->group)
        return err_set(GRASP_ENOMEM, "out of memory");
    l->n_checks++;
    return 0;
}

static int covered(const struct learn *l, const struct score *s, const char *what)
{
    double share = score_share(s->total, s->total + s->unscored);
    if (share >= l->c->gate.coverage_floor)
        return 0;
    return err_set(GRASP_EOUTAGE,
                   "%s: %d rollouts could not be scored (%s); the same command goes on later", what,
                   s->unscored, engine_outage(l->s->engine));
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
        rc = covered(l, &c->score, "val");
    if (rc < 0)
        return rc;
    c->scored = true;
    dir = fs_join(l->run_dir, name);
    rc = score_write(dir, "val", c->group, &c->score);
    free(dir);
    group_free(c->group);
    c->group = NULL;
    if (c->epoch < 0)
        log_info("val without skills: %.1f %%",
                 100.0 * score_share(c->score.correct, c->score.total));
    else
        log_info("val after epoch %d: %.1f %% (dev %.1f %%)", c->epoch,
                 100.0 * score_share(c->score.correct, c->score.total), 100.0 * c->dev_score);
    return rc < 0 ? rc : record_val_scores(l);
}

/* Strictly better than every epoch before, starting from 0. */
static const struct checkpoint *best_checkpoint(const struct learn *l)
{
    const struct checkpoint *best = NULL;
    double most = 0;
    for (size_t i = 0; i < l->n_checks; i++) {
        const struct checkpoint *c = &l->checks[i];
        double share = score_share(c->score.correct, c->score.total);
        if (c->epoch >= 0 && share > most) {
            most = share;
            best = c;
        }
    }
    return best;
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
    if (rc == 0 && !(l->final[i] = background(l, tasks, finals[i].skills ? l->view : NULL,
                                              PHASE_ROLLOUT_TEST, FINAL_DRAW)))
        rc = err_set(GRASP_ENOMEM, "out of memory");
    return rc;
}

/* The tests without skills depend on nothing that is still to be learned. */
int learn_final_start(struct learn *l)
{
    int rc = start_final(l, 0);
    return rc < 0 ? rc : start_final(l, 1);
}

static int finish_final(struct learn *l, size_t i, json_t *scores)
{
    struct score score = {0};
    char name[64], *dir = NULL;
    const char *split = split_name(finals[i].split);
    snprintf(name, sizeof(name), "%s_eval_%s", split, finals[i].name);
    int rc = group_wait(l->final[i]);
    if (rc == 0)
        rc = score_of(l->final[i], &score);
    if (rc == 0)
        rc = covered(l, &score, name);
    if (rc == 0) {
        dir = fs_join(l->run_dir, name);
        rc = score_write(dir, "test", l->final[i], &score);
        free(dir);
        json_t *of = json_object_get(scores, split);
        if (!of) {
            of = json_object();
            json_object_set_new(scores, split, of);
        }
        json_object_set_new(of, finals[i].name, score_to_json(&score));
    }
    score_release(&score);
    return rc;
}

int learn_final(struct learn *l)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < l->n_checks; i++)
        rc = finish_checkpoint(l, &l->checks[i]);
    const struct checkpoint *best = rc == 0 ? best_checkpoint(l) : NULL;
    if (rc == 0 && best)
        rc = record_best(l, best);
    if (rc == 0 && l->c->cycle.epochs == 0)
        rc = learn_final_start(l);
    for (size_t i = 2; rc == 0 && i < 4; i++)
        rc = start_final(l, i);
    json_t *scores = json_object();
    for (size_t i = 0; rc == 0 && i < 4; i++)
        if (l->final[i])
            rc = finish_final(l, i, scores);
    if (rc == 0) {
        char *path = fs_join(l->run_dir, "test_scores.json");
        rc = json_write_file(scores, path);
        free(path);
    }
    json_decref(l->test_scores);
    l->test_scores = scores;
    return rc;
}
