/* panel.c - dev as a jury: measured, probe sets drawn from it. */
#include "runtime/transfer/panel.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/base/hash.h"
#include "runtime/base/log.h"

int panel_measure(struct panel *p, struct session *s, struct skills_view *view)
{
    const struct task_set *dev;
    *p = (struct panel){.s = s};
    int rc = session_split(s, SPLIT_DEV, &dev);
    if (rc < 0)
        return rc;
    struct group *g = engine_group_of(s->engine, PHASE_ROLLOUT_DEV, false, dev, view,
                                      draw_number(&s->draws, DRAW_DEV, 0));
    p->source = calloc(dev->n + 1, sizeof(*p->source));
    if (!g || !p->source) {
        group_free(g);
        return err_oom();
    }
    rc = group_wait(g);
    for (size_t i = 0; rc == 0 && i < dev->n; i++) {
        enum outcome o = rollout_outcome(group_result(g, i));
        if (o != OUTCOME_UNSCORED)
            p->source[p->n++] = (struct probe_source){&dev->v[i], o == OUTCOME_PASS};
    }
    if (rc == 0 && !s->draws.shared && s->config->gate.rule != RULE_PAPER)
        rc = noise_measure(&p->noise, s->engine, &s->draws, g, view);
    if (rc == 0)
        rc = score_of(g, &p->score);
    if (rc == 0)
        rc = score_covered(&p->score, s->config->gate.coverage_floor, "dev", s->engine);
    group_free(g);
    return rc;
}

void panel_release(struct panel *p)
{
    free(p->source);
    score_release(&p->score);
    *p = (struct panel){0};
}

int panel_draw(const struct panel *p, uint64_t seed, const struct strlist *without,
               struct probe_set *out)
{
    const struct config *c = p->s->config;
    return probe_set_draw(out, p->source, p->n, (size_t)c->cycle.grpo_eval_n,
                          (enum probe_strata)c->gate.probe_strata, without, seed);
}

void panel_rules(const struct panel *p, struct gate_rules *out)
{
    bool alike = p->s->draws.shared || p->noise.alike;
    config_gate_rules(p->s->config, alike, noise_flips(&p->noise), out);
}

struct arms panel_arms(struct session *s, const struct probe_set *probes, int number)
{
    return (struct arms){.engine = s->engine,
                         .probes = probes,
                         .repeats = (int)s->config->gate.repeats,
                         .wave = (size_t)s->config->cycle.batch_concurrency,
                         .draws = &s->draws,
                         .purpose = DRAW_PANEL,
                         .counter = (uint32_t)number * DRAWS_AN_UPDATE};
}

int panel_baseline(const struct arms *arms, struct skills_view *view, enum outcome *outcomes)
{
    struct group *g = arms_start(arms, view);
    int rc = arms_wait(arms, g, outcomes);
    group_free(g);
    return rc;
}

int panel_covered(const struct gate *g, const char *what)
{
    for (size_t arm = 0; arm < g->arms; arm++)
        if (!gate_covered(&g->rules, g->base, g->arm[arm].outcomes, g->n))
            return err_set(GRASP_EOUTAGE,
                           "%s is indecisive: too many probes could not be measured; nothing was "
                           "changed, the same command goes on later",
                           what);
    return 0;
}

void panel_plan(const struct session *s, const char *what, size_t rollouts, bool alone)
{
    char text[200];
    snprintf(text, sizeof(text), "%.80s: at most %zu rollouts, %zu calls%s", what, rollouts,
             rollouts * (size_t)s->config->cycle.max_rounds,
             s->journal ? ", those in the journal free" : "");
    if (alone)
        puts(text);
    else
        log_info("%s", text);
}

void panel_run_id(const struct session *s, const char *name, const char *const *texts, char *out,
                  size_t size)
{
    uint8_t digest[HASH_SIZE];
    char hex[HASH_HEX];
    struct buf all = BUF_INIT;
    config_fingerprint(s->config, digest);
    buf_add(&all, digest, sizeof(digest));
    for (; *texts; texts++)
        buf_addf(&all, "%s\n", *texts);
    hash_once(all.ptr, all.len, digest);
    hash_hex(digest, hex);
    buf_release(&all);
    snprintf(out, size, "%.40s-%.12s", name, hex);
}
