/*
 * learn_harness.h - the learning loop in a world of the test's making: the real loop, engine, gate
 * and library (in a directory of its own), but an environment and a model that do what the test
 * says.
 *
 *     static enum outcome act(struct lab *lab, const struct asking *a) { ... }
 *     static enum model_result write(struct lab *lab, enum model_phase phase, int draw,
 *                                    const char *prompt, struct buf *reply) { ... }
 *
 *     struct lab lab = {.act = act, .write = write};
 *     lab_open(&lab, splits, settings);      // {"dev": [tasks], "val": ...}, {"cycle": {...}}
 *     works(learn_run(&lab.l));
 *     ...                                    // lab.l, lab.dir/run, lab.dir/library
 *     lab_close(&lab);
 *     lab_remove(&lab);
 *
 * Skills carry a mark, [[NAME:ID]], in their text; what a rollout is shown is the object {NAME: ID}
 * of the marks in its first message. Calls in flight together are answered in the reverse of their
 * order.
 */
#ifndef GRASP_TESTS_LEARN_HARNESS_H
#define GRASP_TESTS_LEARN_HARNESS_H

#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/journal/journal.h"
#include "runtime/learn/learn_private.h"

/* A rollout, as the model is asked for its only turn. */
struct asking {
    enum model_phase phase;
    int64_t draw;
    const char *task;
    const json_t *skills; /* {name: id} */
};

struct lab_call {
    model_fn fn;
    void *arg;
    enum model_result result;
    struct buf text;
};

struct lab {
    enum outcome (*act)(struct lab *lab, const struct asking *a);
    enum model_result (*write)(struct lab *lab, enum model_phase phase, int draw,
                               const char *prompt, struct buf *reply);
    /* Where a test needs a world of its own: what the agent replies (instead of `act`), and the
     * environment, which is closed with the lab. NULL: those below. */
    void (*reply)(struct lab *lab, const struct model_request *rq, struct buf *text);
    struct env *(*world)(struct lab *lab);
    void *arg;
    bool journaled; /* calls go through a journal; `asked` counts those that are made */

    char *dir;
    size_t asked[MODEL_PHASES]; /* calls of the model, since lab_open */
    struct session s;
    struct learn l;

    struct env env;
    struct model model;
    json_t *api;
    struct lab_call *calls;
    size_t n, cap;
    bool due;
};

static inline struct lab *lab_of_env(struct env *e)
{
    return (struct lab *)((char *)e - offsetof(struct lab, env));
}

/* ---- marks ---- */

static inline json_t *marks_of(const char *text)
{
    json_t *out = json_object();
    for (const char *p = text; p && (p = strstr(p, "[["));) {
        const char *colon = strchr(p, ':'), *end = strstr(p, "]]");
        assert_true(colon && end && colon < end);
        char *name = str_ndup(p + 2, (size_t)(colon - p - 2));
        json_object_set_new(out, name, json_stringn(colon + 1, (size_t)(end - colon - 1)));
        free(name);
        p = end;
    }
    return out;
}

static inline json_t *marks_of_set(const struct skill_set *set)
{
    json_t *out = json_object();
    for (size_t i = 0; i < set->n; i++) {
        json_t *one = marks_of(set->v[i].body);
        assert_non_null(json_object_get(one, set->v[i].name));
        json_object_update(out, one);
        json_decref(one);
    }
    return out;
}

/* An edit as the writer proposes it; id NULL: without content. */
static inline json_t *edit_of(const char *action, const char *name, const char *description,
                              const char *id)
{
    char slug[SKILL_NAME_MAX + 1];
    skill_slug(name, slug);
    json_t *e =
        json_pack("{s:s, s:s, s:s*}", "action", action, "name", name, "description", description);
    if (id)
        json_object_set_new(e, "content",
                            json_sprintf("## When to Use\n\nAlways.\n\n[[%s:%s]]\n", slug, id));
    return e;
}

/* ---- the world: a reply is the name of an outcome ---- */

struct lab_episode {
    struct env_episode base;
    const struct task *task;
};

static inline int lab_start(struct env *e, const struct task *task, struct env_episode **out)
{
    struct lab_episode *ep = calloc(1, sizeof(*ep));
    assert_non_null(ep);
    *ep = (struct lab_episode){.base.env = e, .task = task};
    *out = &ep->base;
    return 0;
}

static inline void lab_prompt(struct env_episode *base, env_prompt_fn fn, void *arg)
{
    struct lab *lab = lab_of_env(base->env);
    const struct task *task = ((struct lab_episode *)base)->task;
    json_t *parts = json_pack("{s:O, s:s, s:s}", "api", lab->api, "response_format", "one word",
                              "description", task->id);
    fn(ROLLOUT_RUNNING, parts, NULL, arg);
    json_decref(parts);
}

static inline void lab_step(struct env_episode *base, const char *reply, size_t len, env_step_fn fn,
                            void *arg)
{
    struct env_step step = {ROLLOUT_COMPLETED, reply, len, reply, NULL, NULL};
    (void)base;
    switch (outcome_from_name(reply)) {
    case OUTCOME_INVALID:
        step = (struct env_step){.status = ROLLOUT_INVALID_ACTION, .action = reply};
        break;
    case OUTCOME_ERROR:
        step = (struct env_step){.status = ROLLOUT_TASK_ERROR, .error = "the world broke"};
        break;
    default:
        break;
    }
    fn(&step, arg);
}

static inline void lab_grade(struct env_episode *base, const struct trace *trace,
                             enum rollout_status status, env_grade_fn fn, void *arg)
{
    struct verdict v = {.correct = trace->result && status == ROLLOUT_COMPLETED &&
                                   outcome_from_name(trace->result) == OUTCOME_PASS};
    (void)base;
    snprintf(v.reason, sizeof(v.reason), "%s", v.correct ? "ok" : "answer: no");
    fn(&v, NULL, true, arg);
}

static inline void lab_end(struct env_episode *base)
{
    free(base);
}

static inline void lab_env_close(struct env *e)
{
    (void)e;
}

/* ---- the model ---- */

static inline void lab_answer(void *arg)
{
    struct lab *lab = arg;
    lab->due = false;
    while (lab->n) {
        struct lab_call c = lab->calls[--lab->n];
        bool ok = c.result == MODEL_OK;
        struct model_reply r = {.result = c.result,
                                .text = ok ? c.text.ptr : "",
                                .len = ok ? c.text.len : 0,
                                .error = ok ? NULL : "out of reach"};
        c.fn(&r, c.arg);
        buf_release(&c.text);
    }
}

static inline enum model_result lab_act(struct lab *lab, const struct model_request *rq,
                                        struct buf *text)
{
    json_t *first = NULL;
    works(json_parse(&first, rq->chat->v[0].text, rq->chat->v[0].len, "the first message"));
    json_t *skills = marks_of(json_str_at(first, "behavioral_skills", ""));
    struct asking a = {rq->phase, rq->draw, json_str_at(first, "task.description", "?"), skills};
    enum outcome o = lab->act(lab, &a);
    buf_adds(text, outcome_name(o));
    json_decref(skills);
    json_decref(first);
    return o == OUTCOME_UNSCORED ? MODEL_OUTAGE : MODEL_OK;
}

static inline int lab_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct lab *lab = (struct lab *)((char *)m - offsetof(struct lab, model));
    if (lab->n == lab->cap) {
        lab->cap = lab->cap ? 2 * lab->cap : 16;
        lab->calls = reallocarray(lab->calls, lab->cap, sizeof(*lab->calls));
        assert_non_null(lab->calls);
    }
    struct lab_call c = {.fn = fn, .arg = arg, .text = BUF_INIT};
    lab->asked[rq->phase]++;
    if (rq->phase <= PHASE_ROLLOUT_TEST && lab->reply)
        lab->reply(lab, rq, &c.text);
    else if (rq->phase <= PHASE_ROLLOUT_TEST)
        c.result = lab_act(lab, rq, &c.text);
    else
        c.result = lab->write(lab, rq->phase, (int)((rq->draw & 0xfffffff) % DRAWS_AN_UPDATE),
                              rq->chat->v[0].text, &c.text);
    lab->calls[lab->n++] = c;
    if (!lab->due)
        lab->due = loop_defer(lab->s.loop, lab_answer, lab) == 0;
    return 0;
}

static inline void lab_model_close(struct model *m)
{
    struct lab *lab = (struct lab *)((char *)m - offsetof(struct lab, model));
    while (lab->n)
        buf_release(&lab->calls[--lab->n].text);
    free(lab->calls);
    lab->calls = NULL;
    lab->cap = 0;
}

/* ---- opening and closing ---- */

static inline void lab_write(struct lab *lab, const char *name, const json_t *v)
{
    char *path = fs_join(lab->dir, name);
    works(json_write_file(v, path));
    free(path);
}

static inline json_t *lab_read(const struct lab *lab, const char *name)
{
    json_t *v = NULL;
    char *path = fs_join(lab->dir, name);
    works(json_read_file(&v, path));
    free(path);
    return v;
}

/* A task of a split may be its id alone. */
static inline void lab_write_split(struct lab *lab, const char *name, const json_t *tasks)
{
    json_t *out = json_array(), *v;
    char file[64];
    size_t i;
    json_array_foreach (tasks, i, v) {
        if (json_is_string(v))
            json_array_append_new(out, json_pack("{s:O, s:O}", "id", v, "instruction", v));
        else
            json_array_append(out, v);
    }
    snprintf(file, sizeof(file), "%s.json", name);
    lab_write(lab, file, out);
    json_decref(out);
}

static inline void lab_configure(struct lab *lab, json_t *splits, json_t *settings)
{
    json_t *data = json_object(), *tasks, *config;
    const char *name;
    json_object_foreach (splits, name, tasks) {
        lab_write_split(lab, name, tasks);
        json_object_set_new(data, name, json_sprintf("%s.json", name));
    }
    config = json_pack("{s:o, s:{s:s, s:s, s:i, s:s}, s:{s:s, s:[s]}, s:{s:s}, s:{s:s}}", "data",
                       data, "model", "kind", "simulated", "name", "puppet", "temperature", 1,
                       "draws", "fresh", "env", "kind", "exec", "command", "true", "gate", "rule",
                       "paper", "checkpoint", "rule", "max");
    json_object_update_recursive(config, settings);
    lab_write(lab, "config.yaml", config); /* JSON is YAML */
    json_decref(config);
}

/* Opens what is in lab->dir, again or for the first time. */
static inline int lab_reopen(struct lab *lab)
{
    static const struct env_ops env_ops = {lab_start, lab_prompt, lab_step,
                                           lab_grade, lab_end,    lab_env_close};
    static const struct model_ops model_ops = {lab_ask, lab_model_close};
    struct engine_settings engine;
    struct session *s = &lab->s;
    char *config = fs_join(lab->dir, "config.yaml"), *library = fs_join(lab->dir, "library"),
         *run = fs_join(lab->dir, "run");
    log_set_level(LOG_ERROR);
    memset(lab->asked, 0, sizeof(lab->asked));
    *s = (struct session){0};
    lab->l = (struct learn){0};
    lab->due = false;
    works(config_load(&s->config, config, NULL, 0));
    works(loop_open(&s->loop));
    lab->api = json_object();
    lab->env.ops = &env_ops;
    lab->model =
        (struct model){.ops = &model_ops, .name = str_dup("puppet"), .label = str_dup("puppet")};
    s->env = lab->world ? lab->world(lab) : &lab->env;
    s->said[0] = &lab->model;
    if (lab->journaled) {
        char *journal = fs_join(lab->dir, "journal");
        works(journal_open(&s->journal, journal, 0));
        works(journal_model(&s->said[0], s->journal, s->loop, &lab->model));
        free(journal);
    }
    s->draws = (struct draws){.seed = (uint64_t)s->config->cycle.seed,
                              .shared = s->config->draws == DRAWS_SHARED};
    config_engine(s->config, &engine);
    works(engine_open(&s->engine, s->loop, s->said[0], s->env, &engine));
    int rc = learn_begin(&lab->l, s, library, run, 0);
    free(config);
    free(library);
    free(run);
    return rc;
}

static inline void lab_open(struct lab *lab, json_t *splits, json_t *settings)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* thousands of files made durable */
    lab->dir = fs_tempdir("grasp-lab");
    assert_non_null(lab->dir);
    lab_configure(lab, splits, settings);
    works(lab_reopen(lab));
}

static inline void lab_close(struct lab *lab)
{
    model_close(lab->s.said[0]);
    lab->s.said[0] = NULL;
    if (lab->journaled)
        model_close(&lab->model);
    learn_end(&lab->l);
    session_close(&lab->s);
    json_decref(lab->api);
    log_close();
}

static inline void lab_remove(struct lab *lab)
{
    fs_remove_tree(lab->dir);
    free(lab->dir);
    lab->dir = NULL;
}

#endif
