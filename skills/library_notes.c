/*
 * library_notes.c - notes of people, and the history of the evidence notes. Each of the latter is
 * written once; a commit of their ref that changes or removes one was made by somebody else.
 */
#include "skills/library_private.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

/* ---- what people say ---- */

/* Whether that is what the note on it says already: the same word twice is one. */
static bool said(struct library *lib, const char *ref, const git_oid *id, const char *text)
{
    git_note *note = NULL;
    bool same =
        library_note_at(lib, ref, id, &note) == 0 && strcmp(git_note_message(note), text) == 0;
    git_note_free(note);
    return same;
}

/* A note that is a person's word: written or replaced. */
static int put_word(struct library *lib, const char *ref, const struct oid *commit, const char *why)
{
    git_signature *who = NULL;
    git_oid id;
    struct buf text = BUF_INIT;
    int rc = library_need_write(lib);
    if (rc < 0 || (rc = library_oid_in(&id, commit)) < 0)
        return rc;
    buf_addf(&text, "%s\n", why);
    bool done = (rc = buf_check(&text)) == 0 && said(lib, ref, &id, text.ptr);
    if (rc == 0)
        rc = library_signature(lib, 0, &who);
    if (rc == 0 && !done)
        rc = library_note_put(lib, ref, &id, who, text.ptr, true);
    git_signature_free(who);
    buf_release(&text);
    return rc;
}

/* Its first line; GRASP_ENOTFOUND. */
static int get_word(struct library *lib, const char *ref, const struct oid *commit, struct buf *why)
{
    git_note *note = NULL;
    git_oid id;
    int rc = library_oid_in(&id, commit);
    if (rc < 0)
        return rc;
    if (library_note_at(lib, ref, &id, &note) < 0)
        return err_set(GRASP_ENOTFOUND, "%.10s has no note under %s", commit->hex, ref);
    const char *text = git_note_message(note);
    buf_add(why, text, strcspn(text, "\n"));
    git_note_free(note);
    return buf_check(why);
}

int library_ack(struct library *lib, const struct oid *commit, const char *why)
{
    return put_word(lib, LIBRARY_ACK_REF, commit, why);
}

int library_reject(struct library *lib, const struct oid *commit, const char *why)
{
    return put_word(lib, LIBRARY_REJECTED_REF, commit, why);
}

int library_reject_read(struct library *lib, const struct oid *commit, struct buf *why)
{
    return get_word(lib, LIBRARY_REJECTED_REF, commit, why);
}

int library_ack_read(struct library *lib, const struct library_commit_info *commit, struct buf *why)
{
    const char *trailer = library_trailer(commit, "Acknowledged");
    int rc = get_word(lib, LIBRARY_ACK_REF, &commit->commit, why);
    if (rc != GRASP_ENOTFOUND || !trailer)
        return rc;
    buf_adds(why, trailer);
    return buf_check(why);
}

/* ---- evidence that was altered ---- */

/* What one commit of the notes does to them: object -> blob, before and after. Paths hold the
 * object id with slashes wherever git thought fit ("ab/cdef..."), and git moves notes when there
 * are many.
 */
struct note_delta {
    struct strlist on, before, after; /* same length */
};

static int delta_add(const git_diff_delta *d, float progress, void *arg)
{
    struct note_delta *out = arg;
    char on[64], id[OID_HEX + 1];
    const git_diff_file *sides[] = {&d->old_file, &d->new_file};
    const struct strlist *lists[] = {&out->before, &out->after};
    const bool there[] = {d->status != GIT_DELTA_ADDED, d->status != GIT_DELTA_DELETED};
    size_t n = 0, at = 0;
    (void)progress;
    for (const char *p = d->new_file.path; *p && n < sizeof(on) - 1; p++)
        if (*p != '/')
            on[n++] = *p;
    on[n] = '\0';
    while (at < out->on.n && strcmp(out->on.v[at], on) != 0)
        at++;
    if (at == out->on.n && (strlist_add(&out->on, on) < 0 || strlist_add(&out->before, "") < 0 ||
                            strlist_add(&out->after, "") < 0))
        return GRASP_ENOMEM;
    for (int i = 0; i < 2; i++) {
        if (!there[i])
            continue;
        char *copy = str_dup(git_oid_tostr(id, sizeof(id), &sides[i]->id));
        if (!copy)
            return err_oom();
        free(lists[i]->v[at]);
        lists[i]->v[at] = copy;
    }
    return 0;
}

static int report(const git_oid *commit, const struct note_delta *d, library_ref_fn fn, void *arg)
{
    struct oid by;
    int rc = 0;
    library_oid_out(&by, commit);
    for (size_t i = 0; rc == 0 && i < d->on.n; i++) {
        struct oid on = {""};
        if (!*d->before.v[i] || strcmp(d->before.v[i], d->after.v[i]) == 0 ||
            strlen(d->on.v[i]) != OID_HEX)
            continue;
        memcpy(on.hex, d->on.v[i], sizeof(on.hex));
        rc = fn(by.hex, &on, arg);
    }
    return rc;
}

/* One step from `c` to its first parent (NULL: the first commit of the notes). */
static int step(struct library *lib, git_commit *c, git_commit *parent, library_ref_fn fn,
                void *arg)
{
    git_tree *now = NULL, *before = NULL;
    git_diff *diff = NULL;
    struct note_delta delta = {0};
    int rc = git_commit_tree(&now, c);
    if (rc == 0 && parent)
        rc = git_commit_tree(&before, parent);
    if (rc == 0)
        rc = git_diff_tree_to_tree(&diff, lib->repo, before, now, NULL);
    if (rc == 0)
        rc = git_diff_foreach(diff, delta_add, NULL, NULL, NULL, &delta);
    if (rc < 0)
        rc = library_git_error(rc, "cannot read the history of the evidence of '%s'", lib->dir);
    else
        rc = report(git_commit_id(c), &delta, fn, arg);
    strlist_release(&delta.on);
    strlist_release(&delta.before);
    strlist_release(&delta.after);
    git_diff_free(diff);
    git_tree_free(now);
    git_tree_free(before);
    return rc;
}

int library_note_changes(struct library *lib, library_ref_fn fn, void *arg)
{
    git_commit *at = NULL, *parent = NULL;
    git_oid id;
    int rc = git_reference_name_to_id(&id, lib->repo, LIBRARY_NOTES_REF);
    if (rc == GIT_ENOTFOUND)
        return 0;
    if (rc == 0)
        rc = git_commit_lookup(&at, lib->repo, &id);
    if (rc < 0)
        return library_git_error(rc, "cannot read the evidence of '%s'", lib->dir);
    while (rc == 0 && at) {
        if (git_commit_parentcount(at) > 0 && (rc = git_commit_parent(&parent, at, 0)) < 0)
            rc = library_git_error(rc, "cannot read the history of the evidence of '%s'", lib->dir);
        else
            rc = step(lib, at, parent, fn, arg);
        git_commit_free(at);
        at = parent;
        parent = NULL;
    }
    git_commit_free(at);
    return rc;
}
