/* usage.h - help texts and the man page, from the command tables. */
#ifndef GRASP_RUNTIME_COMMANDS_USAGE_H
#define GRASP_RUNTIME_COMMANDS_USAGE_H

#include <stdio.h>

#include "runtime/commands/command.h"

extern const struct option_def common_options[]; /* --help, --quiet, --verbose, --raw */

void help_overview(FILE *out, const struct command *const *table);
/* path: "grasp skills list". */
void help_command(FILE *out, const struct command *c, const char *path);
/* grasp(1) as troff. */
void help_man(FILE *out, const struct command *const *table);

#endif
