/* waits.c - what the calls of a model wait for, in words. */
#include "runtime/model/waits.h"

#include <string.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/figures.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

/* The time of day here, so many seconds from `wall` on; with seconds when it is soon. */
static void add_time(int64_t wall, double seconds, struct buf *out)
{
    char text[32];
    struct tm tm;
    time_t then = (time_t)(wall / NS_PER_SEC + (int64_t)seconds);
    strftime(text, sizeof(text), seconds < 600 ? "%H:%M:%S" : "%H:%M", localtime_r(&then, &tm));
    buf_adds(out, text);
}

void waits_endpoint(const json_t *e, int64_t wall, struct buf *out)
{
    double rests = json_num_at(e, "rests", 0);
    long long failures = (long long)json_int_at(e, "failures", 0),
              in_flight = (long long)json_int_at(e, "in_flight", 0);
    if (json_bool_at(e, "dead", false)) {
        buf_adds(out, "asked no more");
        return;
    }
    if (failures > 0)
        buf_addf(out, "down (%lld failures in a row), ", failures);
    if (rests > 0) {
        buf_adds(out, "rests until ");
        add_time(wall, rests, out);
        buf_adds(out, ", ");
    }
    buf_addf(out, "%lld in flight", in_flight);
}

/* Where every endpoint that is left fails, which one that is. */
static bool add_down(const json_t *state, struct buf *out)
{
    size_t i, down = 0, n = 0;
    const char *url = "";
    json_t *e;
    json_array_foreach (json_object_get(state, "endpoints"), i, e) {
        if (json_bool_at(e, "dead", false))
            continue;
        n++;
        if (json_int_at(e, "failures", 0) > 0) {
            down++;
            url = json_str_at(e, "url", "");
        }
    }
    if (!n || down < n)
        return false;
    if (n == 1)
        buf_addf(out, "%s, which is down", url);
    else
        buf_addf(out, "any of %zu endpoints, which are down", n);
    return true;
}

/* The last failure, without the address where there is but one: it is in front of it, or known. */
static void add_why(const json_t *state, const char *why, struct buf *out)
{
    enum { MOST = 120 };
    const json_t *all = json_object_get(state, "endpoints");
    const char *url = json_str_at(json_array_get(all, 0), "url", "");
    size_t len = strlen(url), all_of;
    if (json_array_size(all) == 1 && len && strncmp(why, url, len) == 0 &&
        strncmp(why + len, ": ", 2) == 0)
        why += len + 2;
    all_of = strlen(why);
    len = utf8_prefix(why, all_of, MOST);
    buf_addf(out, " (%.*s%s)", (int)len, why, len < all_of ? "..." : "");
}

void waits_words(const json_t *state, int64_t wall, struct buf *out)
{
    int64_t in_flight = json_int_at(state, "in_flight", 0),
            queued = json_int_at(state, "queued", 0), retrying = json_int_at(state, "retrying", 0);
    double limited = json_num_at(state, "limited", 0);
    const char *why = json_str_at(state, "why", "");
    size_t start = out->len;
    if (!add_down(state, out) && limited > 0) {
        buf_adds(out, "a limit until ");
        add_time(wall, limited, out);
    }
    if (retrying > 0)
        buf_addf(out, "%s%s %s to be tried again", out->len > start ? ", " : "",
                 figure(retrying).text, plural(retrying, "call", "calls"));
    if (retrying > 0 && *why)
        add_why(state, why, out);
    if (in_flight > 0) {
        buf_addf(out, "%s%lld %s in flight, the oldest for ", out->len > start ? ", " : "",
                 (long long)in_flight, plural(in_flight, "call", "calls"));
        text_add_duration(out, (int64_t)(json_num_at(state, "longest", 0) * (double)NS_PER_SEC));
    }
    if (queued > 0 && out->len == start)
        buf_addf(out, "room for %lld %s", (long long)queued, plural(queued, "call", "calls"));
}
