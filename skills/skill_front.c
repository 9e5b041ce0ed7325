/* skill_front.c - which lines of a frontmatter belong to which key. */
#include "skills/skill_front.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "runtime/base/grow.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

void front_release(struct front *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->v[i].key);
    free(f->v);
    *f = (struct front){0};
}

/* How many bytes of a line break stand here, as YAML 1.1 has them; 0: none. */
static size_t break_at(const char *p, const char *end)
{
    static const char *const breaks[] = {"\r\n",     "\n",           "\r",
                                         "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (size_t i = 0; i < sizeof(breaks) / sizeof(*breaks); i++) {
        size_t n = strlen(breaks[i]);
        if ((size_t)(end - p) >= n && memcmp(p, breaks[i], n) == 0)
            return n;
    }
    return 0;
}

/* Where a line begins; `at` and `*line` go on from the last call. */
static const char *seek(const char *at, const char *end, size_t *line, size_t to)
{
    while (*line < to && at < end) {
        size_t n = break_at(at, end);
        *line += n > 0;
        at += n ? n : 1;
    }
    return at;
}

static int add(struct front *f, const yaml_event_t *e, bool inner, const char *at)
{
    int rc = grow(&f->v, &f->cap, f->n + 1);
    if (rc < 0)
        return rc;
    char *key = str_ndup((const char *)e->data.scalar.value, e->data.scalar.length);
    if (!key)
        return err_oom();
    f->v[f->n++] = (struct front_block){
        .key = key, .inner = inner, .text = at, .column = e->start_mark.column};
    return 0;
}

struct front_walk {
    size_t depth;     /* of maps and lists */
    bool key;         /* the next scalar at depth 1 is a key */
    bool in_metadata; /* below it: */
    bool inner_key;   /* the next scalar at depth 2 is a key of metadata */
    bool inner_map;   /* metadata is a map in block style */
    size_t line;      /* of the last key */
    size_t column[2]; /* of the first key, and of the first in metadata */
    bool any, any_inner;
};

/* A value that begins or ends at this depth was one: what comes next there is a key. */
static void value_done(struct front_walk *w)
{
    if (w->depth == 1) {
        w->key = true;
        w->in_metadata = w->inner_map = false;
    } else if (w->depth == 2 && w->inner_map) {
        w->inner_key = true;
    }
}

static int take_key(struct front *f, struct front_walk *w, const yaml_event_t *e, bool inner,
                    const char **at, const char *end, size_t *line)
{
    if (w->any && e->start_mark.line == w->line)
        return err_set(GRASP_EPARSE, "two keys on one line");
    /* "? key" begins before the key, maybe on a line before: the key of a block scalar always does */
    if (((inner ? w->any_inner : w->any) && e->start_mark.column != w->column[inner]) ||
        e->data.scalar.style == YAML_FOLDED_SCALAR_STYLE ||
        e->data.scalar.style == YAML_LITERAL_SCALAR_STYLE)
        return err_set(GRASP_EPARSE, "a key that does not begin its line");
    w->column[inner] = e->start_mark.column;
    w->any = true;
    w->any_inner |= inner;
    w->line = e->start_mark.line;
    *at = seek(*at, end, line, w->line);
    return add(f, e, inner, *at);
}

static int take(struct front *f, struct front_walk *w, const yaml_event_t *e, const char **at,
                const char *end, size_t *line)
{
    int rc = 0;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
        if (w->depth == 1 && w->key && e->type == YAML_SCALAR_EVENT) {
            w->key = false;
            w->in_metadata = strcmp((const char *)e->data.scalar.value, "metadata") == 0;
            return take_key(f, w, e, false, at, end, line);
        }
        if (w->depth == 2 && w->inner_map && w->inner_key && e->type == YAML_SCALAR_EVENT) {
            w->inner_key = false;
            return take_key(f, w, e, true, at, end, line);
        }
        value_done(w);
        break;
    case YAML_MAPPING_START_EVENT:
        if (w->depth == 0) {
            w->key = true;
            if (e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE)
                rc = err_set(GRASP_EPARSE, "the frontmatter is one line");
        } else if (w->depth == 1 && w->in_metadata &&
                   e->data.mapping_start.style != YAML_FLOW_MAPPING_STYLE) {
            w->inner_map = w->inner_key = true;
        }
        w->depth++;
        break;
    case YAML_SEQUENCE_START_EVENT:
        w->depth++;
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        w->depth--;
        value_done(w);
        break;
    default:
        break;
    }
    return rc;
}

int front_read(struct front *f, const char *text, size_t len)
{
    struct front_walk w = {0};
    yaml_parser_t yaml;
    yaml_event_t e;
    const char *at = text, *end = text + len;
    size_t line = 0;
    int rc = 0;
    *f = (struct front){.head = text};
    if (!yaml_parser_initialize(&yaml))
        return err_oom();
    yaml_parser_set_encoding(&yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml, (const unsigned char *)text, len);
    for (bool more = true; rc == 0 && more;) {
        if (!yaml_parser_parse(&yaml, &e)) {
            rc = err_set(GRASP_EPARSE, "not YAML");
            break;
        }
        more = e.type != YAML_STREAM_END_EVENT;
        rc = take(f, &w, &e, &at, end, &line);
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&yaml);
    for (size_t i = 0; i < f->n; i++)
        f->v[i].len = (size_t)((i + 1 < f->n ? f->v[i + 1].text : end) - f->v[i].text);
    f->head_len = f->n ? (size_t)(f->v[0].text - text) : 0;
    return rc;
}
