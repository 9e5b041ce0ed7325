/* test_sim_world.c - the simulated model in a world that it has not seen before: what it answers
 * without skills, with good ones and with too broad ones. */
#include "test.h"

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/simulator/world.h"

#define TASKS 300

/* Four kinds of tasks in turn: a number, a date, another number, something that is not there. */
struct kind {
    const char *question, *record, *right;
};
static const struct kind kinds[] = {
    {"What length has plank '%d'?", "{\"plank\":\"%d\",\"length\":2.71828,\"unit\":\"m\"}", "2.7"},
    {"When was plank '%d' sawn?", "{\"plank\":\"%d\",\"sawn\":\"5 March 2024\"}", "2024-03-05"},
    {"What weight has plank '%d'?",
     "{\"plank\":\"%d\",\"weight\":10.25001,\"sawn\":\"1 May 2020\"}", "10.3"},
    {"When was plank '%d' last seen?", "{\"error\":\"no plank %d\"}", "gone"},
};

static void first_message(struct chat *c, const char *form, const char *skills, bool block, int n)
{
    char question[64];
    struct buf text = BUF_INIT;
    snprintf(question, sizeof(question), kinds[n % 4].question, n);
    json_t *v =
        json_pack("{s:s, s:{s:[{s:s},{s:s}], s:[s,s,s]}, s:s, s:s, s:{s:s}}", "phase",
                  "task_execution", "api", "functions", "form", "TELL <value>", "form", form,
                  "conventions", "Numbers have one decimal.", "Dates are in ISO 8601 form.",
                  "What is not on record is answered `gone`.", "response_format", "one action",
                  "behavioral_skills", block ? "" : skills, "task", "description", question);
    buf_add_json_value(&text, v);
    if (block && *skills)
        assert_int_equal(chat_add(c, CHAT_USER, skills, strlen(skills)), 0);
    assert_int_equal(chat_add(c, CHAT_USER, text.ptr, text.len), 0);
    json_decref(v);
    buf_release(&text);
}

/* One task to its answer; true when that is right and came after a lookup. */
static bool solve(const char *skills, bool block, int n)
{
    struct sim_settings settings = {0};
    struct chat c = {0};
    struct buf out = BUF_INIT;
    char look[32], record[128];
    bool right = false;
    first_message(&c, "FIND <plank>", skills, block, n);
    assert_true(sim_world_reply(&settings, &c, 0, &out));
    snprintf(look, sizeof(look), "FIND %d", n);
    if (strcmp(out.ptr, look) == 0) {
        snprintf(record, sizeof(record), kinds[n % 4].record, n);
        assert_int_equal(chat_add(&c, CHAT_AGENT, out.ptr, out.len), 0);
        assert_int_equal(chat_add(&c, CHAT_USER, record, strlen(record)), 0);
        buf_reset(&out);
        assert_true(sim_world_reply(&settings, &c, 0, &out));
        assert_true(str_starts(out.ptr, "TELL "));
        right = strcmp(out.ptr + 5, kinds[n % 4].right) == 0;
    }
    chat_release(&c);
    buf_release(&out);
    return right;
}

static int solved(const char *skills, bool block)
{
    int n = 0;
    for (int i = 0; i < TASKS; i++)
        n += solve(skills, block, i);
    return n;
}

static const char good[] =
    "# Skills\n\n## Skill: a\n\nWhen to use: always\n\n"
    "- Look into the store before answering.\n- Write the value bare, never in a sentence.\n"
    "- Numbers stand without a unit.\n- Round to the decimals of the house.\n"
    "- Turn a date into ISO 8601.\n- If it is not on record, use the word of the house.\n"
    "- The reply is only the action.\n";

static void skills_help_in_their_own_words(void **state)
{
    (void)state;
    int without = solved("", false), with = solved(good, false);
    assert_in_range(without, TASKS * 25 / 100, TASKS * 50 / 100);
    assert_in_range(with, TASKS * 85 / 100, TASKS * 97 / 100); /* some slips nothing reaches */
    assert_int_equal(solved(good, true), with);                /* as a message of its own */
}

static void one_rule_helps_its_own_mistake(void **state)
{
    (void)state;
    static const struct {
        const char *skill;
        int helps; /* tasks of this kind, and not of the other */
        int other;
    } cases[] = {
        {"## Skill: d\n- Turn a date into ISO 8601.\n", 1, 0},
        {"## Skill: r\n- Round to the decimals of the house.\n", 0, 1},
        {"## Skill: m\n- If it is not on record, use the word of the house.\n", 3, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int gain[4] = {0};
        for (int n = 0; n < TASKS; n++)
            gain[n % 4] += solve(cases[i].skill, false, n) - solve("", false, n);
        assert_true(gain[cases[i].helps] > 5);
        assert_int_equal(gain[cases[i].other], 0);
    }
}

static void too_broad_rules_and_failures_do_not_help(void **state)
{
    (void)state;
    int without = solved("", false);
    assert_true(solved("## Skill: u\n- Include the unit in the answer.\n", false) < without);
    assert_true(solved("## Skill: s\n- Answer in a full sentence.\n", false) < without / 2);
    /* what stands under failures, or as wrong in an example, is no advice */
    assert_int_equal(solved("## Skill: f\n### Failures\n- Dates turned into ISO 8601.\n", false),
                     without);
    assert_int_equal(solved("## Skill: w\nWrong:\n- a date in ISO 8601\n", false), without);
}

static void other_conversations_are_not_its_own(void **state)
{
    (void)state;
    static const char *const firsts[] = {
        "",
        "hello",
        "{\"phase\":\"task_execution\"",
        "{\"phase\":\"task_execution\",\"api\":[]}",
        "{\"phase\":\"task_execution\",\"api\":{\"functions\":[{\"form\":\"SAY\"}]},\"task\":{"
        "\"description\":\"'x'\"}}",
        "{\"phase\":\"task_execution\",\"api\":{\"base_url\":\"http://x/"
        "\",\"functions\":[{\"form\":"
        "\"A <value>\"},{\"form\":\"B <x>\"}]},\"task\":{\"description\":\"'x'\"}}",
    };
    struct sim_settings settings = {0};
    for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
        struct chat c = {0};
        struct buf out = BUF_INIT;
        assert_int_equal(chat_add(&c, CHAT_USER, firsts[i], strlen(firsts[i])), 0);
        assert_false(sim_world_reply(&settings, &c, 0, &out));
        assert_int_equal(out.len, 0);
        chat_release(&c);
        buf_release(&out);
    }
}

static void tags_name_the_mechanism(void **state)
{
    (void)state;
    static const struct {
        const char *tags;
        enum sim_mechanism m;
    } cases[] = {
        {"answered_without_lookup", MECH_WORLD_LOOK},
        {"answer_carries_unit", MECH_WORLD_BARE},
        {"answer_is_sentence", MECH_WORLD_BARE},
        {"number_not_rounded", MECH_WORLD_ROUND},
        {"date_not_iso", MECH_WORLD_DATE},
        {"missing_not_as_agreed", MECH_WORLD_MISSING},
        {"post_body_mismatch:doseQuantity.unit", MECH_UNCLEAR},
        {"answered_without_query", MECH_UNCLEAR},
        {"extra_post", MECH_UNCLEAR},
        {"", MECH_UNCLEAR},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(
            sim_world_mechanism((struct sim_text){cases[i].tags, strlen(cases[i].tags)}),
            cases[i].m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skills_help_in_their_own_words),
        cmocka_unit_test(one_rule_helps_its_own_mistake),
        cmocka_unit_test(too_broad_rules_and_failures_do_not_help),
        cmocka_unit_test(other_conversations_are_not_its_own),
        cmocka_unit_test(tags_name_the_mechanism),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
