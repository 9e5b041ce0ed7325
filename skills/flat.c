/* flat.c - flat skill files, read into and written from our form. */
#include "skills/flat.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "skills/edit.h"
#include "skills/skill_front.h"

enum { DEPTH_MAX = 4, VALUE_MAX = 4096, KEYS_MAX = 48 };

/* Keys of a flat file's provenance and where they go. */
static const struct {
    const char *key, *meta;
    const char *other; /* metadata of an export that says the same, or NULL */
} provenance_keys[] = {{"action", "flat-action", NULL},
                       {"author_model", "author-model", NULL},
                       {"epoch", "epoch", NULL},
                       {"fixes", "flat-fixes", "gate-fixes"},
                       {"parent_version", "parent-version", NULL},
                       {"probe_score", "flat-probe-score", "gate-score"},
                       {"regressions", "flat-regressions", "gate-regressions"},
                       {"triggering_sample_ids", "flat-triggering-sample-ids", "gate-tasks"},
                       {"update_cycle", "update", NULL}};
enum { PROVENANCE_KEYS = sizeof(provenance_keys) / sizeof(*provenance_keys) };

/* ---- YAML to JSON: every scalar a string ---- */

struct flat_reader {
    yaml_parser_t yaml;
    json_t *typed; /* the scalars that YAML reads as something else than text, by address */
    const char *where;
};

static bool looks_typed(const char *s);

/* An address may have been another scalar's before. */
static int note_typed(json_t *typed, const json_t *v, bool is)
{
    char key[32];
    snprintf(key, sizeof(key), "%p", (const void *)v);
    json_object_del(typed, key);
    return !is || json_object_set_new(typed, key, json_true()) == 0 ? 0 : err_oom();
}

static bool is_typed(const json_t *typed, const json_t *v)
{
    char key[32];
    snprintf(key, sizeof(key), "%p", (const void *)v);
    return json_object_get(typed, key);
}

static int next_event(struct flat_reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->yaml, e))
        return 0;
    memset(e, 0, sizeof(*e));
    if (r->yaml.error == YAML_MEMORY_ERROR)
        return err_oom();
    return err_set(GRASP_EPARSE, "%s:%zu: frontmatter: %s", r->where, r->yaml.problem_mark.line + 2,
                   r->yaml.problem ? r->yaml.problem : "not valid YAML");
}

static int read_value(struct flat_reader *r, yaml_event_t *e, int depth, json_t **out);

/* The rest of a list or map, until its end. */
static int read_items(struct flat_reader *r, bool map, int depth, json_t *out)
{
    for (;;) {
        yaml_event_t e;
        json_t *key = NULL, *value = NULL;
        int rc = next_event(r, &e);
        if (rc < 0)
            return rc;
        if (e.type == YAML_MAPPING_END_EVENT || e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            return 0;
        }
        size_t line = e.start_mark.line + 2;
        rc = read_value(r, &e, depth, map ? &key : &value);
        if (rc == 0 && map && !json_is_string(key))
            rc = err_set(GRASP_EPARSE, "%s:%zu: a key must be a string", r->where, line);
        if (rc == 0 && map && (rc = next_event(r, &e)) == 0)
            rc = read_value(r, &e, depth, &value);
        if (rc == 0 && (map ? json_object_set_new(out, json_string_value(key), value)
                            : json_array_append_new(out, value)) < 0)
            rc = err_oom();
        else if (rc < 0)
            json_decref(value);
        json_decref(key);
        if (rc < 0)
            return rc;
    }
}

/* The value that begins with event *e, which is deleted. */
static int read_value(struct flat_reader *r, yaml_event_t *e, int depth, json_t **out)
{
    int rc = 0;
    yaml_event_type_t type = e->type;
    size_t line = e->start_mark.line + 2;
    *out = NULL;
    if (type == YAML_SCALAR_EVENT) {
        const char *v = (const char *)e->data.scalar.value;
        if (memchr(v, '\0', e->data.scalar.length))
            rc = err_set(GRASP_EPARSE, "%s:%zu: a NUL byte", r->where, line);
        else if (!(*out = json_stringn(v, e->data.scalar.length)))
            rc = err_oom();
        else
            rc = note_typed(r->typed, *out,
                            e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && looks_typed(v));
    } else if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT) {
        bool map = type == YAML_MAPPING_START_EVENT;
        if (depth == DEPTH_MAX)
            rc = err_set(GRASP_EPARSE, "%s:%zu: nested too deeply", r->where, line);
        else if (!(*out = map ? json_object() : json_array()))
            rc = err_oom();
        else
            rc = read_items(r, map, depth + 1, *out);
    } else {
        rc = err_set(GRASP_EPARSE, "%s:%zu: a value is expected here", r->where, line);
    }
    yaml_event_delete(e);
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

static int read_yaml(json_t **out, json_t *typed, const char *text, size_t len, const char *where)
{
    struct flat_reader r = {.where = where, .typed = typed};
    yaml_event_t e;
    *out = NULL;
    if (!yaml_parser_initialize(&r.yaml))
        return err_oom();
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, len);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++) /* the starts of stream and document */
        if ((rc = next_event(&r, &e)) == 0)
            yaml_event_delete(&e);
    if (rc == 0 && (rc = next_event(&r, &e)) == 0)
        rc = read_value(&r, &e, 0, out);
    if (rc == 0 && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        rc = err_set(GRASP_EPARSE, "%s:2: the frontmatter must be a map of keys", where);
    }
    yaml_parser_delete(&r.yaml);
    return rc;
}

/* ---- reading ---- */

struct flat {
    struct skill *s;
    json_t *front, *typed;
    const char *where;
    struct strlist *changes;
};

static int change(const struct flat *f, const char *what)
{
    return f->changes ? strlist_addf(f->changes, "%s: %s", f->where, what) : 0;
}

static int bad(const struct flat *f, const char *what)
{
    return err_set(GRASP_EPARSE, "%s:1: %s", f->where, what);
}

/* The text of a scalar, or of a list of scalars joined by spaces; NULL for others. */
static char *flatten(const json_t *v)
{
    struct buf b = BUF_INIT;
    size_t i;
    json_t *item;
    if (json_is_string(v))
        return str_dup(json_string_value(v));
    if (!json_is_array(v))
        return NULL;
    json_array_foreach ((json_t *)v, i, item) {
        if (!json_is_string(item) || strpbrk(json_string_value(item), " \t\r\n")) {
            buf_release(&b);
            return NULL;
        }
        buf_adds(&b, i ? " " : "");
        buf_adds(&b, json_string_value(item));
    }
    return buf_detach(&b);
}

static bool is_null(const char *s)
{
    return !*s || strcmp(s, "~") == 0 || str_caseeq(s, "null");
}

static bool is_number(const char *s)
{
    int64_t n;
    return str_to_i64(s, INT64_MIN, INT64_MAX, &n);
}

/* Whether a value that looks like a number or a truth is written as one, unless "flat-style" says
 * otherwise. */
static bool written_typed(const char *meta, bool list, const char *value)
{
    return !list && (is_number(value) || (str_starts(meta, "flat-") && looks_typed(value)));
}

static int note_style(const struct flat *f, const char *meta)
{
    const char *was = skill_meta(f->s, "flat-style");
    char *all = NULL;
    if (asprintf(&all, "%s%s%s", was ? was : "", was ? " " : "", meta) < 0)
        return err_oom();
    int rc = strpbrk(meta, " \t\r\n") || strlen(all) > VALUE_MAX
                 ? 0
                 : skill_set_meta(f->s, "flat-style", all);
    free(all);
    return rc;
}

/* Keeps a value under a metadata key; one that is too large or has another shape is left out, which
 * is said. `styled`: not from a metadata, where all is text. */
static int keep(const struct flat *f, const char *meta, const char *key, const json_t *v,
                bool styled)
{
    bool typed = is_typed(f->typed, json_is_array(v) ? json_array_get(v, 0) : v);
    bool nothing = typed && json_is_string(v) && is_null(json_string_value(v));
    char *text = nothing ? str_dup("null") : flatten(v), *line = NULL, own[128];
    int rc = 0;
    if (nothing && !str_starts(meta, "flat-")) { /* no place of ours holds nothing */
        snprintf(own, sizeof(own), "flat-provenance.%.64s", key);
        meta = own;
    }
    if (!text || strlen(text) > VALUE_MAX || strlen(meta) > 64 || f->s->keys.n >= KEYS_MAX) {
        if (asprintf(&line, "'%.64s' was left out (not a short plain value)", key) < 0)
            line = NULL;
        rc = line ? change(f, line) : err_oom();
    } else {
        rc = skill_set_meta(f->s, meta, text);
        if (rc == 0 && styled && typed != written_typed(meta, json_is_array(v), text))
            rc = note_style(f, meta);
    }
    free(text);
    free(line);
    return rc;
}

static int take_name(const struct flat *f)
{
    const char *name = json_string_value(json_object_get(f->front, "name"));
    char slug[SKILL_NAME_MAX + 1] = "", *line = NULL, *own = NULL;
    int rc = 0;
    if (!name) { /* the file's own name has to do */
        const char *base = strrchr(f->where, '/');
        base = base ? base + 1 : f->where;
        own = str_ndup(base, strlen(base) - (str_ends(base, ".md") ? 3 : 0));
        name = own;
        rc = own ? change(f, "there is no name; the file's name is used") : err_oom();
    }
    if (rc == 0) {
        skill_slug(name, slug);
        rc = *slug ? 0 : bad(f, "the name has no letters or digits");
    }
    if (rc == 0 && !(f->s->name = str_dup(slug)))
        rc = err_oom();
    if (rc == 0 && strcmp(slug, name) != 0) {
        if (asprintf(&line, "name '%.80s' became '%s'", name, slug) < 0)
            line = NULL;
        rc = line ? change(f, line) : err_oom();
        if (rc == 0 && strlen(name) <= VALUE_MAX)
            rc = skill_set_meta(f->s, "flat-name", name);
    }
    free(line);
    free(own);
    return rc;
}

static int take_description(const struct flat *f)
{
    const json_t *v = json_object_get(f->front, "description");
    if (!json_is_string(v))
        return bad(f, "there is no description");
    const char *was = json_string_value(v);
    size_t len = strlen(was);
    char *clean = edit_clean_description(was, len);
    int rc = 0;
    if (!clean)
        return err_oom();
    clean[utf8_prefix(clean, strlen(clean), SKILL_DESCRIPTION_MAX)] = '\0';
    f->s->description = clean;
    if (!*clean)
        return bad(f, "the description is empty");
    if (strcmp(clean, was) != 0) {
        rc = change(f, "the description was changed (one line, no '<', '>' or '---', at most 1024 "
                       "characters)");
        if (rc == 0 && len <= VALUE_MAX)
            rc = skill_set_meta(f->s, "flat-description", was);
    }
    return rc;
}

static int take_tags(const struct flat *f)
{
    const json_t *v = json_object_get(f->front, "tags");
    const char *ours = json_str_at(f->front, "metadata.tags", NULL);
    size_t i, n = 0;
    json_t *tag;
    int rc = 0;
    if (!v && ours)
        return skill_read_tags(&f->s->tags, ours);
    if (json_is_string(v)) { /* one text: commas between, or blanks */
        const char *s = json_string_value(v), *set = strchr(s, ',') ? "," : " \t\r\n";
        while (rc == 0 && *(s += strspn(s, set))) {
            size_t len = strcspn(s, set);
            char *clean = edit_clean_description(s, len);
            rc = clean ? 0 : err_oom();
            if (rc == 0 && *clean)
                rc = strlist_add(&f->s->tags, clean);
            free(clean);
            s += len;
        }
        return rc < 0 ? rc : change(f, "tags were one text");
    }
    json_array_foreach ((json_t *)v, i, tag) {
        const char *s = json_string_value(tag);
        char *clean = s ? edit_clean_description(s, strlen(s)) : NULL;
        if (s && !clean)
            rc = err_oom();
        if (rc == 0 && clean && *clean)
            rc = strlist_add(&f->s->tags, clean);
        n += !clean || strcmp(clean, s) != 0;
        free(clean);
        if (rc < 0)
            return rc;
    }
    if (json_is_array(v) && is_typed(f->typed, json_array_get(v, 0)) &&
        (rc = note_style(f, "tags")) < 0)
        return rc;
    return n || (v && !json_is_array(v)) ? change(f, "tags were changed or left out") : 0;
}

static int take_version(const struct flat *f)
{
    const json_t *v = json_object_get(f->front, "version");
    int64_t n = 1;
    if (!v)
        v = json_at(f->front, "metadata.version");
    bool good = !v || (json_is_string(v) && str_to_i64(json_string_value(v), 1, 999999999, &n));
    f->s->version = (int)n;
    return good ? 0 : change(f, "the version is no positive number; 1 is used");
}

static int take_provenance(const struct flat *f)
{
    json_t *provenance = json_object_get(f->front, "provenance"), *v;
    const char *key;
    char meta[128];
    int rc = 0;
    if (!provenance)
        return 0;
    if (!json_is_object(provenance))
        return keep(f, "flat-top.provenance", "provenance", provenance, true);
    json_object_foreach (provenance, key, v) {
        size_t i = 0;
        while (i < PROVENANCE_KEYS && strcmp(provenance_keys[i].key, key) != 0)
            i++;
        snprintf(meta, sizeof(meta), "flat-provenance.%s", key);
        rc = keep(f, i < PROVENANCE_KEYS ? provenance_keys[i].meta : meta, key, v, true);
        if (rc < 0)
            break;
    }
    return rc;
}

/* The other keys, those of SKILL.md among them: nothing that a file says is lost for want of a place
 * here, it goes into the metadata and comes back when the file is written flat again. */
static int take_others(const struct flat *f)
{
    static const char *const done[] = {"name", "description", "tags", "version", "provenance"};
    const struct {
        const char *key;
        char **to;
    } ours[] = {{"license", &f->s->license},
                {"compatibility", &f->s->compatibility},
                {"allowed-tools", &f->s->allowed_tools}};
    const char *key, *name;
    json_t *v, *item;
    char meta[128];
    int rc = 0;
    json_object_foreach (f->front, key, v) {
        bool skip = false;
        for (size_t i = 0; i < sizeof(done) / sizeof(*done); i++)
            skip = skip || strcmp(done[i], key) == 0;
        for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
            if (strcmp(ours[i].key, key) == 0 && json_is_string(v) && json_string_length(v) &&
                utf8_length(json_string_value(v), json_string_length(v)) <= 500) {
                *ours[i].to = str_dup(json_string_value(v));
                skip = true;
            }
        if (skip)
            continue;
        if (strcmp(key, "metadata") == 0 && json_is_object(v)) {
            json_object_foreach (v, name, item)
                if (rc == 0 && *name && !skill_meta(f->s, name) && strcmp(name, "tags") != 0 &&
                    strcmp(name, "version") != 0)
                    rc = keep(f, name, name, item, false);
        } else {
            snprintf(meta, sizeof(meta), "flat-top.%s", key);
            rc = keep(f, meta, key, v, true);
        }
        if (rc < 0)
            break;
    }
    return rc;
}

int flat_parse(struct skill *out, const char *text, size_t len, const char *where,
               struct strlist *changes)
{
    static int (*const steps[])(const struct flat *f) = {
        take_name, take_description, take_tags, take_version, take_provenance, take_others};
    struct skill s = {.version = 1};
    struct skill_parts parts;
    struct flat f = {.s = &s, .typed = json_object(), .where = where, .changes = changes};
    *out = s;
    int rc = skill_split(text, len, where, &parts);
    if (rc == 0)
        rc =
            f.typed ? read_yaml(&f.front, f.typed, parts.front, parts.front_len, where) : err_oom();
    if (rc == 0 && parts.body_len > SKILL_CONTENT_MAX)
        rc = bad(&f, "the body is larger than 64 KiB");
    for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(*steps); i++)
        rc = steps[i](&f);
    if (rc == 0)
        rc = skill_set_body(&s, parts.body, parts.body_len);
    json_decref(f.front);
    json_decref(f.typed);
    if (rc < 0)
        skill_release(&s);
    *out = s;
    return rc;
}

/* ---- writing: libyaml's emitter wraps and quotes as PyYAML does, which made these files ---- */

static int append(void *arg, unsigned char *bytes, size_t len)
{
    buf_add(arg, bytes, len);
    return 1;
}

static void emit(yaml_emitter_t *y, yaml_event_t *e, int made)
{
    if (made)
        yaml_emitter_emit(y, e);
}

/* Whether plain YAML would read it as something else than a string. */
static bool looks_typed(const char *s)
{
    static const char *const words[] = {"",   "~",   "null", "true", "false", "yes", "no",
                                        "on", "off", "y",    "n",    "=",     "<<"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (str_caseeq(s, words[i]))
            return true;
    return (ascii_isdigit(*s) || strchr("+-.", *s)) && !s[strspn(s, "0123456789abcdefxoABCDEF"
                                                                    "_.:+-TtZz ")];
}

static void emit_text(yaml_emitter_t *y, const char *s, bool plain)
{
    yaml_event_t e;
    emit(y, &e,
         yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)s, (int)strlen(s),
                                      plain || !looks_typed(s), 1, YAML_ANY_SCALAR_STYLE));
}

/* Whether this one is written the other way than written_typed has it. */
static bool other_style(const struct skill *s, const char *meta)
{
    const char *all = skill_meta(s, "flat-style");
    size_t n = strlen(meta);
    for (const char *p = all; p && (p = strstr(p, meta)); p += n)
        if ((p == all || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return true;
    return false;
}

static void emit_pair(yaml_emitter_t *y, const struct skill *s, const char *meta, const char *key,
                      const char *value)
{
    emit_text(y, key, false);
    emit_text(y, value, written_typed(meta, false, value) != other_style(s, meta));
}

static void emit_list(yaml_emitter_t *y, const char *key, const struct strlist *list, bool typed)
{
    yaml_event_t e;
    emit_text(y, key, false);
    emit(y, &e, yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
    for (size_t i = 0; i < list->n; i++)
        emit_text(y, list->v[i], typed);
    emit(y, &e, yaml_sequence_end_event_initialize(&e));
}

static void emit_words(yaml_emitter_t *y, const char *key, const char *words, bool typed)
{
    struct strlist list = {0};
    for (const char *p = words; *(p += strspn(p, " "));) {
        size_t n = strcspn(p, " ");
        strlist_addn(&list, p, n);
        p += n;
    }
    emit_list(y, key, &list, typed);
    strlist_release(&list);
}

static void emit_map(yaml_emitter_t *y, bool start)
{
    yaml_event_t e;
    emit(y, &e,
         start ? yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)
               : yaml_mapping_end_event_initialize(&e));
}

static const char *provenance_value(const struct skill *s, size_t i)
{
    const char *v = skill_meta(s, provenance_keys[i].meta);
    if (!v && provenance_keys[i].other)
        v = skill_meta(s, provenance_keys[i].other);
    if (!v && strcmp(provenance_keys[i].key, "action") == 0 && skill_meta(s, "epoch"))
        v = skill_meta(s, "parent-version") ? "MODIFY" : "ADD";
    return v;
}

static bool has_provenance(const struct skill *s)
{
    for (size_t i = 0; i < PROVENANCE_KEYS; i++)
        if (provenance_value(s, i))
            return true;
    for (size_t i = 0; i < s->keys.n; i++)
        if (str_starts(s->keys.v[i], "flat-provenance."))
            return true;
    return false;
}

/* A key is written once, whatever the metadata says. */
static bool written_already(const struct skill *s, const char *prefix, const char *key)
{
    static const char *const always[] = {"description", "name", "tags", "version"};
    bool top = strcmp(prefix, "flat-top.") == 0;
    for (size_t i = 0; top && i < sizeof(always) / sizeof(*always); i++)
        if (strcmp(key, always[i]) == 0)
            return true;
    for (size_t i = 0; !top && i < PROVENANCE_KEYS; i++)
        if (strcmp(key, provenance_keys[i].key) == 0 && provenance_value(s, i))
            return true;
    return top && ((strcmp(key, "license") == 0 && s->license) ||
                   (strcmp(key, "provenance") == 0 && has_provenance(s)));
}

/* The other keys between two (NULL: the ends), in order: these files have their keys sorted. */
static void emit_others(yaml_emitter_t *y, const struct skill *s, const char *prefix,
                        const char *after, const char *before)
{
    size_t n = strlen(prefix);
    for (;;) {
        size_t next = SIZE_MAX;
        for (size_t i = 0; i < s->keys.n; i++) {
            const char *key = s->keys.v[i] + n;
            if (str_starts(s->keys.v[i], prefix) && (!after || strcmp(key, after) > 0) &&
                (!before || strcmp(key, before) < 0) && !written_already(s, prefix, key) &&
                (next == SIZE_MAX || strcmp(key, s->keys.v[next] + n) < 0))
                next = i;
        }
        if (next == SIZE_MAX)
            return;
        after = s->keys.v[next] + n;
        emit_pair(y, s, s->keys.v[next], after, s->values.v[next]);
    }
}

static void emit_provenance(yaml_emitter_t *y, const struct skill *s)
{
    static const char prefix[] = "flat-provenance.";
    const char *last = NULL;
    emit_text(y, "provenance", false);
    emit_map(y, true);
    for (size_t i = 0; i < PROVENANCE_KEYS; i++) { /* sorted */
        const char *v = provenance_value(s, i), *key = provenance_keys[i].key;
        if (!v)
            continue;
        emit_others(y, s, prefix, last, key);
        last = key;
        if (strcmp(key, "triggering_sample_ids") == 0)
            emit_words(y, key, v, other_style(s, provenance_keys[i].meta));
        else
            emit_pair(y, s, provenance_keys[i].meta, key, v);
    }
    emit_others(y, s, prefix, last, NULL);
    emit_map(y, false);
}

char *flat_name(const struct skill *s)
{
    const char *was = skill_meta(s, "flat-name");
    char slug[SKILL_NAME_MAX + 1] = "";
    bool safe = was && *was != '.' && strlen(was) < 200;
    for (const char *p = was; safe && *p; p++)
        safe = ascii_isalnum(*p) || strchr("_-. ", *p);
    if (safe)
        skill_slug(was, slug);
    char *name = str_dup(safe && strcmp(slug, s->name) == 0 ? was : s->name);
    if (name && strcmp(name, s->name) == 0)
        for (char *p = name; *p; p++)
            if (*p == '-')
                *p = '_';
    return name;
}

static void emit_front(yaml_emitter_t *y, const struct skill *s, const char *name)
{
    static const char prefix[] = "flat-top.";
    const char *description = skill_meta(s, "flat-description");
    char version[16];
    snprintf(version, sizeof(version), "%d", s->version);
    emit_map(y, true);
    emit_others(y, s, prefix, NULL, "description");
    emit_pair(y, s, "description", "description", description ? description : s->description);
    if (s->license) {
        emit_others(y, s, prefix, "description", "license");
        emit_pair(y, s, "license", "license", s->license);
    }
    emit_others(y, s, prefix, s->license ? "license" : "description", "name");
    emit_text(y, "name", false);
    emit_text(y, name, false);
    if (has_provenance(s)) {
        emit_others(y, s, prefix, "name", "provenance");
        emit_provenance(y, s);
    }
    emit_others(y, s, prefix, has_provenance(s) ? "provenance" : "name", "tags");
    emit_list(y, "tags", &s->tags, other_style(s, "tags"));
    emit_others(y, s, prefix, "tags", "version");
    emit_pair(y, s, "version", "version", version);
    emit_others(y, s, prefix, "version", NULL);
    emit_map(y, false);
}

static bool has_place(const char *key, bool inner)
{
    static const char *const top[] = {"name", "description", "license",
                                      "tags", "version",     "metadata"};
    static const char *const meta[] = {"tags", "version"};
    const char *const *known = inner ? meta : top;
    size_t n = inner ? sizeof(meta) / sizeof(*meta) : sizeof(top) / sizeof(*top);
    for (size_t i = 0; i < n; i++)
        if (strcmp(key, known[i]) == 0)
            return true;
    for (size_t i = 0; inner && i < PROVENANCE_KEYS; i++)
        if (strcmp(key, provenance_keys[i].meta) == 0 ||
            (provenance_keys[i].other && strcmp(key, provenance_keys[i].other) == 0))
            return true;
    return inner && str_starts(key, "flat-");
}

int flat_homeless(const struct skill *s, struct strlist *out)
{
    struct skill_parts parts;
    struct front front = {0};
    int rc = s->source ? skill_split(s->source, s->source_len, s->name, &parts) : 0;
    if (rc == 0 && s->source)
        rc = front_read(&front, parts.front, parts.front_len);
    for (size_t i = 0; rc == 0 && i < front.n; i++)
        if (!has_place(front.v[i].key, front.v[i].inner))
            rc = strlist_add(out, front.v[i].key);
    front_release(&front);
    return rc;
}

void flat_render(const struct skill *s, struct buf *out)
{
    yaml_emitter_t y;
    yaml_event_t e;
    char *name = flat_name(s);
    buf_adds(out, "---\n");
    if (!name || !yaml_emitter_initialize(&y)) {
        free(name);
        out->failed = true;
        return;
    }
    yaml_emitter_set_output(&y, append, out);
    emit(&y, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
    emit(&y, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
    emit_front(&y, s, name);
    emit(&y, &e, yaml_document_end_event_initialize(&e, 1));
    emit(&y, &e, yaml_stream_end_event_initialize(&e));
    if (y.error != YAML_NO_ERROR)
        out->failed = true;
    yaml_emitter_delete(&y);
    buf_adds(out, "---\n\n");
    buf_adds(out, s->body);
    free(name);
}
