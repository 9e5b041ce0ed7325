/* test_sim_noise.c - sim.noise is the mean share of episodes whose outcome flips: on whole task sets,
 * with and without skills, whether the draw is known or taken anew in each turn. */
#include "sim_bench.h"

#include <math.h>
#include <xxhash.h>

#include "runtime/simulator/sim.h"

static const double noises[] = {0.02, 0.05, 0.12, 0.2};
#define NOISES (sizeof(noises) / sizeof(*noises))

/* The table at the top of noise.c. */
static void rates_are_spread(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    static const double flaky[] = {0.05, 0.125, 0.3, 0.5};
    static const double differ[] = {0.030, 0.074, 0.175, 0.287};
    for (size_t k = 0; k < NOISES; k++) {
        double sum = 0, pair = 0, many = 0;
        for (uint64_t key = 0; key < KEYS; key++) {
            double p = sim_flip_rate(noises[k], key);
            assert_true(p >= 0 && p <= 0.5);
            sum += p;
            pair += 2 * p * (1 - p);
            many += p >= 0.1 + 1e-9; /* the steady ones have at most 0.1 */
        }
        assert_true(fabs(sum / KEYS - noises[k]) < 0.002);
        assert_true(fabs(pair / KEYS - differ[k]) < 0.003);
        assert_true(fabs(many / KEYS - flaky[k]) < 0.006);
    }
    for (double mean = 0.25; mean <= 0.5; mean += 0.05) {
        double sum = 0;
        for (uint64_t key = 0; key < KEYS; key++)
            sum += sim_flip_rate(mean, key) / KEYS;
        assert_true(fabs(sum - mean) < 0.002);
    }
    assert_true(sim_flip_rate(0, 7) == 0);
}

struct counts {
    size_t episodes, flips, pairs, unlike;
    double expected; /* flips, by the rates of the tasks that were drawn */
};

static void count(struct bench *b, const struct task *t, double noise, bool named,
                  const char *skills, int64_t *fresh, struct counts *c)
{
    enum { DRAWS = 4 };
    struct verdict v;
    struct sim_world w = {.skills = skills};
    uint64_t key = XXH3_64bits(t->instruction, strlen(t->instruction));
    bool before = false, right = bench_run(b, &w, t, 0, &v);
    w.settings.noise = noise;
    w.fresh = named ? NULL : fresh;
    for (int64_t d = 0; d < DRAWS; d++) {
        bool now = bench_run(b, &w, t, d, &v);
        c->episodes++;
        c->flips += now != right;
        c->expected += sim_flip_rate(noise, key);
        c->pairs += d > 0;
        c->unlike += d > 0 && now != before;
        before = now;
    }
}

static void add_counts(struct bench *b, const char *skills, struct counts c[NOISES])
{
    const struct task_set *splits[] = {&b->dev, &b->val, &b->id_test, &b->test};
    int64_t fresh = 0;
    for (size_t k = 0; k < NOISES; k++)
        for (size_t s = 0; s < 4; s++)
            for (size_t i = s; i < splits[s]->n; i += 3)
                count(b, &splits[s]->v[i], noises[k], i % 2, i / 2 % 2 ? skills : "", &fresh,
                      &c[k]);
}

/* A task that the model never solves, habits or not, cannot flip; hence a little less is right. */
static void outcomes_flip(void **state)
{
    (void)state;
    struct counts c[NOISES] = {{0}};
    for (int i = 0; i < 4; i++) {
        enum benchmark which = i % 2 ? BENCHMARK_V2 : BENCHMARK_V1;
        struct bench b;
        struct buf skills = BUF_INIT;
        char name[64];
        if (i < 2)
            bench_synth(&b, which);
        else if (!bench_open(&b, which))
            continue;
        snprintf(name, sizeof(name), "tests/data/sim/skills_v%d.md", which);
        assert_int_equal(fs_read(name, &skills), 0);
        add_counts(&b, skills.ptr, c);
        buf_release(&skills);
        bench_close(&b);
    }
    for (size_t k = 0; k < NOISES; k++) {
        double n = (double)c[k].episodes, rate = (double)c[k].flips / n, want = c[k].expected / n;
        double error = 3 * sqrt(want * (1 - want) / n);
        print_message("# noise %.2f: %5.2f %% of %zu episodes flipped (%.2f by the rates of their "
                      "tasks), two draws differ in %.2f %%\n",
                      noises[k], 100 * rate, c[k].episodes, 100 * want,
                      100 * (double)c[k].unlike / (double)c[k].pairs);
        assert_true(rate < want + error);
        assert_true(rate > want * 0.95 - error);
        assert_true(fabs(rate - noises[k]) < 0.15 * noises[k] + error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_spread),
        cmocka_unit_test(outcomes_flip),
    };
    return cmocka_run_group_tests_name("sim_noise", tests, NULL, NULL);
}
