/*
 * local.h - a chat model that answers in this process: the answer comes after its latency, from the
 * loop, and closing takes back what is in flight. A backend begins with a struct local_model and
 * fills `answer` and, if it holds more than memory of its own struct, `release`.
 */
#ifndef GRASP_RUNTIME_MODEL_LOCAL_H
#define GRASP_RUNTIME_MODEL_LOCAL_H

#include "runtime/model/model.h"

struct local_call;
struct local_model {
    struct model m;
    struct loop *loop;
    int64_t latency_ns;
    struct local_call *calls;
    /* Appends the answer's text, or the reason when it is not MODEL_OK. `attempt` counts from 0;
     * setting *again asks for another attempt a little later. */
    enum model_result (*answer)(struct local_model *m, const struct model_request *rq, int attempt,
                                bool *again, struct buf *text);
    void (*release)(struct local_model *m);
};
/* Fills the common part of a zeroed struct from calloc. On failure too, model_close frees it. */
int local_init(struct local_model *l, struct loop *loop, const struct model_settings *s);

/* About four bytes a token, as English text has with the usual tokenizers. */
struct model_usage local_usage(const struct chat *chat, size_t reply_bytes);

#endif
