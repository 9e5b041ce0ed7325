/*
 * grader_v2_chart.c - what v2's graders read in a patient's chart.
 *
 * Each entry is read whether it matters or not, in the order of the published graders: one that
 * Python stumbles over decides the verdict, however old it is.
 */
#include <string.h>

#include "probes/graders/grading_v2_private.h"
#include "runtime/base/json.h"

/* The published graders leave out what was recorded later. */
#define CUT_OFF "2025-01-01T00:00:00+00:00"

static struct pytime fixed_time(const char *s)
{
    struct pytime t;
    pytime_parse(s, strlen(s), &t);
    return t;
}

struct pytime chart_now(struct grading *g)
{
    char text[64];
    grader_now(g->task, g->settings, text);
    return fixed_time(text);
}

bool chart_time(struct grading *g, const json_t *v, struct pytime *t)
{
    if (json_is_string(v) && pytime_parse(json_string_value(v), json_string_length(v), t))
        return true;
    return grading_fail(g, "data: a time that is not ISO 8601");
}

bool chart_in_time(struct grading *g, const json_t *resource, bool *in)
{
    const json_t *meta = json_object_get(resource, "meta");
    const json_t *updated = json_object_get(meta, "lastUpdated");
    struct pytime t, cut_off = fixed_time(CUT_OFF);
    int order = 0;
    if (!json_is_object(meta))
        return grading_fail(g, "data: a resource without meta");
    if (updated && !json_is_null(updated) &&
        (!chart_time(g, updated, &t) || !check_comparable(g, &t, &cut_off, &order)))
        return false;
    *in = order <= 0;
    return true;
}

bool chart_keep_later(struct grading *g, struct chart_latest *latest, const json_t *time)
{
    struct pytime t;
    int order = 1;
    if (!chart_time(g, time, &t) ||
        (latest->any && !check_comparable(g, &t, &latest->time, &order)))
        return false;
    if (order > 0)
        *latest = (struct chart_latest){true, t};
    return true;
}

bool chart_latest_procedure(struct grading *g, const json_t *found, struct chart_latest *latest)
{
    *latest = (struct chart_latest){0};
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *procedure = json_array_get(found, i);
        static const char *const places[] = {"performedDateTime", "performedPeriod.end",
                                             "performedPeriod.start"};
        const json_t *time = NULL;
        bool in;
        if (!chart_in_time(g, procedure, &in))
            return false;
        for (size_t k = 0; k < COUNT(places) && (!time || json_is_null(time)); k++)
            time = json_at(procedure, places[k]);
        if (in && time && !json_is_null(time) && !chart_keep_later(g, latest, time))
            return false;
    }
    return true;
}

bool chart_none_or_older(struct grading *g, const struct chart_latest *latest,
                         const struct pytime *now, int64_t us, bool *old)
{
    struct pytime limit = pytime_plus(*now, -us);
    int order = -1;
    if (latest->any && !check_comparable(g, &latest->time, &limit, &order))
        return false;
    *old = order < 0;
    return true;
}

bool chart_medication(struct grading *g, const json_t *request, struct buf *out)
{
    const json_t *concept = json_object_get(request, "medicationCodeableConcept");
    const json_t *text = json_object_get(concept, "text");
    buf_reset(out);
    if (!json_is_object(concept) || (text && !json_is_string(text)))
        return grading_fail(g, "data: a MedicationRequest without medicationCodeableConcept.text");
    if (text)
        buf_add(out, json_string_value(text), json_string_length(text));
    text_lower(out);
    return true;
}
