/*
 * draw.h - numbers of independent samples (DESIGN.md D1). A request is the same one, and paid for
 * once, only where its draw number is the same.
 *
 *     struct draws d = {.seed = 1};
 *     draw_number(&d, DRAW_PROBE, 7000);   // another sample than any other purpose's or counter's
 *
 * A number is made of the run's seed, what it is drawn for and a counter, so that an outcome which
 * chose something is never evidence about it, and runs of different seeds share nothing. An
 * endpoint that was found to answer alike every time needs one sample only: `shared`, and every
 * number is 0.
 */
#ifndef GRASP_RUNTIME_MODEL_DRAW_H
#define GRASP_RUNTIME_MODEL_DRAW_H

#include <stdbool.h>
#include <stdint.h>

/* The numbers stand in journals and traces: never renumber. */
enum draw_purpose {
    DRAW_DEV = 1, /* batches of dev; counter: epoch */
    DRAW_PROBE,   /* arms of a gate; counter: update * DRAWS_AN_UPDATE + repeat or redraw */
    DRAW_CONFIRM, /* the same on a second probe set */
    DRAW_VAL,     /* checkpoints; counter: epoch + 1, 0 without skills */
    DRAW_TEST,    /* final scores */
    DRAW_NOISE,   /* how often outcomes flip; counter: number of the repetition */
    DRAW_WRITER,  /* counter: update * DRAWS_AN_UPDATE + number of the sample */
    DRAW_PANEL,   /* dev as a jury outside of learning */
    DRAW_SELECT,  /* which tasks fail now, to choose probes; counter as for DRAW_PROBE */
};
enum { DRAWS_AN_UPDATE = 1000 };

struct draws {
    uint64_t seed; /* below 2^31 */
    bool shared;
};

/* 0 where draws are shared, else positive. `counter` is below 2^28. */
static inline int64_t draw_number(const struct draws *d, enum draw_purpose purpose,
                                  uint32_t counter)
{
    if (d->shared)
        return 0;
    return (int64_t)((d->seed & 0x7fffffff) << 32 | (uint64_t)purpose << 28 |
                     (counter & 0xfffffff));
}

#endif
