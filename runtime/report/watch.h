/*
 * watch.h - a run as a screen: what it is at, its curve, the update in work, the last decisions, the
 * endpoints, the money. Reads the files of a run's directory (status.json while it runs) and nothing
 * else.
 *
 *     struct watch_size size = {80, 24};
 *     enum watch_state state;
 *     rc = watch_screen("run-1", &size, clock_wall(), &state, &screen);
 */
#ifndef GRASP_RUNTIME_REPORT_WATCH_H
#define GRASP_RUNTIME_REPORT_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

struct watch_size {
    size_t width, height; /* columns, lines; height 0: as many as there are */
};
enum watch_state {
    WATCH_RUNNING,
    WATCH_SILENT, /* it runs on another host, or not at all: no word of it for half a minute */
    WATCH_DIED,   /* its process is gone, and it has not said how it ended */
    WATCH_ENDED,
};
/* Appends the lines of a screen; texts of models are shown as they are but for control characters.
 * `wall`: now. GRASP_ENOTFOUND when the directory is no run's. */
int watch_screen(const char *dir, const struct watch_size *size, int64_t wall,
                 enum watch_state *state, struct buf *out);
/* The same in one line, of a run among others: "epoch 2 of 5, update 1 of 3, 1,204 calls, 12 min left",
 * nothing where there is no run. */
void watch_brief(const char *dir, int64_t wall, struct buf *out);

#endif
