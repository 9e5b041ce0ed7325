/* bench_rank.c - what one ranking of skills costs a turn of a rollout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "skills/inject.h"

static const char *const words[] = {
    "patient",  "observation", "latest",   "magnesium", "potassium", "level",  "order",
    "dose",     "window",      "hours",    "request",   "subject",   "bundle", "entry",
    "resource", "effective",   "datetime", "value",     "quantity",  "unit",   "status",
    "category", "code",        "system",   "display",   "reference", "search", "note"};
enum { WORDS = sizeof(words) / sizeof(*words), ROUNDS = 2000 };

static const char *word(unsigned *state)
{
    *state = *state * 1103515245U + 12345U;
    return words[(*state >> 16) % WORDS];
}

static void add_skill(struct skill_set *set, unsigned i, unsigned *state)
{
    struct skill s = {.version = 1};
    struct buf b = BUF_INIT;
    buf_addf(&b, "skill-%u-%s", i, word(state));
    s.name = buf_detach(&b);
    for (int k = 0; k < 15; k++)
        buf_addf(&b, "%s ", word(state));
    s.description = buf_detach(&b);
    buf_adds(&b, "# Title\n\n## When to Use\n");
    for (int k = 0; k < 60; k++)
        buf_addf(&b, "%s%u ", word(state), (unsigned)k % 3);
    buf_adds(&b, "\n## Recommended\n");
    for (int k = 0; k < 400; k++)
        buf_addf(&b, "%s ", word(state));
    skill_set_body(&s, b.ptr, b.len);
    buf_reset(&b);
    buf_addf(&b, "%s %s", word(state), word(state));
    strlist_add(&s.tags, word(state));
    strlist_add(&s.tags, b.ptr);
    strlist_add(&s.tags, word(state));
    skill_set_put(set, &s);
    buf_release(&b);
}

static void run(unsigned skills, size_t bytes)
{
    struct skill_set set = {0};
    struct chat chat = {0};
    struct buf text = BUF_INIT;
    unsigned state = 1;
    size_t *order = calloc(skills, sizeof(*order));
    for (unsigned i = 0; i < skills; i++)
        add_skill(&set, i, &state);
    while (text.len < bytes)
        buf_addf(&text, "{\"%s\": \"%s-%u\"},\n", word(&state), word(&state), state % 100);
    for (int i = 0; i < 8; i++)
        chat_add(&chat, CHAT_USER, text.ptr, text.len / 8);

    int64_t t0 = clock_mono();
    for (int i = 0; i < ROUNDS / 20; i++) {
        struct ranker *once = ranker_new(&set);
        ranker_rank(once, &chat, order, NULL);
        ranker_free(once);
    }
    int64_t each = (clock_mono() - t0) / (ROUNDS / 20);
    struct ranker *r = ranker_new(&set);
    t0 = clock_mono();
    for (int i = 0; i < ROUNDS; i++)
        ranker_rank(r, &chat, order, NULL);
    int64_t prepared = (clock_mono() - t0) / ROUNDS;
    printf("rank: %3u skills, %6zu bytes of messages: %7.1f us prepared, %7.1f us from scratch\n",
           skills, bytes, (double)prepared / 1e3, (double)each / 1e3);
    ranker_free(r);
    skill_set_release(&set);
    chat_release(&chat);
    buf_release(&text);
    free(order);
}

int main(void)
{
    static const unsigned skills[] = {3, 10, 100};
    static const size_t bytes[] = {1000, 12000, 200000};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            run(skills[i], bytes[k]);
    return 0;
}
