/*
 * api_private.h - what the files of a chat model over HTTP share: api.c makes the calls, api_late.c
 * sends again what is late, api_open.c reads the settings and says how it stands.
 */
#ifndef GRASP_RUNTIME_MODEL_API_PRIVATE_H
#define GRASP_RUNTIME_MODEL_API_PRIVATE_H

#include <sys/queue.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"
#include "runtime/model/late.h"
#include "runtime/model/pool.h"
#include "runtime/model/wire.h"

#define MAX_HEADERS    32
#define KEY_TIMEOUT_NS (30 * NS_PER_SEC)

struct api_endpoint {
    char *base, *url, *auth;      /* auth: the whole header line, NULL: none */
    char *key_file, *key_command; /* where the key is read; NULL: it is as configured */
    int64_t key_read_at;          /* calls begun before it had an older key */
};
struct api {
    struct model m;
    struct loop *loop;
    const struct wire *wire;
    struct wire_params params;
    json_t *extra;
    char *model;
    struct api_endpoint *endpoints;
    struct pool pool;
    struct late late;
    enum model_hedge hedge;
    char *auth_name, *unix_socket, *client_cert, *client_key;
    struct strlist headers; /* further ones, as lines */
    int64_t timeout_ns, backoff_ns, max_wait_ns;
    int attempts, outage_limit, outages_in_row;
    char *fatal; /* why it can never work */
    char *gone;  /* why an endpoint that has worked is asked no more: an outage */
    uint64_t pump_timer, silence_timer, late_timer;
    int64_t answered_at; /* the last answer, or the first call */
    size_t waiting;      /* calls not answered */
    bool said_estimated;
    bool short_of_files;                  /* not yet said that it limits the calls in flight */
    TAILQ_HEAD(, api_call) queue, others; /* others: in flight or waiting for their timer */
};
struct api_request {
    struct api_call *call;
    uint64_t http; /* 0: not in flight */
    int endpoint;
    int64_t started;
    int64_t expected;       /* tokens that it was thought to take */
    bool completion_tokens; /* how its body called max_tokens */
    bool lost;              /* taken for lost, and another one was sent */
    struct buf body;
};
struct api_call {
    struct api *api;
    TAILQ_ENTRY(api_call) link;
    bool queued;
    struct model_request rq;
    model_fn fn;
    void *arg;
    struct api_request rqs[2];
    int avoid; /* an endpoint; -1: none */
    int failures, limited, empties, doubts;
    int lost;      /* so often it was sent again because its answer did not come */
    int cancelled; /* requests that nobody waited for any more: what they took is not known */
    uint64_t timer;
    int64_t latency_ns;
    int64_t started, before;  /* when the last request began, and the one before */
    struct model_usage usage; /* of all attempts: what is thrown away is paid for, too */
    enum model_result end;    /* what its timer delivers */
    char why[512];
};

int api_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg);
void api_halt(struct model *m, const char *why);
/* Sends what is queued, as far as the endpoints and the meter let it. */
void api_pump(struct api *a);
/* Puts a call at the queue's head or end, or among the others. */
void api_move(struct api_call *c, bool queued, bool first);
/* Frees a call; what is in flight is cancelled. */
void api_drop(struct api_call *c);
/* Sends the call to an endpoint, perhaps once more, perhaps on a fresh connection; whether that could
 * be done (c->why says why not). */
bool api_send(struct api_call *c, int i, bool fresh);
/* Nobody waits for the request any more. */
void api_cancel(struct api_request *r);
/* The request in flight beside `r` (NULL: any); NULL: none. */
struct api_request *api_in_flight(struct api_call *c, const struct api_request *r);
enum late_kind api_kind(const struct api_call *c);
size_t api_on_their_way(const struct api *a);
/* Looks at all that is in flight, and has itself called again as long as anything is. `arg`: api. */
void api_look(void *arg);
/* Takes a key; 0 or negative with the message set. */
int api_set_auth(struct api *a, struct api_endpoint *e, const char *key);

#endif
