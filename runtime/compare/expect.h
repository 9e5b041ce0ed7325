/* expect.h - the plan before a matrix starts: what its open cells need at most and what is expected. */
#ifndef GRASP_RUNTIME_COMPARE_EXPECT_H
#define GRASP_RUNTIME_COMPARE_EXPECT_H

#include <stdio.h>

#include "runtime/compare/cells.h"
#include "runtime/session/spent.h"

struct expected_arm {
    const char *arm; /* borrowed from the matrix */
    size_t cells, open;
    struct spending most, expected; /* of the open ones, from here on */
};
struct expectation {
    struct expected_arm *v; /* in the plan's order */
    size_t n, cap;
    size_t measured;         /* open cells whose expectation is that of done ones */
    struct spending spent;   /* of all cells, until now */
    struct expected_arm all; /* the sum */
    double seconds;          /* of the open cells, one after the other; -1: not known */
    char *away;              /* which endpoint does not answer; NULL: none, or not looked */
};

/* Asks no model: reads task files, what done cells spent, and in `journal` (NULL: the matrix's) what
 * calls took; `reach`: sees that the endpoints are there. As config_load or session_open where a cell
 * could not begin. */
int expect_matrix(struct expectation *e, const struct matrix *m, const char *journal, bool reach);
void expect_release(struct expectation *e);
void expect_print(const struct expectation *e, const struct cells_options *o, FILE *out);
/* GRASP_EOUTAGE where an endpoint was looked for in vain; GRASP_EREFUSED, with the numbers, where a
 * budget is not enough for what is expected, unless `insist`. */
int expect_check(const struct expectation *e, const struct cells_options *o, bool insist);

#endif
