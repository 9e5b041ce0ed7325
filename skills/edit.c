/* edit.c - edits as values, their application, JSON. */
#include "skills/edit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"

static const char *const action_names[] = {"ADD", "MODIFY", "REMOVE"};

static const char *const refusal_names[] = {
    [EDIT_OK] = "ok",
    [EDIT_NO_ARRAY] = "no-array",
    [EDIT_CUT] = "cut-off",
    [EDIT_UNPARSEABLE] = "unparseable",
    [EDIT_EMPTY_ARRAY] = "empty-array",
    [EDIT_NOT_OBJECT] = "not-an-object",
    [EDIT_BAD_ACTION] = "bad-action",
    [EDIT_BAD_NAME] = "bad-name",
    [EDIT_TEMPLATE] = "template",
    [EDIT_EXISTS] = "exists",
    [EDIT_MISSING] = "missing",
    [EDIT_FULL] = "library-full",
    [EDIT_EMPTY_CONTENT] = "empty-content",
    [EDIT_TOO_LONG] = "too-long",
    [EDIT_BAD_TEXT] = "bad-text",
    [EDIT_TOO_MANY] = "too-many",
    [EDIT_APPEND_ONLY] = "append-only",
    [EDIT_LEAK] = "leak",
    [EDIT_DUPLICATE] = "duplicate",
    [EDIT_UNCHANGED] = "unchanged",
    [EDIT_PINNED] = "pinned",
    [EDIT_TOO_LARGE] = "library-too-large",
};

const char *edit_action_name(enum edit_action a)
{
    return (size_t)a < sizeof(action_names) / sizeof(*action_names) ? action_names[a] : "?";
}

const char *edit_refusal_name(enum edit_refusal r)
{
    return (size_t)r < EDIT_REFUSALS ? refusal_names[r] : "?";
}

void edit_release(struct edit *e)
{
    free(e->name);
    free(e->description);
    free(e->content);
    free(e->reason);
    strlist_release(&e->tags);
    free(e->source);
    skill_files_unref(e->files);
    *e = (struct edit){0};
}

void proposal_release(struct proposal *p)
{
    for (size_t i = 0; i < p->n; i++)
        edit_release(&p->v[i]);
    *p = (struct proposal){0};
}

void proposal_list_release(struct proposal_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        proposal_release(&l->v[i]);
    free(l->v);
    *l = (struct proposal_list){0};
}

/* The first `chars` characters alike; 0: all of it. */
static bool same_content(const char *a, const char *b, size_t chars)
{
    if (!chars || !a || !b)
        return str_same(a, b);
    size_t n = utf8_prefix(a, strlen(a), chars), m = utf8_prefix(b, strlen(b), chars);
    return n == m && memcmp(a, b, n) == 0;
}

bool proposal_equal(const struct proposal *a, const struct proposal *b, size_t prefix)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].action != b->v[i].action || !str_same(a->v[i].name, b->v[i].name) ||
            !same_content(a->v[i].content, b->v[i].content, prefix))
            return false;
    return true;
}

void proposal_describe(const struct proposal *p, struct buf *out)
{
    for (size_t i = 0; i < p->n; i++)
        buf_addf(out, "%s%s %s", i ? " + " : "", edit_action_name(p->v[i].action), p->v[i].name);
}

/* One line; '<' and '>' become the single angle quotes U+2039 and U+203A and "---" a dash: the
 * convention has no place for them, and they are not worth losing an edit for. */
static void add_description(struct buf *b, const char *s, size_t len)
{
    bool gap = false;
    for (size_t i = 0; i < len; i++) {
        if (ascii_isspace(s[i])) {
            gap = b->len > 0;
            continue;
        }
        if (gap)
            buf_addch(b, ' ');
        gap = false;
        if (s[i] == '<') {
            buf_adds(b, "\xe2\x80\xb9");
        } else if (s[i] == '>') {
            buf_adds(b, "\xe2\x80\xba");
        } else if (i + 2 < len && memcmp(s + i, "---", 3) == 0) {
            buf_adds(b, "\xe2\x80\x94");
            while (i + 1 < len && s[i + 1] == '-')
                i++;
        } else {
            buf_addch(b, s[i]);
        }
    }
}

char *edit_clean_description(const char *s, size_t len)
{
    struct buf b = BUF_INIT;
    add_description(&b, s, len);
    return buf_detach(&b);
}

/* ---- application ---- */

/* The first line of a body that is prose, for an ADD that came without a description. */
static char *describe(const struct edit *e)
{
    const char *p = e->content;
    while (*p) {
        size_t n = strcspn(p, "\n");
        if (n && !strchr("#`-|>*=~", *p) && *p != ' ' && *p != '\t') {
            size_t cut = utf8_prefix(p, n, 300);
            return edit_clean_description(p, cut);
        }
        p += n + (p[n] == '\n');
    }
    char *s = str_dup(e->name);
    for (char *c = s; c && *c; c++)
        if (*c == '-')
            *c = ' ';
    return s;
}

static int set_number(struct skill *s, const char *key, int64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)n);
    return skill_set_meta(s, key, text);
}

/* Metadata says what was known before measuring, of this version alone: what was measured of the
 * version before it, or how that one came about, would be a false claim about this one. */
static int set_provenance(struct skill *s, const struct provenance *p, int parent)
{
    static const char *const stale[] = {"author-model", "epoch", "update", "parent-version"};
    int rc = 0;
    for (size_t i = 0; i < sizeof(stale) / sizeof(*stale); i++)
        skill_unset_meta(s, stale[i]);
    for (size_t i = s->keys.n; i-- > 0;)
        if ((str_starts(s->keys.v[i], "flat-") && strcmp(s->keys.v[i], "flat-name") != 0) ||
            str_starts(s->keys.v[i], "gate-"))
            skill_unset_meta(s, s->keys.v[i]);
    if (p && p->author_model)
        rc = skill_set_meta(s, "author-model", p->author_model);
    if (rc == 0 && p)
        rc = set_number(s, "epoch", p->epoch);
    if (rc == 0 && p)
        rc = set_number(s, "update", p->update);
    if (rc == 0 && parent)
        rc = set_number(s, "parent-version", parent);
    return rc;
}

/* The skill that an ADD (old NULL) or a MODIFY makes. */
static int make_skill(struct skill *s, const struct skill *old, const struct edit *e,
                      const struct provenance *provenance)
{
    *s = (struct skill){0};
    int rc = 0;
    if (e->source)
        rc = skill_parse(s, e->source, strlen(e->source), e->name, e->name);
    else if (old)
        rc = skill_copy(s, old);
    if (rc < 0)
        return rc;
    if (e->files || e->source) {
        skill_files_unref(s->files);
        s->files = skill_files_ref(e->files);
    }
    int parent = old ? old->version : 0;
    s->version = parent < INT_MAX ? parent + 1 : parent;
    if (!old && !e->source)
        s->name = str_dup(e->name);
    if (e->description || (!old && !e->source)) {
        free(s->description);
        s->description = e->description ? str_dup(e->description) : describe(e);
    }
    if (e->tags.n) {
        strlist_release(&s->tags);
        rc = strlist_copy(&s->tags, &e->tags);
    }
    if (!s->name || !s->description)
        rc = err_oom();
    if (rc == 0)
        rc = skill_set_body(s, e->content, strlen(e->content));
    if (rc == 0)
        rc = set_provenance(s, provenance, parent);
    if (rc < 0)
        skill_release(s);
    return rc;
}

static int apply(struct skill_set *set, const struct edit *e, const struct provenance *provenance)
{
    const struct skill *old = skill_set_find(set, e->name);
    struct skill s;
    if (!skill_name_valid(e->name))
        return err_set(GRASP_EINVAL, "'%.80s' is not a skill's name", e->name);
    if (e->action == EDIT_ADD && old)
        return err_set(GRASP_EINVAL, "ADD %s: there is a skill of this name", e->name);
    if (e->action != EDIT_ADD && !old)
        return err_set(GRASP_EINVAL, "%s %s: there is no skill of this name",
                       edit_action_name(e->action), e->name);
    if (e->action == EDIT_REMOVE)
        return skill_set_remove(set, e->name) ? 0 : GRASP_EINVAL;
    if (!e->content || !*e->content)
        return err_set(GRASP_EINVAL, "%s %s: no content", edit_action_name(e->action), e->name);
    int rc = make_skill(&s, old, e, provenance);
    return rc < 0 ? rc : skill_set_put(set, &s);
}

int proposal_apply(const struct skill_set *library, const struct proposal *p,
                   const struct provenance *provenance, struct skill_set *out)
{
    int rc = skill_set_copy(out, library);
    for (size_t i = 0; rc == 0 && i < p->n; i++)
        rc = apply(out, &p->v[i], provenance);
    if (rc < 0)
        skill_set_release(out);
    return rc;
}

/* ---- JSON ---- */

static json_t *files_to_json(const struct skill_files *files)
{
    json_t *out = json_array();
    char mode[16];
    for (size_t i = 0; i < files->n; i++) {
        snprintf(mode, sizeof(mode), "%o", files->v[i].mode);
        json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "path", files->v[i].path, "mode",
                                             mode, "id", files->v[i].id));
    }
    return out;
}

static json_t *edit_to_json(const struct edit *e)
{
    json_t *tags = json_strings(&e->tags);
    json_t *v = json_pack("{s:s, s:s, s:s*, s:s*}", "action", edit_action_name(e->action), "name",
                          e->name, "description", e->description, "content", e->content);
    if (e->action != EDIT_REMOVE)
        json_object_set(v, "tags", tags);
    json_decref(tags);
    if (e->reason)
        json_object_set_new(v, "reason", json_string(e->reason));
    if (e->source)
        json_object_set_new(v, "source", json_string(e->source));
    if (e->files && e->files->n)
        json_object_set_new(v, "files", files_to_json(e->files));
    return v;
}

json_t *proposal_to_json(const struct proposal *p)
{
    if (p->n == 1)
        return edit_to_json(&p->v[0]);
    json_t *array = json_array();
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(array, edit_to_json(&p->v[i]));
    return array;
}
