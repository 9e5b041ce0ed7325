/* said_model.c - replies without their thinking. */
#include "runtime/model/said_model.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

struct said_call {
    struct said_front *front;
    LIST_ENTRY(said_call) link;
    int max_tokens;
    model_fn fn;
    void *arg;
};
struct said_front {
    struct model base;
    struct model *inner;
    bool keep;
    struct said_counts counts;
    bool told[SAID_KINDS];
    LIST_HEAD(, said_call) calls; /* not answered */
};

/* The first of its kind: what it means, and what to do. */
static void tell(struct said_front *f, const struct said *s, int max_tokens)
{
    const char *name = f->base.name;
    if (s->kind == SAID_TEXT || f->told[s->kind])
        return;
    f->told[s->kind] = true;
    if (s->kind == SAID_CUT)
        log_warn(
            "%s: an answer was empty: thinking used all of max_tokens (%d; 0: the server's own "
            "limit): raise model.max_tokens, or let it think less",
            name, max_tokens);
    else if (s->kind == SAID_REFUSED)
        log_warn("%s: an answer was refused (%s): it counts as one that says nothing", name,
                 *s->finish ? s->finish : "by the model");
    else if (s->thinking_len)
        log_warn(
            "%s: an answer was nothing but thinking (reasoning_content), its content was empty: "
            "check the server's reasoning parser, or raise model.max_tokens",
            name);
    else
        log_warn("%s: an answer was empty", name);
}

static void on_answer(const struct model_reply *reply, void *arg)
{
    struct said_call *c = arg;
    struct said_front *f = c->front;
    struct model_reply said = *reply;
    struct said s = {.kind = SAID_TEXT};
    char *own = NULL;
    if (reply->result == MODEL_OK) {
        said_split(reply->text, reply->len, f->keep, &s);
        f->counts.kinds[s.kind]++;
        tell(f, &s, c->max_tokens);
        said.text = s.text;
        said.len = s.len;
        said.thinking = s.thinking;
        said.thinking_len = s.thinking_len;
        if (s.text[s.len] && (said.text = own = str_ndup(s.text, s.len)) == NULL) {
            said = (struct model_reply){
                .result = MODEL_OUTAGE, .text = "", .thinking = "", .error = "out of memory"};
        }
    }
    f->counts.context += reply->result == MODEL_CONTEXT_LIMIT;
    said.kind = s.kind;
    said.finish = s.finish;
    model_fn fn = c->fn;
    void *fn_arg = c->arg;
    LIST_REMOVE(c, link);
    free(c);
    fn(&said, fn_arg);
    free(own);
}

static int ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct said_front *f = (struct said_front *)m;
    struct said_call *c = malloc(sizeof(*c));
    if (!c)
        return err_oom();
    *c = (struct said_call){.front = f, .max_tokens = rq->max_tokens, .fn = fn, .arg = arg};
    LIST_INSERT_HEAD(&f->calls, c, link);
    int rc = model_ask(f->inner, rq, on_answer, c);
    if (rc < 0) {
        LIST_REMOVE(c, link);
        free(c);
    }
    return rc;
}

static void close_front(struct model *m)
{
    struct said_front *f = (struct said_front *)m;
    struct said_call *c;
    while ((c = LIST_FIRST(&f->calls))) {
        LIST_REMOVE(c, link);
        free(c);
    }
    free(f);
}

const struct said_counts *said_model_counts(const struct model *m)
{
    return &((const struct said_front *)m)->counts;
}

int said_model(struct model **m, struct model *inner, bool keep)
{
    static const struct model_ops ops = {ask, close_front};
    struct said_front *f = calloc(1, sizeof(*f));
    *m = f ? &f->base : NULL;
    if (!f)
        return err_oom();
    f->inner = inner;
    f->keep = keep;
    LIST_INIT(&f->calls);
    return model_wrap(&f->base, &ops, inner);
}
