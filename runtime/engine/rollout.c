/* rollout.c - what is said of a rollout: statuses, outcomes, its line in *_runs.jsonl. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/rollout.h"

enum outcome rollout_outcome(const struct rollout *r)
{
    switch (r->status) {
    case ROLLOUT_RUNNING:
        return OUTCOME_PENDING;
    case ROLLOUT_UNSCORED:
        return OUTCOME_UNSCORED;
    case ROLLOUT_INVALID_ACTION:
        return OUTCOME_INVALID;
    case ROLLOUT_TASK_ERROR:
        return OUTCOME_ERROR;
    default:
        return r->correct ? OUTCOME_PASS : OUTCOME_FAIL;
    }
}

const struct verdict *rollout_verdict(const struct rollout *r)
{
    static const struct verdict none;
    return r->verdict ? r->verdict : &none;
}

void rollout_set_verdict(struct rollout *r, const struct verdict *v)
{
    if (!r->verdict)
        r->verdict = malloc(sizeof(*v));
    if (r->verdict)
        *r->verdict = *v;
}

void rollout_release(struct rollout *r)
{
    strlist_release(&r->tags);
    strlist_release(&r->actions);
    strlist_release(&r->shown);
    chat_release(&r->chat);
    json_decref(r->told);
    json_decref(r->digests);
    free(r->result);
    free(r->error);
    free(r->verdict);
    *r = (struct rollout){0};
}

static json_t *text_or_null(const char *s)
{
    json_t *v = s ? json_string(s) : NULL;
    return v ? v : json_null();
}

/* All but the messages. */
static json_t *summary(const struct rollout *r)
{
    return json_pack("{s:s, s:I, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:i, s:{s:I, s:I, s:I}, s:o}",
                     "task_id", r->task->id, "draw", (json_int_t)r->draw, "status",
                     rollout_status_name(r->status), "correct", (int)r->correct, "reason",
                     text_or_null(rollout_verdict(r)->reason), "reasons",
                     verdict_reasons(rollout_verdict(r)), "result", text_or_null(r->result), "tags",
                     json_strings(&r->tags), "actions", json_strings(&r->actions), "calls",
                     r->calls, "usage", "prompt_tokens", (json_int_t)r->usage.prompt_tokens,
                     "completion_tokens", (json_int_t)r->usage.completion_tokens, "cached_tokens",
                     (json_int_t)r->usage.cached_tokens, "error", text_or_null(r->error));
}

json_t *rollout_to_json(const struct rollout *r)
{
    json_t *v = summary(r);
    if (v && json_object_set_new(v, "messages", chat_to_json(&r->chat)) < 0) {
        json_decref(v);
        return NULL;
    }
    return v;
}

/* Sets the answer, as far as evidence has room for it. */
static void set_answer(json_t *v, const char *answer)
{
    enum { BYTES = 4000 };
    struct buf text = BUF_INIT;
    size_t len = strlen(answer), n = utf8_cut(answer, len, BYTES);
    buf_add_utf8(&text, answer, n);
    json_object_set_new(v, "answer", json_text(text.ptr, text.len));
    if (n < len)
        json_object_set_new(v, "answer_bytes", json_integer((json_int_t)len));
    buf_release(&text);
}

json_t *rollout_seen(const struct rollout *r)
{
    json_t *v =
        json_pack("{s:o, s:o, s:o, s:o}", "reasons", verdict_reasons(rollout_verdict(r)), "skills",
                  json_strings(&r->shown), "prompt", json_sprintf("%016" PRIx64, r->first_call),
                  "call", json_sprintf("%016" PRIx64, r->last_call));
    if (v && r->result)
        set_answer(v, r->result);
    if (v && r->status != ROLLOUT_COMPLETED)
        json_object_set_new(v, "status", json_string(rollout_status_name(r->status)));
    return v;
}

int rollout_write(const struct rollout *r, struct trace_out *out)
{
    json_t *v = summary(r);
    int rc = v ? trace_out_add(out, v, &r->chat) : err_oom();
    json_decref(v);
    return rc;
}
