/* skill.c - SKILL.md documents as values, writing them, and sets of them. */
#include "skills/skill.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

/* ---- values ---- */

void skill_release(struct skill *s)
{
    char *const owned[] = {s->name,          s->description,   s->body,  s->license,
                           s->compatibility, s->allowed_tools, s->source};
    for (size_t i = 0; i < sizeof(owned) / sizeof(*owned); i++)
        free(owned[i]);
    strlist_release(&s->tags);
    strlist_release(&s->keys);
    strlist_release(&s->values);
    *s = (struct skill){0};
}

static int list_copy(struct strlist *dst, const struct strlist *src)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < src->n; i++)
        rc = strlist_add(dst, src->v[i]);
    return rc;
}

int skill_copy(struct skill *dst, const struct skill *src)
{
    const struct {
        size_t at;
    } strings[] = {
        {offsetof(struct skill, name)},          {offsetof(struct skill, description)},
        {offsetof(struct skill, body)},          {offsetof(struct skill, license)},
        {offsetof(struct skill, compatibility)}, {offsetof(struct skill, allowed_tools)}};
    struct skill s = {.version = src->version, .source_len = src->source_len};
    int rc = 0;
    for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
        char *const *from = (char *const *)((const char *)src + strings[i].at);
        char **to = (char **)((char *)&s + strings[i].at);
        *to = str_dup(*from);
        if (*from && !*to)
            rc = err_set(GRASP_ENOMEM, "out of memory");
    }
    if (src->source && !(s.source = str_ndup(src->source, src->source_len)))
        rc = err_set(GRASP_ENOMEM, "out of memory");
    if (rc == 0)
        rc = list_copy(&s.tags, &src->tags);
    if (rc == 0)
        rc = list_copy(&s.keys, &src->keys);
    if (rc == 0)
        rc = list_copy(&s.values, &src->values);
    if (rc < 0)
        skill_release(&s);
    *dst = s;
    return rc;
}

const char *skill_meta(const struct skill *s, const char *key)
{
    for (size_t i = 0; i < s->keys.n; i++)
        if (strcmp(s->keys.v[i], key) == 0)
            return s->values.v[i];
    return NULL;
}

static void forget_source(struct skill *s)
{
    free(s->source);
    s->source = NULL;
    s->source_len = 0;
}

int skill_set_meta(struct skill *s, const char *key, const char *value)
{
    for (size_t i = 0; i < s->keys.n; i++)
        if (strcmp(s->keys.v[i], key) == 0) {
            char *copy = str_dup(value);
            if (!copy)
                return err_set(GRASP_ENOMEM, "out of memory");
            free(s->values.v[i]);
            s->values.v[i] = copy;
            forget_source(s);
            return 0;
        }
    int rc = strlist_add(&s->keys, key);
    if (rc == 0 && (rc = strlist_add(&s->values, value)) < 0)
        free(s->keys.v[--s->keys.n]);
    forget_source(s);
    return rc;
}

void skill_unset_meta(struct skill *s, const char *key)
{
    for (size_t i = 0; i < s->keys.n; i++) {
        if (strcmp(s->keys.v[i], key) != 0)
            continue;
        free(s->keys.v[i]);
        free(s->values.v[i]);
        size_t tail = --s->keys.n - i;
        s->values.n--;
        memmove(&s->keys.v[i], &s->keys.v[i + 1], tail * sizeof(char *));
        memmove(&s->values.v[i], &s->values.v[i + 1], tail * sizeof(char *));
        forget_source(s);
        return;
    }
}

bool skill_name_valid(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > SKILL_NAME_MAX || name[0] == '-' || name[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!(name[i] >= 'a' && name[i] <= 'z') && !ascii_isdigit(name[i]) &&
            !(name[i] == '-' && name[i + 1] != '-'))
            return false;
    return true;
}

void skill_slug(const char *name, char out[SKILL_NAME_MAX + 1])
{
    size_t n = 0;
    bool gap = false;
    for (; *name && n < SKILL_NAME_MAX; name++) {
        if (!ascii_isalnum(*name)) {
            gap = n > 0;
            continue;
        }
        if (gap) {
            if (n + 1 == SKILL_NAME_MAX)
                break; /* no room for '-' and a character after it */
            out[n++] = '-';
        }
        out[n++] = ascii_lower(*name);
        gap = false;
    }
    out[n] = '\0';
}

/* The body with one newline at its end; "" when there is none. */
static char *make_body(const char *text, size_t len)
{
    char *body = malloc(len + 2);
    if (body) {
        memcpy(body, text, len);
        if (len)
            body[len++] = '\n';
        body[len] = '\0';
    }
    return body;
}

int skill_set_body(struct skill *s, const char *text, size_t len)
{
    const char *end = text + len;
    while (text < end && (*text == '\n' || *text == '\r'))
        text++;
    while (end > text && ascii_isspace(end[-1]))
        end--;
    char *body = make_body(text, (size_t)(end - text));
    if (!body)
        return err_set(GRASP_ENOMEM, "out of memory");
    free(s->body);
    s->body = body;
    forget_source(s);
    return 0;
}

/* ---- writing ---- */

/* Tags are separated by spaces; a space inside one is '+', and '+' and '%' are %2B and %25. */
static void add_tags(struct buf *b, const struct strlist *tags)
{
    for (size_t i = 0; i < tags->n; i++) {
        if (i)
            buf_addch(b, ' ');
        for (const char *p = tags->v[i]; *p; p++) {
            if (*p == '+' || *p == '%')
                buf_addf(b, "%%%02X", (unsigned)*p);
            else
                buf_addch(b, ascii_isspace(*p) ? '+' : *p);
        }
    }
}

/* What YAML does not count as printable is escaped (YAML 1.2, 5.1), so that any reader takes it. */
void skill_add_quoted(struct buf *b, const char *s)
{
    size_t len = strlen(s);
    buf_addch(b, '"');
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = utf8_decode(s + i, len - i, &cp);
        if (cp == '"' || cp == '\\')
            buf_addf(b, "\\%c", (char)cp);
        else if (cp == '-' && i >= 2 && s[i - 1] == '-' && s[i - 2] == '-')
            buf_adds(b, "\\x2D"); /* no "---" in the frontmatter's bytes */
        else if (cp == '\n')
            buf_adds(b, "\\n");
        else if (cp == '\t')
            buf_adds(b, "\\t");
        else if (cp < 0x20 || cp == 0x7f || (cp >= 0x80 && cp < 0xa0))
            buf_addf(b, "\\x%02X", (unsigned)cp);
        else if (cp == 0x2028 || cp == 0x2029 || cp == 0xfeff || cp == 0xfffe || cp == 0xffff)
            buf_addf(b, "\\u%04X", (unsigned)cp);
        else if (cp == 0xfffd)
            buf_adds(b, "\xef\xbf\xbd");
        else
            buf_add(b, s + i, n);
        i += n;
    }
    buf_addch(b, '"');
}

static void add_key(struct buf *b, const char *key, const char *value)
{
    buf_adds(b, key);
    buf_adds(b, ": ");
    skill_add_quoted(b, value);
    buf_addch(b, '\n');
}

/* A key that YAML could read as something else than itself is quoted. */
static bool plain_key(const char *key)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};
    if (!ascii_isalpha(*key))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (str_caseeq(key, words[i]))
            return false;
    for (const char *p = key; *p; p++)
        if (!ascii_isalnum(*p) && *p != '-' && *p != '_')
            return false;
    return true;
}

static bool lists_equal(const struct strlist *a, const struct strlist *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool skill_equal(const struct skill *a, const struct skill *b)
{
    return same(a->name, b->name) && same(a->description, b->description) &&
           same(a->body, b->body) && a->version == b->version && same(a->license, b->license) &&
           same(a->compatibility, b->compatibility) && same(a->allowed_tools, b->allowed_tools) &&
           lists_equal(&a->tags, &b->tags) && lists_equal(&a->keys, &b->keys) &&
           lists_equal(&a->values, &b->values);
}

/* Whether the bytes it came from still say what it says now. */
static bool source_holds(const struct skill *s)
{
    struct skill was;
    if (!s->source || skill_parse(&was, s->source, s->source_len, "source", NULL) < 0)
        return false;
    bool holds = skill_equal(s, &was);
    skill_release(&was);
    return holds;
}

void skill_render(const struct skill *s, struct buf *out)
{
    if (source_holds(s)) {
        buf_add(out, s->source, s->source_len);
        return;
    }
    struct buf tags = BUF_INIT;
    buf_addf(out, "---\nname: %s\n", s->name);
    add_key(out, "description", s->description);
    if (s->license)
        add_key(out, "license", s->license);
    if (s->compatibility)
        add_key(out, "compatibility", s->compatibility);
    if (s->allowed_tools)
        add_key(out, "allowed-tools", s->allowed_tools);
    buf_addf(out, "metadata:\n  version: \"%d\"\n", s->version);
    add_tags(&tags, &s->tags);
    if (tags.len) {
        buf_adds(out, "  ");
        add_key(out, "tags", tags.ptr);
    }
    if (tags.failed)
        out->failed = true;
    for (size_t i = 0; i < s->keys.n; i++) {
        buf_adds(out, "  ");
        if (plain_key(s->keys.v[i])) {
            add_key(out, s->keys.v[i], s->values.v[i]);
        } else {
            skill_add_quoted(out, s->keys.v[i]);
            add_key(out, "", s->values.v[i]);
        }
    }
    buf_adds(out, "---\n");
    if (s->body && *s->body) {
        buf_addch(out, '\n');
        buf_adds(out, s->body);
        if (!str_ends(s->body, "\n"))
            buf_addch(out, '\n');
    }
    buf_release(&tags);
}

/* ---- sets ---- */

void skill_set_release(struct skill_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        skill_release(&set->v[i]);
    free(set->v);
    *set = (struct skill_set){0};
}

/* Where `name` is or belongs. */
static size_t position(const struct skill_set *set, const char *name, bool *found)
{
    size_t lo = 0, hi = set->n;
    *found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(set->v[mid].name, name);
        if (c == 0)
            *found = true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct skill *skill_set_find(const struct skill_set *set, const char *name)
{
    bool found;
    size_t i = position(set, name, &found);
    return found ? &set->v[i] : NULL;
}

int skill_set_put(struct skill_set *set, struct skill *s)
{
    bool found;
    size_t i = position(set, s->name, &found);
    if (!found && set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 16;
        struct skill *v = reallocarray(set->v, cap, sizeof(*v));
        if (!v) {
            skill_release(s);
            return err_set(GRASP_ENOMEM, "out of memory");
        }
        set->v = v;
        set->cap = cap;
    }
    if (found) {
        skill_release(&set->v[i]);
    } else {
        memmove(&set->v[i + 1], &set->v[i], (set->n - i) * sizeof(*set->v));
        set->n++;
    }
    set->v[i] = *s;
    *s = (struct skill){0};
    return 0;
}

bool skill_set_remove(struct skill_set *set, const char *name)
{
    bool found;
    size_t i = position(set, name, &found);
    if (!found)
        return false;
    skill_release(&set->v[i]);
    set->n--;
    memmove(&set->v[i], &set->v[i + 1], (set->n - i) * sizeof(*set->v));
    return true;
}

int skill_set_copy(struct skill_set *dst, const struct skill_set *src)
{
    struct skill_set set = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < src->n; i++) {
        struct skill s;
        rc = skill_copy(&s, &src->v[i]);
        if (rc == 0)
            rc = skill_set_put(&set, &s);
    }
    if (rc < 0)
        skill_set_release(&set);
    *dst = set;
    return rc;
}
