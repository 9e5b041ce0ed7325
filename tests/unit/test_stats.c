/* test_stats.c - statistics against vectors computed with exact fractions and scipy, checked with R. */
#include "test.h"

#include <math.h>

#include "probes/rng.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/stats.h"

enum { MOST = 1024 };

struct table {
    double v[MOST];
    size_t task[MOST], run[MOST], n;
};

/* Rows are tasks, columns runs; `minus` (or NULL) is taken off. */
static void read_rows(const json_t *rows, const json_t *minus, struct table *t)
{
    t->n = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        for (size_t k = 0; k < json_array_size(json_array_get(rows, i)); k++) {
            t->v[t->n] = json_number_value(json_array_get(json_array_get(rows, i), k)) -
                         json_number_value(json_array_get(json_array_get(minus, i), k));
            t->task[t->n] = i;
            t->run[t->n++] = k;
        }
}

static size_t read_list(const json_t *list, double *v)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        v[i] = json_number_value(json_array_get(list, i));
    return json_array_size(list);
}

static int checked;

static void near(const json_t *c, const char *key, double got)
{
    const json_t *want = json_object_get(json_object_get(c, "out"), key);
    if (!want)
        return;
    double w = json_is_boolean(want) ? json_is_true(want) : json_number_value(want);
    /* relative above 1: scipy's quantile at 9 degrees of freedom is 2.4e-9 off */
    if (!(fabs(got - w) <= json_num_at(c, "tol", 0) * fmax(1, fabs(w))))
        fail_msg("%s: %s is %.17g, wanted %.17g", json_str_at(c, "name", "?"), key, got, w);
    checked++;
}

static void near_estimate(const json_t *c, const struct estimate *e)
{
    near(c, "mean", e->mean);
    near(c, "diff", e->mean);
    near(c, "se", e->se);
    near(c, "var", e->se * e->se);
    near(c, "df", e->df);
    near(c, "t", e->t);
    near(c, "p", e->p);
    near(c, "low", e->low);
    near(c, "high", e->high);
}

static void check_case(json_t *c)
{
    const char *fn = json_str_at(c, "fn", "");
    json_t *in = json_object_get(c, "in");
    struct table t;
    struct estimate e = {0};
    double a[MOST], b[MOST], diff = json_num_at(in, "diff", 0), se = json_num_at(in, "se", 0),
                             df = json_num_at(in, "df", 0), margin = json_num_at(in, "margin", 0);
    int before = checked;
    if (!strcmp(fn, "mcnemar_exact")) {
        near(c, "p", mcnemar_exact(json_int_at(in, "only_a", 0), json_int_at(in, "only_b", 0)));
    } else if (!strcmp(fn, "wilson")) {
        struct interval w = wilson(json_int_at(in, "k", 0), json_int_at(in, "n", 0));
        near(c, "low", w.low);
        near(c, "high", w.high);
    } else if (!strcmp(fn, "cluster_mean") || !strcmp(fn, "paired_cluster")) {
        bool paired = json_object_get(in, "a");
        read_rows(json_object_get(in, paired ? "a" : "rows"), json_object_get(in, "b"), &t);
        assert_int_equal(mean_clustered(t.v, t.task, t.n, &e), 0);
        near_estimate(c, &e);
    } else if (!strcmp(fn, "paired_two_way")) {
        read_rows(json_object_get(in, "a"), json_object_get(in, "b"), &t);
        assert_int_equal(mean_two_way(t.v, t.task, t.run, t.n, &e), 0);
        near_estimate(c, &e);
    } else if (!strcmp(fn, "paired_means")) {
        e = mean_of(a, read_list(json_object_get(in, "means"), a));
        near_estimate(c, &e);
    } else if (!strcmp(fn, "welch")) {
        size_t na = read_list(json_object_get(in, "a"), a);
        e = welch(a, na, b, read_list(json_object_get(in, "b"), b));
        near_estimate(c, &e);
    } else if (!strcmp(fn, "signflip_exact")) {
        int d[MOST];
        double p;
        size_t n = read_list(json_object_get(in, "diffs"), a);
        for (size_t i = 0; i < n; i++)
            d[i] = (int)a[i];
        assert_int_equal(sign_flip(d, n, &p), 0);
        near(c, "p", p);
    } else if (!strcmp(fn, "noninferiority")) {
        struct margin_test m = noninferior(diff, se, df, margin);
        near(c, "p", m.p);
        near(c, "low90", m.low);
        near(c, "yes", m.yes);
    } else if (!strcmp(fn, "equivalence")) {
        struct margin_test m = equivalent(diff, se, df, margin);
        near(c, "p", m.p);
        near(c, "equivalent", m.yes);
    } else if (!strcmp(fn, "holm")) {
        json_t *want = json_at(c, "out.p");
        size_t n = read_list(json_object_get(in, "p"), a);
        assert_int_equal(holm(a, n), 0);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs(a[i] - json_number_value(json_array_get(want, i))) < 1e-12);
        checked++;
    } else if (!strcmp(fn, "t_quantile")) {
        near(c, "t", t_quantile(json_num_at(in, "p", 0), df));
    } else if (!strcmp(fn, "min_detectable")) {
        near(c, "mde",
             detectable(json_num_at(in, "tasks", 0), json_num_at(in, "k_a", 0),
                        json_num_at(in, "k_b", 0), json_num_at(in, "var_between", 0),
                        json_num_at(in, "within_a", 0), json_num_at(in, "within_b", 0)));
    } else {
        fail_msg("no function '%s'", fn);
    }
    if (checked == before)
        fail_msg("%s: nothing was compared", json_str_at(c, "name", "?"));
}

static void vectors(void **state)
{
    (void)state;
    json_t *file = NULL, *c;
    size_t i;
    assert_int_equal(json_read_file(&file, "tests/data/stats.json"), 0);
    assert_int_equal(json_array_size(json_object_get(file, "cases")), 47);
    json_array_foreach (json_object_get(file, "cases"), i, c) {
        check_case(c);
    }
    json_decref(file);
}

/* What has no spread or no second unit says so, and nothing divides by nothing. */
static void little_is_said_of_little(void **state)
{
    (void)state;
    const double one[] = {0.5}, same[] = {0.25, 0.25, 0.25}, none[] = {0, 0};
    struct estimate e = mean_of(one, 1);
    assert_true(e.mean == 0.5 && e.df == 0 && e.p == 1 && e.low == 0.5 && e.high == 0.5);
    e = mean_of(one, 0);
    assert_true(e.mean == 0 && e.p == 1);
    e = mean_of(same, 3);
    assert_true(e.df == 2 && e.se == 0 && e.p == 0 && e.low == 0.25 && e.high == 0.25);
    e = mean_of(none, 2);
    assert_true(e.df == 1 && e.t == 0 && e.p == 1);
    e = welch(one, 1, same, 3);
    assert_true(e.mean == 0.25 && e.df == 0 && e.p == 1);
    double p;
    assert_int_equal(sign_flip(NULL, 0, &p), 0);
    assert_true(p == 1);
}

/* Cells with several values, and either way of clustering on its own. */
static void two_ways_hold_for_uneven_tables(void **state)
{
    (void)state;
    const double v[] = {1, 0, 1, 0, 1, 0.5};
    const size_t task[] = {0, 0, 0, 1, 2, 2}, run[] = {0, 0, 1, 1, 0, 1};
    struct estimate both, by_task, by_run;
    assert_int_equal(mean_two_way(v, task, run, 6, &both), 0);
    assert_int_equal(mean_clustered(v, task, 6, &by_task), 0);
    assert_int_equal(mean_clustered(v, run, 6, &by_run), 0);
    assert_true(both.df == 1);
    assert_true(both.se >= by_task.se - 1e-15 && both.se >= by_run.se - 1e-15);
}

static void sign_flip_equals_counting_all_signs(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 7);
    for (int round = 0; round < 200; round++) {
        int d[10], seen = 0, as_far = 0;
        size_t n = 1 + rng_below(&r, 10);
        for (size_t i = 0; i < n; i++)
            seen += d[i] = (int)rng_below(&r, 11) - 5;
        for (unsigned signs = 0; signs < 1u << n; signs++) {
            int sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += signs >> i & 1 ? -d[i] : d[i];
            as_far += abs(sum) >= abs(seen);
        }
        double p;
        assert_int_equal(sign_flip(d, n, &p), 0);
        assert_true(fabs(p - as_far / (double)(1u << n)) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(little_is_said_of_little),
        cmocka_unit_test(two_ways_hold_for_uneven_tables),
        cmocka_unit_test(sign_flip_equals_counting_all_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
