/* prompts.c - the template files of skills/prompts/, compiled in as they are. */
#include "skills/prompts.h"

#include <stddef.h>

/* The text and a NUL after it, under a name that only this file sees. The path is relative to the
 * source tree, where the build runs. */
#define TEMPLATE(symbol, file)                                                                     \
    __asm__(".pushsection .rodata\n" #symbol ":\n"                                                 \
            ".incbin \"skills/prompts/" file "\"\n"                                                \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern const char symbol[]

TEMPLATE(grasp_prompt_classify, "classify.md");
TEMPLATE(grasp_prompt_diagnose, "diagnose.md");
TEMPLATE(grasp_prompt_propose, "propose.md");
TEMPLATE(grasp_prompt_revise, "revise.md");
TEMPLATE(grasp_prompt_select, "select.md");
TEMPLATE(grasp_prompt_again, "again.md");
TEMPLATE(grasp_prompt_skill_template, "skill-template.md");
TEMPLATE(grasp_prompt_trace, "trace.md");
TEMPLATE(grasp_prompt_told, "told.md");
TEMPLATE(grasp_prompt_inject, "inject.md");
TEMPLATE(grasp_prompt_memory_note, "memory-note.md");
TEMPLATE(grasp_prompt_expel_compare, "expel-compare.md");
TEMPLATE(grasp_prompt_expel_successes, "expel-successes.md");
TEMPLATE(grasp_prompt_evo_reflect, "evo-reflect.md");
TEMPLATE(grasp_prompt_evo_curate, "evo-curate.md");
TEMPLATE(grasp_prompt_skillx_plan, "skillx-plan.md");
TEMPLATE(grasp_prompt_skillx_extract, "skillx-extract.md");
TEMPLATE(grasp_prompt_skillx_filter, "skillx-filter.md");
TEMPLATE(grasp_prompt_skillx_merge, "skillx-merge.md");

const struct prompt_source prompt_sources[] = {
    {"classify", grasp_prompt_classify, true},
    {"diagnose", grasp_prompt_diagnose, true},
    {"propose", grasp_prompt_propose, true},
    {"revise", grasp_prompt_revise, true},
    {"select", grasp_prompt_select, true},
    {"again", grasp_prompt_again, false},
    {"skill-template", grasp_prompt_skill_template, false},
    {"trace", grasp_prompt_trace, false},
    {"told", grasp_prompt_told, false},
    {"inject", grasp_prompt_inject, false},
    {"memory-note", grasp_prompt_memory_note, true},
    {"expel-compare", grasp_prompt_expel_compare, true},
    {"expel-successes", grasp_prompt_expel_successes, true},
    {"evo-reflect", grasp_prompt_evo_reflect, true},
    {"evo-curate", grasp_prompt_evo_curate, true},
    {"skillx-plan", grasp_prompt_skillx_plan, true},
    {"skillx-extract", grasp_prompt_skillx_extract, true},
    {"skillx-filter", grasp_prompt_skillx_filter, true},
    {"skillx-merge", grasp_prompt_skillx_merge, true},
    {NULL, NULL, false},
};
