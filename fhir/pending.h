/* pending.h - inside of libfhir: index entries of a bulk load, kept back and written in key order,
 * which touches each page of the index once instead of at random. */
#ifndef GRASP_FHIR_PENDING_H
#define GRASP_FHIR_PENDING_H

#include "fhir/index.h"
#include "fhir/store.h"

struct fhir_pending_entry {
    uint64_t seq;
    uint32_t next; /* of the same key, in the order of adding; 0: none */
};

struct fhir_pending_key {
    uint64_t head; /* first bytes of the key, for quick comparison */
    size_t at;     /* of the key in `keys` */
    uint32_t len, hash;
    uint32_t first, last, n; /* entries; counted from 1 */
};

struct fhir_pending {
    struct buf keys;
    struct fhir_pending_entry *v;
    size_t n, cap;
    struct fhir_pending_key *key;
    size_t n_keys, cap_keys;
    uint32_t *slots; /* by hash: which key, from 1; 0: free */
    size_t n_slots;  /* a power of two */
    uint64_t *seqs;  /* of one key, while it is written */
    size_t cap_seqs;
    uint64_t fresh; /* sequence numbers from here on are later than any in the store */
};

void fhir_pending_release(struct fhir_pending *p);
int fhir_pending_add(struct fhir_pending *p, const struct fhir_index_key *key, uint64_t seq);
/* Sorts the keys; nothing may be added until they are cleared. */
void fhir_pending_sort(struct fhir_pending *p);
/* The sequence numbers of a key, ascending, each once; good until the next call. NULL: no memory. */
const uint64_t *fhir_pending_seqs(struct fhir_pending *p, const struct fhir_pending_key *key,
                                  size_t *n);
/* Writes and forgets all. */
int fhir_pending_flush(struct fhir_pending *p, struct fhir_view *v);
/* Forgets all; what is added next is for this view. */
void fhir_pending_clear(struct fhir_pending *p, const struct fhir_view *v);

#define PENDING_TRIM_EVERY 4096 /* puts between two rounds of fhir_pending_trim */
/* Lets go of the pages of LMDB's map that a bulk write has read: they would stay resident, which
 * looks as if memory grew with the store. The system keeps them in its cache. */
void fhir_pending_trim(struct fhir_view *v);

#endif
