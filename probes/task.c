/* task.c - reads benchmark items and says precisely what is wrong with a file that has none. */
#include "probes/task.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define ID_MAX 256

static const char *const known_keys[] = {"id", "instruction", "context", "eval_MRN", "sol", "type"};

/* The key of `object` that was probably meant by `key`: other case, or one or two slips. */
static const char *similar_key(json_t *object, const char *key)
{
    const char *name, *best = NULL;
    json_t *value;
    size_t best_distance = strlen(key) > 4 ? 3 : 2;
    json_object_foreach (object, name, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof(known_keys) / sizeof(*known_keys); i++)
            known |= strcmp(name, known_keys[i]) == 0;
        if (known || strlen(name) > 64)
            continue;
        if (str_caseeq(name, key))
            return name;
        size_t d = str_distance(name, key);
        if (d < best_distance) {
            best = name;
            best_distance = d;
        }
    }
    return best;
}

static int missing(json_t *object, const char *key, const char *where, const char *id)
{
    const char *similar = similar_key(object, key);
    json_t *value = json_object_get(object, key);
    struct buf who = BUF_INIT;
    buf_adds(&who, where);
    if (id)
        buf_addf(&who, ": task '%s'", id);
    int rc;
    if (value && json_is_string(value))
        rc = err_set(GRASP_EINVAL, "%s: '%s' is empty; give it a text", who.ptr, key);
    else if (value)
        rc = err_set(GRASP_EINVAL, "%s: '%s' is not a string; write it in quotes", who.ptr, key);
    else if (similar)
        rc =
            err_set(GRASP_EINVAL, "%s: no '%s'; there is a '%s', rename it", who.ptr, key, similar);
    else if (strcmp(key, "eval_MRN") == 0)
        rc = err_set(GRASP_EINVAL,
                     "%s: no 'eval_MRN'; add the identifier of the patient the task is about",
                     who.ptr);
    else
        rc = err_set(GRASP_EINVAL, "%s: no '%s'; a task is {id, instruction, context, eval_MRN}",
                     who.ptr, key);
    buf_release(&who);
    return rc;
}

/* A string without NUL and control characters other than white space, NULL when it is none. */
static const char *plain_string(const json_t *value)
{
    if (!json_is_string(value))
        return NULL;
    const char *s = json_string_value(value);
    if (strlen(s) != json_string_length(value))
        return NULL;
    return s;
}

static bool good_name(const char *s)
{
    if (!s || !*s || strlen(s) > ID_MAX)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

static int optional_string(json_t *object, const char *key, const char *fallback, const char *where,
                           const char *id, const char **out)
{
    json_t *value = json_object_get(object, key);
    *out = fallback;
    if (!value || json_is_null(value))
        return 0;
    *out = plain_string(value);
    if (*out)
        return 0;
    return err_set(GRASP_EINVAL, "%s: task '%s': '%s' is not a plain string", where, id, key);
}

char *task_family(const char *id)
{
    const char *last = strrchr(id, '_');
    return str_ndup(id, last ? (size_t)(last - id) : strlen(id));
}

int task_from_json(struct task *task, json_t *object, const char *where, bool need_mrn)
{
    memset(task, 0, sizeof(*task));
    if (!json_is_object(object))
        return err_set(GRASP_EINVAL, "%s: not an object; a task is {id, instruction, ...}", where);
    struct task t = {0};
    t.id = plain_string(json_object_get(object, "id"));
    if (!t.id || !*t.id)
        return missing(object, "id", where, NULL);
    if (!good_name(t.id))
        return err_set(GRASP_EINVAL,
                       "%s: 'id' has control characters or more than %d bytes; shorten it", where,
                       ID_MAX);
    t.instruction = plain_string(json_object_get(object, "instruction"));
    if (!t.instruction || !*t.instruction)
        return missing(object, "instruction", where, t.id);
    int rc = optional_string(object, "context", "", where, t.id, &t.context);
    if (rc == 0)
        rc = optional_string(object, "type", NULL, where, t.id, &t.type);
    if (rc < 0)
        return rc;
    t.mrn = plain_string(json_object_get(object, "eval_MRN"));
    if (!good_name(t.mrn))
        t.mrn = NULL;
    /* A task that brings its answer can be about a patient who does not exist. */
    if (!t.mrn && need_mrn && !json_object_get(object, "sol"))
        return missing(object, "eval_MRN", where, t.id);
    if (!(t.family = task_family(t.id)))
        return err_oom();
    t.raw = json_incref(object);
    *task = t;
    return 0;
}

void task_release(struct task *task)
{
    free(task->family);
    json_decref(task->raw);
    memset(task, 0, sizeof(*task));
}

struct loader {
    struct task_set *set;
    bool need_mrn;
    size_t cap;
};

static int add_task(struct loader *l, json_t *object, const char *where)
{
    struct task_set *set = l->set;
    if (set->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct task *v = realloc(set->v, cap * sizeof(*v));
        if (!v)
            return err_oom();
        set->v = v;
        l->cap = cap;
    }
    struct task *t = &set->v[set->n];
    int rc = task_from_json(t, object, where, l->need_mrn);
    if (rc < 0)
        return rc;
    if (json_object_get(set->index, t->id)) {
        rc = err_set(GRASP_EINVAL, "%s: task '%s' is there twice; ids must be unique in a file",
                     where, t->id);
        task_release(t);
        return rc;
    }
    if (json_object_set_new(set->index, t->id, json_integer((json_int_t)set->n)) < 0) {
        task_release(t);
        return err_oom();
    }
    set->n++;
    return 0;
}

static int load_array(struct loader *l, const struct buf *text, const char *path)
{
    json_t *list = NULL;
    int rc = json_parse(&list, text->ptr, text->len, path);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        struct buf where = BUF_INIT;
        buf_addf(&where, "%s: entry %zu", path, i + 1);
        rc = add_task(l, json_array_get(list, i), where.ptr);
        buf_release(&where);
    }
    json_decref(list);
    return rc;
}

static int load_lines(struct loader *l, const struct buf *text, const char *path)
{
    size_t at = 0, number = 0;
    int rc = 0;
    while (rc == 0 && at < text->len) {
        const char *line = text->ptr + at;
        const char *end = memchr(line, '\n', text->len - at);
        size_t len = end ? (size_t)(end - line) : text->len - at;
        at += len + 1;
        number++;
        while (len && ascii_isspace(line[len - 1]))
            len--;
        if (!len)
            continue;
        json_error_t e;
        json_t *v = json_loadb(line, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &e);
        struct buf where = BUF_INIT;
        buf_addf(&where, "%s:%zu", path, number);
        if (v)
            rc = add_task(l, v, where.ptr);
        else
            rc = err_set(GRASP_EPARSE,
                         "%s:%d: %s; a task file is a JSON array, or one object a line", where.ptr,
                         e.column, e.text);
        buf_release(&where);
        json_decref(v);
    }
    return rc;
}

int task_set_load(struct task_set *set, const char *path, bool need_mrn)
{
    memset(set, 0, sizeof(*set));
    struct buf text = BUF_INIT;
    struct loader l = {.set = set, .need_mrn = need_mrn};
    int rc = fs_read(path, &text);
    if (rc < 0)
        goto out;
    rc = GRASP_ENOMEM;
    set->index = json_object();
    set->path = str_dup(path);
    if (!set->index || !set->path) {
        err_set(rc, "out of memory");
        goto out;
    }
    size_t start = text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    memset(text.ptr, ' ', start); /* a byte order mark, as some editors leave it */
    while (start < text.len && ascii_isspace(text.ptr[start]))
        start++;
    if (start < text.len && text.ptr[start] == '[')
        rc = load_array(&l, &text, path);
    else if (start < text.len && text.ptr[start] == '{')
        rc = load_lines(&l, &text, path);
    else if (start < text.len)
        rc = err_set(GRASP_EPARSE, "%s:1: neither a JSON array nor one JSON object a line", path);
    else
        rc = 0;
    if (rc == 0 && set->n == 0)
        rc = err_set(GRASP_EINVAL, "%s: no tasks in it; give a file with at least one", path);
out:
    buf_release(&text);
    if (rc < 0)
        task_set_release(set);
    return rc;
}

void task_set_release(struct task_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        task_release(&set->v[i]);
    free(set->v);
    free(set->path);
    json_decref(set->index);
    memset(set, 0, sizeof(*set));
}

const struct task *task_set_find(const struct task_set *set, const char *id)
{
    const json_t *at = json_object_get(set->index, id);
    return at ? &set->v[json_integer_value(at)] : NULL;
}
