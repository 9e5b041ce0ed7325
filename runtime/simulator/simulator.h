/*
 * simulator.h - the simulated model: a stand-in for the interface of a language model that plays
 * agent and skill writer without a network. Its answers say nothing about language models.
 *
 * Three ways in, one heart:
 *
 *     sim_reply(&settings, &chat, draw, &out);          // text in, text out; pure
 *     model_open_simulated(&m, loop, &settings);        // model.kind: simulated
 *     sim_serve(&server, &settings, "127.0.0.1", 0);    // grasp model serve: OpenAI's API
 *
 * It gets nothing but what a request holds: messages, sampling parameters, the draw's number. What
 * it knows of a task it reads from the conversation, as a model would.
 *
 * The other headers of this folder are its inside: sim.h (the agent), writer.h (the writer),
 * rules.h and words.h (what it understands of skills), world.h (worlds other than the clinic),
 * serve_api.h (HTTP bodies, shared with the fuzzer).
 */
#ifndef GRASP_RUNTIME_SIMULATOR_SIMULATOR_H
#define GRASP_RUNTIME_SIMULATOR_SIMULATOR_H

#include "runtime/base/buf.h"
#include "runtime/base/chat.h"
#include "runtime/model/model.h"

/* Appends the reply to `out`. 0 or GRASP_ENOMEM. */
int sim_reply(const struct sim_settings *settings, const struct chat *chat, int64_t draw,
              struct buf *out);

/* A model of kind "simulated"; model_close ends it. Reads settings->sim alone. */
int model_open_simulated(struct model **m, struct loop *loop,
                         const struct model_settings *settings);

/* The simulated model over HTTP (/v1/chat/completions, /v1/responses, /v1/models) on threads of its
 * own, from when this returns until sim_server_stop. Port 0 takes a free one. GRASP_EINVAL: no
 * IPv4 address; GRASP_EUSAGE: settings->cache; GRASP_EIO: cannot listen there. */
struct sim_server;
int sim_serve(struct sim_server **server, const struct sim_settings *settings, const char *host,
              int port);
int sim_server_port(const struct sim_server *server);
/* Calls of the model so far: those answered, and those that failed because settings->fail says so.
 */
void sim_server_counts(const struct sim_server *server, int64_t *answered, int64_t *failed);
/* Tokens of the answered calls' prompts, and how many of them were cached (-1: there is no cache). */
void sim_server_tokens(const struct sim_server *server, int64_t *prompt, int64_t *cached);
void sim_server_stop(struct sim_server *server); /* NULL is fine */

#endif
