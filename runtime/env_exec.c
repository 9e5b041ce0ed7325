/*
 * env_exec.c - tasks of any world, through child processes that speak JSON lines
 * (exec_protocol.h).
 *
 * A pool of up to env.processes workers. An episode lives in one worker; a worker holds as many as
 * its child said it can, and has one request out at a time. An episode keeps the replies that it
 * was sent: when its child is lost it begins again in another one, and what it was told before must
 * be told again. An episode that costs a third child is unscored, and when children keep failing
 * without a single answer in between, all are: the world is out of reach, which is no wrong answer
 * (DESIGN.md D10).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/config.h"
#include "runtime/env.h"
#include "runtime/exec_child.h"
#include "runtime/exec_protocol.h"

#define LOG_BYTES     (1 << 20)
#define DEATHS_MAX    2 /* of its children that an episode survives */
#define FAILURES_MAX  8 /* children lost in a row, without an answer */
#define BACK_OFF_NS   (50 * NS_PER_MS)
#define BACK_OFF_MAX  7 /* doublings */
#define GRACE_NS      NS_PER_SEC
#define WARNINGS_MAX  20
#define REPLIES_FIRST 8

TAILQ_HEAD(episodes, episode);

struct told { /* a reply that was sent, and what came back */
    char *reply;
    size_t len;
    uint64_t digest;
};

struct episode {
    struct env_episode base;
    struct exec *env;
    const struct task *task;
    uint64_t number;
    struct worker *worker; /* NULL: none at present */
    struct episodes *line; /* that it waits in: for a worker, or for its turn */
    TAILQ_ENTRY(episode) in_line, in_all;
    enum exec_op want; /* EXEC_END: nothing */
    size_t answered;   /* requests that its present child has answered */
    uint64_t started;  /* digest of the answer to start */
    struct told *told;
    size_t n_told, cap_told;
    int deaths;
    bool failed; /* about to be told so */
    enum rollout_status status;
    char *answer;
    union {
        env_prompt_fn prompt;
        env_step_fn step;
        env_grade_fn grade;
    } fn;
    void *arg;
};

struct worker {
    struct exec *env;
    struct exec_child *child;
    enum { WORKER_OFF, WORKER_PAUSE, WORKER_HELLO, WORKER_READY } state;
    uint64_t timer;     /* the end of the pause, or the time limit of the request */
    enum exec_op op;    /* of the request that is out */
    uint64_t request;   /* its id; 0: none is out */
    struct episode *on; /* whose request it is; NULL: hello, or an episode that has ended */
    size_t n_episodes, room;
    struct episodes line; /* its episodes that want something */
};

struct exec {
    struct env base;
    struct loop *loop;
    const struct config *config;
    struct exec_command command;
    int64_t timeout;
    struct worker *workers;
    size_t n_workers;
    struct episodes all, waiting; /* waiting: for a place in a worker */
    json_t *shared;               /* text -> {api, response_format} */
    struct buf out;
    uint64_t last_id, last_episode, due;
    int failures, warnings;
    bool opening;
    char *broken; /* why nothing is tried any more */
};

static void dispatch(void *arg);
static void pump(struct worker *w);

static struct episode *episode_of(struct env_episode *ep)
{
    return (struct episode *)ep;
}

static void stand(struct episode *ep, struct episodes *line)
{
    ep->line = line;
    TAILQ_INSERT_TAIL(line, ep, in_line);
}

static void leave(struct episode *ep)
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

/* --- telling the engine; the callee may end the episode, or want the next thing of it */

static void tell_failure(struct episode *ep, enum rollout_status status, const char *why)
{
    enum exec_op want = ep->want;
    ep->want = EXEC_END;
    ep->failed = false;
    if (want == EXEC_START) {
        ep->fn.prompt(status, NULL, why, ep->arg);
    } else if (want == EXEC_STEP) {
        struct env_step step = {status, NULL, 0, NULL, why};
        ep->fn.step(&step, ep->arg);
    } else if (want == EXEC_GRADE) {
        struct verdict v = {0};
        snprintf(v.reason, sizeof(v.reason), "%.*s", (int)utf8_cut(why, strlen(why), 150), why);
        ep->fn.grade(&v, NULL, false, ep->arg);
    }
}

static void tell_outage(struct episode *ep, const char *why)
{
    struct buf text = BUF_INIT;
    buf_addf(&text, "env.command: %s", why);
    tell_failure(ep, ROLLOUT_UNSCORED, text.ptr);
    buf_release(&text);
}

/* The api and response_format that other episodes have as well: one value for all of them. */
static const json_t *share(struct exec *e, const struct exec_answer *a)
{
    json_t *pair = json_pack(
        "{s:o, s:o}", "api", a->api ? json_incref(a->api) : json_object(), "response_format",
        a->response_format ? json_incref(a->response_format) : json_string(""));
    struct buf key = BUF_INIT;
    buf_add_json_canonical(&key, pair);
    if (!json_object_get(e->shared, key.ptr))
        json_object_set(e->shared, key.ptr, pair);
    json_decref(pair);
    const json_t *found = json_object_get(e->shared, key.ptr);
    buf_release(&key);
    return found;
}

static void tell_prompt(struct episode *ep, const struct exec_answer *a)
{
    const json_t *pair = share(ep->env, a);
    const char *description = a->description ? a->description : ep->task->instruction;
    const char *context = a->context ? a->context : ep->task->context;
    json_t *parts =
        json_pack("{s:O, s:O, s:s}", "api", json_object_get(pair, "api"), "response_format",
                  json_object_get(pair, "response_format"), "description", description);
    if (*context)
        json_object_set_new(parts, "context", json_string(context));
    ep->want = EXEC_END;
    ep->fn.prompt(parts ? ROLLOUT_RUNNING : ROLLOUT_TASK_ERROR, parts,
                  parts ? NULL : "out of memory", ep->arg);
    json_decref(parts);
}

/* What was done, as the world calls it; else the reply's first line. */
static const char *action_of(const struct episode *ep, struct exec_answer *a)
{
    if (!a->action.len && ep->n_told) {
        const struct told *t = &ep->told[ep->n_told - 1];
        exec_add_plain(&a->action, t->reply, t->len, 300);
    }
    return a->action.ptr;
}

static void tell_step(struct episode *ep, struct exec_answer *a)
{
    struct env_step step = {a->status, a->has_text ? a->text.ptr : NULL, a->text.len,
                            action_of(ep, a), a->error};
    ep->want = EXEC_END;
    ep->fn.step(&step, ep->arg);
}

static void tell_verdict(struct episode *ep, struct exec_answer *a)
{
    struct verdict v = {.correct = a->correct};
    const char *reason = a->reason.len ? a->reason.ptr : a->correct ? "ok" : "incorrect";
    size_t n = utf8_cut(reason, strlen(reason), sizeof(v.reason) - 1);
    memcpy(v.reason, reason, n);
    const char *tag = ep->status == ROLLOUT_INVALID_ACTION ? "protocol_invalid"
                      : ep->status == ROLLOUT_TASK_LIMIT   ? "no_finish"
                                                           : NULL;
    if (tag && !strlist_has(&a->tags, tag))
        strlist_add(&a->tags, tag);
    ep->want = EXEC_END;
    ep->fn.grade(&v, &a->tags, true, ep->arg);
}

/* --- losing a child */

static void wake(void *arg)
{
    struct worker *w = arg;
    w->timer = 0;
    w->state = WORKER_OFF;
    dispatch(w->env);
}

static void put_off(struct worker *w)
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
}

/* Its episodes stand in line for another worker; those that it is too much for will be told. */
static void set_free(struct worker *w)
{
    struct exec *e = w->env;
    struct episode *ep;
    TAILQ_FOREACH(ep, &e->all, in_all)
    {
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
    struct episode *ep;
    do {
        TAILQ_FOREACH(ep, &e->all, in_all)
        {
            if (ep->failed)
                break;
        }
        if (ep)
            tell_outage(ep, why);
    } while (ep);
}

static void lose(struct worker *w, const char *text)
{
    struct exec *e = w->env;
    char *why = str_dup(text);
    struct episode *ep;
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
    struct worker *w = arg;
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

/* --- requests and answers */

static void request(struct worker *w, enum exec_op op, struct episode *ep)
{
    struct exec *e = w->env;
    w->op = op;
    w->on = ep;
    w->timer = loop_timer(e->loop, e->timeout, too_late, w);
    exec_child_send(w->child, e->out.ptr, e->out.len);
}

/* The next request of an episode: start, then the replies as they came, then grade. */
static void pump(struct worker *w)
{
    struct exec *e = w->env;
    struct episode *ep = TAILQ_FIRST(&w->line);
    if (w->request || w->state != WORKER_READY || !ep)
        return;
    leave(ep);
    enum exec_op op = EXEC_START;
    w->request = ++e->last_id;
    buf_reset(&e->out);
    if (ep->answered == 0) {
        exec_write_start(&e->out, w->request, ep->number, ep->task->raw);
    } else if (ep->answered <= ep->n_told) {
        const struct told *t = &ep->told[ep->answered - 1];
        op = EXEC_STEP;
        exec_write_step(&e->out, w->request, ep->number, t->reply, t->len);
    } else {
        op = EXEC_GRADE;
        exec_write_grade(&e->out, w->request, ep->number, ep->status, ep->answer);
    }
    request(w, op, ep);
}

/* The answer that an episode waits for, or one that repeats an earlier one. */
static void take_answer(struct worker *w, struct episode *ep, struct exec_answer *a)
{
    size_t target = ep->want == EXEC_START  ? 0
                    : ep->want == EXEC_STEP ? ep->n_told
                                            : ep->n_told + 1;
    size_t at = ep->answered++;
    uint64_t *digest = at == 0 ? &ep->started : at <= ep->n_told ? &ep->told[at - 1].digest : NULL;
    if (at < target) {
        if (a->status == ROLLOUT_UNSCORED)
            tell_outage(ep, a->error);
        else if (exec_answer_digest(a) != *digest)
            tell_outage(ep, "the episode was begun again after its process was lost, and went "
                            "otherwise than before");
        else
            stand(ep, &w->line);
        return;
    }
    if (digest)
        *digest = exec_answer_digest(a);
    if (a->status == ROLLOUT_UNSCORED)
        tell_outage(ep, a->error);
    else if (a->status == ROLLOUT_TASK_ERROR)
        tell_failure(ep, ROLLOUT_TASK_ERROR, a->error);
    else if (ep->want == EXEC_START)
        tell_prompt(ep, a);
    else if (ep->want == EXEC_STEP)
        tell_step(ep, a);
    else
        tell_verdict(ep, a);
}

static bool on_line(const char *line, size_t len, void *arg)
{
    struct worker *w = arg;
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
    struct episode *ep = w->on;
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

/* --- workers */

static int hire(struct worker *w)
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

/* The ready worker with the fewest episodes, and one that is off; either may be NULL. */
static struct worker *choose(struct exec *e, struct worker **off)
{
    struct worker *best = NULL;
    *off = NULL;
    for (size_t i = 0; i < e->n_workers; i++) {
        struct worker *w = &e->workers[i];
        if (w->state == WORKER_OFF && !*off)
            *off = w;
        if (w->state == WORKER_READY && w->n_episodes < w->room &&
            (!best || w->n_episodes < best->n_episodes))
            best = w;
    }
    return best;
}

/* Gives the episodes in line to workers; starts further ones while all have something to do. */
static void dispatch(void *arg)
{
    struct exec *e = arg;
    struct episode *ep;
    loop_timer_cancel(e->loop, e->due);
    e->due = 0;
    while ((ep = TAILQ_FIRST(&e->waiting))) {
        struct worker *off, *w = choose(e, &off);
        if (off && (!w || w->n_episodes) && hire(off) < 0)
            return; /* what follows comes with the pause's end */
        if (!w)
            return;
        leave(ep);
        ep->worker = w;
        ep->answered = 0;
        w->n_episodes++;
        stand(ep, &w->line);
        pump(w);
    }
}

/* --- what the engine calls */

static void want(struct episode *ep, enum exec_op op, void *arg)
{
    struct exec *e = ep->env;
    ep->want = op;
    ep->arg = arg;
    if (e->broken) {
        tell_outage(ep, e->broken);
    } else if (ep->worker) {
        stand(ep, &ep->worker->line);
        pump(ep->worker);
    } else {
        stand(ep, &e->waiting);
        dispatch_soon(e);
    }
}

static int exec_start(struct env *base, const struct task *task, struct env_episode **out)
{
    struct exec *e = (struct exec *)base;
    struct episode *ep = calloc(1, sizeof(*ep));
    *out = ep ? &ep->base : NULL;
    if (!ep)
        return err_set(GRASP_ENOMEM, "out of memory");
    ep->base.env = base;
    ep->env = e;
    ep->task = task;
    ep->number = ++e->last_episode;
    ep->want = EXEC_END;
    TAILQ_INSERT_TAIL(&e->all, ep, in_all);
    return 0;
}

static void exec_prompt(struct env_episode *base, env_prompt_fn fn, void *arg)
{
    struct episode *ep = episode_of(base);
    ep->fn.prompt = fn;
    want(ep, EXEC_START, arg);
}

static void exec_step(struct env_episode *base, const char *reply, size_t len, env_step_fn fn,
                      void *arg)
{
    struct episode *ep = episode_of(base);
    ep->fn.step = fn;
    ep->arg = arg;
    if (ep->n_told == ep->cap_told) {
        size_t cap = ep->cap_told ? ep->cap_told * 2 : REPLIES_FIRST;
        struct told *v = reallocarray(ep->told, cap, sizeof(*v));
        if (v) {
            ep->told = v;
            ep->cap_told = cap;
        }
    }
    char *copy = ep->n_told < ep->cap_told ? str_ndup(reply, len) : NULL;
    if (!copy) {
        ep->want = EXEC_STEP;
        tell_failure(ep, ROLLOUT_TASK_ERROR, "out of memory");
        return;
    }
    ep->told[ep->n_told++] = (struct told){copy, len, 0};
    want(ep, EXEC_STEP, arg);
}

static void exec_grade(struct env_episode *base, const struct trace *trace,
                       enum rollout_status status, env_grade_fn fn, void *arg)
{
    struct episode *ep = episode_of(base);
    ep->fn.grade = fn;
    ep->status = status;
    ep->answer = str_dup(trace->result);
    want(ep, EXEC_GRADE, arg);
}

static void exec_end(struct env_episode *base)
{
    struct episode *ep = episode_of(base);
    struct exec *e = ep->env;
    struct worker *w = ep->worker;
    leave(ep);
    if (w) {
        bool known = ep->answered || w->on == ep;
        if (w->on == ep)
            w->on = NULL; /* its answer still comes, to nobody */
        w->n_episodes--;
        buf_reset(&e->out);
        exec_write_end(&e->out, ep->number);
        if (known)
            exec_child_send(w->child, e->out.ptr, e->out.len);
        dispatch_soon(e);
    }
    TAILQ_REMOVE(&e->all, ep, in_all);
    for (size_t i = 0; i < ep->n_told; i++)
        free(ep->told[i].reply);
    free(ep->told);
    free(ep->answer);
    free(ep);
}

static void exec_close(struct env *base)
{
    struct exec *e = (struct exec *)base;
    struct episode *ep;
    int64_t until = clock_mono() + GRACE_NS;
    while (e->workers && (ep = TAILQ_FIRST(&e->all)))
        exec_end(&ep->base);
    loop_timer_cancel(e->loop, e->due);
    for (size_t i = 0; i < e->n_workers; i++)
        if (e->workers[i].child)
            exec_child_ask_end(e->workers[i].child);
    for (size_t i = 0; i < e->n_workers; i++) {
        struct worker *w = &e->workers[i];
        loop_timer_cancel(e->loop, w->timer);
        if (w->child && !w->request)
            exec_child_wait(w->child, until);
        exec_child_close(w->child);
    }
    free(e->workers);
    free(e->command.argv);
    free(e->broken);
    json_decref(e->shared);
    buf_release(&e->out);
    free(e);
}

static const struct env_ops exec_ops = {exec_start, exec_prompt, exec_step,
                                        exec_grade, exec_end,    exec_close};

/* --- opening */

static int read_command(struct exec *e)
{
    const struct config *c = e->config;
    size_t n = json_array_size(c->env.command), i;
    json_t *word;
    if (!n)
        return err_set(GRASP_EINVAL,
                       "%s: env.command is missing; name the program and its "
                       "arguments: env.command: [python3, world.py]",
                       c->path);
    e->command.argv = calloc(n + 1, sizeof(*e->command.argv));
    if (!e->command.argv)
        return err_set(GRASP_ENOMEM, "out of memory");
    json_array_foreach(c->env.command, i, word)
    {
        if (!json_is_string(word) || (i == 0 && !*json_string_value(word)))
            return err_set(GRASP_EINVAL, "%s: env.command: word %zu is no text; write it in quotes",
                           c->path, i + 1);
        e->command.argv[i] = (char *)json_string_value(word); /* the configuration outlives us */
    }
    e->command.dir = c->dir && *c->dir ? c->dir : ".";
    e->command.line_limit = (size_t)c->env.line_limit;
    e->command.log_left = LOG_BYTES;
    return 0;
}

/* The first child has to start and say hello: what is wrong with the command is said now. */
static int try_out(struct exec *e)
{
    struct worker *w = &e->workers[0];
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

int env_open_exec(struct env **out, struct loop *loop, const struct config *config)
{
    struct exec *e = calloc(1, sizeof(*e));
    *out = NULL;
    if (!e)
        return err_set(GRASP_ENOMEM, "out of memory");
    e->base.ops = &exec_ops;
    e->loop = loop;
    e->config = config;
    e->timeout = (int64_t)(config->env.timeout * (double)NS_PER_SEC);
    e->out = (struct buf)BUF_INIT;
    TAILQ_INIT(&e->all);
    TAILQ_INIT(&e->waiting);
    e->shared = json_object();
    int rc = read_command(e);
    if (rc == 0) {
        e->workers = calloc((size_t)config->env.processes, sizeof(*e->workers));
        e->n_workers = e->workers ? (size_t)config->env.processes : 0;
        rc = e->workers && e->shared ? 0 : err_set(GRASP_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < e->n_workers; i++) {
        e->workers[i].env = e;
        TAILQ_INIT(&e->workers[i].line);
    }
    if (rc == 0)
        rc = try_out(e);
    if (rc < 0)
        exec_close(&e->base);
    else
        *out = &e->base;
    return rc;
}
