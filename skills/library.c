/* library.c - opening and making a library. */
#include "skills/library_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"

static int take_config(git_config *config, const char *key, const char *fallback, char **out)
{
    const char *v = NULL;
    if (!config || git_config_get_string(&v, config, key) < 0 || !v || !*v || strpbrk(v, "<>\n"))
        v = fallback;
    *out = str_dup(v);
    return *out ? 0 : err_oom();
}

static int read_identity(struct library *lib)
{
    git_config *config = NULL;
    git_repository_config_snapshot(&config, lib->repo);
    int rc = take_config(config, "user.name", "grasp", &lib->name);
    if (rc == 0)
        rc = take_config(config, "user.email", "grasp@localhost", &lib->email);
    git_config_free(config);
    return rc < 0 ? rc : library_identity_set(lib, lib->name, lib->email);
}

const char *library_author(const struct library *lib)
{
    return lib->name;
}

const char *library_email(const struct library *lib)
{
    return lib->email;
}

int library_identity_set(struct library *lib, const char *name, const char *email)
{
    if (!*name || !*email || strpbrk(name, "<>\n") || strpbrk(email, "<>\n"))
        return err_set(GRASP_EINVAL, "'%s <%s>' is no author", name, email);
    char *n = str_dup(name), *e = str_dup(email);
    if (!n || !e) {
        free(n);
        free(e);
        return err_oom();
    }
    free(lib->name);
    free(lib->email);
    lib->name = n;
    lib->email = e;
    int rc = git_repository_set_ident(lib->repo, n, e); /* of the reflog */
    return rc < 0 ? library_git_error(rc, "cannot set the author") : 0;
}

/* Which branch is ours: the one that HEAD names. */
static int read_branch(struct library *lib)
{
    git_reference *head = NULL;
    int rc = git_reference_lookup(&head, lib->repo, "HEAD");
    if (rc < 0)
        return library_git_error(rc, "the library '%s' has no HEAD", lib->dir);
    const char *target = git_reference_symbolic_target(head);
    rc = 0;
    free(lib->head_ref);
    free(lib->branch);
    lib->head_ref = lib->branch = NULL;
    if (target && strcmp(target, LIBRARY_BEST) == 0 && (lib->flags & LIBRARY_WRITE)) {
        rc = err_set(GRASP_EREFUSED,
                     "the branch '%s' is checked out in the library '%s', and learning moves it by "
                     "itself: git -C '%s' switch main",
                     LIBRARY_BEST_NAME, lib->dir, lib->dir);
    } else if (target && str_starts(target, "refs/heads/")) {
        lib->head_ref = str_dup(target);
        lib->branch = str_dup(target + strlen("refs/heads/"));
    } else if (lib->flags & LIBRARY_WRITE) {
        rc = err_set(GRASP_EREFUSED,
                     "the library '%s' has no branch checked out (HEAD is detached): "
                     "git -C '%s' switch main",
                     lib->dir, lib->dir);
    } else {
        lib->head_ref = str_dup("HEAD");
        lib->branch = str_dup("HEAD");
    }
    if (rc == 0 && (!lib->head_ref || !lib->branch))
        rc = err_oom();
    git_reference_free(head);
    return rc;
}

static bool dir_holds_only(const char *dir, const char *name)
{
    bool only = true;
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT;
    for (struct dirent *e; only && (e = readdir(d));)
        only = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
               strcmp(e->d_name, name) == 0;
    closedir(d);
    return only;
}

static bool made_by_us(const char *name)
{
    return strcmp(name, "grasp.lock") != 0;
}

/* libgit2 tries out a new directory with such a file. */
static bool probe_of_git(const char *name)
{
    return str_starts(name, "_git2_");
}

static int remove_entries(const char *dir, bool (*which)(const char *name))
{
    int rc = 0;
    DIR *d = opendir(dir);
    if (!d)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", dir);
    for (struct dirent *e; rc == 0 && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || !which(e->d_name))
            continue;
        char *path = fs_join(dir, e->d_name);
        rc = path ? fs_remove_tree(path) : err_oom();
        free(path);
    }
    closedir(d);
    return rc;
}

static int init_repo(struct library *lib)
{
    git_repository_init_options options;
    git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_MKPATH;
    if (lib->flags & LIBRARY_BARE)
        options.flags |= GIT_REPOSITORY_INIT_BARE;
    options.initial_head = "main";
    options.description = "A skill library, kept by grasp\n";
    int rc = library_lock_creating(lib, true);
    /* What a stopped process had made of it; the lock file stays. */
    if (rc == 0)
        rc = remove_entries(lib->gitdir, made_by_us);
    if (rc == 0)
        rc = remove_entries(lib->dir, probe_of_git);
    if (rc < 0)
        return rc;
    rc = git_repository_init_ext(&lib->repo, lib->dir, &options);
    return rc < 0 ? library_git_error(rc, "cannot make the library '%s'", lib->dir) : 0;
}

/* A missing or empty directory, or what a stopped process left of one, becomes a repository with
 * an unborn branch. The lock is taken before the first file. */
static int create(struct library *lib)
{
    bool bare = lib->flags & LIBRARY_BARE;
    int rc;
    if (fs_is_dir(lib->dir) && access(lib->dir, R_OK) < 0)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", lib->dir);
    free(lib->gitdir);
    lib->gitdir = fs_join(lib->dir, bare ? "" : ".git/");
    if (!lib->gitdir)
        return err_oom();
    bool blank = dir_holds_only(lib->dir, bare ? "grasp.lock" : ".git") &&
                 (bare || dir_holds_only(lib->gitdir, "grasp.lock"));
    if (!blank && !library_lock_half_made(lib->gitdir))
        return err_set(GRASP_EREFUSED,
                       "'%s' is neither empty nor a git repository: name a new directory",
                       lib->dir);
    if ((rc = fs_mkdirs(lib->gitdir)) < 0 || (rc = library_lock(lib)) < 0)
        return rc;
    /* Somebody else may have made it while we waited for the lock. */
    if (lib->creating || library_repo_open(lib) < 0)
        rc = init_repo(lib);
    return rc;
}

/* The first branch of a remote that is more than a name of ours for one. */
static int fetched(const char *ref, const struct oid *commit, void *arg)
{
    const char *name = strchr(ref + strlen("refs/remotes/"), '/');
    (void)commit;
    if (!name || strcmp(++name, "HEAD") == 0 || strcmp(name, LIBRARY_BEST_NAME) == 0 ||
        str_starts(name, "for/") || str_starts(name, "proposed/"))
        return 0;
    buf_adds(arg, name);
    return 1;
}

/* A clone of a server whose HEAD names a branch that nobody pushed: a first commit here would be the
 * beginning of another history. */
static int check_fetched(struct library *lib)
{
    struct buf name = BUF_INIT;
    int rc = library_refs(lib, "refs/remotes/", fetched, &name);
    if (rc > 0)
        rc = buf_check(&name);
    if (rc == 0 && name.len)
        rc = err_set(GRASP_EREFUSED,
                     "the clone '%s' has nothing checked out ('%s' has no commit), but the branch "
                     "'%s' was fetched: git -C '%s' switch '%s'",
                     lib->dir, lib->branch, name.ptr, lib->dir, name.ptr);
    buf_release(&name);
    return rc;
}

/* The branch has no commit: make the first, or say why not. */
static int begin_branch(struct library *lib)
{
    git_oid tip;
    if (git_reference_name_to_id(&tip, lib->repo, lib->head_ref) == 0) {
        if (lib->creating)
            library_lock_clear(lib);
        return lib->creating ? library_lock_creating(lib, false) : 0;
    }
    int rc = check_fetched(lib);
    if (rc < 0)
        return rc;
    if (!(lib->flags & LIBRARY_CREATE))
        return err_set(lib->flags & LIBRARY_WRITE ? GRASP_EREFUSED : GRASP_ENOTFOUND,
                       "the library '%s' has no commit yet", lib->dir);
    if (!git_repository_is_bare(lib->repo) && !dir_holds_only(lib->dir, ".git"))
        return err_set(GRASP_EREFUSED,
                       "the repository '%s' has files but no commit: commit them, or name a new "
                       "directory",
                       lib->dir);
    return library_first_commit(lib);
}

/* What makes a repository a library: its marker; for reading, skills/ will do. */
static int check_marker(struct library *lib)
{
    git_oid tip;
    git_tree *tree = NULL;
    git_blob *blob = NULL;
    int rc = library_tip(lib, &tip);
    if (rc < 0 || (rc = library_tree_lookup(lib, &tip, &tree)) < 0)
        return rc;
    const git_tree_entry *marker = git_tree_entry_byname(tree, LIBRARY_MARKER);
    if (!marker) {
        if ((lib->flags & LIBRARY_WRITE) || !git_tree_entry_byname(tree, "skills"))
            rc = err_set(GRASP_EREFUSED,
                         "'%s' is a git repository but no skill library (no %s in its root); to "
                         "make it one: cd '%s' && echo 'format 1' > %s && git add %s && git commit",
                         lib->dir, LIBRARY_MARKER, lib->dir, LIBRARY_MARKER, LIBRARY_MARKER);
        goto out;
    }
    rc = library_object_at(lib, git_tree_entry_id(marker), GIT_OBJECT_BLOB, (git_object **)&blob);
    if (rc < 0)
        rc = library_git_error(rc, "cannot read %s of '%s'", LIBRARY_MARKER, lib->dir);
    else if (git_blob_rawsize(blob) != strlen(LIBRARY_MARKER_TEXT) ||
             memcmp(git_blob_rawcontent(blob), LIBRARY_MARKER_TEXT, strlen(LIBRARY_MARKER_TEXT)) !=
                 0)
        rc = err_set(GRASP_EREFUSED,
                     "the library '%s' has another format than this grasp reads (its %s says so)",
                     lib->dir, LIBRARY_MARKER);
out:
    git_blob_free(blob);
    git_tree_free(tree);
    return rc;
}

static int open_checked(struct library *lib)
{
    int rc = library_repo_open(lib);
    if (rc < 0 && fs_out_of_files()) /* libgit2 takes it for a folder without a repository */
        return err_prefix(GRASP_EIO, "cannot open the library '%s'", lib->dir);
    if (rc == GRASP_ENOTFOUND && (lib->flags & LIBRARY_CREATE))
        rc = create(lib);
    else if (rc == GRASP_ENOTFOUND)
        rc = err_set(rc, "there is no skill library in '%s'", lib->dir);
    if (rc < 0)
        return rc;
    if ((lib->flags & LIBRARY_WRITE) && git_repository_is_worktree(lib->repo))
        return err_set(GRASP_EREFUSED,
                       "'%s' is a linked worktree: name the library's own directory", lib->dir);
    if ((lib->flags & LIBRARY_WRITE) && lib->lock_fd < 0 && (rc = library_lock(lib)) < 0)
        return rc;
    if ((rc = read_branch(lib)) < 0)
        return rc;
    if (lib->creating && git_repository_head_unborn(lib->repo) == 1) {
        git_repository_free(lib->repo);
        lib->repo = NULL;
        rc = init_repo(lib);
        if (rc == 0)
            rc = read_branch(lib);
    }
    if (rc == 0 && (lib->flags & LIBRARY_WRITE) && !lib->creating)
        rc = library_lock_others(lib);
    if (rc < 0 || (rc = read_identity(lib)) < 0 ||
        (lib->flags & LIBRARY_WRITE && (rc = library_shadow_open(lib)) < 0) ||
        (rc = begin_branch(lib)) < 0 || (rc = check_marker(lib)) < 0)
        return rc;
    if (!(lib->flags & LIBRARY_WRITE))
        return 0;
    if (!git_repository_is_bare(lib->repo) &&
        ((rc = library_checkout_settle(lib)) < 0 || (rc = library_clean(lib)) < 0))
        return rc;
    return library_best_bring_over(lib);
}

int library_open(struct library **out, const char *dir, int flags)
{
    struct library *lib = calloc(1, sizeof(*lib));
    int rc = 0;
    *out = NULL;
    if (!lib)
        return err_oom();
    library_repo_init();
    /* As git does: an object is on disk before a ref leads to it, also when the power fails. */
    if (flags & (LIBRARY_WRITE | LIBRARY_CREATE))
        git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    lib->lock_fd = -1;
    lib->flags = flags & LIBRARY_CREATE ? flags | LIBRARY_WRITE : flags;
    lib->dir = str_dup(dir);
    rc = lib->dir ? open_checked(lib) : err_oom();
    if (rc < 0)
        library_close(lib);
    else
        *out = lib;
    return rc;
}

void library_close(struct library *lib)
{
    if (!lib)
        return;
    library_batch_drop(lib);
    if (library_shadow_settle(lib, true) < 0 || library_objects_join(lib, true) < 0)
        log_warn("%s", err_msg());
    library_unlock(lib);
    library_scan_release(lib);
    free(lib->notes.v);
    git_repository_free(lib->repo);
    strlist_release(&lib->shallow);
    free(lib->dir);
    free(lib->gitdir);
    free(lib->branch);
    free(lib->head_ref);
    free(lib->line_ref);
    free(lib->name);
    free(lib->email);
    free(lib);
    git_libgit2_shutdown();
}

const char *library_dir(const struct library *lib)
{
    return lib->dir;
}

const char *library_branch(const struct library *lib)
{
    return lib->branch;
}
