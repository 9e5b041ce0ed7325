/* test_method_evo.c - Evo memory: rules in normal form, what is retrieved and in which order, credit,
 * curation, bounds. */
#include <math.h>

#include "methods_harness.h"
#include "runtime/method/evo.h"

static void normal_forms(void **state)
{
    static const struct {
        const char *text, *normal, *key;
    } cases[] = {
        {"always look twice", "[P1] Always look twice", "always look twice"},
        {"[P0] always  look\ttwice", "[P0] always look twice", "always look twice"},
        {"- [P2] Look twice.", "[P2] Look twice.", "look twice"},
        {"* <rule>look twice</rule>", "[P1] Look twice", "look twice"},
        {"3. look twice", "[P1] Look twice", "look twice"},
        {"<rule>\n- look twice\n</rule>", "[P1] Look twice", "look twice"},
        {"[P3] look twice", "[P1] [P3] look twice", "p3 look twice"},
        {"2.5 mg are too much", "[P1] 2.5 mg are too much", "2 5 mg are too much"},
        {"[P0]", "", ""},
        {"  ", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf normal = BUF_INIT, key = BUF_INIT;
        evo_normal(cases[i].text, &normal);
        assert_string_equal(normal.ptr, cases[i].normal);
        evo_key(normal.ptr, &key);
        assert_string_equal(key.ptr, cases[i].key);
        buf_release(&normal);
        buf_release(&key);
    }
}

static void usable_rules(void **state)
{
    (void)state;
    assert_true(evo_usable("[P1] twelve chars"));
    assert_true(evo_usable("[P1] 123456789012"));
    assert_false(evo_usable("[P1] 12345678901"));
    assert_false(evo_usable("[P0] Here THE ANSWER IS four"));
    assert_false(evo_usable("[P1] The correct answer was four"));
    assert_false(evo_usable("[P1] Choose option B in doubt"));
    assert_false(evo_usable("[P1] For sample id 7 be careful"));
    assert_false(evo_usable("[P1] For task ID 7 be careful"));
    assert_true(evo_usable("[P1] There are options, be careful"));
}

static json_t *rule(const char *text, int shown, int success)
{
    return json_pack("{s:i, s:s, s:[], s:i, s:i, s:i}", "id", 1, "text", text, "tags", "shown",
                     shown, "success", success, "failure", 0);
}

static void utilities(void **state)
{
    json_t *fresh = rule("a", 0, 0), *once = rule("b", 1, 0), *often = rule("c", 10, 8);
    (void)state;
    assert_true(fabs(evo_utility(fresh, 0) - 1) < 1e-12);
    assert_true(fabs(evo_utility(once, 1) - 0.8 * sqrt(log(2))) < 1e-12); /* max(2, S + 1) */
    assert_true(fabs(evo_utility(often, 11) - (0.8 + 0.8 * sqrt(log(12) / 10))) < 1e-12);
    json_decref(fresh);
    json_decref(once);
    json_decref(often);
}

static void chosen(const json_t *list, const char *query, bool rules, size_t most,
                   const char *const *keys, const char *want)
{
    json_t *out = evo_choose(list, NULL, query, keys, rules, most), *v;
    struct buf got = BUF_INIT;
    size_t i;
    json_array_foreach (out, i, v)
        buf_addf(&got, "%s%s", i ? "|" : "", json_str_at(v, rules ? "text" : "summary", ""));
    assert_string_equal(got.ptr, want);
    buf_release(&got);
    json_decref(out);
}

static void rules_are_chosen(void **state)
{
    static const char *const keys[] = {"text", "tags", NULL};
    json_t *list = json_array();
    (void)state;
    json_array_append_new(list, rule("[P2] red apple", 0, 0));
    json_array_append_new(list, rule("[P1] green pear", 0, 0));
    json_array_append_new(list, rule("[P1] red apple", 0, 0));
    json_array_append_new(list, rule("[P0] blue plum", 0, 0));
    json_array_append_new(list, rule("[P1] brown nut", 0, 0));
    /* priority first, then the query's words, equal ones as they stand */
    chosen(list, "a red apple", true, 8, keys,
           "[P0] blue plum|[P1] red apple|[P1] green pear|[P1] brown nut|[P2] red apple");
    chosen(list, "nothing of it", true, 2, keys, "[P0] blue plum|[P1] green pear");
    /* a little utility: 0.15 of it beside the overlap */
    json_object_set_new(json_array_get(list, 1), "shown", json_integer(10));
    chosen(list, "nothing of it", true, 3, keys, "[P0] blue plum|[P1] red apple|[P1] brown nut");
    json_object_set_new(json_array_get(list, 1), "success", json_integer(10));
    chosen(list, "nothing of it", true, 2, keys, "[P0] blue plum|[P1] green pear");
    /* tags count as words */
    json_object_set_new(json_array_get(list, 4), "tags", json_pack("[s, s]", "zebra", "lion"));
    chosen(list, "zebra lion", true, 2, keys, "[P0] blue plum|[P1] brown nut");
    json_decref(list);
}

static void episodes_are_chosen(void **state)
{
    static const char *const keys[] = {"task", "summary", "analysis", "guidelines", "tags", NULL};
    json_t *list = json_array();
    (void)state;
    for (int i = 0; i < 4; i++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:[s]}", "task", i == 2 ? "red" : "blue",
                                              "summary", json_sprintf("e%d", i), "guidelines",
                                              i == 3 ? "a red plum" : "none"));
    chosen(list, "red plum", false, 3, keys, "e3|e2"); /* others share no word */
    chosen(list, "blue none", false, 3, keys, "e0|e1|e2");
    chosen(list, "", false, 3, keys, "");
    json_decref(list);
}

static void what_an_agent_sees(void **state)
{
    struct method_settings s = method_of(METHOD_EVO_MEMORY, FIDELITY_PUBLISHED);
    struct bench b;
    (void)state;
    bench_open(&b, &s, NULL);
    block_is(b.m, "red", "");
    json_array_append_new(memory_list(b.m, "rules"), rule("[P1] red apple pie", 0, 0));
    json_array_append_new(memory_list(b.m, "episodes"),
                          json_pack("{s:s, s:s, s:[s, s, s]}", "task", "red", "summary", "was red",
                                    "guidelines", "[P1] one", "[P0] two", "[P1] three"));
    block_is(
        b.m, "red",
        "<memory>\nThis is memory of earlier tasks: strategy, not facts. The task at hand comes "
        "first. Do not copy answers from it.\n\nRules:\n- [P1] red apple pie\n\nTasks like "
        "it:\n- was red\n  - one\n  - two\n</memory>");
    assert_int_equal(memory_place(b.m, 3), PLACE_LAST);
    assert_int_equal(method_order_seed(&s, 7), 0);
    assert_true(method_is_serial(METHOD_EVO_MEMORY));
    bench_close(&b);
}

/* Parts of at most 2,400 characters, the whole of at most max_context_chars; the query's first 3,000
 * characters. */
static void bounds_of_the_block(void **state)
{
    struct method_settings s = method_of(METHOD_EVO_MEMORY, FIDELITY_PUBLISHED);
    struct bench b;
    struct buf out = BUF_INIT;
    char query[3200];
    (void)state;
    s.semantic_top_k = 5;
    bench_open(&b, &s, NULL);
    for (int i = 0; i < 6; i++) {
        json_t *long_one = json_sprintf("[P1] red %0700d", i);
        json_array_append_new(memory_list(b.m, "rules"), rule(json_string_value(long_one), 0, 0));
        json_array_append_new(memory_list(b.m, "episodes"),
                              json_pack("{s:s, s:O}", "task", "red", "summary", long_one));
        json_decref(long_one);
    }
    memory_block(b.m, "red", &out);
    assert_int_equal(strlen(strstr(out.ptr, "Rules:\n")) - strlen(strstr(out.ptr, "\nTasks like")),
                     strlen("Rules:\n") + 2400 - 20 + strlen("\n[cut]\n"));
    assert_true(out.len < 6000);
    b.m->settings.max_context_chars = 1000;
    buf_reset(&out);
    memory_block(b.m, "red", &out);
    assert_int_equal(out.len, strlen("<memory>\n") + 1000 - 20 + strlen("\n[cut]\n</memory>"));
    json_array_clear(memory_list(b.m, "rules"));
    memset(query, 'x', sizeof(query));
    memcpy(query + 3100, " red", 5);
    block_is(b.m, query, ""); /* the word is too late in it */
    buf_release(&out);
    bench_close(&b);
}

/* ---- learning ---- */

#define REFLECTION                                                                                 \
    "Sure: {\"episodic_summary\": \"it was red\", \"failure_analysis\": \"apple not peeled\", "    \
    "\"action_guidelines\": [\"peel the apple first\", \"Peel the APPLE first!\", \"short\", "     \
    "\"the answer is not an apple\", \"wash it with water\"], \"tags\": [\"fruit\", \"fruit\", "   \
    "3]}"

static const json_t *rule_at(const struct bench *b, size_t i)
{
    const json_t *v = json_array_get(memory_list(b->m, "rules"), i);
    assert_non_null(v);
    return v;
}

static void one_task(struct bench *b, bool correct)
{
    struct told t;
    bool changed;
    works(method_after_task(b->run, told_make(&t, "cut the apple", "done", correct), &changed));
    assert_true(changed);
    told_release(&t);
}

static void a_task_leaves_an_episode_and_rules(void **state)
{
    static const char *const replies[] = {
        REFLECTION,
        "{\"updated_rules\": [\"wash it with water\", {\"text\": \"[P0] an old rule, kept\"}, "
        "\"an OLD rule: kept\", \"peel the apple first\"], \"edit_log\": []}",
        NULL};
    struct method_settings s = method_of(METHOD_EVO_MEMORY, FIDELITY_PUBLISHED);
    struct bench b;
    (void)state;
    bench_open(&b, &s, replies);
    json_t *old = rule("[P1] an old rule, kept", 4, 3);
    json_object_set_new(old, "tags", json_pack("[s]", "kept before"));
    json_array_append_new(memory_list(b.m, "rules"), old);
    json_array_append_new(memory_list(b.m, "rules"), rule("[P1] an apple tastes good", 0, 0));
    one_task(&b, false);
    assert_string_equal(asked_prompt(&b, 0), "evo-reflect");
    assert_string_equal(json_str_at(asked(&b, 0), "rules[0]", ""), "[P1] an apple tastes good");
    assert_string_equal(json_str_at(asked(&b, 0), "last", ""), "done");
    assert_string_equal(json_str_at(asked(&b, 0), "expected", "(none)"), "(none)");
    assert_string_equal(asked_prompt(&b, 1), "evo-curate");
    assert_int_equal(json_array_size(json_object_get(asked(&b, 1), "candidates")), 2);
    assert_string_equal(json_str_at(asked(&b, 1), "candidates[0]", ""),
                        "[P1] Peel the apple first");
    assert_string_equal(json_str_at(asked(&b, 1), "candidates[1]", ""), "[P1] Wash it with water");
    assert_string_equal(json_str_at(asked(&b, 1), "analysis", ""), "apple not peeled");
    /* by priority, then utility: new ones 1; of two with one key the first stays, with the counts */
    assert_int_equal(json_array_size(memory_list(b.m, "rules")), 3);
    assert_string_equal(json_str_at(rule_at(&b, 0), "text", ""), "[P0] an old rule, kept");
    assert_int_equal(json_int_at(rule_at(&b, 0), "shown", -1), 5);
    assert_int_equal(json_int_at(rule_at(&b, 0), "success", -1), 3);
    assert_int_equal(json_int_at(rule_at(&b, 0), "failure", -1), 0);
    assert_string_equal(json_str_at(rule_at(&b, 0), "tags[0]", ""), "kept before");
    assert_string_equal(json_str_at(rule_at(&b, 0), "tags[1]", ""), "fruit"); /* given now */
    assert_string_equal(json_str_at(rule_at(&b, 0), "tags[2]", ""), "rule");
    assert_string_equal(json_str_at(rule_at(&b, 1), "text", ""), "[P1] Peel the apple first");
    assert_string_equal(json_str_at(rule_at(&b, 1), "tags[0]", ""), "fruit");
    assert_string_equal(json_str_at(rule_at(&b, 1), "tags[1]", ""), "peel"); /* inferred */
    assert_string_equal(json_str_at(rule_at(&b, 2), "text", ""), "[P1] Wash it with water");
    const json_t *e = json_array_get(memory_list(b.m, "episodes"), 0);
    assert_string_equal(json_str_at(e, "task", ""), "cut the apple");
    assert_string_equal(json_str_at(e, "verdict", ""), "wrong");
    assert_string_equal(json_str_at(e, "summary", ""), "it was red");
    assert_int_equal(json_array_size(json_object_get(e, "tags")), 1);
    survives(b.m);
    bench_close(&b);
}

/* A failure counts against a rule that its analysis or its tags speak of; a success for all shown. */
static void credit(void **state)
{
    static const char *const replies[] = {"{\"failure_analysis\": \"the apple was bad\"}",
                                          "{\"tags\": [\"water\"]}", "no JSON", "", NULL};
    struct method_settings s = method_of(METHOD_EVO_MEMORY, FIDELITY_PUBLISHED);
    struct bench b;
    (void)state;
    s.semantic_top_k = 2;
    bench_open(&b, &s, replies);
    json_array_append_new(memory_list(b.m, "rules"), rule("[P1] an apple tastes good", 0, 0));
    json_array_append_new(memory_list(b.m, "rules"), rule("[P1] wash with water", 0, 0));
    json_array_append_new(memory_list(b.m, "rules"), rule("[P2] never shown here", 0, 0));
    one_task(&b, false);
    assert_int_equal(json_int_at(rule_at(&b, 0), "failure", -1), 1);
    assert_int_equal(json_int_at(rule_at(&b, 1), "failure", -1), 0);
    one_task(&b, false);
    assert_int_equal(json_int_at(rule_at(&b, 0), "failure", -1), 1);
    assert_int_equal(json_int_at(rule_at(&b, 1), "failure", -1), 1);
    one_task(&b, true); /* the reply is none: credit, but no episode */
    assert_int_equal(json_int_at(rule_at(&b, 0), "success", -1), 1);
    assert_int_equal(json_int_at(rule_at(&b, 1), "shown", -1), 3);
    assert_int_equal(json_int_at(rule_at(&b, 2), "shown", -1), 0);
    assert_int_equal(json_array_size(memory_list(b.m, "episodes")), 2);
    one_task(&b, false); /* a call that failed: an episode of the task alone */
    const json_t *stub = json_array_get(memory_list(b.m, "episodes"), 2);
    assert_string_equal(json_str_at(stub, "task", ""), "cut the apple");
    assert_int_equal(json_array_size(json_object_get(stub, "guidelines")), 0);
    assert_int_equal(json_array_size(b.writer.asked), 4); /* without guidelines nothing to curate */
    bench_close(&b);
}

/* Not a list that is not empty: the rules of now and the candidates, the first 25. */
static void an_unusable_list(void **state)
{
    static const char *const bad[] = {"", "nonsense", "{\"updated_rules\": []}",
                                      "{\"updated_rules\": \"x\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *replies[] = {REFLECTION, bad[i], NULL};
        struct method_settings s = method_of(METHOD_EVO_MEMORY, FIDELITY_PUBLISHED);
        struct bench b;
        s.max_semantic_rules = 3;
        bench_open(&b, &s, replies);
        json_array_append_new(memory_list(b.m, "rules"), rule("[P1] one old rule", 0, 0));
        json_array_append_new(memory_list(b.m, "rules"), rule("[P2] two old rules", 0, 0));
        one_task(&b, false);
        assert_int_equal(json_array_size(memory_list(b.m, "rules")), 3);
        assert_string_equal(json_str_at(rule_at(&b, 0), "text", ""), "[P1] Peel the apple first");
        assert_string_equal(json_str_at(rule_at(&b, 1), "text", ""), "[P1] one old rule");
        assert_string_equal(json_str_at(rule_at(&b, 2), "text", ""), "[P2] two old rules");
        bench_close(&b);
    }
}

static void the_oldest_episodes_go(void **state)
{
    static const char *const replies[] = {"{\"episodic_summary\": \"1\"}",
                                          "{\"episodic_summary\": \"2\"}",
                                          "{\"episodic_summary\": \"3\"}",
                                          "{\"episodic_summary\": \"4\", \"should_store_episode\": "
                                          "false}",
                                          NULL};
    struct method_settings s = method_of(METHOD_EVO_MEMORY, FIDELITY_REPAIRED);
    struct told t;
    struct bench b;
    bool changed;
    (void)state;
    s.max_episodes = 2;
    bench_open(&b, &s, replies);
    for (int i = 0; i < 4; i++)
        one_task(&b, i % 2);
    const json_t *episodes = memory_list(b.m, "episodes");
    assert_int_equal(json_array_size(episodes), 2);
    assert_string_equal(json_str_at(json_array_get(episodes, 0), "summary", ""), "2");
    assert_string_equal(json_str_at(json_array_get(episodes, 1), "summary", ""), "3");
    assert_string_equal(json_str_at(json_array_get(episodes, 1), "expected", ""), "[42]");
    assert_string_equal(json_str_at(asked(&b, 0), "context", ""), "the context");
    assert_string_equal(json_str_at(asked(&b, 0), "correct", ""), "False");
    struct method_trace *error = told_make(&t, "x", "y", false);
    error->error = true;
    works(method_after_task(b.run, error, &changed));
    assert_false(changed);
    assert_int_equal(json_array_size(b.writer.asked), 4);
    told_release(&t);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_forms),
        cmocka_unit_test(usable_rules),
        cmocka_unit_test(utilities),
        cmocka_unit_test(rules_are_chosen),
        cmocka_unit_test(episodes_are_chosen),
        cmocka_unit_test(what_an_agent_sees),
        cmocka_unit_test(bounds_of_the_block),
        cmocka_unit_test(a_task_leaves_an_episode_and_rules),
        cmocka_unit_test(credit),
        cmocka_unit_test(an_unusable_list),
        cmocka_unit_test(the_oldest_episodes_go),
    };
    return cmocka_run_group_tests_name("method_evo", tests, NULL, NULL);
}
