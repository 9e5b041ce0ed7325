/*
 * journal.h - every model call made, and its answer (DESIGN.md D1): LMDB, by hash of the canonical
 * request. It is a model in front of a model: a request that is known is answered from it, one that
 * is in flight is joined, everything else is made, written and committed before its answer is
 * delivered.
 *
 *     journal_open(&j, "run/journal", 0);
 *     journal_model(&m, j, loop, backend);     // use m instead of backend
 *     ...
 *     journal_sync(j);                         // durable: before a decision uses the answers
 */
#ifndef GRASP_RUNTIME_JOURNAL_H
#define GRASP_RUNTIME_JOURNAL_H

#include "runtime/model/model.h"

struct journal;
enum { JOURNAL_READ_ONLY = 1, JOURNAL_REPLAY_ONLY = 2, JOURNAL_FRESH = 4 };

/* Opens or creates. GRASP_EREFUSED: foreign or of another version. JOURNAL_REPLAY_ONLY never calls
 * out (MODEL_MISSING); JOURNAL_FRESH ignores what was there before this open. */
int journal_open(struct journal **j, const char *dir, int flags);
void journal_close(struct journal *j);
/* A model that answers from `j` and asks `inner` for what is missing. Does not own `inner`. Several
 * models may share one journal (executor and writer). */
int journal_model(struct model **m, struct journal *j, struct loop *loop, struct model *inner);
/* fsync. */
int journal_sync(struct journal *j);

struct journal_counts {
    int64_t asked, made, replayed, joined, missing; /* calls of this process */
    struct model_usage paid, saved;
};
/* Per phase and in all (phase MODEL_PHASES). */
void journal_counts(const struct journal *j, enum model_phase phase, struct journal_counts *out);

struct journal_entry {
    uint8_t key[HASH_SIZE];
    const char *model, *text;
    size_t len;
    enum model_phase phase;
    struct model_usage usage;
    int64_t latency_ns, when; /* when: wall clock of the call */
    int draw;
};
typedef int (*journal_fn)(const struct journal_entry *e, void *arg);
int journal_walk(struct journal *j, journal_fn fn, void *arg);
/* GRASP_ENOTFOUND; hex: a unique prefix of the key. */
int journal_find(struct journal *j, const char *hex, journal_fn fn, void *arg);

#endif
