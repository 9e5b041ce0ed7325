/*
 * library_lock.c - one writer at a time.
 *
 * The lock is flock(2) on "grasp.lock" in the git directory: the kernel drops it when its holder
 * ends, however it ends. libgit2 takes lock files of its own (index.lock, refs/heads/main.lock); a
 * process that is killed while it has one leaves it behind and git then refuses to write. The
 * record in our lock file names the one that may exist at the moment, so the next holder removes
 * exactly that one and never a lock of somebody's running git.
 */
#include "skills/library_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"

#define LOCK_FILE "grasp.lock"
/* One write of one page: never seen half done by a process that starts after a SIGKILL. */
#define RECORD 2048

/* The value of a "key value" line of the record; "" when it is not there. */
static void record_get(const char *record, const char *key, char *out, size_t size)
{
    size_t n = strlen(key);
    *out = '\0';
    for (const char *line = record; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) != 0 || line[n] != ' ')
            continue;
        size_t len = strcspn(line + n + 1, "\n");
        if (len < size) {
            memcpy(out, line + n + 1, len);
            out[len] = '\0';
        }
        return;
    }
}

static void record_read(int fd, char record[RECORD + 1])
{
    ssize_t n = pread(fd, record, RECORD, 0);
    record[n > 0 ? n : 0] = '\0';
}

static int record_write(struct library *lib, const char *what)
{
    char record[RECORD + 1], since[CLOCK_TEXT];
    clock_format(lib->lock_since, 0, since);
    int n = snprintf(record, sizeof(record), "process %ld\nsince %s\n%s%s%s", (long)getpid(), since,
                     what ? "writing " : "", what ? what : "", what ? "\n" : "");
    if (n < 0 || n > RECORD)
        return err_set(GRASP_ELIMIT, "the name '%.40s...' is too long", what);
    memset(record + n, '\n', (size_t)(RECORD - n));
    int before = errno;
    errno = ENOSPC; /* what a short write means */
    if (pwrite(lib->lock_fd, record, RECORD, 0) != RECORD)
        return err_set_errno(GRASP_EIO, "cannot write '%s%s'", lib->gitdir, LOCK_FILE);
    errno = before; /* why a call of libgit2 before this failed is read after it */
    return 0;
}

/* What the last holder was writing when it was killed: names separated by spaces. */
static void remove_stale(struct library *lib, const char *what)
{
    if (strstr(what, ".."))
        return;
    for (const char *at = what; *at; at += strspn(at, " ")) {
        struct buf path = BUF_INIT;
        int len = (int)strcspn(at, " ");
        buf_addf(&path, "%s%.*s.lock", lib->gitdir, len, at);
        if (*at != '/' && buf_check(&path) == 0 && unlink(path.ptr) == 0)
            log_info("library '%s': removed the lock of '%.*s' that a killed process left",
                     lib->dir, len, at);
        buf_release(&path);
        at += len;
    }
}

int library_lock(struct library *lib)
{
    char record[RECORD + 1], value[RECORD];
    char *path = fs_join(lib->gitdir, LOCK_FILE);
    int rc = 0;
    if (!path)
        return err_oom();
    lib->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lib->lock_fd < 0) {
        rc = err_set_errno(GRASP_EIO, "cannot open '%s'", path);
        goto out;
    }
    if (flock(lib->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK) {
            rc = err_set_errno(GRASP_EIO, "cannot lock '%s'", path);
        } else {
            char since[CLOCK_TEXT];
            record_read(lib->lock_fd, record);
            record_get(record, "process", value, sizeof(value));
            record_get(record, "since", since, sizeof(since));
            rc = err_set(GRASP_ECONFLICT,
                         "the library '%s' is being written by process %s (since %s): wait for it "
                         "or stop it",
                         lib->dir, *value ? value : "?", *since ? since : "?");
        }
        goto out;
    }
    record_read(lib->lock_fd, record);
    record_get(record, "writing", value, sizeof(value));
    if (strcmp(value, LIBRARY_INTENT_CREATE) != 0)
        remove_stale(lib, value);
    library_stage_clear(lib);
    lib->lock_since = clock_wall();
    lib->creating = strcmp(value, LIBRARY_INTENT_CREATE) == 0;
    rc = record_write(lib, lib->creating ? value : NULL);
out:
    if (rc < 0 && lib->lock_fd >= 0) {
        close(lib->lock_fd);
        lib->lock_fd = -1;
    }
    free(path);
    return rc;
}

void library_lock_clear(struct library *lib)
{
    /* libgit2 puts a new ref in its place by a link and removes the lock file then: both may be there */
    remove_stale(lib, lib->head_ref);
    remove_stale(lib, "index");
}

int library_lock_others(struct library *lib)
{
    const char *const names[] = {"index",       "HEAD",       "config",         "packed-refs",
                                 lib->head_ref, LIBRARY_BEST, LIBRARY_NOTES_REF};
    const struct timespec pause = {0, 10 * NS_PER_MS};
    int64_t until = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct buf path = BUF_INIT;
        buf_addf(&path, "%s%s.lock", lib->gitdir, names[i]);
        int rc = buf_check(&path);
        while (rc == 0 && fs_exists(path.ptr)) {
            until = until ? until : clock_mono() + LIBRARY_PATIENCE;
            if (clock_mono() > until)
                rc = err_set(GRASP_ESTOPPED,
                             "'%s' is there: another git is at work in the library, or was killed "
                             "in it; when none runs, remove that file and run the same command "
                             "again",
                             path.ptr);
            nanosleep(&pause, NULL);
        }
        buf_release(&path);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void library_unlock(struct library *lib)
{
    if (lib->lock_fd < 0)
        return;
    /* The file stays: removing it would let two processes lock two files of the same name. */
    if (!lib->creating && ftruncate(lib->lock_fd, 0) < 0)
        log_debug("cannot empty the lock file of '%s'", lib->dir);
    close(lib->lock_fd);
    lib->lock_fd = -1;
}

void library_lock_intent(struct library *lib, const char *what)
{
    if (lib->lock_fd >= 0 && !lib->creating && record_write(lib, what) < 0)
        log_debug("%s", err_msg());
}

int library_lock_creating(struct library *lib, bool creating)
{
    int rc = record_write(lib, creating ? LIBRARY_INTENT_CREATE : NULL);
    if (rc == 0)
        lib->creating = creating;
    return rc;
}

bool library_lock_half_made(const char *gitdir)
{
    char record[RECORD + 1], value[RECORD];
    char *path = fs_join(gitdir, LOCK_FILE);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    free(path);
    if (fd < 0)
        return false;
    record_read(fd, record);
    close(fd);
    record_get(record, "writing", value, sizeof(value));
    return strcmp(value, LIBRARY_INTENT_CREATE) == 0;
}
