/* check.c - looks for damage (runtime/base/damage.h). */
#include "runtime/journal/journal_private.h"

#include <inttypes.h>
#include <string.h>

#include "runtime/base/damage.h"
#include "runtime/base/err.h"

/* Every record: is it whole, does its key lead to it? A walk that goes on past the number of entries
 * goes in circles. */
static int check_calls(struct journal *j, MDB_txn *txn, struct journal_check *out)
{
    struct journal_answer a;
    MDB_cursor *cursor;
    MDB_val k, v, number;
    MDB_stat st;
    size_t n = 0;
    uint64_t last = 0, seq;
    int rc = mdb_stat(txn, j->calls, &st);
    if (rc == 0)
        rc = mdb_cursor_open(txn, j->calls, &cursor);
    if (rc)
        return rc;
    answer_init(&a);
    while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0 && ++n <= st.ms_entries) {
        if (k.mv_size != sizeof(seq))
            break;
        memcpy(&seq, k.mv_data, sizeof(seq));
        if (seq <= last)
            break;
        last = seq;
        if (record_read(&j->codec, v.mv_data, v.mv_size, &a) < 0) {
            out->damaged++;
            continue;
        }
        k = (MDB_val){INDEX_KEY, a.e.key};
        if (mdb_get(txn, j->index, &k, &number) == 0 && number.mv_size == sizeof(seq) &&
            memcmp(number.mv_data, &seq, sizeof(seq)) == 0)
            out->entries++;
        else if (!tail_has(j, a.e.key))
            out->unreachable++;
    }
    answer_release(&a);
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND && n == st.ms_entries ? 0
           : rc && rc != MDB_NOTFOUND               ? rc
                                                    : MDB_CORRUPTED;
}

/* Every entry of the index: does it lead to a record, and is that its own? */
static int check_numbers(struct journal *j, MDB_txn *txn, struct journal_check *out)
{
    MDB_cursor *cursor;
    MDB_val k, number, v;
    MDB_stat st;
    size_t n = 0;
    int rc = mdb_stat(txn, j->index, &st);
    if (rc == 0)
        rc = mdb_cursor_open(txn, j->index, &cursor);
    if (rc)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &k, &number, MDB_NEXT)) == 0 && ++n <= st.ms_entries) {
        bool leads = k.mv_size == INDEX_KEY && number.mv_size == sizeof(uint64_t) &&
                     mdb_get(txn, j->calls, &number, &v) == 0 &&
                     v.mv_size >= RECORD_KEY + INDEX_KEY;
        /* A damaged record is counted where it stands. */
        if (!leads || (memcmp((const char *)v.mv_data + RECORD_KEY, k.mv_data, INDEX_KEY) != 0 &&
                       !record_damaged(v.mv_data, v.mv_size)))
            out->dangling++;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND && n == st.ms_entries ? 0
           : rc && rc != MDB_NOTFOUND               ? rc
                                                    : MDB_CORRUPTED;
}

int check_index(struct journal *j, struct journal_check *out)
{
    MDB_txn *txn;
    int rc = store_read(j, &txn);
    if (rc < 0)
        return rc;
    rc = check_calls(j, txn, out);
    if (rc == 0)
        rc = check_numbers(j, txn, out);
    if (rc == 0)
        rc = damage_free_pages(j->env, txn);
    mdb_txn_reset(txn);
    return rc ? journal_error(j, rc, "cannot be read whole") : 0;
}

static int check_here(const char *dir, void *found)
{
    struct journal_check *out = found;
    struct journal *j = NULL;
    int rc = journal_open(&j, dir, JOURNAL_READ_ONLY);
    /* Somebody may be moving the tail between our two looks. */
    for (int tries = 0; rc == 0 && (rc = store_follows(j)) == GRASP_EREFUSED && tries < 3; tries++)
        rc = tail_refresh(j);
    if (rc == 0)
        rc = check_index(j, out);
    if (rc == 0) {
        out->damaged += journal_damaged(j);
        out->entries += (int64_t)tail_count(j);
    }
    journal_close(j);
    return rc;
}

int journal_check(const char *dir, struct journal_check *out)
{
    *out = (struct journal_check){0};
    int rc = damage_look(check_here, dir, out, sizeof(*out), "journal", JOURNAL_WAY_OUT);
    if (rc < 0 || (!out->damaged && !out->unreachable && !out->dangling))
        return rc;
    return err_set(GRASP_EREFUSED,
                   "journal '%s' is damaged (answers that have changed: %" PRId64
                   ", that cannot be found: %" PRId64
                   ", entries of its index that lead nowhere: %" PRId64
                   "); 'grasp journal gc' repairs the index and drops what has changed, which is "
                   "then paid for again",
                   dir, out->damaged, out->unreachable, out->dangling);
}
