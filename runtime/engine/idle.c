/* idle.c - a model that does nothing, and its scores. */
#include "runtime/engine/idle.h"

#include "runtime/base/err.h"

#define AT_ONCE 16 /* where grading asks a server */

struct idle {
    struct model base;
    struct loop *loop;
    struct {
        model_fn fn;
        void *arg;
    } asked[AT_ONCE];
    size_t n;
    uint64_t timer;
};

static void answer(void *arg)
{
    static const char text[] = "FINISH([])";
    struct idle *m = arg;
    m->timer = 0;
    while (m->n) {
        struct model_reply r = {.result = MODEL_OK, .text = text, .len = sizeof(text) - 1};
        m->n--;
        m->asked[m->n].fn(&r, m->asked[m->n].arg);
    }
}

static int ask(struct model *base, const struct model_request *rq, model_fn fn, void *arg)
{
    struct idle *m = (struct idle *)base;
    (void)rq;
    m->asked[m->n].fn = fn;
    m->asked[m->n++].arg = arg;
    if (!m->timer)
        m->timer = loop_timer(m->loop, 0, answer, m);
    return 0;
}

int idle_score(struct loop *loop, struct env *env, const struct task_set *tasks, struct score *out)
{
    static const struct model_ops ops = {ask, NULL};
    struct idle m = {.base = {.ops = &ops}, .loop = loop};
    struct engine_settings settings = {.concurrency = AT_ONCE, .max_rounds = 1, .temperature = -1};
    struct engine *e = NULL;
    *out = (struct score){0};
    int rc = engine_open(&e, loop, &m.base, env, &settings);
    struct group *g =
        rc == 0 ? engine_group_of(e, PHASE_ROLLOUT_TEST, false, tasks, NULL, 0) : NULL;
    if (rc == 0 && !g)
        rc = GRASP_ENOMEM;
    if (rc == 0)
        rc = group_wait(g);
    if (rc == 0)
        rc = score_of(g, out);
    loop_timer_cancel(loop, m.timer);
    engine_close(e);
    return rc;
}
