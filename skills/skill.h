/*
 * skill.h - SKILL.md documents (Agent Skills convention, DESIGN.md D8) and sets of them.
 *
 * A file that skill_parse took is written back byte for byte by skill_render as long as nothing was
 * changed (`source` is kept and compared); where it holds keys of other tools, only the lines of the
 * keys that did change are new. What we write ourselves has one form: name first,
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
/* Metadata of a document that another method keeps here (runtime/method): the method's name. The
 * files beside its SKILL.md are its text: library_read brings their bytes along. */
#define SKILL_DOCUMENT_KEY "learned-method"

enum { SKILL_FILE_ID = 40 };
/* A file beside SKILL.md: scripts/x.sh, references/y.md, assets. Its bytes are nobody's business
 * here. */
struct skill_file {
    char *path;    /* below the skill's folder */
    unsigned mode; /* as git has it: 0100644, 0100755, 0120000 (a link), 0160000 (a submodule) */
    char id[SKILL_FILE_ID + 1]; /* git's name for the bytes: same id, same bytes */
    char *bytes;                /* NULL: they are in the library that the skill was read from */
    size_t len;
};
struct skill_files { /* sorted by path; shared by copies of the skill and never changed */
    unsigned refs;
    struct skill_file *v;
    size_t n, cap;
};
/* An empty list, one reference; NULL: no memory. */
struct skill_files *skill_files_new(void);
/* Appends a copy of a file; *files NULL: makes the list, the caller has the one reference. */
int skill_files_add(struct skill_files **files, const struct skill_file *file);
struct skill_files *skill_files_ref(struct skill_files *f); /* NULL for NULL */
void skill_files_unref(struct skill_files *f);
/* Git's name for some bytes, as a blob. */
int skill_file_id(const void *bytes, size_t len, char out[SKILL_FILE_ID + 1]);
/* The same paths, modes and bytes; NULL is an empty list. */
bool skill_files_equal(const struct skill_files *a, const struct skill_files *b);

struct skill {
    char *name, *description, *body;
    struct strlist tags;
    int version;                 /* 1 when the file says nothing */
    struct strlist keys, values; /* the other metadata, in file order ("author-model", "epoch") */
    char *license, *compatibility, *allowed_tools; /* NULL when absent */
    char *source;                                  /* the file's bytes, NULL for one made here */
    size_t source_len;
    /* The frontmatter holds what we do not read: other keys, values that are no strings. They are
     * in `source`, and skill_render keeps their lines as they are. */
    bool foreign;
    struct skill_files *files; /* NULL: those that are there in its folder, if any */
};

void skill_release(struct skill *s);
int skill_copy(struct skill *dst, const struct skill *src);
/* Parses a SKILL.md. `where` names it in messages ("skills/x/SKILL.md"), `folder` is the name its
 * folder has (NULL: not checked). GRASP_EPARSE with line and rule. */
int skill_parse(struct skill *s, const char *text, size_t len, const char *where,
                const char *folder);
/* The same with what an import can put right left as it is: any text as name or description (NULL
 * when it is missing), any length. */
int skill_parse_lax(struct skill *s, const char *text, size_t len, const char *where);
/* Appends the document. */
void skill_render(const struct skill *s, struct buf *out);
const char *skill_meta(const struct skill *s, const char *key); /* NULL when absent */
int skill_set_meta(struct skill *s, const char *key, const char *value);
void skill_unset_meta(struct skill *s, const char *key);
/* Takes a text as the body: without blank lines before it, with one newline at its end. */
int skill_set_body(struct skill *s, const char *text, size_t len);
/* The same in everything that we read, files included. */
bool skill_equal(const struct skill *a, const struct skill *b);
/* The same SKILL.md byte for byte, and the same other files. */
bool skill_same_files(const struct skill *a, const struct skill *b);
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
