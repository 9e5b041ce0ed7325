/* open.c - what a learning run holds from its first task to its last. */
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn.h"

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

int learn_open(struct learn *l, struct session *s, const char *library, const char *run_dir)
{
    const struct config *c = s->config;
    l->s = s;
    l->c = c;
    l->began = clock_mono();
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
    l->order = calloc(n, sizeof(*l->order));
    l->before = calloc(n, sizeof(*l->before));
    l->now = calloc(n, sizeof(*l->now));
    l->past[0] = calloc(n, sizeof(**l->past));
    l->past[1] = calloc(n, sizeof(**l->past));
    l->labels = json_object();
    l->taxonomy = json_array();
    l->log = json_array();
    l->rejected = json_array();
    if (!l->order || !l->before || !l->now || !l->past[0] || !l->past[1])
        return err_set(GRASP_ENOMEM, "out of memory");
    return record_open(l, library, run_dir);
}

void learn_close(struct learn *l)
{
    writer_close(l);
    for (size_t i = 0; i < l->n_checks; i++) {
        group_free(l->checks[i].group);
        score_release(&l->checks[i].score);
    }
    for (size_t i = 0; i < 4; i++)
        group_free(l->final[i]);
    free(l->checks);
    for (size_t i = 0; i < l->n_records; i++)
        free(l->records[i].name);
    free(l->records);
    free(l->order);
    free(l->before);
    free(l->now);
    free(l->past[0]);
    free(l->past[1]);
    json_decref(l->labels);
    json_decref(l->taxonomy);
    json_decref(l->log);
    json_decref(l->rejected);
    json_decref(l->test_scores);
    skill_set_release(&l->set);
    skills_view_unref(l->view);
    prompts_close(l->prompts);
    leak_guard_free(l->leak);
    record_close(l);
}
