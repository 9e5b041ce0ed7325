/*
 * waits.h - what the calls of a model wait for, in words. Pure.
 *
 *     json_t *state = model->state ? model->state(model) : NULL;
 *     waits_words(state, clock_wall(), &text);      // "a limit until 14:05; 3 calls in flight, ..."
 *
 * `state`: {in_flight, longest (seconds), queued, retrying, why (of the last call that has to be tried
 * again), limited (seconds until an endpoint takes a call again), endpoints: [{url, in_flight, window,
 * rests (seconds), failures (in a row), dead}]}
 */
#ifndef GRASP_RUNTIME_MODEL_WAITS_H
#define GRASP_RUNTIME_MODEL_WAITS_H

#include <jansson.h>
#include <stdint.h>

#include "runtime/base/buf.h"

/* Appends nothing where nothing waits, or `state` is NULL. `wall`: now, for the time of day. */
void waits_words(const json_t *state, int64_t wall, struct buf *out);
/* An endpoint in a word or two: "down (3 failures in a row), 2 in flight", "rests until 14:05, 0 in flight",
 * "asked no more". */
void waits_endpoint(const json_t *endpoint, int64_t wall, struct buf *out);

#endif
