/* test_skill.c - SKILL.md documents: rules, round trips, sets. */
#include "test.h"

#include "runtime/base/err.h"
#include "skills/skill.h"

static int parse(struct skill *s, const char *text)
{
    return skill_parse(s, text, strlen(text), "x/SKILL.md", NULL);
}

static const char plain[] =
    "---\nname: lab-value\ndescription: 'Take the value: it''s a number'\n"
    "license: MIT\nmetadata:\n  author: \"me\"\n  version: \"3\"\n"
    "  tags: \"lab value resource+type c%2B\"\n---\n\n# Body\n\n---\ntext\n";

static void reads_what_is_there(void **state)
{
    (void)state;
    struct skill s;
    assert_int_equal(parse(&s, plain), 0);
    assert_string_equal(s.name, "lab-value");
    assert_string_equal(s.description, "Take the value: it's a number");
    assert_string_equal(s.body, "# Body\n\n---\ntext\n");
    assert_string_equal(s.license, "MIT");
    assert_int_equal(s.version, 3);
    assert_int_equal(s.tags.n, 4);
    assert_string_equal(s.tags.v[2], "resource type");
    assert_string_equal(s.tags.v[3], "c+");
    assert_string_equal(skill_meta(&s, "author"), "me");
    assert_null(skill_meta(&s, "version"));
    assert_null(s.compatibility);
    skill_release(&s);
    assert_int_equal(parse(&s, "---\nname: a\ndescription: >\n  folded\n  text\n---\n"), 0);
    assert_string_equal(s.description, "folded text\n");
    assert_string_equal(s.body, "");
    assert_int_equal(s.version, 1);
    skill_release(&s);
}

static void writes_the_same_bytes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        plain,
        "---\r\ndescription: d\r\nname: a\r\n---\r\nbody",
        "--- \nname: a\ndescription: d\n# comment\nmetadata: {version: 1.5, 'tags': ' x  y "
        "'}\n---\n"
        "\n\n\nbody\n\n\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct skill s, copy, again;
        struct buf out = BUF_INIT;
        assert_int_equal(parse(&s, texts[i]), 0);
        skill_render(&s, &out);
        assert_string_equal(out.ptr, texts[i]);
        assert_int_equal(skill_copy(&copy, &s), 0);
        buf_reset(&out);
        skill_render(&copy, &out);
        assert_string_equal(out.ptr, texts[i]);
        /* Changed: our form, which says the same when it is read, and is stable. */
        copy.version++;
        buf_reset(&out);
        skill_render(&copy, &out);
        assert_true(strncmp(out.ptr, "---\nname: ", 10) == 0);
        assert_int_equal(parse(&again, out.ptr), 0);
        assert_true(skill_equal(&again, &copy));
        assert_false(skill_equal(&again, &s));
        skill_release(&s);
        skill_release(&copy);
        skill_release(&again);
        buf_release(&out);
    }
}

static void our_form(void **state)
{
    (void)state;
    struct skill s = {.version = 2}, again;
    struct buf out = BUF_INIT;
    s.name = strdup("a-b");
    s.description = strdup("say \"x\" \\ y:\nthen --- \xc2\x85 \xe2\x80\xa8 \x7f \xc3\xa9 # not");
    assert_int_equal(skill_set_body(&s, "\n\n text \n\n", 9), 0);
    strlist_add(&s.tags, "two words");
    strlist_add(&s.tags, "50%+");
    assert_int_equal(skill_set_meta(&s, "author-model", "gpt: {1}"), 0);
    assert_int_equal(skill_set_meta(&s, "epoch", "0"), 0);
    assert_int_equal(skill_set_meta(&s, "epoch", "1"), 0);
    assert_int_equal(skill_set_meta(&s, "yes", "no"), 0);
    assert_int_equal(skill_set_meta(&s, "gone", "x"), 0);
    skill_unset_meta(&s, "gone");
    skill_render(&s, &out);
    assert_string_equal(
        out.ptr,
        "---\nname: a-b\n"
        "description: \"say \\\"x\\\" \\\\ y:\\nthen --\\x2D \\x85 \\u2028 \\x7F \xc3\xa9 # not\"\n"
        "metadata:\n  version: \"2\"\n  tags: \"two+words 50%25%2B\"\n"
        "  author-model: \"gpt: {1}\"\n  epoch: \"1\"\n  \"yes\": \"no\"\n---\n\n text\n");
    assert_int_equal(parse(&again, out.ptr), 0);
    assert_true(skill_equal(&s, &again));
    skill_release(&again);
    skill_release(&s);
    buf_release(&out);
}

/* Keys of other tools keep their place, type and bytes while ours change around them. */
static void keys_of_others_stay(void **state)
{
    (void)state;
    static const char text[] =
        "---\n# of a collection\nlicense: MIT\nname: a\n"
        "allowed-tools: [Read, Grep]\n"
        "disable-model-invocation: true # not by itself\n"
        "description: d\ntags:\n  - one\n  - two words\n"
        "metadata:\n    author: me\n    rank: 3\n    deep:\n      x: [1, 2]\n"
        "    version: \"1\"\nversion: 1.2.0\n---\n\n\nbody\n";
    struct skill s, again;
    struct buf out = BUF_INIT;
    assert_int_equal(parse(&s, text), 0);
    assert_true(s.foreign);
    assert_null(s.allowed_tools);
    assert_int_equal(s.tags.n, 2);
    assert_string_equal(s.tags.v[1], "two words");
    skill_render(&s, &out);
    assert_string_equal(out.ptr, text);
    s.version = 2;
    free(s.description);
    s.description = strdup("other: thing");
    assert_int_equal(skill_set_meta(&s, "author-model", "m"), 0);
    assert_int_equal(skill_set_meta(&s, "author", "you"), 0);
    buf_reset(&out);
    skill_render(&s, &out);
    assert_string_equal(
        out.ptr, "---\n# of a collection\nlicense: MIT\nname: a\nallowed-tools: [Read, Grep]\n"
                 "disable-model-invocation: true # not by itself\n"
                 "description: \"other: thing\"\ntags:\n  - one\n  - two words\n"
                 "metadata:\n    author: \"you\"\n    rank: 3\n    deep:\n      x: [1, 2]\n"
                 "    version: \"2\"\n    author-model: \"m\"\nversion: 1.2.0\n---\n\n\nbody\n");
    assert_int_equal(parse(&again, out.ptr), 0);
    assert_true(skill_equal(&again, &s));
    skill_release(&again);
    assert_int_equal(skill_set_body(&s, "new", 3), 0);
    strlist_release(&s.tags);
    assert_int_equal(strlist_add(&s.tags, "three"), 0);
    skill_unset_meta(&s, "author");
    buf_reset(&out);
    skill_render(&s, &out);
    assert_non_null(strstr(out.ptr, "metadata:\n    rank: 3\n    deep:"));
    assert_non_null(strstr(out.ptr, "    tags: \"three\"\n"));
    assert_non_null(strstr(out.ptr, "version: 1.2.0\n---\n\nnew\n"));
    assert_int_equal(parse(&again, out.ptr), 0);
    assert_true(skill_equal(&again, &s));
    skill_release(&again);
    skill_release(&s);
    assert_int_equal(parse(&s, "---\nname: a\ndescription: d\nx: 1\n---\nb"), 0);
    s.version = 3;
    buf_reset(&out);
    skill_render(&s, &out);
    assert_string_equal(out.ptr,
                        "---\nname: a\ndescription: d\nx: 1\nmetadata:\n  version: \"3\"\n---\nb");
    skill_release(&s);
    buf_release(&out);
}

static void rules_are_enforced(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "x/SKILL.md:1: the first line must be '---'"},
        {"# Title\n", ":1: the first line"},
        {"---\nname: a\ndescription: d\n", "not closed"},
        {"---\n---\nbody", "the frontmatter is empty"},
        {"---\n- a\n---\n", ":2: the frontmatter must be a map"},
        {"---\nname: a\n---\n", "lacks 'description'"},
        {"---\ndescription: d\n---\n", "lacks 'name'"},
        {"---\nname: A_b\ndescription: d\n---\n", ":2: name: lower-case"},
        {"---\nname: -a\ndescription: d\n---\n", "name: lower-case"},
        {"---\nname: a--b\ndescription: d\n---\n", "name: lower-case"},
        {"---\nname: ../../x\ndescription: d\n---\n", "name: lower-case"},
        {"---\nname: a\nname: b\ndescription: d\n---\n", ":3: this key stands there twice: name"},
        {"---\nname: a\ndescription: d\nx: 1\ny: 2\nx: 3\n---\n",
         ":6: this key stands there twice: x"},
        {"---\n{name: a, description: d, x: [1]}\n---\n", "begin a line of their own"},
        {"\xef\xbb\xbf---\nname: a\ndescription: d\n---\n", "byte order mark"},
        {"---\nname: a\ndescription: [d]\n---\n", ":3: description must be a string"},
        {"---\nname: a\ndescription: ''\n---\n", "1 to 1024"},
        {"---\nname: a\ndescription: a <b>\n---\n", "'<' or '>'"},
        {"---\nname: a\ndescription: d\nmetadata: x\n---\n", ":4: metadata must be a map"},
        {"---\nname: a\ndescription: d\nmetadata:\n  k: [a]\n  k: b\n---\n", "twice: k"},
        {"---\nname: a\ndescription: d\nmetadata:\n  k: a\n  k: b\n---\n", "twice: k"},
        {"---\nname: a\ndescription: d\nmetadata:\n  version: 1\n  version: 2\n---\n",
         "twice: version"},
        {"---\nname: a\ndescription: x --- y\n---\n", "'---' inside"},
        {"---\nname: a\ndescription: &x d\n---\n", "anchors"},
        {"---\nname: a\ndescription: !!int 5\n---\n", "type tags"},
        {"---\nname: a\ndescription: *x\n---\n", "must be a string"},
        {"---\n? [a]\n: b\n---\n", "a key must be a string"},
        {"---\nname: a\ndescription: \"d\n---\n", ":"},
        {"---\nname: a\n\tdescription: d\n---\n", "frontmatter: "},
        {"---\nname: a\ndescription: d\ncompatibility: ''\n---\n", "compatibility"},
        {"---\nname: a\ndescription: d\n\xff: d\n---\n", "UTF-8"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct skill s;
        err_clear();
        assert_int_equal(parse(&s, cases[i].text), GRASP_EPARSE);
        if (!strstr(err_msg(), cases[i].says))
            fail_msg("case %zu: '%s' does not say '%s'", i, err_msg(), cases[i].says);
        assert_null(s.name);
    }
    struct skill s;
    const char *ok = "---\nname: a\ndescription: d\n---\n";
    assert_int_equal(skill_parse(&s, ok, strlen(ok), "w", "b"), GRASP_EPARSE);
    assert_non_null(strstr(err_msg(), "the folder is 'b'"));
    assert_int_equal(skill_parse(&s, "---\0", 4, "w", NULL), GRASP_EPARSE);
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    struct skill s;
    struct buf b = BUF_INIT;
    buf_adds(&b, "---\nname: a\ndescription: ");
    for (int i = 0; i < 1024; i++)
        buf_adds(&b, "\xc3\xa9");
    buf_adds(&b, "\n---\n");
    assert_int_equal(skill_parse(&s, b.ptr, b.len, "w", NULL), 0);
    skill_release(&s);
    for (int i = 0; i < 65535; i++)
        buf_addch(&b, 'x');
    assert_int_equal(skill_parse(&s, b.ptr, b.len, "w", NULL), 0);
    skill_release(&s);
    buf_adds(&b, "xx");
    assert_int_equal(skill_parse(&s, b.ptr, b.len, "w", NULL), GRASP_EPARSE);
    while (b.len < 200000)
        buf_addch(&b, '\n');
    assert_int_equal(skill_parse(&s, b.ptr, b.len, "w", NULL), GRASP_EPARSE);
    buf_reset(&b);
    buf_adds(&b, "---\nname: a\ndescription: ");
    for (int i = 0; i < 1025; i++)
        buf_addch(&b, 'd');
    buf_adds(&b, "\n---\n");
    assert_int_equal(skill_parse(&s, b.ptr, b.len, "w", NULL), GRASP_EPARSE);
    buf_release(&b);
}

static void names_and_slugs(void **state)
{
    (void)state;
    static const struct {
        const char *name, *slug;
    } cases[] = {
        {"Observation_Value", "observation-value"},
        {"  a--b  ", "a-b"},
        {"../../.git/hooks/post-commit", "git-hooks-post-commit"},
        {"\xc3\x9c"
         "ber",
         "ber"},
        {"---", ""},
        {"", ""},
        {"a", "a"},
        {"0123456789012345678901234567890123456789012345678901234567890123456789",
         "0123456789012345678901234567890123456789012345678901234567890123"},
        {"012345678901234567890123456789012345678901234567890123456789012-x",
         "012345678901234567890123456789012345678901234567890123456789012"},
    };
    char slug[SKILL_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        skill_slug(cases[i].name, slug);
        assert_string_equal(slug, cases[i].slug);
        assert_int_equal(skill_name_valid(slug), *slug != '\0');
    }
}

static void sets_are_sorted(void **state)
{
    (void)state;
    struct skill_set set = {0}, copy;
    static const char *const names[] = {"m", "a", "z", "a-b", "m"};
    for (size_t i = 0; i < 5; i++) {
        struct skill s = {.version = (int)i + 1, .name = strdup(names[i])};
        assert_int_equal(skill_set_put(&set, &s), 0);
        assert_null(s.name);
    }
    assert_int_equal(set.n, 4);
    assert_string_equal(set.v[0].name, "a");
    assert_string_equal(set.v[1].name, "a-b");
    assert_int_equal(skill_set_find(&set, "m")->version, 5);
    assert_null(skill_set_find(&set, "b"));
    assert_int_equal(skill_set_copy(&copy, &set), 0);
    assert_true(skill_set_remove(&set, "a"));
    assert_false(skill_set_remove(&set, "a"));
    assert_int_equal(set.n, 3);
    assert_int_equal(copy.n, 4);
    skill_set_release(&set);
    skill_set_release(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_there),
        cmocka_unit_test(writes_the_same_bytes),
        cmocka_unit_test(our_form),
        cmocka_unit_test(keys_of_others_stay),
        cmocka_unit_test(rules_are_enforced),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(names_and_slugs),
        cmocka_unit_test(sets_are_sorted),
    };
    return cmocka_run_group_tests_name("skill", tests, NULL, NULL);
}
