/*
 * library_git.c - what the other files of the library speak with libgit2 through: its errors in our
 * words, what is tried again, ids, objects, signatures, the branch's tip.
 */
#include "skills/library_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define PAUSE        (10 * NS_PER_MS)
#define LOOKUP_TRIES 3 /* of an object that is not there: it may be in a pack that is new */

static bool message_has(const char *text)
{
    const git_error *e = git_error_last();
    return e && e->message && strstr(e->message, text);
}

bool library_wait(struct library *lib, int rc, struct library_patience *p)
{
    const struct timespec pause = {0, PAUSE};
    git_odb *odb = NULL;
    bool locked = rc == GIT_ELOCKED, absent = rc == GIT_ENOTFOUND;
    /* A folder of objects that was empty for a moment, a pack that was replaced. */
    bool moved = !absent && message_has("No such file or directory");
    if (!locked && !absent && !moved)
        return false;
    if (!p->until)
        p->until = clock_mono() + LIBRARY_PATIENCE;
    if (clock_mono() > p->until || (absent && p->tries >= LOOKUP_TRIES))
        return false;
    p->tries++;
    nanosleep(&pause, NULL);
    if (!locked && git_repository_odb(&odb, lib->repo) == 0)
        git_odb_refresh(odb);
    git_odb_free(odb);
    return true;
}

int library_object_at(struct library *lib, const git_oid *id, git_object_t type, git_object **out)
{
    char hex[OID_HEX + 1], text[512];
    int rc;
    LIBRARY_TRY(lib, rc, git_object_lookup(out, lib->repo, id, type));
    if (rc == GIT_ENOTFOUND && lib->partial) {
        snprintf(text, sizeof(text),
                 "object %.10s is not here, the repository is a partial clone; to have all of it: "
                 "git -C '%.200s' fetch --refetch --no-filter",
                 git_oid_tostr(hex, sizeof(hex), id), lib->dir);
        git_error_set_str(GIT_ERROR_ODB, text);
    }
    return rc;
}

int library_commit_at(struct library *lib, const struct oid *commit, git_commit **out)
{
    git_oid id;
    int rc = library_oid_in(&id, commit);
    if (rc == 0 && (rc = library_object_at(lib, &id, GIT_OBJECT_COMMIT, (git_object **)out)) < 0)
        rc = library_git_error(rc, "no commit %s in '%s'", commit->hex, lib->dir);
    return rc;
}

int library_git_error(int rc, const char *fmt, ...)
{
    static const struct {
        int git, ours;
    } codes[] = {
        {GIT_ENOTFOUND, GRASP_ENOTFOUND}, {GIT_EUNBORNBRANCH, GRASP_ENOTFOUND},
        {GIT_EMODIFIED, GRASP_ECONFLICT}, {GIT_EEXISTS, GRASP_ECONFLICT},
        {GIT_ELOCKED, GRASP_ESTOPPED},    {GIT_EINVALIDSPEC, GRASP_EINVAL},
        {GIT_EAMBIGUOUS, GRASP_EINVAL},   {GIT_EOWNER, GRASP_EREFUSED},
    };
    /* libgit2's outer layers say what they wanted in the place of why it could not be */
    int why = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? errno : 0;
    const git_error *e = git_error_last();
    const char *said = e && e->message ? e->message : "git failed";
    char context[512];
    int code = e && e->klass == GIT_ERROR_NOMEMORY ? GRASP_ENOMEM : GRASP_EIO;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (codes[i].git == rc)
            code = codes[i].ours;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    bool add = why && !strstr(said, strerror(why));
    return err_set(
        code, "%s: %s%s%s%s", context, said, add ? ": " : "", add ? strerror(why) : "",
        code == GRASP_ESTOPPED ? "; another git is at work in it: run the same command again" : "");
}

int library_need_write(const struct library *lib)
{
    if (lib->lock_fd < 0)
        return err_set(GRASP_EINVAL, "the library '%s' was opened for reading only", lib->dir);
    return 0;
}

bool oid_from_text(struct oid *out, const char *text)
{
    bool is = text && strlen(text) == OID_HEX;
    *out = (struct oid){""};
    if (is)
        memcpy(out->hex, text, OID_HEX + 1);
    return is;
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

int library_tip(struct library *lib, git_oid *out)
{
    int rc = lib->line_ref ? library_ref_id(lib, lib->line_ref, out) : GIT_ENOTFOUND;
    if (rc == GIT_ENOTFOUND)
        rc = library_ref_id(lib, lib->head_ref, out);
    return rc < 0 ? library_git_error(rc, "the library '%s' has no commit yet", lib->dir) : 0;
}
