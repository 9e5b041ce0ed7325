/*
 * spent.h - what a run has spent over all its processes, in a file of its directory (spent.json), so
 * that a budget holds for the run however often it is started.
 *
 *     struct spent_file f = {.fd = -1};
 *     rc = spent_open(&f, "run/spent.json", &earlier);   // what those before had spent
 *     spent_write(&f, &now);                             // as often as it changes: one write, no fsync
 *     spent_close(&f);
 */
#ifndef GRASP_RUNTIME_SESSION_SPENT_H
#define GRASP_RUNTIME_SESSION_SPENT_H

#include <stdbool.h>
#include <stdint.h>

struct spending {
    int64_t calls, tokens;
    double usd, seconds; /* seconds: while a process of the run was there */
};
/* Sums what is spent; of the times, which go by side by side, nothing. */
static inline void spending_add(struct spending *to, const struct spending *v)
{
    to->calls += v->calls;
    to->tokens += v->tokens;
    to->usd += v->usd;
}
struct spent_file {
    int fd; /* -1: none */
    char *path;
    bool failed; /* it could not be written, which is said once */
};
/* Calls that were in flight when the last process ended were sent, and count: `earlier` has them with
 * the mean of the others' tokens and price. GRASP_EIO; GRASP_EPARSE when it is damaged. */
int spent_open(struct spent_file *f, const char *path, struct spending *earlier);
/* What such a file says, 0 where it is not there; errors as spent_open. */
int spent_read(const char *path, struct spending *out);
void spent_write(struct spent_file *f, const struct spending *now, int64_t in_flight);
void spent_close(struct spent_file *f);

#endif
