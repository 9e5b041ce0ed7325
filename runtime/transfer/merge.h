/*
 * merge.h - another library's skills, or a person's own edit, proposed one by one through the gate.
 *
 * A skill that the library lacks is an ADD, one that differs a MODIFY. Each is one update with one
 * candidate: a probe set drawn from dev by how the model does with the library as it was at the
 * start, the baseline measured with the library as it is by then. What the gate lets in is a commit
 * with evidence on the library's branch, the others are kept as candidates.
 *
 * A person's edit is a SKILL.md, a folder of skills, or a commit beside the library's branch: what that
 * changes of its parent. Its author is the person: of the commit, or who git says is at work.
 *
 * Nothing but the library is written: a merge that was stopped goes on by the same command, and one
 * that is done again changes nothing.
 */
#ifndef GRASP_RUNTIME_TRANSFER_MERGE_H
#define GRASP_RUNTIME_TRANSFER_MERGE_H

#include <stdio.h>

#include "gate/gate.h"
#include "runtime/session/session.h"
#include "skills/edit.h"

struct merge_options {
    const char *library;
    const char *from, *at; /* the other library and its revision */
    const char *edit;      /* instead of them: a file, a folder, or a revision of `library` */
};
struct merge_step {
    char *name;
    enum edit_action action; /* when it was a proposal */
    bool measured;
    const char
        *fate; /* "accepted", "score", ...; unmeasured: "same", "full", "leak", "pinned", "large" */
    struct gate_score score;
    enum gate_stop stop;
    struct oid commit;
};
struct merge_report {
    char run[64];
    struct oid from, before, after; /* from: "" for an edit that is a file */
    struct merge_step *v;           /* one a skill of the other library, in its order */
    size_t n, accepted;
    size_t skills; /* of the library in the end */
};
/* The report holds the steps that were reached, whatever stopped it. */
int merge(struct session *s, const struct merge_options *o, struct merge_report *r);
void merge_report_release(struct merge_report *r);

/* The edit that makes `skill` part of `set`; n == 0 when it is there as it is. `whole`: its file counts
 * byte for byte, and not only what we read of it. */
int merge_proposal(const struct skill_set *set, const struct skill *skill, bool whole,
                   struct proposal *p);
/* A table of the steps and a line of the outcome, without a heading. */
void merge_print(const struct merge_report *r, FILE *out);
/* {run, before, after, accepted, skills, steps}. New reference. */
json_t *merge_to_json(const struct merge_report *r);

#endif
