/*
 * journal_harness.h - a journal in a directory of its own in front of a model that answers on
 * demand. For the tests of the journal.
 */
#ifndef GRASP_TESTS_JOURNAL_HARNESS_H
#define GRASP_TESTS_JOURNAL_HARNESS_H

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/journal/journal_private.h"

/* A model that answers on demand: "answer N to TEXT", N counting the calls that reached it. */
struct fake {
    struct model m;
    struct {
        struct model_request rq;
        model_fn fn;
        void *arg;
    } waiting[4096];
    size_t n, calls;
    enum model_result result;
    size_t padding; /* so many further bytes in each answer */
};

static inline int fake_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct fake *f = (struct fake *)m;
    assert_true(f->n < 4096);
    f->waiting[f->n].rq = *rq;
    f->waiting[f->n].fn = fn;
    f->waiting[f->n++].arg = arg;
    f->calls++;
    return 0;
}

static inline void fake_close(struct model *m)
{
    (void)m;
}

static inline void fake_init(struct fake *f, const char *identity)
{
    static const struct model_ops ops = {fake_ask, fake_close};
    memset(f, 0, sizeof(*f));
    f->m.ops = &ops;
    f->m.name = strdup("fake");
    f->m.label = strdup("fake");
    f->m.identity = identity ? strdup(identity) : NULL;
}

/* Runs inside a turn of the loop, as a backend's answers do. */
static inline void fake_answer(void *arg)
{
    struct fake *f = arg;
    size_t n = f->n;
    f->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct buf text = BUF_INIT;
        const struct chat *c = f->waiting[i].rq.chat;
        buf_addf(&text, "answer to %s/%lld", c->v[c->n - 1].text, (long long)f->waiting[i].rq.draw);
        for (size_t k = 0; k < f->padding; k++)
            buf_addch(&text, (char)('a' + (k * k + i * 7) % 26));
        struct model_reply reply = {.result = f->result,
                                    .text = f->result == MODEL_OK ? text.ptr : "",
                                    .len = f->result == MODEL_OK ? text.len : 0,
                                    .usage = {100, 10, 50},
                                    .latency_ns = 7 * NS_PER_MS,
                                    .error = f->result == MODEL_OK ? "" : "the reason"};
        f->waiting[i].fn(&reply, f->waiting[i].arg);
        buf_release(&text);
    }
}

struct place {
    char *dir, *path;
    struct loop *loop;
    struct fake fake;
    struct journal *j;
    struct model *m;
};

/* What came of one ask. */
struct got {
    struct chat chat;
    struct model_reply reply;
    char *text, *error;
    int times;
};

static inline void take(const struct model_reply *reply, void *arg)
{
    struct got *g = arg;
    g->reply = *reply;
    free(g->text);
    free(g->error);
    g->text = strndup(reply->text, reply->len);
    g->error = strdup(reply->error ? reply->error : "");
    g->times++;
}

static inline void got_release(struct got *g)
{
    chat_release(&g->chat);
    free(g->text);
    free(g->error);
    *g = (struct got){0};
}

static inline void ask_also(struct place *p, struct got *g, const char *text, int draw, int also)
{
    got_release(g);
    works(chat_add(&g->chat, CHAT_USER, text, strlen(text)));
    struct model_request rq = {
        .chat = &g->chat, .draw = draw, .also = also, .phase = PHASE_ROLLOUT_DEV};
    works(model_ask(p->m, &rq, take, g));
    assert_int_equal(g->times, 0);
}

/* Nobody wants it yet. */
static inline void ask_ahead(struct place *p, struct got *g, const char *text)
{
    got_release(g);
    works(chat_add(&g->chat, CHAT_USER, text, strlen(text)));
    struct model_request rq = {.chat = &g->chat, .ahead = true, .phase = PHASE_ROLLOUT_DEV};
    works(model_ask(p->m, &rq, take, g));
}

static inline void ask_draw(struct place *p, struct got *g, const char *text, int draw)
{
    ask_also(p, g, text, draw, 0);
}

static inline void ask(struct place *p, struct got *g, const char *text)
{
    ask_draw(p, g, text, 0);
}

/* Turns of the loop until nothing is due; the fake answers first. */
static inline void turn(struct place *p)
{
    if (p->fake.n)
        works(loop_defer(p->loop, fake_answer, &p->fake));
    for (int i = 0; i < 4; i++)
        works(loop_turn(p->loop, 0));
}

static inline void open_with(struct place *p, int flags, size_t map)
{
    works(journal_open_sized(&p->j, p->path, flags, map));
    works(journal_model(&p->m, p->j, p->loop, &p->fake.m));
}

static inline void close_all(struct place *p)
{
    model_close(p->m);
    journal_close(p->j);
    p->m = NULL;
    p->j = NULL;
}

static inline int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    p->dir = fs_tempdir("grasp-journal");
    p->path = fs_join(p->dir, "journal");
    works(loop_open(&p->loop));
    fake_init(&p->fake, NULL);
    *state = p;
    return 0;
}

static inline int tear_down(void **state)
{
    struct place *p = *state;
    close_all(p);
    model_close(&p->fake.m);
    loop_close(p->loop);
    fs_remove_tree(p->dir);
    free(p->dir);
    free(p->path);
    free(p);
    return 0;
}

static inline int count_entry(const struct journal_entry *e, void *arg)
{
    int *n = arg;
    assert_string_equal(e->model, "fake");
    assert_true(str_starts(e->text, "answer to "));
    ++*n;
    return 0;
}

#endif
