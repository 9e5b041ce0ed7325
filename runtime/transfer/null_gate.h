/*
 * null_gate.h - the gate on candidates that are the library itself: all arms run the same skills with
 * samples of their own, so whatever score comes out is noise, and whatever is let in is a useless edit
 * let in. The arithmetic here is pure; commands/gate.c measures.
 *
 * A round is an update: one probe set, one baseline, K candidates. How often one of K is let in is
 * counted, not computed from how often one is: they share the baseline.
 */
#ifndef GRASP_RUNTIME_TRANSFER_NULL_GATE_H
#define GRASP_RUNTIME_TRANSFER_NULL_GATE_H

#include <stdio.h>

#include "gate/gate.h"
#include "probes/probe_set.h"
#include "runtime/base/stats.h"

struct null_candidate {
    struct gate_score score;
    bool accepted; /* eligible, if it had been the only one */
};
struct null_task {
    const char *id; /* borrowed */
    int measured, agreed;
};
struct null_gate {
    struct null_candidate *v;
    size_t n;
    int rounds, fooled;      /* updates, and those that let one in */
    struct null_task *tasks; /* in the order in which they were first probes */
    size_t n_tasks;
    int measured, agreed;            /* probes scored in both arms; the same in both */
    int failing_pass, failing_total; /* failing probes that pass in the baseline after all */
    int passing_fail, passing_total; /* and the other way round: regression to the mean */
};
void null_gate_release(struct null_gate *g);
/* A round, measured in full. 0 or GRASP_ENOMEM. */
int null_gate_add(struct null_gate *g, const struct probe_set *probes, const struct gate *gate);

struct null_summary {
    double mean, sd; /* of the scores; sd 0 for a single round */
    int min, max, accepted;
    double share;                        /* of candidates that would have been let in */
    double update;                       /* of updates that let one in */
    struct interval candidates, updates; /* 95 % intervals of the two */
    double agreement;                    /* share of probes with the same outcome in both arms */
};
void null_gate_summary(const struct null_gate *g, struct null_summary *out);
void null_gate_print(const struct null_gate *g, FILE *out);
json_t *null_gate_to_json(const struct null_gate *g);

#endif
