/*
 * jsontext.h - inside of libfhir: JSON as text. Stored resources are joined, indented and taken
 * apart without parsing them into a tree, so that numbers stay as they were written. All input has
 * been parsed once before and is well-formed.
 */
#ifndef GRASP_FHIR_JSONTEXT_H
#define GRASP_FHIR_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/buf.h"

#define JSONTEXT_DEPTH 2048 /* jansson's bound on what is let in */

/* Appends the text indented by two as HAPI does: objects one member a line, arrays in the line. */
void fhir_jsontext_indent(struct buf *out, const char *text, size_t len);
/* Appends the text without white space between tokens. */
void fhir_jsontext_compact(struct buf *out, const char *text, size_t len);

/* Walks the members of an object or the items of an array. */
struct fhir_jsontext_iter {
    const char *p, *end;
    const char *key; /* members: between the quotes, escapes as they are */
    size_t key_len;
    const char *value;
    size_t len;
};
/* At the text of an object or array. */
struct fhir_jsontext_iter fhir_jsontext_walk(const char *text, size_t len);
bool fhir_jsontext_next(struct fhir_jsontext_iter *it);
bool fhir_jsontext_key_is(const struct fhir_jsontext_iter *it, const char *key);
/* The last member of that name (as parsers take it); false when there is none. */
bool fhir_jsontext_find(const char *text, size_t len, const char *key, const char **value,
                        size_t *n);

/* Appends the text with string values that `map` knows replaced. map returns NULL to keep one. */
typedef const char *(*fhir_jsontext_map)(const char *s, size_t len, void *arg);
void fhir_jsontext_replace(struct buf *out, const char *text, size_t len, fhir_jsontext_map map,
                           void *arg);

/* The same for the values of "reference" members alone. */
void fhir_jsontext_replace_references(struct buf *out, const char *text, size_t len,
                                      fhir_jsontext_map map, void *arg);

#endif
