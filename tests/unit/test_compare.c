/* test_compare.c - arms beside each other: what is paired with what, which unit a claim has, and the
 * published scores against the figures that were published with them. */
#include "test.h"

#include <math.h>

#include "runtime/base/buf.h"
#include "runtime/base/json.h"
#include "runtime/compare/contrast.h"
#include "runtime/compare/published.h"

/* ---- runs made by hand: one character a task: 1 right, 0 wrong, - unscored, blank: not there ---- */

static void make_split(struct split_scores *s, const char *marks)
{
    *s = (struct split_scores){.v = calloc(strlen(marks) + 1, sizeof(*s->v))};
    for (size_t i = 0; marks[i]; i++) {
        char id[32];
        if (marks[i] == ' ')
            continue;
        snprintf(id, sizeof(id), "task%zu_%02zu", i % 2, i);
        struct task_score *t = &s->v[s->n++];
        *t = (struct task_score){.id = strdup(id),
                                 .family = strdup(i % 2 ? "task1" : "task0"),
                                 .scored = marks[i] != '-',
                                 .correct = marks[i] == '1'};
        s->total += t->scored;
        s->correct += t->scored && t->correct;
    }
    /* sorted by id, as read from a file */
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = i + 1; k < s->n; k++)
            if (strcmp(s->v[k].id, s->v[i].id) < 0) {
                struct task_score t = s->v[i];
                s->v[i] = s->v[k];
                s->v[k] = t;
            }
}

static struct run_result *make_run(int64_t seed, const char *id_test)
{
    struct run_result *r = calloc(1, sizeof(*r));
    *r = (struct run_result){
        .seed = seed, .val_best = 0.5, .benchmark = strdup("v1"), .executor = strdup("somebody")};
    make_split(&r->split[SCORED_ID_TEST], id_test);
    return r;
}

static void free_run(struct run_result *r)
{
    run_result_release(r);
    free(r);
}

static json_t *compared(struct run_result *const *a, size_t na, struct run_result *const *b,
                        size_t nb, int want, double margin)
{
    const struct arm_runs arms[] = {{"base", (const struct run_result *const *)b, nb},
                                    {"arm", (const struct run_result *const *)a, na}};
    struct contrast_options o = {.unpaired = 0.05, .margin = margin};
    json_t *v = NULL;
    assert_int_equal(contrast_arms(arms, 2, &o, &v), want);
    for (size_t i = 0; i < na; i++)
        free_run(a[i]);
    for (size_t i = 0; i < nb; i++)
        free_run(b[i]);
    return v;
}

static double number(const json_t *v, const char *path)
{
    return json_number_value(json_at(v, path));
}

static void seeds_are_the_unit(void **state)
{
    (void)state;
    struct run_result *a[] = {make_run(1, "1111100000"), make_run(2, "1111110000"),
                              make_run(3, "1111111000")};
    struct run_result *b[] = {make_run(3, "1110000000"), make_run(1, "1100000000"),
                              make_run(2, "1000000000")};
    json_t *v = compared(a, 3, b, 3, 0, 0.2);
    json_t *c = json_at(v, "contrasts[0]");
    assert_string_equal(json_str_at(c, "unit", ""), "run");
    assert_int_equal(json_int_at(c, "n", 0), 3);
    assert_int_equal(json_int_at(c, "pairs", 0), 30);
    /* differences by seed .3 .5 .4: mean .4, se .1/sqrt(3), df 2 */
    assert_true(fabs(number(c, "diff") - 0.4) < 1e-12);
    assert_true(fabs(number(c, "se") - 0.1 / sqrt(3)) < 1e-12);
    assert_true(fabs(number(c, "t") - 4 * sqrt(3)) < 1e-9);
    assert_true(fabs(number(c, "df") - 2) < 1e-12);
    assert_true(json_object_get(c, "two_way") != NULL);
    assert_true(json_is_true(json_object_get(c, "told_apart")));
    assert_true(json_is_true(json_at(c, "margin.not_worse")));
    assert_true(json_is_false(json_at(c, "margin.equivalent")));
    assert_int_equal(json_array_size(json_object_get(v, "notes")), 0);
    assert_true(fabs(number(v, "arms[1].id_test.mean") - 0.6) < 1e-12);
    assert_true(fabs(number(v, "arms[1].id_test.sd") - 0.1) < 1e-12);
    json_decref(v);
}

static void one_run_each_is_about_libraries(void **state)
{
    (void)state;
    struct run_result *a[] = {make_run(1, "1111111100")}, *b[] = {make_run(7, "1110000001")};
    json_t *v = compared(a, 1, b, 1, 0, 0), *c = json_at(v, "contrasts[0]");
    assert_string_equal(json_str_at(c, "unit", ""), "task");
    assert_int_equal(json_int_at(c, "n", 0), 10);
    /* five fixed, one broken: exact, two-sided: 2 (1 + 6) / 64 */
    assert_true(fabs(number(c, "p") - 14 / 64.0) < 1e-12);
    assert_int_equal(json_array_size(json_object_get(c, "fixed")), 5);
    assert_int_equal(json_array_size(json_object_get(c, "broken")), 1);
    assert_int_equal(
        json_int_at(c, "net_by_family.task0", 99) + json_int_at(c, "net_by_family.task1", 99), 4);
    assert_true(json_is_false(json_object_get(c, "told_apart")));
    assert_non_null(
        strstr(json_string_value(json_at(v, "notes[0]")), "one run says nothing about the method"));
    json_decref(v);
}

/* Two differences that are equal have no spread, whatever they came from. */
static void two_runs_tell_nothing_apart(void **state)
{
    (void)state;
    struct run_result *a[] = {make_run(1, "1111"), make_run(2, "1111")},
                      *b[] = {make_run(1, "1110"), make_run(2, "0111")};
    json_t *v = compared(a, 2, b, 2, 0, 0), *c = json_at(v, "contrasts[0]");
    assert_true(number(c, "p") < 0.001);
    assert_true(json_is_false(json_object_get(c, "told_apart")));
    assert_non_null(strstr(json_string_value(json_at(v, "notes[0]")), "fewer than three runs"));
    json_decref(v);
    struct run_result *x[] = {make_run(1, "1111"), make_run(2, "1111"), make_run(3, "1111")},
                      *y[] = {make_run(1, "1110"), make_run(2, "0111"), make_run(3, "1011")};
    v = compared(x, 3, y, 3, 0, 0);
    assert_true(json_is_true(json_at(v, "contrasts[0].told_apart")));
    json_decref(v);
}

/* Two arms whose seeds are others: Welch; a single run without a partner says nothing. */
static void seeds_apart_are_not_paired(void **state)
{
    (void)state;
    struct run_result *a[] = {make_run(1, "1111"), make_run(2, "1110")},
                      *b[] = {make_run(3, "1000"), make_run(4, "1100")};
    json_t *v = compared(a, 2, b, 2, 0, 0), *c = json_at(v, "contrasts[0]");
    assert_non_null(strstr(json_str_at(c, "test", ""), "Welch"));
    assert_true(fabs(number(c, "diff") - 0.5) < 1e-12);
    assert_int_equal(json_int_at(c, "pairs", -1), 0);
    json_decref(v);
    struct run_result *x[] = {make_run(1, "1111")},
                      *y[] = {make_run(3, "1000"), make_run(4, "1100")};
    v = compared(x, 1, y, 2, 0, 0);
    c = json_at(v, "contrasts[0]");
    assert_null(json_object_get(c, "p"));
    assert_null(json_object_get(c, "interval"));
    assert_null(json_object_get(c, "told_apart"));
    json_decref(v);
}

static void what_is_no_pair_is_left_out_and_counted(void **state)
{
    (void)state;
    char wide[41], narrow[41];
    memset(wide, '1', 40);
    memset(narrow, '0', 40);
    wide[40] = narrow[40] = '\0';
    wide[3] = '-';
    narrow[4] = ' ';
    struct run_result *a[] = {make_run(1, wide)}, *b[] = {make_run(1, narrow)};
    json_t *v = compared(a, 1, b, 1, 0, 0), *c = json_at(v, "contrasts[0]");
    assert_int_equal(json_int_at(c, "pairs", 0), 38);
    assert_int_equal(json_int_at(c, "unscored", 0), 1);
    assert_int_equal(json_int_at(c, "unmatched", 0), 1);
    json_decref(v);
    /* three of forty are more than one in twenty */
    wide[5] = '-';
    struct run_result *x[] = {make_run(1, wide)}, *y[] = {make_run(1, narrow)};
    assert_null(compared(x, 1, y, 1, GRASP_EINVAL, 0));
    assert_non_null(strstr(err_msg(), "3 of 40 pairs"));
    /* nor are two benchmarks one */
    struct run_result *u[] = {make_run(1, "11")}, *w[] = {make_run(1, "11")};
    free(u[0]->benchmark);
    u[0]->benchmark = strdup("v2");
    assert_null(compared(u, 1, w, 1, GRASP_EINVAL, 0));
    err_clear();
}

static void holm_is_over_the_arms_of_a_split(void **state)
{
    (void)state;
    struct run_result *base[] = {make_run(1, "1100000000"), make_run(2, "1000000000"),
                                 make_run(3, "1110000000")};
    struct run_result *good[] = {make_run(1, "1111100000"), make_run(2, "1111110000"),
                                 make_run(3, "1111111000")};
    struct run_result *same[] = {make_run(1, "1100000000"), make_run(2, "1100000000"),
                                 make_run(3, "1100000000")};
    const struct arm_runs arms[] = {{"base", (const struct run_result *const *)base, 3},
                                    {"good", (const struct run_result *const *)good, 3},
                                    {"same", (const struct run_result *const *)same, 3}};
    struct contrast_options o = {.unpaired = 0.05};
    json_t *v = NULL;
    assert_int_equal(contrast_arms(arms, 3, &o, &v), 0);
    assert_true(fabs(number(v, "contrasts[0].p_holm") - 2 * number(v, "contrasts[0].p")) < 1e-12);
    assert_true(number(v, "contrasts[1].p_holm") == 1);
    json_decref(v);
    for (int i = 0; i < 3; i++) {
        free_run(base[i]);
        free_run(good[i]);
        free_run(same[i]);
    }
}

/* ---- published ---- */

static const struct published_scores *find(const char *model, const char *benchmark,
                                           const char *method)
{
    for (const struct published_scores *s = published_table; s->model; s++)
        if (!strcmp(s->model, model) && !strcmp(s->benchmark, benchmark) &&
            !strcmp(s->method, method))
            return s;
    fail_msg("no row for %s %s %s", model, benchmark, method);
    return NULL;
}

static int compared_rows;

static void same_spread(const double *v, int n, const json_t *want)
{
    json_t *got = published_spread(v, n);
    if (json_is_object(want)) {
        assert_int_equal(json_int_at(got, "n", 0), json_int_at(want, "n", 0));
        assert_true(fabs(number(got, "mean") - number(want, "mean")) < 1e-6);
        assert_true(fabs(number(got, "sd") - number(want, "sd")) < 1e-6);
        compared_rows++;
    } else {
        assert_true(json_is_null(got));
    }
    json_decref(got);
}

static void same_row(const struct published_scores *s, json_t *v)
{
    same_spread(s->val_best, s->n, json_object_get(v, "val_best"));
    same_spread(s->id_test, s->n, json_object_get(v, "id_test"));
    same_spread(s->test, s->n, json_object_get(v, "test"));
    size_t i, k = 0;
    json_t *run;
    json_array_foreach (json_object_get(v, "runs"), i, run) {
        if (!json_is_number(json_object_get(run, "table_test")))
            continue;
        assert_true(fabs(s->id_test[k] - number(run, "table_test")) < 1e-9);
        if (json_is_number(json_object_get(run, "table_ood")))
            assert_true(fabs(s->test[k] - number(run, "table_ood")) < 1e-9);
        k++;
    }
    assert_int_equal(k, s->n);
}

static void published_scores_give_the_published_figures(void **state)
{
    (void)state;
    char path[512];
    json_t *file = NULL, *benchmarks, *methods, *v;
    const char *model, *benchmark, *method;
    if (!shared_file("reference/published.json", path))
        skip();
    works(json_read_file(&file, path));
    json_object_foreach (json_object_get(file, "main"), model, benchmarks) {
        json_object_foreach (benchmarks, benchmark, methods) {
            json_object_foreach (methods, method, v) {
                if (json_object_get(v, "runs"))
                    same_row(find(model,
                                  !strcmp(benchmark, "MedAgentBench")      ? "v1"
                                  : !strcmp(benchmark, "MedAgentBench-v2") ? "v2"
                                                                           : "fhir-agentbench",
                                  method),
                             v);
            }
        }
    }
    json_object_foreach (json_object_get(file, "ablations"), method, v) {
        same_row(find("gpt-oss-120b", "v1", method), v);
    }
    same_row(find("gpt-oss-120b", "v1", "cycle.grpo_eval_n=72"), json_at(file, "sensitivity.n72"));
    assert_true(compared_rows > 150);
    json_decref(file);
}

static void an_unknown_model_names_the_known(void **state)
{
    (void)state;
    works(published_check("gpt-4.1"));
    assert_int_equal(published_check("gpt-5"), GRASP_EUSAGE);
    assert_non_null(strstr(err_msg(), "deepseek-v4-flash, gemini-3.1-flash-lite, gpt-4.1"));
    json_t *v = published_spread(find("gpt-oss-120b", "v1", "grasp")->id_test, 5);
    assert_true(fabs(number(v, "mean") - 0.8875) < 1e-9); /* the paper's Table 1 */
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_are_the_unit),
        cmocka_unit_test(one_run_each_is_about_libraries),
        cmocka_unit_test(two_runs_tell_nothing_apart),
        cmocka_unit_test(seeds_apart_are_not_paired),
        cmocka_unit_test(what_is_no_pair_is_left_out_and_counted),
        cmocka_unit_test(holm_is_over_the_arms_of_a_split),
        cmocka_unit_test(published_scores_give_the_published_figures),
        cmocka_unit_test(an_unknown_model_names_the_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
