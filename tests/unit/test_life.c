/* test_life.c - the sign of life: what the line says at any width, when, what is waited for, and whether
 * the time that it gives is what it takes. */
#include "test.h"

#include <math.h>
#include <time.h>

#include "probes/synth/synth.h"
#include "runtime/base/clock.h"
#include "runtime/base/figures.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/base/text.h"
#include "runtime/learn/learn.h"
#include "runtime/model/waits.h"
#include "runtime/session/session.h"

/* ---- the text ---- */

static const struct progress learning = {
    .where = "epoch 2 of 5, update 1 of 3",
    .part = {{"dev", 31, 48, 31, 18}, {"val", 12, 1200, 12, 6}},
    .n = 2,
    .also = "the writer proposes edits (3 calls open)",
    .calls = 12045,
    .usd = 3.5,
    .left_ns = 12 * 60 * NS_PER_SEC,
};

static void says(const struct progress *p, size_t width, const char *expected)
{
    struct buf b = BUF_INIT;
    progress_text(p, width, &b);
    assert_string_equal(b.ptr, expected);
    assert_true(utf8_length(b.ptr, b.len) <= width);
    buf_release(&b);
}

static void the_line_fits_its_terminal(void **state)
{
    (void)state;
    says(&learning, 200,
         "epoch 2 of 5, update 1 of 3: dev 31 of 48, 58 % pass; val 12 of 1,200, 50 % pass; the "
         "writer "
         "proposes edits (3 calls open); 12,045 calls, 3.50 USD; 12 min left");
    says(&learning, 150,
         "epoch 2/5, update 1/3: dev 31/48 58 %; val 12/1,200 50 %; the writer proposes edits (3 "
         "calls "
         "open); 12,045 calls, 3.50 USD; 12 min left");
    says(&learning, 120,
         "epoch 2/5, update 1/3: dev 31/48 58 %; val 12/1,200 50 %; the writer proposes edits (3 "
         "calls "
         "open); 12 min left");
    says(&learning, 60, "epoch 2/5, update 1/3: dev 31/48 58 %; 12 min left");
    says(&learning, 20, "epoch 2/5, update 1/");
}

static void it_says_what_is_waited_for(void **state)
{
    (void)state;
    struct progress p = {.where = "eval, val", .part = {{"tests", 3, 80}}, .n = 1, .left_ns = -1};
    p.waits = "a limit until 14:05";
    says(&p, 80, "eval, val: tests 3 of 80; waits for a limit until 14:05");
    struct progress bare = {.part = {{"loading", 5000000, 0}}, .n = 1, .left_ns = -1};
    says(&bare, 80, "loading 5,000,000");
}

static void numbers_are_written_as_people_do(void **state)
{
    static const struct {
        int64_t s;
        const char *text;
    } times[] = {{0, "0 s"},
                 {99, "99 s"},
                 {100, "2 min"},
                 {3600, "60 min"},
                 {7500, "2 h 05 min"},
                 {3600 * 47, "47 h 00 min"},
                 {3600 * 50, "2 d 2 h"}};
    static const struct {
        int64_t n;
        const char *text;
    } counts[] = {{0, "0"},
                  {999, "999"},
                  {1000, "1,000"},
                  {1204, "1,204"},
                  {-999, "-999"},
                  {-1000, "-1,000"},
                  {-1234567, "-1,234,567"},
                  {INT64_MIN, "-9,223,372,036,854,775,808"}};
    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        struct buf b = BUF_INIT;
        text_add_duration(&b, times[i].s * NS_PER_SEC);
        assert_string_equal(b.ptr, times[i].text);
        buf_release(&b);
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        struct buf b = BUF_INIT;
        text_add_count(&b, counts[i].n);
        assert_string_equal(b.ptr, counts[i].text);
        assert_string_equal(figure(counts[i].n).text, counts[i].text);
        buf_release(&b);
    }
}

/* ---- when ---- */

static void ten_times_a_second_or_once_a_minute(void **state)
{
    (void)state;
    struct progress_pace screen = {0}, file = {0};
    int64_t start = 5 * NS_PER_SEC;
    int shown = 0, said = 0;
    for (int64_t t = 0; t < 150 * NS_PER_SEC; t += 10 * NS_PER_MS) {
        shown += progress_due(&screen, start + t, true);
        said += progress_due(&file, start + t, false);
    }
    assert_int_equal(shown, 1500);
    assert_int_equal(said, 2); /* after the first minute and the second, and not at once */
}

/* ---- waiting ---- */

static void waits_are_named(void **state)
{
    static const struct {
        const char *state, *words;
    } cases[] = {
        {"{'in_flight': 12, 'longest': 42.2}", "12 calls in flight, the oldest for 42 s"},
        {"{'retrying': 3, 'why': 'HTTP 500'}", "3 calls to be tried again (HTTP 500)"},
        {"{'limited': 600, 'retrying': 1, 'why': 'HTTP 429', 'endpoints': [{'url': 'http://a', "
         "'failures': 0}]}",
         "a limit until 14:05, 1 call to be tried again (HTTP 429)"},
        {"{'limited': 30, 'in_flight': 2, 'longest': 600}",
         "a limit until 13:55:30, 2 calls in flight, the oldest for 10 min"},
        {"{'retrying': 2, 'why': 'refused', 'endpoints': [{'url': 'http://a', 'failures': 4}]}",
         "http://a, which is down, 2 calls to be tried again (refused)"},
        {"{'retrying': 2, 'why': 'refused', 'endpoints': [{'url': 'http://a', 'failures': 4}, "
         "{'url': 'http://b', 'failures': 1}, {'url': 'http://c', 'dead': true}]}",
         "any of 2 endpoints, which are down, 2 calls to be tried again (refused)"},
        {"{'retrying': 2000, 'why': 'http://a: refused', 'endpoints': [{'url': 'http://a', "
         "'failures': 4}]}",
         "http://a, which is down, 2,000 calls to be tried again (refused)"},
        {"{'queued': 7}", "room for 7 calls"},
        {"{'in_flight': 0}", ""},
    };
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    int64_t wall;
    works(clock_parse("2026-11-22T13:55:00Z", &wall));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = str_dup(cases[i].state);
        json_t *v = NULL;
        struct buf b = BUF_INIT;
        for (char *p = text; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        works(json_parse(&v, text, strlen(text), "state"));
        waits_words(v, wall, &b);
        assert_string_equal(b.ptr ? b.ptr : "", cases[i].words);
        buf_release(&b);
        json_decref(v);
        free(text);
    }
}

/* ---- how long still ---- */

static void steps_are_estimated_by_the_last_rounds(void **state)
{
    (void)state;
    struct eta e;
    eta_begin(&e, 2, 100);
    assert_int_equal(eta_left(&e, 100, 6), -1);
    eta_step(&e, 110, true);
    assert_int_equal(eta_left(&e, 110, 5), 50);
    assert_int_equal(eta_left(&e, 114, 5), 46);
    assert_int_equal(eta_left(&e, 500, 5), 40); /* late: one less at most */
    eta_step(&e, 110, false);                   /* out of the journal: no measure */
    assert_int_equal(eta_left(&e, 110, 4), 40);
    for (int64_t t = 130; t <= 190; t += 20)
        eta_step(&e, t, true);
    assert_int_equal(eta_left(&e, 190, 3), 60); /* the first is two rounds ago */
    assert_int_equal(eta_left(&e, 190, 0), 0);
}

/* A server whose answers take a while, in a time of its own: so many at once, the writer's longer. */
struct server {
    struct model base, *inner;
    struct session *s;
    int64_t now;
    struct {
        int64_t at, left;
        int epoch;
    } seen[4000];
    size_t n, asked;
};

static int64_t server_time(void *arg)
{
    return ((struct server *)arg)->now;
}

static int served(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct server *v = (struct server *)m;
    bool writes = rq->phase >= PHASE_CLASSIFY;
    v->now += writes ? 4 * NS_PER_SEC : 80 * NS_PER_MS;
    if (++v->asked % 20 == 0 && v->n < sizeof(v->seen) / sizeof(*v->seen)) {
        json_t *state = life_json(v->s->life);
        const char *where = json_str_at(state, "where", "");
        v->seen[v->n].at = v->now;
        v->seen[v->n].left = life_left(v->s->life);
        if (strncmp(where, "epoch ", 6) == 0)
            v->seen[v->n++].epoch = atoi(where + 6);
        json_decref(state);
    }
    return model_ask(v->inner, rq, fn, arg);
}

static void nothing(struct model *m)
{
    (void)m;
}

static const struct model_ops serves = {served, nothing};

static void the_time_left_is_what_it_takes(void **state)
{
    (void)state;
    char *dir = fs_tempdir("life");
    char *config = fs_join(dir, "grasp.yaml"), *library = fs_join(dir, "library"),
         *run_dir = fs_join(dir, "run"), *file = fs_join(dir, "status.json");
    struct synth_settings clinic = {BENCHMARK_V1, SYNTH_LEAST_PATIENTS, 1, dir};
    const char *const sets[] = {"cycle.epochs=5", "cycle.update_every=16", "cycle.grpo_k=3",
                                "cycle.grpo_eval_n=16"};
    struct session_options o = {.config = config, .sets = sets, .n_sets = 4, .no_journal = true};
    struct server *v = calloc(1, sizeof(*v));
    struct session s;
    struct learn *learn = NULL;
    works(synth_write(&clinic, NULL));
    works(session_open(&s, &o));
    v->base = (struct model){.ops = &serves, .name = s.said[0]->name, .label = s.said[0]->label};
    v->inner = s.said[0];
    v->s = &s;
    v->now = NS_PER_SEC;
    s.said[0] = &v->base;
    engine_close(s.engine); /* it has the model that it was opened with */
    struct engine_settings es;
    config_engine(s.config, &es);
    works(engine_open(&s.engine, s.loop, &v->base, s.env, &es));
    life_clock(s.life, server_time, v);
    works(learn_open(&learn, &s, library, run_dir, 0));
    works(learn_run(learn));
    size_t judged = 0, first = 0;
    double worst = 0;
    for (size_t i = 0; i < v->n; i++) {
        double rest = (double)(v->now - v->seen[i].at) / 1e9, said = (double)v->seen[i].left / 1e9;
        if (v->seen[i].epoch < 2) {
            first += v->seen[i].left < 0;
            continue;
        }
        double off = fabs(said - rest) / rest;
        judged++;
        if (off > worst && rest > 0.05 * (double)v->now / 1e9)
            worst = off;
        if (off > 0.25 && fabs(said - rest) > 0.02 * (double)v->now / 1e9)
            fail_msg("epoch %d: %.0f s are said to be left, and it took %.0f s", v->seen[i].epoch,
                     said, rest);
    }
    print_message(
        "# %zu looks from the second epoch on, off by %.0f %% at most before the last twentieth\n",
        judged, 100 * worst);
    assert_true(judged > 20);
    assert_true(first > 0); /* nothing is said before there is something to go by */
    s.said[0] = v->inner;
    session_close_models(&s);
    learn_close(learn);
    session_close(&s);
    free(v);
    works(fs_remove_tree(dir));
    free(dir);
    free(config);
    free(library);
    free(run_dir);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_fits_its_terminal),
        cmocka_unit_test(it_says_what_is_waited_for),
        cmocka_unit_test(numbers_are_written_as_people_do),
        cmocka_unit_test(ten_times_a_second_or_once_a_minute),
        cmocka_unit_test(waits_are_named),
        cmocka_unit_test(steps_are_estimated_by_the_last_rounds),
        cmocka_unit_test(the_time_left_is_what_it_takes),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
