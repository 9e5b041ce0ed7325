/* fuzz_prompt.c - templates of a user's directory: any text either renders or is refused. */
#include <stddef.h>
#include <stdint.h>

#include "skills/prompt.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static json_t *data;
    if (!data)
        data = json_pack("{s:[s,s],s:{s:s},s:[{s:i},{s:s}],s:b}", "a", "x", "y\n", "b", "c", "z",
                         "d", "e", 1, "e", "", "f", 0);
    struct buf out = BUF_INIT;
    prompt_render_text((const char *)bytes, len, "fuzz.md", data, &out);
    buf_release(&out);
    return 0;
}
