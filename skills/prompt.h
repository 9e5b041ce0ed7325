/*
 * prompt.h - the writer's prompts: template files (skills/prompts/NAME.md, compiled in; a directory
 * of the user's may override them) filled with JSON data.
 *
 * Template language (Mustache's, less and a little more):
 *
 *     {{path}}                inserts a string or number as it is; an array, joined by ", "
 *     {{~path}}               the same on one line: runs of blanks and control characters become
 *                         one space
 *     {{#path}}..{{/path}}    for each item of an array; once for any other value that is there
 *     {{#path?}}..{{/path?}}  once when the value is there, also for an array
 *     {{^path}}..{{/path}}    when it is missing, null, false or empty (0 is a value)
 *     {{> name}}              another template, with the same data
 *     {{! ... }}              a comment
 *
 * A path is keys joined by dots. Inside a section, {{.}} is the item and paths look at the item
 * first, then outwards. A line that holds nothing but a section tag, a comment or {{> name}} leaves
 * no empty line behind.
 */
#ifndef GRASP_SKILLS_PROMPT_H
#define GRASP_SKILLS_PROMPT_H

#include <jansson.h>

#include "runtime/base/buf.h"

/* Names: "classify", "diagnose", "propose", "revise", "select" (blind_select: proposer), the
 * fragments "again" (a reply could not be read), "skill-template", "trace" (an episode, in every
 * phase), "told" (what its agent was told) and "inject", and the prompts of the other methods
 * (runtime/method). */
struct prompts;
/* dir NULL: only the compiled-in ones; else each NAME.md that is there replaces one. Another *.md
 * in it (but README.md) is an error, so that a misspelt name does not go unnoticed.
 * GRASP_ENOTFOUND, GRASP_EINVAL, or GRASP_EPARSE with file and line. */
int prompts_open(struct prompts **p, const char *dir);
void prompts_close(struct prompts *p);
/* The i-th template's text, its name and where it is from (a file, or that it is compiled in); NULL
 * past the last. */
const char *prompts_text(const struct prompts *p, size_t i, const char **name, const char **where);
/* Appends the filled template. GRASP_EINVAL for an unknown name, GRASP_ELIMIT when templates
 * include each other too deeply. The data each phase gets is listed at the top of its template
 * file, in a comment that is not part of the prompt. */
int prompts_render(const struct prompts *p, const char *name, const json_t *data, struct buf *out);

/* One template on its own, without others to include. `where` names it in messages. */
int prompt_render_text(const char *text, size_t len, const char *where, const json_t *data,
                       struct buf *out);

#endif
