/*
 * env.h - the world a rollout acts in. Two kinds: `fhir` (MedAgentBench, in process or any FHIR
 * base URL) and `exec` (tasks of any world through a child process that speaks JSON lines).
 *
 * An episode goes start, prompt, step..., grade, end; all but start and end answer through a
 * callback, which may come from inside the call (in-process FHIR) or later from loop_turn. At most
 * one answer is awaited at a time; `end` may come while it is, and then it never comes.
 */
#ifndef GRASP_RUNTIME_ENV_ENV_H
#define GRASP_RUNTIME_ENV_ENV_H

#include "probes/graders/grader.h"
#include "probes/task.h"
#include "runtime/loop/loop.h"

/* Statuses of spec/method.md, "Rollout". */
enum rollout_status {
    ROLLOUT_RUNNING,
    ROLLOUT_COMPLETED,
    ROLLOUT_INVALID_ACTION,
    ROLLOUT_TASK_LIMIT,
    ROLLOUT_CONTEXT_LIMIT,
    ROLLOUT_TASK_ERROR,
    ROLLOUT_UNSCORED
};
const char *rollout_status_name(enum rollout_status s); /* "agent invalid action", ... */

struct env;
struct env_episode; /* one rollout's state in the world (overlay, child session) */

struct env_step {
    enum rollout_status status; /* RUNNING: `text` is the next user message */
    const char *text; /* observation, or the answer when COMPLETED (NULL: none); borrowed */
    size_t len;
    const char *action; /* what was done, one line, for logs: "GET Observation?..."; borrowed */
    const char *error;  /* for TASK_ERROR and UNSCORED */
    const char *digest; /* of the observation, as the world itself sums it up; NULL: it does not */
};
/* status RUNNING: `parts` (borrowed) are what this world contributes to the first user message: an
 * object {api, response_format, description, context?} (spec, "Rollout"), with {fields: {ours:
 * theirs}} where their names are a user's; or {before_skills, after_skills}, the message as text. `api` is one and the same
 * value for all tasks that share api and response_format, and lives as long as the environment.
 * TASK_ERROR or UNSCORED: parts is NULL and `error` says why. */
typedef void (*env_prompt_fn)(enum rollout_status status, const json_t *parts, const char *error,
                              void *arg);
typedef void (*env_step_fn)(const struct env_step *step, void *arg);
typedef void (*env_grade_fn)(const struct verdict *verdict, const struct strlist *tags, bool scored,
                             void *arg);

struct env_ops {
    int (*start)(struct env *e, const struct task *task, struct env_episode **episode);
    void (*prompt)(struct env_episode *ep, env_prompt_fn fn, void *arg);
    void (*step)(struct env_episode *ep, const char *reply, size_t len, env_step_fn fn, void *arg);
    /* Grades a finished episode. scored false: the world was out of reach, not an outcome. */
    void (*grade)(struct env_episode *ep, const struct trace *trace, enum rollout_status status,
                  env_grade_fn fn, void *arg);
    void (*end)(struct env_episode *ep);
    void (*close)(struct env *e);
};
struct env {
    const struct env_ops *ops;
    const char *texts; /* hash of the user's texts that agents see here; NULL: ours. Its own */
};
struct env_episode {
    struct env *env;
};

struct config;
/* The environment a configuration describes. */
int env_open(struct env **e, struct loop *loop, const struct config *config);
int env_open_fhir(struct env **e, struct loop *loop, const struct config *config);
int env_open_exec(struct env **e, struct loop *loop, const struct config *config);
void env_close(struct env *e);

#endif
