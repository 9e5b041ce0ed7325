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
 * Everything here only reads the library.
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

/* Why a candidate was refused, from its evidence's fate, in words. */
const char *fate_words(const char *fate);

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

/* Adds to the metadata of each skill what the gate measured for the edit that made it what it is at
 * `rev`: gate-score, gate-fixes, gate-regressions and gate-tasks, as an export has them. Skills
 * that no gate measured stay byte for byte as they are. */
int history_fill_gate(struct library *lib, const char *rev, struct skill_set *set);

/*
 * Bisection over a line of commits, numbered from 0 (oldest): the state is known at both ends and
 * differs; at(mid) is asked until one commit is left. The commits asked about are those that git
 * bisect asks about (below 1,024 of them), so that both find the same where a state comes and goes.
 *
 *     struct bisection b = {0, n - 1};
 *     while (!bisection_done(&b))
 *         bisection_set(&b, same_as_new_end(bisection_next(&b)));
 *     b.new is the first that has the new state
 */
struct bisection {
    size_t old, new; /* last known to have the old state, first known to have the new one */
};
bool bisection_done(const struct bisection *b);
size_t bisection_next(const struct bisection *b);
void bisection_set(struct bisection *b, bool is_new);

/*
 * A frozen library: an annotated tag whose message is a line or two for people and a manifest:
 *
 *     {schema, name, commit, tree, skills: [{name, version, sha256}], content_sha256, frozen,
 *      run, executor_model, writer_model, learned_on, edits: [{commit, edit, score}], scores}
 */
#define MANIFEST_SCHEMA "grasp-frozen-1"
/* SHA-256 of all skills' names and bytes, in library order; as hex. */
int skills_hash(const struct skill_set *set, char out[65]);
/* The parts that the library itself knows. New reference in *out. */
int manifest_make(struct library *lib, const char *name, const struct oid *commit, json_t **out);
/* Adds what a run's directory knows of this revision: scores, models, data. GRASP_EREFUSED when the
 * run is not one that made it. */
int manifest_add_run(struct library *lib, const char *run_dir, json_t *manifest);
/* The tag's message, and the manifest back out of one (new reference; GRASP_ENOTFOUND: it has
 * none). */
int manifest_render(const json_t *manifest, struct buf *out);
int manifest_parse(const char *message, json_t **out);
/* The tag NAME leads to what its manifest says. GRASP_EREFUSED with what differs; GRASP_ENOTFOUND
 * when it is no frozen library. */
int manifest_check(struct library *lib, const char *name);

/*
 * Verification: is the history what the gate's rule let in, and does all that says so agree?
 *
 * A measured commit is believed when its evidence note is there, was written once, gives the score
 * and the decision that it claims (gate_evidence_check), says the same as the commit's subject and
 * trailers, belongs to this commit, tree and parent, names the probes of the commit's Probe-Set,
 * and when its edit, applied to the parent's skills, gives exactly the commit's tree. The
 * candidates of an update must be there, share their baseline, and none may have deserved to win
 * instead.
 *
 * Nobody signs evidence. Who can rewrite the whole repository - commits, candidates, notes and the
 * notes' history - can make one that agrees with itself; what he cannot do is keep its commit ids.
 */
struct finding {
    struct oid commit; /* "" when it is about none */
    bool problem;      /* else a remark */
    char *what;
};
struct findings {
    struct finding *v;
    size_t n, cap, problems;
    bool failed; /* out of memory */
};
void findings_release(struct findings *f);
void finding_add(struct findings *f, const struct oid *commit, bool problem, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* What one commit says of itself against its evidence; pure. accepted: it is on a branch, so the
 * rule must let it in; else it is a refused candidate. `score` is recomputed from the probes. */
void check_claims(const struct step *s, const json_t *evidence, bool accepted, struct findings *f,
                  struct gate_score *score);
/* The probe set's text ("failing ID" or "passing ID", a line each) against the evidence; pure. */
void check_probe_text(const struct step *s, const json_t *evidence, const char *text, size_t len,
                      struct findings *f);
/* The measured commits of one update: its refused candidates in order, and the accepted one. */
struct update_arm {
    const struct step *step;
    const json_t *evidence; /* NULL: none, or not readable */
    int k;                  /* -1: the accepted one, whose number is the one missing */
};
/* Whether they belong together and the right one won; pure. */
void check_update(const struct update_arm *arms, size_t n, struct findings *f);

struct verify_counts {
    int measured, unmeasured, imported, restored, by_hand; /* commits on branches and tags */
    int acknowledged;                                      /* of those by hand: a person said why */
    int candidates, notes;
    int unknown; /* measured ones whose evidence, or whose commit, this copy lacks */
    int lacks;   /* LIBRARY_LACKS_* of this copy */
};
/* The whole library, opened with LIBRARY_MEMORY. 0 also when there are problems: they are in `f`.
 */
int history_verify(struct library *lib, struct findings *f, struct verify_counts *counts);

#endif
