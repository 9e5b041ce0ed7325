/* fuzz_model_request.c - request bodies sent to `grasp model serve`; the first byte chooses the
 * dialect. The reply is JSON whatever came. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/simulator/serve_api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct sim_settings sim = {.noise = data[0] & 2 ? 0.5 : 0};
    struct buf out = BUF_INIT;
    uint8_t salt[HASH_SIZE];
    struct sim_cache_settings small = {.machines = 2, .block = 1};
    struct sim_prompt_use use = {.cache = sim_cache_new(&small)};
    char *body = malloc(size);
    memcpy(body, data + 1, size - 1);
    sim_serve_answer(&sim, data[0] & 1 ? SIM_RESPONSES : SIM_CHAT, (data[0] >> 2) - 1, 9, body,
                     size - 1, &out, salt, data[0] & 128 ? &use : NULL);
    json_t *v = json_loadb(out.ptr, out.len, JSON_ALLOW_NUL, NULL);
    if (!v)
        abort();
    json_decref(v);
    sim_cache_ready(use.cache, 1);
    sim_cache_free(use.cache);
    buf_release(&out);
    free(body);
    return 0;
}
