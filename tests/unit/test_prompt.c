/* test_prompt.c - the template language, overriding, and the writer's prompts themselves. */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "skills/prompt.h"

static void the_language(void **state)
{
    (void)state;
    static const struct {
        const char *text, *data, *want; /* want NULL: a parse error; "!": an error when rendered */
    } cases[] = {
        {"plain", "{}", "plain"},
        {"", "{}", ""},
        {"{{a}} {{ b }}", "{\"a\":\"x\",\"b\":3}", "x 3"},
        {"{{a.b.c}}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", "deep"},
        {"[{{none}}{{a.none}}]", "{\"a\":{}}", "[]"},
        {"{{a}}", "{\"a\":[1,\"two\",[3]]}", "1, two, [3]"},
        {"{{a}}", "{\"a\":{\"k\":1.5}}", "{\"k\":1.5}"},
        {"{{a}}{{b}}", "{\"a\":true,\"b\":null}", "true"},
        {"{{a}}", "{\"a\":\"x\\ny {{b}}\"}", "x\ny {{b}}"},
        {"{{~a}}", "{\"a\":\"  x\\n\\t### y\\u007f\\u0000z \"}", "x ### y z"},
        {"{{~a}}", "{\"a\":[\"p\\nq\",\"r\"]}", "p q, r"},
        {"{{#a}}<{{.}}>{{/a}}", "{\"a\":[1,2]}", "<1><2>"},
        {"{{#a}}<{{x}}{{y}}>{{/a}}", "{\"a\":[{\"x\":1},{\"y\":2}],\"x\":9}", "<1><92>"},
        {"{{#a}}{{#b}}{{c}}{{/b}};{{/a}}", "{\"a\":[{\"b\":[{\"c\":1},{\"c\":2}]},{\"b\":[]}]}",
         "12;;"},
        {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":0}", "yes"},
        {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":false}", "no"},
        {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":\"\"}", "no"},
        {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":[]}", "no"},
        {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{}", "no"},
        {"{{#a?}}once{{#a}}.{{/a}}{{/a?}}", "{\"a\":[1,2,3]}", "once..."},
        {"{{#a}}{{b}}{{/a}}", "{\"a\":{\"b\":\"in\"}}", "in"},
        {"x\n{{#a}}\n- {{.}}\n{{/a}}\ny\n", "{\"a\":[1,2]}", "x\n- 1\n- 2\ny\n"},
        {"x\n  {{! several\nlines }}  \ny", "{}", "x\ny"},
        {"{{! first }}\nx", "{}", "x"},
        {"x {{! in a line }} y", "{}", "x  y"},
        {"{{#a}}{{/a}}\nx", "{}", "\nx"},
        {"{{a}}\nx", "{\"a\":1}", "1\nx"},
        {"a }} b", "{}", "a }} b"},
        {"{{> inject}}", "{}", "!"},
        {"{{a", "{}", NULL},
        {"{{}}", "{}", NULL},
        {"{{a b}}", "{}", NULL},
        {"{{a..b}}", "{}", NULL},
        {"{{#a}}", "{}", NULL},
        {"{{/a}}", "{}", NULL},
        {"{{#a}}{{#b}}{{/a}}{{/b}}", "{}", NULL},
        {"{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}"
         "{{#a}}{{#a}}{{#a}}",
         "{}", NULL},
        {"{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}"
         "{{/a}}{{/a}}",
         "{\"a\":[1,2,3,4,5,6,7,8,9,10]}", "!"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *data = NULL;
        struct buf out = BUF_INIT;
        assert_int_equal(json_parse(&data, cases[i].data, strlen(cases[i].data), "data"), 0);
        int rc = prompt_render_text(cases[i].text, strlen(cases[i].text), "t.md", data, &out);
        if (!cases[i].want)
            assert_int_equal(rc, GRASP_EPARSE);
        else if (strcmp(cases[i].want, "!") == 0)
            assert_true(rc == GRASP_EINVAL || rc == GRASP_ELIMIT);
        else {
            assert_int_equal(rc, 0);
            assert_string_equal(out.ptr, cases[i].want);
        }
        buf_release(&out);
        json_decref(data);
    }
}

static void messages_name_the_line(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    const char *text = "a\n{{! x\ny }}\n{{b}}\n{{#c}}\n";
    assert_int_equal(prompt_render_text(text, strlen(text), "t.md", NULL, &out), GRASP_EPARSE);
    assert_non_null(strstr(err_msg(), "t.md:5: "));
    buf_release(&out);
}

/* Writes NAME.md into a fresh directory and opens the prompts with it. */
static int open_with(const char *name, const char *text, struct prompts **p)
{
    char *dir = fs_tempdir("grasp-prompts"), *file = fs_join(dir, name);
    assert_int_equal(fs_write(file, text, strlen(text)), 0);
    int rc = prompts_open(p, dir);
    fs_remove_tree(dir);
    free(file);
    free(dir);
    return rc;
}

static void a_directory_overrides(void **state)
{
    (void)state;
    struct prompts *p = NULL;
    struct buf out = BUF_INIT;
    json_t *data = json_pack("{s:i}", "score", 3);
    assert_int_equal(open_with("revise.md", "# Phase: revise\nmine {{score}}", &p), 0);
    assert_int_equal(prompts_render(p, "revise", data, &out), 0);
    assert_string_equal(out.ptr, "# Phase: revise\nmine 3");
    buf_reset(&out);
    assert_int_equal(prompts_render(p, "classify", data, &out), 0);
    assert_non_null(strstr(out.ptr, "# Phase: classify\n"));
    assert_int_equal(prompts_render(p, "nonsense", data, &out), GRASP_EINVAL);
    prompts_close(p);
    assert_int_equal(open_with("revise.md", "# Phase: propose\n", &p), GRASP_EPARSE);
    assert_int_equal(open_with("revise.md", "# Phase: revise\n{{x", &p), GRASP_EPARSE);
    assert_non_null(strstr(err_msg(), "revise.md:2"));
    assert_int_equal(open_with("reviss.md", "# Phase: revise\n", &p), GRASP_EINVAL);
    assert_int_equal(open_with("revise.md", "# Phase: revise\n\xff", &p), GRASP_EPARSE);
    assert_int_equal(open_with("inject.md", "{{> inject}}{{> inject}}", &p), 0);
    assert_int_equal(prompts_render(p, "inject", data, &out), GRASP_ELIMIT);
    prompts_close(p);
    assert_int_equal(open_with("README.md", "notes", &p), 0);
    prompts_close(p);
    assert_int_equal(prompts_open(&p, "/nonexistent"), GRASP_ENOTFOUND);
    assert_null(p);
    json_decref(data);
    buf_release(&out);
}

static void check_contains(const char *text, const char *const *parts)
{
    for (const char *from = text; *parts; parts++) {
        const char *at = strstr(from, *parts);
        if (!at)
            fail_msg("not found in order: %s", *parts);
        from = at;
    }
}

/* The simulated writer and other programs read these lines: they are a format. */
static void the_writers_prompts(void **state)
{
    (void)state;
    struct prompts *p = NULL;
    struct buf out = BUF_INIT, other = BUF_INIT;
    assert_int_equal(prompts_open(&p, NULL), 0);
    json_t *task = json_pack(
        "{s:s,s:s,s:s,s:s,s:[s,s],s:s,s:s,s:[s,s,s],s:s,s:s,s:[s,s],s:s}", "id", "t_1",
        "instruction", "What\n### is it?", "context", "It is\n### now.", "status", "completed",
        "tags", "no_finish", "extra_post", "reported", "[\"4 mmol\"]", "expected", "[4]", "steps",
        "1. GET a", "   -> Bundle: total 0", "2. POST b {}", "diagnosis", "d", "verdict",
        "answer: no", "reasons", "answer: no", "posts: extra", "label", "unit_in_answer");
    json_t *good = json_pack("{s:s,s:s,s:s,s:s}", "id", "t_2", "instruction", "And this?", "status",
                             "completed", "verdict", "correct");
    json_t *data =
        json_pack("{s:[O],s:[O],s:[{s:s,s:s}],s:[{s:s,s:i,s:s,s:[s],s:s,s:i,s:i}],s:i,s:i,s:{s:s}}",
                  "tasks", task, "passing", good, "known_labels", "label", "l", "description",
                  "about", "skills", "name", "a-b", "version", 2, "description", "does", "tags",
                  "x", "body", "# B\n\ntext", "epoch", 0, "update", 1, "places_left", 9,
                  "max_edits", 1, "group", "label", "unit_in_answer");
    json_object_set_new(data, "told",
                        json_pack("{s:[s],s:s}", "functions", "- `GET {api_base}/X`: finds",
                                  "response_format", "one\naction"));

    assert_int_equal(prompts_render(p, "classify", data, &out), 0);
    assert_true(strncmp(out.ptr, "# Phase: classify\n\nYou", 21) == 0);
    check_contains(out.ptr,
                   (const char *const[]){
                       "## Known labels\n\n- `l`: about\n\n## What the agent was told\n\n"
                       "- `GET {api_base}/X`: finds\n- Form of a reply: one action\n\n"
                       "## Failing tasks\n\n### t_1\n",
                       "instruction: What ### is it?\ncontext: It is ### now.\ntags: no_finish, "
                       "extra_post\nsteps:\n1. GET a\n   -> Bundle: total 0\n2. POST b {}\n"
                       "reported: [\"4 mmol\"]\nexpected: [4]\nverdict: answer: no\nverdict: "
                       "posts: extra\n",
                       NULL});
    buf_reset(&out);
    json_object_del(task, "expected");
    json_object_set_new(task, "also", json_string("code_too"));
    assert_int_equal(prompts_render(p, "diagnose", data, &out), 0);
    check_contains(out.ptr,
                   (const char *const[]){"# Phase: diagnose\n", "## Library\n\n(empty)\n",
                                         "Form of a reply: one action\n",
                                         "### t_1\nlabel: unit_in_answer\nalso: code_too\n", NULL});
    buf_reset(&out);
    json_t *skill = json_array_get(json_object_get(data, "skills"), 0);
    json_object_set_new(skill, "repaired", json_pack("[s, s]", "t_1", "t_2"));
    json_object_set_new(skill, "shown", json_string("1 of 1"));
    assert_int_equal(prompts_render(p, "propose", data, &out), 0);
    check_contains(
        out.ptr,
        (const char *const[]){
            "# Phase: propose\n", "## Skill template\n\n`````markdown\n# Title",
            "`````\n\n## Reply",
            "## Editable skills\n\n### a-b (version 2)\ndescription: does\ntags: x\n",
            "since: epoch 0, update 1\n`````markdown\n# B\n\ntext\n`````\n",
            "Places left: 9\nEdits at most: 1\n", "Form of a reply: one action\n", "## Group\n\n",
            "group: unit_in_answer\na-b repaired when it was accepted: t_1, t_2\n"
            "a-b was shown to failing tasks of the group: 1 of 1\n\n",
            "## Failing tasks of the group\n\n### t_1\n",
            "steps:\n1. GET a\n   -> Bundle: total 0\n2. POST b {}\nreported:", "diagnosis: d\n",
            "## Passing tasks\n\n### t_2\nstatus: completed\n", "verdict: correct\n",
            "## Other failing tasks\n\n(none)\n", NULL});
    /* for a prefix cache: what all proposals of an update share stands before what a group adds */
    json_object_set_new(skill, "repaired", json_array());
    json_object_set_new(skill, "shown", json_string("0 of 3"));
    json_object_set_new(json_object_get(data, "group"), "label", json_string("other"));
    assert_int_equal(prompts_render(p, "propose", data, &other), 0);
    assert_memory_equal(out.ptr, other.ptr, (size_t)(strstr(out.ptr, "\ngroup: ") - out.ptr));
    assert_null(strstr(out.ptr, "Refused lately"));
    assert_null(strstr(out.ptr, "{{"));
    assert_null(strstr(out.ptr, "Use when"));
    buf_reset(&out);
    json_decref(data);

    json_object_set_new(task, "before",
                        json_pack("{s:[s],s:s,s:s}", "steps", "1. FINISH([4])", "reported", "[4]",
                                  "verdict", "correct"));
    data = json_pack("{s:[{s:s,s:s,s:s}],s:i,s:[O],s:[{s:i,s:[{s:s,s:s}]}]}", "edits", "action",
                     "ADD", "name", "a", "content", "body", "score", 2, "broken", task,
                     "candidates", "number", 1, "edits", "action", "REMOVE", "name", "z");
    assert_int_equal(prompts_render(p, "revise", data, &out), 0);
    check_contains(out.ptr,
                   (const char *const[]){
                       "# Phase: revise\n", "## The edit\n\n### a\naction: ADD\n", "score: 2\n",
                       "## Tasks it broke\n\n### t_1\n",
                       "steps before the edit:\n1. FINISH([4])\nreported before the edit: [4]\n"
                       "verdict before the edit: correct\nsteps with the edit:\n1. GET a\n",
                       NULL});
    buf_reset(&out);
    assert_int_equal(prompts_render(p, "select", data, &out), 0);
    check_contains(out.ptr,
                   (const char *const[]){"# Phase: select\n",
                                         "### Candidate 1\n\naction: REMOVE\nname: z\n", NULL});
    json_decref(data);
    json_decref(task);
    json_decref(good);
    buf_release(&out);
    buf_release(&other);
    prompts_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_language),
        cmocka_unit_test(messages_name_the_line),
        cmocka_unit_test(a_directory_overrides),
        cmocka_unit_test(the_writers_prompts),
    };
    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
