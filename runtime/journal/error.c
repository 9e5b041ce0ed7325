/* error.c - what LMDB's codes mean for a journal. */
#include "runtime/journal/journal_private.h"

#include "runtime/base/damage.h"
#include "runtime/base/err.h"

int journal_error(const struct journal *j, int rc, const char *what)
{
    struct buf where = BUF_INIT;
    buf_addf(&where, "journal '%s': %s", j->dir, what);
    rc = damage_error(rc, where.ptr, GRASP_EREFUSED,
                      "it is no journal of this program: name another directory", JOURNAL_WAY_OUT);
    buf_release(&where);
    return rc;
}
