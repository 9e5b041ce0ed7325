/*
 * journal.h - every model call made, and its answer (DESIGN.md D1): LMDB, by hash of the canonical
 * request. It is a model in front of a model: a request that is known is answered from it, one that
 * is in flight is joined, everything else is made, and written before its answer is delivered.
 *
 *     journal_open(&j, "run/journal", 0);
 *     journal_model(&m, j, loop, backend);     // use m instead of backend
 *     ...
 *     journal_sync(j);                         // durable: before a decision uses the answers
 *     ...
 *     model_close(m); model_close(backend); journal_close(j);     // in this order
 *
 * What is on disk when: all answers that came in one turn of the loop are appended together, by one
 * write, to DIR/tail before any of them is delivered, so a killed process loses no answer that it
 * used. journal_sync flushes it, or the barrier that journal_keep adds it to. Closing, opening for
 * writing, and a tail of 8 MiB move the tail into LMDB in one durable transaction. Power failure may
 * lose what came after the last flush, and damages nothing. An answer that could not be written (full disk) is delivered as MODEL_FATAL,
 * and no further call is made.
 *
 * Records have a checksum. A damaged one that is asked for, or that stands in the tail, ends the run
 * (MODEL_FATAL, GRASP_EREFUSED) instead of being paid for again; journal_check and journal_gc say
 * what is damaged, and drop it. Journals on network file systems are refused.
 *
 * Only MODEL_OK and MODEL_CONTEXT_LIMIT are kept; an outage never is. Several processes may use one
 * journal at a time; when two of them pay for the same request, both get the answer that was
 * written first. A process opens a journal once (a rule of LMDB) and does not use it after fork.
 */
#ifndef GRASP_RUNTIME_JOURNAL_JOURNAL_H
#define GRASP_RUNTIME_JOURNAL_JOURNAL_H

#include "runtime/base/barrier.h"
#include "runtime/base/text.h"
#include "runtime/model/model.h"

struct journal;
enum { JOURNAL_READ_ONLY = 1, JOURNAL_REPLAY_ONLY = 2, JOURNAL_FRESH = 4 };

/* Opens or creates (JOURNAL_READ_ONLY: GRASP_ENOTFOUND when it is not there). GRASP_EREFUSED:
 * foreign, damaged or of another version. JOURNAL_REPLAY_ONLY never calls out (MODEL_MISSING);
 * JOURNAL_FRESH ignores what was there before this open. */
int journal_open(struct journal **j, const char *dir, int flags);
void journal_close(struct journal *j);
/* GRASP_EREFUSED: the directory, which is there, is on a network file system. */
int journal_check_place(const char *dir);
/* The directory it was opened as. Borrowed. */
const char *journal_where(const struct journal *j);
/* A model that answers from `j` and asks `inner` for what is missing. Does not own `inner`. Several
 * models may share one journal (executor and writer). */
int journal_model(struct model **m, struct journal *j, struct loop *loop, struct model *inner);
/* Makes every answer that was delivered durable. Cheap when nothing was written since the last one.
 */
int journal_sync(struct journal *j);
/* The same by a barrier that the caller waits for, beside what else has to be on disk. */
int journal_keep(struct journal *j, struct barrier *b);

struct journal_counts {
    int64_t asked;                     /* calls of this process, the sum of the next four */
    int64_t made;                      /* started: paid for, or in flight, or failed */
    int64_t replayed, joined, missing; /* from the journal; with one in flight; replay-only */
    int64_t failed;                    /* of those made: outage, fatal */
    struct model_usage paid, saved;
};
/* Per phase and in all (phase MODEL_PHASES). */
void journal_counts(const struct journal *j, enum model_phase phase, struct journal_counts *out);

/* Calls made ahead (model_request's `ahead`), and how many of them somebody wanted since. */
struct journal_ahead {
    int64_t made, used;
    size_t in_flight; /* not answered and not wanted yet; journal_in_flight has them too */
};
void journal_ahead(const struct journal *j, struct journal_ahead *out);

/* Calls made and not yet answered. */
size_t journal_in_flight(const struct journal *j);
/* Entries that were damaged, or another request's (a hash collision), as far as anybody looked. */
int64_t journal_damaged(const struct journal *j);
/* What replay-only did not find, one line each ("KEY propose, draw 0, 5 messages"), at most 1000.
 */
const struct strlist *journal_missing(const struct journal *j);

struct journal_entry {
    uint8_t key[HASH_SIZE];
    enum model_result result; /* MODEL_OK, or MODEL_CONTEXT_LIMIT: then text is the reason */
    const char *model, *text; /* borrowed for the callback's time */
    size_t len;
    size_t stored;        /* bytes on disk */
    uint64_t request_len; /* bytes of the request's messages */
    enum model_phase phase;
    struct model_usage usage;
    int64_t latency_ns, when; /* when: wall clock of the call */
    int64_t draw;
};
typedef int (*journal_fn)(const struct journal_entry *e, void *arg);
/* In the order in which they were written. Stops at the first non-zero return. The callback does
 * not use the journal. */
int journal_walk(struct journal *j, journal_fn fn, void *arg);
/* GRASP_ENOTFOUND; hex: a unique prefix of the key. */
int journal_find(struct journal *j, const char *hex, journal_fn fn, void *arg);

struct journal_info {
    int64_t entries, file_bytes, used_bytes;
};
int journal_info(struct journal *j, struct journal_info *out);

/* Goes through everything, in a process of its own: LMDB's pages have no checksum, and a damaged one
 * can end whoever reads it. 0: sound; GRASP_EREFUSED: the message says what is damaged and the way
 * out. The caller has no journal open. */
struct journal_check {
    int64_t entries;     /* calls that can be found and read */
    int64_t damaged;     /* whose bytes have changed */
    int64_t unreachable; /* that the index does not lead to */
    int64_t dangling;    /* entries of the index that lead nowhere, or to another call */
};
int journal_check(const char *dir, struct journal_check *out);

/* Adds the answers of `in` (read in that order, each checked first as by journal_check) to the journal
 * `out`, which is made where it is not there. What `out` has already stays as it is: the answer that
 * was written first is everybody's. Doing it again changes nothing. */
struct journal_merge_report {
    int64_t read, added, known; /* read = added + known */
    int64_t other;              /* of the known: they had another answer to that call */
};
int journal_merge(const char *out, const char *const *in, size_t n,
                  struct journal_merge_report *report);

/* Bits of what an answer was: of a conversation too long for its model, or of a kind of reply that is
 * no text (1 << SAID_EMPTY, ...; said.h). */
#define JOURNAL_CONTEXT (1u << SAID_KINDS)
/* Drops damaged entries and those of calls made before `before` (nanoseconds, 0: none); with `kinds`
 * those of these kinds, made before `before` (0: whenever). Then makes
 * the file as small as it can be, unless another process has it open (*compacted says which). */
struct journal_gc_report {
    int64_t kept, dropped, damaged, bytes_before, bytes_after;
    bool compacted;
};
int journal_gc(const char *dir, int64_t before, unsigned kinds, struct journal_gc_report *report);

#endif
