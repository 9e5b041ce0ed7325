/* test_probe_set.c - probe sets, against sets drawn by CPython (tests/data/probe_sets.json), and
 * the published batches. */
#include "test.h"

#include "probes/probe_set.h"
#include "probes/rng.h"
#include "runtime/base/json.h"

static void make_task(struct task *t, const char *id, const char *type)
{
    const char *cut = strrchr(id, '_');
    *t = (struct task){.id = id, .type = type, .family = strndup(id, (size_t)(cut - id))};
}

static void expect_side(const struct probe_set *set, bool failing, const json_t *want)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i].failing == failing)
            assert_string_equal(set->v[i].task->id, json_string_value(json_array_get(want, n++)));
    assert_int_equal(n, json_array_size(want));
    for (size_t i = 0; i < set->n; i++) /* failing ones first */
        assert_int_equal(set->v[i].failing, i < set->n - (failing ? set->n - n : n));
}

static void check_case(json_t *c)
{
    json_t *source = json_at(c, "source"), *o;
    size_t n = json_array_size(source), i;
    struct task *tasks = calloc(n + 1, sizeof(*tasks));
    struct probe_source *src = calloc(n + 1, sizeof(*src));
    struct strlist without = {0};
    struct probe_set set = {0};

    json_array_foreach (source, i, o) {
        make_task(&tasks[i], json_str_at(o, "id", NULL), json_str_at(o, "type", NULL));
        src[i] = (struct probe_source){&tasks[i], json_bool_at(o, "correct", false)};
    }
    json_array_foreach (json_at(c, "without"), i, o)
        strlist_add(&without, json_string_value(o));
    assert_int_equal(
        probe_set_draw(&set, src, n, (size_t)json_int_at(c, "size", 0),
                       strcmp(json_str_at(c, "strata", ""), "family") == 0 ? PROBE_STRATA_FAMILY
                                                                           : PROBE_STRATA_TYPE,
                       without.n ? &without : NULL, (uint64_t)json_int_at(c, "seed", 0)),
        0);
    expect_side(&set, true, json_at(c, "failing"));
    expect_side(&set, false, json_at(c, "passing"));
    probe_set_release(&set);
    strlist_release(&without);
    for (i = 0; i < n; i++)
        free(tasks[i].family);
    free(tasks);
    free(src);
}

static void own_sets(void **state)
{
    json_t *list = NULL, *c;
    size_t i;
    (void)state;
    assert_int_equal(json_read_file(&list, "tests/data/probe_sets.json"), 0);
    assert_true(json_array_size(list) > 20);
    json_array_foreach (list, i, c)
        check_case(c);
    json_decref(list);
}

/* A task that failed in one batch and passed in another counts as failing wherever it was drawn. */
static void failing_wins(void **state)
{
    struct task t;
    struct probe_set set = {0};
    (void)state;
    make_task(&t, "a_1", NULL);
    struct probe_source src[] = {{&t, true}, {&t, false}};
    assert_int_equal(probe_set_draw(&set, src, 2, 4, PROBE_STRATA_TYPE, NULL, 5), 0);
    assert_int_equal(set.n, 2);
    assert_true(set.v[0].failing && set.v[1].failing);
    probe_set_release(&set);
    free(t.family);
}

static void epoch_orders(void **state)
{
    size_t a[96], b[96], seen[96] = {0};
    (void)state;
    probe_epoch_order(1, 0, 96, a);
    probe_epoch_order(1, 0, 96, b);
    assert_memory_equal(a, b, sizeof(a));
    probe_epoch_order(1, 1, 96, b);
    assert_memory_not_equal(a, b, sizeof(a));
    for (int i = 0; i < 96; i++)
        assert_int_equal(seen[a[i]]++, 0);
}

/* The batch of an update holds the published failing tasks in their order. */
static void check_published(json_t *p, json_t *dev)
{
    size_t n = json_array_size(dev), at, i, *order = calloc(n, sizeof(*order));
    size_t every = (size_t)json_int_at(p, "update_every", 0);
    json_t *id;

    probe_epoch_order((uint64_t)json_int_at(p, "seed", 0), (uint64_t)json_int_at(p, "epoch", 0), n,
                      order);
    at = every * (size_t)json_int_at(p, "update", 0);
    assert_true(json_is_array(json_at(p, "failing")));
    json_array_foreach (json_at(p, "failing"), i, id) {
        size_t end = every * ((size_t)json_int_at(p, "update", 0) + 1);
        while (at < end && at < n &&
               strcmp(json_str_at(json_array_get(dev, order[at]), "id", ""),
                      json_string_value(id)) != 0)
            at++;
        assert_true(at < end && at < n);
    }
    free(order);
}

static void published_batches(void **state)
{
    char path[512];
    json_t *list = NULL, *dev[2] = {NULL, NULL}, *p;
    size_t i;

    (void)state;
    if (!shared_file("vectors/published_batches.json", path))
        skip();
    assert_int_equal(json_read_file(&list, path), 0);
    assert_int_equal(json_read_file(&dev[0], shared_file("medagentbench/v1/split_dev.json", path)),
                     0);
    assert_int_equal(json_read_file(&dev[1], shared_file("medagentbench/v2/split_dev.json", path)),
                     0);
    assert_true(json_array_size(list) > 50);
    json_array_foreach (list, i, p)
        check_published(p, dev[strcmp(json_str_at(p, "benchmark", ""), "v1") != 0]);
    json_decref(list);
    json_decref(dev[0]);
    json_decref(dev[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(own_sets), cmocka_unit_test(failing_wins),
                                       cmocka_unit_test(epoch_orders),
                                       cmocka_unit_test(published_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
