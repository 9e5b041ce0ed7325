/* exec_pool.c - gives episodes to child processes, and others when those are lost. */
#include "runtime/env/exec_pool.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"

#define DEATHS_MAX   2 /* of its children that an episode survives */
#define FAILURES_MAX 8 /* children lost in a row, without an answer */
#define BACK_OFF_NS  (50 * NS_PER_MS)
#define BACK_OFF_MAX 7 /* doublings */
#define GRACE_NS     NS_PER_SEC
#define WARNINGS_MAX 20

static void dispatch(void *arg);
static void pump(struct exec_worker *w);

static void stand(struct exec_episode *ep, struct exec_episodes *line)
{
    ep->line = line;
    TAILQ_INSERT_TAIL(line, ep, in_line);
}

static void leave(struct exec_episode *ep)
{
    if (ep->line)
        TAILQ_REMOVE(ep->line, ep, in_line);
    ep->line = NULL;
}

/* Places may have become free. Not from inside what made them so. */
static void dispatch_soon(struct exec *e)
{
    if (!e->due && !TAILQ_EMPTY(&e->waiting))
        e->due = loop_timer(e->loop, 0, dispatch, e);
}

/* ---- losing a child ---- */

static void wake(void *arg)
{
    struct exec_worker *w = arg;
    w->timer = 0;
    w->state = WORKER_OFF;
    dispatch(w->env);
}

static void put_off(struct exec_worker *w)
{
    struct exec *e = w->env;
    int n = e->failures - 2;
    int64_t pause = n < 0 ? 0 : BACK_OFF_NS << (n < BACK_OFF_MAX ? n : BACK_OFF_MAX);
    exec_child_close(w->child);
    w->child = NULL;
    loop_timer_cancel(e->loop, w->timer);
    w->timer = loop_timer(e->loop, pause, wake, w);
    w->state = WORKER_PAUSE;
    w->request = 0;
    w->on = NULL;
    w->n_episodes = 0;
    w->alone = w->held = false;
}

/* Its episodes stand in line for another worker; those that it is too much for will be told. */
static void set_free(struct exec_worker *w)
{
    struct exec *e = w->env;
    struct exec_episode *ep;
    TAILQ_FOREACH (ep, &e->all, in_all) {
        if (ep->worker != w)
            continue;
        ep->deaths += !w->request || w->on == ep; /* the one at work is to blame, if there is one */
        ep->worker = NULL;
        ep->answered = 0;
        leave(ep);
        if (ep->want != EXEC_END && ep->deaths > DEATHS_MAX)
            ep->failed = true;
        else if (ep->want != EXEC_END)
            stand(ep, &e->waiting);
    }
}

static void tell_failed(struct exec *e, const char *why)
{
    struct exec_episode *ep;
    do {
        TAILQ_FOREACH (ep, &e->all, in_all) {
            if (ep->failed)
                break;
        }
        if (ep)
            ep->env->tell_outage(ep, why);
    } while (ep);
}

static void lose(struct exec_worker *w, const char *text)
{
    struct exec *e = w->env;
    char *why = str_dup(text);
    struct exec_episode *ep;
    text = why ? why : "out of memory";
    e->failures++;
    if (!e->opening && e->warnings++ < WARNINGS_MAX)
        log_warn("env.command: a process is lost: %s%s", text,
                 e->warnings == WARNINGS_MAX ? " (more of this is not reported)" : "");
    set_free(w);
    put_off(w);
    if ((e->opening || e->failures >= FAILURES_MAX) && !e->broken) {
        e->broken = str_dup(text);
        if (!e->opening)
            log_warn("env.command: %d processes failed in a row; it counts as out of reach",
                     e->failures);
    }
    while (e->broken && (ep = TAILQ_FIRST(&e->waiting))) {
        leave(ep);
        ep->failed = true;
    }
    tell_failed(e, text);
    free(why);
    dispatch_soon(e);
}

static void on_lost(const char *why, void *arg)
{
    lose(arg, why);
}

static void too_late(void *arg)
{
    struct exec_worker *w = arg;
    struct buf why = BUF_INIT;
    w->timer = 0;
    buf_addf(&why, "no answer to %s within %g s (env.timeout)", exec_op_name(w->op),
             w->env->config->env.timeout);
    const char *last = exec_child_last_words(w->child);
    if (*last)
        buf_addf(&why, " (stderr: %s)", last);
    lose(w, why.ptr);
    buf_release(&why);
}

/* ---- requests and answers ---- */

static void request(struct exec_worker *w, enum exec_op op, struct exec_episode *ep)
{
    struct exec *e = w->env;
    w->op = op;
    w->on = ep;
    w->timer = loop_timer(e->loop, e->timeout, too_late, w);
    exec_child_send(w->child, e->out.ptr, e->out.len);
}

/* The next request of an episode: start, then the replies as they came, then grade. */
static void pump(struct exec_worker *w)
{
    struct exec *e = w->env;
    struct exec_episode *ep = TAILQ_FIRST(&w->line);
    if (w->request || w->state != WORKER_READY || !ep)
        return;
    leave(ep);
    enum exec_op op = EXEC_START;
    w->request = ++e->last_id;
    buf_reset(&e->out);
    if (ep->answered == 0) {
        exec_write_start(&e->out, w->request, ep->number, ep->task->raw);
    } else if (ep->answered <= ep->n_told) {
        const struct exec_told *t = &ep->told[ep->answered - 1];
        op = EXEC_STEP;
        exec_write_step(&e->out, w->request, ep->number, t->reply, t->len);
    } else {
        op = EXEC_GRADE;
        exec_write_grade(&e->out, w->request, ep->number, ep->status, ep->answer);
    }
    request(w, op, ep);
}

/* The answer that an episode waits for, or one that repeats an earlier one. */
static void take_answer(struct exec_worker *w, struct exec_episode *ep, struct exec_answer *a)
{
    size_t target = ep->want == EXEC_START  ? 0
                    : ep->want == EXEC_STEP ? ep->n_told
                                            : ep->n_told + 1;
    size_t at = ep->answered++;
    uint64_t *digest = at == 0 ? &ep->started : at <= ep->n_told ? &ep->told[at - 1].digest : NULL;
    if (at < target) {
        if (a->status == ROLLOUT_UNSCORED)
            ep->env->tell_outage(ep, a->error);
        else if (exec_answer_digest(a) != *digest)
            ep->env->tell_outage(ep,
                                 "the episode was begun again after its process was lost, and went "
                                 "otherwise than before");
        else
            stand(ep, &w->line);
        return;
    }
    if (digest)
        *digest = exec_answer_digest(a);
    ep->env->tell_answer(ep, a);
}

static bool on_line(const char *line, size_t len, void *arg)
{
    struct exec_worker *w = arg;
    struct exec *e = w->env;
    struct exec_answer a;
    if (!w->request) {
        struct buf why = BUF_INIT;
        buf_adds(&why, "wrote without being asked: ");
        exec_add_plain(&why, line, len, 120);
        lose(w, why.ptr);
        buf_release(&why);
        return false;
    }
    if (exec_read(&a, w->op, w->request, line, len) < 0) {
        lose(w, err_msg());
        return false;
    }
    struct exec_episode *ep = w->on;
    loop_timer_cancel(e->loop, w->timer);
    w->timer = w->request = 0;
    w->on = NULL;
    if (w->op == EXEC_HELLO) {
        w->state = WORKER_READY;
        w->room = (size_t)a.episodes;
        log_debug("env.command: '%s' is ready, %zu episodes at once", a.name, w->room);
        dispatch_soon(e);
    } else {
        e->failures = 0;
        if (ep)
            take_answer(w, ep, &a);
    }
    exec_answer_release(&a);
    pump(w);
    return true;
}

/* ---- workers ---- */

static int hire(struct exec_worker *w)
{
    struct exec *e = w->env;
    int rc = exec_child_open(&w->child, e->loop, &e->command, on_line, on_lost, w);
    if (rc < 0) {
        lose(w, err_msg());
        return rc;
    }
    w->state = WORKER_HELLO;
    w->request = ++e->last_id;
    buf_reset(&e->out);
    exec_write_hello(&e->out, w->request);
    request(w, EXEC_HELLO, NULL);
    return 0;
}

/* The worker for an episode: of those with a place the one with the fewest episodes, an empty one
 * for a suspect. And one that is off. Either may be NULL. */
static struct exec_worker *choose(struct exec *e, const struct exec_episode *ep,
                                  struct exec_worker **off)
{
    struct exec_worker *best = NULL;
    *off = NULL;
    for (size_t i = 0; i < e->n_workers; i++) {
        struct exec_worker *w = &e->workers[i];
        size_t room = ep->deaths ? 1 : w->held || w->alone ? 0 : w->room;
        if (w->state == WORKER_OFF && !*off)
            *off = w;
        if (w->state == WORKER_READY && w->n_episodes < room &&
            (!best || w->n_episodes < best->n_episodes))
            best = w;
    }
    return best;
}

/* A suspect waits: one more worker gets empty for it, but not more than half of them. */
static void hold(struct exec *e)
{
    struct exec_worker *least = NULL;
    size_t held = 0;
    for (size_t i = 0; i < e->n_workers; i++) {
        struct exec_worker *w = &e->workers[i];
        held += w->held || w->alone;
        if (w->state == WORKER_READY && !w->held && !w->alone &&
            (!least || w->n_episodes < least->n_episodes))
            least = w;
    }
    if (least && held < (e->n_workers + 1) / 2)
        least->held = true;
}

/* Gives the episodes in line to workers; starts further ones while all have something to do. */
static void dispatch(void *arg)
{
    struct exec *e = arg;
    struct exec_episode *ep, *next;
    bool full = false;
    loop_timer_cancel(e->loop, e->due);
    e->due = 0;
    for (size_t i = 0; i < e->n_workers; i++)
        e->workers[i].held = false;
    for (ep = TAILQ_FIRST(&e->waiting); ep; ep = next) {
        next = TAILQ_NEXT(ep, in_line);
        if (full && !ep->deaths)
            continue;
        struct exec_worker *off, *w = choose(e, ep, &off);
        if (off && (!w || w->n_episodes) && hire(off) < 0)
            return; /* what follows comes with the pause's end */
        if (!w && ep->deaths)
            hold(e);
        full |= !w && !ep->deaths;
        if (!w)
            continue;
        leave(ep);
        ep->worker = w;
        ep->answered = 0;
        w->n_episodes++;
        w->alone = ep->deaths > 0;
        stand(ep, &w->line);
        pump(w);
    }
}

/* ---- what exec.c calls ---- */

void exec_want(struct exec_episode *ep, enum exec_op op)
{
    struct exec *e = ep->env;
    ep->want = op;
    if (e->broken) {
        ep->env->tell_outage(ep, e->broken);
    } else if (ep->worker) {
        stand(ep, &ep->worker->line);
        pump(ep->worker);
    } else {
        stand(ep, &e->waiting);
        dispatch_soon(e);
    }
}

void exec_forget(struct exec_episode *ep)
{
    struct exec *e = ep->env;
    struct exec_worker *w = ep->worker;
    leave(ep);
    TAILQ_REMOVE(&e->all, ep, in_all);
    if (!w)
        return;
    bool known = ep->answered || w->on == ep;
    if (w->on == ep)
        w->on = NULL;
    w->n_episodes--;
    w->alone = false;
    buf_reset(&e->out);
    exec_write_end(&e->out, ep->number);
    if (known)
        exec_child_send(w->child, e->out.ptr, e->out.len);
    dispatch_soon(e);
}

/* The first child has to start and say hello: what is wrong with the command is said now. */
int exec_pool_open(struct exec *e)
{
    struct exec_worker *w = &e->workers[0];
    e->opening = true;
    int rc = hire(w);
    if (rc < 0)
        return err_prefix(rc, "env.command");
    while (rc >= 0 && w->state == WORKER_HELLO)
        rc = loop_turn(e->loop, -1);
    e->opening = false;
    e->failures = 0;
    if (rc >= 0 && w->state != WORKER_READY)
        rc = err_set(GRASP_EOUTAGE, "env.command: '%s' does not take up work: %s",
                     e->command.argv[0], e->broken ? e->broken : "it ended");
    return rc < 0 ? rc : 0;
}

void exec_pool_close(struct exec *e)
{
    int64_t until = clock_mono() + GRACE_NS;
    loop_timer_cancel(e->loop, e->due);
    for (size_t i = 0; i < e->n_workers; i++)
        if (e->workers[i].child)
            exec_child_ask_end(e->workers[i].child);
    for (size_t i = 0; i < e->n_workers; i++) {
        struct exec_worker *w = &e->workers[i];
        loop_timer_cancel(e->loop, w->timer);
        if (w->child && !w->request)
            exec_child_wait(w->child, until);
        exec_child_close(w->child);
    }
}
