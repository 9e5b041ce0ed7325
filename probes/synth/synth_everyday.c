/* synth_everyday.c - entries that any chart may hold and that no task asks for. */
#include "probes/synth/synth_tables_private.h"

#define LAB(code_, unit_, decimals_)                                                               \
    {                                                                                              \
        .type = SYNTH_OBSERVATION, .system = "http://example.org/fhir/CodeSystem/lab",             \
        .code = code_, .text = code_, .status = "final", .category = "laboratory", .unit = unit_,  \
        .decimals = decimals_                                                                      \
    }
#define CONDITION(code_, text_)                                                                    \
    {                                                                                              \
        .type = SYNTH_CONDITION, .system = "http://hl7.org/fhir/sid/icd-10-cm", .code = code_,     \
        .text = text_, .status = "active"                                                          \
    }
#define MEDICATION(text_, status_)                                                                 \
    {                                                                                              \
        .type = SYNTH_MEDICATION, .text = text_, .status = status_                                 \
    }
#define PROCEDURE(code_, text_)                                                                    \
    {                                                                                              \
        .type = SYNTH_PROCEDURE, .system = "http://www.ama-assn.org/go/cpt", .code = code_,        \
        .text = text_, .status = "completed"                                                       \
    }
#define SERVICE(code_, text_, status_)                                                             \
    {                                                                                              \
        .type = SYNTH_SERVICE, .system = "http://www.ama-assn.org/go/cpt", .code = code_,          \
        .text = text_, .status = status_                                                           \
    }

const struct synth_everyday synth_everyday[] = {
    {LAB("NA", "mmol/L", 0), 70, 128, 148, 4},
    {LAB("CREAT", "mg/dL", 1), 70, 5, 24, 4},
    {LAB("HGB", "g/dL", 1), 60, 82, 171, 3},
    {LAB("WBC", "10*3/uL", 1), 60, 31, 168, 3},
    {LAB("PLT", "10*3/uL", 0), 60, 90, 420, 3},
    {CONDITION("I10", "Essential (primary) hypertension"), 35, 0, 0, 1},
    {CONDITION("E78.5", "Hyperlipidemia, unspecified"), 25, 0, 0, 1},
    {CONDITION("E11.9", "Type 2 diabetes mellitus without complications"), 20, 0, 0, 1},
    {CONDITION("J45.909", "Unspecified asthma, uncomplicated"), 10, 0, 0, 1},
    {CONDITION("M54.50", "Low back pain, unspecified"), 15, 0, 0, 1},
    {MEDICATION("ACETAMINOPHEN 500 MG TABLET", "active"), 30, 0, 0, 1},
    {MEDICATION("LISINOPRIL 10 MG TABLET", "active"), 25, 0, 0, 1},
    {MEDICATION("ATORVASTATIN 40 MG TABLET", "active"), 25, 0, 0, 1},
    {MEDICATION("AMOXICILLIN 500 MG CAPSULE", "completed"), 20, 0, 0, 1},
    {PROCEDURE("71046", "XR CHEST 2 VIEWS"), 30, 0, 0, 2},
    {PROCEDURE("93000", "ELECTROCARDIOGRAM ROUTINE"), 25, 0, 0, 1},
    {SERVICE("97110", "PHYSICAL THERAPY", "active"), 15, 0, 0, 1},
    {SERVICE("80053", "COMPREHENSIVE METABOLIC PANEL", "completed"), 25, 0, 0, 2},
};
const int synth_everyday_n = sizeof(synth_everyday) / sizeof(*synth_everyday);
