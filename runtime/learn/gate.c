/*
 * gate.c - an update's decision: candidates against the baseline, the winner's revision
 * (spec/method.md, "Gate").
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/engine/arms.h"
#include "runtime/learn/update.h"

struct update_gate {
    struct gate gate;
    struct candidate **arms; /* candidates in the gate's order */
    int winner;
    int revised; /* the one to narrow; -1: none */
};

static int open_gate(struct update *u, const struct probe_set *p, const enum outcome *base,
                     struct update_gate *d)
{
    struct gate_rules rules;
    size_t proposed = 0; /* the rule counts on a revision from the start */
    for (size_t i = 0; i < u->list.n; i++)
        proposed += !u->list.v[i].revision;
    learn_gate_rules(u->l, proposed, &rules);
    d->winner = d->revised = -1;
    d->arms = calloc(u->list.n + 1, sizeof(*d->arms));
    if (!d->arms)
        return err_oom();
    for (size_t i = 0; i < u->list.n; i++)
        d->arms[i] = &u->list.v[i];
    return arms_gate(&d->gate, &rules, p, base, u->list.n);
}

static int measure(struct update *u, const struct probe_set *p, struct update_gate *d)
{
    u->l->live.gate = &d->gate;
    u->l->live.probes = p;
    u->l->live.arms = d->arms;
    int rc = measure_candidates(u->l, p, &d->gate, d->arms);
    u->l->live.gate = NULL;
    d->winner = rc == 0 ? gate_winner(&d->gate) : -1;
    return rc;
}

static void decision_release(struct update_gate *d)
{
    gate_release(&d->gate);
    free(d->arms);
}

/* What to narrow: a winner that breaks something; without a winner, the best candidate that only
 * regressions keep out. A removal that was tried after a collapse has nothing to narrow. */
static int choose_revised(struct update *u, const struct probe_set *p, struct update_gate *d)
{
    if (d->winner >= 0 && d->gate.arm[d->winner].score.regressions > 0)
        d->revised = d->winner;
    if (d->winner >= 0 || u->l->c->gate.revise != REVISE_WIDE || !u->batch)
        return 0;
    return measure_near_miss(u->l, p, &d->gate, d->arms, &d->revised);
}

/* How a probe went without the edit: it passed, unless chance was at work there. NULL: the baseline
 * has no rollout of it. */
static const struct rollout *before_edit(const struct update *u, const struct task *task)
{
    for (size_t i = 0; u->base && i < group_size(u->base); i++) {
        const struct rollout *r = group_result(u->base, i);
        if (r->task == task && r->status != ROLLOUT_RUNNING && r->status != ROLLOUT_UNSCORED)
            return r;
    }
    return NULL;
}

/* Adds the probes that the candidate broke, each as it went with the edit and without, and those that
 * it repaired. Its rollouts are measured anew: the journal has them. */
static int add_changed(struct update *u, const struct probe_set *p, const struct update_gate *d,
                       json_t *data)
{
    enum { LINE = 400 };
    struct learn *l = u->l;
    const struct gate_arm *arm = &d->gate.arm[d->revised];
    const struct rollout **shown = calloc(2 * p->n + 1, sizeof(*shown));
    json_t *broken = json_array(), *fixed = json_array();
    struct group *g = engine_group(l->s->engine, PHASE_ROLLOUT_PROBE);
    size_t n = 0;
    int rc = g && shown ? 0 : err_oom();
    for (size_t i = 0; rc >= 0 && i < p->n; i++)
        rc = group_add(
            g, p->v[i].task, d->arms[d->revised]->view,
            draw_number(&l->s->draws, DRAW_PROBE, (uint32_t)l->updates * DRAWS_AN_UPDATE));
    if (rc >= 0)
        rc = group_wait(g);
    for (size_t i = 0; rc == 0 && i < p->n; i++) {
        bool pass = arm->outcomes[i] == OUTCOME_PASS;
        const struct rollout *r = group_result(g, i);
        if (!p->v[i].failing && !pass) {
            const struct rollout *before = before_edit(u, r->task);
            json_t *trace = prompt_trace(l, r, before);
            if (before)
                json_object_set_new(trace, "before", prompt_trace(l, before, r));
            json_array_append_new(broken, trace);
            shown[n++] = r;
            if (before)
                shown[n++] = before;
        } else if (p->v[i].failing && pass) {
            json_array_append_new(fixed, prompt_line(r, NULL, LINE));
        }
    }
    prompt_told(l, shown, n, data);
    json_object_set_new(data, "broken", broken);
    json_object_set_new(data, "fixed", fixed);
    group_free(g);
    free(shown);
    return rc;
}

/* An edit broke something: the writer gets one chance to narrow it. A revision that is eligible, and
 * strictly better than the winner, takes its place (contrastive revision). */
static int revise(struct update *u, const struct probe_set *p, struct update_gate *d)
{
    struct learn *l = u->l;
    struct writer_call *w = NULL;
    const struct gate_score *score = &d->gate.arm[d->revised].score;
    json_t *data =
        json_pack("{s:o, s:i, s:i, s:i}", "edits", prompt_edits(&d->arms[d->revised]->proposal),
                  "score", score->score, "fixes", score->fixes, "regressions", score->regressions);
    int rc = data ? add_changed(u, p, d, data) : err_oom();
    size_t before = u->list.n;
    if (rc == 0)
        rc = writer_start(l, &w, PHASE_REVISE, "revise", data, 0);
    if (rc == 0)
        rc = writer_wait(l, &w, 1);
    if (rc == 0)
        rc = ask_again(l, &w, 1, PHASE_REVISE, &edit_reply_shape, false, NULL);
    u->k = d->arms[d->revised]->k;
    u->label = d->arms[d->revised]->label;
    u->about = d->arms[d->revised]->about;
    if (rc == 0)
        rc = update_take_reply(u, &w->text, true);
    writer_release(w);
    json_decref(data);
    if (rc < 0 || u->list.n == before)
        return rc;
    while (u->list.n > before + 1) /* one narrower edit was asked for */
        candidate_release(&u->list.v[--u->list.n]);
    /* A second gate with all arms, the earlier ones as they ended; only the new one is measured. */
    struct update_gate again = {0};
    rc = open_gate(u, p, d->gate.base, &again);
    if (rc == 0) {
        gate_keep(&again.gate, &d->gate);
        rc = measure(u, p, &again); /* ties go to the earlier: strictly better is needed */
    }
    decision_release(rc < 0 ? &again : d);
    if (rc == 0)
        *d = again;
    return rc;
}

int update_gate(struct update *u, const struct probe_set *p, const enum outcome *base)
{
    struct learn *l = u->l;
    struct update_gate d = {0};
    int rc = open_gate(u, p, base, &d);
    if (rc == 0)
        rc = measure(u, p, &d);
    if (rc == 0)
        rc = choose_revised(u, p, &d);
    if (rc == 0 && d.revised >= 0)
        rc = revise(u, p, &d);
    for (size_t arm = 0; rc == 0 && arm < d.gate.arms; arm++)
        l->count.probes_saved += d.gate.arm[arm].score.pending * l->c->gate.repeats;
    if (rc == 0)
        rc = record_update(l, p, &d.gate, d.arms, u->list.n, d.winner);
    decision_release(&d);
    return rc;
}
