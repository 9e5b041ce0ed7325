/* fuzz_method.c - hostile replies of the writer to the methods, and hostile memories: what is kept is
 * written into a document that can be read, and read back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/method/method_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Replies: the input between its bytes 0x01, again from the start when there are no more. */
struct hostile {
    struct method_writer base;
    const char *data;
    size_t size, at;
};

static int hostile_ask(struct method_writer *base, struct method_call *calls, size_t n)
{
    struct hostile *h = (struct hostile *)base;
    for (size_t i = 0; i < n; i++) {
        const char *from = h->data + h->at, *end = h->data + h->size;
        const char *to = memchr(from, 1, (size_t)(end - from));
        buf_add(&calls[i].reply, from, (size_t)((to ? to : end) - from));
        h->at = to ? (size_t)(to + 1 - h->data) : 0;
    }
    return 0;
}

static void check_document(const struct memory *m)
{
    struct skill document, again = {0};
    struct skill_set set = {0};
    struct memory *back = NULL;
    struct buf text = BUF_INIT;
    if (memory_document(m, &document) < 0)
        abort();
    skill_render(&document, &text);
    if (skill_parse(&again, text.ptr, text.len, "SKILL.md", document.name) < 0)
        abort();
    skill_release(&again);
    if (skill_set_put(&set, &document) < 0 || memory_of_set(&back, &set) < 0 || !back ||
        !json_equal(back->lists, m->lists))
        abort();
    memory_free(back);
    skill_set_release(&set);
    buf_release(&text);
}

static void learn(uint8_t kind, const char *data, size_t size)
{
    struct hostile h = {{hostile_ask}, data, size, 0};
    struct method_settings s = {.name = METHOD_SEQ_MEMORY + kind % 5,
                                .fidelity = kind / 5 % 2,
                                .max_bullets = 3,
                                .max_rules = 4,
                                .episodic_top_k = 2,
                                .semantic_top_k = 3,
                                .max_episodes = 3,
                                .max_semantic_rules = 4,
                                .max_context_chars = 400,
                                .retrieval_top_k = 2,
                                .extractor_max_retries = 2,
                                .max_history_messages = 6,
                                .max_message_chars = 40,
                                .max_action_chars = 40,
                                .max_actions = 5};
    struct chat chat = {0};
    struct strlist actions = {0};
    struct method_trace t[3];
    struct memory *m = NULL;
    struct buf block = BUF_INIT;
    bool changed;
    if (chat_add(&chat, CHAT_USER, "{}", 2) < 0 || chat_add(&chat, CHAT_AGENT, data, size) < 0 ||
        strlist_addn(&actions, data, size) < 0 || memory_new(&m, &s) < 0)
        abort();
    struct method_run *r = method_run_new(m, &h.base);
    for (int i = 0; i < 3; i++)
        t[i] = (struct method_trace){"t",
                                     "get the api",
                                     "context",
                                     &chat,
                                     &actions,
                                     "completed",
                                     i ? chat.v[1].text : NULL,
                                     "[1]",
                                     i != 1,
                                     false};
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int i = 0; i < 3; i++)
            if (method_after_task(r, &t[i], &changed) < 0)
                abort();
        if (method_after_batch(r, t, 3, &changed) < 0 || method_after_epoch(r, t, 3, &changed) < 0)
            abort();
        check_document(m);
    }
    memory_block(m, chat.v[1].text, &block);
    if (buf_check(&block) < 0)
        abort();
    buf_release(&block);
    method_run_free(r);
    memory_free(m);
    chat_release(&chat);
    strlist_release(&actions);
}

/* The input as a memory.json: refused, or one that can be shown and written again. */
static void read_memory(const char *data, size_t size)
{
    struct skill s = {.name = strdup("x"), .description = strdup("d"), .body = strdup("b\n")};
    struct skill_file f = {.path = (char *)(uintptr_t) "memory.json",
                           .mode = 0100644,
                           .bytes = (char *)(uintptr_t)data,
                           .len = size};
    struct skill_set set = {0};
    struct memory *m = NULL;
    struct buf block = BUF_INIT;
    if (skill_set_meta(&s, SKILL_DOCUMENT_KEY, "x") < 0 || skill_files_add(&s.files, &f) < 0 ||
        skill_set_put(&set, &s) < 0)
        abort();
    if (memory_of_set(&m, &set) == 0) {
        if (memory_prepare(m) < 0)
            abort();
        memory_block(m, "get the api", &block);
        check_document(m);
        memory_free(m);
    }
    buf_release(&block);
    skill_set_release(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (*data < 10)
        learn(*data, (const char *)data + 1, size - 1);
    else
        read_memory((const char *)data, size);
    return 0;
}
