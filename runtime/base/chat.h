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
#include <stddef.h>

#include "runtime/base/buf.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_AGENT };

struct message {
    enum chat_role role;
    char *text; /* NUL-terminated; may hold NUL bytes inside when it came from outside */
    size_t len;
};

struct chat {
    struct message *v;
    size_t n, cap;
};

void chat_release(struct chat *c);
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
