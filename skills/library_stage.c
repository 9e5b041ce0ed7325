/*
 * library_stage.c - files on their way into the repository, and the locks by which git keeps others from
 * a file: NAME.lock, which is its new content.
 */
#include "skills/library_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define STAGE "grasp-stage/" /* in the git directory */

/* ---- what is staged ---- */

char *library_staged(struct library *lib, const char *file)
{
    char *path = NULL;
    return asprintf(&path, "%s" STAGE "%s", lib->gitdir, file) < 0 ? NULL : path;
}

int library_stage(struct library *lib)
{
    char *dir = library_staged(lib, "");
    int rc = dir ? fs_mkdirs(dir) : err_oom();
    free(dir);
    return rc;
}

/* A pack whose index is staged still, or again, is not found by anybody. */
static void drop_half_pack(struct library *lib, const char *index)
{
    struct buf path = BUF_INIT;
    buf_addf(&path, "%sobjects/pack/%s", lib->gitdir, index);
    if (buf_check(&path) == 0 && !fs_exists(path.ptr)) {
        buf_truncate(&path, path.len - strlen("idx"));
        buf_adds(&path, "pack");
        if (buf_check(&path) == 0)
            unlink(path.ptr);
    }
    buf_release(&path);
}

void library_stage_clear(struct library *lib)
{
    char *dir = library_staged(lib, "");
    DIR *d = dir ? opendir(dir) : NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (str_starts(e->d_name, "pack-") && str_ends(e->d_name, ".idx"))
            drop_half_pack(lib, e->d_name);
    if (d)
        closedir(d);
    if (d && fs_remove_tree(dir) < 0)
        log_warn("%s", err_msg());
    free(dir);
}

/* ---- locks of git's ---- */

char *library_git_path(const struct library *lib, const char *name, const char *ending)
{
    char *path = NULL;
    return asprintf(&path, "%s%s%s", lib->gitdir, name, ending) < 0 ? NULL : path;
}

int library_git_lock(struct library *lib, const char *name)
{
    const struct timespec pause = {0, 10 * NS_PER_MS};
    char *path = library_git_path(lib, name, ".lock");
    int64_t until = clock_mono() + LIBRARY_PATIENCE;
    int fd = -1, rc = path ? 0 : err_oom();
    while (rc == 0 && fd < 0) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0)
            break;
        if (errno != EEXIST)
            rc = err_set_errno(GRASP_EIO, "cannot make '%s'", path);
        else if (clock_mono() > until)
            rc = err_set(GRASP_ESTOPPED,
                         "'%s' is there: another git is at work in it: run the same command again",
                         path);
        else
            nanosleep(&pause, NULL);
    }
    free(path);
    return rc < 0 ? rc : fd;
}

void library_git_unlock(struct library *lib, const char *name)
{
    char *path = library_git_path(lib, name, ".lock");
    if (path)
        unlink(path);
    free(path);
}

int library_git_place(struct library *lib, const char *name)
{
    char *from = library_git_path(lib, name, ".lock"), *to = library_git_path(lib, name, "");
    int rc = from && to ? 0 : err_oom();
    if (rc == 0 && rename(from, to) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot replace '%s'", to);
    free(from);
    free(to);
    return rc;
}
