/* library_read.c - history read back, and tags: commits with their trailers, walking, refs. */
#include "skills/library_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

void library_commit_release(struct library_commit_info *c)
{
    free(c->subject);
    free(c->body);
    strlist_release(&c->keys);
    strlist_release(&c->values);
    *c = (struct library_commit_info){0};
}

/* Subject, body and trailers of a message. The trailers are its last paragraph, if git says that
 * it has any; the body is what is between. */
static int split_message(const char *message, struct library_commit_info *info)
{
    git_message_trailer_array trailers = {0};
    int rc = git_message_trailers(&trailers, message);
    if (rc < 0)
        return library_git_error(rc, "cannot read the trailers of %s", info->commit.hex);
    for (size_t i = 0; rc == 0 && i < trailers.count; i++) {
        rc = strlist_add(&info->keys, trailers.trailers[i].key);
        if (rc == 0)
            rc = strlist_add(&info->values, trailers.trailers[i].value);
    }
    size_t len = strlen(message), subject = strcspn(message, "\n");
    while (len && message[len - 1] == '\n')
        len--;
    if (trailers.count) {
        size_t at = len;
        while (at > 1 && !(message[at - 1] == '\n' && message[at - 2] == '\n'))
            at--;
        for (len = at > 1 ? at : 0; len && message[len - 1] == '\n';)
            len--;
    }
    git_message_trailer_array_free(&trailers);
    size_t body = subject < len ? subject + strspn(message + subject, "\n") : len;
    info->subject = str_ndup(message, subject);
    info->body = str_ndup(message + (body < len ? body : len), body < len ? len - body : 0);
    if (rc == 0 && (!info->subject || !info->body))
        rc = err_oom();
    return rc;
}

static int fill(const git_commit *commit, const struct strlist *shallow,
                struct library_commit_info *info)
{
    *info = (struct library_commit_info){0};
    library_oid_out(&info->commit, git_commit_id(commit));
    library_oid_out(&info->tree, git_commit_tree_id(commit));
    info->parents = git_commit_parentcount(commit);
    if (info->parents > 0)
        library_oid_out(&info->parent, git_commit_parent_id(commit, 0));
    if (info->parents > 1)
        library_oid_out(&info->merged, git_commit_parent_id(commit, 1));
    if (strlist_has(shallow, info->commit.hex)) {
        info->boundary = true;
        info->parent.hex[0] = info->merged.hex[0] = '\0';
    }
    info->when = (int64_t)git_commit_time(commit) * NS_PER_SEC;
    int rc = split_message(git_commit_message(commit), info);
    if (rc < 0)
        library_commit_release(info);
    return rc;
}

int library_commit_read(struct library *lib, const struct oid *commit,
                        struct library_commit_info *info)
{
    git_commit *c = NULL;
    *info = (struct library_commit_info){0};
    int rc = library_commit_at(lib, commit, &c);
    if (rc < 0)
        return rc;
    rc = fill(c, &lib->shallow, info);
    git_commit_free(c);
    return rc;
}

int library_sign_as(struct library *lib, const struct oid *commit)
{
    git_commit *c = NULL;
    int rc = library_commit_at(lib, commit, &c);
    if (rc < 0)
        return rc;
    const git_signature *who = git_commit_author(c);
    rc = library_identity_set(lib, who->name, who->email);
    git_commit_free(c);
    return rc;
}

const char *library_trailer(const struct library_commit_info *c, const char *key)
{
    for (size_t i = 0; i < c->keys.n; i++)
        if (str_caseeq(c->keys.v[i], key))
            return c->values.v[i];
    return NULL;
}

int library_walk(struct library *lib, const char *rev, library_walk_fn fn, void *arg)
{
    struct oid at;
    int rc = library_resolve(lib, rev, &at);
    while (rc == 0 && *at.hex) {
        struct library_commit_info info;
        if ((rc = library_commit_read(lib, &at, &info)) < 0)
            break;
        at = info.parent;
        rc = fn(&info, arg);
        library_commit_release(&info);
    }
    return rc;
}

int library_candidates(struct library *lib, library_ref_fn fn, void *arg)
{
    return library_refs(lib, LIBRARY_CANDIDATES, fn, arg);
}

/* The annotated tag of that name; *out NULL when there is none, or it is a light one. */
static int tag_lookup(struct library *lib, const char *ref, git_tag **out, bool *exists)
{
    git_oid id;
    *out = NULL;
    int rc = git_reference_name_to_id(&id, lib->repo, ref);
    *exists = rc == 0;
    if (rc == 0 && git_tag_lookup(out, lib->repo, &id) < 0)
        *out = NULL;
    return rc == 0 || rc == GIT_ENOTFOUND
               ? 0
               : library_git_error(rc, "cannot look for %s in '%s'", ref, lib->dir);
}

static int tag_ref(const char *name, struct buf *ref)
{
    int valid = 0;
    buf_addf(ref, "refs/tags/%s", name);
    int rc = buf_check(ref);
    if (rc == 0 && (git_tag_name_is_valid(&valid, name) < 0 || !valid))
        rc = err_set(GRASP_EINVAL, "'%.80s' cannot be a tag's name", name);
    return rc;
}

static int keep_frozen(struct library *lib, const char *name, const git_oid *tag)
{
    struct buf ref = BUF_INIT;
    git_oid there;
    buf_addf(&ref, LIBRARY_FROZEN "%s", name);
    int rc = buf_check(&ref);
    if (rc == 0 &&
        !(git_reference_name_to_id(&there, lib->repo, ref.ptr) == 0 && git_oid_equal(&there, tag)))
        rc = library_ref_set(lib, ref.ptr, tag, NULL, "grasp: frozen");
    buf_release(&ref);
    return rc;
}

struct altered {
    struct library *lib;
    library_ref_fn fn;
    void *arg;
};

static int tag_altered(const char *frozen, const struct oid *commit, void *arg)
{
    const struct altered *a = arg;
    const char *name = frozen + strlen(LIBRARY_FROZEN);
    struct buf ref = BUF_INIT;
    git_oid was, is;
    buf_addf(&ref, "refs/tags/%s", name);
    int rc = buf_check(&ref);
    bool same = rc == 0 && git_reference_name_to_id(&was, a->lib->repo, frozen) == 0 &&
                git_reference_name_to_id(&is, a->lib->repo, ref.ptr) == 0 &&
                git_oid_equal(&was, &is);
    buf_release(&ref);
    return rc < 0 || same ? rc : a->fn(name, commit, a->arg);
}

int library_tags_altered(struct library *lib, library_ref_fn fn, void *arg)
{
    struct altered a = {lib, fn, arg};
    return library_refs(lib, LIBRARY_FROZEN, tag_altered, &a);
}

int library_tag(struct library *lib, const char *name, const struct oid *commit,
                const char *message, int64_t when, struct oid *tag)
{
    struct buf ref = BUF_INIT, text = BUF_INIT, branch = BUF_INIT;
    git_tag *old = NULL;
    git_object *target = NULL;
    git_signature *who = NULL;
    git_oid id;
    bool exists = false;
    int rc = library_need_write(lib);
    if (rc < 0 || (rc = library_oid_in(&id, commit)) < 0 || (rc = tag_ref(name, &ref)) < 0 ||
        (rc = tag_lookup(lib, ref.ptr, &old, &exists)) < 0)
        goto out;
    buf_addf(&text, "%s%s", message, str_ends(message, "\n") ? "" : "\n");
    if ((rc = buf_check(&text)) < 0)
        goto out;
    if (old && git_oid_equal(git_tag_target_id(old), &id) &&
        strcmp(git_tag_message(old) ? git_tag_message(old) : "", text.ptr) == 0) {
        library_oid_out(tag, git_tag_id(old));
        rc = keep_frozen(lib, name, git_tag_id(old));
        goto out;
    }
    buf_addf(&branch, "refs/heads/%s", name);
    if (exists)
        rc = err_set(GRASP_ECONFLICT, "the library '%s' has another tag '%s' already", lib->dir,
                     name);
    else if ((rc = buf_check(&branch)) == 0 &&
             (str_caseeq(name, "HEAD") ||
              git_reference_name_to_id(&id, lib->repo, branch.ptr) == 0))
        rc = err_set(GRASP_ECONFLICT,
                     "'%s' names a branch of the library '%s': choose another name for a tag", name,
                     lib->dir);
    if (rc < 0)
        goto out;
    if ((rc = library_signature(lib, when, &who)) < 0)
        goto out;
    if ((rc = library_oid_in(&id, commit)) == 0 &&
        (rc = library_object_at(lib, &id, GIT_OBJECT_COMMIT, &target)) == 0)
        LIBRARY_TRY(lib, rc,
                    git_tag_annotation_create(&id, lib->repo, name, target, who, text.ptr));
    if (rc < 0) {
        rc = library_git_error(rc, "cannot make the tag '%s' in '%s'", name, lib->dir);
        goto out;
    }
    library_oid_out(tag, &id);
    if ((rc = library_ref_set(lib, ref.ptr, &id, NULL, "grasp: tag")) == 0)
        rc = keep_frozen(lib, name, &id);
out:
    git_signature_free(who);
    git_object_free(target);
    git_tag_free(old);
    buf_release(&ref);
    buf_release(&branch);
    buf_release(&text);
    return rc;
}

int library_tag_settle(struct library *lib, const char *name)
{
    struct buf ref = BUF_INIT, frozen = BUF_INIT;
    git_oid tag, there;
    int rc = library_need_write(lib);
    if (rc < 0 || (rc = tag_ref(name, &ref)) < 0)
        return rc;
    buf_addf(&frozen, LIBRARY_FROZEN "%s", name);
    if ((rc = buf_check(&frozen)) == 0 && git_reference_name_to_id(&tag, lib->repo, ref.ptr) == 0 &&
        git_reference_name_to_id(&there, lib->repo, frozen.ptr) == GIT_ENOTFOUND)
        rc = keep_frozen(lib, name, &tag);
    buf_release(&ref);
    buf_release(&frozen);
    return rc;
}

int library_tag_message(struct library *lib, const char *name, struct buf *out)
{
    struct buf ref = BUF_INIT;
    git_tag *tag = NULL;
    bool exists = false;
    int rc = tag_ref(name, &ref);
    if (rc == 0)
        rc = tag_lookup(lib, ref.ptr, &tag, &exists);
    if (rc == 0 && !tag)
        rc = err_set(GRASP_ENOTFOUND, "the library '%s' has no annotated tag '%s'", lib->dir, name);
    if (rc == 0) {
        buf_adds(out, git_tag_message(tag) ? git_tag_message(tag) : "");
        rc = buf_check(out);
    }
    git_tag_free(tag);
    buf_release(&ref);
    return rc;
}
