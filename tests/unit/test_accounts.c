/* test_accounts.c - budgets and prices, with endpoints that fail, say nothing or hang. */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/session/accounts.h"
#include "runtime/session/open_model.h"
#include "script_server.h"

struct desk {
    struct config config;
    struct script script;
    struct loop *loop;
    struct accounts *accounts;
    struct model *backend, *model;
    int stops;
    char stopped[256];
    struct chat chat;
    int answers;
    enum model_result result;
};

static void on_stop(void *arg, int code, const char *message)
{
    struct desk *d = arg;
    assert_int_equal(code, GRASP_ESTOPPED);
    d->stops++;
    snprintf(d->stopped, sizeof(d->stopped), "%s", message);
}

static void on_reply(const struct model_reply *r, void *arg)
{
    struct desk *d = arg;
    d->answers++;
    d->result = r->result;
}

static int desk_open(struct desk *d, const struct step *steps, size_t n)
{
    char url[64];
    script_start(&d->script, steps, n);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", d->script.port);
    struct model_endpoint end = {url, NULL};
    struct model_settings s = {.kind = "openai",
                               .model = "m",
                               .endpoints = &end,
                               .n_endpoints = 1,
                               .backoff_s = 0.001,
                               .timeout_s = 20};
    d->config.model.kind = d->config.writer.kind = "openai";
    log_set_level(LOG_ERROR);
    chat_add(&d->chat, CHAT_USER, "x", 1);
    assert_int_equal(loop_open(&d->loop), 0);
    assert_int_equal(model_open(&d->backend, d->loop, &s), 0);
    assert_non_null(d->accounts = accounts_new(&d->config, on_stop, d));
    return accounts_model(&d->model, d->accounts, false, d->loop, d->backend);
}

static void desk_close(struct desk *d)
{
    model_close(d->model);
    model_close(d->backend);
    accounts_free(d->accounts);
    loop_close(d->loop);
    script_stop(&d->script);
    chat_release(&d->chat);
    json_decref(d->config.prices);
}

static void ask(struct desk *d)
{
    struct model_request rq = {.chat = &d->chat, .phase = PHASE_OTHER};
    int before = d->answers;
    assert_int_equal(model_ask(d->model, &rq, on_reply, d), 0);
    while (d->answers == before)
        assert_true(loop_turn(d->loop, -1) >= 0);
}

#define JSON_REPLY(body, length)                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " length "\r\n\r\n" body
#define EMPTY_2000                                                                                 \
    JSON_REPLY(                                                                                    \
        "{\"choices\":[{\"message\":{\"content\":\"\"}}],\"usage\":{\"prompt_tokens\":1900,"       \
        "\"completion_tokens\":100}}",                                                             \
        "95")
#define GOOD_150                                                                                   \
    JSON_REPLY(                                                                                    \
        "{\"choices\":[{\"message\":{\"content\":\"A\"}}],\"usage\":{\"prompt_tokens\":100,"       \
        "\"completion_tokens\":50}}",                                                              \
        "94")

static void attempts_that_are_thrown_away_use_the_budget(void **state)
{
    (void)state;
    static const struct step steps[] = {{EMPTY_2000, STEP_KEEP, 0}};
    struct desk d = {.config.budget.tokens = 6000};
    assert_int_equal(desk_open(&d, steps, 1), 0);
    ask(&d); /* three attempts, and the budget is spent */
    assert_int_equal(d.script.n_requests, 3);
    ask(&d);
    assert_int_equal(d.result, MODEL_OUTAGE);
    assert_int_equal(d.script.n_requests, 3);
    assert_int_equal(d.stops, 1);
    assert_non_null(strstr(d.stopped, "budget.tokens: 6,000 tokens"));
    struct account_counts counts;
    accounts_counts(d.accounts, MODEL_PHASES, &counts);
    assert_int_equal(counts.usage.prompt_tokens, 3 * 1900);
    assert_int_equal(counts.usage.completion_tokens, 300);
    desk_close(&d);
}

static void no_attempt_is_made_past_the_budget(void **state)
{
    (void)state;
    static const struct step steps[] = {{EMPTY_2000, STEP_KEEP, 0}};
    struct desk d = {.config.budget.tokens = 3000};
    assert_int_equal(desk_open(&d, steps, 1), 0);
    ask(&d);
    assert_int_equal(d.result, MODEL_OUTAGE);
    assert_int_equal(d.script.n_requests, 2);
    assert_int_equal(d.stops, 1);
    desk_close(&d);
}

/* However many are asked at once: what is on its way counts before it is there. */
static void calls_at_once_stay_within_the_budget(void **state)
{
    (void)state;
    static const struct step steps[] = {{GOOD_150, STEP_KEEP, 0}};
    struct desk d = {.config.budget.tokens = 1500};
    struct model_request rq = {.chat = &d.chat, .phase = PHASE_OTHER};
    assert_int_equal(desk_open(&d, steps, 1), 0);
    for (int i = 0; i < 64; i++)
        assert_int_equal(model_ask(d.model, &rq, on_reply, &d), 0);
    while (d.answers < 64)
        assert_true(loop_turn(d.loop, -1) >= 0);
    assert_int_equal(d.script.n_requests, 10);
    assert_int_equal(d.result, MODEL_OUTAGE);
    assert_int_equal(d.stops, 1);
    assert_non_null(strstr(d.stopped, "budget.tokens: 1,500 tokens"));
    desk_close(&d);
}

static void a_budget_of_time_ends_waiting(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"HTTP/1.1 429 X\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n", STEP_KEEP, 0}};
    struct desk d = {.config.budget.seconds = 0.05};
    assert_int_equal(desk_open(&d, steps, 1), 0);
    ask(&d);
    assert_int_equal(d.result, MODEL_OUTAGE);
    assert_int_equal(d.stops, 1);
    assert_non_null(strstr(d.stopped, "budget.seconds"));
    desk_close(&d);
}

static void prices_are_found_or_asked_for(void **state)
{
    (void)state;
    static const struct step steps[] = {{GOOD_150, STEP_KEEP, 0}};
    struct account_counts counts;
    struct desk d = {.config.budget.usd = 1};
    assert_int_equal(desk_open(&d, steps, 1), GRASP_EINVAL);
    assert_non_null(strstr(err_msg(), "prices: {m: {input:"));
    desk_close(&d);

    struct desk e = {.config.budget.usd = 0.0003};
    e.config.prices = json_pack("{s:{s:f, s:f}}", "m", "input", 1.0, "output", 2.0);
    assert_int_equal(desk_open(&e, steps, 1), 0);
    ask(&e);
    accounts_counts(e.accounts, MODEL_PHASES, &counts);
    assert_true(counts.usd > 0.000199 && counts.usd < 0.000201);
    ask(&e);
    assert_int_equal(e.stops, 0);
    ask(&e);
    assert_int_equal(e.stops, 1);
    assert_non_null(strstr(e.stopped, "budget.usd"));
    desk_close(&e);
}

static void what_the_server_says_it_cost_counts(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {JSON_REPLY(
             "{\"choices\":[{\"message\":{\"content\":\"A\"}}],\"usage\":{\"prompt_tokens\":1,"
             "\"cost\":0.25}}",
             "81"),
         STEP_KEEP, 0}};
    struct account_counts counts;
    struct desk d = {.config.model.price_prompt = 1};
    assert_int_equal(desk_open(&d, steps, 1), 0);
    ask(&d);
    accounts_counts(d.accounts, MODEL_PHASES, &counts);
    assert_true(counts.usd == 0.25);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_that_are_thrown_away_use_the_budget),
        cmocka_unit_test(no_attempt_is_made_past_the_budget),
        cmocka_unit_test(calls_at_once_stay_within_the_budget),
        cmocka_unit_test(a_budget_of_time_ends_waiting),
        cmocka_unit_test(prices_are_found_or_asked_for),
        cmocka_unit_test(what_the_server_says_it_cost_counts),
    };
    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
