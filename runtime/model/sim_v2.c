#include "runtime/model/sim.h"
void sim_solve_v2(struct sim_run *r)
{
    sim_finish(r, "%s", "");
}
