/* args.h - inside commands/: the parser behind arg_* and operand* of command.h. */
#ifndef GRASP_RUNTIME_COMMANDS_ARGS_H
#define GRASP_RUNTIME_COMMANDS_ARGS_H

#include "runtime/commands/command.h"

/* Parses what follows a command's name. GRASP_EUSAGE says which option or operand is wrong. `argv`
 * and `path` are borrowed by *out, which args_free frees (also after a failure). */
int args_parse(struct args **out, const struct command *const *table, const struct command *c,
               const char *path, int argc, char **argv);
void args_free(struct args *a);

#endif
