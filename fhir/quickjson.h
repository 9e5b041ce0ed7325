/*
 * quickjson.h - inside of libfhir: a resource's text as the tree that jansson would make of it, in a
 * fraction of the time. Most texts are plain; what is not (a \u escape, an exponent, a number that takes
 * rounding, deep nesting, anything wrong) is jansson's to judge, which has the messages, too.
 *
 *     json_t *tree = fhir_quickjson(text, len);
 *     if (!tree)
 *         tree = json_loadb(text, len, JSON_ALLOW_NUL, &error);
 */
#ifndef GRASP_FHIR_QUICKJSON_H
#define GRASP_FHIR_QUICKJSON_H

#include <jansson.h>
#include <stddef.h>

/* The same tree as json_loadb's, or NULL: ask that. New reference. */
json_t *fhir_quickjson(const char *text, size_t len);

#endif
