/* fuzz_flat.c - flat files from anywhere: what is taken is a skill that can be written in both
 * forms and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "skills/flat.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct skill s, again;
    struct buf out = BUF_INIT;
    if (flat_parse(&s, (const char *)bytes, len, "fuzz.md", NULL) < 0)
        return 0;
    skill_render(&s, &out);
    if (skill_parse(&again, out.ptr, out.len, "ours", s.name) < 0 || !skill_equal(&s, &again))
        abort();
    skill_release(&again);
    buf_reset(&out);
    flat_render(&s, &out);
    if (flat_parse(&again, out.ptr, out.len, "again.md", NULL) < 0 ||
        strcmp(s.name, again.name) != 0 || strcmp(s.body, again.body) != 0 ||
        s.version != again.version)
        abort();
    skill_release(&again);
    skill_release(&s);
    buf_release(&out);
    return 0;
}
