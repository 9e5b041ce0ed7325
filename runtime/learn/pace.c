/*
 * pace.c - a plan in money and time: what calls take, from a journal of earlier ones, and anew once
 * the first batch of a run has shown it.
 */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
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
        c->usage.prompt_tokens += e->usage.prompt_tokens;
        c->usage.completion_tokens += e->usage.completion_tokens;
        c->usage.cached_tokens += e->usage.cached_tokens;
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
        sum.usage.prompt_tokens += c->usage.prompt_tokens;
        sum.usage.completion_tokens += c->usage.completion_tokens;
        sum.usage.cached_tokens += c->usage.cached_tokens;
        sum.usage.cache_write_tokens += c->usage.cache_write_tokens;
    }
    return sum;
}

static double seconds_of(const struct pace_calls *c)
{
    return c->calls ? (double)c->latency_ns / (double)c->calls / 1e9 : 0;
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

/* Once, when the first batch is through: what is to be expected of the whole run by what it took. */
void pace_say(struct learn *l, const struct batch *first)
{
    struct pace pace = {0};
    struct plan p;
    struct spending all;
    struct model_usage u;
    char *text = NULL;
    size_t len = 0;
    FILE *out = NULL;
    if (l->run.resumed)
        return;
    for (size_t i = 0; i < MODEL_PHASES; i++) {
        struct account_counts a;
        accounts_counts(l->s->accounts, (enum model_phase)i, &a);
        pace.of[i] = (struct pace_calls){a.calls, a.latency_ns, a.usage};
    }
    int64_t turns = 0;
    for (size_t i = 0; first->group && i < group_size(first->group); i++)
        turns += group_result(first->group, i)->calls;
    if (!turns || !like(&pace, PHASE_ROLLOUT_DEV).calls || !(out = open_memstream(&text, &len)))
        return;
    pace.turns = (double)turns / (double)group_size(first->group);
    plan_make(l->s, &p);
    plan_paced(l->s, &p, &pace, &all, &u);
    fprintf(out, "by the first batch the run will take about %lld calls, ", (long long)all.calls);
    plan_print_tokens(&u, out);
    if (all.usd > 0)
        fprintf(out, ", %.2f USD", all.usd);
    if (pace_seconds(l->s, &p, &pace) >= 1) {
        fputs(", ", out);
        pace_print_time(pace_seconds(l->s, &p, &pace), out);
    }
    fclose(out);
    log_info("%s", text);
    free(text);
}
