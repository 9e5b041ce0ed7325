/* table.h - the list of commands, in the order of `grasp help`. */
#ifndef GRASP_RUNTIME_COMMANDS_TABLE_H
#define GRASP_RUNTIME_COMMANDS_TABLE_H

#include "runtime/commands/command.h"

/* X(name): `extern const struct command cmd_name` lives in name.c */
/* clang-format off */
#define GRASP_COMMANDS(X) \
    X(init) \
    X(learn) \
    X(eval) \
    X(transfer) \
    X(compare) \
    X(gate) \
    X(run) \
    X(grade) \
    X(doctor) \
    X(report) \
    X(watch) \
    X(export) \
    X(skills) \
    X(fhir) \
    X(model) \
    X(journal) \
    X(synth) \
    X(help)
/* clang-format on */

#define GRASP_COMMAND_DECLARE(name) extern const struct command cmd_##name;
GRASP_COMMANDS(GRASP_COMMAND_DECLARE)
#undef GRASP_COMMAND_DECLARE

/* NULL-terminated. */
extern const struct command *const all_commands[];

#endif
