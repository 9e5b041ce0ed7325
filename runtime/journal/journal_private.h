/*
 * journal_private.h - what the journal's files share. open.c opens and closes, journal.c is the
 * model in front of a model, store.c the LMDB environment, tail.c the write-ahead tail, record.c one
 * entry as bytes, ahead.c counts what
 * was asked before it was wanted, gc.c walking and cleaning up, merge.c several in one, check.c looking for damage, error.c what LMDB's codes
 * mean.
 */
#ifndef GRASP_RUNTIME_JOURNAL_JOURNAL_PRIVATE_H
#define GRASP_RUNTIME_JOURNAL_JOURNAL_PRIVATE_H

#include <lmdb.h>
#include <stdio.h>
#include <xxhash.h>
#include <zstd.h>

#include "runtime/journal/journal.h"

#define JOURNAL_MAP_START ((size_t)64 << 20)
#define RECORD_KEY        16 /* where the key is in a record */
#define INDEX_KEY         16 /* bytes of the key that are the index's key */
#define JOURNAL_TEXT_MAX  ((size_t)64 << 20)
#define JOURNAL_TAIL_MAX  ((size_t)8 << 20) /* then it is moved into LMDB */
#define JOURNAL_BUCKETS   4096              /* of calls in flight; a power of two */
#define JOURNAL_REPAIR    8                 /* open flag: damage in the tail is passed over */

/* An answer in memory, on its way in or out. `e.text` and `e.model` point into `bytes`. */
struct journal_answer {
    struct journal_entry e;
    uint64_t request_hash; /* XXH3 of the request, independent of the key */
    struct buf bytes;
};
void answer_init(struct journal_answer *a);
void answer_release(struct journal_answer *a);
int answer_set(struct journal_answer *a, const char *model, const char *text, size_t len);

/* Compression contexts, kept between entries. */
struct codec {
    ZSTD_CCtx *out;
    ZSTD_DCtx *in;
    XXH3_state_t *hash;
    bool plain; /* for measurements: never compress */
};
int codec_open(struct codec *c);
void codec_close(struct codec *c);
/* The second, independent hash of a request and the length of its messages. */
uint64_t codec_request(struct codec *c, const struct model_request *rq, const char *identity,
                       uint64_t *len);
int record_write(struct codec *c, const struct journal_answer *a, struct buf *out);
bool record_damaged(const void *bytes, size_t len);
/* GRASP_EPARSE: damaged. */
int record_read(struct codec *c, const void *bytes, size_t len, struct journal_answer *a);

/* Somebody who asked. */
struct journal_waiter {
    struct journal_waiter *next;
    model_fn fn;
    void *arg;
    enum model_phase phase;
    bool paid; /* the one whose call it is: nothing was saved */
};

/* A call on its way: in the table from the ask until its answer is on disk, then in its model's
 * list of answers to deliver. One that is answered from the journal is only ever in the latter. */
struct journal_call {
    struct journal_model *model; /* NULL once that was closed */
    struct journal *journal;
    struct journal_call *in_bucket, *next; /* next: in the list of pending or of ready ones */
    struct journal_answer answer;
    enum model_result result;
    char *error; /* of a call that failed */
    bool ahead;  /* in flight, and nobody wants it yet */
    struct journal_waiter *waiters, **last;
};

/* Keys of the calls made ahead, by their first bytes; the lowest bit says that it was wanted since. */
struct ahead_keys {
    uint64_t *v; /* open addressing; 0: free */
    size_t n, cap;
};

/* The write-ahead tail and its mirror in memory. */
struct tail {
    int fd;              /* -1: none (read-only, and nobody wrote yet) */
    size_t limit;        /* bytes; JOURNAL_TAIL_MAX except in tests */
    uint64_t generation; /* 0: the file has no header yet */
    struct buf bytes;    /* the file after its header, up to the last whole frame */
    size_t flushed;      /* so many of them are on disk, or given to a barrier */
    struct tail_slot *slots;
    size_t n;
    uint32_t *index; /* by key */
    size_t index_size;
};

struct journal {
    char *dir;
    int flags;
    int guard_fd; /* shared flock: somebody uses it; journal_gc wants it alone */
    MDB_env *env;
    MDB_dbi main, calls, index;
    MDB_txn *reader;    /* reset between uses */
    uint64_t moved;     /* generation of the tail that LMDB has, as of the last look */
    uint64_t first_seq; /* of this open; JOURNAL_FRESH does not look before it */
    char *broken;       /* why nothing can be written any more */
    struct tail tail;
    struct codec codec;
    struct buf scratch, frames;
    struct journal_call *table[JOURNAL_BUCKETS];
    struct journal_call *pending, **pending_last;
    size_t in_flight;
    int64_t damaged;
    struct strlist missing;
    struct journal_counts counts[MODEL_PHASES + 1];
    struct journal_ahead ahead;
    struct ahead_keys ahead_keys;
};

/* ahead.c: a call is made that nobody wants yet. Out of memory: it will not be known as such. */
void ahead_made(struct journal *j, struct journal_call *c);
/* It could not be answered. */
void ahead_failed(struct journal *j, const struct journal_call *c);
/* An answer that was or is being asked for is wanted: counts it if it was ahead of that. */
void ahead_wanted(struct journal *j, struct journal_call *c);
void ahead_answered(struct journal *j, struct journal_call *c);

void journal_call_free(struct journal_call *c);

/* Of a journal that LMDB cannot read. */
#define JOURNAL_WAY_OUT "move it away, or put back a copy"

int journal_open_sized(struct journal **j, const char *dir, int flags, size_t map_size);
int journal_error(const struct journal *j, int rc, const char *what);
/* GRASP_EREFUSED on a network file system. */
/* The kind ("ext4", "fuse.sshfs") of the file system with this device number, out of a text like
 * /proc/self/mountinfo; false: it is not in it. */
bool journal_mount_kind(FILE *mounts, unsigned dev_major, unsigned dev_minor, char *kind,
                        size_t size);
/* Programs that serve a file system (FUSE) have one number, whatever they serve; only the mount's
 * kind says which one it is. The program of one that reaches over a network, else NULL. */
const char *journal_network_program(const char *kind);
/* Begins a read or write transaction, following a map that another process made larger. */
int store_begin(struct journal *j, unsigned flags, MDB_txn **txn);
int store_read(struct journal *j, MDB_txn **txn); /* the kept reader; end with mdb_txn_reset */
/* The entry of `want`'s key whose request hash matches, from the tail's mirror or from LMDB.
 * GRASP_ENOTFOUND when it is not there or not to be looked at; GRASP_EPARSE, with the message set,
 * when it is damaged or another request's. */
int store_get(struct journal *j, MDB_txn *txn, struct journal_answer *want);
/* GRASP_EREFUSED: the database has not what the tail was emptied into. */
int store_follows(struct journal *j);
/* Takes in the tail when a journal is opened for writing. Damage is GRASP_EREFUSED (JOURNAL_REPAIR:
 * passed over), as is a database that does not follow. */
int store_take_tail(struct journal *j);
int store_note_moved(struct journal *j, MDB_txn *txn, uint64_t generation);
/* Commits what is pending and hands it to the models' lists. */
void journal_commit(struct journal *j);
/* Appends the answers of these calls to the tail; where another process was first, its answer takes
 * the place of ours. */
int store_put(struct journal *j, struct journal_call *list);
/* Compares the two databases; walks all of both. */
int check_index(struct journal *j, struct journal_check *out);
/* Doubles the map. No transaction of this process is open. */
int store_grow(struct journal *j);
int store_next_seq(struct journal *j, MDB_txn *txn, uint64_t *seq); /* LMDB's codes */
/* Decodes the record with that number. */
int store_get_seq(struct journal *j, MDB_txn *txn, uint64_t seq, struct journal_answer *out);

void tail_init(struct tail *t);
void tail_release(struct tail *t);
/* GRASP_EIO and errno's reason. */
int tail_error(const struct journal *j, const char *what);
/* Takes in what other processes appended, if anything: 1, 0 nothing new, negative. */
int tail_look(struct journal *j);
int tail_refresh(struct journal *j); /* the same, waiting for the lock; 0 or negative */
/* Locks and takes in. Then frames are made by tail_frame and written by one tail_append. */
int tail_lock(struct journal *j);
void tail_unlock(struct journal *j);
void tail_frame(struct journal *j, struct buf *frames, struct buf *record);
int tail_append(struct journal *j, const struct buf *frames);
/* Empties the file: what was in it is in LMDB. The caller holds the lock. */
int tail_restart(struct journal *j);
/* Moves everything into LMDB and empties the file. */
int tail_move(struct journal *j);
/* The mirror: records, one per key. */
size_t tail_count(const struct journal *j);
const void *tail_record(const struct journal *j, size_t i, size_t *len);
bool tail_has(const struct journal *j, const uint8_t *key);
int tail_get(struct journal *j, const uint8_t *key, struct journal_answer *out);
int64_t tail_bytes(const struct journal *j);

#endif
