/*
 * test_noise.c - how often an endpoint's outcomes flip: which tasks are asked again, what is made of
 * the answers, and what a learning run decides by them, once and for all.
 */
#include "learn_harness.h"

#include "runtime/engine/noise.h"

/* The world of a test. Tasks are a_1, a_2, ...: the first `pass` pass, the next `fail` fail, the
 * others are out of reach. */
struct world {
    int pass, fail;
    bool noisy;      /* every third (task, draw) comes out the other way */
    bool wording;    /* a wrong one is wrong in another way when it is asked again */
    int again_out;   /* so many of the tasks that are asked again are out of reach */
    size_t again;    /* rollouts that were asked again */
    int least, most; /* the numbers of their tasks */
};

static int number_of(const char *task)
{
    return atoi(strrchr(task, '_') + 1);
}

static bool is_again(const struct asking *a)
{
    return (a->draw >> 28 & 15) == DRAW_NOISE;
}

static enum outcome act(struct lab *lab, const struct asking *a)
{
    struct world *w = lab->arg;
    int n = number_of(a->task);
    uint64_t mixed =
        ((uint64_t)n * 2654435761u ^ (uint64_t)a->draw * 40503u) * UINT64_C(0x9E3779B97F4A7C15);
    if (is_again(a)) {
        w->again++;
        w->least = w->least && w->least < n ? w->least : n;
        w->most = w->most > n ? w->most : n;
        if (w->again_out-- > 0)
            return OUTCOME_UNSCORED;
    }
    if (n > w->pass + w->fail)
        return OUTCOME_UNSCORED;
    bool pass = n <= w->pass || json_object_get(a->skills, "good");
    if (w->noisy && (mixed >> 40) % 3 == 0)
        pass = !pass;
    return pass ? OUTCOME_PASS : w->wording && is_again(a) ? OUTCOME_INVALID : OUTCOME_FAIL;
}

static enum model_result write_reply(struct lab *lab, enum model_phase phase, int draw,
                                     const char *prompt, struct buf *reply)
{
    (void)prompt;
    if (phase == PHASE_CLASSIFY) {
        json_t *labels = json_object();
        for (int i = 1; i <= 60; i++) {
            char id[16];
            snprintf(id, sizeof(id), "a_%d", i);
            json_object_set_new(labels, id, json_string("one_mechanism"));
        }
        buf_adds(reply, "{\"labels\":");
        buf_add_json_value(reply, labels);
        buf_adds(reply, "}");
        json_decref(labels);
    } else if (phase == PHASE_PROPOSE && lab->l.epoch == 0) {
        json_t *edits = json_pack("[o]", edit_of("ADD", draw ? "other" : "good", "what for", "1"));
        buf_add_json_value(reply, edits);
        json_decref(edits);
    } else {
        buf_adds(reply, phase == PHASE_DIAGNOSE ? "{}" : "[]");
    }
    return MODEL_OK;
}

static void begin(struct lab *lab, struct world *w, int dev, const char *settings)
{
    json_t *splits = json_object(), *set = NULL, *tasks = json_array();
    for (int i = 1; i <= dev; i++)
        json_array_append_new(tasks, json_sprintf("a_%d", i));
    json_object_set_new(splits, "dev", tasks);
    tasks = json_array();
    for (int i = 1; i <= 10; i++)
        json_array_append_new(tasks, json_sprintf("v_%d", i));
    json_object_set_new(splits, "val", tasks);
    works(json_parse(&set, settings, strlen(settings), "settings"));
    bool journaled = lab->journaled;
    *lab = (struct lab){.act = act, .write = write_reply, .arg = w, .journaled = journaled};
    lab_open(lab, splits, set);
    json_decref(splits);
    json_decref(set);
}

static void end(struct lab *lab)
{
    lab_close(lab);
    lab_remove(lab);
}

/* ---- the measurement ---- */

/* Rolls dev out and measures. */
static void measure(struct lab *lab, struct noise *n)
{
    struct skills_view *view = NULL;
    const struct task_set *dev = NULL;
    works(session_split(&lab->s, SPLIT_DEV, &dev));
    struct group *g = engine_group_of(lab->s.engine, PHASE_ROLLOUT_DEV, false, dev, view,
                                      draw_number(&lab->s.draws, DRAW_DEV, 0));
    works(group_wait(g));
    works(noise_measure(n, lab->s.engine, &lab->s.draws, g, view));
    group_free(g);
}

static void half_passed_half_failed(void **state)
{
    static const struct {
        int dev, pass, fail, want_pass, want_fail;
    } cases[] = {
        {60, 30, 30, 12, 12}, {60, 56, 4, 20, 4}, {60, 3, 57, 3, 21},
        {10, 5, 5, 5, 5},     {60, 0, 60, 0, 24}, {60, 60, 0, 24, 0},
        {60, 20, 9, 15, 9},   {8, 0, 0, 0, 0},    {60, 12, 13, 12, 12},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct world w = {.pass = cases[i].pass, .fail = cases[i].fail};
        struct lab lab = {0};
        struct noise n;
        begin(&lab, &w, cases[i].dev, "{}");
        measure(&lab, &n);
        assert_true(n.measured);
        assert_int_equal(n.asked[0], cases[i].want_pass);
        assert_int_equal(n.asked[1], cases[i].want_fail);
        assert_int_equal(n.differ[0] + n.differ[1], 0);
        assert_int_equal(n.alike, w.again > 0); /* nothing asked shows nothing */
        assert_int_equal(w.again, cases[i].want_pass + cases[i].want_fail);
        if (cases[i].dev == 60 && cases[i].pass + cases[i].fail == 60) {
            assert_in_range(w.least, 1, 5); /* from all over dev */
            assert_in_range(w.most, 50, 60);
        }
        end(&lab);
    }
}

static void replies_are_compared_byte_for_byte(void **state)
{
    struct world w = {.pass = 15, .fail = 15, .wording = true};
    struct lab lab = {0};
    struct noise n;
    (void)state;
    begin(&lab, &w, 30, "{}"); /* the outcomes agree, the words do not */
    measure(&lab, &n);
    assert_int_equal(n.asked[0] + n.asked[1], NOISE_TASKS);
    assert_int_equal(n.differ[0] + n.differ[1], 0);
    assert_false(n.alike);
    end(&lab);

    w = (struct world){.pass = 15, .fail = 15, .noisy = true};
    begin(&lab, &w, 30, "{}");
    measure(&lab, &n);
    assert_true(n.differ[0] > 0 && n.differ[1] > 0);
    assert_false(n.alike);
    end(&lab);

    w = (struct world){.pass = 15, .fail = 15, .again_out = 5};
    begin(&lab, &w, 30, "{}"); /* what could not be asked again is left out */
    measure(&lab, &n);
    assert_int_equal(n.asked[0] + n.asked[1], NOISE_TASKS - 5);
    assert_true(n.alike);
    end(&lab);

    w = (struct world){.pass = 15, .fail = 15, .again_out = 24};
    begin(&lab, &w, 30, "{}");
    measure(&lab, &n);
    assert_int_equal(n.asked[0] + n.asked[1], 0);
    assert_false(n.alike);
    end(&lab);
}

static void what_was_measured_is_kept(void **state)
{
    struct noise n = {.asked = {12, 11}, .differ = {1, 2}, .measured = true}, back;
    struct interval i;
    struct buf text = BUF_INIT;
    json_t *v = noise_to_json(&n);
    (void)state;
    works(noise_from_json(&back, v));
    assert_memory_equal(&n.asked, &back.asked, sizeof(n.asked));
    assert_memory_equal(&n.differ, &back.differ, sizeof(n.differ));
    assert_true(back.measured && !back.alike);
    double rate = noise_rate(&n, &i); /* 2 p (1 - p) = 3 / 23 */
    assert_true(rate > 0.0700 && rate < 0.0702 && i.low < rate && rate < i.high);
    assert_true(noise_flips(&n) == gate_flips(3, 23));
    noise_describe(&n, &text);
    assert_non_null(strstr(text.ptr, "flips 7 % of outcomes"));
    assert_non_null(strstr(text.ptr, "1 of 12 that passed failed, 2 of 11 that failed passed"));
    assert_null(strstr(text.ptr, "byte for byte"));
    json_object_set_new(v, "passed_then_failed", json_integer(13));
    assert_int_equal(noise_from_json(&back, v), GRASP_EINVAL);
    json_object_set_new(v, "passed_then_failed", json_integer(-1));
    assert_int_equal(noise_from_json(&back, v), GRASP_EINVAL);
    json_decref(v);

    n = (struct noise){.asked = {12, 12}, .alike = true, .measured = true};
    buf_reset(&text);
    noise_describe(&n, &text);
    assert_non_null(strstr(text.ptr, "byte for byte"));

    n = (struct noise){0}; /* nothing measured: nothing said, a middling rate */
    v = noise_to_json(&n);
    assert_true(json_is_null(v));
    works(noise_from_json(&back, v));
    assert_false(back.measured || back.alike);
    assert_true(noise_flips(&back) == 0.12);
    json_decref(v);
    buf_release(&text);
}

/* ---- what a run makes of it ---- */

#define CYCLE "\"cycle\":{\"epochs\":2,\"update_every\":40,\"grpo_eval_n\":16,\"grpo_k\":2}"
#define AUTO  "{" CYCLE ",\"model\":{\"draws\":\"auto\"},\"gate\":{\"rule\":\"auto\"}}"

static void decided(const struct lab *lab, const char *draws, const char *rule, bool measured)
{
    json_t *v = lab_read(lab, "run/run.json");
    assert_string_equal(json_str_at(v, "draws", ""), draws);
    assert_string_equal(json_str_at(v, "gate_rule", ""), rule);
    assert_int_equal(json_is_object(json_object_get(v, "noise")), measured);
    json_decref(v);
}

/* The rule of every evidence that was written. */
static void rules_are(const struct lab *lab, const char *rule)
{
    json_t *log = lab_read(lab, "run/epoch_0/skill_updates.json"), *e;
    size_t i;
    assert_true(json_array_size(log) > 0);
    json_array_foreach (log, i, e)
        assert_string_equal(json_str_at(e, "rules.rule", "paper"), rule);
    json_decref(log);
}

/* Where nothing flips the run is that of shared draws, call for call, after 24 rollouts more. */
static void a_deterministic_endpoint_costs_24_more(void **state)
{
    size_t asked[2][MODEL_PHASES];
    char head[2][64];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world w = {.pass = 20, .fail = 40};
        struct lab lab = {.journaled = true};
        begin(&lab, &w, 40,
              i ? AUTO
                : "{" CYCLE ",\"model\":{\"draws\":\"shared\"},\"gate\":{\"rule\":\"auto\"}}");
        works(learn_run(&lab.l));
        decided(&lab, "shared", "paper", i);
        rules_are(&lab, "paper");
        assert_int_equal(w.again, i ? NOISE_TASKS : 0);
        memcpy(asked[i], lab.asked, sizeof(lab.asked));
        struct skill_set set = {0};
        works(library_read(lab.l.lib, "HEAD", &set));
        assert_int_equal(set.n, 1);
        snprintf(head[i], sizeof(head[i]), "%s", set.v[0].name);
        skill_set_release(&set);
        end(&lab);
    }
    assert_string_equal(head[0], head[1]);
    for (int p = 0; p < MODEL_PHASES; p++)
        assert_int_equal(asked[1][p], asked[0][p] + (p == PHASE_ROLLOUT_DEV ? NOISE_TASKS : 0));
    assert_true(asked[0][PHASE_ROLLOUT_PROBE] > 0 && asked[0][PHASE_PROPOSE] > 0);
}

/* What was decided holds, whatever the endpoint does when the run goes on. */
static void the_decision_holds(void **state)
{
    (void)state;
    for (int noisy = 0; noisy < 2; noisy++) {
        struct world w = {.pass = 20, .fail = 20, .noisy = noisy};
        struct lab lab = {0};
        const char *draws = noisy ? "fresh" : "shared", *rule = noisy ? "replicate" : "paper";
        begin(&lab, &w, 40, AUTO); /* v_1 .. v_10 pass */
        works(learn_run(&lab.l));
        decided(&lab, draws, rule, true);
        rules_are(&lab, rule);
        json_t *before = lab_read(&lab, "run/run.json");
        assert_int_equal(w.again, NOISE_TASKS);
        lab_close(&lab);

        w.noisy = !w.noisy;
        works(lab_reopen(&lab));
        learn_run(&lab.l);
        assert_int_equal(w.again, NOISE_TASKS);
        assert_int_equal(lab.s.draws.shared, !noisy);
        json_t *after = lab_read(&lab, "run/run.json");
        assert_true(json_equal(json_object_get(before, "noise"), json_object_get(after, "noise")));
        decided(&lab, draws, rule, true);
        json_decref(before);
        json_decref(after);
        end(&lab);
    }
}

/* auto asks; what is set is not asked about, and what the rule needs is. */
static void settings_are_obeyed(void **state)
{
    static const struct {
        const char *draws, *rule;
        bool noisy;
        const char *want_draws, *want_rule;
        bool measured;
    } cases[] = {
        {"fresh", "paper", true, "fresh", "paper", false},
        {"fresh", "replicate", false, "fresh", "replicate", true},
        {"fresh", "auto", false, "fresh", "replicate", true},
        {"shared", "auto", true, "shared", "paper", false},
        {"auto", "paper", true, "fresh", "paper", true},
        {"auto", "replicate", false, "shared", "replicate", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct world w = {.pass = 20, .fail = 40, .noisy = cases[i].noisy};
        struct lab lab = {0};
        char settings[256];
        snprintf(settings, sizeof(settings),
                 "{" CYCLE ",\"model\":{\"draws\":\"%s\"},\"gate\":{\"rule\":\"%s\"}}",
                 cases[i].draws, cases[i].rule);
        begin(&lab, &w, 40, settings);
        works(learn_run(&lab.l));
        decided(&lab, cases[i].want_draws, cases[i].want_rule, cases[i].measured);
        rules_are(&lab, cases[i].want_rule);
        assert_int_equal(w.again, cases[i].measured ? NOISE_TASKS : 0);
        end(&lab);
    }
}

/* An answer from before draws were shared stands for the shared one in its phase, and only there. */
static void earlier_answers_stand_for_shared_ones(void **state)
{
    struct world w = {.pass = 10, .fail = 10};
    struct lab lab = {.journaled = true};
    const struct task_set *dev = NULL;
    static const enum model_phase phases[] = {PHASE_ROLLOUT_DEV, PHASE_ROLLOUT_DEV,
                                              PHASE_ROLLOUT_VAL};
    static const size_t paid[] = {20, 20, 40};
    (void)state;
    begin(&lab, &w, 20, "{}");
    works(session_split(&lab.s, SPLIT_DEV, &dev));
    int64_t draw = draw_number(&lab.s.draws, DRAW_DEV, 0);
    for (int i = 0; i < 3; i++) {
        struct group *g = engine_group_of(lab.s.engine, phases[i], false, dev, NULL, i ? 0 : draw);
        works(group_wait(g));
        group_free(g);
        assert_int_equal(lab.asked[PHASE_ROLLOUT_DEV] + lab.asked[PHASE_ROLLOUT_VAL], paid[i]);
        engine_draws_alike(lab.s.engine, PHASE_ROLLOUT_DEV, draw);
    }
    end(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_passed_half_failed),
        cmocka_unit_test(replies_are_compared_byte_for_byte),
        cmocka_unit_test(what_was_measured_is_kept),
        cmocka_unit_test(a_deterministic_endpoint_costs_24_more),
        cmocka_unit_test(the_decision_holds),
        cmocka_unit_test(settings_are_obeyed),
        cmocka_unit_test(earlier_answers_stand_for_shared_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
