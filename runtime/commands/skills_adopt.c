/* skills_adopt.c - `grasp skills adopt` and `reject`: what a person makes of a run's proposals
 * (gate.adopt: ask). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"
#include "runtime/commands/skills.h"

#define HEADS    "refs/heads/"
#define PROPOSED HEADS "proposed/"

/* A branch of proposals, and the commit of it that is decided about. */
struct proposed {
    struct library *lib;
    struct oid head, tip, at; /* of the library; of the branch; the commit */
    char *branch;             /* "proposed/RUN" */
    size_t n;                 /* branches that are meant */
    struct buf names;
    bool named; /* `at` was given: it leads to a commit, not to the branch as a whole */
};

static int look(const char *ref, const struct oid *tip, void *arg)
{
    struct proposed *p = arg;
    int holds = p->named ? library_contains(p->lib, tip, &p->at) : 1;
    int known = holds == 1 && p->named ? library_contains(p->lib, &p->head, &p->at) : 0;
    if (holds < 0 || known < 0)
        return holds < 0 ? holds : known;
    if (!holds || known)
        return 0;
    buf_addf(&p->names, "%s%s", p->n ? ", " : "", ref + strlen(HEADS));
    if (!p->n++) {
        p->tip = *tip;
        p->branch = str_dup(ref + strlen(HEADS));
    }
    return p->branch ? 0 : err_oom();
}

static void proposed_release(struct proposed *p)
{
    free(p->branch);
    buf_release(&p->names);
    library_close(p->lib);
}

static int find(struct proposed *p, const struct args *a)
{
    const char *dir = operand(a, 0), *rev = operand_count(a) > 1 ? operand(a, 1) : NULL;
    int rc = skills_open(&p->lib, dir, LIBRARY_WRITE, NULL);
    if (rc == 0)
        rc = library_head(p->lib, &p->head);
    if (rc == 0 && rev)
        rc = library_resolve(p->lib, rev, &p->at);
    p->named = rev != NULL;
    if (rc == 0)
        rc = library_refs(p->lib, PROPOSED, look, p);
    if (rc < 0)
        return rc;
    if (!p->n && rev)
        return err_set(GRASP_ENOTFOUND, "%s: '%s' is on no branch proposed/..., or was adopted",
                       dir, rev);
    if (!p->n)
        return err_set(GRASP_ENOTFOUND, "%s: nothing is proposed (no branch proposed/...)", dir);
    if (p->n > 1 && !rev)
        return err_set(GRASP_EUSAGE, "which one? %s", p->names.ptr);
    if (!rev)
        p->at = p->tip;
    else if (strcmp(p->at.hex, p->tip.hex) == 0 && str_starts(rev, "proposed/"))
        p->named = false;
    return 0;
}

/* ---- adopt ---- */

/* What became of each commit, the oldest first. */
static void print_fates(const char *fate, const struct history *h)
{
    for (size_t i = h->n; i > 0; i--) {
        printf("%s  %.10s  ", fate, h->v[i - 1].info.commit.hex);
        print_text(h->v[i - 1].info.subject, 0);
        putchar('\n');
    }
}

static int run_adopt(const struct args *a)
{
    struct proposed p = {0};
    struct history h = {0};
    int rc = find(&p, a), in_line = rc == 0 ? library_contains(p.lib, &p.at, &p.head) : 0;
    if (rc == 0 && in_line < 0)
        rc = in_line;
    if (rc == 0 && !in_line)
        rc = err_set(GRASP_ECONFLICT,
                     "'%s' went on by itself since %s left it; nothing measured the two together. "
                     "To bring them together: git -C '%s' merge %s, then grasp skills ack",
                     library_branch(p.lib), p.branch, operand(a, 0), p.named ? p.at.hex : p.branch);
    struct oid at = p.at;
    while (rc == 0 && strcmp(at.hex, p.head.hex) != 0) {
        rc = history_add(&h, p.lib, &at, NULL);
        if (rc == 0)
            at = h.v[h.n - 1].info.parent;
        if (rc == 0 && !*at.hex)
            break;
    }
    if (rc == 0)
        rc = library_accept(p.lib, &p.head, &p.at);
    if (rc == 0)
        rc = library_best_set(p.lib, &p.at, "grasp: adopted");
    if (rc == 0)
        rc = library_branch_drop(p.lib, p.branch);
    if (rc == 0)
        print_fates("adopted ", &h);
    history_release(&h);
    proposed_release(&p);
    return rc;
}

const struct command skills_adopt = {
    .name = "adopt",
    .summary = "take over what a run proposed (gate.adopt: ask)",
    .operands = "DIR [REV]",
    .min = 1,
    .max = 2,
    .options = (const struct option_def[]){{0}},
    .details =
        "The branch that is checked out moves to the end of proposed/RUN, or to REV, a commit of\n"
        "it; 'best' follows. What comes after REV stays proposed. Plain git does the same: git "
        "merge\n"
        "proposed/RUN. Where the branch went on by itself, merge and grasp skills ack.",
    .run = run_adopt,
};

/* ---- reject ---- */

/* Everything from the branch's tip down to `at`, or to what the library has; `below`: the commit
 * under the last. */
static int collect(struct proposed *p, struct history *h, struct oid *below)
{
    int rc = 0, known = 0;
    for (struct oid at = p->tip; rc == 0 && *at.hex && !known;) {
        rc = history_add(h, p->lib, &at, NULL);
        if (rc < 0)
            break;
        bool last = p->named && strcmp(at.hex, p->at.hex) == 0;
        *below = at = h->v[h->n - 1].info.parent;
        known = last ? 1 : library_contains(p->lib, &p->head, &at);
    }
    return known < 0 ? known : rc;
}

static int run_reject(const struct args *a)
{
    struct proposed p = {0};
    struct history h = {0};
    struct oid below = {""};
    const char *why = arg_str(a, "why");
    if (!why || !*why || strchr(why, '\n'))
        return err_set(GRASP_EUSAGE, "grasp skills reject: why? --why TEXT, one line");
    int rc = find(&p, a);
    if (rc == 0)
        rc = collect(&p, &h, &below);
    for (size_t i = p.named && h.n ? h.n - 1 : 0; rc == 0 && i < h.n; i++)
        rc = library_reject(p.lib, &h.v[i].info.commit, why); /* the named one, or all */
    if (rc == 0)
        rc = library_keep_rejected(p.lib, &p.tip, p.branch + strlen("proposed/"));
    if (rc == 0)
        rc = library_branch_set(p.lib, p.branch, &below);
    if (rc == 0)
        rc = library_branch_drop(p.lib, p.branch);
    if (rc == 0)
        print_fates("rejected", &h);
    history_release(&h);
    proposed_release(&p);
    return rc;
}

const struct command skills_reject = {
    .name = "reject",
    .summary = "drop what a run proposed, and say why: the writer is told",
    .operands = "DIR [REV]",
    .min = 1,
    .max = 2,
    .options = (const struct option_def[]){{"why", 0, "TEXT", "the reason, one line", NULL}, {0}},
    .details =
        "The whole branch proposed/RUN, or REV, a commit of it, which drops what comes after it, "
        "too.\n"
        "It stays readable under refs/grasp/rejected, the reason as a git note (git log\n"
        "--notes=rejected). The writer of every later run is shown the edit and the reason.",
    .run = run_reject,
};
