/*
 * late.h - when an answer is late: when the same request is sent once more beside it (a hedge), and
 * when it is taken for lost (a hang). Pure: the caller brings the times.
 *
 *     late_sent(&l);                             // a call's first request
 *     switch (late_judge(&l, &call)) {...}       // now and then, while it waits (late_pause)
 *     late_answered(&l, i, kind, ns, false);     // or late_left, when nobody waits for it any more
 *
 * What is late is told from the latencies of the same endpoint and kind of call: a histogram over
 * their logarithm that forgets half of itself now and then. A request that is cancelled took at least
 * as long as it had waited, and is counted like that (Kaplan and Meier 1958), so that cancelling the
 * slow ones does not make the rest look quick.
 *
 * A hedge is sent where slots are idle, from a quantile on that falls with what is in flight: what is
 * under way when little else is, others wait for. It is sent only where it promises something: where
 * all latencies are alike, only what is later than all of them is hedged. Hedges are at most nine
 * for a hundred calls, and most of them are kept for when little is in flight.
 *
 * A request is taken for lost after about ten times the mean latency, and its call's own patience is
 * doubled each time. Where answers become slow all of them look lost: so one in fifty may be, and a
 * few at first, and more only where the later request answered first. By then the new latencies are
 * known. Nothing is judged before there are a few observations.
 */
#ifndef GRASP_RUNTIME_MODEL_LATE_H
#define GRASP_RUNTIME_MODEL_LATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum late_kind { LATE_TURN, LATE_WRITING, LATE_KINDS }; /* a text takes longer than a turn */
#define LATE_BUCKETS 96 /* four for each doubling, from a millisecond to four hours */
struct latencies {
    double answered[LATE_BUCKETS], left[LATE_BUCKETS];
    double n, n_left; /* sums of these */
};
void latencies_add(struct latencies *l, int64_t ns, bool answered);
/* ns within which this share of the requests is answered; INT64_MAX: not known, more than that share
 * is later than anything seen. */
int64_t latencies_quantile(const struct latencies *l, double share);

#define LATE_LEVELS 9 /* of how many slots are idle */
struct late_times {
    struct latencies seen;
    /* What follows from it, ns: half are answered after so long; taken for lost, 0: not known; hedged.
     * INT64_MAX: never. */
    int64_t median, lost, hedge[LATE_LEVELS];
    double news; /* observations since */
};
struct late {
    struct late_times (*v)[LATE_KINDS]; /* of each endpoint */
    size_t n;
    size_t slots; /* calls in flight that are usual: below it, slots are idle; 0: no hedges */
    double hedges, give_ups; /* how many are allowed now */
};
struct late_call {
    int endpoint;
    enum late_kind kind;
    int64_t age;      /* of its youngest request */
    int requests;     /* in flight */
    int given_up;     /* so often it was taken for lost */
    size_t in_flight; /* requests of all calls */
    size_t urgent;  /* of those that somebody waits for; in_flight where nobody does for this one */
    bool may_hedge; /* no rate limit, no budget, no queue stands against it */
};
enum late_step {
    LATE_WAIT,
    LATE_HEDGE, /* send it once more; late_hedged */
    LATE_LOST,  /* send it once more, and cancel the older one of two; late_lost */
};

int late_init(struct late *l, size_t endpoints, size_t slots); /* 0 or GRASP_ENOMEM */
void late_release(struct late *l);
void late_sent(struct late *l);
/* `again`: it is an answer to a request after one that was taken for lost and has not answered. */
void late_answered(struct late *l, int endpoint, enum late_kind kind, int64_t ns, bool again);
void late_left(struct late *l, int endpoint, enum late_kind kind, int64_t ns);
enum late_step late_judge(const struct late *l, const struct late_call *c);
void late_hedged(struct late *l);
void late_lost(struct late *l);
/* How long until it is worth judging again. */
int64_t late_pause(const struct late *l);

#endif
