/* test_loop.c - the event loop: order, timers, descriptors, signals; and the request hash that
 * everything on it is keyed by. */
#include "test.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "runtime/base/chat.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/loop/loop.h"
#include "runtime/session/open_model.h"

struct note {
    struct loop *loop;
    char text[64];
    int n, again;
    uint64_t cancel;
};

static struct note *seen; /* where the lettered callbacks write */

static void letter(void *arg)
{
    seen->text[seen->n++] = *(const char *)arg;
    seen->text[seen->n] = '\0';
}

static void defer_more(void *arg)
{
    letter("m");
    loop_defer(seen->loop, letter, arg);
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static int setup(void **state)
{
    struct note *n = calloc(1, sizeof(*n));
    assert_int_equal(loop_open(&n->loop), 0);
    seen = n;
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    struct note *n = *state;
    loop_close(n->loop);
    free(n);
    return 0;
}

static void deferred_calls_are_fifo(void **state)
{
    struct note *n = *state;
    loop_defer(n->loop, letter, "a");
    loop_defer(n->loop, defer_more, "z");
    loop_defer(n->loop, letter, "b");
    assert_int_equal(n->n, 0);
    assert_int_equal(loop_turn(n->loop, -1), 4);
    assert_string_equal(n->text, "ambz");
    assert_int_equal(loop_turn(n->loop, 0), 0);
}

static void many_deferred_calls_wrap_around(void **state)
{
    struct note *n = *state;
    int got = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 777; i++)
            assert_int_equal(loop_defer(n->loop, count, &got), 0);
        loop_turn(n->loop, 0);
    }
    assert_int_equal(got, 5 * 777);
}

static void forever(void *arg)
{
    struct note *n = arg;
    n->again++;
    loop_defer(n->loop, forever, n);
}

static void endless_deferring_lets_turns_end(void **state)
{
    struct note *n = *state;
    int ends = 0;
    loop_at_turn_end(n->loop, count, &ends);
    loop_defer(n->loop, forever, n);
    loop_turn(n->loop, -1);
    loop_turn(n->loop, -1);
    assert_int_equal(ends, 2);
    assert_true(n->again >= 2);
    loop_not_at_turn_end(n->loop, count, &ends);
    loop_turn(n->loop, -1);
    assert_int_equal(ends, 2);
}

static void turn_ends_come_after_work_only(void **state)
{
    struct note *n = *state;
    loop_at_turn_end(n->loop, letter, "e");
    loop_turn(n->loop, 0);
    assert_string_equal(n->text, "");
    loop_defer(n->loop, letter, "a");
    loop_defer(n->loop, letter, "b");
    loop_turn(n->loop, 0);
    assert_string_equal(n->text, "abe");
}

static void timers_fire_in_order(void **state)
{
    struct note *n = *state;
    static const struct {
        int ms;
        const char *name;
    } t[] = {{30, "e"}, {1, "a"}, {20, "c"}, {20, "d"}, {10, "b"}};
    uint64_t ids[5];
    for (int i = 0; i < 5; i++)
        assert_true((ids[i] = loop_timer(n->loop, t[i].ms * NS_PER_MS, letter, (void *)t[i].name)));
    uint64_t gone = loop_timer(n->loop, 5 * NS_PER_MS, letter, "X");
    loop_timer_cancel(n->loop, gone);
    loop_timer_cancel(n->loop, gone);
    uint64_t reused = loop_timer(n->loop, 40 * NS_PER_MS, letter, "f");
    loop_timer_cancel(n->loop, gone); /* stale: must not hit the one in its slot */
    int64_t start = clock_mono();
    while (n->n < 6)
        assert_true(loop_turn(n->loop, -1) >= 0);
    assert_true(clock_mono() - start >= 39 * NS_PER_MS);
    assert_string_equal(n->text, "abcdef");
    loop_timer_cancel(n->loop, reused);
    loop_timer_cancel(n->loop, ids[0]);
    loop_timer_cancel(n->loop, 0);
    loop_timer_cancel(n->loop, UINT64_MAX);
}

static void many_timers_keep_the_heap(void **state)
{
    struct note *n = *state;
    static uint64_t ids[5000];
    int got = 0;
    unsigned r = 7;
    for (int i = 0; i < 5000; i++) {
        r = r * 1103515245u + 12345u;
        ids[i] = loop_timer(n->loop, (int64_t)(r >> 8) % NS_PER_MS, count, &got);
    }
    for (int i = 0; i < 5000; i += 3)
        loop_timer_cancel(n->loop, ids[i]);
    while (got < 3333)
        assert_true(loop_turn(n->loop, -1) >= 0);
    assert_int_equal(loop_turn(n->loop, 0), 0);
    assert_int_equal(got, 3333);
}

static void on_readable(int fd, uint32_t events, void *arg)
{
    struct note *n = arg;
    char c;
    assert_true(events & EPOLLIN);
    assert_int_equal(read(fd, &c, 1), 1);
    letter(&c);
    if (c == '!') { /* closing inside the callback is fine */
        loop_watch(n->loop, fd, 0, NULL, NULL);
        close(fd);
    }
}

static void descriptors_are_watched(void **state)
{
    struct note *n = *state;
    int p[2];
    assert_int_equal(pipe(p), 0);
    assert_int_equal(loop_watch(n->loop, p[0], EPOLLIN, on_readable, n), 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_int_equal(loop_turn(n->loop, -1), 1);
    assert_int_equal(loop_turn(n->loop, 0), 0);
    assert_int_equal(write(p[1], "!", 1), 1);
    loop_turn(n->loop, -1);
    assert_string_equal(n->text, "x!");
    close(p[1]);
    /* The same number again, behind a watch that was taken back. */
    assert_int_equal(pipe(p), 0);
    assert_int_equal(loop_watch(n->loop, p[0], EPOLLIN, on_readable, n), 0);
    close(p[0]);
    close(p[1]);
    assert_int_equal(pipe(p), 0);
    assert_int_equal(loop_watch(n->loop, p[0], EPOLLIN, on_readable, n), 0);
    assert_int_equal(write(p[1], "y", 1), 1);
    loop_turn(n->loop, -1);
    assert_string_equal(n->text, "x!y");
    loop_watch(n->loop, p[0], 0, NULL, NULL);
    loop_watch(n->loop, 100000, 0, NULL, NULL);
    assert_int_equal(loop_watch(n->loop, -1, EPOLLIN, on_readable, n), GRASP_EINVAL);
    close(p[0]);
    close(p[1]);
}

static void nothing_to_wait_for_is_said(void **state)
{
    struct note *n = *state;
    assert_int_equal(loop_turn(n->loop, -1), GRASP_EINVAL);
    assert_int_equal(loop_turn(n->loop, NS_PER_MS), 0);
}

static void signals_stop_the_loop(void **state)
{
    struct note *n = *state;
    assert_int_equal(loop_signals(n->loop), 0);
    assert_int_equal(loop_turn(n->loop, -1), GRASP_EINVAL); /* a signal is nothing to wait for */
    loop_timer(n->loop, 3600 * NS_PER_SEC, letter, "a");
    assert_false(loop_interrupted(n->loop));
    raise(SIGTERM);
    assert_int_equal(loop_turn(n->loop, -1), GRASP_ESTOPPED);
    assert_int_equal(loop_turn(n->loop, -1), GRASP_ESTOPPED);
    assert_true(loop_interrupted(n->loop));
    loop_signals_clear(n->loop);
    assert_true(loop_turn(n->loop, 0) >= 0);
    raise(SIGINT);
    assert_int_equal(loop_turn(n->loop, -1), GRASP_ESTOPPED);
    loop_signals_clear(n->loop);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

static void a_second_interrupt_ends_the_process(void **state)
{
    struct note *n = *state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        loop_signals(n->loop);
        raise(SIGINT);
        raise(SIGINT);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static void request_hash_is_canonical(void **state)
{
    (void)state;
    struct chat c = {0};
    struct hash *h = hash_new();
    chat_add(&c, CHAT_USER, "hello", 5);
    chat_add(&c, CHAT_AGENT, "GET x", 5);
    chat_add(&c, CHAT_USER, "answer", 6);
    struct model_request rq = {.chat = &c, .temperature = 0, .max_tokens = 10};
    uint8_t whole[HASH_SIZE], grown[HASH_SIZE], other[HASH_SIZE];
    model_request_hash(&rq, "m", whole);
    for (size_t i = 0; i < c.n; i++) {
        uint8_t between[HASH_SIZE];
        chat_hash_message(h, &c.v[i]);
        hash_peek(h, between);
    }
    rq.prefix = h;
    model_request_hash(&rq, "m", grown);
    assert_memory_equal(whole, grown, HASH_SIZE);
    model_request_hash(&rq, "m", grown); /* asking does not change it */
    assert_memory_equal(whole, grown, HASH_SIZE);

    struct model_request changed[] = {rq, rq, rq};
    changed[0].temperature = 0.5;
    changed[1].max_tokens = 11;
    changed[2].draw = 1;
    for (int i = 0; i < 3; i++) {
        model_request_hash(&changed[i], "m", other);
        assert_memory_not_equal(whole, other, HASH_SIZE);
    }
    model_request_hash(&rq, "m2", other);
    assert_memory_not_equal(whole, other, HASH_SIZE);
    changed[0] = rq;
    changed[0].phase = PHASE_REVISE; /* accounting only */
    model_request_hash(&changed[0], "m", other);
    assert_memory_equal(whole, other, HASH_SIZE);
    /* The same bytes cut differently are another conversation. */
    c.v[2].len = 5;
    rq.prefix = NULL;
    model_request_hash(&rq, "m", other);
    assert_memory_not_equal(whole, other, HASH_SIZE);
    c.v[2].len = 6;
    c.v[2].role = CHAT_SYSTEM;
    model_request_hash(&rq, "m", other);
    assert_memory_not_equal(whole, other, HASH_SIZE);
    chat_release(&c);
    hash_free(h);
}

struct sim_note {
    int n;
    char text[256];
    enum model_result result;
};

static void on_reply(const struct model_reply *r, void *arg)
{
    struct sim_note *s = arg;
    s->n++;
    s->result = r->result;
    snprintf(s->text, sizeof(s->text), "%s", r->text);
    assert_true(r->usage.prompt_tokens > 0 && r->usage.completion_tokens > 0);
}

static void simulated_model_answers_later(void **state)
{
    struct note *n = *state;
    struct model *m = NULL;
    struct chat c = {0};
    chat_add(&c, CHAT_USER, "What is the MRN?", 16);
    struct model_settings s = {.kind = "simulated", .sim = {.seed = 3, .fail = 0.5}};
    assert_int_equal(model_open(&m, n->loop, &s), 0);
    assert_string_equal(m->label, "simulated model");
    struct sim_note got[20] = {0};
    for (int draw = 0; draw < 20; draw++) {
        struct model_request rq = {.chat = &c, .temperature = 1, .draw = draw};
        assert_int_equal(model_ask(m, &rq, on_reply, &got[draw]), 0);
        assert_int_equal(got[draw].n, 0);
    }
    for (int all = 0; all < 20;) {
        assert_true(loop_turn(n->loop, -1) > 0);
        all = 0;
        for (int draw = 0; draw < 20; draw++)
            all += got[draw].n;
    }
    for (int draw = 0; draw < 20; draw++) {
        assert_int_equal(got[draw].n, 1);
        assert_int_equal(got[draw].result, MODEL_OK);
    }
    /* Closing takes back what is in flight. */
    struct model_request rq = {.chat = &c};
    model_ask(m, &rq, on_reply, &got[0]);
    model_ask(m, &rq, on_reply, &got[1]);
    model_close(m);
    assert_int_equal(loop_turn(n->loop, 2 * NS_PER_MS), 0);
    assert_int_equal(got[0].n + got[1].n, 2);
    s.kind = "oracle";
    assert_int_equal(model_open(&m, n->loop, &s), GRASP_EINVAL);
    assert_non_null(strstr(err_msg(), "oracle"));
    model_close(NULL);
    chat_release(&c);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(deferred_calls_are_fifo),
        LOOP_TEST(many_deferred_calls_wrap_around),
        LOOP_TEST(endless_deferring_lets_turns_end),
        LOOP_TEST(turn_ends_come_after_work_only),
        LOOP_TEST(timers_fire_in_order),
        LOOP_TEST(many_timers_keep_the_heap),
        LOOP_TEST(descriptors_are_watched),
        LOOP_TEST(nothing_to_wait_for_is_said),
        LOOP_TEST(signals_stop_the_loop),
        LOOP_TEST(a_second_interrupt_ends_the_process),
        cmocka_unit_test(request_hash_is_canonical),
        LOOP_TEST(simulated_model_answers_later),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
