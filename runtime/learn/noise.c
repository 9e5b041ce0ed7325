/*
 * noise.c - what a run knows of its endpoint's noise, and what follows from it: whether samples are
 * shared, and the rule of the gate. Decided once, after the first batch, and kept in run.json, so
 * that a run that goes on decides the same.
 */
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn_private.h"

void learn_gate_rules(const struct learn *l, size_t candidates, struct gate_rules *out)
{
    config_gate_rules(l->c, l->s->draws.shared, noise_flips(&l->noise), out);
    /* alpha is shared by all that may be measured in the update, its revision among them */
    out->candidates = (int)candidates + 1;
}

/* The endpoint answers alike every time: one sample stands for all, and what was drawn before that
 * was known stands for it where nothing was drawn since. */
static void share_draws(struct learn *l)
{
    struct draws fresh = {.seed = l->s->draws.seed};
    struct engine *e = l->s->engine;
    l->s->draws.shared = true;
    engine_draws_alike(e, PHASE_ROLLOUT_DEV, draw_number(&fresh, DRAW_DEV, 0));
    engine_draws_alike(e, PHASE_ROLLOUT_PROBE, draw_number(&fresh, DRAW_DEV, 0));
    engine_draws_alike(e, PHASE_ROLLOUT_VAL, draw_number(&fresh, DRAW_VAL, 0));
    engine_draws_alike(e, PHASE_ROLLOUT_TEST, draw_number(&fresh, DRAW_TEST, 0));
}

bool learn_wants_noise(const struct config *c)
{
    bool measured =
        c->method.name == METHOD_GRASP && !c->cycle.no_gate && c->cycle.blind_select == BLIND_OFF;
    return c->draws == DRAWS_AUTO ||
           (c->draws == DRAWS_FRESH && measured && c->gate.rule != RULE_PAPER);
}

int learn_noise(struct learn *l, const struct batch *first)
{
    struct buf line = BUF_INIT;
    struct gate_rules rules;
    const json_t *known = json_object_get(l->run.state, "noise");
    int rc = 0;
    if (l->noise_known)
        return 0;
    if (known)
        rc = noise_from_json(&l->noise, known);
    else if (learn_wants_noise(l->c))
        rc = noise_measure(&l->noise, l->s->engine, &l->s->draws, first->group, l->at.view);
    if (rc < 0)
        return rc;
    l->noise_known = true;
    if (l->c->draws == DRAWS_AUTO && l->noise.alike)
        share_draws(l);
    learn_gate_rules(l, 0, &rules);
    if (l->noise.measured) {
        noise_describe(&l->noise, &line);
        log_info("%s; samples are %s, the gate's rule is %s", line.ptr ? line.ptr : "",
                 l->s->draws.shared ? "shared" : "drawn afresh", gate_rule_name(rules.rule));
    }
    buf_release(&line);
    return known ? 0 : record_noise(l, gate_rule_name(rules.rule));
}
