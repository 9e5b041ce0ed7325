/* yaml.c - YAML to jansson over libyaml's parser events. */
#include "runtime/config/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

enum { MAX_DEPTH = 32 };

struct yaml_reader {
    yaml_parser_t parser;
    const char *what;
    json_t *lines;
    struct buf path;
};

static int bad(const struct yaml_reader *r, const yaml_mark_t *at, const char *text)
{
    return err_set(GRASP_EPARSE, "%s:%zu:%zu: %s", r->what, at->line + 1, at->column + 1, text);
}

static int next(struct yaml_reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e))
        return 0;
    return bad(r, &r->parser.problem_mark, r->parser.problem ? r->parser.problem : "not YAML");
}

/* Appends the scalar with ${VAR} and ${VAR:-default} expanded. */
static int expand(struct yaml_reader *r, const yaml_event_t *e, struct buf *out)
{
    const char *p = (const char *)e->data.scalar.value;
    for (const char *open; (open = strstr(p, "${")); p = strchr(open, '}') + 1) {
        const char *close = strchr(open, '}');
        if (!close)
            return bad(r, &e->start_mark, "'${' without a closing '}'");
        buf_add(out, p, (size_t)(open - p));
        char *name = str_ndup(open + 2, (size_t)(close - open - 2));
        if (!name)
            return err_oom();
        char *fallback = strstr(name, ":-");
        if (fallback) {
            *fallback = '\0';
            fallback += 2;
        }
        const char *value = getenv(name);
        if (!value || (!*value && fallback))
            value = fallback;
        int rc = 0;
        if (value)
            buf_adds(out, value);
        else
            rc = err_set(GRASP_EINVAL,
                         "%s:%zu: the environment variable %s is not set; set it, or write "
                         "${%s:-default}",
                         r->what, e->start_mark.line + 1, name, name);
        free(name);
        if (rc < 0)
            return rc;
    }
    buf_adds(out, p);
    return buf_check(out);
}

static bool is_one_of(const char *s, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(s, *names) == 0)
            return true;
    return false;
}

static json_t *plain_value(const char *s)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", "yes", "Yes", "on", "On", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", "no", "No", "off", "Off", NULL};
    int64_t i;
    double d;
    if (is_one_of(s, nulls))
        return json_null();
    if (is_one_of(s, trues))
        return json_true();
    if (is_one_of(s, falses))
        return json_false();
    if (str_to_i64(s, INT64_MIN, INT64_MAX, &i))
        return json_integer(i);
    if ((ascii_isdigit(s[0]) || strchr("+-.", s[0])) && str_to_double(s, &d))
        return json_real(d);
    return json_string(s);
}

static int scalar(struct yaml_reader *r, const yaml_event_t *e, json_t **out)
{
    struct buf text = BUF_INIT;
    int rc = expand(r, e, &text);
    if (rc == 0) {
        bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        *out = plain ? plain_value(text.ptr) : json_stringn(text.ptr, text.len);
        if (!*out)
            rc = bad(r, &e->start_mark, "text that is not UTF-8");
    }
    buf_release(&text);
    return rc;
}

static int value(struct yaml_reader *r, yaml_event_t *e, int depth, json_t **out);

static int sequence(struct yaml_reader *r, int depth, json_t **out)
{
    *out = json_array();
    for (;;) {
        yaml_event_t e;
        json_t *item = NULL;
        int rc = next(r, &e);
        if (rc < 0)
            return rc;
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        if (!end)
            rc = value(r, &e, depth, &item);
        yaml_event_delete(&e);
        if (rc == 0 && item && json_array_append_new(*out, item) < 0)
            rc = err_oom();
        if (rc < 0 || end)
            return rc;
    }
}

/* One key and its value; *end when the mapping was over instead. */
static int member(struct yaml_reader *r, int depth, json_t *object, bool *end)
{
    yaml_event_t k, v;
    int rc = next(r, &k);
    if (rc < 0)
        return rc;
    size_t cut = r->path.len;
    json_t *item = NULL;
    *end = k.type == YAML_MAPPING_END_EVENT;
    if (*end)
        goto out;
    if (k.type != YAML_SCALAR_EVENT) {
        rc = bad(r, &k.start_mark, "a key must be plain text");
        goto out;
    }
    const char *key = (const char *)k.data.scalar.value;
    if (json_object_get(object, key)) {
        rc = err_set(GRASP_EPARSE, "%s:%zu: the key '%s' stands here twice", r->what,
                     k.start_mark.line + 1, key);
        goto out;
    }
    buf_addf(&r->path, "%s%s", cut ? "." : "", key);
    json_object_set_new(r->lines, r->path.ptr, json_integer((json_int_t)k.start_mark.line + 1));
    if ((rc = next(r, &v)) < 0)
        goto out;
    rc = value(r, &v, depth, &item);
    yaml_event_delete(&v);
    if (rc == 0 && json_object_set_new(object, key, item) < 0)
        rc = bad(r, &k.start_mark, "a key that is not UTF-8");
    else if (rc < 0)
        json_decref(item);
out:
    buf_truncate(&r->path, cut);
    yaml_event_delete(&k);
    return rc;
}

static int value(struct yaml_reader *r, yaml_event_t *e, int depth, json_t **out)
{
    int rc = 0;
    *out = NULL;
    if (depth > MAX_DEPTH)
        return bad(r, &e->start_mark, "nested too deeply");
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        rc = scalar(r, e, out);
        break;
    case YAML_SEQUENCE_START_EVENT:
        rc = sequence(r, depth + 1, out);
        break;
    case YAML_MAPPING_START_EVENT:
        *out = json_object();
        for (bool end = false; rc == 0 && !end;)
            rc = member(r, depth + 1, *out, &end);
        break;
    case YAML_ALIAS_EVENT:
        rc = bad(r, &e->start_mark, "aliases are not supported here");
        break;
    default:
        rc = bad(r, &e->start_mark, "unexpected content");
    }
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

int yaml_parse(const char *text, size_t len, const char *what, json_t **out, json_t **lines)
{
    struct yaml_reader r = {.what = what, .lines = json_object(), .path = BUF_INIT};
    int rc = 0;
    *out = *lines = NULL;
    if (!yaml_parser_initialize(&r.parser)) {
        json_decref(r.lines);
        return err_oom();
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    for (bool more = true; rc == 0 && more;) {
        yaml_event_t e;
        if ((rc = next(&r, &e)) < 0)
            break;
        more = e.type != YAML_STREAM_END_EVENT;
        if (e.type == YAML_SCALAR_EVENT || e.type == YAML_SEQUENCE_START_EVENT ||
            e.type == YAML_MAPPING_START_EVENT || e.type == YAML_ALIAS_EVENT) {
            if (*out)
                rc = bad(&r, &e.start_mark, "more than one document");
            else
                rc = value(&r, &e, 0, out);
        }
        yaml_event_delete(&e);
    }
    if (rc == 0 && !*out)
        *out = json_object();
    if (rc < 0) {
        json_decref(*out);
        json_decref(r.lines);
        *out = NULL;
    } else {
        *lines = r.lines;
    }
    buf_release(&r.path);
    yaml_parser_delete(&r.parser);
    return rc;
}

int yaml_read_file(const char *path, json_t **out, json_t **lines)
{
    struct buf text = BUF_INIT;
    json_t *unread = NULL;
    int rc = fs_read(path, &text);
    if (rc == 0)
        rc = yaml_parse(text.ptr, text.len, path, out, lines ? lines : &unread);
    json_decref(unread);
    buf_release(&text);
    return rc;
}

static void render(const json_t *v, int depth, struct buf *out)
{
    const char *key;
    json_t *item;
    json_object_foreach ((json_t *)v, key, item) {
        buf_addf(out, "%*s%s:", depth * 2, "", key);
        if (json_is_object(item) && json_object_size(item) && depth < 4) {
            buf_addch(out, '\n');
            render(item, depth + 1, out);
            continue;
        }
        buf_addch(out, ' ');
        buf_add_json_value(out, item); /* JSON is YAML's flow style */
        buf_addch(out, '\n');
    }
}

void yaml_render(const json_t *v, struct buf *out)
{
    render(v, 0, out);
}
