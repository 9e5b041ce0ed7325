/* test_edit.c - the writer's replies: what is taken, what is refused and why, what becomes of it.
 */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "skills/edit.h"

struct log {
    size_t count[EDIT_REFUSALS], n;
    char last[200];
};

static void refused(void *arg, enum edit_refusal why, const char *detail)
{
    struct log *l = arg;
    l->count[why]++;
    l->n++;
    snprintf(l->last, sizeof(l->last), "%s", detail);
}

static void put(struct skill_set *set, const char *name)
{
    struct skill s = {.version = 4, .name = strdup(name), .description = strdup("old words")};
    strlist_add(&s.tags, "old");
    skill_set_body(&s, "old body", 8);
    skill_set_meta(&s, "author-model", "before");
    skill_set_meta(&s, "flat-name", "a_b");
    skill_set_meta(&s, "flat-fixes", "7");
    assert_int_equal(skill_set_put(set, &s), 0);
}

static struct skill_set library_of(size_t n)
{
    static const char *const names[] = {"alpha", "beta", "gamma", "delta"};
    struct skill_set set = {0};
    for (size_t i = 0; i < n; i++)
        put(&set, names[i]);
    return set;
}

static bool forbid_secret(void *arg, const struct edit *e, char *what, size_t size)
{
    const char *const texts[] = {e->name, e->description, e->content, e->reason};
    bool found = false;
    (void)arg;
    for (size_t i = 0; i < 4; i++)
        found |= texts[i] && strstr(texts[i], "S1234567");
    for (size_t i = 0; i < e->tags.n; i++)
        found |= strstr(e->tags.v[i], "S1234567") != NULL;
    if (found)
        snprintf(what, size, "patient S1234567");
    return found;
}

static const struct edit_rules usual = {.capacity = 10, .max_edits = 1, .forbidden = forbid_secret};

static struct proposal_list parse(const char *text, size_t len, const struct skill_set *set,
                                  const struct edit_rules *rules, struct log *log)
{
    struct proposal_list list = {0};
    *log = (struct log){0};
    assert_int_equal(edit_parse_reply(text, len, set, rules, &list, refused, log), 0);
    return list;
}

#define ADD_X "{\"action\":\"ADD\",\"name\":\"x y\",\"description\":\"d\",\"content\":\"c\"}"

static void replies_are_read(void **state)
{
    (void)state;
    static const char *const taken[] = {
        "[" ADD_X "]",
        "Sure! Here it is:\n```json\n[" ADD_X "]\n```\nHope [this] helps.",
        "I saw [brackets] and [more, of {them}] and \"quotes. [" ADD_X "]",
        "As asked, one edit: [" ADD_X "]",
        "[{\"action\":\" add \",\"name\":\"X_Y\",\"content\":\"a ] } \\\" [ b\",}]",
        "[{\"action\":\"Add\",\"name\":\"x y\",\"content\":\"line one\nline \\_two\tend\"}]",
        "[{\"action\":\"ADD\",\"name\":\"x-y\",\"content\":\"c\",\"tags\":\"one, two,,one\"}]",
        "[{\"action\":\"ADD\",\"name\":\"x-y\",\"content\":\"c\",\"tags\":null,\"extra\":{}}]",
        "\xef\xbb\xbf[" ADD_X "] \xff",
    };
    struct skill_set set = library_of(1);
    struct log log;
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        struct proposal_list l = parse(taken[i], strlen(taken[i]), &set, &usual, &log);
        if (l.n != 1 || log.n)
            fail_msg("reply %zu: %zu taken, %zu refused (%s)", i, l.n, log.n, log.last);
        assert_int_equal(l.v[0].n, 1);
        assert_int_equal(l.v[0].v[0].action, EDIT_ADD);
        assert_string_equal(l.v[0].v[0].name, "x-y");
        if (i == 5)
            assert_string_equal(l.v[0].v[0].content, "line one\nline \\_two\tend\n");
        if (i == 6)
            assert_int_equal(l.v[0].v[0].tags.n, 2);
        proposal_list_release(&l);
    }
    skill_set_release(&set);
}

static void every_refusal(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum edit_refusal why;
    } cases[] = {
        {"", EDIT_NO_ARRAY},
        {"I would rather not.", EDIT_NO_ARRAY},
        {"[{\"action\":\"ADD\",", EDIT_CUT},
        {"{\"action\":\"ADD\"}", EDIT_BAD_NAME},
        {"[1, 2", EDIT_NO_ARRAY},
        {"no \xff text", EDIT_BAD_TEXT},
        {"[]", EDIT_EMPTY_ARRAY},
        {"[1]", EDIT_NOT_OBJECT},
        {"[{\"name\":\"x\",\"content\":\"c\"}]", EDIT_BAD_ACTION},
        {"[{\"action\":\"DELETE\",\"name\":\"x\",\"content\":\"c\"}]", EDIT_BAD_ACTION},
        {"[{\"action\":7,\"name\":\"x\",\"content\":\"c\"}]", EDIT_BAD_ACTION},
        {"[{\"action\":\"ADD\",\"content\":\"c\"}]", EDIT_BAD_NAME},
        {"[{\"action\":\"ADD\",\"name\":\"--\",\"content\":\"c\"}]", EDIT_BAD_NAME},
        {"[{\"action\":\"ADD\",\"name\":\"../../.git/hooks/post-commit\",\"content\":\"c\"}]",
         EDIT_BAD_NAME},
        {"[{\"action\":\"ADD\",\"name\":\"/etc/passwd\",\"content\":\"c\"}]", EDIT_BAD_NAME},
        {"[{\"action\":\"ADD\",\"name\":\"a\\\\b\",\"content\":\"c\"}]", EDIT_BAD_NAME},
        {"[{\"action\":\"ADD\",\"name\":\"x\\u0000y\",\"content\":\"c\"}]", EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"skill_template\",\"content\":\"c\"}]", EDIT_TEMPLATE},
        {"[{\"action\":\"REMOVE\",\"name\":\"Template\"}]", EDIT_TEMPLATE},
        {"[{\"action\":\"ADD\",\"name\":\"Alpha\",\"content\":\"c\"}]", EDIT_EXISTS},
        {"[{\"action\":\"MODIFY\",\"name\":\"gone\",\"content\":\"c\"}]", EDIT_MISSING},
        {"[{\"action\":\"REMOVE\",\"name\":\"gone\"}]", EDIT_MISSING},
        {"[{\"action\":\"REMOVE\",\"name\":\"alpha\",\"reason\":\"as S1234567 shows\"}]",
         EDIT_LEAK},
        {"[{\"action\":\"REMOVE\",\"name\":\"alpha\",\"reason\":[\"x\"]}]", EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\"}]", EDIT_EMPTY_CONTENT},
        {"[{\"action\":\"MODIFY\",\"name\":\"alpha\",\"content\":\" \\n \"}]", EDIT_EMPTY_CONTENT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":[\"c\"]}]", EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"a\\u0000b\"}]", EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"a\\u001b[31mb\"}]", EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"---\\nname: y\\n---\\nc\"}]",
         EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"```\\r---\\r```text\"}]",
         EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"\\n```md\\n---\\nname: y\\n---\\nc\"}]",
         EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"c\",\"description\":5}]",
         EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"c\",\"description\":\"\\u0007\"}]",
         EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"c\",\"tags\":[1]}]", EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"c\",\"tags\":{}}]", EDIT_BAD_TEXT},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"about S1234567\"}]", EDIT_LEAK},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"c\",\"tags\":[\"S1234567\"]}]",
         EDIT_LEAK},
        {"[{\"action\":\"MODIFY\",\"name\":\"alpha\",\"content\":\"\\nold body \\n\"}]",
         EDIT_UNCHANGED},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"c\",\"tags\":\"a,b,c,d,e,f,g,h,i,j,k,l,"
         "m,n,o,p,q\"}]",
         EDIT_TOO_LONG},
        {"[{\"action\":\"ADD\",\"name\":\"x\",\"content\":\"c\",\"tags\":[\"0123456789012345678901"
         "2345678901234567890123456789012345678901234\"]}]",
         EDIT_TOO_LONG},
    };
    struct skill_set set = library_of(1);
    struct log log;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct proposal_list l = parse(cases[i].text, strlen(cases[i].text), &set, &usual, &log);
        if (l.n || log.n != 1 || log.count[cases[i].why] != 1)
            fail_msg("case %zu (%.60s): %zu taken, %zu refused, not as %s but '%s'", i,
                     cases[i].text, l.n, log.n, edit_refusal_name(cases[i].why), log.last);
        proposal_list_release(&l);
    }
    for (int r = 0; r < EDIT_REFUSALS; r++)
        assert_non_null(edit_refusal_name((enum edit_refusal)r));
    struct edit_rules rules = usual;
    rules.append_only = true;
    const char *text = "[{\"action\":\"REMOVE\",\"name\":\"alpha\"}]";
    struct proposal_list l = parse(text, strlen(text), &set, &rules, &log);
    assert_int_equal(l.n, 0);
    assert_int_equal(log.count[EDIT_APPEND_ONLY], 1);
    skill_set_release(&set);
}

static void lengths(void **state)
{
    (void)state;
    static const struct {
        size_t description, content;
        bool good;
    } cases[] = {{1024, 10, true}, {1025, 10, false}, {10, 65536, true}, {10, 65537, false}};
    struct skill_set set = {0};
    struct log log;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = BUF_INIT;
        buf_adds(&b, "[{\"action\":\"ADD\",\"name\":\"x\",\"description\":\"");
        for (size_t k = 0; k < cases[i].description; k++)
            buf_adds(&b, "\xc3\xa9");
        buf_adds(&b, "\",\"content\":\"");
        for (size_t k = 0; k < cases[i].content; k++)
            buf_addch(&b, 'c');
        buf_adds(&b, "\"}]");
        struct proposal_list l = parse(b.ptr, b.len, &set, &usual, &log);
        assert_int_equal(l.n, cases[i].good);
        assert_int_equal(log.count[EDIT_TOO_LONG], !cases[i].good);
        struct skill_set made = {0};
        if (l.n) /* and what was taken is a file that can be read back */
        {
            struct buf file = BUF_INIT;
            struct skill s;
            assert_int_equal(proposal_apply(&set, &l.v[0], NULL, &made), 0);
            skill_render(&made.v[0], &file);
            assert_int_equal(skill_parse(&s, file.ptr, file.len, "x", "x"), 0);
            skill_release(&s);
            buf_release(&file);
        }
        skill_set_release(&made);
        proposal_list_release(&l);
        buf_release(&b);
    }
}

/* Sizes and nesting are bounded: these take milliseconds, not minutes. */
static void rubbish(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        size_t bytes;
        enum edit_refusal why;
    } cases[] = {
        {"[", 4 << 20, EDIT_NO_ARRAY},          {"[[{", 4 << 20, EDIT_NO_ARRAY},
        {"[\"", 4 << 20, EDIT_NO_ARRAY},        {"[]x", 10 << 20, EDIT_TOO_LONG},
        {"[a,", 4 << 20, EDIT_NO_ARRAY},        {"\\\"[", 4 << 20, EDIT_NO_ARRAY},
        {"[1,2,x]", 4 << 20, EDIT_NO_ARRAY},    {"]}", 1 << 20, EDIT_NO_ARRAY},
        {"word \"{[ ", 2 << 20, EDIT_NO_ARRAY},
    };
    struct skill_set set = {0};
    struct log log;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = BUF_INIT;
        while (b.len + 8 < cases[i].bytes)
            buf_adds(&b, cases[i].unit);
        struct proposal_list l = parse(b.ptr, b.len, &set, &usual, &log);
        assert_int_equal(l.n, 0);
        assert_int_equal(log.n, 1);
        if (log.count[cases[i].why] != 1)
            fail_msg("%s: %s", cases[i].unit, log.last);
        buf_release(&b);
    }
    /* Valid JSON, but a million things in it. */
    struct buf b = BUF_INIT;
    buf_adds(&b, "[" ADD_X);
    for (int i = 0; i < 100000; i++)
        buf_adds(&b, ",{}");
    buf_adds(&b, "]");
    struct proposal_list l = parse(b.ptr, b.len, &set, &usual, &log);
    assert_int_equal(l.n, 1);
    assert_int_equal(log.count[EDIT_TOO_MANY], 1);
    proposal_list_release(&l);
    buf_release(&b);
}

#define REMOVE(name) "{\"action\":\"REMOVE\",\"name\":\"" name "\"}"
#define ADD(name)    "{\"action\":\"ADD\",\"name\":\"" name "\",\"content\":\"c\"}"

static void pairs_in_a_full_library(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t skills, capacity, max;
        const char *taken;     /* descriptions, joined by "; " */
        enum edit_refusal why; /* of the one refusal, EDIT_OK: none */
    } cases[] = {
        {"[" REMOVE("alpha") "," ADD("x") "]", 3, 3, 1, "REMOVE alpha + ADD x", EDIT_OK},
        {"[" ADD("x") "," REMOVE("alpha") "]", 3, 3, 1, "REMOVE alpha + ADD x", EDIT_OK},
        {"[" ADD("x") "," REMOVE("alpha") "]", 1, 3, 1, "REMOVE alpha + ADD x", EDIT_OK},
        {"[" ADD("x") "," REMOVE("alpha") "]", 1, 4, 2, "ADD x; REMOVE alpha", EDIT_OK},
        {"[" ADD("x") "," REMOVE("alpha") "]", 1, 4, 1, "ADD x", EDIT_TOO_MANY},
        {"[" ADD("x") "]", 3, 3, 1, "", EDIT_FULL},
        {"[" ADD("x") "]", 4, 3, 1, "", EDIT_FULL},
        {"[" ADD("x") "]", 2, 3, 1, "ADD x", EDIT_OK},
        {"[" REMOVE("alpha") "," ADD("x") "," ADD("y") "]", 3, 3, 3, "REMOVE alpha + ADD x",
         EDIT_FULL},
        {"[" REMOVE("alpha") "," ADD("beta") "]", 3, 3, 1, "REMOVE alpha", EDIT_EXISTS},
        {"[" ADD("x") "," ADD("x") "]", 1, 9, 2, "ADD x", EDIT_DUPLICATE},
        {"[" REMOVE("alpha") "," REMOVE("beta") "," ADD("x") "," ADD("y") "]", 3, 3, 4,
         "REMOVE alpha + ADD x; REMOVE beta + ADD y", EDIT_OK},
    };
    struct log log;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct skill_set set = library_of(cases[i].skills), made = {0};
        struct edit_rules rules = {.capacity = cases[i].capacity, .max_edits = cases[i].max};
        struct proposal_list l = parse(cases[i].text, strlen(cases[i].text), &set, &rules, &log);
        struct buf b = BUF_INIT;
        for (size_t k = 0; k < l.n; k++) {
            buf_adds(&b, k ? "; " : "");
            proposal_describe(&l.v[k], &b);
            assert_int_equal(proposal_apply(&set, &l.v[k], NULL, &made), 0);
            skill_set_release(&made);
        }
        if (strcmp(b.ptr, cases[i].taken) != 0 || log.n != (cases[i].why != EDIT_OK) ||
            (log.n && !log.count[cases[i].why]))
            fail_msg("case %zu: '%s', %zu refused", i, b.ptr, log.n);
        buf_release(&b);
        proposal_list_release(&l);
        skill_set_release(&set);
    }
}

static void one(const char *text, const struct skill_set *set, struct proposal *p)
{
    struct log log;
    struct proposal_list l = parse(text, strlen(text), set, &usual, &log);
    assert_int_equal(l.n, 1);
    *p = l.v[0];
    l.n = 0;
    proposal_list_release(&l);
}

static void edits_are_applied(void **state)
{
    (void)state;
    struct skill_set set = library_of(2), made;
    struct provenance from = {"model/x", 2, 1};
    struct proposal p;

    one("[{\"action\":\"ADD\",\"name\":\"New_One\",\"content\":\"# T\\r\\n\\r\\nUse a <b> now.\"}]",
        &set, &p);
    assert_int_equal(proposal_apply(&set, &p, &from, &made), 0);
    const struct skill *s = skill_set_find(&made, "new-one");
    assert_int_equal(made.n, 3);
    assert_int_equal(s->version, 1);
    assert_string_equal(s->body, "# T\n\nUse a <b> now.\n");
    assert_string_equal(s->description, "Use a \xe2\x80\xb9"
                                        "b\xe2\x80\xba now.");
    assert_string_equal(skill_meta(s, "author-model"), "model/x");
    assert_string_equal(skill_meta(s, "epoch"), "2");
    assert_string_equal(skill_meta(s, "update"), "1");
    assert_null(skill_meta(s, "parent-version"));
    assert_int_equal(proposal_apply(&made, &p, &from, &(struct skill_set){0}), GRASP_EINVAL);
    skill_set_release(&made);
    proposal_release(&p);

    one("[{\"action\":\"modify\",\"name\":\"alpha\",\"content\":"
        "\"`````markdown\\n````md\\n\\nnew\\n````\\n`````\"}]",
        &set, &p);
    struct proposal again; /* what is clean stays as it is */
    json_t *v = proposal_to_json(&p);
    assert_int_equal(proposal_from_json(&again, v), 0);
    assert_true(proposal_equal(&p, &again, 0));
    proposal_release(&again);
    json_decref(v);
    assert_int_equal(proposal_apply(&set, &p, &from, &made), 0);
    s = skill_set_find(&made, "alpha");
    assert_int_equal(s->version, 5);
    assert_string_equal(s->body, "new\n");
    assert_string_equal(s->description, "old words");
    assert_string_equal(s->tags.v[0], "old");
    assert_string_equal(skill_meta(s, "author-model"), "model/x");
    assert_string_equal(skill_meta(s, "parent-version"), "4");
    assert_string_equal(skill_meta(s, "flat-name"), "a_b");
    assert_null(skill_meta(s, "flat-fixes"));
    assert_string_equal(skill_set_find(&set, "alpha")->body, "old body\n");
    skill_set_release(&made);
    proposal_release(&p);

    one("[{\"action\":\"MODIFY\",\"name\":\"alpha\",\"content\":\"new\",\"tags\":[\"t u\"],"
        "\"description\":\"a\\n --- b\"}]",
        &set, &p);
    assert_int_equal(proposal_apply(&set, &p, NULL, &made), 0);
    s = skill_set_find(&made, "alpha");
    assert_string_equal(s->description, "a \xe2\x80\x94 b");
    assert_int_equal(s->tags.n, 1);
    assert_string_equal(s->tags.v[0], "t u");
    assert_null(skill_meta(s, "author-model"));
    skill_set_release(&made);
    proposal_release(&p);

    one("[" REMOVE("beta") "]", &set, &p);
    assert_int_equal(proposal_apply(&set, &p, &from, &made), 0);
    assert_int_equal(made.n, 1);
    assert_int_equal(proposal_apply(&made, &p, &from, &(struct skill_set){0}), GRASP_EINVAL);
    skill_set_release(&made);
    proposal_release(&p);
    skill_set_release(&set);
}

static void json_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"action\":\"ADD\",\"name\":\"a\",\"description\":\"d\",\"content\":\"c\\n\",\"tags\":"
        "[\"t\",\"u v\"]}",
        "{\"action\":\"MODIFY\",\"name\":\"a\",\"content\":\"c\\n\",\"tags\":[]}",
        "{\"action\":\"REMOVE\",\"name\":\"a\"}",
        "[{\"action\":\"REMOVE\",\"name\":\"a\"},{\"action\":\"ADD\",\"name\":\"b\",\"content\":"
        "\"c\\n\",\"tags\":[]}]",
    };
    struct proposal before = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct proposal p;
        json_t *v = NULL;
        struct buf b = BUF_INIT;
        assert_int_equal(json_parse(&v, texts[i], strlen(texts[i]), "t"), 0);
        assert_int_equal(proposal_from_json(&p, v), 0);
        json_decref(v);
        v = proposal_to_json(&p);
        buf_add_json_value(&b, v);
        assert_string_equal(b.ptr, texts[i]);
        assert_true(proposal_equal(&p, &p, 0));
        assert_false(proposal_equal(&p, &before, 0));
        json_decref(v);
        buf_release(&b);
        proposal_release(&before);
        before = p;
    }
    proposal_release(&before);
    static const char *const bad[] = {"[]", "{}", "3", "{\"action\":\"ADD\",\"name\":\"a\"}",
                                      "[{},{},{}]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        json_t *v = NULL;
        assert_int_equal(json_parse(&v, bad[i], strlen(bad[i]), "t"), 0);
        assert_int_equal(proposal_from_json(&before, v), GRASP_EPARSE);
        json_decref(v);
    }
}

/* A reason is one line, cut rather than refused; it comes back from JSON and decides nothing. */
static void reasons_are_one_line(void **state)
{
    struct skill_set set = library_of(1);
    struct log log;
    struct buf text = BUF_INIT;
    struct proposal again;
    (void)state;
    buf_adds(&text, "[{\"action\":\"REMOVE\",\"name\":\"alpha\",\"reason\":\" One\\n line <b> ");
    for (int i = 0; i < EDIT_REASON_MAX; i++)
        buf_adds(&text, "\xc3\xa4");
    buf_adds(&text, "\"}]");
    struct proposal_list l = parse(text.ptr, text.len, &set, &usual, &log);
    assert_int_equal(l.n, 1);
    const char *reason = l.v[0].v[0].reason;
    assert_true(str_starts(reason, "One line \xe2\x80\xb9"
                                   "b\xe2\x80\xba \xc3\xa4"));
    assert_true(str_ends(reason, "\xc3\xa4..."));
    assert_int_equal(utf8_length(reason, strlen(reason)), EDIT_REASON_MAX);
    json_t *v = proposal_to_json(&l.v[0]);
    assert_int_equal(proposal_from_json(&again, v), 0);
    assert_string_equal(again.v[0].reason, reason);
    free(again.v[0].reason);
    again.v[0].reason = NULL;
    assert_true(proposal_equal(&l.v[0], &again, 0));
    proposal_release(&again);
    proposal_list_release(&l);
    json_decref(v);
    skill_set_release(&set);
    buf_release(&text);
}

static void equal_as_far_as_asked(void **state)
{
    (void)state;
    struct proposal a = {.n = 1}, b = {.n = 1};
    a.v[0] = (struct edit){.action = EDIT_ADD,
                           .name = (char[]){"x"},
                           .content = (char[]){"\xc3\xa4"
                                               "bc one"}};
    b.v[0] = (struct edit){.action = EDIT_ADD,
                           .name = (char[]){"x"},
                           .content = (char[]){"\xc3\xa4"
                                               "bc two"}};
    assert_false(proposal_equal(&a, &b, 0));
    assert_true(proposal_equal(&a, &b, 4)); /* characters, not bytes */
    assert_false(proposal_equal(&a, &b, 5));
    b.v[0].content = (char[]){"\xc3\xa4"
                              "b"};
    assert_false(proposal_equal(&a, &b, 100));
    b.v[0].name = (char[]){"y"};
    assert_false(proposal_equal(&a, &b, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_as_far_as_asked),
        cmocka_unit_test(reasons_are_one_line),
        cmocka_unit_test(replies_are_read),
        cmocka_unit_test(every_refusal),
        cmocka_unit_test(lengths),
        cmocka_unit_test(rubbish),
        cmocka_unit_test(pairs_in_a_full_library),
        cmocka_unit_test(edits_are_applied),
        cmocka_unit_test(json_round_trip),
    };
    return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
