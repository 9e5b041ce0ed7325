/* test_methods.c - what the methods have in common, and the two memories of notes. */
#include "methods_harness.h"

/* ---- words ---- */

static void sets_of_tokens(void **state)
{
    static const struct {
        const char *a, *b;
        double jaccard, overlap;
    } cases[] = {
        {"", "", 0, 0},
        {"x", "", 0, 0},
        {"One two", "two ONE", 1, 1},
        {"a a a b", "a b b", 1, 1},
        {"a b c", "b c d", 0.5, 2.0 / 3},
        {"K2.5-mmol", "k2 5 mmol", 1, 1},
        {"caf\xc3\xa9", "caf", 1, 1}, /* what is no ASCII letter parts tokens */
        {"a b c d", "a", 0.25, 0.5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct words a, b;
        works(words_of(&a, cases[i].a));
        works(words_of(&b, cases[i].b));
        assert_true(words_jaccard(&a, &b) - cases[i].jaccard < 1e-12 &&
                    cases[i].jaccard - words_jaccard(&a, &b) < 1e-12);
        assert_true(words_overlap(&a, &b) - cases[i].overlap < 1e-12 &&
                    cases[i].overlap - words_overlap(&a, &b) < 1e-12);
        words_release(&a);
        words_release(&b);
    }
}

/* ---- a reply becomes a note ---- */

static void notes_out_of_replies(void **state)
{
    static const struct {
        const char *reply, *note; /* NULL: none */
    } cases[] = {
        {"When asked for x, do y.", "When asked for x, do y."},
        {"Sure!\n```\nwhen asked a,  do\tb\n```\nwhen asked c, do d", "when asked a, do b"},
        {"[\"when asked one\", \"When asked two\", \"\", 3]", "When asked two"},
        {"```json\n[\"when asked two\"]\n```", "when asked two"},
        {"<note>\n- When asked p, q.\n</note>", "When asked p, q."},
        {"<note>When asked p, q.</note>", "When asked p, q."},
        {"# A heading\n1. When asked p,\n2. then q.", "When asked p, then q."},
        {"When asked a, b.\nMore of it.\nWHEN ASKED c, d.\nAnd e.\n", "WHEN ASKED c, d. And e."},
        {"The lesson: when asked a, do b.", "when asked a, do b."},
        {"The lesson: be careful.", NULL},
        {"[]", NULL},
        {"", NULL},
        {"[\"no opening\"]", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *replies[] = {cases[i].reply, NULL};
        struct method_settings s = method_of(METHOD_SEQ_MEMORY, FIDELITY_PUBLISHED);
        struct bench b;
        struct told t;
        bool changed;
        bench_open(&b, &s, replies);
        works(method_after_task(b.run, told_make(&t, "i", "FINISH([1])", false), &changed));
        const json_t *notes = memory_list(b.m, "notes");
        assert_int_equal(json_array_size(notes), cases[i].note != NULL);
        assert_int_equal(changed, cases[i].note != NULL);
        if (cases[i].note)
            assert_string_equal(json_string_value(json_array_get(notes, 0)), cases[i].note);
        told_release(&t);
        bench_close(&b);
    }
}

static void one_call_for_each_failure(void **state)
{
    static const char *const replies[] = {"When asked a, b.", "when asked A, B.", "when asked c",
                                          NULL};
    struct method_settings s = method_of(METHOD_BATCH_MEMORY, FIDELITY_PUBLISHED);
    struct told t[5];
    struct method_trace v[5];
    struct bench b;
    bool changed;
    (void)state;
    bench_open(&b, &s, replies);
    block_is(b.m, "", "");
    for (size_t i = 0; i < 5; i++)
        v[i] = *told_make(&t[i], i == 0 ? "the first" : "another", "the last words", i == 1);
    v[3].error = true;
    works(method_after_task(b.run, &v[0], &changed));
    assert_int_equal(b.writer.next, 0); /* nothing before the batch ends */
    works(method_after_batch(b.run, v, 5, &changed));
    assert_true(changed);
    assert_int_equal(json_array_size(b.writer.asked), 3);
    assert_int_equal(b.writer.rounds, 3); /* one after the other: each sees the notes before it */
    assert_string_equal(asked_prompt(&b, 0), "memory-note");
    assert_string_equal(json_str_at(asked(&b, 0), "instruction", ""), "the first");
    assert_string_equal(json_str_at(asked(&b, 0), "answer", ""), "the last words");
    assert_string_equal(json_str_at(asked(&b, 0), "correct", ""), "False");
    assert_null(json_object_get(asked(&b, 0), "context"));
    assert_null(json_object_get(asked(&b, 0), "expected"));
    assert_null(strstr(json_str_at(asked(&b, 0), "memory", ""), "- "));
    assert_non_null(strstr(json_str_at(asked(&b, 0), "memory", ""), "</memory>"));
    assert_non_null(strstr(json_str_at(asked(&b, 1), "memory", ""), "- When asked a, b.\n"));
    assert_int_equal(json_array_size(memory_list(b.m, "notes")), 2); /* of two alike one */
    survives(b.m);
    for (size_t i = 0; i < 5; i++)
        told_release(&t[i]);
    bench_close(&b);
}

static void answers_are_cut(void **state)
{
    struct method_settings s = method_of(METHOD_SEQ_MEMORY, FIDELITY_PUBLISHED);
    struct told t;
    struct bench b;
    bool changed;
    char last[2048];
    (void)state;
    memset(last, 'x', sizeof(last));
    last[sizeof(last) - 1] = '\0';
    bench_open(&b, &s, NULL);
    works(method_after_task(b.run, told_make(&t, "i", last, false), &changed));
    assert_int_equal(strlen(json_str_at(asked(&b, 0), "answer", "")), 1000);
    told_release(&t);
    bench_close(&b);
}

/* What the released code says and does not do: the cap, and what the writer is given. */
static void repaired_notes(void **state)
{
    static const char *const replies[] = {"When asked 1.", "When asked 2.", "When asked 3.", NULL};
    (void)state;
    for (int repair = 0; repair < 2; repair++) {
        struct method_settings s =
            method_of(METHOD_SEQ_MEMORY, repair ? FIDELITY_REPAIRED : FIDELITY_PUBLISHED);
        struct told t;
        struct bench b;
        bool changed;
        s.max_bullets = 2;
        bench_open(&b, &s, replies);
        for (int i = 0; i < 3; i++) {
            works(method_after_task(b.run, told_make(&t, "i", "last", false), &changed));
            told_release(&t);
        }
        const json_t *notes = memory_list(b.m, "notes");
        assert_int_equal(json_array_size(notes), repair ? 2 : 3);
        assert_string_equal(json_string_value(json_array_get(notes, 0)),
                            repair ? "When asked 2." : "When asked 1.");
        assert_string_equal(json_str_at(asked(&b, 0), "answer", ""),
                            repair ? "the result" : "last");
        assert_string_equal(json_str_at(asked(&b, 0), "context", ""), repair ? "the context" : "");
        assert_string_equal(json_str_at(asked(&b, 0), "expected", ""), repair ? "[42]" : "");
        assert_int_equal(memory_place(b.m, 0), PLACE_FIRST);
        assert_int_equal(memory_place(b.m, 1), repair ? PLACE_FIRST : PLACE_LAST);
        assert_int_equal(method_order_seed(&s, 7), repair ? 7 : 0);
        survives(b.m);
        bench_close(&b);
    }
}

static void the_block_of_notes(void **state)
{
    struct method_settings s = method_of(METHOD_SEQ_MEMORY, FIDELITY_PUBLISHED);
    struct bench b;
    (void)state;
    bench_open(&b, &s, NULL);
    json_array_append_new(memory_list(b.m, "notes"), json_string("one"));
    json_array_append_new(memory_list(b.m, "notes"), json_string("two"));
    block_is(b.m, "whatever",
             "<memory>\nNotes from earlier tasks. Heed those that fit the task at hand.\n- one\n"
             "- two\n</memory>");
    bench_close(&b);
}

/* ---- documents ---- */

static void put_document(struct skill_set *set, const char *json)
{
    struct skill s = {.name = str_dup("seq-memory"), .description = str_dup("d"), .version = 1};
    struct skill_file f = {.path = (char *)(uintptr_t) "memory.json", .mode = 0100644};
    works(skill_set_body(&s, "body\n", 5));
    works(skill_set_meta(&s, SKILL_DOCUMENT_KEY, "seq_memory"));
    f.bytes = (char *)(uintptr_t)json;
    f.len = json ? strlen(json) : 0;
    if (json)
        works(skill_files_add(&s.files, &f));
    works(skill_set_put(set, &s));
}

#define SETTINGS                                                                                   \
    "\"settings\": {\"max_bullets\": 1, \"max_num_rules\": 1, \"episodic_top_k\": 1, "             \
    "\"semantic_top_k\": 1, \"max_episodes\": 1, \"max_semantic_rules\": 1, "                      \
    "\"max_context_chars\": 100, \"retrieval_top_k\": 1}"

static void damaged_documents_say_what_is_wrong(void **state)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {NULL, "skills/seq-memory/memory.json: it is missing"},
        {"{", "skills/seq-memory/memory.json:1: "},
        {"[]", "'method' names no method"},
        {"{\"method\": \"grasp\"}", "'method' names no method"},
        {"{\"method\": \"seq_memory\", \"fidelity\": \"?\"}", "neither published nor repaired"},
        {"{\"method\": \"seq_memory\", \"fidelity\": \"repaired\"}", "'settings.max_bullets'"},
        {"{\"method\": \"seq_memory\", \"fidelity\": \"repaired\", " SETTINGS "}",
         "there is no list 'notes'"},
        {"{\"method\": \"seq_memory\", \"fidelity\": \"repaired\", " SETTINGS
         ", \"notes\": [\"a\", 1]}",
         "entry 2 of 'notes' is not a text"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct skill_set set = {0};
        struct memory *m;
        put_document(&set, cases[i].json);
        assert_int_equal(memory_of_set(&m, &set), GRASP_EPARSE);
        assert_null(m);
        if (!strstr(err_msg(), cases[i].says))
            fail_msg("%zu: %s", i, err_msg());
        skill_set_release(&set);
    }
}

static void a_document_stands_alone(void **state)
{
    struct skill_set set = {0};
    struct skill other = {.name = str_dup("a-skill"), .description = str_dup("d"), .version = 1};
    struct memory *m;
    (void)state;
    works(memory_of_set(&m, &set));
    assert_null(m);
    works(skill_set_body(&other, "body\n", 5));
    works(skill_set_put(&set, &other));
    works(memory_of_set(&m, &set));
    assert_null(m);
    put_document(&set, "{\"method\": \"seq_memory\", \"fidelity\": \"repaired\", " SETTINGS
                       ", \"notes\": []}");
    assert_int_equal(memory_of_set(&m, &set), GRASP_EINVAL);
    assert_non_null(strstr(err_msg(), "other skills stand beside it"));
    skill_set_release(&set);
}

/* Hundreds of notes do not fit a SKILL.md: people read the first ones, all are in memory.json. */
static void a_long_memory(void **state)
{
    struct method_settings s = method_of(METHOD_SEQ_MEMORY, FIDELITY_PUBLISHED);
    struct bench b;
    struct skill document, again;
    struct buf text = BUF_INIT;
    (void)state;
    bench_open(&b, &s, NULL);
    for (int i = 0; i < 400; i++)
        json_array_append_new(memory_list(b.m, "notes"),
                              json_sprintf("When asked %d: %0500d", i, i));
    survives(b.m);
    works(memory_document(b.m, &document));
    assert_non_null(strstr(document.body, "(The others are in memory.json.)"));
    skill_render(&document, &text);
    works(skill_parse(&again, text.ptr, text.len, "SKILL.md", "seq-memory"));
    assert_string_equal(again.description, "What the method seq_memory (published) learned: 400 "
                                           "notes.");
    skill_release(&document);
    skill_release(&again);
    buf_release(&text);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_of_tokens),
        cmocka_unit_test(notes_out_of_replies),
        cmocka_unit_test(one_call_for_each_failure),
        cmocka_unit_test(answers_are_cut),
        cmocka_unit_test(repaired_notes),
        cmocka_unit_test(the_block_of_notes),
        cmocka_unit_test(damaged_documents_say_what_is_wrong),
        cmocka_unit_test(a_document_stands_alone),
        cmocka_unit_test(a_long_memory),
    };
    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
