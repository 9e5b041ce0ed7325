/* slurm.h - a matrix as a Slurm job array: text to read and submit; the program never talks to Slurm. */
#ifndef GRASP_RUNTIME_COMPARE_SLURM_H
#define GRASP_RUNTIME_COMPARE_SLURM_H

#include <stdio.h>

#include "runtime/compare/matrix.h"

/* The script of the array, one task a cell that is not done, and of the job that gathers the tables.
 * GRASP_EINVAL when everything is done. */
int slurm_print(const struct matrix *m, FILE *out);

#endif
