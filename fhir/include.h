/* include.h - inside of libfhir: resources that come with a page (_include, _revinclude). */
#ifndef GRASP_FHIR_INCLUDE_H
#define GRASP_FHIR_INCLUDE_H

#include "fhir/search.h"

#define INCLUDED_MAX 10000 /* resources that may come with a page */

/* Finds what the resources of a page bring in by q's includes, in load order, without those that are
 * on the page. GRASP_EINVAL: more than INCLUDED_MAX. */
int fhir_include(struct fhir_view *v, const struct fhir_query *q, const uint64_t *page, size_t n,
                 struct fhir_matches *included);

#endif
