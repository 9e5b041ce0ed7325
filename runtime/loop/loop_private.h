/* loop_private.h - what loop.c and http.c share. */
#ifndef GRASP_RUNTIME_LOOP_LOOP_PRIVATE_H
#define GRASP_RUNTIME_LOOP_LOOP_PRIVATE_H

#include "runtime/loop/loop.h"

/* Where a loop keeps its HTTP client: NULL until the first http_* call, which says how loop_close
 * releases it. The loop itself knows nothing of HTTP. */
struct http;
struct http_slot {
    struct http *http;
    void (*release)(struct http *h);
};
struct http_slot *loop_http_slot(struct loop *loop);

#endif
