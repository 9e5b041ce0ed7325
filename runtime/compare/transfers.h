/* transfers.h - the tables of a matrix of transfers: libraries by models. */
#ifndef GRASP_RUNTIME_COMPARE_TRANSFERS_H
#define GRASP_RUNTIME_COMPARE_TRANSFERS_H

#include <jansson.h>

#include "runtime/compare/table.h"
#include "runtime/compare/matrix.h"

/*
 * {missing, tables: [{benchmark, split, models: [...], rows: [{library, learned_by, cells: [{model,
 * own, none, library, against_none, pruned}]}]}]}: own where the library was learned by that model;
 * none, library and pruned {score, n_correct, n_total, interval}; against_none as contrast_libraries,
 * null where the cell is not done. New reference.
 */
int transfers_compare(const struct matrix *m, json_t **out);
void transfers_print(const json_t *comparison, enum table_form form, FILE *out);

#endif
