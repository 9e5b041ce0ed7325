/*
 * live.c - what a run is at, for who looks on from elsewhere (grasp watch): RUN/status.json beside the
 * files that stay. It is gone when the run has ended; what is in it after a process that was killed is how
 * far that one came.
 *
 *     {..life.h.., run, method, executor, writer, library, epoch, epochs, update, updates, skills,
 *      accepted, judged, replayed, budget_usd,
 *      curve: [{epoch (-1: without skills), dev_score, done, total, passed}],
 *      probes: [{task, failing, base}], arms: [{edit, outcomes: "pf.u", stop}]}
 *
 * `outcomes` has a letter a probe: p passes, f fails, u could not be measured, . not measured yet.
 */
#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/learn/learn_private.h"

static char letter(enum outcome o)
{
    return o == OUTCOME_PASS ? 'p' : o == OUTCOME_PENDING ? '.' : o == OUTCOME_UNSCORED ? 'u' : 'f';
}

static json_t *arm_json(const struct gate *g, size_t arm, const struct candidate *c)
{
    struct buf edit = BUF_INIT, outcomes = BUF_INIT;
    proposal_describe(&c->proposal, &edit);
    for (size_t i = 0; i < g->n; i++)
        buf_addch(&outcomes, letter(g->arm[arm].outcomes[i]));
    json_t *v =
        json_pack("{s:s, s:s, s:s}", "edit", edit.ptr ? edit.ptr : "", "outcomes",
                  outcomes.ptr ? outcomes.ptr : "", "stop", gate_stop_name(g->arm[arm].stop));
    buf_release(&edit);
    buf_release(&outcomes);
    return v;
}

static void add_gate(const struct learn *l, json_t *out)
{
    const struct gate *g = l->live.gate;
    json_t *probes = json_array(), *arms = json_array();
    for (size_t i = 0; i < g->n; i++) {
        const char base[] = {letter(g->base[i]), '\0'};
        json_array_append_new(probes,
                              json_pack("{s:s, s:b, s:s}", "task", l->live.probes->v[i].task->id,
                                        "failing", (int)g->failing[i], "base", base));
    }
    for (size_t k = 0; k < g->arms; k++)
        json_array_append_new(arms, arm_json(g, k, l->live.arms[k]));
    json_object_set_new(out, "probes", probes);
    json_object_set_new(out, "arms", arms);
}

/* Val as far as it is scored: the checkpoints are waited for when all is learned. */
static json_t *curve_json(const struct learn *l)
{
    json_t *out = json_array();
    for (size_t i = 0; i < l->scores.n_checks; i++) {
        const struct checkpoint *c = &l->scores.checks[i];
        int total = c->score.total, passed = c->score.correct, done = total;
        for (size_t k = 0; c->group && k < group_size(c->group); k++) {
            enum outcome o = rollout_outcome(group_result(c->group, k));
            done += o != OUTCOME_PENDING;
            passed += o == OUTCOME_PASS;
            total++;
        }
        json_array_append_new(out,
                              json_pack("{s:i, s:o, s:i, s:i, s:i}", "epoch", c->epoch, "dev_score",
                                        c->has_dev ? json_real(c->dev_score) : json_null(), "done",
                                        done, "total", total, "passed", passed));
    }
    return out;
}

static void add(json_t *out, void *arg)
{
    const struct learn *l = arg;
    const struct config *c = l->c;
    struct journal_counts j = {0};
    if (l->s->journal)
        journal_counts(l->s->journal, MODEL_PHASES, &j);
    json_t *v = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:i, s:I, s:I, s:I, s:I, s:f}", "run", l->run.id,
        "method", method_names[c->method.name], "executor", session_model(l->s, false)->name,
        "writer", session_model(l->s, true)->name, "library", library_dir(l->lib), "epoch",
        l->epoch, "epochs", (json_int_t)config_epochs(c), "update", l->update, "skills",
        (json_int_t)l->at.set.n, "accepted", (json_int_t)l->count.accepted, "judged",
        (json_int_t)l->count.judged, "replayed", (json_int_t)(j.replayed + j.joined), "budget_usd",
        c->budget.usd);
    if (v)
        json_object_update(out, v);
    json_decref(v);
    json_object_set_new(out, "curve", curve_json(l));
    if (l->live.gate)
        add_gate(l, out);
}

int learn_live(struct learn *l)
{
    char *path = fs_join(l->run.dir, "status.json");
    int rc = path ? life_keep(l->s->life, path, add, l) : err_oom();
    free(path);
    return rc;
}
