/* arms_pick.c - a pick of the gate as rollouts, and what they came to. */
#include "runtime/engine/arms.h"

static int64_t draw_of(const struct arms *a, size_t arm, int r)
{
    uint32_t off = arm == GATE_BASE ? 0 : (uint32_t)(arm + 1) * a->apart;
    return draw_number(a->draws, a->purpose, a->counter + off + (uint32_t)r);
}

int arms_add(const struct arms *a, struct group *g, const struct gate_pick *p,
             struct skills_view *view)
{
    int rc = 0;
    for (int r = 0; rc >= 0 && r < a->repeats; r++)
        rc = group_add(g, a->probes->v[p->probe].task, view, draw_of(a, p->arm, p->draw + r));
    return rc;
}

enum outcome arms_outcome(const struct arms *a, const struct group *g, size_t first)
{
    enum { MOST = 99 };
    enum outcome draws[MOST];
    for (int r = 0; r < a->repeats; r++)
        draws[r] = rollout_outcome(group_result(g, first + (size_t)r));
    return a->repeats == 1 ? draws[0] : gate_majority(draws, a->repeats);
}
