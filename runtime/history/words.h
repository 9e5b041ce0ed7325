/*
 * words.h - what the gate decided and measured, in words. The terminal, the live view and the page
 * say it with these, so that all of them say the same.
 *
 *     struct ruling v;
 *     ruling_of(&v, &gate.rules, &gate.arm[k], k == winner);    // as it was measured, or
 *     ruling_read(&v, evidence);                                // out of a note
 *     ruling_counts(&v, &line);     // "+2 (7 fixes, 5 of them the baseline's own; 1 regression)"
 *     ruling_words(&v, &line);      // "refused: another candidate gained more"
 */
#ifndef GRASP_RUNTIME_HISTORY_WORDS_H
#define GRASP_RUNTIME_HISTORY_WORDS_H

#include "gate/gate.h"
#include "runtime/base/buf.h"

struct ruling {
    const char
        *fate;      /* "accepted", "beaten", "score", ...; "unmeasured"; "" while it is measured */
    bool early;     /* stopped before all of its probes were measured */
    bool replicate; /* by the rule for noisy outcomes */
    int budget;     /* regressions that it may have beyond the baseline's own */
    bool measured;  /* there are counts */
    struct gate_score score;
    const int *winner; /* what the accepted one of the update gained; NULL: not known, or none */
};
/* Of a candidate as it stands. One that is still measured has the fate "". */
void ruling_of(struct ruling *v, const struct gate_rules *rules, const struct gate_arm *arm,
               bool accepted);
/* Of a note, or a row of skill_updates.json; what it lacks is 0. Borrows from it. */
void ruling_read(struct ruling *v, const json_t *evidence);

bool ruling_accepted(const struct ruling *v); /* also unmeasured: it is in the library */
/* "+2 (7 fixes, 5 of them the baseline's own; no regressions)", of one that stopped early without the
 * score that it never got; "nothing was measured". */
void ruling_counts(const struct ruling *v, struct buf *out);
/* "accepted", "refused: it broke 2 that pass without it, none may break": one clause,
 * no full stop. */
void ruling_words(const struct ruling *v, struct buf *out);

/* "accepted", "beaten", "score", "regressions", ...: the word for it in evidence. */
const char *decision_fate(const struct gate_arm *arm, bool accepted);
/* Why a candidate was refused, from its evidence's fate alone. */
const char *fate_words(const char *fate);

#endif
