/* writer.c - calls of the writer. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn_private.h"

static void call_free(struct writer_call *w)
{
    *(w->prev ? &w->prev->next : &w->l->told.calls) = w->next;
    if (w->next)
        w->next->prev = w->prev;
    buf_release(&w->text);
    chat_release(&w->chat);
    free(w);
}

static void writer_answered(const struct model_reply *reply, void *arg)
{
    struct writer_call *w = arg;
    w->done = true;
    w->too_long = reply->result == MODEL_CONTEXT_LIMIT;
    w->failed = reply->result != MODEL_OK && reply->result != MODEL_CONTEXT_LIMIT;
    buf_reset(&w->text);
    buf_add(&w->text, w->failed ? reply->error : reply->text,
            w->failed ? strlen(reply->error) : reply->len);
    if (w->phase == PHASE_PROPOSE && reply->result == MODEL_CONTEXT_LIMIT)
        endings_count(&w->l->ended.writer, ENDING_CONTEXT, reply->error, strlen(reply->error));
    else if (w->phase == PHASE_PROPOSE && !w->failed && reply->kind != SAID_TEXT)
        endings_count(&w->l->ended.writer, ending_of_said(reply->kind), NULL, 0);
    if (reply->result == MODEL_CONTEXT_LIMIT)
        log_warn("the writer's prompt is too long for its model: %s", reply->error);
    if (reply->result == MODEL_FATAL)
        engine_stop(w->l->s->engine, GRASP_EINVAL, reply->error);
    if (w->left)
        call_free(w);
}

static struct writer_call *call_new(struct learn *l)
{
    struct writer_call *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    buf_init(&w->text);
    w->l = l;
    w->next = l->told.calls;
    if (w->next)
        w->next->prev = w;
    l->told.calls = w;
    return w;
}

/* Samples of the writer are never shared: the K proposals of an update are K samples whatever the
 * temperature, and an endpoint that answers alike is asked once for each. */
static int64_t draw_of(const struct learn *l, int sample)
{
    struct draws own = {.seed = l->s->draws.seed};
    return draw_number(&own, DRAW_WRITER,
                       (uint32_t)l->updates * DRAWS_AN_UPDATE + (uint32_t)sample);
}

static int send_call(struct writer_call *w, enum model_phase phase, int sample)
{
    struct learn *l = w->l;
    double t = l->c->cycle.proposal_temperature; /* it reaches the whole writer (spec/method.md) */
    if (t < 0)
        t = l->c->writer.temperature;
    w->phase = phase;
    struct model_request rq = {.chat = &w->chat,
                               .temperature = t,
                               .max_tokens = (int)l->c->writer.max_tokens,
                               .draw = draw_of(l, sample),
                               .phase = phase};
    int rc = model_ask(session_model(l->s, true), &rq, writer_answered, w);
    if (rc < 0)
        w->done = true; /* nothing comes any more */
    return rc;
}

int writer_start(struct learn *l, struct writer_call **out, enum model_phase phase,
                 const char *prompt, const json_t *data, int sample)
{
    struct buf text = BUF_INIT;
    struct writer_call *w = *out = call_new(l);
    int rc = w ? prompts_render(l->prompts, prompt, data, &text) : err_oom();
    if (rc == 0)
        rc = chat_add(&w->chat, CHAT_USER, text.ptr, text.len);
    buf_release(&text);
    if (rc == 0)
        rc = send_call(w, phase, sample);
    else if (w)
        w->done = true; /* nothing comes any more */
    return rc;
}

int writer_again(struct learn *l, struct writer_call **out, const struct writer_call *first,
                 const char *error, int sample)
{
    struct buf text = BUF_INIT;
    struct writer_call *w = *out = call_new(l);
    json_t *data = json_pack("{s:o}", "error", json_text(error, strlen(error)));
    int rc = w && data ? 0 : err_oom();
    buf_add(&text, first->chat.v[0].text, first->chat.v[0].len);
    if (rc == 0)
        rc = prompts_render(l->prompts, "again", data, &text);
    if (rc == 0)
        rc = chat_add(&w->chat, CHAT_USER, text.ptr, text.len);
    buf_release(&text);
    json_decref(data);
    if (rc == 0)
        rc = send_call(w, first->phase, sample);
    else if (w)
        w->done = true;
    return rc;
}

int writer_wait(struct learn *l, struct writer_call *const *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        while (!w[i]->done) {
            int rc = engine_turn(l->s->engine);
            if (rc < 0)
                return rc;
        }
    for (size_t i = 0; i < n; i++)
        if (w[i]->failed)
            return err_set(GRASP_EOUTAGE,
                           "the writer could not be reached: %s; nothing was changed, the same "
                           "command goes on later",
                           w[i]->text.ptr);
    return 0;
}

void writer_release(struct writer_call *w)
{
    if (w && w->done)
        call_free(w);
    else if (w)
        w->left = true;
}

void writer_close(struct learn *l)
{
    while (l->told.calls)
        call_free(l->told.calls);
}
