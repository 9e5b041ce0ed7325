/*
 * patch.h - inside of libfhir: JSON Patch (RFC 6902) on a resource's text.
 *
 * What the patch does not touch stays byte for byte as it was written, number literals among it.
 */
#ifndef GRASP_FHIR_PATCH_H
#define GRASP_FHIR_PATCH_H

#include <stddef.h>

#include "runtime/base/buf.h"

#define PATCH_OPERATIONS_MAX 1000

/* Appends the patched text. Both texts are JSON that was parsed before. GRASP_EINVAL: the patch is
 * none, or a path of it leads nowhere, or a test fails (all or nothing); GRASP_ENOMEM. */
int fhir_patch(struct buf *out, const char *text, size_t len, const char *patch, size_t patch_len);

#endif
