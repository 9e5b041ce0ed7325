/* trace.c - what the writer is given of a rollout. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/method/method_private.h"

json_t *cut_text(const char *s, size_t chars)
{
    size_t len = strlen(s);
    return json_text(s, utf8_prefix(s, len, chars));
}

json_t *trace_data(const struct memory *m, const struct method_trace *t)
{
    json_t *v = json_pack("{s:o, s:s, s:s}", "instruction",
                          json_text(t->instruction, strlen(t->instruction)), "status", t->status,
                          "correct", t->correct ? "True" : "False");
    if (!v || !repaired(m))
        return v;
    if (t->context && *t->context)
        json_object_set_new(v, "context", json_text(t->context, strlen(t->context)));
    if (t->result)
        json_object_set_new(v, "result", json_text(t->result, strlen(t->result)));
    if (t->expected)
        json_object_set_new(v, "expected", json_text(t->expected, strlen(t->expected)));
    return v;
}

json_t *trace_answer(const struct memory *m, const struct method_trace *t, size_t chars)
{
    if (repaired(m) && t->result)
        return cut_text(t->result, chars);
    for (size_t i = t->chat->n; i > 0; i--)
        if (t->chat->v[i - 1].role == CHAT_AGENT)
            return cut_text(t->chat->v[i - 1].text, chars);
    return json_string("");
}

json_t *trace_history(const struct method_trace *t)
{
    json_t *out = json_array();
    struct buf text = BUF_INIT;
    for (size_t i = 0; out && i < t->chat->n; i++) {
        const struct message *m = &t->chat->v[i];
        buf_reset(&text);
        if (i == 0 && m->role == CHAT_USER) {
            buf_adds(&text, t->instruction);
            if (t->context && *t->context)
                buf_addf(&text, " %s", t->context);
        } else {
            add_folded(&text, m->text, m->len);
        }
        json_t *one = json_pack("{s:s, s:o}", "role", chat_role_name(m->role), "text",
                                json_text(text.ptr, text.len));
        if (text.failed || json_array_append_new(out, one) < 0) {
            json_decref(out);
            out = NULL;
        }
    }
    buf_release(&text);
    return out;
}

int ask_one(struct method_run *r, const char *prompt, json_t *data, struct buf *reply)
{
    struct method_call call = {.prompt = prompt, .data = data, .reply = BUF_INIT};
    int rc = data ? r->writer->ask(r->writer, &call, 1) : err_oom();
    buf_release(reply);
    *reply = call.reply;
    json_decref(data);
    return rc;
}

void calls_free(struct method_call *calls, size_t n)
{
    for (size_t i = 0; calls && i < n; i++) {
        json_decref(calls[i].data);
        buf_release(&calls[i].reply);
    }
    free(calls);
}
