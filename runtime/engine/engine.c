/*
 * engine.c - the rollout state machine and the groups.
 *
 * A slot is one rollout on its way: waiting in the engine's FIFO, then asking the model and
 * stepping the environment in turn until it ends, then graded. Every continuation arrives from the
 * loop; the model never answers from inside model_ask, so the machine does not recurse.
 */
#include "runtime/engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/engine/first_message.h"
#include "runtime/engine/rollout.h"
#include "runtime/engine/skills_view.h"

/* A thousand rollouts that may start are started a few a turn: the first calls are on their way
 * while the next are prepared. */
#define STARTS_PER_TURN 16
/* From so many in flight on, what their first messages share is kept once while they wait: below that the
 * copying costs more than the memory. */
#define CROWD 256

enum { TALLIES = 12 };

struct slot {
    struct group *group;
    size_t index;
    struct rollout r;
    struct skills_view *skills;
    struct env_episode *episode;
    struct hash *hash; /* of r.chat, grows with it */
    struct chat shown; /* borrowed messages with the block among them, where not in r.chat */
    struct buf block;  /* the block, or the message that holds it, until the call is answered */
    struct slot *next; /* in the engine's queue */
    int64_t began;
    bool paid;               /* an answer did not come from the journal */
    bool waiting, cancelled; /* waiting: for a callback of model or environment */
};

/* Which of the waiting rollouts start first. */
enum rank { FOREGROUND, BACKGROUND, AHEAD, RANKS };

struct group {
    struct engine *engine;
    enum model_phase phase;
    size_t tally; /* its kind's */
    enum rank rank;
    struct slot **v;
    size_t n, cap, ended;
    bool freed; /* the last callback frees it */
    size_t in_flight;
    struct group *prev, *next; /* all groups of the engine */
};

struct engine {
    struct loop *loop;
    struct model *model;
    struct env *env;
    struct engine_settings settings;
    struct queue {
        struct slot *first, **last; /* FIFO */
    } queue[RANKS];
    size_t running, ahead; /* ahead: rollouts of that rank, waiting or running */
    int (*on_room)(void *);
    void *on_room_arg;
    uint64_t pump;               /* timer of the next start of rollouts, 0: none */
    int64_t alike[MODEL_PHASES]; /* engine_draws_alike */
    int stop_code;
    char *stop_message;
    char *outage; /* why the first unscored rollout is so */
    struct group *groups;
    struct hash **spare; /* hashes for reuse: making one costs more than using it */
    size_t n_spare;
    struct skills_view *none; /* for rollouts without skills */
    struct engine_tally tally[TALLIES];
    size_t n_tallies;
    int64_t paid_ns; /* of rollouts that a model was asked for: their times, their number */
    size_t n_paid;
    int64_t (*clock)(void *); /* NULL: clock_mono */
    void *clock_arg;
};

static void ask(struct slot *s);
static void pump(void *arg);
static void group_destroy(struct group *g);

int engine_open(struct engine **out, struct loop *loop, struct model *model, struct env *env,
                const struct engine_settings *settings)
{
    struct engine *e = calloc(1, sizeof(*e));
    *out = e;
    if (!e)
        return err_oom();
    *e = (struct engine){.loop = loop, .model = model, .env = env, .settings = *settings};
    for (int i = 0; i < RANKS; i++)
        e->queue[i].last = &e->queue[i].first;
    e->spare = calloc(settings->concurrency, sizeof(*e->spare));
    e->none = skills_view_new(NULL);
    if (!e->spare || !e->none) {
        engine_close(e);
        *out = NULL;
        return err_oom();
    }
    return 0;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    loop_timer_cancel(e->loop, e->pump);
    while (e->groups) /* their callbacks will not come any more */
        group_destroy(e->groups);
    for (size_t i = 0; i < e->n_spare; i++)
        hash_free(e->spare[i]);
    free(e->spare);
    skills_view_unref(e->none);
    free(e->stop_message);
    free(e->outage);
    free(e);
}

void engine_stop(struct engine *e, int code, const char *message)
{
    if (e->stop_code)
        return;
    e->stop_code = code;
    e->stop_message = str_dup(message);
}

void engine_draws_alike(struct engine *e, enum model_phase phase, int64_t draw)
{
    e->alike[phase] = draw;
}

const char *engine_outage(const struct engine *e)
{
    return e->outage ? e->outage : "";
}

/* A rollout waits that somebody wants. */
static bool wanted(const struct engine *e)
{
    return e->queue[FOREGROUND].first || e->queue[BACKGROUND].first;
}

size_t engine_room(const struct engine *e)
{
    const struct engine_settings *o = &e->settings;
    size_t slots = o->concurrency - o->concurrency / 8, waiting = 0;
    if (!o->room || e->stop_code || wanted(e))
        return 0;
    for (const struct slot *s = e->queue[AHEAD].first; s; s = s->next)
        waiting++;
    if (e->running + waiting >= slots)
        return 0;
    size_t idle = slots - e->running - waiting, calls = o->room(o->room_arg);
    /* those under way will make one more call each, or so */
    calls = calls > e->ahead ? calls - e->ahead : 0;
    return calls < idle ? calls : idle;
}

void engine_on_room(struct engine *e, int (*fn)(void *arg), void *arg)
{
    e->on_room = fn;
    e->on_room_arg = arg;
}

static void schedule(struct engine *e)
{
    bool waiting = wanted(e) || e->queue[AHEAD].first;
    if (!e->pump && waiting && e->running < e->settings.concurrency)
        e->pump = loop_timer(e->loop, 0, pump, e);
}

static void slot_free(struct slot *s)
{
    if (s->episode)
        s->episode->env->ops->end(s->episode);
    rollout_release(&s->r);
    buf_release(&s->block);
    free(s->shown.v); /* the texts are borrowed */
    skills_view_unref(s->skills);
    hash_free(s->hash);
    free(s);
}

static void group_destroy(struct group *g)
{
    *(g->prev ? &g->prev->next : &g->engine->groups) = g->next;
    if (g->next)
        g->next->prev = g->prev;
    for (size_t i = 0; i < g->n; i++)
        slot_free(g->v[i]);
    free(g->v);
    free(g);
}

static int64_t now_of(const struct engine *e)
{
    return e->clock ? e->clock(e->clock_arg) : clock_mono();
}

void engine_clock(struct engine *e, int64_t (*now)(void *), void *arg)
{
    e->clock = now;
    e->clock_arg = arg;
}

static void tally_end(struct slot *s)
{
    struct engine *e = s->group->engine;
    struct engine_tally *t = &e->tally[s->group->tally];
    if (s->cancelled) {
        t->added--;
        return;
    }
    t->ended++;
    t->ever++;
    t->scored += s->r.status != ROLLOUT_UNSCORED;
    t->passed += s->r.correct;
    if (s->paid) {
        e->paid_ns += now_of(e) - s->began;
        e->n_paid++;
    }
}

/* The rollout is over: status and verdict are in place. */
static void finish(struct slot *s)
{
    struct group *g = s->group;
    struct engine *e = g->engine;
    if (s->episode)
        s->episode->env->ops->end(s->episode);
    s->episode = NULL;
    if (s->hash && e->n_spare < e->settings.concurrency) {
        hash_restart(s->hash);
        e->spare[e->n_spare++] = s->hash;
        s->hash = NULL;
    }
    buf_release(&s->block);
    free(s->shown.v);
    s->shown = (struct chat){0};
    tally_end(s);
    e->running--;
    e->ahead -= g->rank == AHEAD;
    g->in_flight--;
    g->ended++;
    schedule(e);
    if (g->freed && !g->in_flight)
        group_destroy(g);
}

static void end_with(struct slot *s, enum rollout_status status, const char *error)
{
    struct engine *e = s->group->engine;
    s->r.status = status;
    if (error && !s->r.error)
        s->r.error = str_dup(error);
    if (error && status == ROLLOUT_UNSCORED && !s->cancelled && s->group->rank != AHEAD &&
        !e->outage)
        e->outage = str_dup(error);
}

static void graded(const struct verdict *verdict, const struct strlist *tags, bool scored,
                   void *arg)
{
    struct slot *s = arg;
    s->waiting = false;
    if (verdict)
        rollout_set_verdict(&s->r, verdict);
    if (!scored)
        end_with(s, ROLLOUT_UNSCORED, verdict ? verdict->reason : "could not be graded");
    s->r.correct = scored && s->r.status == ROLLOUT_COMPLETED && verdict && verdict->correct;
    for (size_t i = 0; tags && i < tags->n; i++)
        strlist_add(&s->r.tags, tags->v[i]);
    finish(s);
}

/* The episode has ended with a status; the verdict is still missing. */
static void conclude(struct slot *s)
{
    if (s->cancelled || s->r.status == ROLLOUT_UNSCORED || s->r.status == ROLLOUT_TASK_ERROR ||
        !s->episode) {
        struct verdict why = {0};
        snprintf(why.reason, sizeof(why.reason), "%s", rollout_status_name(s->r.status));
        rollout_set_verdict(&s->r, &why);
        finish(s);
        return;
    }
    struct trace trace = {&s->r.chat, s->r.result};
    s->waiting = true;
    s->episode->env->ops->grade(s->episode, &trace, s->r.status, graded, s);
}

static int say(struct slot *s, enum chat_role role, const char *text, size_t len)
{
    int rc = chat_add(&s->r.chat, role, text, len);
    if (rc == 0 && s->hash)
        chat_hash_message(s->hash, &s->r.chat.v[s->r.chat.n - 1]);
    return rc;
}

/* The message that was just added, as the world sums it up for a writer of skills. */
static int keep_digest(struct rollout *r, const char *digest)
{
    char at[24];
    snprintf(at, sizeof(at), "%zu", r->chat.n - 1);
    if (!r->digests)
        r->digests = json_object();
    return json_object_set_new(r->digests, at, json_text(digest, strlen(digest))) < 0 ? err_oom()
                                                                                      : 0;
}

static void stepped(const struct env_step *step, void *arg)
{
    struct slot *s = arg;
    struct engine *e = s->group->engine;
    int rc = 0;
    s->waiting = false;
    if (step->action && *step->action)
        strlist_add(&s->r.actions, step->action);
    end_with(s, step->status, step->error);
    if (step->status == ROLLOUT_RUNNING)
        rc = say(s, CHAT_USER, step->text, step->len);
    if (rc == 0 && step->status == ROLLOUT_RUNNING && step->digest)
        rc = keep_digest(&s->r, step->digest);
    if (step->status != ROLLOUT_RUNNING && step->text)
        s->r.result = str_ndup(step->text, step->len);
    if (rc < 0)
        end_with(s, ROLLOUT_TASK_ERROR, err_msg());
    else if (s->r.status == ROLLOUT_RUNNING && s->r.calls >= e->settings.max_rounds)
        end_with(s, ROLLOUT_TASK_LIMIT, NULL);
    if (s->r.status == ROLLOUT_RUNNING && !s->cancelled)
        ask(s);
    else
        conclude(s);
}

static void fail_call(struct slot *s, const struct model_reply *reply)
{
    struct engine *e = s->group->engine;
    if (reply->result == MODEL_CONTEXT_LIMIT) {
        end_with(s, ROLLOUT_CONTEXT_LIMIT, reply->error);
    } else {
        end_with(s, ROLLOUT_UNSCORED, reply->error);
        if (reply->result == MODEL_FATAL && s->group->rank != AHEAD)
            engine_stop(e, GRASP_EINVAL, reply->error);
    }
    conclude(s);
}

static void replied(const struct model_reply *reply, void *arg)
{
    struct slot *s = arg;
    int rc = chat_wake(&s->r.chat);
    s->waiting = false;
    s->r.calls++;
    s->paid |= !reply->from_journal;
    s->r.said = reply->kind;
    model_usage_add(&s->r.usage, &reply->usage);
    if (rc < 0)
        chat_release(&s->r.chat);
    if (rc < 0 || s->cancelled) {
        end_with(s, ROLLOUT_UNSCORED, rc < 0 ? err_msg() : "cancelled");
        conclude(s);
        return;
    }
    if (reply->result != MODEL_OK) {
        fail_call(s, reply);
        return;
    }
    if (say(s, CHAT_AGENT, reply->text, reply->len) < 0) {
        end_with(s, ROLLOUT_TASK_ERROR, err_msg());
        conclude(s);
        return;
    }
    s->waiting = true;
    const struct message *m = &s->r.chat.v[s->r.chat.n - 1];
    s->episode->env->ops->step(s->episode, m->text, m->len, stepped, s);
}

/* top_k: the chosen skills go before the last user message while the agent has not acted yet, after
 * it from then on (spec: "Injection"). The trace does not hold them. */
static int inject_top(struct slot *s)
{
    const struct chat *c = &s->r.chat;
    struct buf *block = &s->block;
    buf_reset(block);
    enum model_phase phase = s->group->phase;
    bool kept = phase == PHASE_ROLLOUT_PROBE || phase == PHASE_ROLLOUT_DEV;
    int rc = skills_view_top(s->skills, c, s->group->engine->settings.top_k, block,
                             kept ? &s->r.shown : NULL);
    if (rc < 0 || !block->len)
        return rc;
    struct message *v = reallocarray(s->shown.v, c->n + 1, sizeof(*v));
    if (!v)
        return err_oom();
    bool acted = c->n > 1;
    size_t at = acted ? c->n : c->n - 1;
    memcpy(v, c->v, at * sizeof(*v));
    v[at] = (struct message){CHAT_USER, block->ptr, block->len};
    memcpy(v + at + 1, c->v + at, (c->n - at) * sizeof(*v));
    s->shown = (struct chat){.v = v, .n = c->n + 1, .cap = c->n + 1};
    return 0;
}

/* What evidence says of a probe's call: its name in the journal, the skills in its prompt. */
static int note_call(struct slot *s, const struct model_request *rq)
{
    const struct engine *e = s->group->engine;
    uint8_t key[HASH_SIZE];
    model_request_hash(rq, e->model->identity ? e->model->identity : e->model->name, key);
    s->r.last_call = 0;
    for (size_t i = 0; i < sizeof(s->r.last_call); i++)
        s->r.last_call = s->r.last_call << 8 | key[i];
    if (s->r.calls)
        return 0;
    s->r.first_call = s->r.last_call;
    return e->settings.inject == INJECT_ALL
               ? skills_view_names(s->skills, NULL, s->skills->set.n, &s->r.shown)
               : 0;
}

/* A memory that is not in the trace (method.h): one message is shown with it. The first one so was made
 * with the prompt. */
static int inject_memory(struct slot *s)
{
    const struct chat *c = &s->r.chat;
    const struct memory *m = s->skills->memory;
    size_t at = c->n - 1;
    if (c->n > 1) {
        buf_reset(&s->block);
        if (memory_place(m, c->n / 2) != PLACE_LAST)
            return 0;
        buf_add(&s->block, c->v[at].text, c->v[at].len);
        buf_adds(&s->block, "\n\n");
        size_t bare = s->block.len;
        if (memory_retrieves(m))
            memory_block(m, c->v[at].text, &s->block);
        else
            buf_add(&s->block, s->skills->block.ptr, s->skills->block.len);
        if (s->block.len == bare)
            buf_reset(&s->block);
    }
    if (buf_check(&s->block) < 0 || !s->block.len)
        return buf_check(&s->block);
    struct message *v = reallocarray(s->shown.v, c->n, sizeof(*v));
    if (!v)
        return err_oom();
    memcpy(v, c->v, c->n * sizeof(*v));
    v[at] = (struct message){CHAT_USER, s->block.ptr, s->block.len};
    s->shown = (struct chat){.v = v, .n = c->n, .cap = c->n};
    return 0;
}

/* The first message where skills are a memory: with it as every message after it (repaired, as skills
 * have it), else without, and `block` is the one that the first turn is asked with. */
static int first_with_memory(const struct skills_view *v, const json_t *parts,
                             enum prompt_order order, struct buf *text, struct buf *block)
{
    const struct memory *m = v->memory;
    struct buf query = BUF_INIT, found = BUF_INIT;
    bool stays = memory_place(m, 1) == PLACE_FIRST;
    int rc = 0;
    if (memory_retrieves(m) && stays)
        buf_addf(&query, "%s\n%s", json_str_at(parts, "description", ""),
                 json_str_at(parts, "context", ""));
    else if (memory_retrieves(m)) /* as released: the prompt, in the order that it has there */
        rc = first_message_of(NULL, parts, PROMPT_PAPER, &query);
    if (rc == 0)
        memory_block(m, query.ptr, &found);
    if (rc == 0)
        rc = first_message_of(stays ? &found : NULL, parts, order, text);
    if (rc == 0 && !stays && found.len)
        rc = first_message_of(&found, parts, order, block);
    if (rc == 0)
        rc = buf_check(&found);
    buf_release(&query);
    buf_release(&found);
    return rc;
}

static void ask(struct slot *s)
{
    struct engine *e = s->group->engine;
    const struct engine_settings *o = &e->settings;
    struct model_request rq = {
        .chat = &s->r.chat,
        .temperature = o->temperature,
        .max_tokens = o->max_tokens,
        .draw = s->r.draw,
        .also = s->r.draw ? 0 : e->alike[s->group->phase],
        .phase = s->group->phase,
        .ahead = s->group->rank == AHEAD,
        .prefix = s->hash,
    };
    int rc = e->stop_code;
    bool dropped = rq.ahead && wanted(e) && e->running >= o->concurrency;
    if (rc < 0 || dropped) {
        end_with(s, ROLLOUT_UNSCORED, dropped ? "its slot is wanted" : e->stop_message);
        conclude(s);
        return;
    }
    if (s->skills->memory)
        rc = memory_place(s->skills->memory, 1) == PLACE_FIRST ? 0 : inject_memory(s);
    else if (o->inject == INJECT_TOP_K)
        rc = inject_top(s);
    if (rc == 0 && s->block.len) {
        rq.chat = &s->shown;
        rq.prefix = NULL;
    }
    if (rc == 0 && rq.phase == PHASE_ROLLOUT_PROBE)
        rc = note_call(s, &rq);
    s->waiting = true;
    if (rc == 0)
        rc = model_ask(e->model, &rq, replied, s);
    if (rc < 0) {
        s->waiting = false;
        end_with(s, ROLLOUT_UNSCORED, err_msg());
        conclude(s);
    } else if (rq.chat == &s->r.chat) {
        chat_sleep(rq.chat);
    }
}

static struct hash *take_hash(struct engine *e)
{
    return e->n_spare ? e->spare[--e->n_spare] : hash_new();
}

static void prompted(enum rollout_status status, const json_t *parts, const char *error, void *arg)
{
    struct slot *s = arg;
    const struct engine_settings *o = &s->group->engine->settings;
    struct buf text = BUF_INIT;
    int rc = 0;
    s->waiting = false;
    if (s->cancelled)
        end_with(s, ROLLOUT_UNSCORED, "cancelled");
    else
        end_with(s, status, error);
    if (s->r.status == ROLLOUT_RUNNING) {
        s->r.told = json_incref((json_t *)parts);
        rc = s->skills->memory
                 ? first_with_memory(s->skills, parts, o->order, &text, &s->block)
                 : first_message(s->skills, o->inject == INJECT_ALL, parts, o->order, &text);
        if (rc == 0)
            rc = say(s, CHAT_USER, text.ptr, text.len);
        if (rc == 0 && s->group->engine->running > CROWD)
            chat_share(&s->r.chat, s->skills->prefix);
        if (rc < 0)
            end_with(s, ROLLOUT_TASK_ERROR, err_msg());
    }
    buf_release(&text);
    if (s->r.status == ROLLOUT_RUNNING)
        ask(s);
    else
        conclude(s);
}

static void start(struct slot *s)
{
    struct engine *e = s->group->engine;
    e->running++;
    s->group->in_flight++;
    s->began = now_of(e);
    s->hash = take_hash(e);
    int rc = e->env->ops->start(e->env, s->r.task, &s->episode);
    if (rc < 0) {
        end_with(s, rc == GRASP_EOUTAGE ? ROLLOUT_UNSCORED : ROLLOUT_TASK_ERROR, err_msg());
        conclude(s);
    } else {
        s->waiting = true;
        e->env->ops->prompt(s->episode, prompted, s);
    }
}

static void pump(void *arg)
{
    struct engine *e = arg;
    e->pump = 0;
    for (int n = 0; n < STARTS_PER_TURN && e->running < e->settings.concurrency; n++) {
        struct queue *q = e->queue;
        while (!q->first && q < &e->queue[AHEAD])
            q++;
        struct slot *s = q->first;
        if (!s)
            break;
        q->first = s->next;
        if (!q->first)
            q->last = &q->first;
        s->next = NULL;
        start(s);
    }
    schedule(e);
}

void group_called(struct group *g, const char *what)
{
    struct engine *e = g->engine;
    size_t i = 0;
    while (i < e->n_tallies && strcmp(e->tally[i].what, what) != 0)
        i++;
    if (i == e->n_tallies && i < TALLIES)
        e->tally[e->n_tallies++] = (struct engine_tally){.what = what};
    g->tally = i < TALLIES ? i : TALLIES - 1;
}

const struct engine_tally *engine_tallies(const struct engine *e, size_t *n)
{
    *n = e->n_tallies;
    return e->tally;
}

void engine_stage(struct engine *e)
{
    for (size_t i = 0; i < e->n_tallies; i++) {
        struct engine_tally *t = &e->tally[i];
        if (t->added == t->ended)
            *t = (struct engine_tally){.what = t->what, .ever = t->ever};
    }
}

int64_t engine_mean(const struct engine *e)
{
    return e->n_paid ? e->paid_ns / (int64_t)e->n_paid : 0;
}

struct group *engine_group(struct engine *e, enum model_phase phase)
{
    struct group *g = calloc(1, sizeof(*g));
    if (!g) {
        err_oom();
        return NULL;
    }
    g->engine = e;
    g->phase = phase;
    group_called(g, phase == PHASE_ROLLOUT_DEV     ? "dev"
                    : phase == PHASE_ROLLOUT_VAL   ? "val"
                    : phase == PHASE_ROLLOUT_PROBE ? "candidates"
                    : phase == PHASE_ROLLOUT_TEST  ? "tests"
                                                   : "rollouts");
    g->next = e->groups;
    if (g->next)
        g->next->prev = g;
    e->groups = g;
    return g;
}

void group_background(struct group *g)
{
    g->rank = BACKGROUND;
}

void group_ahead(struct group *g)
{
    g->rank = AHEAD;
    group_called(g, TALLY_AHEAD);
}

int group_add(struct group *g, const struct task *task, struct skills_view *skills, int64_t draw)
{
    struct engine *e = g->engine;
    int rc = skills_view_ready(skills ? skills : e->none, e->settings.prompts, e->settings.order);
    if (rc < 0)
        return rc;
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        struct slot **v = reallocarray(g->v, cap, sizeof(*v));
        if (!v)
            return err_oom();
        g->v = v;
        g->cap = cap;
    }
    struct slot *s = calloc(1, sizeof(*s));
    if (!s)
        return err_oom();
    buf_init(&s->block);
    s->group = g;
    s->index = g->n;
    s->r.task = task;
    s->r.draw = draw;
    s->skills = skills_view_ref(skills ? skills : e->none);
    g->v[g->n++] = s;
    e->tally[g->tally].added++;
    struct queue *q = &e->queue[g->rank];
    *q->last = s;
    q->last = &s->next;
    e->ahead += g->rank == AHEAD;
    schedule(e);
    return (int)s->index;
}

const char *group_texts(const struct group *g)
{
    return g->engine->env->texts;
}

struct group *engine_group_of(struct engine *e, enum model_phase phase, bool background,
                              const struct task_set *tasks, struct skills_view *skills,
                              int64_t draw)
{
    struct group *g = engine_group(e, phase);
    if (g && background)
        group_background(g);
    for (size_t i = 0; g && i < tasks->n; i++)
        if (group_add(g, &tasks->v[i], skills, draw) < 0) {
            group_free(g);
            return NULL;
        }
    return g;
}

static int stopped(const struct engine *e)
{
    if (!e->stop_code)
        return 0;
    return err_set(e->stop_code, "%s", e->stop_message ? e->stop_message : "stopped");
}

int engine_turn(struct engine *e)
{
    int rc = stopped(e);
    if (rc == 0)
        rc = loop_turn(e->loop, -1);
    if (rc >= 0 && e->on_room && engine_room(e) > 0)
        rc = e->on_room(e->on_room_arg);
    return rc < 0 ? rc : 0;
}

int group_wait(struct group *g)
{
    while (!group_done(g)) {
        int rc = engine_turn(g->engine);
        if (rc < 0)
            return rc;
    }
    return stopped(g->engine);
}

bool group_done(const struct group *g)
{
    return g->ended == g->n;
}

size_t group_ended(const struct group *g)
{
    return g->ended;
}

size_t group_size(const struct group *g)
{
    return g->n;
}

const struct rollout *group_result(const struct group *g, size_t index)
{
    return index < g->n ? &g->v[index]->r : NULL;
}

void group_unscore(struct group *g, size_t index, const char *why)
{
    g->v[index]->r.correct = false;
    end_with(g->v[index], ROLLOUT_UNSCORED, why);
}

/* Takes the group's rollouts that have not started out of the queue. */
static void unqueue(struct group *g)
{
    struct queue *q = &g->engine->queue[g->rank];
    struct slot **p = &q->first;
    q->last = p;
    while (*p) {
        struct slot *s = *p;
        if (s->group == g) {
            *p = s->next;
            s->next = NULL;
            s->cancelled = true;
            end_with(s, ROLLOUT_UNSCORED, "cancelled");
            g->ended++;
            g->engine->tally[g->tally].added--;
            g->engine->ahead -= g->rank == AHEAD;
        } else {
            p = &s->next;
            q->last = p;
        }
    }
}

void group_cancel(struct group *g)
{
    unqueue(g);
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i]->r.status == ROLLOUT_RUNNING)
            g->v[i]->cancelled = true;
}

void group_free(struct group *g)
{
    if (!g)
        return;
    group_cancel(g);
    g->freed = true;
    if (!g->in_flight)
        group_destroy(g);
}
