/* outcomes.c - how a batch of dev ended: its outcomes, and whether they measure the skills at all. */
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/learn/learn_private.h"

static int take_outcomes(struct learn *l, const struct batch *b, size_t *failures)
{
    size_t unscored = 0;
    *failures = 0;
    for (size_t i = 0; i < b->n; i++) {
        enum outcome o = record_outcome(l, "dev", &l->dev->v[b->v[i]],
                                        rollout_outcome(group_result(b->group, i)));
        l->seen.now[b->v[i]] = l->seen.last[b->v[i]] = o;
        l->seen.since[b->v[i]] = l->count.accepted;
        unscored += o == OUTCOME_UNSCORED;
        *failures += o != OUTCOME_UNSCORED && o != OUTCOME_PASS;
    }
    if (!gate_enough(unscored, b->n, l->c->gate.coverage_floor))
        return err_set(
            GRASP_EOUTAGE,
            "epoch %d, update %d: %zu of %zu dev rollouts could not be scored (%s); nothing was "
            "changed, the same command goes on later",
            l->epoch + 1, l->update + 1, unscored, b->n, engine_outage(l->s->engine));
    return 0;
}

/* Says that most of them ended in one and the same non-answer, if they did. */
static enum ending say_endings(const struct endings *e, double share, bool writer)
{
    struct buf text = BUF_INIT;
    enum ending most = endings_most(e, share);
    if (most != ENDING_ANSWER) {
        endings_describe(e, most, writer, &text);
        log_warn("%s", text.ptr ? text.ptr : "");
    }
    buf_release(&text);
    return most;
}

/* A batch that all but ends in one non-answer measures the endpoint, not the skills: nothing is to
 * be learned from it. Small batches are judged together. */
static int judge_endings(struct learn *l, const struct batch *b)
{
    enum { ENOUGH = 4 };
    struct endings *recent = &l->ended.recent;
    for (size_t i = 0; i < b->n; i++) {
        endings_add(&l->ended.dev, group_result(b->group, i));
        endings_add(recent, group_result(b->group, i));
    }
    if (recent->all < ENOUGH && (size_t)recent->all < l->dev->n)
        return 0;
    bool much = endings_most(recent, 0.9) != ENDING_ANSWER;
    enum ending most = !l->ended.said_dev || much ? say_endings(recent, 0.5, false) : ENDING_ANSWER;
    l->ended.said_dev = true;
    endings_release(recent);
    if (!much || (l->flags & LEARN_KEEP_GOING))
        return 0;
    l->why = "degenerate";
    /* what was no answer is kept as one */
    bool kept = most == ENDING_EMPTY || most == ENDING_CUT || most == ENDING_REFUSED ||
                most == ENDING_CONTEXT;
    return err_set(GRASP_ESTOPPED,
                   "epoch %d, update %d: stopped, because at least 90 %% of the dev rollouts ended "
                   "alike without an answer (%s); nothing was changed. Mend the cause and run the "
                   "same command (with --accept-changes where the configuration is another%s), or "
                   "insist with --keep-going",
                   l->epoch + 1, l->update + 1, ending_name(most),
                   kept ? "; after `grasp journal gc --kind context,empty,refused` where the "
                          "server is"
                        : "");
}

int learn_outcomes(struct learn *l, const struct batch *b, size_t *failures)
{
    int rc = take_outcomes(l, b, failures);
    return rc < 0 ? rc : judge_endings(l, b);
}

void learn_say_writer(struct learn *l)
{
    if (l->ended.writer.all && !l->ended.said_writer) {
        say_endings(&l->ended.writer, 0.5, true);
        l->ended.said_writer = true;
    }
}
