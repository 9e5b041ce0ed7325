/* plan.c - the plan before a run, in calls, tokens, money and time (DESIGN.md D11). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/figures.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn_private.h"
#include "runtime/learn/summary.h"

static void spend(const struct session *s, const struct plan *p, const struct pace *pace,
                  bool expected, struct spending *out, struct model_usage *usage)
{
    struct model_usage u, all = {0};
    *out = (struct spending){0};
    for (size_t i = 0; i < MODEL_PHASES; i++) {
        int64_t calls = expected ? plan_calls_expected(p, pace, i) : plan_calls(p, i);
        bool writer = p->writer[i] && s->backend[1];
        pace_usage(pace, p, i, calls, &u);
        out->calls += calls;
        out->tokens += u.prompt_tokens + u.completion_tokens;
        out->usd += accounts_cost(s->config, writer, s->backend[writer]->name, &u);
        model_usage_add(&all, &u);
    }
    if (usage)
        *usage = all;
}

void plan_spending(const struct session *s, const struct plan *p, bool expected,
                   struct spending *out)
{
    spend(s, p, NULL, expected, out, NULL);
}

void plan_paced(const struct session *s, const struct plan *p, const struct pace *pace,
                struct spending *out, struct model_usage *usage)
{
    spend(s, p, pace, true, out, usage);
}

void plan_print_tokens(const struct model_usage *u, FILE *out)
{
    fprintf(out, "%s of prompts", figure(u->prompt_tokens).text);
    if (u->cached_tokens || u->cache_write_tokens) {
        fprintf(out, " (%s cached", figure(u->cached_tokens).text);
        if (u->cache_write_tokens)
            fprintf(out, ", %s written to the cache", figure(u->cache_write_tokens).text);
        fprintf(out, ", %s new)",
                figure(u->prompt_tokens - u->cached_tokens - u->cache_write_tokens).text);
    }
    fprintf(out, ", %s of answers", figure(u->completion_tokens).text);
}

int plan_check(const struct config *c, const struct spending *spent,
               const struct spending *expected, const char *insist)
{
    char why[160] = "";
    /* what is spent already is a part of what the whole run was expected to need */
    int64_t calls = spent->calls > expected->calls ? spent->calls : expected->calls,
            tokens = spent->tokens > expected->tokens ? spent->tokens : expected->tokens;
    double usd = spent->usd > expected->usd ? spent->usd : expected->usd;
    if (c->budget.calls && calls > c->budget.calls)
        snprintf(why, sizeof(why), "%s calls (%s of them made), and budget.calls is %s",
                 figure(calls).text, figure(spent->calls).text, figure(c->budget.calls).text);
    else if (c->budget.tokens && tokens > c->budget.tokens)
        snprintf(why, sizeof(why), "%s tokens (%s of them used), and budget.tokens is %s",
                 figure(tokens).text, figure(spent->tokens).text, figure(c->budget.tokens).text);
    else if (c->budget.usd > 0 && usd > c->budget.usd)
        snprintf(why, sizeof(why), "%.2f USD (%.2f of them spent), and budget.usd is %.2f", usd,
                 spent->usd, c->budget.usd);
    return *why ? err_set(GRASP_EREFUSED,
                          "expected are %s: raise it, make the run smaller, or %s, and it stops "
                          "where the budget does, resumable",
                          why, insist)
                : 0;
}

static int64_t split_size(struct session *s, enum split split, const char *file)
{
    const struct task_set *set;
    if (!file || session_split(s, split, &set) < 0)
        return 0;
    return (int64_t)set->n;
}

/* Tasks that may be rolled out to choose targeted probes: those of earlier batches, in the first update
 * of an epoch those outside of its batch. */
static int64_t selection_draws(const struct config *c, int64_t dev, int64_t per_epoch)
{
    int64_t every = c->cycle.update_every, epochs = c->cycle.epochs;
    int64_t first = epochs > 1 && dev > every ? (epochs - 1) * (dev - every) : 0;
    return first + epochs * (per_epoch * (per_epoch - 1) / 2 * every);
}

void plan_make(struct session *s, struct plan *p)
{
    const struct config *c = s->config;
    int64_t dev = split_size(s, SPLIT_DEV, c->data.dev),
            val = split_size(s, SPLIT_VAL, c->data.val);
    int64_t tests =
        split_size(s, SPLIT_ID_TEST, c->data.id_test) + split_size(s, SPLIT_TEST, c->data.test);
    int64_t per_epoch = (dev + c->cycle.update_every - 1) / c->cycle.update_every;
    int64_t epochs = config_epochs(c), updates = per_epoch * epochs, k = c->cycle.grpo_k;
    int64_t arms = 1 + k + 1; /* baseline, candidates, revision */
    bool measured = !c->cycle.no_gate && c->cycle.blind_select == BLIND_OFF;
    bool none = c->method.name == METHOD_NONE;
    *p = (struct plan){.max_rounds = c->cycle.max_rounds, .updates = updates};
    /* the tasks that show how noisy the endpoint is, once */
    bool noise = epochs && learn_wants_noise(c);
    p->rollouts[PHASE_ROLLOUT_DEV] = epochs * dev + (noise ? NOISE_TASKS : 0);
    p->rollouts[PHASE_ROLLOUT_VAL] = (epochs + c->cycle.run_baseline) * val;
    p->rollouts[PHASE_ROLLOUT_PROBE] =
        measured ? updates * arms * (c->cycle.grpo_eval_n / 2 * 2) * c->gate.repeats : 0;
    if (measured && c->probes.targeted)
        p->rollouts[PHASE_ROLLOUT_PROBE] += selection_draws(c, dev, per_epoch);
    p->rollouts[PHASE_ROLLOUT_TEST] = (none ? 1 : 2) * tests;
    if (c->method.name != METHOD_GRASP) {
        /* the noise of serial methods is measured on rollouts of its own */
        if (noise && method_is_serial((enum method)c->method.name))
            p->rollouts[PHASE_ROLLOUT_DEV] += NOISE_TASKS;
        p->rollouts[PHASE_ROLLOUT_PROBE] = 0;
        p->writer[PHASE_OTHER] = method_calls(&c->method, dev, epochs);
        plan_tokens(s, p);
        return;
    }
    p->writer[PHASE_CLASSIFY] = 2 * updates;
    p->writer[PHASE_DIAGNOSE] = updates;
    p->writer[PHASE_PROPOSE] = k * updates;
    p->writer[PHASE_REVISE] = measured ? updates : 0;
    p->writer[PHASE_OTHER] = c->cycle.blind_select == BLIND_PROPOSER ? updates : 0;
    plan_tokens(s, p);
}

void plan_print(const struct session *s, const struct plan *p, const struct pace *pace, FILE *out)
{
    struct spending most, expected;
    struct model_usage usage;
    double seconds = pace_seconds(s, p, pace);
    plan_spending(s, p, false, &most);
    plan_paced(s, p, pace, &expected, &usage);
    const struct method_settings *m = &s->config->method;
    fprintf(out, "plan: %lld epochs, %lld updates, %s", (long long)config_epochs(s->config),
            (long long)p->updates, s->backend[0]->label);
    if (m->name != METHOD_GRASP)
        fprintf(out, ", method %s (%s)", method_names[m->name], fidelity_names[m->fidelity]);
    fputc('\n', out);
    fprintf(out, "  %-14s %9s %14s %9s %16s\n", "phase", "rollouts", "calls at most", "expected",
            "tokens a prompt*");
    for (size_t i = 0; i < MODEL_PHASES; i++)
        if (plan_calls(p, i))
            fprintf(out, "  %-14s %9s %14s %9s %16s\n", model_phase_name((enum model_phase)i),
                    figure(p->rollouts[i]).text, figure(plan_calls(p, i)).text,
                    figure(plan_calls_expected(p, pace, i)).text, figure(p->tokens[i]).text);
    fprintf(out, "  %-14s %9s %14s %9s\n", "all", "", figure(most.calls).text,
            figure(expected.calls).text);
    fprintf(out, "  tokens*: %s at most, %s expected: ", figure(most.tokens).text,
            figure(expected.tokens).text);
    plan_print_tokens(&usage, out);
    fputc('\n', out);
    if (most.usd > 0)
        fprintf(out, "  money: %.2f USD at most, %.2f expected\n", most.usd, expected.usd);
    if (seconds >= 0) {
        fputs("  time: about ", out);
        pace_print_time(seconds, out);
        fprintf(out, ", by the latencies in the journal, %s at once\n",
                figure(s->config->cycle.batch_concurrency).text);
    } else if (!session_answers_here(s)) {
        fputs("  time: not known before the first batch; then it is said\n", out);
    }
    fputs("  * estimated: 4 characters each, of a rollout its first message, of the writer's where "
          "half of a batch fails\n",
          out);
    const struct config *c = s->config;
    if (p->rollouts[PHASE_ROLLOUT_PROBE] && c->gate.rule != RULE_PAPER && c->draws != DRAWS_SHARED)
        fputs("  and, where outcomes flip, redraws of the probes on which arms differ\n", out);
    if (c->budget.calls || c->budget.tokens || c->budget.usd > 0 || c->budget.seconds > 0)
        fprintf(out, "  budget: %s calls, %s tokens, %.2f USD, %.0f s (0: no limit)\n",
                figure(c->budget.calls).text, figure(c->budget.tokens).text, c->budget.usd,
                c->budget.seconds);
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
    if (l->run.resumed || !l->s->accounts) /* a session without accounts has nothing to go by */
        return;
    for (size_t i = 0; i < MODEL_PHASES; i++) {
        struct account_counts a;
        accounts_counts(l->s->accounts, (enum model_phase)i, &a);
        pace.of[i] = (struct pace_calls){a.calls, a.latency_ns, a.usage};
    }
    int64_t turns = 0;
    for (size_t i = 0; first->group && i < group_size(first->group); i++)
        turns += group_result(first->group, i)->calls;
    plan_make(l->s, &p);
    if (turns)
        pace.turns = (double)turns / (double)group_size(first->group);
    if (!turns || pace_seconds(l->s, &p, &pace) < 0 || !(out = open_memstream(&text, &len)))
        return;
    plan_paced(l->s, &p, &pace, &all, &u);
    fprintf(out, "by the first batch the run will take about %s calls, ", figure(all.calls).text);
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
