/* fuzz_fhir_quickjson.c - where the quick reader makes a tree of a text, jansson makes the same. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fhir/quickjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *quick = fhir_quickjson((const char *)data, size);
    json_t *tree =
        quick ? json_loadb((const char *)data, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL) : NULL;
    if (quick) {
        char *a = json_dumps(quick, JSON_COMPACT | JSON_REAL_PRECISION(17));
        char *b = tree ? json_dumps(tree, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
        if (!b || !json_equal(quick, tree) || strcmp(a, b) != 0)
            abort();
        free(a);
        free(b);
    }
    json_decref(quick);
    json_decref(tree);
    return 0;
}
