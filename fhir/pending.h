/* pending.h - inside of libfhir: index entries of a bulk load, kept back and written in key order,
 * which touches each page of the index once instead of at random. */
#ifndef GRASP_FHIR_PENDING_H
#define GRASP_FHIR_PENDING_H

#include "fhir/index.h"
#include "fhir/store.h"

struct pending_entry {
    size_t at; /* of the key in `keys` */
    uint64_t seq;
    uint32_t len;
    uint64_t head; /* first bytes of the key, for quick comparison */
};

struct pending {
    struct buf keys;
    struct pending_entry *v;
    size_t n, cap;
};

void pending_release(struct pending *p);
int pending_add(struct pending *p, const struct index_key *key, uint64_t seq);
/* Writes and forgets all. */
int pending_flush(struct pending *p, struct view *v);
void pending_clear(struct pending *p);

#define PENDING_TRIM_EVERY 4096 /* puts between two rounds of pending_trim */
/* Lets go of the pages of LMDB's map that a bulk write has read: they would stay resident, which
 * looks as if memory grew with the store. The system keeps them in its cache. */
void pending_trim(struct view *v);

#endif
