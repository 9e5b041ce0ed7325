/*
 * preset.h - agent presets and configurations in the reference implementation's spelling, put into
 * our keys. Pure but for the environment, where LiteLLM's providers have their keys.
 *
 * A preset is a section `model` of ours, its keys at the top, or {module, parameters} of theirs:
 *
 *     module ends in           becomes
 *     HTTPAgent                openai: url, headers, body
 *     LiteLLMAgent             what the provider before the '/' is: azure (AZURE_API_KEY,
 *                              AZURE_API_BASE, AZURE_API_VERSION), openai, anthropic, gemini, ...
 *     OpenAIResponsesAgent     responses
 *     VertexAgent              Vertex's OpenAI-compatible endpoint, with a key from gcloud
 *
 * Anything else is an error: a model that was not asked for never takes its place.
 */
#ifndef GRASP_RUNTIME_CONFIG_PRESET_H
#define GRASP_RUNTIME_CONFIG_PRESET_H

#include <jansson.h>
#include <stdbool.h>

/* *model: a new section `model` of ours. `what` names the preset in messages ("agents/x.yaml").
 * GRASP_EINVAL says what cannot be used and what to set. */
int preset_read(const json_t *tree, const char *what, json_t **model);
/* Whether the tree holds keys of the reference that have no meaning here, or belong under another
 * name: moves those that have a counterpart, notes and drops the others. A configuration of another of
 * its methods sets `method`, and its updater is the writer. GRASP_EINVAL: a switch that no released
 * run has so. `lines` as yaml_parse gives them. */
int preset_adopt(json_t *tree, const json_t *lines, const char *what);

#endif
