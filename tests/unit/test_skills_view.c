/* test_skills_view.c - blocks of chosen skills: kept ones are those that rendering would give. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
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

/* A user's template is what is shown, in full and of a choice, and only while it is the engine's. */
static void blocks_are_the_users(void **state)
{
    struct skill_set set = {0};
    struct prompts *prompts;
    struct chat chat = {0};
    struct buf got = BUF_INIT;
    char *dir = fs_tempdir("skills-view"), *file = fs_join(dir, "inject.md");
    static const char text[] = "{{#skills}}\nHOUSE RULE {{name}}\n{{/skills}}\n";
    (void)state;
    add_skill(&set, 1);
    add_skill(&set, 2);
    assert_int_equal(fs_write(file, text, sizeof(text) - 1), 0);
    assert_int_equal(prompts_open(&prompts, dir), 0);
    struct skills_view *view = skills_view_new(&set);
    chat_add(&chat, CHAT_USER, "word2", 5);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(skills_view_ready(view, prompts, PROMPT_SHARED_FIRST), 0);
        assert_int_equal(strncmp(view->block.ptr, "HOUSE RULE ", 11), 0);
        buf_reset(&got);
        assert_int_equal(skills_view_top(view, &chat, 1, &got, NULL), 0);
        assert_int_equal(strncmp(got.ptr, "HOUSE RULE ", 11), 0);
        assert_int_equal(skills_view_ready(view, NULL, PROMPT_SHARED_FIRST), 0);
        assert_int_equal(strncmp(view->block.ptr, "# Skills", 8), 0);
        buf_reset(&got);
        assert_int_equal(skills_view_top(view, &chat, 1, &got, NULL), 0);
        assert_int_equal(strncmp(got.ptr, "# Skills", 8), 0);
    }
    skills_view_unref(view);
    prompts_close(prompts);
    skill_set_release(&set);
    chat_release(&chat);
    buf_release(&got);
    fs_remove_tree(dir);
    free(file);
    free(dir);
}

/* What was changed last stands last, so that a candidate's block begins as the library's does; in the
 * paper's order skills stand by name. */
static void what_changed_last_stands_last(void **state)
{
    static const char *const when[][2] = {{"1", "0"}, {"0", "12"}, {NULL, NULL}, {"0", "9"}};
    static const char *const order[] = {"skill-2", "skill-3", "skill-1", "skill-0"};
    struct skill_set set = {0};
    const char *at;
    (void)state;
    for (int i = 0; i < 4; i++) {
        add_skill(&set, i);
        if (when[i][0]) {
            works(skill_set_meta(&set.v[i], "epoch", when[i][0]));
            works(skill_set_meta(&set.v[i], "update", when[i][1]));
        }
    }
    struct skills_view *view = skills_view_new(&set);
    works(skills_view_ready(view, NULL, PROMPT_SHARED_FIRST));
    at = view->block.ptr;
    for (int i = 0; i < 4; i++) {
        assert_non_null(at = strstr(at, "## Skill: "));
        at += 10;
        assert_memory_equal(at, order[i], 7);
    }
    works(skills_view_ready(view, NULL, PROMPT_PAPER));
    at = view->block.ptr;
    for (int i = 0; i < 4; i++) {
        char name[24];
        snprintf(name, sizeof(name), "skill-%d", i);
        assert_non_null(at = strstr(at, "## Skill: "));
        at += 10;
        assert_memory_equal(at, name, 7);
    }
    skills_view_unref(view);
    skill_set_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_the_users),
        cmocka_unit_test(blocks_are_those_of_the_choice),
        cmocka_unit_test(what_changed_last_stands_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
