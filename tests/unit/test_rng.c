/* test_rng.c - CPython's generator, against its own output. tests/data/mt19937.json has the format
 * of the shared vectors and fewer seeds. */
#include "test.h"

#include "probes/rng.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

static void expect_list(const json_t *want, const size_t *got, size_t n)
{
    assert_int_equal(json_array_size(want), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(got[i], json_integer_value(json_array_get(want, i)));
}

static void check_samples(uint64_t seed, json_t *samples)
{
    const char *key;
    json_t *want;

    json_object_foreach (samples, key, want) {
        struct rng r;
        size_t n, k, *got;
        assert_int_equal(sscanf(key, "%zu_%zu", &n, &k), 2);
        got = calloc(k, sizeof(*got));
        rng_init(&r, seed);
        assert_int_equal(rng_sample(&r, n, k, got), 0);
        expect_list(want, got, k);
        free(got);
    }
}

static void check_vector(json_t *v)
{
    static const size_t chain_n[] = {31, 65, 22}, chain_k[] = {18, 18, 6};
    uint64_t seed = (uint64_t)json_int_at(v, "seed", -1);
    json_t *list = json_at(v, "getrandbits32"), *item;
    size_t i, order[96];
    struct rng r;

    rng_init(&r, seed);
    assert_int_equal(json_array_size(list), 4);
    json_array_foreach (list, i, item)
        assert_int_equal(rng_bits(&r, 32), json_integer_value(item));
    rng_init(&r, seed);
    assert_true(json_array_size(json_at(v, "randbelow.n")) > 4);
    json_array_foreach (json_at(v, "randbelow.n"), i, item)
        assert_int_equal(rng_below(&r, (uint32_t)json_integer_value(item)),
                         json_integer_value(json_array_get(json_at(v, "randbelow.got"), i)));
    rng_init(&r, seed);
    for (i = 0; i < 96; i++)
        order[i] = i;
    rng_shuffle(&r, order, 96);
    expect_list(json_at(v, "shuffle96"), order, 96);
    check_samples(seed, json_at(v, "sample"));
    rng_init(&r, seed);
    json_array_foreach (json_at(v, "chain"), i, item) {
        assert_int_equal(rng_sample(&r, chain_n[i], chain_k[i], order), 0);
        expect_list(item, order, chain_k[i]);
    }
}

static void check_file(const char *path, size_t least)
{
    json_t *list = NULL, *v;
    size_t i;

    assert_int_equal(json_read_file(&list, path), 0);
    assert_true(json_array_size(list) >= least);
    json_array_foreach (list, i, v)
        check_vector(v);
    json_decref(list);
}

static void own_vectors(void **state)
{
    (void)state;
    check_file("tests/data/mt19937.json", 7);
}

static void shared_vectors(void **state)
{
    char path[512];
    (void)state;
    if (!shared_file("vectors/mt19937.json", path))
        skip();
    check_file(path, 10);
}

static void edges(void **state)
{
    struct rng r;
    size_t one = 7, none;
    (void)state;
    rng_init(&r, 1);
    rng_shuffle(&r, &one, 1);
    rng_shuffle(&r, NULL, 0);
    assert_int_equal(one, 7);
    assert_int_equal(rng_sample(&r, 0, 0, &none), 0);
    assert_int_equal(rng_sample(&r, 5000, 0, &none), 0);
    assert_int_equal(rng_seed_epoch(1, 3), 1000003);
    assert_int_equal(rng_seed_probes(2, 3, 1), 2003001);
    assert_int_equal(rng_seed_recovery(1, 2), 1199982);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(own_vectors),
                                       cmocka_unit_test(shared_vectors), cmocka_unit_test(edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
