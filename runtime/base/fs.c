/* fs.c - files, read whole and written whole. */
#include "runtime/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"

/* What a descriptor is when it is nothing to read a file from; NULL: fine. */
static const char *odd_kind(int fd, const struct stat *st)
{
    char link[64], target[16] = "";
    switch (st->st_mode & S_IFMT) {
    case S_IFREG:
        return NULL;
    case S_IFIFO: /* the kernel calls those without a name "pipe:[1234]" */
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, target, sizeof(target) - 1) > 0 && strncmp(target, "pipe:", 5) == 0)
            return NULL;
        return "a named pipe";
    case S_IFCHR:
        return st->st_rdev == makedev(1, 3) ? NULL : "a device"; /* /dev/null is an empty file */
    case S_IFBLK:
        return "a device";
    default:
        return "a socket";
    }
}

int fs_open_read(const char *path)
{
    struct stat st;
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                      : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set_errno(errno == ENOENT ? GRASP_ENOTFOUND : GRASP_EIO, "cannot open '%s'",
                             path);
    if (!standard && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        errno = EISDIR;
        return err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    }
    const char *odd = standard || fstat(fd, &st) < 0 ? NULL : odd_kind(fd, &st);
    if (odd) {
        close(fd);
        return err_set(GRASP_EINVAL, "'%s' is %s, not a file", path, odd);
    }
    if (!standard)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

static int too_long(const char *path)
{
    return err_set(GRASP_ELIMIT, "'%s' is longer than %lld MiB, which is no file for this", path,
                   (long long)(FS_READ_MAX >> 20));
}

int fs_read(const char *path, struct buf *out)
{
    int fd = fs_open_read(path), rc = 0;
    size_t had = out->len;
    struct stat st;
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        if (st.st_size > FS_READ_MAX)
            rc = too_long(path);
        else
            buf_grow(out, (size_t)st.st_size);
    }
    while (rc == 0) {
        if (out->len - had > (size_t)FS_READ_MAX) {
            rc = too_long(path);
            break;
        }
        if (!buf_grow(out, 65536)) {
            rc = buf_check(out);
            break;
        }
        ssize_t n = read(fd, out->ptr + out->len, out->cap - out->len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = err_set_errno(GRASP_EIO, "cannot read '%s'", path);
        if (n <= 0)
            break;
        out->len += (size_t)n;
        out->ptr[out->len] = '\0';
    }
    out->ptr[out->len] = '\0';
    close(fd);
    return rc;
}

int fs_write_all(int fd, const void *bytes, size_t len)
{
    for (const char *p = bytes; len;) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A file of this name that is locked from now on, and empty; -1: somebody writes it. */
static int take_up(const char *path)
{
    struct stat mine, there;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 &&
        S_ISREG(mine.st_mode) && mine.st_nlink == 1 && lstat(path, &there) == 0 &&
        mine.st_dev == there.st_dev && mine.st_ino == there.st_ino && ftruncate(fd, 0) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* As mkostemp, but who may read the file is the umask's to say, as of every other file. The first
 * name is always the same, so that what a process left that was killed is gone when the file is
 * written the next time; who finds it in use takes another. */
static int create_beside(char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char *end = path + strlen(path) - 6;
    memcpy(end, "000000", 6);
    int first = take_up(path);
    if (first >= 0)
        return first;
    for (int tries = 0; tries < 100; tries++) {
        unsigned char r[6];
        if (getrandom(r, sizeof(r), 0) != sizeof(r))
            return -1;
        for (int i = 0; i < 6; i++)
            end[i] = letters[r[i] % (sizeof(letters) - 1)];
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

int fs_out_open(struct fs_out *o, const char *path)
{
    *o = (struct fs_out){.fd = -1, .pending = BUF_INIT};
    o->path = str_dup(path);
    if (asprintf(&o->tmp, "%s.tmp.XXXXXX", path) < 0)
        o->tmp = NULL;
    if (!o->path || !o->tmp)
        return fs_out_close(o, err_oom());
    o->fd = create_beside(o->tmp);
    if (o->fd < 0)
        return fs_out_close(o, err_set_errno(GRASP_EIO, "cannot create '%s'", path));
    return 0;
}

static int flush(struct fs_out *o)
{
    int rc = buf_check(&o->pending);
    if (rc == 0 && fs_write_all(o->fd, o->pending.ptr, o->pending.len) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot write '%s'", o->path);
    buf_reset(&o->pending);
    return rc;
}

int fs_out_add(struct fs_out *o, const void *bytes, size_t len)
{
    buf_add(&o->pending, bytes, len);
    return o->pending.len < 65536 && !o->pending.failed ? 0 : flush(o);
}

int fs_out_put(struct fs_out *o, const char *path)
{
    int rc = fs_out_open(o, path);
    o->flushed = rc == 0 && barrier_whole(o->fd);
    return rc;
}

int fs_out_hold(struct fs_out *o, struct barrier *b)
{
    int rc = flush(o);
    return rc < 0 ? rc : barrier_add(b, o->fd);
}

int fs_out_close(struct fs_out *o, int rc)
{
    if (rc >= 0)
        rc = flush(o);
    if (rc >= 0 && !o->flushed && fsync(o->fd) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot write '%s'", o->path);
    if (rc >= 0 && rename(o->tmp, o->path) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot replace '%s'", o->path);
    if (rc < 0 && o->fd >= 0)
        unlink(o->tmp);
    if (o->fd >= 0)
        close(o->fd); /* not before: its lock says that the temporary name is in use */
    buf_release(&o->pending);
    free(o->path);
    free(o->tmp);
    *o = (struct fs_out){.fd = -1};
    return rc;
}

static int write_whole(struct fs_out *o, const void *bytes, size_t len)
{
    int rc = 0;
    if (fs_write_all(o->fd, bytes, len) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot write '%s'", o->path);
    return fs_out_close(o, rc);
}

int fs_write(const char *path, const void *bytes, size_t len)
{
    struct fs_out o;
    int rc = fs_out_open(&o, path);
    return rc < 0 ? rc : write_whole(&o, bytes, len);
}

int fs_put(const char *path, const void *bytes, size_t len)
{
    struct fs_out o;
    int rc = fs_out_put(&o, path);
    return rc < 0 ? rc : write_whole(&o, bytes, len);
}

int fs_mkdirs(const char *path)
{
    char *copy = str_dup(path);
    if (!copy)
        return err_oom();
    int rc = 0;
    for (char *p = copy + (*copy == '/'); rc == 0; p++) {
        if (*p && *p != '/')
            continue;
        char old = *p;
        *p = '\0';
        if (*copy && mkdir(copy, 0777) < 0 && (errno != EEXIST || !fs_is_dir(copy)))
            rc = err_set_errno(GRASP_EIO, "cannot create directory '%s'", copy);
        *p = old;
        if (!old)
            break;
    }
    free(copy);
    return rc;
}

bool fs_out_of_files(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
        return false;
    err_set(GRASP_EIO, "%s (%s)", strerror(errno),
            errno == EMFILE ? "more at once: ulimit -n" : "in the whole system");
    return true;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool fs_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fs_is_held(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
    if (fd >= 0)
        close(fd);
    return held;
}

/* LMDB begins a file with two pages in one write, which may be cut short or not have reached the
 * disk; the first says how long a page is. */
bool fs_lmdb_unmade(const char *path)
{
    static const char zero[64];
    char head[sizeof(zero)] = {0};
    uint32_t magic, page;
    struct stat st;
    int fd = fs_open_read(path);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, head, sizeof(head));
    bool known = n >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    close(fd);
    memcpy(&magic, head + 16, sizeof(magic));
    memcpy(&page, head + 40, sizeof(page));
    return known && (memcmp(head, zero, sizeof(head)) == 0 ||
                     (n == sizeof(head) && magic == 0xbeefc0de && st.st_size < 2 * (int64_t)page));
}

int fs_lmdb_lock_room(const char *dir, size_t readers)
{
    enum { HEAD = 4096, READER = 64 }; /* a cache line each, and what stands before them */
    char *path = fs_join(dir, "lock.mdb");
    if (!path)
        return err_oom();
    int rc = 0, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(HEAD + readers * READER)) < 0 &&
        (errno == ENOSPC || errno == EDQUOT))
        rc = err_set_errno(GRASP_EIO, "cannot write '%s'", path);
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int fs_remove_tree(const char *path)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        return err_set_errno(GRASP_EIO, "cannot remove '%s'", path);
    return 0;
}

/* NAME.tmp.XXXXXX, as fs_write makes them. */
static bool temporary(const char *path, const struct stat *st)
{
    size_t n = strlen(path);
    return S_ISREG(st->st_mode) && n > 11 && memcmp(path + n - 11, ".tmp.", 5) == 0;
}

static int remove_temporary(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type == FTW_F && temporary(path, st))
        unlink(path);
    return 0;
}

void fs_remove_temporary(const char *dir)
{
    nftw(dir, remove_temporary, 16, FTW_PHYS);
}

int64_t fs_count_files(const char *dir)
{
    char *const roots[] = {(char *)dir, NULL};
    int64_t n = 0;
    if (!fs_exists(dir))
        return 0;
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *e; walk && n >= 0 && (e = fts_read(walk));) {
        bool bad = e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS;
        bool folder = e->fts_info == FTS_D || e->fts_info == FTS_DP;
        n = bad ? -1 : n + (!folder && !temporary(e->fts_path, e->fts_statp));
    }
    if (walk)
        fts_close(walk);
    return walk ? n : -1;
}

char *fs_join(const char *dir, const char *name)
{
    char *out = NULL;
    if (!dir || !*dir || *name == '/')
        return str_dup(name);
    if (asprintf(&out, "%s%s%s", dir, str_ends(dir, "/") ? "" : "/", name) < 0)
        return NULL;
    return out;
}

char *fs_dirname(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return str_dup(".");
    return str_ndup(path, slash == path ? 1 : (size_t)(slash - path));
}

char *fs_tempdir(const char *prefix)
{
    const char *tmp = getenv("TMPDIR");
    char *out = NULL;
    if (asprintf(&out, "%s/%s.XXXXXX", tmp && *tmp ? tmp : "/tmp", prefix) < 0)
        return NULL;
    if (!mkdtemp(out)) {
        err_set_errno(GRASP_EIO, "cannot create a directory '%s'", out);
        free(out);
        return NULL;
    }
    return out;
}
