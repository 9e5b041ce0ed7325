/*
 * gate.h - the regression-aware gate: arithmetic over outcomes, no I/O (spec/method.md, "Gate").
 *
 * A candidate is an *arm* over the update's probes; so is the baseline. Outcomes are filled in as
 * rollouts end, in any order. Everything here is a function of the arms, so the decision does not
 * depend on the order of completion, and early stopping never changes it (DESIGN.md D4).
 */
#ifndef GRASP_GATE_GATE_H
#define GRASP_GATE_GATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
    OUTCOME_PENDING = 0, /* not measured (yet) */
    OUTCOME_PASS,
    OUTCOME_FAIL,     /* completed, and wrong; or a limit was reached */
    OUTCOME_INVALID,  /* wrong, ended as "agent invalid action" */
    OUTCOME_ERROR,    /* wrong, ended as "task error" */
    OUTCOME_UNSCORED, /* not an outcome: model or FHIR server out of reach */
};
const char *outcome_name(enum outcome o);
/* -1 when it is none. */
int outcome_from_name(const char *name);

struct gate_rules {
    int invalid_action_penalty; /* lambda, 2 */
    int regression_budget;      /* 0 */
    bool regression_gate;       /* true; false: eligible whenever the score is positive */
    bool fixes_only;            /* score = f - bf, no regression rule */
    bool early_stop;            /* true */
    double coverage_floor;      /* 0.9: least share of probes scored in both arms */
    int repeats;                /* 1: outcomes per probe and arm, majority passes */
};
#define GATE_RULES_DEFAULT                                                                         \
    {                                                                                              \
        .invalid_action_penalty = 2, .regression_gate = true, .early_stop = true,                  \
        .coverage_floor = 0.9, .repeats = 1                                                        \
    }

/* The outcome of one probe out of `n` repeats (draws 0..n-1): PENDING while the majority is open,
 * else the majority's; among wrong ones INVALID before ERROR before FAIL by count, ties to the
 * first drawn; UNSCORED when no majority of scored ones is possible. */
enum outcome gate_majority(const enum outcome *draws, int n);

struct gate_score {
    int fixes, regressions, invalid; /* f, r, i of the candidate */
    int base_fixes, base_regressions;
    int failing, passing; /* scored probes of either side: the denominators */
    int unscored;         /* probes unscored in either arm */
    int pending;
    int score;     /* over what has been measured so far */
    bool eligible; /* meaningful when pending == 0 */
};

/* failing[i]: side of probe i. base, cand: outcomes. Unscored probes count in neither arm; an error
 * on a probe whose baseline was an error counts neither way. */
void gate_score(const struct gate_rules *rules, const bool *failing, const enum outcome *base,
                const enum outcome *cand, size_t n, struct gate_score *out);

/* Bounds of what an unfinished candidate can still reach, for early stopping. */
struct gate_bound {
    int most; /* the highest final score */
    bool can_be_eligible;
};
void gate_bound(const struct gate_rules *rules, const bool *failing, const enum outcome *base,
                const enum outcome *cand, size_t n, struct gate_bound *out);

/* Why a candidate stopped, for the evidence. */
enum gate_stop {
    GATE_RUNNING,
    GATE_FINISHED,
    GATE_STOP_REGRESSIONS,
    GATE_STOP_SCORE,
    GATE_STOP_BEATEN
};
const char *gate_stop_name(enum gate_stop s);

/* An update in progress: one baseline, up to K candidates over n probes. */
struct gate_arm {
    enum outcome *outcomes; /* n of them */
    enum gate_stop stop;
    struct gate_score score; /* set when it finished or stopped */
};
struct gate {
    struct gate_rules rules;
    size_t n, arms;
    bool *failing;
    enum outcome *base;
    struct gate_arm *arm;
};
int gate_init(struct gate *g, const struct gate_rules *rules, const bool *failing, size_t n,
              size_t candidates);
void gate_release(struct gate *g);
/* Looks at all arms anew and stops those that can no longer win (rules.early_stop). An arm's
 * baseline outcomes must be known first (all base PENDING resolved). Returns how many arms still
 * run. */
size_t gate_update(struct gate *g);
/* The probes still wanted from an arm, in the order that stops losers soonest, at most `max` into
 * `out`; 0 when the arm is done. */
size_t gate_next(const struct gate *g, size_t arm, size_t max, size_t *out);
/* All arms finished or stopped: index of the winner, or -1. */
int gate_winner(const struct gate *g);
/* Share of the probes scored in both arms is at least the floor (baseline against `cand`). */
bool gate_covered(const struct gate_rules *rules, const enum outcome *base,
                  const enum outcome *cand, size_t n);

/* Evidence of one candidate as JSON (schema "grasp-evidence-1"): rules, score, and a row per probe
 * {id, side, base, cand}. ids: n task ids. New reference; NULL when out of memory. */
json_t *gate_evidence(const struct gate *g, size_t arm, const char *const *ids);
/* Recomputes score, eligibility from an evidence object, and says whether they match what it
 * claims. 0 match; GRASP_EREFUSED with what differs; GRASP_EPARSE when it is not one. */
int gate_evidence_check(const json_t *evidence, struct gate_score *recomputed);

#endif
