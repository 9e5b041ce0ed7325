/* act.c - the next action of an agent of the clinic, by its habits. */
#include "runtime/simulator/sim.h"

void sim_act(struct sim_run *r)
{
    size_t before = r->out->len;
    if (r->n_turns == 0 && sim_has(r, HAB_PROSE))
        buf_adds(r->out, "I will look at the patient's chart first.\n\n");
    if (r->family >= FAM_CT)
        sim_solve_v2(r);
    else
        sim_solve_v1(r);
    if (r->out->len == before)
        buf_adds(r->out, "FINISH([])");
}
