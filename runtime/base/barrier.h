/*
 * barrier.h - what has to be on disk before what comes next, also when the power fails.
 *
 *     struct barrier b = {0};
 *     barrier_add(&b, fd);         // each file that was written, each directory that got a name
 *     barrier_start(&b);           // on a thread of its own; b.done becomes readable
 *     ...                          // the event loop turns
 *     barrier_end(&b);             // on disk, all of it
 *
 * Local file systems are flushed as a whole (syncfs), once, whatever was written to them: a flush
 * waits for the disk, and that is what is dear. On others (over a network, FUSE) each descriptor is
 * flushed by itself. So it is where a flush as a whole took seconds: somebody else writes much.
 */
#ifndef GRASP_RUNTIME_BASE_BARRIER_H
#define GRASP_RUNTIME_BASE_BARRIER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroes are an empty one. May be used again after barrier_end or barrier_wait. */
struct barrier {
    int *fd; /* one is enough for a file system that is flushed as a whole */
    size_t n, cap;
    size_t added;    /* descriptors, those that need not be kept as well */
    int done;        /* an eventfd while it is on its thread */
    bool one_by_one; /* flushing as a whole was slow */
    bool started;
    int why; /* errno of the first flush that failed */
    pthread_t thread;
};

/* A file or directory; the descriptor is copied, if it has to be. */
int barrier_add(struct barrier *b, int fd);
/* The same by its name. */
int barrier_add_path(struct barrier *b, const char *path);
/* Flushes what was added. 0 or GRASP_EIO; empty afterwards. With nothing in it, it does nothing. */
int barrier_wait(struct barrier *b);
int barrier_start(struct barrier *b); /* then barrier_end, whatever this returns */
int barrier_end(struct barrier *b);
/* Flushes the file system of a path, where that goes as a whole. */
int barrier_path(const char *path);
/* Forgets what was added. Not between barrier_start and barrier_end. */
void barrier_release(struct barrier *b);
/* Whether the file system that this descriptor is of is flushed as a whole. */
bool barrier_whole(int fd);

#endif
