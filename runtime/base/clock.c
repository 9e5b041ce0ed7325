/* clock.c - clocks and calendar. */
#include "runtime/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_stamp(void)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    int64_t secs;
    if (text && str_to_i64(text, 0, INT64_MAX / NS_PER_SEC, &secs))
        return secs * NS_PER_SEC;
    return clock_wall();
}

int64_t days_from_civil(int64_t year, int month, int day)
{
    /* Years start in March, so that the leap day is the last; 400-year eras of 146097 days. */
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

void clock_format(int64_t ns, int with_ms, char *out)
{
    int64_t secs = ns / NS_PER_SEC, rest = ns % NS_PER_SEC;
    if (rest < 0) {
        rest += NS_PER_SEC;
        secs--;
    }
    int64_t days = secs / 86400, sod = secs % 86400;
    if (sod < 0) {
        sod += 86400;
        days--;
    }
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    int n = snprintf(out, CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, month, day,
                     (int)(sod / 3600), (int)(sod / 60 % 60), (int)(sod % 60));
    if (with_ms)
        n += snprintf(out + n, (size_t)(CLOCK_TEXT - n), ".%03d", (int)(rest / NS_PER_MS));
    snprintf(out + n, (size_t)(CLOCK_TEXT - n), "Z");
}

/* `digits` digits at s as a number, or -1. */
static int number(const char *s, int digits)
{
    int v = 0;
    for (int i = 0; i < digits; i++) {
        if (!ascii_isdigit(s[i]))
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

int clock_parse(const char *s, int64_t *ns)
{
    int y = number(s, 4);
    int mo = y < 0 || s[4] != '-' ? -1 : number(s + 5, 2);
    int d = mo < 1 || mo > 12 || s[7] != '-' ? -1 : number(s + 8, 2);
    int h = d < 1 || d > days_in_month(y, mo) || (s[10] != 'T' && s[10] != ' ') ? -1
                                                                                : number(s + 11, 2);
    int mi = h < 0 || h > 23 || s[13] != ':' ? -1 : number(s + 14, 2);
    int se = mi < 0 || mi > 59 || s[16] != ':' ? -1 : number(s + 17, 2);
    if (se < 0 || se > 60)
        goto bad;
    const char *p = s + 19;
    int64_t frac = 0, unit = NS_PER_SEC / 10;
    if (*p == '.')
        for (p++; ascii_isdigit(*p); p++, unit /= 10)
            frac += (*p - '0') * unit;
    int64_t offset = 0;
    if (*p == '+' || *p == '-') {
        int oh = number(p + 1, 2);
        int om = oh < 0 || p[3] != ':' ? -1 : number(p + 4, 2);
        if (om < 0 || oh > 23 || om > 59 || p[6])
            goto bad;
        offset = (*p == '-' ? -1 : 1) * (oh * 3600 + om * 60);
    } else if (strcmp(p, "Z") != 0 && strcmp(p, "z") != 0) {
        goto bad;
    }
    int64_t secs = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + se - offset;
    if (secs > INT64_MAX / NS_PER_SEC - 1 || secs < INT64_MIN / NS_PER_SEC + 1)
        goto bad;
    *ns = secs * NS_PER_SEC + frac;
    return 0;
bad:
    return err_set(GRASP_EPARSE, "'%.60s' is not a date and time such as 2026-11-22T10:15:00Z", s);
}
