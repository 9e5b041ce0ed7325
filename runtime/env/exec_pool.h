/*
 * exec_pool.h - inside env.kind exec: episodes, workers, and who of them works on what. A worker is
 * a child process and what is known of it.
 *
 * A pool of up to env.processes workers. An episode lives in one worker; a worker holds as many as
 * its child said it can, and has one request out at a time. An episode keeps the replies that it
 * was sent: when its child is lost it begins again in another one, and what it was told before must
 * be told again. Whose request was out when a child was lost is a suspect (a neighbour may have
 * been the cause) and is alone in its child from then on. A third loss makes it unscored, and when
 * children keep failing without a single answer in between, all are: the world is out of reach,
 * which is no wrong answer (DESIGN.md D10).
 */
#ifndef GRASP_RUNTIME_ENV_EXEC_POOL_H
#define GRASP_RUNTIME_ENV_EXEC_POOL_H

#include <sys/queue.h>

#include "runtime/config/config.h"
#include "runtime/env/env.h"
#include "runtime/env/exec_child.h"
#include "runtime/env/exec_protocol.h"

TAILQ_HEAD(exec_episodes, exec_episode);

struct exec_told { /* a reply that was sent, and what came back */
    char *reply;
    size_t len;
    uint64_t digest;
};

struct exec_episode {
    struct env_episode base;
    struct exec *env;
    const struct task *task;
    uint64_t number;
    struct exec_worker *worker; /* NULL: none at present */
    struct exec_episodes *line; /* that it waits in: for a worker, or for its turn */
    TAILQ_ENTRY(exec_episode) in_line, in_all;
    enum exec_op want; /* EXEC_END: nothing */
    size_t answered;   /* requests that its present child has answered */
    uint64_t started;  /* digest of the answer to start */
    struct exec_told *told;
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

struct exec_worker {
    struct exec *env;
    struct exec_child *child;
    enum { WORKER_OFF, WORKER_PAUSE, WORKER_HELLO, WORKER_READY } state;
    uint64_t timer;          /* the end of the pause, or the time limit of the request */
    enum exec_op op;         /* of the request that is out */
    uint64_t request;        /* its id; 0: none is out */
    struct exec_episode *on; /* whose request it is; NULL: hello, or an episode that has ended */
    size_t n_episodes, room;
    bool alone;                /* its one episode is a suspect */
    bool held;                 /* takes no further ones, so that it can be alone with a suspect */
    struct exec_episodes line; /* its episodes that want something */
};

struct exec {
    struct env base;
    struct loop *loop;
    const struct config *config;
    struct exec_command command;
    struct strlist variables; /* of its environment */
    int64_t timeout;
    struct exec_worker *workers;
    size_t n_workers;
    struct exec_episodes all, waiting; /* waiting: for a place in a worker */
    json_t *shared;                    /* text -> {api, response_format} */
    struct buf out;
    uint64_t last_id, last_episode, due;
    int failures, warnings;
    bool opening;
    char *broken; /* why nothing is tried any more */
    /* Set by who opened the pool: an episode's answer, or why there is none. The callee may forget
     * any episode, or want the next thing. */
    void (*tell_outage)(struct exec_episode *ep, const char *why);
    void (*tell_answer)(struct exec_episode *ep, struct exec_answer *a);
};

/* The episode wants its next request sent; the answer comes as tell_*. */
void exec_want(struct exec_episode *ep, enum exec_op op);
/* It ends: its worker hears of it, and an answer that is under way goes to nobody. */
void exec_forget(struct exec_episode *ep);
/* Starts the first worker and waits until it has said hello. */
int exec_pool_open(struct exec *e);
void exec_pool_close(struct exec *e); /* all episodes are forgotten */

#endif
