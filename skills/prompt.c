/* prompt.c - the template engine: a template is parsed once into a flat list of steps. */
#include "skills/prompt.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/grow.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "skills/prompts.h"

enum {
    TEMPLATE_MAX = 1 << 20, /* bytes of an overriding file */
    NEST_MAX = 16,          /* sections in sections, in one template */
    DEPTH_MAX = 48,         /* the same over included templates */
    WORK_MAX = 2000000,     /* steps of one rendering, and bytes it may give */
    OUTPUT_MAX = 1 << 28
};

enum step_kind { STEP_TEXT, STEP_VALUE, STEP_EACH, STEP_IF, STEP_UNLESS, STEP_END, STEP_INCLUDE };

struct prompt_step {
    enum step_kind kind;
    bool one_line;
    const char *s; /* text, path or name; inside the template's text */
    size_t len;
    size_t end;  /* of an opening: the index of its STEP_END */
    size_t line; /* for messages */
};

struct sheet {
    char *text, *where;
    struct prompt_step *v;
    size_t n, cap;
};

struct prompts {
    struct sheet *v; /* as prompt_sources */
    size_t n;
};

/* ---- parsing ---- */

static void template_release(struct sheet *t)
{
    free(t->text);
    free(t->where);
    free(t->v);
    *t = (struct sheet){0};
}

static int push(struct sheet *t, struct prompt_step step)
{
    int rc = grow(&t->v, &t->cap, t->n + 1);
    if (rc == 0)
        t->v[t->n++] = step;
    return rc;
}

struct prompt_parser {
    struct sheet *t;
    const char *pos, *end;
    size_t line;
    size_t open[NEST_MAX]; /* indexes of the sections that are open */
    size_t depth;
};

static bool path_ok(const char *s, size_t len)
{
    if (len == 1 && *s == '.')
        return true;
    for (size_t i = 0; i < len; i++)
        if (!ascii_isalnum(s[i]) && s[i] != '_' && s[i] != '-' &&
            (s[i] != '.' || i == 0 || i + 1 == len || s[i + 1] == '.'))
            return false;
    return len > 0;
}

static size_t count_lines(const char *s, const char *end)
{
    size_t n = 0;
    for (; s < end; s++)
        n += *s == '\n';
    return n;
}

static int close_section(struct prompt_parser *p, struct prompt_step step)
{
    struct sheet *t = p->t;
    if (!p->depth)
        return err_set(GRASP_EPARSE, "%s:%zu: {{/%.*s}} closes a section that is not open",
                       t->where, step.line, (int)step.len, step.s);
    struct prompt_step *open = &t->v[p->open[--p->depth]];
    if (open->len != step.len || memcmp(open->s, step.s, step.len) != 0)
        return err_set(GRASP_EPARSE,
                       "%s:%zu: {{/%.*s}} where {{/%.*s}} is due (opened in line %zu)", t->where,
                       step.line, (int)step.len, step.s, (int)open->len, open->s, open->line);
    open->end = t->n;
    return push(t, step);
}

/* One tag, `s`..`end` being what stands between the braces. */
static int parse_tag(struct prompt_parser *p, const char *s, const char *end)
{
    static const struct {
        char sign;
        enum step_kind kind;
    } signs[] = {{'#', STEP_EACH}, {'^', STEP_UNLESS}, {'/', STEP_END}, {'>', STEP_INCLUDE}};
    struct prompt_step step = {.kind = STEP_VALUE, .line = p->line};
    if (s < end && *s == '!')
        return 0;
    for (size_t i = 0; s < end && i < sizeof(signs) / sizeof(*signs); i++)
        if (*s == signs[i].sign) {
            step.kind = signs[i].kind;
            s++;
            break;
        }
    if (step.kind == STEP_VALUE && s < end && *s == '~') {
        step.one_line = true;
        s++;
    }
    while (s < end && ascii_isspace(*s))
        s++;
    while (end > s && ascii_isspace(end[-1]))
        end--;
    bool section = step.kind == STEP_EACH || step.kind == STEP_UNLESS || step.kind == STEP_END;
    if (section && end > s && end[-1] == '?') {
        if (step.kind == STEP_EACH)
            step.kind = STEP_IF;
        end--;
    }
    step.s = s;
    step.len = (size_t)(end - s);
    if (!path_ok(step.s, step.len))
        return err_set(
            GRASP_EPARSE,
            "%s:%zu: '%.*s' is not a path (letters, digits, '_', '-', with dots between)",
            p->t->where, p->line, (int)(step.len > 40 ? 40 : step.len), step.s);
    if (step.kind == STEP_END)
        return close_section(p, step);
    if (section) {
        if (p->depth == NEST_MAX)
            return err_set(GRASP_EPARSE, "%s:%zu: more than %d sections in each other", p->t->where,
                           p->line, NEST_MAX);
        p->open[p->depth++] = p->t->n;
    }
    return push(p->t, step);
}

/* Whether the tag at `open`..`close` (behind the braces) stands alone on its line(s); then the text
 * before ends at *from and what follows begins at *to. */
static bool stands_alone(const struct prompt_parser *p, const char *open, const char *close,
                         const char **from, const char **to)
{
    if (!strchr("#^/!>", open[2]))
        return false;
    const char *s = open, *e = close;
    while (s > p->t->text && (s[-1] == ' ' || s[-1] == '\t'))
        s--;
    while (e < p->end && (*e == ' ' || *e == '\t' || *e == '\r'))
        e++;
    if ((s > p->t->text && s[-1] != '\n') || s < p->pos || (e < p->end && *e != '\n'))
        return false;
    *from = s;
    *to = e < p->end ? e + 1 : e;
    return true;
}

static int template_parse(struct sheet *t, const char *text, size_t len, const char *where)
{
    *t = (struct sheet){.text = str_ndup(text, len), .where = str_dup(where)};
    struct prompt_parser p = {
        .t = t, .pos = t->text, .end = t->text ? t->text + len : NULL, .line = 1};
    int rc = t->text && t->where ? 0 : err_oom();
    while (rc == 0 && p.pos < p.end) {
        const char *open = memmem(p.pos, (size_t)(p.end - p.pos), "{{", 2);
        const char *from = open ? open : p.end, *to = p.end, *close = NULL;
        if (open) {
            p.line += count_lines(p.pos, open);
            close = memmem(open + 2, (size_t)(p.end - open - 2), "}}", 2);
            if (!close) {
                rc = err_set(GRASP_EPARSE, "%s:%zu: '{{' without '}}'", where, p.line);
                break;
            }
            to = close + 2;
            stands_alone(&p, open, close + 2, &from, &to);
        }
        if (from > p.pos)
            rc = push(t, (struct prompt_step){STEP_TEXT, false, p.pos, (size_t)(from - p.pos), 0,
                                              p.line});
        if (rc == 0 && open) {
            rc = parse_tag(&p, open + 2, close);
            p.line += count_lines(open, to);
        }
        p.pos = to;
    }
    if (rc == 0 && p.depth) {
        const struct prompt_step *s = &t->v[p.open[p.depth - 1]];
        rc = err_set(GRASP_EPARSE, "%s:%zu: the section '%.*s' is not closed", where, s->line,
                     (int)s->len, s->s);
    }
    if (rc < 0)
        template_release(t);
    return rc;
}

/* ---- rendering ---- */

struct frame {
    const json_t *value;
    const struct frame *outer;
};

struct render {
    const struct prompts *all; /* NULL: nothing can be included */
    struct buf *out;
    size_t depth, work;
};

static const json_t *lookup(const struct frame *f, const char *path, size_t len)
{
    if (len == 1 && *path == '.')
        return f->value;
    const char *dot = memchr(path, '.', len);
    size_t first = dot ? (size_t)(dot - path) : len;
    const json_t *v = NULL;
    for (; f && !v; f = f->outer)
        v = json_object_getn(f->value, path, first);
    while (v && first < len) {
        path += first + 1;
        len -= first + 1;
        dot = memchr(path, '.', len);
        first = dot ? (size_t)(dot - path) : len;
        v = json_object_getn(v, path, first);
    }
    return v;
}

static bool is_there(const json_t *v)
{
    if (!v || json_is_null(v) || json_is_false(v))
        return false;
    if (json_is_array(v))
        return json_array_size(v) > 0;
    if (json_is_object(v))
        return json_object_size(v) > 0;
    return !json_is_string(v) || json_string_length(v) > 0;
}

static void add_one_line(struct buf *out, const char *s, size_t len)
{
    bool gap = false, any = false;
    size_t i = 0;
    while (i < len) {
        unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c == 0x7f) {
            gap = true;
            i++;
            continue;
        }
        size_t from = i;
        while (i < len && (unsigned char)s[i] > ' ' && s[i] != 0x7f)
            i++;
        if (gap && any)
            buf_addch(out, ' ');
        buf_add(out, s + from, i - from);
        gap = false;
        any = true;
    }
}

static void add_value(struct buf *out, const json_t *v, bool one_line)
{
    if (json_is_array(v)) {
        size_t i;
        json_t *item;
        json_array_foreach ((json_t *)v, i, item) {
            if (i)
                buf_adds(out, ", ");
            if (json_is_array(item))
                buf_add_json_value(out, item);
            else
                add_value(out, item, one_line);
        }
    } else if (json_is_string(v)) {
        if (one_line)
            add_one_line(out, json_string_value(v), json_string_length(v));
        else
            buf_add(out, json_string_value(v), json_string_length(v));
    } else if (v && !json_is_null(v)) {
        buf_add_json_value(out, v);
    }
}

static int render_steps(struct render *r, const struct sheet *t, size_t from, size_t to,
                        const struct frame *f);

static int render_section(struct render *r, const struct sheet *t, size_t at, const struct frame *f)
{
    const struct prompt_step *s = &t->v[at];
    const json_t *v = lookup(f, s->s, s->len);
    bool there = is_there(v);
    if (s->kind == STEP_UNLESS || !there)
        return (s->kind == STEP_UNLESS) == there ? 0 : render_steps(r, t, at + 1, s->end, f);
    if (s->kind == STEP_IF)
        return render_steps(r, t, at + 1, s->end, f);
    struct frame inner = {v, f};
    if (!json_is_array(v))
        return render_steps(r, t, at + 1, s->end, &inner);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_array_size(v); i++) {
        inner.value = json_array_get(v, i);
        rc = render_steps(r, t, at + 1, s->end, &inner);
    }
    return rc;
}

static const struct sheet *find(const struct prompts *p, const char *name, size_t len)
{
    for (size_t i = 0; p && i < p->n; i++)
        if (strlen(prompt_sources[i].name) == len && memcmp(prompt_sources[i].name, name, len) == 0)
            return &p->v[i];
    return NULL;
}

static int render_include(struct render *r, const struct sheet *t, const struct prompt_step *s,
                          const struct frame *f)
{
    const struct sheet *other = find(r->all, s->s, s->len);
    if (!other)
        return err_set(GRASP_EINVAL, "%s:%zu: there is no template '%.*s' to include", t->where,
                       s->line, (int)s->len, s->s);
    return render_steps(r, other, 0, other->n, f);
}

static int render_steps(struct render *r, const struct sheet *t, size_t from, size_t to,
                        const struct frame *f)
{
    int rc = 0;
    if (++r->depth > DEPTH_MAX)
        rc = err_set(GRASP_ELIMIT, "%s: templates include each other", t->where);
    for (size_t i = from; rc == 0 && i < to; i++) {
        const struct prompt_step *s = &t->v[i];
        if (++r->work > WORK_MAX || r->out->len > OUTPUT_MAX)
            return err_set(GRASP_ELIMIT, "%s:%zu: the prompt grows without bound", t->where,
                           s->line);
        switch (s->kind) {
        case STEP_TEXT:
            buf_add(r->out, s->s, s->len);
            break;
        case STEP_VALUE:
            add_value(r->out, lookup(f, s->s, s->len), s->one_line);
            break;
        case STEP_EACH:
        case STEP_IF:
        case STEP_UNLESS:
            rc = render_section(r, t, i, f);
            i = s->end;
            break;
        case STEP_INCLUDE:
            rc = render_include(r, t, s, f);
            break;
        case STEP_END:
            break;
        }
    }
    r->depth--;
    return rc;
}

static int template_render(const struct sheet *t, const struct prompts *all, const json_t *data,
                           struct buf *out)
{
    struct render r = {.all = all, .out = out};
    struct frame root = {data, NULL};
    int rc = render_steps(&r, t, 0, t->n, &root);
    return rc < 0 ? rc : buf_check(out);
}

/* ---- the set ---- */

/* A misspelt file name would leave the compiled-in text in force without a word. */
static int check_names(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_set_errno(errno == ENOENT ? GRASP_ENOTFOUND : GRASP_EIO,
                             "cannot open the directory of prompts '%s'", dir);
    int rc = 0;
    struct dirent *e;
    while (rc == 0 && (e = readdir(d))) {
        if (!str_ends(e->d_name, ".md") || strcmp(e->d_name, "README.md") == 0)
            continue;
        bool known = false;
        for (const struct prompt_source *s = prompt_sources; s->name; s++)
            known = known || (strlen(s->name) + 3 == strlen(e->d_name) &&
                              memcmp(s->name, e->d_name, strlen(s->name)) == 0);
        if (!known) {
            struct buf names = BUF_INIT;
            for (const struct prompt_source *p = prompt_sources; p->name; p++)
                buf_addf(&names, "%s%s", names.len ? ", " : "", p->name);
            rc = err_set(GRASP_EINVAL, "%s/%s: not a prompt; names are %s", dir, e->d_name,
                         names.ptr);
            buf_release(&names);
        }
    }
    closedir(d);
    return rc;
}

/* The first line that is rendered says which phase it is: a simulated writer, a journal's reader and
 * a person go by it, also where the user brought a prompt. */
static int check_phase(const struct sheet *t, const struct prompt_source *source)
{
    if (!source->phase)
        return 0;
    const struct prompt_step *s = t->n ? &t->v[0] : NULL;
    size_t n = strlen(source->name), head = strlen("# Phase: ");
    if (s && s->kind == STEP_TEXT && s->len >= head + n && memcmp(s->s, "# Phase: ", head) == 0 &&
        memcmp(s->s + head, source->name, n) == 0 &&
        (s->len == head + n || strchr("\r\n", s->s[head + n])))
        return 0;
    return err_set(GRASP_EPARSE, "%s:1: the first line must be '# Phase: %s'", t->where,
                   source->name);
}

static int load(struct sheet *t, const struct prompt_source *source, const char *dir)
{
    char *path = NULL, *file = NULL;
    struct buf text = BUF_INIT;
    int rc = 0;
    buf_adds(&text, source->name);
    buf_adds(&text, ".md");
    if (!(file = buf_detach(&text)) || !(path = fs_join(dir ? dir : "skills/prompts", file))) {
        rc = err_oom();
        goto out;
    }
    if (dir && fs_exists(path)) {
        rc = fs_read(path, &text);
        if (rc == 0 && text.len > TEMPLATE_MAX)
            rc = err_set(GRASP_ELIMIT, "%s: larger than %d bytes", path, TEMPLATE_MAX);
        if (rc == 0 && !utf8_valid(text.ptr, text.len))
            rc = err_set(GRASP_EPARSE, "%s: not UTF-8", path);
    } else {
        buf_adds(&text, source->text);
        rc = buf_check(&text);
    }
    if (rc == 0)
        rc = template_parse(t, text.ptr, text.len, path);
    if (rc == 0)
        rc = check_phase(t, source);
out:
    buf_release(&text);
    free(path);
    free(file);
    return rc;
}

int prompts_open(struct prompts **out, const char *dir)
{
    *out = NULL;
    int rc = dir ? check_names(dir) : 0;
    if (rc < 0)
        return rc;
    struct prompts *p = calloc(1, sizeof(*p));
    size_t n = 0;
    while (prompt_sources[n].name)
        n++;
    if (!p || !(p->v = calloc(n, sizeof(*p->v))))
        rc = err_oom();
    for (; rc == 0 && p->n < n; p->n++)
        rc = load(&p->v[p->n], &prompt_sources[p->n], dir);
    if (rc < 0)
        prompts_close(p);
    else
        *out = p;
    return rc;
}

const char *prompts_text(const struct prompts *p, size_t i, const char **name, const char **where)
{
    if (i >= p->n)
        return NULL;
    *name = prompt_sources[i].name;
    *where = p->v[i].where;
    return p->v[i].text;
}

void prompts_close(struct prompts *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        template_release(&p->v[i]);
    free(p->v);
    free(p);
}

int prompts_render(const struct prompts *p, const char *name, const json_t *data, struct buf *out)
{
    const struct sheet *t = find(p, name, strlen(name));
    if (!t)
        return err_set(GRASP_EINVAL, "there is no prompt '%s'", name);
    return template_render(t, p, data, out);
}

int prompt_render_text(const char *text, size_t len, const char *where, const json_t *data,
                       struct buf *out)
{
    struct sheet t;
    int rc = template_parse(&t, text, len, where);
    if (rc == 0) {
        rc = template_render(&t, NULL, data, out);
        template_release(&t);
    }
    return rc;
}
