/*
 * model.h - chat models behind one interface: openai, responses, simulated, replay, and the
 * journal, which is a model in front of another.
 *
 *     struct model *m = NULL;
 *     model_open(&m, loop, &settings);
 *     model_ask(m, &request, done, arg);     // done(...) comes later, from loop_turn
 *     model_close(m);
 *
 * A backend gets nothing but the request. An answer is always delivered through the callback, never
 * from inside model_ask.
 */
#ifndef GRASP_RUNTIME_MODEL_MODEL_H
#define GRASP_RUNTIME_MODEL_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/chat.h"
#include "runtime/base/hash.h"
#include "runtime/loop/loop.h"

/* What the call is for; only accounting looks at it, never a backend. */
enum model_phase {
    PHASE_ROLLOUT_DEV,
    PHASE_ROLLOUT_VAL,
    PHASE_ROLLOUT_PROBE,
    PHASE_ROLLOUT_TEST,
    PHASE_CLASSIFY,
    PHASE_DIAGNOSE,
    PHASE_PROPOSE,
    PHASE_REVISE,
    PHASE_OTHER,
    MODEL_PHASES
};
const char *model_phase_name(enum model_phase p);

struct model_request {
    const struct chat *chat; /* borrowed until the callback */
    double temperature;      /* < 0: not sent */
    int max_tokens;          /* 0: not sent */
    int64_t draw;            /* number of the independent sample (draw.h) */
    int64_t also; /* a number whose answer, where it is known, stands for draw 0: that of a
                              * deterministic endpoint before it was found to be one; 0: none */
    enum model_phase phase;
    /* Optional: a hash that took all of chat's messages by chat_hash_message, kept by the asker so
     * that a growing conversation is hashed once. NULL: hashed here. */
    struct hash *prefix;
};

enum model_result {
    MODEL_OK,
    MODEL_CONTEXT_LIMIT, /* the endpoint says the conversation is too long */
    MODEL_OUTAGE,        /* out of reach after retries: unscored */
    MODEL_FATAL,         /* cannot work however often: 401, unknown model, HTML instead of an API */
    MODEL_MISSING,       /* --replay-only, and the journal (or the recording) does not have it */
};

struct model_usage {
    int64_t prompt_tokens, completion_tokens, cached_tokens;
};

struct model_reply {
    enum model_result result;
    const char *text; /* borrowed for the callback's time; never NULL */
    size_t len;
    struct model_usage usage;
    int64_t latency_ns; /* of the call that was made, also when replayed from the journal */
    bool from_journal;  /* nothing was paid */
    const char *error;  /* what happened when result != MODEL_OK; no secrets in it */
};
typedef void (*model_fn)(const struct model_reply *reply, void *arg);

/* How an endpoint behaved, for summaries. */
struct model_health {
    int64_t attempts, retries;                     /* requests sent; sent again */
    int64_t limited, server_errors, cut, timeouts; /* why: 429; 5xx; connections; no answer */
    int64_t garbled;                               /* a reply that was empty or no JSON */
    int64_t outages;                               /* calls given up */
    int64_t lowered;                               /* times that fewer calls at once were made */
};

/* Backends implement this; each `struct model` begins with it. */
struct model {
    const struct model_ops *ops;
    char *name;     /* the model's name as configured, for trailers and reports */
    char *label;    /* "simulated model" or the name: what tables show */
    char *identity; /* what the canonical hash calls it: the name, and whatever else of the settings
                      decides the answer (extra parameters, the simulator's seed); NULL: the name */
    struct model_health health;
};
struct model_ops {
    /* Starts a call. 0, or negative when it could not even be queued. */
    int (*ask)(struct model *m, const struct model_request *rq, model_fn fn, void *arg);
    /* Frees the struct and what the backend added; model_close has freed name, label, identity. */
    void (*close)(struct model *m);
};

/* Fills in the base of a model that stands in front of `inner`: same name, label and identity. 0 or
 * GRASP_ENOMEM (model_close is safe then, too). */
int model_wrap(struct model *m, const struct model_ops *ops, const struct model *inner);
int model_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg);
void model_close(struct model *m); /* NULL is fine */

struct model_endpoint {
    const char *base_url; /* "https://api.openai.com/v1" */
    const char *api_key;  /* registered as a secret; NULL: none */
};
/* How a call fails that `fail` picks. */
enum sim_fault {
    SIM_429 = 1, /* with Retry-After */
    SIM_500 = 2,
    SIM_CUT = 4,        /* the connection is closed in the middle of the reply */
    SIM_EMPTY = 8,      /* 200 and nothing */
    SIM_TRUNCATED = 16, /* 200 and half of the JSON */
    SIM_HANG = 32       /* no answer */
};
#define SIM_FAULTS_DEFAULT (SIM_429 | SIM_500 | SIM_CUT | SIM_EMPTY | SIM_TRUNCATED)
struct sim_settings {
    double noise, fail;
    uint64_t seed;
    double latency_ms;
    const char *profile; /* "weak", "strong", "default" */
    unsigned faults;     /* of enum sim_fault; 0: all but SIM_HANG. Only model_serve plays them */
};
struct model_settings {
    const char *kind;     /* "openai", "responses", "simulated", "replay" */
    const char *model;    /* name sent to the endpoint */
    const char *identity; /* of the endpoint, for the request's hash; NULL: its first base_url */
    const struct model_endpoint *endpoints;
    size_t n_endpoints;
    const char
        *api_key_header; /* "Authorization" (default, with "Bearer "), or Azure's "api-key" */
    const char *query;   /* appended to the URL: "api-version=2024-10-21" */
    const json_t *extra; /* further members of the request's body; may be NULL */
    double timeout_s;    /* per attempt, default 300 */
    int attempts;        /* default 8 */
    double backoff_s; /* first wait before a call is tried again, doubled each time; default 0.5 */
    size_t concurrency; /* most calls in flight per endpoint; adaptive below it. default 4096 */
    int outage_limit;   /* so many consecutive outages make every further call one; 0: never */
    struct sim_settings sim;
    const char *replay_file; /* recorded episodes */
};
int model_open(struct model **m, struct loop *loop, const struct model_settings *settings);

/* Canonical request hash: model (its `identity`), parameters, messages, draw (DESIGN.md D1); the
 * same with and without `prefix`. */
void chat_hash_message(struct hash *h, const struct message *m);
void model_request_hash(const struct model_request *rq, const char *model, uint8_t out[HASH_SIZE]);

/* The pure heart of the simulated model: text in, text out (spec/simulated-model.md). Appends the
 * reply. `salt` is the request's hash. */
int sim_reply(const struct sim_settings *settings, const struct chat *chat, int64_t draw,
              const uint8_t salt[HASH_SIZE], struct buf *out);

/* grasp model serve: the simulated model over HTTP (/v1/chat/completions, /v1/models,
 * /v1/responses), on its own threads. */
struct model_server;
int model_serve(struct model_server **server, const struct sim_settings *sim, const char *host,
                int port);
int model_server_port(const struct model_server *server);
/* Calls of the model so far: those answered, and those that failed because `sim->fail` says so. */
void model_server_counts(const struct model_server *server, int64_t *answered, int64_t *failed);
void model_server_stop(struct model_server *server);

#endif
