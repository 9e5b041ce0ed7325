/* differ.c - in which way a value differs from the wanted one, told without either. */
#include "probes/graders/differ_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "probes/literal/pytime.h"
#include "runtime/base/text.h"

/* How deep the wanted value is looked for in what was given instead. */
#define HOLDS_DEPTH 3

static void say(char how[DIFFERS_SIZE], const char *text)
{
    snprintf(how, DIFFERS_SIZE, "%s", text);
}

/* ---- numbers ---- */

static bool same_number(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fmax(1, fabs(b));
}

/* The number that begins at s, between characters that are of no word, date or other number; the
 * bytes it takes, 0 when none begins there. */
static size_t number_at(const char *text, size_t len, size_t at, double *number)
{
    size_t n = at, sign = text[at] == '-' || text[at] == '+';
    char copy[32];
    for (n += sign; n < len && (ascii_isdigit(text[n]) || text[n] == '.'); n++)
        ;
    size_t stop = n; /* a full stop behind is the sentence's */
    while (stop > at && text[stop - 1] == '.')
        stop--;
    if (stop - at <= sign || stop - at >= sizeof(copy))
        return 0;
    snprintf(copy, sizeof(copy), "%.*s", (int)(stop - at), text + at);
    bool alone = n == len || !strchr(":-_/", text[n]);
    if (at > 0)
        alone = alone && !ascii_isalnum(text[at - 1]) && !strchr(":-_/.+", text[at - 1]);
    return alone && str_to_double(copy, number) ? n - at : 0;
}

/* The first number in a text that is `want`, or any when `want` is NULL. */
static bool text_has_number(const char *text, size_t len, const double *want)
{
    double number;
    for (size_t i = 0; i < len; i++)
        if (number_at(text, len, i, &number) && (!want || same_number(number, *want)))
            return true;
    return false;
}

static bool holds_number(const struct pyvalue *v, double want, int depth)
{
    double number;
    if (v->kind == PY_STR)
        return text_has_number(v->s, v->n, &want);
    if (v->kind != PY_LIST && v->kind != PY_TUPLE && v->kind != PY_DICT)
        return v->kind != PY_BOOL && py_number(v, &number) && same_number(number, want);
    for (size_t i = 0; depth < HOLDS_DEPTH && i < v->n; i++)
        if (holds_number(v->kind == PY_DICT ? &v->members[i].value : &v->items[i], want, depth + 1))
            return true;
    return false;
}

/* `number` is `want` with fewer decimals. */
static bool rounded(double number, double want)
{
    double unit = 1;
    for (int decimals = 0; decimals <= 3; decimals++, unit *= 10)
        if (same_number(number, round(want * unit) / unit) ||
            same_number(number, trunc(want * unit) / unit))
            return true;
    return false;
}

static const char *other_number(double number, double want)
{
    if (want == NO_READING)
        return "a number, but another one: nothing is there to report";
    if (number == NO_READING)
        return "a number, but the one for nothing found, where there is something";
    if (rounded(number, want))
        return "a number, but a rounded or cut form of the right one";
    if (fabs(number - want) <= fabs(want) / 20)
        return "a number, but another one that is close to it";
    return "a number, but another one";
}

static const char *no_number(const struct pyvalue *v, double want)
{
    double number;
    if (v->kind == PY_STR && py_float(v, &number) && same_number(number, want))
        return ": the right one in quotation marks";
    if (holds_number(v, want, 0))
        return ": the right one stands in it";
    if (v->kind == PY_STR && text_has_number(v->s, v->n, NULL))
        return ", and another one stands in it";
    if (want == NO_READING)
        return ": the one for nothing found";
    return v->kind == PY_STR || v->kind == PY_NONE ? ", though there is one to report" : "";
}

void differs_number(const struct pyvalue *v, double want, char how[DIFFERS_SIZE])
{
    double number = HUGE_VAL;
    if (v->kind == PY_BOOL || !py_is_number(v)) {
        snprintf(how, DIFFERS_SIZE, "%s where a number is expected%s", py_kind_name(v),
                 no_number(v, want));
    } else {
        py_number(v, &number);
        say(how, other_number(number, want));
    }
}

/* ---- texts ---- */

static bool text_has(const char *text, size_t len, const char *part, size_t part_len)
{
    return part_len && memmem(text, len, part, part_len);
}

static bool holds_text(const struct pyvalue *v, const char *want, size_t len, int depth)
{
    if (v->kind == PY_STR)
        return text_has(v->s, v->n, want, len);
    if (v->kind != PY_LIST && v->kind != PY_TUPLE && v->kind != PY_DICT)
        return false;
    for (size_t i = 0; depth < HOLDS_DEPTH && i < v->n; i++)
        if (holds_text(v->kind == PY_DICT ? &v->members[i].value : &v->items[i], want, len,
                       depth + 1))
            return true;
    return false;
}

/* YYYY-MM-DD, alone or with the T of a time behind. */
static bool is_day(const char *s, size_t len)
{
    static const char shape[] = "dddd-dd-dd";
    if (len < 10 || (len > 10 && s[10] != 'T'))
        return false;
    for (size_t i = 0; i < 10; i++)
        if (shape[i] == 'd' ? !ascii_isdigit(s[i]) : s[i] != shape[i])
            return false;
    return true;
}

/* `want` is a time or begins one. */
static const char *other_time(const char *s, size_t n, const char *want, size_t len)
{
    struct pytime given, wanted;
    int order;
    bool day = n >= 10 && memcmp(s, want, 10) == 0;
    if (text_has(s, n, want, len))
        return "the right time with more around it";
    if (!pytime_parse(s, n, &given))
        return text_has(s, n, want, 10) ? "the right date, but not in the form of ISO 8601"
                                        : "no date or time in the form of ISO 8601";
    if (is_day(s, n) && n == 10)
        return day ? "the right date, but without the time of day"
                   : "another date, and without the time of day";
    if (pytime_parse(want, len, &wanted)) {
        if (wanted.aware && !given.aware)
            return given.local == wanted.local ? "the right time, but without its offset from UTC"
                                               : "another time, and without an offset from UTC";
        if (pytime_compare(&given, &wanted, &order) && order == 0)
            return "the right time, but written in another form";
    }
    return day ? "the right date, but another time of day" : "a date or time, but another one";
}

static bool is_url(const char *s, size_t n)
{
    return (n > 4 && memcmp(s, "http", 4) == 0) || (n > 4 && memcmp(s, "urn:", 4) == 0);
}

static bool same_but_case(const char *s, size_t n, const char *want, size_t len)
{
    py_strip(&s, &n);
    return n == len && strncasecmp(s, want, n) == 0;
}

static bool has_any(const char *s, size_t n, bool (*is)(char))
{
    for (size_t i = 0; i < n; i++)
        if (is(s[i]))
            return true;
    return false;
}

static const char *other_text(const char *s, size_t n, const char *want, size_t len,
                              const struct task *task)
{
    const char *context = task->context ? task->context : "";
    bool given_in_task = false, wanted_in_task;
    if (n > 2)
        given_in_task = text_has(task->instruction, strlen(task->instruction), s, n) ||
                        text_has(context, strlen(context), s, n);
    wanted_in_task =
        len > 1 && (text_has(task->instruction, strlen(task->instruction), want, len) ||
                    text_has(context, strlen(context), want, len));
    if (same_but_case(s, n, want, len))
        return "the right text, but for case or blanks around it";
    if (text_has(s, n, want, len))
        return "the right text with more around it";
    if (n > 2 && text_has(want, len, s, n))
        return "a part of the right text alone";
    if (!n)
        return "an empty string";
    if (is_url(want, len))
        return is_url(s, n) ? "a URL, but another one" : "no URL where one is expected";
    if (wanted_in_task && !given_in_task)
        return "a string, but not the words that the task gives for this";
    if (given_in_task && !wanted_in_task)
        return "words of the task where there is something else to report";
    if (!has_any(want, len, ascii_isalpha) && has_any(s, n, ascii_isalpha))
        return "a string with letters where one without is expected";
    if (!has_any(want, len, ascii_isspace) && has_any(s, n, ascii_isspace))
        return "several words where one is expected";
    return "a string, but another one";
}

void differs_text(const struct pyvalue *v, const char *want, size_t len, const struct task *task,
                  char how[DIFFERS_SIZE])
{
    if (v->kind != PY_STR)
        snprintf(how, DIFFERS_SIZE, "%s where a string is expected%s", py_kind_name(v),
                 holds_text(v, want, len, 0) ? ": the right one stands in it" : "");
    else
        say(how, is_day(want, len) ? other_time(v->s, v->n, want, len)
                                   : other_text(v->s, v->n, want, len, task));
}

void differs_json(const struct pyvalue *v, const json_t *want, const struct task *task,
                  char how[DIFFERS_SIZE])
{
    if (json_is_number(want)) {
        differs_number(v, json_number_value(want), how);
    } else if (json_is_string(want)) {
        differs_text(v, json_string_value(want), json_string_length(want), task, how);
    } else {
        const char *form = json_is_array(want)    ? "a list"
                           : json_is_object(want) ? "an object"
                           : json_is_null(want)   ? "null"
                                                  : "true or false";
        if (strcmp(py_kind_name(v), form) == 0)
            snprintf(how, DIFFERS_SIZE, "%s, but another one", form);
        else
            snprintf(how, DIFFERS_SIZE, "%s where %s is expected", py_kind_name(v), form);
    }
}
