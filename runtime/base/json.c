/* json.c - paths, typed reads and files over jansson. */
#include "runtime/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/text.h"

json_t *json_at(const json_t *v, const char *path)
{
    char key[128];
    const char *p = path;
    while (v && *p) {
        if (*p == '[') {
            char *end;
            size_t i = strtoul(p + 1, &end, 10);
            v = json_array_get(v, i);
            p = *end == ']' ? end + 1 : end;
        } else {
            size_t n = strcspn(p, ".[");
            if (n >= sizeof(key))
                return NULL;
            memcpy(key, p, n);
            key[n] = '\0';
            v = json_object_get(v, key);
            p += n;
        }
        if (*p == '.')
            p++;
    }
    return (json_t *)v;
}

const char *json_str_at(const json_t *v, const char *path, const char *fallback)
{
    const json_t *x = json_at(v, path);
    return json_is_string(x) ? json_string_value(x) : fallback;
}

int64_t json_int_at(const json_t *v, const char *path, int64_t fallback)
{
    const json_t *x = json_at(v, path);
    return json_is_integer(x) ? json_integer_value(x) : fallback;
}

double json_num_at(const json_t *v, const char *path, double fallback)
{
    const json_t *x = json_at(v, path);
    return json_is_number(x) ? json_number_value(x) : fallback;
}

bool json_bool_at(const json_t *v, const char *path, bool fallback)
{
    const json_t *x = json_at(v, path);
    return json_is_boolean(x) ? json_is_true(x) : fallback;
}

json_t *json_text(const char *s, size_t len)
{
    struct buf fixed = BUF_INIT;
    buf_add_utf8(&fixed, s, len);
    json_t *v = fixed.failed ? NULL : json_stringn(fixed.ptr, fixed.len);
    buf_release(&fixed);
    return v;
}

json_t *json_strings(const struct strlist *l)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < l->n; i++)
        if (json_array_append_new(out, json_text(l->v[i], strlen(l->v[i]))) < 0) {
            json_decref(out);
            out = NULL;
        }
    return out;
}

int json_parse(json_t **out, const char *text, size_t len, const char *what)
{
    json_error_t e;
    *out = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &e);
    if (*out)
        return 0;
    return err_set(GRASP_EPARSE, "%s:%d: %s", what, e.line > 0 ? e.line : 1, e.text);
}

int json_read_file(json_t **out, const char *path)
{
    struct buf text = BUF_INIT;
    *out = NULL;
    int rc = fs_read(path, &text);
    if (rc == 0)
        rc = json_parse(out, text.ptr, text.len, path);
    buf_release(&text);
    return rc;
}

static int dump_to_buf(const char *bytes, size_t len, void *arg)
{
    struct buf *b = arg;
    buf_add(b, bytes, len);
    return b->failed ? -1 : 0;
}

static void dump(struct buf *b, const json_t *v, size_t flags)
{
    if (json_dump_callback(v, dump_to_buf, b, flags | JSON_ENCODE_ANY) < 0)
        b->failed = true;
}

static void add_string(struct buf *b, const char *s, size_t len)
{
    buf_addch(b, '"');
    buf_add_json(b, s, len, false);
    buf_addch(b, '"');
}

/* As many digits as it takes to read the same number back: 0.6666666666666666. */
static void add_real(struct buf *b, double v)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_adds(b, text);
    if (!strpbrk(text, ".e"))
        buf_adds(b, ".0");
}

static void add_line(struct buf *b, int depth)
{
    buf_addf(b, "\n%*s", 2 * depth, "");
}

/* A value of scalars stands on one line where it fits. */
enum { LINE = 140 };

static bool nests(const json_t *v)
{
    return (json_is_object(v) && json_object_size(v)) || (json_is_array(v) && json_array_size(v));
}

static bool fits(const json_t *v, int depth)
{
    size_t i, len = (size_t)(2 * depth);
    const char *key;
    json_t *item;
    json_object_keylen_foreach((json_t *)v, key, i, item)
    {
        len += i + 6 + (json_is_string(item) ? json_string_length(item) : 4);
        if (nests(item) || len > LINE)
            return false;
    }
    json_array_foreach (v, i, item) {
        len += 4 + (json_is_string(item) ? json_string_length(item) : 4);
        if (nests(item) || len > LINE)
            return false;
    }
    return true;
}

static void add_indented(struct buf *b, const json_t *v, int depth);

static void add_members(struct buf *b, const json_t *v, int depth)
{
    bool one_line = fits(v, depth), first = true, object = json_is_object(v);
    size_t i;
    const char *key;
    json_t *item;
    buf_addch(b, object ? '{' : '[');
    json_object_keylen_foreach((json_t *)v, key, i, item)
    {
        buf_adds(b, first ? "" : one_line ? ", " : ",");
        first = false;
        if (!one_line)
            add_line(b, depth + 1);
        add_string(b, key, i);
        buf_adds(b, ": ");
        add_indented(b, item, depth + 1);
    }
    json_array_foreach (v, i, item) {
        buf_adds(b, first ? "" : one_line ? ", " : ",");
        first = false;
        if (!one_line)
            add_line(b, depth + 1);
        add_indented(b, item, depth + 1);
    }
    if (!one_line)
        add_line(b, depth);
    buf_addch(b, object ? '}' : ']');
}

static void add_indented(struct buf *b, const json_t *v, int depth)
{
    if (depth > JSON_PARSER_MAX_DEPTH)
        b->failed = true;
    else if (nests(v))
        add_members(b, v, depth);
    else if (json_is_string(v))
        add_string(b, json_string_value(v), json_string_length(v));
    else if (json_is_real(v))
        add_real(b, json_real_value(v));
    else
        dump(b, v, 0);
}

/* Values are mostly long texts, and jansson writes those a character at a time: ten times slower.
 */
static void add_value(struct buf *b, const json_t *v, int depth)
{
    size_t i;
    const char *key;
    json_t *item;
    const char *sep = "";
    if (depth > JSON_PARSER_MAX_DEPTH) {
        b->failed = true;
    } else if (json_is_string(v)) {
        add_string(b, json_string_value(v), json_string_length(v));
    } else if (json_is_object(v)) {
        buf_addch(b, '{');
        json_object_keylen_foreach((json_t *)v, key, i, item)
        {
            buf_adds(b, sep);
            sep = ",";
            add_string(b, key, i);
            buf_addch(b, ':');
            add_value(b, item, depth + 1);
        }
        buf_addch(b, '}');
    } else if (json_is_array(v)) {
        buf_addch(b, '[');
        json_array_foreach (v, i, item) {
            buf_adds(b, sep);
            sep = ",";
            add_value(b, item, depth + 1);
        }
        buf_addch(b, ']');
    } else {
        dump(b, v, 0);
    }
}

void buf_add_json_value(struct buf *b, const json_t *v)
{
    add_value(b, v, 0);
}

void buf_add_json_canonical(struct buf *b, const json_t *v)
{
    dump(b, v, JSON_COMPACT | JSON_SORT_KEYS);
}

static int file_text(const json_t *v, struct buf *text)
{
    add_indented(text, v, 0);
    buf_addch(text, '\n');
    return buf_check(text);
}

int json_write_file(const json_t *v, const char *path)
{
    struct buf text = BUF_INIT;
    int rc = file_text(v, &text);
    if (rc == 0)
        rc = fs_write(path, text.ptr, text.len);
    buf_release(&text);
    return rc;
}

int json_put_file(const json_t *v, const char *path)
{
    struct buf text = BUF_INIT;
    int rc = file_text(v, &text);
    if (rc == 0)
        rc = fs_put(path, text.ptr, text.len);
    buf_release(&text);
    return rc;
}

int json_hold_file(const json_t *v, struct fs_out *o, struct barrier *b)
{
    struct buf text = BUF_INIT;
    int rc = file_text(v, &text);
    if (rc == 0)
        rc = fs_out_add(o, text.ptr, text.len);
    buf_release(&text);
    return rc < 0 ? rc : fs_out_hold(o, b);
}

int json_read_line(const char *path, size_t number, const char *line, size_t len, json_line_fn fn,
                   void *arg)
{
    json_error_t e;
    while (len && ascii_isspace(line[len - 1]))
        len--;
    if (!len)
        return 0;
    json_t *v = json_loadb(line, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &e);
    if (!v)
        return err_set(GRASP_EPARSE, "%s:%zu:%d: %s",
                       strcmp(path, "-") == 0 ? "standard input" : path, number, e.column, e.text);
    int rc = fn(v, number, arg);
    json_decref(v);
    return rc;
}

int json_read_lines(const char *path, json_line_fn fn, void *arg)
{
    int fd = fs_open_read(path);
    if (fd < 0)
        return fd;
    FILE *f = fdopen(fd, "r");
    if (!f) {
        close(fd);
        return err_oom();
    }
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t len;
    int rc = 0;
    while (rc >= 0 && (len = getline(&line, &cap, f)) >= 0) {
        number++;
        rc = json_read_line(path, number, line, (size_t)len, fn, arg);
    }
    if (rc >= 0 && ferror(f))
        rc = err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    free(line);
    fclose(f);
    return rc < 0 ? rc : 0;
}
