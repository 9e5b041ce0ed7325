/* fuzz_fhir_path.c - expressions of SearchParameters, and paths as the tables have them, over any
 * JSON. Input: an expression up to a newline, then the JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fhir/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(const json_t *node, void *arg)
{
    if (!node)
        abort();
    ++*(size_t *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    size_t len = newline ? (size_t)(newline - data) : size, n = 0;
    char *expression = strndup(size ? (const char *)data : "", len);
    json_t *tree = newline
                       ? json_loadb((const char *)newline + 1, size - len - 1, JSON_ALLOW_NUL, NULL)
                       : json_pack("{s:{s:s},s:[i]}", "a", "b", "c", "d", 1);
    struct fhir_arena arena = {0};
    const char *path = fhir_path_of_expression(&arena, "Patient", expression);
    if (path)
        fhir_path_walk(tree, tree, path, count, &n);
    fhir_path_walk(tree, tree, expression, count, &n);
    fhir_arena_release(&arena);
    json_decref(tree);
    free(expression);
    return 0;
}
