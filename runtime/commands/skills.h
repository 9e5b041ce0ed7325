/* skills.h - what the files of `grasp skills` share; a few subcommands each. */
#ifndef GRASP_RUNTIME_COMMANDS_SKILLS_H
#define GRASP_RUNTIME_COMMANDS_SKILLS_H

#include "runtime/commands/table.h"
#include "runtime/history/history.h"

/* One list for the group; X(name): `extern const struct command skills_name`. */
/* clang-format off */
#define GRASP_SKILLS_COMMANDS(X) \
    X(list) \
    X(show) \
    X(log) \
    X(evidence) \
    X(rejected) \
    X(blame) \
    X(bisect) \
    X(diff) \
    X(verify) \
    X(rank) \
    X(import) \
    X(export) \
    X(freeze) \
    X(merge) \
    X(remote) \
    X(ack) \
    X(adopt) \
    X(reject) \
    X(graph)
/* clang-format on */

#define SKILLS_DECLARE(name) extern const struct command skills_##name;
GRASP_SKILLS_COMMANDS(SKILLS_DECLARE)
#undef SKILLS_DECLARE

#define JSON_OPTION                                                                                \
    {                                                                                              \
        "json", 0, NULL, "JSON on standard output", NULL                                           \
    }
#define AT_OPTION                                                                                  \
    {                                                                                              \
        "at", 0, "REV", "at this revision: a branch, a tag, a commit", NULL                        \
    }

/* library_open, and a warning when this copy lacks evidence or candidates: then no subcommand takes
 * what is not here for what never was. `lacks`: the LIBRARY_LACKS_* bits (NULL: not wanted). */
int skills_open(struct library **lib, const char *dir, int flags, int *lacks);
/* library_read of what may be read: as manifest_check_read. */
int skills_read(struct library *lib, const char *rev, struct skill_set *out);
/* The value of --at, or HEAD. */
const char *rev_of(const struct args *a);
/* Prints and frees; NULL is out of memory. */
int print_json(json_t *v);
/* Prints text from outside on one line: control characters become blanks, at most `width` columns
 * when that is not 0, with an ellipsis. */
void print_text(const char *text, size_t width);
/* "+5", or "-" for what was not measured. */
void score_text(const struct step *s, char out[16]);
/* "6/18", "-" */
void share_text(int count, int of, char out[32]);

#endif
