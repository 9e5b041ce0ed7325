/*
 * decide.h - inside of libfhir: search, then decide. Everything conditional comes here:
 * If-None-Exist, conditional update, delete and patch, and references that are searches.
 *
 * It runs on the view of the write that depends on it, so nobody else can write in between, and
 * inside a transaction it sees what the entries before it did.
 */
#ifndef GRASP_FHIR_DECIDE_H
#define GRASP_FHIR_DECIDE_H

#include "fhir/store.h"

struct fhir_decision {
    size_t n;                 /* resources that match: 0, 1, or 2 for several */
    char id[FHIR_ID_MAX + 1]; /* of the one */
};

/* `criteria`: undecoded search parameters, "identifier=urn:x|1", maybe after "Type?". GRASP_EINVAL:
 * they ask nothing, or hold a parameter that is not known (which is never ignored here: a search
 * that is wider than it was meant to be would decide about the wrong resource). */
int fhir_decide(struct fhir_view *v, const struct fhir_resource_type *type, const char *criteria,
                size_t len, struct fhir_decision *out);

/* Is this value of a "reference" a search, "Type?parameters"? The type, else NULL. */
const struct fhir_resource_type *fhir_conditional_reference(const char *s, size_t len);
/* Appends the resource's text with each conditional reference replaced by its one match.
 * GRASP_ENOTFOUND: one has no match; GRASP_ECONFLICT: several. With `unresolved` such references
 * stay as they are and are counted instead. *found: how many conditional references there were. */
int fhir_decide_references(struct fhir_view *v, const char *text, size_t len, struct buf *out,
                           size_t *found, size_t *unresolved);

#endif
