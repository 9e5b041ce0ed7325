/* skill_render.c - writing SKILL.md. */
#include "skills/skill.h"
#include "skills/skill_front.h"

#include <string.h>

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
static void add_quoted(struct buf *b, const char *s)
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
    add_quoted(b, value);
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

/* All that SKILL.md says. */
static bool same_text(const struct skill *a, const struct skill *b)
{
    return str_same(a->name, b->name) && str_same(a->description, b->description) &&
           str_same(a->body, b->body) && a->version == b->version &&
           str_same(a->license, b->license) && str_same(a->compatibility, b->compatibility) &&
           str_same(a->allowed_tools, b->allowed_tools) && strlist_equal(&a->tags, &b->tags) &&
           strlist_equal(&a->keys, &b->keys) && strlist_equal(&a->values, &b->values);
}

bool skill_equal(const struct skill *a, const struct skill *b)
{
    return same_text(a, b) && skill_files_equal(a->files, b->files);
}

static void add_version(struct buf *out, const struct skill *s, size_t indent)
{
    buf_addf(out, "%*sversion: \"%d\"\n", (int)indent, "", s->version);
}

static void add_tag_line(struct buf *out, const struct skill *s, size_t indent)
{
    struct buf tags = BUF_INIT;
    add_tags(&tags, &s->tags);
    if (tags.len) {
        buf_addf(out, "%*s", (int)indent, "");
        add_key(out, "tags", tags.ptr);
    }
    if (tags.failed)
        out->failed = true;
    buf_release(&tags);
}

static void add_meta(struct buf *out, const char *key, const char *value, size_t indent)
{
    buf_addf(out, "%*s", (int)indent, "");
    if (plain_key(key)) {
        add_key(out, key, value);
    } else {
        add_quoted(out, key);
        add_key(out, "", value);
    }
}

/* Our own form. */
static void render_ours(const struct skill *s, struct buf *out)
{
    buf_addf(out, "---\nname: %s\n", s->name);
    add_key(out, "description", s->description);
    if (s->license)
        add_key(out, "license", s->license);
    if (s->compatibility)
        add_key(out, "compatibility", s->compatibility);
    if (s->allowed_tools)
        add_key(out, "allowed-tools", s->allowed_tools);
    buf_adds(out, "metadata:\n");
    add_version(out, s, 2);
    add_tag_line(out, s, 2);
    for (size_t i = 0; i < s->keys.n; i++)
        add_meta(out, s->keys.v[i], s->values.v[i], 2);
    buf_adds(out, "---\n");
    if (s->body && *s->body) {
        buf_addch(out, '\n');
        buf_adds(out, s->body);
        if (!str_ends(s->body, "\n"))
            buf_addch(out, '\n');
    }
}

/* ---- the form of others ---- */

/* A skill on its way into the lines of the file that it came from. */
struct patch {
    const struct skill *s, *was;
    struct front front;
    struct buf *out;
    bool version, tags;  /* written already */
    struct strlist meta; /* keys of the metadata that are */
};

static void patch_raw(struct patch *p, const struct front_block *b)
{
    buf_add(p->out, b->text, b->len);
    if (b->len && b->text[b->len - 1] != '\n')
        buf_addch(p->out, '\n');
}

/* A key whose value is a string: its lines stay when it says the same. */
static void patch_string(struct patch *p, const struct front_block *b, const char *is,
                         const char *was)
{
    if (str_same(is, was))
        patch_raw(p, b);
    else if (is && strcmp(b->key, "name") == 0)
        buf_addf(p->out, "name: %s\n", is);
    else if (is)
        add_key(p->out, b->key, is);
}

static void patch_inner(struct patch *p, const struct front_block *b)
{
    const char *is = skill_meta(p->s, b->key), *was = skill_meta(p->was, b->key);
    if (strcmp(b->key, "version") == 0) {
        p->version = true;
        if (p->s->version == p->was->version)
            patch_raw(p, b);
        else
            add_version(p->out, p->s, b->column);
    } else if (strcmp(b->key, "tags") == 0) {
        p->tags = true;
        if (strlist_equal(&p->s->tags, &p->was->tags))
            patch_raw(p, b);
        else
            add_tag_line(p->out, p->s, b->column);
    } else {
        if (strlist_add(&p->meta, b->key) < 0)
            p->out->failed = true;
        if (str_same(is, was)) /* also one that is no string: both NULL */
            patch_raw(p, b);
        else if (is)
            add_meta(p->out, b->key, is, b->column);
    }
}

/* What the metadata holds now and had no line. */
static void patch_rest(struct patch *p, size_t indent)
{
    if (!p->version && p->s->version != p->was->version)
        add_version(p->out, p->s, indent);
    if (!p->tags && !strlist_equal(&p->s->tags, &p->was->tags))
        add_tag_line(p->out, p->s, indent);
    for (size_t i = 0; i < p->s->keys.n; i++)
        if (!strlist_has(&p->meta, p->s->keys.v[i]))
            add_meta(p->out, p->s->keys.v[i], p->s->values.v[i], indent);
}

static void patch_metadata(struct patch *p, size_t at, size_t *next)
{
    size_t end = at + 1, indent = 2;
    while (end < p->front.n && p->front.v[end].inner)
        end++;
    *next = end;
    if (end == at + 1) { /* on one line: strings alone, or it would not have been read */
        buf_adds(p->out, "metadata:\n");
        add_version(p->out, p->s, indent);
        add_tag_line(p->out, p->s, indent);
        for (size_t i = 0; i < p->s->keys.n; i++)
            add_meta(p->out, p->s->keys.v[i], p->s->values.v[i], indent);
        return;
    }
    indent = p->front.v[at + 1].column;
    patch_raw(p, &p->front.v[at]);
    for (size_t i = at + 1; i < end; i++)
        patch_inner(p, &p->front.v[i]);
    patch_rest(p, indent);
}

static bool same_metadata(const struct skill *a, const struct skill *b)
{
    return a->version == b->version && strlist_equal(&a->tags, &b->tags) &&
           strlist_equal(&a->keys, &b->keys) && strlist_equal(&a->values, &b->values);
}

static void patch_front(struct patch *p)
{
    const struct {
        const char *key, *is, *was;
    } ours[] = {{"name", p->s->name, p->was->name},
                {"description", p->s->description, p->was->description},
                {"license", p->s->license, p->was->license},
                {"compatibility", p->s->compatibility, p->was->compatibility},
                {"allowed-tools", p->s->allowed_tools, p->was->allowed_tools}};
    enum { OURS = sizeof(ours) / sizeof(*ours) };
    bool there[OURS] = {false}, metadata = false;
    buf_add(p->out, p->front.head, p->front.head_len);
    for (size_t i = 0, next; i < p->front.n; i = next) {
        const struct front_block *b = &p->front.v[i];
        size_t k = 0;
        next = i + 1;
        while (k < OURS && strcmp(ours[k].key, b->key) != 0)
            k++;
        if (k < OURS) {
            there[k] = true;
            patch_string(p, b, ours[k].is, ours[k].was);
        } else if (strcmp(b->key, "metadata") != 0) {
            patch_raw(p, b);
        } else if ((metadata = true) && same_metadata(p->s, p->was)) {
            for (next = i; next < p->front.n && (next == i || p->front.v[next].inner); next++)
                patch_raw(p, &p->front.v[next]);
        } else {
            patch_metadata(p, i, &next);
        }
    }
    for (size_t k = 0; k < OURS; k++)
        if (!there[k] && ours[k].is && k == 0)
            buf_addf(p->out, "name: %s\n", ours[k].is);
        else if (!there[k] && ours[k].is)
            add_key(p->out, ours[k].key, ours[k].is);
    if (!metadata && !same_metadata(p->s, p->was)) {
        buf_adds(p->out, "metadata:\n");
        patch_rest(p, 2);
    }
}

/* False when the source is none that can be patched. */
static bool render_patched(const struct skill *s, struct buf *out)
{
    struct skill was;
    struct skill_parts parts;
    struct patch p = {.s = s, .was = &was, .out = out};
    size_t start = out->len;
    if (!s->source || skill_parse_lax(&was, s->source, s->source_len, "source") < 0)
        return false;
    bool good = skill_split(s->source, s->source_len, "source", &parts) == 0 &&
                front_read(&p.front, parts.front, parts.front_len) == 0;
    if (good) {
        buf_adds(out, "---\n");
        patch_front(&p);
        if (str_same(s->body, was.body)) {
            const char *end = parts.front + parts.front_len;
            buf_add(out, end, (size_t)(s->source + s->source_len - end));
        } else {
            buf_addf(out, "---\n%s%s", s->body && *s->body ? "\n" : "", s->body ? s->body : "");
        }
    } else {
        buf_truncate(out, start);
    }
    front_release(&p.front);
    strlist_release(&p.meta);
    skill_release(&was);
    return good;
}

/* Whether the bytes it came from still say what it says now. */
static bool source_holds(const struct skill *s)
{
    struct skill was;
    if (!s->source || skill_parse(&was, s->source, s->source_len, "source", NULL) < 0)
        return false;
    bool holds = same_text(s, &was);
    skill_release(&was);
    return holds;
}

void skill_render(const struct skill *s, struct buf *out)
{
    if (source_holds(s))
        buf_add(out, s->source, s->source_len);
    else if (!s->foreign || !render_patched(s, out))
        render_ours(s, out);
}

bool skill_same_files(const struct skill *a, const struct skill *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    skill_render(a, &x);
    skill_render(b, &y);
    bool same = !x.failed && !y.failed && x.len == y.len && memcmp(x.ptr, y.ptr, x.len) == 0;
    buf_release(&x);
    buf_release(&y);
    return same && skill_files_equal(a->files, b->files);
}
