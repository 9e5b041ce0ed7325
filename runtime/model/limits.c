/* limits.c - rate limits as endpoints tell them. */
#include "runtime/model/limits.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/duration.h"
#include "runtime/base/text.h"

#define LATEST_DELAY 1e8  /* a larger number is a point in time */
#define LATEST_TIME  1e11 /* a larger one is in milliseconds */

static const struct {
    const char *remaining, *reset;
    const char *limit; /* NULL: this kind does not count requests */
} kinds[] = {
    {"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "x-ratelimit-limit-requests"},
    {"x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", NULL},
    {"x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-limit"},
    {"ratelimit-remaining", "ratelimit-reset", "ratelimit-limit"},
    {"anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset",
     "anthropic-ratelimit-requests-limit"},
    {"anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset", NULL},
    {"anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset", NULL},
    {"anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset",
     NULL},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static double read_reset(const char *text, double wall)
{
    struct tm tm = {0};
    double v = -1;
    if (!text)
        return -1;
    if (strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
        v = (double)timegm(&tm) - wall;
    else if (!duration_read(text, strlen(text), &v))
        return -1;
    else if (v > LATEST_TIME)
        v = v / 1000 - wall;
    else if (v > LATEST_DELAY)
        v -= wall;
    return v > 0 ? v : 0;
}

static int64_t read_remaining(const char *text)
{
    double v;
    return text && str_to_double(text, &v) && v >= 0 && v < 1e15 ? (int64_t)v : -1;
}

double limits_reset(limits_header_fn header, void *arg, double wall)
{
    double used_up = -1, unsaid = -1;
    for (size_t i = 0; i < KINDS; i++) {
        int64_t remaining = read_remaining(header(arg, kinds[i].remaining));
        double reset = read_reset(header(arg, kinds[i].reset), wall);
        double *which = remaining == 0 ? &used_up : remaining < 0 ? &unsaid : NULL;
        if (which && reset > *which)
            *which = reset;
    }
    return used_up >= 0 ? used_up : unsaid;
}

int64_t limits_remaining(limits_header_fn header, void *arg, double wall, int64_t *most,
                         double *reset)
{
    int64_t least = -1;
    *most = 0;
    *reset = -1;
    for (size_t i = 0; i < KINDS; i++) {
        int64_t v = kinds[i].limit ? read_remaining(header(arg, kinds[i].remaining)) : -1;
        if (v < 0 || (least >= 0 && v >= least))
            continue;
        int64_t limit = read_remaining(header(arg, kinds[i].limit));
        least = v;
        *most = limit > 0 ? limit : 0;
        *reset = read_reset(header(arg, kinds[i].reset), wall);
    }
    return least;
}
