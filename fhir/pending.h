/* pending.h - inside of libfhir: index entries of a bulk load, kept back and written in key order,
 * which touches each page of the index once instead of at random. */
#ifndef GRASP_FHIR_PENDING_H
#define GRASP_FHIR_PENDING_H

#include "fhir/index.h"
#include "fhir/store.h"

struct fhir_pending_entry {
    size_t at; /* of the key in `keys` */
    uint64_t seq;
    uint32_t len;
    uint64_t head; /* first bytes of the key, for quick comparison */
};

struct fhir_pending {
    struct buf keys;
    struct fhir_pending_entry *v;
    size_t n, cap;
};

void fhir_pending_release(struct fhir_pending *p);
int fhir_pending_add(struct fhir_pending *p, const struct fhir_index_key *key, uint64_t seq);
/* By key, then by sequence number. */
void fhir_pending_sort(struct fhir_pending *p);
/* Writes and forgets all. */
int fhir_pending_flush(struct fhir_pending *p, struct fhir_view *v);
void fhir_pending_clear(struct fhir_pending *p);

#define PENDING_TRIM_EVERY 4096 /* puts between two rounds of fhir_pending_trim */
/* Lets go of the pages of LMDB's map that a bulk write has read: they would stay resident, which
 * looks as if memory grew with the store. The system keeps them in its cache. */
void fhir_pending_trim(struct fhir_view *v);

#endif
