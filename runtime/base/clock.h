/*
 * clock.h - time. Instants are nanoseconds since 1970-01-01T00:00:00Z in int64_t (good for 1678 to
 * 2262); anything wider is days from civil dates.
 */
#ifndef GRASP_RUNTIME_BASE_CLOCK_H
#define GRASP_RUNTIME_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

/* Wall clock, or SOURCE_DATE_EPOCH where the caller wants reproducible output (clock_stamp). */
int64_t clock_wall(void);
/* Monotonic clock, for durations and timers. */
int64_t clock_mono(void);
/* Processor time of this process (user + system). */
int64_t clock_cpu(void);
/* SOURCE_DATE_EPOCH (reproducible-builds.org) as an instant when set and valid, else clock_wall. */
int64_t clock_stamp(void);

/* Proleptic Gregorian calendar; month 1-12, day 1-31 (not checked). Days since 1970-01-01. */
int64_t days_from_civil(int64_t year, int month, int day);
void civil_from_days(int64_t days, int64_t *year, int *month, int *day);
int days_in_month(int64_t year, int month);

/* "2026-11-22T10:15:00Z"; with ms "2026-11-22T10:15:00.123Z". `out` holds CLOCK_TEXT bytes. */
#define CLOCK_TEXT 40
void clock_format(int64_t ns, int with_ms, char *out);
/* RFC 3339 date-time (zone required); 0 or GRASP_EPARSE with the message set. */
int clock_parse(const char *s, int64_t *ns);

#endif
