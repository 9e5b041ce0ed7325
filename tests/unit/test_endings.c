/* test_endings.c - runs in which nobody answers: what is said of them, and when learning stops. */
#include "learn_harness.h"

#include "runtime/engine/endings.h"

static void words_for_them(void **state)
{
    (void)state;
    static const struct {
        enum ending kind;
        int n, all;
        const char *reply;
        bool writer;
        const char *words;
    } cases[] = {
        {ENDING_CUT, 47, 48, NULL, false,
         "47 of 48 answers were empty: thinking used all of max_tokens"},
        {ENDING_EMPTY, 3, 3, NULL, false, "3 of 3 answers were empty"},
        {ENDING_CONTEXT, 3, 3, "8192 tokens", false,
         "3 of 3 rollouts exceeded the context; the first message was: 8192 tokens"},
        {ENDING_INVALID, 48, 48, "Sure!", false,
         "48 of 48 rollouts were an invalid action; the first reply was: Sure!"},
        {ENDING_ROUNDS, 9, 10, NULL, false,
         "9 of 10 rollouts used all their rounds without an answer"},
        {ENDING_INVALID, 4, 4, "I think", true,
         "4 of 4 proposals had no JSON array; the first reply was: I think"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct endings e = {0};
        struct buf text = BUF_INIT;
        for (int k = 0; k < cases[i].all; k++) {
            const char *reply = k ? "later" : cases[i].reply;
            endings_count(&e, k < cases[i].n ? cases[i].kind : ENDING_ANSWER,
                          cases[i].reply ? reply : NULL, reply ? strlen(reply) : 0);
        }
        assert_int_equal(endings_most(&e, 0.9), cases[i].kind);
        endings_describe(&e, cases[i].kind, cases[i].writer, &text);
        assert_string_equal(text.ptr, cases[i].words);
        buf_release(&text);
        endings_release(&e);
    }
}

static void none_is_most(void **state)
{
    (void)state;
    struct endings e = {0};
    assert_int_equal(endings_most(&e, 0.5), ENDING_ANSWER);
    for (int i = 0; i < 10; i++)
        endings_count(&e, i < 8 ? ENDING_INVALID : i < 9 ? ENDING_EMPTY : ENDING_ANSWER, NULL, 0);
    assert_int_equal(endings_most(&e, 0.9), ENDING_ANSWER); /* not all in the same way */
    assert_int_equal(endings_most(&e, 0.5), ENDING_INVALID);
    endings_release(&e);
}

/* The world has the last word where the rounds are used up. */
static void the_reply_is_the_agents(void **state)
{
    (void)state;
    struct endings e = {0};
    struct rollout r = {.status = ROLLOUT_TASK_LIMIT, .said = SAID_TEXT};
    assert_int_equal(chat_add(&r.chat, CHAT_USER, "task", 4), 0);
    assert_int_equal(chat_add(&r.chat, CHAT_AGENT, "GET x", 5), 0);
    assert_int_equal(chat_add(&r.chat, CHAT_USER, "a Bundle", 8), 0);
    endings_add(&e, &r);
    assert_string_equal(e.first[ENDING_ROUNDS], "GET x");
    chat_release(&r.chat);
    endings_release(&e);
}

/* ---- learning ---- */

/* Tasks up to this number end in no action. */
static int mute;

static enum outcome act(struct lab *lab, const struct asking *a)
{
    (void)lab;
    return atoi(strrchr(a->task, '_') + 1) <= mute ? OUTCOME_INVALID : OUTCOME_PASS;
}

static enum model_result write_nothing(struct lab *lab, enum model_phase phase, int draw,
                                       const char *prompt, struct buf *reply)
{
    (void)lab;
    (void)phase;
    (void)draw;
    (void)prompt;
    buf_adds(reply, "nothing to say");
    return MODEL_OK;
}

static int learn(int tasks, int silent, int every, int flags, struct lab *lab)
{
    json_t *dev = json_array(), *splits, *settings;
    mute = silent;
    for (int i = 1; i <= tasks; i++)
        json_array_append_new(dev, json_sprintf("a_%d", i));
    splits = json_pack("{s:o, s:[s]}", "dev", dev, "val", "v_1000");
    settings = json_pack("{s:{s:i, s:i, s:i, s:b}}", "cycle", "epochs", 1, "update_every", every,
                         "grpo_eval_n", 4, "run_baseline", 0);
    *lab = (struct lab){.act = act, .write = write_nothing};
    lab_open(lab, splits, settings);
    lab->l.flags = flags;
    int rc = learn_run(&lab->l);
    json_decref(splits);
    json_decref(settings);
    return rc;
}

static void learning_stops(void **state)
{
    (void)state;
    static const struct {
        int tasks, silent, every, flags, code;
        size_t asked; /* dev rollouts */
    } cases[] = {
        {20, 20, 20, 0, GRASP_ESTOPPED, 20},
        {20, 18, 20, 0, GRASP_ESTOPPED, 20},
        {20, 17, 20, 0, 0, 20},
        {20, 20, 20, LEARN_KEEP_GOING, 0, 20},
        {3, 3, 48, 0, GRASP_ESTOPPED, 3}, /* all there are */
        {20, 20, 5, 0, GRASP_ESTOPPED, 5},
        {9, 0, 8, 0, 0, 9},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct lab lab;
        int rc = learn(cases[i].tasks, cases[i].silent, cases[i].every, cases[i].flags, &lab);
        if (rc != cases[i].code)
            fail_msg("case %zu: %d %s", i, rc, rc ? err_msg() : "");
        assert_int_equal(lab.asked[PHASE_ROLLOUT_DEV], cases[i].asked);
        assert_int_equal(lab.l.ended.dev.all, cases[i].asked);
        if (rc < 0)
            assert_int_equal(lab.asked[PHASE_CLASSIFY], 0);
        lab_close(&lab);
        lab_remove(&lab);
    }
}

/* One task of a batch that ends so is chance: small batches are judged together. */
static void small_batches_are_judged_together(void **state)
{
    (void)state;
    struct lab lab;
    works(learn(8, 2, 1, 0, &lab));
    lab_close(&lab);
    lab_remove(&lab);
    assert_int_equal(learn(8, 8, 1, 0, &lab), GRASP_ESTOPPED);
    assert_int_equal(lab.asked[PHASE_ROLLOUT_DEV], 4);
    lab_close(&lab);
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_for_them),
        cmocka_unit_test(none_is_most),
        cmocka_unit_test(the_reply_is_the_agents),
        cmocka_unit_test(learning_stops),
        cmocka_unit_test(small_batches_are_judged_together),
    };
    return cmocka_run_group_tests_name("endings", tests, NULL, NULL);
}
