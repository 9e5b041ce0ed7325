/*
 * serve_api.h - the simulated model's HTTP dialects, seen from the server: a request's body becomes
 * a reply's body. Pure, so that the request parser can be fuzzed; serve.c has the connections.
 */
#ifndef GRASP_RUNTIME_SIMULATOR_SERVE_API_H
#define GRASP_RUNTIME_SIMULATOR_SERVE_API_H

#include "runtime/model/model.h"
#include "runtime/simulator/cache.h"

enum sim_route { SIM_CHAT, SIM_RESPONSES };

/* The endpoint's prompt cache, and what an answer took of it. */
struct sim_prompt_use {
    struct sim_cache *cache; /* NULL: none, and none is spoken of */
    int64_t now;
    int64_t prompt_tokens, cached_tokens; /* set by an answer */
};

/* Answers a request, with the draw that it names (draw < 0: none; then `fresh`, where an endpoint
 * samples or `sim->noise` says that it does not answer twice alike): the HTTP status, the JSON reply
 * appended to `out`, and the request's salt (all zero when it is no request). Never fails; a malformed
 * body is a 400. `use` NULL: no cache. */
int sim_serve_answer(const struct sim_settings *sim, enum sim_route route, int64_t draw,
                     int64_t fresh, const char *body, size_t len, struct buf *out,
                     uint8_t salt[HASH_SIZE], struct sim_prompt_use *use);
/* {"error":{"message","type","param":null,"code"}} */
void sim_serve_error(struct buf *out, const char *type, const char *code, const char *message);
void sim_serve_models(struct buf *out);

#endif
