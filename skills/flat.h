/*
 * flat.h - GRASP's flat skill files (name.md with underscores, top-level tags, version,
 * provenance), and folders of skills: import and export (DESIGN.md D8).
 *
 * What has no place in a SKILL.md is kept in its metadata, so that flat_render gives it back:
 *
 *     flat-name, flat-description   as they stood, where they had to be changed
 *     epoch, update, parent-version, author-model   provenance that has a place of its own
 *     flat-action, flat-fixes, flat-regressions, flat-probe-score, flat-triggering-sample-ids
 *     flat-provenance.KEY, flat-top.KEY   other keys with a plain value
 *     flat-style   those of them that are typed where ours would be a text, or the other way round
 *
 * An export of our own skills fills in what it can: underscores in the name, action from the parent
 * version, and probe_score, fixes, regressions and triggering_sample_ids from the metadata
 * gate-score, gate-fixes, gate-regressions and gate-tasks that an export adds.
 */
#ifndef GRASP_SKILLS_FLAT_H
#define GRASP_SKILLS_FLAT_H

#include "skills/skill.h"

/* Parses one flat file. What had to be changed for our form is appended to `changes`, a line each
 * (NULL: not wanted). GRASP_EPARSE with file and line. */
int flat_parse(struct skill *s, const char *text, size_t len, const char *where,
               struct strlist *changes);
void flat_render(const struct skill *s, struct buf *out);
/* The keys of its SKILL.md that have no place in a flat file, in order: flat_render leaves them out. */
int flat_homeless(const struct skill *s, struct strlist *out);
/* The name of a skill's flat file without ".md"; safe as a file name. Caller
 * frees, NULL: no memory. */
char *flat_name(const struct skill *s);

/* What a directory was found to hold besides skills; a line each. */
struct flat_report {
    struct strlist changes; /* what had to be changed for our form */
    struct strlist passed;  /* what was passed over: texts for people, templates, caches */
    struct strlist refused; /* skills that cannot be read, and files of skills that were left out */
};
void flat_report_release(struct flat_report *r);
/* Reads a directory into a set, as collections are laid out: folders with SKILL.md and all files
 * beside it, to a depth of 6 (skills/NAME, skills/CATEGORY/NAME, .claude/skills/NAME); flat files
 * (NAME.md) in it, when it has no such folders, and in folders called "skills"; or, with none of
 * these, a single SKILL.md. Of a run folder of the reference implementation, or its folder
 * "skills", what is in best/ (else in learned/); the report says which. What is wrong with one skill is noted and does not refuse the others.
 * GRASP_ENOTFOUND when there is no skill, GRASP_EINVAL when each one that is there is refused. */
int flat_read_dir(const char *dir, struct skill_set *set, struct flat_report *report);
/* Writes DIR/name/SKILL.md, or (flat) DIR/name.md, each with the skill's other files (below
 * DIR/name/); files there that are not of these skills are left alone. */
int flat_write(const char *dir, const struct skill_set *set, bool flat);
/* Whether `dir` holds nothing but what writing this set would put there: it is empty or missing, or
 * such a writing was interrupted, or is done. */
bool flat_unwritten(const char *dir, const struct skill_set *set, bool flat);

#endif
