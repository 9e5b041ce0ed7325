/*
 * learn_private.h - what the files of the loop share. Each says at its top what it does; the order of
 * an update is
 *
 *   learn.c       epochs, batches, collapse recovery
 *   noise.c       after the first batch: how noisy the endpoint is, and what follows
 *   outcomes.c    how a batch ended
 *   probes.c      the probe set, the outcomes it is drawn from, its baseline
 *   methods.c     the methods that GRASP is compared with, in place of updates
 *   update.c      failures -> labels -> diagnoses -> proposals; prompt.c: what the writer is told,
 *                 trace.c: of an episode, contrast.c: of which, writer.c: calls of it, ask.c: what it
 *                 replied
 *   candidates.c  a reply becomes candidates
 *   measure.c     the arms, measured with what the run remembers of outcomes
 *   gate.c        the decision: the winner, its revision
 *   ahead.c       what will probably come after it, rolled out in idle slots
 *   record.c      commits, notes, refs and the files of the run
 *   line.c        the branch they are made on, and what others do to it
 *   inputs.c      what the run decides from, and an epoch begun anew where that changed
 *   state.c       the head and its skills move on; run.json
 *   final.c       checkpoints, the best one, the final scores
 *   live.c        what the run is at, in status.json
 *   summary.c     the plan before (estimate.c: how long its prompts are), the account after
 */
#ifndef GRASP_RUNTIME_LEARN_LEARN_PRIVATE_H
#define GRASP_RUNTIME_LEARN_LEARN_PRIVATE_H

#include "gate/gate.h"
#include "probes/leak.h"
#include "probes/probe_set.h"
#include "probes/rng.h"
#include "runtime/base/fs.h"
#include "runtime/engine/noise.h"
#include "runtime/engine/score.h"
#include "runtime/session/session.h"
#include "skills/edit.h"
#include "runtime/learn/learn.h"
#include "skills/prompt.h"

/* How a skill fared on dev since the last epoch, by version. */
struct skill_record {
    char *name;
    int version;
    int fixes, regressions;     /* dev tasks that changed while it was shown, this version */
    int best_version, best_net; /* of the earlier versions */
};

/* A score still being measured in the background. */
struct checkpoint {
    struct group *group;
    int epoch; /* -1: the baseline */
    struct oid commit;
    double dev_score;
    bool scored, has_dev;
    struct score score;
};

/* The run's directory and what is kept there. */
struct run_state {
    char *dir;
    int lock; /* its descriptor, locked: one process a run; 0: none */
    char id[64];
    json_t *state; /* run.json: what a resume must not choose anew */
    bool dirty;    /* the file is not as it; written by record_settle or record_state */
    struct barrier barrier;
    size_t wave; /* probes in flight at once over all candidates */
    bool resumed;
    int64_t began; /* monotonic */
};
/* The branch that winners are committed to. */
struct line {
    bool ended;        /* the run was over before: it only says again what it did */
    bool pending;      /* the branch is elsewhere, the turn to it is still to come */
    struct oid at;     /* where this run left it */
    size_t passed;     /* turns of run.json that were taken */
    int epoch, update; /* the last one that was decided before; -1: none */
};
/* The library as it stands. */
struct standing {
    struct oid start, head; /* its revision before the run, and now */
    struct skill_set set;   /* skills of head */
    struct skills_view *view;
};
/* Outcomes of dev tasks, by dev index. */
struct dev_seen {
    size_t *order;              /* dev indices in this epoch's order */
    enum outcome *before, *now; /* last epoch's, this epoch's */
    bool any_before;
    enum outcome *last;        /* the last one of any purpose but the gate's */
    int64_t *since;            /* how many edits had been accepted when it was measured */
    struct gate_past *past[2]; /* how candidates fared on them, drawn as passing, as failing */
};
/* What the writer said and is told again. */
struct told {
    json_t *labels;            /* label -> description, all batches so far */
    json_t *taxonomy;          /* this epoch: [{update, labels: {id: label}}] */
    json_t *log;               /* this epoch's updates, for skill_updates.json */
    json_t *rejected;          /* the last rejected edits, newest first */
    json_t *repaired;          /* task id -> {skill: true}: what accepted edits repaired */
    const json_t *people;      /* those that people rejected, likewise; borrowed from run.json */
    struct writer_call *calls; /* in flight or not yet released */
    json_t *proposals;         /* [{epoch, update, asked, distinct, valid, again, refused}] */
    json_t *asked;             /* this update's of them, borrowed; NULL: none */
};
struct learn_counts {
    int64_t refused[EDIT_REFUSALS];
    int64_t accepted, judged; /* candidates */
    int64_t probes_saved;     /* rollouts not needed thanks to early stopping */
    int64_t unscored;         /* rollouts */
};
/* How dev rollouts and the writer's proposals ended (endings.h). */
struct run_endings {
    struct endings dev, writer;
    struct endings recent; /* of dev, until there are enough of them to be judged */
    bool said_dev, said_writer;
};
struct fared {
    struct skill_record *v;
    size_t n;
};
struct run_scores {
    struct checkpoint *checks;
    size_t n_checks;
    size_t since;           /* the first that may be the best */
    struct group *final[4]; /* id_test, test without skills; then with the best */
    json_t *test;
};

/* What comes after the update that is being decided, rolled out ahead with a view of skills. */
enum { LEARN_AHEAD = 3 };
struct learn_ahead {
    struct skills_view *view; /* NULL: nothing was */
    size_t *order;            /* of dev in the next batch's epoch */
    struct ahead_tasks {
        struct group *group; /* NULL: none was asked yet */
        enum model_phase phase;
        const struct task_set *tasks;
        const size_t *order; /* NULL: as they are */
        size_t at, end;      /* the next one, and the first after them */
        int64_t draw;
    } of[LEARN_AHEAD];
    size_t n;
};

struct learn {
    struct session *s;
    const struct config *c;
    int flags;       /* LEARN_KEEP_GOING, ... */
    const char *why; /* it stopped, where the code does not say; NULL: the code does */
    struct library *lib;
    struct prompts *prompts;
    struct leak_guard *leak;
    const struct task_set *dev, *val;

    int epoch, update, updates; /* update counts in the epoch, updates over the run */
    struct run_state run;
    struct line line;
    struct standing at;
    struct dev_seen seen;
    struct told told;
    struct fared fared;
    struct learn_counts count;
    struct run_endings ended;
    struct run_scores scores;
    json_t *base_seen;           /* of the update's baseline, for the evidence */
    struct learn_method *method; /* another one than GRASP (methods.c); NULL */
    struct {                     /* the gate that is measured, for who looks on; NULL: none */
        const struct gate *gate;
        const struct probe_set *probes;
        struct candidate *const *arms;
    } live;
    struct learn_ahead ahead;
    struct noise noise; /* of the executor's endpoint, once noise_known */
    bool noise_known;
};

/* A batch of dev that has been rolled out. */
struct batch {
    const size_t *v; /* dev indices */
    size_t n;
    struct group *group;
};

/* One candidate of an update. */
struct candidate {
    struct proposal proposal;
    struct skill_set set;
    struct skills_view *view;
    struct oid tree, commit;
    json_t *seen; /* of its probes, for the evidence; NULL: not measured */
    int k;        /* number of the proposal call */
    bool revision;
    const char *label, *about; /* of the failures behind it; NULL when there is none. Borrowed */
};
struct candidate_list {
    struct candidate *v;
    size_t n;
};
void candidate_release(struct candidate *c);

/* probes.c: the probe set of an update while it is chosen, and its baseline. All zero: none. */
struct probing {
    struct learn *l;
    const struct batch *batch;
    bool any;             /* there is something to draw from */
    struct probe_set set; /* once `base` is there */
    struct group *base;   /* its baseline, being measured */
    struct group *asked;  /* tasks rolled out to choose it */
    size_t unscored;      /* of these */
};
/* While the batch is rolled out: what can be begun before its outcomes are known. */
int probing_begin(struct probing *p, struct learn *l, const struct batch *b);
/* The batch's outcomes are known; `failures`: it has any. */
int probing_batch(struct probing *p, bool failures);
/* The groups that propose are known; `settle`: waits for what is still asked until the baseline has
 * begun. Does nothing when it has. */
struct update;
int probing_groups(struct probing *p, const struct update *u, bool settle);
void probing_end(struct probing *p);

/* update.c: everything after the batch: from its failures to a new head, or not. */
int learn_update(struct learn *l, const struct batch *b, struct probing *probes);
/* Collapse recovery: removing a skill, measured by the same gate. */
int learn_recover(struct learn *l);
/* outcomes.c: takes the outcomes of a batch that has ended. GRASP_EOUTAGE when too few were scored,
 * GRASP_ESTOPPED when all but all ended in one non-answer. */
int learn_outcomes(struct learn *l, const struct batch *b, size_t *failures);
/* plan.c: says once, after the first batch, what the whole run is expected to take. */
void pace_say(struct learn *l, const struct batch *first);
/* Says once that the writer mostly has no answer. */
void learn_say_writer(struct learn *l);
/* Starts the baseline's rollouts of a probe set. */
struct group *measure_start(struct learn *l, const struct probe_set *p, struct skills_view *view);
/* Waits for the baseline and fills outcomes[p->n]. */
int measure_wait(struct learn *l, struct group *g, const struct probe_set *p,
                 enum outcome *outcomes);
/* Measures all candidates against the baseline. `g` has its arms; returns when all are done. */
int measure_candidates(struct learn *l, const struct probe_set *p, struct gate *g,
                       struct candidate *const *candidates);
/* After that, and without a winner: the one that only regressions keep out (arms_near_miss). */
int measure_near_miss(struct learn *l, const struct probe_set *p, struct gate *g,
                      struct candidate *const *candidates, int *which);

/* ahead.c: the order of dev in an epoch. */
void learn_order(const struct learn *l, int epoch, size_t *out);
/* ahead.c: there are idle slots (engine_room), and the library will probably be that of this view when
 * the update is over. */
int learn_ahead(struct learn *l, struct skills_view *view);
/* There are idle slots while val is scored for the last time: the tests, with a view of what is best. */
int learn_ahead_tests(struct learn *l, struct skills_view *view);
/* What of it is still in flight is dropped. */
void learn_ahead_end(struct learn *l);

/* noise.c: after the first batch (or from run.json): how noisy the endpoint is, whether samples are
 * shared from here on. Does nothing when that is known. */
int learn_noise(struct learn *l, const struct batch *first);
/* Whether there is anything to find out: how to draw, or how noisy the probes of the gate are. */
bool learn_wants_noise(const struct config *c);
/* The rules of an update's gate with so many candidates. */
void learn_gate_rules(const struct learn *l, size_t candidates, struct gate_rules *out);

/* methods.c: the configured method's memory, from the library; refuses what is another's. */
int learn_method_open(struct learn *l);
void learn_method_free(struct learn *l);
/* Rolls a batch of dev out and learns from it; after all of an epoch's batches. */
int learn_method_batch(struct learn *l, struct batch *b);
int learn_method_epoch(struct learn *l, const struct batch *batches, size_t n);

/* writer.c: calls of the writer. */
struct writer_call {
    bool done, failed, left; /* left: nobody waits any more, its answer frees it */
    bool too_long;           /* its prompt was, for the model: there is no answer */
    enum model_phase phase;
    struct buf text;
    struct chat chat;
    struct learn *l;
    struct writer_call *prev, *next; /* all calls of the run */
};
/* `sample` numbers the independent answers to one prompt of an update. */
int writer_start(struct learn *l, struct writer_call **w, enum model_phase phase,
                 const char *prompt, const json_t *data, int sample);
/* The same question with what was wrong with the answer to it. */
int writer_again(struct learn *l, struct writer_call **w, const struct writer_call *first,
                 const char *error, int sample);
/* Waits for all; GRASP_EOUTAGE when one could not be answered. */
int writer_wait(struct learn *l, struct writer_call *const *w, size_t n);
/* NULL is fine; so is one that is still in flight. */
void writer_release(struct writer_call *w);
/* Frees what is still in flight; the model is closed. */
void writer_close(struct learn *l);

/* trace.c: an episode's steps, a line each or several: the action in full, then the digest of what
 * came back, within writer.trace_chars. `beside`: a passing rollout of the same family, which says
 * what matters when room is short; NULL: none. */
json_t *trace_steps(const struct learn *l, const struct rollout *r, const struct rollout *beside);
/* ask.c: replies that are cut off or no JSON (and with `needed`, those without anything of the shape)
 * are said on stderr and asked for once more; the calls that were are replaced. *again (may be
 * NULL): how many. */
int ask_again(struct learn *l, struct writer_call **calls, size_t n, enum model_phase phase,
              const struct reply_shape *shape, bool needed, int *again);
/* One question and its answer, an object of the shape; *out NULL: there is none, which was said.
 * Takes ownership of `data`. */
int ask_object(struct learn *l, enum model_phase phase, const char *prompt, json_t *data,
               const struct reply_shape *shape, bool needed, json_t **out);

/* prompt.c */
enum trace_detail { TRACE_CLASSIFY, TRACE_DIAGNOSE, TRACE_PROPOSE };
/* What the writer said of an update's failures: id -> text, each may be NULL. */
struct noted {
    json_t *labels, *also, *notes; /* also: a second fault of the same task */
};
/* {id, label?, instruction}, the instruction cut to `chars`. */
json_t *prompt_line(const struct rollout *r, const json_t *labels, size_t chars);
/* An episode with all that any phase is told of it. */
json_t *prompt_trace(const struct learn *l, const struct rollout *r, const struct rollout *beside);
/* The same with what was said of it so far. */
json_t *prompt_failure(const struct learn *l, const struct rollout *r, const struct rollout *beside,
                       enum trace_detail detail, const struct noted *said);
/* Adds what the agents of these rollouts were told: `told`, the functions that they used and the
 * form of a reply; in a world other than FHIR, whose actions the templates do not know, `world`,
 * {api, response_format}. */
void prompt_told(const struct learn *l, const struct rollout *const *r, size_t n, json_t *data);
json_t *prompt_library(const struct skill_set *set);
json_t *prompt_skills(const struct learn *l);
json_t *prompt_rejected(const struct learn *l);
json_t *prompt_edits(const struct proposal *p);

/* record.c */
int record_open(struct learn *l, const char *library, const char *run_dir);
void record_close(struct learn *l);
/* Outcomes that could not be measured are part of what a decision stood on: kept in run.json, so
 * that a run that goes on decides the same. `arm`: "dev", "base", a candidate's tree, or "val
 * EPOCH". Returns OUTCOME_UNSCORED when it was that before; keeps it when it is that now. */
enum outcome record_outcome(struct learn *l, const char *arm, const struct task *task,
                            enum outcome o);
/* Gives every candidate its commit, note and ref, and moves the branch to the winner (-1: none). */
int record_update(struct learn *l, const struct probe_set *p, const struct gate *g,
                  struct candidate *const *candidates, size_t n, int winner);
/* Accepts a candidate unmeasured (no_gate, blind_select). */
int record_unmeasured(struct learn *l, struct candidate *c);
/* Commits a method's document, which is taken, as the library's only one. */
int record_document(struct learn *l, struct skill *document, bool first);
/* The library becomes `commit`'s again by a commit of its own; a tag marks the best. */
int record_best(struct learn *l, const struct checkpoint *best);
/* Keeps in run.json what was found out of the noise, and what follows. */
int record_noise(struct learn *l, const char *rule);
int record_epoch(struct learn *l, const struct batch *batches, size_t n);
/* Rewrites the epoch's skill_updates.json and failure_taxonomy.json as they stand. */
int record_progress(struct learn *l);
int record_val_scores(struct learn *l);
/* Keeps that the run is over: from here on it only says again what it did. */
int record_end(struct learn *l);

/* line.c: with gate.adopt: ask, head and commits are of the branch that holds what `run` proposes, which
 * is made when `create`; nothing otherwise. */
int line_set(struct learn *l, const char *run, bool create);
/* What the run `from` proposed is what `to` proposes, which goes on from there. */
int line_rename(struct learn *l, const char *from, const char *to);
/* After run.json is known: GRASP_ECONFLICT with every way on when somebody else moved the
 * branch. */
int line_open(struct learn *l);
/* At the start of an update: goes on from what somebody else committed, or refuses to. */
int line_turn(struct learn *l);
/* Before anything of a decision is written: the branch is still where it was when the update began. */
int line_stands(struct learn *l);
/* The branch moves to a commit when the update settles (record_settle); then the run is there. */
int line_accept(struct learn *l, const struct oid *commit);
int line_accepted(struct learn *l, const struct oid *commit);
/* Whether somebody committed after the last update, and the run was told to go on from such. */
bool line_ends_elsewhere(const struct learn *l);

/* state.c */
/* Writes run.json as it stands. */
int record_state(struct learn *l);
int record_state_open(const struct learn *l, struct fs_out *o);

/* settle.c: around what an update writes; `rc` is what came of it, and a negative one leaves nothing.
 * Answers that it stands on and run.json are on disk before refs move, and the loop turns meanwhile. */
void record_begin(struct learn *l);
int record_settle(struct learn *l, int rc);

/* A name for a run that begins now; `inputs` (may be NULL) tells it from one that began before. New
 * reference; NULL with the error set. */
json_t *record_id(const struct learn *l, const json_t *inputs);

/* inputs.c: hashes of all that decides, by name. New reference in *out. */
int inputs_of(const struct learn *l, json_t **out);
/* GRASP_EREFUSED, naming what is not as it was; with LEARN_ACCEPT_CHANGES the state is another run's
 * from here on. */
int inputs_check(struct learn *l, const char *config_path);
/* The library as it was where such a run begins. */
int inputs_restore(struct learn *l);
/* Keeps where an epoch ended. */
int inputs_end_epoch(struct learn *l, double dev);
/* After a decision: head, skills and view are those of this commit. */
int learn_move(struct learn *l, const struct oid *commit);

/* open.c: `l` is all zero, `s` open; both are borrowed until learn_end, which takes what a learn_begin
 * that failed left, too. */
int learn_begin(struct learn *l, struct session *s, const char *library, const char *run_dir,
                int flags);
void learn_end(struct learn *l);

/* live.c: from here on status.json says what the run is at; the caller ends it by life_forget. */
int learn_live(struct learn *l);

/* final.c: starts scoring val; nobody waits for it yet. */
int learn_checkpoint(struct learn *l, int epoch, bool has_dev, double dev_score);
/* The same with the library as it was at a commit. */
int learn_checkpoint_at(struct learn *l, int epoch, double dev_score, const struct oid *commit);
int learn_final_start(struct learn *l);
int learn_final(struct learn *l);
/* The checkpoint that won on val, of those that are scored; NULL: none. Borrowed. */
const struct checkpoint *learn_best(const struct learn *l);

#endif
