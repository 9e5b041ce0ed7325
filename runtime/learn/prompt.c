/* prompt.c - what the writer is told: JSON for the prompt templates (spec: "Writer calls").
 */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/learn/learn_private.h"

/* A string of at most `chars` code points; what is not UTF-8 becomes U+FFFD. */
static json_t *cut(const char *s, size_t chars)
{
    struct buf fixed = BUF_INIT;
    size_t len = s ? strlen(s) : 0, end = s ? utf8_prefix(s, len, chars) : 0;
    buf_add_utf8(&fixed, s ? s : "", end);
    if (end < len)
        buf_adds(&fixed, "...");
    json_t *v = json_stringn(fixed.ptr, fixed.len);
    buf_release(&fixed);
    return v;
}

/* Joined to one line: prompts are read line by line. */
static json_t *one_line(const char *s, size_t chars)
{
    char *copy = str_dup(s ? s : "");
    for (char *p = copy; p && *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    json_t *v = cut(copy, chars);
    free(copy);
    return v;
}

static json_t *string_list(const struct strlist *l, size_t chars)
{
    json_t *out = json_array();
    for (size_t i = 0; i < l->n; i++)
        json_array_append_new(out, one_line(l->v[i], chars));
    return out;
}

static json_t *last_messages(const struct chat *c)
{
    enum { MESSAGES = 8, CHARS = 400 };
    json_t *out = json_array();
    for (size_t i = c->n > MESSAGES ? c->n - MESSAGES : 0; i < c->n; i++)
        json_array_append_new(out, json_pack("{s:s, s:o}", "role", chat_role_name(c->v[i].role),
                                             "text", cut(c->v[i].text, CHARS)));
    return out;
}

static const char *change_of(const struct learn *l, const struct rollout *r)
{
    if (!l->seen.any_before)
        return "new";
    for (size_t i = 0; i < l->dev->n; i++)
        if (&l->dev->v[i] == r->task && l->seen.before[i] != OUTCOME_PENDING &&
            l->seen.before[i] != OUTCOME_UNSCORED) {
            bool was = l->seen.before[i] == OUTCOME_PASS;
            return was == r->correct ? (was ? "still passing" : "still failing")
                   : was             ? "broken"
                                     : "fixed";
        }
    return "new";
}

static void set_expected(json_t *v, const struct task *task)
{
    json_t *expected = grader_expected(task);
    if (!expected)
        return;
    struct buf text = BUF_INIT;
    buf_add_json_value(&text, expected);
    json_object_set_new(v, "expected", one_line(text.ptr, 400));
    buf_release(&text);
    json_decref(expected);
}

json_t *prompt_trace(const struct learn *l, const struct rollout *r, enum trace_detail detail,
                     const json_t *labels, const json_t *notes)
{
    size_t action_chars = detail == TRACE_CLASSIFY_AGAIN ? 160 : 1200;
    bool short_text = detail <= TRACE_CLASSIFY_AGAIN || detail == TRACE_LINE;
    json_t *v =
        json_pack("{s:s, s:s, s:o}", "id", r->task->id, "status", rollout_status_name(r->status),
                  "instruction", one_line(r->task->instruction, short_text ? 150 : 4000));
    json_t *label = json_object_get(labels, r->task->id);
    json_t *note = json_object_get(notes, r->task->id);
    if (label)
        json_object_set(v, "label", label);
    if (detail == TRACE_LINE)
        return v;
    json_object_set_new(v, "tags", string_list(&r->tags, 200));
    json_object_set_new(v, "actions", string_list(&r->actions, action_chars));
    json_object_set_new(v, "verdict", one_line(r->correct ? "correct" : r->verdict.reason, 200));
    if (r->result)
        json_object_set_new(v, "reported", one_line(r->result, 400));
    if (detail <= TRACE_CLASSIFY_AGAIN)
        set_expected(v, r->task);
    if (detail == TRACE_PROPOSE) {
        json_object_set_new(v, "change", json_string(change_of(l, r)));
        json_object_set_new(v, "messages", last_messages(&r->chat));
        if (note)
            json_object_set_new(v, "diagnosis", one_line(json_string_value(note), 600));
    }
    return v;
}

json_t *prompt_world(const struct learn *l, const struct rollout *r)
{
    enum { CHARS = 4000 };
    json_t *first = NULL, *v = NULL;
    struct buf api = BUF_INIT, format = BUF_INIT;
    if (l->c->env.kind != ENV_EXEC || !r->chat.n)
        return NULL;
    if (json_parse(&first, r->chat.v[0].text, r->chat.v[0].len, "first message") < 0) {
        err_clear();
        return NULL;
    }
    json_t *told = json_object_get(first, "response_format");
    buf_add_json_value(&api, json_object_get(first, "api"));
    if (json_is_string(told))
        buf_adds(&format, json_string_value(told));
    else
        buf_add_json_value(&format, told);
    if (buf_check(&api) == 0 && buf_check(&format) == 0)
        v = json_pack("{s:o, s:o}", "api", one_line(api.ptr, CHARS), "response_format",
                      one_line(format.ptr, CHARS));
    buf_release(&api);
    buf_release(&format);
    json_decref(first);
    return v;
}

json_t *prompt_library(const struct skill_set *set)
{
    json_t *out = json_array();
    for (size_t i = 0; i < set->n; i++)
        json_array_append_new(out, json_pack("{s:s, s:s}", "name", set->v[i].name, "description",
                                             set->v[i].description));
    return out;
}

static const struct skill_record *record_of(const struct learn *l, const char *name)
{
    for (size_t i = 0; i < l->fared.n; i++)
        if (strcmp(l->fared.v[i].name, name) == 0)
            return &l->fared.v[i];
    return NULL;
}

static json_t *tags_of(const struct strlist *tags)
{
    json_t *out = json_array();
    for (size_t i = 0; i < tags->n; i++)
        json_array_append_new(out, json_string(tags->v[i]));
    return out;
}

json_t *prompt_skills(const struct learn *l)
{
    static const struct {
        const char *meta, *key;
    } provenance[] = {{"author-model", "author_model"},
                      {"parent-version", "parent_version"},
                      {"epoch", "epoch"},
                      {"update", "update"}};
    json_t *out = json_array();
    for (size_t i = 0; i < l->at.set.n; i++) {
        const struct skill *s = &l->at.set.v[i];
        json_t *v =
            json_pack("{s:s, s:i, s:s, s:o, s:s}", "name", s->name, "version", s->version,
                      "description", s->description, "tags", tags_of(&s->tags), "body", s->body);
        for (size_t k = 0; k < sizeof(provenance) / sizeof(*provenance); k++)
            if (skill_meta(s, provenance[k].meta))
                json_object_set_new(v, provenance[k].key,
                                    json_string(skill_meta(s, provenance[k].meta)));
        const struct skill_record *r = record_of(l, s->name);
        if (r && l->seen.any_before) {
            json_object_set_new(v, "present_in_fixes", json_integer(r->fixes));
            json_object_set_new(v, "present_in_regressions", json_integer(r->regressions));
        }
        if (r && r->best_version && r->fixes - r->regressions < r->best_net)
            json_object_set_new(v, "warning",
                                json_sprintf("version %d does worse than version %d did: modifying "
                                             "it made it worse",
                                             s->version, r->best_version));
        json_array_append_new(out, v);
    }
    return out;
}

json_t *prompt_rejected(const struct learn *l)
{
    enum { MOST_WORDS = 20 };
    json_t *out = json_array();
    size_t i;
    json_t *v;
    json_array_foreach ((json_t *)l->told.people, i, v) {
        if (i < MOST_WORDS)
            json_array_append(out, v);
    }
    json_array_foreach (l->told.rejected, i, v) {
        if ((int64_t)i < l->c->gate.rejected_memory)
            json_array_append(out, v);
    }
    return out;
}

json_t *prompt_edits(const struct proposal *p)
{
    json_t *v = proposal_to_json(p);
    if (json_is_array(v))
        return v;
    return json_pack("[o]", v);
}
