/*
 * starter.h - a first configuration for MedAgentBench: where its task files are, and a commented
 * grasp.yaml for an endpoint of a known kind. What `grasp init` writes.
 *
 *     struct starter s = {.provider = starter_provider("vllm"), .model = "gpt-oss-120b"};
 *     if (starter_find_tasks(&s.tasks, "GRASP", 0) < 0) ...    // the message says where to get them
 *     starter_render(&s, &yaml);
 *     starter_tasks_release(&s.tasks);
 */
#ifndef GRASP_RUNTIME_CONFIG_STARTER_H
#define GRASP_RUNTIME_CONFIG_STARTER_H

#include <stdbool.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"

/* A kind of endpoint, with what is known of it. */
struct starter_provider {
    const char *name, *what;
    const char *kind, *base_url; /* as in the section model; NULL: there is none to go by */
    const char *key;             /* the environment's variable for the key; NULL: none is needed */
    const char *example;         /* a name that a model may have there */
    int concurrency;             /* rollouts in flight that suit it */
    const char *reasons;         /* what is added to requests so that a model reasons little */
    const char *more;            /* further lines of the section, indented; may be NULL */
};
extern const struct starter_provider starter_providers[];          /* ends with a zero entry */
const struct starter_provider *starter_provider(const char *name); /* NULL: there is none */

enum { STARTER_FILES = 6 };
struct starter_tasks {
    int version;               /* of the benchmark: 1 or 2 */
    char *dir;                 /* that holds the files */
    bool there[STARTER_FILES]; /* which of them, in the order of the section data */
};
/* Looks for the task files of a version (0: of either, the first one's where there are both) in `dir`,
 * as it is in the repository jomoll/GRASP or anywhere above in it, or with folders v1 and v2. Files for
 * tests may be missing. GRASP_ENOTFOUND says which are, and where to get them; GRASP_EINVAL where they
 * are the other version's. */
int starter_find_tasks(struct starter_tasks *t, const char *dir, int version);
void starter_tasks_release(struct starter_tasks *t);
/* Where task files come from: a sentence or two. */
extern const char starter_where[];

struct starter {
    struct starter_tasks tasks;
    const struct starter_provider *provider;
    const char *base_url; /* NULL: the provider's */
    const char *model;    /* NULL where the provider is the simulated model */
    const char *name;     /* of the file, for the commands in its comment */
    struct strlist fhir;  /* paths: a store (fhir_store) or files; or one URL */
    bool fhir_store;
};
/* Appends the configuration. */
void starter_render(const struct starter *s, struct buf *out);

#endif
