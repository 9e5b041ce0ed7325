/* skills_remote.c - `grasp skills remote`: clones and their origin carry everything; and what a
 * clone lacks, said by every subcommand. */
#include <stdio.h>

#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/commands/skills.h"

static const char *lacking(int lacks)
{
    if (!(lacks & LIBRARY_LACKS_CANDIDATES))
        return "evidence (git notes)";
    return lacks & LIBRARY_LACKS_EVIDENCE ? "evidence and refused candidates"
                                          : "refused candidates";
}

int skills_open(struct library **lib, const char *dir, int flags, int *lacks)
{
    struct strlist how = {0};
    int rc = library_open(lib, dir, flags), what = 0;
    if (rc == 0 && (what = library_lacks(*lib, &how)) > 0)
        log_warn("this copy of the library has no %s; a plain git clone leaves them out: %s",
                 lacking(what), how.v[0]);
    if (what < 0) { /* a history that cannot be read: the command says so */
        err_clear();
        what = 0;
    }
    if (lacks)
        *lacks = what;
    strlist_release(&how);
    return rc;
}

static int run_remote(const struct args *a)
{
    struct library *lib = NULL;
    struct strlist added = {0};
    const char *dir = operand_count(a) ? operand(a, 0) : ".", *name = arg_str(a, "remote");
    int rc = library_open(&lib, dir, LIBRARY_READ);
    if (rc == 0)
        rc = library_remote_set(lib, name, &added);
    for (size_t i = 0; rc == 0 && i < added.n; i++)
        printf("remote.%s.%s\n", name, added.v[i]);
    if (rc == 0 && added.n)
        printf("git -C '%s' fetch and push carry evidence and candidates now\n", dir);
    else if (rc == 0)
        printf("it is set so already\n");
    strlist_release(&added);
    library_close(lib);
    return rc;
}

const struct command skills_remote = {
    .name = "remote",
    .summary = "git fetch and git push of a clone carry evidence and candidates, too",
    .operands = "[DIR]",
    .min = 0,
    .max = 1,
    .options = (const struct option_def[]){{"remote", 0, "NAME", "this remote", "origin"}, {0}},
    .details =
        "Adds refspecs to the configuration of DIR (default: here); nothing is fetched yet and\n"
        "none is forced. By hand, the same for one fetch:\n"
        "git fetch origin 'refs/grasp/*:refs/grasp/*' 'refs/notes/*:refs/notes/*'\n"
        "Where two learned apart, git fetch refuses to move the notes; then\n"
        "git fetch --refmap= origin refs/notes/gate:refs/notes/theirs\n"
        "git notes --ref=gate merge -s union refs/notes/theirs",
    .run = run_remote,
};
