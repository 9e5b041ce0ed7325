/*
 * engine.c - the rollout state machine.
 *
 * A slot is one rollout on its way: waiting in the engine's FIFO, then asking the model and
 * stepping the environment in turn until it ends, then graded. Every continuation arrives from the
 * loop; the model never answers from inside model_ask, so the machine does not recurse.
 */
#include "runtime/engine/engine_private.h"

#include <stdlib.h>
#include <string.h>

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

static void ask(struct slot *s);
static void pump(void *arg);

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

int engine_stopped(const struct engine *e)
{
    if (!e->stop_code)
        return 0;
    return err_set(e->stop_code, "%s", e->stop_message ? e->stop_message : "stopped");
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

void engine_schedule(struct engine *e)
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

void group_destroy(struct group *g)
{
    *(g->prev ? &g->prev->next : &g->engine->groups) = g->next;
    if (g->next)
        g->next->prev = g->prev;
    for (size_t i = 0; i < g->n; i++)
        slot_free(g->v[i]);
    free(g->v);
    free(g);
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
    engine_schedule(e);
    if (g->freed && !g->in_flight)
        group_destroy(g);
}

void slot_end(struct slot *s, enum rollout_status status, const char *error)
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
        slot_end(s, ROLLOUT_UNSCORED, verdict ? verdict->reason : "could not be graded");
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
    slot_end(s, step->status, step->error);
    if (step->status == ROLLOUT_RUNNING)
        rc = say(s, CHAT_USER, step->text, step->len);
    if (rc == 0 && step->status == ROLLOUT_RUNNING && step->digest)
        rc = keep_digest(&s->r, step->digest);
    if (step->status != ROLLOUT_RUNNING && step->text)
        s->r.result = str_ndup(step->text, step->len);
    if (rc < 0)
        slot_end(s, ROLLOUT_TASK_ERROR, err_msg());
    else if (s->r.status == ROLLOUT_RUNNING && s->r.calls >= e->settings.max_rounds)
        slot_end(s, ROLLOUT_TASK_LIMIT, NULL);
    if (s->r.status == ROLLOUT_RUNNING && !s->cancelled)
        ask(s);
    else
        conclude(s);
}

static void fail_call(struct slot *s, const struct model_reply *reply)
{
    struct engine *e = s->group->engine;
    if (reply->result == MODEL_CONTEXT_LIMIT) {
        slot_end(s, ROLLOUT_CONTEXT_LIMIT, reply->error);
    } else {
        slot_end(s, ROLLOUT_UNSCORED, reply->error);
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
        slot_end(s, ROLLOUT_UNSCORED, rc < 0 ? err_msg() : "cancelled");
        conclude(s);
        return;
    }
    if (reply->result != MODEL_OK) {
        fail_call(s, reply);
        return;
    }
    if (say(s, CHAT_AGENT, reply->text, reply->len) < 0) {
        slot_end(s, ROLLOUT_TASK_ERROR, err_msg());
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
        slot_end(s, ROLLOUT_UNSCORED, dropped ? "its slot is wanted" : e->stop_message);
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
        slot_end(s, ROLLOUT_UNSCORED, err_msg());
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
        slot_end(s, ROLLOUT_UNSCORED, "cancelled");
    else
        slot_end(s, status, error);
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
            slot_end(s, ROLLOUT_TASK_ERROR, err_msg());
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
    s->began = engine_now(e);
    s->hash = take_hash(e);
    int rc = e->env->ops->start(e->env, s->r.task, &s->episode);
    if (rc < 0) {
        slot_end(s, rc == GRASP_EOUTAGE ? ROLLOUT_UNSCORED : ROLLOUT_TASK_ERROR, err_msg());
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
    engine_schedule(e);
}
