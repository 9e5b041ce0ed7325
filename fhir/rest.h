/* rest.h - inside of libfhir: one request on its way through the REST function. */
#ifndef GRASP_FHIR_REST_H
#define GRASP_FHIR_REST_H

#include "fhir/outcome.h"
#include "fhir/query.h"
#include "fhir/store.h"

struct exchange {
    struct fhir_store *store;
    const struct fhir_request *rq;
    struct fhir_response *rs;
    struct view *view; /* inside a transaction: the view to work on; NULL: open one */
    /* Reads target and runs the interaction, body left compact: how a Bundle's entries are answered
     * as requests of their own. */
    int (*dispatch)(struct exchange *x);
    struct arena arena;
    /* the path, taken apart */
    const struct resource_type *type;
    const char *id, *version;
    const char *query; /* undecoded */
    size_t query_len;
    bool compact;
    bool keep; /* out: the answer depends on target and store alone and may be kept */
    /* an entry of a Bundle */
    bool nested;
    const char *new_id; /* what a created resource is to be called; NULL: any free id */
    int64_t updated_us; /* out: of the resource replied */
};

/* bundle.c: answers a search. `query`: undecoded parameters. */
int rest_search(struct exchange *x);
/* transaction.c: batch and transaction. */
int rest_bundle(struct exchange *x);
/* capability.c: the CapabilityStatement. */
int rest_metadata(struct exchange *x);
/* write.c */
int rest_create(struct exchange *x);
int rest_update(struct exchange *x);
int rest_delete(struct exchange *x);

void exchange_release(struct exchange *x);

/* Headers and body of a resource. */
void rest_reply_resource(struct exchange *x, int status, const struct record *r);
/* "2023-11-13T10:15:00.000+00:00" of microseconds. */
#define REST_TIME 48
void rest_time(int64_t us, char out[REST_TIME]);
/* The time that a write is stamped with. In an overlay it does not depend on the clock, so that a
 * rollout reads the same bytes whenever it is run. */
int64_t rest_now(const struct view *v);
/* The latest change that a view shows. */
int64_t rest_changed(const struct view *v);

/* What a write does, inside a transaction. The text is the client's resource. */
struct put_request {
    const struct resource_type *type;
    const char *id; /* where it goes */
    const char *text;
    size_t len;
    const char *if_match; /* NULL: none */
};
/* Stores it with meta.versionId and meta.lastUpdated. *created: it was not there. On 412 returns
 * GRASP_ECONFLICT. `out` borrows from `p`, which the caller releases. */
int write_put(struct view *v, const struct put_request *put, struct prepared *p, struct record *out,
              bool *created);
int write_delete(struct view *v, const struct resource_type *type, const char *id,
                 const char *if_match);
/* Checks a client's body: JSON object of this type. GRASP_EPARSE, GRASP_EINVAL. `want_id`: its id
 * must be this one; NULL: whatever it says is replaced. */
int write_check_body(const char *text, size_t len, const struct resource_type *type,
                     const char *want_id);

#endif
