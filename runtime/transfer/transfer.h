/*
 * transfer.h - what `grasp transfer` measured, and its tables: executors by split, then by family.
 */
#ifndef GRASP_RUNTIME_TRANSFER_TRANSFER_H
#define GRASP_RUNTIME_TRANSFER_TRANSFER_H

#include <stdio.h>

#include "runtime/base/stats.h"
#include "runtime/transfer/prune.h"
#include "runtime/engine/score.h"
#include "runtime/transfer/target.h"

/* Which skills an executor was given. */
enum transfer_arm { ARM_BASELINE, ARM_LIBRARY, ARM_PRUNED, TRANSFER_ARMS };
const char *transfer_arm_name(enum transfer_arm a); /* "baseline", "library", "pruned" */

struct executor {
    struct target target;
    char *model, *label; /* NULL until it was opened */
    bool simulated, done;
    struct score score[SPLITS][TRANSFER_ARMS];
    enum outcome *outcomes[SPLITS][TRANSFER_ARMS]; /* by task of the split */
    size_t tasks[SPLITS];
    bool regated;
    char branch[8 + TARGET_SLUG];
    struct prune_report pruning;
};
struct transfer {
    const char *library, *at;
    struct oid commit, object; /* the frozen revision; the tag's own object, or the commit */
    char *learned_by;          /* NULL: the history does not say */
    size_t skills;
    enum split splits[SPLITS];
    size_t n_splits;
    struct score idle[SPLITS]; /* of an agent that does nothing (idle.h); no tasks: not known */
    struct executor *v;
    size_t n;
};
void transfer_release(struct transfer *t);
/* All executors that are done. */
void transfer_print(const struct transfer *t, FILE *out);
json_t *transfer_to_json(const struct transfer *t);
/* Two arms task by task, of those that both could be scored on. */
struct paired {
    int n, gained, lost;  /* tasks; passed only by b, only by a */
    struct estimate diff; /* of b less a, in points, tasks as units */
    double p;             /* exact (McNemar): one library, one run of each */
};
int paired_of(const enum outcome *a, const enum outcome *b, size_t n, struct paired *out);
/* In percentage points; NULL-safe for what has no tasks: then false. */
bool score_difference(const struct score *from, const struct score *to, const char *family,
                      double *points);

#endif
