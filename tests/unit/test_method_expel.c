/* test_method_expel.c - ExpeL: operations as released and as meant, the store of traces, the nearest
 * success. */
#include "methods_harness.h"

static void put_rule(struct bench *b, const char *text, int counter)
{
    json_array_append_new(memory_list(b->m, "rules"),
                          json_pack("{s:s, s:i}", "text", text, "counter", counter));
}

/* "text (counter)" joined by "; " */
static void rules_are(const struct bench *b, const char *want)
{
    struct buf got = BUF_INIT;
    size_t i;
    json_t *rule;
    json_array_foreach (memory_list(b->m, "rules"), i, rule)
        buf_addf(&got, "%s%s (%d)", i ? "; " : "", json_str_at(rule, "text", ""),
                 (int)json_int_at(rule, "counter", 0));
    assert_string_equal(got.ptr, want);
    buf_release(&got);
}

/* One success and one failure: a comparison (the reply), and the successes (nothing). */
static void operations(void **state)
{
    static const struct {
        const char *reply, *published, *repaired;
        int max;
    } cases[] = {
        {"ADD 4: Be quick", "a. (2); b. (2); c. (2); Be quick. (2)",
         "a. (2); b. (2); c. (2); Be quick. (2)", 20},
        {"ADD: Be quick.", "a. (2); b. (2); c. (2); Be quick. (2)",
         "a. (2); b. (2); c. (2); Be quick. (2)", 20},
        {"ADD 4: New rule: Be quick.", "a. (2); b. (2); c. (2); Be quick. (2)",
         "a. (2); b. (2); c. (2); Be quick. (2)", 20},
        {"ADD 4: b.", "a. (2); b. (2); c. (2)", "a. (2); b. (2); c. (2)", 20},
        {"ADD 4: d\nADD 5: d.", "a. (2); b. (2); c. (2); d. (2)", "a. (2); b. (2); c. (2); d. (2)",
         20},
        /* with a number: nothing as released */
        {"AGREE 2: b.", "a. (2); b. (2); c. (2)", "b. (3); a. (2); c. (2)", 20},
        {"EDIT 3: better", "a. (2); b. (2); c. (2)", "better. (3); a. (2); b. (2)", 20},
        {"REMOVE 1: a.", "a. (2); b. (2); c. (2)", "b. (2); c. (2); a. (1)", 20},
        /* full: three instead of one */
        {"REMOVE 1: a.", "a. (2); b. (2); c. (2)", "b. (2); c. (2)", 3},
        {"REMOVE 1: a.\nREMOVE 1: a.", "a. (2); b. (2); c. (2)", "b. (2); c. (2)", 20},
        /* without one: the first rule whose number is in the text, and none */
        {"AGREE: as rule 2 says", "b. (3); a. (2); c. (2)", "a. (2); b. (2); c. (2)", 20},
        {"REMOVE: no rule", "a. (2); b. (2); c. (2)", "a. (2); b. (2); c. (2)", 20},
        {"EDIT: within 13 days", "within 13 days. (3); b. (2); c. (2)", "a. (2); b. (2); c. (2)",
         20},
        /* out of the list, and what is no operation */
        {"AGREE 9: x\nAGREE 0: x\nAGREE 4: x", "a. (2); b. (2); c. (2)", "a. (2); b. (2); c. (2)",
         20},
        {"ADD 4 d\nADDED: d\nADD 4:\nADD 4: ", "a. (2); b. (2); c. (2)", "a. (2); b. (2); c. (2)",
         20},
        {"ADD 4: one, ADD 5: two", "a. (2); b. (2); c. (2)", "a. (2); b. (2); c. (2)", 20},
        /* anywhere in a line; REMOVE, AGREE, EDIT, ADD whatever their order; the first 3 stay */
        {"- ADD 4: d\n* AGREE 3: c.", "a. (2); b. (2); c. (2)", "c. (3); a. (2); b. (2)", 3},
        {"ADD 4: d\nEDIT 1: e\nAGREE 1: a.\nREMOVE 1: a.", "a. (2); b. (2); c. (2); d. (2)",
         "e. (3); b. (2); c. (2); d. (2)", 20},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (int repair = 0; repair < 2; repair++) {
            const char *replies[] = {cases[i].reply, NULL};
            struct method_settings s = method_of(METHOD_EXPEL, (enum fidelity)repair);
            struct told good, bad;
            struct bench b;
            bool changed;
            s.max_rules = cases[i].max;
            bench_open(&b, &s, replies);
            put_rule(&b, "a.", 2);
            put_rule(&b, "b.", 2);
            put_rule(&b, "c.", 2);
            struct method_trace v[] = {*told_make(&good, "x", "FINISH([1])", true),
                                       *told_make(&bad, "x", "FINISH([2])", false)};
            works(method_after_epoch(b.run, v, 2, &changed));
            const char *want = repair ? cases[i].repaired : cases[i].published;
            rules_are(&b, want);
            assert_int_equal(changed, strcmp(want, "a. (2); b. (2); c. (2)") != 0);
            survives(b.m);
            told_release(&good);
            told_release(&bad);
            bench_close(&b);
        }
}

static void full_is_said(void **state)
{
    (void)state;
    for (int max = 2; max <= 3; max++) {
        struct method_settings s = method_of(METHOD_EXPEL, FIDELITY_PUBLISHED);
        struct told good;
        struct bench b;
        bool changed;
        s.max_rules = max;
        bench_open(&b, &s, NULL);
        put_rule(&b, "a.", 2);
        put_rule(&b, "b.", 2);
        works(method_after_epoch(b.run, told_make(&good, "x", "FINISH([1])", true), 1, &changed));
        assert_string_equal(asked_prompt(&b, 0), "expel-successes");
        assert_int_equal(json_bool_at(asked(&b, 0), "full", false), max == 2);
        assert_int_equal(json_array_size(json_object_get(asked(&b, 0), "rules")), 2);
        assert_int_equal(json_int_at(asked(&b, 0), "rules[1].n", 0), 2);
        told_release(&good);
        bench_close(&b);
    }
}

static const char *of_call(const struct bench *b, size_t i, const char *path)
{
    return json_str_at(asked(b, i), path, "(none)");
}

/* Failures of all epochs are compared in every epoch, all at once and with the same rules; errors of
 * tasks count among them; ties go to the earliest success. */
static void every_trace_is_kept(void **state)
{
    static const char *const names[] = {"get the age of bob", "get the name of eve",
                                        "order the salt", "get the age of eve", "order salt"};
    static const bool right[] = {true, true, true, false, false};
    struct method_settings s = method_of(METHOD_EXPEL, FIDELITY_PUBLISHED);
    struct told t[5];
    struct method_trace v[5];
    struct bench b;
    bool changed;
    (void)state;
    bench_open(&b, &s, NULL);
    for (size_t i = 0; i < 5; i++)
        v[i] = *told_make(&t[i], names[i], "FINISH([1])", right[i]);
    v[4].error = true;
    works(method_after_epoch(b.run, v, 5, &changed));
    assert_false(changed);
    assert_int_equal(json_array_size(b.writer.asked), 3);
    assert_int_equal(b.writer.rounds, 1);
    assert_string_equal(asked_prompt(&b, 0), "expel-compare");
    assert_string_equal(of_call(&b, 0, "failure.instruction"), "get the age of eve");
    /* 4 of 6 words with either of the first two */
    assert_string_equal(of_call(&b, 0, "success.instruction"), "get the age of bob");
    assert_string_equal(of_call(&b, 1, "failure.instruction"), "order salt");
    assert_string_equal(of_call(&b, 1, "success.instruction"), "order the salt");
    assert_string_equal(of_call(&b, 0, "failure.history[0].role"), "user");
    assert_string_equal(of_call(&b, 0, "failure.history[0].text"),
                        "get the age of eve the context");
    assert_string_equal(of_call(&b, 0, "failure.history[1].text"), "FINISH([1])");
    assert_string_equal(of_call(&b, 0, "failure.expected"), "(none)");
    assert_string_equal(asked_prompt(&b, 2), "expel-successes");
    assert_int_equal(json_array_size(json_object_get(asked(&b, 2), "traces")), 3);
    works(method_after_epoch(b.run, v, 5, &changed)); /* 2 of now, 2 of before */
    assert_int_equal(json_array_size(b.writer.asked), 3 + 5);
    works(method_after_epoch(b.run, v, 5, &changed));
    assert_int_equal(json_array_size(b.writer.asked), 3 + 5 + 7);
    works(method_after_epoch(b.run, v, 5, &changed));
    assert_int_equal(json_array_size(json_object_get(asked(&b, 3 + 5 + 7 + 8), "traces")), 10);
    for (size_t i = 0; i < 5; i++)
        told_release(&t[i]);
    bench_close(&b);
}

static void without_a_success(void **state)
{
    struct method_settings s = method_of(METHOD_EXPEL, FIDELITY_REPAIRED);
    struct told t, u;
    struct bench b;
    bool changed;
    (void)state;
    bench_open(&b, &s, NULL);
    works(method_after_epoch(b.run, told_make(&t, "x", "FINISH([1])", false), 1, &changed));
    assert_int_equal(json_array_size(b.writer.asked), 0);
    works(method_after_epoch(b.run, told_make(&u, "x", "FINISH([2])", true), 1, &changed));
    assert_int_equal(json_array_size(b.writer.asked), 2);
    assert_string_equal(of_call(&b, 0, "failure.expected"), "[42]");
    assert_string_equal(of_call(&b, 0, "failure.result"), "the result");
    told_release(&t);
    told_release(&u);
    bench_close(&b);
}

static void what_an_agent_sees(void **state)
{
    (void)state;
    for (int repair = 0; repair < 2; repair++) {
        struct method_settings s = method_of(METHOD_EXPEL, (enum fidelity)repair);
        struct bench b;
        bench_open(&b, &s, NULL);
        block_is(b.m, "x", "");
        put_rule(&b, "a.", 5);
        put_rule(&b, "b.", 2);
        block_is(b.m, "x",
                 "Rules learned from earlier tasks. Follow those that concern the task at hand:\n"
                 "1. a.\n2. b.\n");
        assert_int_equal(memory_place(b.m, 0), PLACE_FIRST);
        assert_int_equal(memory_place(b.m, 1), repair ? PLACE_FIRST : PLACE_NOWHERE);
        assert_int_equal(method_order_seed(&s, 7), 7); /* has the seed either way */
        bench_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations),          cmocka_unit_test(full_is_said),
        cmocka_unit_test(every_trace_is_kept), cmocka_unit_test(without_a_success),
        cmocka_unit_test(what_an_agent_sees),
    };
    return cmocka_run_group_tests_name("method_expel", tests, NULL, NULL);
}
