/*
 * endings.h - how rollouts (or a writer's replies) ended that gave no answer: a run in which most of
 * them end in one such way measures its endpoint, not a model.
 *
 *     struct endings e = {0};
 *     endings_add(&e, rollout);              // or endings_count, endings_merge
 *     if (endings_most(&e, 0.9) != ENDING_ANSWER) { endings_describe(&e, kind, false, &text); ... }
 *     endings_release(&e);
 */
#ifndef GRASP_RUNTIME_ENGINE_ENDINGS_H
#define GRASP_RUNTIME_ENGINE_ENDINGS_H

#include "runtime/engine/engine.h"

enum ending {
    ENDING_ANSWER,
    ENDING_EMPTY,   /* the last reply said nothing ... */
    ENDING_CUT,     /* ... because thinking used all of max_tokens */
    ENDING_REFUSED, /* ... because the model or its endpoint declined */
    ENDING_CONTEXT, /* the conversation became too long */
    ENDING_INVALID, /* the last reply was no action; a writer's held no edits */
    ENDING_ROUNDS,  /* no answer in all its rounds */
    ENDING_ERROR,   /* the world's fault */
    ENDINGS
};
const char *ending_name(enum ending e); /* "answer", "empty", ... */

struct endings {
    int64_t n[ENDINGS], all;
    char *first[ENDINGS]; /* the beginning of the first reply (or error) that ended so, or NULL */
};
void endings_release(struct endings *e);
/* One that could not be scored, or has not ended, is none. */
void endings_add(struct endings *e, const struct rollout *r);
/* `text` (may be NULL) is remembered where it is the first of its kind. */
void endings_count(struct endings *e, enum ending kind, const char *text, size_t len);
/* The kind of reply that is no text. */
enum ending ending_of_said(enum said_kind kind);
/* Which non-answer at least this share of them ended in; ENDING_ANSWER: none. */
enum ending endings_most(const struct endings *e, double share);
/* "47 of 48 answers were empty: thinking used all of max_tokens"; `writer`: of proposals. */
void endings_describe(const struct endings *e, enum ending kind, bool writer, struct buf *out);
/* {answer: 1, empty: 47, ...}, those that are not 0. New reference. */
json_t *endings_to_json(const struct endings *e);

#endif
