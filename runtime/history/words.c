/* words.c - what the gate decided and measured, in words. */
#include "runtime/history/words.h"

#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"

void ruling_of(struct ruling *v, const struct gate_rules *rules, const struct gate_arm *arm,
               bool accepted)
{
    bool open = !accepted && arm->stop == GATE_RUNNING;
    *v = (struct ruling){.fate = open ? "" : decision_fate(arm, accepted),
                         .early = arm->stop > GATE_FINISHED,
                         .replicate = rules->rule == GATE_REPLICATE,
                         .budget = rules->regression_budget,
                         .measured = true,
                         .score = arm->score};
}

static int count_at(const json_t *v, const char *path)
{
    return (int)json_int_at(v, path, 0);
}

void ruling_read(struct ruling *v, const json_t *e)
{
    const char *stop = json_str_at(e, "stop", gate_stop_name(GATE_FINISHED));
    *v = (struct ruling){
        .fate = json_str_at(e, "fate", ""),
        .early = strcmp(stop, gate_stop_name(GATE_FINISHED)) != 0,
        .replicate = str_same(json_str_at(e, "rules.rule", ""), gate_rule_name(GATE_REPLICATE)),
        .budget = count_at(e, "rules.regression_budget"),
        .measured = json_is_object(json_object_get(e, "score")),
        .score = {.fixes = count_at(e, "score.fixes"),
                  .regressions = count_at(e, "score.regressions"),
                  .invalid = count_at(e, "score.invalid_action_regressions"),
                  .base_fixes = count_at(e, "score.base_fixes"),
                  .base_regressions = count_at(e, "score.base_regressions"),
                  .failing = count_at(e, "score.failing"),
                  .passing = count_at(e, "score.passing"),
                  .unscored = count_at(e, "score.unscored"),
                  .pending = count_at(e, "score.pending"),
                  .score = count_at(e, "score.score"),
                  .eligible = json_bool_at(e, "score.eligible", false)}};
}

bool ruling_accepted(const struct ruling *v)
{
    return strcmp(v->fate, "accepted") == 0 || strcmp(v->fate, "unmeasured") == 0;
}

/* "7 fixes, 5 of them the baseline's own": what the library as it stood did on the same probes. */
static void add_count(struct buf *out, int n, int base, const char *one, const char *many)
{
    if (n)
        buf_addf(out, "%d %s", n, plural(n, one, many));
    else
        buf_addf(out, "no %s", many);
    if (!base)
        return;
    if (base < n)
        buf_addf(out, ", %d of them the baseline's own", base);
    else if (base == n)
        buf_addf(out, ", as many as the baseline's own");
    else
        buf_addf(out, " where the baseline alone has %d", base);
}

void ruling_counts(const struct ruling *v, struct buf *out)
{
    const struct gate_score *s = &v->score;
    if (!v->measured) {
        buf_adds(out, "nothing was measured");
        return;
    }
    if (!v->early && *v->fate)
        buf_addf(out, "%+d (", s->score);
    add_count(out, s->fixes, s->base_fixes, "fix", "fixes");
    buf_adds(out, "; ");
    add_count(out, s->regressions, s->base_regressions, "regression", "regressions");
    if (s->invalid)
        buf_addf(out, ", %d by an action that is none, which weighs more", s->invalid);
    if (!v->early && *v->fate)
        buf_addch(out, ')');
}

static void add_early(const struct ruling *v, struct buf *out)
{
    const struct gate_score *s = &v->score;
    int seen = s->failing + s->passing + s->unscored;
    if (v->early)
        buf_addf(out, "; stopped after %d of %d probes, since no outcome of the rest could help it",
                 seen, seen + s->pending);
}

static void add_accepted(const struct ruling *v, struct buf *out)
{
    int broken = v->score.regressions - v->score.base_regressions;
    buf_adds(out, "accepted");
    if (broken > 0)
        buf_addf(out, ": it broke %d, which the budget allows", broken);
}

static void add_beaten(const struct ruling *v, struct buf *out)
{
    if (!v->winner)
        buf_adds(out, v->early ? "another candidate of the update was sure to gain more"
                               : "another candidate of the update gained more");
    else if (v->early)
        buf_addf(out, "another candidate of the update was sure to gain more (it got %+d)",
                 *v->winner);
    else if (*v->winner == v->score.score)
        buf_addf(out, "another candidate of the update gained as much (%+d), and came first",
                 *v->winner);
    else
        buf_addf(out, "another candidate of the update gained more (%+d)", *v->winner);
}

static void add_broke(const struct ruling *v, struct buf *out)
{
    int broken = v->score.regressions - v->score.base_regressions;
    if (broken > 0)
        buf_addf(out, "it broke %d %s without it", broken,
                 plural(broken, "task that passes", "tasks that pass"));
    else
        buf_adds(out, "it broke tasks that pass without it");
    if (v->budget > 0)
        buf_addf(out, ", at most %d may break", v->budget);
    else
        buf_adds(out, ", none may break");
}

static void add_no_gain(const struct ruling *v, struct buf *out)
{
    if (v->early)
        buf_adds(out, "it could no longer gain anything");
    else if (v->replicate && v->score.score > 0)
        buf_addf(out, "a gain of %d can be chance where outcomes flip", v->score.score);
    else if (v->score.score < 0)
        buf_addf(out, "it lost %d", -v->score.score);
    else
        buf_adds(out, "it gained nothing");
}

void ruling_words(const struct ruling *v, struct buf *out)
{
    static const struct {
        const char *fate;
        void (*add)(const struct ruling *, struct buf *);
    } why[] = {{"beaten", add_beaten}, {"regressions", add_broke}, {"score", add_no_gain}};
    if (!*v->fate) {
        buf_adds(out, "not decided yet");
        return;
    }
    if (strcmp(v->fate, "unmeasured") == 0) {
        buf_adds(out, "taken in without being measured");
        return;
    }
    if (strcmp(v->fate, "accepted") == 0) {
        add_accepted(v, out);
        return;
    }
    buf_adds(out, "refused: ");
    for (size_t i = 0; i < sizeof(why) / sizeof(*why); i++)
        if (v->measured && strcmp(v->fate, why[i].fate) == 0) {
            why[i].add(v, out);
            add_early(v, out);
            return;
        }
    buf_adds(out, fate_words(v->fate));
}

const char *decision_fate(const struct gate_arm *arm, bool accepted)
{
    if (accepted)
        return "accepted";
    if (arm->stop != GATE_FINISHED)
        return gate_stop_name(arm->stop);
    return arm->score.eligible ? "beaten" : arm->score.gains ? "regressions" : "score";
}

const char *fate_words(const char *fate)
{
    static const struct {
        const char *fate, *words;
    } all[] = {
        {"accepted", "accepted"},
        {"score", "fixed no more than it broke, beyond what the baseline did"},
        {"regressions", "broke more than the budget allows"},
        {"beaten", "another candidate of the update reached more"},
        {"not confirmed", "did not hold on the second probe set"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(all[i].fate, fate) == 0)
            return all[i].words;
    return fate;
}
