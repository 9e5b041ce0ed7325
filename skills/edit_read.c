/* edit_read.c - edits out of a writer's reply: each field checked, then the edit against the
 * library. */
#include "skills/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/grow.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "skills/inject.h"

enum {
    NAME_RAW_MAX = 1024, /* bytes of a name before it becomes a slug */
    /* This many places or fewer: a REMOVE may pair with an ADD. The gate measures a pair as one edit,
     * so that a full library can still learn without first losing what the REMOVE was worth. */
    PAIR_PLACES = 2
};

/* Takes ownership of *p (left empty), also when it fails. */
static int list_add(struct proposal_list *l, struct proposal *p)
{
    int rc = grow(&l->v, &l->cap, l->n + 1);
    if (rc < 0) {
        proposal_release(p);
        return rc;
    }
    l->v[l->n++] = *p;
    *p = (struct proposal){0};
    return 0;
}

/* ---- one edit's fields ---- */

/* One edit on its way from JSON; a field's reader says what is wrong with it. */
struct draft {
    struct edit edit;
    const struct skill_set *library;
    const struct edit_rules *rules;
    const char *detail; /* of the refusal */
    char what[160];     /* of a leak */
    bool no_memory;
};

static enum edit_refusal refuse(struct draft *d, enum edit_refusal why, const char *detail)
{
    d->detail = detail;
    return why;
}

/* No control characters but newline and tab; a NUL is one as well. U+FFFD stands where a reply was
 * not UTF-8: such a text is damaged. */
static bool text_ok(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)s[i] < 0x20 && s[i] != '\n' && s[i] != '\t' && s[i] != '\r') ||
            s[i] == 0x7f)
            return false;
    return utf8_valid(s, len) && !memmem(s, len, "\xef\xbf\xbd", 3);
}

static enum edit_refusal read_action(struct draft *d, const json_t *v)
{
    const char *s = json_string_value(v);
    char word[8] = "";
    if (s) {
        s += strspn(s, " \t\r\n");
        size_t n = strcspn(s, " \t\r\n");
        if (n < sizeof(word) && !s[n + strspn(s + n, " \t\r\n")])
            memcpy(word, s, n);
    }
    for (int i = EDIT_ADD; i <= EDIT_REMOVE; i++)
        if (str_caseeq(word, edit_action_name((enum edit_action)i))) {
            d->edit.action = (enum edit_action)i;
            return EDIT_OK;
        }
    return refuse(d, EDIT_BAD_ACTION, "action is none of ADD, MODIFY, REMOVE");
}

/* A path is no name: what the writer meant by it is not worth guessing. */
static bool looks_like_path(const char *s)
{
    return *s == '/' || *s == '~' || *s == '.' || strstr(s, "..") || strchr(s, '\\');
}

static enum edit_refusal read_name(struct draft *d, const json_t *v)
{
    static const char *const templates[] = {"template", "skill-template"};
    const char *s = json_string_value(v);
    char slug[SKILL_NAME_MAX + 1];
    if (!s)
        return refuse(d, EDIT_BAD_NAME, "name is not a string");
    if (json_string_length(v) > NAME_RAW_MAX)
        return refuse(d, EDIT_TOO_LONG, "name is longer than 1024 bytes");
    if (!text_ok(s, json_string_length(v)))
        return refuse(d, EDIT_BAD_TEXT, "name holds control characters or damaged UTF-8");
    s += strspn(s, " \t\r\n");
    if (looks_like_path(s))
        return refuse(d, EDIT_BAD_NAME, "name is a path");
    skill_slug(s, slug);
    if (!*slug)
        return refuse(d, EDIT_BAD_NAME, "name has no letters or digits");
    if (!(d->edit.name = str_dup(slug))) {
        d->no_memory = true;
        return EDIT_BAD_NAME;
    }
    for (size_t i = 0; i < sizeof(templates) / sizeof(*templates); i++)
        if (strcmp(slug, templates[i]) == 0)
            return refuse(d, EDIT_TEMPLATE, "the template is not a skill");
    return EDIT_OK;
}

static enum edit_refusal read_description(struct draft *d, const json_t *v)
{
    if (!v || json_is_null(v))
        return EDIT_OK;
    if (!json_is_string(v))
        return refuse(d, EDIT_BAD_TEXT, "description is not a string");
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    if (!text_ok(s, len))
        return refuse(d, EDIT_BAD_TEXT, "description holds control characters or damaged UTF-8");
    if (len > 4 * SKILL_DESCRIPTION_MAX + 1024)
        return refuse(d, EDIT_TOO_LONG, "description is longer than 1024 characters");
    char *clean = edit_clean_description(s, len);
    if (!clean) {
        d->no_memory = true;
        return EDIT_BAD_TEXT;
    }
    d->edit.description = clean;
    if (utf8_length(clean, strlen(clean)) > SKILL_DESCRIPTION_MAX)
        return refuse(d, EDIT_TOO_LONG, "description is longer than 1024 characters");
    if (!*clean) {
        free(clean);
        d->edit.description = NULL;
    }
    return EDIT_OK;
}

/* Whether a text begins with a line "---", maybe inside a code fence. */
static bool has_frontmatter(const char *s)
{
    for (int line = 0; line < 2; line++) {
        s += strspn(s, " \t\r\n");
        if (strncmp(s, "---", 3) == 0) {
            char after = s[strspn(s, "-")];
            return !after || ascii_isspace(after);
        }
        if (strncmp(s, "```", 3) != 0 && strncmp(s, "~~~", 3) != 0)
            return false;
        s += strcspn(s, "\n");
    }
    return false;
}

/* Cuts a fence off that is around the whole text, as the template was shown. */
static bool unwrap(const char **s, size_t *len)
{
    const char *p = *s, *end = p + *len;
    while (p < end && ascii_isspace(*p))
        p++;
    while (end > p && ascii_isspace(end[-1]))
        end--;
    size_t ticks = strspn(p, "`");
    const char *info = p + ticks, *eol = memchr(p, '\n', (size_t)(end - p));
    if (ticks < 3 || !eol || (size_t)(end - eol) <= ticks)
        return false;
    size_t n = (size_t)(eol - info);
    bool known = (n == 8 && memcmp(info, "markdown", n) == 0) ||
                 (n == 2 && memcmp(info, "md", n) == 0) || (n == 0 && ticks > 3);
    const char *close = end - ticks;
    if (!known || close[-1] != '\n' || strspn(close, "`") != ticks)
        return false;
    *s = eol + 1;
    *len = close > eol + 1 ? (size_t)(close - eol - 1) : 0;
    return true;
}

/* Without "\r", fences around it, blank lines at its ends; one newline at its end. What is clean
 * stays as it is: a note's edit is read by the same rules. */
static char *clean_content(const char *s, size_t len)
{
    struct buf b = BUF_INIT;
    struct skill made = {0};
    for (size_t i = 0; i < len; i++)
        if (s[i] != '\r')
            buf_addch(&b, s[i]);
        else if (i + 1 == len || s[i + 1] != '\n')
            buf_addch(&b, '\n');
    const char *from = b.ptr;
    size_t n = b.len;
    while (!b.failed && n && unwrap(&from, &n))
        continue;
    if (b.failed || skill_set_body(&made, from, n) < 0)
        made.body = NULL;
    buf_release(&b);
    return made.body;
}

static enum edit_refusal read_content(struct draft *d, const json_t *v)
{
    if (d->edit.action == EDIT_REMOVE)
        return EDIT_OK;
    if (v && !json_is_string(v) && !json_is_null(v))
        return refuse(d, EDIT_BAD_TEXT, "content is not a string");
    const char *s = json_is_string(v) ? json_string_value(v) : "";
    size_t len = json_is_string(v) ? json_string_length(v) : 0;
    if (len > SKILL_CONTENT_MAX)
        return refuse(d, EDIT_TOO_LONG, "content is larger than 64 KiB");
    if (!text_ok(s, len))
        return refuse(d, EDIT_BAD_TEXT, "content holds NUL, control characters or damaged UTF-8");
    if (!(d->edit.content = clean_content(s, len))) {
        d->no_memory = true;
        return EDIT_BAD_TEXT;
    }
    if (has_frontmatter(d->edit.content))
        return refuse(d, EDIT_BAD_TEXT, "content begins with frontmatter");
    if (!*d->edit.content)
        return refuse(d, EDIT_EMPTY_CONTENT, "content is empty");
    return EDIT_OK;
}

static enum edit_refusal add_tag(struct draft *d, const char *s, size_t len)
{
    if (len > 4 * SKILL_TAG_MAX + 64)
        return refuse(d, EDIT_TOO_LONG, "a tag is longer than 64 characters");
    if (!text_ok(s, len))
        return refuse(d, EDIT_BAD_TEXT, "a tag holds control characters or damaged UTF-8");
    char *tag = edit_clean_description(s, len);
    enum edit_refusal why = EDIT_OK;
    if (tag && utf8_length(tag, strlen(tag)) > SKILL_TAG_MAX)
        why = refuse(d, EDIT_TOO_LONG, "a tag is longer than 64 characters");
    else if (tag && *tag && !strlist_has(&d->edit.tags, tag) && d->edit.tags.n == SKILL_TAGS_MAX)
        why = refuse(d, EDIT_TOO_LONG, "more than 16 tags");
    else if (!tag ||
             (*tag && !strlist_has(&d->edit.tags, tag) && strlist_add(&d->edit.tags, tag) < 0))
        d->no_memory = true;
    free(tag);
    return d->no_memory ? EDIT_BAD_TEXT : why;
}

/* An array of strings, or one string with commas between. */
static enum edit_refusal read_tags(struct draft *d, const json_t *v)
{
    enum edit_refusal why = EDIT_OK;
    size_t i;
    json_t *tag;
    if (json_is_string(v)) {
        const char *s = json_string_value(v), *end = s + json_string_length(v);
        while (why == EDIT_OK && s <= end) {
            const char *comma = memchr(s, ',', (size_t)(end - s));
            why = add_tag(d, s, (size_t)((comma ? comma : end) - s));
            s = comma ? comma + 1 : end + 1;
        }
        return why;
    }
    if (v && !json_is_array(v) && !json_is_null(v))
        return refuse(d, EDIT_BAD_TEXT, "tags is not an array of strings");
    json_array_foreach ((json_t *)v, i, tag) {
        if (!json_is_string(tag))
            return refuse(d, EDIT_BAD_TEXT, "tags is not an array of strings");
        why = add_tag(d, json_string_value(tag), json_string_length(tag));
        if (why != EDIT_OK)
            break;
    }
    return why;
}

/* Why the edit is proposed: what becomes of it is a commit's text, so it is cut rather than the edit
 * refused for its length. */
static enum edit_refusal read_reason(struct draft *d, const json_t *v)
{
    if (!v || json_is_null(v))
        return EDIT_OK;
    const char *s = json_string_value(v);
    if (!s || !text_ok(s, json_string_length(v)))
        return refuse(d, EDIT_BAD_TEXT, "reason is not a string, or holds control characters");
    char *clean = edit_clean_description(s, json_string_length(v));
    if (!clean) {
        d->no_memory = true;
        return EDIT_BAD_TEXT;
    }
    size_t len = strlen(clean), most = utf8_prefix(clean, len, EDIT_REASON_MAX);
    if (most < len)
        strcpy(clean + utf8_prefix(clean, len, EDIT_REASON_MAX - 3), "...");
    if (!*clean) {
        free(clean);
        clean = NULL;
    }
    d->edit.reason = clean;
    return EDIT_OK;
}

/* ---- an edit against the library ---- */

static enum edit_refusal check_library(struct draft *d)
{
    const struct edit *e = &d->edit;
    const struct skill *old = skill_set_find(d->library, e->name);
    if (d->rules->append_only && e->action != EDIT_ADD)
        return refuse(d, EDIT_APPEND_ONLY, "only ADD is allowed");
    if (e->action == EDIT_ADD)
        return old ? refuse(d, EDIT_EXISTS, "a skill of this name is there") : EDIT_OK;
    if (!old)
        return refuse(d, EDIT_MISSING, "no skill of this name");
    if (str_same(skill_meta(old, "pinned"), "true"))
        return refuse(d, EDIT_PINNED, "the skill is pinned: a person keeps it as it is");
    if (e->action == EDIT_MODIFY && str_same(e->content, old->body) &&
        (!e->description || str_same(e->description, old->description)) &&
        (!e->tags.n || strlist_equal(&e->tags, &old->tags)))
        return refuse(d, EDIT_UNCHANGED, "the skill is like that already");
    return EDIT_OK;
}

static enum edit_refusal check_leak(struct draft *d)
{
    if ((d->edit.action != EDIT_REMOVE || d->edit.reason) && d->rules->forbidden &&
        d->rules->forbidden(d->rules->forbidden_arg, &d->edit, d->what, sizeof(d->what)))
        return refuse(d, EDIT_LEAK, d->what);
    return EDIT_OK;
}

static enum edit_refusal read_edit(struct draft *d, const json_t *v)
{
    static const struct {
        const char *key;
        enum edit_refusal (*read)(struct draft *d, const json_t *v);
    } fields[] = {{"action", read_action},   {"name", read_name}, {"description", read_description},
                  {"content", read_content}, {"tags", read_tags}, {"reason", read_reason}};
    if (!json_is_object(v))
        return refuse(d, EDIT_NOT_OBJECT, "an item of the array is not an object");
    enum edit_refusal why = EDIT_OK;
    for (size_t i = 0; why == EDIT_OK && i < sizeof(fields) / sizeof(*fields); i++)
        why = fields[i].read(d, json_object_get(v, fields[i].key));
    if (why == EDIT_OK)
        why = check_library(d);
    if (why == EDIT_OK)
        why = check_leak(d);
    return why;
}

/* ---- a reply ---- */

struct reply {
    const struct skill_set *library;
    const struct edit_rules *rules;
    struct proposal_list *out;
    edit_refused_fn refused;
    void *arg;
};

static void report(const struct reply *r, enum edit_refusal why, const char *detail)
{
    if (r->refused)
        r->refused(r->arg, why, detail ? detail : "");
}

/* How many characters the executor would read with these edits; GRASP_ENOMEM. */
static int measure(const struct reply *r, const struct proposal *p, size_t *chars)
{
    struct skill_set set;
    int rc = proposal_apply(r->library, p, NULL, &set);
    if (rc == 0)
        rc = inject_chars(r->rules->prompts, &set, chars);
    skill_set_release(&set);
    return rc;
}

/* Takes ownership of *p. */
static int take(const struct reply *r, struct proposal *p)
{
    size_t chars = 0, now = 0;
    int rc = r->rules->max_chars ? measure(r, p, &chars) : 0;
    if (rc == 0 && chars > r->rules->max_chars)
        rc = inject_chars(r->rules->prompts, r->library, &now);
    bool passes = chars > r->rules->max_chars && chars > now; /* what shrinks it is welcome */
    if (rc == 0 && passes) {
        char detail[200];
        snprintf(detail, sizeof(detail),
                 "%.64s: the skills would have %zu characters, and %zu are allowed "
                 "(skills.max_chars)",
                 p->v[0].name, chars, r->rules->max_chars);
        report(r, EDIT_TOO_LARGE, detail);
    }
    if (rc < 0 || passes) {
        proposal_release(p);
        return rc;
    }
    for (size_t i = 0; i < r->out->n; i++)
        if (proposal_equal(&r->out->v[i], p, r->rules->dedupe_prefix)) {
            report(r, EDIT_DUPLICATE, p->v[0].name);
            proposal_release(p);
            return 0;
        }
    return list_add(r->out, p);
}

/* Each of `edits` becomes a proposal; with `pair`, the i-th REMOVE goes together with the i-th ADD:
 * writers give the two in either order, so the first of them looks ahead for its other half. An ADD
 * without one is refused in a full library only here, when it is known that no REMOVE makes room.
 * Empties the edits. */
static int group(const struct reply *r, struct edit *edits, size_t n, size_t places, bool pair)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct edit *e = &edits[i];
        struct proposal p = {.n = 1};
        if (!e->name)
            continue;
        if (pair && e->action != EDIT_MODIFY) {
            enum edit_action other = e->action == EDIT_ADD ? EDIT_REMOVE : EDIT_ADD;
            size_t k = i + 1;
            while (k < n && (!edits[k].name || edits[k].action != other))
                k++;
            if (k < n) {
                p.n = 2;
                p.v[e->action == EDIT_ADD ? 0 : 1] = edits[k];
                edits[k] = (struct edit){0};
            }
        }
        p.v[p.n == 2 && e->action == EDIT_ADD ? 1 : 0] = *e;
        *e = (struct edit){0};
        if (p.n == 1 && p.v[0].action == EDIT_ADD && places == 0) {
            report(r, EDIT_FULL, p.v[0].name);
            proposal_release(&p);
            continue;
        }
        rc = take(r, &p);
    }
    return rc;
}

static const char *const edit_keys[] = {"action", "name",   "description", "content",
                                        "tags",   "reason", NULL};
static const char *const edit_actions[] = {"ADD", "MODIFY", "REMOVE", NULL};
const struct reply_shape edit_reply_shape = {
    .list = true, .keys = edit_keys, .type = JSON_STRING, .values = edit_actions};

static enum edit_refusal refusal_of(const struct reply_fault *fault, const char *text, size_t len)
{
    switch (fault->state) {
    case REPLY_TOO_LONG:
        return EDIT_TOO_LONG;
    case REPLY_CUT:
        return EDIT_CUT;
    case REPLY_UNPARSEABLE:
        return EDIT_UNPARSEABLE;
    default:
        return utf8_valid(text, len) ? EDIT_NO_ARRAY : EDIT_BAD_TEXT;
    }
}

int edit_parse_reply(const char *text, size_t len, const struct skill_set *library,
                     const struct edit_rules *rules, struct proposal_list *out,
                     edit_refused_fn refused, void *arg)
{
    struct reply r = {library, rules, out, refused, arg};
    size_t places = library->n < rules->capacity ? rules->capacity - library->n : 0;
    bool pair = places <= PAIR_PLACES && !rules->append_only;
    size_t max = places <= PAIR_PLACES && rules->max_edits < 2 ? 2 : rules->max_edits;
    struct edit *edits = NULL;
    size_t n = 0;
    int rc = 0;
    struct reply_fault fault;
    json_t *array = reply_read(text, len, &edit_reply_shape, &fault);
    if (!array)
        report(&r, refusal_of(&fault, text, len), fault.text);
    else if (!json_array_size(array))
        report(&r, EDIT_EMPTY_ARRAY, "nothing proposed");
    if (!array || !json_array_size(array))
        goto out;
    if (max > json_array_size(array))
        max = json_array_size(array);
    if (!(edits = calloc(max + 1, sizeof(*edits)))) {
        rc = err_oom();
        goto out;
    }
    for (size_t i = 0; rc == 0 && i < max; i++) {
        struct draft d = {.library = library, .rules = rules};
        enum edit_refusal why = read_edit(&d, json_array_get(array, i));
        if (d.no_memory)
            rc = err_oom();
        else if (why != EDIT_OK)
            report(&r, why, d.detail);
        if (rc < 0 || why != EDIT_OK)
            edit_release(&d.edit);
        else
            edits[n++] = d.edit;
    }
    if (rc == 0 && max < json_array_size(array))
        report(&r, EDIT_TOO_MANY, "the array holds more edits than asked for");
    if (rc == 0)
        rc = group(&r, edits, n, places, pair);
out:
    for (size_t i = 0; i < n; i++)
        edit_release(&edits[i]);
    free(edits);
    json_decref(array);
    return rc;
}

/* ---- from JSON ---- */

/* What a writer cannot give: a skill's file as it is, and its other files. */
static int read_whole(struct edit *e, const json_t *v)
{
    const char *source = json_str_at(v, "source", NULL);
    const json_t *files = json_object_get(v, "files");
    json_t *one;
    size_t i;
    int rc = 0;
    if (source && !(e->source = str_dup(source)))
        return err_oom();
    json_array_foreach ((json_t *)files, i, one) {
        struct skill_file f = {.path = (char *)json_str_at(one, "path", "")};
        const char *id = json_str_at(one, "id", ""), *mode = json_str_at(one, "mode", "");
        char *end;
        unsigned long bits = strtoul(mode, &end, 8);
        if (!*f.path || strlen(id) != SKILL_FILE_ID || !*mode || *end || bits > 0177777)
            return err_set(GRASP_EPARSE, "files holds no path, mode and id");
        f.mode = (unsigned)bits;
        memcpy(f.id, id, SKILL_FILE_ID + 1);
        if ((rc = skill_files_add(&e->files, &f)) < 0)
            return rc;
    }
    return 0;
}

int proposal_from_json(struct proposal *p, const json_t *v)
{
    static const struct skill_set none;
    static const struct edit_rules free_rules;
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    *p = (struct proposal){0};
    if (n < 1 || n > 2)
        return err_set(GRASP_EPARSE, "a proposal holds one edit or two, not %zu", n);
    for (size_t i = 0; i < n; i++) {
        struct draft d = {.library = &none, .rules = &free_rules};
        enum edit_refusal why = read_edit(&d, json_is_array(v) ? json_array_get(v, i) : v);
        p->v[p->n++] = d.edit;
        int rc = read_whole(&p->v[p->n - 1], json_is_array(v) ? json_array_get(v, i) : v);
        /* There is no library to compare with: MODIFY and REMOVE name what is not there. */
        if (rc == 0 && (why == EDIT_OK || (why == EDIT_MISSING && !d.no_memory)))
            continue;
        if (rc == 0)
            rc = d.no_memory ? err_oom() : err_set(GRASP_EPARSE, "edit %zu: %s", i + 1, d.detail);
        proposal_release(p);
        return rc;
    }
    return 0;
}
