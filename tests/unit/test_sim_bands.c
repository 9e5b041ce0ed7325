/* test_sim_bands.c - how much of MedAgentBench the simulated model solves: without skills, with
 * good ones, with the libraries that were released with the paper, with too broad ones. Needs the
 * shared data; the figures are printed as a table. */
#include "sim_bench.h"

#include <dirent.h>
#include <math.h>

#include "runtime/base/fs.h"

#define FAMILY_MAX 10
#define SEEDS      5

struct score {
    size_t right, all, right_of[FAMILY_MAX + 1], all_of[FAMILY_MAX + 1];
};

static double percent(size_t right, size_t all)
{
    return all ? 100.0 * (double)right / (double)all : NAN;
}

static struct score run_split(struct bench *b, const struct sim_world *base,
                              const struct task_set *split, const char *skills)
{
    struct score s = {0};
    for (size_t i = 0; i < split->n; i++) {
        struct sim_world w = *base;
        struct verdict v;
        w.skills = skills;
        int family = atoi(split->v[i].id + strlen("task"));
        bool right = bench_run(b, &w, &split->v[i], 0, &v);
        s.all++;
        s.right += right;
        s.all_of[family]++;
        s.right_of[family] += right;
    }
    return s;
}

static void print_row(const char *name, const struct score *s)
{
    char line[256];
    size_t n =
        (size_t)snprintf(line, sizeof(line), "# %-34s %5.1f |", name, percent(s->right, s->all));
    for (int f = 1; f <= FAMILY_MAX && n < sizeof(line); f++)
        n += (size_t)(s->all_of[f] ? snprintf(line + n, sizeof(line) - n, " %3.0f",
                                              percent(s->right_of[f], s->all_of[f]))
                                   : snprintf(line + n, sizeof(line) - n, "   -"));
    print_message("%s\n", line);
}

static void baseline_and_best(struct bench *b, const char *skills_file, double low, double high,
                              double best)
{
    struct buf skills = BUF_INIT;
    assert_int_equal(fs_read(skills_file, &skills), 0);
    struct score sum_without = {0}, sum_with = {0};
    double base[SEEDS], good[SEEDS];
    size_t off_band = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct sim_world w = {.settings = {.person = seed}};
        char name[64];
        struct score without = run_split(b, &w, &b->dev, "");
        struct score with = run_split(b, &w, &b->dev, skills.ptr);
        snprintf(name, sizeof(name), "dev, seed %d", (int)seed);
        print_row(name, &without);
        snprintf(name, sizeof(name), "dev, seed %d, good skills", (int)seed);
        print_row(name, &with);
        base[seed] = percent(without.right, without.all);
        good[seed] = percent(with.right, with.all);
        for (int f = 0; f <= FAMILY_MAX; f++) {
            sum_without.right_of[f] += without.right_of[f];
            sum_with.right_of[f] += with.right_of[f];
            sum_without.all_of[f] += without.all_of[f];
            sum_with.all_of[f] += with.all_of[f];
        }
    }
    for (int f = 1; f <= FAMILY_MAX; f++) {
        if (!sum_without.all_of[f])
            continue;
        double without = percent(sum_without.right_of[f], sum_without.all_of[f]);
        double with = percent(sum_with.right_of[f], sum_with.all_of[f]);
        print_message("# family %2d: %5.1f -> %5.1f\n", f, without, with);
        /* v2 task1 hangs on the real date, which its wording does not give. */
        bool undated = b->grader.benchmark == BENCHMARK_V2 && f == 1;
        off_band +=
            !(without >= 8 && without <= 75) || !(with >= (undated ? 50 : 75) && with < 100);
    }
    struct sim_world w = {.skills = ""};
    struct task_set *splits[] = {&b->val, &b->id_test, &b->test};
    static const char *const names[] = {"val", "id_test", "test"};
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        struct score s = run_split(b, &w, splits[i], "");
        print_row(names[i], &s);
        snprintf(name, sizeof(name), "%s, good skills", names[i]);
        s = run_split(b, &w, splits[i], skills.ptr);
        print_row(name, &s);
    }
    buf_release(&skills);
    assert_int_equal(off_band, 0);
    double base_mean = 0, good_mean = 0;
    for (size_t seed = 0; seed < SEEDS; seed++) {
        base_mean += base[seed] / SEEDS;
        good_mean += good[seed] / SEEDS;
        assert_true(base[seed] >= low - 4 && base[seed] <= high + 4);
        assert_true(good[seed] >= best && good[seed] <= 98);
    }
    print_message("# mean of the seeds: %.1f -> %.1f\n", base_mean, good_mean);
    assert_true(base[0] >= low && base[0] <= high);
    assert_true(base_mean >= low && base_mean <= high);
}

static void v1_bands(void **state)
{
    (void)state;
    struct bench b;
    if (!bench_open(&b, BENCHMARK_V1))
        skip();
    baseline_and_best(&b, "tests/data/sim/skills_v1.md", 35, 45, 85);
    bench_close(&b);
}

static void v2_bands(void **state)
{
    (void)state;
    struct bench b;
    if (!bench_open(&b, BENCHMARK_V2))
        skip();
    baseline_and_best(&b, "tests/data/sim/skills_v2.md", 33, 47, 80);
    bench_close(&b);
}

/* A released library as the executor would see it: name, description and body of its flat files. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void render_flat(const char *dir, struct buf *out, size_t *n)
{
    struct strlist names = {0};
    DIR *d = opendir(dir);
    struct dirent *e;
    assert_non_null(d);
    while ((e = readdir(d)))
        if (str_ends(e->d_name, ".md"))
            strlist_add(&names, e->d_name);
    closedir(d);
    if (names.n)
        qsort(names.v, names.n, sizeof(*names.v), by_name);
    *n = names.n;
    buf_adds(out, "# Skills\n");
    for (size_t i = 0; i < names.n; i++) {
        struct buf text = BUF_INIT;
        char *path = fs_join(dir, names.v[i]);
        assert_int_equal(fs_read(path, &text), 0);
        char *body = strstr(text.ptr + 3, "\n---\n");
        char *description = strstr(text.ptr, "description: ");
        assert_non_null(body);
        assert_non_null(description);
        *body = '\0';
        char *end = strstr(description, "\nname:");
        if (end)
            *end = '\0';
        for (char *p = description; *p; p++)
            *p = *p == '\n' ? ' ' : *p;
        buf_addf(out, "\n## Skill: %s\n\nWhen to use: %s\n\n%s\n", names.v[i], description + 13,
                 body + 5);
        free(path);
        buf_release(&text);
    }
    strlist_release(&names);
}

static void released_libraries(void **state)
{
    (void)state;
    struct bench b;
    char path[512], dir[512];
    if (!bench_open(&b, BENCHMARK_V1))
        skip();
    static const char *const libraries[] = {
        "deepseek-002", "gemini-001", "gemini-002", "gemini-003", "gpt41-001",
        "oss-001",      "oss-002",    "oss-003",    "oss-v2-001",
    };
    static const char *const profiles[] = {"weak", "default", "strong"};
    for (size_t p = 0; p < 3; p++) {
        struct sim_world w = {.settings = {.profile = profiles[p]}};
        struct score none = run_split(&b, &w, &b.dev, "");
        size_t helped = 0;
        print_message("# profile %s\n", profiles[p]);
        print_row("no skills", &none);
        for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
            struct buf text = BUF_INIT;
            char name[128];
            size_t n;
            snprintf(name, sizeof(name), "reference/libraries/%s", libraries[i]);
            const char *d = shared_file(name, path);
            assert_non_null(d);
            snprintf(dir, sizeof(dir), "%s", d);
            render_flat(dir, &text, &n);
            struct score s = run_split(&b, &w, &b.dev, text.ptr);
            snprintf(name, sizeof(name), "%s (%zu)", libraries[i], n);
            print_row(name, &s);
            helped += s.right > none.right;
            buf_release(&text);
        }
        assert_true(helped >= (p == 2 ? 3 : 5));
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v1_bands),
        cmocka_unit_test(v2_bands),
        cmocka_unit_test(released_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
