/*
 * prune.h - `--regate`: what each skill of a frozen library is worth on another model, and the
 * library without those that hurt there.
 *
 * One probe set is drawn from dev by how the model does with the whole library. The baseline is the
 * library, candidate k is the library without skill k, and the gate of learning decides (score > 0,
 * regression budget); the best removal is taken and the rest tried again, until none is let in.
 * Every round is measured on the same probes and samples, and the winner's outcomes are the next
 * round's baseline: so on its probes the pruned library is never below the whole one.
 *
 * Ablation switches of learning (no_gate, fixes_only_scoring, regression_gate: false) do not apply.
 */
#ifndef GRASP_RUNTIME_TRANSFER_PRUNE_H
#define GRASP_RUNTIME_TRANSFER_PRUNE_H

#include "gate/gate.h"
#include "runtime/session/session.h"

struct contribution {
    char *name;
    int brings; /* probes that pass with it and not without */
    int causes; /* probes that pass without it and not with it */
    int score;  /* the gate's, of the library without it */
    bool eligible;
    int removed; /* the round that removed it, from 1; 0: it stays */
};
struct prune_options {
    const char *library;
    const struct oid *frozen; /* where the branch begins */
    const char *branch;       /* "for/MODEL" */
};
struct prune_report {
    char run[64];
    struct contribution *v; /* one a skill, in library order, as measured in the first round */
    size_t n;
    int rounds;
    size_t probes, failing;
    int passed_plain, passed_pruned; /* probes, of those scored with both libraries */
    struct oid tip;                  /* of the branch */
    struct skill_set set;            /* what is left */
};
/* What of it can be refused before anything is paid: the branch's name, another one's branch. */
int prune_check(struct session *s, const struct prune_options *o);
/* Measures and writes the branch. GRASP_ECONFLICT when a branch of that name is another one's. */
int prune(struct session *s, const struct prune_options *o, struct prune_report *r);
void prune_report_release(struct prune_report *r);
json_t *prune_to_json(const struct prune_report *r, const char *branch);

/* A candidate's contribution from outcomes with and without a skill; pure. */
void contribution_count(const enum outcome *with, const enum outcome *without, size_t n,
                        struct contribution *c);
/* Passing probes in two arms, of those scored in both; pure. */
void passes_of(const enum outcome *a, const enum outcome *b, size_t n, int *in_a, int *in_b);

#endif
