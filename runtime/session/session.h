/*
 * session.h - what every command that runs rollouts opens and closes in the same way: loop,
 * journal, models with their accounts, environment, engine.
 *
 * A request goes through five models: model/said_model.h (what was thought is taken off the answer),
 * the journal (what was paid for before is not asked again), over a network lead.h (the first of many
 * that begin alike goes first), the accounts (accounts.h: counts, prices, budgets; prefix.h: what a
 * prefix cache could have served), and the backend that open_model.h opened.
 *
 *     struct session s;
 *     struct session_options o = {.config = path, .sets = sets, .n_sets = n};
 *     if ((rc = session_open(&s, &o)) < 0) goto out;
 *     ...
 * out:
 *     session_close(&s);
 */
#ifndef GRASP_RUNTIME_SESSION_SESSION_H
#define GRASP_RUNTIME_SESSION_SESSION_H

#include "probes/leak.h"
#include "runtime/config/config.h"
#include "runtime/engine/idle.h"
#include "runtime/journal/journal.h"
#include "runtime/model/draw.h"
#include "runtime/session/accounts.h"
#include "runtime/session/ahead.h"
#include "runtime/session/life.h"
#include "runtime/session/open_model.h"
#include "skills/edit.h"
#include "skills/library.h"

/* The splits, in the order they are shown. */
enum split { SPLIT_DEV, SPLIT_VAL, SPLIT_ID_TEST, SPLIT_TEST, SPLIT_FULL, SPLITS };
const char *split_name(enum split s);
int split_from_name(const char *name); /* -1 when it is none */
/* The task file that the configuration names for a split; NULL: none. */
const char *split_file(const struct config *c, enum split s);

struct session {
    struct config *config;
    struct loop *loop;
    struct journal *journal; /* NULL: none */
    struct accounts *accounts;
    struct model *backend[2], *metered[2], *led[2], *model[2],
        *said[2]; /* executor, writer (NULL: the executor's) */
    struct env *env;
    struct engine *engine;
    struct prompts *prompts; /* NULL: ours */
    struct ahead ahead;
    struct draws draws;             /* of this command: its seed, and whether samples are shared */
    struct task_set splits[SPLITS]; /* loaded by session_split */
    struct score idle[SPLITS];      /* measured by session_idle */
    bool idle_known[SPLITS];
    struct life *life; /* NULL: none */
};

struct session_options {
    const char *config;
    const char *const *sets;
    size_t n_sets;
    const char *model_name; /* replaces model.name; NULL: as configured */
    const char *preset;     /* agents/PRESET.yaml instead of the section `model`; NULL: no */
    const char *journal;    /* directory; NULL: the configuration's */
    const char
        *journal_else; /* when neither says one; NULL: .grasp/journal beside the configuration */
    int journal_flags;
    bool no_journal; /* whatever the configuration says */
    bool no_env;     /* no rollout: then no journal either but one that is named */
    unsigned splits; /* 1u << SPLIT_X: read before a server is asked for anything */
};

/* What the engine takes of a configuration. */
void config_engine(const struct config *c, struct engine_settings *out);
int session_open(struct session *s, const struct session_options *o);
void session_close(struct session *s);
/* Closes only the models: from here on no callback comes into what their users free next. */
void session_close_models(struct session *s);
/* After what ended with `rc`: where that is a stop or an outage, no new call is made, and the answers
 * of those in flight, which are paid for, are still taken into the journal. Waits for a minute at most;
 * ctrl-C ends it. The message stays what it was. */
void session_drain(struct session *s, int rc);
/* The executor's and the writer's model (journaled and counted). */
struct model *session_model(struct session *s, bool writer);
/* Whether the models answer in this process, at no price and at once. */
bool session_answers_here(const struct session *s);
/* Whether every endpoint that the configuration names is there, models' and FHIR server's: reach.c. None
 * is asked for anything that costs. GRASP_EOUTAGE names the first that is not. */
int session_reach(struct session *s);
/* Loads a split once. GRASP_EINVAL when the configuration names no file for it. */
int session_split(struct session *s, enum split split, const struct task_set **out);
/* What doing nothing scores on a split (idle.h), measured once; NULL in *out where that means nothing
 * (a world of the user's own) or could not be measured. */
int session_idle(struct session *s, enum split split, const struct score **out);
/* What no skill may quote (dev, val and the tests); *out NULL when gate.leak_guard is off. The
 * splits that the configuration names are loaded either way. */
int session_leak_guard(struct session *s, struct leak_guard **out);
/* Whether an edit quotes any of that, in whatever it would put into a library; `guard` is such a guard
 * or NULL. What edit_rules.forbidden asks for. */
bool session_leaks(void *guard, const struct edit *edit, char *what, size_t size);
/* A task by id, from `full` or any split. */
int session_task(struct session *s, const char *id, const struct task **out);
/* The skills of a library's revision as a view; dir NULL: no skills (*out = NULL). */
int session_skills(const char *dir, const char *rev, struct skills_view **out);

#endif
