/*
 * frozen.h - frozen libraries and their manifests.
 *
 * A frozen library: an annotated tag whose message is a line or two for people and a manifest:
 *
 *     {schema, name, commit, tree, skills: [{name, version, sha256}], content_sha256, frozen,
 *      run, executor_model, writer_model, learned_on, edits: [{commit, edit, score}], scores}
 */
#ifndef GRASP_RUNTIME_HISTORY_FROZEN_H
#define GRASP_RUNTIME_HISTORY_FROZEN_H

#include "skills/library.h"

struct config;
#define MANIFEST_SCHEMA "grasp-frozen-1"
/* SHA-256 of all skills' names and bytes, in library order; as hex. */
int skills_hash(const struct skill_set *set, char out[65]);
/* The parts that the library itself knows. New reference in *out. */
int manifest_make(struct library *lib, const char *name, const struct oid *commit, json_t **out);
/* Adds what a run's directory knows of this revision: scores, models, data. GRASP_EREFUSED when the
 * run is not one that made it. */
int manifest_add_run(struct library *lib, const char *run_dir, json_t *manifest);
/* Warns of each thing that a frozen revision was learned on and that the configuration has otherwise:
 * world, benchmark, and where `preset` the agent preset. Silent for a revision without a manifest;
 * GRASP_EREFUSED for one that is not what its manifest says. */
int manifest_warn(const char *library, const char *rev, const struct config *c, bool preset);
/* The tag's message, and the manifest back out of one (new reference; GRASP_ENOTFOUND: it has
 * none). */
int manifest_render(const json_t *manifest, struct buf *out);
int manifest_parse(const char *message, json_t **out);
/* The tag NAME leads to what its manifest says. GRASP_EREFUSED with what differs; GRASP_ENOTFOUND
 * when it is no frozen library. */
int manifest_check(struct library *lib, const char *name);
/* The same, and it is the tag that was frozen here: GRASP_EREFUSED when another took its place. */
int manifest_check_frozen(struct library *lib, const char *name);
/* What a reader asks before it uses a revision: GRASP_EREFUSED for a frozen tag that was replaced or
 * leads elsewhere than its manifest says; 0 for any other, frozen or not. */
int manifest_check_read(struct library *lib, const char *rev);

#endif
