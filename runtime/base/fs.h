/* fs.h - files, read whole and written whole. */
#ifndef GRASP_RUNTIME_BASE_FS_H
#define GRASP_RUNTIME_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/barrier.h"
#include "runtime/base/buf.h"

#define FS_READ_MAX ((int64_t)1 << 30) /* bytes that fs_read takes */

/* Opens a file for reading, never waiting for anybody: a regular one, or a pipe that was handed over
 * (<(...) in a shell). A device, a socket or a pipe with a name is GRASP_EINVAL. GRASP_ENOTFOUND,
 * GRASP_EIO. "-" is standard input, which is any of these. The descriptor is the
 * caller's to close. */
int fs_open_read(const char *path);
/* Appends a file's content. As fs_open_read, and GRASP_ELIMIT past FS_READ_MAX. */
int fs_read(const char *path, struct buf *out);
/* Replaces a file atomically: temporary file beside it, fsync, rename. After a failure (full disk)
 * the old content stands. */
int fs_write(const char *path, const void *bytes, size_t len);
/* The same without waiting for the disk where a barrier flushes all of it (barrier.h): for what the
 * same command makes again, should the power fail before the next one. */
int fs_put(const char *path, const void *bytes, size_t len);
/* The same in pieces: open, add, close. Close with what came of it: negative drops the new file and
 * is returned; otherwise the new file takes the old one's place. */
struct fs_out {
    int fd;
    bool flushed; /* the caller's: it is on disk when it is closed; or it is as fs_put */
    char *path, *tmp;
    struct buf pending;
};
int fs_out_open(struct fs_out *o, const char *path);
int fs_out_add(struct fs_out *o, const void *bytes, size_t len);
int fs_out_close(struct fs_out *o, int rc);
int fs_out_put(struct fs_out *o, const char *path); /* opens one that is as fs_put */
/* All of it is written and added to `b`; once that was waited for, close it with `flushed` set. */
int fs_out_hold(struct fs_out *o, struct barrier *b);
/* All of it to a descriptor. -1 with errno. */
int fs_write_all(int fd, const void *bytes, size_t len);
/* Takes away what a process that was killed in fs_write left anywhere below `dir`. Nobody else
 * writes there meanwhile. */
void fs_remove_temporary(const char *dir);
/* mkdir -p. */
int fs_mkdirs(const char *path);
/* What is below a directory and is none, but for what a process that was killed in fs_write left;
 * 0 when it is not there, -1 when it cannot be read. */
int64_t fs_count_files(const char *dir);
/* Whether this process may open no further file, which libraries hide behind words of their own:
 * then err_msg() says so. */
bool fs_out_of_files(void);
bool fs_exists(const char *path);
bool fs_is_dir(const char *path);
/* Whether a process holds a directory by flock, as whoever makes a run does. */
bool fs_is_held(const char *dir);
/* Whether an LMDB data file is one whose making was interrupted, by a signal that kills or a full
 * disk: it holds nothing. LMDB itself refuses to open it. */
bool fs_lmdb_unmade(const char *path);
/* Takes the room of an LMDB environment's lock file before LMDB writes to it as memory, where a full
 * disk would end the process (SIGBUS). 0, also where it cannot be written or the file system gives no
 * promises, or GRASP_EIO: no room. */
int fs_lmdb_lock_room(const char *dir, size_t readers);
/* Removes a tree; missing is fine. Does not follow symbolic links. */
int fs_remove_tree(const char *path);
/* dir/name (name as it is when absolute or dir is NULL or empty); caller frees; NULL on no memory.
 */
char *fs_join(const char *dir, const char *name);
/* Everything before the last '/', "." when there is none; caller frees. */
char *fs_dirname(const char *path);
/* A fresh directory under $TMPDIR or /tmp; caller frees the path and removes the tree. */
char *fs_tempdir(const char *prefix);

#endif
