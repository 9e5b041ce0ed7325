/*
 * pytime.h - times as datetime.fromisoformat of Python 3.11 reads them, and its rule that a time
 * with a zone and one without cannot be put in order.
 */
#ifndef GRASP_PROBES_LITERAL_PYTIME_H
#define GRASP_PROBES_LITERAL_PYTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PYTIME_HOUR INT64_C(3600000000) /* microseconds */
#define PYTIME_DAY  (24 * PYTIME_HOUR)

struct pytime {
    int64_t local;  /* microseconds since 1970-01-01T00:00:00 on the clock that was written down */
    int64_t offset; /* what that clock is ahead of UTC, in microseconds */
    bool aware;     /* a zone was given */
};

/* False when fromisoformat would raise. */
bool pytime_parse(const char *s, size_t len, struct pytime *t);
/* Sets *order to <0, 0 or >0. False when one is aware and the other is not. */
bool pytime_compare(const struct pytime *a, const struct pytime *b, int *order);
/* Moves it by microseconds. */
struct pytime pytime_plus(struct pytime t, int64_t us);
/* a - b in microseconds; false as for pytime_compare. */
bool pytime_minus(const struct pytime *a, const struct pytime *b, int64_t *us);
/* Days since 1970-01-01 of the calendar date it shows (datetime.date()). */
int64_t pytime_date(const struct pytime *t);

#endif
