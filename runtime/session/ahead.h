/*
 * ahead.h - whether calls may be made ahead: for answers that nobody wants yet but probably will
 * (model.speculate). They fill the time in which a few slow answers are waited for, and their answers
 * are found in the journal by who wants them then. The episodes are played again: worlds of env.kind
 * exec, whose places are few and which may do more than answer, are not asked ahead (session.c).
 */
#ifndef GRASP_RUNTIME_SESSION_AHEAD_H
#define GRASP_RUNTIME_SESSION_AHEAD_H

#include "runtime/journal/journal.h"
#include "runtime/session/accounts.h"

struct ahead {
    const struct config *config;
    const struct journal *journal;
    const struct accounts *accounts;
    const struct model_health *health[2]; /* of the executor's and the writer's model; NULL: none */
    int64_t limited, quiet_until;         /* rate limits met so far; none ahead before that */
};
/* How many such calls may be made now (engine_settings.room; a struct ahead). None while nothing is
 * waited for (what comes from the journal is there at once, so that a run that is repeated pays
 * nothing), where answers are quick, for a minute after a rate limit, under configured rates, and
 * with the last tenth of a budget. */
size_t ahead_room(void *arg);

#endif
