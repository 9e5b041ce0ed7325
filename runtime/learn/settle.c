/*
 * settle.c - what an update leaves comes to be all at once: the answers that it stands on, run.json,
 * the objects and the refs (library.h, "in a batch"). One wait for the disk is before the refs; it is
 * a thread's, and what is in flight goes on meanwhile.
 */
#include <sys/epoll.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/learn/learn_private.h"

static void flushed(int fd, uint32_t events, void *arg)
{
    (void)fd;
    (void)events;
    *(bool *)arg = true;
}

/* A signal ends the turning, and what is on its way to the disk is waited for as it is. */
static int wait_for_disk(struct learn *l)
{
    struct barrier *b = &l->run.barrier;
    struct loop *loop = l->s->loop;
    bool done = false;
    if (!b->n)
        return 0;
    if (barrier_start(b) == 0 && loop_watch(loop, b->done, EPOLLIN, flushed, &done) == 0) {
        while (!done && loop_turn(loop, -1) >= 0)
            ;
        loop_watch(loop, b->done, 0, NULL, NULL);
    }
    return barrier_end(b);
}

void record_begin(struct learn *l)
{
    library_batch_begin(l->lib);
}

int record_settle(struct learn *l, int rc)
{
    struct barrier *b = &l->run.barrier;
    struct fs_out state;
    bool held = false;
    if (rc == 0 && l->s->journal)
        rc = journal_keep(l->s->journal, b);
    if (rc == 0 && l->run.dirty) {
        rc = record_state_open(l, &state);
        held = rc == 0;
        if (held)
            rc = json_hold_file(l->run.state, &state, b);
    }
    if (rc == 0)
        rc = library_batch_write(l->lib, b);
    if (rc == 0)
        rc = wait_for_disk(l);
    if (held) {
        state.flushed = true;
        rc = fs_out_close(&state, rc);
        l->run.dirty = rc < 0;
    }
    barrier_release(b);
    if (rc == 0)
        return library_batch_publish(l->lib);
    library_batch_drop(l->lib);
    return rc;
}
