/* test_limits.c - how long servers ask to wait, in every form in use. */
#include "test.h"

#include <math.h>

#include "runtime/base/duration.h"
#include "runtime/base/text.h"
#include "runtime/model/limits.h"

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds; /* < 0: none */
    } cases[] = {
        {"2", 2},        {"0.5", 0.5},       {" 7 ", 7},          {"1s", 1},
        {"250ms", 0.25}, {"7m12.5s", 432.5}, {"1h", 3600},        {"2d", 172800},
        {"1m 30s", 90},  {"30 seconds", 30}, {"5 minutes.", 300}, {"1h2m3s", 3723},
        {"100us", 1e-4}, {"", -1},           {"soon", -1},        {"-1", -1},
        {"1 2", -1},     {"1x", -1},         {"s", -1},           {"1.2.3s", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double v = -1;
        bool ok = duration_read(cases[i].text, strlen(cases[i].text), &v);
        if (ok != (cases[i].seconds >= 0) || (ok && fabs(v - cases[i].seconds) > 1e-9))
            fail_msg("'%s' is %s %g", cases[i].text, ok ? "read as" : "not read", v);
    }
}

static const char *header(void *arg, const char *name)
{
    for (const char *const *p = arg; *p; p += 2)
        if (str_caseeq(p[0], name))
            return p[1];
    return NULL;
}

static void limits_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *headers[9];
        double reset; /* -1: none */
        int64_t remaining, most;
    } cases[] = {
        {{NULL}, -1, -1, 0},
        {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "6m0s",
          "x-ratelimit-limit-requests", "60"},
         360,
         0,
         60},
        /* The limit that is used up counts, not the other. */
        {{"x-ratelimit-remaining-requests", "9", "x-ratelimit-reset-requests", "8.64s",
          "x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "120ms"},
         0.12,
         9,
         0},
        {{"x-ratelimit-reset-requests", "1s"}, 1, -1, 0},
        {{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1700000030000"}, 30, 0, 0},
        {{"ratelimit-remaining", "0", "ratelimit-reset", "1700000005"}, 5, 0, 0},
        {{"anthropic-ratelimit-requests-remaining", "0", "anthropic-ratelimit-requests-reset",
          "2023-11-14T22:13:50Z", "anthropic-ratelimit-requests-limit", "50"},
         30,
         0,
         50},
        {{"x-ratelimit-remaining", "0", "x-ratelimit-reset", "1600000000"}, 0, 0, 0},
        {{"x-ratelimit-remaining", "many", "x-ratelimit-reset", "soon"}, -1, -1, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        void *arg = (void *)(uintptr_t)cases[i].headers;
        int64_t most;
        double reset, wait = limits_reset(header, arg, 1700000000);
        int64_t remaining = limits_remaining(header, arg, 1700000000, &most, &reset);
        if (fabs(wait - cases[i].reset) > 1e-6)
            fail_msg("case %zu: reset %g", i, wait);
        assert_int_equal(remaining, cases[i].remaining);
        assert_int_equal(most, cases[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(limits_are_read),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
