/*
 * command.h - the frame of the command line: one file per command, one descriptor each; help texts,
 * man page and parser come from the same option tables.
 *
 *     static int run(const struct args *a) { const char *split = arg_str(a, "split"); ... }
 *     const struct command cmd_eval = {
 *         .name = "eval", .summary = "score a split, with or without a library",
 *         .operands = "CONFIG", .min = 1, .max = 1,
 *         .options = (const struct option_def[]){
 *             {"split", 's', "NAME", "which split: dev, val, id_test or test", NULL}, ... {0}},
 *         .run = run,
 *     };
 */
#ifndef GRASP_RUNTIME_COMMANDS_COMMAND_H
#define GRASP_RUNTIME_COMMANDS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

struct option_def {
    const char *name;     /* long name without dashes */
    char letter;          /* short form or 0 */
    const char *value;    /* placeholder; NULL: a flag; ending in "...": may repeat */
    const char *help;     /* one line, no full stop */
    const char *fallback; /* default shown in help, NULL: none */
};

struct args;
struct command {
    const char *name, *summary;
    const char *operands;             /* "CONFIG TASK_ID" for the usage line, "" when none */
    int min, max;                     /* number of operands; max -1: any */
    const struct option_def *options; /* ends with a zero entry; may be NULL */
    const char *details;              /* further paragraphs of --help; may be NULL */
    int (*run)(const struct args *a); /* 0 or GRASP_E*, whose message the frame prints; or an exit
                                       * code of the command's own, which is positive */
    const struct command *const *sub; /* a group ("skills"): NULL-terminated; then run is NULL */
};

const char *arg_str(const struct args *a, const char *option); /* the fallback when not given */
bool arg_flag(const struct args *a, const char *option);
/* GRASP_EUSAGE with a message when it is no integer in [min, max]. */
int arg_int(const struct args *a, const char *option, int64_t min, int64_t max, int64_t *out);
int arg_double(const struct args *a, const char *option, double min, double max, double *out);
size_t arg_count(const struct args *a, const char *option); /* of a repeatable one */
/* What the command was asked for, as text: its name, options and operands, but for how results are
 * shown (--json, --quiet and the like) and what it may spend (--set budget.X=...). */
void args_wish(const struct args *a, struct buf *out);
const char *arg_nth(const struct args *a, const char *option, size_t i);
size_t operand_count(const struct args *a);
const char *operand(const struct args *a, size_t i);
/* The program's commands, as command_main was given them. */
const struct command *const *args_table(const struct args *a);

/* Runs the command that argv[1] names in `table` (NULL-terminated); `version` is what --version says.
 * Returns the process's exit code; messages go to stderr. */
int command_main(const struct command *const *table, const char *version, int argc, char **argv);

#endif
