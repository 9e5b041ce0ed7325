/*
 * run.h - inside report/: what a run's directory and its library hold, as far as they are there: of a
 * run that is done, in progress, or that died.
 */
#ifndef GRASP_RUNTIME_REPORT_RUN_H
#define GRASP_RUNTIME_REPORT_RUN_H

#include <jansson.h>
#include <stdbool.h>

#include "runtime/base/buf.h"
#include "skills/library.h"

/* An epoch's files; NULL where there is none (yet). */
struct run_epoch {
    json_t *updates;  /* skill_updates.json: [evidence and what became of it] */
    json_t *taxonomy; /* failure_taxonomy.json: {labels, updates: [{update, labels, notes}]} */
    json_t
        *asked; /* what was asked for in each update: [{update, asked, distinct, valid, refused}] */
};
enum run_life {
    RUN_DONE,
    RUN_STOPPED, /* it said so, and can go on */
    RUN_FAILED,
    RUN_RUNNING, /* a process holds it */
    RUN_DIED,    /* it ended without a word */
};
struct run {
    char *dir;
    const char *name; /* of the run; borrowed */
    enum run_life life;
    json_t *summary, *state, *config, *vals, *tests; /* NULL: not there */
    struct run_epoch *epoch;
    size_t epochs; /* that were begun */
    /* the library: NULL when it is not where it is looked for */
    struct library *lib;
    struct skill_set begin; /* its skills when the run began, as far as known */
    struct skill_set now;   /* and where the run left it */
    bool whole;             /* both are the library's; else put together from the run's edits */
    struct oid best; /* the commit of the best checkpoint, once it is chosen; "": not known */
};
/* `library` (NULL: where the run says, or beside it) is the library's directory. GRASP_ENOTFOUND when
 * `dir` is no run. */
int run_read(struct run *r, const char *dir, const char *library);
void run_release(struct run *r);

/* A JSON file of the run; NULL when it is not there, or damaged. New reference. */
json_t *run_json(const struct run *r, const char *name);
/* Whether method is the one with a gate. */
bool run_has_gate(const struct run *r);
int run_epochs_planned(const struct run *r);
/* A skill's text as pages compare it: description, tags, then its content. */
void skill_text(const struct skill *s, struct buf *out);
/* The same of an edit. False: it has none (REMOVE). */
bool edit_text(const json_t *edit, const struct skill *before, struct buf *out);
/* Applies an accepted edit (an object, or an array of them) to a set. */
int run_apply(struct skill_set *set, const json_t *edit);
/* The val score that counts: of the best checkpoint, or the highest so far. NULL: none. Borrowed. */
const json_t *run_best_val(const struct run *r);
const json_t *run_baseline_val(const struct run *r);

#endif
