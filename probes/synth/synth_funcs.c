/*
 * synth_funcs.c - the function descriptions that the executor's prompt lists, as a JSON array of
 * {name, description, parameters: JSON Schema}.
 */
#include <string.h>

#include "probes/synth/synth_tables_private.h"

/* A parameter by its path: "code.coding[].system" stands for an object that holds a list of objects
 * that hold a string. */
struct param {
    const char *path, *type, *description;
};
struct function {
    const char *name, *description;
    const struct param *params;  /* ends with a zero entry */
    const char *const *required; /* ends with NULL */
};

#define PATIENT                                                                                    \
    {                                                                                              \
        "patient", "string", "The patient: MRN, or Patient/MRN."                                   \
    }
#define SUBJECT                                                                                    \
    {                                                                                              \
        "subject.reference", "string", "The patient as \"Patient/\" and the MRN."                  \
    }

static const struct param conditions[] = {
    {"category", "string", "\"problem-list-item\"."}, PATIENT, {0}};
static const struct param lab_search[] = {
    {"code", "string", "The lab's code."},
    {"date", "string", "When the specimen was taken; prefixes such as ge and le give a range."},
    PATIENT,
    {0}};
static const struct param vitals[] = {
    {"category", "string", "\"vital-signs\"."},
    {"date", "string", "When it was measured; prefixes such as ge and le give a range."},
    PATIENT,
    {0}};
static const struct param new_vital[] = {
    {"resourceType", "string", "\"Observation\"."},
    {"category[].coding[].system", "string", "\"http://hl7.org/fhir/observation-category\"."},
    {"category[].coding[].code", "string", "\"vital-signs\"."},
    {"category[].coding[].display", "string", "\"Vital Signs\"."},
    {"code.text", "string", "The flowsheet ID of what is measured."},
    {"effectiveDateTime", "string", "When it was measured, ISO 8601."},
    {"status", "string", "\"final\"; nothing else can be filed."},
    {"valueString", "string", "The measurement as text."},
    SUBJECT,
    {0}};
static const struct param medications[] = {
    {"category", "string", "Inpatient, Outpatient, Community or Discharge."},
    {"date", "string", "When it was ordered."},
    PATIENT,
    {0}};
static const struct param new_medication[] = {
    {"resourceType", "string", "\"MedicationRequest\"."},
    {"medicationCodeableConcept.coding[].system", "string", "\"http://hl7.org/fhir/sid/ndc\"."},
    {"medicationCodeableConcept.coding[].code", "string", "The drug's NDC."},
    {"medicationCodeableConcept.coding[].display", "string", "The drug's name."},
    {"medicationCodeableConcept.text", "string", "The order as it should read."},
    {"authoredOn", "string", "When it is ordered, ISO 8601."},
    {"dosageInstruction[].route", "string", "How it is given, as plain text: \"IV\", \"oral\"."},
    {"dosageInstruction[].doseAndRate[].doseQuantity.value", "number", "The dose."},
    {"dosageInstruction[].doseAndRate[].doseQuantity.unit", "string", "Its unit, such as \"g\"."},
    {"dosageInstruction[].doseAndRate[].rateQuantity.value", "number",
     "For an infusion, the time it takes."},
    {"dosageInstruction[].doseAndRate[].rateQuantity.unit", "string", "Its unit, such as \"h\"."},
    {"status", "string", "\"active\", or \"stopped\" to discontinue an order."},
    {"intent", "string", "\"order\"."},
    SUBJECT,
    {0}};
static const struct param procedures[] = {{"code", "string", "The procedure's code (CPT)."},
                                          {"date", "string", "When it was done."},
                                          PATIENT,
                                          {0}};
static const struct param services[] = {{"code", "string", "The order's code."},
                                        {"status", "string", "active, completed, ..."},
                                        PATIENT,
                                        {0}};
static const struct param new_service[] = {
    {"resourceType", "string", "\"ServiceRequest\"."},
    {"code.coding[].system", "string",
     "\"http://loinc.org\", \"http://snomed.info/sct\" or \"http://www.ama-assn.org/go/cpt\"."},
    {"code.coding[].code", "string", "What is ordered."},
    {"code.coding[].display", "string", "Its name."},
    {"authoredOn", "string", "When it is ordered, ISO 8601."},
    {"status", "string", "\"active\"."},
    {"intent", "string", "\"order\"."},
    {"priority", "string", "\"stat\"."},
    SUBJECT,
    {"reasonCode[].text", "string", "The indication."},
    {"note.text", "string", "Free text."},
    {"occurrenceDateTime", "string", "When it should be done, ISO 8601."},
    {0}};
static const struct param patients[] = {
    {"identifier", "string", "The MRN."},
    {"family", "string", "The family name."},
    {"given", "string", "The given name."},
    {"name", "string", "The start of any one part of the name."},
    {"birthdate", "string", "The date of birth, YYYY-MM-DD."},
    {"gender", "string", "female, male, other or unknown."},
    {"telecom", "string", "Telephone number or e-mail address."},
    {"address", "string", "The start of any part of the address."},
    {"address-city", "string", "The city."},
    {"address-state", "string", "The state."},
    {"address-postalcode", "string", "The postal code."},
    {0}};

static const char *const need_patient[] = {"patient", NULL};
static const char *const need_lab[] = {"code", "patient", NULL};
static const char *const need_vital[] = {"category", "patient", NULL};
static const char *const need_new_vital[] = {"resourceType",      "category", "code",
                                             "effectiveDateTime", "status",   "valueString",
                                             "subject",           NULL};
static const char *const need_new_medication[] = {"resourceType", "medicationCodeableConcept",
                                                  "authoredOn",   "dosageInstruction",
                                                  "status",       "intent",
                                                  "subject",      NULL};
static const char *const need_new_service[] = {"resourceType", "code",     "authoredOn", "status",
                                               "intent",       "priority", "subject",    NULL};
static const char *const need_nothing[] = {NULL};

static const struct function functions[] = {
    {"GET {api_base}/Condition", "Searches the problem list of a patient.", conditions,
     need_patient},
    {"GET {api_base}/Observation",
     "Searches lab results of a patient. An answer holds one page; a link with relation next leads "
     "to more.",
     lab_search, need_lab},
    {"GET {api_base}/Observation", "Searches vital signs and other flowsheet data of a patient.",
     vitals, need_vital},
    {"POST {api_base}/Observation", "Files a vital sign in a flowsheet.", new_vital,
     need_new_vital},
    {"GET {api_base}/MedicationRequest", "Searches medication orders of a patient.", medications,
     need_patient},
    {"POST {api_base}/MedicationRequest", "Creates a medication order, or discontinues one.",
     new_medication, need_new_medication},
    {"GET {api_base}/Procedure", "Searches procedures done on a patient, vaccinations included.",
     procedures, need_patient},
    {"GET {api_base}/ServiceRequest",
     "Searches orders for lab_search, imaging, referrals and nursing of a patient.", services,
     need_patient},
    {"POST {api_base}/ServiceRequest",
     "Creates an order for a lab, imaging, a referral or nursing.", new_service, need_new_service},
    {"GET {api_base}/Patient", "Searches patients by demographics.", patients, need_nothing},
};

/* The value under a key, made as an object when missing. Borrowed. */
static json_t *child(json_t *object, const char *key, size_t n)
{
    json_t *v = json_object_getn(object, key, n);
    if (!v && (v = json_object()) && json_object_setn_new(object, key, n, v) < 0)
        v = NULL;
    return v;
}

/* Walks a path through nested schemas, making what is missing on the way. */
static int add_param(json_t *schema, const struct param *p)
{
    const char *at = p->path;

    while (schema && *at) {
        size_t n = strcspn(at, ".[");
        json_object_set_new(schema, "type", json_string("object"));
        json_t *properties = child(schema, "properties", 10);
        schema = child(properties, at, n);
        at += n;
        if (schema && strncmp(at, "[]", 2) == 0) {
            json_object_set_new(schema, "type", json_string("array"));
            schema = child(schema, "items", 5);
            at += 2;
        }
        at += *at == '.';
    }
    return schema && json_object_set_new(schema, "type", json_string(p->type)) == 0 &&
                   json_object_set_new(schema, "description", json_string(p->description)) == 0
               ? 0
               : -1;
}

static json_t *describe(const struct function *f)
{
    json_t *schema = json_pack("{s:s, s:{}}", "type", "object", "properties");
    json_t *required = json_array();

    for (const struct param *p = f->params; schema && p->path; p++)
        if (add_param(schema, p) < 0)
            goto fail;
    for (const char *const *r = f->required; *r; r++)
        if (json_array_append_new(required, json_string(*r)) < 0)
            goto fail;
    if (json_object_set_new(schema, "required", required) < 0) {
        json_decref(schema);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:o}", "name", f->name, "description", f->description,
                     "parameters", schema);
fail:
    json_decref(schema);
    json_decref(required);
    return NULL;
}

json_t *synth_functions(void)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < sizeof(functions) / sizeof(*functions); i++)
        if (json_array_append_new(list, describe(&functions[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}
