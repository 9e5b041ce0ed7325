/* summary.c - the account after a run (DESIGN.md D11). */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/figures.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/learn/learn_private.h"
#include "runtime/learn/summary.h"

static json_t *phase_counts(const struct session *s, enum model_phase phase)
{
    struct account_counts a;
    struct journal_counts j = {0};
    accounts_counts(s->accounts, phase, &a);
    if (s->journal)
        journal_counts(s->journal, phase, &j);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "calls_made",
                     (json_int_t)a.calls, "calls_failed", (json_int_t)a.failed, "calls_replayed",
                     (json_int_t)j.replayed, "calls_joined", (json_int_t)j.joined, "prompt_tokens",
                     (json_int_t)a.usage.prompt_tokens, "completion_tokens",
                     (json_int_t)a.usage.completion_tokens, "cached_tokens",
                     (json_int_t)a.usage.cached_tokens, "cache_write_tokens",
                     (json_int_t)a.usage.cache_write_tokens, "prompt_chars",
                     (json_int_t)a.prompt_chars, "prompt_chars_fresh", (json_int_t)a.fresh_chars,
                     "completion_chars", (json_int_t)a.completion_chars, "usd", a.usd);
}

static json_t *refusals(const struct learn *l)
{
    json_t *out = json_object();
    for (size_t i = 0; i < EDIT_REFUSALS; i++)
        if (l->count.refused[i])
            json_object_set_new(out, edit_refusal_name((enum edit_refusal)i),
                                json_integer(l->count.refused[i]));
    return out;
}

/* How the endpoints behaved, executor's and writer's together. */
static struct model_health health_of(const struct session *s)
{
    struct model_health h = {0};
    for (int i = 0; i < 2; i++)
        if (s->backend[i]) {
            const struct model_health *m = &s->backend[i]->health;
            h.attempts += m->attempts;
            h.retries += m->retries;
            h.limited += m->limited;
            h.server_errors += m->server_errors;
            h.cut += m->cut;
            h.timeouts += m->timeouts;
            h.garbled += m->garbled;
            h.outages += m->outages;
            h.lowered += m->lowered;
            h.hedges += m->hedges;
            h.lost += m->lost;
            h.later_first += m->later_first;
            h.cancelled += m->cancelled;
        }
    return h;
}

static json_t *health_json(const struct session *s)
{
    struct model_health h = health_of(s);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "requests", (json_int_t)h.attempts, "retries", (json_int_t)h.retries,
                     "limited", (json_int_t)h.limited, "server_errors", (json_int_t)h.server_errors,
                     "cut", (json_int_t)h.cut, "timeouts", (json_int_t)h.timeouts, "garbled",
                     (json_int_t)h.garbled, "outages", (json_int_t)h.outages, "concurrency_lowered",
                     (json_int_t)h.lowered, "hedges", (json_int_t)h.hedges, "lost",
                     (json_int_t)h.lost, "later_first", (json_int_t)h.later_first, "cancelled",
                     (json_int_t)h.cancelled);
}

/* Calls that were made before anybody wanted them. */
static struct journal_ahead ahead_of(const struct session *s)
{
    struct journal_ahead a = {0};
    if (s->journal)
        journal_ahead(s->journal, &a);
    return a;
}

static json_t *ahead_json(const struct session *s)
{
    struct journal_ahead a = ahead_of(s);
    return json_pack("{s:I, s:I, s:I}", "calls", (json_int_t)a.made, "used", (json_int_t)a.used,
                     "wasted", (json_int_t)(a.made - a.used));
}

static void print_ahead(const struct session *s, FILE *out)
{
    struct journal_ahead a = ahead_of(s);
    if (a.made)
        fprintf(out, "in idle slots: %lld calls ahead, %lld of them used, %lld wasted\n",
                (long long)a.made, (long long)a.used, (long long)(a.made - a.used));
}

static void print_health(const struct session *s, FILE *out)
{
    struct model_health h = health_of(s);
    if (!h.retries && !h.outages)
        return;
    fprintf(out,
            "endpoint: %lld requests, %lld of them again (%lld rate limits, %lld server errors, "
            "%lld cut off, %lld without an answer in time, %lld garbled); %lld calls given up; "
            "fewer at once %lld times\n",
            (long long)h.attempts, (long long)h.retries, (long long)h.limited,
            (long long)h.server_errors, (long long)h.cut, (long long)h.timeouts,
            (long long)h.garbled, (long long)h.outages, (long long)h.lowered);
}

static void print_late(const struct session *s, FILE *out)
{
    struct model_health h = health_of(s);
    if (!h.hedges && !h.lost)
        return;
    fprintf(
        out,
        "late answers: %lld requests sent once more in idle slots, %lld because no answer came; "
        "the later one answered first %lld times; %lld cancelled, whose tokens are not known and "
        "counted as those of the answer\n",
        (long long)h.hedges, (long long)h.lost, (long long)h.later_first, (long long)h.cancelled);
}

/* Of the splits that were scored. */
static json_t *idle_json(const struct learn *l)
{
    json_t *out = json_object();
    for (int i = 0; i < SPLITS; i++)
        if (l->s->idle_known[i] && l->s->idle[i].total)
            json_object_set_new(out, split_name((enum split)i), score_to_json(&l->s->idle[i]));
    return out;
}

/* Over all processes of the run. */
static json_t *spent_json(const struct session *s)
{
    struct spending t = {0};
    accounts_spent(s->accounts, &t);
    return json_pack("{s:I, s:I, s:f, s:f}", "calls", (json_int_t)t.calls, "tokens",
                     (json_int_t)t.tokens, "usd", t.usd, "seconds", t.seconds);
}

/* "done", "budget", "signal", "outage", "degenerate", "refused", "conflict", "failed". */
static const char *why_of(const struct learn *l, int rc)
{
    if (rc == 0)
        return "done";
    if (l->why)
        return l->why;
    if (rc == GRASP_ESTOPPED)
        return accounts_stopped(l->s->accounts) ? "budget" : "signal";
    return rc == GRASP_EOUTAGE     ? "outage"
           : rc == GRASP_EREFUSED  ? "refused"
           : rc == GRASP_ECONFLICT ? "conflict"
                                   : "failed";
}

static const char *status_of(int rc)
{
    return rc == 0                ? "done"
           : rc == GRASP_ESTOPPED ? "stopped"
           : rc == GRASP_EOUTAGE  ? "indecisive"
                                  : "failed";
}

int learn_record_summary(struct learn *l, int rc)
{
    struct session *s = l->s;
    json_t *phases = json_object();
    for (size_t i = 0; i <= MODEL_PHASES; i++)
        json_object_set_new(phases, model_phase_name((enum model_phase)i),
                            phase_counts(s, (enum model_phase)i));
    json_t *v = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:f, "
        "s:f}",
        "run", l->run.id, "status", status_of(rc), "why", why_of(l, rc), "method",
        method_names[l->c->method.name], "fidelity", fidelity_names[l->c->method.fidelity],
        "executor", s->backend[0]->label, "writer", session_model(s, true)->label, "head",
        l->at.head.hex, "updates", l->updates, "candidates_judged", (json_int_t)l->count.judged,
        "candidates_accepted", (json_int_t)l->count.accepted, "rollouts_saved_by_early_stop",
        (json_int_t)l->count.probes_saved, "rollouts_unscored", (json_int_t)l->count.unscored,
        "edits_refused", refusals(l), "calls", phases, "endpoint", health_json(s), "seconds",
        (double)(clock_mono() - l->run.began) / 1e9, "cpu_seconds", (double)clock_cpu() / 1e9);
    if (v) {
        struct gate_rules rules;
        learn_gate_rules(l, 0, &rules);
        json_object_set(v, "proposals", l->told.proposals);
        json_object_set_new(v, "spent", spent_json(s));
        json_object_set_new(v, "ahead", ahead_json(s));
        json_object_set_new(v, "do_nothing", idle_json(l));
        json_object_set_new(v, "dev_endings", endings_to_json(&l->ended.dev));
        json_object_set_new(v, "writer_endings", endings_to_json(&l->ended.writer));
        json_object_set_new(v, "noise", noise_to_json(&l->noise));
        json_object_set_new(v, "draws", json_string(l->s->draws.shared ? "shared" : "fresh"));
        json_object_set_new(v, "gate_rule", json_string(gate_rule_name(rules.rule)));
    }
    char *path = fs_join(l->run.dir, "run_summary.json");
    rc = v && path ? json_write_file(v, path) : err_oom();
    free(path);
    json_decref(v);
    return rc;
}

/* Beside a score: what doing nothing is worth. */
static void print_idle(const struct learn *l, enum split split, FILE *out)
{
    const struct score *idle = &l->s->idle[split];
    if (l->s->idle_known[split] && idle->total && !idle->unscored)
        fprintf(out, ", doing nothing %.1f %%", 100 * score_share(idle->correct, idle->total));
}

/* The learning curve, a row per checkpoint. */
static void print_curve(const struct learn *l, FILE *out)
{
    enum { WIDTH = 40 };
    bool begun = false;
    for (size_t i = 0; i < l->scores.n_checks; i++) {
        const struct checkpoint *c = &l->scores.checks[i];
        if (!c->scored)
            continue;
        if (!begun)
            fprintf(out, "\nlearning curve (%s)\n", l->s->backend[0]->label);
        begun = true;
        double share = score_share(c->score.correct, c->score.total);
        char name[24];
        snprintf(name, sizeof(name), c->epoch < 0 ? "no skills" : "epoch %d", c->epoch + 1);
        fprintf(out, "  val %-10s %5.1f %%  ", name, 100 * share);
        for (int k = 0; k < (int)(share * WIDTH + 0.5); k++)
            fputc('#', out);
        if (!i)
            print_idle(l, SPLIT_VAL, out);
        fputc('\n', out);
    }
}

/* "78.1 % (66.6 to 86.5)": a score and its 95 % interval. */
static void print_score(const json_t *v, FILE *out)
{
    const json_t *interval = json_object_get(v, "interval");
    fprintf(out, "%5.1f %% (%.1f to %.1f)", 100 * json_num_at(v, "score", 0),
            100 * json_number_value(json_array_get(interval, 0)),
            100 * json_number_value(json_array_get(interval, 1)));
}

/* What most of the answers were, when they were none. */
static void print_endings(const struct endings *e, bool writer, FILE *out)
{
    struct buf text = BUF_INIT;
    enum ending most = endings_most(e, 0.5);
    if (most != ENDING_ANSWER) {
        endings_describe(e, most, writer, &text);
        fprintf(out, "%s\n", text.ptr ? text.ptr : "");
    }
    buf_release(&text);
}

static void print_tests(const struct learn *l, FILE *out)
{
    const char *split;
    json_t *v;
    json_object_foreach (l->scores.test, split, v) {
        if (!json_object_get(v, "best")) /* as the reference implementation names it */
            continue;
        fprintf(out, "  %-8s without skills ", split);
        print_score(json_object_get(v, "baseline"), out);
        print_idle(l, (enum split)split_from_name(split), out);
        if (l->c->method.name != METHOD_NONE) {
            fprintf(out, "\n  %-8s best library   ", "");
            print_score(json_object_get(v, "best"), out);
        }
        fputc('\n', out);
    }
}

static void print_spent(const struct learn *l, FILE *out)
{
    struct account_counts a;
    struct journal_counts j = {0};
    accounts_counts(l->s->accounts, MODEL_PHASES, &a);
    if (l->s->journal)
        journal_counts(l->s->journal, MODEL_PHASES, &j);
    fprintf(out,
            "\ncalls made %s; saved: %s by the journal, %s rollouts by early stopping; unscored "
            "rollouts %s\n",
            figure(a.calls).text, figure(j.replayed + j.joined).text,
            figure(l->count.probes_saved).text, figure(l->count.unscored).text);
    print_ahead(l->s, out);
    print_health(l->s, out);
    print_late(l->s, out);
    if (a.usage.prompt_tokens) {
        fputs("tokens: ", out);
        plan_print_tokens(&a.usage, out);
    }
    if (a.usage.prompt_tokens && a.prompt_chars)
        fprintf(out, "; %.0f %% of the prompts new to a prefix cache",
                100.0 * (double)a.fresh_chars / (double)a.prompt_chars);
    if (a.usd > 0)
        fprintf(out, "; %.2f USD", a.usd);
    if (a.usage.prompt_tokens)
        fputc('\n', out);
    fprintf(out, "run %s in %.1f s\n", l->run.dir, (double)(clock_mono() - l->run.began) / 1e9);
}

void summary_print(const struct learn *l, FILE *out)
{
    print_curve(l, out);
    print_tests(l, out);
    print_endings(&l->ended.dev, false, out);
    print_endings(&l->ended.writer, true, out);
    print_spent(l, out);
    learned_print(l, out);
}
