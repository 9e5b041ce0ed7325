/*
 * skill.h - SKILL.md documents (Agent Skills convention, DESIGN.md D8) and sets of them.
 *
 * A file that skill_parse took is written back byte for byte by skill_render as long as nothing was
 * changed (`source` is kept and compared). What we write ourselves has one form: name first,
 * description, metadata with double-quoted values, one newline at the end. Tags stand in one string
 * separated by spaces; a space inside a tag is written '+' ('+' and '%' are "%2B" and "%25").
 */
#ifndef GRASP_SKILLS_SKILL_H
#define GRASP_SKILLS_SKILL_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"

#define SKILL_NAME_MAX        64
#define SKILL_DESCRIPTION_MAX 1024
#define SKILL_CONTENT_MAX     65536
#define SKILL_TAGS_MAX        16
#define SKILL_TAG_MAX         64

struct skill {
    char *name, *description, *body;
    struct strlist tags;
    int version;                 /* 1 when the file says nothing */
    struct strlist keys, values; /* the other metadata, in file order ("author-model", "epoch") */
    char *license, *compatibility, *allowed_tools; /* NULL when absent */
    char *source;                                  /* the file's bytes, NULL for one made here */
    size_t source_len;
};

void skill_release(struct skill *s);
int skill_copy(struct skill *dst, const struct skill *src);
/* Parses a SKILL.md. `where` names it in messages ("skills/x/SKILL.md"), `folder` is the name its
 * folder has (NULL: not checked). GRASP_EPARSE with line and rule. */
int skill_parse(struct skill *s, const char *text, size_t len, const char *where,
                const char *folder);
/* Appends the document. */
void skill_render(const struct skill *s, struct buf *out);
const char *skill_meta(const struct skill *s, const char *key); /* NULL when absent */
int skill_set_meta(struct skill *s, const char *key, const char *value);
void skill_unset_meta(struct skill *s, const char *key);
/* Takes a text as the body: without blank lines before it, with one newline at its end. */
int skill_set_body(struct skill *s, const char *text, size_t len);
/* Same in everything but `source`. */
bool skill_equal(const struct skill *a, const struct skill *b);
/* [a-z0-9]+(-[a-z0-9]+)*, at most 64. */
bool skill_name_valid(const char *name);
/* Runs of [a-z0-9] (after lower-casing) joined by '-', cut to 64; "" when nothing is left. */
void skill_slug(const char *name, char out[SKILL_NAME_MAX + 1]);

/* A document's two parts, inside its text: the YAML between the '---' lines, and the body without
 * blank lines around it. */
struct skill_parts {
    const char *front, *body;
    size_t front_len, body_len;
};
/* GRASP_EPARSE when there is no frontmatter, or it is too large or not UTF-8. */
int skill_split(const char *text, size_t len, const char *where, struct skill_parts *parts);
/* Appends the tags of one string (see above). 0 or GRASP_ENOMEM. */
int skill_read_tags(struct strlist *tags, const char *s);

/* A library's skills, sorted by name (byte order). All zero is empty. */
struct skill_set {
    struct skill *v;
    size_t n, cap;
};
void skill_set_release(struct skill_set *set);
int skill_set_copy(struct skill_set *dst, const struct skill_set *src);
/* NULL when it is not there. */
const struct skill *skill_set_find(const struct skill_set *set, const char *name);
/* Adds or replaces; takes ownership of *s (left empty), also when it fails. */
int skill_set_put(struct skill_set *set, struct skill *s);
bool skill_set_remove(struct skill_set *set, const char *name);

#endif
