/*
 * pack.h - inside of libfhir: records made small.
 *
 * Resources of a type are alike, and one alone is too short for a compressor to find that out. So a store
 * has dictionaries: the first thousand resources of a type that are loaded together train one, which
 * stands in the table `meta` from then on and never changes. With it, values and text of a record are one
 * frame of zstd, a tenth of what they were. A type that comes in small numbers has no dictionary and plain
 * records; so has a temporary store, where nobody counts bytes.
 *
 *     meta  "dict N" (N from 1)  ->  CRC-32 of the rest, name of the type with NUL, the dictionary
 *
 * What is unpacked lies in memory of the view until the view is closed, or is cut back to a mark:
 *
 *     struct fhir_mark mark = fhir_view_mark(v);
 *     rc = fhir_view_at(v, seq, &record);
 *     ...
 *     fhir_view_cut(v, mark);      // the record's values and text are gone
 *
 * A positive return is LMDB's, for fhir_store_error.
 */
#ifndef GRASP_FHIR_PACK_H
#define GRASP_FHIR_PACK_H

#include "fhir/store.h"

struct fhir_packs;  /* a store's dictionaries */
struct fhir_packer; /* a view's compressor and decompressor, and what was unpacked */

/* NULL: out of memory. */
struct fhir_packs *fhir_packs_new(void);
void fhir_packs_free(struct fhir_packs *p);

/* For a view that opens, and back when it closes. Nothing happens in a store of plain records. */
int fhir_packer_take(struct fhir_view *v);
void fhir_packer_give(struct fhir_view *v);

/* Around a write: dictionaries that it makes are everybody's once it is committed. */
int fhir_packs_begin(struct fhir_view *v);
void fhir_packs_end(struct fhir_view *v, bool committed);

/* Makes a dictionary for each type that has none and comes often enough in what is about to be put. */
int fhir_packs_train(struct fhir_view *v, const struct fhir_prepared *prepared, size_t n);

/* Appends values and text as a frame, and says which dictionary it was made with; 0: they do not pack, and
 * nothing was appended. */
int fhir_pack(struct fhir_view *v, const struct fhir_record *r, struct buf *out,
              uint8_t *dictionary);
/* Room of the view's to put a record together in. */
struct buf *fhir_pack_room(struct fhir_view *v);
/* Sets values and text of a record whose `values` are a frame of `len` bytes. GRASP_EIO: damaged. */
int fhir_unpack(struct fhir_view *v, uint8_t dictionary, const void *frame, size_t len,
                struct fhir_record *r);

struct fhir_mark {
    size_t chunk, used;
};
struct fhir_mark fhir_view_mark(const struct fhir_view *v);
void fhir_view_cut(struct fhir_view *v, struct fhir_mark mark);

#endif
