/*
 * grader_tags.c - what went wrong in a rollout, as hints for the writer: how it ended, whether it
 * looked anything up, and what its verdict's reason names.
 */
#include <string.h>

#include "probes/graders/action.h"
#include "probes/graders/grading_private.h"

static bool finish_is_json(const char *result)
{
    struct py_arena arena = {0};
    struct pyvalue v;
    bool ok = py_json(&arena, result, strlen(result), &v);
    py_arena_release(&arena);
    return ok;
}

static bool asked_anything(const struct chat *chat)
{
    struct buf clean = BUF_INIT;
    struct agent_action action = {0};
    for (size_t i = 0; i < chat->n && action.verb != AGENT_GET; i++) {
        buf_reset(&clean);
        if (chat->v[i].role == CHAT_AGENT)
            agent_action_read(&action, chat->v[i].text, chat->v[i].len, &clean);
    }
    buf_release(&clean);
    return action.verb == AGENT_GET;
}

/* The field of "payload[1].FIELD: why". */
static int add_field(struct strlist *tags, const char *reason)
{
    const char *field = strchr(reason, '.');
    if (!field)
        return strlist_add(tags, "post_body_mismatch");
    field++;
    return strlist_addf(tags, "post_body_mismatch:%.*s", (int)strcspn(field, ":"), field);
}

static int add_reason(struct strlist *tags, const char *reason, bool reads_only)
{
    static const struct {
        const char *prefix, *tag;
    } table[] = {
        {"posts: missing", "missing_required_post"},
        {"posts: extra", "extra_post"},
        {"url", "wrong_post_url"},
    };
    if (str_starts(reason, "has_post"))
        return strlist_add(tags, reads_only ? "read_only_task_used_post" : "extra_post");
    if (str_starts(reason, "payload"))
        return add_field(tags, reason);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (str_starts(reason, table[i].prefix))
            return strlist_add(tags, table[i].tag);
    return 0;
}

int grader_tags(const struct task *task, const struct grader_settings *settings,
                const struct trace *trace, const struct verdict *verdict, const char *status,
                struct strlist *tags)
{
    const struct grader_family *f = grader_family(task, settings->benchmark);
    int rc = 0;
    if (verdict->correct)
        return 0;
    if (strcmp(status, "agent invalid action") == 0)
        rc = strlist_add(tags, "protocol_invalid");
    else if (!trace->result)
        rc = strlist_add(tags, "no_finish");
    if (rc == 0 && trace->result && !finish_is_json(trace->result))
        rc = strlist_add(tags, "finish_not_json");
    if (rc == 0 && trace->result && f && f->searches[0] && !asked_anything(trace->chat))
        rc = strlist_add(tags, "answered_without_query");
    if (rc == 0)
        rc = add_reason(tags, verdict->reason, f && f->reads_only);
    return rc;
}
