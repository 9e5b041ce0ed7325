/* overlay.h - inside of libfhir: the writes of one rollout, a list above the store. Entries are
 * only ever added at the end; of several for one resource the last one counts, so that cutting the
 * list undoes a failed transaction. Not for two threads at once. */
#ifndef GRASP_FHIR_OVERLAY_H
#define GRASP_FHIR_OVERLAY_H

#include "fhir/store.h"

#define OVERLAY_SEQ (UINT64_C(1) << 62) /* new resources of an overlay come after the store's */

struct fhir_overlay_entry {
    struct fhir_record record; /* points into `memory` */
    const struct fhir_resource_type *type;
    char *memory;
    bool deleted, superseded;
};

struct fhir_overlay {
    struct fhir_overlay_entry *v;
    size_t n, cap;
    uint64_t writes; /* never goes back: a cheap "has it changed?" */
};

/* The entry that counts for a resource, NULL when the overlay has none. */
const struct fhir_overlay_entry *fhir_overlay_find(const struct fhir_overlay *o, const char *type,
                                                   const char *id);
/* Copies a record. 0 or GRASP_ENOMEM. */
int fhir_overlay_put(struct fhir_overlay *o, const struct fhir_resource_type *type,
                     const struct fhir_record *r, bool deleted);
void fhir_overlay_cut(struct fhir_overlay *o, size_t n);

#endif
