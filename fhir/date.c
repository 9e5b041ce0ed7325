/* date.c - dates of FHIR are intervals: "2023-11" is a month, a time to the second a second. */
#include "fhir/index.h"

#include "runtime/base/clock.h"
#include "runtime/base/text.h"

#define US_PER_SEC INT64_C(1000000)
#define US_PER_DAY (86400 * US_PER_SEC)

struct scan {
    const char *p, *end;
};

static bool digits(struct scan *s, int n, int64_t *out)
{
    int64_t v = 0;
    for (int i = 0; i < n; i++, s->p++) {
        if (s->p == s->end || !ascii_isdigit(*s->p))
            return false;
        v = v * 10 + (*s->p - '0');
    }
    *out = v;
    return true;
}

static bool literal(struct scan *s, char c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

/* "Z", "+01:00", or nothing: microseconds to take off. */
static bool zone(struct scan *s, int64_t *offset)
{
    *offset = 0;
    if (s->p == s->end)
        return true;
    if (literal(s, 'Z') || literal(s, 'z'))
        return s->p == s->end;
    int64_t sign = 1, h, m;
    if (literal(s, '-'))
        sign = -1;
    else if (!literal(s, '+') && !literal(s, ' '))
        return false;
    if (!digits(s, 2, &h) || !literal(s, ':') || !digits(s, 2, &m) || s->p != s->end || h > 14 ||
        m > 59)
        return false;
    *offset = sign * (h * 60 + m) * 60 * US_PER_SEC;
    return true;
}

/* Seconds and fraction after "hh:mm"; *span becomes the length of the last digit given. */
static bool seconds(struct scan *s, int64_t *us, int64_t *span)
{
    int64_t sec;
    if (!literal(s, ':'))
        return true;
    if (!digits(s, 2, &sec) || sec > 60)
        return false;
    *us += sec * US_PER_SEC;
    *span = US_PER_SEC;
    if (!literal(s, '.'))
        return true;
    if (s->p == s->end || !ascii_isdigit(*s->p))
        return false;
    for (; s->p < s->end && ascii_isdigit(*s->p); s->p++)
        if (*span > 1) {
            *span /= 10;
            *us += (*s->p - '0') * *span;
        }
    return true;
}

bool fhir_date_interval(const char *text, size_t len, int64_t *lo, int64_t *hi)
{
    struct scan s = {text, text + len};
    int64_t y, m = 1, d = 1, h, min;
    if (!digits(&s, 4, &y) || y < 1)
        return false;
    if (s.p == s.end) {
        *lo = days_from_civil(y, 1, 1) * US_PER_DAY;
        *hi = days_from_civil(y + 1, 1, 1) * US_PER_DAY;
        return true;
    }
    if (!literal(&s, '-') || !digits(&s, 2, &m) || m < 1 || m > 12)
        return false;
    *lo = days_from_civil(y, (int)m, 1) * US_PER_DAY;
    *hi = *lo + days_in_month(y, (int)m) * US_PER_DAY;
    if (s.p == s.end)
        return true;
    if (!literal(&s, '-') || !digits(&s, 2, &d) || d < 1 || d > days_in_month(y, (int)m))
        return false;
    *lo += (d - 1) * US_PER_DAY;
    *hi = *lo + US_PER_DAY;
    if (s.p == s.end)
        return true;
    int64_t us, span = 60 * US_PER_SEC, offset;
    if (!literal(&s, 'T') || !digits(&s, 2, &h) || h > 23 || !literal(&s, ':') ||
        !digits(&s, 2, &min) || min > 59)
        return false;
    us = (h * 60 + min) * 60 * US_PER_SEC;
    if (!seconds(&s, &us, &span) || !zone(&s, &offset))
        return false;
    *lo += us - offset;
    *hi = *lo + span;
    return true;
}
