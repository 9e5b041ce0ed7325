/* sim.c - the forms of a simulated reply, and small things that all parts use. */
#include "runtime/simulator/sim.h"

#include <stdarg.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/json.h"
#include "runtime/simulator/world.h"

void sim_finish(struct sim_run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_adds(r->out, "FINISH([");
    buf_vaddf(r->out, fmt, ap);
    buf_adds(r->out, "])");
    va_end(ap);
}

void sim_say(struct sim_run *r, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    buf_adds(r->out, "FINISH([\"");
    buf_add_json(r->out, text.ptr, text.len, false);
    buf_adds(r->out, "\"])");
    buf_release(&text);
}

void sim_post(struct sim_run *r, const char *type, json_t *payload)
{
    buf_addf(r->out, "POST %s%s\n", r->base, type);
    buf_add_json_value(r->out, payload);
    json_decref(payload);
}

json_t *sim_subject(const struct sim_run *r)
{
    return json_pack("{s:s+}", "reference", sim_has(r, HAB_SUBJECT) ? "" : "Patient/", r->mrn);
}

json_t *sim_coding(const char *system, const char *code, const char *display)
{
    return json_pack("{s:[{s:s,s:s,s:s}]}", "coding", "system", system, "code", code, "display",
                     display);
}

/* What orders of both kinds have. */
static void add_order(const struct sim_run *r, json_t *order)
{
    bool draft = sim_has(r, HAB_STATUS);
    if (!sim_has(r, HAB_AUTHORED))
        json_object_set_new(order, "authoredOn", json_string(r->now));
    json_object_set_new(order, "status", json_string(draft ? "draft" : "active"));
    json_object_set_new(order, "intent", json_string(draft ? "plan" : "order"));
}

json_t *sim_service_request(const struct sim_run *r, const char *system, const char *code,
                            const char *display)
{
    json_t *order = json_pack("{s:s}", "resourceType", "ServiceRequest");
    json_object_set_new(order, "code",
                        sim_has(r, HAB_CODE_SHAPE) ? json_pack("{s:s}", "text", display)
                                                   : sim_coding(system, code, display));
    add_order(r, order);
    if (!sim_has(r, HAB_PRIORITY))
        json_object_set_new(order, "priority", json_string("stat"));
    json_object_set_new(order, "subject", sim_subject(r));
    return order;
}

json_t *sim_medication(const struct sim_run *r, const char *ndc, const char *text)
{
    json_t *order = json_pack("{s:s}", "resourceType", "MedicationRequest");
    json_t *concept = ndc ? sim_coding("http://hl7.org/fhir/sid/ndc", ndc, text) : json_object();
    json_object_set_new(concept, "text", json_string(text));
    json_object_set_new(order, "medicationCodeableConcept", concept);
    add_order(r, order);
    json_object_set_new(order, "subject", sim_subject(r));
    return order;
}

enum sim_profile sim_profile(const struct sim_settings *s)
{
    if (s->profile && strcmp(s->profile, "weak") == 0)
        return PROFILE_WEAK;
    return s->profile && strcmp(s->profile, "strong") == 0 ? PROFILE_STRONG : PROFILE_DEFAULT;
}

double sim_chance(uint64_t key, uint64_t a, uint64_t b)
{
    uint64_t in[3] = {key, a, b};
    return (double)(XXH3_64bits(in, sizeof(in)) >> 11) / 9007199254740992.0; /* 2^53 */
}

bool sim_has(const struct sim_run *r, enum sim_habit h)
{
    return r->habits & HABIT(h);
}
