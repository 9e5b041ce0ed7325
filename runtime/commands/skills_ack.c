/* skills_ack.c - `grasp skills ack`: a person says why a commit is in the library that no gate
 * measured. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"
#include "runtime/commands/skills.h"

/* Only what a person did needs a person's word. */
static int needs_word(const struct step *s)
{
    if (s->kind == STEP_OTHER || s->info.parents > 1)
        return 0;
    if (s->kind == STEP_EDIT)
        return 0; /* a cherry-pick keeps its trailers; verify says which edits have no evidence */
    return err_set(GRASP_EREFUSED, "%.10s is no edit by hand (%s): it says itself what it is",
                   s->info.commit.hex, step_kind_name(s->kind));
}

static int run_ack(const struct args *a)
{
    struct library *lib = NULL;
    struct history h = {0};
    struct oid commit;
    json_t *evidence = NULL;
    const char *why = arg_str(a, "why");
    if (!why || !*why || strchr(why, '\n'))
        return err_set(GRASP_EUSAGE, "grasp skills ack: why? --why TEXT, one line");
    int rc = skills_open(&lib, operand(a, 0), LIBRARY_WRITE, NULL);
    if (rc == 0)
        rc = library_resolve(lib, operand(a, 1), &commit);
    if (rc == 0)
        rc = history_add(&h, lib, &commit, NULL);
    if (rc == 0)
        rc = needs_word(&h.v[0]);
    if (rc == 0 && library_note_read(lib, &commit, &evidence) == 0)
        rc = err_set(GRASP_EREFUSED, "%.10s has evidence: the gate measured it", commit.hex);
    if (rc == 0)
        rc = library_ack(lib, &commit, why);
    if (rc == 0) {
        printf("%.10s  ", commit.hex);
        print_text(h.v[0].info.subject, 60);
        fputs(": acknowledged, unmeasured\n", stdout);
    }
    json_decref(evidence);
    history_release(&h);
    library_close(lib);
    return rc;
}

const struct command skills_ack = {
    .name = "ack",
    .summary = "a person's word for a commit that no gate measured",
    .operands = "DIR REV",
    .min = 2,
    .max = 2,
    .options = (const struct option_def[]){{"why", 0, "TEXT", "the reason, one line", NULL}, {0}},
    .details =
        "For an edit by hand, a revert, a cherry-pick, a merge: grasp skills verify counts it as\n"
        "unmeasured then, and fails on it with --strict only. The word is a git note (git log\n"
        "--notes=ack); a commit may bring its own as a trailer \"Acknowledged: why\".",
    .run = run_ack,
};
