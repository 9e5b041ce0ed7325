/* test_method_skillx.c - SkillX: traces cut, plans, extraction, the filter, merging as released and as
 * meant, retrieval. */
#include "methods_harness.h"

static void put_skill(struct bench *b, const char *name, const char *document)
{
    json_array_append_new(memory_list(b->m, "skills"),
                          json_pack("{s:s, s:s, s:s, s:[]}", "name", name, "document", document,
                                    "content", "do", "tools"));
}

/* "name: content" joined by "; " */
static void library_is(const struct bench *b, const char *want)
{
    struct buf got = BUF_INIT;
    size_t i;
    json_t *v;
    json_array_foreach (memory_list(b->m, "skills"), i, v)
        buf_addf(&got, "%s%s: %s", i ? "; " : "", json_str_at(v, "name", ""),
                 json_str_at(v, "content", ""));
    assert_string_equal(got.ptr, want);
    buf_release(&got);
}

static void one_epoch(struct bench *b, const struct method_settings *s, const char *const *replies,
                      size_t traces)
{
    struct told t[4];
    struct method_trace v[4];
    bool changed;
    bench_open(b, s, replies);
    for (size_t i = 0; i < traces; i++)
        v[i] = *told_make(&t[i], "the task", "GET x", true);
    works(method_after_epoch(b->run, v, traces, &changed));
    assert_int_equal(changed, memory_size(b->m) > 0);
    for (size_t i = 0; i < traces; i++)
        told_release(&t[i]);
}

#define SKILL(name, content)                                                                       \
    "{\"option\": \"add\", \"skill\": {\"name\": \"" name "\", \"document\": \"d\", "              \
    "\"content\": \"" content "\", \"tools\": [\"t\"]}}"

/* ---- what is shown ---- */

static void retrieval(void **state)
{
    struct method_settings s = method_of(METHOD_SKILLX, FIDELITY_PUBLISHED);
    struct bench b;
    (void)state;
    s.retrieval_top_k = 2;
    bench_open(&b, &s, NULL);
    block_is(b.m, "red", "");
    put_skill(&b, "green_pear", "about pears");
    put_skill(&b, "other", "a red apple");
    put_skill(&b, "red", "apple");
    block_is(b.m, "nothing", "");
    /* 2 of 2 words, then 2 of 4 */
    block_is(b.m, "red apple",
             "<skillx_memory>\nSkills from tasks that were solved. Use those that fit the task at "
             "hand.\n## red\napple\n```\ndo\n```\n## other\na red apple\n```\ndo\n```\n"
             "</skillx_memory>");
    /* the best has a word of the query: one without comes along, the earliest */
    block_is(
        b.m, "pears",
        "<skillx_memory>\nSkills from tasks that were solved. Use those that fit the task at "
        "hand.\n## green_pear\nabout pears\n```\ndo\n```\n## other\na red apple\n```\ndo\n```\n"
        "</skillx_memory>");
    works(memory_prepare(b.m)); /* makes no difference */
    block_is(b.m, "nothing", "");
    assert_int_equal(memory_place(b.m, 1), PLACE_LAST);
    assert_true(memory_retrieves(b.m));
    assert_int_equal(method_order_seed(&s, 7), 7);
    survives(b.m);
    bench_close(&b);
}

/* ---- learning ---- */

static void from_a_trace_to_a_skill(void **state)
{
    static const char *const replies[] = {
        "<plan>\n# first use the api\n# no\n# then the api again\n# without it\n</plan>",
        "[" SKILL("one", "c1") ", {\"option\": \"keep\", \"skill\": {\"name\": \"k\", \"content\": "
                               "\"c\"}}]",
        "no list", /* asked again */
        "Here: [" SKILL("two", "c2") ", {\"option\": \"modify\", \"skill\": {\"name\": \"three\", "
                                     "\"content\": \"c3\"}}, {\"option\": \"add\"}]",
        "good",
        "it is bad",
        "also good",
        NULL};
    struct method_settings s = method_of(METHOD_SKILLX, FIDELITY_PUBLISHED);
    struct bench b;
    (void)state;
    one_epoch(&b, &s, replies, 1);
    assert_string_equal(asked_prompt(&b, 0), "skillx-plan");
    assert_string_equal(json_str_at(asked(&b, 0), "trace[0]", ""), "1. GET x");
    assert_null(json_at(asked(&b, 0), "task.context"));
    assert_string_equal(asked_prompt(&b, 1), "skillx-extract");
    assert_string_equal(json_str_at(asked(&b, 1), "step", ""), "first use the api");
    assert_string_equal(json_str_at(asked(&b, 2), "step", ""), "then the api again");
    assert_string_equal(json_str_at(asked(&b, 3), "step", ""), "then the api again");
    assert_string_equal(asked_prompt(&b, 4), "skillx-filter");
    assert_string_equal(json_str_at(asked(&b, 4), "skill.name", ""), "one");
    assert_int_equal(json_array_size(b.writer.asked), 7);
    library_is(&b, "one: c1; three: c3");
    bench_close(&b);
}

static void plans(void **state)
{
    static const struct {
        const char *reply, *steps;
    } cases[] = {
        {"<plan># use the api\nmore of it\n# api</plan>",
         "use the api\nmore of it"}, /* 3 letters */
        {"<plan># look\n  # then answer\ntext</plan>", "# look|# then answer"},
        {"<plan>words alone</plan>", ""},
        {"<plan>api words alone</plan>", "api words alone"},
        {"no tags # api api", "the task"},
        {"<plan># never closed, api", "the task"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *replies[] = {cases[i].reply, "[]", "[]", NULL};
        struct method_settings s = method_of(METHOD_SKILLX, FIDELITY_PUBLISHED);
        struct bench b;
        struct buf got = BUF_INIT;
        one_epoch(&b, &s, replies, 1);
        for (size_t k = 1; k < json_array_size(b.writer.asked); k++)
            buf_addf(&got, "%s%s", k > 1 ? "|" : "", json_str_at(asked(&b, k), "step", ""));
        assert_string_equal(got.ptr, cases[i].steps);
        buf_release(&got);
        bench_close(&b);
    }
}

/* Two traces give a skill of one name: what the merge's reply makes of the group. */
static void merging(void **state)
{
    static const struct {
        const char *reply, *published, *repaired;
    } cases[] = {
        {"<skill>{\"name\": \"one\", \"content\": \"both\"}</skill>", "one: both", "one: both"},
        /* what the prompt asks for loses the group as released */
        {"<skill>[{\"name\": \"one\", \"content\": \"both\"}]</skill>", "", "one: both"},
        {"<skill>```json\n[{\"name\": \"one\", \"content\": \"both\"}]\n```</skill>", "",
         "one: both"},
        {"<skill>[{'name': 'one', 'content': 'it\\'s \"both\"'}]</skill>", "one: it's \"both\"",
         "one: it's \"both\""},
        {"<skill>[{'name': 'one', 'content': \"it's both\"}]</skill>", "one: it's both",
         "one: it's both"},
        {"<skill>nothing</skill>", "", ""},
        {"<skill>{\"name\": \"one\"}</skill>", "", ""},
        {"{\"name\": \"one\", \"content\": \"both\"}", "", ""},
        {"", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (int repair = 0; repair < 2; repair++) {
            const char *replies[] = {"",
                                     "",
                                     "[" SKILL("one", "a") "]",
                                     "[" SKILL("ONE", "b") "]",
                                     "good",
                                     "good",
                                     cases[i].reply,
                                     NULL};
            struct method_settings s = method_of(METHOD_SKILLX, (enum fidelity)repair);
            struct bench b;
            one_epoch(&b, &s, replies, 2);
            assert_string_equal(asked_prompt(&b, 6), "skillx-merge");
            assert_int_equal(json_array_size(json_object_get(asked(&b, 6), "skills")), 2);
            library_is(&b, repair ? cases[i].repaired : cases[i].published);
            assert_string_equal(json_str_at(asked(&b, 0), "task.context", "(none)"),
                                repair ? "the context" : "(none)");
            bench_close(&b);
        }
}

/* By exact name into the library: replaced where it stands, else appended. */
static void into_the_library(void **state)
{
    static const char *const replies[] = {
        "",     "[" SKILL("b", "new") ", " SKILL("B", "other") ", " SKILL("c", "new") "]",
        "good", "bad",
        "good", NULL};
    struct method_settings s = method_of(METHOD_SKILLX, FIDELITY_PUBLISHED);
    struct told t;
    struct bench b;
    bool changed;
    (void)state;
    bench_open(&b, &s, replies);
    put_skill(&b, "a", "d");
    put_skill(&b, "b", "d");
    works(method_after_epoch(b.run, told_make(&t, "the task", "GET x", true), 1, &changed));
    library_is(&b, "a: do; b: new; c: new");
    assert_int_equal(json_array_size(json_object_get(asked(&b, 1), "skills")), 0); /* not those */
    told_release(&t);
    bench_close(&b);
}

static void more_than_fifteen(void **state)
{
    struct method_settings s = method_of(METHOD_SKILLX, FIDELITY_PUBLISHED);
    struct buf list = BUF_INIT;
    struct bench b;
    const char *replies[32] = {"", NULL};
    (void)state;
    for (int i = 0; i < 17; i++)
        buf_addf(&list, "%s" SKILL("one", "c"), i ? ", " : "[");
    buf_adds(&list, "]");
    replies[1] = list.ptr;
    for (int i = 0; i < 17; i++)
        replies[2 + i] = "good";
    one_epoch(&b, &s, replies, 1);
    assert_int_equal(json_array_size(json_object_get(asked(&b, 19), "skills")), 15);
    buf_release(&list);
    bench_close(&b);
}

/* Only solved tasks; two tries for a reply that does not parse. */
static void what_is_left_out(void **state)
{
    struct method_settings s = method_of(METHOD_SKILLX, FIDELITY_PUBLISHED);
    struct told t[2];
    struct method_trace v[2];
    struct bench b;
    bool changed;
    (void)state;
    bench_open(&b, &s, NULL);
    v[0] = *told_make(&t[0], "x", "GET x", false);
    v[1] = *told_make(&t[1], "x", "GET x", true);
    v[1].error = true;
    works(method_after_epoch(b.run, v, 2, &changed));
    assert_false(changed);
    assert_int_equal(json_array_size(b.writer.asked), 0);
    v[1].error = false;
    works(method_after_epoch(b.run, v, 2, &changed));
    assert_int_equal(json_array_size(b.writer.asked), 3);
    told_release(&t[0]);
    told_release(&t[1]);
    bench_close(&b);
}

/* At most 12 actions: the first 3, the last 9; without actions at most 24 messages: 4 and 20. */
static void long_traces(void **state)
{
    (void)state;
    for (int acted = 0; acted < 2; acted++) {
        struct method_settings s = method_of(METHOD_SKILLX, FIDELITY_PUBLISHED);
        struct told t;
        struct bench b;
        bool changed;
        char text[1400], want[32];
        bench_open(&b, &s, NULL);
        struct method_trace *v = told_make(&t, "x", "1", true);
        for (int i = 0; i < 30; i++) {
            memset(text, 'x', sizeof(text));
            text[sizeof(text) - 1] = '\0';
            snprintf(want, sizeof(want), "%02d", i);
            memcpy(text, want, 2);
            told_add(&t, i % 2 ? CHAT_USER : CHAT_AGENT, text);
        }
        static const struct strlist none;
        if (!acted)
            v->actions = &none;
        works(method_after_epoch(b.run, v, 1, &changed));
        const json_t *lines = json_object_get(asked(&b, 0), "trace");
        size_t n = json_array_size(lines);
        assert_int_equal(n, acted ? 12 : 24);
        const char *last = json_string_value(json_array_get(lines, n - 1)),
                   *cut = json_string_value(json_array_get(lines, acted ? 3 : 4));
        if (acted) { /* 16 of them: "1", then every other of the 30 */
            assert_memory_equal(last, "16. 28xx", 8);
            assert_memory_equal(cut, "8. 12xx", 7);
            assert_int_equal(strlen(last), 4 + 600);
        } else { /* 32 messages */
            assert_memory_equal(last, "user: 29xx", 10);
            assert_memory_equal(cut, "agent: 10xx", 11);
            assert_int_equal(strlen(last), 6 + 1200);
        }
        told_release(&t);
        bench_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retrieval),
        cmocka_unit_test(from_a_trace_to_a_skill),
        cmocka_unit_test(plans),
        cmocka_unit_test(merging),
        cmocka_unit_test(into_the_library),
        cmocka_unit_test(more_than_fifteen),
        cmocka_unit_test(what_is_left_out),
        cmocka_unit_test(long_traces),
    };
    return cmocka_run_group_tests_name("method_skillx", tests, NULL, NULL);
}
