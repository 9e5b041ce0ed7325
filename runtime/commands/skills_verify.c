/* skills_verify.c - `grasp skills verify`: does the evidence bear out what is in the library?
 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/commands/skills.h"
#include "runtime/history/verify.h"

static json_t *report_json(const struct findings *f, const struct verify_counts *c)
{
    json_t *problems = json_array(), *remarks = json_array();
    for (size_t i = 0; i < f->n; i++)
        json_array_append_new(
            f->v[i].problem ? problems : remarks,
            json_pack("{s:s, s:s}", "commit", f->v[i].commit.hex, "what", f->v[i].what));
    return json_pack("{s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o}", "verified",
                     f->problems == 0, "measured", c->measured, "unmeasured", c->unmeasured,
                     "imported", c->imported, "restored", c->restored, "by_hand", c->by_hand,
                     "acknowledged", c->acknowledged, "candidates", c->candidates, "notes",
                     c->notes, "problems", problems, "remarks", remarks);
}

static void report_text(const struct findings *f, const struct verify_counts *c)
{
    for (size_t i = 0; i < f->n; i++) {
        printf("%s  %.10s  ", f->v[i].problem ? "problem" : "remark ", f->v[i].commit.hex);
        print_text(f->v[i].what, 0);
        putchar('\n');
    }
    printf("%d edits let in by the gate, %d unmeasured, %d imported, %d restored, %d by hand; %d "
           "refused candidates; %d pieces of evidence\n",
           c->measured, c->unmeasured, c->imported, c->restored, c->by_hand, c->candidates,
           c->notes);
    if (c->acknowledged)
        printf("%d of those by hand were acknowledged by a person\n", c->acknowledged);
    if (!f->problems)
        printf("everything holds\n");
}

static int run_verify(const struct args *a)
{
    struct library *lib;
    struct findings f = {0};
    struct verify_counts counts;
    int rc = skills_open(&lib, operand(a, 0), LIBRARY_READ | LIBRARY_MEMORY, NULL);
    if (rc == 0)
        rc = history_verify(lib, &f, &counts);
    if (rc == 0 && arg_flag(a, "json"))
        rc = print_json(report_json(&f, &counts));
    else if (rc == 0)
        report_text(&f, &counts);
    if (rc == 0 && f.problems)
        rc = err_set(GRASP_EREFUSED, "%s: %zu problem%s", operand(a, 0), f.problems,
                     f.problems == 1 ? "" : "s");
    int none = counts.unmeasured + counts.imported + counts.acknowledged;
    if (rc == 0 && arg_flag(a, "strict") && none)
        rc = err_set(GRASP_EREFUSED, "%s: %d commit%s that no gate measured", operand(a, 0), none,
                     none == 1 ? "" : "s");
    findings_release(&f);
    library_close(lib);
    return rc;
}

const struct command skills_verify = {
    .name = "verify",
    .summary = "recompute every decision from its evidence; exit 1 when something does not hold",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"strict", 0, NULL,
             "what no gate measured fails, too: imports, acknowledged hand edits", NULL},
            JSON_OPTION,
            {0}},
    .details =
        "For every commit on a branch or tag and every refused candidate: its evidence note is\n"
        "there and was written once; score and decision follow from its probes by the gate's "
        "rule;\n"
        "subject, trailers, parent, tree and probe set say the same; its edit, applied to its\n"
        "parent, gives its tree, byte for byte; the candidates of an update are all there, in "
        "order\n"
        "and measured against the same baseline, and the one that won deserved to. Commits made "
        "by\n"
        "hand, missing, unknown and altered notes are named; so is what was never measured.\n"
        "\n"
        "What it cannot find: evidence is not signed. Who rewrites commits, candidates, notes and\n"
        "the notes' history so that they agree makes another library that verifies; its commit "
        "ids\n"
        "are others, so compare them with a tag or a clone that you trust. Who replaces a note\n"
        "together with the notes' history can let other probes of the set pass than did, as long\n"
        "as the counts stay. The last candidate of an update, and all of an update that let\n"
        "nothing in, can be removed together with their notes and the notes' history. That the\n"
        "outcomes were measured at all shows the journal: grasp learn --replay-only with a new\n"
        "library and run directory lets the same edits in.",
    .run = run_verify,
};
