/*
 * document.c - the document that a memory is in a library: SKILL.md for people, and memory.json, which
 * alone is read back:
 *
 *     {
 *     "method": "expel",
 *     "fidelity": "published",
 *     "settings": {...},
 *     "rules": [
 *     {"text": "...", "counter": 2},
 *     ...
 *     ]}
 *
 * An entry a line, so that a commit shows which came and went.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/method/method_private.h"

#define MEMORY_FILE "memory.json"
#define TEXT_MAX    48000 /* bytes of entries in SKILL.md; all of them are in memory.json */

/* What the block of a frozen memory depends on travels with it. */
static const struct {
    const char *name;
    size_t offset;
} kept[] = {
    {"max_bullets", offsetof(struct method_settings, max_bullets)},
    {"max_num_rules", offsetof(struct method_settings, max_rules)},
    {"episodic_top_k", offsetof(struct method_settings, episodic_top_k)},
    {"semantic_top_k", offsetof(struct method_settings, semantic_top_k)},
    {"max_episodes", offsetof(struct method_settings, max_episodes)},
    {"max_semantic_rules", offsetof(struct method_settings, max_semantic_rules)},
    {"max_context_chars", offsetof(struct method_settings, max_context_chars)},
    {"retrieval_top_k", offsetof(struct method_settings, retrieval_top_k)},
};
#define KEPT (sizeof(kept) / sizeof(kept[0]))

static int64_t *setting(struct method_settings *s, size_t i)
{
    return (int64_t *)(void *)((char *)s + kept[i].offset);
}

int memory_new(struct memory **out, const struct method_settings *settings)
{
    struct memory *m = *out = calloc(1, sizeof(*m));
    if (!m)
        return err_oom();
    m->settings = *settings;
    m->lists = json_object();
    const struct method_ops *ops = method_ops_of(m);
    for (size_t i = 0; i < 2 && ops->lists[i]; i++)
        json_object_set_new(m->lists, ops->lists[i], json_array());
    if (m->lists)
        return 0;
    memory_free(m);
    *out = NULL;
    return err_oom();
}

void memory_configure(struct memory *m, const struct method_settings *settings)
{
    struct method_settings now = *settings;
    now.name = m->settings.name;
    now.fidelity = m->settings.fidelity;
    m->settings = now;
}

/* ---- reading ---- */

static int choice(const char *const *names, const char *text, int *out)
{
    for (*out = 0; names[*out]; (*out)++)
        if (text && strcmp(names[*out], text) == 0)
            return 0;
    return GRASP_EPARSE;
}

static int take(struct memory *m, const json_t *v, const char *where)
{
    struct method_settings *s = &m->settings;
    if (choice(method_names, json_str_at(v, "method", NULL), &s->name) < 0 ||
        s->name < METHOD_SEQ_MEMORY)
        return err_set(GRASP_EPARSE, "%s: 'method' names no method that keeps a memory", where);
    if (choice(fidelity_names, json_str_at(v, "fidelity", NULL), &s->fidelity) < 0)
        return err_set(GRASP_EPARSE, "%s: 'fidelity' is neither published nor repaired", where);
    const json_t *settings = json_object_get(v, "settings");
    for (size_t i = 0; i < KEPT; i++) {
        *setting(s, i) = json_int_at(settings, kept[i].name, -1);
        if (*setting(s, i) < 0)
            return err_set(GRASP_EPARSE, "%s: 'settings.%s' is no number", where, kept[i].name);
    }
    const struct method_ops *ops = method_ops_of(m);
    for (size_t i = 0; i < 2 && ops->lists[i]; i++) {
        json_t *list = json_object_get(v, ops->lists[i]), *e;
        size_t k;
        bool text = s->name <= METHOD_BATCH_MEMORY;
        if (!json_is_array(list))
            return err_set(GRASP_EPARSE, "%s: there is no list '%s'", where, ops->lists[i]);
        json_array_foreach (list, k, e)
            if (text ? !json_is_string(e) : !json_is_object(e))
                return err_set(GRASP_EPARSE, "%s: entry %zu of '%s' is not %s", where, k + 1,
                               ops->lists[i], text ? "a text" : "an object");
        if (json_object_set(m->lists, ops->lists[i], list) < 0)
            return err_oom();
    }
    return 0;
}

static int read_document(struct memory **out, const struct skill *s)
{
    const struct skill_file *file = NULL;
    char where[96];
    json_t *v = NULL;
    snprintf(where, sizeof(where), "skills/%s/" MEMORY_FILE, s->name);
    for (size_t i = 0; s->files && i < s->files->n; i++)
        if (strcmp(s->files->v[i].path, MEMORY_FILE) == 0)
            file = &s->files->v[i];
    if (!file || !file->bytes)
        return err_set(GRASP_EPARSE, "%s: it is missing, and the memory with it", where);
    int rc = json_parse(&v, file->bytes, file->len, where);
    struct memory *m = rc == 0 ? calloc(1, sizeof(*m)) : NULL;
    if (m)
        m->lists = json_object();
    if (rc == 0)
        rc = m && m->lists ? take(m, v, where) : err_oom();
    json_decref(v);
    if (rc < 0)
        memory_free(m);
    else
        *out = m;
    return rc;
}

int memory_of_set(struct memory **out, const struct skill_set *set)
{
    const struct skill *found = NULL;
    *out = NULL;
    for (size_t i = 0; i < set->n; i++)
        if (skill_meta(&set->v[i], SKILL_DOCUMENT_KEY))
            found = &set->v[i];
    if (!found)
        return 0;
    if (set->n > 1)
        return err_set(GRASP_EINVAL,
                       "'%s' is what the method %s keeps, and other skills stand beside it: an "
                       "agent is shown the one or the others",
                       found->name, skill_meta(found, SKILL_DOCUMENT_KEY));
    return read_document(out, found);
}

/* ---- writing ---- */

static void render_json(const struct memory *m, struct buf *out)
{
    struct method_settings s = m->settings;
    const struct method_ops *ops = method_ops_of(m);
    buf_addf(out, "{\n\"method\": \"%s\",\n\"fidelity\": \"%s\",\n\"settings\": {",
             method_names[s.name], fidelity_names[s.fidelity]);
    for (size_t i = 0; i < KEPT; i++)
        buf_addf(out, "%s\"%s\": %lld", i ? ", " : "", kept[i].name, (long long)*setting(&s, i));
    buf_adds(out, "}");
    for (size_t i = 0; i < 2 && ops->lists[i]; i++) {
        size_t k;
        json_t *e;
        buf_addf(out, ",\n\"%s\": [", ops->lists[i]);
        json_array_foreach (memory_list(m, ops->lists[i]), k, e) {
            buf_adds(out, k ? ",\n" : "\n");
            buf_add_json_value(out, e);
        }
        buf_adds(out, "\n]");
    }
    buf_adds(out, "}\n");
}

/* "37 notes", "20 rules, 96 episodes" */
static void count_entries(const struct memory *m, struct buf *out)
{
    const struct method_ops *ops = method_ops_of(m);
    for (size_t i = 0; i < 2 && ops->lists[i]; i++) {
        size_t n = json_array_size(memory_list(m, ops->lists[i]));
        int len = (int)strlen(ops->lists[i]);
        buf_addf(out, "%s%zu %.*s", i ? ", " : "", n, n == 1 ? len - 1 : len, ops->lists[i]);
    }
}

static void render_body(const struct memory *m, const char *counts, struct buf *out)
{
    struct buf entries = BUF_INIT;
    buf_addf(out,
             "# %s\n\nWhat the method %s (%s) learned: %s. It is no skill: grasp reads " MEMORY_FILE
             "\nbeside this file, an entry a line, and shows an agent what the method would.\n\n",
             method_ops_of(m)->title, method_names[m->settings.name],
             fidelity_names[m->settings.fidelity], counts);
    method_ops_of(m)->describe(m, &entries);
    out->failed |= entries.failed;
    if (entries.len <= TEXT_MAX) {
        buf_add(out, entries.ptr, entries.len);
    } else {
        size_t end = TEXT_MAX;
        while (end && entries.ptr[end - 1] != '\n')
            end--;
        buf_add(out, entries.ptr, end);
        buf_adds(out, "\n(The others are in " MEMORY_FILE ".)\n");
    }
    buf_release(&entries);
}

static int add_file(const struct memory *m, struct skill *out)
{
    struct buf text = BUF_INIT;
    struct skill_file file = {.path = (char *)(uintptr_t)MEMORY_FILE, .mode = 0100644};
    render_json(m, &text);
    int rc = buf_check(&text);
    if (rc == 0)
        rc = skill_file_id(text.ptr, text.len, file.id);
    file.bytes = text.ptr;
    file.len = text.len;
    if (rc == 0)
        rc = skill_files_add(&out->files, &file);
    buf_release(&text);
    return rc;
}

int memory_document(const struct memory *m, struct skill *out)
{
    struct buf body = BUF_INIT, description = BUF_INIT, counts = BUF_INIT;
    const char *method = method_names[m->settings.name];
    char name[SKILL_NAME_MAX + 1];
    *out = (struct skill){.version = 1};
    skill_slug(method, name);
    count_entries(m, &counts);
    buf_addf(&description, "What the method %s (%s) learned: %s.", method,
             fidelity_names[m->settings.fidelity], counts.ptr);
    render_body(m, counts.ptr, &body);
    out->name = str_dup(name);
    out->description = buf_detach(&description);
    int rc = buf_check(&counts) < 0 || buf_check(&body) < 0 || !out->name || !out->description
                 ? err_oom()
                 : skill_set_body(out, body.ptr, body.len);
    if (rc == 0)
        rc = skill_set_meta(out, SKILL_DOCUMENT_KEY, method);
    if (rc == 0)
        rc = skill_set_meta(out, "fidelity", fidelity_names[m->settings.fidelity]);
    if (rc == 0)
        rc = add_file(m, out);
    buf_release(&counts);
    buf_release(&body);
    if (rc < 0)
        skill_release(out);
    return rc;
}
