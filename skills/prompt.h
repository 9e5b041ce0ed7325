/*
 * prompt.h - the writer's prompts: template files (skills/prompts/NAME.md, compiled in; a directory
 * of the user's may override them) filled with JSON data.
 *
 * Template language: {{path}} inserts a string or number, {{#path}}..{{/path}} repeats for each
 * array item (inside, {{.}} is the item and paths look at the item first) or shows once for a true
 * value,
 * {{^path}}..{{/path}} shows when it is missing, false or empty. Text is inserted as it is.
 */
#ifndef GRASP_SKILLS_PROMPT_H
#define GRASP_SKILLS_PROMPT_H

#include <jansson.h>

#include "runtime/base/buf.h"

/* Names: "classify", "diagnose", "propose", "revise", "select" (blind_select: proposer), and the
 * fragments "skill-template" and "inject". */
struct prompts;
/* dir NULL: only the compiled-in ones. GRASP_ENOTFOUND / GRASP_EPARSE with file and line. */
int prompts_open(struct prompts **p, const char *dir);
void prompts_close(struct prompts *p);
/* Appends the filled template. GRASP_EINVAL for an unknown name. The data each phase gets is listed
 * at the top of its template file, in a comment ({{! ... }}) that is not part of the prompt. */
int prompts_render(const struct prompts *p, const char *name, const json_t *data, struct buf *out);

#endif
