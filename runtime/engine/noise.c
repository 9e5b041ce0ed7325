/* noise.c - how often an endpoint's outcomes flip. */
#include "runtime/engine/noise.h"

#include <math.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"

/* A rate to go by where nothing was measured: too high a one costs little (gate/replicate.c). */
#define UNKNOWN_FLIPS 0.12

static int asked(const struct noise *n)
{
    return n->asked[0] + n->asked[1];
}

static int differ(const struct noise *n)
{
    return n->differ[0] + n->differ[1];
}

/* Which rollouts of `first` are asked again: of each side evenly over the group, so that families
 * that come one after the other are all there. */
static size_t choose(const struct group *first, size_t *out)
{
    size_t of[2] = {0}, take[2], n = 0;
    for (size_t i = 0; i < group_size(first); i++) {
        enum outcome o = rollout_outcome(group_result(first, i));
        if (o != OUTCOME_UNSCORED && o != OUTCOME_PENDING)
            of[o != OUTCOME_PASS]++;
    }
    for (int side = 0; side < 2; side++) {
        size_t other = of[!side] < NOISE_TASKS / 2 ? of[!side] : NOISE_TASKS / 2;
        take[side] = of[side] < NOISE_TASKS - other ? of[side] : NOISE_TASKS - other;
    }
    if (take[0] + take[1] > NOISE_TASKS) /* both have more than half: half of each */
        take[0] = take[1] = NOISE_TASKS / 2;
    size_t seen[2] = {0}, got[2] = {0};
    for (size_t i = 0; i < group_size(first); i++) {
        enum outcome o = rollout_outcome(group_result(first, i));
        int side = o != OUTCOME_PASS;
        if (o == OUTCOME_UNSCORED || o == OUTCOME_PENDING)
            continue;
        if (got[side] < take[side] && got[side] * of[side] <= seen[side] * take[side]) {
            got[side]++;
            out[n++] = i;
        }
        seen[side]++;
    }
    return n;
}

static bool same_messages(const struct chat *a, const struct chat *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = a->v[i].len == b->v[i].len && memcmp(a->v[i].text, b->v[i].text, a->v[i].len) == 0;
    return same;
}

int noise_measure(struct noise *n, struct engine *e, const struct draws *draws,
                  const struct group *first, struct skills_view *view)
{
    size_t chosen[NOISE_TASKS], count = choose(first, chosen);
    struct group *g = engine_group(e, PHASE_ROLLOUT_DEV);
    int rc = g ? 0 : GRASP_ENOMEM;
    if (g)
        group_called(g, "noise");
    *n = (struct noise){.alike = true, .measured = true};
    for (size_t i = 0; rc >= 0 && i < count; i++)
        rc = group_add(g, group_result(first, chosen[i])->task, view,
                       draw_number(draws, DRAW_NOISE, 1));
    if (rc >= 0)
        rc = group_wait(g);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct rollout *a = group_result(first, chosen[i]), *b = group_result(g, i);
        enum outcome was = rollout_outcome(a), is = rollout_outcome(b);
        int side = was != OUTCOME_PASS;
        if (is == OUTCOME_UNSCORED)
            continue;
        n->asked[side]++;
        n->differ[side] += (was == OUTCOME_PASS) != (is == OUTCOME_PASS);
        n->alike &= same_messages(&a->chat, &b->chat);
    }
    n->alike &= asked(n) > 0; /* nothing asked shows nothing */
    group_free(g);
    return rc < 0 ? rc : 0;
}

double noise_flips(const struct noise *n)
{
    return asked(n) ? gate_flips(differ(n), asked(n)) : UNKNOWN_FLIPS;
}

/* Of outcomes that flip with probability p, 2 p (1 - p) of the pairs differ. */
static double rate_of(double differ_share)
{
    return differ_share >= 0.5 ? 0.5 : (1 - sqrt(1 - 2 * differ_share)) / 2;
}

double noise_rate(const struct noise *n, struct interval *interval)
{
    struct interval w = wilson(differ(n), asked(n));
    if (interval)
        *interval = (struct interval){rate_of(w.low), rate_of(w.high)};
    return asked(n) ? rate_of((double)differ(n) / asked(n)) : 0;
}

void noise_describe(const struct noise *n, struct buf *out)
{
    struct interval i;
    double rate = noise_rate(n, &i);
    if (!asked(n)) {
        buf_adds(out, "how often this endpoint's outcomes flip was not measured");
        return;
    }
    buf_addf(
        out,
        "this endpoint flips %.0f %% of outcomes (%.0f to %.0f): of %d tasks rolled out again, "
        "%d of %d that passed failed, %d of %d that failed passed",
        100 * rate, 100 * i.low, 100 * i.high, asked(n), n->differ[0], n->asked[0], n->differ[1],
        n->asked[1]);
    if (n->alike)
        buf_adds(out, "; every reply came again byte for byte");
}

json_t *noise_to_json(const struct noise *n)
{
    struct interval i;
    double rate = noise_rate(n, &i);
    if (!n->measured)
        return json_null();
    return json_pack("{s:i, s:i, s:i, s:i, s:b, s:f, s:[f, f]}", "passed", n->asked[0],
                     "passed_then_failed", n->differ[0], "failed", n->asked[1],
                     "failed_then_passed", n->differ[1], "alike", (int)n->alike, "flips", rate,
                     "interval", i.low, i.high);
}

int noise_from_json(struct noise *n, const json_t *v)
{
    *n = (struct noise){0};
    if (!json_is_object(v))
        return 0;
    n->asked[0] = (int)json_int_at(v, "passed", 0);
    n->differ[0] = (int)json_int_at(v, "passed_then_failed", 0);
    n->asked[1] = (int)json_int_at(v, "failed", 0);
    n->differ[1] = (int)json_int_at(v, "failed_then_passed", 0);
    n->alike = json_bool_at(v, "alike", false);
    n->measured = true;
    bool sound = true;
    for (int i = 0; i < 2; i++)
        sound &= n->asked[i] >= 0 && n->differ[i] >= 0 && n->differ[i] <= n->asked[i] &&
                 n->asked[i] <= NOISE_TASKS;
    return sound ? 0 : err_set(GRASP_EINVAL, "the measured noise is damaged");
}
