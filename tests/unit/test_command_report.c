/* test_command_report.c - `grasp report` and `grasp export`: pieces of the page, runs that are done, that
 * died, whose files are damaged or hostile. */
#include "command_harness.h"

#include "probes/rng.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"
#include "runtime/report/report.h"
#include "runtime/report/rows.h"

static void shell(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* ---- pieces ---- */

static void text_is_text(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *html;
    } cases[] = {
        {"<a href='x' title=\"&\">", 22, "&lt;a href=&#39;x&#39; title=&quot;&amp;&quot;&gt;"},
        {"a\n\tb", 4, "a\n\tb"},
        {"\x1b[31m\0\x7f", 7, "&#9243;[31m&#9216;[U+007F]"},
        {"\xe2\x80\xae"
         "evil",
         7, "[U+202E]evil"},
        {"\xe2\x81\xa6"
         "x"
         "\xe2\x81\xa9",
         7, "[U+2066]x[U+2069]"},
        {"\xff"
         "\xc3\xa4",
         3,
         "\xef\xbf\xbd"
         "\xc3\xa4"},
        {"\xc2\x9b"
         "1m",
         4, "[U+009B]1m"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = BUF_INIT;
        html_textn(&b, cases[i].text, cases[i].len);
        assert_string_equal(b.ptr, cases[i].html);
        buf_release(&b);
    }
}

static void diffs(void **state)
{
    static const struct {
        const char *before, *after, *shown; /* marks and lines, "~N" for N left out */
    } cases[] = {
        {"", "", ""},
        {"", "a\nb", "+a+b"},
        {"a\nb\n", "", "-a-b"},
        {"a\nb\nc\n", "a\nX\nc\n", " a-b+X c"},
        {"a\nb", "a\nb\n", "~2"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n9", "1\n2\n3\n4\n5\n6\n7\n8\n9\nX", "~6 7 8 9+X"},
        {"X\n1\n2\n3\n4\n5\n6\n7\nY", "1\n2\n3\n4\n5\n6\n7", "-X 1 2 3~1 5 6 7-Y"},
        {"a\nb\nc\na\nb\nb\na", "c\nb\na\nb\na\nc", "-a-b c-a b+a b a+c"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = BUF_INIT, got = BUF_INIT;
        works(part_diff(&b, cases[i].before, cases[i].after));
        for (const char *p = strstr(b.ptr, "\">") + 2; *p && strncmp(p, "</pre>", 6) != 0;) {
            const char *text = strchr(p, '>') + 1, *end = strchr(text, '<');
            int left = 0;
            if (sscanf(text, "  &#8230; %d line", &left) == 1)
                buf_addf(&got, "~%d", left);
            else
                buf_addf(&got, "%c%.*s", *text, (int)(end - text - 2), text + 2);
            p = strchr(end, '>') + 1;
        }
        assert_string_equal(got.ptr, cases[i].shown);
        buf_release(&b);
        buf_release(&got);
    }
}

/* Texts that share nothing and are long: no table of all pairs. */
static void long_diffs(void **state)
{
    struct buf before = BUF_INIT, after = BUF_INIT, b = BUF_INIT;
    (void)state;
    for (int i = 0; i < 30000; i++) {
        buf_addf(&before, "%d\n", i);
        buf_addf(&after, "%d\n", -1 - i);
    }
    works(part_diff(&b, before.ptr, after.ptr));
    assert_true(b.len > 2 * 30000 * 10);
    buf_release(&before);
    buf_release(&after);
    buf_release(&b);
}

/* ---- commands ---- */

static void report(void **state)
{
    struct buf page = BUF_INIT;
    (void)state;
    ends(0, "report run");
    assert_string_equal(ran.out.ptr, "run/report.html\n");
    works(fs_read("run/report.html", &page));
    static const char *const parts[] = {
        "<h1>With the ",
        "class=\"chart wide\"",
        "new tasks of the kinds that it learned from (id_test)</h3>",
        "<h3>Epoch 1</h3>",
        "<tr class=\"f\">",
        "&#10003; accepted<",
        "&#10007; refused<",
        "<pre class=\"diff\">",
        "The writer's diagnosis",
        "characters longer.</p>",
        "prompt grew from 0 to ",
        "Failures by mechanism</h2>",
        "The whole trace: ",
        "<h2 id=\"costs-h\">Costs</h2>",
        "</html>"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (!strstr(page.ptr, parts[i]))
            fail_msg("the page lacks %s", parts[i]);
    assert_null(strstr(page.ptr, "<script"));
    assert_null(strstr(page.ptr, "<details open class=\"trace\""));
    ends(0, "report run --out elsewhere.html --open --traces 3 --library lib");
    buf_reset(&page);
    works(fs_read("elsewhere.html", &page));
    assert_null(strstr(page.ptr, "<details>"));
    assert_non_null(strstr(page.ptr, "<details open class=\"trace\""));
    refuses(1, "neither run.json nor run_summary.json", "report clinic");
    refuses(1, "lacks the commit that the run began at", "report run --library clinic");
    refuses(2, "--library", "report run run --library lib");
    ends(0, "report a=run b=run --out two.html");
    buf_reset(&page);
    works(fs_read("two.html", &page));
    assert_non_null(
        strstr(page.ptr, "<h1>2 runs beside each other: with what they learned they pass "));
    assert_non_null(strstr(page.ptr, "Who learned what</h2>"));
    assert_non_null(strstr(page.ptr, "not told apart"));
    buf_release(&page);
}

static void rows(void **state)
{
    static const char *const kinds[] = {"scores", "updates", "probes", "calls"};
    json_t *v = NULL;
    (void)state;
    ends(0, "export run");
    prints("run,dir,method,seed,benchmark,executor,split,checkpoint,epoch,family,score,");
    prints(",val,baseline,,,0.");
    prints(",id_test,best,,,0.");
    ends(0, "export run --rows updates --format jsonl");
    size_t candidates = printed_lines();
    works(json_parse(&v, ran.out.ptr, strcspn(ran.out.ptr, "\n"), "a row"));
    assert_string_equal(json_str_at(v, "dir", ""), "run");
    assert_true(json_is_boolean(json_object_get(v, "accepted")));
    assert_non_null(json_str_at(v, "why", NULL));
    json_decref(v);
    ends(0, "export run run --rows updates");
    assert_int_equal(printed_lines(), 2 * candidates + 1);
    ends(0, "export run --rows probes");
    assert_true(printed_lines() > 10 * candidates);
    prints(",fixed,");
    ends(0, "export run --rows calls --journal run/journal");
    prints(",rollout_dev,");
    ends(0, "export run --out rows");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        char name[64];
        snprintf(name, sizeof(name), "rows/%s.csv", kinds[i]);
        assert_true(fs_exists(name));
    }
    refuses(2, "none of csv, jsonl", "export run --format xml");
    refuses(2, "needs a RUN", "export");
    refuses(1, "neither run.json", "export clinic");
    refuses(1, "nowhere", "export run --rows calls --journal nowhere");
    ends(0, "export --columns");
    prints("probes\n  epoch ");
}

/* ---- what is not as it was written ---- */

static const char hostile[] = "<script>alert(1)</script><details><img src=x "
                              "onerror=alert(1)>\"'><svg onload=alert(1)>\x1b[0m";

/* Replaces about one value in `one_in` by one of another kind. */
static json_t *mutated(struct rng *r, const json_t *v, uint32_t one_in, bool texts_only)
{
    const char *key;
    json_t *x, *out;
    size_t i;
    if (rng_below(r, one_in) == 0 && (!texts_only || json_is_string(v)))
        switch (texts_only ? 0 : rng_below(r, 8)) {
        case 1:
            return json_null();
        case 2:
            return json_integer(-1);
        case 3:
            return json_integer(INT64_MAX);
        case 4:
            return json_real(1e300);
        case 5:
            return json_pack("[s, i]", hostile, 3);
        case 6:
            return json_pack("{s:s}", hostile, hostile);
        case 7:
            return json_true();
        default:
            return json_string(hostile);
        }
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach ((json_t *)v, i, x) {
            json_array_append_new(out, mutated(r, x, one_in, texts_only));
        }
        return out;
    }
    if (!json_is_object(v))
        return json_incref((json_t *)v);
    out = json_object();
    json_object_foreach ((json_t *)v, key, x) {
        json_object_set_new(out, texts_only && rng_below(r, one_in) == 0 ? hostile : key,
                            mutated(r, x, one_in, texts_only));
    }
    return out;
}

static const char *const files[] = {"run.json",
                                    "run_summary.json",
                                    "val_scores.json",
                                    "test_scores.json",
                                    "spent.json",
                                    "epoch_0/skill_updates.json",
                                    "epoch_0/failure_taxonomy.json"};
enum { FILES = sizeof(files) / sizeof(*files) };

/* A page, or a message; nothing of a model's as markup. */
static void still_sound(void)
{
    struct report_options o = {.traces = 3, .open = true};
    struct buf page = BUF_INIT;
    if (report_page((const char *[]){"bad"}, 1, &o, &page) == 0) {
        assert_null(strstr(page.ptr, "<script"));
        assert_null(strstr(page.ptr, "<img"));
        assert_null(strstr(page.ptr, "\x1b"));
        assert_null(strstr(page.ptr, "onload=alert(1)>"));
    } else {
        assert_true(*err_msg());
    }
    buf_reset(&page);
    report_page((const char *[]){"bad", "run"}, 2, &o, &page);
    assert_null(strstr(page.ptr, "<script"));
    buf_release(&page);
    for (int kind = 0; kind < 3; kind++) {
        struct buf rows = BUF_INIT;
        rows_of("bad", (enum rows)kind, ROWS_JSONL, NULL, &rows);
        buf_release(&rows);
    }
    err_clear();
}

static void damaged_runs(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 40; round++) {
        struct rng r;
        rng_init(&r, round);
        shell("rm -rf bad && cp -R run bad");
        for (size_t i = 0; i < FILES; i++) {
            char from[64], to[64];
            json_t *v;
            snprintf(from, sizeof(from), "run/%s", files[i]);
            snprintf(to, sizeof(to), "bad/%s", files[i]);
            works(json_read_file(&v, from));
            json_t *bad = mutated(&r, v, round % 2 ? 3 : 30, round % 4 < 2);
            works(json_write_file(bad, to));
            json_decref(bad);
            json_decref(v);
        }
        still_sound();
    }
}

static void pieces_of_runs(void **state)
{
    static const char *const gone[] = {"run_summary.json", "run.json",
                                       "config.yaml",      "val_scores.json",
                                       "epoch_0",          "epoch_0/dev_runs.jsonl.zst",
                                       "test_scores.json", "id_test_eval_best"};
    (void)state;
    for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
        char command[160];
        snprintf(command, sizeof(command), "rm -rf bad && cp -R run bad && rm -r bad/%s", gone[i]);
        shell(command);
        ends(0, "report bad --out bad.html");
        ends(0, "export bad --rows probes");
    }
    shell("rm -rf bad && cp -R run bad && rm bad/run_summary.json bad/*_scores.json && "
          "rm -rf bad/*_eval_* && mv lib away");
    shell("echo '{\"when\": \"2026-01-01T00:00:00Z\", \"where\": \"epoch 1 of 2, update 2 of 3\", "
          "\"parts\": "
          "[{\"what\": \"<i>dev\", \"done\": 47, \"total\": 48, \"scored\": 47, \"passed\": 34}], "
          "\"arms\": "
          "[{\"edit\": \"ADD x\", \"outcomes\": \"pf.u\", \"stop\": \"running\"}], \"left\": 60, "
          "\"curve\": [{\"epoch\": -1, \"done\": 999, \"total\": 999, \"passed\": 333}, "
          "{\"epoch\": 0, "
          "\"done\": 999, \"total\": 999, \"passed\": 666, \"dev_score\": 0.5}, {\"epoch\": 1, "
          "\"done\": "
          "5, \"total\": 999, \"passed\": 1}]}' "
          ">bad/status.json");
    ends(0, "report bad --out bad.html");
    struct buf page = BUF_INIT;
    works(fs_read("bad.html", &page));
    assert_non_null(strstr(page.ptr, "It ended without a word"));
    assert_non_null(strstr(page.ptr,
                           "Last heard of at 2026-01-01T00:00:00Z: epoch 1 of 2, update 2 "
                           "of 3; &lt;i&gt;dev 47 of 48, 34 right."));
    assert_non_null(strstr(page.ptr, "333 of 999"));
    assert_non_null(strstr(page.ptr, "epoch 1, the best"));
    assert_non_null(strstr(page.ptr, "666 of 999"));
    assert_null(strstr(page.ptr, "1 of 999"));
    assert_non_null(strstr(page.ptr, "3 of 4</td><td class=\"n\">1</td><td>in work"));
    assert_non_null(strstr(page.ptr, "Put together from the run&#39;s accepted edits") ||
                            strstr(page.ptr, "Put together from the run's accepted edits")
                        ? page.ptr
                        : NULL);
    buf_release(&page);
    shell("mv away lib; rm -rf bad; mkdir bad; printf '{' >bad/run.json");
    refuses(1, "neither run.json", "report bad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_text),   cmocka_unit_test(diffs), cmocka_unit_test(long_diffs),
        cmocka_unit_test(report),         cmocka_unit_test(rows),  cmocka_unit_test(damaged_runs),
        cmocka_unit_test(pieces_of_runs),
    };
    return cmocka_run_group_tests(tests, clinic_learn, clinic_remove);
}
