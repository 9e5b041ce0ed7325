/* skills.c - `grasp skills`: the group of its subcommands. */
#include "runtime/commands/skills.h"

#define SKILLS_ENTRY(name) &skills_##name,

const struct command cmd_skills = {
    .name = "skills",
    .summary = "look at libraries, check them and move them",
    .operands = "",
    .sub = (const struct command *const[]){GRASP_SKILLS_COMMANDS(SKILLS_ENTRY) NULL},
    .details =
        "DIR is a library: the git repository that a learning run wrote. Plain git reads it,\n"
        "too: git log --notes=gate, git blame, git diff best~1 best, git bisect.",
};
