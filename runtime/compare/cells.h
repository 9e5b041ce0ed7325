/* cells.h - the cells of a matrix as processes: `grasp learn`, several at once, and what became of
 * each. */
#ifndef GRASP_RUNTIME_COMPARE_CELLS_H
#define GRASP_RUNTIME_COMPARE_CELLS_H

#include <stdint.h>
#include <stdio.h>

#include "runtime/compare/matrix.h"
#include "runtime/session/spent.h"

enum cell_state {
    CELL_MISSING,   /* not begun */
    CELL_RUNNING,   /* another process holds its run */
    CELL_RESUMABLE, /* stopped by a signal, a budget, an outage; or killed */
    CELL_FAILED,
    CELL_DONE,
    CELL_STATES
};
const char *cell_state_name(enum cell_state s);
struct cell_status {
    enum cell_state state;
    char why[256];         /* of what is resumable or failed; "" */
    char stop[32];         /* the run's own word for it ("budget", "signal", "outage"...); "" */
    struct spending spent; /* so far; its seconds are not known */
};
/* Reads files only. */
void cell_status(const struct matrix *m, const struct cell *c, struct cell_status *out);

struct cells_options {
    int jobs;
    const char *journal;    /* NULL: DIR/journal, of all cells */
    bool quiet, keep_going; /* keep_going: insists where a run stopped as degenerate */
    struct spending budget; /* of all cells together; 0: no limit; no seconds */
};
/* Runs what is not done, `jobs` at a time, in the order of the plan (only >= 0: that cell alone, this
 * process becoming its run's parent). A signal reaches the runs, which stop as a run does. 0 when all
 * are done; GRASP_ESTOPPED when some can go on; GRASP_EINVAL when some failed. */
int cells_run(const struct matrix *m, const struct cells_options *o, int64_t only);
/* The state of each, as a table or as JSON. Returns as cells_run would. */
int cells_show(const struct matrix *m, bool json, FILE *out);

#endif
