/* limits.h - what an endpoint says of its limits, in the headers and bodies in use. Pure. */
#ifndef GRASP_RUNTIME_MODEL_LIMITS_H
#define GRASP_RUNTIME_MODEL_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* A header's value, NULL: not there; valid until the next call. */
typedef const char *(*limits_header_fn)(void *arg, const char *name);

/* Seconds until a limit that is used up allows more, from x-ratelimit-* and their relatives (delays
 * with or without a unit, times since 1970 in seconds or milliseconds, ISO dates); the longest where
 * several are used up, -1 when none says. `wall`: seconds since 1970. */
double limits_reset(limits_header_fn header, void *arg, double wall);
/* How many requests may still be sent now, -1: not told; then *most, the limit (0: not told), and
 * *reset, seconds until it is there again (-1: not told). */
int64_t limits_remaining(limits_header_fn header, void *arg, double wall, int64_t *most,
                         double *reset);

#endif
