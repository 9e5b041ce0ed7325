/* speaker.c - who is speaking: agent or writer. */
#include "runtime/simulator/simulator.h"

#include "runtime/simulator/sim.h"
#include "runtime/simulator/world.h"

int sim_reply(const struct sim_settings *settings, const struct chat *chat, int64_t draw,
              struct buf *out)
{
    static const char unsure[] =
        "I can only work the tasks of the clinic and write skills for them.";
    struct sim_run r;
    if (sim_writer_reply(settings, chat, draw, out))
        return buf_check(out);
    if (sim_world_reply(settings, chat, draw, out))
        return buf_check(out);
    if (sim_run_init(&r, settings, chat, draw, out)) {
        sim_set_habits(&r);
        if (settings->noise > 0)
            sim_act_noisy(&r);
        else
            sim_act(&r);
    } else {
        buf_adds(out, unsure);
    }
    sim_run_release(&r);
    return buf_check(out);
}
