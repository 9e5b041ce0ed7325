#include "runtime/model/sim.h"
bool sim_writer_reply(const struct sim_settings *settings, const struct chat *chat, int draw,
                      const uint8_t *salt, struct buf *out)
{
    (void)settings;
    (void)chat;
    (void)draw;
    (void)salt;
    (void)out;
    return false;
}
