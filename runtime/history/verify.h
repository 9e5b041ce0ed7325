/*
 * verify.h - whether a library's history holds together.
 *
 * Verification: is the history what the gate's rule let in, and does all that says so agree?
 *
 * A measured commit is believed when its evidence note is there, was written once, gives the score
 * and the decision that it claims (gate_evidence_check), says the same as the commit's subject and
 * trailers, belongs to this commit, tree and parent, names the probes of the commit's Probe-Set,
 * and when its edit, applied to the parent's skills, gives exactly the commit's tree. The
 * candidates of an update must be there, share their baseline, and none may have deserved to win
 * instead.
 *
 * Nobody signs evidence. Who can rewrite the whole repository - commits, candidates, notes and the
 * notes' history - can make one that agrees with itself; what he cannot do is keep its commit ids.
 */
#ifndef GRASP_RUNTIME_HISTORY_VERIFY_H
#define GRASP_RUNTIME_HISTORY_VERIFY_H

#include "runtime/history/history.h"

struct finding {
    struct oid commit; /* "" when it is about none */
    bool problem;      /* else a remark */
    char *what;
};
struct findings {
    struct finding *v;
    size_t n, cap, problems;
    bool failed; /* out of memory */
};
void findings_release(struct findings *f);
void finding_add(struct findings *f, const struct oid *commit, bool problem, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* What one commit says of itself against its evidence; pure. accepted: it is on a branch, so the
 * rule must let it in; else it is a refused candidate. `score` is recomputed from the probes. */
void check_claims(const struct step *s, const json_t *evidence, bool accepted, struct findings *f,
                  struct gate_score *score);
/* The probe set's text ("failing ID" or "passing ID", a line each) against the evidence; pure. */
void check_probe_text(const struct step *s, const json_t *evidence, const char *text, size_t len,
                      struct findings *f);
/* The measured commits of one update: its refused candidates in order, and the accepted one. */
struct update_arm {
    const struct step *step;
    const json_t *evidence; /* NULL: none, or not readable */
    int k;                  /* -1: the accepted one, whose number is the one missing */
};
/* Whether they belong together and the right one won; pure. */
void check_update(const struct update_arm *arms, size_t n, struct findings *f);

struct verify_counts {
    int measured, unmeasured, imported, restored, by_hand; /* commits on branches and tags */
    int acknowledged;                                      /* of those by hand: a person said why */
    int candidates, notes;
    int unknown; /* measured ones whose evidence, or whose commit, this copy lacks */
    int lacks;   /* LIBRARY_LACKS_* of this copy */
};
/* The whole library, opened with LIBRARY_MEMORY. 0 also when there are problems: they are in `f`.
 */
int history_verify(struct library *lib, struct findings *f, struct verify_counts *counts);

#endif
