/*
 * urn.h - what the "urn:uuid:..." references of a Bundle stand for.
 *
 * Bundles made for transactions name their entries by urn:uuid (or urn:oid) fullUrls and refer to
 * them so. A store wants "Type/id" instead. The map holds what the entries seen so far are called;
 * fhir_urn_resolve rewrites the references in a resource's text and touches nothing else.
 */
#ifndef GRASP_FHIR_URN_H
#define GRASP_FHIR_URN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

struct fhir_urn_slot {
    size_t urn, urn_len, target; /* offsets into names; urn_len 0: free */
};

/* All zero and fhir_urn_map_init are both empty. */
struct fhir_urn_map {
    struct fhir_urn_slot *slots;
    size_t n, cap; /* cap: a power of two or 0 */
    struct buf names;
};

void fhir_urn_map_init(struct fhir_urn_map *m);
void fhir_urn_map_release(struct fhir_urn_map *m);
/* Notes that `urn` (without quotes) is `target` ("Patient/1"); the last one wins. GRASP_ENOMEM. */
int fhir_urn_map_put(struct fhir_urn_map *m, const char *urn, size_t urn_len, const char *target);
/* The target, good until the next put; NULL when unknown. */
const char *fhir_urn_map_get(const struct fhir_urn_map *m, const char *urn, size_t urn_len);

/* Appends the JSON text with every "reference": "urn:..." that the map knows replaced. *replaced
 * and *unknown say how many were and were not. */
void fhir_urn_resolve(const struct fhir_urn_map *m, const char *text, size_t len, struct buf *out,
                      size_t *replaced, size_t *unknown);

#endif
