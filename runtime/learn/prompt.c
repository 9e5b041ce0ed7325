/* prompt.c - what the writer is told: JSON for the prompt templates (spec: "Writer calls"). The
 * steps of an episode: trace.c. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/env/digest.h"
#include "runtime/learn/learn_private.h"
#include "skills/inject.h"

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

/* What the task says, as the agent read it: the world may have its own wording, or add the time. */
static const char *told_text(const struct rollout *r, const char *key, const char *in_task)
{
    const char *told = json_str_at(r->told, key, NULL);
    return told ? told : in_task;
}

static json_t *reasons_of(const struct rollout *r)
{
    json_t *reasons = verdict_reasons(rollout_verdict(r));
    if (reasons && !json_array_size(reasons) && *rollout_verdict(r)->reason)
        json_array_append_new(reasons, one_line(rollout_verdict(r)->reason, 200));
    return reasons;
}

json_t *prompt_line(const struct rollout *r, const json_t *labels, size_t chars)
{
    json_t *v = json_pack("{s:s, s:o}", "id", r->task->id, "instruction",
                          one_line(told_text(r, "description", r->task->instruction), chars));
    json_t *label = json_object_get(labels, r->task->id);
    if (label)
        json_object_set(v, "label", label);
    return v;
}

json_t *prompt_trace(const struct learn *l, const struct rollout *r, const struct rollout *beside)
{
    enum { WORDS = 8000 };
    const char *context = told_text(r, "context", r->task->context);
    json_t *v = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "id", r->task->id, "status",
                          rollout_status_name(r->status), "instruction",
                          one_line(told_text(r, "description", r->task->instruction), WORDS),
                          "tags", string_list(&r->tags, 200), "actions",
                          string_list(&r->actions, WORDS), "steps", trace_steps(l, r, beside));
    json_object_set_new(v, "verdict",
                        one_line(r->correct ? "correct" : rollout_verdict(r)->reason, 200));
    if (!r->correct)
        json_object_set_new(v, "reasons", reasons_of(r));
    if (*context)
        json_object_set_new(v, "context", one_line(context, WORDS));
    if (r->result)
        json_object_set_new(v, "reported", one_line(r->result, 1000));
    return v;
}

json_t *prompt_failure(const struct learn *l, const struct rollout *r, const struct rollout *beside,
                       enum trace_detail detail, const struct noted *said)
{
    json_t *v = prompt_trace(l, r, beside);
    json_t *label = json_object_get(said->labels, r->task->id);
    json_t *also = json_object_get(said->also, r->task->id);
    json_t *note = json_object_get(said->notes, r->task->id);
    if (label)
        json_object_set(v, "label", label);
    json_t *about = json_object_get(l->told.labels, also ? json_string_value(also) : "");
    /* the group's label is described where edits are proposed, this one is not */
    if (also && about && detail == TRACE_PROPOSE)
        json_object_set_new(
            v, "also", json_sprintf("%s (%s)", json_string_value(also), json_string_value(about)));
    else if (also)
        json_object_set(v, "also", also);
    if (detail == TRACE_CLASSIFY)
        set_expected(v, r->task);
    if (detail == TRACE_PROPOSE) {
        json_object_set_new(v, "change", json_string(change_of(l, r)));
        if (note)
            json_object_set_new(v, "diagnosis", one_line(json_string_value(note), 1200));
    }
    return v;
}

/* ---- what the agent was told ---- */

/* Characters of what a function or a parameter is for: more is rarely about either. */
enum { ABOUT = 240 };

static bool is_required(const json_t *schema, const char *name)
{
    json_t *v;
    size_t i;
    json_array_foreach (json_object_get(schema, "required"), i, v) {
        if (str_same(json_string_value(v), name))
            return true;
    }
    return false;
}

/* Whether `action` is of this function: "GET {api_base}/Observation" is what
 * "GET http://.../Observation?code=K" does. `query`: what stands behind its URL's path. */
static bool is_of(const char *a, const char *function, const char **query)
{
    size_t verb = strcspn(function, " ");
    const char *type = strrchr(function, '/');
    size_t n = type ? strlen(++type) : 0;
    if (!n || strncmp(a, function, verb + 1) != 0)
        return false;
    *query = a + verb + 1 + strcspn(a + verb + 1, " ?#");
    for (const char *p = a + verb; p + n < *query; p++) /* "/Patient" and "/Patient/S1" */
        if ((*p == '/' || *p == ' ') && memcmp(p + 1, type, n) == 0 &&
            (p + 1 + n == *query || p[1 + n] == '/'))
            return true;
    return false;
}

/* Whether a search gives every parameter that it has to. */
static bool is_complete(const char *query, const json_t *schema)
{
    json_t *v;
    size_t i;
    json_array_foreach (json_object_get(schema, "required"), i, v) {
        const char *name = json_string_value(v) ? json_string_value(v) : "", *p = query;
        size_t n = strlen(name);
        do
            p += *p != '\0';
        while (*p && !(strncmp(p, name, n) == 0 && (p[n] == '=' || p[n] == ':') &&
                       (p[-1] == '?' || p[-1] == '&')));
        if (!*p)
            return false;
    }
    return true;
}

/* How the rollouts used a function; of two with one name, that one counts whose parameters they
 * gave. */
enum use { USE_NONE, USE_NAME, USE_COMPLETE };

static enum use use_of(const json_t *f, const struct rollout *const *r, size_t n)
{
    const char *name = json_str_at(f, "name", ""), *query;
    enum use best = USE_NONE;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < r[k]->actions.n && best < USE_COMPLETE; i++)
            if (is_of(r[k]->actions.v[i], name, &query))
                best =
                    is_complete(query, json_object_get(f, "parameters")) ? USE_COMPLETE : USE_NAME;
    }
    return best;
}

/* A line a parameter: "code.coding[].system: ...", with its path as in the payload. */
static void add_parameters(struct buf *out, const json_t *schema, const char *path, int depth)
{
    enum { DEPTH_MAX = 8, PATH_LEN = 1000 };
    const char *name;
    json_t *v;
    json_object_foreach (json_object_get(schema, "properties"), name, v) {
        const char *type = json_str_at(v, "type", ""), *about = json_str_at(v, "description", "");
        const json_t *inner = v;
        struct buf at = BUF_INIT;
        buf_addf(&at, "%s%s%s", path, *path ? "." : "", name);
        for (; strcmp(json_str_at(inner, "type", ""), "array") == 0 && at.len < PATH_LEN;
             inner = json_object_get(inner, "items"))
            buf_adds(&at, "[]");
        bool leaf = !json_object_get(inner, "properties");
        if (leaf || *about) {
            buf_addf(out, "\n    - %s", at.ptr);
            if (is_required(schema, name))
                buf_adds(out, " (required)");
            if (leaf && *type && strcmp(type, "string") != 0 && inner == v)
                buf_addf(out, " (%s)", type);
            if (*about) {
                buf_adds(out, ": ");
                digest_plain(about, strlen(about), ABOUT, out);
            }
        }
        if (!leaf && depth < DEPTH_MAX)
            add_parameters(out, inner, at.ptr, depth + 1);
        buf_release(&at);
    }
}

/* The functions that the rollouts used, as text; a list that has another shape is left out. */
static json_t *functions_used(const json_t *api, const struct rollout *const *r, size_t n)
{
    json_t *out = json_array(), *f, *other;
    size_t i, k;
    json_array_foreach (json_object_get(api, "functions"), i, f) {
        const char *name = json_str_at(f, "name", ""), *about = json_str_at(f, "description", "");
        enum use use = use_of(f, r, n), best = use;
        struct buf text = BUF_INIT;
        json_array_foreach (json_object_get(api, "functions"), k, other) {
            if (use == USE_NAME && str_same(json_str_at(other, "name", ""), name) &&
                use_of(other, r, n) > best)
                best = USE_COMPLETE;
        }
        if (use == USE_NONE || use < best)
            continue;
        buf_addf(&text, "- `%s`", name);
        if (*about) {
            buf_adds(&text, ": ");
            digest_plain(about, strlen(about), ABOUT, &text);
        }
        add_parameters(&text, json_object_get(f, "parameters"), "", 0);
        json_array_append_new(out, json_text(text.ptr, text.len));
        buf_release(&text);
    }
    return out;
}

/* Any JSON as one line of text. */
static json_t *json_line(const json_t *v, size_t chars)
{
    struct buf text = BUF_INIT, line = BUF_INIT;
    if (json_is_string(v))
        buf_adds(&text, json_string_value(v));
    else if (v)
        buf_add_json_value(&text, v);
    digest_plain(text.ptr, text.len, chars, &line);
    json_t *out = json_text(line.ptr, line.len);
    buf_release(&text);
    buf_release(&line);
    return out;
}

void prompt_told(const struct learn *l, const struct rollout *const *r, size_t n, json_t *data)
{
    enum { CHARS = 4000 };
    const json_t *told = NULL;
    for (size_t i = 0; i < n && !told; i++)
        told = r[i]->told;
    if (!told)
        return;
    const json_t *api = json_object_get(told, "api");
    json_t *form = json_line(json_object_get(told, "response_format"), CHARS);
    if (l->c->env.kind == ENV_EXEC)
        json_object_set_new(
            data, "world",
            json_pack("{s:o, s:o}", "api", json_line(api, CHARS), "response_format", form));
    else
        json_object_set_new(data, "told",
                            json_pack("{s:o, s:o}", "functions", functions_used(api, r, n),
                                      "response_format", form));
}

/* The i-th skill of a set in the order in which agents are shown them, which is why the writer's
 * prompts begin alike from one update to the next. NULL: no memory. */
static size_t *shown_order(const struct skill_set *set)
{
    size_t *pick = calloc(set->n + 1, sizeof(*pick));
    if (pick)
        inject_order(set, pick);
    return pick;
}

json_t *prompt_library(const struct skill_set *set)
{
    json_t *out = json_array();
    size_t *pick = shown_order(set);
    for (size_t i = 0; pick && i < set->n; i++) {
        const struct skill *s = &set->v[pick[i]];
        json_array_append_new(
            out, json_pack("{s:s, s:s}", "name", s->name, "description", s->description));
    }
    free(pick);
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
    size_t *pick = shown_order(&l->at.set);
    for (size_t i = 0; pick && i < l->at.set.n; i++) {
        const struct skill *s = &l->at.set.v[pick[i]];
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
    free(pick);
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
