/* skill_render.c - writing SKILL.md. */
#include "skills/skill.h"

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

bool skill_equal(const struct skill *a, const struct skill *b)
{
    return str_same(a->name, b->name) && str_same(a->description, b->description) &&
           str_same(a->body, b->body) && a->version == b->version &&
           str_same(a->license, b->license) && str_same(a->compatibility, b->compatibility) &&
           str_same(a->allowed_tools, b->allowed_tools) && strlist_equal(&a->tags, &b->tags) &&
           strlist_equal(&a->keys, &b->keys) && strlist_equal(&a->values, &b->values);
}

/* Whether the bytes it came from still say what it says now. */
static bool source_holds(const struct skill *s)
{
    struct skill was;
    if (!s->source || skill_parse(&was, s->source, s->source_len, "source", NULL) < 0)
        return false;
    bool holds = skill_equal(s, &was);
    skill_release(&was);
    return holds;
}

void skill_render(const struct skill *s, struct buf *out)
{
    if (source_holds(s)) {
        buf_add(out, s->source, s->source_len);
        return;
    }
    struct buf tags = BUF_INIT;
    buf_addf(out, "---\nname: %s\n", s->name);
    add_key(out, "description", s->description);
    if (s->license)
        add_key(out, "license", s->license);
    if (s->compatibility)
        add_key(out, "compatibility", s->compatibility);
    if (s->allowed_tools)
        add_key(out, "allowed-tools", s->allowed_tools);
    buf_addf(out, "metadata:\n  version: \"%d\"\n", s->version);
    add_tags(&tags, &s->tags);
    if (tags.len) {
        buf_adds(out, "  ");
        add_key(out, "tags", tags.ptr);
    }
    if (tags.failed)
        out->failed = true;
    for (size_t i = 0; i < s->keys.n; i++) {
        buf_adds(out, "  ");
        if (plain_key(s->keys.v[i])) {
            add_key(out, s->keys.v[i], s->values.v[i]);
        } else {
            add_quoted(out, s->keys.v[i]);
            add_key(out, "", s->values.v[i]);
        }
    }
    buf_adds(out, "---\n");
    if (s->body && *s->body) {
        buf_addch(out, '\n');
        buf_adds(out, s->body);
        if (!str_ends(s->body, "\n"))
            buf_addch(out, '\n');
    }
    buf_release(&tags);
}
