/*
 * world.c - a weather station as a world for grasp: `env.kind: exec`, protocol 1 (every message is
 * shown in ../exec-python/README.md).
 *
 * The agent reads sensors and answers questions about them; actions are JSON here. The station has
 * conventions (two decimals and no unit, ISO dates, `none` for a sensor that is not on record, no
 * answer without a reading). It takes one episode at a time, which keeps it small: grasp starts as
 * many processes as `env.processes` allows.
 *
 *     make build/examples/exec-c/world        # libjansson is all it needs
 */
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char response_format[] =
    "Reply with exactly one action, a JSON object, and nothing else: {\"read\": \"sensor\"}, or, "
    "once the answer is known, {\"answer\": \"value\"}.";
static const char *const conventions[] = {
    "A sensor is read in the same task before a question about it is answered.",
    "Numbers are answered bare, without their unit, rounded to two decimals.",
    "Dates are answered in ISO 8601 form (YYYY-MM-DD); the records hold DD.MM.YYYY.",
    "For a sensor that is not on record the answer is `none`.",
};

/* The episode: its task, and whether the sensor was read. */
struct episode {
    json_t *task;
    const char *sensor, *field;
    bool read;
};

/* A record of the station. What a sensor measures follows from its name, so that the example needs
 * no data; every sixth number is not on record. NULL then. */
static json_t *record_of(const char *sensor)
{
    unsigned h = 2166136261u;
    long number = strlen(sensor) > 2 ? strtol(sensor + 2, NULL, 10) : 0;
    if (number < 100 || number > 999 || number % 6 == 0)
        return NULL;
    for (const char *p = sensor; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    char calibrated[16], installed[16];
    snprintf(calibrated, sizeof(calibrated), "%02u.%02u.%u", 1 + h % 28, 1 + h / 28 % 12,
             2022 + h / 336 % 3);
    snprintf(installed, sizeof(installed), "%02u.%02u.%u", 1 + h / 7 % 28, 1 + h / 196 % 12,
             2012 + h / 2352 % 9);
    return json_pack("{s:s, s:f, s:s, s:f, s:f, s:s, s:s}", "sensor", sensor, "temperature",
                     ((double)(h % 400000) - 50000) / 10000, "unit", "C", "humidity",
                     (double)(h / 3 % 1000000) / 10000, "pressure",
                     (double)(h / 5 % 1000000 + 9500000) / 10000, "calibrated", calibrated,
                     "installed", installed);
}

/* ---- the messages ---- */

static json_t *start(struct episode *ep, json_t *task)
{
    json_t *list = json_array();
    json_decref(ep->task);
    *ep = (struct episode){.task = json_incref(task)};
    ep->sensor = json_string_value(json_object_get(task, "sensor"));
    ep->field = json_string_value(json_object_get(task, "field"));
    for (size_t i = 0; i < sizeof(conventions) / sizeof(conventions[0]); i++)
        json_array_append_new(list, json_string(conventions[i]));
    if (!ep->sensor || !ep->field) {
        json_decref(list);
        return json_pack("{s:s}", "error", "a task of this world has sensor and field");
    }
    return json_pack("{s:{s:[{s:s,s:s},{s:s,s:s}],s:o},s:s}", "api", "functions", "form",
                     "{\"read\": \"<sensor>\"}", "does", "shows the record of a sensor as JSON",
                     "form", "{\"answer\": \"<value>\"}", "does",
                     "answers the question and ends the task", "conventions", list,
                     "response_format", response_format);
}

static json_t *step(struct episode *ep, const char *reply)
{
    json_t *action = json_loads(reply, 0, NULL), *answer = NULL;
    const char *sensor = json_string_value(json_object_get(action, "read"));
    json_t *value = json_object_get(action, "answer");
    if (value) {
        answer = json_pack("{s:b, s:O}", "done", 1, "answer", value);
    } else if (sensor) {
        json_t *record = record_of(sensor);
        ep->read |= strcmp(sensor, ep->sensor) == 0;
        answer = json_pack("{s:o, s:s+}", "observation",
                           record ? record : json_pack("{s:s}", "error", "no such sensor"),
                           "action", "read ", sensor);
    } else {
        answer = json_pack("{s:s}", "invalid", "neither {\"read\": ...} nor {\"answer\": ...}");
    }
    json_decref(action);
    return answer;
}

static json_t *verdict(bool correct, const char *reason, const char *tag)
{
    return json_pack("{s:b, s:s, s:[s*]}", "correct", (int)correct, "reason", reason, "tags", tag);
}

static json_t *judge_number(const char *answer, double value)
{
    char *end, want[32];
    double number = strtod(answer, &end);
    snprintf(want, sizeof(want), "%.2f", value);
    if (end == answer)
        return verdict(false, "the answer is a sentence", "answer_is_sentence");
    if (*end)
        return verdict(false, "the answer carries a unit", "answer_carries_unit");
    if (number == strtod(want, NULL))
        return verdict(true, "ok", NULL);
    if (fabs(number - value) < 0.005)
        return verdict(false, "the number is not rounded to two decimals", "number_not_rounded");
    return verdict(false, "a number, but another one than the record has", "wrong_value");
}

static json_t *judge_date(const char *answer, const char *value)
{
    char want[16];
    snprintf(want, sizeof(want), "%.4s-%.2s-%.2s", value + 6, value + 3, value);
    if (strcmp(answer, want) == 0)
        return verdict(true, "ok", NULL);
    if (strcmp(answer, value) == 0)
        return verdict(false, "the date is not in ISO form", "date_not_iso");
    if (strchr(answer, ' '))
        return verdict(false, "the answer is a sentence", "answer_is_sentence");
    return verdict(false, "one word, but not the date that the record has", "wrong_value");
}

static json_t *grade(const struct episode *ep, const char *answer)
{
    if (!answer)
        return verdict(false, "no answer", NULL);
    if (!ep->read)
        return verdict(false, "answered without reading the sensor", "answered_without_lookup");
    json_t *record = record_of(ep->sensor), *v = json_object_get(record, ep->field), *out;
    if (!record && strcmp(answer, "none") == 0)
        out = verdict(true, "ok", NULL);
    else if (!record)
        out = verdict(false, "not `none` for a sensor that is not on record",
                      strlen(answer) > 20 ? "answer_is_sentence" : "missing_not_as_agreed");
    else if (json_is_number(v))
        out = judge_number(answer, json_number_value(v));
    else
        out = judge_date(answer, json_string_value(v));
    json_decref(record);
    return out;
}

/* The answer to a request; NULL where none is due. */
static json_t *respond(struct episode *ep, json_t *request)
{
    const char *op = json_string_value(json_object_get(request, "op"));
    const char *reply = json_string_value(json_object_get(request, "reply"));
    const char *answer = json_string_value(json_object_get(request, "answer"));
    if (op && strcmp(op, "hello") == 0)
        return json_pack("{s:i, s:s, s:i}", "protocol", 1, "name", "weather station", "episodes",
                         1);
    if (op && strcmp(op, "start") == 0)
        return start(ep, json_object_get(request, "task"));
    if (op && strcmp(op, "step") == 0 && reply && ep->task)
        return step(ep, reply);
    if (op && strcmp(op, "grade") == 0 && ep->task)
        return grade(ep, answer);
    if (op && strcmp(op, "end") == 0) {
        json_decref(ep->task);
        *ep = (struct episode){0};
        return NULL;
    }
    return json_pack("{s:s}", "error", "a request that this world does not know");
}

int main(void)
{
    struct episode ep = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_t *request = json_loadb(line, (size_t)n, 0, NULL);
        json_t *id = json_object_get(request, "id");
        json_t *answer = request ? respond(&ep, request) : NULL;
        if (answer && id) {
            json_object_set(answer, "id", id);
            json_dumpf(answer, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
            putchar('\n');
            fflush(stdout);
        }
        json_decref(answer);
        json_decref(request);
    }
    json_decref(ep.task);
    free(line);
    return 0;
}
