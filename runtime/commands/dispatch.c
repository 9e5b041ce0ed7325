/* dispatch.c - finds a command in the table, parses its options, runs it, says what went wrong. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/base/term.h"
#include "runtime/base/text.h"
#include "runtime/commands/args.h"
#include "runtime/commands/usage.h"

static const struct command *find_command(const struct command *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp((*list)->name, name) == 0)
            return *list;
    return NULL;
}

static int unknown_command(const struct command *const *list, const char *path, const char *name)
{
    size_t least = 3;
    const char *best = NULL;
    for (; *list; list++)
        if (str_distance(name, (*list)->name) < least) {
            least = str_distance(name, (*list)->name);
            best = (*list)->name;
        }
    if (best)
        return err_set(GRASP_EUSAGE, "'%s %s' is not a command; did you mean '%s'?", path, name,
                       best);
    return err_set(GRASP_EUSAGE, "'%s %s' is not a command; see %s --help", path, name, path);
}

static int run_command(const struct command *const *table, const struct command *c,
                       const char *path, int argc, char **argv)
{
    struct args *a = NULL;
    /* --help wins over everything that may be wrong beside it */
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help_command(stdout, c, path);
            return 0;
        }
    int rc = args_parse(&a, table, c, path, argc, argv);
    if (rc == 0) {
        if (arg_flag(a, "quiet"))
            log_set_level(LOG_WARN);
        if (arg_flag(a, "verbose"))
            log_set_level(LOG_DEBUG);
        term_raw(arg_flag(a, "raw"));
        rc = c->run(a);
    }
    if (rc >= 0 && fflush(stdout) != 0)
        rc = err_set_errno(GRASP_EIO, "cannot write to standard output");
    args_free(a);
    return rc;
}

/* Walks down groups ("skills", "list") to the command that runs. */
static int dispatch(const struct command *const *list, const char *path, int argc, char **argv)
{
    const struct command *c = find_command(list, argv[0]);
    if (!c)
        return unknown_command(list, path, argv[0]);
    char name[128];
    snprintf(name, sizeof(name), "%s %s", path, c->name);
    if (!c->sub)
        return run_command(list, c, name, argc - 1, argv + 1);
    if (argc < 2)
        return err_set(GRASP_EUSAGE, "%s needs a command; see %s --help", name, name);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help_command(stdout, c, name);
        return 0;
    }
    const struct command *s = find_command(c->sub, argv[1]);
    if (!s)
        return unknown_command(c->sub, name, argv[1]);
    char full[192];
    snprintf(full, sizeof(full), "%s %s", name, s->name);
    return run_command(list, s, full, argc - 2, argv + 2);
}

int command_main(const struct command *const *table, const char *version, int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is then an error like a full disk */
    int rc = 0;
    term_open();
    if (argc < 2) {
        help_overview(stderr, table);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        help_overview(stdout, table);
    else if (strcmp(argv[1], "--version") == 0)
        printf("grasp %s\n", version);
    else
        rc = dispatch(table, "grasp", argc - 1, argv + 1);
    if (term_close() < 0 && rc >= 0)
        rc = err_set_errno(GRASP_EIO, "cannot write to standard output");
    progress_clear();
    if (rc < 0)
        log_error("%s", err_msg());
    log_close();
    return rc > 0 ? rc : err_exit_code(rc);
}
