/*
 * library_tree.c - skills as git trees: any revision is read from the object database and any
 * candidate written into it, without index or working tree.
 *
 * A skill is its folder, skills/NAME. Its SKILL.md is ours; other files in the folder are listed with
 * the skill and go where it goes. Everything outside skills/ is kept as the base revision has it.
 */
#include "skills/library_private.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "skills/skill.h"

#define SKILLS      "skills"
#define SKILL_FILE  "SKILL.md"
#define FILE_MAX    (SKILL_CONTENT_MAX + 16384) /* body and frontmatter */
#define FOLDERS_MAX 10000

int library_tree_lookup(struct library *lib, const git_oid *id, git_tree **tree)
{
    git_object *any = NULL;
    int rc = library_object_at(lib, id, GIT_OBJECT_ANY, &any);
    if (rc == 0)
        rc = git_object_peel((git_object **)tree, any, GIT_OBJECT_TREE);
    if (rc < 0)
        rc = library_git_error(rc, "cannot read %s of '%s'", git_oid_tostr_s(id), lib->dir);
    git_object_free(any);
    return rc;
}

/* The tree at `name` in `parent`; *out NULL when there is none. */
static int subtree(struct library *lib, const git_tree *parent, const char *name, git_tree **out)
{
    const git_tree_entry *e = parent ? git_tree_entry_byname(parent, name) : NULL;
    *out = NULL;
    if (!e || git_tree_entry_type(e) != GIT_OBJECT_TREE)
        return 0;
    int rc = library_object_at(lib, git_tree_entry_id(e), GIT_OBJECT_TREE, (git_object **)out);
    return rc < 0 ? library_git_error(rc, "cannot read %s of '%s'", name, lib->dir) : 0;
}

static int add_entry(const char *root, const git_tree_entry *e, void *arg)
{
    struct skill_files **files = arg;
    char path[1024];
    struct skill_file file = {.path = path, .mode = git_tree_entry_filemode(e)};
    if (git_tree_entry_type(e) == GIT_OBJECT_TREE ||
        (!*root && strcmp(git_tree_entry_name(e), SKILL_FILE) == 0))
        return 0;
    if ((size_t)snprintf(path, sizeof(path), "%s%s", root, git_tree_entry_name(e)) >= sizeof(path))
        return -1;
    git_oid_tostr(file.id, sizeof(file.id), git_tree_entry_id(e));
    return skill_files_add(files, &file);
}

/* The other files of a skill's folder, by name only. */
static int read_files(struct library *lib, const git_tree *folder, struct skill *skill)
{
    if (git_tree_entrycount(folder) < 2)
        return 0;
    int rc = git_tree_walk(folder, GIT_TREEWALK_PRE, add_entry, &skill->files);
    return rc < 0 ? library_git_error(rc, "cannot read the files of skill '%s' in '%s'",
                                      skill->name, lib->dir)
                  : 0;
}

static int read_skill(struct library *lib, const git_tree *tree, const git_tree_entry *file,
                      const char *folder, struct skill_set *set)
{
    char where[128];
    git_blob *blob = NULL;
    struct skill skill = {0};
    int rc;
    snprintf(where, sizeof(where), SKILLS "/%.*s/" SKILL_FILE, SKILL_NAME_MAX + 8, folder);
    if (!skill_name_valid(folder))
        return err_set(GRASP_EPARSE,
                       "%s: the folder's name must be lower-case letters, digits and single "
                       "hyphens, at most %d",
                       where, SKILL_NAME_MAX);
    git_filemode_t mode = git_tree_entry_filemode(file);
    if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE)
        return err_set(GRASP_EPARSE, "%s: not a regular file", where);
    if ((rc = library_object_at(lib, git_tree_entry_id(file), GIT_OBJECT_BLOB,
                                (git_object **)&blob)) < 0)
        return library_git_error(rc, "cannot read %s of '%s'", where, lib->dir);
    if (git_blob_rawsize(blob) > FILE_MAX)
        rc = err_set(GRASP_ELIMIT, "%s: longer than %d bytes", where, FILE_MAX);
    else
        rc = skill_parse(&skill, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob), where,
                         folder);
    if (rc == 0)
        rc = read_files(lib, tree, &skill);
    if (rc == 0)
        rc = skill_set_put(set, &skill);
    skill_release(&skill);
    git_blob_free(blob);
    return rc;
}

int library_folder_read(struct library *lib, const git_oid *id, const char *name,
                        struct skill_set *set)
{
    git_tree *folder = NULL;
    int rc = library_object_at(lib, id, GIT_OBJECT_TREE, (git_object **)&folder);
    if (rc < 0)
        return library_git_error(rc, "cannot read a folder of '%s'", lib->dir);
    const git_tree_entry *file = git_tree_entry_byname(folder, SKILL_FILE);
    if (file)
        rc = read_skill(lib, folder, file, name, set);
    git_tree_free(folder);
    return rc;
}

static int read_folder(struct library *lib, const git_tree_entry *e, struct skill_set *set)
{
    if (git_tree_entry_type(e) != GIT_OBJECT_TREE)
        return 0; /* skills/README.md and the like */
    return library_folder_read(lib, git_tree_entry_id(e), git_tree_entry_name(e), set);
}

static int read_root(struct library *lib, const git_tree *root, struct skill_set *set)
{
    git_tree *skills = NULL;
    int rc = subtree(lib, root, SKILLS, &skills);
    *set = (struct skill_set){0};
    if (rc < 0 || !skills)
        return rc;
    size_t n = git_tree_entrycount(skills);
    if (n > FOLDERS_MAX)
        rc = err_set(GRASP_ELIMIT, "the library '%s' has more than %d folders", lib->dir,
                     FOLDERS_MAX);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_folder(lib, git_tree_entry_byindex(skills, i), set);
    if (rc < 0)
        skill_set_release(set);
    git_tree_free(skills);
    return rc;
}

static int load_file(struct library *lib, const struct skill *skill, struct skill_file *f)
{
    git_oid id;
    git_blob *blob = NULL;
    if (f->bytes || (f->mode != GIT_FILEMODE_BLOB && f->mode != GIT_FILEMODE_BLOB_EXECUTABLE))
        return 0;
    int rc = git_oid_fromstr(&id, f->id);
    if (rc == 0)
        rc = library_object_at(lib, &id, GIT_OBJECT_BLOB, (git_object **)&blob);
    if (rc < 0)
        return library_git_error(rc, "cannot read skills/%s/%s of '%s'", skill->name, f->path,
                                 lib->dir);
    f->len = (size_t)git_blob_rawsize(blob);
    f->bytes = str_ndup(git_blob_rawcontent(blob), f->len);
    git_blob_free(blob);
    return f->bytes ? 0 : err_oom();
}

static int load_skill(struct library *lib, struct skill *s)
{
    int rc = 0;
    for (size_t k = 0; rc == 0 && s->files && k < s->files->n; k++)
        rc = load_file(lib, s, &s->files->v[k]);
    return rc;
}

int library_load_files(struct library *lib, struct skill_set *set)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < set->n; i++)
        rc = load_skill(lib, &set->v[i]);
    return rc;
}

int library_read(struct library *lib, const char *rev, struct skill_set *set)
{
    git_object *any = NULL;
    git_tree *tree = NULL;
    *set = (struct skill_set){0};
    int rc = library_rev(lib, rev, &any);
    if (rc == 0 && (rc = git_object_peel((git_object **)&tree, any, GIT_OBJECT_TREE)) < 0)
        rc = library_git_error(rc, "no skills at '%s' in the library '%s'", rev, lib->dir);
    if (rc < 0)
        goto out;
    if ((rc = read_root(lib, tree, set)) < 0)
        err_prefix(rc, "library '%s' at %s", lib->dir, rev);
    for (size_t i = 0; rc == 0 && i < set->n; i++)
        if (skill_meta(&set->v[i], SKILL_DOCUMENT_KEY))
            rc = load_skill(lib, &set->v[i]);
    if (rc < 0)
        skill_set_release(set);
out:
    git_tree_free(tree);
    git_object_free(any);
    return rc;
}

int library_tree_of(struct library *lib, const struct oid *commit, struct oid *tree)
{
    git_oid oid;
    git_tree *t = NULL;
    int rc = library_oid_in(&oid, commit);
    if (rc < 0 || (rc = library_tree_lookup(lib, &oid, &t)) < 0)
        return rc;
    library_oid_out(tree, git_tree_id(t));
    git_tree_free(t);
    return 0;
}

/* A file whose bytes came from elsewhere becomes a blob. */
static int write_file(struct library *lib, const struct skill_file *f, git_index *index)
{
    git_index_entry e = {.mode = f->mode, .path = f->path};
    int rc = 0;
    if (f->bytes)
        LIBRARY_TRY(lib, rc, git_blob_create_from_buffer(&e.id, lib->repo, f->bytes, f->len));
    else
        rc = git_oid_fromstr(&e.id, f->id);
    return rc < 0 ? rc : git_index_add(index, &e);
}

/* The tree of a folder with other files: an index in memory puts paths into trees. */
static int write_with_files(struct library *lib, const struct skill *skill, const git_oid *text,
                            git_oid *out)
{
    git_index *index = NULL;
    git_index_entry e = {.mode = GIT_FILEMODE_BLOB, .path = SKILL_FILE, .id = *text};
    int rc = git_index_new(&index);
    if (rc == 0)
        rc = git_index_add(index, &e);
    for (size_t i = 0; rc == 0 && i < skill->files->n; i++)
        rc = write_file(lib, &skill->files->v[i], index);
    if (rc == 0)
        LIBRARY_TRY(lib, rc, git_index_write_tree_to(out, index, lib->repo));
    git_index_free(index);
    return rc;
}

/* Writes skills/NAME. `old` is the folder as it was, NULL for a new one. */
static int write_folder(struct library *lib, const struct skill *skill, const git_tree *old,
                        git_oid *out)
{
    struct buf text = BUF_INIT;
    git_treebuilder *builder = NULL;
    git_oid blob;
    skill_render(skill, &text);
    int rc = buf_check(&text);
    if (rc < 0)
        goto out;
    LIBRARY_TRY(lib, rc, git_blob_create_from_buffer(&blob, lib->repo, text.ptr, text.len));
    if (rc == 0 && skill->files && skill->files->n) {
        rc = write_with_files(lib, skill, &blob, out);
    } else if (rc == 0) {
        rc = git_treebuilder_new(&builder, lib->repo, skill->files ? NULL : old);
        if (rc == 0)
            rc = git_treebuilder_insert(NULL, builder, SKILL_FILE, &blob, GIT_FILEMODE_BLOB);
        if (rc == 0)
            LIBRARY_TRY(lib, rc, git_treebuilder_write(out, builder));
    }
    if (rc < 0)
        rc = library_git_error(rc, "cannot write skill '%s' to '%s'", skill->name, lib->dir);
out:
    git_treebuilder_free(builder);
    buf_release(&text);
    return rc;
}

int library_folder_write(struct library *lib, const struct skill *skill, const git_oid *old,
                         git_oid *out)
{
    git_tree *folder = NULL;
    int rc = old ? library_object_at(lib, old, GIT_OBJECT_TREE, (git_object **)&folder) : 0;
    if (rc < 0)
        return library_git_error(rc, "cannot read a folder of '%s'", lib->dir);
    rc = write_folder(lib, skill, folder, out);
    git_tree_free(folder);
    return rc;
}

/* Drops the folders of skills that are not in the set. A folder without SKILL.md is no skill of ours
 * to remove: it stays. */
static int drop_removed(struct library *lib, const git_tree *old, const struct skill_set *set,
                        git_treebuilder *builder)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && old && i < git_tree_entrycount(old); i++) {
        const git_tree_entry *e = git_tree_entry_byindex(old, i);
        const char *name = git_tree_entry_name(e);
        git_tree *folder = NULL;
        if (git_tree_entry_type(e) != GIT_OBJECT_TREE || skill_set_find(set, name))
            continue;
        rc = library_object_at(lib, git_tree_entry_id(e), GIT_OBJECT_TREE, (git_object **)&folder);
        if (rc == 0 && git_tree_entry_byname(folder, SKILL_FILE))
            rc = git_treebuilder_remove(builder, name);
        git_tree_free(folder);
    }
    return rc < 0 ? library_git_error(rc, "cannot write to '%s'", lib->dir) : 0;
}

/* The tree of skills/; *empty when nothing is left in it. */
static int write_skills(struct library *lib, const git_tree *old, const struct skill_set *set,
                        git_oid *out, bool *empty)
{
    git_treebuilder *builder = NULL;
    int rc = git_treebuilder_new(&builder, lib->repo, old);
    if (rc < 0)
        return library_git_error(rc, "cannot write to '%s'", lib->dir);
    rc = drop_removed(lib, old, set, builder);
    for (size_t i = 0; rc == 0 && i < set->n; i++) {
        const struct skill *skill = &set->v[i];
        git_tree *folder = NULL;
        git_oid id;
        if (!skill_name_valid(skill->name))
            rc = err_set(GRASP_EINVAL, "'%.80s' cannot be a skill's name", skill->name);
        else if ((rc = subtree(lib, old, skill->name, &folder)) == 0 &&
                 (rc = write_folder(lib, skill, folder, &id)) == 0 &&
                 (rc = git_treebuilder_insert(NULL, builder, skill->name, &id, GIT_FILEMODE_TREE)) <
                     0)
            rc = library_git_error(rc, "cannot write skill '%s' to '%s'", skill->name, lib->dir);
        git_tree_free(folder);
    }
    *empty = git_treebuilder_entrycount(builder) == 0;
    if (rc == 0 && !*empty) {
        LIBRARY_TRY(lib, rc, git_treebuilder_write(out, builder));
        if (rc < 0)
            rc = library_git_error(rc, "cannot write to '%s'", lib->dir);
    }
    git_treebuilder_free(builder);
    return rc;
}

int library_candidate(struct library *lib, const struct skill_set *set, const struct oid *base,
                      struct oid *tree)
{
    git_oid id;
    git_tree *root = NULL, *skills = NULL;
    git_treebuilder *builder = NULL;
    bool empty = false;
    int rc = library_oid_in(&id, base);
    if (rc < 0 || (rc = library_tree_lookup(lib, &id, &root)) < 0 ||
        (rc = subtree(lib, root, SKILLS, &skills)) < 0 ||
        (rc = write_skills(lib, skills, set, &id, &empty)) < 0)
        goto out;
    rc = git_treebuilder_new(&builder, lib->repo, root);
    if (rc == 0 && !empty)
        rc = git_treebuilder_insert(NULL, builder, SKILLS, &id, GIT_FILEMODE_TREE);
    else if (rc == 0 && skills)
        rc = git_treebuilder_remove(builder, SKILLS);
    if (rc == 0)
        LIBRARY_TRY(lib, rc, git_treebuilder_write(&id, builder));
    if (rc < 0)
        rc = library_git_error(rc, "cannot write a tree to '%s'", lib->dir);
    else
        library_oid_out(tree, &id);
out:
    git_treebuilder_free(builder);
    git_tree_free(skills);
    git_tree_free(root);
    return rc;
}

/* A blob that nothing refers to would be lost to the next `git gc`: a ref of its own keeps it. */
int library_blob(struct library *lib, const void *bytes, size_t len, struct oid *blob)
{
    git_oid id, there;
    char ref[sizeof(LIBRARY_PROBES) + OID_HEX];
    int rc = library_need_write(lib);
    if (rc < 0)
        return rc;
    LIBRARY_TRY(lib, rc, git_blob_create_from_buffer(&id, lib->repo, bytes, len));
    if (rc < 0)
        return library_git_error(rc, "cannot write to '%s'", lib->dir);
    library_oid_out(blob, &id);
    snprintf(ref, sizeof(ref), LIBRARY_PROBES "%s", blob->hex);
    if (library_ref_id(lib, ref, &there) == 0 && git_oid_equal(&there, &id))
        return 0;
    return library_ref_set(lib, ref, &id, NULL, "grasp: probe set");
}

int library_blob_read(struct library *lib, const struct oid *blob, struct buf *out)
{
    git_oid id;
    git_blob *b = NULL;
    int rc = library_oid_in(&id, blob);
    if (rc < 0)
        return rc;
    if ((rc = library_object_at(lib, &id, GIT_OBJECT_BLOB, (git_object **)&b)) < 0)
        return library_git_error(rc, "no blob %s in '%s'", blob->hex, lib->dir);
    buf_add(out, git_blob_rawcontent(b), (size_t)git_blob_rawsize(b));
    git_blob_free(b);
    return buf_check(out);
}
