/*
 * compact.c - gives back the pages that a load left free. A write of LMDB's copies what it changes, so
 * a store that was loaded in pieces has a third of itself free at the end, which only a copy without it
 * gives back.
 *
 * The copy takes the place of the file while nobody has the store open: everybody who opens one holds a
 * shared lock on its directory (store.c), and this takes it alone or leaves things as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fhir/store.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"

#define FREE_SHARE 8 /* an eighth of the file at least, or it is not worth a copy */
#define FREE_MIN   (UINT64_C(1) << 20) /* and so many bytes */

static int count_free(MDB_env *env, uint64_t *pages, uint64_t *all)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cur = NULL;
    MDB_val k, d;
    MDB_envinfo info;
    size_t n;
    int rc = mdb_env_info(env, &info);
    *pages = 0;
    if (rc == 0)
        rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_cursor_open(txn, 0, &cur); /* the list of free pages is table 0 */
    while (rc == 0 && (rc = mdb_cursor_get(cur, &k, &d, MDB_NEXT)) == 0) {
        if (d.mv_size < sizeof(n))
            continue;
        memcpy(&n, d.mv_data, sizeof(n)); /* each begins with how many it has */
        *pages += n;
    }
    *all = rc == MDB_NOTFOUND ? info.me_last_pgno + 1 : 0;
    if (cur)
        mdb_cursor_close(cur);
    mdb_txn_abort(txn);
    return fhir_store_error(rc == MDB_NOTFOUND ? 0 : rc, "its free pages");
}

static int copy_to(MDB_env *env, const char *data, const char *copy)
{
    struct stat st;
    int rc = 0, bad, fd;
    if (stat(data, &st) < 0)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", data);
    if (unlink(copy) < 0 && errno != ENOENT)
        return err_set_errno(GRASP_EIO, "cannot remove '%s'", copy);
    fd = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
    if (fd < 0)
        return err_set_errno(GRASP_EIO, "cannot create '%s'", copy);
    if (fchmod(fd, st.st_mode & 0777) < 0 ||
        (st.st_uid != geteuid() && fchown(fd, st.st_uid, st.st_gid) < 0))
        rc = err_set_errno(GRASP_EIO, "cannot make '%s' like '%s'", copy, data);
    if (rc == 0 && (bad = mdb_env_copyfd2(env, fd, MDB_CP_COMPACT)) != 0)
        rc = fhir_store_error(bad, "copying it");
    if (rc == 0 && (fsync(fd) < 0 || rename(copy, data) < 0))
        rc = err_set_errno(GRASP_EIO, "cannot write '%s'", copy);
    close(fd);
    if (rc < 0)
        unlink(copy);
    return rc;
}

static int compact(const char *dir, const char *data, const char *copy, bool *done)
{
    MDB_env *env = NULL;
    MDB_stat st;
    uint64_t pages, all;
    int rc = mdb_env_create(&env), err = 0;
    if (rc == 0)
        rc = mdb_env_open(env, dir, MDB_RDONLY | MDB_NOLOCK | MDB_NORDAHEAD, 0666);
    if (rc == 0)
        rc = mdb_env_stat(env, &st);
    if (rc != 0)
        err = fhir_store_error(rc, "opening it");
    if (err == 0)
        err = count_free(env, &pages, &all);
    if (err == 0 && pages >= all / FREE_SHARE && pages * st.ms_psize >= FREE_MIN) {
        err = copy_to(env, data, copy);
        *done = err == 0;
    }
    mdb_env_close(env);
    return err;
}

int fhir_compact(const char *dir, bool *done)
{
    char *data = fs_join(dir, "data.mdb"), *copy = fs_join(dir, FHIR_COPY);
    int guard = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    *done = false;
    if (!data || !copy)
        rc = err_oom();
    else if (guard < 0)
        rc = err_set_errno(GRASP_EIO, "cannot open '%s'", dir);
    else if (flock(guard, LOCK_EX | LOCK_NB) == 0)
        rc = compact(dir, data, copy, done);
    else
        log_debug("FHIR store '%s' is open elsewhere: its free pages stay", dir);
    if (guard >= 0)
        close(guard);
    free(data);
    free(copy);
    return rc < 0 ? err_prefix(rc, "compacting FHIR store '%s'", dir) : 0;
}
