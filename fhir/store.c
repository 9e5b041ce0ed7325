/* store.c - opening, closing and growing the LMDB environment. */
#include "fhir/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "fhir/cache.h"
#include "fhir/index.h"
#include "fhir/overlay.h"
#include "runtime/base/damage.h"
#include "fhir/pack.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/text.h"

#define FORMAT       "grasp-fhir 3"
#define FORMAT_PLAIN "grasp-fhir 2"       /* records are never packed there */
#define MAP_START    (UINT64_C(64) << 30) /* address space, not disk: the file grows as it fills */
#define MAP_FALLBACK (UINT64_C(1) << 30)  /* where address space is limited */
#define READERS_MAX  510
#define STATE_KEY    "state"
#define FORMAT_KEY   "format"
#define TABLES_KEY   "tables"

int fhir_store_error(int rc, const char *what)
{
    char where[200];
    snprintf(where, sizeof(where), "FHIR store: %s", what);
    return damage_error(rc, where, GRASP_EIO, "name another directory", FHIR_WAY_OUT);
}

/* A store whose making was interrupted is made anew. */
static int drop_unmade(const char *dir, const char *data)
{
    if (!fs_lmdb_unmade(data))
        return 0;
    char *lock = fs_join(dir, "lock.mdb");
    int rc = 0;
    if (!lock || (unlink(data) < 0 && errno != ENOENT))
        rc = err_set_errno(GRASP_EIO, "cannot make the FHIR store '%s' anew", dir);
    else
        unlink(lock);
    free(lock);
    return rc;
}

/* A store that came from somewhere may have links out of it, or pipes that nobody fills. */
static int check_file(const char *dir, const char *name)
{
    struct stat st;
    char *path = fs_join(dir, name);
    int rc = path ? 0 : err_oom();
    if (path && lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        rc = err_set(GRASP_EREFUSED, "'%s' is no FHIR store: its %s is no regular file", dir, name);
    free(path);
    return rc;
}

/* Refuses a directory that is not empty and not ours. */
static int check_dir(const char *dir, bool look)
{
    int rc = check_file(dir, "data.mdb");
    if (rc < 0 || (rc = check_file(dir, "lock.mdb")) < 0)
        return rc;
    char *data = fs_join(dir, "data.mdb");
    if (!data)
        return err_oom();
    if (look && fs_lmdb_unmade(data)) {
        rc = err_set(GRASP_EREFUSED, "'%s' is no FHIR store: its making was interrupted", dir);
    } else if (look && !fs_exists(data)) {
        rc = err_set(GRASP_ENOTFOUND, "there is no FHIR store '%s'", dir);
    } else if (fs_exists(data)) {
        rc = drop_unmade(dir, data);
    } else if (fs_is_dir(dir)) {
        DIR *d = opendir(dir);
        struct dirent *e;
        while (d && rc == 0 && (e = readdir(d)))
            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                strcmp(e->d_name, "lock.mdb") != 0) /* all that an interrupted making left */
                rc = err_set(GRASP_EREFUSED,
                             "'%s' is no FHIR store and not empty (it holds '%s'): choose another "
                             "directory",
                             dir, e->d_name);
        if (d)
            closedir(d);
    }
    free(data);
    return rc;
}

/* A store that this user may read and not write is one to read. *lock: its lock file can be used. */
static bool may_write(const char *dir, bool *lock)
{
    char *data = fs_join(dir, "data.mdb"), *file = fs_join(dir, "lock.mdb");
    bool writable = !data || access(data, F_OK) < 0 || access(data, W_OK) == 0;
    *lock = file && (access(file, F_OK) == 0 ? access(file, W_OK) == 0 : access(dir, W_OK) == 0);
    free(data);
    free(file);
    return writable;
}

/* `or` is what may stand there as well (NULL: nothing); *other: it does. */
static int check_value(struct fhir_store *s, MDB_txn *txn, const char *key, const char *value,
                       const char * or, bool fresh, bool *other)
{
    MDB_val k = {strlen(key), (void *)key}, v = {strlen(value), (void *)value}, got;
    if (fresh)
        return fhir_store_error(mdb_put(txn, s->meta, &k, &v, 0), "writing its format");
    int rc = mdb_get(txn, s->meta, &k, &got);
    if (rc == 0 && got.mv_size == v.mv_size && memcmp(got.mv_data, value, v.mv_size) == 0)
        return 0;
    if (rc == 0 && or &&got.mv_size == strlen(or) && memcmp(got.mv_data, or, got.mv_size) == 0) {
        *other = true;
        return 0;
    }
    if (rc != 0 && rc != MDB_NOTFOUND)
        return fhir_store_error(rc, "reading its format");
    return err_set(GRASP_EREFUSED,
                   "'%s' was written by another version of this program: load its resources into a "
                   "new directory",
                   s->dir);
}

static int open_tables(struct fhir_store *s)
{
    MDB_txn *txn = NULL;
    MDB_stat stat;
    bool plain = s->temporary; /* it is read more often than it is long */
    char tables[32];
    unsigned create = s->unwritable ? 0 : MDB_CREATE;
    int rc = fhir_store_error(mdb_txn_begin(s->env, NULL, s->unwritable ? MDB_RDONLY : 0, &txn),
                              "first transaction");
    if (rc < 0)
        return rc;
    static const struct {
        const char *name;
        size_t at;
        unsigned flags;
    } dbs[] = {
        {"meta", offsetof(struct fhir_store, meta), 0},
        {"ids", offsetof(struct fhir_store, ids), 0},
        {"res", offsetof(struct fhir_store, res), MDB_INTEGERKEY},
        {"idx", offsetof(struct fhir_store, idx), MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP},
        {"hist", offsetof(struct fhir_store, hist), 0},
    };
    for (size_t i = 0; rc == 0 && i < sizeof(dbs) / sizeof(*dbs); i++) {
        MDB_dbi *dbi = (MDB_dbi *)((char *)s + dbs[i].at);
        rc = fhir_store_error(mdb_dbi_open(txn, dbs[i].name, dbs[i].flags | create, dbi),
                              "opening its tables");
    }
    if (rc == 0)
        rc = fhir_store_error(mdb_stat(txn, s->meta, &stat), "reading its format");
    snprintf(tables, sizeof(tables), "%016llx", (unsigned long long)fhir_params_fingerprint());
    if (rc == 0)
        rc = check_value(s, txn, FORMAT_KEY, FORMAT, FORMAT_PLAIN, stat.ms_entries == 0, &plain);
    if (rc == 0)
        rc = check_value(s, txn, TABLES_KEY, tables, NULL, stat.ms_entries == 0, NULL);
    if (rc == 0 && !plain && !(s->packs = fhir_packs_new()))
        rc = err_oom();
    if (rc == 0)
        return fhir_store_error(mdb_txn_commit(txn), "first transaction");
    mdb_txn_abort(txn);
    return rc;
}

static int open_env(struct fhir_store *s, bool no_sync)
{
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
    bool lock = true;
    if (no_sync || s->temporary)
        flags |= MDB_NOSYNC;
    s->unwritable = !s->temporary && (!may_write(s->dir, &lock) || s->look);
    if (s->unwritable) {
        s->read_only = true;
        flags |= MDB_RDONLY | (lock ? 0 : MDB_NOLOCK);
    }
    static const uint64_t sizes[] = {MAP_START, MAP_FALLBACK};
    int rc = flags & MDB_NOLOCK ? 0 : fs_lmdb_lock_room(s->dir, READERS_MAX);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        mdb_env_close(s->env);
        s->env = NULL;
        if ((rc = mdb_env_create(&s->env)) != 0 || (rc = mdb_env_set_maxdbs(s->env, 8)) != 0 ||
            (rc = mdb_env_set_maxreaders(s->env, READERS_MAX)) != 0 ||
            (rc = mdb_env_set_mapsize(s->env, sizes[i])) != 0)
            break;
        rc = mdb_env_open(s->env, s->dir, flags, 0666);
        if (rc != ENOMEM && rc != EINVAL) /* EINVAL: valgrind's word for it */
            break;
    }
    struct buf where = BUF_INIT;
    buf_addf(&where, "cannot open FHIR store '%s'", s->dir);
    rc = damage_error(rc, where.ptr, GRASP_EREFUSED, "it is no FHIR store: name another directory",
                      FHIR_WAY_OUT);
    buf_release(&where);
    return rc;
}

/* Reading a page that the file does not have would end the process (SIGBUS). Pages that were never
 * written may be missing at the end of a sound file, too, so they are put there as zeros, which are
 * named as damage where something is looked for in them. */
static int check_length(struct fhir_store *s)
{
    MDB_envinfo info;
    MDB_stat st;
    struct stat file;
    int fd;
    if (mdb_env_info(s->env, &info) || mdb_env_stat(s->env, &st) || mdb_env_get_fd(s->env, &fd) ||
        fstat(fd, &file) < 0)
        return err_set(GRASP_EIO, "cannot open FHIR store '%s'", s->dir);
    off_t want = (off_t)(info.me_last_pgno + 1) * (off_t)st.ms_psize;
    if (file.st_size >= want || (!s->unwritable && ftruncate(fd, want) == 0))
        return 0;
    return err_set(GRASP_EREFUSED,
                   "FHIR store '%s' was cut off (%lld of %lld bytes): " FHIR_WAY_OUT, s->dir,
                   (long long)file.st_size, (long long)want);
}

/* For as long as it is open, so that nobody puts another file in its place. Waits while that happens.
 * Where directories cannot be locked, fhir_compact cannot do it either. */
static void take_guard(struct fhir_store *s)
{
    if (s->temporary)
        return;
    s->guard = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (s->guard >= 0 && flock(s->guard, LOCK_SH) < 0 && errno == EINTR)
        ;
    if (s->guard >= 0 && !s->look) /* of one that was killed */
        unlinkat(s->guard, FHIR_COPY, 0);
}

static int init_locks(struct fhir_store *s)
{
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->map_lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&s->write_lock, NULL);
    s->cache = fhir_cache_new();
    return s->cache ? 0 : err_oom();
}

int fhir_open(struct fhir_store **store, const char *dir, const struct fhir_options *options)
{
    static const struct fhir_options defaults;
    const struct fhir_options *o = options ? options : &defaults;
    struct fhir_store *s = calloc(1, sizeof(*s));
    int rc;
    *store = NULL;
    if (!s)
        return err_oom();
    s->ignore_unknown_params = o->ignore_unknown_params;
    s->read_only = o->read_only;
    s->keep_versions = o->keep_versions;
    s->look = o->look;
    s->temporary = !dir;
    s->guard = -1;
    rc = init_locks(s);
    if (rc < 0)
        goto out;
    s->base_url = str_dup(o->base_url ? o->base_url : FHIR_DEFAULT_BASE);
    s->dir = dir ? str_dup(dir) : fs_tempdir("grasp-fhir");
    s->cors = o->cors ? str_dup(o->cors) : NULL;
    if (!s->base_url || !s->dir || (o->cors && !s->cors)) {
        rc = !s->dir && !dir ? GRASP_EIO : err_oom(); /* fs_tempdir said why */
        goto out;
    }
    if (!str_ends(s->base_url, "/")) {
        rc = err_set(GRASP_EINVAL, "FHIR base URL '%s' must end in '/'", s->base_url);
        goto out;
    }
    if ((rc = check_dir(s->dir, s->look)) < 0 || (!s->look && (rc = fs_mkdirs(s->dir)) < 0))
        goto out;
    take_guard(s);
    if ((rc = open_env(s, o->no_sync)) < 0 || (!s->look && (rc = check_length(s)) < 0) ||
        (rc = open_tables(s)) < 0)
        goto out;
    /* an open file needs no name: nothing is left behind, however this process ends */
    if (s->temporary)
        fs_remove_tree(s->dir);
    *store = s;
    s = NULL;
out:
    fhir_close(s);
    return rc;
}

void fhir_close(struct fhir_store *s)
{
    if (!s)
        return;
    mdb_env_close(s->env);
    if (s->guard >= 0)
        close(s->guard);
    if (s->temporary && s->dir)
        fs_remove_tree(s->dir);
    fhir_cache_free(s->cache);
    fhir_packs_free(s->packs);
    pthread_rwlock_destroy(&s->map_lock);
    pthread_mutex_destroy(&s->write_lock);
    free(s->base_url);
    free(s->cors);
    free(s->dir);
    free(s);
}

/* ---- views ---- */

static int begin(struct fhir_view *v, unsigned flags)
{
    struct fhir_store *s = v->store;
    pthread_rwlock_rdlock(&s->map_lock);
    int rc = mdb_txn_begin(s->env, NULL, flags, &v->txn);
    if (rc != MDB_MAP_RESIZED)
        goto out;
    /* another process grew the file */
    pthread_rwlock_unlock(&s->map_lock);
    pthread_rwlock_wrlock(&s->map_lock);
    rc = mdb_env_set_mapsize(s->env, 0);
    pthread_rwlock_unlock(&s->map_lock);
    pthread_rwlock_rdlock(&s->map_lock);
    if (rc == 0)
        rc = mdb_txn_begin(s->env, NULL, flags, &v->txn);
out:
    if (rc != 0) {
        v->txn = NULL;
        pthread_rwlock_unlock(&s->map_lock);
    }
    return fhir_store_error(rc, "beginning a transaction");
}

/* What the store knows about itself, kept under STATE_KEY. */
struct state {
    uint64_t next_seq;
    int64_t changed_us;
    uint64_t txn; /* that wrote it, which is each: LMDB may take the one before for the last */
    uint64_t sum; /* CRC-32 of what stands before it */
};
#define STATE_OLD offsetof(struct state, txn) /* all that an older store has */

static uint64_t state_sum(const struct state *state)
{
    return crc32_z(0, (const Bytef *)state, offsetof(struct state, sum));
}

static int read_state(struct fhir_view *v)
{
    MDB_val k = {strlen(STATE_KEY), (void *)STATE_KEY}, got;
    struct state state = {.next_seq = 1};
    int rc = mdb_get(v->txn, v->store->meta, &k, &got);
    if (rc == 0 && got.mv_size != sizeof(state) && got.mv_size != STATE_OLD)
        rc = MDB_CORRUPTED;
    if (rc == 0)
        memcpy(&state, got.mv_data, got.mv_size);
    if (rc == 0 && got.mv_size == sizeof(state) && state.sum != state_sum(&state))
        rc = MDB_CORRUPTED;
    else if (rc == MDB_NOTFOUND)
        rc = 0;
    v->next_seq = state.next_seq;
    v->changed_us = state.changed_us;
    v->state_txn = state.txn;
    return fhir_store_error(rc, "reading the store's state");
}

static int write_state(struct fhir_view *v)
{
    struct state state = {v->next_seq, v->changed_us, mdb_txn_id(v->txn), 0};
    state.sum = state_sum(&state);
    MDB_val k = {strlen(STATE_KEY), (void *)STATE_KEY}, d = {sizeof(state), &state};
    return mdb_put(v->txn, v->store->meta, &k, &d, 0);
}

int fhir_view_open(struct fhir_view *v, struct fhir_store *store, struct fhir_overlay *overlay)
{
    *v = (struct fhir_view){.store = store, .overlay = overlay};
    int rc = begin(v, MDB_RDONLY);
    if (rc == 0 && ((rc = read_state(v)) < 0 || (rc = fhir_packer_take(v)) < 0))
        fhir_view_close(v);
    return rc;
}

void fhir_view_close(struct fhir_view *v)
{
    if (!v->txn)
        return;
    fhir_packer_give(v);
    mdb_txn_abort(v->txn);
    v->txn = NULL;
    pthread_rwlock_unlock(&v->store->map_lock);
}

static int grow(struct fhir_store *s)
{
    MDB_envinfo info;
    pthread_rwlock_wrlock(&s->map_lock);
    int rc = mdb_env_info(s->env, &info);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, info.me_mapsize * 2);
    pthread_rwlock_unlock(&s->map_lock);
    return fhir_store_error(rc, "growing");
}

static int write_once(struct fhir_view *v, fhir_write_fn fn, void *arg, bool *full)
{
    int mdb, rc = begin(v, 0);
    if (rc < 0)
        return rc;
    v->writing = true;
    v->full = false;
    if ((rc = fhir_packer_take(v)) < 0 || (rc = read_state(v)) < 0)
        goto out;
    if ((rc = fhir_packs_begin(v)) != 0) {
        rc = rc > 0 ? fhir_store_error(rc, "reading its dictionaries") : rc;
        goto out;
    }
    if ((rc = fn(v, arg)) == 0) {
        mdb = write_state(v);
        if (mdb == 0) {
            mdb = mdb_txn_commit(v->txn);
            v->txn = NULL; /* gone either way */
            fhir_packs_end(v, mdb == 0);
            atomic_fetch_add(&v->store->generation, 1);
        }
        v->full |= mdb == MDB_MAP_FULL;
        rc = fhir_store_error(mdb, "committing");
    }
out:
    if (v->txn) {
        fhir_packs_end(v, false);
        mdb_txn_abort(v->txn);
    }
    v->txn = NULL;
    fhir_packer_give(v);
    pthread_rwlock_unlock(&v->store->map_lock);
    *full = v->full;
    return rc;
}

int fhir_store_write(struct fhir_store *s, struct fhir_overlay *overlay, fhir_write_fn fn,
                     void *arg)
{
    struct fhir_view v = {.store = s, .overlay = overlay};
    int rc;
    if (s->unwritable && !overlay)
        return err_set(GRASP_EREFUSED, "the files of FHIR store '%s' may not be written", s->dir);
    if (overlay) {
        size_t mark = overlay->n;
        if ((rc = fhir_view_open(&v, s, overlay)) < 0)
            return rc;
        v.writing = true;
        rc = fn(&v, arg);
        if (rc < 0)
            fhir_overlay_cut(overlay, mark);
        fhir_view_close(&v);
        return rc;
    }
    bool full = false;
    pthread_mutex_lock(&s->write_lock);
    do {
        rc = write_once(&v, fn, arg, &full);
        if (full && (rc = grow(s)) < 0)
            break;
    } while (full);
    pthread_mutex_unlock(&s->write_lock);
    return rc;
}
