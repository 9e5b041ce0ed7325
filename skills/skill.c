/* skill.c - SKILL.md documents as values, and sets of them. */
#include "skills/skill.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/grow.h"
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
    skill_files_unref(s->files);
    *s = (struct skill){0};
}

int skill_copy(struct skill *dst, const struct skill *src)
{
    const struct {
        size_t at;
    } strings[] = {
        {offsetof(struct skill, name)},          {offsetof(struct skill, description)},
        {offsetof(struct skill, body)},          {offsetof(struct skill, license)},
        {offsetof(struct skill, compatibility)}, {offsetof(struct skill, allowed_tools)}};
    struct skill s = {.version = src->version,
                      .source_len = src->source_len,
                      .foreign = src->foreign,
                      .files = skill_files_ref(src->files)};
    int rc = 0;
    for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
        char *const *from = (char *const *)((const char *)src + strings[i].at);
        char **to = (char **)((char *)&s + strings[i].at);
        *to = str_dup(*from);
        if (*from && !*to)
            rc = err_oom();
    }
    if (src->source && !(s.source = str_ndup(src->source, src->source_len)))
        rc = err_oom();
    if (rc == 0)
        rc = strlist_copy(&s.tags, &src->tags);
    if (rc == 0)
        rc = strlist_copy(&s.keys, &src->keys);
    if (rc == 0)
        rc = strlist_copy(&s.values, &src->values);
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

int skill_set_meta(struct skill *s, const char *key, const char *value)
{
    for (size_t i = 0; i < s->keys.n; i++)
        if (strcmp(s->keys.v[i], key) == 0) {
            char *copy = str_dup(value);
            if (!copy)
                return err_oom();
            free(s->values.v[i]);
            s->values.v[i] = copy;
            return 0;
        }
    int rc = strlist_add(&s->keys, key);
    if (rc == 0 && (rc = strlist_add(&s->values, value)) < 0)
        free(s->keys.v[--s->keys.n]);
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
        return err_oom();
    free(s->body);
    s->body = body;
    return 0;
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
    int rc = found ? 0 : grow(&set->v, &set->cap, set->n + 1);
    if (rc < 0) {
        skill_release(s);
        return rc;
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
