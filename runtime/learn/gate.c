/*
 * gate.c - an update's decision: candidates against the baseline, the winner's revision and
 * confirmation (spec/method.md, "Gate").
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/learn/update.h"

struct decision {
    struct gate gate;
    struct candidate **arms; /* candidates in the gate's order */
    int winner;
};

static int decide(struct update *u, const struct probe_set *p, const enum outcome *base,
                  struct decision *d)
{
    struct gate_rules rules;
    bool *failing = calloc(p->n + 1, sizeof(*failing));
    d->arms = calloc(u->list.n + 1, sizeof(*d->arms));
    int rc = failing && d->arms ? 0 : err_set(GRASP_ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < p->n; i++)
        failing[i] = p->v[i].failing;
    for (size_t i = 0; rc == 0 && i < u->list.n; i++)
        d->arms[i] = &u->list.v[i];
    config_gate_rules(u->l->c, &rules);
    if (rc == 0)
        rc = gate_init(&d->gate, &rules, failing, p->n, u->list.n);
    free(failing);
    if (rc < 0)
        return rc;
    memcpy(d->gate.base, base, p->n * sizeof(*base));
    rc = measure_candidates(u->l, p, &d->gate, d->arms, false);
    d->winner = rc == 0 ? gate_winner(&d->gate) : -1;
    return rc;
}

static void decision_release(struct decision *d)
{
    gate_release(&d->gate);
    free(d->arms);
}

/* Traces of the probes that the winner broke, measured anew: the journal has them. */
static int broken_traces(struct update *u, const struct probe_set *p, const struct decision *d,
                         json_t *broken, json_t *fixed)
{
    struct learn *l = u->l;
    const struct gate_arm *arm = &d->gate.arm[d->winner];
    struct group *g = engine_group(l->s->engine, PHASE_ROLLOUT_PROBE);
    for (size_t i = 0; i < p->n; i++)
        group_add(g, p->v[i].task, d->arms[d->winner]->view, draw_probe(l, false, 0));
    int rc = group_wait(g);
    for (size_t i = 0; rc == 0 && i < p->n; i++) {
        bool pass = arm->outcomes[i] == OUTCOME_PASS;
        const struct rollout *r = group_result(g, i);
        if (!p->v[i].failing && !pass)
            json_array_append_new(broken, prompt_trace(l, r, TRACE_PROPOSE, NULL, NULL));
        else if (p->v[i].failing && pass)
            json_array_append_new(fixed, prompt_trace(l, r, TRACE_LINE, NULL, NULL));
    }
    group_free(g);
    return rc;
}

/* The winner broke something: the writer gets one chance to narrow it. A revision that is eligible
 * and strictly better takes its place (contrastive revision). */
static int revise(struct update *u, const struct probe_set *p, struct decision *d)
{
    struct learn *l = u->l;
    struct writer_call *w = NULL;
    const struct gate_score *score = &d->gate.arm[d->winner].score;
    json_t *broken = json_array(), *fixed = json_array();
    int rc = broken_traces(u, p, d, broken, fixed);
    json_t *data = json_pack("{s:o, s:i, s:i, s:i, s:o, s:o}", "edits",
                             prompt_edits(&d->arms[d->winner]->proposal), "score", score->score,
                             "fixes", score->fixes, "regressions", score->regressions, "fixed",
                             fixed, "broken", broken);
    size_t before = u->list.n;
    if (rc == 0)
        rc = writer_start(l, &w, PHASE_REVISE, "revise", data, 0);
    if (rc == 0)
        rc = writer_wait(l, &w, 1);
    u->k = d->arms[d->winner]->k;
    u->reason = d->arms[d->winner]->reason;
    if (rc == 0)
        rc = update_take_reply(u, &w->text, true);
    writer_release(w);
    json_decref(data);
    if (rc < 0 || u->list.n == before)
        return rc;
    while (u->list.n > before + 1) /* one narrower edit was asked for */
        candidate_release(&u->list.v[--u->list.n]);
    /* A second gate with all arms, the earlier ones as they ended; only the new one is measured. */
    struct decision again = {.winner = -1};
    struct gate old = d->gate;
    bool *failing = calloc(p->n + 1, sizeof(*failing));
    again.arms = calloc(u->list.n, sizeof(*again.arms));
    rc = failing && again.arms ? 0 : err_set(GRASP_ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < p->n; i++)
        failing[i] = p->v[i].failing;
    for (size_t i = 0; rc == 0 && i < u->list.n; i++)
        again.arms[i] = &u->list.v[i];
    if (rc == 0)
        rc = gate_init(&again.gate, &old.rules, failing, p->n, u->list.n);
    for (size_t arm = 0; rc == 0 && arm < old.arms; arm++) {
        memcpy(again.gate.arm[arm].outcomes, old.arm[arm].outcomes, p->n * sizeof(enum outcome));
        again.gate.arm[arm].stop = old.arm[arm].stop;
        again.gate.arm[arm].score = old.arm[arm].score;
    }
    if (rc == 0) {
        memcpy(again.gate.base, old.base, p->n * sizeof(enum outcome));
        rc = measure_candidates(l, p, &again.gate, again.arms, false);
    }
    free(failing);
    if (rc < 0) {
        decision_release(&again);
        return rc;
    }
    int winner = gate_winner(&again.gate); /* ties go to the earlier: strictly better is needed */
    again.winner = winner;
    decision_release(d);
    *d = again;
    return 0;
}

/* `confirm`: the winner must be eligible on a second probe set, from tasks not in the first. */
static int confirm(struct update *u, const struct probe_set *p, const struct probe_source *source,
                   size_t n, struct decision *d)
{
    struct learn *l = u->l;
    struct strlist without = {0};
    struct probe_set second = {0};
    struct decision again = {.winner = -1};
    struct candidate *winner = d->arms[d->winner];
    enum outcome *base = NULL;
    const char **ids = NULL;
    bool *failing = NULL;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->n; i++)
        rc = strlist_add(&without, p->v[i].task->id);
    if (rc == 0)
        rc = probe_set_draw(
            &second, source, n, (size_t)l->c->cycle.grpo_eval_n,
            (enum probe_strata)l->c->gate.probe_strata, &without,
            rng_seed_probes((uint64_t)l->c->cycle.seed, (uint64_t)l->epoch, (uint64_t)l->update));
    if (rc < 0 || !second.n) /* nobody left to ask: the first verdict stands */
        goto out;
    base = calloc(second.n, sizeof(*base));
    ids = calloc(second.n, sizeof(*ids));
    failing = calloc(second.n, sizeof(*failing));
    if (!base || !ids || !failing) {
        rc = err_set(GRASP_ENOMEM, "out of memory");
        goto out;
    }
    for (size_t i = 0; i < second.n; i++) {
        ids[i] = second.v[i].task->id;
        failing[i] = second.v[i].failing;
    }
    struct group *g = measure_start(l, &second, l->view, true);
    rc = measure_wait(l, g, &second, base);
    group_free(g);
    if (rc == 0)
        rc = gate_init(&again.gate, &d->gate.rules, failing, second.n, 1);
    if (rc < 0)
        goto out;
    memcpy(again.gate.base, base, second.n * sizeof(*base));
    rc = measure_candidates(l, &second, &again.gate, &winner, true);
    if (rc < 0)
        goto out;
    winner->confirm = gate_evidence(&again.gate, 0, ids);
    if (gate_winner(&again.gate) < 0) {
        winner->fate = "not confirmed";
        d->winner = -1;
    }
out:
    gate_release(&again.gate);
    probe_set_release(&second);
    strlist_release(&without);
    free(base);
    free(ids);
    free(failing);
    return rc;
}

int update_gate(struct update *u, const struct probe_set *p, const enum outcome *base)
{
    struct learn *l = u->l;
    struct decision d = {.winner = -1};
    int rc = decide(u, p, base, &d);
    if (rc == 0 && d.winner >= 0 && d.gate.arm[d.winner].score.regressions > 0)
        rc = revise(u, p, &d);
    if (rc == 0 && d.winner >= 0 && l->c->gate.confirm && u->batch) {
        struct probe_source *source = NULL;
        size_t n = 0;
        rc = learn_probe_source(l, u->batch, &source, &n);
        if (rc == 0)
            rc = confirm(u, p, source, n, &d);
        free(source);
    }
    if (rc == 0)
        rc = record_update(l, p, &d.gate, d.arms, u->list.n, d.winner);
    decision_release(&d);
    return rc;
}
