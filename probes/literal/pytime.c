/* pytime.c - ISO 8601 as Python 3.11 reads it, with its oddities; differences would change
 * verdicts. */
#include "probes/literal/pytime.h"

#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"

/* `count` digits at s, or -1. Texts end in NUL, which is no digit. */
static int digits(const char *s, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!ascii_isdigit(s[i]))
            return -1;
        value = value * 10 + (s[i] - '0');
    }
    return value;
}

/* Where the date ends and the one separating character stands; -1: nowhere. */
static int date_length(const char *s, size_t len)
{
    if (len == 7)
        return 7;
    if (s[4] == '-') {
        if (s[5] != 'W')
            return 10;
        if (len < 8 || len == 9)
            return len == 9 && s[8] != '-' ? 8 : -1;
        if (len > 8 && s[8] == '-') /* YYYY-Www-D, unless two digits follow: then YYYY-Www-HH */
            return len > 10 && ascii_isdigit(s[10]) ? 8 : 10;
        return 8;
    }
    if (s[4] != 'W')
        return 8;
    size_t at = 7;
    while (at < len && ascii_isdigit(s[at]))
        at++;
    if (at < 9)
        return (int)at;
    return at % 2 == 0 ? 7 : 8; /* times come in pairs of digits */
}

static bool week_date(int year, int week, int day, int64_t *days)
{
    int64_t first = days_from_civil(year, 1, 1);
    int weekday = (int)(((first + 3) % 7 + 7) % 7); /* Monday is 0 */
    bool leap = days_in_month(year, 2) == 29;
    int weeks = weekday == 3 || (weekday == 2 && leap) ? 53 : 52;
    if (year < 1 || week < 1 || week > weeks || day < 1 || day > 7)
        return false;
    int64_t monday = first - weekday + (weekday > 3 ? 7 : 0);
    *days = monday + (week - 1) * 7 + day - 1;
    return *days >= days_from_civil(1, 1, 1) && *days <= days_from_civil(9999, 12, 31);
}

static bool parse_date(const char *s, int len, int64_t *days)
{
    int year = digits(s, 4);
    if (year < 0)
        return false;
    const char *p = s + 4;
    bool dashes = *p == '-';
    p += dashes;
    if (*p == 'W') {
        int week = digits(p + 1, 2), day = 1;
        if (week < 0)
            return false;
        p += 3;
        if (p - s < len) {
            if (dashes && *p++ != '-')
                return false;
            day = digits(p, 1);
        }
        return week_date(year, week, day, days);
    }
    int month = digits(p, 2);
    if (month < 0)
        return false;
    p += 2;
    if (dashes && *p++ != '-')
        return false;
    int day = digits(p, 2);
    if (day < 0 || p + 2 - s != len)
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *days = days_from_civil(year, month, day);
    return true;
}

enum clock_result { CLOCK_BAD = -1, CLOCK_ALL, CLOCK_REST };

/* HH[:?MM[:?SS[.,f+]]] up to `end`; CLOCK_REST: more text follows. */
static enum clock_result parse_clock(const char *s, const char *end, int part[4])
{
    bool colons = true;
    const char *p = s;
    memset(part, 0, 4 * sizeof(*part));
    for (int i = 0; i < 3; i++) {
        part[i] = digits(p, 2);
        if (part[i] < 0)
            return CLOCK_BAD;
        char c = p[2];
        p += 3;
        if (i == 0)
            colons = c == ':';
        if (p >= end)
            return c ? CLOCK_REST : CLOCK_ALL;
        if (colons && c == ':')
            continue;
        if (c == '.' || c == ',')
            break;
        if (colons)
            return CLOCK_BAD;
        p--;
    }
    int count = end - p >= 6 ? 6 : (int)(end - p);
    part[3] = digits(p, count);
    if (part[3] < 0)
        return CLOCK_BAD;
    for (int i = count; i < 6; i++)
        part[3] *= 10;
    p += count;
    while (ascii_isdigit(*p))
        p++;
    return *p ? CLOCK_REST : CLOCK_ALL;
}

static int64_t clock_us(const int part[4])
{
    return ((part[0] * INT64_C(60) + part[1]) * 60 + part[2]) * 1000000 + part[3];
}

static bool parse_time(const char *s, size_t len, struct pytime *t)
{
    const char *end = s + len, *zone = s;
    int part[4];
    do {
        if (*zone == '+' || *zone == '-' || *zone == 'Z')
            break;
    } while (++zone < end);
    enum clock_result got = parse_clock(s, zone, part);
    if (got == CLOCK_BAD || (zone >= end && got == CLOCK_REST))
        return false;
    if (part[0] > 23 || part[1] > 59 || part[2] > 59)
        return false;
    t->local += clock_us(part);
    if (zone >= end)
        return true;
    t->aware = true;
    if (*zone == 'Z')
        return zone[1] == '\0';
    if (parse_clock(zone + 1, end, part) != CLOCK_ALL)
        return false;
    if (!part[0] && !part[1] && !part[2])
        part[3] = 0; /* Python takes this for UTC, whatever the fraction */
    t->offset = clock_us(part) * (*zone == '-' ? -1 : 1);
    return t->offset > -PYTIME_DAY && t->offset < PYTIME_DAY;
}

/* The bytes of the separating character, which may be any. */
static size_t separator_length(unsigned char c)
{
    if (c < 0x80)
        return 1;
    return (c & 0xf0) == 0xe0 ? 3 : (c & 0xf0) == 0xf0 ? 4 : 2;
}

bool pytime_parse(const char *s, size_t len, struct pytime *t)
{
    int64_t days;
    memset(t, 0, sizeof(*t));
    if (len < 7 || strlen(s) != len)
        return false;
    int at = date_length(s, len);
    if (at < 0 || (size_t)at > len || !parse_date(s, at, &days))
        return false;
    t->local = days * PYTIME_DAY;
    if ((size_t)at == len)
        return true;
    size_t start = (size_t)at + separator_length((unsigned char)s[at]);
    if (start > len)
        return false;
    return start == len ? false : parse_time(s + start, len - start, t);
}

bool pytime_minus(const struct pytime *a, const struct pytime *b, int64_t *us)
{
    if (a->aware != b->aware)
        return false;
    *us = (a->local - a->offset) - (b->local - b->offset);
    return true;
}

bool pytime_compare(const struct pytime *a, const struct pytime *b, int *order)
{
    int64_t us;
    if (!pytime_minus(a, b, &us))
        return false;
    *order = us < 0 ? -1 : us > 0;
    return true;
}

struct pytime pytime_plus(struct pytime t, int64_t us)
{
    t.local += us;
    return t;
}

int64_t pytime_date(const struct pytime *t)
{
    int64_t days = t->local / PYTIME_DAY;
    return t->local % PYTIME_DAY < 0 ? days - 1 : days;
}
