/* fhir.h - inside the FHIR environment: remote searches and grading. */
#ifndef GRASP_RUNTIME_ENV_FHIR_H
#define GRASP_RUNTIME_ENV_FHIR_H

#include "runtime/env/env.h"
#include "fhir/fhir.h"
#include "runtime/config/config.h"

/* The store behind a FHIR environment; NULL when it is a remote server. */
struct fhir_store *env_fhir_store(struct env *e);

/* Appends JSON text without the blanks between its tokens; other text unchanged. */
void json_compact(const char *text, size_t len, struct buf *out);
/* What Python's json module takes: NaN and its like too (spec/benchmarks.md). */
bool fhir_payload_parses(const char *text, size_t len);

/* What the published harness appends to the URLs of its agents. */
#define AGENT_SUFFIX "&_format=json"
/* GET base + target over HTTP (agent_url_make), with that suffix when the target is an agent's. 0:
 * message set. */
uint64_t fhir_remote_get(struct loop *loop, const struct config *config, const char *target,
                         bool agent, http_fn fn, void *arg);

/* Finds what a task's grader needs (in `found`, the store, or over HTTP), then grades. The callback
 * may come from inside grade_job_run. `found` is filled. */
struct grade_job;
struct grade_job *grade_job_new(struct loop *loop, const struct config *config,
                                struct fhir_store *store, json_t *found,
                                const struct grader_settings *grader, const struct task *task,
                                const struct trace *trace, enum rollout_status status,
                                env_grade_fn fn, void *arg);
void grade_job_run(struct grade_job *job);
void grade_job_free(struct grade_job *job); /* NULL is fine; cancels what is in flight */

#endif
