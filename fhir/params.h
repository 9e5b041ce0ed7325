/*
 * params.h - resource types and search parameters, as tables: what the server indexes, understands
 * and lists in its CapabilityStatement is what stands here.
 *
 * The tables are those of R4 and US Core (params_table.c, written by generate/params.mjs). Where we
 * differ on purpose stands in generate/exceptions.json, each with its reason.
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
    PARAM_NUMBER,
    PARAM_URI,
    PARAM_COMPOSITE, /* checked on the text; its first component's index leads to candidates */
    PARAM_ID,        /* _id: answered by the table of ids */
};

struct fhir_search_param {
    const char *name;
    enum fhir_param_kind kind;
    const char *path;    /* FHIRPath (path.h), alternatives joined by '|' */
    const char *system;  /* token: of a plain code; NULL: none */
    const char *targets; /* reference: types it may lead to, joined by '|'; NULL: any */
    const char *shared;  /* its values are those of this other parameter, or of these two */
    const char *parts;   /* composite: "kind parameter path" for each component, ';' between */
};

struct fhir_resource_type {
    const char *name;
    const struct fhir_search_param *params; /* its own, sorted by name, without the common ones */
    size_t n;
    const char *summary, *mandatory; /* top-level elements, joined by ','; "value[x]": a choice */
    const char *compartments;        /* "Patient=subject,performer;..."; NULL: in none */
};

extern const struct fhir_resource_type fhir_resource_types[]; /* all of R4, sorted by name */
extern const size_t fhir_resource_type_count;
/* Parameters of every type: _id, _lastUpdated, ... */
extern const struct fhir_search_param fhir_common_params[];
extern const size_t fhir_common_param_count;
/* Parameters that R4 defines and this server lacks: refused even where unknown ones are ignored. */
struct fhir_refused_param {
    const char *type; /* NULL: every type */
    const char *name;
};
extern const struct fhir_refused_param fhir_refused_params[];
extern const size_t fhir_refused_param_count;
bool fhir_param_refused(const struct fhir_resource_type *type, const char *name);

/* NULL when R4 has no such resource type. */
const struct fhir_resource_type *fhir_resource_type_find(const char *name, size_t len);

/* Numbers that begin an index key: type and parameter in 14 bits. Slots below PARAM_SLOT_OWN are
 * the store's and the common parameters'. */
enum {
    PARAM_SLOT_TYPE,
    PARAM_SLOT_SUBJECT_CODE,
    PARAM_SLOT_COMMON, /* the first of fhir_common_params but _id */
    PARAM_SLOT_LAST_UPDATED = PARAM_SLOT_COMMON,
    PARAM_SLOT_OWN = PARAM_SLOT_COMMON + 5
};
#define PARAM_SLOT_BITS 6
#define PARAM_SLOT(n)   ((n) & ((1u << PARAM_SLOT_BITS) - 1))
/* Marks the display texts of a token (modifier :text). */
#define PARAM_TEXT_BIT 0x8000u
/* Marks what a value has besides: a reference's identifier (:identifier), an identifier's type with
 * its value (:of-type), or that there is something that is no value (:missing). */
#define PARAM_EXTRA_BIT 0x4000u
uint16_t fhir_param_slot_number(const struct fhir_resource_type *type, unsigned slot);
/* The parameter behind a number without its bits; NULL: a slot of the store's. */
const struct fhir_search_param *fhir_param_at(const struct fhir_resource_type *type,
                                              uint16_t number);

#define PARAM_NUMBERS_MAX 16
/* A parameter and where its values are: one number, several when it shares those of others, none
 * when it has to be worked out from the text. */
struct fhir_param_ref {
    const struct fhir_search_param *param;
    uint16_t numbers[PARAM_NUMBERS_MAX];
    size_t n;
};
/* The parameter of that name. False when the type has none. */
bool fhir_param_find(const struct fhir_resource_type *type, const char *name, size_t len,
                     struct fhir_param_ref *out);
/* Is `name` one of "A|B" (or of another separator)? */
bool fhir_listed(const char *list, char separator, const char *name, size_t len);

/* Changes whenever the tables do: a store that was indexed by other tables is refused. */
uint64_t fhir_params_fingerprint(void);

const char *fhir_param_kind_name(enum fhir_param_kind kind); /* "token", ... as FHIR calls it */
/* False: no such kind. */
bool fhir_param_kind_find(const char *name, size_t len, enum fhir_param_kind *out);

#endif
