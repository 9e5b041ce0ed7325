/* test_command_skills.c - `grasp skills`: what each of its commands prints and refuses, on a library
 * that a short learning run made. */
#include "command_harness.h"

/* The commit of the newest edit that was let in; a refused candidate; the first commit. */
static char newest[64], candidate[64], root[64];

static void keep(char *out, const json_t *v, const char *path)
{
    snprintf(out, 64, "%s", json_str_at(v, path, ""));
    assert_int_equal(strlen(out), 40);
}

static int set_up(void **state)
{
    if (clinic_learn(state) != 0)
        return -1;
    ends(0, "skills log lib --json");
    json_t *log = printed_json();
    keep(newest, log, "[0].commit");
    keep(root, json_array_get(log, json_array_size(log) - 1), "commit");
    json_decref(log);
    ends(0, "skills rejected lib --json");
    json_t *rejected = printed_json();
    keep(candidate, rejected, "[0].commit");
    json_decref(rejected);
    return 0;
}

/* The first skill's name; caller frees. */
static char *first_name(const char *dir)
{
    ends(0, "skills list %s --json", dir);
    json_t *v = printed_json();
    char *name = strdup(json_str_at(v, "[0].name", ""));
    json_decref(v);
    assert_true(*name);
    return name;
}

static void list_and_show(void **state)
{
    char *name = first_name("lib");
    (void)state;
    ends(0, "skills list lib");
    prints("name");
    prints(name);
    prints(" skill");
    ends(0, "skills list lib --at %s", root);
    prints("0 skills\n");
    ends(0, "skills list lib --at %s --json", root);
    assert_string_equal(ran.out.ptr, "[]\n");
    ends(0, "skills show lib %s", name);
    struct buf path = BUF_INIT, file = BUF_INIT;
    buf_addf(&path, "lib/skills/%s/SKILL.md", name);
    works(fs_read(path.ptr, &file));
    assert_string_equal(ran.out.ptr, file.ptr);
    buf_release(&path);
    buf_release(&file);
    refuses(1, "did you mean '", "skills show lib %sx", name);
    refuses(1, "there is no skill 'zzzzzzzzzz'", "skills show lib zzzzzzzzzz");
    refuses(1, "nowhere", "skills list lib --at nowhere");
    refuses(1, "clinic", "skills list clinic");
    free(name);
}

static void log_and_rejected(void **state)
{
    (void)state;
    ends(0, "skills log lib --json");
    json_t *v = printed_json();
    size_t steps = json_array_size(v);
    assert_string_equal(json_str_at(v, "[0].kind", ""), "edit");
    assert_true(json_int_at(v, "[0].score", 0) > 0);
    json_decref(v);
    ends(0, "skills log lib");
    assert_int_equal(printed_lines(), steps + 1);
    prints("ADD ");
    prints_no("\nx ");
    ends(0, "skills rejected lib --json");
    v = printed_json();
    size_t refused = json_array_size(v);
    assert_non_null(json_str_at(v, "[0].why", NULL));
    assert_string_not_equal(json_str_at(v, "[0].fate", ""), "accepted");
    json_decref(v);
    ends(0, "skills log lib --rejected");
    assert_int_equal(printed_lines(), steps + refused + 1);
    prints("\nx ");
    prints("; stopped after ");
    ends(0, "skills log lib --rejected --json");
    v = printed_json();
    assert_int_equal(json_array_size(v), steps + refused);
    json_decref(v);
    ends(0, "skills log lib --at %s", root);
    assert_int_equal(printed_lines(), 2);
    ends(0, "skills rejected lib");
    prints(" refused\n");
    prints("; refused: ");
    ends(0, "skills rejected lib --run nobody");
    assert_string_equal(ran.out.ptr, "0 candidates refused\n");
    refuses(1, "nothere", "skills rejected nothere");
    refuses(1, "nothere", "skills log nothere");
}

static void evidence(void **state)
{
    (void)state;
    ends(0, "skills evidence lib %s --json", newest);
    json_t *v = printed_json();
    size_t probes = json_array_size(json_object_get(v, "probes"));
    assert_string_equal(json_str_at(v, "fate", ""), "accepted");
    assert_true(probes > 10);
    json_decref(v);
    ends(0, "skills evidence lib %s", newest);
    prints("  accepted\n");
    prints("eligible; measured in full");
    prints("that did not change");
    prints("  fixed\n");
    assert_true(printed_lines() < probes);
    ends(0, "skills evidence lib %s --all", newest);
    prints_no("that did not change");
    assert_int_equal(printed_lines(), probes + 3);
    ends(0, "skills evidence lib %s", candidate);
    prints_no("  accepted\n");
    ends(1, "skills evidence lib %s", root);
    refuses(1, "nowhere", "skills evidence lib nowhere");
}

/* A probe of the newest edit: with `changed`, one that it fixed. Caller frees. */
static char *probe_of(const char *commit, bool changed)
{
    json_t *row;
    size_t i;
    char *id = NULL;
    ends(0, "skills evidence lib %s --json", commit);
    json_t *v = printed_json();
    json_array_foreach (json_object_get(v, "probes"), i, row) {
        bool before = strcmp(json_str_at(row, "base", ""), "pass") == 0;
        bool after = strcmp(json_str_at(row, "cand", ""), "pass") == 0;
        if (!id && (before != after) == changed)
            id = strdup(json_str_at(row, "id", ""));
    }
    json_decref(v);
    assert_non_null(id);
    return id;
}

static void blame(void **state)
{
    char *fixed = probe_of(newest, true), *kept = probe_of(newest, false);
    (void)state;
    ends(0, "skills blame lib %s --json", fixed);
    json_t *v = printed_json();
    assert_string_equal(json_str_at(v, "[0].commit", ""), newest);
    assert_string_equal(json_str_at(v, "[0].effect", ""), "fixed");
    json_decref(v);
    ends(0, "skills blame lib %s", fixed);
    prints("fixed");
    ends(0, "skills blame lib %s --all --json", fixed);
    v = printed_json();
    assert_true(json_array_size(v) >= 1);
    json_decref(v);
    ends(0, "skills blame lib %s --all", kept);
    prints("epoch 1.");
    refuses(1, "skills bisect", "skills blame lib nosuchtask_1");
    refuses(1, "it was never a probe;", "skills blame lib nosuchtask_1 --all");
    free(fixed);
    free(kept);
}

static void diff(void **state)
{
    (void)state;
    ends(0, "skills diff lib %s HEAD --json", root);
    json_t *v = printed_json();
    assert_true(json_bool_at(v, "in_line", false));
    assert_true(json_array_size(json_object_get(v, "skills")) > 0);
    assert_string_equal(json_str_at(v, "steps[0].commit", ""), newest);
    json_decref(v);
    ends(0, "skills diff lib %s HEAD", root);
    prints("ADD     ");
    prints("step by step, newest first");
    ends(0, "skills diff lib HEAD %s", root);
    prints("REMOVE  ");
    prints("no steps between them");
    ends(0, "skills diff lib HEAD HEAD");
    prints("the same skills");
    refuses(1, "nowhere", "skills diff lib HEAD nowhere");
    refuses(2, "needs DIR REV REV", "skills diff lib HEAD");
}

static void bisect(void **state)
{
    char *fixed = probe_of(newest, true);
    (void)state;
    /* believed at both ends: the newest edit made it correct, or one between */
    ends(0, "skills bisect " CLINIC " lib %s --bad %s --json", fixed, root);
    json_t *v = printed_json();
    assert_string_equal(json_str_at(v, "task", ""), fixed);
    assert_string_equal(json_str_at(v, "before", ""), "incorrect");
    assert_string_equal(json_str_at(v, "after", ""), "correct");
    assert_true(json_int_at(v, "rollouts", 0) > 0);
    json_decref(v);
    ends(0, "skills bisect " CLINIC " lib %s --bad %s --good HEAD", fixed, root);
    prints(" correct\n");
    prints(" rollout");
    refuses(1, "no change between them", "skills bisect " CLINIC " lib %s --good %s", fixed, root);
    refuses(1, "one commit only", "skills bisect " CLINIC " lib %s --at %s", fixed, root);
    refuses(1, "is not in the history", "skills bisect " CLINIC " lib %s --good %s", fixed,
            candidate);
    refuses(1, "nosuchtask", "skills bisect " CLINIC " lib nosuchtask");
    free(fixed);
}

static void verify(void **state)
{
    (void)state;
    ends(0, "skills verify lib --strict");
    prints("everything holds");
    ends(0, "skills verify lib --json");
    assert_int_equal(printed_int("verified"), 1);
    assert_true(printed_int("measured") > 0);
    assert_true(printed_int("candidates") > 0);
    refuses(1, "nothere", "skills verify nothere");
}

static void import_and_export(void **state)
{
    (void)state;
    ends(0, "skills export lib folders");
    prints(" in folders\n");
    ends(0, "skills export lib folders"); /* one that was killed is taken up like this */
    assert_int_equal(fs_write("folders/notes.txt", "mine", 4), 0);
    refuses(1, "--replace writes into it", "skills export lib folders");
    ends(0, "skills export lib folders --replace");
    ends(0, "skills export lib flat --flat");
    ends(0, "skills import copy flat --dry-run");
    prints("nothing was written (--dry-run)");
    prints("  added ");
    assert_false(fs_exists("copy"));
    ends(0, "skills import copy flat");
    prints("flat: commit ");
    prints("  changed: ");
    ends(0, "skills import copy flat --json");
    json_t *v = printed_json();
    assert_true(json_array_size(json_at(v, "[0].unchanged")) > 0);
    assert_null(json_at(v, "[0].commit"));
    json_decref(v);
    char *name = first_name("copy");
    struct buf path = BUF_INIT, text = BUF_INIT;
    buf_addf(&path, "other/%s", name);
    works(fs_mkdirs(path.ptr));
    buf_adds(&path, "/SKILL.md");
    buf_addf(&text, "---\nname: %s\ndescription: Another one.\n---\n\nOther text.\n", name);
    write_file(path.ptr, text.ptr);
    refuses(1, "--replace takes this one", "skills import copy other");
    ends(0, "skills import copy other --replace");
    prints("  replaced ");
    ends(0, "skills show copy %s", name);
    prints("Another one.");
    ends(0, "skills verify copy");
    prints("2 imported");
    refuses(1, "no gate measured", "skills verify copy --strict");
    ends(0, "skills log copy");
    prints("(unmeasured)");
    refuses(1, "nothere", "skills import copy nothere");
    refuses(2, "needs DIR FROM...", "skills import copy");
    buf_release(&path);
    buf_release(&text);
    free(name);
}

static void freeze(void **state)
{
    (void)state;
    ends(0, "skills freeze lib --name v1 --run run");
    prints("content ");
    ends(0, "skills freeze lib --name v1 --json");
    json_t *v = printed_json();
    assert_string_equal(json_str_at(v, "name", ""), "v1");
    assert_non_null(json_at(v, "scores"));
    json_decref(v);
    ends(0, "skills freeze lib --check v1");
    refuses(1, "choose another name", "skills freeze lib --name v1 --at %s", root);
    refuses(1, "no part in the history", "skills freeze lib --name old --at %s --run run", root);
    ends(0, "skills freeze lib --name old --at %s --json", root);
    v = printed_json();
    assert_null(json_at(v, "scores"));
    json_decref(v);
    refuses(2, "--name NAME, or --check NAME", "skills freeze lib");
    refuses(2, "--name NAME, or --check NAME", "skills freeze lib --name a --check v1");
    refuses(2, "learning moves", "skills freeze lib --name best");
    ends(1, "skills freeze lib --check nothere");
}

static void rank(void **state)
{
    (void)state;
    write_file("ask.jsonl",
               "{\"library\": \"lib\", \"messages\": [{\"role\": \"user\", \"content\": \"an "
               "order\"}]}\n"
               "{\"skills\": [{\"name\": \"a\", \"description\": \"glucose values\", \"tags\": "
               "[\"x\"], \"content\": \"glucose\"}, {\"name\": \"b\", \"description\": \"phone "
               "numbers\", \"tags\": \"y z\", \"content\": \"call\"}], \"messages\": [{\"role\": "
               "\"user\", \"content\": \"which phone numbers are known\"}]}\n");
    ends(0, "skills rank ask.jsonl --top 1");
    assert_int_equal(printed_lines(), 2);
    const char *second = strchr(ran.out.ptr, '\n') + 1;
    json_t *v = json_loads(second, 0, NULL);
    assert_string_equal(json_str_at(v, "order[0]", ""), "b");
    assert_string_equal(json_str_at(v, "top[0]", ""), "b");
    assert_int_equal(json_array_size(json_object_get(v, "top")), 1);
    json_decref(v);
    static const struct {
        const char *line, *why;
    } wrong[] = {
        {"{\"messages\": []}", "want {skills"},
        {"{\"skills\": [{\"description\": \"x\"}], \"messages\": []}", "needs a name"},
        {"{\"skills\": [{\"name\": \"a\"}, {\"name\": \"a\"}], \"messages\": []}", "two skills"},
        {"{\"skills\": [{\"name\": \"a\", \"tags\": 1}], \"messages\": []}", "list of strings"},
        {"{\"skills\": [{\"name\": \"a\", \"tags\": [1]}], \"messages\": []}", "tags[0]"},
        {"{\"skills\": [], \"messages\": 1}", "messages"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        write_file("wrong.jsonl", wrong[i].line);
        refuses(1, wrong[i].why, "skills rank wrong.jsonl");
        says("wrong.jsonl:1");
    }
    ends(2, "skills rank ask.jsonl --top many");
}

static void merge(void **state)
{
    (void)state;
    ends(0, "skills import theirs folders");
    ends(0, "skills import mine other --json");
    ends(0, "skills merge " CLINIC " --library mine --from theirs --json --journal merged "
            "--set cycle.grpo_eval_n=12 -q");
    json_t *v = printed_json();
    size_t n = json_array_size(json_object_get(v, "steps"));
    assert_true(n > 0);
    json_decref(v);
    ends(0, "skills merge " CLINIC " --library mine --from theirs --journal merged "
            "--set cycle.grpo_eval_n=12 -q");
    prints("theirs at HEAD (");
    prints(" let in; the library has ");
    ends(0, "skills merge " CLINIC " --library lib --from lib -q");
    prints("there already");
    prints("0 let in");
    refuses(2, "what into what?", "skills merge " CLINIC " --library mine");
    refuses(1, "nothere", "skills merge " CLINIC " --library mine --from nothere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_and_show), cmocka_unit_test(log_and_rejected),
        cmocka_unit_test(evidence),      cmocka_unit_test(blame),
        cmocka_unit_test(diff),          cmocka_unit_test(bisect),
        cmocka_unit_test(verify),        cmocka_unit_test(import_and_export),
        cmocka_unit_test(freeze),        cmocka_unit_test(rank),
        cmocka_unit_test(merge),
    };
    return cmocka_run_group_tests(tests, set_up, clinic_remove);
}
