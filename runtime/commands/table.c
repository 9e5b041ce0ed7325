/* table.c - the table of commands. */
#include "runtime/commands/table.h"

#define ENTRY(name) &cmd_##name,
const struct command *const all_commands[] = {GRASP_COMMANDS(ENTRY) NULL};
