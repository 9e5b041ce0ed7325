/*
 * library_clone.c - what a plain `git clone` leaves out, and how a remote comes to carry it: notes
 * and candidates are not below refs/heads, so that git fetches them only when told.
 */
#include "skills/library_private.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

/* No '+': what others have, too, moves forward or not at all. */
static const char *const fetched[] = {"refs/grasp/*:refs/grasp/*", "refs/notes/*:refs/notes/*"};
static const char *const pushed[] = {"refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*",
                                     "refs/grasp/*:refs/grasp/*", "refs/notes/*:refs/notes/*"};

static bool ref_is_there(struct library *lib, const char *glob)
{
    git_reference_iterator *it = NULL;
    const char *name;
    bool is = git_reference_iterator_glob_new(&it, lib->repo, glob) == 0 &&
              git_reference_next_name(&name, it) == 0;
    git_reference_iterator_free(it);
    return is;
}

/* Whether a gate let anything in: then there is evidence somewhere. */
static int was_measured(const struct library_commit_info *c, void *arg)
{
    const char *score = library_trailer(c, "Gate-Score");
    int64_t n;
    *(bool *)arg = score && str_to_i64(score, INT32_MIN, INT32_MAX, &n);
    return *(bool *)arg;
}

/* "remote.NAME.url" of the first one. (git_remote_list matches by pattern, which leaks in libgit2 1.5.) */
static int first_remote(const git_config_entry *e, void *arg)
{
    char **name = arg;
    size_t head = strlen("remote."), tail = strlen(".url"), len = strlen(e->name);
    if (!*name && str_starts(e->name, "remote.") && str_ends(e->name, ".url") && len > head + tail)
        *name = str_ndup(e->name + head, len - head - tail);
    return 0;
}

int library_lacks(struct library *lib, struct strlist *how)
{
    int lacks = 0;
    bool measured = false;
    git_config *config = NULL;
    char *remote = NULL;
    if (!ref_is_there(lib, LIBRARY_NOTES_REF))
        lacks |= LIBRARY_LACKS_EVIDENCE;
    if (!ref_is_there(lib, "refs/grasp/*"))
        lacks |= LIBRARY_LACKS_CANDIDATES;
    if (!lacks)
        return 0;
    int rc = library_walk(lib, "HEAD", was_measured, &measured);
    if (rc < 0 || !measured)
        return rc < 0 ? rc : 0;
    if (git_repository_config_snapshot(&config, lib->repo) == 0)
        git_config_foreach(config, first_remote, &remote);
    git_config_free(config);
    if (remote)
        rc = strlist_addf(how, "grasp skills remote '%s' && git -C '%s' fetch '%s'", lib->dir,
                          lib->dir, remote);
    else
        rc =
            strlist_addf(how, "git -C '%s' fetch FROM '%s' '%s'", lib->dir, fetched[0], fetched[1]);
    free(remote);
    return rc < 0 ? rc : lacks;
}

/* Whether the configuration has this value under this key already. */
static bool has_value(const git_strarray *list, const char *value)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->strings[i], value) == 0)
            return true;
    return false;
}

int library_remote_set(struct library *lib, const char *remote, struct strlist *added)
{
    git_remote *r = NULL;
    git_strarray has = {0};
    int rc = git_remote_lookup(&r, lib->repo, remote);
    if (rc < 0)
        return library_git_error(rc, "the library '%s' has no remote '%s'", lib->dir, remote);
    rc = git_remote_get_fetch_refspecs(&has, r);
    for (size_t i = 0; rc == 0 && i < sizeof(fetched) / sizeof(*fetched); i++) {
        if (has_value(&has, fetched[i]))
            continue;
        LIBRARY_TRY(lib, rc, git_remote_add_fetch(lib->repo, remote, fetched[i]));
        if (rc == 0 && strlist_addf(added, "fetch %s", fetched[i]) < 0)
            rc = -1;
    }
    git_strarray_dispose(&has);
    if (rc == 0)
        rc = git_remote_get_push_refspecs(&has, r);
    for (size_t i = 0; rc == 0 && i < sizeof(pushed) / sizeof(*pushed); i++) {
        if (has_value(&has, pushed[i]))
            continue;
        LIBRARY_TRY(lib, rc, git_remote_add_push(lib->repo, remote, pushed[i]));
        if (rc == 0 && strlist_addf(added, "push %s", pushed[i]) < 0)
            rc = -1;
    }
    git_strarray_dispose(&has);
    git_remote_free(r);
    return rc < 0
               ? library_git_error(rc, "cannot configure the remote '%s' of '%s'", remote, lib->dir)
               : 0;
}
