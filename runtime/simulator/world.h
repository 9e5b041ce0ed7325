/* world.h - the simulated model in worlds other than the clinic. */
#ifndef GRASP_RUNTIME_SIMULATOR_WORLD_H
#define GRASP_RUNTIME_SIMULATOR_WORLD_H

#include "runtime/simulator/sim.h"
#include "runtime/simulator/writer.h"

/* False: not the first message of such a world, or none that it can act in; nothing is written. */
bool sim_world_reply(const struct sim_settings *settings, const struct chat *chat, int64_t draw,
                     struct buf *out);
/* MECH_UNCLEAR when a record's tags name none of the mistakes that worlds have in common. */
enum sim_mechanism sim_world_mechanism(struct sim_text tags);

#endif
