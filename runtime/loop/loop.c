/*
 * loop.c - the event loop over epoll.
 *
 * Timers sit in a binary heap of slot numbers; an id is a slot and its generation, so that a stale
 * id cancels nothing. A watched descriptor carries a generation too: an event that was fetched
 * before its descriptor was closed and reused is dropped.
 */
#include "runtime/loop/loop_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/grow.h"

/* A turn ends after so many deferred calls, so that turn ends (group commits) and signals come
 * also when callbacks keep deferring. */
#define DEFER_PER_TURN  10000
#define EVENTS_PER_TURN 512

struct callback {
    loop_fn fn;
    void *arg;
};
struct timer {
    int64_t due;
    uint64_t order; /* FIFO among equal times */
    loop_fn fn;     /* NULL: the slot is free */
    void *arg;
    uint32_t generation;
    uint32_t place; /* in the heap; of a free slot: the next free one */
};
struct watch {
    loop_fd_fn fn;
    void *arg;
    uint32_t events, generation;
};
struct loop {
    int epoll_fd;
    bool signals, no_pwait2;
    struct callback *deferred; /* ring of `defer_cap`, a power of two */
    size_t defer_cap, defer_head, defer_n;
    struct callback *ends;
    size_t n_ends, ends_cap;
    struct timer *timers;
    uint32_t *heap;
    size_t timers_cap, heap_cap;
    uint32_t n_slots, free_slot, n_heap;
    uint64_t timer_order;
    struct watch *watches; /* by descriptor */
    size_t n_watches, watching;
    struct {
        loop_fn fn; /* NULL: none */
        void *arg;
        int64_t period, due;
    } tick;
    struct http_slot http;
};

/* Signals are a property of the process, so their flag is the one global here. */
static volatile sig_atomic_t signalled;
static volatile sig_atomic_t wake_fd = -1;

int loop_open(struct loop **out)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    *out = NULL;
    if (!loop)
        return err_oom();
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        free(loop);
        return err_set_errno(GRASP_EIO, "epoll_create1");
    }
    loop->free_slot = UINT32_MAX;
    *out = loop;
    return 0;
}

void loop_close(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->http.release)
        loop->http.release(loop->http.http);
    close(loop->epoll_fd);
    free(loop->deferred);
    free(loop->ends);
    free(loop->timers);
    free(loop->heap);
    free(loop->watches);
    free(loop);
}

struct http_slot *loop_http_slot(struct loop *loop)
{
    return &loop->http;
}

/* ---- deferred calls ---- */

int loop_defer(struct loop *loop, loop_fn fn, void *arg)
{
    if (loop->defer_n == loop->defer_cap) {
        size_t cap = loop->defer_cap ? loop->defer_cap * 2 : 64;
        struct callback *ring = malloc(cap * sizeof(*ring));
        if (!ring)
            return err_oom();
        for (size_t i = 0; i < loop->defer_n; i++)
            ring[i] = loop->deferred[(loop->defer_head + i) & (loop->defer_cap - 1)];
        free(loop->deferred);
        loop->deferred = ring;
        loop->defer_cap = cap;
        loop->defer_head = 0;
    }
    loop->deferred[(loop->defer_head + loop->defer_n++) & (loop->defer_cap - 1)] =
        (struct callback){fn, arg};
    return 0;
}

static int run_deferred(struct loop *loop, int limit)
{
    int ran = 0;
    for (; loop->defer_n && ran < limit && !loop_interrupted(loop); ran++) {
        struct callback c = loop->deferred[loop->defer_head];
        loop->defer_head = (loop->defer_head + 1) & (loop->defer_cap - 1);
        loop->defer_n--;
        c.fn(c.arg);
    }
    return ran;
}

int loop_at_turn_end(struct loop *loop, loop_fn fn, void *arg)
{
    int rc = grow(&loop->ends, &loop->ends_cap, loop->n_ends + 1);
    if (rc == 0)
        loop->ends[loop->n_ends++] = (struct callback){fn, arg};
    return rc;
}

void loop_not_at_turn_end(struct loop *loop, loop_fn fn, void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < loop->n_ends; i++)
        if (loop->ends[i].fn != fn || loop->ends[i].arg != arg)
            loop->ends[kept++] = loop->ends[i];
    loop->n_ends = kept;
}

/* ---- timers ---- */

static bool earlier(const struct loop *loop, uint32_t a, uint32_t b)
{
    const struct timer *x = &loop->timers[a], *y = &loop->timers[b];
    return x->due != y->due ? x->due < y->due : x->order < y->order;
}

static void heap_put(struct loop *loop, uint32_t place, uint32_t slot)
{
    loop->heap[place] = slot;
    loop->timers[slot].place = place;
}

/* Moves the slot at `place` to where it belongs. */
static void heap_fix(struct loop *loop, uint32_t place)
{
    uint32_t slot = loop->heap[place];
    while (place > 0 && earlier(loop, slot, loop->heap[(place - 1) / 2])) {
        heap_put(loop, place, loop->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= loop->n_heap)
            break;
        if (child + 1 < loop->n_heap && earlier(loop, loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!earlier(loop, loop->heap[child], slot))
            break;
        heap_put(loop, place, loop->heap[child]);
        place = child;
    }
    heap_put(loop, place, slot);
}

static void timer_remove(struct loop *loop, uint32_t slot)
{
    struct timer *t = &loop->timers[slot];
    uint32_t place = t->place, last = loop->heap[--loop->n_heap];
    if (last != slot) {
        heap_put(loop, place, last);
        heap_fix(loop, place);
    }
    t->fn = NULL;
    t->generation++;
    t->place = loop->free_slot;
    loop->free_slot = slot;
}

uint64_t loop_timer(struct loop *loop, int64_t delay_ns, loop_fn fn, void *arg)
{
    uint32_t slot = loop->free_slot;
    if (slot != UINT32_MAX) {
        loop->free_slot = loop->timers[slot].place;
    } else {
        size_t want = (size_t)loop->n_slots + 1;
        if (grow(&loop->timers, &loop->timers_cap, want) < 0 ||
            grow(&loop->heap, &loop->heap_cap, want) < 0)
            return 0;
        slot = loop->n_slots++;
        loop->timers[slot].generation = 0;
    }
    int64_t now = clock_mono();
    struct timer *t = &loop->timers[slot];
    t->due = delay_ns <= 0 ? now : delay_ns > INT64_MAX - now ? INT64_MAX : now + delay_ns;
    t->order = loop->timer_order++;
    t->fn = fn;
    t->arg = arg;
    loop->heap[loop->n_heap] = slot;
    heap_fix(loop, loop->n_heap++);
    return (uint64_t)t->generation << 32 | (slot + 1);
}

void loop_timer_cancel(struct loop *loop, uint64_t id)
{
    uint32_t slot = (uint32_t)id - 1;
    if (id && slot < loop->n_slots && loop->timers[slot].fn &&
        loop->timers[slot].generation == (uint32_t)(id >> 32))
        timer_remove(loop, slot);
}

/* Timers that callbacks add wait for the next turn. */
static int run_timers(struct loop *loop)
{
    if (!loop->n_heap)
        return 0;
    int64_t now = clock_mono();
    uint64_t limit = loop->timer_order;
    int ran = 0;
    while (loop->n_heap && !loop_interrupted(loop)) {
        struct timer t = loop->timers[loop->heap[0]];
        if (t.due > now || t.order >= limit)
            break;
        timer_remove(loop, loop->heap[0]);
        t.fn(t.arg);
        ran++;
    }
    return ran;
}

/* ---- descriptors ---- */

static int grow_watches(struct loop *loop, size_t fd)
{
    size_t had = loop->n_watches;
    int rc = grow(&loop->watches, &loop->n_watches, fd + 1);
    if (rc == 0)
        memset(loop->watches + had, 0, (loop->n_watches - had) * sizeof(*loop->watches));
    return rc;
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *arg)
{
    if (fd < 0)
        return err_set(GRASP_EINVAL, "cannot watch descriptor %d", fd);
    if ((size_t)fd >= loop->n_watches) {
        int rc = fn ? grow_watches(loop, (size_t)fd) : 0;
        if (rc < 0 || !fn)
            return rc;
    }
    struct watch *w = &loop->watches[fd];
    if (!fn) {
        if (w->fn) {
            epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be closed already */
            w->fn = NULL;
            w->generation++;
            loop->watching--;
        }
        return 0;
    }
    struct epoll_event ev = {.events = events,
                             .data.u64 = (uint64_t)w->generation << 32 | (uint32_t)fd};
    int rc = epoll_ctl(loop->epoll_fd, w->fn ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
    /* A number that was closed and given out again behind our back. */
    if (rc < 0 && errno == ENOENT)
        rc = epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    else if (rc < 0 && errno == EEXIST)
        rc = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &ev);
    if (rc < 0)
        return err_set_errno(GRASP_EIO, "cannot watch descriptor %d", fd);
    loop->watching += !w->fn;
    *w = (struct watch){fn, arg, events, w->generation};
    return 0;
}

static int wait_events(struct loop *loop, struct epoll_event *ev, int64_t ns)
{
    int rc = -1;
    if (!loop->no_pwait2) {
        struct timespec ts = {.tv_sec = ns / NS_PER_SEC, .tv_nsec = ns % NS_PER_SEC};
        rc = epoll_pwait2(loop->epoll_fd, ev, EVENTS_PER_TURN, ns < 0 ? NULL : &ts, NULL);
        /* Kernels before 5.11, and sandboxes that refuse what they do not know. */
        loop->no_pwait2 = rc < 0 && (errno == ENOSYS || errno == EPERM);
    }
    if (loop->no_pwait2) {
        int64_t ms = ns < 0 ? -1 : (ns + NS_PER_MS - 1) / NS_PER_MS;
        rc = epoll_wait(loop->epoll_fd, ev, EVENTS_PER_TURN, ms > 86400000 ? 86400000 : (int)ms);
    }
    if (rc < 0 && errno == EINTR)
        return 0;
    return rc < 0 ? err_set_errno(GRASP_EIO, "epoll_wait") : rc;
}

static int run_events(struct loop *loop, int64_t max_ns)
{
    struct epoll_event ev[EVENTS_PER_TURN];
    if (loop->n_heap) {
        int64_t left = loop->timers[loop->heap[0]].due - clock_mono();
        left = left < 0 ? 0 : left;
        if (max_ns < 0 || left < max_ns)
            max_ns = left;
    }
    /* Without any watch a sleep is all there can be, and nothing could end an endless one. */
    if (!loop->watching && max_ns < 0)
        return err_set(GRASP_EINVAL, "the event loop has nothing left to wait for");
    if (!loop->watching && max_ns == 0)
        return 0;
    if (loop->tick.fn) {
        int64_t left = loop->tick.due - clock_mono();
        left = left < 0 ? 0 : left;
        if (max_ns < 0 || left < max_ns)
            max_ns = left;
    }
    int n = wait_events(loop, ev, max_ns), ran = 0;
    for (int i = 0; i < n; i++) {
        uint32_t fd = (uint32_t)ev[i].data.u64;
        struct watch w = loop->watches[fd];
        if (!w.fn || w.generation != (uint32_t)(ev[i].data.u64 >> 32))
            continue;
        w.fn((int)fd, ev[i].events, w.arg);
        ran++;
    }
    return n < 0 ? n : ran;
}

/* ---- the turn ---- */

void loop_tick(struct loop *loop, int64_t period_ns, loop_fn fn, void *arg)
{
    loop->tick.fn = fn;
    loop->tick.arg = arg;
    loop->tick.period = period_ns;
    loop->tick.due = clock_mono() + period_ns;
}

static void run_tick(struct loop *loop)
{
    int64_t now;
    if (!loop->tick.fn || (now = clock_mono()) < loop->tick.due)
        return;
    loop->tick.due = now + loop->tick.period;
    loop->tick.fn(loop->tick.arg);
}

int loop_turn(struct loop *loop, int64_t max_ns)
{
    if (loop_interrupted(loop))
        return err_set(GRASP_ESTOPPED, "stopped by a signal; run the same command to go on");
    int ran = run_deferred(loop, DEFER_PER_TURN);
    int events = run_events(loop, ran || loop->defer_n ? 0 : max_ns);
    if (events > 0)
        ran += events;
    ran += run_timers(loop);
    ran += run_deferred(loop, DEFER_PER_TURN);
    for (size_t i = 0; ran && i < loop->n_ends; i++)
        loop->ends[i].fn(loop->ends[i].arg);
    run_tick(loop);
    if (loop_interrupted(loop))
        return err_set(GRASP_ESTOPPED, "stopped by a signal; run the same command to go on");
    return events < 0 ? events : ran;
}

/* ---- signals ---- */

static void on_signal(int sig)
{
    (void)sig;
    int saved = errno;
    uint64_t one = 1;
    signalled = 1;
    if (wake_fd >= 0 && write(wake_fd, &one, sizeof(one)) < 0) {
        /* Full: it is awake already. */
    }
    errno = saved;
}

static void drain_wake(int fd, uint32_t events, void *arg)
{
    uint64_t n;
    (void)events;
    (void)arg;
    if (read(fd, &n, sizeof(n)) < 0) {
        /* Nothing to read is fine. */
    }
}

int loop_signals(struct loop *loop)
{
    if (wake_fd < 0)
        wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return err_set_errno(GRASP_EIO, "eventfd");
    int rc = loop_watch(loop, wake_fd, EPOLLIN, drain_wake, NULL);
    if (rc < 0)
        return rc;
    if (!loop->signals)
        loop->watching--; /* a signal is not something to wait for */
    loop->signals = true;
    loop_signals_clear(loop);
    return 0;
}

void loop_signals_clear(struct loop *loop)
{
    (void)loop;
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    signalled = 0;
    sigaction(SIGTERM, &sa, NULL);
    sa.sa_flags |= (int)SA_RESETHAND; /* the second SIGINT finds the default: the end */
    sigaction(SIGINT, &sa, NULL);
}

bool loop_interrupted(const struct loop *loop)
{
    return loop->signals && signalled;
}
