/*
 * sse.h - a streamed reply put together again: the events of chat completions, the Responses API or
 * the Messages API become the one JSON value that the same API answers without streaming. Pure.
 */
#ifndef GRASP_RUNTIME_MODEL_SSE_H
#define GRASP_RUNTIME_MODEL_SSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether a body is server-sent events, as its first line says. */
bool sse_is(const char *body, size_t len);
/* A new reference; NULL with *why (a constant text) when the stream is no reply: it ended in the
 * middle, an event is no JSON, nobody's events. An error event gives {"error": ...}. `parse` reads
 * one event's data. */
json_t *sse_assemble(const char *body, size_t len, json_t *(*parse)(const char *data, size_t len),
                     const char **why);

#endif
