/*
 * library_checkout.c - the working tree follows the branch.
 *
 * The branch moves first, then the files. Between the two, the file grasp-checkout in the git
 * directory says "FROM TO": whoever opens the library next (after a SIGKILL, a full disk) finishes
 * the job. A user's edit is told from our half-done work by content: every file that differs
 * between the two commits must be as in one of them, byte for byte (files are replaced by rename,
 * so there is no half-written one); anything else in the working tree must be as in the commit.
 * Otherwise nothing is touched and the library is refused. Files that git does not track stand in
 * nobody's way outside skills/.
 *
 * The new files are written beside before the branch moves (library_checkout_stage), so that one
 * barrier is there for all of them. index.lock is held from before the branch moves until the index
 * has followed: a person's `git commit` in between would take back what was let in.
 */
#include "skills/library_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/barrier.h"
#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"

#define NAMED_MAX 5 /* so many changed files are named */

static bool entry_counts(const git_status_entry *e, const char **path)
{
    const git_diff_delta *d = e->index_to_workdir ? e->index_to_workdir : e->head_to_index;
    *path = d ? (d->new_file.path ? d->new_file.path : d->old_file.path) : "?";
    if (e->status == GIT_STATUS_WT_NEW)
        return str_starts(*path, "skills/");
    return e->status != GIT_STATUS_CURRENT && e->status != GIT_STATUS_IGNORED;
}

/* Files that git leaves out of the working tree on purpose would look removed when the branch
 * moves. */
static bool is_sparse(struct library *lib)
{
    git_index *index = NULL;
    bool sparse = false;
    if (git_repository_index(&index, lib->repo) == 0)
        for (size_t i = 0; !sparse && i < git_index_entrycount(index); i++)
            sparse =
                git_index_get_byindex(index, i)->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE;
    git_index_free(index);
    return sparse;
}

int library_clean(struct library *lib)
{
    git_status_options options;
    git_status_list *list = NULL;
    struct buf names = BUF_INIT;
    size_t changed = 0;
    if (git_repository_state(lib->repo) != GIT_REPOSITORY_STATE_NONE)
        return err_set(GRASP_EREFUSED,
                       "the library '%s' is in the middle of a merge, rebase or bisect: finish or "
                       "abort it",
                       lib->dir);
    if (is_sparse(lib))
        return err_set(
            GRASP_EREFUSED,
            "the library '%s' is a sparse checkout: files that change are not all checked "
            "out; git -C '%s' sparse-checkout disable",
            lib->dir, lib->dir);
    git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
    options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
    options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                    GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
    int rc = git_status_list_new(&list, lib->repo, &options);
    if (rc < 0)
        return library_git_error(rc, "cannot compare the working tree of '%s'", lib->dir);
    for (size_t i = 0; i < git_status_list_entrycount(list); i++) {
        const char *path;
        if (entry_counts(git_status_byindex(list, i), &path) && ++changed <= NAMED_MAX)
            buf_addf(&names, "%s%s", changed > 1 ? ", " : "", path);
    }
    if (changed)
        rc = err_set(GRASP_EREFUSED,
                     "the library '%s' has changes that are in no commit (%s%s): commit them, or "
                     "drop them with git -C '%s' stash -u",
                     lib->dir, names.ptr, changed > NAMED_MAX ? ", ..." : "", lib->dir);
    git_status_list_free(list);
    buf_release(&names);
    return rc;
}

int library_head_check(struct library *lib)
{
    git_reference *head = NULL;
    int rc = git_reference_lookup(&head, lib->repo, "HEAD");
    const char *target = rc == 0 ? git_reference_symbolic_target(head) : NULL;
    if (!target || strcmp(target, lib->head_ref) != 0)
        rc = err_set(GRASP_EREFUSED,
                     "another branch was checked out in the library '%s': git -C '%s' switch '%s'",
                     lib->dir, lib->dir, lib->branch);
    git_reference_free(head);
    return rc;
}

/* The difference of two commits; a zero `from` is nothing at all. */
static int diff_commits(struct library *lib, const git_oid *from, const git_oid *to,
                        git_diff **diff)
{
    git_diff_options options;
    git_tree *a = NULL, *b = NULL;
    int rc = git_oid_is_zero(from) ? 0 : library_tree_lookup(lib, from, &a);
    if (rc == 0)
        rc = library_tree_lookup(lib, to, &b);
    git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_SKIP_BINARY_CHECK | GIT_DIFF_INCLUDE_TYPECHANGE;
    if (rc == 0 && (rc = git_diff_tree_to_tree(diff, lib->repo, a, b, &options)) < 0)
        rc = library_git_error(rc, "cannot compare two commits of '%s'", lib->dir);
    git_tree_free(a);
    git_tree_free(b);
    return rc;
}

static char *workdir_path(struct library *lib, const char *path)
{
    return fs_join(git_repository_workdir(lib->repo), path);
}

/* A tree from elsewhere may hold entries named ".." or ".git"; git refuses them, and so do we. */
static bool path_safe(const char *path)
{
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n <= 2 && strspn(p, ".") >= n) || (n == 4 && strncasecmp(p, ".git", 4) == 0))
            return false;
        p += n;
        if (!*p)
            return true;
    }
}

/* What is in the working tree at `path`, as git would store it; zero when nothing is. */
static int workdir_id(struct library *lib, const char *path, git_oid *id)
{
    struct stat st;
    char target[4096];
    char *full = workdir_path(lib, path);
    int rc = 0;
    memset(id, 0, sizeof(*id));
    if (!full)
        return err_oom();
    if (lstat(full, &st) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            rc = err_set_errno(GRASP_EIO, "cannot look at '%s'", full);
    } else if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(full, target, sizeof(target));
        rc = n < 0 ? -1 : git_odb_hash(id, target, (size_t)n, GIT_OBJECT_BLOB);
    } else if (S_ISREG(st.st_mode)) {
        rc = git_repository_hashfile(id, lib->repo, full, GIT_OBJECT_BLOB, path);
    } else if (!S_ISDIR(st.st_mode)) {
        id->id[0] = 1; /* a device or a pipe is nobody's blob */
    }
    if (rc == -1)
        rc = library_git_error(rc, "cannot read '%s'", full);
    free(full);
    return rc;
}

/* A link in the place of a folder, which git may have been told to ignore: what is written below it
 * would be written elsewhere. */
static int check_folders(struct library *lib, const char *path)
{
    char *full = workdir_path(lib, path);
    struct stat st;
    int rc = full ? 0 : err_oom();
    size_t root = full ? strlen(full) - strlen(path) : 0;
    for (char *slash = full ? strchr(full + root, '/') : NULL; rc == 0 && slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (lstat(full, &st) == 0 && !S_ISDIR(st.st_mode))
            rc = err_set(GRASP_EREFUSED,
                         "%s of the library '%s' is no folder and in no commit: move it away, then "
                         "git -C '%s' reset --hard",
                         full + root, lib->dir, lib->dir);
        *slash = '/';
    }
    free(full);
    return rc;
}

int library_checkout_check(struct library *lib, const git_oid *from, const git_oid *to)
{
    git_diff *diff = NULL;
    int rc = diff_commits(lib, from, to, &diff);
    for (size_t i = 0; rc == 0 && i < git_diff_num_deltas(diff); i++) {
        const git_diff_delta *d = git_diff_get_delta(diff, i);
        git_oid is;
        if (!path_safe(d->new_file.path))
            return git_diff_free(diff), err_set(GRASP_EREFUSED,
                                                "the library '%s' has a file named "
                                                "'%s'",
                                                lib->dir, d->new_file.path);
        if (d->status != GIT_DELTA_DELETED)
            rc = check_folders(lib, d->new_file.path);
        if (rc == 0)
            rc = workdir_id(lib, d->new_file.path, &is);
        if (rc == 0 && !git_oid_equal(&is, &d->old_file.id) && !git_oid_equal(&is, &d->new_file.id))
            rc = err_set(GRASP_EREFUSED,
                         "%s of the library '%s' was edited and is in no commit: move it away, "
                         "then git -C '%s' reset --hard",
                         d->new_file.path, lib->dir, lib->dir);
    }
    git_diff_free(diff);
    return rc;
}

/* A new file with these bytes, opened: the caller closes it. */
static int write_new(const char *path, const void *bytes, size_t len, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set_errno(GRASP_EIO, "cannot create '%s'", path);
    if (fs_write_all(fd, bytes, len) < 0) {
        int rc = err_set_errno(GRASP_EIO, "cannot write '%s'", path);
        close(fd);
        return rc;
    }
    return fd;
}

/* Replaces `path` by rename. The temporary file is in the git directory, where it is in nobody's
 * way if we are killed, and always the same one: we have the lock. With a barrier that flushes it,
 * it need not be flushed here. */
static int replace_file(struct library *lib, const char *path, const void *bytes, size_t len,
                        mode_t mode, struct barrier *b)
{
    char *tmp = fs_join(lib->gitdir, "grasp-checkout.tmp");
    if (!tmp)
        return err_oom();
    int fd = write_new(tmp, bytes, len, mode), rc = fd < 0 ? fd : 0;
    if (rc == 0 && b)
        rc = barrier_add(b, fd);
    else if (rc == 0 && fsync(fd) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot write '%s'", path);
    if (fd >= 0 && close(fd) < 0 && rc == 0)
        rc = err_set_errno(GRASP_EIO, "cannot write '%s'", path);
    if (rc == 0 && rename(tmp, path) < 0)
        rc = errno == EXDEV ? fs_write(path, bytes, len)
                            : err_set_errno(GRASP_EIO, "cannot replace '%s'", path);
    if (rc < 0)
        unlink(tmp);
    free(tmp);
    return rc;
}

static int put_link(const char *path, const char *bytes, size_t len)
{
    char *target = str_ndup(bytes, len);
    if (!target)
        return err_oom();
    int rc = 0;
    if ((unlink(path) < 0 && errno != ENOENT) || symlink(target, path) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot make the link '%s'", path);
    free(target);
    return rc;
}

static mode_t mode_of(const git_diff_file *file)
{
    return file->mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0777 : 0666;
}

static int blob_of(struct library *lib, const git_diff_file *file, git_blob **blob)
{
    int rc = library_object_at(lib, &file->id, GIT_OBJECT_BLOB, (git_object **)blob);
    return rc < 0 ? library_git_error(rc, "cannot read %s of '%s'", file->path, lib->dir) : 0;
}

/* Where the new content of the n-th file that differs is until its place is free. */
static char *staged_file(struct library *lib, size_t n)
{
    char name[32];
    snprintf(name, sizeof(name), "file-%zu", n);
    return library_staged(lib, name);
}

static bool is_plain(const git_diff_delta *d)
{
    return d->status != GIT_DELTA_DELETED && (d->new_file.mode == GIT_FILEMODE_BLOB ||
                                              d->new_file.mode == GIT_FILEMODE_BLOB_EXECUTABLE);
}

static int stage_file(struct library *lib, const git_diff_file *file, size_t n, struct barrier *b)
{
    git_blob *blob = NULL;
    char *path = staged_file(lib, n);
    int rc = path ? blob_of(lib, file, &blob) : err_oom();
    int fd = rc == 0 ? write_new(path, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob),
                                 mode_of(file))
                     : -1;
    if (rc == 0)
        rc = fd < 0 ? fd : barrier_add(b, fd);
    if (fd >= 0)
        close(fd);
    git_blob_free(blob);
    free(path);
    return rc;
}

/* False: it is written then, by whoever finishes what another process began. */
static bool take_staged(struct library *lib, const char *path, size_t n)
{
    char *staged = lib->staged ? staged_file(lib, n) : NULL;
    bool is = staged && rename(staged, path) == 0;
    free(staged);
    return is;
}

static int put_file(struct library *lib, const git_diff_file *file, size_t n)
{
    git_blob *blob = NULL;
    char *full = workdir_path(lib, file->path), *dir = full ? fs_dirname(full) : NULL;
    int rc = dir ? fs_mkdirs(dir) : err_oom();
    if (rc < 0 || (file->mode != GIT_FILEMODE_LINK && take_staged(lib, full, n)) ||
        (rc = blob_of(lib, file, &blob)) < 0)
        goto out;
    const char *bytes = git_blob_rawcontent(blob);
    size_t len = (size_t)git_blob_rawsize(blob);
    if (file->mode == GIT_FILEMODE_LINK)
        rc = put_link(full, bytes, len);
    else
        rc = replace_file(lib, full, bytes, len, mode_of(file), NULL);
out:
    git_blob_free(blob);
    free(dir);
    free(full);
    return rc;
}

/* Removes a file and the folders that it leaves empty. */
static int drop_file(struct library *lib, const char *path)
{
    char *full = workdir_path(lib, path);
    int rc = 0;
    if (!full)
        return err_oom();
    if (unlink(full) < 0 && errno != ENOENT && errno != ENOTDIR) {
        rc = err_set_errno(GRASP_EIO, "cannot remove '%s'", full);
        goto out;
    }
    size_t root = strlen(full) - strlen(path);
    for (char *slash; (slash = strrchr(full + root, '/'));) {
        *slash = '\0';
        if (rmdir(full) < 0)
            break;
    }
out:
    free(full);
    return rc;
}

/* The index entry of a file we just wrote, with its times and sizes: git sees it as unchanged
 * without reading it again. */
static int index_put(struct library *lib, git_index *index, const git_diff_file *file)
{
    git_index_entry e = {.mode = file->mode, .id = file->id, .path = file->path};
    struct stat st;
    char *full = workdir_path(lib, file->path);
    if (!full)
        return err_oom();
    if (lstat(full, &st) == 0) {
        e.ctime.seconds = (int32_t)st.st_ctim.tv_sec;
        e.ctime.nanoseconds = (uint32_t)st.st_ctim.tv_nsec;
        e.mtime.seconds = (int32_t)st.st_mtim.tv_sec;
        e.mtime.nanoseconds = (uint32_t)st.st_mtim.tv_nsec;
        e.dev = (uint32_t)st.st_dev;
        e.ino = (uint32_t)st.st_ino;
        e.uid = (uint32_t)st.st_uid;
        e.gid = (uint32_t)st.st_gid;
        e.file_size = (uint32_t)st.st_size;
    }
    free(full);
    int rc = git_index_add(index, &e);
    return rc < 0 ? library_git_error(rc, "cannot write the index of '%s'", lib->dir) : 0;
}

int library_index_lock(struct library *lib)
{
    int fd = library_git_lock(lib, "index");
    if (fd < 0)
        return fd;
    close(fd);
    lib->index_locked = true;
    return 0;
}

/* A copy of the index, which is written beside and takes its place: index.lock is ours. */
static int index_open(struct library *lib, git_index **out)
{
    struct buf bytes = BUF_INIT;
    char *from = fs_join(lib->gitdir, "index"), *to = library_staged(lib, "index");
    int rc = from && to ? fs_read(from, &bytes) : err_oom();
    if (rc == 0) {
        int fd = write_new(to, bytes.ptr, bytes.len, 0666);
        rc = fd < 0 ? fd : 0;
        if (fd >= 0)
            close(fd);
    } else if (rc == GRASP_ENOTFOUND) {
        rc = 0;
        unlink(to);
    }
    if (rc == 0 && (rc = git_index_open(out, to)) < 0)
        rc = library_git_error(rc, "cannot read the index of '%s'", lib->dir);
    buf_release(&bytes);
    free(from);
    free(to);
    return rc;
}

static int index_save(struct library *lib, git_index *index)
{
    char *from = library_staged(lib, "index"), *to = fs_join(lib->gitdir, "index.lock");
    int rc = from && to ? 0 : err_oom();
    if (rc == 0) {
        LIBRARY_TRY(lib, rc, git_index_write(index));
        if (rc < 0)
            rc = library_git_error(rc, "cannot write the index of '%s'", lib->dir);
    }
    if (rc == 0 && rename(from, to) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot replace '%s'", to);
    if (rc == 0)
        rc = library_git_place(lib, "index");
    if (rc == 0)
        lib->index_locked = false;
    free(from);
    free(to);
    return rc;
}

/* Files first, removals before additions (a file may give way to a folder), then the index. */
static int apply(struct library *lib, const git_oid *from, const git_oid *to)
{
    git_diff *diff = NULL;
    git_index *index = NULL;
    int rc = library_stage(lib);
    if (rc == 0)
        rc = index_open(lib, &index);
    if (rc == 0)
        rc = diff_commits(lib, from, to, &diff);
    size_t n = rc == 0 ? git_diff_num_deltas(diff) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const git_diff_delta *d = git_diff_get_delta(diff, i);
        if (d->status != GIT_DELTA_DELETED)
            continue;
        rc = drop_file(lib, d->old_file.path);
        git_index_remove(index, d->old_file.path, 0);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const git_diff_delta *d = git_diff_get_delta(diff, i);
        if (d->status == GIT_DELTA_DELETED || d->new_file.mode == GIT_FILEMODE_COMMIT)
            continue;
        rc = put_file(lib, &d->new_file, i);
        if (rc == 0)
            rc = index_put(lib, index, &d->new_file);
    }
    if (rc == 0)
        rc = index_save(lib, index);
    git_index_free(index);
    git_diff_free(diff);
    return rc;
}

/* The same with the lock that nobody else holds meanwhile. */
static int apply_locked(struct library *lib, const git_oid *from, const git_oid *to)
{
    bool mine = !lib->index_locked;
    if (mine)
        library_lock_intent(lib, "index");
    int rc = mine ? library_index_lock(lib) : 0;
    if (rc == 0)
        rc = apply(lib, from, to);
    if (mine && lib->index_locked)
        library_git_unlock(lib, "index");
    if (mine) {
        lib->index_locked = false;
        library_stage_clear(lib);
        library_lock_intent(lib, NULL);
    }
    return rc;
}

static int write_state(struct library *lib, const git_oid *from, const git_oid *to,
                       struct barrier *b)
{
    struct oid old, new;
    char text[2 * OID_HEX + 3];
    char *path = fs_join(lib->gitdir, LIBRARY_CHECKOUT_STATE);
    if (!path)
        return err_oom();
    library_oid_out(&old, from);
    library_oid_out(&new, to);
    snprintf(text, sizeof(text), "%s %s\n", old.hex, new.hex);
    int rc = replace_file(lib, path, text, strlen(text), 0666, b);
    free(path);
    return rc;
}

int library_checkout_stage(struct library *lib, const git_oid *from, const git_oid *to,
                           struct barrier *b)
{
    git_diff *diff = NULL;
    int rc = library_stage(lib);
    if (rc == 0)
        rc = diff_commits(lib, from, to, &diff);
    for (size_t i = 0; rc == 0 && i < git_diff_num_deltas(diff); i++) {
        const git_diff_delta *d = git_diff_get_delta(diff, i);
        if (is_plain(d))
            rc = stage_file(lib, &d->new_file, i, b);
    }
    git_diff_free(diff);
    if (rc == 0)
        rc = write_state(lib, from, to, b);
    lib->staged = rc == 0;
    return rc;
}

void library_checkout_drop(struct library *lib)
{
    char *path = lib->staged ? fs_join(lib->gitdir, LIBRARY_CHECKOUT_STATE) : NULL;
    if (path)
        unlink(path);
    lib->staged = false;
    free(path);
}

int library_checkout_begin(struct library *lib, const git_oid *from, const git_oid *to)
{
    return write_state(lib, from, to, NULL);
}

int library_checkout_settle(struct library *lib)
{
    struct buf text = BUF_INIT;
    git_oid from, to, tip;
    char *path = fs_join(lib->gitdir, LIBRARY_CHECKOUT_STATE);
    int rc = path ? fs_read(path, &text) : err_oom();
    if (rc < 0) {
        rc = rc == GRASP_ENOTFOUND ? 0 : rc;
        goto out;
    }
    bool ours = text.len == 2 * OID_HEX + 2 && git_oid_fromstrn(&from, text.ptr, OID_HEX) == 0 &&
                git_oid_fromstrn(&to, text.ptr + OID_HEX + 1, OID_HEX) == 0;
    /* When the branch is elsewhere it never moved, or somebody moved on: then the working tree is
     * judged by what it is. */
    if (ours && git_reference_name_to_id(&tip, lib->repo, lib->head_ref) == 0 &&
        git_oid_equal(&tip, &to)) {
        if ((rc = library_checkout_check(lib, &from, &to)) < 0 ||
            (rc = apply_locked(lib, &from, &to)) < 0)
            goto out;
    }
    if (unlink(path) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot remove '%s'", path);
out:
    lib->staged = false;
    free(path);
    buf_release(&text);
    return rc;
}
