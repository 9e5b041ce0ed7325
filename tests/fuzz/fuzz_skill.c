/* fuzz_skill.c - SKILL.md from anywhere: what is taken is written back as it came, and what we
 * write says the same when it is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "skills/skill.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Changed in all that we change: what is written says so, whatever lines of others stand between. */
static void change(const struct skill *was)
{
    struct skill s, again;
    struct buf out = BUF_INIT;
    if (skill_copy(&s, was) < 0)
        abort();
    s.version = 7;
    free(s.description);
    s.description = strdup("fuzz: \"x\"");
    strlist_release(&s.tags);
    if (strlist_add(&s.tags, "a tag") < 0 || skill_set_meta(&s, "epoch", "3") < 0 ||
        skill_set_body(&s, "body", 4) < 0)
        abort();
    skill_unset_meta(&s, "update");
    skill_render(&s, &out);
    if (skill_parse(&again, out.ptr, out.len, "changed", NULL) == 0) {
        if (!skill_equal(&s, &again))
            abort();
        skill_release(&again);
    } else if (out.len < SKILL_CONTENT_MAX && was->keys.n < 60) {
        abort();
    }
    skill_release(&s);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct skill s, again;
    struct buf out = BUF_INIT;
    if (skill_parse(&s, (const char *)bytes, len, "fuzz", NULL) < 0)
        return 0;
    skill_render(&s, &out);
    if (out.len != len || memcmp(out.ptr, bytes, len) != 0)
        abort();
    change(&s);
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
