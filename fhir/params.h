/*
 * params.h - resource types and search parameters, as tables: what the server indexes, understands
 * and lists in its CapabilityStatement is what stands here.
 */
#ifndef GRASP_FHIR_PARAMS_H
#define GRASP_FHIR_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fhir_param_kind {
    PARAM_TOKEN,
    PARAM_STRING,
    PARAM_REFERENCE,
    PARAM_DATE,
    PARAM_QUANTITY,
    PARAM_ID, /* _id: answered by the table of ids */
};

struct fhir_search_param {
    const char *name;
    enum fhir_param_kind kind;
    const char *path; /* steps joined by '.', alternatives by '|'; arrays are walked through */
    /* token: the system of a plain code, or "=phone" to take only contact points of that system;
     * reference: the types that count, joined by '|', NULL: any */
    const char *arg;
};

struct fhir_resource_type {
    const char *name;
    const struct fhir_search_param *params; /* own parameters, without the common ones */
    size_t n;
};

extern const struct fhir_resource_type fhir_resource_types[]; /* all of R4, sorted by name */
extern const size_t fhir_resource_type_count;
/* Parameters of every type: _id and _lastUpdated. */
extern const struct fhir_search_param fhir_common_params[];
extern const size_t fhir_common_param_count;

/* NULL when R4 has no such resource type. */
const struct fhir_resource_type *fhir_resource_type_find(const char *name, size_t len);

/* Numbers that begin an index key: type and parameter in 15 bits. Slots below PARAM_SLOT_OWN are
 * the store's. The top bit marks the display texts of a token (modifier :text). */
enum { PARAM_SLOT_TYPE, PARAM_SLOT_LAST_UPDATED, PARAM_SLOT_SUBJECT_CODE, PARAM_SLOT_OWN };
#define PARAM_TEXT_BIT 0x8000u
uint16_t fhir_param_slot_number(const struct fhir_resource_type *type, unsigned slot);
/* The parameter of that name and its number; NULL when the type has none. */
const struct fhir_search_param *fhir_param_find(const struct fhir_resource_type *type,
                                                const char *name, size_t len, uint16_t *number);
/* Changes whenever the tables do: a store that was indexed by other tables is refused. */
uint64_t fhir_params_fingerprint(void);

const char *fhir_param_kind_name(enum fhir_param_kind kind); /* "token", ... as FHIR calls it */

#endif
