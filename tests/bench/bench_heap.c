/*
 * bench_heap.c - bytes of the heap that a rollout in flight takes: all are started, none is answered, and
 * the allocator says what that made.
 *
 *     bench_heap [CLINIC [ROLLOUTS]]      CLINIC: a folder that `grasp synth` wrote; default 4000
 *
 * Rows: without skills and with eight, at the first call; the same at the second call, with an answer of
 * the world behind it. What a transport holds on top of that is measured by bench_concurrency.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/session/session.h"

/* A model that keeps its callers waiting. */
struct hold {
    struct model base;
    struct waiter {
        model_fn fn;
        void *arg;
        size_t first; /* bytes of the conversation's first message */
    } * v;
    size_t n, cap;
};

static int hold_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct hold *h = (struct hold *)m;
    int rc = grow(&h->v, &h->cap, h->n + 1);
    if (rc == 0)
        h->v[h->n++] = (struct waiter){fn, arg, rq->chat->v[0].len};
    return rc;
}

static void hold_close(struct model *m)
{
    (void)m;
}

static const struct model_ops hold_ops = {hold_ask, hold_close};

static int wait_for(struct engine *e, const struct hold *h, size_t n)
{
    int rc = 0;
    while (rc == 0 && h->n < n)
        rc = engine_turn(e);
    return rc;
}

/* Answers all that wait, in one go. */
static void answer(struct hold *h, const char *text)
{
    struct waiter *v = h->v;
    size_t n = h->n;
    h->v = NULL;
    h->n = h->cap = 0;
    for (size_t i = 0; i < n; i++)
        v[i].fn(&(struct model_reply){.result = MODEL_OK, .text = text, .len = strlen(text)},
                v[i].arg);
    free(v);
}

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void row(const char *what, size_t before, const struct hold *h)
{
    size_t first = 0;
    for (size_t i = 0; i < h->n; i++)
        first += h->v[i].first;
    printf("%-42s %8.0f bytes a rollout; its first message has %zu\n", what,
           (double)(heap() - before) / (double)h->n - (double)sizeof(*h->v), first / h->n);
}

static int measure(struct session *s, const char *name, struct skills_view *skills, size_t n)
{
    struct hold h = {.base = {.ops = &hold_ops}};
    const struct task_set *tasks;
    struct engine_settings es;
    struct engine *e = NULL;
    struct group *g = NULL;
    char what[80];
    int rc = session_split(s, SPLIT_DEV, &tasks);
    config_engine(s->config, &es);
    es.concurrency = n;
    es.inject = INJECT_ALL;
    if (rc == 0)
        rc = engine_open(&e, s->loop, &h.base, s->env, &es);
    if (rc == 0 && !(g = engine_group(e, PHASE_OTHER)))
        rc = GRASP_ENOMEM;
    size_t before = heap();
    for (size_t i = 0; rc >= 0 && i < n; i++)
        rc = group_add(g, &tasks->v[i % tasks->n], skills, (int64_t)i);
    if (rc >= 0 && (rc = wait_for(e, &h, n)) == 0) {
        snprintf(what, sizeof(what), "%s, first call", name);
        row(what, before, &h);
        answer(&h, "GET http://localhost:8080/fhir/Observation?patient=S1&code=none");
        if ((rc = wait_for(e, &h, n)) == 0) {
            snprintf(what, sizeof(what), "%s, second call", name);
            row(what, before, &h);
            answer(&h, "FINISH([-1])");
            rc = group_wait(g);
        }
    }
    group_free(g);
    engine_close(e);
    free(h.v);
    return rc;
}

static int eight_skills(struct skills_view **out)
{
    struct skill_set set = {0};
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof(name), "guidance-%d", i);
        struct skill s = {.name = str_dup(name),
                          .description = str_dup("How to answer questions on laboratory values"),
                          .body =
                              str_dup("- search by code, sort by date, answer with the value\n"),
                          .version = 1};
        skill_set_put(&set, &s);
    }
    *out = skills_view_new(&set);
    skill_set_release(&set);
    return *out ? 0 : GRASP_ENOMEM;
}

int main(int argc, char **argv)
{
    struct session s = {0};
    const char *clinic = argc > 1 ? argv[1] : getenv("GRASP_BENCH_CLINIC");
    char *config = clinic ? fs_join(clinic, "grasp.yaml") : NULL;
    struct session_options o = {.config = config};
    struct skills_view *none = skills_view_new(NULL), *eight = NULL;
    size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000;
    if (!config || n < 1) {
        fprintf(stderr, "which clinic? (a folder that `grasp synth` wrote)\n");
        return 2;
    }
    int rc = session_open(&s, &o);
    if (rc == 0)
        rc = eight_skills(&eight);
    if (rc == 0)
        rc = measure(&s, "no skills", none, n);
    if (rc == 0)
        rc = measure(&s, "eight skills", eight, n);
    if (rc < 0)
        fprintf(stderr, "%s\n", err_msg());
    skills_view_unref(none);
    skills_view_unref(eight);
    session_close(&s);
    free(config);
    return rc < 0;
}
