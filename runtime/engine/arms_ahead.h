/*
 * arms_ahead.h - what a gate will probably ask for once its wave is over, measured while the wave's
 * last answers are waited for.
 *
 * The gate's waves stay as they are, and with them everything that it decides by: each is a function
 * of the outcomes before it. Ahead of them goes a copy of the gate that learns of every outcome as it
 * comes in, and asks for what it would ask for then. That is rolled out in idle slots and counts for
 * nothing; where the gate comes to ask for the same, its calls are in the journal. Which answer came
 * first decides what is asked ahead, and nothing else.
 */
#ifndef GRASP_RUNTIME_ENGINE_ARMS_AHEAD_H
#define GRASP_RUNTIME_ENGINE_ARMS_AHEAD_H

#include "runtime/engine/arms.h"

struct asked;
struct arms_ahead {
    const struct arms *arms;
    const struct gate *gate; /* the real one */
    struct skills_view *base, *const *views;
    /* The wave that is being measured. */
    const struct gate_pick *wave;
    size_t n_wave;
    const struct group *wave_group;
    struct gate copy;
    struct gate_pick *picks; /* `most` */
    size_t most;
    struct group *group; /* rollouts made ahead; NULL: none yet */
    struct asked *asked; /* of every arm, the baseline last, probe and draw */
    size_t ended;        /* of both groups, as of the last look */
    bool more;           /* that look found no room for all that is likely */
};
/* `most`: picks that a wave can have. 0 or GRASP_ENOMEM. */
int arms_ahead_open(struct arms_ahead *h, const struct arms *a, const struct gate *g,
                    struct skills_view *base, struct skills_view *const *views, size_t most);
/* Drops what is still in flight. */
void arms_ahead_close(struct arms_ahead *h);
void arms_ahead_wave(struct arms_ahead *h, const struct group *group, const struct gate_pick *wave,
                     size_t n);
/* There is room: asks for more (engine_on_room). */
int arms_ahead_fill(void *arg);

#endif
