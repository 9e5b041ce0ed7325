/* parts.h - inside report/: the parts of a page about one run, in their order. */
#ifndef GRASP_RUNTIME_REPORT_PARTS_H
#define GRASP_RUNTIME_REPORT_PARTS_H

#include "runtime/report/run.h"

/* What happened, in one sentence. */
void part_sentence(struct buf *b, const struct run *r);
/* What it is at, while it is in progress; what it was at, when it died. Else nothing. */
void part_now(struct buf *b, const struct run *r);
/* Status, counts and scores with their intervals. */
void part_facts(struct buf *b, const struct run *r);
void part_tests(struct buf *b, const struct run *r);
/* Every update, its candidates, what was measured of them and why each was let in or not. */
int part_updates(struct buf *b, const struct run *r);
/* One candidate's probes as a grid, and what the changed ones answered. */
void part_probes(struct buf *b, const json_t *evidence, bool open);
/* A text against the one before it (NULL: there was none), line by line; what is alike and far from a
 * change is left out. */
int part_diff(struct buf *b, const char *before, const char *after);
/* The skills, each with its text and its life. */
int part_skills(struct buf *b, const struct run *r);
void part_failures(struct buf *b, const struct run *r);
/* At most `most` rollouts to read. */
int part_rollouts(struct buf *b, const struct run *r, size_t most);
void part_costs(struct buf *b, const struct run *r);
void part_settings(struct buf *b, const struct run *r);

/* An update's place in links: "u0-1". */
void update_id(const json_t *v, int epoch, char out[32]);
/* What the accepted candidate of an update gained; false: none was accepted. */
bool update_winner(const json_t *updates, int64_t update, int *score);

#endif
