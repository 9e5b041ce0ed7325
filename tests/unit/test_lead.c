/* test_lead.c - of rollouts that begin alike one goes first, and nothing waits for ever. */
#include "test.h"

#include "runtime/base/clock.h"
#include "runtime/session/lead.h"

enum { CALLS = 8, LEN = LEAD_BYTES + 100 };

/* A model that answers when it is told to, and notes who came. */
struct desk {
    struct model base, *led;
    struct loop *loop;
    struct {
        const struct chat *chat;
        model_fn fn;
        void *arg;
    } open[2 * CALLS];
    size_t n;
    struct chat chats[CALLS];
    int answers;
};

static int take(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct desk *d = (struct desk *)m;
    d->open[d->n].chat = rq->chat;
    d->open[d->n].fn = fn;
    d->open[d->n++].arg = arg;
    return 0;
}

static void nothing(struct model *m)
{
    (void)m;
}

static const struct model_ops takes = {take, nothing};

static void on_reply(const struct model_reply *r, void *arg)
{
    (void)r;
    ++*(int *)arg;
}

static void reply(struct desk *d, size_t i)
{
    struct model_reply r = {.text = "", .error = ""};
    d->open[i].fn(&r, d->open[i].arg);
}

static void ask(struct desk *d, int i, enum model_phase phase)
{
    struct model_request rq = {.chat = &d->chats[i], .phase = phase};
    works(model_ask(d->led, &rq, on_reply, &d->answers));
}

/* Chats that differ in their last character alone, but for the last two: another beginning, and a
 * short one. */
static void begin(struct desk *d, int64_t most_ns)
{
    char text[LEN];
    memset(text, 'a', LEN);
    *d = (struct desk){.base = {.ops = &takes, .name = (char *)"m", .label = (char *)"m"}};
    for (int i = 0; i < CALLS; i++) {
        text[LEN - 1] = (char)('a' + i);
        *text = i == CALLS - 2 ? 'b' : 'a';
        works(chat_add(&d->chats[i], CHAT_USER, text, i == CALLS - 1 ? LEAD_BYTES - 1 : LEN));
    }
    works(loop_open(&d->loop));
    works(lead_model(&d->led, d->loop, &d->base, most_ns));
}

static void end(struct desk *d)
{
    model_close(d->led);
    loop_close(d->loop);
    for (int i = 0; i < CALLS; i++)
        chat_release(&d->chats[i]);
}

static void one_goes_first(void **state)
{
    (void)state;
    struct desk d;
    begin(&d, 3600 * NS_PER_SEC);
    for (int i = 0; i < 4; i++)
        ask(&d, i, PHASE_ROLLOUT_VAL);
    assert_int_equal(d.n, 1);
    ask(&d, CALLS - 2, PHASE_ROLLOUT_VAL); /* another beginning goes first, too */
    ask(&d, CALLS - 1, PHASE_ROLLOUT_VAL); /* a short one, and the writer, wait for nobody */
    ask(&d, 4, PHASE_PROPOSE);
    assert_int_equal(d.n, 4);
    reply(&d, 0);
    assert_int_equal(d.answers, 1);
    assert_int_equal(d.n, 7); /* in the order in which they came */
    for (int i = 1; i < 4; i++)
        assert_ptr_equal(d.open[3 + i].chat, &d.chats[i]);
    ask(&d, 5, PHASE_ROLLOUT_DEV);
    assert_int_equal(d.n, 8);
    for (size_t i = 1; i < d.n; i++)
        reply(&d, i);
    assert_int_equal(d.answers, 8);
    end(&d);
}

/* A first call that is not answered holds up the others for so long and no longer; what is held when
 * the model is closed is dropped. */
static void nothing_waits_for_ever(void **state)
{
    (void)state;
    struct desk d;
    begin(&d, 1);
    ask(&d, 0, PHASE_ROLLOUT_VAL);
    ask(&d, 1, PHASE_ROLLOUT_VAL);
    assert_int_equal(d.n, 1);
    while (d.n < 2)
        works(loop_turn(d.loop, NS_PER_SEC) < 0 ? -1 : 0);
    ask(&d, 2, PHASE_ROLLOUT_VAL);
    assert_int_equal(d.n, 3);
    reply(&d, 0);
    assert_int_equal(d.answers, 1);
    end(&d);
    begin(&d, 3600 * NS_PER_SEC);
    ask(&d, 0, PHASE_ROLLOUT_VAL);
    ask(&d, 1, PHASE_ROLLOUT_VAL);
    end(&d);
    assert_int_equal(d.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_goes_first),
        cmocka_unit_test(nothing_waits_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
