/* duration.c - lengths of time as servers write them. */
#include "runtime/base/duration.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/text.h"

static double unit_of(const char *s, size_t len)
{
    static const struct {
        const char *names[5];
        double seconds;
    } units[] = {
        {{"s", "sec", "secs", "second", "seconds"}, 1},
        {{"ms", "msec", "msecs", "millisecond", "milliseconds"}, 1e-3},
        {{"m", "min", "mins", "minute", "minutes"}, 60},
        {{"h", "hr", "hrs", "hour", "hours"}, 3600},
        {{"d", "day", "days", "day", "days"}, 86400},
        {{"us", "\xc2\xb5s", "us", "us", "us"}, 1e-6},
        {{"ns", "ns", "ns", "ns", "ns"}, 1e-9},
    };
    char name[16];
    snprintf(name, sizeof(name), "%.*s", (int)(len < 15 ? len : 15), s);
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        for (size_t k = 0; k < 5; k++)
            if (str_caseeq(name, units[i].names[k]))
                return units[i].seconds;
    return -1;
}

bool duration_read(const char *s, size_t len, double *seconds)
{
    double sum = 0;
    size_t i = 0;
    while (len && (ascii_isspace(s[len - 1]) || s[len - 1] == '.'))
        len--;
    while (i < len && ascii_isspace(s[i]))
        i++;
    if (i == len)
        return false;
    for (bool first = true; i < len; first = false) {
        char number[32];
        double v;
        size_t n = 0, u;
        while (i + n < len && (ascii_isdigit(s[i + n]) || s[i + n] == '.'))
            n++;
        snprintf(number, sizeof(number), "%.*s", (int)(n < 31 ? n : 31), s + i);
        if (!n || !str_to_double(number, &v))
            return false;
        i += n;
        while (i < len && ascii_isspace(s[i]))
            i++;
        for (u = 0; i + u < len && !ascii_isdigit(s[i + u]) && !ascii_isspace(s[i + u]);)
            u++;
        if (!u && !first)
            return false; /* a bare number is all there is */
        double unit = u ? unit_of(s + i, u) : 1;
        if (unit < 0)
            return false;
        sum += v * unit;
        i += u;
        while (i < len && ascii_isspace(s[i]))
            i++;
        if (!u && i < len)
            return false;
    }
    *seconds = sum;
    return true;
}
