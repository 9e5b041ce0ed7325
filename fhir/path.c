/*
 * path.c - paths are walked as they are written, step by step: what they are applied to is parsed
 * JSON, and a path is short, so compiling them would cost more than it saves.
 */
#include "fhir/path.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"

#define KEY_MAX 128

struct walk {
    const json_t *root;
    fhir_path_fn fn;
    void *arg;
};

/* The end of a step: the next '.' that stands in no brackets or quotes. */
static const char *step_end(const char *p, const char *end)
{
    int depth = 0;
    bool quoted = false;
    for (; p < end; p++) {
        if (*p == '\'')
            quoted = !quoted;
        else if (!quoted && (*p == '(' || *p == '['))
            depth++;
        else if (!quoted && (*p == ')' || *p == ']'))
            depth--;
        else if (!quoted && depth == 0 && *p == '.')
            break;
    }
    return p;
}

static bool begins(const char *p, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

/* What stands in the parentheses of "as(Quantity)" or "ofType(Quantity)"; NULL: it is neither. */
static const char *cast_type(const char *p, const char *end, size_t *len)
{
    const char *from = begins(p, end, "as(") ? p + 3 : begins(p, end, "ofType(") ? p + 7 : NULL;
    if (!from || end[-1] != ')')
        return NULL;
    *len = (size_t)(end - 1 - from);
    return from;
}

/* The type that a reference's text names: "Patient" of "http://x/Patient/1/_history/2". NULL: none. */
static const char *reference_type(const char *s, size_t len, size_t *type_len)
{
    const char *history = memmem(s, len, "/_history/", 10);
    const char *end = history ? history : s + len, *slash = end;
    while (slash > s && slash[-1] != '/')
        slash--;
    if (slash == s)
        return NULL;
    const char *type = slash - 1;
    while (type > s && type[-1] != '/')
        type--;
    *type_len = (size_t)(slash - 1 - type);
    return *type_len ? type : NULL;
}

static bool leads_to(const json_t *reference, const char *type, size_t len)
{
    const json_t *text = json_object_get(reference, "reference");
    const char *s = json_string_value(text), *said;
    size_t n;
    if (s && (said = reference_type(s, json_string_length(text), &n)))
        return n == len && memcmp(said, type, len) == 0;
    said = json_string_value(json_object_get(reference, "type"));
    return said && strlen(said) == len && memcmp(said, type, len) == 0;
}

/* "where(resolve() is Patient)" or "where(system='phone')". */
static bool passes(const json_t *v, const char *p, const char *end)
{
    static const char resolves[] = "where(resolve() is ";
    if (begins(p, end, resolves)) {
        p += sizeof(resolves) - 1;
        return leads_to(v, p, (size_t)(end - 1 - p));
    }
    p += strlen("where(");
    const char *eq = memchr(p, '=', (size_t)(end - p)), *quote = eq ? eq + 1 : NULL;
    if (!eq || end - quote < 3 || *quote != '\'' || end[-2] != '\'')
        return false;
    const char *is = json_string_value(json_object_getn(v, p, (size_t)(eq - p)));
    size_t n = (size_t)(end - 2 - (quote + 1));
    return is && strlen(is) == n && memcmp(is, quote + 1, n) == 0;
}

static void walk(const struct walk *w, const json_t *v, const char *p, const char *end);

/* Members "valueQuantity", "valueString", ... of "value". */
static void walk_choices(const struct walk *w, const json_t *v, const char *name, size_t len,
                         const char *rest, const char *end)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)v, key, value)
        if (strncmp(key, name, len) == 0 && key[len] >= 'A' && key[len] <= 'Z')
            walk(w, value, rest, end);
}

/* A type stands for those derived from it, too. */
static const struct {
    const char *type, *derived;
} derived_types[] = {
    {"uri", "canonical"},     {"uri", "url"},           {"uri", "uuid"},        {"uri", "oid"},
    {"string", "code"},       {"string", "id"},         {"string", "markdown"}, {"Quantity", "Age"},
    {"Quantity", "Duration"}, {"Quantity", "Distance"}, {"Quantity", "Count"},
};

static const json_t *typed_member(const json_t *v, const char *name, size_t len, const char *type,
                                  size_t type_len)
{
    char key[KEY_MAX];
    if (len + type_len >= sizeof(key))
        return NULL;
    memcpy(key, name, len);
    memcpy(key + len, type, type_len);
    key[len] = (char)(key[len] >= 'a' && key[len] <= 'z' ? key[len] - 'a' + 'A' : key[len]);
    return json_object_getn(v, key, len + type_len);
}

static const json_t *cast_member(const json_t *v, const char *name, size_t len, const char *type,
                                 size_t type_len)
{
    const json_t *found = typed_member(v, name, len, type, type_len);
    for (size_t i = 0; !found && i < sizeof(derived_types) / sizeof(*derived_types); i++)
        if (strlen(derived_types[i].type) == type_len &&
            memcmp(derived_types[i].type, type, type_len) == 0)
            found = typed_member(v, name, len, derived_types[i].derived,
                                 strlen(derived_types[i].derived));
    return found;
}

static void walk_member(const struct walk *w, const json_t *v, const char *p, const char *stop,
                        const char *end)
{
    const char *rest = stop < end ? stop + 1 : end;
    const char *bracket = memchr(p, '[', (size_t)(stop - p));
    size_t len = (size_t)((bracket ? bracket : stop) - p), type_len;
    const json_t *next = json_object_getn(v, p, len);
    const char *cast_end = step_end(rest, end);
    const char *type = rest < end ? cast_type(rest, cast_end, &type_len) : NULL;
    if (type) {
        const json_t *cast = cast_member(v, p, len, type, type_len);
        next = cast ? cast : next;
        rest = cast_end < end ? cast_end + 1 : end;
    }
    if (bracket && begins(bracket, stop, "[x]") && !next)
        walk_choices(w, v, p, len, rest, end);
    else if (bracket && ascii_isdigit(bracket[1]))
        walk(w, json_array_get(next, (size_t)(bracket[1] - '0')), rest, end);
    else
        walk(w, next, rest, end);
}

/* Depth: that of the path, and one level of array a step. */
static void walk(const struct walk *w, const json_t *v, const char *p, const char *end)
{
    if (!v || json_is_null(v))
        return;
    if (json_is_array(v)) {
        size_t i;
        const json_t *item;
        json_array_foreach ((json_t *)v, i, item)
            if (!json_is_array(item))
                walk(w, item, p, end);
        return;
    }
    if (p >= end) {
        w->fn(v, w->arg);
        return;
    }
    const char *stop = step_end(p, end), *rest = stop < end ? stop + 1 : end;
    if (begins(p, stop, "$this"))
        walk(w, v, rest, end);
    else if (begins(p, stop, "%resource"))
        walk(w, w->root, rest, end);
    else if (begins(p, stop, "where(")) {
        if (passes(v, p, stop))
            walk(w, v, rest, end);
    } else if (json_is_object(v))
        walk_member(w, v, p, stop, end);
}

static void see(const json_t *v, void *arg)
{
    *(bool *)arg |= !json_is_false(v);
}

/* Most elements are not there: seen by their plain name, before a step is taken. */
static bool is_absent(const json_t *node, const char *path)
{
    size_t n = 0;
    while (ascii_isalpha(path[n]))
        n++;
    const char *rest = path + n;
    if (n == 0 || (*rest && *rest != '.' && *rest != '|') || str_starts(rest, ".as(") ||
        str_starts(rest, ".ofType(") || str_starts(rest, ".exists()"))
        return false;
    return json_is_object(node) && !json_object_getn(node, path, n);
}

void fhir_path_walk(const json_t *root, const json_t *node, const char *path, fhir_path_fn fn,
                    void *arg)
{
    static const char exists[] = ".exists()";
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "|"), tail = sizeof(exists) - 1;
        if (is_absent(node, p)) {
            p += n + (p[n] == '|');
            continue;
        }
        if (n > tail && memcmp(p + n - tail, exists, tail) == 0) {
            bool there = false;
            struct walk w = {root, see, &there};
            walk(&w, node, p, p + n - tail);
            fn(there ? json_true() : json_false(), arg);
        } else {
            struct walk w = {root, fn, arg};
            walk(&w, node, p, p + n);
        }
        p += n + (p[n] == '|');
    }
}

/* ---- expressions of SearchParameters ---- */

/* Only what walk() understands. */
static bool step_known(const char *p, const char *end)
{
    size_t len;
    const char *name = p;
    if (begins(p, end, "where("))
        return end[-1] == ')' &&
               (begins(p, end, "where(resolve() is ") ||
                (memchr(p, '=', (size_t)(end - p)) && memchr(p, '\'', (size_t)(end - p))));
    if (cast_type(p, end, &len))
        return len > 0;
    while (p < end && ascii_isalnum(*p))
        p++;
    if (p == name)
        return false;
    return p == end || (end - p == 3 && *p == '[' && ascii_isdigit(p[1]) && p[2] == ']');
}

/* One alternative without its type; false: not understood. */
static bool add_alternative(struct buf *out, const char *type, const char *p, size_t len)
{
    struct buf text = BUF_INIT;
    size_t type_len = strlen(type);
    const char *as = memmem(p, len, " as ", 4);
    bool known = true, exists = false;
    if (*p == '(' && as) { /* (X as T).rest */
        const char *close = memchr(as, ')', (size_t)(p + len - as));
        known = close != NULL;
        if (close)
            buf_addf(&text, "%.*s.as(%.*s)%.*s", (int)(as - p - 1), p + 1, (int)(close - as - 4),
                     as + 4, (int)(p + len - close - 1), close + 1);
    } else {
        buf_add(&text, p, len);
    }
    if (text.len > 9 && memcmp(text.ptr + text.len - 9, ".exists()", 9) == 0) {
        exists = true;
        buf_truncate(&text, text.len - 9);
    }
    p = text.ptr ? text.ptr : "";
    const char *end = p + text.len;
    if (known && begins(p, end, type) && p[type_len] == '.') {
        p += type_len + 1;
        if (out->len)
            buf_addch(out, '|');
        for (const char *s = p; known && s < end;) {
            const char *stop = step_end(s, end);
            size_t unused;
            bool last = stop >= end;
            known = step_known(s, stop);
            buf_add(out, s, (size_t)(stop - s));
            /* which names are choices is not known here: those that nothing else says */
            if (known && ascii_isalpha(*s) && !memchr(s, '(', (size_t)(stop - s)) &&
                !memchr(s, '[', (size_t)(stop - s)) &&
                (last || !cast_type(stop + 1, step_end(stop + 1, end), &unused)))
                buf_adds(out, "[x]");
            if (!last)
                buf_addch(out, '.');
            s = stop + !last;
        }
        if (exists)
            buf_adds(out, ".exists()");
    }
    buf_release(&text);
    return known;
}

const char *fhir_path_of_expression(struct fhir_arena *arena, const char *type,
                                    const char *expression)
{
    struct buf out = BUF_INIT;
    const char *path = NULL;
    bool known = true;
    for (const char *p = expression; known && *p;) {
        size_t n = strcspn(p, "|"), len = n;
        const char *from = p;
        while (len > 0 && ascii_isspace(*from))
            from++, len--;
        while (len > 0 && ascii_isspace(from[len - 1]))
            len--;
        known = len > 0 && add_alternative(&out, type, from, len);
        p += n + (p[n] == '|');
    }
    if (known && out.len > 0 && !out.failed)
        path = fhir_arena_ndup(arena, out.ptr, out.len);
    buf_release(&out);
    return path;
}
