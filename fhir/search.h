/*
 * search.h - inside of libfhir: which resources a query finds.
 *
 *     struct fhir_matches m = {0};
 *     rc = fhir_search_run(&view, &query, &m);       // sequence numbers in load order
 *     fhir_search_fetch(&view, m.v[i], &record);
 *     fhir_matches_release(&m);
 *
 * One clause drives: the one whose index keys lead to the fewest resources (a subject's code has
 * keys of its own). Other clauses are checked on the packed values of each candidate, or, when many
 * candidates are left, by intersecting sequence numbers.
 */
#ifndef GRASP_FHIR_SEARCH_H
#define GRASP_FHIR_SEARCH_H

#include "fhir/query.h"
#include "fhir/store.h"

struct fhir_matches {
    uint64_t *v;
    size_t n, cap;
};
void fhir_matches_release(struct fhir_matches *m);
int fhir_matches_add(struct fhir_matches *m, uint64_t seq);
/* Ascending, each once. */
void fhir_matches_sort(struct fhir_matches *m);

/* Resolves chains, then finds. GRASP_EINVAL when a chain leads to too many resources. */
int fhir_search_run(struct fhir_view *v, struct fhir_query *q, struct fhir_matches *out);
/* A match's record, from the overlay or the store. */
int fhir_search_fetch(struct fhir_view *v, uint64_t seq, struct fhir_record *out);
/* Resources of q's kind that refer to type/id by a parameter: for _revinclude. */
int fhir_search_referring(struct fhir_view *v, const struct fhir_resource_type *source,
                          const struct fhir_param_ref *by, const char *type, const char *id,
                          struct fhir_matches *out);

#endif
