/* fuzz_edit.c - replies of the writer: what is taken applies, and makes files that can be read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "skills/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void one(struct skill_set *set, const char *name)
{
    struct skill s = {.version = 1, .name = str_dup(name), .description = str_dup("d")};
    skill_set_body(&s, "body", 4);
    skill_set_put(set, &s);
}

static void check(const struct skill_set *set, const struct proposal *p)
{
    struct skill_set made;
    struct proposal again;
    struct buf file = BUF_INIT;
    if (proposal_apply(set, p, NULL, &made) < 0)
        abort();
    for (size_t i = 0; i < made.n; i++) {
        struct skill s;
        buf_reset(&file);
        skill_render(&made.v[i], &file);
        if (skill_parse(&s, file.ptr, file.len, "made", made.v[i].name) < 0)
            abort();
        skill_release(&s);
    }
    json_t *v = proposal_to_json(p);
    if (!v || proposal_from_json(&again, v) < 0 || !proposal_equal(p, &again, 0))
        abort();
    json_decref(v);
    proposal_release(&again);
    buf_release(&file);
    skill_set_release(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct skill_set set;
    if (!set.n) {
        one(&set, "a");
        one(&set, "b");
    }
    for (size_t capacity = 2; capacity < 10; capacity += 6) {
        struct edit_rules rules = {.capacity = capacity, .max_edits = 3};
        struct proposal_list list = {0};
        edit_parse_reply((const char *)bytes, len, &set, &rules, &list, NULL, NULL);
        for (size_t i = 0; i < list.n; i++)
            check(&set, &list.v[i]);
        proposal_list_release(&list);
    }
    return 0;
}
