/*
 * said.h - what a model said, apart from what it thought: the one place that knows how thinking is
 * marked. Pure.
 *
 *     struct said s;
 *     said_split(text, len, &s);
 *     s.text, s.len ...                 // the reply: what is read, graded and sent on
 *     s.thinking, s.thinking_len ...    // what stood before it
 *
 * A backend hands on one text, and the journal keeps it as it is. What a server says beside the
 * content (reasoning in a field of its own, why there is no content) is put in front of it in the
 * form that said_write makes:
 *
 *     <reply kind="cut" finish="length"/>
 *     <reasoning_content>...</reasoning_content>
 *     the content
 *
 * so that an entry of the journal has it all, and its kind can be told from its text alone.
 */
#ifndef GRASP_RUNTIME_MODEL_SAID_H
#define GRASP_RUNTIME_MODEL_SAID_H

#include <stdbool.h>

#include "runtime/base/buf.h"

enum said_kind {
    SAID_TEXT,    /* a reply */
    SAID_EMPTY,   /* nothing, though nothing explains it; or nothing but thinking */
    SAID_CUT,     /* nothing: thinking used all of max_tokens */
    SAID_REFUSED, /* nothing to go by: the model or a filter of the endpoint declined */
    SAID_KINDS
};
const char *said_kind_name(enum said_kind k); /* "text", "empty", "cut", "refused" */
int said_kind_from_name(const char *name);    /* -1 when it is none */

struct said {
    enum said_kind kind;
    char finish[32];             /* the server's word for the end; "" unless the kind needs it */
    const char *thinking, *text; /* into what was split; never NULL */
    size_t thinking_len, len;
};
/* Takes apart any text: marks as said_write makes them and, unless `keep`, <think> blocks at the
 * beginning (or their closing tag alone) and harmony channels. Thinking that never ends leaves no
 * text. A text without marks is all reply, whatever it says later on. */
void said_split(const char *text, size_t len, bool keep, struct said *out);
/* Appends the marks that are needed and the text. finish, reasoning: may be NULL. */
void said_write(struct buf *out, enum said_kind kind, const char *finish,
                const struct buf *reasoning, const char *text, size_t len);

#endif
