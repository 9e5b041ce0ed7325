/* rollout.c - what is said of a rollout: statuses, outcomes, its line in *_runs.jsonl. */
#include <stdlib.h>
#include <string.h>

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

void rollout_release(struct rollout *r)
{
    strlist_release(&r->tags);
    strlist_release(&r->actions);
    chat_release(&r->chat);
    json_decref(r->told);
    json_decref(r->digests);
    free(r->result);
    free(r->error);
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
                     text_or_null(r->verdict.reason), "reasons", verdict_reasons(&r->verdict),
                     "result", text_or_null(r->result), "tags", json_strings(&r->tags), "actions",
                     json_strings(&r->actions), "calls", r->calls, "usage", "prompt_tokens",
                     (json_int_t)r->usage.prompt_tokens, "completion_tokens",
                     (json_int_t)r->usage.completion_tokens, "cached_tokens",
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

void rollout_write_line(const struct rollout *r, struct buf *out)
{
    json_t *v = summary(r);
    out->failed |= !v;
    if (v)
        buf_add_json_value(out, v);
    buf_truncate(out, out->len - !!out->len); /* its closing brace */
    buf_adds(out, ",\"messages\":");
    chat_write_json(&r->chat, out);
    buf_adds(out, "}\n");
    json_decref(v);
}
