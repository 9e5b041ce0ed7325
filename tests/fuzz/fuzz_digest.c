/* fuzz_digest.c - hostile answers of a world: no line of a digest can pass for another part of a
 * prompt, and none has control characters. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/env/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = BUF_INIT;
    size_t max = size ? data[0] * (size_t)8 : 0;
    digest_answer((const char *)data, size, max, "[1, 2.5]", &out);
    if (!utf8_valid(out.ptr, out.len))
        abort();
    for (size_t i = 0; i < out.len; i++)
        if (((unsigned char)out.ptr[i] < ' ' && out.ptr[i] != '\n') ||
            (out.ptr[i] == '\n' && out.ptr[i + 1] == '#'))
            abort();
    buf_release(&out);
    return 0;
}
