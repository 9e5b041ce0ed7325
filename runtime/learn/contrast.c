/*
 * contrast.c - which episodes of a batch a proposal is shown, and how much of each: the group's
 * failures, and beside them the passing ones of the same families, as many as do not crowd them
 * out; of the others a line for each kind.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/engine/skills_view.h"
#include "runtime/learn/update.h"

enum { LINE = 90 }; /* characters of an instruction */

/* By the recorded outcome: what could not be scored the first time stays out when a run goes on. */
bool update_is_failure(const struct update *u, size_t i)
{
    enum outcome o = u->l->seen.now[u->batch->v[i]];
    return o != OUTCOME_PASS && o != OUTCOME_UNSCORED && o != OUTCOME_PENDING;
}

static bool is_passing(const struct update *u, size_t i)
{
    return u->l->seen.now[u->batch->v[i]] == OUTCOME_PASS;
}

static bool in_group(const struct fail_group *g, size_t index)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i] == index)
            return true;
    return false;
}

static bool same_family(const struct rollout *a, const struct rollout *b)
{
    return str_same(a->task->family, b->task->family);
}

const struct rollout *update_beside(const struct update *u, const struct rollout *r)
{
    for (size_t i = 0; i < u->batch->n; i++)
        if (is_passing(u, i) && same_family(group_result(u->batch->group, i), r))
            return group_result(u->batch->group, i);
    return NULL;
}

/* How much of a prompt a trace takes, about. */
static size_t size_of(const json_t *trace)
{
    static const char *const texts[] = {"instruction", "context", "reported"};
    size_t n = 0, i;
    json_t *v;
    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        n += json_string_length(json_object_get(trace, texts[i]));
    json_array_foreach (json_object_get(trace, "steps"), i, v) {
        n += json_string_length(v) + 1;
    }
    json_array_foreach (json_object_get(trace, "reasons"), i, v) {
        n += json_string_length(v) + 1;
    }
    return n;
}

struct contrast {
    const struct rollout **shown; /* as traces: the group's first */
    size_t n, failing;
    size_t failing_size, passing_size;
    json_t *tasks, *passing, *passing_others, *others;
};

/* A line; tasks of the family and label of an earlier one are only counted there. */
static void add_line(json_t *lines, const struct rollout *r, const json_t *labels)
{
    json_t *line = prompt_line(r, labels, LINE), *other;
    const char *label = json_str_at(line, "label", NULL);
    size_t i;
    json_array_foreach (lines, i, other) {
        if (!str_same(json_str_at(other, "family", NULL), r->task->family) ||
            !str_same(json_str_at(other, "label", NULL), label))
            continue;
        json_object_set_new(other, "more", json_integer(1 + json_int_at(other, "more", 0)));
        json_decref(line);
        return;
    }
    json_object_set_new(line, "family", json_string(r->task->family));
    json_array_append_new(lines, line);
}

static void add_failures(struct update *u, const struct fail_group *g, struct contrast *c)
{
    struct noted said = {u->labels, u->also, u->notes};
    for (size_t i = 0; i < u->batch->n; i++) {
        const struct rollout *r = group_result(u->batch->group, i);
        if (!update_is_failure(u, i))
            continue;
        if (!in_group(g, i)) {
            add_line(c->others, r, u->labels);
            continue;
        }
        json_t *trace = prompt_failure(u->l, r, update_beside(u, r), TRACE_PROPOSE, &said);
        c->failing_size += size_of(trace);
        c->shown[c->n++] = r;
        json_array_append_new(c->tasks, trace);
    }
    c->failing = c->n;
}

static bool any_of_family(const struct contrast *c, size_t from, size_t to, const struct rollout *r)
{
    for (size_t i = from; i < to; i++)
        if (same_family(c->shown[i], r))
            return true;
    return false;
}

static void show_passing(struct contrast *c, const struct rollout *r, json_t *trace)
{
    c->passing_size += size_of(trace);
    c->shown[c->n++] = r;
    json_array_append_new(c->passing, trace);
}

/* One of each family in any case; more as long as they take no more room than the failures do. */
static void add_passing(struct update *u, struct contrast *c)
{
    for (size_t i = 0; i < u->batch->n; i++) {
        const struct rollout *r = group_result(u->batch->group, i);
        if (is_passing(u, i) && any_of_family(c, 0, c->failing, r) &&
            !any_of_family(c, c->failing, c->n, r))
            show_passing(c, r, prompt_trace(u->l, r, NULL));
    }
    size_t firsts = c->n;
    for (size_t i = 0; i < u->batch->n; i++) {
        const struct rollout *r = group_result(u->batch->group, i);
        bool shown = false;
        for (size_t k = c->failing; k < firsts; k++)
            shown |= c->shown[k] == r;
        if (!is_passing(u, i) || shown)
            continue;
        json_t *trace = any_of_family(c, 0, c->failing, r) ? prompt_trace(u->l, r, NULL) : NULL;
        if (trace && c->passing_size + size_of(trace) <= c->failing_size) {
            show_passing(c, r, trace);
        } else {
            json_decref(trace);
            add_line(c->passing_others, r, NULL);
        }
    }
}

/* Which of these tasks the skill once repaired, and how many of the failing ones it was shown to. */
static void add_skill_facts(struct update *u, const struct contrast *c, json_t *skills)
{
    struct learn *l = u->l;
    bool chosen = l->c->skills.inject == INJECT_TOP_K;
    json_t *skill;
    size_t at;
    json_array_foreach (skills, at, skill) {
        const struct skill *s = skill_set_find(&l->at.set, json_str_at(skill, "name", ""));
        json_t *repaired = json_array();
        for (size_t i = 0; i < c->n; i++) {
            const char *id = c->shown[i]->task->id;
            if (s && json_object_get(json_object_get(l->told.repaired, id), s->name))
                json_array_append_new(repaired, json_string(id));
        }
        json_object_set_new(skill, "repaired", repaired);
        int shown = 0;
        for (size_t i = 0; i < c->failing; i++)
            shown += s && skills_view_shown(s, &c->shown[i]->shown);
        if (chosen)
            json_object_set_new(skill, "shown", json_sprintf("%d of %zu", shown, c->failing));
    }
}

int update_contrast(struct update *u, const struct fail_group *g, json_t *data)
{
    struct contrast c = {.tasks = json_array(),
                         .passing = json_array(),
                         .passing_others = json_array(),
                         .others = json_array()};
    c.shown = calloc(u->batch->n + 1, sizeof(*c.shown));
    int rc = c.shown ? 0 : err_oom();
    if (rc == 0) {
        add_failures(u, g, &c);
        add_passing(u, &c);
        prompt_told(u->l, c.shown, c.n, data);
        add_skill_facts(u, &c, json_object_get(data, "skills"));
    }
    json_object_set_new(data, "tasks", c.tasks);
    json_object_set_new(data, "passing", c.passing);
    json_object_set_new(data, "passing_others", c.passing_others);
    json_object_set_new(data, "others", c.others);
    free(c.shown);
    return rc;
}
