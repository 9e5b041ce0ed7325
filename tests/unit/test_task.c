/* test_task.c - task files: both forms, and what is said about wrong ones. */
#include "test.h"

#include "probes/task.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"

#define T(id) "{\"id\":\"" id "\",\"instruction\":\"do it\",\"eval_MRN\":\"S1\"}"

static char *dir, *path;

static int setup(void **state)
{
    (void)state;
    dir = fs_tempdir("grasp-task");
    path = fs_join(dir, "tasks.json");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fs_remove_tree(dir);
    free(path);
    free(dir);
    return 0;
}

static int load(struct task_set *set, const char *text, bool need_mrn)
{
    assert_int_equal(fs_write(path, text, strlen(text)), 0);
    err_clear();
    return task_set_load(set, path, need_mrn);
}

static void reads_arrays_and_lines(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[" T("task1_1") ", " T("task1_2") "]",
        "\xef\xbb\xbf [" T("task1_1") ", " T("task1_2") "]\n",
        "\n" T("task1_1") "\n\n" T("task1_2"),
        T("task1_1") "\r\n" T("task1_2") "\r\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct task_set set;
        assert_int_equal(load(&set, texts[i], true), 0);
        assert_int_equal(set.n, 2);
        assert_string_equal(set.path, path);
        assert_string_equal(set.v[0].id, "task1_1");
        assert_string_equal(set.v[1].id, "task1_2");
        assert_ptr_equal(task_set_find(&set, "task1_2"), &set.v[1]);
        assert_null(task_set_find(&set, "task1_3"));
        task_set_release(&set);
        assert_null(task_set_find(&set, "task1_2"));
    }
}

static void fields_are_taken(void **state)
{
    (void)state;
    struct task_set set;
    assert_int_equal(load(&set,
                          "[{\"id\":\"a_b_7\",\"instruction\":\"i\",\"context\":\"c\","
                          "\"eval_MRN\":\"S2\",\"type\":\"labs\",\"sol\":[1]},"
                          "{\"id\":\"solo\",\"instruction\":\"i\",\"context\":null}]",
                          false),
                     0);
    assert_string_equal(set.v[0].instruction, "i");
    assert_string_equal(set.v[0].context, "c");
    assert_string_equal(set.v[0].mrn, "S2");
    assert_string_equal(set.v[0].type, "labs");
    assert_string_equal(set.v[0].family, "a_b");
    assert_int_equal(json_int_at(set.v[0].raw, "sol[0]", 0), 1);
    assert_string_equal(set.v[1].family, "solo");
    assert_string_equal(set.v[1].context, "");
    assert_null(set.v[1].mrn);
    assert_null(set.v[1].type);
    task_set_release(&set);
    task_set_release(&set);
    assert_int_equal(load(&set, "{\"id\":\"t_1\",\"instruction\":\"i\",\"sol\":[\"none\"]}", true),
                     0);
    assert_null(set.v[0].mrn);
    task_set_release(&set);
}

static void wrong_files_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        const char *says[3];
    } cases[] = {
        {"", GRASP_EINVAL, {"no tasks"}},
        {"[]", GRASP_EINVAL, {"no tasks"}},
        {"<html>", GRASP_EPARSE, {"tasks.json:1", "neither a JSON array"}},
        {"[" T("t_1") ",\n{\"id\":}]", GRASP_EPARSE, {"tasks.json:2"}},
        {T("t_1") "\n{\"id\":\"t_2\",", GRASP_EPARSE, {"tasks.json:2:", "one object a line"}},
        {"{\n \"id\": \"t_1\"\n}", GRASP_EPARSE, {"tasks.json:1:", "JSON array"}},
        {"[" T("t_1") ", 5]", GRASP_EINVAL, {"entry 2", "not an object"}},
        {"[{\"instruction\":\"i\",\"eval_MRN\":\"S1\"}]", GRASP_EINVAL, {"entry 1", "no 'id'"}},
        {"[{\"id\":7,\"instruction\":\"i\"}]", GRASP_EINVAL, {"'id' is not a string", "quotes"}},
        {"[{\"id\":\"\",\"instruction\":\"i\"}]", GRASP_EINVAL, {"'id' is empty"}},
        {"[{\"id\":\"a\\nb\",\"instruction\":\"i\"}]", GRASP_EINVAL, {"control characters"}},
        {"[{\"id\":\"a\\u0000b\",\"instruction\":\"i\"}]", GRASP_EINVAL, {"entry 1", "'id'"}},
        {"[{\"id\":\"t_1\",\"eval_MRN\":\"S1\"}]", GRASP_EINVAL, {"'t_1'", "no 'instruction'"}},
        {"[{\"id\":\"t_1\",\"Instruction\":\"i\",\"eval_MRN\":\"S1\"}]",
         GRASP_EINVAL,
         {"no 'instruction'", "'Instruction'", "rename"}},
        {T("t_1") "\n\n{\"id\":\"t_2\",\"instruction\":\"i\"}",
         GRASP_EINVAL,
         {"tasks.json:3", "'t_2'", "no 'eval_MRN'"}},
        {"[{\"id\":\"t_1\",\"instruction\":\"i\",\"eval_mrn\":\"S1\"}]",
         GRASP_EINVAL,
         {"no 'eval_MRN'", "'eval_mrn'", "rename"}},
        {"[{\"id\":\"t_1\",\"instruction\":\"i\",\"eval_NRM\":\"S1\"}]",
         GRASP_EINVAL,
         {"no 'eval_MRN'", "'eval_NRM'"}},
        {"[{\"id\":\"t_1\",\"instruction\":\"i\",\"eval_MRN\":12}]",
         GRASP_EINVAL,
         {"'eval_MRN' is not a string"}},
        {"[{\"id\":\"t_1\",\"instruction\":\"i\",\"context\":[],\"eval_MRN\":\"S\"}]",
         GRASP_EINVAL,
         {"'context'", "'t_1'"}},
        {"[" T("t_1") "," T("t_2") "," T("t_1") "]", GRASP_EINVAL, {"entry 3", "'t_1'", "twice"}},
        {T("t_1") "\n" T("t_1"), GRASP_EINVAL, {"tasks.json:2", "twice"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct task_set set;
        int rc = load(&set, cases[i].text, true);
        if (rc != cases[i].rc)
            fail_msg("case %zu: code %d, message %s", i, rc, err_msg());
        assert_int_equal(set.n, 0);
        assert_non_null(strstr(err_msg(), path));
        for (size_t j = 0; j < 3 && cases[i].says[j]; j++)
            if (!strstr(err_msg(), cases[i].says[j]))
                fail_msg("case %zu: '%s' is not in: %s", i, cases[i].says[j], err_msg());
    }
    struct task_set set;
    assert_int_equal(task_set_load(&set, "/nonexistent/tasks.json", true), GRASP_ENOTFOUND);
    assert_non_null(strstr(err_msg(), "/nonexistent/tasks.json"));
}

static void public_files_load(void **state)
{
    (void)state;
    char name[512];
    static const struct {
        const char *file;
        size_t n;
    } files[] = {
        {"medagentbench/v1/test_data_v2.json", 300},
        {"medagentbench/v1/split_dev.json", 96},
        {"medagentbench/v1/split_val.json", 80},
        {"medagentbench/v1/split_id_test.json", 64},
        {"medagentbench/v1/split_test.json", 60},
        {"medagentbench/v2/new_patient_tasks.json", 300},
        {"medagentbench/v2/split_dev.json", 96},
        {"medagentbench/v2/split_val.json", 80},
        {"medagentbench/v2/split_id_test.json", 64},
        {"medagentbench/v2/split_test.json", 60},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (!shared_file(files[i].file, name))
            skip();
        struct task_set set;
        if (task_set_load(&set, name, true) < 0)
            fail_msg("%s", err_msg());
        assert_int_equal(set.n, files[i].n);
        task_set_release(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_arrays_and_lines),
        cmocka_unit_test(fields_are_taken),
        cmocka_unit_test(wrong_files_are_named),
        cmocka_unit_test(public_files_load),
    };
    return cmocka_run_group_tests_name("task", tests, setup, teardown);
}
