/*
 * library_ref.c - refs: the compare-and-swap, candidates' refs, branches, and where the best
 * checkpoint is.
 */
#include "skills/library_private.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/barrier.h"
#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

int library_ref_set(struct library *lib, const char *ref, const git_oid *id,
                    const git_oid *expected, const char *why)
{
    git_reference *made = NULL;
    struct barrier b = {0};
    if (lib->batch.open)
        return library_batch_ref(lib, ref, id, expected, why);
    int rc = library_objects_want(lib, id);
    if (rc == 0)
        rc = library_objects_write(lib, false, &b);
    int flushed = barrier_wait(&b);
    if (rc < 0 || flushed < 0)
        return rc < 0 ? rc : flushed;
    library_lock_intent(lib, ref);
    if (expected && git_oid_is_zero(expected))
        LIBRARY_TRY(lib, rc, git_reference_create(&made, lib->repo, ref, id, 0, why));
    else if (expected)
        LIBRARY_TRY(lib, rc,
                    git_reference_create_matching(&made, lib->repo, ref, id, 1, expected, why));
    else
        LIBRARY_TRY(lib, rc, git_reference_create(&made, lib->repo, ref, id, 1, why));
    library_lock_intent(lib, NULL);
    git_reference_free(made);
    return rc < 0 ? library_git_error(rc, "cannot set %s in '%s'", ref, lib->dir)
                  : library_shadow_settle(lib, false);
}

/* A notes ref is a branch of commits of its own; NULL: there is none yet. */
static int notes_tip(struct library *lib, const char *ref, git_commit **out)
{
    git_oid id;
    *out = NULL;
    int rc = library_ref_id(lib, ref, &id);
    if (rc == 0)
        rc = library_object_at(lib, &id, GIT_OBJECT_COMMIT, (git_object **)out);
    return rc == GIT_ENOTFOUND ? 0 : rc;
}

int library_note_at(struct library *lib, const char *ref, const git_oid *on, git_note **note)
{
    git_commit *tip = NULL;
    int rc = notes_tip(lib, ref, &tip);
    if (rc == 0)
        rc = tip ? git_note_commit_read(note, lib->repo, tip, on) : GIT_ENOTFOUND;
    git_commit_free(tip);
    return rc;
}

int library_note_put(struct library *lib, const char *ref, const git_oid *on,
                     const git_signature *who, const char *text, bool replace)
{
    const git_oid zero = {{0}};
    git_commit *tip = NULL;
    git_oid made;
    int rc = library_objects_want(lib, on);
    if (rc < 0)
        return rc;
    if ((rc = notes_tip(lib, ref, &tip)) == 0)
        LIBRARY_TRY(
            lib, rc,
            git_note_commit_create(&made, NULL, lib->repo, tip, who, who, on, text, replace));
    if (rc < 0)
        rc = library_git_error(rc, "cannot write a note to '%s'", lib->dir);
    else
        rc = library_ref_set(lib, ref, &made, tip ? git_commit_id(tip) : &zero,
                             "notes: Notes added by grasp");
    git_commit_free(tip);
    return rc;
}

int library_keep(struct library *lib, const struct oid *commit, const char *run, int update, int k)
{
    const git_oid zero = {{0}};
    git_oid id, there;
    char ref[512];
    int valid = 0, rc = library_need_write(lib);
    if (rc < 0 || (rc = library_oid_in(&id, commit)) < 0)
        return rc;
    int n = snprintf(ref, sizeof(ref), LIBRARY_CANDIDATES "%s/%d/%d", run, update, k);
    if (n < 0 || (size_t)n >= sizeof(ref) || strchr(run, '/') ||
        git_reference_name_is_valid(&valid, ref) < 0 || !valid)
        return err_set(GRASP_EINVAL, "'%.80s' cannot be a run's name", run);
    if (library_ref_id(lib, ref, &there) < 0)
        return library_ref_set(lib, ref, &id, &zero, "grasp: candidate");
    if (!git_oid_equal(&there, &id))
        return err_set(GRASP_ECONFLICT, "%s of the library '%s' is %.10s already, not %.10s", ref,
                       lib->dir, git_oid_tostr_s(&there), commit->hex);
    return 0;
}

static bool ref_exists(struct library *lib, const char *prefix, const char *name, size_t len)
{
    struct buf ref = BUF_INIT;
    git_oid id;
    buf_adds(&ref, prefix);
    buf_add(&ref, name, len);
    bool is = !ref.failed && library_ref_id(lib, ref.ptr, &id) == 0;
    buf_release(&ref);
    return is;
}

/* A branch that is a folder of this one's name, or the other way round: git keeps refs as files. */
static int check_in_the_way(struct library *lib, const char *name)
{
    struct buf glob = BUF_INIT;
    git_reference_iterator *it = NULL;
    const char *other;
    int rc = 0;
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/'))
        if (ref_exists(lib, "refs/heads/", name, (size_t)(slash - name)))
            return err_set(GRASP_EREFUSED,
                           "the library '%s' has a branch '%.*s', so that there can be none called "
                           "'%s': rename it (git -C '%s' branch -m) or choose another name",
                           lib->dir, (int)(slash - name), name, name, lib->dir);
    buf_addf(&glob, "refs/heads/%s/*", name);
    if ((rc = buf_check(&glob)) == 0 &&
        git_reference_iterator_glob_new(&it, lib->repo, glob.ptr) == 0 &&
        git_reference_next_name(&other, it) == 0)
        rc = err_set(GRASP_EREFUSED,
                     "the library '%s' has the branch '%s', so that there can be none called '%s': "
                     "choose another name",
                     lib->dir, other + strlen("refs/heads/"), name);
    git_reference_iterator_free(it);
    buf_release(&glob);
    return rc;
}

int library_branch_check(struct library *lib, const char *name)
{
    int valid = 0;
    if (str_starts(lib->head_ref, "refs/heads/") &&
        strcmp(lib->head_ref + strlen("refs/heads/"), name) == 0)
        return err_set(GRASP_EREFUSED, "the branch '%s' of the library '%s' is checked out", name,
                       lib->dir);
    if (str_caseeq(name, "HEAD") || strcmp(name, LIBRARY_BEST_NAME) == 0)
        return err_set(GRASP_EREFUSED,
                       "'%s' has a meaning of its own in a library: choose another "
                       "name for a branch",
                       name);
    if (git_branch_name_is_valid(&valid, name) < 0 || !valid)
        return err_set(GRASP_EINVAL, "'%.80s' cannot be a branch's name", name);
    if (ref_exists(lib, "refs/tags/", name, strlen(name)))
        return err_set(GRASP_EREFUSED,
                       "the library '%s' has a tag '%s': choose another name for a branch",
                       lib->dir, name);
    return check_in_the_way(lib, name);
}

int library_branch_set(struct library *lib, const char *name, const struct oid *commit)
{
    struct buf ref = BUF_INIT;
    git_oid id;
    int rc = library_need_write(lib);
    if (rc < 0 || (rc = library_oid_in(&id, commit)) < 0 ||
        (rc = library_branch_check(lib, name)) < 0)
        return rc;
    buf_addf(&ref, "refs/heads/%s", name);
    if ((rc = buf_check(&ref)) == 0)
        rc = library_ref_set(lib, ref.ptr, &id, NULL, "grasp: branch");
    buf_release(&ref);
    return rc;
}

int library_line_set(struct library *lib, const char *name, bool create)
{
    const git_oid zero = {{0}};
    struct buf ref = BUF_INIT;
    git_oid tip;
    int rc = library_branch_check(lib, name);
    buf_addf(&ref, "refs/heads/%s", name);
    if (rc == 0)
        rc = buf_check(&ref);
    if (rc == 0 && create && !ref_exists(lib, ref.ptr, "", 0) && (rc = library_tip(lib, &tip)) == 0)
        rc = library_ref_set(lib, ref.ptr, &tip, &zero, "grasp: proposed");
    if (rc == 0) {
        free(lib->line_ref);
        lib->line_ref = buf_detach(&ref);
    }
    buf_release(&ref);
    return rc;
}

int library_line_move(struct library *lib, const git_oid *to, const git_oid *from)
{
    const git_oid zero = {{0}};
    bool made = lib->line_ref && !ref_exists(lib, lib->line_ref, "", 0);
    return library_ref_set(lib, lib->line_ref ? lib->line_ref : lib->head_ref, to,
                           made ? &zero : from,
                           lib->line_ref ? "grasp: proposed" : "grasp: accepted");
}

static int ref_drop(struct library *lib, const char *name)
{
    git_reference *ref = NULL;
    int rc = git_reference_lookup(&ref, lib->repo, name);
    if (rc == GIT_ENOTFOUND)
        return 0;
    if (rc == 0) {
        library_lock_intent(lib, name);
        LIBRARY_TRY(lib, rc, git_reference_delete(ref));
        library_lock_intent(lib, NULL);
    }
    git_reference_free(ref);
    return rc < 0 ? library_git_error(rc, "cannot remove %s from '%s'", name, lib->dir) : 0;
}

static bool leads_to(struct library *lib, const char *ref, const git_oid *tip)
{
    git_oid at;
    return git_reference_name_to_id(&at, lib->repo, ref) == 0 &&
           (git_oid_equal(tip, &at) || git_graph_descendant_of(lib->repo, &at, tip) == 1);
}

int library_branch_drop(struct library *lib, const char *name)
{
    struct buf ref = BUF_INIT;
    git_oid tip;
    int rc = library_need_write(lib);
    buf_addf(&ref, "refs/heads/%s", name);
    if (rc == 0)
        rc = buf_check(&ref);
    if (rc == 0 && strcmp(ref.ptr, lib->head_ref) != 0 &&
        git_reference_name_to_id(&tip, lib->repo, ref.ptr) == 0 &&
        (leads_to(lib, lib->head_ref, &tip) ||
         (lib->line_ref && strcmp(ref.ptr, lib->line_ref) != 0 &&
          leads_to(lib, lib->line_ref, &tip))))
        rc = ref_drop(lib, ref.ptr);
    buf_release(&ref);
    return rc;
}

int library_keep_rejected(struct library *lib, const struct oid *commit, const char *run)
{
    struct buf ref = BUF_INIT;
    git_oid id;
    int rc = library_need_write(lib);
    buf_addf(&ref, LIBRARY_REJECTED "%s/%.10s", run, commit->hex);
    if (rc == 0)
        rc = buf_check(&ref);
    if (rc == 0 && (rc = library_oid_in(&id, commit)) == 0)
        rc = library_ref_set(lib, ref.ptr, &id, NULL, "grasp: rejected");
    buf_release(&ref);
    return rc;
}

void library_way_back(struct library *lib, const struct oid *commit, struct buf *out)
{
    if (lib->line_ref)
        buf_addf(out, "git -C '%s' branch -f '%s' %.10s", lib->dir,
                 lib->line_ref + strlen("refs/heads/"), commit->hex);
    else if (git_repository_is_bare(lib->repo))
        buf_addf(out, "git -C '%s' branch aside && git -C '%s' update-ref '%s' %s", lib->dir,
                 lib->dir, lib->head_ref, commit->hex);
    else
        buf_addf(out, "git -C '%s' branch aside && git -C '%s' reset --hard %.10s", lib->dir,
                 lib->dir, commit->hex);
}

/* A tag of that name would go before the branch wherever plain git is asked. */
static int drop_best_tag(struct library *lib)
{
    return ref_drop(lib, LIBRARY_BEST_TAG);
}

int library_best_set(struct library *lib, const struct oid *commit, const char *why)
{
    git_oid id;
    int rc = library_need_write(lib);
    if (rc < 0 || (rc = library_oid_in(&id, commit)) < 0)
        return rc;
    rc = library_ref_set(lib, LIBRARY_BEST, &id, NULL, why);
    return rc < 0 ? rc : drop_best_tag(lib);
}

int library_best_why(struct library *lib, struct buf *out)
{
    git_reflog *log = NULL;
    int rc = git_reflog_read(&log, lib->repo, LIBRARY_BEST);
    if (rc < 0)
        return library_git_error(rc, "cannot read the reflog of '%s'", lib->dir);
    if (!git_reflog_entrycount(log))
        rc = err_set(GRASP_ENOTFOUND, "the library '%s' has no reflog of '%s'", lib->dir,
                     LIBRARY_BEST_NAME);
    else
        buf_adds(out, git_reflog_entry_message(git_reflog_entry_byindex(log, 0)));
    git_reflog_free(log);
    return rc < 0 ? rc : buf_check(out);
}

int library_best_bring_over(struct library *lib)
{
    git_reference *tag = NULL;
    git_object *commit = NULL;
    struct oid id;
    int rc = 0;
    if (git_reference_lookup(&tag, lib->repo, LIBRARY_BEST_TAG) < 0)
        return 0;
    if (git_reference_peel(&commit, tag, GIT_OBJECT_COMMIT) == 0) {
        library_oid_out(&id, git_object_id(commit));
        if (ref_exists(lib, "refs/heads/", LIBRARY_BEST_NAME, strlen(LIBRARY_BEST_NAME)))
            rc = drop_best_tag(lib);
        else
            rc = library_best_set(lib, &id, "grasp: the tag of before");
        if (rc == 0)
            log_info(
                "library '%s': 'best' is a branch now (it was a tag), so that fetches follow it",
                lib->dir);
    }
    git_object_free(commit);
    git_reference_free(tag);
    return rc;
}

/* Where the best checkpoint is; GRASP_ENOTFOUND when nobody made one here. */
static int best_commit(struct library *lib, git_oid *out)
{
    git_reference_iterator *it = NULL;
    git_oid id;
    const char *name;
    bool found = git_reference_name_to_id(out, lib->repo, LIBRARY_BEST) == 0;
    if (git_reference_iterator_glob_new(&it, lib->repo, "refs/remotes/*/" LIBRARY_BEST_NAME) == 0)
        while (git_reference_next_name(&name, it) == 0)
            if (git_reference_name_to_id(&id, lib->repo, name) == 0 &&
                (!found || git_graph_descendant_of(lib->repo, &id, out) == 1)) {
                *out = id;
                found = true;
            }
    git_reference_iterator_free(it);
    if (found)
        return 0;
    return git_reference_name_to_id(out, lib->repo, LIBRARY_BEST_TAG);
}

int library_rev(struct library *lib, const char *rev, git_object **out)
{
    char text[OID_HEX + 1];
    struct buf full = BUF_INIT;
    git_oid best;
    size_t n = strlen(LIBRARY_BEST_NAME);
    int rc = 0;
    if (str_starts(rev, LIBRARY_BEST_NAME) && (!rev[n] || strchr("~^:", rev[n])) &&
        best_commit(lib, &best) == 0) {
        buf_addf(&full, "%s%s", git_oid_tostr(text, sizeof(text), &best), rev + n);
        rc = buf_check(&full);
    }
    if (rc == 0 && (rc = git_revparse_single(out, lib->repo, full.len ? full.ptr : rev)) < 0)
        rc = library_git_error(rc, "no revision '%s' in the library '%s'", rev, lib->dir);
    buf_release(&full);
    return rc;
}

static int by_version(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

int library_refs(struct library *lib, const char *prefix, library_ref_fn fn, void *arg)
{
    git_reference_iterator *it = NULL;
    struct strlist names = {0};
    struct buf glob = BUF_INIT;
    const char *name;
    buf_addf(&glob, "%s*", prefix);
    int rc = buf_check(&glob);
    if (rc == 0 && (rc = git_reference_iterator_glob_new(&it, lib->repo, glob.ptr)) < 0)
        rc = library_git_error(rc, "cannot list the refs of '%s'", lib->dir);
    int next = 0;
    while (rc == 0 && (next = git_reference_next_name(&name, it)) == 0)
        rc = strlist_add(&names, name);
    if (rc == 0 && next != GIT_ITEROVER)
        rc = library_git_error(next, "cannot list the refs of '%s'", lib->dir);
    if (names.n)
        qsort(names.v, names.n, sizeof(*names.v), by_version);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        struct oid commit;
        git_reference *ref = NULL;
        git_object *peeled = NULL;
        if (git_reference_lookup(&ref, lib->repo, names.v[i]) == 0 &&
            git_reference_peel(&peeled, ref, GIT_OBJECT_COMMIT) == 0) {
            library_oid_out(&commit, git_object_id(peeled));
            rc = fn(names.v[i], &commit, arg);
        }
        git_object_free(peeled);
        git_reference_free(ref);
    }
    git_reference_iterator_free(it);
    strlist_release(&names);
    buf_release(&glob);
    return rc;
}
