/* test_engine.c - rollouts as state machines: order, limits, outages, cancelling, priorities. The
 * world and the model are small fakes whose every answer the test decides. */
#include "test.h"

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/engine/engine.h"
#include "runtime/method/method.h"

/* --- a world: the reply "go" steps on, "done X" finishes with X, "odd" is no action
 * --------------- */

struct world {
    struct env base;
    int open_episodes;
    bool late; /* prompts and steps answer from the loop instead of at once */
    struct loop *loop;
    bool unscored_grades;
    json_t *api;
};

struct fake_episode {
    struct env_episode base;
    const struct task *task;
    char *reply;
    env_prompt_fn prompt_fn;
    env_step_fn fn;
    void *arg;
};

static int fake_start(struct env *e, const struct task *task, struct env_episode **out)
{
    struct world *w = (struct world *)e;
    if (strcmp(task->instruction, "broken") == 0)
        return err_set(GRASP_EINVAL, "this world does not start");
    struct fake_episode *ep = calloc(1, sizeof(*ep));
    ep->base.env = e;
    ep->task = task;
    w->open_episodes++;
    *out = &ep->base;
    return 0;
}

static void prompt_now(void *arg)
{
    struct fake_episode *ep = arg;
    struct world *w = (struct world *)ep->base.env;
    const struct task *task = ep->task;
    if (strcmp(task->instruction, "away") == 0) {
        ep->prompt_fn(ROLLOUT_UNSCORED, NULL, "the world is away", ep->arg);
        return;
    }
    json_t *parts =
        json_pack("{s:O, s:s, s:s, s:s}", "api", w->api, "response_format", "go or done",
                  "description", task->instruction, "context", task->context);
    ep->prompt_fn(ROLLOUT_RUNNING, parts, NULL, ep->arg);
    json_decref(parts);
}

static void fake_prompt(struct env_episode *base, env_prompt_fn fn, void *arg)
{
    struct fake_episode *ep = (struct fake_episode *)base;
    struct world *w = (struct world *)base->env;
    ep->prompt_fn = fn;
    ep->arg = arg;
    if (w->late)
        loop_defer(w->loop, prompt_now, ep);
    else
        prompt_now(ep);
}

static void step_now(void *arg)
{
    struct fake_episode *ep = arg;
    struct env_step step = {ROLLOUT_RUNNING, "seen", 4, ep->reply, NULL, NULL};
    if (strncmp(ep->reply, "done ", 5) == 0)
        step = (struct env_step){ROLLOUT_COMPLETED, ep->reply + 5, strlen(ep->reply + 5),
                                 ep->reply,         NULL,          NULL};
    else if (strcmp(ep->reply, "go") != 0)
        step = (struct env_step){ROLLOUT_INVALID_ACTION, NULL, 0, ep->reply, NULL, NULL};
    char *reply = ep->reply;
    ep->reply = NULL;
    ep->fn(&step, ep->arg); /* may end the episode */
    free(reply);
}

static void fake_step(struct env_episode *base, const char *reply, size_t len, env_step_fn fn,
                      void *arg)
{
    struct fake_episode *ep = (struct fake_episode *)base;
    struct world *w = (struct world *)base->env;
    ep->reply = str_ndup(reply, len);
    ep->fn = fn;
    ep->arg = arg;
    if (w->late)
        loop_defer(w->loop, step_now, ep);
    else
        step_now(ep);
}

static void fake_grade(struct env_episode *base, const struct trace *trace,
                       enum rollout_status status, env_grade_fn fn, void *arg)
{
    struct world *w = (struct world *)base->env;
    struct verdict v = {.correct = trace->result && strcmp(trace->result, "right") == 0};
    (void)status;
    fn(&v, NULL, !w->unscored_grades, arg);
}

static void fake_end(struct env_episode *base)
{
    struct fake_episode *ep = (struct fake_episode *)base;
    ((struct world *)base->env)->open_episodes--;
    free(ep->reply);
    free(ep);
}

static void fake_env_close(struct env *e)
{
    (void)e;
}

static const struct env_ops fake_env = {fake_start, fake_prompt, fake_step,
                                        fake_grade, fake_end,    fake_env_close};

/* --- a model: replies with the task's script, a word a turn; answers in reverse order of asking
 * ----- */

struct call {
    model_fn fn;
    void *arg;
    char text[64];
    enum model_result result;
};

struct puppet {
    struct model base;
    struct loop *loop;
    struct call calls[512];
    size_t n, most, asked;
    int draws[64];
    char first[64][40]; /* instruction of the n-th call asked */
    bool due, hold;     /* hold: answers only when the test says so */
    bool ahead;         /* what the last one asked said of itself */
    size_t last_n;
    char last_roles[16];
    struct chat *kept; /* what each call was asked with, where the test wants it: room for 8 */
};

static void answer_all(void *arg)
{
    struct puppet *p = arg;
    p->due = false;
    while (p->n) {
        struct call c = p->calls[--p->n];
        struct model_reply r = {
            .result = c.result, .text = c.text, .len = strlen(c.text), .error = "out of reach"};
        c.fn(&r, c.arg);
    }
}

static int puppet_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct puppet *p = (struct puppet *)m;
    const struct chat *chat = rq->chat;
    const char *task = NULL;
    size_t turn = 0;
    p->last_n = chat->n;
    p->ahead = rq->ahead;
    for (size_t i = 0; p->kept && i < chat->n; i++)
        works(chat_add(&p->kept[p->asked], chat->v[i].role, chat->v[i].text, chat->v[i].len));
    for (size_t i = 0; i < chat->n; i++) {
        const char *at = strstr(chat->v[i].text, "\"description\":\"");
        task = task ? task : at ? at + 15 : NULL;
        turn += chat->v[i].role == CHAT_AGENT;
        if (i < sizeof(p->last_roles))
            p->last_roles[i] = strstr(chat->v[i].text, "\"phase\"")   ? 'T'
                               : chat->v[i].role == CHAT_AGENT        ? 'A'
                               : strcmp(chat->v[i].text, "seen") == 0 ? 'O'
                                                                      : 'S';
    }
    assert_non_null(task);
    size_t len = strcspn(task, "\"");
    struct call *c = &p->calls[p->n++];
    *c = (struct call){.fn = fn, .arg = arg};
    snprintf(p->first[p->asked % 64], 40, "%.*s", (int)len, task);
    p->draws[p->asked++ % 64] = rq->draw;
    const char *word = task;
    for (size_t i = 0; i < turn && word < task + len; i++)
        word += strcspn(word, ",\"") + 1;
    if (word > task + len)
        word = task + len;
    snprintf(c->text, sizeof(c->text), "%.*s", (int)strcspn(word, ",\""), word);
    if (strcmp(c->text, "outage") == 0)
        c->result = MODEL_OUTAGE;
    if (strcmp(c->text, "long") == 0)
        c->result = MODEL_CONTEXT_LIMIT;
    if (strcmp(c->text, "fatal") == 0)
        c->result = MODEL_FATAL;
    if (p->n > p->most)
        p->most = p->n;
    if (!p->due && !p->hold)
        p->due = loop_defer(p->loop, answer_all, p) == 0;
    return 0;
}

static void puppet_close(struct model *m)
{
    (void)m;
}

static const struct model_ops puppet_ops = {puppet_ask, puppet_close};

struct fixture {
    struct loop *loop;
    struct world world;
    struct puppet model;
    struct engine *engine;
    struct task tasks[16];
};

static struct engine_settings defaults = {
    .concurrency = 4, .max_rounds = 4, .temperature = -1, .top_k = 1};

static void begin(struct fixture *f, const struct engine_settings *s, const char *const *scripts)
{
    memset(f, 0, sizeof(*f));
    assert_int_equal(loop_open(&f->loop), 0);
    f->world = (struct world){.base.ops = &fake_env, .loop = f->loop, .api = json_object()};
    f->model.base.ops = &puppet_ops;
    f->model.loop = f->loop;
    assert_int_equal(engine_open(&f->engine, f->loop, &f->model.base, &f->world.base, s), 0);
    for (size_t i = 0; scripts[i]; i++) {
        f->tasks[i] = (struct task){.id = "t", .instruction = scripts[i], .context = ""};
    }
}

static void end(struct fixture *f)
{
    engine_close(f->engine);
    assert_int_equal(f->world.open_episodes, 0);
    json_decref(f->world.api);
    loop_close(f->loop);
}

static void every_ending_has_its_status(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum rollout_status status;
        enum outcome outcome;
        int calls;
    } cases[] = {
        {"done right", ROLLOUT_COMPLETED, OUTCOME_PASS, 1},
        {"go,go,done right", ROLLOUT_COMPLETED, OUTCOME_PASS, 3},
        {"go,done wrong", ROLLOUT_COMPLETED, OUTCOME_FAIL, 2},
        {"go,go,go,done right", ROLLOUT_COMPLETED, OUTCOME_PASS, 4},
        {"go,go,go,go,done right", ROLLOUT_TASK_LIMIT, OUTCOME_FAIL, 4},
        {"go,odd", ROLLOUT_INVALID_ACTION, OUTCOME_INVALID, 2},
        {"go,long", ROLLOUT_CONTEXT_LIMIT, OUTCOME_FAIL, 2},
        {"go,outage", ROLLOUT_UNSCORED, OUTCOME_UNSCORED, 2},
        {"broken", ROLLOUT_TASK_ERROR, OUTCOME_ERROR, 0},
        {"away", ROLLOUT_UNSCORED, OUTCOME_UNSCORED, 0},
    };
    const char *scripts[16] = {0};
    struct fixture f;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        scripts[i] = cases[i].script;
    for (int late = 0; late < 2; late++) {
        begin(&f, &defaults, scripts);
        f.world.late = late;
        struct group *g = engine_group(f.engine, PHASE_OTHER);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
            assert_int_equal(group_add(g, &f.tasks[i], NULL, 0), i);
        assert_int_equal(group_wait(g), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
            const struct rollout *r = group_result(g, i);
            assert_ptr_equal(r->task, &f.tasks[i]);
            assert_string_equal(rollout_status_name(r->status),
                                rollout_status_name(cases[i].status));
            assert_int_equal(rollout_outcome(r), cases[i].outcome);
            assert_int_equal(r->calls, cases[i].calls);
        }
        assert_true(f.model.most <= defaults.concurrency);
        group_free(g);
        end(&f);
    }
}

static void a_grade_out_of_reach_is_no_wrong_answer(void **state)
{
    (void)state;
    const char *scripts[] = {"done right", NULL};
    struct fixture f;
    begin(&f, &defaults, scripts);
    f.world.unscored_grades = true;
    struct group *g = engine_group(f.engine, PHASE_OTHER);
    group_add(g, &f.tasks[0], NULL, 0);
    assert_int_equal(group_wait(g), 0);
    assert_int_equal(rollout_outcome(group_result(g, 0)), OUTCOME_UNSCORED);
    group_free(g);
    end(&f);
}

static void background_groups_wait_for_the_others(void **state)
{
    (void)state;
    const char *scripts[] = {"go,done right", "done late", NULL};
    struct engine_settings one = defaults;
    struct fixture f;
    one.concurrency = 1;
    begin(&f, &one, scripts);
    struct group *back = engine_group(f.engine, PHASE_OTHER);
    struct group *front = engine_group(f.engine, PHASE_OTHER);
    group_background(back);
    group_add(back, &f.tasks[1], NULL, 0);
    group_add(back, &f.tasks[1], NULL, 0);
    group_add(front, &f.tasks[0], NULL, 0);
    group_add(front, &f.tasks[0], NULL, 0);
    assert_int_equal(group_wait(front), 0);
    assert_int_equal(group_wait(back), 0);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(f.model.first[i], "go,done right");
    group_free(back);
    group_free(front);
    end(&f);
}

static size_t room_for(void *arg)
{
    return *(size_t *)arg;
}

static int counted(void *arg)
{
    ++*(int *)arg;
    return 0;
}

/* Rollouts ahead start in slots that nobody else waits for, and give them back between two calls. */
static void rollouts_ahead_take_idle_slots(void **state)
{
    (void)state;
    const char *scripts[] = {"go,go,done right", "done right", "go,fatal", NULL};
    struct engine_settings s = defaults;
    struct fixture f;
    size_t room = 10;
    int looked = 0;
    s.room = room_for;
    s.room_arg = &room;
    begin(&f, &s, scripts);
    f.model.hold = true;
    assert_int_equal(engine_room(f.engine), 4);
    struct group *ahead = engine_group(f.engine, PHASE_OTHER);
    struct group *front = engine_group(f.engine, PHASE_OTHER);
    group_ahead(ahead);
    group_add(ahead, &f.tasks[0], NULL, 0);
    group_add(ahead, &f.tasks[0], NULL, 1);
    assert_int_equal(engine_room(f.engine), 2);
    loop_turn(f.loop, 0);
    assert_int_equal(f.model.n, 2);
    assert_true(f.model.ahead);
    assert_int_equal(engine_room(f.engine), 2);
    room = 3; /* each of the two will probably make another call */
    assert_int_equal(engine_room(f.engine), 1);
    for (int i = 0; i < 4; i++)
        group_add(front, &f.tasks[1], NULL, 0);
    group_add(ahead, &f.tasks[0], NULL, 2);
    assert_int_equal(engine_room(f.engine), 0);
    loop_turn(f.loop, 0);
    assert_int_equal(f.model.n, 4);
    assert_false(f.model.ahead); /* the last two are others' */

    /* all slots are taken, two are waited for: the one that is answered now makes way */
    struct call c = f.model.calls[0];
    struct model_reply r = {.result = MODEL_OK, .text = c.text, .len = strlen(c.text)};
    memmove(f.model.calls, f.model.calls + 1, --f.model.n * sizeof(c));
    c.fn(&r, c.arg);
    assert_int_equal(group_ended(ahead), 1);
    assert_int_equal(rollout_outcome(group_result(ahead, 0)), OUTCOME_UNSCORED);
    assert_int_equal(group_result(ahead, 0)->calls, 1);

    f.model.hold = false;
    engine_on_room(f.engine, counted, &looked);
    loop_defer(f.loop, answer_all, &f.model);
    assert_int_equal(group_wait(front), 0);
    assert_int_equal(group_wait(ahead), 0);
    assert_true(looked > 0);
    assert_int_equal(rollout_outcome(group_result(ahead, 1)), OUTCOME_PASS);
    assert_int_equal(rollout_outcome(group_result(ahead, 2)), OUTCOME_PASS);
    engine_on_room(f.engine, NULL, NULL);

    /* what fails there is nobody's outage, and no reason to stop */
    group_add(ahead, &f.tasks[2], NULL, 0);
    assert_int_equal(group_wait(ahead), 0);
    assert_string_equal(engine_outage(f.engine), "");
    group_free(ahead);
    group_free(front);
    end(&f);
}

static void cancelled_rollouts_end_and_leave_nothing(void **state)
{
    (void)state;
    const char *scripts[] = {"go,go,go,done right", NULL};
    struct fixture f;
    begin(&f, &defaults, scripts);
    struct group *g = engine_group(f.engine, PHASE_OTHER);
    for (int i = 0; i < 10; i++)
        group_add(g, &f.tasks[0], NULL, 0);
    f.model.hold = true;
    loop_turn(f.loop, 0);
    assert_int_equal(f.model.n, 4); /* as many as may be in flight */
    group_cancel(g);
    assert_false(group_done(g));
    loop_defer(f.loop, answer_all, &f.model);
    assert_int_equal(group_wait(g), 0);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(group_result(g, i)->status, ROLLOUT_UNSCORED);
    assert_int_equal(f.model.asked, 4);
    group_free(g);

    struct group *h =
        engine_group(f.engine, PHASE_OTHER); /* freed while in flight, then answered */
    for (int i = 0; i < 6; i++)
        group_add(h, &f.tasks[0], NULL, 0);
    loop_turn(f.loop, 0);
    group_free(h);
    assert_int_equal(f.world.open_episodes, 4);
    loop_defer(f.loop, answer_all, &f.model);
    loop_turn(f.loop, 0);
    assert_int_equal(f.world.open_episodes, 0);

    struct group *k =
        engine_group(f.engine, PHASE_OTHER); /* freed while in flight, never answered */
    group_add(k, &f.tasks[0], NULL, 0);
    loop_turn(f.loop, 0);
    group_free(k);
    end(&f);
}

static void a_fatal_answer_stops_everything(void **state)
{
    (void)state;
    const char *scripts[] = {"fatal", "go,go,done right", NULL};
    struct fixture f;
    begin(&f, &defaults, scripts);
    struct group *g = engine_group(f.engine, PHASE_OTHER);
    group_add(g, &f.tasks[0], NULL, 0);
    group_add(g, &f.tasks[1], NULL, 0);
    assert_int_equal(group_wait(g), GRASP_EINVAL);
    assert_string_equal(err_msg(), "out of reach");
    group_free(g);
    end(&f);
}

static void draws_are_samples_at_every_temperature(void **state)
{
    (void)state;
    const char *scripts[] = {"done right", NULL};
    struct engine_settings cold = defaults;
    struct fixture f;
    cold.temperature = 0;
    for (int i = 0; i < 2; i++) {
        begin(&f, i ? &cold : &defaults, scripts);
        struct group *g = engine_group(f.engine, PHASE_OTHER);
        group_add(g, &f.tasks[0], NULL, 7);
        assert_int_equal(group_wait(g), 0);
        assert_int_equal(f.model.draws[0], 7);
        group_free(g);
        end(&f);
    }
}

/* top_k: before the last user message while the agent has not acted, after it from then on; the
 * trace does not hold the block (spec: "Injection"). */
static void the_block_stands_where_it_should(void **state)
{
    (void)state;
    const char *scripts[] = {"done right", "go,done right", NULL};
    struct engine_settings top = defaults;
    struct skill_set set = {0};
    struct skill s = {.name = str_dup("one"),
                      .description = str_dup("when"),
                      .body = str_dup("do\n"),
                      .version = 1};
    struct fixture f;
    top.inject = INJECT_TOP_K;
    assert_int_equal(skill_set_put(&set, &s), 0);
    struct skills_view *view = skills_view_new(&set), *none = skills_view_new(NULL);
    begin(&f, &top, scripts);
    struct group *g = engine_group(f.engine, PHASE_OTHER);
    group_add(g, &f.tasks[0], view, 0);
    assert_int_equal(group_wait(g), 0);
    assert_memory_equal(f.model.last_roles, "ST", 2);
    assert_int_equal(group_result(g, 0)->chat.n, 2);
    group_add(g, &f.tasks[1], view, 0);
    assert_int_equal(group_wait(g), 0);
    assert_int_equal(f.model.last_n, 4);
    assert_memory_equal(f.model.last_roles, "TAOS", 4);
    assert_int_equal(group_result(g, 1)->chat.n, 4);
    group_add(g, &f.tasks[0], none, 0);
    assert_int_equal(group_wait(g), 0);
    assert_int_equal(f.model.last_n, 1);
    group_free(g);
    end(&f);
    skills_view_unref(view);
    skills_view_unref(none);
    skill_set_release(&set);
}

static const char *skills_in(const struct message *first, char out[256])
{
    json_t *v = json_loadb(first->text, first->len, 0, NULL);
    assert_non_null(v);
    snprintf(out, 256, "%s", json_string_value(json_object_get(v, "behavioral_skills")));
    json_decref(v);
    return out;
}

/* Another method's memory: as released it is in the first message at the first turn alone, then behind
 * the last answer; repaired it is in the first message, in the trace as well. */
static void a_memory_stands_where_its_method_has_it(void **state)
{
    (void)state;
    for (int repair = 0; repair < 2; repair++) {
        const char *scripts[] = {"go,go,done right", NULL};
        struct method_settings settings = {.name = METHOD_SEQ_MEMORY, .fidelity = repair};
        struct chat kept[8] = {{0}};
        struct skill_set set = {0};
        struct memory *m;
        struct skill s;
        struct fixture f;
        struct buf block = BUF_INIT, behind = BUF_INIT;
        char text[256];
        works(memory_new(&m, &settings));
        json_array_append_new(memory_list(m, "notes"), json_string("heed \"this\""));
        memory_block(m, "", &block);
        buf_addf(&behind, "seen\n\n%s", block.ptr);
        works(memory_document(m, &s));
        works(skill_set_put(&set, &s));
        struct skills_view *view = skills_view_new(&set);
        begin(&f, &defaults, scripts);
        f.model.kept = kept;
        struct group *g = engine_group(f.engine, PHASE_OTHER);
        group_add(g, &f.tasks[0], view, 0);
        assert_int_equal(group_wait(g), 0);
        const struct chat *trace = &group_result(g, 0)->chat;
        assert_int_equal(f.model.asked, 3);
        for (size_t turn = 0; turn < 3; turn++) {
            const struct message *last = &kept[turn].v[kept[turn].n - 1];
            bool first = turn == 0 || repair;
            assert_int_equal(kept[turn].n, 1 + 2 * turn);
            assert_string_equal(skills_in(&kept[turn].v[0], text), first ? block.ptr : "");
            if (turn)
                assert_string_equal(last->text, repair ? "seen" : behind.ptr);
            if (turn == 2)
                assert_string_equal(kept[turn].v[2].text, "seen");
        }
        assert_string_equal(skills_in(&trace->v[0], text), repair ? block.ptr : "");
        assert_string_equal(trace->v[2].text, "seen");
        group_free(g);
        end(&f);
        for (size_t i = 0; i < 8; i++)
            chat_release(&kept[i]);
        skills_view_unref(view);
        skill_set_release(&set);
        memory_free(m);
        buf_release(&block);
        buf_release(&behind);
    }
}

/* A view of a memory that holds these entries. */
static struct skills_view *view_of(enum method method, enum fidelity fidelity, const char *list,
                                   json_t *entries)
{
    struct method_settings settings = {
        .name = (int)method, .fidelity = (int)fidelity, .retrieval_top_k = 1};
    struct skill_set set = {0};
    struct memory *m;
    struct skill s;
    works(memory_new(&m, &settings));
    json_array_extend(memory_list(m, list), entries);
    json_decref(entries);
    works(memory_document(m, &s));
    works(skill_set_put(&set, &s));
    struct skills_view *view = skills_view_new(&set);
    assert_non_null(view);
    skill_set_release(&set);
    memory_free(m);
    return view;
}

/* Which of the words stand in the first message's skills and at the end of the last message, turn by
 * turn: "+" for the first of them, "*" for the second, "." for none. */
static void shown_are(struct skills_view *view, const char *context, const char *const words[2],
                      const char *first, const char *last)
{
    const char *scripts[] = {"go,go,done right", NULL};
    struct chat kept[8] = {{0}};
    struct fixture f;
    begin(&f, &defaults, scripts);
    f.tasks[0].context = context;
    f.model.kept = kept;
    struct group *g = engine_group(f.engine, PHASE_OTHER);
    group_add(g, &f.tasks[0], view, 0);
    assert_int_equal(group_wait(g), 0);
    for (size_t turn = 0; turn < 3; turn++) {
        const struct chat *c = &kept[turn];
        char text[256];
        skills_in(&c->v[0], text);
        char a = strstr(text, words[0]) ? '+' : strstr(text, words[1]) ? '*' : '.', b = '.';
        if (turn)
            b = strstr(c->v[c->n - 1].text, words[0])   ? '+'
                : strstr(c->v[c->n - 1].text, words[1]) ? '*'
                                                        : '.';
        assert_int_equal(a, first[turn]);
        assert_int_equal(b, last[turn]);
    }
    group_free(g);
    end(&f);
    for (size_t i = 0; i < 8; i++)
        chat_release(&kept[i]);
    skills_view_unref(view);
}

static json_t *two_skills(void)
{
    return json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "name", "zeta", "document", "red apple",
                     "content", "FIRST", "name", "eta", "document", "was seen", "content",
                     "SECOND");
}

/* As released, rules are gone after the first turn, and what is retrieved is so for each message: the
 * prompt, then the world's answers ("seen"). Repaired, the task decides, once and for all turns. */
static void memories_are_shown_turn_by_turn(void **state)
{
    static const char *const rules[] = {"be quick", "-"}, *const skills[] = {"FIRST", "SECOND"};
    (void)state;
    shown_are(view_of(METHOD_EXPEL, FIDELITY_PUBLISHED, "rules",
                      json_pack("[{s:s, s:i}]", "text", "be quick.", "counter", 2)),
              "", rules, "+..", "...");
    shown_are(view_of(METHOD_EXPEL, FIDELITY_REPAIRED, "rules",
                      json_pack("[{s:s, s:i}]", "text", "be quick.", "counter", 2)),
              "", rules, "+++", "...");
    shown_are(view_of(METHOD_SKILLX, FIDELITY_PUBLISHED, "skills", two_skills()), "a red apple",
              skills, "+..", ".**");
    shown_are(view_of(METHOD_SKILLX, FIDELITY_REPAIRED, "skills", two_skills()), "a red apple",
              skills, "+++", "...");
    shown_are(view_of(METHOD_SKILLX, FIDELITY_PUBLISHED, "skills", two_skills()), "a pear", skills,
              "...", ".**");
    shown_are(view_of(METHOD_SKILLX, FIDELITY_REPAIRED, "skills", two_skills()), "a pear", skills,
              "...", "...");
}

/* Everything before the task is the same bytes for all tasks. */
static void what_tasks_share_comes_first(void **state)
{
    (void)state;
    const char *scripts[] = {"done right", "done wrong", NULL};
    struct skill_set set = {0};
    struct skill s = {.name = str_dup("one"),
                      .description = str_dup("when"),
                      .body = str_dup("do\n"),
                      .version = 1};
    struct fixture f;
    assert_int_equal(skill_set_put(&set, &s), 0);
    struct skills_view *view = skills_view_new(&set);
    begin(&f, &defaults, scripts);
    struct group *g = engine_group(f.engine, PHASE_OTHER);
    group_add(g, &f.tasks[0], view, 0);
    group_add(g, &f.tasks[1], view, 0);
    assert_int_equal(group_wait(g), 0);
    const char *a = group_result(g, 0)->chat.v[0].text, *b = group_result(g, 1)->chat.v[0].text;
    const char *at = strstr(a, "\"task\":");
    assert_non_null(at);
    assert_memory_equal(a, b, (size_t)(at - a));
    assert_non_null(strstr(a, "\"behavioral_skills\":\""));
    json_t *v = json_loads(b, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(v, "phase")), "task_execution");
    json_decref(v);
    group_free(g);
    end(&f);
    skills_view_unref(view);
    skill_set_release(&set);
}

static void keep_reply(const struct model_reply *reply, void *arg)
{
    *(struct model_reply *)arg = (struct model_reply){.result = reply->result};
}

/* In a crowd, what first messages share is kept once while they wait; whoever reads them finds them whole. */
static void crowds_share_what_they_begin_with(void **state)
{
    (void)state;
    enum { MANY = 400, ALONE = 256 };
    const char *scripts[] = {"go,done right", "done wrong", "go,go,done right", NULL};
    struct engine_settings s = defaults;
    struct fixture f;
    size_t asleep = 0;
    s.concurrency = MANY;
    begin(&f, &s, scripts);
    f.model.hold = true;
    struct group *g = engine_group(f.engine, PHASE_OTHER);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(group_add(g, &f.tasks[i % 3], NULL, i), i);
    while (f.model.n < MANY)
        works(engine_turn(f.engine));
    for (int i = 0; i < MANY; i++)
        asleep += group_result(g, (size_t)i)->chat.asleep;
    assert_int_equal(asleep, MANY - ALONE);
    f.model.hold = false;
    answer_all(&f.model);
    works(group_wait(g));
    for (int i = 0; i < MANY; i++) {
        const struct rollout *r = group_result(g, (size_t)i),
                             *same = group_result(g, (size_t)i % 3);
        assert_false(r->chat.asleep);
        assert_string_equal(r->chat.v[0].text, same->chat.v[0].text);
        assert_int_equal(r->chat.v[0].len, strlen(r->chat.v[0].text));
        assert_int_equal(r->chat.n, same->chat.n);
        assert_int_equal(r->correct, i % 3 != 1);
    }
    group_free(g);
    /* a request that was held back meanwhile is asked whole */
    const char text[] = "{\"phase\":\"x\",\"task\":{\"description\":\"done right\"}}";
    struct chat_head *head = chat_head_new(text, 30);
    struct chat chat = {0};
    struct model_reply got = {.result = MODEL_OUTAGE};
    works(chat_add(&chat, CHAT_USER, text, strlen(text)));
    chat_share(&chat, head);
    chat_sleep(&chat);
    assert_true(chat.asleep);
    works(model_ask(&f.model.base, &(struct model_request){.chat = &chat}, keep_reply, &got));
    assert_string_equal(chat.v[0].text, text);
    answer_all(&f.model);
    assert_int_equal(got.result, MODEL_OK);
    chat_release(&chat);
    chat_head_unref(head);
    /* one that is thrown away while its messages sleep */
    f.model.hold = true;
    g = engine_group(f.engine, PHASE_OTHER);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(group_add(g, &f.tasks[0], NULL, i), i);
    while (f.model.n < MANY)
        works(engine_turn(f.engine));
    group_free(g);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ending_has_its_status),
        cmocka_unit_test(a_grade_out_of_reach_is_no_wrong_answer),
        cmocka_unit_test(background_groups_wait_for_the_others),
        cmocka_unit_test(rollouts_ahead_take_idle_slots),
        cmocka_unit_test(cancelled_rollouts_end_and_leave_nothing),
        cmocka_unit_test(a_fatal_answer_stops_everything),
        cmocka_unit_test(draws_are_samples_at_every_temperature),
        cmocka_unit_test(the_block_stands_where_it_should),
        cmocka_unit_test(a_memory_stands_where_its_method_has_it),
        cmocka_unit_test(memories_are_shown_turn_by_turn),
        cmocka_unit_test(what_tasks_share_comes_first),
        cmocka_unit_test(crowds_share_what_they_begin_with),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
