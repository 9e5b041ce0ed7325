/* test_merge.c - which edit makes a skill part of a library. */
#include "test.h"

#include "runtime/transfer/merge.h"

static struct skill a_skill(const char *name, const char *description, const char *body,
                            const char *tag, int version)
{
    struct skill s = {.name = str_dup(name),
                      .description = str_dup(description),
                      .body = str_dup(body),
                      .version = version};
    assert_int_equal(strlist_add(&s.tags, tag), 0);
    return s;
}

static void check_proposals(void **state)
{
    static const struct {
        const char *name, *description, *body, *tag;
        int version, n;
        enum edit_action action;
    } cases[] = {
        {"one", "What", "Body.\n", "x", 1, 0, EDIT_ADD},
        {"one", "What", "Body.\n", "x", 9, 0, EDIT_ADD}, /* the number alone is no difference */
        {"one", "Else", "Body.\n", "x", 1, 1, EDIT_MODIFY},
        {"one", "What", "Other.\n", "x", 1, 1, EDIT_MODIFY},
        {"one", "What", "Body.\n", "y", 1, 1, EDIT_MODIFY},
        {"two", "What", "Body.\n", "x", 1, 1, EDIT_ADD},
    };
    struct skill_set set = {0};
    struct skill mine = a_skill("one", "What", "Body.\n", "x", 1);
    (void)state;
    assert_int_equal(skill_set_put(&set, &mine), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct skill s = a_skill(cases[i].name, cases[i].description, cases[i].body, cases[i].tag,
                                 cases[i].version);
        struct proposal p;
        assert_int_equal(merge_proposal(&set, &s, false, &p), 0);
        assert_int_equal(p.n, cases[i].n);
        if (p.n) {
            assert_int_equal(p.v[0].action, cases[i].action);
            assert_string_equal(p.v[0].name, cases[i].name);
            assert_string_equal(p.v[0].description, cases[i].description);
            assert_string_equal(p.v[0].content, cases[i].body);
            assert_int_equal(p.v[0].tags.n, 1);
            assert_string_equal(p.v[0].tags.v[0], cases[i].tag);
        }
        proposal_release(&p);
        skill_release(&s);
    }
    skill_set_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_proposals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
