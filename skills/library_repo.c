/*
 * library_repo.c - the git repository of a library, opened as git would: extensions that change
 * nothing for us are taken, a repository of another owner as git's configuration says, and what the
 * libgit2 at hand cannot read is refused with the way out.
 */
#include "skills/library_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <git2/sys/mempack.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/text.h"

/* Extensions of the repository's format that git names and that are no concern of a reader or of
 * who adds objects and refs. */
void library_repo_init(void)
{
    static const char *extensions[] = {"preciousobjects", "worktreeconfig", "relativeworktrees",
                                       "partialclone"};
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, sizeof(extensions) / sizeof(*extensions));
}

/* The repository's own configuration file, whatever libgit2 thinks of its format; NULL: none. */
static git_config *own_config(const char *dir)
{
    static const char *const places[] = {".git/config", "config"};
    git_config *config = NULL;
    for (size_t i = 0; !config && i < sizeof(places) / sizeof(*places); i++) {
        char *path = fs_join(dir, places[i]);
        if (path && fs_exists(path) && git_config_open_ondisk(&config, path) < 0)
            config = NULL;
        free(path);
    }
    return config;
}

static bool config_is(const git_config *config, const char *key, const char *value)
{
    git_config_entry *e = NULL;
    bool is = config && git_config_get_entry(&e, config, key) == 0 && str_caseeq(e->value, value);
    git_config_entry_free(e);
    return is;
}

/* A format that this libgit2 does not read; 0 when it is none that we know. */
static int refuse_format(const char *dir)
{
    git_config *config = own_config(dir);
    int rc = 0;
    if (config_is(config, "extensions.objectformat", "sha256"))
        rc = err_set(GRASP_EREFUSED,
                     "the library '%s' has SHA-256 object ids, which libgit2 %s does not read; its "
                     "history, without evidence (ids are others then), goes into one that it does: "
                     "git init -b main NEW && git -C '%s' fast-export --branches --tags | git -C "
                     "NEW fast-import",
                     dir, LIBGIT2_VERSION, dir);
    else if (config_is(config, "extensions.refstorage", "reftable"))
        rc = err_set(GRASP_EREFUSED,
                     "the library '%s' keeps its refs as a reftable, which libgit2 %s does not "
                     "read; a copy with all of it that it does read: git clone --mirror "
                     "--ref-format=files '%s' NEW.git",
                     dir, LIBGIT2_VERSION, dir);
    git_config_free(config);
    return rc;
}

/* safe.directory of git-config(1): "*", "DIR/" followed by "*", or the directory itself; an empty
 * value forgets what came before. libgit2 knows the last one only. */
struct safe_search {
    const char *path;
    bool safe;
};

static int safe_entry(const git_config_entry *e, void *arg)
{
    struct safe_search *s = arg;
    size_t n = strlen(e->value);
    if (n == 0)
        s->safe = false;
    else if (strcmp(e->value, "*") == 0 || strcmp(e->value, s->path) == 0)
        s->safe = true;
    else if (n > 2 && strcmp(e->value + n - 2, "/*") == 0 && strncmp(e->value, s->path, n - 1) == 0)
        s->safe = true;
    return 0;
}

static bool is_safe(const char *path)
{
    struct safe_search s = {path, false};
    git_config *config = NULL;
    if (git_config_open_default(&config) == 0)
        git_config_get_multivar_foreach(config, "safe.directory", NULL, safe_entry, &s);
    git_config_free(config);
    return s.safe;
}

static int open_of_other_owner(struct library *lib)
{
    char *path = realpath(lib->dir, NULL);
    const char *named = path ? path : lib->dir;
    int rc;
    if (is_safe(named)) {
        git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
        rc = git_repository_open_ext(&lib->repo, lib->dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
        git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
        if (rc < 0)
            rc = library_git_error(rc, "cannot open the library '%s'", lib->dir);
    } else {
        rc = err_set(GRASP_EREFUSED,
                     "the library '%s' belongs to another user, and git runs nothing in such a "
                     "repository unless told that it is safe: git config --global --add "
                     "safe.directory '%s'",
                     lib->dir, named);
    }
    free(path);
    return rc;
}

/* New objects go to the store of the highest priority: one in memory. */
static int keep_in_memory(struct library *lib)
{
    enum { FIRST = 1000 };
    git_odb *odb = NULL;
    git_odb_backend *memory = NULL;
    int rc = git_repository_odb(&odb, lib->repo);
    if (rc == 0)
        rc = git_mempack_new(&memory);
    if (rc == 0)
        rc = git_odb_add_backend(odb, memory, FIRST); /* the odb owns it now */
    git_odb_free(odb);
    return rc < 0 ? library_git_error(rc, "cannot open the objects of '%s'", lib->dir) : 0;
}

static int is_promised(const git_config_entry *e, void *arg)
{
    int yes = 0;
    if (str_starts(e->name, "remote.") && str_ends(e->name, ".promisor"))
        *(bool *)arg = *(bool *)arg || (git_config_parse_bool(&yes, e->value) == 0 && yes);
    return 0;
}

/* Which parts of the origin a clone was made without. */
static int read_clone(struct library *lib)
{
    git_config *config = NULL;
    struct buf text = BUF_INIT;
    char *path = fs_join(git_repository_commondir(lib->repo), "shallow");
    int rc = path ? fs_read(path, &text) : err_oom();
    strlist_release(&lib->shallow);
    if (rc == GRASP_ENOTFOUND)
        rc = 0;
    for (const char *p = text.ptr; rc == 0 && *p;) {
        size_t n = strcspn(p, "\n");
        if (n == OID_HEX)
            rc = strlist_addn(&lib->shallow, p, n);
        p += n + (p[n] == '\n');
    }
    if (git_repository_config_snapshot(&config, lib->repo) == 0)
        git_config_foreach(config, is_promised,
                           &lib->partial); /* matching by pattern leaks in 1.5 */
    git_config_free(config);
    buf_release(&text);
    free(path);
    return rc;
}

/* libgit2 1.5 says "not found" of an owner's repository when no safe.directory is configured at all:
 * what it did not find is that key. */
static bool other_owner(int rc)
{
    const git_error *e = git_error_last();
    return rc == GIT_EOWNER || (rc == GIT_ENOTFOUND && e && e->klass == GIT_ERROR_CONFIG);
}

int library_repo_open(struct library *lib)
{
    int rc = git_repository_open_ext(&lib->repo, lib->dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    if (rc < 0 && other_owner(rc))
        rc = open_of_other_owner(lib);
    else if (rc < 0 && refuse_format(lib->dir) < 0)
        rc = GRASP_EREFUSED;
    else if (rc < 0)
        rc = library_git_error(rc, "cannot open the library '%s'", lib->dir);
    if (rc < 0)
        return rc;
    free(lib->gitdir);
    lib->gitdir = str_dup(git_repository_path(lib->repo));
    if (!lib->gitdir)
        return err_oom();
    if ((rc = read_clone(lib)) < 0)
        return rc;
    return lib->flags & LIBRARY_MEMORY ? keep_in_memory(lib) : 0;
}
