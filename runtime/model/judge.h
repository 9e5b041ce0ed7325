/* judge.h - what an endpoint's answer means for the call: a table over statuses and error codes. */
#ifndef GRASP_RUNTIME_MODEL_JUDGE_H
#define GRASP_RUNTIME_MODEL_JUDGE_H

#include "runtime/model/wire.h"

/* A larger reply is not read: no chat model says so much. */
#define JUDGE_MAX_BODY ((size_t)16 << 20)

enum judgement {
    JUDGE_ANSWER,  /* out has the text (maybe WIRE_EMPTY) */
    JUDGE_RETRY,   /* the same call may work later */
    JUDGE_LIMITED, /* too much at once; later */
    JUDGE_CONTEXT, /* the conversation is too long */
    JUDGE_REFUSED, /* this call will not work, others do */
    JUDGE_DOUBT,   /* probably as JUDGE_FATAL, but it may pass: to be tried a few times */
    JUDGE_FATAL,   /* no call will work: key, model name, URL */
};
/* `proven`: the endpoint has answered before, so an odd answer is not about the settings. */
enum judgement judge_reply(const struct wire *wire, const struct http_reply *reply, bool proven,
                           struct wire_reply *out);
/* One line for people: which endpoint, what it said, what to check. Never the key. */
void judge_explain(enum judgement j, const struct http_reply *reply, const struct wire_reply *r,
                   const char *base, char *why, size_t size);

#endif
