/*
 * seen.h - what a piece of evidence shows of its probes besides outcomes: the answer, the reasons of
 * the verdict and the skills that were shown, with the library as it stood and with the edit.
 *
 * It is the note's key "seen":
 *
 *     {"probes": [{"id", "before": END, "after": END}],   those that were measured
 *      "skills": [["NAME vVERSION", ...], ...],           what an END's `skills` is an index into
 *      "answer_bytes": N, "reasons": N, "left_out": N}    how much of each there is room for, and how
 *                                                         many probes there is none for
 *     END: {"answer", "answer_bytes" (of all of it, when it is cut), "reasons", "status" (when the
 *           episode was not completed), "skills", "prompt", "call"}
 *
 * prompt and call name the episode's first and last request by the first 16 digits of its hash. Two
 * equal prompts: the edit was not shown. With a journal, `call` finds the last reply in full there
 * (grasp journal show); without one it is left out.
 *
 * Nothing of this decides anything: a note is true or false by its outcomes (gate_evidence_check).
 */
#ifndef GRASP_RUNTIME_HISTORY_SEEN_H
#define GRASP_RUNTIME_HISTORY_SEEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of all notes of one update. */
#define SEEN_NOTES_MAX 200000

/* Adds the key to a note that has `probes`. before, after: arrays of rollout_seen or null, a place
 * each probe. What is told of each is cut until the note has at most `most` bytes; of a note that is
 * longer without it nothing is told. 0 or GRASP_ENOMEM. */
int seen_add(json_t *evidence, const json_t *before, const json_t *after, bool journaled,
             size_t most);
/* A task's {id, before, after}; NULL: nothing is told of it. */
const json_t *seen_find(const json_t *evidence, const char *task);
/* The skills that were shown at an end: an array of strings; NULL: not told. */
const json_t *seen_skills(const json_t *evidence, const json_t *end);

#endif
