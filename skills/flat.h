/*
 * flat.h - GRASP's flat skill files (name.md with underscores, top-level tags, version,
 * provenance): import and export (DESIGN.md D8).
 */
#ifndef GRASP_SKILLS_FLAT_H
#define GRASP_SKILLS_FLAT_H

#include "skills/skill.h"

/* Parses one flat file. What had to be changed for our form is appended to `changes`, a line each.
 * What has no place in ours is kept in metadata under "flat-*" keys, so that flat_render gives it
 * back. */
int flat_parse(struct skill *s, const char *text, size_t len, const char *where,
               struct strlist *changes);
void flat_render(const struct skill *s, struct buf *out);
/* Reads a directory: flat files (*.md) or folders with SKILL.md, whichever it holds. */
int flat_read_dir(const char *dir, struct skill_set *set, struct strlist *changes);
int flat_write_dir(const char *dir, const struct skill_set *set);

#endif
