/*
 * history.h - what a skill library's history says (DESIGN.md D2): which edits were let in, which
 * were refused, what the gate measured for each, and whether all of it holds together.
 *
 *     struct history h = {0};
 *     history_read(lib, "HEAD", &h);             // the branch, newest first
 *     for (size_t i = 0; i < h.n; i++)
 *         printf("%s\n", h.v[i].info.subject);
 *     history_release(&h);
 *
 * Everything here only reads the library. Beside it: verify.h (does it hold together?), frozen.h (the
 * manifests of frozen libraries), decision.h (what a decision leaves), bisect.h, export.h.
 */
#ifndef GRASP_RUNTIME_HISTORY_HISTORY_H
#define GRASP_RUNTIME_HISTORY_HISTORY_H

#include "gate/gate.h"
#include "skills/edit.h"
#include "skills/library.h"

enum step_kind {
    STEP_ROOT,       /* the commit that began the library */
    STEP_EDIT,       /* measured: trailer Gate-Score with a number */
    STEP_UNMEASURED, /* an edit without a gate (no_gate, blind_select) */
    STEP_IMPORT,     /* trailer Imported-From */
    STEP_RESTORE,    /* trailer Restores: a revision of before becomes the library again */
    STEP_OTHER,      /* made by hand, or by something unknown */
};
const char *step_kind_name(enum step_kind k);

/* One commit. Numbers are what its trailers claim; -1 where they say nothing. */
struct step {
    struct library_commit_info info;
    enum step_kind kind;
    int score; /* of STEP_EDIT */
    int fixes, failing, regressions, passing;
    int epoch, update;
    char *ref; /* a candidate's ref, else NULL */
};
struct history {
    struct step *v;
    size_t n, cap;
};
void history_release(struct history *h);
/* First-parent history of a revision, newest first. */
int history_read(struct library *lib, const char *rev, struct history *h);
/* The commits under refs/grasp/candidates/, by run, update and number. */
int history_candidates(struct library *lib, struct history *h);
/* Appends one commit. `ref` may be NULL. */
int history_add(struct history *h, struct library *lib, const struct oid *commit, const char *ref);
/* Takes the trailers of s->info apart; pure. */
void step_parse(struct step *s);
/* "ADD x" out of "ADD x: +5 (6 fixes, 0 regressions)"; the whole subject when it is another one. */
void step_edit(const struct step *s, struct buf *out);
/* What a script reads of it. New reference. */
json_t *step_to_json(const struct step *s);
/* "RUN", update number and K of "refs/grasp/candidates/RUN/UPDATE/K"; false for another ref. */
bool candidate_ref_parse(const char *ref, char *run, size_t size, int *update, int *k);

/* How one task fared in a piece of evidence. */
enum effect { EFFECT_NONE, EFFECT_FIXED, EFFECT_BROKE, EFFECT_UNKNOWN };
const char *effect_name(enum effect e);
/* Of a row {id, side, base, cand}: base wrong and cand passing is fixed; the other way round broke;
 * pending or unscored on either side is unknown. */
enum effect probe_effect(const json_t *row);
/* The row of a task in `probes`, NULL when it was no probe. Borrowed. */
const json_t *probe_find(const json_t *probes, const char *task);

/* The skills that differ between two sets. */
struct skill_change {
    enum edit_action action;
    const char *name; /* borrowed from the sets */
    int from, to;     /* versions; 0: not there */
};
struct skill_changes {
    struct skill_change *v;
    size_t n;
};
/* By name. `v` is freed by the caller. 0 or GRASP_ENOMEM. */
int skill_changes(const struct skill_set *from, const struct skill_set *to,
                  struct skill_changes *out);

#endif
