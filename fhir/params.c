/* params.c - the tables of params.h. Systems of plain codes are those that R4 binds them to. */
#include "fhir/params.h"

#include <string.h>
#include <xxhash.h>

static const struct fhir_search_param patient_params[] = {
    {"identifier", PARAM_TOKEN, "identifier", NULL},
    {"name", PARAM_STRING, "name.family|name.given|name.text|name.prefix|name.suffix", NULL},
    {"family", PARAM_STRING, "name.family", NULL},
    {"given", PARAM_STRING, "name.given", NULL},
    {"birthdate", PARAM_DATE, "birthDate", NULL},
    {"gender", PARAM_TOKEN, "gender", "http://hl7.org/fhir/administrative-gender"},
    {"address", PARAM_STRING,
     "address.line|address.city|address.district|address.state|address.postalCode|address.country|"
     "address.text",
     NULL},
    {"address-city", PARAM_STRING, "address.city", NULL},
    {"address-state", PARAM_STRING, "address.state", NULL},
    {"address-postalcode", PARAM_STRING, "address.postalCode", NULL},
    {"telecom", PARAM_TOKEN, "telecom", NULL},
    {"phone", PARAM_TOKEN, "telecom", "=phone"},
    {"email", PARAM_TOKEN, "telecom", "=email"},
    {"active", PARAM_TOKEN, "active", NULL},
};

static const struct fhir_search_param observation_params[] = {
    {"patient", PARAM_REFERENCE, "subject", "Patient"},
    {"subject", PARAM_REFERENCE, "subject", NULL},
    {"code", PARAM_TOKEN, "code", NULL},
    {"category", PARAM_TOKEN, "category", NULL},
    {"date", PARAM_DATE, "effectiveDateTime|effectivePeriod|effectiveInstant|effectiveTiming.event",
     NULL},
    {"status", PARAM_TOKEN, "status", "http://hl7.org/fhir/observation-status"},
    {"value-quantity", PARAM_QUANTITY, "valueQuantity", NULL},
    {"encounter", PARAM_REFERENCE, "encounter", "Encounter"},
};

static const struct fhir_search_param condition_params[] = {
    {"patient", PARAM_REFERENCE, "subject", "Patient"},
    {"subject", PARAM_REFERENCE, "subject", NULL},
    {"code", PARAM_TOKEN, "code", NULL},
    {"category", PARAM_TOKEN, "category", NULL},
    {"clinical-status", PARAM_TOKEN, "clinicalStatus", NULL},
    {"onset-date", PARAM_DATE, "onsetDateTime|onsetPeriod", NULL},
    {"recorded-date", PARAM_DATE, "recordedDate", NULL},
};

static const struct fhir_search_param medicationrequest_params[] = {
    {"patient", PARAM_REFERENCE, "subject", "Patient"},
    {"subject", PARAM_REFERENCE, "subject", NULL},
    {"code", PARAM_TOKEN, "medicationCodeableConcept", NULL},
    {"status", PARAM_TOKEN, "status", "http://hl7.org/fhir/CodeSystem/medicationrequest-status"},
    {"intent", PARAM_TOKEN, "intent", "http://hl7.org/fhir/CodeSystem/medicationrequest-intent"},
    {"authoredon", PARAM_DATE, "authoredOn", NULL},
    {"date", PARAM_DATE, "dosageInstruction.timing.event|authoredOn", NULL},
    {"category", PARAM_TOKEN, "category", NULL},
};

static const struct fhir_search_param procedure_params[] = {
    {"patient", PARAM_REFERENCE, "subject", "Patient"},
    {"subject", PARAM_REFERENCE, "subject", NULL},
    {"code", PARAM_TOKEN, "code", NULL},
    {"date", PARAM_DATE, "performedDateTime|performedPeriod", NULL},
    {"status", PARAM_TOKEN, "status", "http://hl7.org/fhir/event-status"},
};

static const struct fhir_search_param servicerequest_params[] = {
    {"patient", PARAM_REFERENCE, "subject", "Patient"},
    {"subject", PARAM_REFERENCE, "subject", NULL},
    {"code", PARAM_TOKEN, "code", NULL},
    {"status", PARAM_TOKEN, "status", "http://hl7.org/fhir/request-status"},
    {"intent", PARAM_TOKEN, "intent", "http://hl7.org/fhir/request-intent"},
    {"category", PARAM_TOKEN, "category", NULL},
    {"authored", PARAM_DATE, "authoredOn", NULL},
    {"occurrence", PARAM_DATE, "occurrenceDateTime|occurrencePeriod|occurrenceTiming.event", NULL},
    {"priority", PARAM_TOKEN, "priority", "http://hl7.org/fhir/request-priority"},
};

static const struct fhir_search_param encounter_params[] = {
    {"patient", PARAM_REFERENCE, "subject", "Patient"},
    {"subject", PARAM_REFERENCE, "subject", NULL},
    {"class", PARAM_TOKEN, "class", NULL},
    {"status", PARAM_TOKEN, "status", "http://hl7.org/fhir/encounter-status"},
    {"date", PARAM_DATE, "period", NULL},
};

static const struct fhir_search_param allergyintolerance_params[] = {
    {"patient", PARAM_REFERENCE, "patient", "Patient"},
    {"code", PARAM_TOKEN, "code|reaction.substance", NULL},
    {"clinical-status", PARAM_TOKEN, "clinicalStatus", NULL},
    {"status", PARAM_TOKEN, "clinicalStatus", NULL},
    {"date", PARAM_DATE, "recordedDate", NULL},
};

static const struct fhir_search_param immunization_params[] = {
    {"patient", PARAM_REFERENCE, "patient", "Patient"},
    {"vaccine-code", PARAM_TOKEN, "vaccineCode", NULL},
    {"status", PARAM_TOKEN, "status", "http://hl7.org/fhir/event-status"},
    {"date", PARAM_DATE, "occurrenceDateTime", NULL},
};

static const struct fhir_search_param diagnosticreport_params[] = {
    {"patient", PARAM_REFERENCE, "subject", "Patient"},
    {"subject", PARAM_REFERENCE, "subject", NULL},
    {"code", PARAM_TOKEN, "code", NULL},
    {"status", PARAM_TOKEN, "status", "http://hl7.org/fhir/diagnostic-report-status"},
    {"date", PARAM_DATE, "effectiveDateTime|effectivePeriod", NULL},
};

static const struct fhir_search_param medicationadministration_params[] = {
    {"patient", PARAM_REFERENCE, "subject", "Patient"},
    {"subject", PARAM_REFERENCE, "subject", NULL},
    {"code", PARAM_TOKEN, "medicationCodeableConcept", NULL},
    {"status", PARAM_TOKEN, "status",
     "http://terminology.hl7.org/CodeSystem/medication-admin-status"},
    {"date", PARAM_DATE, "effectiveDateTime|effectivePeriod", NULL},
};

const struct fhir_search_param fhir_common_params[] = {
    {"_id", PARAM_ID, "id", NULL},
    {"_lastUpdated", PARAM_DATE, "meta.lastUpdated", NULL},
};
const size_t fhir_common_param_count = sizeof(fhir_common_params) / sizeof(*fhir_common_params);

#define PLAIN(name)                                                                                \
    {                                                                                              \
        name, NULL, 0                                                                              \
    }
#define TYPE(name, table)                                                                          \
    {                                                                                              \
        name, table, sizeof(table) / sizeof(*(table))                                              \
    }

/* The resource types of R4 (4.0.1), sorted. */
const struct fhir_resource_type fhir_resource_types[] = {
    PLAIN("Account"),
    PLAIN("ActivityDefinition"),
    PLAIN("AdverseEvent"),
    TYPE("AllergyIntolerance", allergyintolerance_params),
    PLAIN("Appointment"),
    PLAIN("AppointmentResponse"),
    PLAIN("AuditEvent"),
    PLAIN("Basic"),
    PLAIN("Binary"),
    PLAIN("BiologicallyDerivedProduct"),
    PLAIN("BodyStructure"),
    PLAIN("Bundle"),
    PLAIN("CapabilityStatement"),
    PLAIN("CarePlan"),
    PLAIN("CareTeam"),
    PLAIN("CatalogEntry"),
    PLAIN("ChargeItem"),
    PLAIN("ChargeItemDefinition"),
    PLAIN("Claim"),
    PLAIN("ClaimResponse"),
    PLAIN("ClinicalImpression"),
    PLAIN("CodeSystem"),
    PLAIN("Communication"),
    PLAIN("CommunicationRequest"),
    PLAIN("CompartmentDefinition"),
    PLAIN("Composition"),
    PLAIN("ConceptMap"),
    TYPE("Condition", condition_params),
    PLAIN("Consent"),
    PLAIN("Contract"),
    PLAIN("Coverage"),
    PLAIN("CoverageEligibilityRequest"),
    PLAIN("CoverageEligibilityResponse"),
    PLAIN("DetectedIssue"),
    PLAIN("Device"),
    PLAIN("DeviceDefinition"),
    PLAIN("DeviceMetric"),
    PLAIN("DeviceRequest"),
    PLAIN("DeviceUseStatement"),
    TYPE("DiagnosticReport", diagnosticreport_params),
    PLAIN("DocumentManifest"),
    PLAIN("DocumentReference"),
    PLAIN("EffectEvidenceSynthesis"),
    TYPE("Encounter", encounter_params),
    PLAIN("Endpoint"),
    PLAIN("EnrollmentRequest"),
    PLAIN("EnrollmentResponse"),
    PLAIN("EpisodeOfCare"),
    PLAIN("EventDefinition"),
    PLAIN("Evidence"),
    PLAIN("EvidenceVariable"),
    PLAIN("ExampleScenario"),
    PLAIN("ExplanationOfBenefit"),
    PLAIN("FamilyMemberHistory"),
    PLAIN("Flag"),
    PLAIN("Goal"),
    PLAIN("GraphDefinition"),
    PLAIN("Group"),
    PLAIN("GuidanceResponse"),
    PLAIN("HealthcareService"),
    PLAIN("ImagingStudy"),
    TYPE("Immunization", immunization_params),
    PLAIN("ImmunizationEvaluation"),
    PLAIN("ImmunizationRecommendation"),
    PLAIN("ImplementationGuide"),
    PLAIN("InsurancePlan"),
    PLAIN("Invoice"),
    PLAIN("Library"),
    PLAIN("Linkage"),
    PLAIN("List"),
    PLAIN("Location"),
    PLAIN("Measure"),
    PLAIN("MeasureReport"),
    PLAIN("Media"),
    PLAIN("Medication"),
    TYPE("MedicationAdministration", medicationadministration_params),
    PLAIN("MedicationDispense"),
    PLAIN("MedicationKnowledge"),
    TYPE("MedicationRequest", medicationrequest_params),
    PLAIN("MedicationStatement"),
    PLAIN("MedicinalProduct"),
    PLAIN("MedicinalProductAuthorization"),
    PLAIN("MedicinalProductContraindication"),
    PLAIN("MedicinalProductIndication"),
    PLAIN("MedicinalProductIngredient"),
    PLAIN("MedicinalProductInteraction"),
    PLAIN("MedicinalProductManufactured"),
    PLAIN("MedicinalProductPackaged"),
    PLAIN("MedicinalProductPharmaceutical"),
    PLAIN("MedicinalProductUndesirableEffect"),
    PLAIN("MessageDefinition"),
    PLAIN("MessageHeader"),
    PLAIN("MolecularSequence"),
    PLAIN("NamingSystem"),
    PLAIN("NutritionOrder"),
    TYPE("Observation", observation_params),
    PLAIN("ObservationDefinition"),
    PLAIN("OperationDefinition"),
    PLAIN("OperationOutcome"),
    PLAIN("Organization"),
    PLAIN("OrganizationAffiliation"),
    PLAIN("Parameters"),
    TYPE("Patient", patient_params),
    PLAIN("PaymentNotice"),
    PLAIN("PaymentReconciliation"),
    PLAIN("Person"),
    PLAIN("PlanDefinition"),
    PLAIN("Practitioner"),
    PLAIN("PractitionerRole"),
    TYPE("Procedure", procedure_params),
    PLAIN("Provenance"),
    PLAIN("Questionnaire"),
    PLAIN("QuestionnaireResponse"),
    PLAIN("RelatedPerson"),
    PLAIN("RequestGroup"),
    PLAIN("ResearchDefinition"),
    PLAIN("ResearchElementDefinition"),
    PLAIN("ResearchStudy"),
    PLAIN("ResearchSubject"),
    PLAIN("RiskAssessment"),
    PLAIN("RiskEvidenceSynthesis"),
    PLAIN("Schedule"),
    PLAIN("SearchParameter"),
    TYPE("ServiceRequest", servicerequest_params),
    PLAIN("Slot"),
    PLAIN("Specimen"),
    PLAIN("SpecimenDefinition"),
    PLAIN("StructureDefinition"),
    PLAIN("StructureMap"),
    PLAIN("Subscription"),
    PLAIN("Substance"),
    PLAIN("SubstanceNucleicAcid"),
    PLAIN("SubstancePolymer"),
    PLAIN("SubstanceProtein"),
    PLAIN("SubstanceReferenceInformation"),
    PLAIN("SubstanceSourceMaterial"),
    PLAIN("SubstanceSpecification"),
    PLAIN("SupplyDelivery"),
    PLAIN("SupplyRequest"),
    PLAIN("Task"),
    PLAIN("TerminologyCapabilities"),
    PLAIN("TestReport"),
    PLAIN("TestScript"),
    PLAIN("ValueSet"),
    PLAIN("VerificationResult"),
    PLAIN("VisionPrescription"),
};
const size_t fhir_resource_type_count = sizeof(fhir_resource_types) / sizeof(*fhir_resource_types);

const struct fhir_resource_type *fhir_resource_type_find(const char *name, size_t len)
{
    size_t lo = 0, hi = fhir_resource_type_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strncmp(name, fhir_resource_types[mid].name, len);
        if (c == 0 && fhir_resource_types[mid].name[len] != '\0')
            c = -1;
        if (c == 0)
            return &fhir_resource_types[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

uint16_t fhir_param_slot_number(const struct fhir_resource_type *type, unsigned slot)
{
    return (uint16_t)((size_t)(type - fhir_resource_types) << 5 | slot);
}

const struct fhir_search_param *fhir_param_find(const struct fhir_resource_type *type,
                                                const char *name, size_t len, uint16_t *number)
{
    for (size_t i = 0; i < type->n; i++)
        if (strncmp(type->params[i].name, name, len) == 0 && !type->params[i].name[len]) {
            *number = fhir_param_slot_number(type, PARAM_SLOT_OWN + (unsigned)i);
            return &type->params[i];
        }
    for (size_t i = 0; i < fhir_common_param_count; i++)
        if (strncmp(fhir_common_params[i].name, name, len) == 0 &&
            !fhir_common_params[i].name[len]) {
            *number = fhir_param_slot_number(type, PARAM_SLOT_LAST_UPDATED);
            return &fhir_common_params[i];
        }
    return NULL;
}

uint64_t fhir_params_fingerprint(void)
{
    uint64_t h = 0;
    for (size_t i = 0; i < fhir_resource_type_count; i++) {
        const struct fhir_resource_type *t = &fhir_resource_types[i];
        h = XXH3_64bits_withSeed(t->name, strlen(t->name) + 1, h);
        for (size_t j = 0; j < t->n; j++) {
            const struct fhir_search_param *p = &t->params[j];
            h = XXH3_64bits_withSeed(p->name, strlen(p->name) + 1, h + (uint64_t)p->kind);
            h = XXH3_64bits_withSeed(p->path, strlen(p->path) + 1, h);
            if (p->arg)
                h = XXH3_64bits_withSeed(p->arg, strlen(p->arg) + 1, h);
        }
    }
    return h;
}

const char *fhir_param_kind_name(enum fhir_param_kind kind)
{
    static const char *const names[] = {
        [PARAM_TOKEN] = "token", [PARAM_STRING] = "string",     [PARAM_REFERENCE] = "reference",
        [PARAM_DATE] = "date",   [PARAM_QUANTITY] = "quantity", [PARAM_ID] = "token"};
    return names[kind];
}
