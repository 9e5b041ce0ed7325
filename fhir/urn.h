/*
 * urn.h - what the "urn:uuid:..." references of a Bundle stand for.
 *
 * Bundles made for transactions name their entries by urn:uuid (or urn:oid) fullUrls and refer to
 * them so. A store wants "Type/id" instead. The map holds what the entries seen so far are called;
 * urn_resolve rewrites the references in a resource's text and touches nothing else.
 */
#ifndef GRASP_FHIR_URN_H
#define GRASP_FHIR_URN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

struct urn_slot {
    size_t urn, urn_len, target; /* offsets into names; urn_len 0: free */
};

/* All zero and urn_map_init are both empty. */
struct urn_map {
    struct urn_slot *slots;
    size_t n, cap; /* cap: a power of two or 0 */
    struct buf names;
};

void urn_map_init(struct urn_map *m);
void urn_map_release(struct urn_map *m);
/* Notes that `urn` (without quotes) is `target` ("Patient/1"); the last one wins. GRASP_ENOMEM. */
int urn_map_put(struct urn_map *m, const char *urn, size_t urn_len, const char *target);
/* The target, good until the next put; NULL when unknown. */
const char *urn_map_get(const struct urn_map *m, const char *urn, size_t urn_len);

/* Appends the JSON text with every "reference": "urn:..." that the map knows replaced. *replaced
 * and *unknown say how many were and were not. */
void urn_resolve(const struct urn_map *m, const char *text, size_t len, struct buf *out,
                 size_t *replaced, size_t *unknown);

#endif
