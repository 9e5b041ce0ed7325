/* fuzz_fhir_patch.c - any patch on any JSON: what comes out is JSON, or the patch is refused. Input:
 * the patch up to a newline, then the JSON. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fhir/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    size_t len = newline ? (size_t)(newline - data) : size;
    const char *text = newline ? (const char *)newline + 1 : "{\"a\":[1.50,{\"b\":\"x\"}]}";
    size_t text_len = newline ? size - len - 1 : strlen(text);
    json_t *patch = json_loadb((const char *)data, len, JSON_ALLOW_NUL, NULL);
    json_t *tree = json_loadb(text, text_len, JSON_ALLOW_NUL, NULL);
    struct buf out = BUF_INIT;
    if (patch && tree && fhir_patch(&out, text, text_len, (const char *)data, len) == 0) {
        json_t *result = json_loadb(out.ptr, out.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
        if (!result)
            abort();
        json_decref(result);
    }
    buf_release(&out);
    json_decref(tree);
    json_decref(patch);
    return 0;
}
