/*
 * cache.h - inside of libfhir: answers of recent searches. Graders and thousands of rollouts ask
 * the same things over and over.
 *
 * An answer is good as long as the store's generation (a count of commits) is the one read before
 * the answer was made. Searches that look through an overlay with writes are never kept. One slot
 * for a hash, so that a newer answer takes the place of an older one; bounded in bytes.
 */
#ifndef GRASP_FHIR_CACHE_H
#define GRASP_FHIR_CACHE_H

#include <jansson.h>
#include <stdint.h>

#include "runtime/base/buf.h"

#define CACHE_SLOTS     4096
#define CACHE_BYTES     (64u << 20)
#define CACHE_ENTRY_MAX (512u << 10)
#define CACHE_TREE_COST 8 /* a parsed tree takes about so many times its text */

struct fhir_cache;
struct fhir_cache *fhir_cache_new(void);
void fhir_cache_free(struct fhir_cache *c);

/* Kinds keep answers to the same key apart. */
enum fhir_cache_kind { CACHE_BODY, CACHE_BODY_AGENT, CACHE_TREE };

/* Appends the kept body to *body, or puts a new reference to the kept tree into *tree. */
bool fhir_cache_get(struct fhir_cache *c, enum fhir_cache_kind kind, const char *key,
                    uint64_t generation, struct buf *body, json_t **tree);
/* Copies the body, or takes a reference to the tree, which nobody may change from then on. `cost`:
 * its bytes. What does not fit is not kept. */
void fhir_cache_put(struct fhir_cache *c, enum fhir_cache_kind kind, const char *key,
                    uint64_t generation, const struct buf *body, json_t *tree, size_t cost);

#endif
