/*
 * accounts.h - counts what is paid and stops at a budget (DESIGN.md D11). A model in front of a
 * backend, behind the journal: what reaches it costs money.
 */
#ifndef GRASP_RUNTIME_SESSION_ACCOUNTS_H
#define GRASP_RUNTIME_SESSION_ACCOUNTS_H

#include "runtime/config/config.h"
#include "runtime/session/spent.h"

struct accounts;
/* Reached budgets call `stop` once (GRASP_ESTOPPED and a message); every later call is answered as
 * an outage without being made. */
typedef void (*accounts_stop_fn)(void *arg, int code, const char *message);
struct accounts *accounts_new(const struct config *config, accounts_stop_fn stop, void *arg);
void accounts_free(struct accounts *a);
/* USD that so many tokens of a model cost by the configuration's prices; 0 where none is known. */
double accounts_cost(const struct config *c, bool writer, const char *model,
                     const struct model_usage *u);
/* `writer` chooses the price table. Does not own `inner`. */
int accounts_model(struct model **m, struct accounts *a, bool writer, struct loop *loop,
                   struct model *inner);

struct account_counts {
    int64_t calls, failed; /* answered; ended as outage or fatal */
    struct model_usage usage;
    int64_t prompt_chars, completion_chars;
    int64_t fresh_chars; /* of the prompts', not the beginning of an earlier one (prefix.h) */
    int64_t latency_ns;  /* sum */
    double usd;
};
/* Per phase, or in all (phase MODEL_PHASES). */
void accounts_counts(const struct accounts *a, enum model_phase phase, struct account_counts *out);
/* From here on what is spent is kept in this file, and what it says was spent before counts for the
 * budgets. As spent_open. */
int accounts_keep(struct accounts *a, const char *path);
/* What was to be spent is spent, and the file is removed: what comes next is another budget's. */
void accounts_done(struct accounts *a);
/* All of it, that of earlier processes too. */
void accounts_spent(const struct accounts *a, struct spending *out);
/* Calls of a phase (or all, MODEL_PHASES) that are made and not answered. */
int64_t accounts_open(const struct accounts *a, enum model_phase phase);
/* The smallest share that is left of a budget; 1 where there is none. */
double accounts_left(const struct accounts *a);
/* Whether a budget was reached. */
bool accounts_stopped(const struct accounts *a);
/* What earlier accounts of the same command spent counts for the budgets. */
void accounts_carry(struct accounts *a, const struct spending *earlier);

#endif
