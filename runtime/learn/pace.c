/*
 * pace.c - what calls take: how many of a plan's are expected, their tokens and time, by what was
 * measured of earlier ones.
 */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/learn/learn_private.h"
#include "runtime/learn/summary.h"

enum { LOOKED_AT = 20000 }; /* calls of a journal: as many as a mean needs, and read in no time */

struct look {
    const struct session *s;
    struct pace *pace;
    int64_t left;
};

static int take(const struct journal_entry *e, void *arg)
{
    struct look *l = arg;
    const struct model *m = l->s->backend[e->phase >= PHASE_CLASSIFY && l->s->backend[1]];
    if ((unsigned)e->phase < MODEL_PHASES && str_same(e->model, m->name) && e->latency_ns > 0) {
        struct pace_calls *c = &l->pace->of[e->phase];
        c->calls++;
        c->latency_ns += e->latency_ns;
        model_usage_add(&c->usage, &e->usage);
    }
    return --l->left <= 0;
}

void pace_of_journal(const struct session *s, const char *dir, struct pace *p)
{
    struct journal *own = NULL, *j = s->journal;
    struct look look = {s, p, LOOKED_AT};
    *p = (struct pace){0};
    if (!j && dir && fs_exists(dir) && journal_open(&own, dir, JOURNAL_READ_ONLY) == 0)
        j = own;
    if (j)
        journal_walk(j, take, &look);
    err_clear(); /* what is damaged is said by who needs it */
    journal_close(own);
}

/* A phase's calls, or where it had none those of the phases like it. */
static struct pace_calls like(const struct pace *p, size_t phase)
{
    struct pace_calls sum = {0};
    size_t from = phase < PHASE_CLASSIFY ? 0 : PHASE_CLASSIFY,
           to = phase < PHASE_CLASSIFY ? PHASE_CLASSIFY : MODEL_PHASES;
    if (p->of[phase].calls)
        return p->of[phase];
    for (size_t i = from; i < to; i++) {
        const struct pace_calls *c = &p->of[i];
        sum.calls += c->calls;
        sum.latency_ns += c->latency_ns;
        model_usage_add(&sum.usage, &c->usage);
    }
    return sum;
}

static double seconds_of(const struct pace_calls *c)
{
    return c->calls ? (double)c->latency_ns / (double)c->calls / 1e9 : 0;
}

int64_t plan_calls(const struct plan *p, size_t phase)
{
    return p->rollouts[phase] * p->max_rounds + p->writer[phase];
}

/* Of the calls at most, what runs of the paper's settings made: an episode ends after a few of its
 * rounds, most candidates are stopped early, few updates have what is to be revised. */
int64_t plan_calls_expected(const struct plan *p, const struct pace *pace, size_t phase)
{
    static const double shares[MODEL_PHASES] = {
        [PHASE_ROLLOUT_DEV] = 0.17,  [PHASE_ROLLOUT_VAL] = 0.26, [PHASE_ROLLOUT_PROBE] = 0.14,
        [PHASE_ROLLOUT_TEST] = 0.33, [PHASE_CLASSIFY] = 0.5,     [PHASE_REVISE] = 0.2};
    double share = shares[phase] > 0 ? shares[phase] : 1;
    if (pace && pace->turns > 0 && !p->writer[phase]) {
        share *= pace->turns / PLAN_TURNS;
        share = share < 1 ? share : 1;
    }
    return (int64_t)(share * (double)plan_calls(p, phase) + 0.5);
}

/* The work, side by side, and behind it the chain of calls that wait for each other: of an update the
 * turns of a batch, the writer, and the turns of two waves of probes. */
double pace_seconds(const struct session *s, const struct plan *p, const struct pace *pace)
{
    double work = 0, turn, writer, at_once = (double)s->config->cycle.batch_concurrency,
           turns = pace->turns > 0 ? pace->turns : PLAN_TURNS;
    struct pace_calls c = like(pace, PHASE_ROLLOUT_DEV), w = like(pace, PHASE_PROPOSE);
    if (!c.calls)
        return -1;
    turn = seconds_of(&c);
    writer = w.calls ? seconds_of(&w) : turn;
    for (size_t i = 0; i < MODEL_PHASES; i++) {
        struct pace_calls mean = like(pace, i);
        work += (double)plan_calls_expected(p, pace, i) * (mean.calls           ? seconds_of(&mean)
                                                           : i < PHASE_CLASSIFY ? turn
                                                                                : writer);
    }
    double update = 3 * turns * turn + (p->writer[PHASE_PROPOSE] ? 3 * writer : 0);
    return work / at_once + (double)p->updates * update + 2 * turns * turn;
}

void pace_usage(const struct pace *pace, const struct plan *p, size_t phase, int64_t calls,
                struct model_usage *u)
{
    enum { TURN = 40, ANSWER = 400 }; /* tokens of an answer where nothing is thought */
    struct pace_calls c = pace ? like(pace, phase) : (struct pace_calls){0};
    double n = c.calls ? (double)calls / (double)c.calls : 0;
    if (c.calls && c.usage.prompt_tokens)
        *u = (struct model_usage){
            .prompt_tokens = (int64_t)(n * (double)c.usage.prompt_tokens),
            .completion_tokens = (int64_t)(n * (double)c.usage.completion_tokens),
            .cached_tokens = (int64_t)(n * (double)c.usage.cached_tokens),
            .cache_write_tokens = (int64_t)(n * (double)c.usage.cache_write_tokens)};
    else
        *u = (struct model_usage){.prompt_tokens = calls * p->tokens[phase],
                                  .completion_tokens = calls * (p->writer[phase] ? ANSWER : TURN)};
}

void pace_print_time(double seconds, FILE *out)
{
    if (seconds < 120)
        fprintf(out, "%.0f s", seconds);
    else if (seconds < 7200)
        fprintf(out, "%.0f min", seconds / 60);
    else
        fprintf(out, "%.1f h", seconds / 3600);
}
