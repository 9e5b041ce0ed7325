/* ahead.c - whether calls may be made ahead. */
#include "runtime/session/ahead.h"

#include "runtime/base/clock.h"

#define WORTH    (20 * NS_PER_MS) /* mean latency; below it, calls cost more than waiting */
#define QUIET    (60 * NS_PER_SEC)
#define LEFT     0.1 /* of a budget, for what is wanted */
#define SEEN_MIN 8   /* calls, before their mean latency says anything */

/* An endpoint says that it is asked too much, or it is known beforehand. */
static bool held_back(struct ahead *a)
{
    const struct config *c = a->config;
    const struct model_config *m[2] = {&c->model, &c->writer};
    int64_t limited = 0, now = clock_mono();
    for (int i = 0; i < 2; i++) {
        if (!a->health[i])
            continue;
        if (m[i]->requests_per_minute > 0 || m[i]->tokens_per_minute > 0)
            return true;
        limited += a->health[i]->limited;
    }
    if (limited > a->limited)
        a->quiet_until = now + QUIET;
    a->limited = limited;
    return now < a->quiet_until;
}

size_t ahead_room(void *arg)
{
    struct ahead *a = arg;
    const struct config *c = a->config;
    struct journal_ahead made;
    struct account_counts all;
    journal_ahead(a->journal, &made);
    if (journal_in_flight(a->journal) <= made.in_flight || accounts_stopped(a->accounts))
        return 0;
    accounts_counts(a->accounts, MODEL_PHASES, &all);
    if (all.calls < SEEN_MIN || all.latency_ns < WORTH * all.calls || held_back(a) ||
        accounts_left(a->accounts) < LEFT)
        return 0;
    int64_t unwanted = made.made - made.used;
    int64_t most = (int64_t)(c->speculate * (double)all.calls) + c->cycle.batch_concurrency;
    return most > unwanted ? (size_t)(most - unwanted) : 0;
}
