/*
 * model.h - chat models behind one interface: those over HTTP, replay, the simulated one, and what
 * stands in front of another (the journal, the accounts).
 *
 *     struct model *m = NULL;
 *     model_open(&m, loop, &settings);       // session/open_model.h, which knows all kinds
 *     model_ask(m, &request, done, arg);     // done(...) comes later, from loop_turn
 *     model_close(m);
 *
 * A backend gets nothing but the request. An answer is always delivered through the callback, never
 * from inside model_ask. model_close drops what is in flight: no callback comes any more.
 *
 * A call over HTTP goes through four parts, from the pure to the acting: wire.h (a dialect: request
 * to body, reply to text), judge.h (what a reply means for the call), pool.h (which endpoint, how
 * many at once), api.c (attempts, back-off, failover). A new provider is a wire, a line in backend.h
 * and one in session/open_model.c.
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
#include "runtime/model/said.h"

/* What the call is for; it decides nothing about the answer: accounts and caches look at it. */
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
    /* Borrowed until the callback. After model_ask it may sleep (chat.h): who reads it then wakes it,
     * and so does model_ask. */
    const struct chat *chat;
    double temperature; /* < 0: not sent */
    int max_tokens;     /* 0: not sent */
    int64_t draw;       /* number of the independent sample (draw.h) */
    int64_t also;       /* a number whose answer, where it is known, stands for draw 0: that of a
                              * deterministic endpoint before it was found to be one; 0: none */
    enum model_phase phase;
    /* Nobody waits for the answer yet: it is asked because it will probably be wanted. For accounts
     * and precedence only; it is the same request. */
    bool ahead;
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
    /* cached_tokens and cache_write_tokens are among prompt_tokens, thinking among
     * completion_tokens. */
    int64_t prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens;
    double cost;    /* USD, as the server reports it; 0: it does not */
    bool estimated; /* the server did not say, or not all */
};

/* Whether models of this kind answer in this process: at no price, and nobody waits. */
bool model_kind_here(const char *kind);
/* Sums them up; estimated where one is. */
void model_usage_add(struct model_usage *to, const struct model_usage *u);

struct model_reply {
    enum model_result result;
    const char *text; /* borrowed for the callback's time; never NULL */
    size_t len;
    /* Of MODEL_OK behind said_model, which sets them: what kind of reply `text` is, the server's
     * word where that is not SAID_TEXT, and the thinking that was taken off (borrowed). Else all
     * zero: `text` is as said.h describes it. */
    enum said_kind kind;
    const char *finish, *thinking;
    size_t thinking_len;
    struct model_usage usage;
    /* What requests took that were cancelled when another had answered, and are paid for as well: it
     * is not known, and thought to be what the answer took. Not part of `usage`, which is the same
     * whether there were any. */
    struct model_usage cancelled;
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
    /* Sent once more beside one that was late: as a hedge, or because it seemed lost; how often the
     * later one answered first. And how many requests were cancelled unanswered. */
    int64_t hedges, lost, later_first, cancelled;
};

enum model_hedge { HEDGE_OFF, HEDGE_AUTO, HEDGE_ON }; /* auto: until a reply says what it cost */

/* Who counts what a backend spends within one call: attempts that are thrown away are paid for, too. */
struct model_meter {
    void (*used)(void *arg, const struct model_usage *usage); /* by one attempt, as it comes */
    bool (*allows)(void *arg);                                /* asked before another attempt */
    /* Asked before each attempt while so many are on their way; false: not before one of them ends,
     * or, with none, that the model was halted. */
    bool (*room)(void *arg, size_t on_their_way);
    void *arg;
};

/* Backends implement this; each `struct model` begins with it. */
struct model {
    const struct model_ops *ops;
    char *name;  /* the model's name as configured, for trailers and reports */
    char *label; /* "simulated model" or the name: what tables show */
    /* What the canonical hash calls it: the name, and whatever else of the settings decides the
     * answer (extra parameters, the simulator's seed); NULL: the name. */
    char *identity;
    struct model_health health;
    /* Ends every call that waits and costs nothing yet, as an outage that says `why`, and all those
     * to come; what is on its way to a server is still answered. NULL: nothing ever waits. */
    void (*halt)(struct model *m, const char *why);
    /* What its calls wait for, as waits.h has it; a new reference. NULL: nothing ever waits. */
    json_t *(*state)(const struct model *m);
    struct model_meter meter; /* set by who stands in front; all NULL: nobody counts */
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
/* 0, or negative when the call could not be begun: then no callback comes. */
int model_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg);
void model_halt(struct model *m, const char *why); /* see struct model; NULL is fine */
void model_close(struct model *m);                 /* NULL is fine */

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
    double noise;  /* mean share of episodes whose outcome flips, 0 to 0.5 */
    double fail;   /* share of calls that fail as an endpoint does */
    uint64_t seed; /* of what is drawn: noise and the writer's proposals; never of the habits */
    uint64_t
        person; /* another one has the same habits at other tasks; only tests look at several */
    bool fixed; /* sim_serve: a request that names no draw has draw 0, not one of its own */
    double latency_ms;
    /* Only sim_serve: above 0, latencies are lognormal with this sigma and the mean latency_ms, drawn
     * from the seed, the request and how often it came before. */
    double latency_sigma;
    uint64_t latency_seed;
    const char *profile; /* "weak", "strong", "default" */
    unsigned faults;     /* of enum sim_fault; 0: all but SIM_HANG. Only sim_serve plays them */
    const char *cache;   /* sim_serve: a prompt cache (simulator/cache.h); NULL: none */
};
struct model_settings {
    const char *kind;     /* "openai", "responses", "anthropic", "simulated", "replay" */
    const char *model;    /* name sent to the endpoint */
    const char *identity; /* of the endpoint, for the request's hash; NULL: its first base_url */
    const struct model_endpoint *endpoints;
    size_t n_endpoints;
    const char
        *api_key_header; /* "Authorization" (default, with "Bearer "), or Azure's "api-key" */
    const char *query;   /* appended to the URL: "api-version=2024-10-21" */
    /* Where the key of endpoints without one is read, and again when the server does not take it any
     * more: a file, or what a shell command prints. NULL: nowhere. */
    const char *key_file, *key_command;
    const json_t *headers; /* further header lines, name to value; may be NULL */
    const char *unix_socket, *client_cert, *client_key; /* paths; NULL: none */
    const json_t *extra; /* further members of the request's body; may be NULL */
    bool stream;         /* ask for server-sent events */
    bool cache_key;      /* send prompt_cache_key, which is no part of the request's identity */
    double timeout_s;    /* per attempt, default 300; where it streams, between two chunks */
    double max_wait_s;   /* a longer wait that an endpoint asks for ends the run; default 600 */
    int attempts;        /* default 8 */
    double backoff_s; /* first wait before a call is tried again, doubled each time; default 0.5 */
    size_t concurrency; /* most calls in flight per endpoint; adaptive below it. default 4096 */
    double requests_per_minute, tokens_per_minute; /* to each endpoint; 0: no limit */
    enum model_hedge hedge;
    size_t slots;     /* calls in flight that are usual; with fewer there is room for hedges */
    int outage_limit; /* so many consecutive outages make every further call one; 0: never */
    struct sim_settings sim;
    const char *replay_file; /* recorded episodes */
};

/* Canonical request hash: model (its `identity`), parameters, messages, draw (DESIGN.md D1); the
 * same with and without `prefix`. */
void chat_hash_message(struct hash *h, const struct message *m);
void model_request_hash(const struct model_request *rq, const char *model, uint8_t out[HASH_SIZE]);

#endif
