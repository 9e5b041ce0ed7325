/* speaker.c - who is speaking: executor or writer. */
#include "runtime/simulator/sim.h"
#include "runtime/simulator/world.h"

static const char unsure[] = "I can only work the tasks of the clinic and write skills for them.";

int sim_reply(const struct sim_settings *settings, const struct chat *chat, int64_t draw,
              const uint8_t salt[HASH_SIZE], struct buf *out)
{
    struct sim_run r;
    size_t before = out->len;
    if (sim_writer_reply(settings, chat, draw, salt, out))
        return buf_check(out);
    if (sim_world_reply(settings, chat, draw, salt, out))
        return buf_check(out);
    if (sim_run_init(&r, settings, chat, draw, salt, out)) {
        sim_set_habits(&r);
        if (r.n_turns == 0 && sim_has(&r, HAB_PROSE))
            buf_adds(out, "I will look at the patient's chart first.\n\n");
        if (r.family >= FAM_CT)
            sim_solve_v2(&r);
        else
            sim_solve_v1(&r);
        if (out->len == before)
            buf_adds(out, "FINISH([])");
    } else {
        buf_adds(out, unsure);
    }
    sim_run_release(&r);
    return buf_check(out);
}
