/*
 * serve_api.h - the simulated model's HTTP dialects, seen from the server: a request's body becomes
 * a reply's body. Pure, so that the request parser can be fuzzed; serve.c has the connections.
 */
#ifndef GRASP_RUNTIME_SIMULATOR_SERVE_API_H
#define GRASP_RUNTIME_SIMULATOR_SERVE_API_H

#include "runtime/model/model.h"

enum serve_route { SERVE_CHAT, SERVE_RESPONSES };

/* Answers a request: the HTTP status, the JSON reply appended to `out`, and the request's salt (all
 * zero when it is no request). Never fails; a malformed body is a 400. */
int serve_answer(const struct sim_settings *sim, enum serve_route route, int64_t draw,
                 const char *body, size_t len, struct buf *out, uint8_t salt[HASH_SIZE]);
/* {"error":{"message","type","param":null,"code"}} */
void serve_error(struct buf *out, const char *type, const char *code, const char *message);
void serve_models(struct buf *out);

#endif
