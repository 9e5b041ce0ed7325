/* fuzz_fhir_request.c - any target and body against a small store: never a 500, always JSON.
 * Input: one byte (method, flags), the target up to a newline, the body. */
#include <stdlib.h>
#include <string.h>

#include "fhir/store.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fhir_store *store; /* one for all inputs: writes go to an overlay */

static struct fhir_store *small_store(void)
{
    static const char *const texts[] = {
        "{\"resourceType\":\"Patient\",\"id\":\"a\",\"identifier\":[{\"system\":\"s\",\"value\":"
        "\"1\"}],"
        "\"name\":[{\"family\":\"M\xc3\xbcller\",\"given\":[\"Anna\"]}],\"birthDate\":\"1970-05\"}",
        "{\"resourceType\":\"Observation\",\"id\":\"o\",\"code\":{\"coding\":[{\"system\":\"l\","
        "\"code\":"
        "\"MG\"}],\"text\":\"mg\"},\"subject\":{\"reference\":\"Patient/a\"},\"effectiveDateTime\":"
        "\"2023-11-13T08:00:00Z\",\"valueQuantity\":{\"value\":1.50,\"unit\":\"g\"}}",
        "{\"resourceType\":\"Observation\",\"id\":\"p\",\"code\":{\"text\":\"BP\"},\"subject\":{"
        "\"reference\":\"Patient/a\"},\"effectivePeriod\":{\"start\":\"2023\"}}",
        "{\"resourceType\":\"SearchParameter\",\"id\":\"sp\",\"code\":\"use\",\"base\":["
        "\"Patient\"],"
        "\"type\":\"token\",\"expression\":\"Patient.name.use\"}",
    };
    struct fhir_store *s = NULL;
    struct fhir_batch *b = NULL;
    struct fhir_options o = {.keep_versions = true};
    if (fhir_open(&s, NULL, &o) < 0 || fhir_batch_begin(s, &b) < 0)
        abort();
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (fhir_batch_put_text(b, texts[i], strlen(texts[i]), NULL) < 0)
            abort();
    if (fhir_batch_commit(b) < 0)
        abort();
    return s;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    json_object_seed(1); /* an input takes the same way every time */
    store = small_store();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET",   "POST", "PUT", "DELETE",
                                          "PATCH", "POST", "PUT", "DELETE"};
    if (size < 1)
        return 0;
    const uint8_t *newline = memchr(data + 1, '\n', size - 1);
    size_t len = newline ? (size_t)(newline - data) - 1 : size - 1;
    char *target = strndup((const char *)data + 1, len);
    struct fhir_overlay *overlay = fhir_overlay_new();
    const char *query = strchr(target, '?');
    struct fhir_request rq = {.method = methods[(data[0] & 3) | (data[0] >> 1 & 4)],
                              .prefer = data[0] & 16 ? "handling=lenient, return=minimal" : NULL,
                              .if_none_exist = data[0] & 32 && query ? query + 1 : NULL,
                              .target = target,
                              .overlay = overlay,
                              .agent_url = data[0] & 4,
                              .body = newline ? (const char *)newline + 1 : NULL,
                              .body_len = newline ? size - len - 2 : 0};
    /* twice: the second request sees what the first one wrote */
    for (int i = 0; i < 2; i++) {
        struct fhir_response rs = FHIR_RESPONSE_INIT;
        if (fhir_handle(store, &rq, &rs) < 0 || rs.status == 500 || rs.status < 200)
            abort();
        if (rs.body.len) {
            json_t *body = json_loadb(rs.body.ptr, rs.body.len, JSON_ALLOW_NUL, NULL);
            if (!body)
                abort();
            json_decref(body);
        }
        fhir_response_release(&rs);
    }
    json_t *list = NULL;
    if (fhir_search(store, overlay, target, &list) == 0 && !json_is_array(list))
        abort();
    json_decref(list);
    fhir_overlay_free(overlay);
    free(target);
    return 0;
}
