/* clause.h - inside of libfhir: one search parameter of a request, name and values, as a clause. */
#ifndef GRASP_FHIR_CLAUSE_H
#define GRASP_FHIR_CLAUSE_H

#include "fhir/query.h"

/* What parsing a clause needs besides its text. */
struct fhir_parse {
    struct fhir_query *q;
    const struct fhir_query_source *source;
    bool known; /* out: every name on the way is a parameter */
    bool asks;  /* out: it has a value */
};

/* Reads "name:modifier.chain" and its value into a clause over `type`. `depth`: links of the chain
 * before it, 0 at first. An unknown name is no error (p->known). GRASP_EINVAL, GRASP_ENOMEM. */
int fhir_clause_parse(struct fhir_parse *p, struct fhir_clause *c,
                      const struct fhir_resource_type *type, const char *name, const char *value,
                      unsigned depth);

#endif
