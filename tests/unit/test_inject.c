/* test_inject.c - which skills are chosen for a conversation, and how they are shown. */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "skills/inject.h"

static void put(struct skill_set *set, const char *name, const char *description, const char *tags,
                const char *body)
{
    struct skill s = {.version = 1, .name = strdup(name), .description = strdup(description)};
    skill_set_body(&s, body, strlen(body));
    char *copy = strdup(tags), *save = NULL;
    for (char *t = strtok_r(copy, ",", &save); t; t = strtok_r(NULL, ",", &save))
        strlist_add(&s.tags, t);
    free(copy);
    assert_int_equal(skill_set_put(set, &s), 0);
}

static int rank_all(const struct skill_set *set, const struct chat *chat, size_t *order,
                    int *scores)
{
    struct ranker *r = ranker_new(set);
    int rc = r ? ranker_rank(r, chat, order, scores) : GRASP_ENOMEM;
    ranker_free(r);
    return rc;
}

static int score_of(const char *tags, const char *description, const char *body, const char *text)
{
    struct skill_set set = {0};
    struct chat chat = {0};
    size_t order[1];
    int score[1];
    put(&set, "zzz", description, tags, body);
    chat_add(&chat, CHAT_USER, text, strlen(text));
    assert_int_equal(rank_all(&set, &chat, order, score), 0);
    skill_set_release(&set);
    chat_release(&chat);
    return *score;
}

static void scores(void **state)
{
    (void)state;
    static const struct {
        const char *tags, *description, *body, *text;
        int score;
    } cases[] = {
        {"", "none", "", "text", 1},                   /* no tags: +1 */
        {"x", "none", "", "x marks", 0},               /* a tag without a term */
        {"lab", "none", "", "Lab result", 30},         /* whole word */
        {"lab", "none", "", "labs", 0},                /* not a whole word */
        {"lab", "none", "", "lab_value", 20},          /* '_' belongs to the word */
        {"lab", "none", "", "a lab\xe2\x80\x99s", 30}, /* a typographic apostrophe does not */
        {"lab", "none", "", "lab\xc3\xa9", 20},        /* but a letter does */
        {"time window", "none", "", "the time window", 30},
        {"time window", "none", "", "time  window", 20}, /* all terms, not together */
        {"time window", "none", "", "window time", 20},
        {"time window", "none", "", "time flies", 10}, /* some terms */
        {"time-window", "none", "", "TIME-WINDOW", 30},
        {"in range", "none", "", "in range", 30}, /* found around its only term */
        {"in range", "none", "", "out range", 20},
        {"Kelvin", "none", "",
         "\xe2\x84\xaa"
         "elvin",
         30}, /* U+212A is k */
        {"lab,lab", "none", "", "lab", 60},
        {"lab,time window", "none", "", "lab time", 40},
        {"x", "use the lab lab value", "", "lab value use the", 2}, /* distinct, no stop words */
        {"x", "none", "lab", "lab", 0},                             /* other text does not count */
        {"x", "none", "## When to Use\nlab\n### more\nvalue\n## Next\norder", "lab value order", 2},
        {"x", "none", "# when to use\nlab", "lab", 0},
        {"x", "none", "##  When to use this SKILL\n- lab", "skill lab", 2},
        {"", "lab", "", "", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int got = score_of(cases[i].tags, cases[i].description, cases[i].body, cases[i].text);
        if (got != cases[i].score)
            fail_msg("case %zu (%s | %s): %d, expected %d", i, cases[i].tags, cases[i].text, got,
                     cases[i].score);
    }
}

static void order_and_ties(void **state)
{
    (void)state;
    struct skill_set set = {0};
    struct chat chat = {0};
    size_t order[4];
    int got[4];
    put(&set, "a", "nothing", "zzz", "");
    put(&set, "b", "lab", "zzz", "");
    put(&set, "c", "nothing", "zzz", "");
    put(&set, "d", "nothing", "", "");
    chat_add(&chat, CHAT_USER, "lab", 3);
    struct ranker *r = ranker_new(&set);
    skill_set_release(&set); /* the ranker borrows nothing */
    assert_int_equal(ranker_rank(r, &chat, order, got), 0);
    static const size_t want[] = {1, 3, 0, 2};
    static const int want_scores[] = {1, 1, 0, 0};
    assert_memory_equal(order, want, sizeof(want));
    assert_memory_equal(got, want_scores, sizeof(want_scores));
    chat_release(&chat);
    assert_int_equal(ranker_rank(r, &chat, order, NULL), 0);
    ranker_free(r);
    r = ranker_new(&set);
    assert_int_equal(ranker_rank(r, &chat, order, NULL), 0);
    ranker_free(r);
}

/* Only the last 12,000 characters count, across messages, in characters and not in bytes. */
static void the_context_ends_somewhere(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        size_t times;
        int found;
    } cases[] = {{".", 11995, 1},        {".", 11996, 0},    {"\xc3\xa9", 11995, 1},
                 {"\xc3\xa9", 11996, 0}, {"\x80", 47990, 1}, {"\x80", 48000, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (int split = 0; split < 2; split++) {
            struct skill_set set = {0};
            struct chat chat = {0};
            struct buf text = BUF_INIT;
            size_t order[1];
            int got[1];
            put(&set, "a", "value", "zzz", "");
            chat_add(&chat, CHAT_USER, "older text", 10);
            buf_adds(&text, "value");
            if (split) { /* the newline between them is one of the characters */
                chat_add(&chat, CHAT_AGENT, text.ptr, text.len);
                buf_reset(&text);
            }
            for (size_t k = split ? 1 : 0; k < cases[i].times; k++)
                buf_adds(&text, cases[i].unit);
            chat_add(&chat, CHAT_USER, text.ptr, text.len);
            assert_int_equal(rank_all(&set, &chat, order, got), 0);
            assert_int_equal(got[0], cases[i].found);
            buf_release(&text);
            chat_release(&chat);
            skill_set_release(&set);
        }
    }
}

static void the_block(void **state)
{
    (void)state;
    struct skill_set set = {0};
    struct buf out = BUF_INIT;
    inject_render(&set, NULL, 0, &out);
    assert_string_equal(out.ptr, "");
    put(&set, "a", "For\nlabs", "", "# A\n\ntext {{x}}");
    put(&set, "b", "Use when: For orders", "", "# B");
    inject_render(&set, NULL, 0, &out);
    const char *want = "\n\n## Skill: a\n\nWhen to use: For labs\n\n# A\n\ntext {{x}}\n"
                       "\n## Skill: b\n\nWhen to use: For orders\n\n# B\n";
    assert_true(strncmp(out.ptr, "# Skills\n\n", 10) == 0);
    assert_string_equal(out.ptr + out.len - strlen(want), want);
    buf_reset(&out);
    inject_render(&set, (const size_t[]){1}, 1, &out);
    assert_non_null(strstr(out.ptr, "## Skill: b\n"));
    assert_null(strstr(out.ptr, "## Skill: a\n"));
    buf_reset(&out);
    inject_render(&set, (const size_t[]){1}, 0, &out);
    assert_string_equal(out.ptr, "");
    buf_release(&out);
    skill_set_release(&set);
}

static void one_vector(const json_t *v, size_t number)
{
    struct skill_set set = {0};
    struct chat chat;
    json_t *s, *t;
    size_t i, k, order[64];
    assert_int_equal(chat_from_json(&chat, json_object_get(v, "messages")), 0);
    json_array_foreach (json_object_get(v, "skills"), i, s) {
        struct skill one = {.version = 1, .name = strdup(json_str_at(s, "name", ""))};
        const char *body = json_str_at(s, "content", "");
        one.description = strdup(json_str_at(s, "description", ""));
        skill_set_body(&one, body, strlen(body));
        json_array_foreach (json_object_get(s, "tags"), k, t)
            strlist_add(&one.tags, json_string_value(t));
        skill_set_put(&set, &one);
    }
    assert_in_range(set.n, 1, 64);
    assert_int_equal(rank_all(&set, &chat, order, NULL), 0);
    json_array_foreach (json_object_get(v, "order"), i, t)
        if (strcmp(set.v[order[i]].name, json_string_value(t)) != 0)
            fail_msg("vector %zu, place %zu: %s, expected %s", number, i, set.v[order[i]].name,
                     json_string_value(t));
    assert_int_equal(i, set.n);
    skill_set_release(&set);
    chat_release(&chat);
}

static void vectors(void **state)
{
    (void)state;
    char path[512];
    json_t *all = NULL, *v;
    size_t i;
    if (!shared_file("vectors/select.json", path))
        skip();
    assert_int_equal(json_read_file(&all, path), 0);
    assert_true(json_array_size(all) >= 60);
    json_array_foreach (all, i, v)
        one_vector(v, i);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores),    cmocka_unit_test(order_and_ties),
        cmocka_unit_test(the_block), cmocka_unit_test(the_context_ends_somewhere),
        cmocka_unit_test(vectors),
    };
    return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
