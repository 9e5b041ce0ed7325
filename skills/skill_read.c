/* skill_read.c - reading SKILL.md: libyaml's events, strictly. */
#include "skills/skill.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "runtime/base/err.h"
#include "skills/skill_front.h"

enum {
    FILE_MAX = 2 * SKILL_CONTENT_MAX, /* bytes */
    COMPATIBILITY_MAX = 500,          /* characters; Agent Skills specification */
    KEY_MAX = 64,                     /* bytes of a metadata key */
    KEYS_MAX = 64
};

int skill_read_tags(struct strlist *tags, const char *s)
{
    struct buf tag = BUF_INIT;
    int rc = 0;
    while (rc == 0 && *s) {
        while (ascii_isspace(*s))
            s++;
        if (!*s)
            break;
        buf_reset(&tag);
        for (; *s && !ascii_isspace(*s); s++) {
            if (strncmp(s, "%2B", 3) == 0 || strncmp(s, "%25", 3) == 0) {
                buf_addch(&tag, s[2] == 'B' ? '+' : '%');
                s += 2;
            } else {
                buf_addch(&tag, *s == '+' ? ' ' : *s);
            }
        }
        rc = buf_check(&tag);
        if (rc == 0)
            rc = strlist_add(tags, tag.ptr);
    }
    buf_release(&tag);
    return rc;
}

struct front_reader {
    yaml_parser_t yaml;
    const char *where;
    struct skill *s;
    unsigned seen;        /* our top-level keys, by bit */
    struct strlist other; /* other tools' */
    struct strlist tags;  /* at the top level, where some tools have them */
    bool lax;             /* what an import can put right is for the import to judge */
};

/* The frontmatter begins in line 2 of the file. */
static int bad(const struct front_reader *r, const yaml_mark_t *mark, const char *what,
               const char *about)
{
    return err_set(GRASP_EPARSE, "%s:%zu: %s%s", r->where, mark->line + 2, what, about);
}

static int next_event(struct front_reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->yaml, e))
        return 0;
    memset(e, 0, sizeof(*e));
    if (r->yaml.error == YAML_MEMORY_ERROR)
        return err_oom();
    return err_set(GRASP_EPARSE, "%s:%zu: frontmatter: %s", r->where, r->yaml.problem_mark.line + 2,
                   r->yaml.problem ? r->yaml.problem : "not valid YAML");
}

/* Whether YAML would read a plain scalar as something else than a string; then its type is kept by
 * keeping its line. */
static bool is_typed(const char *s)
{
    static const char *const words[] = {"", "~", "null", "true", "false", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (str_caseeq(s, words[i]))
            return true;
    double number;
    return str_to_double(s, &number);
}

/* Takes the string out of a scalar's event. */
static int take_scalar(struct front_reader *r, const yaml_event_t *e, const char *what, char **out)
{
    const char *v = (const char *)e->data.scalar.value;
    if (e->data.scalar.anchor ||
        (e->data.scalar.tag && !e->data.scalar.plain_implicit && !e->data.scalar.quoted_implicit))
        return bad(r, &e->start_mark, what, ": anchors and type tags are not allowed");
    if (strlen(v) != e->data.scalar.length)
        return bad(r, &e->start_mark, what, ": holds a NUL byte");
    *out = str_dup(v);
    return *out ? 0 : err_oom();
}

/* Reads a scalar into a fresh string; an empty *out is the end of the mapping. */
static int read_scalar(struct front_reader *r, const char *what, bool or_end, char **out,
                       yaml_mark_t *mark)
{
    yaml_event_t e;
    *out = NULL;
    int rc = next_event(r, &e);
    if (rc < 0)
        return rc;
    *mark = e.start_mark;
    if (e.type == YAML_SCALAR_EVENT)
        rc = take_scalar(r, &e, what, out);
    else if (!or_end || e.type != YAML_MAPPING_END_EVENT)
        rc = bad(r, mark, what, " must be a string");
    yaml_event_delete(&e);
    return rc;
}

/* A value that is not ours to read: passed over whole. Its strings are appended to `strings` (NULL:
 * not wanted). `first` is its first event, deleted here. */
static int skip_value(struct front_reader *r, yaml_event_t *first, struct strlist *strings)
{
    size_t depth = 0;
    int rc = 0;
    yaml_event_t e = *first;
    for (;;) {
        bool opens = e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT;
        bool closes = e.type == YAML_MAPPING_END_EVENT || e.type == YAML_SEQUENCE_END_EVENT;
        if (e.type == YAML_SCALAR_EVENT && strings)
            rc = strlist_addn(strings, (const char *)e.data.scalar.value, e.data.scalar.length);
        else if (!opens && !closes && e.type != YAML_SCALAR_EVENT && e.type != YAML_ALIAS_EVENT)
            rc = bad(r, &e.start_mark, "a value is expected here", "");
        yaml_event_delete(&e);
        depth += opens;
        depth -= closes;
        if (rc < 0 || depth == 0)
            return rc;
        if ((rc = next_event(r, &e)) < 0)
            return rc;
    }
}

/* A value that is a string for us, or foreign: *out NULL. */
static int read_value(struct front_reader *r, const char *what, char **out, yaml_mark_t *mark)
{
    yaml_event_t e;
    *out = NULL;
    int rc = next_event(r, &e);
    if (rc < 0)
        return rc;
    *mark = e.start_mark;
    if (e.type != YAML_SCALAR_EVENT) {
        r->s->foreign = true;
        return skip_value(r, &e, NULL);
    }
    if (e.data.scalar.plain_implicit && is_typed((const char *)e.data.scalar.value))
        r->s->foreign = true;
    rc = take_scalar(r, &e, what, out);
    yaml_event_delete(&e);
    return rc;
}

static int expect(struct front_reader *r, yaml_event_type_t type, const char *message)
{
    yaml_event_t e;
    int rc = next_event(r, &e);
    if (rc == 0 && e.type != type)
        rc = bad(r, &e.start_mark, message, "");
    yaml_event_delete(&e);
    return rc;
}

/* A leading integer counts ("1.2" is 1). */
static int version_of(const char *s)
{
    int64_t v;
    char digits[10];
    size_t n = strspn(s, "0123456789");
    if (n >= sizeof(digits))
        return 1;
    memcpy(digits, s, n);
    digits[n] = '\0';
    return str_to_i64(digits, 1, 999999999, &v) ? (int)v : 1;
}

static int read_metadata(struct front_reader *r)
{
    int rc = expect(r, YAML_MAPPING_START_EVENT, "metadata must be a map of string to string");
    bool version = false, tags = false;
    struct strlist odd = {0}; /* keys whose values are no strings */
    while (rc == 0) {
        char *key = NULL, *value = NULL;
        yaml_mark_t mark, at;
        rc = read_scalar(r, "a key of metadata", true, &key, &mark);
        if (rc < 0 || !key)
            break;
        bool twice = (version && strcmp(key, "version") == 0) ||
                     (tags && strcmp(key, "tags") == 0) || skill_meta(r->s, key) ||
                     strlist_has(&odd, key);
        if (!*key || strlen(key) > KEY_MAX)
            rc = bad(r, &mark, "a key of metadata has 1 to 64 characters", "");
        else if (twice)
            rc = bad(r, &mark, "metadata has this key twice: ", key);
        else if (r->s->keys.n == KEYS_MAX)
            rc = bad(r, &mark, "metadata has more than 64 keys", "");
        else
            rc = read_value(r, key, &value, &at);
        if (rc == 0 && !value) {
            rc = strlist_add(&odd, key);
        } else if (rc == 0 && strcmp(key, "version") == 0) {
            r->s->version = version_of(value);
            version = true;
        } else if (rc == 0 && strcmp(key, "tags") == 0) {
            rc = skill_read_tags(&r->s->tags, value);
            tags = true;
        } else if (rc == 0 && (rc = strlist_add(&r->s->keys, key)) == 0) {
            rc = strlist_add(&r->s->values, value);
        }
        free(key);
        free(value);
    }
    strlist_release(&odd);
    return rc;
}

static int check_value(const struct front_reader *r, const char *key, const char *value,
                       const yaml_mark_t *mark)
{
    size_t chars = utf8_length(value, strlen(value));
    if (r->lax)
        return 0;
    if (strcmp(key, "name") == 0 && !skill_name_valid(value))
        return bad(r, mark,
                   "name: lower-case letters, digits and single '-' between, at most 64 "
                   "characters; got ",
                   value);
    if (strcmp(key, "description") == 0 && (chars < 1 || chars > SKILL_DESCRIPTION_MAX))
        return bad(r, mark, "description must have 1 to 1024 characters", "");
    if (strcmp(key, "description") == 0 && strpbrk(value, "<>"))
        return bad(r, mark, "description must not hold '<' or '>'", "");
    if (strcmp(key, "compatibility") == 0 && (chars < 1 || chars > COMPATIBILITY_MAX))
        return bad(r, mark, "compatibility must have 1 to 500 characters", "");
    return 0;
}

/* A key of another tool. */
static int read_other(struct front_reader *r, const char *key)
{
    yaml_event_t e;
    if (r->other.n == KEYS_MAX)
        return err_set(GRASP_EPARSE, "%s: more than %d keys", r->where, KEYS_MAX);
    int rc = strlist_add(&r->other, key);
    if (rc == 0)
        rc = next_event(r, &e);
    if (rc < 0)
        return rc;
    r->s->foreign = true;
    bool list = strcmp(key, "tags") == 0 && e.type == YAML_SEQUENCE_START_EVENT;
    return skip_value(r, &e, list ? &r->tags : NULL);
}

static int read_keys(struct front_reader *r)
{
    const struct {
        const char *key;
        char **to; /* NULL: metadata */
    } keys[] = {{"name", &r->s->name},
                {"description", &r->s->description},
                {"license", &r->s->license},
                {"compatibility", &r->s->compatibility},
                {"allowed-tools", &r->s->allowed_tools},
                {"metadata", NULL}};
    enum { N = sizeof(keys) / sizeof(*keys), MUST = 2 };
    int rc = 0;
    while (rc == 0) {
        char *key = NULL;
        yaml_mark_t mark;
        rc = read_scalar(r, "a key", true, &key, &mark);
        if (rc < 0 || !key)
            break;
        size_t i = 0;
        while (i < N && strcmp(keys[i].key, key) != 0)
            i++;
        if (i < N ? r->seen & 1U << i : strlist_has(&r->other, key))
            rc = bad(r, &mark, "this key stands there twice: ", key);
        else if (i == N)
            rc = read_other(r, key);
        else if (!keys[i].to)
            rc = read_metadata(r);
        else if (i < MUST)
            rc = read_scalar(r, keys[i].key, false, keys[i].to, &mark);
        else
            rc = read_value(r, keys[i].key, keys[i].to, &mark);
        if (rc == 0 && i < N && keys[i].to && *keys[i].to)
            rc = check_value(r, keys[i].key, *keys[i].to, &mark);
        if (i < N)
            r->seen |= 1U << i;
        free(key);
    }
    return rc;
}

/* Keys of others keep their lines, so each must have lines of its own. */
static int check_lines(const struct front_reader *r, const char *text, size_t len)
{
    struct front front;
    int rc = r->s->foreign ? front_read(&front, text, len) : 0;
    if (rc == GRASP_EPARSE)
        rc = err_set(GRASP_EPARSE,
                     "%s:2: keys of other tools beside ours must each begin a line of their own",
                     r->where);
    if (r->s->foreign)
        front_release(&front);
    return rc;
}

static int read_frontmatter(struct skill *s, const char *text, size_t len, const char *where,
                            bool lax)
{
    struct front_reader r = {.where = where, .s = s, .lax = lax};
    if (!yaml_parser_initialize(&r.yaml))
        return err_oom();
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, len);
    int rc = expect(&r, YAML_STREAM_START_EVENT, "frontmatter is not YAML");
    if (rc == 0)
        rc = expect(&r, YAML_DOCUMENT_START_EVENT, "the frontmatter is empty");
    if (rc == 0)
        rc = expect(&r, YAML_MAPPING_START_EVENT, "the frontmatter must be a map of keys");
    if (rc == 0)
        rc = read_keys(&r);
    if (rc == 0)
        rc = expect(&r, YAML_DOCUMENT_END_EVENT, "one YAML document is expected");
    if (rc == 0)
        rc = expect(&r, YAML_STREAM_END_EVENT, "one YAML document is expected");
    yaml_parser_delete(&r.yaml);
    if (rc == 0)
        rc = check_lines(&r, text, len);
    bool tagged = s->tags.n > 0;
    for (size_t i = 0; rc == 0 && !tagged && i < r.tags.n; i++)
        if (*r.tags.v[i] && !strpbrk(r.tags.v[i], "\t\r\n\v\f"))
            rc = strlist_add(&s->tags, r.tags.v[i]);
    strlist_release(&r.other);
    strlist_release(&r.tags);
    return rc;
}

/* The end of a line that is "---" (blanks after it allowed), or NULL. */
static const char *fence_end(const char *p, const char *end)
{
    if (end - p < 3 || memcmp(p, "---", 3) != 0)
        return NULL;
    for (p += 3; p < end && *p != '\n'; p++)
        if (!ascii_isspace(*p))
            return NULL;
    return p < end ? p + 1 : p;
}

int skill_split(const char *text, size_t len, const char *where, struct skill_parts *parts)
{
    const char *end = text + len, *p = fence_end(text, end), *close = NULL;
    if (len > FILE_MAX)
        return err_set(GRASP_EPARSE, "%s:1: the file is larger than %d bytes", where, FILE_MAX);
    if (memchr(text, '\0', len) || !utf8_valid(text, len))
        return err_set(GRASP_EPARSE, "%s:1: not a text in UTF-8", where);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return err_set(GRASP_EPARSE,
                       "%s:1: the file begins with a byte order mark (BOM): save it without",
                       where);
    if (!p)
        return err_set(GRASP_EPARSE, "%s:1: the first line must be '---' (YAML frontmatter)",
                       where);
    *parts = (struct skill_parts){.front = p};
    while (p && p < end && !(close = fence_end(p, end))) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    if (!close)
        return err_set(GRASP_EPARSE, "%s:1: the frontmatter is not closed by a line '---'", where);
    parts->front_len = (size_t)(p - parts->front);
    /* Other tools cut the file at the next "---", wherever it stands. */
    if (memmem(parts->front, parts->front_len, "---", 3))
        return err_set(GRASP_EPARSE, "%s:1: '---' inside the frontmatter is not allowed", where);
    while (close < end && (*close == '\n' || *close == '\r'))
        close++;
    while (end > close && ascii_isspace(end[-1]))
        end--;
    parts->body = close;
    parts->body_len = (size_t)(end - close);
    return 0;
}

static int parse(struct skill *out, const char *text, size_t len, const char *where,
                 const char *folder, bool lax)
{
    struct skill s = {.version = 1};
    struct skill_parts parts;
    *out = s;
    int rc = skill_split(text, len, where, &parts);
    if (rc < 0)
        return rc;
    rc = read_frontmatter(&s, parts.front, parts.front_len, where, lax);
    if (rc == 0 && !lax && (!s.name || !s.description))
        rc = err_set(GRASP_EPARSE, "%s:1: the frontmatter lacks '%s'", where,
                     s.name ? "description" : "name");
    if (rc == 0 && folder && strcmp(folder, s.name) != 0)
        rc = err_set(GRASP_EPARSE, "%s:2: name is '%s', but the folder is '%s'", where, s.name,
                     folder);
    if (rc == 0 && parts.body_len > SKILL_CONTENT_MAX)
        rc = err_set(GRASP_EPARSE, "%s:1: the body is larger than %d bytes", where,
                     SKILL_CONTENT_MAX);
    if (rc == 0)
        rc = skill_set_body(&s, parts.body, parts.body_len);
    if (rc == 0 && !(s.source = str_ndup(text, len)))
        rc = err_oom();
    s.source_len = len;
    if (rc < 0)
        skill_release(&s);
    *out = s;
    return rc;
}

int skill_parse(struct skill *out, const char *text, size_t len, const char *where,
                const char *folder)
{
    return parse(out, text, len, where, folder, false);
}

int skill_parse_lax(struct skill *out, const char *text, size_t len, const char *where)
{
    return parse(out, text, len, where, NULL, true);
}
