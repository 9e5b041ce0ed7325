/* prompts.h - the compiled-in template texts (private to this folder; see prompt.h). */
#ifndef GRASP_SKILLS_PROMPTS_H
#define GRASP_SKILLS_PROMPTS_H

#include <stdbool.h>

struct prompt_source {
    const char *name, *text;
    bool phase; /* a whole prompt: it begins with "# Phase: NAME" */
};
extern const struct prompt_source prompt_sources[]; /* ends with a NULL name */

#endif
