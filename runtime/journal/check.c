/*
 * check.c - looks for damage.
 *
 * LMDB trusts its pages: a flipped bit in one may show other keys, or end the process that follows a
 * wild offset. So everything is walked by a child, and how that ended is a finding too.
 */
#include "runtime/journal/journal_private.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"

/* What the child found, through a pipe. */
struct journal_finding {
    int rc;
    struct journal_check found;
    char message[1024];
};

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

/* A list of free pages: how many, then their numbers, falling. */
static bool pages_fall(const MDB_val *list, size_t last)
{
    size_t n, page, before = last + 1;
    if (list->mv_size < sizeof(n))
        return false;
    memcpy(&n, list->mv_data, sizeof(n));
    if (n > list->mv_size / sizeof(n) - 1)
        return false;
    for (size_t i = 1; i <= n; i++, before = page) {
        memcpy(&page, (const char *)list->mv_data + i * sizeof(page), sizeof(page));
        if (page < 2 || page >= before)
            return false;
    }
    return true;
}

/* The lists of free pages: a flip there gives a page in use to somebody else, later. */
static int check_free(struct journal *j, MDB_txn *txn)
{
    enum { FREE_DBI = 0 };
    MDB_cursor *cursor;
    MDB_val k, v;
    MDB_envinfo info;
    int rc = mdb_env_info(j->env, &info);
    if (rc == 0)
        rc = mdb_cursor_open(txn, FREE_DBI, &cursor);
    if (rc)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (!pages_fall(&v, info.me_last_pgno))
            break;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc ? rc : MDB_CORRUPTED;
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
        rc = check_free(j, txn);
    mdb_txn_reset(txn);
    return rc ? journal_error(j, rc, "cannot be read whole") : 0;
}

static int check_here(const char *dir, struct journal_check *out)
{
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

static _Noreturn void child(const char *dir, int out)
{
    struct journal_finding f = {0};
    static const int ends[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        signal(ends[i], SIG_DFL);
    f.rc = check_here(dir, &f.found);
    if (f.rc < 0)
        snprintf(f.message, sizeof(f.message), "%s", err_msg());
    _exit(fs_write_all(out, &f, sizeof(f)) < 0);
}

static int judge(const char *dir, const struct journal_finding *f)
{
    const struct journal_check *c = &f->found;
    if (f->rc < 0)
        return err_set(f->rc, "%s", f->message);
    if (!c->damaged && !c->unreachable && !c->dangling)
        return 0;
    return err_set(GRASP_EREFUSED,
                   "journal '%s' is damaged (answers that have changed: %" PRId64
                   ", that cannot be found: %" PRId64
                   ", entries of its index that lead nowhere: %" PRId64
                   "); 'grasp journal gc' repairs the index and drops what has changed, which is "
                   "then paid for again",
                   dir, c->damaged, c->unreachable, c->dangling);
}

int journal_check(const char *dir, struct journal_check *out)
{
    struct journal_finding f;
    size_t got = 0;
    ssize_t n;
    int p[2], status = 0;
    *out = (struct journal_check){0};
    if (pipe(p) < 0)
        return err_set_errno(GRASP_EIO, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(p[0]);
        child(dir, p[1]);
    }
    int why = errno;
    close(p[1]);
    if (pid < 0) {
        close(p[0]);
        errno = why;
        return err_set_errno(GRASP_EIO, "cannot start a process");
    }
    while ((n = read(p[0], (char *)&f + got, sizeof(f) - got)) > 0 || (n < 0 && errno == EINTR))
        got += n > 0 ? (size_t)n : 0;
    close(p[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (got == sizeof(f)) {
        *out = f.found;
        return judge(dir, &f);
    }
    return err_set(GRASP_EREFUSED,
                   "journal '%s' is damaged: reading it ends the process (%s %d); move it away, or "
                   "put back a copy",
                   dir, WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
