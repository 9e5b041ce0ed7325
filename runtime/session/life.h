/*
 * life.h - the session's sign of life: the line of progress of whatever runs rollouts, and, for a run
 * that is to be looked at from elsewhere, the same in a file.
 *
 *     life_where(s.life, "epoch %d of %d", e + 1, n);   // a new stage; the counts begin anew
 *     life_round(s.life, batches, n * batches, 124, 80);            // what is left is estimated by steps ...
 *     life_step(s.life, left);                          // ... of which one has ended
 *
 * It ticks with the session's loop; nobody else has to do anything. NULL is fine everywhere.
 */
#ifndef GRASP_RUNTIME_SESSION_LIFE_H
#define GRASP_RUNTIME_SESSION_LIFE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct session;
struct life;
/* Begins to tick; `s` has its loop, accounts and engine, and outlives it. */
int life_open(struct life **out, struct session *s);
/* Takes the line away. */
void life_close(struct life *l);

void life_where(struct life *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* `all` steps are to come, rounds (epochs) of `steps`; behind the last one so many rollouts that are
 * counted as "tests" (some may be done before), and others. */
void life_round(struct life *l, size_t steps, size_t all, size_t tests, size_t others);
/* A step ended, `left` are to come. */
void life_step(struct life *l, size_t left);
/* Nanoseconds until it is done; -1: not known. */
int64_t life_left(const struct life *l);

/* Writes all of it to a file about once a second, whole or not at all, without waiting for the disk; a
 * path that cannot be written is said once. `more` (may be NULL) adds to it what the caller knows. */
int life_keep(struct life *l, const char *path, void (*more)(json_t *out, void *arg), void *arg);
/* Removes the file: what the run has to say stands in its others. */
void life_forget(struct life *l);
/* All of it now: {pid, host, began, when, where, parts: [{what, done, total, scored, passed}], also, waits,
 * calls, tokens, usd, left (seconds), endpoints: {executor, writer}}. New reference. */
json_t *life_json(struct life *l);

/* Another clock (nanoseconds), for tests. */
void life_clock(struct life *l, int64_t (*now)(void *arg), void *arg);

#endif
