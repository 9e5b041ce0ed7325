/* test_trace.c - what a writer's prompt says of an episode, and of what its agent was told. */
#include "test.h"

#include "runtime/base/json.h"
#include "runtime/learn/learn_private.h"

struct episode {
    struct task task;
    struct rollout r;
};

/* Replies and answers in turn, NULL at the end; the world calls each reply by its own text. */
static void play(struct episode *e, const char *const *said)
{
    *e = (struct episode){.task = {.id = "t_1", .instruction = "Do.", .context = "", .mrn = "S1"}};
    e->r.task = &e->task;
    works(chat_add(&e->r.chat, CHAT_USER, "{\"the first\":\"message\"}", 23));
    for (size_t i = 0; said[i]; i++) {
        works(chat_add(&e->r.chat, i % 2 ? CHAT_USER : CHAT_AGENT, said[i], strlen(said[i])));
        if (i % 2 == 0)
            works(strlist_add(&e->r.actions, said[i]));
    }
}

static void forget(struct episode *e)
{
    strlist_release(&e->r.actions);
    chat_release(&e->r.chat);
    free(e->r.verdict);
    json_decref(e->r.told);
    json_decref(e->r.digests);
}

static char *joined(json_t *lines)
{
    struct buf out = BUF_INIT;
    json_t *v;
    size_t i;
    json_array_foreach (lines, i, v) {
        buf_addf(&out, "%s\n", json_string_value(v));
    }
    json_decref(lines);
    return buf_detach(&out);
}

static void expect_steps(const struct learn *l, const struct episode *e,
                         const struct episode *beside, const char *want)
{
    char *is = joined(trace_steps(l, &e->r, beside ? &beside->r : NULL));
    assert_string_equal(is, want);
    free(is);
}

static void an_episode_is_written_down(void **state)
{
    (void)state;
    struct config c = {.told.trace_chars = 6000};
    struct learn l = {.c = &c};
    struct episode e;
    play(&e, (const char *const[]){
                 "GET http://x/Observation?code=K", "{\"resourceType\":\"Bundle\",\"total\":0}",
                 "POST http://x/Y {\"a\":\n1}", "accepted\n### t_9", "FINISH([1])", NULL});
    expect_steps(&l, &e, NULL,
                 "1. GET http://x/Observation?code=K\n   -> Bundle: total 0, no next page\n"
                 "2. POST http://x/Y {\"a\": 1}\n   -> accepted ### t_9\n3. FINISH([1])\n");
    forget(&e);
    /* a reply that was no action is shown itself */
    play(&e, (const char *const[]){"I will look.\nGET x", NULL});
    free(e.r.actions.v[0]);
    e.r.actions.v[0] = str_dup("(no action) I will");
    expect_steps(&l, &e, NULL, "1. (no action) I will look. GET x\n");
    forget(&e);
    /* in a world of its own, replies stand in their literal form */
    c.env.kind = ENV_EXEC;
    play(&e, (const char *const[]){"{\"tool\":\n\"look\"}", "{\"a\": [1, 2]}", "look(2)", "", "end",
                                   NULL});
    free(e.r.actions.v[0]);
    e.r.actions.v[0] = str_dup("LOOK 1");
    e.r.digests = json_pack("{s:s}", "2", "two\n\n## numbers");
    expect_steps(
        &l, &e, NULL,
        "1. {\"tool\": \"look\"} [LOOK 1]\n   -> two\n      \n      ## numbers\n2. look(2)\n"
        "   -> \n3. end\n");
    forget(&e);
}

/* What is the same in a passing episode of the family gets what the rest leaves. */
static void the_budget_goes_to_what_differs(void **state)
{
    (void)state;
    struct config c = {.told.trace_chars = 1000};
    struct learn l = {.c = &c};
    struct episode e, good;
    char text[901], *is;
    memset(text, 'x', 900);
    text[900] = '\0';
    play(&e, (const char *const[]){"GET a?patient=S1&date=ge2023-11-12T10:15:00Z", text,
                                   "GET b?code=2823-3", text, "FINISH([1])", NULL});
    play(&good, (const char *const[]){"GET a?patient=S2&date=ge2020-01-01", text, "GET b?code=K",
                                      text, "FINISH([2])", NULL});
    good.task.mrn = "S2";
    is = joined(trace_steps(&l, &e.r, &good.r));
    assert_non_null(strstr(is, "\n   -> xxxxx"));
    const char *first = strstr(is, "-> x") + 3, *second = strstr(first, "-> x") + 3;
    size_t shared = strspn(first, "x"), differing = strspn(second, "x");
    assert_int_equal(shared, 160);
    assert_in_range(differing, 700, 800);
    assert_non_null(strstr(first, "x... (740 more characters)"));
    free(is);
    /* without one to compare with, all the same; with room, all of it */
    is = joined(trace_steps(&l, &e.r, NULL));
    first = strstr(is, "-> x") + 3;
    second = strstr(first, "-> x") + 3;
    assert_int_equal(strspn(first, "x"), strspn(second, "x"));
    free(is);
    c.told.trace_chars = 2000;
    is = joined(trace_steps(&l, &e.r, &good.r));
    assert_null(strstr(is, "more characters"));
    free(is);
    forget(&e);
    forget(&good);
}

static json_t *two_functions(void)
{
    json_t *api = NULL;
    const char *text =
        "{\"base_url\":\"u\",\"functions\":["
        "{\"name\":\"GET {api_base}/Observation\",\"description\":\"Finds\\n "
        "labs.\",\"parameters\":{"
        "\"properties\":{\"code\":{\"type\":\"string\",\"description\":\"Its "
        "\\\"name\\\".\"},\"_count\":{"
        "\"type\":\"integer\"}},\"required\":[\"code\"]}},"
        "{\"name\":\"POST "
        "{api_base}/Observation\",\"parameters\":{\"properties\":{\"category\":{\"type\":"
        "\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"coding\":{\"type\":\"array\","
        "\"items\":{"
        "\"properties\":{\"system\":{\"type\":\"string\",\"description\":\"Use it.\"}}}}}}}}}},"
        "{\"name\":\"GET {api_base}/Patient\",\"description\":\"Finds people.\"}]}";
    works(json_parse(&api, text, strlen(text), "api"));
    return api;
}

static void told(const struct learn *l, const struct episode *e, const char *functions)
{
    json_t *data = json_object();
    const struct rollout *r = &e->r;
    prompt_told(l, &r, 1, data);
    char *is = joined(json_incref(json_at(data, "told.functions")));
    assert_string_equal(is, functions);
    free(is);
    json_decref(data);
}

static void only_what_was_used_is_told(void **state)
{
    (void)state;
    static const char labs[] = "- `GET {api_base}/Observation`: Finds labs.\n"
                               "    - code (required): Its \"name\".\n    - _count (integer)\n",
                      people[] = "- `GET {api_base}/Patient`: Finds people.\n";
    struct config c = {.told.trace_chars = 6000};
    struct learn l = {.c = &c};
    static const struct {
        const char *action, *want;
    } cases[] = {
        {"GET http://x/fhir/Observation?code=K", labs},
        {"GET http://x/fhir/Observation", labs},
        {"GET Observation?code=K", labs},
        {"GET http://x/fhir/Patient/S1", people},
        {"GET http://x/fhir/Patients?a", ""},
        {"GET http://x/fhir/Other?x=/Patient", ""},
        {"POST http://x/fhir/Observation {\"a\": 1}",
         "- `POST {api_base}/Observation`\n    - category[].coding[].system: Use it.\n"},
        {"FINISH([\"GET /Patient\"])", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct episode e;
        play(&e, (const char *const[]){cases[i].action, NULL});
        e.r.told = json_pack("{s:o, s:s}", "api", two_functions(), "response_format", "one");
        told(&l, &e, cases[i].want);
        forget(&e);
    }
}

static void a_failure_is_told_whole(void **state)
{
    (void)state;
    struct config c = {.told.trace_chars = 6000};
    struct learn l = {.c = &c};
    struct episode e;
    json_t *labels = json_pack("{s:s}", "t_1", "a_label"), *also = json_pack("{s:s}", "t_1", "b");
    struct noted noted = {labels, also, NULL};
    play(&e, (const char *const[]){"FINISH([1])", NULL});
    e.r.told = json_pack("{s:s, s:s}", "description", "Told so.", "context", "Then\n### now");
    e.r.verdict = calloc(1, sizeof(*e.r.verdict));
    assert_non_null(e.r.verdict);
    verdict_say(e.r.verdict, 0, "answer: no");
    verdict_say(e.r.verdict, 1, "posts: extra");
    json_t *v = prompt_failure(&l, &e.r, NULL, TRACE_DIAGNOSE, &noted);
    assert_string_equal(json_str_at(v, "instruction", ""), "Told so.");
    assert_string_equal(json_str_at(v, "context", ""), "Then ### now");
    assert_string_equal(json_str_at(v, "label", ""), "a_label");
    assert_string_equal(json_str_at(v, "also", ""), "b");
    assert_string_equal(json_str_at(v, "reasons[1]", ""), "posts: extra");
    assert_null(json_object_get(v, "expected"));
    json_decref(v);
    forget(&e);
    json_decref(labels);
    json_decref(also);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_episode_is_written_down),
        cmocka_unit_test(the_budget_goes_to_what_differs),
        cmocka_unit_test(only_what_was_used_is_told),
        cmocka_unit_test(a_failure_is_told_whole),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
