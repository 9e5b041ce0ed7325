/*
 * wire.h - the two HTTP dialects of chat models as pure functions: a request becomes a JSON body, a
 * reply's bytes become a text or a reason. No I/O, so that the parsers can be fuzzed; api.c does
 * the calls.
 */
#ifndef GRASP_RUNTIME_MODEL_WIRE_H
#define GRASP_RUNTIME_MODEL_WIRE_H

#include "runtime/model/model.h"

/* A longer text of a model is cut here: nothing an agent may say is near it. */
#define WIRE_MAX_TEXT ((size_t)1 << 20)

enum wire_kind {
    WIRE_TEXT,   /* a reply; its text may be a refusal */
    WIRE_EMPTY,  /* a reply that says nothing, though nothing explains it */
    WIRE_ERROR,  /* an error object, with status 200 or another */
    WIRE_BROKEN, /* no reply of this API: cut, no JSON, no choices */
};
struct wire_reply {
    enum wire_kind kind;
    struct buf text;
    struct model_usage usage;
    char code[64], param[64]; /* of an error, "" when it has none */
    char why[320];            /* of an error or a broken reply: one printable line */
};
void wire_reply_init(struct wire_reply *r);
void wire_reply_release(struct wire_reply *r);

struct wire_params {
    const char *model;
    const json_t *extra;    /* further members; they win over ours */
    bool completion_tokens; /* say max_completion_tokens for max_tokens (chat completions) */
};
struct wire {
    const char *path; /* "/chat/completions" */
    void (*encode)(const struct wire_params *p, const struct model_request *rq, struct buf *body);
    void (*decode)(const char *body, size_t len, struct wire_reply *out);
};
extern const struct wire wire_openai, wire_responses;

/* ---- shared by the dialects ---- */

/* Parses a reply whatever bytes it has: invalid UTF-8 and lone surrogates become U+FFFD. A new
 * reference, or NULL with out->kind WIRE_BROKEN and out->why set. */
json_t *wire_parse(const char *body, size_t len, struct wire_reply *out);
/* Reads {"error": ...} in the shapes vendors use; false when there is none. */
bool wire_read_error(const json_t *root, struct wire_reply *out);
/* Sets why from outside text: one line, printable, secrets blanked. */
void wire_why(struct wire_reply *out, const char *text);
/* A content: a string, null, or an array of parts with a text each; appended up to WIRE_MAX_TEXT. */
void wire_add_content(const json_t *content, struct buf *text);
/* "text" as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void wire_add_string(struct buf *body, const char *text, size_t len);
/* [{"role": ..., "content": ...}, ...] */
void wire_add_messages(struct buf *body, const struct chat *chat);
/* ,"key":value for each member of extra. */
void wire_add_extra(struct buf *body, const json_t *extra);
void wire_add_temperature(struct buf *body, const struct wire_params *p, double temperature);
int64_t wire_count(const json_t *usage, const char *path);

/* Whether an error says that the conversation is longer than the model takes. */
bool wire_is_context_limit(const struct wire_reply *r);

#endif
