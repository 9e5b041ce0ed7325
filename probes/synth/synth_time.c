/* synth_time.c - times of a synthetic clinic: minutes since 1970 and ISO 8601 text. */
#include <stdio.h>

#include "probes/synth/synth_private.h"
#include "runtime/base/clock.h"

int64_t synth_minutes(const char *iso)
{
    int64_t ns = 0;
    return clock_parse(iso, &ns) == 0 ? ns / NS_PER_SEC / 60 : 0;
}

const char *synth_iso(int64_t minutes, char *out)
{
    char text[CLOCK_TEXT];
    clock_format(minutes * 60 * NS_PER_SEC, 0, text);
    snprintf(out, SYNTH_TIME, "%.19s+00:00", text);
    return out;
}
