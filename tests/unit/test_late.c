/* test_late.c - what is late, on a clock of the test's own; and requests sent twice, at a server that
 * lets some hang. */
#include "test.h"

#include <math.h>

#include "runtime/base/clock.h"
#include "runtime/base/hash.h"
#include "runtime/loop/loop.h"
#include "runtime/model/late.h"
#include "runtime/model/pool.h"
#include "runtime/session/open_model.h"
#include "script_server.h"

#define MS NS_PER_MS

/* In [0, 1), the same in every run. */
static double chance(uint64_t n, uint64_t salt)
{
    uint64_t key[2] = {n, salt}, v;
    uint8_t digest[HASH_SIZE];
    hash_once(key, sizeof(key), digest);
    memcpy(&v, digest, sizeof(v));
    return (double)(v >> 11) * 0x1p-53;
}

static double lognormal(uint64_t n, double mean, double sigma)
{
    double z = sqrt(-2 * log(1 - chance(n, 1))) * cos(2 * M_PI * chance(n, 2));
    return mean * exp(sigma * z - sigma * sigma / 2);
}

static bool near(int64_t got, double want, double share)
{
    return fabs((double)got - want) <= share * want;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- latencies ---- */

static void quantiles_are_those_of_all_requests(void **state)
{
    (void)state;
    struct latencies l = {0};
    double sorted[380];
    assert_int_equal(latencies_quantile(&l, 0.5), INT64_MAX);
    for (int i = 0; i < 380; i++) {
        sorted[i] = lognormal((uint64_t)i, 1e9, 0.8);
        latencies_add(&l, (int64_t)sorted[i], true);
    }
    qsort(sorted, 380, sizeof(*sorted), ascending);
    for (int k = 1; k < 20; k++)
        assert_true(near(latencies_quantile(&l, k / 20.0), sorted[k * 19], 0.06));
    assert_true(latencies_quantile(&l, 0.5) < latencies_quantile(&l, 0.75));
    /* All that took longer than the median were cancelled there: what is below it stays as it was,
     * and above it nothing is known. */
    struct latencies cut = {0};
    double at = 1e9 * exp(-0.32);
    for (int i = 0; i < 380; i++) {
        double ns = lognormal((uint64_t)i, 1e9, 0.8);
        latencies_add(&cut, (int64_t)(ns < at ? ns : at * 1.01), ns < at);
    }
    assert_true(near(latencies_quantile(&cut, 0.25), (double)latencies_quantile(&l, 0.25), 0.05));
    assert_int_equal(latencies_quantile(&cut, 0.75), INT64_MAX);
    /* What was is forgotten. */
    for (int i = 0; i < 1200; i++)
        latencies_add(&l, 20 * NS_PER_SEC, true);
    assert_true(near(latencies_quantile(&l, 0.2), 20e9, 0.2));
    struct latencies ends = {0};
    latencies_add(&ends, 0, true);
    latencies_add(&ends, INT64_MAX / 2, true);
    assert_true(latencies_quantile(&ends, 0.4) <= MS);
    assert_true(latencies_quantile(&ends, 0.99) > 3600 * NS_PER_SEC);
}

static struct late_call call_of(int64_t age, size_t in_flight)
{
    return (struct late_call){
        .age = age, .requests = 1, .in_flight = in_flight, .urgent = in_flight, .may_hedge = true};
}

/* The age from which a call is sent once more, in steps of a millisecond; 0: never. */
static int64_t hedged_at(const struct late *l, size_t in_flight)
{
    for (int64_t age = MS; age < 100 * NS_PER_SEC; age += MS) {
        struct late_call c = call_of(age, in_flight);
        if (late_judge(l, &c) == LATE_HEDGE)
            return age;
    }
    return 0;
}

static void hedges_are_for_tails_and_idle_slots(void **state)
{
    (void)state;
    struct late l;
    works(late_init(&l, 1, 64));
    for (int i = 0; i < 390; i++) {
        late_sent(&l);
        late_answered(&l, 0, LATE_TURN, (int64_t)lognormal((uint64_t)i, 1e9, 0.8), false);
    }
    int64_t alone = hedged_at(&l, 1), some = hedged_at(&l, 8), many = hedged_at(&l, 40);
    assert_true(alone > 200 * MS && alone < 726 * MS); /* the median */
    assert_true(some > alone && many > some);
    assert_true(many > 1500 * MS && many < 4000 * MS);
    struct late_call c = call_of(many, 64);
    assert_int_equal(late_judge(&l, &c), LATE_WAIT); /* no slot is idle */
    c.in_flight = 60;
    c.urgent = 1; /* the others are made ahead */
    c.age = alone;
    assert_int_equal(late_judge(&l, &c), LATE_HEDGE);
    c = call_of(alone, 1);
    assert_int_equal(late_judge(&l, &c), LATE_HEDGE);
    c.requests = 2;
    assert_int_equal(late_judge(&l, &c), LATE_WAIT);
    c = call_of(alone, 1);
    c.may_hedge = false;
    assert_int_equal(late_judge(&l, &c), LATE_WAIT);
    c = call_of(alone, 1);
    c.kind = LATE_WRITING; /* of which nothing is known */
    assert_int_equal(late_judge(&l, &c), LATE_WAIT);
    c.kind = LATE_TURN;
    int n = 0; /* nine for a hundred calls */
    for (; late_judge(&l, &c) == LATE_HEDGE; n++)
        late_hedged(&l);
    assert_true(n == 35);
    late_release(&l);

    /* Latencies that are alike promise nothing: what is hedged is later than all of them. */
    works(late_init(&l, 1, 64));
    for (int i = 0; i < 100; i++) {
        late_sent(&l);
        late_answered(&l, 0, LATE_TURN, 200 * MS + i % 7 * MS, false);
    }
    assert_true(hedged_at(&l, 1) > 230 * MS && hedged_at(&l, 1) < 400 * MS);
    late_release(&l);
    works(late_init(&l, 1, 0)); /* no slots: no hedges */
    for (int i = 0; i < 100; i++) {
        late_sent(&l);
        late_answered(&l, 0, LATE_TURN, (int64_t)lognormal((uint64_t)i, 1e9, 0.8), false);
    }
    assert_int_equal(hedged_at(&l, 1), 0);
    late_release(&l);
}

/* When a call is taken for lost, in steps of a tenth of a second; 0: never. */
static int64_t lost_at(const struct late *l, enum late_kind kind, int given_up)
{
    for (int64_t age = 0; age < 1000 * NS_PER_SEC; age += 100 * MS) {
        struct late_call c = {.kind = kind, .age = age, .requests = 1, .given_up = given_up};
        if (late_judge(l, &c) == LATE_LOST)
            return age;
    }
    return 0;
}

static void what_does_not_come_is_lost(void **state)
{
    (void)state;
    struct late l;
    works(late_init(&l, 1, 0));
    assert_int_equal(lost_at(&l, LATE_TURN, 0), 0);
    for (int i = 0; i < 4; i++)
        late_answered(&l, 0, LATE_TURN, NS_PER_SEC, false);
    assert_int_equal(lost_at(&l, LATE_TURN, 0), 0); /* too few to tell */
    for (int i = 0; i < 200; i++)
        late_answered(&l, 0, LATE_TURN, NS_PER_SEC, false);
    int64_t at = lost_at(&l, LATE_TURN, 0);
    assert_true(at >= 1500 * MS && at <= 3000 * MS);
    assert_true(near(lost_at(&l, LATE_TURN, 1), 2 * (double)at, 0.1));
    assert_true(near(lost_at(&l, LATE_TURN, 3), 8 * (double)at, 0.1));
    /* a kind of call of which nothing is known yet: more patience, but not the whole time-out */
    int64_t other = lost_at(&l, LATE_WRITING, 0);
    assert_true(other >= 4 * at && other <= 6 * at);
    /* one in ten that never comes does not hide the others */
    for (int i = 0; i < 300; i++)
        i % 10 ? late_answered(&l, 0, LATE_TURN, NS_PER_SEC, false)
               : late_left(&l, 0, LATE_TURN, 20 * NS_PER_SEC);
    assert_true(lost_at(&l, LATE_TURN, 0) >= at && lost_at(&l, LATE_TURN, 0) <= 20 * NS_PER_SEC);
    late_release(&l);

    /* A quick endpoint is not given up because the machine was busy for a moment. */
    works(late_init(&l, 1, 0));
    for (int i = 0; i < 200; i++)
        late_answered(&l, 0, LATE_TURN, MS, false);
    assert_true(lost_at(&l, LATE_TURN, 0) >= 500 * MS);
    late_release(&l);
}

/* ---- a run on a clock of its own ---- */

enum { FLIGHT = 64 };
struct played {
    int calls, requests, slowest_sends;
    double end_s, longest_s;
};
/* Latency of a request that is sent at a time, s; < 0: it hangs (time-out after 300 s). */
typedef double (*latency_fn)(uint64_t request, double now);

static double steady_then_slow(uint64_t n, double now)
{
    return lognormal(n, now < 25 ? 1 : 20, 0.8);
}

static double one_in_a_thousand_hangs(uint64_t n, double now)
{
    (void)now;
    return chance(n, 9) < 0.001 ? 300 : lognormal(n, 1, 0.8);
}

static double one_in_ten_hangs(uint64_t n, double now)
{
    (void)now;
    return chance(n, 9) < 0.1 ? 300 : lognormal(n, 1, 0.8);
}

static double none_hangs(uint64_t n, double now)
{
    (void)now;
    return lognormal(n, 1, 0.8);
}

/* So many calls, FLIGHT at a time, as api.c makes them. */
static struct played play(int calls, latency_fn latency, size_t slots)
{
    struct request {
        double began, ends;
    };
    struct {
        struct request rq[2];
        double began;
        int n, lost;
    } v[FLIGHT] = {0};
    struct played o = {0};
    struct late l;
    int begun = 0;
    uint64_t drawn = 0;
    works(late_init(&l, 1, slots));
    for (double now = 0; o.calls < calls; now += 0.04) {
        size_t in_flight = 0;
        for (int i = 0; i < FLIGHT; i++)
            in_flight += (size_t)v[i].n;
        for (int i = 0; i < FLIGHT; i++) {
            int done = -1;
            for (int k = 0; k < v[i].n; k++)
                if (v[i].rq[k].ends <= now)
                    done = k;
            if (done >= 0) { /* the other is cancelled */
                const struct request *r = &v[i].rq[done];
                bool later = v[i].n == 1 || r->began > v[i].rq[!done].began;
                late_answered(&l, 0, LATE_TURN, (int64_t)((r->ends - r->began) * 1e9),
                              v[i].lost && later);
                if (v[i].n == 2)
                    late_left(&l, 0, LATE_TURN, (int64_t)((now - v[i].rq[!done].began) * 1e9));
                o.longest_s = fmax(o.longest_s, now - v[i].began);
                o.calls++;
                v[i].n = 0;
            }
            if (!v[i].n && begun < calls) {
                begun++;
                late_sent(&l);
                v[i].rq[0] = (struct request){now, now + latency(drawn++, now)};
                v[i].began = now;
                v[i].n = 1;
                v[i].lost = 0;
                o.requests++;
            }
            if (!v[i].n)
                continue;
            struct late_call c = {.age = (int64_t)((now - v[i].rq[v[i].n - 1].began) * 1e9),
                                  .requests = v[i].n,
                                  .given_up = v[i].lost,
                                  .in_flight = in_flight,
                                  .urgent = in_flight,
                                  .may_hedge = true};
            enum late_step step = late_judge(&l, &c);
            if (step == LATE_WAIT)
                continue;
            if (step == LATE_HEDGE)
                late_hedged(&l);
            else
                late_lost(&l);
            v[i].lost += step == LATE_LOST;
            if (v[i].n == 2) { /* the older one is given up */
                late_left(&l, 0, LATE_TURN, (int64_t)((now - v[i].rq[0].began) * 1e9));
                v[i].rq[0] = v[i].rq[1];
                v[i].n = 1;
            }
            v[i].rq[v[i].n++] = (struct request){now, now + latency(drawn++, now)};
            o.slowest_sends = v[i].lost + 1 > o.slowest_sends ? v[i].lost + 1 : o.slowest_sends;
            o.requests++;
        }
        o.end_s = now;
    }
    late_release(&l);
    return o;
}

static void hangs_cost_little_and_slowness_is_borne(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct played calm = play(N, none_hangs, 0), hangs = play(N, one_in_a_thousand_hangs, 0);
    assert_true(calm.requests <= N * 1.01);
    assert_true(hangs.requests <= N * 1.02);
    assert_true(hangs.longest_s < 40);
    assert_true(hangs.end_s <= 1.1 * calm.end_s);
    struct played many = play(N, one_in_ten_hangs, 0);
    assert_true(many.requests <= N * 1.25); /* each hang is paid twice */
    assert_true(many.longest_s < 600);
    /* Twenty times slower from one minute to the next: hardly a call is paid twice for that, and none
     * is given up for ever. */
    struct played slow = play(N, steady_then_slow, 0);
    assert_int_equal(slow.calls, N);
    assert_true(slow.requests <= N * 1.03);
    assert_true(slow.slowest_sends <= 5);
    /* With hedges, too: nine in a hundred are the most. */
    slow = play(N, steady_then_slow, 2 * FLIGHT);
    assert_int_equal(slow.calls, N);
    assert_true(slow.requests <= N * 1.13);
    struct played hedged = play(N, none_hangs, 2 * FLIGHT);
    assert_true(hedged.requests > N * 1.02 && hedged.requests <= N * 1.11);
    assert_true(hedged.end_s < 0.97 * calm.end_s);
}

static void limits_leave_no_room_for_more(void **state)
{
    (void)state;
    struct pool p;
    int64_t when, now = 1000 * NS_PER_SEC;
    works(pool_init(&p, 1, 64));
    assert_false(pool_relaxed(&p, 0, now)); /* it has not answered yet */
    pool_begin(&p, pool_pick(&p, now, -1, &when));
    pool_end(&p, 0, POOL_OK, now, now + MS, -1);
    assert_true(pool_relaxed(&p, 0, now));
    pool_begin(&p, 0);
    pool_end(&p, 0, POOL_LIMITED, now, now + MS, -1);
    assert_false(pool_relaxed(&p, 0, now + 59 * NS_PER_SEC));
    assert_true(pool_relaxed(&p, 0, now + 61 * NS_PER_SEC));
    now += 100 * NS_PER_SEC;
    pool_begin(&p, 0);
    pool_end(&p, 0, POOL_FAILED, now, now + MS, -1);
    assert_false(pool_relaxed(&p, 0, now));
    pool_begin(&p, 0);
    pool_end(&p, 0, POOL_OK, now, now + MS, -1);
    assert_true(pool_relaxed(&p, 0, now));
    pool_told(&p, 0, now, 90, 100, 10 * NS_PER_SEC);
    assert_true(pool_relaxed(&p, 0, now));
    pool_told(&p, 0, now, 40, 100, 10 * NS_PER_SEC);
    assert_false(pool_relaxed(&p, 0, now));
    pool_release(&p);
    works(pool_init(&p, 1, 64));
    pool_begin(&p, 0);
    pool_end(&p, 0, POOL_OK, now, now + MS, -1);
    pool_pace(&p, 500, 0);
    assert_false(pool_relaxed(&p, 0, now));
    pool_release(&p);
}

/* ---- at a server ---- */

#define OK_BODY                                                                                    \
    "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"fine\"}}],\"usage\":{"       \
    "\"prompt_tokens\":100,\"completion_tokens\":7}}"
#define GOOD   "HTTP/1.1 200 OK\r\nContent-Length: 115\r\n\r\n" OK_BODY
#define BROKEN "HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\noops"
#define BEGUN                                                                                      \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"     \
    "7\r\ndata: {\r\n"

struct got {
    int n;
    enum model_result result;
    char text[64];
    struct model_usage usage, cancelled;
};

static void on_reply(const struct model_reply *r, void *arg)
{
    struct got *g = arg;
    g->n++;
    g->result = r->result;
    g->usage = r->usage;
    g->cancelled = r->cancelled;
    snprintf(g->text, sizeof(g->text), "%s", r->text);
}

static struct got ask(struct loop *loop, struct model *m)
{
    struct got g = {0};
    struct chat c = {0};
    works(chat_add(&c, CHAT_USER, "hello", 5));
    struct model_request rq = {.chat = &c};
    works(model_ask(m, &rq, on_reply, &g));
    while (!g.n)
        assert_true(loop_turn(loop, -1) >= 0);
    chat_release(&c);
    return g;
}

static void used(void *arg, const struct model_usage *u)
{
    *(int64_t *)arg += u->prompt_tokens + u->completion_tokens;
}

/* Some quick answers, then what the case plays for the next call, which is answered in the end. */
static void late_requests_are_sent_again(void **state)
{
    (void)state;
    enum { QUICK = 12 };
    static const struct step good = {GOOD, STEP_KEEP, 0}, hang = {NULL, STEP_HANG, 0},
                             broken = {BROKEN, STEP_KEEP, 0}, begun = {BEGUN, STEP_HANG, 0};
    static const struct {
        const char *name;
        enum model_hedge hedge;
        bool stream;
        double timeout_s;
        const struct step *plays[3];
        size_t requests;
        int64_t hedges, lost, later_first, cancelled, timeouts;
    } cases[] = {
        {"lost", HEDGE_OFF, false, 20, {&hang, &good}, 2, 0, 1, 1, 1, 0},
        {"lost twice", HEDGE_OFF, false, 20, {&hang, &hang, &good}, 3, 0, 2, 1, 2, 0},
        {"hedged", HEDGE_ON, false, 20, {&hang, &good}, 2, 1, 0, 1, 1, 0},
        {"until a cost is seen", HEDGE_AUTO, false, 20, {&hang, &good}, 2, 1, 0, 1, 1, 0},
        {"the hedge fails", HEDGE_ON, false, 20, {&hang, &broken, &good}, 3, 1, 1, 1, 1, 0},
        {"nothing of a stream", HEDGE_OFF, true, 20, {&hang, &good}, 2, 0, 1, 1, 1, 0},
        {"a stream that began", HEDGE_ON, true, 1, {&begun, &good}, 2, 0, 0, 0, 0, 1},
    };
    struct loop *loop;
    works(loop_open(&loop));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct step steps[QUICK + 4];
        size_t n = 0;
        int64_t all = 0, told = 0;
        char url[64];
        struct script s;
        struct model *m;
        while (n < QUICK)
            steps[n++] = good;
        for (int k = 0; k < 3 && cases[i].plays[k]; k++)
            steps[n++] = *cases[i].plays[k];
        script_start(&s, steps, n);
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", s.port);
        struct model_endpoint e = {url, NULL};
        struct model_settings settings = {.kind = "openai",
                                          .model = "test-model",
                                          .endpoints = &e,
                                          .n_endpoints = 1,
                                          .hedge = cases[i].hedge,
                                          .slots = 64,
                                          .backoff_s = 0.001,
                                          .timeout_s = cases[i].timeout_s,
                                          .stream = cases[i].stream};
        works(model_open(&m, loop, &settings));
        m->meter = (struct model_meter){.used = used, .arg = &all};
        for (int k = 0; k <= QUICK; k++) {
            struct got g = ask(loop, m);
            if (g.result != MODEL_OK)
                print_error("%s: call %d\n", cases[i].name, k);
            assert_int_equal(g.result, MODEL_OK);
            assert_string_equal(g.text, "fine");
            assert_int_equal(g.usage.prompt_tokens + g.usage.completion_tokens, 107);
            told += 107 + g.cancelled.prompt_tokens + g.cancelled.completion_tokens;
            if (k == QUICK && cases[i].cancelled) {
                /* those that were cancelled are thought to cost as much, and it is said */
                assert_int_equal(g.cancelled.prompt_tokens, 100 * cases[i].cancelled);
                assert_true(g.cancelled.estimated);
            }
        }
        if (s.n_requests != QUICK + cases[i].requests)
            print_error("%s: %zu requests\n", cases[i].name, s.n_requests);
        assert_int_equal(s.n_requests, QUICK + cases[i].requests);
        assert_int_equal(m->health.attempts, QUICK + cases[i].requests);
        assert_int_equal(m->health.hedges, cases[i].hedges);
        assert_int_equal(m->health.lost, cases[i].lost);
        assert_int_equal(m->health.later_first, cases[i].later_first);
        assert_int_equal(m->health.cancelled, cases[i].cancelled);
        assert_int_equal(m->health.timeouts, cases[i].timeouts);
        assert_int_equal(told, all); /* what one call says is what the meter was told */
        model_close(m);
        script_stop(&s);
    }
    loop_close(loop);
}

/* An endpoint that answers no more is soon left alone, when there is another one. */
static void an_endpoint_that_hangs_is_left_alone(void **state)
{
    (void)state;
    enum { BEFORE = 16, AFTER = 60 };
    struct step good = {GOOD, STEP_KEEP, 0}, fading[BEFORE + 1];
    struct loop *loop;
    struct script s[2];
    struct model *m;
    char urls[2][64];
    struct model_endpoint ends[2];
    for (int i = 0; i < BEFORE; i++)
        fading[i] = good;
    fading[BEFORE] = (struct step){NULL, STEP_HANG, 0};
    works(loop_open(&loop));
    script_start(&s[0], fading, BEFORE + 1);
    script_start(&s[1], &good, 1);
    for (int i = 0; i < 2; i++) {
        snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%d/v1", s[i].port);
        ends[i] = (struct model_endpoint){urls[i], NULL};
    }
    struct model_settings settings = {
        .kind = "openai", .model = "test-model", .endpoints = ends, .n_endpoints = 2};
    works(model_open(&m, loop, &settings));
    for (int i = 0; i < 2 * BEFORE + AFTER; i++) {
        struct chat c = {0};
        struct got g = {0};
        char text[32];
        snprintf(text, sizeof(text), "hello %d", i); /* each at home elsewhere */
        works(chat_add(&c, CHAT_USER, text, strlen(text)));
        struct model_request rq = {.chat = &c};
        works(model_ask(m, &rq, on_reply, &g));
        while (!g.n)
            assert_true(loop_turn(loop, -1) >= 0);
        assert_int_equal(g.result, MODEL_OK);
        chat_release(&c);
    }
    int hung = (int)s[0].n_requests - BEFORE;
    assert_true(hung >= 1 && hung <= 10);
    assert_int_equal(m->health.lost, hung);
    assert_int_equal(m->health.later_first, hung);
    model_close(m);
    script_stop(&s[0]);
    script_stop(&s[1]);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_those_of_all_requests),
        cmocka_unit_test(hedges_are_for_tails_and_idle_slots),
        cmocka_unit_test(what_does_not_come_is_lost),
        cmocka_unit_test(hangs_cost_little_and_slowness_is_borne),
        cmocka_unit_test(limits_leave_no_room_for_more),
        cmocka_unit_test(late_requests_are_sent_again),
        cmocka_unit_test(an_endpoint_that_hangs_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
