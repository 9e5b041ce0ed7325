/* open.c - what a learning run holds from its first task to its last. */
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn_private.h"

/* Val and the tests measure what was learned on dev: a task in both makes them worth less. */
static void warn_shared(struct session *s, const struct task_set *dev)
{
    const struct config *c = s->config;
    const char *const files[SPLITS] = {NULL, c->data.val, c->data.id_test, c->data.test, NULL};
    for (int i = SPLIT_VAL; i <= SPLIT_TEST; i++) {
        const struct task_set *set;
        size_t shared = 0;
        if (!files[i] || session_split(s, (enum split)i, &set) < 0)
            continue;
        for (size_t k = 0; k < set->n; k++)
            shared += task_set_find(dev, set->v[k].id) != NULL;
        if (shared)
            log_warn("%zu of the %zu tasks of data.%s are in data.dev too", shared, set->n,
                     split_name((enum split)i));
    }
}

int learn_begin(struct learn *l, struct session *s, const char *library, const char *run_dir,
                int flags)
{
    const struct config *c = s->config;
    l->s = s;
    l->c = c;
    l->run.began = clock_mono();
    l->flags = flags;
    int rc = session_split(s, SPLIT_DEV, &l->dev);
    if (rc == 0)
        rc = session_split(s, SPLIT_VAL, &l->val);
    if (rc == 0)
        rc = prompts_open(&l->prompts, c->prompt.dir);
    if (rc == 0)
        rc = session_leak_guard(s, &l->leak);
    if (rc < 0)
        return rc;
    warn_shared(s, l->dev);
    size_t n = l->dev->n;
    l->seen.order = calloc(n, sizeof(*l->seen.order));
    l->seen.before = calloc(n, sizeof(*l->seen.before));
    l->seen.now = calloc(n, sizeof(*l->seen.now));
    l->seen.last = calloc(n, sizeof(*l->seen.last));
    l->seen.since = calloc(n, sizeof(*l->seen.since));
    l->seen.past[0] = calloc(n, sizeof(**l->seen.past));
    l->seen.past[1] = calloc(n, sizeof(**l->seen.past));
    l->told.labels = json_object();
    l->told.taxonomy = json_array();
    l->told.log = json_array();
    l->told.rejected = json_array();
    l->told.repaired = json_object();
    l->told.proposals = json_array();
    if (!l->seen.order || !l->seen.before || !l->seen.now || !l->seen.last || !l->seen.since ||
        !l->seen.past[0] || !l->seen.past[1])
        return err_oom();
    rc = record_open(l, library, run_dir);
    return rc < 0 ? rc : learn_method_open(l);
}

void learn_end(struct learn *l)
{
    writer_close(l);
    learn_ahead_end(l);
    learn_method_free(l);
    for (size_t i = 0; i < l->scores.n_checks; i++) {
        group_free(l->scores.checks[i].group);
        score_release(&l->scores.checks[i].score);
    }
    for (size_t i = 0; i < 4; i++)
        group_free(l->scores.final[i]);
    free(l->scores.checks);
    endings_release(&l->ended.dev);
    endings_release(&l->ended.recent);
    endings_release(&l->ended.writer);
    for (size_t i = 0; i < l->fared.n; i++)
        free(l->fared.v[i].name);
    free(l->fared.v);
    free(l->seen.order);
    free(l->seen.before);
    free(l->seen.now);
    free(l->seen.last);
    free(l->seen.since);
    free(l->seen.past[0]);
    free(l->seen.past[1]);
    json_decref(l->told.labels);
    json_decref(l->told.taxonomy);
    json_decref(l->told.log);
    json_decref(l->told.rejected);
    json_decref(l->told.repaired);
    json_decref(l->base_seen);
    json_decref(l->told.proposals);
    json_decref(l->scores.test);
    skill_set_release(&l->at.set);
    skills_view_unref(l->at.view);
    prompts_close(l->prompts);
    leak_guard_free(l->leak);
    record_close(l);
}

int learn_open(struct learn **out, struct session *s, const char *library, const char *run_dir,
               int flags)
{
    struct learn *l = *out = calloc(1, sizeof(*l));
    return l ? learn_begin(l, s, library, run_dir, flags) : err_oom();
}

void learn_close(struct learn *l)
{
    if (l)
        learn_end(l);
    free(l);
}
