/* duration.h - lengths of time as servers write them in headers and bodies. */
#ifndef GRASP_RUNTIME_BASE_DURATION_H
#define GRASP_RUNTIME_BASE_DURATION_H

#include <stdbool.h>
#include <stddef.h>

/* Seconds from "2", "0.5", "1s", "250ms", "7m12.5s", "1h", "2d", "30 seconds"; a unit's full name or
 * its plural will do, a full stop may end it. False: it is none, or negative. */
bool duration_read(const char *s, size_t len, double *seconds);

#endif
