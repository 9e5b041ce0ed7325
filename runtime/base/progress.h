/*
 * progress.h - a sign of life on stderr for what takes longer than a moment: one line, redrawn on a
 * terminal, a line a minute where there is none, nothing with -q.
 *
 *     struct progress p = {.where = "epoch 2 of 5", .left_ns = -1};
 *     p.part[p.n++] = (struct progress_part){"dev", .done = 31, .total = 48, .scored = 31, .passed = 18};
 *     progress_show(&p);        // as often as one likes
 *     progress_clear();
 *
 * What it says (progress_text), when (progress_due) and how long it will still be (eta_*) are pure: the
 * caller brings the time.
 */
#ifndef GRASP_RUNTIME_BASE_PROGRESS_H
#define GRASP_RUNTIME_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

struct progress_part {
    const char *what;        /* "dev", "candidates" */
    uint64_t done, total;    /* total 0: unknown */
    uint64_t scored, passed; /* of the done; scored 0: no rate is said */
};
enum { PROGRESS_PARTS = 8 };
struct progress {
    const char *where; /* "epoch 2 of 5, update 1 of 3"; NULL: nothing */
    struct progress_part part[PROGRESS_PARTS];
    size_t n;
    const char *also;  /* what is done beside these: "the writer proposes"; NULL: nothing */
    const char *waits; /* what is waited for; NULL: it goes on */
    int64_t calls;     /* made; 0: not said */
    double usd;        /* 0: not said */
    int64_t left_ns;   /* < 0: not known */
};
/* One line of at most `width` characters, without a newline: whole where it fits, else in short, else
 * without what is missed least. */
void progress_text(const struct progress *p, size_t width, struct buf *out);

/* When it was shown last; all zero: never. */
struct progress_pace {
    int64_t began, shown;
};
/* Whether to show it now: on a terminal ten times a second, else after each minute. */
bool progress_due(struct progress_pace *pace, int64_t now, bool terminal);

/* Draws the line, or says it, when it is due. */
void progress_show(const struct progress *p);
/* Whether anybody would see one now: what is behind it need not be looked up otherwise. */
bool progress_wanted(int64_t now);
/* A line of one part; `note` (may be NULL) stands behind it. */
void progress_set(const char *label, uint64_t done, uint64_t total, const char *note);
/* Takes it off the terminal. The next one's first minute begins anew. */
void progress_clear(void);

/*
 * How long work of equal steps will still take, by the steps of the last two rounds (an epoch's batches):
 * they differ among each other, and rounds are alike.
 */
enum { ETA_STEPS = 64 };
struct eta {
    int64_t took[ETA_STEPS]; /* the last steps', a ring */
    size_t n, kept;          /* n: all steps counted */
    int64_t since;           /* when the step in work began */
};
/* `round`: steps that make one. */
void eta_begin(struct eta *e, size_t round, int64_t now);
/* A step ended; `counts`: it was work, and not read from a journal. */
void eta_step(struct eta *e, int64_t now, bool counts);
/* Nanoseconds for `steps` more, that in work among them; -1 while no step has ended. */
int64_t eta_left(const struct eta *e, int64_t now, size_t steps);

#endif
