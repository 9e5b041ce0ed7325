/*
 * patch.c - a resource as a tree of its own text: objects and arrays are opened, everything else
 * stays the bytes it was, so that 1.50 is still 1.50 when it is put together again.
 */
#include "fhir/patch.h"

#include <string.h>

#include "fhir/arena.h"
#include "fhir/jsontext.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define DEPTH_MAX 512

struct node {
    struct node *next, *first; /* siblings, children */
    const char *key;           /* of a member: as in JSON, without quotes */
    size_t key_len;
    const char *text; /* of a value that is no object or array */
    size_t len;
    char open; /* '{', '[' or 0 */
};

struct patcher {
    struct fhir_arena arena;
    struct node *root;
};

static struct node *parse(struct patcher *p, const char *text, size_t len, unsigned depth)
{
    struct node *n = fhir_arena_alloc(&p->arena, sizeof(*n));
    if (!n || depth > DEPTH_MAX)
        return NULL;
    while (len > 0 && ascii_isspace(*text))
        text++, len--;
    n->text = text;
    n->len = len;
    if (len == 0 || (*text != '{' && *text != '['))
        return n;
    n->open = *text;
    struct fhir_jsontext_iter it = fhir_jsontext_walk(text, len);
    for (struct node **last = &n->first; fhir_jsontext_next(&it); last = &(*last)->next) {
        if (!(*last = parse(p, it.value, it.len, depth + 1)))
            return NULL;
        (*last)->key = it.key;
        (*last)->key_len = it.key_len;
    }
    return n;
}

static void write_node(struct buf *out, const struct node *n)
{
    if (!n->open) {
        buf_add(out, n->text, n->len);
        return;
    }
    buf_addch(out, n->open);
    for (const struct node *c = n->first; c; c = c->next) {
        if (c != n->first)
            buf_addch(out, ',');
        if (n->open == '{') {
            buf_addch(out, '"');
            buf_add(out, c->key, c->key_len);
            buf_adds(out, "\":");
        }
        write_node(out, c);
    }
    buf_addch(out, n->open == '{' ? '}' : ']');
}

/* ---- pointers (RFC 6901) ---- */

/* Takes the next token off a pointer; false at its end. */
static bool next_token(const char **pointer, struct buf *token)
{
    const char *p = *pointer;
    if (*p != '/')
        return false;
    buf_reset(token);
    buf_adds(token, "");
    for (p++; *p && *p != '/'; p++)
        if (*p == '~' && (p[1] == '0' || p[1] == '1'))
            buf_addch(token, *++p == '0' ? '~' : '/');
        else
            buf_addch(token, *p);
    *pointer = p;
    return true;
}

/* The link that leads to a child, which may be NULL: where one would be added. NULL: nowhere. */
static struct node **link_of(struct node *parent, const char *token)
{
    struct node **link = &parent->first;
    int64_t index = INT64_MAX;
    if (parent->open == '{') {
        while (*link && ((*link)->key_len != strlen(token) ||
                         memcmp((*link)->key, token, strlen(token)) != 0))
            link = &(*link)->next;
        return link;
    }
    if (parent->open != '[' ||
        (strcmp(token, "-") != 0 && (!str_to_i64(token, 0, INT32_MAX, &index) ||
                                     (token[0] == '0' && token[1]) || !ascii_isdigit(*token))))
        return NULL;
    for (int64_t i = 0; *link && i < index; i++) {
        if (!(*link)->next && index != INT64_MAX && i + 1 < index)
            return NULL;
        link = &(*link)->next;
    }
    return link;
}

struct place {
    struct node *parent; /* NULL: the whole */
    struct node **link;
    char *token;
};

static int find(struct patcher *p, const char *path, struct place *out)
{
    struct buf token = BUF_INIT;
    const char *rest = path;
    struct node *at = p->root;
    int rc = *path && *path != '/'
                 ? err_set(GRASP_EINVAL, "path '%.200s' does not begin with '/'", path)
                 : 0;
    *out = (struct place){.link = &p->root};
    while (rc == 0 && next_token(&rest, &token)) {
        struct node **link = at ? link_of(at, token.ptr) : NULL;
        if (!link) {
            rc = err_set(GRASP_EINVAL, "path '%.200s' leads nowhere", path);
            break;
        }
        *out = (struct place){at, link, fhir_arena_ndup(&p->arena, token.ptr, token.len)};
        if (!out->token)
            rc = GRASP_ENOMEM;
        at = *link;
    }
    buf_release(&token);
    return rc;
}

static int find_there(struct patcher *p, const char *path, struct place *out)
{
    int rc = find(p, path, out);
    return rc == 0 && !*out->link ? err_set(GRASP_EINVAL, "path '%.200s': there is nothing", path)
                                  : rc;
}

/* ---- operations ---- */

static void unlink_node(struct place *at)
{
    *at->link = (*at->link)->next;
}

static int add_at(struct patcher *p, struct place *at, struct node *n)
{
    struct buf key = BUF_INIT;
    if (!at->parent) {
        p->root = n;
        return 0;
    }
    if (at->parent->open == '{') {
        n->next = *at->link ? (*at->link)->next : NULL;
        buf_add_json(&key, at->token, strlen(at->token), false);
        n->key_len = key.len;
        n->key = fhir_arena_ndup(&p->arena, key.ptr ? key.ptr : "", key.len);
        buf_release(&key);
        if (!n->key)
            return GRASP_ENOMEM;
    } else {
        n->next = *at->link; /* before what is there */
    }
    *at->link = n;
    return 0;
}

static struct node *copy_of(struct patcher *p, const struct node *n)
{
    struct buf text = BUF_INIT;
    write_node(&text, n);
    const char *own = text.failed ? NULL : fhir_arena_ndup(&p->arena, text.ptr, text.len);
    size_t len = text.len;
    buf_release(&text);
    return own ? parse(p, own, len, 0) : NULL;
}

static bool equal(const json_t *a, const json_t *b)
{
    const char *key;
    const json_t *value;
    size_t i;
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        json_array_foreach ((json_t *)a, i, value)
            if (!equal(value, json_array_get(b, i)))
                return false;
        return true;
    }
    if (!json_is_object(a))
        return json_equal(a, b);
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach ((json_t *)a, key, value) {
        const json_t *other = json_object_get(b, key);
        if (!other || !equal(value, other))
            return false;
    }
    return true;
}

static int test_at(const struct place *at, const json_t *want, const char *path)
{
    struct buf text = BUF_INIT;
    write_node(&text, *at->link);
    json_t *is =
        text.failed ? NULL : json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool same = is && equal(is, want);
    json_decref(is);
    buf_release(&text);
    return same ? 0 : err_set(GRASP_EINVAL, "test of '%.200s' failed: it is another value", path);
}

/* A value may not be moved into itself. */
static bool within(const char *path, const char *from)
{
    size_t n = strlen(from);
    return strncmp(path, from, n) == 0 && path[n] == '/';
}

static int apply(struct patcher *p, const json_t *op, const char *text, size_t len)
{
    const char *name = json_str_at(op, "op", ""), *path = json_str_at(op, "path", NULL);
    const char *from = json_str_at(op, "from", NULL), *value = NULL;
    bool moves = strcmp(name, "move") == 0, copies = strcmp(name, "copy") == 0;
    size_t value_len = 0;
    struct node *n = NULL;
    struct place at, source;
    int rc;
    bool known = moves || copies || strcmp(name, "add") == 0 || strcmp(name, "remove") == 0 ||
                 strcmp(name, "replace") == 0 || strcmp(name, "test") == 0;
    if (!known || !path)
        return err_set(GRASP_EINVAL,
                       "op '%.40s' is none of add, remove, replace, move, copy, test, "
                       "or there is no path",
                       name);
    if (strcmp(name, "remove") == 0) {
        rc = find_there(p, path, &at);
        if (rc == 0 && !at.parent)
            return err_set(GRASP_EINVAL, "the resource itself cannot be removed");
        if (rc == 0)
            unlink_node(&at);
        return rc;
    }
    if (moves || copies) {
        if (!from || within(path, from))
            return err_set(GRASP_EINVAL, "%s needs a 'from' that 'path' is not within", name);
        if ((rc = find_there(p, from, &source)) < 0)
            return rc;
        n = copy_of(p, *source.link);
        if (n && moves && source.parent)
            unlink_node(&source);
    } else if (fhir_jsontext_find(text, len, "value", &value, &value_len)) {
        n = parse(p, value, value_len, 0);
    } else {
        return err_set(GRASP_EINVAL, "%s without a value", name);
    }
    if (!n)
        return err_set(GRASP_EINVAL, "%s of '%.100s': a value that is too deep", name, path);
    if (strcmp(name, "test") == 0)
        return (rc = find_there(p, path, &at)) < 0
                   ? rc
                   : test_at(&at, json_object_get(op, "value"), path);
    if (strcmp(name, "replace") == 0) {
        if ((rc = find_there(p, path, &at)) < 0)
            return rc;
        if (at.parent && at.parent->open == '[')
            unlink_node(&at);
        return add_at(p, &at, n);
    }
    return (rc = find(p, path, &at)) < 0 ? rc : add_at(p, &at, n);
}

int fhir_patch(struct buf *out, const char *text, size_t len, const char *patch, size_t patch_len)
{
    struct patcher p = {0};
    json_t *ops = json_loadb(patch, patch_len, JSON_ALLOW_NUL, NULL);
    size_t i = 0;
    int rc = 0;
    if (!json_is_array(ops) || json_array_size(ops) > PATCH_OPERATIONS_MAX)
        rc = err_set(GRASP_EINVAL, "a JSON Patch is an array of at most %d operations (RFC 6902)",
                     PATCH_OPERATIONS_MAX);
    if (rc == 0 && !(p.root = parse(&p, text, len, 0)))
        rc = err_set(GRASP_EINVAL, "the resource is nested too deeply to be patched");
    struct fhir_jsontext_iter it = fhir_jsontext_walk(patch, patch_len);
    while (rc == 0 && fhir_jsontext_next(&it))
        if ((rc = apply(&p, json_array_get(ops, i), it.value, it.len)) == 0)
            i++;
    if (rc < 0 && json_is_array(ops))
        rc = err_prefix(rc, "operation %zu of the patch", i);
    if (rc == 0) {
        write_node(out, p.root);
        rc = buf_check(out);
    }
    json_decref(ops);
    fhir_arena_release(&p.arena);
    return rc;
}
