/* help.c - `grasp help`. */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/commands/usage.h"
#include "runtime/env/fhir_texts.h"

static int run(const struct args *a)
{
    if (arg_flag(a, "man")) {
        help_man(stdout, args_table(a));
        return 0;
    }
    if (arg_flag(a, "texts")) {
        struct buf out = BUF_INIT;
        fhir_texts_print(&out);
        int rc = buf_check(&out);
        fputs(rc == 0 ? out.ptr : "", stdout);
        buf_release(&out);
        return rc;
    }
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
        if (!found)
            return err_set(GRASP_EUSAGE, "'%s %s' is not a command; see grasp help", path,
                           operand(a, i));
        strncat(path, " ", sizeof(path) - strlen(path) - 1);
        strncat(path, found->name, sizeof(path) - strlen(path) - 1);
        list = found->sub;
    }
    help_command(stdout, found, path);
    return 0;
}

const struct command cmd_help = {
    .name = "help",
    .summary = "show the help of a command, or the man page",
    .operands = "[COMMAND [SUBCOMMAND]]",
    .min = 0,
    .max = 2,
    .options =
        (const struct option_def[]){
            {"man", 0, NULL, "the man page as troff", NULL},
            {"texts", 0, NULL,
             "the texts that agents see in the FHIR world, with their placeholders: a file for "
             "prompt.texts",
             NULL},
            {0}},
    .run = run,
};
