/* reply.c - what all interactions answer with: a resource and its headers, times, the end of an
 * exchange. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fhir/overlay.h"
#include "fhir/rest.h"
#include "runtime/base/clock.h"

#define OVERLAY_TICK 1000000 /* microseconds between the writes of an overlay */

/* ---- times ---- */

void fhir_rest_time(int64_t us, char out[REST_TIME])
{
    char text[CLOCK_TEXT];
    if (us > INT64_MAX / 1000 || us < INT64_MIN / 1000)
        us = 0;
    clock_format(us * 1000, 1, text);
    text[strcspn(text, "Z")] = '\0';
    snprintf(out, REST_TIME, "%s+00:00", text);
}

int64_t fhir_rest_changed(const struct fhir_view *v)
{
    int64_t latest = v->changed_us;
    for (size_t i = 0; v->overlay && i < v->overlay->n; i++)
        if (v->overlay->v[i].record.updated_us > latest)
            latest = v->overlay->v[i].record.updated_us;
    return latest;
}

int64_t fhir_rest_now(const struct fhir_view *v)
{
    return v->overlay ? fhir_rest_changed(v) + OVERLAY_TICK : clock_stamp() / 1000000 * 1000;
}

/* ---- replies ---- */

static void http_date(int64_t us, char out[40])
{
    time_t t = (time_t)(us / 1000000);
    struct tm tm;
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    *out = '\0';
    if (gmtime_r(&t, &tm) && tm.tm_year < 8100 && tm.tm_year > -1900)
        snprintf(out, 40, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void fhir_rest_reply_resource(struct fhir_exchange *x, int status, const struct fhir_record *r)
{
    x->rs->status = status;
    x->updated_us = r->updated_us;
    buf_reset(&x->rs->body);
    buf_add(&x->rs->body, r->text, r->text_len);
    snprintf(x->rs->etag, sizeof(x->rs->etag), "W/\"%u\"", r->version);
    http_date(r->updated_us, x->rs->last_modified);
}

void fhir_exchange_release(struct fhir_exchange *x)
{
    fhir_arena_release(&x->arena);
}

void fhir_response_release(struct fhir_response *rs)
{
    buf_release(&rs->body);
    free(rs->location);
    rs->location = NULL;
}
