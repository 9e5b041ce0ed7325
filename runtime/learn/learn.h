/*
 * learn.h - the loop of the method (spec/method.md, "The loop"): batches of dev, updates, the gate,
 * checkpoints, final scores.
 *
 *     struct learn *l = NULL;
 *     rc = learn_open(&l, &session, "skills-lib", "run-1", 0);
 *     if (rc == 0) rc = learn_run(l);
 *     learn_record_summary(l, rc);
 *     ... close the session's models: no callback may come any more ...
 *     learn_close(l);
 *
 * The loop reads as straight code: it submits groups of rollouts and waits for them; what does not
 * depend on each other overlaps. It decides from outcomes alone, so the same answers give the same
 * library, whatever the concurrency. Resuming is doing it again: the journal answers, and run.json
 * keeps what must not be chosen anew. Inside: learn_private.h.
 */
#ifndef GRASP_RUNTIME_LEARN_LEARN_H
#define GRASP_RUNTIME_LEARN_LEARN_H

#include "runtime/session/session.h"

struct learn;
/* LEARN_FROM_HEAD: a run that finds its branch moved by somebody else goes on from there.
 * LEARN_KEEP_GOING: although the dev batches all but end in one and the same non-answer.
 * LEARN_ACCEPT_CHANGES: where what the run decides from has changed, its epoch begins anew. */
enum { LEARN_FROM_HEAD = 1, LEARN_KEEP_GOING = 2, LEARN_ACCEPT_CHANGES = 4 };
/* Opens or makes the library and the run's directory, and locks both. `s` is open and borrowed until
 * learn_close, which takes what a learn_open that failed left (NULL is fine, too). */
int learn_open(struct learn **l, struct session *s, const char *library, const char *run_dir,
               int flags);
void learn_close(struct learn *l);
/* From wherever the run was to its end. GRASP_ESTOPPED and GRASP_EOUTAGE: the same goes on later. */
int learn_run(struct learn *l);
/* run_summary.json, with `rc`, what learn_run gave: how it ended ("done", "stopped", "indecisive",
 * "failed"), and why in one word ("done", "budget", "signal", "outage", "degenerate", "refused",
 * "conflict", "failed"). */
int learn_record_summary(struct learn *l, int rc);

#endif
