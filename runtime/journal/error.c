/* error.c - what LMDB's codes mean for a journal. */
#include "runtime/journal/journal_private.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "runtime/base/damage.h"
#include "runtime/base/err.h"

int journal_error(const struct journal *j, int rc, const char *what)
{
    struct buf where = BUF_INIT;
    struct statvfs fs;
    /* LMDB's word for a write that a full disk cut short, too */
    if (rc == EIO && statvfs(j->dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < 1 << 20)
        rc = ENOSPC;
    buf_addf(&where, "journal '%s': %s", j->dir, what);
    rc = damage_error(rc, where.ptr, GRASP_EREFUSED,
                      "it is no journal of this program: name another directory", JOURNAL_WAY_OUT);
    buf_release(&where);
    return rc;
}
