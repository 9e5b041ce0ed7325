/*
 * null_gate.h - the gate on a candidate that is the library itself: both arms run the same skills
 * with different samples, so whatever score comes out is noise, and whatever is let in is a useless
 * edit let in. The arithmetic here is pure; cmd_gate.c measures.
 */
#ifndef GRASP_RUNTIME_TRANSFER_NULL_GATE_H
#define GRASP_RUNTIME_TRANSFER_NULL_GATE_H

#include <stdio.h>

#include "gate/gate.h"
#include "probes/probe_set.h"

struct null_round {
    struct gate_score score;
    bool accepted; /* eligible, and confirmed where gate.confirm asks for it */
};
struct null_task {
    const char *id; /* borrowed */
    int measured, agreed;
};
struct null_gate {
    struct null_round *v;
    size_t n;
    struct null_task *tasks; /* in the order in which they were first probes */
    size_t n_tasks;
    int measured, agreed;            /* probes scored in both arms; the same in both */
    int failing_pass, failing_total; /* failing probes that pass in the baseline after all */
    int passing_fail, passing_total; /* and the other way round: regression to the mean */
};
void null_gate_release(struct null_gate *g);
/* A round's outcomes. 0 or GRASP_ENOMEM. */
int null_gate_add(struct null_gate *g, const struct gate_rules *rules,
                  const struct probe_set *probes, const enum outcome *base,
                  const enum outcome *cand);

struct null_summary {
    double mean, sd; /* of the scores; sd 0 for a single round */
    int min, max, accepted;
    double share;     /* of rounds that would have let the edit in */
    double low, high; /* its 95 % interval (Wilson) */
    double update;    /* the chance that one of `k` such candidates gets in */
    double agreement; /* share of probes with the same outcome in both arms */
};
void null_gate_summary(const struct null_gate *g, int k, struct null_summary *out);
void null_gate_print(const struct null_gate *g, int k, FILE *out);
json_t *null_gate_to_json(const struct null_gate *g, int k);

#endif
