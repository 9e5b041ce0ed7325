/* test_flat.c - flat files and folders of skills: nothing is lost on the way in and out. */
#include "test.h"

#include <glob.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "skills/flat.h"

static int parse(struct skill *s, const char *text, struct strlist *changes)
{
    return flat_parse(s, text, strlen(text), "d/some_name.md", changes);
}

static void read_file(const char *path, struct buf *out)
{
    buf_reset(out);
    assert_int_equal(fs_read(path, out), 0);
}

/* flat -> ours -> SKILL.md -> ours -> flat: the same bytes, but for where a description with
 * escapes is wrapped; that reads the same. */
static void round_trip(const char *path)
{
    struct buf text = BUF_INIT, flat = BUF_INIT, ours = BUF_INIT;
    struct skill s, again;
    read_file(path, &text);
    if (flat_parse(&s, text.ptr, text.len, path, NULL) < 0)
        fail_msg("%s", err_msg());
    flat_render(&s, &flat);
    if (!strstr(text.ptr, "description: \"") && strcmp(flat.ptr, text.ptr) != 0)
        fail_msg("%s: comes back as\n%.600s", path, flat.ptr);
    assert_int_equal(flat_parse(&again, flat.ptr, flat.len, path, NULL), 0);
    assert_true(skill_equal(&s, &again));
    skill_release(&again);
    skill_render(&s, &ours);
    if (skill_parse(&again, ours.ptr, ours.len, path, s.name) < 0)
        fail_msg("%s", err_msg());
    assert_true(skill_equal(&s, &again));
    buf_reset(&text);
    flat_render(&again, &text);
    assert_string_equal(flat.ptr, text.ptr);
    skill_release(&s);
    skill_release(&again);
    buf_release(&text);
    buf_release(&flat);
    buf_release(&ours);
}

static void own_files(void **state)
{
    (void)state;
    struct skill s;
    struct buf text = BUF_INIT;
    struct strlist changes = {0};
    round_trip("tests/data/flat/latest_value_first.md");
    read_file("tests/data/flat/latest_value_first.md", &text);
    assert_int_equal(flat_parse(&s, text.ptr, text.len, "x.md", &changes), 0);
    assert_string_equal(s.name, "latest-value-first");
    assert_int_equal(s.version, 2);
    assert_int_equal(s.tags.n, 3);
    assert_string_equal(s.tags.v[1], "time window");
    assert_string_equal(skill_meta(&s, "epoch"), "2");
    assert_string_equal(skill_meta(&s, "update"), "1");
    assert_string_equal(skill_meta(&s, "parent-version"), "1");
    assert_string_equal(skill_meta(&s, "flat-fixes"), "5");
    assert_string_equal(skill_meta(&s, "flat-triggering-sample-ids"), "job_3 job_11");
    assert_int_equal(changes.n, 1);
    assert_string_equal(changes.v[0],
                        "x.md: name 'latest_value_first' became 'latest-value-first'");
    strlist_release(&changes);
    skill_release(&s);
    read_file("tests/data/flat/no_tags.md", &text);
    assert_int_equal(flat_parse(&s, text.ptr, text.len, "x.md", &changes), 0);
    assert_string_equal(s.description,
                        "Compare with \xe2\x80\xb9= and \"quotes\" \xe2\x80\x94 and more");
    assert_string_equal(skill_meta(&s, "flat-description"),
                        "Compare with <= and \"quotes\" \xe2\x80\x94 and more");
    assert_int_equal(changes.n, 2);
    struct buf out = BUF_INIT;
    flat_render(&s, &out);
    assert_non_null(
        strstr(out.ptr, "description: \"Compare with <= and \\\"quotes\\\" \\u2014 and"));
    assert_non_null(strstr(out.ptr, "\nname: No Tags\ntags: []\n"));
    buf_release(&out);
    strlist_release(&changes);
    skill_release(&s);
    buf_release(&text);
}

static void odd_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name; /* NULL: refused */
        size_t changes;
    } cases[] = {
        {"---\nname: a\ndescription: d\n---\nb", "a", 0},
        {"---\ndescription: d\n---\nb", "some-name", 2},
        {"---\nname: a\ndescription: d\ntags: one, two\n---\n", "a", 1},
        {"---\nname: a\ndescription: d\ntags: [x, [y]]\n---\n", "a", 1},
        {"---\nname: a\ndescription: d\nversion: two\n---\n", "a", 1},
        {"---\nname: a\ndescription: d\nversion: -3\n---\n", "a", 1},
        {"---\nname: a\ndescription: d\nextra: x\nlist: [p, q]\nmap: {a: {b: c}}\n---\n", "a", 1},
        {"---\nname: a\ndescription: d\nprovenance: {action: ADD, epoch: 1, odd: x, deep: {a: "
         "b}}\n---\n",
         "a", 1},
        {"---\nname: a\ndescription: d\nprovenance: none\n---\n", "a", 0},
        {"---\nname: '../../x'\ndescription: d\n---\n", "x", 1},
        {"---\nname: a\n---\n", NULL, 0},
        {"---\nname: '--'\ndescription: d\n---\n", NULL, 0},
        {"---\nname: a\ndescription: ''\n---\n", NULL, 0},
        {"---\nname: a\ndescription: [d]\n---\n", NULL, 0},
        {"---\nname: a\ndescription: d\nx: &a [*a]\n---\n", NULL, 0},
        {"---\nname: a\ndescription: d\nx: {{{{{{{{{{a: b}}}}}}}}}}\n---\n", NULL, 0},
        {"---\nname: a\ndescription: d\n? [x]\n: y\n---\n", NULL, 0},
        {"---\n- a\n---\n", NULL, 0},
        {"---\n---\n", NULL, 0},
        {"no frontmatter", NULL, 0},
        {"---\nname: a\ndescription: \"d\n---\n", NULL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct skill s, again;
        struct strlist changes = {0};
        struct buf out = BUF_INIT;
        int rc = parse(&s, cases[i].text, &changes);
        if (rc != (cases[i].name ? 0 : GRASP_EPARSE) ||
            (rc == 0 && (strcmp(s.name, cases[i].name) != 0 || changes.n != cases[i].changes)))
            fail_msg("case %zu: %d %s, %zu changes", i, rc, rc ? err_msg() : s.name, changes.n);
        if (rc == 0) {
            flat_render(&s, &out);
            assert_int_equal(flat_parse(&again, out.ptr, out.len, "again.md", NULL), 0);
            if (!str_starts(cases[i].text, "---\nname: '../") && !skill_equal(&s, &again))
                fail_msg("case %zu comes back as\n%s", i, out.ptr);
            skill_release(&again);
        }
        strlist_release(&changes);
        skill_release(&s);
        buf_release(&out);
    }
}

static size_t lines_with(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
        n++;
    return n;
}

/* What is a number, a truth or nothing comes back as one, and a text that looks like one as text. */
static void types_come_back(void **state)
{
    (void)state;
    static const char *const fronts[] = {
        "description: d\nname: a\nprovenance:\n  action: null\n  epoch: 7\n  fixes: 11\n"
        "  no_gate: true\n  triggering_sample_ids: []\n  update_cycle: 0\ntags:\n- x\nversion: 1\n",
        "active: false\ndescription: d\nname: a\nprovenance:\n  action: None\n  author_model: "
        "'true'\n"
        "  epoch: '7'\n  odd: 'false'\n  probe_score: 1.5\n  triggering_sample_ids:\n  - 12\n  - "
        "13\n"
        "tags:\n- 2024\nversion: 2\nxnumber: '12'\n",
        "description: d\nname: a\nprovenance:\n  action: MODIFY\n  author_model: 4\n"
        "  parent_version: null\n  triggering_sample_ids:\n  - '12'\ntags:\n- '2024'\nversion: 3\n",
    };
    for (size_t i = 0; i < sizeof(fronts) / sizeof(*fronts); i++) {
        struct skill s, again;
        struct buf in = BUF_INIT, out = BUF_INIT;
        buf_addf(&in, "---\n%s---\n\n# B\n", fronts[i]);
        assert_int_equal(parse(&s, in.ptr, NULL), 0);
        flat_render(&s, &out);
        assert_string_equal(out.ptr, in.ptr);
        assert_int_equal(flat_parse(&again, out.ptr, out.len, "again.md", NULL), 0);
        assert_true(skill_equal(&s, &again));
        skill_release(&again);
        skill_release(&s);
        buf_release(&in);
        buf_release(&out);
    }
}

/* Metadata may name any key as one that a flat file had. */
static void no_key_is_written_twice(void **state)
{
    (void)state;
    struct skill s, again;
    struct buf out = BUF_INIT;
    assert_int_equal(parse(&s,
                           "---\nname: a\ndescription: d\nlicense: MIT\nmetadata:\n  epoch: '1'\n"
                           "  flat-top.version: '3'\n  flat-top.name: b\n  flat-top.license: x\n"
                           "  flat-top.provenance: none\n  flat-provenance.epoch: '7'\n---\nb",
                           NULL),
                     0);
    flat_render(&s, &out);
    assert_int_equal(lines_with(out.ptr, "version:"), 1);
    assert_int_equal(lines_with(out.ptr, "name:"), 1);
    assert_int_equal(lines_with(out.ptr, "license: MIT"), 1);
    assert_int_equal(lines_with(out.ptr, "license:"), 1);
    assert_int_equal(lines_with(out.ptr, "provenance:"), 1);
    assert_int_equal(lines_with(out.ptr, "epoch: 1"), 1);
    assert_int_equal(lines_with(out.ptr, "epoch:"), 1);
    assert_int_equal(flat_parse(&again, out.ptr, out.len, "again.md", NULL), 0);
    assert_int_equal(again.version, 1);
    assert_string_equal(again.name, "a");
    skill_release(&again);
    skill_release(&s);
    buf_release(&out);
}

static void our_own_exported(void **state)
{
    (void)state;
    struct skill s = {.version = 3, .name = strdup("a-b"), .description = strdup("yes")};
    struct buf out = BUF_INIT;
    skill_set_body(&s, "# B", 3);
    strlist_add(&s.tags, "12");
    skill_set_meta(&s, "epoch", "1");
    skill_set_meta(&s, "update", "0");
    skill_set_meta(&s, "author-model", "m");
    skill_set_meta(&s, "parent-version", "2");
    skill_set_meta(&s, "gate-score", "4");
    skill_set_meta(&s, "gate-tasks", "t_1 t_2");
    flat_render(&s, &out);
    assert_string_equal(out.ptr,
                        "---\ndescription: 'yes'\nname: a_b\nprovenance:\n  action: MODIFY\n"
                        "  author_model: m\n  epoch: 1\n  parent_version: 2\n  probe_score: 4\n"
                        "  triggering_sample_ids:\n  - t_1\n  - t_2\n  update_cycle: 0\ntags:\n"
                        "- '12'\nversion: 3\n---\n\n# B\n");
    skill_set_meta(&s, "flat-name", "../a-b");
    char *name = flat_name(&s);
    assert_string_equal(name, "a_b");
    free(name);
    skill_set_meta(&s, "flat-name", "A_b");
    name = flat_name(&s);
    assert_string_equal(name, "A_b");
    free(name);
    skill_release(&s);
    buf_release(&out);
}

/* A set of what we write, at its limits: for tests/integration/interop_skills.sh, too. */
static void made_here(struct skill_set *set)
{
    static const char *const descriptions[] = {
        "Use it when \"quotes\", 'apostrophes', # signs, colons: and \\ backslashes are there.",
        "\xe2\x80\xb9"
        "angle\xe2\x80\xba brackets, \xc3\xa9, \xf0\x9f\x98\x80, a tab\tand { braces "
        "}: [x], *y, &z, "
        "!t, %u, @v, `w`. Use when a value is missing."};
    assert_int_equal(flat_read_dir("tests/data/flat", set, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        struct skill s = {.version = 12};
        char name[SKILL_NAME_MAX + 1], text[1200];
        memset(name, 'a' + (int)i, sizeof(name));
        name[i < 2 ? 10 : SKILL_NAME_MAX] = '\0';
        memset(text, 'd', sizeof(text));
        text[SKILL_DESCRIPTION_MAX] = '\0';
        memcpy(text, "Use when ", 9);
        s.name = strdup(name);
        s.description = strdup(i < 2 ? descriptions[i] : text);
        skill_set_body(&s, "# Title\n\n---\n\nText with --- and <tags>.", 39);
        strlist_add(&s.tags, "two words");
        strlist_add(&s.tags, "c++");
        skill_set_meta(&s, "author-model", "org/model: v1 --- \"x\"");
        skill_set_meta(&s, "epoch", "1");
        assert_int_equal(skill_set_put(set, &s), 0);
    }
}

static void written_for_others(void **state)
{
    (void)state;
    struct skill_set set, again;
    const char *keep = getenv("GRASP_KEEP_SKILLS");
    char *dir = keep ? strdup(keep) : fs_tempdir("grasp-skills");
    made_here(&set);
    assert_int_equal(flat_write(dir, &set, false), 0);
    assert_int_equal(flat_read_dir(dir, &again, NULL), 0);
    assert_int_equal(again.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(skill_equal(&set.v[i], &again.v[i]));
    skill_set_release(&set);
    skill_set_release(&again);
    if (!keep)
        fs_remove_tree(dir);
    free(dir);
}

static void directories(void **state)
{
    (void)state;
    struct skill_set set, again;
    struct flat_report report = {0};
    char *dir = fs_tempdir("grasp-flat"), *sub = fs_join(dir, "skills"), *flat = fs_join(dir, "f");
    assert_int_equal(flat_read_dir("tests/data/flat", &set, &report), 0);
    assert_int_equal(set.n, 2);
    assert_int_equal(report.changes.n, 3);
    flat_report_release(&report);
    assert_int_equal(flat_write(sub, &set, false), 0);
    assert_int_equal(flat_read_dir(dir, &again, &report), 0); /* below skills/ */
    assert_int_equal(report.changes.n, 0);
    assert_int_equal(again.n, 2);
    assert_true(skill_equal(&set.v[0], &again.v[0]));
    skill_set_release(&again);
    for (int form = 0; form < 2; form++) { /* on the way, done, and with something of others */
        char *out = fs_join(dir, form ? "as-flat" : "as-folders"), *file = fs_join(out, "other");
        const struct skill_set one = {.v = set.v, .n = 1};
        assert_true(flat_unwritten(out, &set, form));
        assert_int_equal(flat_write(out, &one, form), 0);
        assert_true(flat_unwritten(out, &set, form));
        assert_int_equal(flat_write(out, &set, form), 0);
        assert_true(flat_unwritten(out, &set, form));
        assert_false(flat_unwritten(out, &one, form));
        assert_int_equal(fs_write(file, "x", 1), 0);
        assert_false(flat_unwritten(out, &set, form));
        assert_int_equal(fs_remove_tree(out), 0);
        free(file);
        free(out);
    }
    assert_int_equal(flat_write(flat, &set, true), 0);
    assert_int_equal(flat_read_dir(flat, &again, NULL), 0);
    assert_true(skill_equal(&set.v[1], &again.v[1]));
    skill_set_release(&again);
    skill_set_release(&set);

    assert_int_equal(flat_read_dir("tests/data/skill-folders", &set, &report), 0);
    assert_int_equal(set.n, 2);
    assert_int_equal(report.changes.n, 0);
    const struct skill *wide = skill_set_find(&set, "wide-one");
    assert_int_equal(wide->version, 3);
    assert_int_equal(wide->tags.n, 2);
    assert_string_equal(wide->tags.v[1], "b c");
    assert_true(wide->foreign);
    assert_null(skill_meta(wide, "flat-top.author"));
    assert_string_equal(skill_meta(wide, "mood"), "good");
    assert_string_equal(wide->license, "MIT");
    skill_set_release(&set);
    assert_int_equal(flat_read_dir("tests/data/skill-folders/plain-one", &set, NULL), 0);
    assert_int_equal(set.n, 1);
    skill_set_release(&set);

    char *twin = fs_join(flat, "latest-value-first.md");
    const char *text = "---\nname: latest-value-first\ndescription: d\n---\n";
    assert_int_equal(fs_write(twin, text, strlen(text)), 0);
    assert_int_equal(flat_read_dir(flat, &set, &report), 0);
    assert_int_equal(set.n, 2);
    assert_int_equal(report.refused.n, 1);
    assert_non_null(strstr(report.refused.v[0], "second skill of the name 'latest-value-first'"));
    skill_set_release(&set);
    flat_report_release(&report);
    assert_int_equal(flat_read_dir("tests/unit", &set, NULL), GRASP_ENOTFOUND);
    assert_int_equal(flat_read_dir("/nonexistent", &set, NULL), GRASP_ENOTFOUND);
    fs_remove_tree(dir);
    free(twin);
    free(flat);
    free(sub);
    free(dir);
}

static void released_libraries(void **state)
{
    (void)state;
    static const char *const patterns[] = {"reference/libraries/*/*.md",
                                           "reference/libraries/*/.history/*.md"};
    char path[512];
    size_t n = 0;
    if (!shared_file("reference/libraries", path))
        skip();
    for (size_t i = 0; i < 2; i++) {
        glob_t found;
        snprintf(path, sizeof(path), "%s/%s",
                 getenv("GRASP_SHARED") ? getenv("GRASP_SHARED") : "../shared", patterns[i]);
        assert_int_equal(glob(path, 0, NULL, &found), 0);
        for (size_t k = 0; k < found.gl_pathc; k++, n++)
            round_trip(found.gl_pathv[k]);
        globfree(&found);
    }
    assert_true(n >= 33);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_files),          cmocka_unit_test(odd_files),
        cmocka_unit_test(types_come_back),    cmocka_unit_test(no_key_is_written_twice),
        cmocka_unit_test(our_own_exported),   cmocka_unit_test(directories),
        cmocka_unit_test(written_for_others), cmocka_unit_test(released_libraries),
    };
    return cmocka_run_group_tests_name("flat", tests, NULL, NULL);
}
