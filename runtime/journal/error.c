/* error.c - what LMDB's codes mean for a journal. */
#include "runtime/journal/journal_private.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "runtime/base/err.h"

int journal_error(const struct journal *j, int rc, const char *what)
{
    int code = GRASP_EIO;
    const char *hint = "";
    struct statvfs fs;
    /* LMDB's word for a write that a full disk cut short, too */
    if (rc == EIO && statvfs(j->dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < 1 << 20)
        rc = ENOSPC;
    switch (rc) {
    case ENOMEM:
        code = GRASP_ENOMEM;
        break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        hint = "; make room and start the same command again";
        break;
    case EIO:
        hint = "; if the disk is full, make room and start the same command again";
        break;
    case MDB_PANIC: /* after a write that failed in the middle: the next to open it is well again */
        hint = "; a write failed before: is the disk full? The same command goes on";
        break;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        code = GRASP_EREFUSED;
        hint = "; it is no journal of this program: name another directory";
        break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        code = GRASP_EREFUSED;
        hint = "; it is damaged: move it away, or put back a copy";
        break;
    default:
        break;
    }
    return err_set(code, "journal '%s': %s: %s%s", j->dir, what, mdb_strerror(rc), hint);
}
