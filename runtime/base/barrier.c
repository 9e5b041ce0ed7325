/* barrier.c - see barrier.h. */
#include "runtime/base/barrier.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/grow.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define ZFS_MAGIC 0x2fc12fc1
#define SLOW      (3 * NS_PER_SEC)
#define KEPT_MOST 64 /* further ones are flushed when they are added */

bool barrier_whole(int fd)
{
    static const uint32_t local[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
                                     F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC,
                                     ZFS_MAGIC};
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return false;
    for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
        if (local[i] == (uint32_t)fs.f_type)
            return true;
    return false;
}

/* Flushing one that is there flushes this one. */
static bool covered(const struct barrier *b, int fd)
{
    struct stat mine, st;
    if (b->one_by_one || !barrier_whole(fd) || fstat(fd, &mine) < 0)
        return false;
    for (size_t i = 0; i < b->n; i++)
        if (fstat(b->fd[i], &st) == 0 && st.st_dev == mine.st_dev)
            return true;
    return false;
}

/* A folder of a file system that keeps those by itself says EINVAL. */
static int flush_one(int fd)
{
    struct stat st;
    if (fsync(fd) == 0 || (errno == EINVAL && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)))
        return 0;
    return -1;
}

int barrier_add(struct barrier *b, int fd)
{
    b->added++;
    if (covered(b, fd))
        return 0;
    if (b->n == KEPT_MOST)
        return flush_one(fd) < 0 ? err_set_errno(GRASP_EIO, "cannot flush to the disk") : 0;
    int rc = grow(&b->fd, &b->cap, b->n + 1);
    if (rc < 0)
        return rc;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return err_set_errno(GRASP_EIO, "cannot keep a file open until it is on disk");
    b->fd[b->n++] = copy;
    return 0;
}

int barrier_add_path(struct barrier *b, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(GRASP_EIO, "cannot open '%s'", path);
    int rc = barrier_add(b, fd);
    close(fd);
    return rc;
}

static void flush(struct barrier *b)
{
    int64_t begin = clock_mono();
    b->why = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct stat st;
        bool folder = fstat(b->fd[i], &st) == 0 && S_ISDIR(st.st_mode);
        bool whole = !b->one_by_one && (b->added > 1 || folder) && barrier_whole(b->fd[i]);
        if ((whole ? syncfs(b->fd[i]) : flush_one(b->fd[i])) < 0 && !b->why)
            b->why = errno;
    }
    b->one_by_one = b->one_by_one || clock_mono() - begin > SLOW;
}

void barrier_release(struct barrier *b)
{
    for (size_t i = 0; i < b->n; i++)
        close(b->fd[i]);
    free(b->fd);
    b->fd = NULL;
    b->n = b->cap = b->added = 0;
}

static int result(struct barrier *b)
{
    barrier_release(b);
    errno = b->why;
    return b->why ? err_set_errno(GRASP_EIO, "cannot flush to the disk") : 0;
}

int barrier_wait(struct barrier *b)
{
    b->why = 0;
    if (b->n)
        flush(b);
    return result(b);
}

int barrier_path(const char *path)
{
    struct barrier b = {0};
    int rc = barrier_add_path(&b, path);
    int flushed = barrier_wait(&b);
    return rc < 0 ? rc : flushed;
}

static void *run(void *arg)
{
    struct barrier *b = arg;
    const uint64_t one = 1;
    flush(b);
    /* The descriptor is blocking and its count small: this fails only where it was closed. */
    while (write(b->done, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    return NULL;
}

int barrier_start(struct barrier *b)
{
    b->why = 0;
    b->started = false;
    b->done = eventfd(0, EFD_CLOEXEC);
    if (b->done < 0)
        return err_set_errno(GRASP_EIO, "cannot wait for the disk");
    int bad = pthread_create(&b->thread, NULL, run, b);
    if (bad) {
        errno = bad;
        close(b->done);
        b->done = -1;
        return err_set_errno(GRASP_EIO, "cannot start a thread that waits for the disk");
    }
    b->started = true;
    return 0;
}

int barrier_end(struct barrier *b)
{
    if (!b->started) /* the thread could not be started: here, then */
        return barrier_wait(b);
    pthread_join(b->thread, NULL);
    b->started = false;
    close(b->done);
    return result(b);
}
