/*
 * panel.h - dev as a jury outside of a learning run: how a library does on it, and probe sets drawn
 * from that.
 *
 *     struct panel p = {0};
 *     panel_measure(&p, session, library_view);      // every dev task once
 *     panel_draw(&p, seed, NULL, &probes);
 *     panel_release(&p);
 */
#ifndef GRASP_RUNTIME_TRANSFER_PANEL_H
#define GRASP_RUNTIME_TRANSFER_PANEL_H

#include "probes/probe_set.h"
#include "runtime/engine/arms.h"
#include "runtime/engine/noise.h"
#include "runtime/engine/score.h"
#include "runtime/session/session.h"

struct panel {
    struct session *s;
    struct probe_source *source; /* the scored tasks of dev in file order */
    size_t n;
    struct score score;
    struct noise noise; /* of the endpoint, by some of those tasks rolled out again */
};

/* Rolls out dev with a library (NULL: no skills), and some tasks again where the gate's rule hangs on
 * how noisy the endpoint is. GRASP_EOUTAGE when too little could be scored. */
int panel_measure(struct panel *p, struct session *s, struct skills_view *view);
void panel_release(struct panel *p);
/* A balanced probe set of cycle.grpo_eval_n. `seed` as rng_seed_probes gives it; `without` (ids
 * never taken) may be NULL. */
int panel_draw(const struct panel *p, uint64_t seed, const struct strlist *without,
               struct probe_set *out);

/* The rules of the configuration under the measured noise, for one candidate at a time. */
void panel_rules(const struct panel *p, struct gate_rules *out);
/* Arms over a probe set as the session's configuration has them, with samples of the `number`-th
 * decision's own: those that chose the probes are not among them. */
struct arms panel_arms(struct session *s, const struct probe_set *probes, int number);
/* A baseline's outcomes of a probe set; outcomes has room for probes->n. */
int panel_baseline(const struct arms *arms, struct skills_view *view, enum outcome *outcomes);
/* GRASP_EOUTAGE naming `what` when an arm has too few scored probes for a decision. */
int panel_covered(const struct gate *g, const char *what);
/* Says what the work can cost at most (DESIGN.md D11): on standard error, or, when nothing but the
 * plan is wanted, on standard output. */
void panel_plan(const struct session *s, const char *what, size_t rollouts, bool alone);
/* "run" ids: NAME and a hash of the configuration and of what else decides ("texts", NULL at the
 * end), so that the same work has the same id when it is done again. */
void panel_run_id(const struct session *s, const char *name, const char *const *texts, char *out,
                  size_t size);

#endif
