/*
 * store.h - inside of libfhir: the LMDB store under the REST function, and how resources get in.
 *
 *     struct fhir_batch *batch = NULL;
 *     if ((rc = fhir_batch_begin(store, &batch)) < 0) ...
 *     for each resource text
 *         rc = fhir_batch_put_text(batch, text, len, NULL);   // GRASP_EINVAL/EPARSE: this one is
 *                                                             // bad, err_msg says why; go on
 *     rc = fhir_batch_commit(batch);                          // frees the batch, also on failure
 *
 * Five LMDB tables:
 *   meta  format, fingerprint of the search parameters, next sequence number, dictionaries (pack.h)
 *   ids   "Type/id" -> struct fhir_id_entry (sequence number, version, deleted)
 *   res   sequence number -> record: head, type, id, then packed index values and text as it came
 *         (one frame where it is packed, see pack.h)
 *   idx   index key (see index.h) -> sequence numbers (sorted duplicates)
 *   hist  "Type/id", NUL, version (4 bytes) -> what that version was: a record, or one without
 *         text for a deletion (only when versions are kept)
 * A sequence number is a resource's place in load order; an update keeps it.
 *
 * Readers (struct fhir_view) run side by side; there is one writer at a time. LMDB's map is grown only
 * while no transaction is open, which `map_lock` sees to.
 */
#ifndef GRASP_FHIR_STORE_H
#define GRASP_FHIR_STORE_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fhir/fhir.h"
#include "fhir/params.h"

#define FHIR_ID_MAX     64
#define FHIR_TEXT_MAX   (64u << 20) /* bytes of one resource */
#define FHIR_TIME_NEVER INT64_MIN
#define FHIR_COPY       "data.mdb.new" /* what fhir_compact writes */

struct fhir_cache;
struct fhir_matches;
struct fhir_packer;
struct fhir_packs;

struct fhir_store {
    MDB_env *env;
    MDB_dbi meta, ids, res, idx, hist;
    char *dir;
    char *base_url;
    char *cors;
    bool temporary, ignore_unknown_params, read_only, keep_versions;
    bool look;                   /* as asked for: see struct fhir_options */
    bool unwritable;             /* its files are: they are opened to be read */
    pthread_rwlock_t map_lock;   /* shared: a transaction is open; exclusive: the map grows */
    pthread_mutex_t write_lock;  /* one writer */
    _Atomic uint64_t generation; /* counts commits: what a cache is checked against */
    struct fhir_cache *cache;
    int guard;                /* its directory, with a shared lock: see compact.c; -1: none */
    struct fhir_packs *packs; /* how records are packed (pack.h); NULL: they are plain */
};

/* A resource as stored. Pointers borrow from the view or the overlay. */
struct fhir_record {
    uint64_t seq;
    uint32_t version;
    int64_t updated_us; /* microseconds since 1970 */
    const char *type, *id;
    const uint8_t *values; /* packed index values, see index.h */
    size_t values_len;
    const char *text;
    size_t text_len;
    bool summed; /* it has a checksum, which is right */
};

struct fhir_id_entry {
    uint64_t seq;
    uint32_t version;
    uint32_t deleted;
};

/* What one request reads (and in a write transaction, writes): the store below, maybe an overlay
 * above it. */
struct fhir_view {
    struct fhir_store *store;
    MDB_txn *txn;
    struct fhir_overlay *overlay;
    uint64_t next_seq;  /* what the next new resource gets */
    int64_t changed_us; /* the latest meta.lastUpdated that any resource said; 0: none did */
    uint64_t state_txn; /* that wrote these two; 0: an older store, which does not say */
    bool writing;
    bool full; /* the map is: the write is undone and run again after growing it */
    struct fhir_pending
        *pending;               /* index entries that wait to be written in order; NULL: at once */
    struct fhir_packer *packer; /* NULL: records are plain */
};

/* A resource checked and indexed, ready to be stored. Owned memory. */
struct fhir_prepared {
    const struct fhir_resource_type *type;
    char id[FHIR_ID_MAX + 1];
    char *text;
    size_t text_len;
    struct buf values;
    int64_t updated_us; /* meta.lastUpdated, else the time of loading */
    bool updated_given;
    uint32_t version; /* what meta.versionId says, 0: nothing */
};

/* Reads type, id, version, time and index values out of a resource's text. `tree` is the parsed
 * text when the caller has it (borrowed), else NULL. GRASP_EPARSE, GRASP_EINVAL, GRASP_ELIMIT. */
int fhir_prepared_init(struct fhir_prepared *p, struct fhir_store *store, const char *text,
                       size_t len, const json_t *tree);
void fhir_prepared_release(struct fhir_prepared *p);

/* Reading: the resources stay as they are until fhir_view_close. */
int fhir_view_open(struct fhir_view *v, struct fhir_store *store, struct fhir_overlay *overlay);
void fhir_view_close(struct fhir_view *v);
/* 0, GRASP_ENOTFOUND (entry->deleted tells "gone" from "never was"), GRASP_EIO. */
int fhir_view_get(struct fhir_view *v, const char *type, const char *id, struct fhir_record *out,
                  struct fhir_id_entry *entry);
/* The store's own resource at a sequence number. */
int fhir_view_at(struct fhir_view *v, uint64_t seq, struct fhir_record *out);
/* The record that a value of `res` or `hist` is; GRASP_EIO: it is damaged. */
int fhir_record_decode(struct fhir_view *v, const MDB_val *val, uint64_t seq,
                       struct fhir_record *out);
/* Inside a write: stores it, replacing one of the same type and id (which keeps its place).
 * `version` 0: as loaded. */
int fhir_view_put(struct fhir_view *v, const struct fhir_prepared *p, uint32_t version,
                  int64_t updated_us);
int fhir_view_delete(struct fhir_view *v, const char *type, const char *id);
/* The current version or one that was; a deletion has no text. GRASP_ENOTFOUND: not kept. */
int fhir_view_version(struct fhir_view *v, const char *type, const char *id, uint32_t version,
                      struct fhir_record *out);
/* The numbers of all versions that are kept, ascending; the caller releases them. */
int fhir_view_versions(struct fhir_view *v, const char *type, const char *id,
                       struct fhir_matches *out);
/* Is there any resource of the type? */
bool fhir_view_has(struct fhir_view *v, const struct fhir_resource_type *type);
/* An id for a created resource that nobody has had. *next: 0 at first, then where to go on for
 * another id in the same transaction. */
int fhir_view_new_id(struct fhir_view *v, const char *type, uint64_t *next,
                     char out[FHIR_ID_MAX + 1]);

/* Of a store that is damaged. */
#define FHIR_WAY_OUT                                                                               \
    "load it anew from the files it came from ('grasp fhir load --store NEW FILE...'), or put "    \
    "back a copy"
/* Turns LMDB's code into ours, with the message set. */
int fhir_store_error(int mdb_rc, const char *what);

/* Runs fn with a view that may write; its changes are kept when it returns 0 and undone otherwise.
 * With an overlay they go there. fn may be run again (after the map grew): it must start over. */
typedef int (*fhir_write_fn)(struct fhir_view *v, void *arg);
int fhir_store_write(struct fhir_store *store, struct fhir_overlay *overlay, fhir_write_fn fn,
                     void *arg);

/* Loading many: gathers resources and commits them by the thousand. Not for two threads at once. */
struct fhir_batch;
int fhir_batch_begin(struct fhir_store *store, struct fhir_batch **batch);
/* Stores the text verbatim (white space around it is cut). Replaces a resource of the same type and
 * id. `tree`: the parsed text when at hand, else NULL. GRASP_EPARSE, GRASP_EINVAL, GRASP_ELIMIT:
 * this resource is bad, the batch is not; anything else is the store's failure. */
int fhir_batch_put_text(struct fhir_batch *batch, const char *text, size_t len, const json_t *tree);
/* Writes what was gathered. *committed: how many resources are in the store for good, also after a
 * failure. */
int fhir_batch_flush(struct fhir_batch *batch, uint64_t *committed);
/* Both free the batch. What put_text already committed stays. */
int fhir_batch_commit(struct fhir_batch *batch);
void fhir_batch_abort(struct fhir_batch *batch);

#endif
