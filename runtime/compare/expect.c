/*
 * expect.c - the plan before a matrix starts. A cell like one that is done is expected to spend what
 * that one did; where none is, the shares of the most that runs were measured to need (learn's plan).
 */
#include "runtime/compare/expect.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/figures.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/learn/summary.h"
#include "runtime/session/session.h"
#include "runtime/transfer/target.h"

/* What is still to come of a cell that has spent something. */
static struct spending rest(const struct spending *all, const struct spending *spent)
{
    return (struct spending){.calls = all->calls > spent->calls ? all->calls - spent->calls : 0,
                             .tokens =
                                 all->tokens > spent->tokens ? all->tokens - spent->tokens : 0,
                             .usd = all->usd > spent->usd ? all->usd - spent->usd : 0};
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Cells that differ in nothing but the seed. */
static bool repeats(const struct cell *a, const struct cell *b)
{
    return same(a->arm, b->arm) && same(a->benchmark, b->benchmark) && same(a->model, b->model) &&
           same(a->config, b->config) && same(a->library, b->library);
}

/* ---- at most ---- */

/* A library on a model: without skills, with it; pruned, every round leaves one skill out. */
static int plan_transfer(struct session *s, const struct cell *c, struct plan *p)
{
    const struct config *config = s->config;
    int64_t probes = config->cycle.grpo_eval_n * config->gate.repeats;
    int64_t skills = config->cycle.max_learned_skills, tests = 0;
    const struct task_set *tasks;
    int rc = 0;
    for (int i = SPLIT_ID_TEST; rc == 0 && i <= SPLIT_TEST; i++)
        if (split_file(config, (enum split)i) &&
            (rc = session_split(s, (enum split)i, &tasks)) == 0)
            tests += (int64_t)tasks->n;
    *p = (struct plan){.max_rounds = config->cycle.max_rounds};
    p->rollouts[PHASE_ROLLOUT_TEST] = tests * (c->regate ? 3 : 2);
    if (rc == 0 && c->regate && (rc = session_split(s, SPLIT_DEV, &tasks)) == 0) {
        p->rollouts[PHASE_ROLLOUT_DEV] = (int64_t)tasks->n;
        p->rollouts[PHASE_ROLLOUT_PROBE] = probes * (1 + skills * (skills + 1) / 2);
    }
    plan_tokens(s, p);
    return rc;
}

/* The model that a transfer names goes first, as `grasp transfer` has it. */
static int options_of(const struct cell *c, struct target *t, struct strlist *sets,
                      struct session_options *o)
{
    int rc = 0, entry = 0;
    if (c->library)
        rc = target_parse(t, c->model);
    if (rc == 0 && t->named)
        entry = config_has_model(c->config, t->text);
    if (entry < 0)
        return entry;
    if (rc == 0 && !entry)
        rc = strlist_copy(sets, &t->sets);
    if (rc == 0)
        rc = strlist_copy(sets, &c->sets);
    o->config = c->config;
    o->preset = t->preset ? t->preset : entry ? t->text : c->preset;
    o->sets = (const char *const *)sets->v;
    o->n_sets = sets->n;
    o->no_journal = o->no_env = true;
    return rc;
}

/* `expected->seconds` as pace_seconds. */
static int plan_cell(struct expectation *e, const struct cell *c, const char *journal, bool reach,
                     struct spending *most, struct spending *expected)
{
    struct pace pace;
    struct session s = {0};
    struct session_options o = {0};
    struct target t = {0};
    struct strlist sets = {0};
    struct plan p;
    int rc = options_of(c, &t, &sets, &o);
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc == 0 && c->library)
        rc = plan_transfer(&s, c, &p);
    else if (rc == 0)
        plan_make(&s, &p);
    if (rc == 0) {
        pace_of_journal(&s, journal, &pace);
        plan_spending(&s, &p, false, most);
        plan_paced(&s, &p, &pace, expected, NULL);
        expected->seconds = pace_seconds(&s, &p, &pace);
        if (expected->seconds < 0 && session_answers_here(&s))
            expected->seconds = 0;
    }
    if (rc == 0 && reach && !e->away && session_reach(&s) < 0 &&
        !(e->away = str_dup(err_msg()))) /* said when the plan is printed */
        rc = err_oom();
    if (rc == 0 && loop_interrupted(s.loop))
        rc = err_set(GRASP_ESTOPPED, "stopped by a signal; nothing was begun");
    session_close(&s);
    target_release(&t);
    strlist_release(&sets);
    return rc < 0 ? err_prefix(rc, "cell %s", c->name) : 0;
}

/* ---- what done cells say ---- */

/* The mean over done cells of that arm in its table, else of that arm elsewhere; false where none is
 * done: what another arm spent says nothing about this one. */
static bool mean_of_done(const struct matrix *m, const struct cell_status *all,
                         const struct cell *c, struct spending *out)
{
    for (int wide = 0; wide < 2; wide++) {
        struct spending sum = {0};
        int64_t n = 0;
        for (size_t i = 0; i < m->n; i++) {
            const struct cell *other = &m->v[i];
            if (all[i].state == CELL_DONE && !c->library == !other->library &&
                (wide ? same(c->arm, other->arm) : repeats(c, other))) {
                spending_add(&sum, &all[i].spent);
                n++;
            }
        }
        if (n) {
            *out = (struct spending){sum.calls / n, sum.tokens / n, sum.usd / (double)n, 0};
            return true;
        }
    }
    return false;
}

static struct expected_arm *arm_of(struct expectation *e, const char *arm)
{
    for (size_t i = 0; i < e->n; i++)
        if (strcmp(e->v[i].arm, arm) == 0)
            return &e->v[i];
    if (grow(&e->v, &e->cap, e->n + 1) < 0)
        return NULL;
    e->v[e->n] = (struct expected_arm){.arm = arm};
    return &e->v[e->n++];
}

/* What is left of a cell's time, by its calls. */
static void add_seconds(struct expectation *e, const struct spending *planned, int64_t calls)
{
    if (planned->seconds < 0 || e->seconds < 0)
        e->seconds = -1;
    else if (planned->calls)
        e->seconds += planned->seconds * (double)calls / (double)planned->calls;
}

int expect_matrix(struct expectation *e, const struct matrix *m, const char *journal, bool reach)
{
    char *own = fs_join(m->dir, "journal");
    struct cell_status *all = calloc(m->n + 1, sizeof(*all));
    struct expected_arm *plans = calloc(m->n + 1, sizeof(*plans)); /* of the cell of that number */
    struct sigaction before[2]; /* a session takes the signals, which are ours again afterwards */
    *e = (struct expectation){0};
    int rc = all && plans && own ? 0 : err_oom();
    sigaction(SIGINT, NULL, &before[0]);
    sigaction(SIGTERM, NULL, &before[1]);
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        cell_status(m, &m->v[i], &all[i]);
    for (size_t i = 0; rc == 0 && i < m->n; i++) {
        const struct cell *c = &m->v[i];
        struct spending spent = all[i].spent, expected;
        struct expected_arm *arm = arm_of(e, c->arm);
        rc = arm ? 0 : err_oom();
        if (rc < 0)
            break;
        spending_add(&e->spent, &spent);
        arm->cells++;
        if (all[i].state == CELL_DONE)
            continue;
        size_t k = 0;
        while (k < i && !(plans[k].open && repeats(&m->v[k], c)))
            k++;
        if (k < i)
            plans[i] = plans[k];
        else
            rc =
                plan_cell(e, c, journal ? journal : own, reach, &plans[i].most, &plans[i].expected);
        plans[i].open = 1;
        expected = plans[i].expected;
        e->measured += mean_of_done(m, all, c, &expected);
        arm->open++;
        expected = rest(&expected, &spent);
        add_seconds(e, &plans[i].expected, expected.calls);
        struct spending most = rest(&plans[i].most, &spent);
        spending_add(&arm->most, &most);
        spending_add(&arm->expected, &expected);
    }
    for (size_t i = 0; i < e->n; i++) {
        e->all.cells += e->v[i].cells;
        e->all.open += e->v[i].open;
        spending_add(&e->all.most, &e->v[i].most);
        spending_add(&e->all.expected, &e->v[i].expected);
    }
    sigaction(SIGINT, &before[0], NULL);
    sigaction(SIGTERM, &before[1], NULL);
    free(all);
    free(plans);
    free(own);
    return rc;
}

void expect_release(struct expectation *e)
{
    free(e->v);
    free(e->away);
    *e = (struct expectation){0};
}

static void print_arm(const struct expected_arm *a, const char *name, int width, bool usd,
                      FILE *out)
{
    fprintf(out, "  %-*s  %5zu  %5zu  %13s  %10s  %15s", width, name, a->cells, a->open,
            figure(a->most.calls).text, figure(a->expected.calls).text,
            figure(a->expected.tokens).text);
    if (usd)
        fprintf(out, "  %12.2f", a->expected.usd);
    fputc('\n', out);
}

void expect_print(const struct expectation *e, const struct cells_options *o, FILE *out)
{
    int width = 3;
    bool usd = e->all.most.usd > 0;
    for (size_t i = 0; i < e->n; i++)
        width = (int)strlen(e->v[i].arm) > width ? (int)strlen(e->v[i].arm) : width;
    fprintf(out, "plan: %zu cells, %zu of them open; from here on:\n", e->all.cells, e->all.open);
    fprintf(out, "  %-*s  %5s  %5s  %13s  %10s  %15s%s\n", width, "arm", "cells", "open",
            "calls at most", "expected", "expected tokens", usd ? "  expected USD" : "");
    for (size_t i = 0; i < e->n; i++)
        print_arm(&e->v[i], e->v[i].arm, width, usd, out);
    if (e->n > 1)
        print_arm(&e->all, "all", width, usd, out);
    if (e->all.open)
        fprintf(out,
                "  expected: %zu open cells as those that are done, %zu as runs were measured; "
                "what cells share is paid once\n",
                e->measured, e->all.open - e->measured);
    if (e->all.open && e->seconds > 0) {
        fputs("  time: about ", out);
        pace_print_time(e->seconds / o->jobs, out);
        fprintf(out, ", by the latencies in the journal, %d %s at once\n", o->jobs,
                plural(o->jobs, "cell", "cells"));
    }
    if (e->seconds < 0)
        fputs("  time: not known: the journal has no latencies of these models yet\n", out);
    if (o->budget.calls || o->budget.tokens || o->budget.usd > 0)
        fprintf(out, "  budget: %s calls, %s tokens, %.2f USD (0: no limit)\n",
                figure(o->budget.calls).text, figure(o->budget.tokens).text, o->budget.usd);
}

int expect_check(const struct expectation *e, const struct cells_options *o, bool insist)
{
    struct spending all = e->spent;
    char why[160] = "";
    if (e->away)
        return err_set(GRASP_EOUTAGE, "%s", e->away);
    if (!e->all.open || insist)
        return 0;
    spending_add(&all, &e->all.expected);
    if (o->budget.calls && all.calls > o->budget.calls)
        snprintf(why, sizeof(why), "%s calls (%s of them made), the budget is %s",
                 figure(all.calls).text, figure(e->spent.calls).text, figure(o->budget.calls).text);
    else if (o->budget.tokens && all.tokens > o->budget.tokens)
        snprintf(why, sizeof(why), "%s tokens (%s of them used), the budget is %s",
                 figure(all.tokens).text, figure(e->spent.tokens).text,
                 figure(o->budget.tokens).text);
    else if (o->budget.usd > 0 && all.usd > o->budget.usd)
        snprintf(why, sizeof(why), "%.2f USD (%.2f of them spent), the budget is %.2f", all.usd,
                 e->spent.usd, o->budget.usd);
    return *why ? err_set(GRASP_EREFUSED,
                          "expected are %s: raise it, make the matrix smaller, or --insist, and it "
                          "ends where the budget does",
                          why)
                : 0;
}
