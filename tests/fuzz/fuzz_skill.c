/* fuzz_skill.c - SKILL.md from anywhere: what is taken is written back as it came, and what we
 * write says the same when it is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "skills/skill.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct skill s, again;
    struct buf out = BUF_INIT;
    if (skill_parse(&s, (const char *)bytes, len, "fuzz", NULL) < 0)
        return 0;
    skill_render(&s, &out);
    if (out.len != len || memcmp(out.ptr, bytes, len) != 0)
        abort();
    free(s.source);
    s.source = NULL;
    buf_reset(&out);
    skill_render(&s, &out);
    if (skill_parse(&again, out.ptr, out.len, "again", NULL) == 0) {
        if (!skill_equal(&s, &again))
            abort();
        skill_release(&again);
    } else if (out.len < SKILL_CONTENT_MAX) {
        abort();
    }
    skill_release(&s);
    buf_release(&out);
    return 0;
}
