/* completion.h - bash and zsh completions from the command tables. */
#ifndef GRASP_RUNTIME_COMMANDS_COMPLETION_H
#define GRASP_RUNTIME_COMMANDS_COMPLETION_H

#include <stdio.h>

#include "runtime/commands/command.h"

/* Prints the script for `shell`; GRASP_EUSAGE where it is neither bash nor zsh. */
int help_completion(FILE *out, const struct command *const *table, const char *shell);

#endif
