/* cache.h - inside of libfhir: answers of recent searches. */
#ifndef GRASP_FHIR_CACHE_H
#define GRASP_FHIR_CACHE_H

struct fhir_cache;
struct fhir_cache *fhir_cache_new(void);
void fhir_cache_free(struct fhir_cache *c);

#endif
