/*
 * wire.h - the two HTTP dialects of chat models as pure functions: a request becomes a JSON body, a
 * reply's bytes become a text or a reason. No I/O, so that the parsers can be fuzzed; api.c does
 * the calls.
 */
#ifndef GRASP_RUNTIME_MODEL_WIRE_H
#define GRASP_RUNTIME_MODEL_WIRE_H

#include "runtime/model/model.h"
#include "runtime/model/said.h"

/* A longer text of a model is cut here: nothing an agent may say is near it. */
#define WIRE_MAX_TEXT ((size_t)1 << 20)

enum wire_kind {
    WIRE_TEXT,   /* a reply; its text may be a refusal */
    WIRE_EMPTY,  /* a reply that says nothing, though nothing explains it */
    WIRE_ERROR,  /* an error object, with status 200 or another */
    WIRE_BROKEN, /* no reply of this API, or not a whole one: cut, no JSON, no choices */
};
struct wire_reply {
    enum wire_kind kind;
    struct buf text, reasoning; /* reasoning: what came apart from the content */
    enum said_kind said;        /* of WIRE_TEXT: why it is as it is */
    char finish[32];            /* the server's word for the end */
    struct model_usage usage;   /* also of a reply that is thrown away */
    char code[64], param[64];   /* of an error, "" when it has none */
    char why[320];              /* of an error or a broken reply: one printable line */
    double retry_after;         /* seconds that an error's body asks for; -1: none */
    bool flagged;               /* an error that says a policy declined the conversation */
};
void wire_reply_init(struct wire_reply *r);
void wire_reply_release(struct wire_reply *r);

/* The code of a reply that no repetition mends: another API answered. */
#define WIRE_NOT_CHAT "not_chat_completions"

struct wire_params {
    const char *model;
    const json_t *extra;    /* further members; they win over ours */
    bool completion_tokens; /* say max_completion_tokens for max_tokens (chat completions) */
    bool stream;            /* ask for server-sent events */
    bool cache_key;         /* send prompt_cache_key */
};
struct wire {
    const char *path; /* "/chat/completions" */
    const char *auth; /* the header of the key where none is configured */
    void (*encode)(const struct wire_params *p, const struct model_request *rq, struct buf *body);
    void (*decode)(const char *body, size_t len, struct wire_reply *out);
};
extern const struct wire wire_openai, wire_responses, wire_anthropic;

/* ---- shared by the dialects ---- */

/* Parses a reply whatever bytes it has: a byte order mark is passed over, invalid UTF-8 and lone
 * surrogates become U+FFFD, raw control characters in strings are read, NaN is null, server-sent
 * events are put together. A new reference, or NULL with out->kind WIRE_BROKEN and out->why set. */
json_t *wire_parse(const char *body, size_t len, struct wire_reply *out);
/* Reads {"error": ...} in the shapes vendors use; false when there is none. */
bool wire_read_error(const json_t *root, struct wire_reply *out);
/* Sets why from outside text: one line, printable, secrets blanked. */
void wire_why(struct wire_reply *out, const char *text);
/* A content: a string, null, or an array of parts with a text each; appended up to WIRE_MAX_TEXT.
 * Parts of type reasoning or thinking go to `reasoning` (NULL: nowhere). */
void wire_add_parts(const json_t *content, struct buf *text, struct buf *reasoning);
void wire_add_content(const json_t *content, struct buf *text); /* without reasoning */
/* The thinking that a message has in fields of its own, under the names in use. */
void wire_add_reasoning(const json_t *message, struct buf *reasoning);
/* Reads a usage object, in any of the spellings: cached tokens in all their places, thinking that
 * completion_tokens leaves out, a cost. `apart`: prompt tokens that were cached are not among those
 * of the prompt (the Messages API). */
void wire_read_usage(const json_t *usage, bool apart, struct model_usage *out);
/* Sets finish, and kind and said from it and what there is: text, a refusal, silence with a reason
 * or without one, or no whole reply at all. `acted`: a tool was called, which explains silence. */
void wire_conclude(struct wire_reply *out, const char *finish, bool refused, bool acted);
/* "text" as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void wire_add_string(struct buf *body, const char *text, size_t len);
/* [{"role": ..., "content": ...}, ...]. Chat templates refuse two messages of one role in a row,
 * and some an empty one: neighbours become one, with a blank line between them, and what is empty
 * is left out. */
void wire_add_messages(struct buf *body, const struct chat *chat);
/* ,"key":value for each member of extra. */
void wire_add_extra(struct buf *body, const json_t *extra);
/* Where a request's beginning is cached: the same number for all turns of a conversation, and for all
 * of the writer's calls of one phase, which share more than their beginnings do. */
uint64_t wire_beginning(const struct model_request *rq);
/* ,"prompt_cache_key":"grasp-..." where it is wanted and extra has none. */
void wire_add_cache_key(struct buf *body, const struct wire_params *p,
                        const struct model_request *rq);
void wire_add_temperature(struct buf *body, const struct wire_params *p, double temperature);

/* Whether an error says that the conversation is longer than the model takes. */
bool wire_is_context_limit(const struct wire_reply *r);

#endif
