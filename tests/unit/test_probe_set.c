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

/* A world for targeted sets: what each task did then, what it does now, and what is known of that. */
struct world {
    struct task task[40];
    struct probe_source source[40];
    enum probe_known known[40];
    bool passes_now[40];
    struct probe_need needs[3];
    struct probe_target target;
};

static void make_world(struct world *w, struct rng *r)
{
    size_t n = rng_below(r, 41);
    char id[32];
    *w = (struct world){.target = {.source = w->source,
                                   .known = w->known,
                                   .n = n,
                                   .size = 2 + rng_below(r, 30),
                                   .strata = PROBE_STRATA_FAMILY,
                                   .needs = w->needs,
                                   .n_needs = rng_below(r, 4),
                                   .seed = rng_below(r, 1000)}};
    for (size_t i = 0; i < n; i++) {
        snprintf(id, sizeof(id), "%c_%zu", 'a' + (int)rng_below(r, 5), i);
        make_task(&w->task[i], strdup(id), NULL);
        w->passes_now[i] = rng_below(r, 2);
        w->known[i] = (enum probe_known)rng_below(r, 3);
        w->passes_now[i] &= w->known[i] != PROBE_OWN;
        w->source[i] = (struct probe_source){
            &w->task[i], w->known[i] == PROBE_THEN ? rng_below(r, 2) : w->passes_now[i]};
    }
    for (size_t k = 0; k < w->target.n_needs; k++) {
        w->needs[k].label = "group";
        for (char c = 'a'; c <= 'e'; c++)
            if (rng_below(r, 3) == 0)
                strlist_addf(&w->needs[k].families, "%c", c);
    }
}

static void free_world(struct world *w)
{
    for (size_t i = 0; i < w->target.n; i++) {
        free((char *)w->task[i].id);
        free(w->task[i].family);
    }
    for (size_t k = 0; k < w->target.n_needs; k++)
        strlist_release(&w->needs[k].families);
}

/* Asks until there is nothing to ask; what is asked was not known. */
static void ask_all(struct world *w)
{
    size_t out[40], n = 1;
    for (size_t round = 0; n; round++) {
        assert_in_range(round, 0, 40);
        assert_int_equal(probe_target_ask(&w->target, out, &n), 0);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(w->known[out[i]], PROBE_THEN);
            w->known[out[i]] = PROBE_KNOWN;
            w->source[out[i]].correct = w->passes_now[out[i]];
        }
    }
}

static void check_share(const struct world *w, const struct probe_set *set, size_t k)
{
    size_t there = 0, got = 0;
    for (size_t i = 0; i < w->target.n; i++)
        there += !w->passes_now[i] && strlist_has(&w->needs[k].families, w->task[i].family);
    for (size_t i = 0; i < set->n; i++)
        got += set->v[i].failing && strlist_has(&w->needs[k].families, set->v[i].task->family);
    assert_true(got >= (there < PROBE_NEEDS ? there : PROBE_NEEDS));
}

static void check_targeted(const struct world *w, const struct probe_set *set, bool before[40])
{
    size_t half = w->target.size / 2, failing = 0, passing = 0, own = 0, enough = 0, others = 0;
    bool seen[40] = {false};
    for (size_t i = 0; i < set->n; i++) {
        size_t at = (size_t)(set->v[i].task - w->task);
        assert_false(seen[at]);
        seen[at] = true;
        assert_int_equal(set->v[i].failing, i < failing + (size_t)set->v[i].failing);
        failing += set->v[i].failing;
        passing += !set->v[i].failing;
        own += w->known[at] == PROBE_OWN && set->why[i].reason == PROBE_NOW;
        assert_int_equal(set->v[i].failing, !w->source[at].correct);
        assert_int_equal(set->why[i].reason == PROBE_AS_BEFORE, w->known[at] == PROBE_THEN);
        if (set->v[i].failing)
            assert_true(w->known[at] != PROBE_THEN && !w->passes_now[at]);
        assert_int_equal(set->why[i].reason == PROBE_FAMILY, set->why[i].group != NULL);
    }
    assert_true(failing <= half && passing <= half);
    for (size_t i = 0; i < w->target.n; i++) {
        enough += !w->passes_now[i] && before[i];
        others += w->known[i] == PROBE_KNOWN && !w->passes_now[i] && !seen[i];
    }
    if (enough >= half) /* those that failed before are asked until there are enough */
        assert_int_equal(failing, half);
    if (own) /* the batch's own fill what others leave */
        assert_int_equal(others, 0);
    for (size_t k = 0; half >= PROBE_NEEDS * w->target.n_needs && k < w->target.n_needs; k++)
        check_share(w, set, k);
}

static void targeted_sets(void **state)
{
    static struct world w;
    struct rng r;
    size_t probes = 0;
    (void)state;
    rng_init(&r, 11);
    for (int round = 0; round < 6000; round++) {
        struct probe_set set, again;
        bool before[40];
        make_world(&w, &r);
        for (size_t i = 0; i < w.target.n; i++)
            before[i] = !w.source[i].correct;
        ask_all(&w);
        assert_int_equal(probe_target_draw(&set, &w.target), 0);
        check_targeted(&w, &set, before);
        assert_int_equal(probe_target_draw(&again, &w.target), 0);
        assert_int_equal(again.n, set.n);
        for (size_t i = 0; i < set.n; i++)
            assert_ptr_equal(again.v[i].task, set.v[i].task);
        probes += set.n;
        probe_set_release(&set);
        probe_set_release(&again);
        free_world(&w);
    }
    assert_true(probes > 30000);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_sets), cmocka_unit_test(failing_wins), cmocka_unit_test(targeted_sets),
        cmocka_unit_test(epoch_orders), cmocka_unit_test(published_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
