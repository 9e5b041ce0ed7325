/*
 * decision.h - what a decision of the gate leaves in a library (DESIGN.md D2): every candidate a
 * commit with trailers on the head it was measured against, its evidence a note on it, and the
 * refused ones kept under refs/grasp/candidates.
 *
 *     struct decision d = {.lib = lib, .head = &head, .run = "...", .gate = &gate,
 *                          .probes = &probes, .when = now, ...};
 *     decision_begin(&d);                                        // stores the probe set
 *     for (k = 0; k < n; k++)
 *         decision_record(&d, k, &judged[k], (int)k == winner, &evidence);
 *     if (winner >= 0) library_accept(lib, &head, &judged[winner].commit);
 *     decision_release(&d);
 *
 * Doing it again with the same values makes the same objects, finds them there, and changes
 * nothing.
 */
#ifndef GRASP_RUNTIME_HISTORY_DECISION_H
#define GRASP_RUNTIME_HISTORY_DECISION_H

#include "gate/gate.h"
#include "probes/probe_set.h"
#include "skills/edit.h"
#include "skills/library.h"

struct decision {
    struct library *lib;
    const struct oid *head; /* what all of it was measured against */
    const char *run;
    int epoch, update;
    int number; /* of the update over the whole run, for the refs of candidates */
    const char *writer, *executor;
    const char *draws;              /* "fresh" or "shared" samples; NULL: not said */
    json_t *asked;                  /* what became of the update's proposals; NULL: not said */
    const struct prompts *prompts;  /* how the executor reads skills; NULL: as we write them */
    const struct probe_set *probes; /* NULL: unmeasured */
    const struct gate *gate;        /* likewise */
    int64_t when;
    const struct trailer *more; /* further trailers, before Probe-Set */
    size_t n_more;
    const json_t *seen; /* of the baseline: arms_seen; NULL: not kept */
    bool journaled;     /* the calls can be looked up */
    /* filled in by decision_begin */
    struct oid blob;
    const char **ids;
};

/* A candidate that was judged. Everything is borrowed. */
struct judged {
    const struct proposal *proposal;
    const struct oid *tree;
    const char *reason; /* why it was proposed: the commit's body; may be NULL */
    int k;              /* number of the proposal call */
    bool revision;
    const json_t *seen; /* of the candidate, as the baseline's */
    struct oid commit;  /* filled in */
};

/* The time of a decision that this run made before, from what it left in the library; else now. For
 * work that keeps no state of its own: done again, it makes the same objects. */
int decision_when(struct library *lib, const char *run, int update, int64_t *when);
int decision_begin(struct decision *d);
void decision_release(struct decision *d);
/* Commits candidate number `arm` of the gate, writes its note, and keeps it unless it was accepted.
 * `evidence` (may be NULL): the note with the key "commit", a new reference. */
int decision_record(const struct decision *d, size_t arm, struct judged *j, bool accepted,
                    json_t **evidence);
/* A commit of a candidate that nothing was measured of; no note. */
int decision_unmeasured(const struct decision *d, struct judged *j);
/* What a score counted: "6 fixes, 0 regressions"; where the baseline's own count, too, and what ends
 * in an invalid action: "7 fixes against 3, 2 regressions against 1, 1 of them invalid". */
void decision_counts(const struct gate_score *s, struct buf *out);
/* "ADD x: +5 (6 fixes against 1, 0 regressions)" */
void decision_subject(const struct proposal *p, const struct gate_arm *arm, struct buf *out);

/* Trailers of a commit message: one line each, at most 95 bytes. */
enum { MAX_TRAILERS = 24, TRAILER_TEXT = 96 };
struct trailers {
    struct trailer v[MAX_TRAILERS];
    char text[MAX_TRAILERS][TRAILER_TEXT];
    size_t n;
};
void trailers_add(struct trailers *t, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
