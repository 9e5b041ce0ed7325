/*
 * chat.h - a conversation: the one shape in which rollouts, models, graders, ranking and the writer
 * pass messages. It only ever grows at its end.
 *
 *     struct chat c = {0};
 *     chat_add(&c, CHAT_USER, text, len);      // copies
 *     chat_take(&c, CHAT_AGENT, malloced, n);  // takes ownership
 *     chat_release(&c);
 */
#ifndef GRASP_RUNTIME_BASE_CHAT_H
#define GRASP_RUNTIME_BASE_CHAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/buf.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_AGENT };

struct message {
    enum chat_role role;
    char *text; /* NUL-terminated; may hold NUL bytes inside when it came from outside */
    size_t len;
};

struct chat_head;
struct chat {
    struct message *v;
    size_t n, cap;
    struct chat_head *head; /* what its first message begins with; NULL: its own */
    bool asleep;            /* the first message's text is what comes after the head */
};

void chat_release(struct chat *c);

/* What thousands of conversations begin with, byte for byte, is kept once while nobody looks at them:
 *
 *     struct chat_head *h = chat_head_new(text, len);
 *     chat_share(&c, h);       // c takes a reference of its own
 *     chat_sleep(&c);          // nobody reads its first text until
 *     rc = chat_wake(&c);      // it is whole again
 *
 * Sleeping and waking change no conversation (`len` stays, too), so both take one that is const; they do
 * nothing to one without a head, or that sleeps or is awake already. */
struct chat_head *chat_head_new(const char *text, size_t len); /* NULL: out of memory */
void chat_head_unref(struct chat_head *h);                     /* NULL is fine */
/* A view of its text. */
const char *chat_head_text(const struct chat_head *h, size_t *len);
/* Nothing happens where the first message does not begin with it. */
void chat_share(struct chat *c, struct chat_head *h);
void chat_sleep(const struct chat *c);
int chat_wake(const struct chat *c); /* 0 or GRASP_ENOMEM: it sleeps on */

/* 0 or GRASP_ENOMEM. */
int chat_add(struct chat *c, enum chat_role role, const char *text, size_t len);
/* Takes ownership of `text` (malloc'ed, NUL-terminated), also when it fails. */
int chat_take(struct chat *c, enum chat_role role, char *text, size_t len);
/* "system", "user", "agent". On the way to an endpoint, "agent" is "assistant". */
const char *chat_role_name(enum chat_role role);
/* From [{role, content}]; "assistant" is an agent too. GRASP_EPARSE. Leaves *c empty on failure. */
int chat_from_json(struct chat *c, const json_t *messages);
/* As [{role, content}]; a new reference, NULL when out of memory. Bytes that are not UTF-8 become
 * U+FFFD. */
json_t *chat_to_json(const struct chat *c);
/* Appends the text of that, without building it first: traces are long. */
void chat_write_json(const struct chat *c, struct buf *out);

#endif
