/*
 * noise.c - outcomes that flip. An endpoint does not answer twice alike, at temperature 0 neither;
 * `sim.noise` is the mean share of episodes whose outcome is the other one than habits and skills
 * give.
 *
 * Rates. Each task has a rate of its own (by its text and `sim.seed`), spread as real endpoints
 * spread: most tasks are steady, some are coins. With a mean m up to 1/4, a share 5m/2 of the tasks
 * is flaky, with a rate even between 0.1 and 0.5, and flips three quarters of what flips; the others
 * share the last quarter evenly, m/4 over 1 - 5m/2 of the tasks:
 *
 *     mean   flaky tasks   rate of a steady task   two draws differ   as n p (1-p)
 *     0.02       5 %              0.5 %                 3.0 %            p = 0.015
 *     0.05      12.5 %            1.4 %                 7.4 %            p = 0.038
 *     0.12      30 %              4.3 %                17.5 %            p = 0.097
 *     0.20      50 %             10 %                  28.7 %            p = 0.17
 *
 * (A coin's flips cancel in part: the variance of a count shows less than the mean.) Above 1/4 all
 * rates move towards 1/2.
 *
 * Whether an episode flips hangs on the skills it is shown as well, as every change of a prompt draws
 * anew at an endpoint: two arms of a gate do not flip together. A task that is helped by a hedged
 * rule alone ("Usually: ...") is a coin as soon as there is noise; without noise half of these tasks
 * heed the rule.
 *
 * An episode. Until the agent is ready to act it looks at the chart as its habits tell it. Then,
 * once in the episode, it is drawn whether this one is flipped. If it is, what habits lead to is
 * compared with what no habit would do, on the chart as both see it: when the two differ, the
 * outcome would have been wrong, and the rest is played without habits (searches that were done
 * badly are done again); when they agree, it would have been right, and one of the family's habits
 * spoils the next action.
 *
 * Nothing is remembered between turns: the draw is taken at the first turn at which a flipped
 * episode says something else, so the conversation itself shows how it came out. Hence a request
 * whose draw nobody names (grasp model serve) may be given another draw each turn.
 */
#include <string.h>
#include <xxhash.h>

#include "runtime/base/text.h"
#include "runtime/simulator/sim.h"

enum { SALT_RATE = 60, SALT_FLAKY, SALT_FLIP, SALT_SPOIL };

double sim_flip_rate(double mean, uint64_t key)
{
    double m = mean < 0.25 ? mean : 0.25, share = 2.5 * m;
    double rate = sim_chance(key, SALT_RATE, 0) < share ? 0.1 + 0.4 * sim_chance(key, SALT_FLAKY, 0)
                                                        : 0.25 * m / (1 - share);
    return mean <= 0.25 ? rate : 0.5 - (0.5 - rate) * (mean < 0.5 ? 0.5 - mean : 0) / 0.25;
}

static bool drawn_below(double rate, uint64_t mine, struct sim_text skills, int64_t draw)
{
    uint64_t shown = skills.n ? XXH3_64bits(skills.s, skills.n) : 0;
    return sim_chance(mine ^ shown, SALT_FLIP, (uint64_t)draw) < rate;
}

static uint64_t seeded(const struct sim_settings *settings, uint64_t key)
{
    return key ^ (settings->seed * 0x9e3779b97f4a7c15ULL);
}

bool sim_flips(const struct sim_settings *settings, uint64_t key, struct sim_text skills,
               int64_t draw)
{
    uint64_t mine = seeded(settings, key);
    return drawn_below(sim_flip_rate(settings->noise, mine), mine, skills, draw);
}

static bool comes_out_flipped(const struct sim_run *r)
{
    struct sim_text skills = r->block.n ? r->block : r->skills;
    bool coin = r->guidance.half && !(r->habits & ~r->guidance.half);
    return coin ? drawn_below(0.5, seeded(r->settings, r->key), skills, r->draw)
                : sim_flips(r->settings, r->key, skills, r->draw);
}

/* What an agent does: with its habits, and what the skills made of it. */
struct sim_mind {
    uint64_t habits;
    struct sim_guidance guidance;
};

/* The run as one of this mind sees it: of the searches only those that it would have made. */
struct sim_view {
    struct sim_run run; /* shares what the real one owns */
};

static void view_act(struct sim_view *v, const struct sim_mind *m, struct buf *out)
{
    buf_reset(out);
    v->run.habits = m->habits;
    v->run.guidance = m->guidance;
    v->run.out = out;
    sim_act(&v->run);
}

static bool is_get(const struct buf *reply)
{
    return str_starts(reply->ptr, "GET ");
}

static bool says(struct sim_text turn, const struct buf *reply)
{
    struct sim_text b = sim_trim((struct sim_text){reply->ptr, reply->len});
    struct sim_text a = sim_trim(turn);
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

static void view_add(struct sim_view *v, const struct sim_turn *t, json_t *bundle)
{
    if (v->run.n_turns == SIM_TURNS)
        return;
    v->run.bundles[v->run.n_turns] = bundle;
    v->run.turns[v->run.n_turns++] = *t;
    v->run.n_posts += t->kind == TURN_POST;
}

/* The first `n` turns as `m` sees them, with the orders or without; `out` is the reply that follows.
 */
static void view_init(struct sim_view *v, struct sim_run *r, size_t n, bool orders,
                      const struct sim_mind *m, struct buf *out)
{
    v->run = *r;
    memset(v->run.bundles, 0, sizeof(v->run.bundles));
    v->run.n_turns = v->run.n_posts = 0;
    view_act(v, m, out);
    for (size_t i = 0; i < n; i++) {
        const struct sim_turn *t = &r->turns[i];
        if (t->kind == TURN_GET ? !says(t->text, out) : !orders)
            continue;
        view_add(v, t, sim_bundle(r, i));
        view_act(v, m, out);
    }
}

/* All that `m` would do from its first order or answer on, by the chart as it saw it. */
static void plan(struct sim_run *r, size_t n, const struct sim_mind *m, struct buf *all)
{
    static const struct sim_turn order = {.kind = TURN_POST};
    struct sim_view v;
    struct buf reply = BUF_INIT;
    view_init(&v, r, n, false, m, &reply);
    for (size_t i = 0; i < 8; i++) {
        buf_add(all, reply.ptr, reply.len);
        buf_addch(all, '\n');
        if (!str_starts(reply.ptr, "POST "))
            break;
        view_add(&v, &order, NULL);
        view_act(&v, m, &reply);
    }
    buf_release(&reply);
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
}

static bool would_pass(struct sim_run *r, size_t n, const struct sim_mind *habits,
                       const struct sim_mind *clean)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    plan(r, n, habits, &a);
    plan(r, n, clean, &b);
    bool pass = same(&a, &b);
    buf_release(&a);
    buf_release(&b);
    return pass;
}

/* Another first action than `right`, by one of the family's habits; which one hangs on the draw. A
 * line of prose in front, which ends an episode as invalid, is one of them. */
static void spoil(struct sim_run *r, size_t n, const struct buf *right, struct buf *out)
{
    const struct sim_mind clean = {0};
    uint64_t all = sim_family_habits(r->family) & ~HABIT(HAB_PROSE);
    struct sim_view v;
    double luck = sim_chance(r->key ^ r->settings->seed, SALT_SPOIL, (uint64_t)r->draw);
    size_t from = (size_t)(luck * (HABITS + 8));
    view_init(&v, r, n, true, &clean, out);
    for (size_t i = 0; from < HABITS && i < HABITS; i++) {
        enum sim_habit h = (enum sim_habit)((from + i) % HABITS);
        struct sim_mind one = {.habits = HABIT(h)};
        if (!(all & HABIT(h)))
            continue;
        view_act(&v, &one, out);
        if (!is_get(out) && !same(out, right))
            return;
    }
    buf_reset(out);
    buf_addf(out, "This is what the chart calls for:\n\n%.*s", (int)right->len, right->ptr);
}

/* What is said after the first `n` turns if the episode is flipped. */
static void flipped(struct sim_run *r, size_t n, const struct sim_mind *habits, struct buf *out)
{
    const struct sim_mind clean = {0};
    struct sim_view v;
    view_init(&v, r, n, true, &clean, out);
    if (is_get(out) || v.run.n_posts || !would_pass(r, n, habits, &clean))
        return;
    struct buf right = *out;
    *out = (struct buf)BUF_INIT;
    spoil(r, n, &right, out);
    buf_release(&right);
}

void sim_act_noisy(struct sim_run *r)
{
    const struct sim_mind habits = {r->habits, r->guidance};
    struct buf *reply = r->out, mine = BUF_INIT, other = BUF_INIT;
    bool flips = false, drawn = false;
    for (size_t n = 0; n <= r->n_turns && !flips; n++) {
        struct sim_view v;
        bool last = n == r->n_turns;
        if (drawn && !last)
            continue;
        view_init(&v, r, n, true, &habits, &mine);
        if (drawn || (is_get(&mine) && !v.run.n_posts)) {
            flips = !last && !says(r->turns[n].text, &mine);
            continue;
        }
        flipped(r, n, &habits, &other);
        drawn = !same(&mine, &other);
        if (drawn)
            flips = last ? comes_out_flipped(r) : !says(r->turns[n].text, &mine);
    }
    if (flips)
        flipped(r, r->n_turns, &habits, &other);
    const struct buf *said = flips ? &other : &mine;
    buf_add(reply, said->ptr, said->len);
    buf_release(&mine);
    buf_release(&other);
}
