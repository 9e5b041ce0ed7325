/* test_skills_view.c - blocks of chosen skills: kept ones are those that rendering would give. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/engine/skills_view.h"

static void add_skill(struct skill_set *set, int i)
{
    char text[64];
    struct skill s = {.version = 1};
    snprintf(text, sizeof(text), "skill-%d", i);
    s.name = str_dup(text);
    snprintf(text, sizeof(text), "About word%d", i);
    s.description = str_dup(text);
    snprintf(text, sizeof(text), "body %d\n", i);
    s.body = str_dup(text);
    assert_int_equal(skill_set_put(set, &s), 0);
}

/* More choices than are kept, each asked for twice in a row and again when it was dropped. */
static void blocks_are_those_of_the_choice(void **state)
{
    enum { SKILLS = BLOCKS_KEPT + 30 };
    struct skill_set set = {0};
    (void)state;
    for (int i = 0; i < SKILLS; i++)
        add_skill(&set, i);
    struct skills_view *view = skills_view_new(&set);
    struct ranker *ranker = ranker_new(&set);
    assert_non_null(ranker);
    for (int ask = 0; ask < 3 * SKILLS; ask++) {
        struct buf got = BUF_INIT, want = BUF_INIT;
        struct chat chat = {0};
        size_t order[SKILLS];
        char text[64];
        snprintf(text, sizeof(text), "a question of word%d", ask / 2 % SKILLS);
        chat_add(&chat, CHAT_USER, text, strlen(text));
        assert_int_equal(ranker_rank(ranker, &chat, order, NULL), 0);
        assert_int_equal(skills_view_top(view, &chat, 1, &got, NULL), 0);
        inject_render(&set, order, 1, &want);
        assert_string_equal(got.ptr, want.ptr);
        snprintf(text, sizeof(text), "\nbody %d\n", ask / 2 % SKILLS);
        assert_non_null(strstr(got.ptr, text));
        buf_reset(&got);
        buf_reset(&want);
        assert_int_equal(skills_view_top(view, &chat, 2, &got, NULL), 0);
        inject_render(&set, order, 2, &want);
        assert_string_equal(got.ptr, want.ptr);
        buf_release(&got);
        buf_release(&want);
        chat_release(&chat);
    }
    ranker_free(ranker);
    skills_view_unref(view);
    skill_set_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_those_of_the_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
