/* postings.h - inside of libfhir: from a clause to ranges of index keys, and their sequence
 * numbers. */
#ifndef GRASP_FHIR_POSTINGS_H
#define GRASP_FHIR_POSTINGS_H

#include "fhir/search.h"

/* Keys from `from` on that begin with it (to.len == 0), equal it (exact), or are below `to`. */
struct fhir_key_range {
    struct fhir_index_key from, to;
    bool exact;
    /* Of token "system|": keys that end in this system. Of :contains: keys that hold this text. */
    const char *ending, *holding;
    size_t holding_len;
};

#define RANGES_MAX (2 * PARAM_NUMBERS_MAX) /* of one alternative */

/* The ranges of an alternative; 0 when the index cannot answer it (ne). *exact: whatever they lead
 * to satisfies the alternative. */
size_t fhir_alt_ranges(const struct fhir_clause *c, const struct fhir_alt *a,
                       struct fhir_key_range r[RANGES_MAX], bool *exact);
/* Can the index answer the clause? */
bool fhir_clause_indexed(const struct fhir_clause *c);
/* About how many sequence numbers a range leads to, at little cost. */
int fhir_range_estimate(MDB_cursor *cur, const struct fhir_key_range *r, uint64_t *n);
/* All of them, unsorted. */
int fhir_range_load(MDB_cursor *cur, const struct fhir_key_range *r, struct fhir_matches *out);

#endif
