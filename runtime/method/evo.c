/*
 * evo.c - Evo memory: episodes and rules, retrieved for every message; after each task the writer
 * reflects on it and curates the rules.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/method/evo.h"

enum {
    QUERY = 3000, /* characters, all of these */
    PART = 2400,
    LAST_SAID = 1200,
    TASK = 1200,
    EXPECTED = 800,
    SUMMARY = 600,
    GUIDELINE = 240,
    GUIDELINES = 5,
    TAGS = 10,
    TAG = 64,
    LETTERS = 4 /* of a word that is a tag by itself */
};
#define MARKER "\n[cut]\n"

static const char *const rule_keys[] = {"text", "tags", NULL};
static const char *const episode_keys[] = {"task",       "summary", "analysis",
                                           "guidelines", "tags",    NULL};

/* ---- what is shown ---- */

static json_t *rules_for(const struct memory *m, const char *query)
{
    return evo_choose(memory_list(m, "rules"), m->prepared[0], query, rule_keys, true,
                      (size_t)m->settings.semantic_top_k);
}

/* What is longer ends 20 characters early, with a marker. */
static void add_cut(struct buf *out, const struct buf *text, size_t limit)
{
    if (utf8_length(text->ptr, text->len) <= limit) {
        buf_add(out, text->ptr, text->len);
        return;
    }
    buf_add(out, text->ptr, utf8_prefix(text->ptr, text->len, limit - 20));
    buf_adds(out, MARKER);
}

static void add_rules(const json_t *rules, struct buf *out)
{
    size_t i;
    json_t *rule;
    json_array_foreach (rules, i, rule)
        buf_addf(out, "- %s\n", json_str_at(rule, "text", ""));
}

static void add_episodes(const json_t *episodes, struct buf *out)
{
    size_t i, k;
    json_t *e, *g;
    json_array_foreach (episodes, i, e) {
        buf_addf(out, "- %s\n", json_str_at(e, "summary", ""));
        json_array_foreach (json_object_get(e, "guidelines"), k, g)
            if (k < 2)
                buf_addf(out, "  - %s\n", evo_unmarked(json_string_value(g)));
    }
}

static void block(const struct memory *m, const char *text, struct buf *out)
{
    char *query = str_ndup(text, utf8_prefix(text, strlen(text), QUERY));
    json_t *rules = query ? rules_for(m, query) : NULL;
    json_t *episodes = query ? evo_choose(memory_list(m, "episodes"), m->prepared[1], query,
                                          episode_keys, false, (size_t)m->settings.episodic_top_k)
                             : NULL;
    struct buf part = BUF_INIT, all = BUF_INIT;
    if (!rules || !episodes)
        out->failed = true;
    buf_adds(&all, "This is memory of earlier tasks: strategy, not facts. The task at hand comes "
                   "first. Do not copy answers from it.\n");
    size_t bare = all.len;
    if (json_array_size(rules)) {
        buf_adds(&all, "\nRules:\n");
        add_rules(rules, &part);
        add_cut(&all, &part, PART);
        buf_reset(&part);
    }
    if (json_array_size(episodes)) {
        buf_adds(&all, "\nTasks like it:\n");
        add_episodes(episodes, &part);
        add_cut(&all, &part, PART);
    }
    if (all.len > bare) {
        buf_adds(out, "<memory>\n");
        add_cut(out, &all, (size_t)m->settings.max_context_chars);
        buf_adds(out, "</memory>");
    }
    out->failed |= part.failed || all.failed;
    buf_release(&part);
    buf_release(&all);
    json_decref(rules);
    json_decref(episodes);
    free(query);
}

static void describe(const struct memory *m, struct buf *out)
{
    size_t i;
    json_t *v;
    buf_adds(out, "## Rules\n\n");
    json_array_foreach (memory_list(m, "rules"), i, v)
        buf_addf(out, "- %s (shown %lld, right %lld)\n", json_str_at(v, "text", ""),
                 (long long)json_int_at(v, "shown", 0), (long long)json_int_at(v, "success", 0));
    buf_adds(out, "\n## Episodes\n\n");
    json_array_foreach (memory_list(m, "episodes"), i, v)
        buf_addf(out, "- %s: %s\n", json_str_at(v, "verdict", ""), json_str_at(v, "summary", ""));
}

/* ---- reflection ---- */

struct reflection {
    json_t *v;                 /* the reply; an empty object for none */
    bool usable, failed;       /* failed: no reply at all */
    json_t *guidelines, *tags; /* as they are kept */
};

static bool has_key(const json_t *texts, const char *text)
{
    struct buf key = BUF_INIT, other = BUF_INIT;
    bool found = false;
    size_t i;
    json_t *v;
    evo_key(text, &key);
    json_array_foreach (texts, i, v) {
        const char *t = json_is_string(v) ? json_string_value(v) : json_str_at(v, "text", "");
        buf_reset(&other);
        evo_key(t, &other);
        found = found || strcmp(key.ptr, other.ptr) == 0;
    }
    buf_release(&key);
    buf_release(&other);
    return found;
}

/* Texts in normal form, usable and distinct. */
static json_t *normal_texts(const json_t *list, size_t chars, size_t most)
{
    json_t *out = json_array(), *v;
    struct buf text = BUF_INIT;
    size_t i;
    json_array_foreach (list, i, v) {
        const char *s = json_is_string(v) ? json_string_value(v) : json_str_at(v, "text", NULL);
        buf_reset(&text);
        if (s)
            evo_normal(s, &text);
        if (!s || !evo_usable(text.ptr) || json_array_size(out) >= most)
            continue;
        buf_truncate(&text, utf8_prefix(text.ptr, text.len, chars));
        if (!has_key(out, text.ptr))
            json_array_append_new(out, json_text(text.ptr, text.len));
    }
    buf_release(&text);
    return out;
}

static void add_tag(json_t *tags, const char *s, size_t len)
{
    size_t i;
    json_t *v;
    if (!len || json_array_size(tags) >= TAGS)
        return;
    json_array_foreach (tags, i, v)
        if (json_string_length(v) == len && memcmp(json_string_value(v), s, len) == 0)
            return;
    json_array_append_new(tags, json_text(s, len));
}

static void add_tags(json_t *tags, const json_t *from)
{
    size_t i;
    json_t *v;
    struct buf tag = BUF_INIT;
    json_array_foreach (from, i, v) {
        if (!json_is_string(v))
            continue;
        buf_reset(&tag);
        add_folded(&tag, json_string_value(v), strlen(json_string_value(v)));
        add_tag(tags, tag.ptr, utf8_prefix(tag.ptr, tag.len, TAG));
    }
    buf_release(&tag);
}

static void reflection_release(struct reflection *r)
{
    json_decref(r->v);
    json_decref(r->guidelines);
    json_decref(r->tags);
}

static int reflect(struct method_run *r, const struct method_trace *t, const json_t *rules,
                   struct reflection *out)
{
    struct buf reply = BUF_INIT;
    json_t *data = trace_data(r->m, t), *texts = json_array(), *rule;
    const char *last = "";
    size_t i;
    for (i = t->chat->n; i > 0 && !*last; i--)
        if (t->chat->v[i - 1].role == CHAT_AGENT)
            last = t->chat->v[i - 1].text;
    json_array_foreach (rules, i, rule)
        json_array_append(texts, json_object_get(rule, "text"));
    if (data) {
        json_object_set_new(data, "last", cut_text(last, LAST_SAID));
        json_object_set(data, "rules", texts);
    }
    json_decref(texts);
    int rc = ask_one(r, "evo-reflect", data, &reply);
    if (rc == 0) {
        static const char *const keys[] = {"episodic_summary", "failure_analysis",
                                           "action_guidelines", "tags", NULL};
        static const struct reply_shape shape = {.any = true, .keys = keys, .type = -1};
        struct reply_fault fault;
        out->v = reply_read(reply.ptr, reply.len, &shape, &fault);
        out->usable = out->v != NULL;
        out->failed = !reply.len;
        if (!out->v)
            out->v = json_object();
        out->guidelines =
            normal_texts(json_object_get(out->v, "action_guidelines"), GUIDELINE, GUIDELINES);
        out->tags = json_array();
        add_tags(out->tags, json_object_get(out->v, "tags"));
    }
    buf_release(&reply);
    return rc;
}

/* ---- credit ---- */

static bool about(const struct reflection *f, const json_t *rule)
{
    static const char *const failure_keys[] = {"failure_analysis", "tags", NULL};
    struct words a = {0}, b = {0};
    bool like = words_of_entry(&a, f->v, failure_keys) == 0 &&
                words_of_entry(&b, rule, rule_keys) == 0 && words_overlap(&a, &b) > 0;
    words_release(&a);
    words_release(&b);
    return like;
}

static void count(json_t *rule, const char *what)
{
    json_object_set_new(rule, what, json_integer(json_int_at(rule, what, 0) + 1));
}

static void credit(const json_t *shown, const struct method_trace *t, const struct reflection *f)
{
    size_t i;
    json_t *rule;
    json_array_foreach (shown, i, rule) {
        count(rule, "shown");
        if (t->correct)
            count(rule, "success");
        else if (about(f, rule))
            count(rule, "failure");
    }
}

/* ---- episodes ---- */

static const char *text_of(const struct reflection *f, const char *key)
{
    return json_str_at(f->v, key, "");
}

static int store(struct memory *m, const struct method_trace *t, const struct reflection *f)
{
    json_t *episodes = memory_list(m, "episodes");
    json_t *e =
        json_pack("{s:s, s:o, s:s, s:o, s:o, s:O, s:O}", "id", t->id, "task",
                  cut_text(t->instruction, TASK), "verdict", t->correct ? "correct" : "wrong",
                  "summary", cut_text(text_of(f, "episodic_summary"), SUMMARY), "analysis",
                  cut_text(text_of(f, "failure_analysis"), SUMMARY), "guidelines", f->guidelines,
                  "tags", f->tags);
    if (e && repaired(m) && t->expected)
        json_object_set_new(e, "expected", cut_text(t->expected, EXPECTED));
    if (json_array_append_new(episodes, e) < 0)
        return err_oom();
    while (json_array_size(episodes) > (size_t)m->settings.max_episodes)
        json_array_remove(episodes, 0);
    return 0;
}

/* ---- curating ---- */

static const json_t *rule_with_key(const json_t *rules, const char *text)
{
    size_t i;
    json_t *rule;
    json_array_foreach (rules, i, rule) {
        json_t *one = json_pack("[O]", rule);
        bool same = has_key(one, text);
        json_decref(one);
        if (same)
            return rule;
    }
    return NULL;
}

static int infer_tag(const char *token, size_t len, void *arg)
{
    if (len >= LETTERS)
        add_tag(arg, token, len);
    return 0;
}

static json_t *make_rule(const json_t *old, const char *text, const json_t *given, int64_t *id)
{
    json_t *tags = json_array();
    add_tags(tags, json_object_get(old, "tags"));
    add_tags(tags, given);
    words_each(evo_unmarked(text), infer_tag, tags);
    return json_pack("{s:I, s:o, s:o, s:I, s:I, s:I}", "id",
                     (json_int_t)(old ? json_int_at(old, "id", 0) : ++*id), "text",
                     json_text(text, strlen(text)), "tags", tags, "shown",
                     (json_int_t)json_int_at(old, "shown", 0), "success",
                     (json_int_t)json_int_at(old, "success", 0), "failure",
                     (json_int_t)json_int_at(old, "failure", 0));
}

/* By priority, utility, text. */
static void insert_sorted(json_t *rules, json_t *rule, int64_t all)
{
    const char *text = json_str_at(rule, "text", "");
    double utility = evo_utility(rule, all);
    int priority = evo_priority(text);
    size_t at = json_array_size(rules);
    for (; at; at--) {
        const json_t *before = json_array_get(rules, at - 1);
        const char *other = json_str_at(before, "text", "");
        double u = evo_utility(before, all);
        int p = evo_priority(other);
        if (p < priority ||
            (p == priority && (u > utility || (u == utility && strcmp(other, text) <= 0))))
            break;
    }
    json_array_insert_new(rules, at, rule);
}

static int replace(struct memory *m, const json_t *texts, const json_t *tags)
{
    json_t *old = memory_list(m, "rules"), *made = json_array(), *now = json_array(), *v;
    int64_t id = 0;
    size_t i;
    json_array_foreach (old, i, v)
        if (json_int_at(v, "id", 0) > id)
            id = json_int_at(v, "id", 0);
    json_array_foreach (texts, i, v)
        json_array_append_new(made, make_rule(rule_with_key(old, json_string_value(v)),
                                              json_string_value(v), tags, &id));
    int64_t all = evo_shown(made);
    json_array_foreach (made, i, v)
        insert_sorted(now, json_incref(v), all);
    int rc = json_array_size(now) == json_array_size(texts) &&
                     json_object_set(m->lists, "rules", now) == 0
                 ? 0
                 : err_oom();
    json_decref(made);
    json_decref(now);
    return rc;
}

/* NULL where the reply has no list of rules. */
static json_t *read_curated(const struct buf *reply)
{
    static const char *const keys[] = {"updated_rules", "edit_log", NULL};
    static const struct reply_shape shape = {.keys = keys, .type = -1};
    struct reply_fault fault;
    return reply_read(reply->ptr, reply->len, &shape, &fault);
}

static int curate(struct method_run *r, const struct reflection *f)
{
    json_t *current = json_array(), *v, *reply = NULL, *both = NULL;
    struct buf text = BUF_INIT;
    size_t i;
    json_array_foreach (memory_list(r->m, "rules"), i, v)
        json_array_append(current, json_object_get(v, "text"));
    json_t *data = json_pack("{s:O, s:O, s:s, s:O}", "rules", current, "candidates", f->guidelines,
                             "analysis", text_of(f, "failure_analysis"), "tags", f->tags);
    int rc = ask_one(r, "evo-curate", data, &text);
    if (rc == 0)
        reply = read_curated(&text);
    const json_t *updated = json_object_get(reply, "updated_rules");
    if (rc == 0 && !json_array_size(updated)) { /* nothing, or no list */
        both = json_copy(current);
        json_array_extend(both, f->guidelines);
        updated = both;
    }
    json_t *texts =
        rc == 0 ? normal_texts(updated, SIZE_MAX, (size_t)r->m->settings.max_semantic_rules) : NULL;
    if (rc == 0)
        rc = texts ? replace(r->m, texts, f->tags) : err_oom();
    json_decref(texts);
    json_decref(both);
    json_decref(reply);
    json_decref(current);
    buf_release(&text);
    return rc;
}

static int after_task(struct method_run *r, const struct method_trace *t, bool *changed)
{
    struct reflection f = {0};
    struct buf query = BUF_INIT;
    if (t->error)
        return 0;
    buf_adds(&query, t->instruction);
    if (repaired(r->m))
        buf_addf(&query, "\n%s\n%s", t->context ? t->context : "", t->result ? t->result : "");
    buf_truncate(&query, utf8_prefix(query.ptr, query.len, QUERY));
    json_t *rules = rules_for(r->m, query.ptr);
    int rc = rules ? reflect(r, t, rules, &f) : err_oom();
    if (rc == 0) {
        *changed = true;
        credit(rules, t, &f);
        if (f.failed || (f.usable && json_bool_at(f.v, "should_store_episode", true)))
            rc = store(r->m, t, &f);
    }
    if (rc == 0 && json_array_size(f.guidelines) &&
        json_bool_at(f.v, "should_update_semantic", true))
        rc = curate(r, &f);
    reflection_release(&f);
    json_decref(rules);
    buf_release(&query);
    return rc;
}

const struct method_ops method_evo_memory = {
    .title = "Evo memory",
    .lists = {"rules", "episodes"},
    .keys = {rule_keys, episode_keys},
    .serial = true,
    .retrieves = true,
    .epoch_order = true,
    .later = PLACE_LAST,
    .block = block,
    .describe = describe,
    .after_task = after_task,
};
