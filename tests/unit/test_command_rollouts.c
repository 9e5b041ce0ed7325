/* test_command_rollouts.c - the commands that roll out tasks: learn, eval, run, grade, doctor, gate,
 * transfer, on a synthetic clinic with the simulated model. */
#include <math.h>

#include "command_harness.h"

#include "runtime/base/traces.h"

/* The first task of a split's file; caller frees. */
static char *first_task(const char *split)
{
    char path[128];
    json_t *v;
    snprintf(path, sizeof(path), "clinic/tasks/split_%s.json", split);
    works(json_read_file(&v, path));
    char *id = strdup(json_str_at(v, "[0].id", ""));
    json_decref(v);
    return id;
}

static void learn(void **state)
{
    (void)state;
    ends(0, "learn " CLINIC " --dry-run --library none --run none");
    prints("calls at most");
    prints("tokens a prompt");
    prints("estimated");
    assert_false(fs_exists("none"));
    ends(3, "learn " CLINIC " --library little --run run-little --set budget.calls=100 "
            "--set cycle.epochs=1 --insist");
    says("budget");
    refuses(1, "cycle.seed: 1 -> 2",
            "learn " CLINIC " --library little --run run-little --set cycle.seed=2 "
            "--set cycle.epochs=1");
    ends(3, "learn " CLINIC " --dry-run --model o'neill --set model.kind=openai "
            "--set model.base_url=http://127.0.0.1:1/v1");
    prints("o'neill");
    refuses(2, "--replay-only", "learn " CLINIC " --no-journal --replay-only");
    refuses(2, "did you mean", "learn " CLINIC " --set cycle.epoch=1");
    refuses(1, "nothere.yaml", "learn nothere.yaml");
}

static void eval(void **state)
{
    (void)state;
    ends(0, "eval " CLINIC " --split dev,test --out o --journal j");
    prints("simulated model, no skills");
    prints("family");
    prints("\nall ");
    json_t *score;
    works(json_read_file(&score, "o/dev/test_score.json"));
    ends(0, "eval " CLINIC " --split all --json --journal j -q");
    assert_string_equal(ran.err.ptr, "");
    json_t *v = printed_json();
    assert_non_null(json_at(v, "dev.do_nothing.n_total")); /* beside it */
    json_object_del(json_object_get(v, "dev"), "do_nothing");
    assert_true(json_equal(json_object_get(v, "dev"), score));
    assert_int_equal(json_object_size(v), 5);
    json_decref(v);
    json_decref(score);
    ends(0, "eval " CLINIC " --library lib --at best --json --set cycle.batch_concurrency=1");
    long long with = printed_int("val.n_correct");
    ends(0, "eval " CLINIC " --json --journal j --replay-only");
    assert_true(printed_int("val.n_correct") < with);
    ends(0, "eval " CLINIC " --library lib --at best");
    prints("library lib at best");
    refuses(3, "journal", "eval " CLINIC " --split id_test --journal j2 --replay-only");
    refuses(2, "nosuch", "eval " CLINIC " --split nosuch");
    refuses(1, "nowhere", "eval " CLINIC " --library lib --at nowhere");
    refuses(1, "--set model.kind=openai", "eval " CLINIC " -m gpt-5");
    refuses(1, "--preset", "learn " CLINIC " -m gpt-5 --run other --library other");
    ends(0, "eval " CLINIC " -m simulated-weak");
    refuses(3, "budget", "eval " CLINIC " --set budget.calls=5 --out stopped");
    assert_true(fs_exists("stopped/val/test_score.json"));
}

static void one_rollout(void **state)
{
    char *id = first_task("dev");
    (void)state;
    ends(0, "run " CLINIC " %s", id);
    prints("--- 0 user (");
    prints("status   completed");
    prints("verdict  ");
    prints(" ...\n");
    ends(0, "run " CLINIC " %s --whole --library lib", id);
    prints_no(" ...\n");
    ends(0, "run " CLINIC " %s --json", id);
    json_t *v = printed_json();
    bool correct = json_bool_at(v, "correct", false);
    assert_string_equal(json_str_at(v, "task_id", ""), id);
    json_decref(v);
    ends(correct ? 0 : 1, "run " CLINIC " %s --exit-code", id);
    ends(125, "run " CLINIC " %s --exit-code --journal empty --replay-only", id);
    refuses(128, "task99_1", "run " CLINIC " task99_1 --exit-code");
    refuses(1, "task99_1", "run " CLINIC " task99_1");
    refuses(1, "nothere", "run " CLINIC " %s --library nothere", id);
    refuses(2, "needs CONFIG TASK_ID", "run " CLINIC);
    free(id);
}

static void grade(void **state)
{
    struct buf runs = BUF_INIT, first = BUF_INIT;
    (void)state;
    ends(0, "eval " CLINIC " --split val --out graded --journal j -q");
    json_t *score, *tasks;
    works(json_read_file(&score, "graded/val/test_score.json"));
    ends(0, "grade " CLINIC " --file graded/val/test_runs.jsonl");
    assert_int_equal(printed_lines(), json_int_at(score, "n_total", -1));
    char said[64];
    snprintf(said, sizeof(said), "%d of %d correct", (int)json_int_at(score, "n_correct", -1),
             (int)json_int_at(score, "n_total", -1));
    says(said);
    json_decref(score);
    works(trace_whole("graded/val/test_runs.jsonl", &runs));
    /* a task of its own in the line, and a line cut in half after it */
    works(json_read_file(&tasks, "clinic/tasks/split_val.json"));
    json_t *line = json_loadb(runs.ptr, strcspn(runs.ptr, "\n"), 0, NULL);
    json_object_set(line, "task", json_array_get(tasks, 0));
    json_object_del(line, "task_id");
    buf_add_json_value(&first, line);
    buf_adds(&first, "\n{\"task_id\": \"task");
    write_file("two.jsonl", first.ptr);
    refuses(1, "two.jsonl:2", "grade " CLINIC " --file two.jsonl");
    assert_int_equal(printed_lines(), 1);
    write_file("two.jsonl", "{\"messages\": []}\n");
    refuses(1, "line 1: needs a task", "grade " CLINIC " --file two.jsonl");
    refuses(1, "nothere", "grade " CLINIC " --file nothere");
    json_decref(line);
    json_decref(tasks);
    buf_release(&runs);
    buf_release(&first);
}

static void doctor(void **state)
{
    (void)state;
    ends(0, "doctor " CLINIC " --library lib --run run2");
    prints("ok       configuration ");
    prints(" skills on branch main, clean, not in use");
    prints("run2 will be made");
    ends(0, "doctor " CLINIC " --library new --run run2 --json");
    json_t *v = printed_json(), *one;
    size_t i;
    json_array_foreach (v, i, one)
        assert_string_not_equal(json_str_at(one, "result", ""), "failed");
    assert_true(i > 8);
    json_decref(v);
    /* a run that is there is gone on with, by the same configuration */
    ends(0, "doctor " CLINIC " --library lib --run run --set cycle.epochs=1 --set "
            "cycle.proposal_temperature=1 --set gate.rule=paper");
    prints("run will be gone on with");
    refuses(1, "checks failed", "doctor " CLINIC " --library lib --run run --set cycle.seed=9");
    prints("cycle.seed");
    refuses(1, "checks failed",
            "doctor " CLINIC " --library clinic --run no/where/run --set data.dev=nothere.json "
            "--set prompt.dir=nothere --set fhir.store=nothere --set data.test=");
    prints("failed   library");
    prints("failed   data.dev");
    prints("failed   prompts");
    prints("failed   FHIR store    ");
    prints("failed   disk");
    refuses(1, "nothere.yaml", "doctor nothere.yaml");
}

static void doctor_asks_servers(void **state)
{
    struct serving model, fhir;
    (void)state;
    serve_begin(&model, "model serve --port 0");
    serve_begin(&fhir, "fhir serve --port 0 --data clinic/fhir/Patient.ndjson -q");
    struct buf text = BUF_INIT;
    buf_addf(&text,
             "model: {kind: openai, base_url: %s, name: simulated, api_key: secret}\n"
             "writer: {kind: openai, base_url: %s, name: nobody}\n"
             "task: {fhir_api_base: %s}\n"
             "data: {dev: clinic/tasks/split_dev.json, val: clinic/tasks/split_val.json}\n",
             model.url, model.url, fhir.url);
    write_file("remote.yaml", text.ptr);
    refuses(1, "1 of ", "doctor remote.yaml --library new --run new");
    prints("lists 'simulated'");
    prints("does not list the model 'nobody'");
    prints("answers, FHIR 4.");
    prints("warning  data.id_test");
    prints("warning  data.funcs");
    ends(1,
         "doctor remote.yaml --library new --run new --set task.fhir_api_base=%s --set "
         "model.base_url=%sx",
         model.url, fhir.url);
    prints("and no CapabilityStatement");
    serve_end(&fhir);
    serve_end(&model);
    prints(" calls answered, ");
    refuses(1, "checks failed", "doctor remote.yaml --library new --run new");
    prints("does not answer (");
    buf_release(&text);
}

static void gate_null(void **state)
{
    (void)state;
    ends(0, "gate " CLINIC " --null --library lib --rounds 2 --json -q");
    json_t *v = printed_json();
    assert_int_equal(json_array_size(json_object_get(v, "candidates")), 2 * json_int_at(v, "k", 0));
    assert_true(json_num_at(v, "agreement", 0) == 1);
    assert_int_equal(json_int_at(v, "accepted", -1), 0);
    json_decref(v);
    /* noise lets useless edits in by the paper's rule, fewer by the default one */
    ends(0, "gate " CLINIC " --null --rounds 4 --set sim.noise=0.2 --journal noisy "
            "--set gate.rule=paper --json -q");
    long long accepted = printed_int("accepted");
    assert_true(accepted > 0);
    ends(0, "gate " CLINIC " --null --rounds 4 --set sim.noise=0.2 --json -q");
    assert_true(printed_int("accepted") < accepted);
    ends(0, "gate " CLINIC " --null --rounds 4 --set sim.noise=0.2 --journal noisy --replay-only "
            "--set gate.rule=paper -q");
    prints("no skills against itself, 4 rounds");
    prints("a useless edit would have been let in: ");
    ends(0, "gate " CLINIC " --null --library lib --at best --rounds 1 -q");
    prints("lib at best against itself, 1 round");
    refuses(3, "budget", "gate " CLINIC " --null --rounds 3 --set budget.calls=600 -q");
    refuses(2, "--null its noise", "gate " CLINIC);
    refuses(2, "--rounds", "gate " CLINIC " --null --rounds 0");
}

static void transfer(void **state)
{
    (void)state;
    ends(0, "transfer " CLINIC " --library lib --at best --to simulated:weak --to simulated:strong "
            "--split val --json --journal t -q --out tables");
    json_t *v = printed_json();
    assert_int_equal(json_array_size(json_object_get(v, "executors")), 2);
    json_t *val = json_at(v, "executors[0].splits.val");
    double gain = json_num_at(val, "library.score", -1) - json_num_at(val, "baseline.score", -1);
    assert_true(fabs(json_num_at(val, "difference", 9) - 100 * gain) < 1e-9);
    assert_string_equal(json_str_at(v, "library.learned_by", ""), "simulated");
    json_decref(v);
    assert_true(fs_exists("tables/transfer.json"));
    assert_true(fs_exists("tables/simulated-weak/val/baseline_runs.jsonl"));
    ends(0, "transfer " CLINIC " --library lib --at best --to simulated:weak --split val "
            "--journal t --regate -q");
    prints("simulated:weak*");
    prints("what each skill does for simulated:weak");
    ends(0, "transfer " CLINIC " --library lib --at best --to other --dry-run --regate -q");
    prints("other: at most ");
    assert_int_equal(printed_lines(), 1);
    refuses(2, "weak, default or strong", "transfer " CLINIC " --library lib --to simulated:huge");
    refuses(2, "--to", "transfer " CLINIC " --library lib");
    refuses(2, "--library", "transfer " CLINIC " --to other");
    refuses(2, "--branch", "transfer " CLINIC " --library lib --to a --to b --regate --branch x");
    refuses(1, "'none'", "transfer " CLINIC " --library lib --to preset:none");
    refuses(1, "v9", "transfer " CLINIC " --library lib --at v9 --to other");
    ends(2, "transfer " CLINIC " --library lib --to other --to other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learn),       cmocka_unit_test(eval),
        cmocka_unit_test(one_rollout), cmocka_unit_test(grade),
        cmocka_unit_test(doctor),      cmocka_unit_test(doctor_asks_servers),
        cmocka_unit_test(gate_null),   cmocka_unit_test(transfer),
    };
    return cmocka_run_group_tests(tests, clinic_learn, clinic_remove);
}
