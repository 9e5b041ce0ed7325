/*
 * store.c - the journal's LMDB environment.
 *
 * Two databases. "calls": number (in the order of writing) -> record; appended to, so that its
 * pages are full and a walk is in order. "index": the first 16 bytes of the key -> number. The key
 * is compared whole, and the request's second hash with it, when the record is read. New answers
 * come by way of the tail (tail.c), which is looked at first.
 *
 * The main database has the format and the generation of the tail that was moved last: LMDB's two
 * first pages have no check, and a flipped bit in one of them shows the state before the last
 * commit as if nothing had happened. The tail's header knows better.
 *
 * MDB_NOMETASYNC: a commit flushes its data but not the page that points to it; a power failure may
 * undo the last commit and damages nothing. store_move flushes that page too.
 */
#include "runtime/journal/journal_private.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"

#define MOVED_KEY    "moved"
#define RESIZE_TRIES 100

int store_begin(struct journal *j, unsigned flags, MDB_txn **txn)
{
    int rc = mdb_txn_begin(j->env, NULL, flags, txn);
    for (int i = 0; rc == MDB_MAP_RESIZED && i < RESIZE_TRIES; i++) {
        mdb_env_set_mapsize(j->env, 0);
        rc = mdb_txn_begin(j->env, NULL, flags, txn);
    }
    return rc ? journal_error(j, rc, "cannot begin a transaction") : 0;
}

int store_read(struct journal *j, MDB_txn **txn)
{
    int rc = MDB_BAD_TXN;
    if (j->reader) {
        rc = mdb_txn_renew(j->reader);
        for (int i = 0; rc == MDB_MAP_RESIZED && i < RESIZE_TRIES; i++) {
            mdb_env_set_mapsize(j->env, 0);
            rc = mdb_txn_renew(j->reader);
        }
        if (rc) {
            mdb_txn_abort(j->reader);
            j->reader = NULL;
        }
    }
    if (!j->reader) {
        int begun = store_begin(j, MDB_RDONLY, &j->reader);
        if (begun < 0)
            return begun;
    }
    *txn = j->reader;
    return 0;
}

int store_grow(struct journal *j)
{
    MDB_envinfo info;
    int rc = mdb_env_info(j->env, &info);
    if (rc == 0)
        rc = mdb_env_set_mapsize(j->env, info.me_mapsize * 2);
    if (rc == 0)
        log_debug("journal '%s': map grown to %zu MiB", j->dir, info.me_mapsize >> 19);
    return rc ? journal_error(j, rc, "cannot grow") : 0;
}

int store_get_seq(struct journal *j, MDB_txn *txn, uint64_t seq, struct journal_answer *out)
{
    MDB_val k = {sizeof(seq), &seq}, v;
    int rc = mdb_get(txn, j->calls, &k, &v);
    if (rc == MDB_NOTFOUND)
        return GRASP_ENOTFOUND;
    if (rc)
        return journal_error(j, rc, "cannot read");
    return record_read(&j->codec, v.mv_data, v.mv_size, out);
}

/* The number of the record in LMDB, 0 when there is none. */
static int find_seq(struct journal *j, MDB_txn *txn, uint8_t *key, uint64_t *seq)
{
    MDB_val k = {INDEX_KEY, key}, v;
    int rc = mdb_get(txn, j->index, &k, &v);
    *seq = 0;
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc || v.mv_size != sizeof(*seq))
        return journal_error(j, rc ? rc : MDB_CORRUPTED, "cannot read");
    memcpy(seq, v.mv_data, sizeof(*seq));
    return 0;
}

/* What is wrong with an entry, and what to do about it. */
static int spoilt(struct journal *j, const uint8_t *key, const char *how)
{
    char hex[HASH_HEX];
    hash_hex(key, hex);
    j->damaged++;
    return err_set(GRASP_EPARSE,
                   "journal '%s': entry %.16s %s; 'grasp journal check' says what else is damaged, "
                   "'grasp journal gc' drops it, and it is paid for again",
                   j->dir, hex, how);
}

int store_get(struct journal *j, MDB_txn *txn, struct journal_answer *want)
{
    uint64_t seq = 0;
    struct journal_answer found;
    answer_init(&found);
    int rc = tail_get(j, want->e.key, &found);
    if (rc == GRASP_ENOTFOUND && (rc = find_seq(j, txn, want->e.key, &seq)) == 0)
        rc = !seq || ((j->flags & JOURNAL_FRESH) && seq < j->first_seq)
                 ? GRASP_ENOTFOUND
                 : store_get_seq(j, txn, seq, &found);
    bool lost = rc == GRASP_ENOTFOUND && seq && !((j->flags & JOURNAL_FRESH) && seq < j->first_seq);
    bool same = rc == 0 && memcmp(found.e.key, want->e.key, HASH_SIZE) == 0 &&
                found.request_hash == want->request_hash &&
                found.e.request_len == want->e.request_len;
    if (same) {
        answer_release(want);
        *want = found;
        return 0;
    }
    answer_release(&found);
    if (rc == GRASP_EPARSE || lost)
        return spoilt(j, want->e.key, "is damaged");
    return rc < 0 ? rc : spoilt(j, want->e.key, "belongs to another request");
}

int store_next_seq(struct journal *j, MDB_txn *txn, uint64_t *seq)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    *seq = 1;
    int rc = mdb_cursor_open(txn, j->calls, &cursor);
    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    if (rc == 0 && k.mv_size == sizeof(*seq)) {
        memcpy(seq, k.mv_data, sizeof(*seq));
        ++*seq;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Puts a record of the tail; it takes the place of what is there for its key. Returns LMDB's code,
 * or a negative GRASP_E* through *ours. */
static int move_one(struct journal *j, MDB_txn *txn, size_t i, uint64_t *seq, int *ours)
{
    uint8_t key[HASH_SIZE];
    uint64_t old;
    size_t len;
    const void *record = tail_record(j, i, &len);
    memcpy(key, (const char *)record + RECORD_KEY, sizeof(key));
    if ((*ours = find_seq(j, txn, key, &old)) < 0)
        return 0;
    MDB_val k = {sizeof(old), &old}, v;
    int rc = old ? mdb_get(txn, j->calls, &k, &v) : MDB_NOTFOUND;
    if (rc == 0 && v.mv_size == len && memcmp(v.mv_data, record, len) == 0)
        return 0; /* moved before, by a process that was killed before it emptied the tail */
    if (rc == 0)
        rc = mdb_del(txn, j->calls, &k, NULL);
    if (rc && rc != MDB_NOTFOUND)
        return rc;
    k = (MDB_val){sizeof(*seq), seq};
    v = (MDB_val){len, (void *)(uintptr_t)record};
    if ((rc = mdb_put(txn, j->calls, &k, &v, MDB_APPEND)))
        return rc;
    k = (MDB_val){INDEX_KEY, key};
    v = (MDB_val){sizeof(*seq), seq};
    rc = mdb_put(txn, j->index, &k, &v, 0);
    ++*seq;
    return rc;
}

int store_note_moved(struct journal *j, MDB_txn *txn, uint64_t generation)
{
    uint64_t moved = htole64(generation);
    MDB_val k = {strlen(MOVED_KEY), MOVED_KEY}, v = {sizeof(moved), &moved};
    return mdb_put(txn, j->main, &k, &v, 0);
}

static int move_all(struct journal *j, int *ours)
{
    MDB_txn *txn;
    uint64_t seq;
    if ((*ours = store_begin(j, 0, &txn)) < 0)
        return 0;
    int rc = store_next_seq(j, txn, &seq);
    for (size_t i = 0; i < tail_count(j) && rc == 0 && *ours == 0; i++)
        rc = move_one(j, txn, i, &seq, ours);
    if (rc == 0 && *ours == 0)
        rc = store_note_moved(j, txn, j->tail.generation);
    if (rc || *ours < 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* The generation in LMDB: 0 when none was moved yet, or it was not noted (*noted). */
static int moved(struct journal *j, uint64_t *generation, bool *noted)
{
    MDB_txn *txn;
    MDB_val k = {strlen(MOVED_KEY), MOVED_KEY}, v;
    int rc = store_read(j, &txn);
    if (rc < 0)
        return rc;
    rc = mdb_get(txn, j->main, &k, &v);
    *noted = rc == 0;
    *generation = 0;
    if (rc == 0 && v.mv_size != sizeof(*generation))
        rc = MDB_CORRUPTED;
    if (rc == 0)
        memcpy(generation, v.mv_data, sizeof(*generation));
    *generation = le64toh(*generation);
    mdb_txn_reset(txn);
    return rc && rc != MDB_NOTFOUND ? journal_error(j, rc, "cannot read") : 0;
}

int store_follows(struct journal *j)
{
    uint64_t now = j->tail.generation;
    bool noted;
    int rc = moved(j, &j->moved, &noted);
    if (rc < 0 || !now || !noted || j->moved == now || j->moved == now - 1)
        return rc;
    return err_set(GRASP_EREFUSED,
                   "journal '%s': its database has not what was written last; put back a copy, or "
                   "'grasp journal gc' takes it as it is, and what is missing is paid for again",
                   j->dir);
}

static int note_moved(struct journal *j, uint64_t generation)
{
    MDB_txn *txn;
    int bad, rc = store_begin(j, 0, &txn);
    if (rc < 0)
        return rc;
    if ((bad = store_note_moved(j, txn, generation)))
        mdb_txn_abort(txn);
    else
        bad = mdb_txn_commit(txn);
    return bad ? journal_error(j, bad, "cannot write") : 0;
}

int store_take_tail(struct journal *j)
{
    int rc = store_follows(j); /* what a tail that is new begins after */
    if (rc < 0 || (rc = tail_lock(j)) < 0)
        return rc;
    rc = store_follows(j);
    if (rc == GRASP_EREFUSED && (j->flags & JOURNAL_REPAIR))
        rc = note_moved(j, j->tail.generation - 1);
    tail_unlock(j);
    return rc;
}

/* Everything in the mirror goes to LMDB in one durable transaction. The caller holds the lock. */
static int store_move(struct journal *j)
{
    int ours = 0, rc;
    while ((rc = move_all(j, &ours)) == MDB_MAP_FULL)
        if ((ours = store_grow(j)) < 0)
            return ours;
    if (ours < 0)
        return ours;
    if (rc == 0)
        rc = mdb_env_sync(j->env, 1);
    return rc ? journal_error(j, rc, "cannot write") : 0;
}

/* Adds the call's answer to j->frames, unless there is one already: that one takes its place. */
static int put_one(struct journal *j, MDB_txn *txn, struct journal_call *c)
{
    struct journal_answer *a = &c->answer, there;
    answer_init(&there);
    memcpy(there.e.key, a->e.key, HASH_SIZE);
    there.request_hash = a->request_hash;
    there.e.request_len = a->e.request_len;
    int rc = store_get(j, txn, &there);
    if (rc == 0) {
        answer_release(a);
        *a = there;
        return 0;
    }
    answer_release(&there);
    if (rc != GRASP_ENOTFOUND && rc != GRASP_EPARSE) /* ours takes a damaged one's place */
        return rc;
    buf_reset(&j->scratch);
    if ((rc = record_write(&j->codec, a, &j->scratch)) == 0)
        tail_frame(j, &j->frames, &j->scratch);
    return rc;
}

/* Under the tail's lock, so that no other process can write an answer to the same request between
 * our look and our write. */
int store_put(struct journal *j, struct journal_call *list)
{
    MDB_txn *txn;
    int rc = tail_lock(j);
    if (rc < 0)
        return rc;
    buf_reset(&j->frames);
    if ((rc = store_read(j, &txn)) == 0) {
        for (struct journal_call *c = list; c && rc == 0; c = c->next)
            rc = put_one(j, txn, c);
        mdb_txn_reset(txn);
    }
    if (rc == 0 && j->frames.len)
        rc = tail_append(j, &j->frames);
    tail_unlock(j);
    if (rc == 0 && j->tail.bytes.len >= j->tail.limit)
        rc = tail_move(j);
    return rc;
}

int journal_keep(struct journal *j, struct barrier *b)
{
    struct tail *t = &j->tail;
    if (j->broken)
        return err_set(GRASP_EIO, "%s", j->broken);
    if (t->flushed == t->bytes.len)
        return 0;
    t->flushed = t->bytes.len;
    return barrier_add(b, t->fd);
}

int journal_sync(struct journal *j)
{
    struct barrier b = {0};
    int rc = journal_keep(j, &b);
    int flushed = barrier_wait(&b);
    return rc < 0 ? rc : flushed;
}

/* How many of the tail's keys LMDB does not know. */
static int64_t only_in_tail(struct journal *j, MDB_txn *txn)
{
    int64_t n = 0;
    uint8_t key[HASH_SIZE];
    uint64_t seq;
    size_t len;
    for (size_t i = 0; i < tail_count(j); i++) {
        memcpy(key, (const char *)tail_record(j, i, &len) + RECORD_KEY, sizeof(key));
        n += find_seq(j, txn, key, &seq) == 0 && seq == 0;
    }
    return n;
}

int journal_info(struct journal *j, struct journal_info *out)
{
    MDB_txn *txn;
    MDB_stat calls = {0}, index = {0};
    MDB_envinfo info;
    struct stat st;
    int fd, rc = tail_refresh(j);
    if (rc < 0 || (rc = store_read(j, &txn)) < 0)
        return rc;
    int64_t pending = only_in_tail(j, txn);
    rc = mdb_stat(txn, j->calls, &calls);
    if (rc == 0)
        rc = mdb_stat(txn, j->index, &index);
    mdb_txn_reset(txn);
    if (rc == 0)
        rc = mdb_env_info(j->env, &info);
    if (rc == 0)
        rc = mdb_env_get_fd(j->env, &fd);
    if (rc)
        return journal_error(j, rc, "cannot read");
    out->entries = (int64_t)calls.ms_entries + pending;
    out->used_bytes =
        (int64_t)calls.ms_psize *
        (int64_t)(calls.ms_branch_pages + calls.ms_leaf_pages + calls.ms_overflow_pages +
                  index.ms_branch_pages + index.ms_leaf_pages + index.ms_overflow_pages);
    out->file_bytes = (fstat(fd, &st) == 0 ? (int64_t)st.st_size : 0) + tail_bytes(j);
    return 0;
}

int tail_move(struct journal *j)
{
    if (j->tail.fd < 0)
        return 0;
    int rc = tail_lock(j);
    if (rc < 0)
        return rc;
    if (j->tail.n)
        rc = store_move(j);
    if (rc == 0 && j->tail.bytes.len)
        rc = tail_restart(j);
    tail_unlock(j);
    return rc;
}
