/* table.h - a comparison (gather.h's JSON) as a person reads it. */
#ifndef GRASP_RUNTIME_COMPARE_TABLE_H
#define GRASP_RUNTIME_COMPARE_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "runtime/compare/paper.h"

/* Percent, mean over seeds with its standard deviation; then each arm against the reference.
 * `published` (NULL: none) names the model whose published scores stand beside, marked as such. */
void table_print(const json_t *comparison, enum table_form form, const char *published, FILE *out);

/* "against WHAT: +3.1 points (-1.2 to +7.4), p 0.180, over 64 tasks; not told apart", then the tasks
 * that were fixed and broken: of contrast_libraries. */
void table_print_libraries(const json_t *v, const char *what, FILE *out);

#endif
