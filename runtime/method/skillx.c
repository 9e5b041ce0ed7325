/*
 * skillx.c - SkillX: functional skills out of successful traces: a plan, skills of its steps, a filter, a
 * merge of those with one name; retrieved for every message.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/method/method_private.h"

enum {
    INSTRUCTION = 1200,
    FIRST_ACTIONS = 3, /* of a long trace; the rest of its room is for the last ones */
    FIRST_MESSAGES = 4,
    STEP_LEAST = 5,
    MERGED = 15
};

static const char *const skill_keys[] = {"name", "document", NULL};

/* ---- what is shown ---- */

struct ranked {
    size_t at;
    double score;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

static int rank(const struct memory *m, const char *query, struct ranked *v, size_t n)
{
    struct words q, w = {0};
    int rc = words_of(&q, query);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const json_t *skill = json_array_get(memory_list(m, "skills"), i);
        if (!m->prepared[0])
            rc = words_of_entry(&w, skill, skill_keys);
        v[i] = (struct ranked){i, words_jaccard(&q, m->prepared[0] ? &m->prepared[0][i] : &w)};
        words_release(&w);
    }
    words_release(&q);
    if (n)
        qsort(v, n, sizeof(*v), by_score);
    return rc;
}

static void add_skill(const json_t *skill, struct buf *out)
{
    buf_addf(out, "## %s\n%s\n```\n%s\n```\n", json_str_at(skill, "name", ""),
             json_str_at(skill, "document", ""), json_str_at(skill, "content", ""));
}

/* The best ones if the best has a word of the query; others come along. */
static void block(const struct memory *m, const char *query, struct buf *out)
{
    const json_t *skills = memory_list(m, "skills");
    size_t n = json_array_size(skills), most = (size_t)m->settings.retrieval_top_k;
    struct ranked *v = calloc(n + 1, sizeof(*v));
    if (!v || rank(m, query, v, n) < 0)
        out->failed = true;
    else if (n && v[0].score > 0) {
        buf_adds(out, "<skillx_memory>\nSkills from tasks that were solved. Use those that fit the "
                      "task at hand.\n");
        for (size_t i = 0; i < n && i < most; i++)
            add_skill(json_array_get(skills, v[i].at), out);
        buf_adds(out, "</skillx_memory>");
    }
    free(v);
}

static void describe(const struct memory *m, struct buf *out)
{
    size_t i;
    json_t *skill;
    json_array_foreach (memory_list(m, "skills"), i, skill) {
        buf_adds(out, i ? "\n" : "");
        add_skill(skill, out);
    }
}

/* ---- a trace on its way ---- */

/* A successful trace, from its plan to its skills. */
struct solved {
    json_t *task, *trace; /* as the writer is given them */
    json_t *steps, *made; /* texts; skills so far */
};

static void solved_release(struct solved *s)
{
    json_decref(s->task);
    json_decref(s->trace);
    json_decref(s->steps);
    json_decref(s->made);
}

/* Whether the i-th of n stays, of which `most` do: the first few and the last ones. */
static bool stays(size_t i, size_t n, size_t first, size_t most)
{
    return n <= most || i < first || i >= n - (most - first);
}

/* Lines of the actions, numbered, where there are any; else of the messages. */
static json_t *lines_of(const struct memory *m, const struct method_trace *t)
{
    const struct method_settings *s = &m->settings;
    json_t *out = json_array(), *text;
    for (size_t i = 0; i < t->actions->n; i++)
        if (stays(i, t->actions->n, FIRST_ACTIONS, (size_t)s->max_actions)) {
            text = cut_text(t->actions->v[i], (size_t)s->max_action_chars);
            json_array_append_new(out, json_sprintf("%zu. %s", i + 1, json_string_value(text)));
            json_decref(text);
        }
    for (size_t i = 0; !t->actions->n && i < t->chat->n; i++)
        if (stays(i, t->chat->n, FIRST_MESSAGES, (size_t)s->max_history_messages)) {
            text = cut_text(t->chat->v[i].text, (size_t)s->max_message_chars);
            json_array_append_new(out, json_sprintf("%s: %s", chat_role_name(t->chat->v[i].role),
                                                    json_string_value(text)));
            json_decref(text);
        }
    return out;
}

static int begin(const struct memory *m, const struct method_trace *t, struct solved *s)
{
    *s = (struct solved){trace_data(m, t), lines_of(m, t), json_array(), json_array()};
    if (!s->task || !s->trace || !s->steps || !s->made)
        return err_oom();
    json_object_set_new(s->task, "instruction", cut_text(t->instruction, INSTRUCTION));
    return 0;
}

/* ---- plans ---- */

static void add_step(json_t *steps, const char *s, size_t len)
{
    while (len && ascii_isspace(*s))
        s++, len--;
    while (len && ascii_isspace(s[len - 1]))
        len--;
    if (len)
        json_array_append_new(steps, json_text(s, len));
}

/* Pieces between '#' that speak of the API; where there are none, the lines that begin with '#'. */
static void read_plan(const char *plan, size_t len, json_t *steps)
{
    const char *end = plan + len;
    for (const char *p = plan; p < end;) {
        const char *hash = memchr(p, '#', (size_t)(end - p)), *to = hash ? hash : end;
        json_t *piece = json_array();
        add_step(piece, p, (size_t)(to - p));
        const char *text = json_string_value(json_array_get(piece, 0));
        if (text && utf8_length(text, strlen(text)) >= STEP_LEAST && strstr(text, "api"))
            json_array_extend(steps, piece);
        json_decref(piece);
        p = to + 1;
    }
    bool none = json_array_size(steps) == 0;
    for (const char *p = plan; p < end && none;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *to = nl ? nl : end;
        while (p < to && (*p == ' ' || *p == '\t'))
            p++;
        if (p < to && *p == '#')
            add_step(steps, p, (size_t)(to - p));
        p = to + 1;
    }
}

static int plan(struct method_run *r, struct solved *v, size_t n)
{
    struct method_call *calls = calloc(n + 1, sizeof(*calls));
    int rc = calls ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++)
        calls[i] = (struct method_call){
            "skillx-plan", json_pack("{s:O, s:O}", "task", v[i].task, "trace", v[i].trace),
            BUF_INIT};
    if (rc == 0)
        rc = r->writer->ask(r->writer, calls, n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *from;
        size_t len;
        if (reply_tag(calls[i].reply.ptr, "plan", &from, &len))
            read_plan(from, len, v[i].steps);
        else
            json_array_append(v[i].steps, json_object_get(v[i].task, "instruction"));
    }
    calls_free(calls, n);
    return rc;
}

/* ---- skills of the steps ---- */

static json_t *texts_of(const json_t *list)
{
    json_t *out = json_array(), *v;
    size_t i;
    json_array_foreach (list, i, v)
        if (json_is_string(v))
            json_array_append_new(out, json_string(json_string_value(v)));
    return out;
}

/* A skill as it is kept, out of a reply's; NULL: it is none. */
static json_t *skill_of(const json_t *v)
{
    const char *name = json_str_at(v, "name", NULL), *content = json_str_at(v, "content", NULL);
    if (!name || !*name || !content || !*content)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:o}", "name", name, "document",
                     json_str_at(v, "document", ""), "content", content, "tools",
                     texts_of(json_object_get(v, "tools")));
}

/* False: the reply is no list. */
static bool take_skills(const struct buf *reply, json_t *made)
{
    static const char *const keys[] = {"option", "skill", NULL};
    static const struct reply_shape shape = {.list = true, .keys = keys, .type = -1};
    struct reply_fault fault;
    json_t *list = reply_read(reply->ptr, reply->len, &shape, &fault), *v;
    size_t i;
    json_array_foreach (list, i, v) {
        const char *option = json_str_at(v, "option", "");
        bool taken = str_caseeq(option, "add") || str_caseeq(option, "modify");
        json_t *skill = taken ? skill_of(json_object_get(v, "skill")) : NULL;
        if (skill)
            json_array_append_new(made, skill);
    }
    bool found = json_is_array(list);
    json_decref(list);
    return found;
}

static json_t *extract_data(const struct solved *s, size_t step)
{
    return json_pack("{s:O, s:O, s:o, s:O}", "task", s->task, "trace", s->trace, "skills",
                     json_copy(s->made), "step", json_array_get(s->steps, step));
}

/* The k-th step of every trace that has one, again while a reply does not parse. A step sees the skills
 * of the steps before it of its own trace. */
static int extract_step(struct method_run *r, struct solved *v, size_t n, size_t k, bool *any)
{
    struct method_call *calls = calloc(n + 1, sizeof(*calls));
    size_t *of = calloc(n + 1, sizeof(*of)), left = 0;
    int rc = calls && of ? 0 : err_oom();
    *any = false;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (k < json_array_size(v[i].steps))
            of[left++] = i;
    *any = left > 0;
    for (int64_t tries = 0; rc == 0 && left && tries < r->m->settings.extractor_max_retries;
         tries++) {
        size_t again = 0, asked = left;
        for (size_t i = 0; i < asked; i++)
            calls[i] = (struct method_call){"skillx-extract", extract_data(&v[of[i]], k), BUF_INIT};
        rc = r->writer->ask(r->writer, calls, asked);
        for (size_t i = 0; i < asked; i++) {
            if (rc == 0 && !take_skills(&calls[i].reply, v[of[i]].made))
                of[again++] = of[i];
            json_decref(calls[i].data);
            buf_release(&calls[i].reply);
            calls[i] = (struct method_call){0};
        }
        left = again;
    }
    free(calls);
    free(of);
    return rc;
}

/* ---- filter and merge ---- */

/* The ones that the writer calls good, in order. */
static int filter(struct method_run *r, const json_t *skills, json_t *good)
{
    size_t n = json_array_size(skills), i;
    json_t *skill;
    struct method_call *calls = calloc(n + 1, sizeof(*calls));
    int rc = calls ? 0 : err_oom();
    json_array_foreach (skills, i, skill)
        if (rc == 0)
            calls[i] =
                (struct method_call){"skillx-filter", json_pack("{s:O}", "skill", skill), BUF_INIT};
    if (rc == 0 && n)
        rc = r->writer->ask(r->writer, calls, n);
    json_array_foreach (skills, i, skill)
        if (rc == 0 && strstr(calls[i].reply.ptr, "good"))
            json_array_append(good, skill);
    calls_free(calls, calls ? n : 0);
    return rc;
}

/* A literal of Python with quotes of one kind or the other, as JSON; it is checked as that. */
static json_t *python_value(const char *s, size_t len)
{
    struct buf json = BUF_INIT;
    const char *end = s + len;
    for (const char *p = s; p < end;) {
        char quote = *p;
        if (quote != '\'' && quote != '"') {
            buf_addch(&json, *p++);
            continue;
        }
        buf_addch(&json, '"');
        for (p++; p < end && *p != quote; p++)
            if (*p == '\\' && p + 1 < end && p[1] == '\'')
                buf_addch(&json, *++p);
            else if (*p == '\\' && p + 1 < end)
                buf_add(&json, p++, 2);
            else
                buf_addf(&json, *p == '"' ? "\\%c" : "%c", *p);
        buf_addch(&json, '"');
        p++;
    }
    json_t *v = json.failed ? NULL : json_loadb(json.ptr, json.len, 0, NULL);
    buf_release(&json);
    return v;
}

/* The one skill of a merge's reply; NULL: the group is lost. As released, a JSON list is no mapping and
 * loses it, though a list is what the prompt asks for; a list in Python's spelling survives. */
static json_t *merged_skill(const struct memory *m, const char *reply)
{
    const char *from;
    size_t len;
    json_t *v = NULL, *out = NULL;
    if (!reply_tag(reply, "skill", &from, &len))
        return NULL;
    reply_unfence(from, len, &from, &len);
    v = json_loadb(from, len, 0, NULL);
    if (json_is_object(v))
        out = skill_of(v);
    else if (json_is_array(v) && repaired(m))
        out = skill_of(json_array_get(v, 0));
    else if (!v && (v = python_value(from, len)))
        out = skill_of(json_is_array(v) && json_array_size(v) == 1 ? json_array_get(v, 0) : v);
    json_decref(v);
    return out;
}

/* Skills with one name, whatever its case: [[skill, ...], ...] in the order of the first ones. */
static json_t *groups_of(const json_t *skills)
{
    json_t *groups = json_array(), *skill, *g;
    size_t i, k;
    json_array_foreach (skills, i, skill) {
        json_t *found = NULL;
        json_array_foreach (groups, k, g)
            if (!found && str_caseeq(json_str_at(json_array_get(g, 0), "name", ""),
                                     json_str_at(skill, "name", "")))
                found = g;
        if (found)
            json_array_append(found, skill);
        else
            json_array_append_new(groups, json_pack("[O]", skill));
    }
    return groups;
}

/* The released code takes fifteen at random of more, with no seed; here it is the first. */
static json_t *merge_data(const json_t *group)
{
    json_t *some = json_array();
    for (size_t i = 0; i < json_array_size(group) && i < MERGED; i++)
        json_array_append(some, json_array_get(group, i));
    return json_pack("{s:o}", "skills", some);
}

/* Replaces the skill of that very name, or appends it. */
static int put(json_t *library, json_t *skill, bool *changed)
{
    size_t i;
    json_t *v;
    json_array_foreach (library, i, v)
        if (strcmp(json_str_at(v, "name", ""), json_str_at(skill, "name", "")) == 0) {
            *changed |= !json_equal(v, skill);
            return json_array_set_new(library, i, skill) == 0 ? 0 : err_oom();
        }
    *changed = true;
    return json_array_append_new(library, skill) == 0 ? 0 : err_oom();
}

static int merge(struct method_run *r, const json_t *good, bool *changed)
{
    json_t *groups = groups_of(good), *g, *library = memory_list(r->m, "skills");
    size_t n = json_array_size(groups), asked = 0, i;
    struct method_call *calls = calloc(n + 1, sizeof(*calls));
    int rc = calls ? 0 : err_oom();
    json_array_foreach (groups, i, g)
        if (rc == 0 && json_array_size(g) > 1)
            calls[asked++] = (struct method_call){"skillx-merge", merge_data(g), BUF_INIT};
    if (rc == 0 && asked)
        rc = r->writer->ask(r->writer, calls, asked);
    size_t at = 0;
    json_array_foreach (groups, i, g) {
        json_t *one = NULL;
        if (rc == 0 && json_array_size(g) > 1)
            one = merged_skill(r->m, calls[at++].reply.ptr);
        else if (rc == 0)
            one = json_incref(json_array_get(g, 0));
        if (one)
            rc = put(library, one, changed);
    }
    calls_free(calls, asked);
    json_decref(groups);
    return rc;
}

static int after_epoch(struct method_run *r, const struct method_trace *t, size_t n, bool *changed)
{
    struct solved *v = calloc(n + 1, sizeof(*v));
    json_t *made = json_array(), *good = json_array();
    size_t solved = 0;
    bool more = true;
    int rc = v && made && good ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (t[i].correct && !t[i].error)
            rc = begin(r->m, &t[i], &v[solved++]);
    if (rc == 0 && solved)
        rc = plan(r, v, solved);
    for (size_t k = 0; rc == 0 && more; k++)
        rc = extract_step(r, v, solved, k, &more);
    for (size_t i = 0; rc == 0 && i < solved; i++)
        json_array_extend(made, v[i].made);
    if (rc == 0)
        rc = filter(r, made, good);
    if (rc == 0)
        rc = merge(r, good, changed);
    for (size_t i = 0; v && i < solved; i++)
        solved_release(&v[i]);
    free(v);
    json_decref(made);
    json_decref(good);
    return rc;
}

const struct method_ops method_skillx = {
    .title = "SkillX",
    .lists = {"skills"},
    .keys = {skill_keys},
    .retrieves = true,
    .later = PLACE_LAST,
    .block = block,
    .describe = describe,
    .after_epoch = after_epoch,
};
