/* engine_private.h - what the files of the engine share: engine.c runs rollouts, group.c has what its users
 * hold, tally.c counts and times them. */
#ifndef GRASP_RUNTIME_ENGINE_ENGINE_PRIVATE_H
#define GRASP_RUNTIME_ENGINE_ENGINE_PRIVATE_H

#include "runtime/engine/engine.h"

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

/* engine.c */
/* Rollouts that wait are started soon, as many as there is room for. */
void engine_schedule(struct engine *e);
/* Its status, and the first reason. */
void slot_end(struct slot *s, enum rollout_status status, const char *error);
void group_destroy(struct group *g);
/* The code and message of engine_stop; 0: it goes on. */
int engine_stopped(const struct engine *e);

/* tally.c */
int64_t engine_now(const struct engine *e);
/* A rollout of the tally is over. */
void tally_end(const struct slot *s);

#endif
