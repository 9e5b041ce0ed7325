/*
 * library_scan.c - what changes from one revision to the next, without reading all of either: for who
 * walks a long history of many skills.
 *
 * Trees are compared as the bytes that git stores ("MODE NAME\0ID" an entry, sorted): what two have in
 * common at the beginning and at the end is not looked at.
 */
#include "skills/library_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/hash.h"
#include "runtime/base/text.h"

struct entry {
    const char *name;
    const unsigned char *id;
    const char *next; /* NULL: this is none */
    bool folder;
};

static struct entry entry_at(const char *p, const char *end)
{
    const char *space = p < end ? memchr(p, ' ', (size_t)(end - p)) : NULL;
    const char *nul = space ? memchr(space, '\0', (size_t)(end - space)) : NULL;
    if (!nul || end - nul <= GIT_OID_RAWSZ)
        return (struct entry){NULL, NULL, NULL, false};
    return (struct entry){space + 1, (const unsigned char *)nul + 1, nul + 1 + GIT_OID_RAWSZ,
                          *p == '4'};
}

/* The bytes are those that the name is of. libgit2 would look for attacks on SHA-1 as well, which takes
 * as long as all the rest of a walk; whoever fetches has that done. */
static bool is_named(git_odb_object *tree, const git_oid *id)
{
    char head[32];
    uint8_t digest[HASH_GIT];
    int n = snprintf(head, sizeof(head), "tree %zu", git_odb_object_size(tree));
    return git_odb_object_type(tree) == GIT_OBJECT_TREE &&
           hash_git(head, (size_t)n + 1, git_odb_object_data(tree), git_odb_object_size(tree),
                    digest) &&
           memcmp(digest, id->id, sizeof(digest)) == 0;
}

/* A tree's bytes; freed with git_odb_object_free. The last ones are kept: a commit's is the next one's
 * parent's. */
static int raw_tree(struct library *lib, const git_oid *id, git_odb_object **out)
{
    struct scan *s = &lib->scan;
    git_odb *odb = NULL;
    git_object *tree = NULL;
    int rc;
    for (size_t i = 0; i < SCAN_TREES; i++)
        if (s->tree[i] && git_oid_equal(git_odb_object_id(s->tree[i]), id))
            return git_odb_object_dup(out, s->tree[i]);
    *out = NULL;
    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
    if ((rc = git_repository_odb(&odb, lib->repo)) == 0)
        LIBRARY_TRY(lib, rc, git_odb_read(out, odb, id));
    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
    git_odb_free(odb);
    if (rc == 0 && !is_named(*out, id)) {
        git_odb_object_free(*out);
        *out = NULL;
        return err_set(GRASP_EIO, "tree %s of '%s' is damaged: git -C '%s' fsck",
                       git_oid_tostr_s(id), lib->dir, lib->dir);
    }
    if (rc < 0) { /* a partial clone says so */
        if (library_object_at(lib, id, GIT_OBJECT_TREE, &tree) == 0)
            git_object_free(tree);
        return library_git_error(rc, "cannot read %s of '%s'", git_oid_tostr_s(id), lib->dir);
    }
    git_odb_object_free(s->tree[s->next]);
    git_odb_object_dup(&s->tree[s->next], *out);
    s->next = (s->next + 1) % SCAN_TREES;
    return 0;
}

void library_scan_release(struct library *lib)
{
    for (size_t i = 0; i < SCAN_TREES; i++)
        git_odb_object_free(lib->scan.tree[i]);
    lib->scan = (struct scan){0};
}

/* A folder of a tree by name. */
static int find(struct library *lib, const git_oid *tree, const char *name, git_oid *id, bool *is)
{
    git_odb_object *raw;
    *is = false;
    int rc = raw_tree(lib, tree, &raw);
    if (rc < 0)
        return rc;
    const char *p = git_odb_object_data(raw), *end = p + git_odb_object_size(raw);
    for (struct entry e = entry_at(p, end); e.next && !*is; e = entry_at(e.next, end))
        if (e.folder && strcmp(e.name, name) == 0)
            *is = git_oid_fromraw(id, e.id) == 0;
    git_odb_object_free(raw);
    return 0;
}

/* The root tree of a commit. */
static int root_of(struct library *lib, const struct oid *commit, git_oid *root)
{
    git_commit *c = NULL;
    int rc = library_commit_at(lib, commit, &c);
    if (rc < 0)
        return rc;
    *root = *git_commit_tree_id(c);
    git_commit_free(c);
    return 0;
}

static int add(struct library_delta *d, const struct entry *e)
{
    d->other = d->other || !e->folder;
    return !e->folder || strlist_has(&d->names, e->name) ? 0 : strlist_add(&d->names, e->name);
}

/* As git sorts: a folder's name as if it ended in a slash. */
static int compare(const struct entry *a, const struct entry *b)
{
    size_t n = strlen(a->name), m = strlen(b->name), least = n < m ? n : m;
    int order = memcmp(a->name, b->name, least);
    unsigned char x = (unsigned char)a->name[least], y = (unsigned char)b->name[least];
    if (order == 0)
        order = (x ? x : a->folder ? '/' : 0) - (y ? y : b->folder ? '/' : 0);
    return order;
}

static int compare_trees(const char *a, size_t an, const char *b, size_t bn,
                         struct library_delta *d)
{
    const char *aend = a + an, *bend = b + bn;
    struct entry x = entry_at(a, aend), y = entry_at(b, bend);
    int rc = 0;
    while (rc == 0 && (x.next || y.next)) {
        size_t ax = x.next ? (size_t)(x.next - a) : 0, by = y.next ? (size_t)(y.next - b) : 0;
        bool same = x.next && y.next && ax == by && memcmp(a, b, ax) == 0;
        int order = same ? 0 : !x.next ? 1 : !y.next ? -1 : compare(&x, &y);
        if (!same && order <= 0)
            rc = add(d, &x);
        if (rc == 0 && !same && order >= 0)
            rc = add(d, &y);
        if (order <= 0)
            x = entry_at(a = x.next, aend);
        if (order >= 0)
            y = entry_at(b = y.next, bend);
    }
    d->other = d->other || a != aend || b != bend; /* bytes that are no entry */
    return rc;
}

/* The end that both have in common is cut off, a whole number of entries. */
static void cut_common(const char *a, size_t *an, const char *b, size_t *bn)
{
    size_t same = 0, most = *an < *bn ? *an : *bn, head = 0;
    const char *end = a + *an;
    while (head + 64 <= most && memcmp(a + head, b + head, 64) == 0)
        head += 64;
    while (same < most - head && a[*an - 1 - same] == b[*bn - 1 - same])
        same++;
    for (struct entry e = entry_at(a, end); e.next; e = entry_at(e.next, end))
        if ((size_t)(end - e.next) <= same) {
            same = (size_t)(end - e.next);
            break;
        }
    if (same < *an && same < *bn) {
        *an -= same;
        *bn -= same;
    }
}

/* Two trees, what both have in common left out. */
static int tree_delta(struct library *lib, const git_oid *from, const git_oid *to,
                      struct library_delta *d)
{
    git_odb_object *x = NULL, *y = NULL;
    int rc = from ? raw_tree(lib, from, &x) : 0;
    if (rc == 0 && to)
        rc = raw_tree(lib, to, &y);
    if (rc == 0) {
        const char *a = x ? git_odb_object_data(x) : "", *b = y ? git_odb_object_data(y) : "";
        size_t an = x ? git_odb_object_size(x) : 0, bn = y ? git_odb_object_size(y) : 0;
        cut_common(a, &an, b, &bn);
        rc = compare_trees(a, an, b, bn, d);
    }
    git_odb_object_free(x);
    git_odb_object_free(y);
    return rc;
}

void library_delta_release(struct library_delta *d)
{
    strlist_release(&d->names);
}

int library_delta(struct library *lib, const struct oid *from, const struct oid *to,
                  struct library_delta *d)
{
    struct library_delta roots = {0};
    git_oid a, b, x, y;
    bool was = false, is = false;
    *d = (struct library_delta){0};
    int rc = root_of(lib, from, &a);
    if (rc == 0)
        rc = root_of(lib, to, &b);
    if (rc < 0 || git_oid_equal(&a, &b))
        return rc;
    rc = tree_delta(lib, &a, &b, &roots);
    d->other = roots.other || roots.names.n > 1 ||
               (roots.names.n && strcmp(roots.names.v[0], "skills") != 0);
    library_delta_release(&roots);
    if (rc == 0)
        rc = find(lib, &a, "skills", &x, &was);
    if (rc == 0)
        rc = find(lib, &b, "skills", &y, &is);
    if (rc == 0 && !(was && is && git_oid_equal(&x, &y)))
        rc = tree_delta(lib, was ? &x : NULL, is ? &y : NULL, d);
    return rc;
}

/* skills/NAME of a commit; *is false when there is none. */
static int folder_of(struct library *lib, const struct oid *commit, const char *name, git_oid *id,
                     bool *is)
{
    git_oid root, skills;
    *is = false;
    int rc = root_of(lib, commit, &root);
    if (rc == 0)
        rc = find(lib, &root, "skills", &skills, is);
    return rc < 0 || !*is ? rc : find(lib, &skills, name, id, is);
}

int library_read_only(struct library *lib, const struct oid *commit, const struct strlist *names,
                      struct skill_set *set)
{
    int rc = 0;
    *set = (struct skill_set){0};
    for (size_t i = 0; rc == 0 && i < names->n; i++) {
        git_oid id;
        bool is;
        rc = folder_of(lib, commit, names->v[i], &id, &is);
        if (rc == 0 && is)
            rc = library_folder_read(lib, &id, names->v[i], set);
    }
    if (rc < 0) {
        skill_set_release(set);
        err_prefix(rc, "library '%s' at %s", lib->dir, commit->hex);
    }
    return rc;
}

int library_skill_is(struct library *lib, const struct skill *skill, const char *name,
                     const struct oid *from, const struct oid *to, bool *same)
{
    git_oid was, is, want;
    bool had = false, has = false;
    int rc = folder_of(lib, from, name, &was, &had);
    if (rc == 0)
        rc = folder_of(lib, to, name, &is, &has);
    if (rc == 0 && skill && has)
        rc = library_folder_write(lib, skill, had ? &was : NULL, &want);
    *same = rc == 0 && (skill ? has && git_oid_equal(&want, &is) : !has);
    return rc;
}
