/* fuzz_config.c - configuration files: read or refused with a message, and what was read is written
 * and read again as what decides the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(struct config **c, const void *text, size_t len)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("config", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, text, len, 0) != (ssize_t)len)
        abort();
    err_clear();
    return config_load(c, path, NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = NULL, *again = NULL;
    struct buf text = BUF_INIT;
    uint8_t first[HASH_SIZE], second[HASH_SIZE];
    if (load(&c, data, size) < 0) {
        if (c || strcmp(err_msg(), "unknown error") == 0)
            abort();
        return 0;
    }
    config_render(c, &text);
    config_fingerprint(c, first);
    if (load(&again, text.ptr, text.len) == 0) { /* not where a secret was left out */
        config_fingerprint(again, second);
        if (memcmp(first, second, sizeof(first)) != 0)
            abort();
    }
    config_free(again);
    config_free(c);
    buf_release(&text);
    return 0;
}
