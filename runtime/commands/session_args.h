/*
 * session_args.h - the options that every command which runs rollouts has, and what they say of the
 * session to open.
 *
 *     .options = (const struct option_def[]){SESSION_OPTIONS, JSON_OPTION, {0}},
 *     ...
 *     struct session_options o = {0};
 *     if ((rc = session_options(a, &o)) == 0) rc = session_open(&s, &o);
 *     free((void *)o.sets);
 */
#ifndef GRASP_RUNTIME_COMMANDS_SESSION_ARGS_H
#define GRASP_RUNTIME_COMMANDS_SESSION_ARGS_H

#include "runtime/commands/command.h"
#include "runtime/session/session.h"

#define SESSION_OPTIONS                                                                            \
    {"set", 0, "KEY=VALUE...", "override a configuration key", NULL},                              \
        {"preset", 0, "NAME", "another model: agents/NAME.yaml beside the configuration", NULL},   \
        {"journal", 0, "DIR",                                                                      \
         "keep every model call and its answer here (default: the key journal, or .grasp/journal " \
         "beside CONFIG)",                                                                         \
         NULL},                                                                                    \
        {"no-journal", 0, NULL, "keep none: every call is paid, what is stopped begins anew",      \
         NULL},                                                                                    \
        {"replay-only", 0, NULL, "never call the model; answer from the journal alone", NULL},     \
    {                                                                                              \
        "fresh", 0, NULL, "ignore what the journal held before", NULL                              \
    }

/* Fills in the configuration's path, sets and journal from a command's options; `o->sets` is freed
 * by the caller. */
int session_options(const struct args *a, struct session_options *o);
/* After rollouts: how many answers were asked for now and how many came from the journal; `anew` says how
 * to have others. Silent without a journal. */
void session_say_journal(const struct session *s, const char *anew);
/* Where a budget is set, what this command spends is kept with the journal until it is done, so that the
 * budget holds however often the same command is started; another command's is its own. Without a
 * journal there is nowhere to keep it. As accounts_keep. */
int session_keep_spent(const struct args *a, struct session *s);
/* --again N: other samples than those that were drawn before; NULL: as ever. */
#define AGAIN_OPTION                                                                               \
    {                                                                                              \
        "again", 0, "N", "draw anew: the N-th repetition, with answers of its own", NULL           \
    }
/* Sets *counter to N, and that samples are not shared; 0 without the option. */
int session_again(const struct args *a, struct session *s, uint32_t *counter);
/* "dev,val" or "all" (the first four) into a list without repetitions; GRASP_EUSAGE names what is
 * wrong. */
int splits_parse(const char *text, enum split out[SPLITS], size_t *n);

#endif
