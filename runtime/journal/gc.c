/* gc.c - walking, finding and cleaning up. */
#include "runtime/journal/journal_private.h"

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

#define BATCH      256 /* entries per transaction: a long one would keep old pages from reuse */
#define GROW_TRIES 40

/* The first record at or after *seq, decoded, and its number; 1, 0 at the end, negative. */
static int next_record(struct journal *j, MDB_cursor *cursor, uint64_t *seq,
                       struct journal_answer *out)
{
    MDB_val k = {sizeof(*seq), seq}, v;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc || k.mv_size != sizeof(*seq))
        return journal_error(j, rc ? rc : MDB_CORRUPTED, "cannot read");
    memcpy(seq, k.mv_data, sizeof(*seq));
    rc = record_read(&j->codec, v.mv_data, v.mv_size, out);
    return rc < 0 ? rc : 1;
}

static int walk_batch(struct journal *j, uint64_t *seq, struct journal_answer *a, journal_fn fn,
                      void *arg)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    int rc = store_read(j, &txn);
    if (rc < 0)
        return rc;
    if ((rc = mdb_cursor_open(txn, j->calls, &cursor))) {
        mdb_txn_reset(txn);
        return journal_error(j, rc, "cannot read");
    }
    int more = 1;
    for (int i = 0; rc == 0 && more > 0 && i < BATCH; i++, ++*seq) {
        more = next_record(j, cursor, seq, a);
        if (more == GRASP_EPARSE) {
            j->damaged++;
            more = 1;
        } else if (more > 0 && !tail_has(j, a->e.key)) {
            rc = fn(&a->e, arg);
        }
    }
    mdb_cursor_close(cursor);
    mdb_txn_reset(txn);
    if (rc != 0)
        return rc;
    return more < 0 ? more : more ? 0 : GRASP_ENOTFOUND;
}

int journal_walk(struct journal *j, journal_fn fn, void *arg)
{
    struct journal_answer a;
    uint64_t seq = 0;
    size_t len;
    int rc = tail_refresh(j);
    if (rc < 0)
        return rc;
    answer_init(&a);
    /* What the mirror holds comes last, whether it is moved into LMDB meanwhile or not. */
    while ((rc = walk_batch(j, &seq, &a, fn, arg)) == 0)
        ;
    rc = rc == GRASP_ENOTFOUND ? 0 : rc;
    for (size_t i = 0; rc == 0 && i < tail_count(j); i++) {
        const void *record = tail_record(j, i, &len);
        if ((rc = record_read(&j->codec, record, len, &a)) == 0)
            rc = fn(&a.e, arg);
    }
    answer_release(&a);
    return rc;
}

/* Hexadecimal digits to bytes; an odd last digit fills the upper half of its byte. */
static int parse_prefix(const char *hex, uint8_t out[HASH_SIZE])
{
    size_t n = strlen(hex);
    memset(out, 0, HASH_SIZE);
    if (n == 0 || n > 2 * HASH_SIZE)
        return err_set(GRASP_EINVAL, "'%.70s' is no key: 1 to 64 hexadecimal digits", hex);
    for (size_t i = 0; i < n; i++) {
        const char digits[] = "0123456789abcdef";
        const char *d = strchr(digits, ascii_lower(hex[i]));
        if (!d)
            return err_set(GRASP_EINVAL, "'%.70s' is no key: 1 to 64 hexadecimal digits", hex);
        out[i / 2] |= (uint8_t)((d - digits) << (i % 2 ? 0 : 4));
    }
    return 0;
}

static bool key_starts(const void *key, const char *hex)
{
    char text[2 * HASH_SIZE + 1] = "";
    for (size_t i = 0; i < INDEX_KEY; i++)
        snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)key)[i]);
    size_t n = strlen(hex) < 2 * INDEX_KEY ? strlen(hex) : 2 * INDEX_KEY;
    return strncasecmp(text, hex, n) == 0;
}

static int several(const char *hex)
{
    return err_set(GRASP_EINVAL, "several keys begin with '%s': give more digits", hex);
}

/* The tail's one record whose key begins with `hex`, or GRASP_ENOTFOUND. */
static int find_in_tail(struct journal *j, const char *hex, const uint8_t **key)
{
    size_t len;
    *key = NULL;
    for (size_t i = 0; i < tail_count(j); i++) {
        const uint8_t *at = (const uint8_t *)tail_record(j, i, &len) + RECORD_KEY;
        if (!key_starts(at, hex))
            continue;
        if (*key)
            return several(hex);
        *key = at;
    }
    return *key ? 0 : GRASP_ENOTFOUND;
}

/* The number of LMDB's one entry whose key begins with `hex` and is not also in the tail. */
static int find_seq(struct journal *j, MDB_txn *txn, const char *hex, const uint8_t *in_tail,
                    uint64_t *seq)
{
    uint8_t from[HASH_SIZE];
    MDB_cursor *cursor;
    MDB_val k, v;
    int found = 0, rc = parse_prefix(hex, from);
    if (rc < 0)
        return rc;
    if ((rc = mdb_cursor_open(txn, j->index, &cursor)))
        return journal_error(j, rc, "cannot read");
    k = (MDB_val){INDEX_KEY, from};
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && found < 2 && k.mv_size == INDEX_KEY && key_starts(k.mv_data, hex) &&
           v.mv_size == sizeof(*seq)) {
        if (!in_tail || memcmp(k.mv_data, in_tail, INDEX_KEY) != 0) {
            memcpy(seq, v.mv_data, sizeof(*seq));
            found++;
        }
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc && rc != MDB_NOTFOUND)
        return journal_error(j, rc, "cannot read");
    return found == 0 ? GRASP_ENOTFOUND : found + (in_tail != NULL) > 1 ? several(hex) : 0;
}

int journal_find(struct journal *j, const char *hex, journal_fn fn, void *arg)
{
    struct journal_answer a;
    MDB_txn *txn;
    const uint8_t *in_tail;
    char full[HASH_HEX];
    uint64_t seq = 0;
    int rc = tail_refresh(j);
    if (rc < 0 || ((rc = find_in_tail(j, hex, &in_tail)) < 0 && rc != GRASP_ENOTFOUND) ||
        (rc = store_read(j, &txn)) < 0)
        return rc;
    answer_init(&a);
    rc = find_seq(j, txn, hex, in_tail, &seq);
    if (rc == 0)
        rc = store_get_seq(j, txn, seq, &a);
    else if (rc == GRASP_ENOTFOUND && in_tail)
        rc = tail_get(j, in_tail, &a);
    mdb_txn_reset(txn);
    if (rc == 0) {
        hash_hex(a.e.key, full);
        rc = strncasecmp(full, hex, strlen(hex)) == 0 ? fn(&a.e, arg) : GRASP_ENOTFOUND;
    }
    if (rc == GRASP_ENOTFOUND)
        err_set(rc, "journal '%s' has no call whose key begins with '%s'", j->dir, hex);
    else if (rc == GRASP_EPARSE)
        err_set(rc, "journal '%s': the entry %s is damaged", j->dir, hex);
    answer_release(&a);
    return rc;
}

/* ---- cleaning up ---- */

static unsigned kind_of(const struct journal_entry *e)
{
    struct said s;
    if (e->result == MODEL_CONTEXT_LIMIT)
        return JOURNAL_CONTEXT;
    said_split(e->text, e->len, false, &s);
    return 1u << s.kind;
}

static bool is_kept(const struct journal_entry *e, int64_t before, unsigned kinds)
{
    return kinds ? !(kind_of(e) & kinds) || (before && e->when >= before) : e->when >= before;
}

/* One batch of deletions in a transaction of its own, from *seq on. 1: there is more. */
static int drop_batch(struct journal *j, uint64_t *seq, int64_t before, unsigned kinds,
                      struct journal_gc_report *report)
{
    struct journal_gc_report r = *report;
    struct journal_answer a;
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    uint64_t at = *seq;
    int more = 1, rc = store_begin(j, 0, &txn);
    if (rc < 0)
        return rc;
    answer_init(&a);
    int bad = mdb_cursor_open(txn, j->calls, &cursor);
    for (int i = 0; !bad && more > 0 && i < BATCH; i++, at++) {
        more = next_record(j, cursor, &at, &a);
        bool damaged = more == GRASP_EPARSE;
        if (damaged)
            more = 1;
        if (more <= 0)
            break;
        if (!damaged && is_kept(&a.e, before, kinds)) {
            r.kept++;
            continue;
        }
        bad = mdb_cursor_del(cursor, 0);
        MDB_val k = {INDEX_KEY, a.e.key}, v;
        if (!bad && !damaged && mdb_get(txn, j->index, &k, &v) == 0 && v.mv_size == sizeof(at) &&
            memcmp(v.mv_data, &at, sizeof(at)) == 0)
            bad = mdb_del(txn, j->index, &k, NULL);
        r.dropped++;
        r.damaged += damaged;
    }
    answer_release(&a);
    if (cursor)
        mdb_cursor_close(cursor);
    if (bad || more < 0) {
        mdb_txn_abort(txn);
        return bad ? (bad == MDB_MAP_FULL ? GRASP_ELIMIT : journal_error(j, bad, "cannot delete"))
                   : more;
    }
    if ((bad = mdb_txn_commit(txn)))
        return bad == MDB_MAP_FULL ? GRASP_ELIMIT : journal_error(j, bad, "cannot delete");
    *seq = at;
    *report = r;
    return more;
}

static int index_all(struct journal *j, int *ours)
{
    struct journal_answer a;
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    uint64_t seq = 0;
    int more = 1;
    if ((*ours = store_begin(j, 0, &txn)) < 0)
        return 0;
    answer_init(&a);
    int bad = mdb_cursor_open(txn, j->calls, &cursor);
    if (bad == 0)
        bad = mdb_drop(txn, j->index, 0);
    for (; !bad && more > 0; seq++) {
        more = next_record(j, cursor, &seq, &a);
        MDB_val k = {INDEX_KEY, a.e.key}, v = {sizeof(seq), &seq};
        if (more == GRASP_EPARSE)
            more = 1;
        else if (more > 0)
            bad = mdb_put(txn, j->index, &k, &v, 0);
    }
    answer_release(&a);
    if (cursor)
        mdb_cursor_close(cursor);
    *ours = more < 0 ? more : 0;
    if (!bad && more == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return bad;
}

/* The index anew from what the records say: a damaged one does not say which entry was its own. In
 * one transaction, because half an index is paid for. */
static int rebuild_index(struct journal *j)
{
    int ours = 0, rc;
    while ((rc = index_all(j, &ours)) == MDB_MAP_FULL)
        if ((ours = store_grow(j)) < 0)
            return ours;
    return ours < 0 ? ours : rc ? journal_error(j, rc, "cannot write") : 0;
}

/* A compact copy takes the place of the file; nobody else has it open. */
static int compact(struct journal *j)
{
    char *data = fs_join(j->dir, "data.mdb"), *copy = fs_join(j->dir, "data.mdb.compact");
    int rc = 0, fd = -1;
    if (!data || !copy) {
        rc = err_oom();
        goto out;
    }
    unlink(copy);
    fd = open(copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        rc = err_set_errno(GRASP_EIO, "cannot create '%s'", copy);
        goto out;
    }
    int bad = mdb_env_copyfd2(j->env, fd, MDB_CP_COMPACT);
    if (bad)
        rc = journal_error(j, bad, "cannot copy");
    else if (fsync(fd) < 0 || rename(copy, data) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot replace '%s'", data);
    if (rc < 0)
        unlink(copy);
out:
    if (fd >= 0)
        close(fd);
    free(data);
    free(copy);
    return rc;
}

int journal_gc(const char *dir, int64_t before, unsigned kinds, struct journal_gc_report *report)
{
    struct journal *j = NULL;
    struct journal_info info = {0};
    uint64_t seq = 0;
    struct stat st;
    *report = (struct journal_gc_report){0};
    struct journal_check found;
    int rc = journal_check(dir, &found); /* in a child, which a page that is damaged may end */
    if (rc == GRASP_EREFUSED && (found.damaged || found.unreachable || found.dangling))
        rc = 0;
    if (rc < 0 || (rc = journal_open(&j, dir, JOURNAL_REPAIR)) < 0 ||
        (rc = journal_info(j, &info)) < 0)
        goto out;
    report->bytes_before = report->bytes_after = info.file_bytes;
    for (int grown = 0; (rc = drop_batch(j, &seq, before, kinds, report)) != 0;) {
        if (rc == GRASP_ELIMIT && grown++ < GROW_TRIES)
            rc = store_grow(j);
        if (rc < 0)
            goto out;
    }
    struct journal_check left = {0};
    if ((rc = check_index(j, &left)) < 0)
        goto out;
    bool rebuild = report->damaged || left.unreachable || left.dangling;
    if (rebuild && (rc = rebuild_index(j)) < 0)
        goto out;
    report->damaged += journal_damaged(j);
    int bad = report->dropped > 0 || rebuild ? mdb_env_sync(j->env, 1) : 0;
    if (bad) {
        rc = journal_error(j, bad, "cannot flush");
        goto out;
    }
    /* Our own shared lock becomes an exclusive one only if nobody else has it. */
    if (flock(j->guard_fd, LOCK_EX | LOCK_NB) == 0) {
        if ((rc = compact(j)) < 0)
            goto out;
        report->compacted = true;
        char *data = fs_join(dir, "data.mdb");
        if (data && stat(data, &st) == 0)
            report->bytes_after = (int64_t)st.st_size;
        free(data);
    }
out:
    journal_close(j);
    return rc;
}
