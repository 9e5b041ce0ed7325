/*
 * engine.h - runs rollouts, any number in flight on one loop (DESIGN.md D3).
 *
 *     struct group *g = engine_group(engine, PHASE_ROLLOUT_VAL);
 *     for (...) group_add(g, task, skills, 0);
 *     group_wait(g);                             // turns the loop; other groups advance too
 *     group_result(g, i)->correct ...
 *     group_free(g);
 *
 * Results are in the order of group_add whatever the order of completion. Rollouts start in FIFO
 * order over all groups, at most `concurrency` at a time.
 */
#ifndef GRASP_RUNTIME_ENGINE_ENGINE_H
#define GRASP_RUNTIME_ENGINE_ENGINE_H

#include "gate/gate.h"
#include "runtime/base/traces.h"
#include "runtime/env/env.h"
#include "runtime/model/model.h"
#include "skills/inject.h"

/* A library revision made ready for rollouts; counted references, so that rollouts may outlive the
 * caller's. */
struct skills_view;
/* Copies; NULL set: no skills. NULL and a message (err_code): out of memory, or the set holds another
 * method's document (method.h) that cannot be read. */
struct skills_view *skills_view_new(const struct skill_set *set);
struct skills_view *skills_view_ref(struct skills_view *v);
void skills_view_unref(struct skills_view *v);

enum inject_mode { INJECT_ALL, INJECT_TOP_K };
enum prompt_order { PROMPT_SHARED_FIRST, PROMPT_PAPER };
struct engine_settings {
    size_t concurrency; /* rollouts in flight, 1..16000 */
    int max_rounds;
    enum inject_mode inject;
    int top_k;
    enum prompt_order order;
    const struct prompts *prompts; /* of the user's; NULL: ours */
    double temperature;
    int max_tokens;
    /* How many calls may be made that nobody wants yet (group_ahead); NULL: none. */
    size_t (*room)(void *arg);
    void *room_arg;
};

struct rollout {
    const struct task *task;
    int64_t draw;
    enum rollout_status status;
    bool correct;
    struct verdict *verdict; /* rollout_verdict; NULL: not graded yet */
    struct strlist tags, actions;
    struct chat chat;
    char *result; /* answer text, NULL when none */
    /* What the world told the agent, as env_prompt_fn has it; read only. NULL: it did not begin. */
    json_t *told;
    /* Answers as the world itself sums them up: {"index of the message": text}; NULL: none. */
    json_t *digests;
    char *error; /* for task errors and unscored ones */
    struct model_usage usage;
    int calls;           /* model calls asked for, journaled or not */
    enum said_kind said; /* what kind of reply the last one was */
    /* Of probes, and of dev where each turn shows the best: the skills that were shown ("NAME vVERSION"). */
    struct strlist shown;
    /* Of probes: the first and the last call, by the beginning of the request's hash, which is its key in
     * the journal. */
    uint64_t first_call, last_call;
};
enum outcome rollout_outcome(const struct rollout *r);
/* Its verdict; before there is one, one that says nothing. */
const struct verdict *rollout_verdict(const struct rollout *r);
/* The line of *_runs.jsonl: {task_id, index, status, correct, reason, result, tags, actions, usage,
 * messages}. New reference. */
json_t *rollout_to_json(const struct rollout *r);
/* What evidence keeps of a probe's rollout: {status (when it is not completed), answer, answer_bytes
 * (of all of it, when it is cut), reasons, skills, prompt, call}. New reference; NULL when out of
 * memory. */
json_t *rollout_seen(const struct rollout *r);
/* Adds that line. */
int rollout_write(const struct rollout *r, struct trace_out *out);

struct engine;
struct group;
int engine_open(struct engine **e, struct loop *loop, struct model *model, struct env *env,
                const struct engine_settings *settings);
/* Frees what still stands of its groups; close the model first, so that no callback comes any more.
 */
void engine_close(struct engine *e);
/* NULL and a message when out of memory. */
struct group *engine_group(struct engine *e, enum model_phase phase);
/* Call before the first group_add: its rollouts start only while no other group's are waiting. */
void group_background(struct group *g);
/* Likewise: its rollouts are made for their answers, which will probably be wanted (and are in the
 * journal then), start in slots that nobody else wants, and are dropped between two calls, unscored,
 * when somebody does. How many may be added is asked of engine_room. */
void group_ahead(struct group *g);
/* Rollouts that may be made ahead now: idle slots, but for some that are left for requests that are
 * sent again, as far as the settings allow more such calls. 0 while any other rollout waits. */
size_t engine_room(const struct engine *e);
/* `fn` is called after each turn of engine_turn and group_wait in which there is room, to fill it;
 * what it returns below 0 they return. NULL: nobody is. */
void engine_on_room(struct engine *e, int (*fn)(void *arg), void *arg);
/* Adds a rollout; its index in the group, or negative. `task` is borrowed until group_free. */
int group_add(struct group *g, const struct task *task, struct skills_view *skills, int64_t draw);
/* Draws are shared from here on, and in this phase an answer to `draw` that was paid for before
 * that was known stands for them (draw.h). */
void engine_draws_alike(struct engine *e, enum model_phase phase, int64_t draw);
/* A group that rolls out all of `tasks`, each once. NULL and a message when out of memory. */
struct group *engine_group_of(struct engine *e, enum model_phase phase, bool background,
                              const struct task_set *tasks, struct skills_view *skills,
                              int64_t draw);
/* Turns the loop until all added rollouts ended. GRASP_ESTOPPED on a signal or a spent budget. */
int group_wait(struct group *g);
/* One turn of the loop for waits of the caller's own; GRASP_ESTOPPED and the like as group_wait. */
int engine_turn(struct engine *e);
/* Hash of the user's texts that its agents see; NULL: ours. Lives as long as the engine's world. */
const char *group_texts(const struct group *g);
bool group_done(const struct group *g);
size_t group_ended(const struct group *g); /* rollouts that ended */
size_t group_size(const struct group *g);
/* Valid until group_free; status ROLLOUT_RUNNING while it has not ended. */
const struct rollout *group_result(const struct group *g, size_t index);
/* Takes a result back: from here on the rollout, which has ended, is unscored. */
void group_unscore(struct group *g, size_t index, const char *why);
/* Drops rollouts that have not started; those in flight are ended and their results thrown away. */
void group_cancel(struct group *g);
void group_free(struct group *g);
/* ---- how far it is ---- */

/* What a group's rollouts are counted as, instead of by its phase ("dev", "val", "candidates", "tests"):
 * lasts as long as the engine. Call before the first group_add. */
void group_called(struct group *g, const char *what);
#define TALLY_AHEAD "ahead" /* kind of those of group_ahead, which nobody waits for */
struct engine_tally {
    const char *what;
    size_t added, ended, scored, passed; /* of this stage; cancelled ones are not counted */
    size_t ever;                         /* ended, of all stages */
};
/* Those of all kinds that there were, in the order of their first group. */
const struct engine_tally *engine_tallies(const struct engine *e, size_t *n);
/* A new stage begins: kinds of which everything has ended count from 0. */
void engine_stage(struct engine *e);
/* Another clock than clock_mono for these times, for tests. */
void engine_clock(struct engine *e, int64_t (*now)(void *arg), void *arg);
/* Mean time of a rollout that a model was asked for (not the journal alone); 0: there was none. */
int64_t engine_mean(const struct engine *e);

/* What the first rollout that could not be measured met; "" when there was none. */
const char *engine_outage(const struct engine *e);
/* Asks engine_turn-like waits to stop: budgets and fatal model errors set this; group_wait returns
 * `code` with the message from then on. */
void engine_stop(struct engine *e, int code, const char *message);

#endif
