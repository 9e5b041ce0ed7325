/*
 * library_git.c - what the other files of the library speak with libgit2 through: its errors in our
 * words, ids, signatures, the branch's tip, the compare-and-swap of refs.
 */
#include "skills/library_private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"

/* A user's `git status` holds git's locks for milliseconds: wait for it, not for an editor. */
#define LOCK_TRIES 100
#define LOCK_PAUSE (10 * NS_PER_MS)

int library_git_error(int rc, const char *fmt, ...)
{
    static const struct {
        int git, ours;
    } codes[] = {
        {GIT_ENOTFOUND, GRASP_ENOTFOUND}, {GIT_EUNBORNBRANCH, GRASP_ENOTFOUND},
        {GIT_EMODIFIED, GRASP_ECONFLICT}, {GIT_EEXISTS, GRASP_ECONFLICT},
        {GIT_ELOCKED, GRASP_ECONFLICT},   {GIT_EINVALIDSPEC, GRASP_EINVAL},
        {GIT_EAMBIGUOUS, GRASP_EINVAL},   {GIT_EOWNER, GRASP_EREFUSED},
    };
    const git_error *e = git_error_last();
    char context[512];
    int code = e && e->klass == GIT_ERROR_NOMEMORY ? GRASP_ENOMEM : GRASP_EIO;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (codes[i].git == rc)
            code = codes[i].ours;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    return err_set(code, "%s: %s", context, e && e->message ? e->message : "git failed");
}

int library_need_write(const struct library *lib)
{
    if (lib->lock_fd < 0)
        return err_set(GRASP_EINVAL, "the library '%s' was opened for reading only", lib->dir);
    return 0;
}

void library_oid_out(struct oid *out, const git_oid *in)
{
    git_oid_tostr(out->hex, sizeof(out->hex), in);
}

int library_oid_in(git_oid *out, const struct oid *in)
{
    if (strlen(in->hex) != OID_HEX || git_oid_fromstr(out, in->hex) < 0)
        return err_set(GRASP_EINVAL, "'%s' is no object id", in->hex);
    return 0;
}

int library_signature(struct library *lib, int64_t when, git_signature **out)
{
    int64_t ns = when ? when : clock_stamp();
    int64_t seconds = ns / NS_PER_SEC - (ns % NS_PER_SEC < 0);
    int rc = git_signature_new(out, lib->name, lib->email, seconds, 0);
    return rc < 0 ? library_git_error(rc, "cannot sign as '%s <%s>'", lib->name, lib->email) : 0;
}

int library_ref_set(struct library *lib, const char *ref, const git_oid *id,
                    const git_oid *expected, const char *why)
{
    const struct timespec pause = {0, LOCK_PAUSE};
    git_reference *made = NULL;
    int rc;
    library_lock_intent(lib, ref);
    for (int i = 0;; i++) {
        if (expected && git_oid_is_zero(expected))
            rc = git_reference_create(&made, lib->repo, ref, id, 0, why);
        else if (expected)
            rc = git_reference_create_matching(&made, lib->repo, ref, id, 1, expected, why);
        else
            rc = git_reference_create(&made, lib->repo, ref, id, 1, why);
        if (rc != GIT_ELOCKED || i == LOCK_TRIES)
            break;
        nanosleep(&pause, NULL);
    }
    library_lock_intent(lib, NULL);
    git_reference_free(made);
    return rc < 0 ? library_git_error(rc, "cannot set %s in '%s'", ref, lib->dir) : 0;
}

int library_tip(struct library *lib, git_oid *out)
{
    int rc = git_reference_name_to_id(out, lib->repo, lib->head_ref);
    return rc < 0 ? library_git_error(rc, "the library '%s' has no commit yet", lib->dir) : 0;
}
