/* exec.c - tasks of any world, through child processes that speak JSON lines: what the engine
 * calls, and what it is told (exec_pool.h, exec_protocol.h). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/env/exec_pool.h"

#define LOG_BYTES (1 << 20) /* of the children's stderr, in all */

static struct exec_episode *episode_of(struct env_episode *ep)
{
    return (struct exec_episode *)ep;
}

/* ---- telling the engine; the callee may end the episode, or want the next thing of it ---- */

static void tell_failure(struct exec_episode *ep, enum rollout_status status, const char *why)
{
    enum exec_op want = ep->want;
    ep->want = EXEC_END;
    ep->failed = false;
    if (want == EXEC_START) {
        ep->fn.prompt(status, NULL, why, ep->arg);
    } else if (want == EXEC_STEP) {
        struct env_step step = {.status = status, .error = why};
        ep->fn.step(&step, ep->arg);
    } else if (want == EXEC_GRADE) {
        struct verdict v = {0};
        snprintf(v.reason, sizeof(v.reason), "%.*s", (int)utf8_cut(why, strlen(why), 150), why);
        ep->fn.grade(&v, NULL, false, ep->arg);
    }
}

static void tell_outage(struct exec_episode *ep, const char *why)
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

static void tell_prompt(struct exec_episode *ep, const struct exec_answer *a)
{
    const json_t *pair = share(ep->env, a);
    const char *description = a->description ? a->description : ep->task->instruction;
    const char *context = a->context ? a->context : ep->task->context;
    json_t *parts =
        json_pack("{s:O, s:O, s:s}", "api", json_object_get(pair, "api"), "response_format",
                  json_object_get(pair, "response_format"), "description", description);
    if (*context && json_object_set_new(parts, "context", json_string(context)) < 0) {
        json_decref(parts);
        parts = NULL;
    }
    ep->want = EXEC_END;
    ep->fn.prompt(parts ? ROLLOUT_RUNNING : ROLLOUT_UNSCORED, parts, parts ? NULL : "out of memory",
                  ep->arg);
    json_decref(parts);
}

/* What was done, as the world calls it; else the reply's first line. */
static const char *action_of(const struct exec_episode *ep, struct exec_answer *a)
{
    if (!a->action.len && ep->n_told) {
        const struct exec_told *t = &ep->told[ep->n_told - 1];
        exec_add_plain(&a->action, t->reply, t->len, 300);
    }
    return a->action.ptr;
}

static void tell_step(struct exec_episode *ep, struct exec_answer *a)
{
    struct env_step step = {a->status,   a->has_text ? a->text.ptr : NULL,
                            a->text.len, action_of(ep, a),
                            a->error,    a->digest.len ? a->digest.ptr : NULL};
    ep->want = EXEC_END;
    ep->fn.step(&step, ep->arg);
}

static void tell_verdict(struct exec_episode *ep, struct exec_answer *a)
{
    struct verdict v = {.correct = a->correct};
    if (a->correct || !a->reasons.n)
        verdict_say(&v, 0, a->reasons.n ? a->reasons.v[0] : a->correct ? "ok" : "incorrect");
    for (size_t i = 0; !a->correct && i < a->reasons.n; i++)
        verdict_say(&v, i, a->reasons.v[i]);
    const char *tag = ep->status == ROLLOUT_INVALID_ACTION ? "protocol_invalid"
                      : ep->status == ROLLOUT_TASK_LIMIT   ? "no_finish"
                                                           : NULL;
    if (tag && !strlist_has(&a->tags, tag))
        strlist_add(&a->tags, tag);
    ep->want = EXEC_END;
    ep->fn.grade(&v, &a->tags, true, ep->arg);
}

static void tell_answer(struct exec_episode *ep, struct exec_answer *a)
{
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

/* ---- what the engine calls ---- */

static int exec_start(struct env *base, const struct task *task, struct env_episode **out)
{
    struct exec *e = (struct exec *)base;
    struct exec_episode *ep = calloc(1, sizeof(*ep));
    *out = ep ? &ep->base : NULL;
    if (!ep)
        return err_oom();
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
    struct exec_episode *ep = episode_of(base);
    ep->fn.prompt = fn;
    ep->arg = arg;
    exec_want(ep, EXEC_START);
}

static void exec_step(struct env_episode *base, const char *reply, size_t len, env_step_fn fn,
                      void *arg)
{
    struct exec_episode *ep = episode_of(base);
    ep->fn.step = fn;
    ep->arg = arg;
    char *copy = grow(&ep->told, &ep->cap_told, ep->n_told + 1) == 0 ? str_ndup(reply, len) : NULL;
    if (!copy) {
        ep->want = EXEC_STEP;
        tell_failure(ep, ROLLOUT_UNSCORED, "out of memory");
        return;
    }
    ep->told[ep->n_told++] = (struct exec_told){copy, len, 0};
    exec_want(ep, EXEC_STEP);
}

static void exec_grade(struct env_episode *base, const struct trace *trace,
                       enum rollout_status status, env_grade_fn fn, void *arg)
{
    struct exec_episode *ep = episode_of(base);
    ep->fn.grade = fn;
    ep->status = status;
    ep->answer = str_dup(trace->result);
    ep->arg = arg;
    if (trace->result && !ep->answer) { /* not the same as an episode without an answer */
        ep->want = EXEC_GRADE;
        tell_failure(ep, ROLLOUT_UNSCORED, "out of memory");
        return;
    }
    exec_want(ep, EXEC_GRADE);
}

static void exec_end(struct env_episode *base)
{
    struct exec_episode *ep = episode_of(base);
    exec_forget(ep);
    for (size_t i = 0; i < ep->n_told; i++)
        free(ep->told[i].reply);
    free(ep->told);
    free(ep->answer);
    free(ep);
}

static void exec_close(struct env *base)
{
    struct exec *e = (struct exec *)base;
    struct exec_episode *ep;
    while ((ep = TAILQ_FIRST(&e->all)))
        exec_end(&ep->base);
    exec_pool_close(e);
    free(e->workers);
    free(e->command.argv);
    strlist_release(&e->variables);
    free(e->broken);
    json_decref(e->shared);
    buf_release(&e->out);
    free(e);
}

static const struct env_ops exec_ops = {exec_start, exec_prompt, exec_step,
                                        exec_grade, exec_end,    exec_close};

/* ---- opening ---- */

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
        return err_oom();
    json_array_foreach (c->env.command, i, word) {
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

/* True for what nearly every program wants to know, and what is no secret. */
static bool passes(const char *variable)
{
    static const char *const names[] = {"PATH", "HOME", "USER", "LOGNAME", "SHELL",
                                        "LANG", "LC_",  "TZ",   "TMPDIR"};
    size_t len = strcspn(variable, "=");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t n = strlen(names[i]);
        if (strncmp(variable, names[i], n) == 0 && (len == n || names[i][n - 1] == '_'))
            return true;
    }
    return false;
}

/* The environment of the children: not the keys of model endpoints that are in ours. */
static int read_environment(struct exec *e)
{
    const struct config *c = e->config;
    json_t *name;
    size_t i;
    int rc = 0;
    for (char **v = environ; *v && rc == 0; v++)
        if (passes(*v))
            rc = strlist_add(&e->variables, *v);
    json_array_foreach (c->env.pass, i, name) {
        const char *key = json_string_value(name), *value = key ? getenv(key) : NULL;
        if (!key || !*key || strchr(key, '='))
            return err_set(GRASP_EINVAL, "%s: env.pass: entry %zu is no variable's name", c->path,
                           i + 1);
        if (!value)
            return err_set(GRASP_EINVAL, "%s: env.pass: %s is not set in the environment", c->path,
                           key);
        if (rc == 0 && !passes(key))
            rc = strlist_addf(&e->variables, "%s=%s", key, value);
    }
    if (rc == 0)
        rc = grow(&e->variables.v, &e->variables.cap, e->variables.n + 1);
    if (rc == 0) {
        e->variables.v[e->variables.n] = NULL;
        e->command.env = e->variables.v;
    }
    return rc;
}

int env_open_exec(struct env **out, struct loop *loop, const struct config *config)
{
    struct exec *e = calloc(1, sizeof(*e));
    *out = NULL;
    if (!e)
        return err_oom();
    e->base.ops = &exec_ops;
    e->loop = loop;
    e->config = config;
    e->tell_outage = tell_outage;
    e->tell_answer = tell_answer;
    e->timeout = (int64_t)(config->env.timeout * (double)NS_PER_SEC);
    e->out = (struct buf)BUF_INIT;
    TAILQ_INIT(&e->all);
    TAILQ_INIT(&e->waiting);
    e->shared = json_object();
    int rc = read_command(e);
    if (rc == 0)
        rc = read_environment(e);
    if (rc == 0) {
        e->workers = calloc((size_t)config->env.processes, sizeof(*e->workers));
        e->n_workers = e->workers ? (size_t)config->env.processes : 0;
        rc = e->workers && e->shared ? 0 : err_oom();
    }
    for (size_t i = 0; i < e->n_workers; i++) {
        e->workers[i].env = e;
        TAILQ_INIT(&e->workers[i].line);
    }
    if (rc == 0)
        rc = exec_pool_open(e);
    if (rc < 0)
        exec_close(&e->base);
    else
        *out = &e->base;
    return rc;
}
