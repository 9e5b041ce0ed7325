/* help.c - `grasp help`: commands, configuration keys, man pages, completions. */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/commands/completion.h"
#include "runtime/commands/usage.h"
#include "runtime/config/explain.h"
#include "runtime/env/fhir_texts.h"

static int add_texts(struct buf *out, const char *name)
{
    (void)name;
    fhir_texts_print(out);
    return 0;
}

static int add_config_man(struct buf *out, const char *name)
{
    (void)name;
    config_man(out);
    return 0;
}

static int print(int (*add)(struct buf *out, const char *name), const char *name)
{
    struct buf out = BUF_INIT;
    int rc = add(&out, name);
    rc = rc < 0 ? rc : buf_check(&out);
    fputs(rc == 0 ? out.ptr : "", stdout);
    buf_release(&out);
    return rc;
}

/* What a word means in a configuration, below what it means as a command: "run" is both. */
static int also_a_key(const char *name)
{
    if (!config_explains(name))
        return 0;
    fputs("\nIn a configuration:\n\n", stdout);
    return print(config_explain, name);
}

static int run(const struct args *a)
{
    if (arg_flag(a, "man")) {
        help_man(stdout, args_table(a));
        return 0;
    }
    if (arg_str(a, "completion"))
        return help_completion(stdout, args_table(a), arg_str(a, "completion"));
    if (arg_flag(a, "config-man"))
        return print(add_config_man, NULL);
    if (arg_flag(a, "texts"))
        return print(add_texts, NULL);
    if (operand_count(a) == 0) {
        help_overview(stdout, args_table(a));
        return 0;
    }
    const struct command *const *list = args_table(a);
    const struct command *found = NULL;
    char path[192] = "grasp";
    for (size_t i = 0; i < operand_count(a); i++) {
        found = NULL;
        for (; list && *list && !found; list++)
            if (strcmp((*list)->name, operand(a, i)) == 0)
                found = *list;
        if (!found && operand_count(a) == 1)
            return print(config_explain, operand(a, 0));
        if (!found)
            return err_set(GRASP_EUSAGE, "'%s %s' is not a command; see grasp help", path,
                           operand(a, i));
        strncat(path, " ", sizeof(path) - strlen(path) - 1);
        strncat(path, found->name, sizeof(path) - strlen(path) - 1);
        list = found->sub;
    }
    help_command(stdout, found, path);
    return operand_count(a) == 1 ? also_a_key(operand(a, 0)) : 0;
}

const struct command cmd_help = {
    .name = "help",
    .summary = "show the help of a command or a configuration key, or a man page",
    .operands = "[COMMAND [SUBCOMMAND] | KEY | SECTION]",
    .min = 0,
    .max = 2,
    .options =
        (const struct option_def[]){
            {"man", 0, NULL, "the man page as troff", NULL},
            {"config-man", 0, NULL, "grasp-config(5) as troff: every configuration key", NULL},
            {"completion", 0, "SHELL", "a completion script for bash or zsh", NULL},
            {"texts", 0, NULL,
             "the texts that agents see in the FHIR world, with their placeholders: a file for "
             "prompt.texts",
             NULL},
            {0}},
    .details = "A KEY is explained with what it takes, its default and an example (grasp help\n"
               "cycle.epochs), a SECTION with all its keys (grasp help cycle).",
    .run = run,
};
