/* gate_private.h - what the files of gate/ share. */
#ifndef GRASP_GATE_GATE_PRIVATE_H
#define GRASP_GATE_GATE_PRIVATE_H

#include "gate/gate.h"

/* Where a candidate stands under GATE_REPLICATE. */
enum replicate_phase {
    REPLICATE_FIXES,   /* does it fix anything? */
    REPLICATE_BREAKS,  /* it does; does it break anything? */
    REPLICATE_REFUSED, /* nothing is left that it could fix, and what is there is no evidence */
    REPLICATE_DECIDED, /* everything that the rule asks for has been measured */
};
struct replicate_state {
    enum replicate_phase phase;
    double odds;
    struct gate_score score;
    int most;        /* the highest score that can still come */
    int first_draws; /* first draws that are still pending, whether asked for or not */
};
/* One probe on the path of one candidate: of nb draws of the baseline sb came out like its first, of
 * nc of the candidate sc. */
struct gate_walk {
    int nb, sb, nc, sc;
    bool fix;    /* its role: what the baseline fails can be fixed */
    bool agrees; /* the outcome that chose the probe came out like the baseline's first */
    bool closed; /* a redraw could not be measured: it stays as it is */
    double l;
};
/* How many redraws of each arm the rule looked at, by probe. */
struct replicate_used {
    unsigned char base, cand;
};
/* Weighs a candidate by all the draws that its own path asks for (never by what is there for
 * another one, so that the decision is a function of the table of draws). `want` (may be NULL) has
 * room for 2 n picks: what the path needs next, *wanted of them. `used` (may be NULL): n. */
void replicate_weigh(const struct gate *g, size_t arm, struct replicate_state *out,
                     struct gate_pick *want, size_t *wanted, struct replicate_used *used);
/* gate_wave under this rule. */
size_t replicate_wave(const struct gate *g, size_t max, struct gate_pick *out);

#endif
