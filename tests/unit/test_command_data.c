/* test_command_data.c - the commands that make and hold data: synth, fhir, journal, model; and the
 * frame of the command line: options, help, the man page. */
#include "command_harness.h"

static void synth(void **state)
{
    (void)state;
    ends(0, "synth --out again --patients 60 --seed 1 --json");
    assert_int_equal(printed_int("patients"), 60);
    long long tasks = printed_int("tasks");
    assert_true(tasks > 100);
    struct buf a = BUF_INIT, b = BUF_INIT;
    works(fs_read("clinic/fhir/Observation.ndjson", &a));
    works(fs_read("again/fhir/Observation.ndjson", &b));
    assert_string_equal(a.ptr, b.ptr);
    buf_release(&a);
    buf_release(&b);
    ends(0, "synth --out second --patients 60 --benchmark v2");
    prints("tasks: second/grasp.yaml");
    refuses(2, "--out DIR is missing", "synth");
    refuses(2, "v1 or v2", "synth --out x --benchmark v3");
    refuses(2, "--patients", "synth --out x --patients 1");
    refuses(2, "--seed", "synth --out x --seed -1");
    ends(1, "synth --out clinic/grasp.yaml/x");
}

static void fhir_load_and_search(void **state)
{
    (void)state;
    ends(0, "fhir load clinic/fhir/Patient.ndjson --store db --json");
    assert_int_equal(printed_int("loaded"), 60);
    assert_int_equal(printed_int("total"), 60);
    ends(0, "fhir load clinic/fhir/Patient.ndjson clinic/fhir/Observation.ndjson --store db");
    prints(" resources loaded into db in ");
    ends(0, "fhir search --store db Patient?_summary=count");
    assert_int_equal(printed_int("total"), 60);
    ends(0, "fhir search --data clinic/fhir/Patient.ndjson --base http://example.org/r4 Patient");
    prints("http://example.org/r4/Patient/");
    says("60 resources loaded, 0 skipped");
    refuses(1, "the answer is a 400", "fhir search --store db Patient?nosuch=1");
    prints("OperationOutcome");
    ends(0, "fhir search --store db --unknown-params ignore Patient?nosuch=1");
    refuses(2, "neither ignore nor refuse", "fhir search --store db --unknown-params x Patient");
    refuses(2, "--data is for a throw-away store",
            "fhir search --store db --data clinic/fhir/Patient.ndjson Patient");
    refuses(2, "http:// or https://", "fhir search --store db --base ftp://x Patient");
    refuses(1, "there is no store 'nothere'", "fhir search --store nothere Patient");
    refuses(1, "cannot read 'nothere'", "fhir load nothere --store db");
    ends(0, "fhir load clinic/fhir --store folder --json");
    assert_true(printed_int("loaded") > 1000);
    assert_int_equal(printed_int("skipped"), 0);
    write_file("bad.ndjson", "{\"resourceType\": \"Patient\", \"id\": \"good\"}\n{\n");
    ends(0, "fhir load bad.ndjson --store half --json");
    assert_int_equal(printed_int("skipped"), 1);
    refuses(1, "bad.ndjson:2", "fhir load bad.ndjson --store strict --strict");
    write_file("none.ndjson", "{\n");
    refuses(1, "nothing could be loaded", "fhir load none.ndjson --store none");
}

static void fhir_serve_and_import(void **state)
{
    struct serving s;
    (void)state;
    serve_begin(&s, "fhir serve --port 0 --read-only --data clinic/fhir/Patient.ndjson -q");
    ends(0, "fhir import %s --store copy --json", s.url);
    assert_int_equal(printed_int("loaded"), 60);
    ends(0, "fhir import %s --store typed --type Observation --type Patient", s.url);
    prints("60 resources loaded into typed");
    serve_end(&s);
    refuses(3, s.url, "fhir import %s --store copy", s.url);
    refuses(1, "file:", "fhir import file:///etc --store copy");
    refuses(2, "--port", "fhir serve --port 70000");
    refuses(1, "there is no store", "fhir serve --port 0");
    serve_begin(&s, "fhir serve --port 0 --store fresh -q");
    ends(0, "fhir import %s --store nothing", s.url);
    serve_end(&s);
    assert_true(fs_is_dir("fresh"));
}

static void journal(void **state)
{
    (void)state;
    ends(0, "eval " CLINIC " --journal j --split val -q");
    ends(0, "journal stat j --json");
    long long calls = printed_int("entries");
    assert_true(calls > 100);
    assert_int_equal(printed_int("damaged"), 0);
    assert_int_equal(printed_int("phases.rollout_test.calls"), calls);
    ends(0, "journal stat j");
    prints("models: simulated");
    prints("rollout_test");
    ends(0, "journal export j");
    assert_int_equal(printed_lines(), calls);
    json_t *first = json_loadb(ran.out.ptr, strcspn(ran.out.ptr, "\n"), 0, NULL);
    char key[16];
    snprintf(key, sizeof(key), "%.12s", json_str_at(first, "key", ""));
    ends(0, "journal show j %s --json", key);
    json_t *v = printed_json();
    assert_true(json_equal(first, v));
    ends(0, "journal show j %s", key);
    prints("key      ");
    prints(json_str_at(first, "text", "?"));
    json_decref(first);
    json_decref(v);
    ends(1, "journal show j 0000000000000000");
    ends(1, "journal stat nothere");
    ends(0, "journal gc j --json");
    assert_int_equal(printed_int("kept"), calls);
    assert_int_equal(printed_int("dropped"), 0);
    ends(0, "journal gc j --older-than 0");
    prints("0 calls kept, ");
    ends(0, "journal stat j");
    prints("0 calls, ");
    refuses(2, "--older-than", "journal gc j --older-than yesterday");
    /* a run directory stands for the journal in it */
    works(fs_mkdirs("run"));
    ends(0, "eval " CLINIC " --journal run/journal --split val -q");
    ends(0, "journal stat run --json");
    assert_int_equal(printed_int("entries"), calls);
}

static void model_serve(void **state)
{
    struct serving s;
    (void)state;
    serve_begin(&s, "model serve --port 0 --profile strong --fail 0.1 --faults 429,500");
    ends(0, "eval " CLINIC " --split val --json -q --set model.kind=openai --set model.base_url=%s",
         s.url);
    long long strong = printed_int("val.n_correct");
    serve_end(&s);
    prints(" calls answered, ");
    prints_no(" 0 failed");
    ends(0, "eval " CLINIC " --split val --json --set sim.profile=strong");
    assert_int_equal(printed_int("val.n_correct"), strong);
    refuses(2, "'never' is none of 429", "model serve --faults 500,never");
    refuses(2, "none of default, weak, strong", "model serve --profile odd");
    refuses(2, "--fail", "model serve --fail 2");
    refuses(2, "--noise", "model serve --noise x");
    refuses(2, "--latency-ms", "model serve --latency-ms -1");
    refuses(2, "--port", "model serve --port x");
    ends(1, "model serve --host nowhere --port 0");
}

static void frame(void **state)
{
    (void)state;
    refuses(2, "usage: grasp COMMAND", " ");
    ends(0, "--help");
    prints("usage: grasp COMMAND [OPTIONS]");
    for (size_t i = 0; all_commands[i]; i++)
        prints(all_commands[i]->name);
    ends(0, "--version");
    prints("grasp ");
    refuses(2, "did you mean 'eval'", "evl");
    refuses(2, "is not a command; see grasp --help", "somethingelse");
    refuses(2, "did you mean 'list'", "skills lst");
    refuses(2, "needs a command", "skills");
    ends(0, "skills --help");
    prints("look at libraries");
    ends(0, "eval --help");
    prints("-s, --split NAME");
    prints("(default val)");
    prints("may be given several times");
    prints("-q, --quiet");
    /* it wins over what is wrong beside it */
    ends(0, "eval --nosuch --help");
    refuses(2, "did you mean --split", "eval x --splt dev");
    refuses(2, "has no option '--nothinglikeit'", "eval x --nothinglikeit");
    refuses(2, "has no option '-z'", "eval x -z");
    refuses(2, "--json takes no value", "eval x --json=1");
    refuses(2, "--split needs a value: NAME", "eval x --split");
    refuses(2, "-s needs a value: NAME", "eval x -s");
    refuses(2, "grasp eval needs CONFIG", "eval");
    refuses(2, "does not know what to do with 'b'", "eval a b");
    refuses(1, "--split", "eval -- --split");
    refuses(1, "nothere", "eval nothere -vsdev");
    refuses(2, "'many' is not a whole number", "synth -o x -p many");
}

static void help(void **state)
{
    (void)state;
    ends(0, "help");
    prints("usage: grasp COMMAND");
    ends(0, "help skills merge");
    prints("usage: grasp skills merge [OPTIONS] CONFIG");
    refuses(2, "'grasp skills nosuch' is not a command", "help skills nosuch");
    refuses(2, "neither a command nor a configuration key", "help nosuch");
    ends(0, "help --man");
    prints(".TH GRASP 1");
    prints(".SS grasp skills merge CONFIG");
    prints("\\-\\-split NAME");
    /* no line that troff would take for a request of its own */
    for (const char *p = ran.out.ptr; (p = strstr(p, "\n.")); p++)
        assert_non_null(strchr("TSPnfBI", p[2]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synth),
        cmocka_unit_test(fhir_load_and_search),
        cmocka_unit_test(fhir_serve_and_import),
        cmocka_unit_test(journal),
        cmocka_unit_test(model_serve),
        cmocka_unit_test(frame),
        cmocka_unit_test(help),
    };
    return cmocka_run_group_tests(tests, clinic_make, clinic_remove);
}
