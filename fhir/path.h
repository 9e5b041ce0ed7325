/*
 * path.h - inside of libfhir: the part of FHIRPath that search parameters are written in.
 *
 *     name.given   value.as(Quantity)   value[x]   entry[0].resource   $this   %resource.status
 *     telecom.where(system='phone')   subject.where(resolve() is Patient)   deceased[x].exists()
 *     code|component.code
 *
 * "value[x]" is any of valueQuantity, valueString, ...; so is a name with a lower-case beginning
 * that as() or ofType() follows. exists() gives true when there is something that is not false.
 * resolve() looks at what a reference says it leads to, not at the resource. Lists are walked
 * through; what is not there is nothing, never an error.
 */
#ifndef GRASP_FHIR_PATH_H
#define GRASP_FHIR_PATH_H

#include <jansson.h>
#include <stdbool.h>

#include "fhir/arena.h"

typedef void (*fhir_path_fn)(const json_t *node, void *arg);
/* Calls fn for each node that the path leads to from `node`. `root`: what %resource is. */
void fhir_path_walk(const json_t *root, const json_t *node, const char *path, fhir_path_fn fn,
                    void *arg);

/* The path of a SearchParameter's expression for one type: "(Patient.deceased as dateTime)" becomes
 * "deceased.as(dateTime)". Names may then stand for choices, too. NULL: it uses more of FHIRPath
 * than this, or has no part about the type (or out of memory). In the arena. */
const char *fhir_path_of_expression(struct fhir_arena *arena, const char *type,
                                    const char *expression);

#endif
