/* cache.c - answers of recent searches. */
#include "fhir/cache.h"

#include <stdlib.h>

struct fhir_cache {
    int entries;
};

struct fhir_cache *fhir_cache_new(void)
{
    return calloc(1, sizeof(struct fhir_cache));
}

void fhir_cache_free(struct fhir_cache *c)
{
    free(c);
}
