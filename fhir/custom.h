/*
 * custom.h - inside of libfhir: search parameters that the store's own SearchParameter resources
 * define. They have no index: what they ask is looked up in the text of the candidates that the
 * other parameters leave.
 */
#ifndef GRASP_FHIR_CUSTOM_H
#define GRASP_FHIR_CUSTOM_H

#include "fhir/query.h"

/* A fhir_param_source. GRASP_EINVAL: there is such a parameter, but its expression or kind is not
 * supported. */
int fhir_custom_param(struct fhir_view *v, const struct fhir_resource_type *type, const char *name,
                      size_t len, struct fhir_arena *arena, const struct fhir_search_param **param);

#endif
