/*
 * methods_harness.h - the methods of runtime/method without a model: a writer whose replies are
 * written down beforehand and that keeps what it was asked.
 */
#ifndef GRASP_TESTS_METHODS_HARNESS_H
#define GRASP_TESTS_METHODS_HARNESS_H

#include "test.h"

#include "runtime/base/json.h"
#include "runtime/method/method_private.h"

struct scripted {
    struct method_writer base;
    const char *const *replies; /* in the order of asking; NULL ends them: "" from there on */
    size_t next, rounds;        /* calls so far; times that something was asked */
    json_t *asked;              /* [{prompt, data}] */
};

static inline int scripted_ask(struct method_writer *base, struct method_call *calls, size_t n)
{
    struct scripted *s = (struct scripted *)base;
    s->rounds++;
    for (size_t i = 0; i < n; i++) {
        const char *reply = s->replies ? s->replies[s->next] : NULL;
        json_array_append_new(
            s->asked, json_pack("{s:s, s:O}", "prompt", calls[i].prompt, "data", calls[i].data));
        buf_adds(&calls[i].reply, reply ? reply : "");
        s->next += reply != NULL;
    }
    return 0;
}

struct bench {
    struct scripted writer;
    struct memory *m;
    struct method_run *run;
};

static const struct method_settings method_defaults = {.max_bullets = 200,
                                                       .max_rules = 20,
                                                       .episodic_top_k = 3,
                                                       .semantic_top_k = 8,
                                                       .max_episodes = 500,
                                                       .max_semantic_rules = 25,
                                                       .max_context_chars = 6000,
                                                       .retrieval_top_k = 5,
                                                       .extractor_max_retries = 2,
                                                       .max_history_messages = 24,
                                                       .max_message_chars = 1200,
                                                       .max_action_chars = 600,
                                                       .max_actions = 12};

static inline struct method_settings method_of(enum method name, enum fidelity fidelity)
{
    struct method_settings s = method_defaults;
    s.name = (int)name;
    s.fidelity = (int)fidelity;
    return s;
}

static inline void bench_open(struct bench *b, const struct method_settings *s,
                              const char *const *replies)
{
    *b = (struct bench){.writer = {.base = {scripted_ask}, .replies = replies}};
    b->writer.asked = json_array();
    works(memory_new(&b->m, s));
    b->run = method_run_new(b->m, &b->writer.base);
    assert_non_null(b->run);
}

static inline void bench_close(struct bench *b)
{
    method_run_free(b->run);
    memory_free(b->m);
    json_decref(b->writer.asked);
}

/* The data of the n-th call. */
static inline const json_t *asked(const struct bench *b, size_t n)
{
    const json_t *v = json_object_get(json_array_get(b->writer.asked, n), "data");
    assert_non_null(v);
    return v;
}

static inline const char *asked_prompt(const struct bench *b, size_t n)
{
    return json_str_at(json_array_get(b->writer.asked, n), "prompt", "");
}

/* A trace of one task, one action: what was said last. */
struct told {
    struct chat chat;
    struct strlist actions;
    struct method_trace t;
};

static inline void told_add(struct told *t, enum chat_role role, const char *text)
{
    works(chat_add(&t->chat, role, text, strlen(text)));
    if (role == CHAT_AGENT)
        works(strlist_add(&t->actions, text));
}

static inline struct method_trace *told_make(struct told *t, const char *instruction,
                                             const char *last, bool correct)
{
    *t = (struct told){.t = {.id = "task1_1",
                             .instruction = instruction,
                             .context = "the context",
                             .status = "completed",
                             .result = "the result",
                             .expected = "[42]",
                             .correct = correct}};
    told_add(t, CHAT_USER, "{\"phase\": \"task_execution\"}");
    told_add(t, CHAT_AGENT, last);
    t->t.chat = &t->chat;
    t->t.actions = &t->actions;
    return &t->t;
}

static inline void told_release(struct told *t)
{
    chat_release(&t->chat);
    strlist_release(&t->actions);
}

static inline void block_is(const struct memory *m, const char *query, const char *want)
{
    struct buf b = BUF_INIT;
    memory_block(m, query, &b);
    assert_string_equal(b.ptr, want);
    buf_release(&b);
}

/* What is kept, written into a document and read back, is the same. */
static inline void survives(const struct memory *m)
{
    struct skill document;
    struct skill_set set = {0};
    struct memory *again = NULL;
    works(memory_document(m, &document));
    works(skill_set_put(&set, &document));
    works(memory_of_set(&again, &set));
    assert_non_null(again);
    assert_true(json_equal(again->lists, m->lists));
    assert_int_equal(memory_method(again), memory_method(m));
    assert_int_equal(memory_fidelity(again), memory_fidelity(m));
    assert_int_equal(again->settings.semantic_top_k, m->settings.semantic_top_k);
    memory_free(again);
    skill_set_release(&set);
}

#endif
