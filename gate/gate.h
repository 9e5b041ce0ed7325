/*
 * gate.h - the regression-aware gate: arithmetic over outcomes, no I/O (spec/method.md, "Gate").
 *
 *     gate_init(&g, &rules, failing, n, candidates);    // then fill g.base
 *     while (gate_update(&g) > 0) {
 *         n = gate_wave(&g, 64, picks);                  // measure these, then enter each:
 *         *gate_place(&g, &picks[i]) = outcome;
 *     }
 *     gate_winner(&g) ... gate_evidence(&g, k, ids) ... gate_release(&g);
 *
 *   gate.c       outcomes, the paper's score and bounds, the update in progress, the winner
 *   replicate.c  the rule for noisy outcomes
 *   order.c      what to measure next
 *   evidence.c   what was measured as JSON, and whether such a JSON is true to itself
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

/* paper: one outcome of each probe in each arm counts as it is (spec/method.md). replicate: what
 * differs is drawn again in both arms, and all draws together must be evidence (replicate.c). */
enum gate_rule { GATE_PAPER, GATE_REPLICATE };
const char *gate_rule_name(enum gate_rule r);

struct gate_rules {
    enum gate_rule rule; /* GATE_PAPER */
    double alpha;        /* replicate: least chance of letting in a useless edit, per update */
    double flips;        /* replicate: how often an outcome flips, as measured (gate_flips) */
    int candidates;      /* replicate: how many share alpha; at least those of the gate */
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
        .alpha = 0.05, .flips = 0.12, .candidates = 1, .invalid_action_penalty = 2,                \
        .regression_gate = true, .early_stop = true, .coverage_floor = 0.9, .repeats = 1           \
    }

/* The outcome of one probe out of `n` repeats (draws 0..n-1, PENDING where not drawn yet). PASS
 * once more than half of them passed; wrong once that can no longer happen for what was measured:
 * then of the most frequent wrong kind, ties to the first drawn. PENDING while open draws could
 * change the result, so that the order of completion does not show. UNSCORED when it would hang on
 * draws that could not be measured. */
enum outcome gate_majority(const enum outcome *draws, int n);

struct gate_score {
    int fixes, regressions, invalid; /* f, r, i of the candidate */
    int base_fixes, base_regressions;
    int failing, passing; /* scored probes of either side: the denominators */
    int unscored;         /* probes unscored in either arm */
    int pending; /* probes that are still to be measured, at first or again, as far as is known */
    int score;   /* over what has been measured so far */
    bool gains;  /* paper: the score is positive; replicate: so it is, and its fixes are evidence */
    bool eligible; /* gains, within the budget; meaningful when pending == 0 */
};

/* The paper's score. failing[i]: side of probe i. base, cand: outcomes. Probes unscored in either arm count in
 * neither, pending ones do not count yet. A candidate's error on a probe whose baseline was an
 * error is neither a fix nor a regression of the candidate (the baseline's own regression there
 * stays one, as the method has it). */
void gate_score(const struct gate_rules *rules, const bool *failing, const enum outcome *base,
                const enum outcome *cand, size_t n, struct gate_score *out);

/* What an unfinished candidate can still reach under the paper's rule, for early stopping; exact:
 * some outcomes of its pending probes lead there. Probes may also be pending in the baseline. */
struct gate_bound {
    int least, most;       /* the lowest and the highest final score */
    int slack;             /* regressions it can still afford, if all else goes well */
    bool within_budget;    /* it can still end within the regression budget */
    bool can_be_eligible;  /* for some outcomes */
    bool must_be_eligible; /* whatever the outcomes */
};
void gate_bound(const struct gate_rules *rules, const bool *failing, const enum outcome *base,
                const enum outcome *cand, size_t n, struct gate_bound *out);

/* Why a candidate stopped, for the evidence. */
enum gate_stop {
    GATE_RUNNING,
    GATE_FINISHED,         /* measured in full */
    GATE_STOP_REGRESSIONS, /* more than the budget, whatever comes */
    GATE_STOP_SCORE,       /* cannot get above 0; replicate: nothing is left that it could fix */
    GATE_STOP_BEATEN,      /* another one is sure to reach more (an earlier one: as much) */
};
const char *gate_stop_name(enum gate_stop s);
/* -1 when it is none. */
int gate_stop_from_name(const char *name);

/* An update in progress: one baseline, up to K candidates over n probes. */
struct gate_arm {
    enum outcome *outcomes; /* n of them */
    enum outcome *again;    /* replicate: redraw r of probe i at [i * GATE_REDRAWS + r - 1] */
    enum gate_stop stop;
    struct gate_score score; /* over what has been measured, as of the last gate_update */
    struct gate_bound bound; /* likewise */
};
/* How often candidates of earlier updates were measured on the same task and side, and how often
 * they were wrong there: a hint for the order of the probes, which changes no decision. */
struct gate_past {
    int wrong, seen;
};
struct gate_rank {
    size_t probe;
    double wrong; /* how likely it goes wrong */
};
struct gate {
    struct gate_rules rules;
    size_t n, arms;
    bool *failing;
    enum outcome *base, *base_again; /* as an arm's; of base_again all candidates see the same */
    struct gate_arm *arm;
    struct gate_past *past; /* n of them; zero unless the caller knows better */
    /* scratch of gate_next and gate_wave */
    struct gate_rank *rank;
    size_t *order, *listed, *lead;
    struct gate_pick *wanted;
    struct gate_walk *walk;
};
/* What is to be measured: a probe's outcome in an arm, GATE_BASE or a candidate; draw 0 is the first,
 * r > 0 a redraw. */
#define GATE_BASE SIZE_MAX
struct gate_pick {
    size_t arm, probe;
    int draw;
};
enum { GATE_REDRAWS = 20 };
/* Where the outcome of a pick belongs. */
enum outcome *gate_place(struct gate *g, const struct gate_pick *pick);
/* `failing` is copied (NULL: all passing, to be filled in). 0 or GRASP_ENOMEM. */
int gate_init(struct gate *g, const struct gate_rules *rules, const bool *failing, size_t n,
              size_t candidates);
void gate_release(struct gate *g);
/* Takes over what was measured of the arms of `from`, the first of g's, over the same probes: outcomes,
 * redraws, why they stopped. */
void gate_keep(struct gate *g, const struct gate *from);
/* Makes g, of the same probes and as many arms, all of `from`: rules, baseline, hints, arms. */
void gate_copy(struct gate *g, const struct gate *from);
/* Looks at all arms anew: those without pending probes are finished, those that can no longer win
 * stop (rules.early_stop). Returns how many still run. A stopped arm stays stopped, and outcomes
 * that come in for it afterwards change nothing. Call it after the baseline's outcomes are in, too.
 */
size_t gate_update(struct gate *g);
/* The first draws still wanted from an arm under the paper's rule, in the order that stops losers
 * soonest given all that is known now (as of the last gate_update), at most `max` into `out`; 0 when
 * the arm is done. Probes in flight are among them; those that the baseline could not score are not
 * wanted. */
size_t gate_next(const struct gate *g, size_t arm, size_t max, size_t *out);
/* The next wave: up to `max` draws over all running arms, a few at a time by turns, of each no
 * more than it will probably come to before it ends; redraws first. Measure a whole wave, enter its
 * outcomes, gate_update, next wave: then what is measured does not depend on who answered first.
 * Smaller waves measure less and take longer. */
size_t gate_wave(const struct gate *g, size_t max, struct gate_pick *out);
/* What an outcome that is not known will probably be: a redraw like the first draw, a first draw as its
 * side and what others showed there say. For what is asked ahead; nothing is decided by it. */
enum outcome gate_guess(const struct gate *g, const struct gate_pick *pick);
/* Room that gate_wave needs without early stopping: every draw that can be wanted at once. */
size_t gate_wave_max(const struct gate *g);
/* The flip rate p of an endpoint on which `differ` of `n` tasks came out differently when they were
 * rolled out again (2 p (1 - p) of them do), as the rule takes it: with a prior of half a task, between
 * 0.08 and 0.20, to a thousandth. Too high a rate costs a few draws, too low a one false acceptances. */
double gate_flips(int differ, int n);
/* All arms finished or stopped: index of the winner (the highest score among the eligible, the
 * earliest on a tie), or -1. */
int gate_winner(const struct gate *g);
/* Holds the arms to the regression rule or not, from here on: all run until gate_update has looked at
 * them. Without it, the winner of a gate that had none is the refused candidate that is worth narrowing:
 * the one that only regressions keep out, of the highest score, measured in full. Held to it again, the
 * others stop where they stopped. */
void gate_hold(struct gate *g, bool regression_gate);
/* Enough was scored for a decision (DESIGN.md D10): at least `floor` of n, all but `unscored`. */
bool gate_enough(size_t unscored, size_t n, double floor);
/* Share of the probes scored in both arms is at least the floor. Pending ones (of a candidate that
 * stopped early) are not held against it. */
bool gate_covered(const struct gate_rules *rules, const enum outcome *base,
                  const enum outcome *cand, size_t n);

/* Evidence of one candidate as JSON (schema "grasp-evidence-1"): rules, why it stopped, score, and
 * a row per probe {id, side "failing"|"passing", base, cand}, with the redraws that the rule looked
 * at as base_again and cand_again. ids: n task ids. New reference; NULL when out of memory. */
json_t *gate_evidence(const struct gate *g, size_t arm, const char *const *ids);
/* Recomputes score and eligibility from an evidence object (further keys are allowed), and says
 * whether they and the reason for stopping match what it claims. 0 match; GRASP_EREFUSED with what
 * differs; GRASP_EPARSE when it is not one. `recomputed` may be NULL. */
int gate_evidence_check(const json_t *evidence, struct gate_score *recomputed);

#endif
