/* test_pytime.c - ISO 8601 as Python 3.11 reads it. Expected values are what datetime.fromisoformat
 * gives. */
#include "test.h"

#include "probes/literal/pytime.h"
#include "runtime/base/clock.h"

#define S INT64_C(1000000)

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *utc; /* without fraction; NULL: it is no time */
        int aware;
        int64_t fraction, offset; /* microseconds, seconds */
    } cases[] = {
        {"2023-11-13T10:15:00+00:00", "2023-11-13T10:15:00Z", 1, 0, 0},
        {"2023-11-13T10:15:00Z", "2023-11-13T10:15:00Z", 1, 0, 0},
        {"2023-11-13", "2023-11-13T00:00:00Z", 0, 0, 0},
        {"20231113", "2023-11-13T00:00:00Z", 0, 0, 0},
        {"20231113T101500-0530", "2023-11-13T15:45:00Z", 1, 0, -19800},
        {"2023-11-13 10", "2023-11-13T10:00:00Z", 0, 0, 0},
        {"2023-11-13x10:15", "2023-11-13T10:15:00Z", 0, 0, 0},
        {"2023-11-13\xc3\xa9"
         "10:15",
         "2023-11-13T10:15:00Z", 0, 0, 0},
        {"2023-11-13\xf0\x9f\x98\x80"
         "10:15",
         "2023-11-13T10:15:00Z", 0, 0, 0},
        {"2023-11-13T10:15:00.5+00:00", "2023-11-13T10:15:00Z", 1, 500000, 0},
        {"2023-11-13T10:15:00,25", "2023-11-13T10:15:00Z", 0, 250000, 0},
        {"2023-11-13T10:15:00.1234567899Z", "2023-11-13T10:15:00Z", 1, 123456, 0},
        {"2023-11-13T10:15:00+23:59:59", "2023-11-12T10:15:01Z", 1, 0, 86399},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z", 1, 0, 0},
        {"0001-01-01", "0001-01-01T00:00:00Z", 0, 0, 0},
        {"9999-12-31T23:59:59", "9999-12-31T23:59:59Z", 0, 0, 0},
        {"2020-W53-7", "2021-01-03T00:00:00Z", 0, 0, 0},
        {"2020W01", "2019-12-30T00:00:00Z", 0, 0, 0},
        {"2020W011T10", "2019-12-30T10:00:00Z", 0, 0, 0},
        {"2020-W01-1T10:15Z", "2019-12-30T10:15:00Z", 1, 0, 0},
        {"2023-11-13T10:15:+00:00", "2023-11-13T10:15:00Z", 1, 0, 0}, /* as Python has it */
        {"2023-11", NULL, 0, 0, 0},
        {"2023", NULL, 0, 0, 0},
        {"", NULL, 0, 0, 0},
        {"2023-11-31", NULL, 0, 0, 0},
        {"2023-02-29", NULL, 0, 0, 0},
        {"2023-13-01", NULL, 0, 0, 0},
        {"0000-01-01", NULL, 0, 0, 0},
        {"2023-1-01", NULL, 0, 0, 0},
        {"2023-11-1301", NULL, 0, 0, 0},
        {"2023-11-13T", NULL, 0, 0, 0},
        {"2023-11-13T1", NULL, 0, 0, 0},
        {"2023-11-13T24:00", NULL, 0, 0, 0},
        {"2023-11-13T10:60", NULL, 0, 0, 0},
        {"2023-11-13T10:15:60", NULL, 0, 0, 0},
        {"2023-11-13T10:15:00.", NULL, 0, 0, 0},
        {"2023-11-13T10:1500", NULL, 0, 0, 0},
        {"2023-11-13T10:15:00Zx", NULL, 0, 0, 0},
        {"2023-11-13T10:15:00+24:00", NULL, 0, 0, 0},
        {"2023-11-13T10:15:00+00:00 now", NULL, 0, 0, 0},
        {"2023-11-13T10:15:00 +00:00", "2023-11-13T10:15:00Z", 1, 0, 0},
        {"2021-W53", NULL, 0, 0, 0},
        {"2020-W54-1", NULL, 0, 0, 0},
        {"2020-W01-8", NULL, 0, 0, 0},
        {" 2023-11-13", NULL, 0, 0, 0},
        {"2023-11-13T10:15:00\xe2\x88\x92"
         "05:00",
         NULL, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct pytime t;
        bool ok = pytime_parse(cases[i].text, strlen(cases[i].text), &t);
        if (ok != (cases[i].utc != NULL))
            fail_msg("'%s' is %sa time", cases[i].text, ok ? "" : "not ");
        if (!ok)
            continue;
        int64_t year;
        int month, day;
        int64_t us = t.local - t.offset;
        int64_t days = us / PYTIME_DAY - (us % PYTIME_DAY < 0);
        int64_t rest = us - days * PYTIME_DAY;
        char text[64];
        civil_from_days(days, &year, &month, &day);
        snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, month, day,
                 (int)(rest / PYTIME_HOUR), (int)(rest / (60 * S) % 60), (int)(rest / S % 60));
        if (strcmp(text, cases[i].utc) != 0)
            fail_msg("'%s' is read as %s", cases[i].text, text);
        assert_int_equal(rest % S, cases[i].fraction);
        assert_int_equal(t.offset, cases[i].offset * S);
        assert_int_equal(t.aware, cases[i].aware);
    }
}

static struct pytime at(const char *s)
{
    struct pytime t;
    assert_true(pytime_parse(s, strlen(s), &t));
    return t;
}

static void order_needs_zones_on_both_or_none(void **state)
{
    (void)state;
    struct pytime a = at("2023-11-13T10:15:00+01:00"), b = at("2023-11-13T09:15:00Z");
    struct pytime naive = at("2023-11-13T09:15:00"), later = at("2023-11-13T09:15:00.000001Z");
    int order = 7;
    int64_t us;
    assert_true(pytime_compare(&a, &b, &order));
    assert_int_equal(order, 0);
    assert_true(pytime_compare(&a, &later, &order));
    assert_true(order < 0);
    assert_true(pytime_compare(&later, &b, &order));
    assert_true(order > 0);
    assert_false(pytime_compare(&a, &naive, &order));
    assert_false(pytime_minus(&naive, &a, &us));
    assert_true(pytime_compare(&naive, &naive, &order));
    assert_true(pytime_minus(&later, &b, &us));
    assert_int_equal(us, 1);
    a = pytime_plus(a, -PYTIME_DAY);
    assert_true(pytime_minus(&b, &a, &us));
    assert_int_equal(us, PYTIME_DAY);
}

static void dates_are_those_written(void **state)
{
    (void)state;
    struct pytime t = at("2023-11-13T01:00:00+03:00");
    assert_int_equal(pytime_date(&t), days_from_civil(2023, 11, 13));
    t = at("1969-12-31T23:59:59Z");
    assert_int_equal(pytime_date(&t), -1);
    t = at("1969-12-31");
    assert_int_equal(pytime_date(&t), -1);
    t = at("0001-01-01T00:00:00Z");
    assert_int_equal(pytime_date(&t), days_from_civil(1, 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(order_needs_zones_on_both_or_none),
        cmocka_unit_test(dates_are_those_written),
    };
    return cmocka_run_group_tests_name("pytime", tests, NULL, NULL);
}
