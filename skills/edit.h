/*
 * edit.h - edits as the writer proposes them: parsing its replies, validation, application
 * (spec/method.md, "Edits"). All text here is hostile.
 */
#ifndef GRASP_SKILLS_EDIT_H
#define GRASP_SKILLS_EDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "skills/prompt.h"
#include "skills/reply.h"
#include "skills/skill.h"

enum edit_action { EDIT_ADD, EDIT_MODIFY, EDIT_REMOVE };
const char *edit_action_name(enum edit_action a); /* "ADD", ... */

struct edit {
    enum edit_action action;
    char *name;                  /* a valid slug once validated */
    char *description, *content; /* NULL when absent */
    char *reason;                /* one line, why it is proposed; NULL when not said */
    struct strlist tags;
    /* Of a skill that comes whole from another library, and never from a writer: its SKILL.md, when
     * that holds keys of other tools (else NULL), and its other files. */
    char *source;
    struct skill_files *files;
};

/* One candidate: one edit, or a REMOVE paired with an ADD in a full library. */
struct proposal {
    struct edit v[2];
    size_t n;
};
void edit_release(struct edit *e);
void proposal_release(struct proposal *p);
/* Same action, name and content (the ADD/MODIFY part of a pair counts too); of the content its first
 * `prefix` characters (0: all of it), as the released code compares 100. */
bool proposal_equal(const struct proposal *a, const struct proposal *b, size_t prefix);
/* "ADD observation-value", "REMOVE a + ADD b": the subject's first part. */
void proposal_describe(const struct proposal *p, struct buf *out);

/* Why something was refused; counted by the caller. Index into edit_refusal_name. */
enum edit_refusal {
    EDIT_OK,
    EDIT_NO_ARRAY,    /* no JSON with edits in the reply */
    EDIT_CUT,         /* the reply ends inside them */
    EDIT_UNPARSEABLE, /* they are no JSON */
    EDIT_EMPTY_ARRAY, /* the writer had nothing to propose: not an error */
    EDIT_NOT_OBJECT,
    EDIT_BAD_ACTION,
    EDIT_BAD_NAME,
    EDIT_TEMPLATE,
    EDIT_EXISTS,  /* ADD of a skill that is there */
    EDIT_MISSING, /* MODIFY or REMOVE of one that is not */
    EDIT_FULL,
    EDIT_EMPTY_CONTENT,
    EDIT_TOO_LONG, /* description, content, tags or the reply itself */
    EDIT_BAD_TEXT, /* NUL, control characters, invalid UTF-8, another type, frontmatter */
    EDIT_TOO_MANY, /* more edits than asked for; the surplus is refused at once */
    EDIT_APPEND_ONLY,
    EDIT_LEAK,      /* quotes the benchmark (leak guard) */
    EDIT_DUPLICATE, /* equal to an earlier candidate of the update */
    EDIT_UNCHANGED, /* MODIFY that leaves the file as it is */
    EDIT_PINNED,    /* MODIFY or REMOVE of a skill whose metadata says pinned: "true" */
    EDIT_TOO_LARGE, /* with it, the library would pass edit_rules.max_chars */
    EDIT_REFUSALS
};
const char *edit_refusal_name(enum edit_refusal r); /* "bad-action", ... */

struct edit_rules {
    size_t capacity;  /* max_learned_skills */
    size_t max_edits; /* max_proposals, 2 when two places or fewer are left */
    bool append_only;
    size_t dedupe_prefix; /* two are equal when so many characters of their content are; 0: all */
    size_t max_chars;     /* characters of all skills as the executor reads them; 0: any */
    const struct prompts *prompts; /* the templates that he reads them in; NULL: ours */
    /* Further check on the texts of an edit (leak guard): true refuses. May be NULL. */
    bool (*forbidden)(void *arg, const struct edit *e, char *what, size_t size);
    void *forbidden_arg;
};

/* Parses a writer's reply (edit_reply_shape) and validates each edit against the library. What is valid is appended to `out` as proposals; one that is equal to
 * one that `out` holds already is refused as a duplicate, so that one list can gather an update's
 * candidates. When the library has two places or fewer left, a reply may hold two edits, and a
 * REMOVE beside an ADD, in either order, pairs up (the REMOVE is v[0]). Each refusal is reported;
 * `detail` is a line to log. 0, or GRASP_ENOMEM.
 *
 * What is put right rather than refused: the name becomes a slug; description and tags become one
 * line, with '<' and '>' as U+2039 and U+203A and "---" as a dash; "\r" and blank lines around the
 * content go; tags may be one string with commas. A MODIFY without description or tags keeps those
 * of the skill; an ADD without description gets the first line of prose of its content; a reason
 * becomes one line of at most EDIT_REASON_MAX characters. */
typedef void (*edit_refused_fn)(void *arg, enum edit_refusal why, const char *detail);
struct proposal_list {
    struct proposal *v;
    size_t n, cap;
};
#define EDIT_REASON_MAX 300
void proposal_list_release(struct proposal_list *l);
extern const struct reply_shape
    edit_reply_shape; /* the edits in a writer's reply, for reply_read */
int edit_parse_reply(const char *text, size_t len, const struct skill_set *library,
                     const struct edit_rules *rules, struct proposal_list *out,
                     edit_refused_fn refused, void *arg);
/* A text as a description or tag may hold it (see above); caller frees, NULL: no memory. */
char *edit_clean_description(const char *s, size_t len);

/* What is known before measuring; goes into the frontmatter's metadata. */
struct provenance {
    const char *author_model;
    int epoch, update;
};
/* library + proposal -> the candidate's set: MODIFY raises the version; provenance goes into the
 * metadata (NULL: none). GRASP_EINVAL when it does not apply. */
int proposal_apply(const struct skill_set *library, const struct proposal *p,
                   const struct provenance *provenance, struct skill_set *out);
/* As JSON {action, name, description, content, tags, reason, source, files} (array of them for a pair), and
 * back. Of files there are path, mode and id: their bytes are in the library. */
json_t *proposal_to_json(const struct proposal *p);
int proposal_from_json(struct proposal *p, const json_t *v); /* GRASP_EPARSE */

#endif
