/* damage.c - the child that looks, and what every LMDB file has. */
#include "runtime/base/damage.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"

/* What the child says through a pipe, before what it found. */
struct verdict {
    int rc;
    char message[1024];
};

static _Noreturn void child(damage_fn look, const char *dir, void *out, size_t size, int fd)
{
    struct verdict v = {0};
    static const int ends[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        signal(ends[i], SIG_DFL);
    v.rc = look(dir, out);
    if (v.rc < 0)
        snprintf(v.message, sizeof(v.message), "%s", err_msg());
    _exit(fs_write_all(fd, &v, sizeof(v)) < 0 || fs_write_all(fd, out, size) < 0);
}

static bool read_whole(int fd, void *to, size_t size)
{
    size_t got = 0;
    ssize_t n;
    while (got < size &&
           ((n = read(fd, (char *)to + got, size - got)) > 0 || (n < 0 && errno == EINTR)))
        got += n > 0 ? (size_t)n : 0;
    return got == size;
}

int damage_look(damage_fn look, const char *dir, void *out, size_t size, const char *what,
                const char *way_out)
{
    struct verdict v;
    int p[2], status = 0;
    if (pipe(p) < 0)
        return err_set_errno(GRASP_EIO, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(p[0]);
        child(look, dir, out, size, p[1]);
    }
    int why = errno;
    close(p[1]);
    if (pid < 0) {
        close(p[0]);
        errno = why;
        return err_set_errno(GRASP_EIO, "cannot start a process");
    }
    bool whole = read_whole(p[0], &v, sizeof(v)) && read_whole(p[0], out, size);
    close(p[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (whole)
        return v.rc < 0 ? err_set(v.rc, "%s", v.message) : v.rc;
    return err_set(GRASP_EREFUSED, "%s '%s' is damaged: reading it ends the process (%s %d); %s",
                   what, dir, WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), way_out);
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

int damage_free_pages(MDB_env *env, MDB_txn *txn)
{
    enum { FREE_DBI = 0 };
    MDB_cursor *cursor;
    MDB_val k, v;
    MDB_envinfo info;
    int rc = mdb_env_info(env, &info);
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

enum meaning { OTHER, DISK_FULL, AFTER_FAILURE, FOREIGN, DAMAGED };

static enum meaning meaning_of(int rc)
{
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO: /* LMDB's word for a write that a full disk cut short, too */
        return DISK_FULL;
    case MDB_PANIC: /* after a write that failed in the middle: the next to open it is well again */
        return AFTER_FAILURE;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return FOREIGN;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_BAD_TXN: /* an earlier call met the damage */
    case MDB_BAD_DBI:
    case MDB_BAD_VALSIZE: /* of keys that are ours and of one length */
    case MDB_CURSOR_FULL: /* a tree without an end */
    case MDB_PAGE_FULL:
    case MDB_TXN_FULL:
    case MDB_INCOMPATIBLE: /* flags of a table that are not as it was made */
    case MDB_KEYEXIST:     /* what is appended is not the last */
    case MDB_NOTFOUND:     /* what has to be there */
        return DAMAGED;
    default:
        return OTHER;
    }
}

int damage_error(int rc, const char *where, int damaged, const char *foreign, const char *way_out)
{
    static const char full[] = "is the disk full? Then make room and start the same command again";
    static const char failed[] =
        "a write failed before: is the disk full? The same command goes on";
    const char *said = rc == ENOMEM ? "out of memory" : mdb_strerror(rc);
    switch (meaning_of(rc)) {
    case DISK_FULL:
        return err_set(GRASP_EIO, "%s: %s; %s", where, said, full);
    case AFTER_FAILURE:
        return err_set(GRASP_EIO, "%s: %s; %s", where, said, failed);
    case FOREIGN:
        return err_set(GRASP_EREFUSED, "%s: %s; %s", where, said, foreign);
    case DAMAGED:
        return err_set(damaged, "%s: %s; it is damaged: %s", where, said, way_out);
    default:
        return rc ? err_set(rc == ENOMEM ? GRASP_ENOMEM : GRASP_EIO, "%s: %s", where, said) : 0;
    }
}
