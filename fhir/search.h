/*
 * search.h - inside of libfhir: which resources a query finds.
 *
 *     struct matches m = {0};
 *     rc = search_run(&view, &query, &m);       // sequence numbers in load order
 *     search_fetch(&view, m.v[i], &record);
 *     matches_release(&m);
 *
 * One clause drives: the one whose index keys lead to the fewest resources (a subject's code has
 * keys of its own). Other clauses are checked on the packed values of each candidate, or, when many
 * candidates are left, by intersecting sequence numbers.
 */
#ifndef GRASP_FHIR_SEARCH_H
#define GRASP_FHIR_SEARCH_H

#include "fhir/query.h"
#include "fhir/store.h"

struct matches {
    uint64_t *v;
    size_t n, cap;
};
void matches_release(struct matches *m);
int matches_add(struct matches *m, uint64_t seq);
/* Ascending, each once. */
void matches_sort(struct matches *m);

/* Resolves chains, then finds. GRASP_EINVAL when a chain leads to too many resources. */
int search_run(struct view *v, struct query *q, struct matches *out);
/* A match's record, from the overlay or the store. */
int search_fetch(struct view *v, uint64_t seq, struct record *out);
/* Resources of q's kind that refer to type/id by a parameter: for _revinclude. */
int search_referring(struct view *v, const struct resource_type *source, uint16_t number,
                     const char *type, const char *id, struct matches *out);

#endif
