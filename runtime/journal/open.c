/* open.c - opens and closes a journal: its directory, its LMDB environment, its tail. */
#include "runtime/journal/journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"

#define FORMAT_KEY  "format"
#define FORMAT_TEXT "grasp journal 2"
/* Of an earlier version: records as they are today, but keys without the endpoint and with other draw
 * numbers, so that no request of today finds them. */
#define FORMAT_OLD  "grasp journal 1"
#define READERS_MAX 512

void journal_close(struct journal *j)
{
    if (!j)
        return;
    journal_commit(j);
    for (size_t i = 0; i < JOURNAL_BUCKETS; i++)
        for (struct journal_call *c = j->table[i], *next; c; c = next) {
            next = c->in_bucket;
            journal_call_free(c);
        }
    if (j->reader)
        mdb_txn_abort(j->reader);
    j->reader = NULL;
    if (j->env) {
        if (!(j->flags & JOURNAL_READ_ONLY) && tail_count(j) && tail_move(j) < 0)
            log_debug("%s; the answers stay in the tail", err_msg());
        mdb_env_close(j->env);
    }
    tail_release(&j->tail);
    if (j->guard_fd >= 0)
        close(j->guard_fd);
    codec_close(&j->codec);
    strlist_release(&j->missing);
    buf_release(&j->scratch);
    buf_release(&j->frames);
    free(j->ahead_keys.v);
    free(j->broken);
    free(j->dir);
    free(j);
}

/* A data file that is shorter than its last page would end the process by SIGBUS when that page is
 * read. Pages that were allocated and never written may be missing at the end of a sound file too,
 * so they are put there as zeros: LMDB names a damaged one when it meets it. */
static int check_length(struct journal *j)
{
    MDB_envinfo info;
    MDB_stat st;
    struct stat file;
    int fd, rc = mdb_env_info(j->env, &info);
    if (rc == 0)
        rc = mdb_env_stat(j->env, &st);
    if (rc == 0)
        rc = mdb_env_get_fd(j->env, &fd);
    if (rc)
        return journal_error(j, rc, "cannot open");
    off_t want = (off_t)(info.me_last_pgno + 1) * (off_t)st.ms_psize;
    if (fstat(fd, &file) < 0 || file.st_size >= want)
        return 0;
    if ((j->flags & JOURNAL_READ_ONLY) || ftruncate(fd, want) < 0)
        return err_set(GRASP_EREFUSED, "journal '%s' was cut off (%lld of %lld bytes)", j->dir,
                       (long long)file.st_size, (long long)want);
    return 0;
}

static bool is_text(const MDB_val *v, const char *text)
{
    return v->mv_size == strlen(text) && memcmp(v->mv_data, text, v->mv_size) == 0;
}

/* Opened for a run for the first time since the keys changed: said once, and what is added from here
 * on is of the new kind. `journal show` and `export` read the old answers as before. */
static int bring_over(struct journal *j, MDB_txn *txn)
{
    MDB_val k = {strlen(FORMAT_KEY), FORMAT_KEY}, v = {strlen(FORMAT_TEXT), FORMAT_TEXT};
    log_warn(
        "journal '%s' was begun by an earlier version, which knew no endpoints: its answers stay "
        "readable, but none of them answers a call of this one, so calls are paid again",
        j->dir);
    return mdb_put(txn, j->main, &k, &v, 0);
}

/* Opens the databases; in a new environment, makes them. */
static int open_databases(struct journal *j)
{
    bool write = !(j->flags & JOURNAL_READ_ONLY);
    MDB_txn *txn;
    MDB_val k = {strlen(FORMAT_KEY), FORMAT_KEY}, v;
    MDB_stat st;
    int rc = store_begin(j, write ? 0 : MDB_RDONLY, &txn);
    if (rc < 0)
        return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &j->main);
    if (rc == 0)
        rc = mdb_stat(txn, j->main, &st);
    if (rc == 0 && st.ms_entries == 0 && write) {
        v = (MDB_val){strlen(FORMAT_TEXT), FORMAT_TEXT};
        rc = mdb_put(txn, j->main, &k, &v, 0);
        if (rc == 0)
            rc = store_note_moved(j, txn, 0);
    }
    if (rc == 0)
        rc = mdb_get(txn, j->main, &k, &v);
    if (rc == 0 && is_text(&v, FORMAT_OLD)) {
        if (write)
            rc = bring_over(j, txn);
    } else if (rc == MDB_NOTFOUND || (rc == 0 && !is_text(&v, FORMAT_TEXT))) {
        rc = MDB_INCOMPATIBLE;
    }
    if (rc == 0)
        rc = mdb_dbi_open(txn, "calls", MDB_INTEGERKEY | (write ? MDB_CREATE : 0), &j->calls);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "index", write ? MDB_CREATE : 0, &j->index);
    if (rc == 0)
        rc = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return rc ? journal_error(j, rc, "cannot open") : 0;
}

static int read_first_seq(struct journal *j)
{
    MDB_txn *txn;
    int rc = store_read(j, &txn);
    if (rc < 0)
        return rc;
    rc = store_next_seq(j, txn, &j->first_seq);
    mdb_txn_reset(txn);
    return rc ? journal_error(j, rc, "cannot open") : 0;
}

/* A journal that came from somewhere may have links out of it, or pipes that nobody fills. */
static int check_files(const char *dir)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "guard", "tail"};
    int rc = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names) && rc == 0; i++) {
        struct stat st;
        char *path = fs_join(dir, names[i]);
        if (!path)
            rc = err_oom();
        else if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
            rc = err_set(GRASP_EREFUSED, "journal '%s': its %s is no regular file", dir, names[i]);
        free(path);
    }
    return rc;
}

static int take_guard(struct journal *j)
{
    char *path = fs_join(j->dir, "guard");
    if (!path)
        return err_oom();
    int rc = 0;
    bool read_only = j->flags & JOURNAL_READ_ONLY;
    j->guard_fd = open(path, (read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0666);
    if (j->guard_fd < 0 && !read_only)
        rc = err_set_errno(GRASP_EIO, "cannot create '%s'", path);
    while (rc == 0 && j->guard_fd >= 0 &&
           flock(j->guard_fd, LOCK_SH) < 0) /* while it is compacted */
        if (errno != EINTR)
            rc = err_set_errno(GRASP_EIO, "cannot lock '%s'", path);
    free(path);
    return rc;
}

/* Makes it anew where its making was interrupted, when nobody else is at it. */
static int drop_unmade(struct journal *j, const char *data)
{
    if ((j->flags & JOURNAL_READ_ONLY) || !fs_lmdb_unmade(data) ||
        flock(j->guard_fd, LOCK_EX | LOCK_NB) < 0)
        return 0; /* opening it says what is wrong */
    char *lock = fs_join(j->dir, "lock.mdb");
    int rc = 0;
    if (!lock || (fs_lmdb_unmade(data) && unlink(data) < 0))
        rc = err_set_errno(GRASP_EIO, "cannot make the journal '%s' anew", j->dir);
    else
        unlink(lock);
    free(lock);
    while (rc == 0 && flock(j->guard_fd, LOCK_SH) < 0)
        if (errno != EINTR)
            rc = err_set_errno(GRASP_EIO, "cannot lock the journal '%s'", j->dir);
    return rc;
}

static int tail_open(struct journal *j)
{
    bool read_only = j->flags & JOURNAL_READ_ONLY;
    char *path = fs_join(j->dir, "tail");
    if (!path)
        return err_oom();
    j->tail.fd = open(path, (read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0666);
    free(path);
    if (j->tail.fd < 0)
        return read_only && errno == ENOENT ? 0 : tail_error(j, "cannot open its tail");
    int rc = read_only ? tail_refresh(j) : store_take_tail(j);
    return rc < 0 || read_only ? rc : tail_move(j);
}

static int open_env(struct journal *j, size_t map_size)
{
    unsigned flags = MDB_NOTLS | MDB_NOMETASYNC | MDB_NORDAHEAD;
    int dead, rc = fs_lmdb_lock_room(j->dir, READERS_MAX);
    if (rc < 0)
        return rc;
    rc = mdb_env_create(&j->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(j->env, 2);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(j->env, READERS_MAX);
    if (rc == 0)
        rc = mdb_env_set_mapsize(j->env, map_size);
    if (rc == 0)
        rc = mdb_env_open(j->env, j->dir, flags | (j->flags & JOURNAL_READ_ONLY ? MDB_RDONLY : 0),
                          0666);
    if (rc)
        return journal_error(j, rc, "cannot open");
    mdb_reader_check(j->env, &dead); /* slots of killed processes */
    if ((rc = check_length(j)) < 0 || (rc = open_databases(j)) < 0 || (rc = tail_open(j)) < 0)
        return rc;
    return read_first_seq(j);
}

int journal_open_sized(struct journal **out, const char *dir, int flags, size_t map_size)
{
    struct journal *j = calloc(1, sizeof(*j));
    int rc = 0;
    *out = NULL;
    if (!j)
        return err_oom();
    j->flags = flags;
    j->guard_fd = -1;
    j->pending_last = &j->pending;
    buf_init(&j->scratch);
    buf_init(&j->frames);
    tail_init(&j->tail);
    j->dir = str_dup(dir);
    char *file = fs_join(dir, "data.mdb");
    if (!j->dir || !file)
        rc = err_oom();
    else if ((flags & JOURNAL_READ_ONLY) && !fs_exists(file))
        rc = err_set(GRASP_ENOTFOUND, "there is no journal in '%s'", dir);
    else if (!(flags & JOURNAL_READ_ONLY))
        rc = fs_mkdirs(dir);
    if (rc == 0)
        rc = journal_check_place(dir);
    if (rc == 0)
        rc = check_files(dir);
    if (rc == 0 && (rc = codec_open(&j->codec)) == 0 && (rc = take_guard(j)) == 0 &&
        (rc = drop_unmade(j, file)) == 0)
        rc = open_env(j, map_size);
    free(file);
    if (rc < 0)
        journal_close(j);
    else
        *out = j;
    return rc;
}

int journal_open(struct journal **j, const char *dir, int flags)
{
    return journal_open_sized(j, dir, flags, JOURNAL_MAP_START);
}
