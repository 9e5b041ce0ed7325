/* rest.h - inside of libfhir: one request on its way through the REST function. */
#ifndef GRASP_FHIR_REST_H
#define GRASP_FHIR_REST_H

#include "fhir/decide.h"
#include "fhir/outcome.h"
#include "fhir/query.h"
#include "fhir/store.h"

struct fhir_exchange {
    struct fhir_store *store;
    const struct fhir_request *rq;
    struct fhir_response *rs;
    struct fhir_view *view; /* inside a transaction: the view to work on; NULL: open one */
    /* Reads target and runs the interaction, body left compact: how a Bundle's entries are answered
     * as requests of their own. */
    int (*dispatch)(struct fhir_exchange *x);
    struct fhir_arena arena;
    /* the path, taken apart */
    const struct fhir_resource_type *type;
    const char *id, *version;
    const struct fhir_resource_type *compartment; /* Patient/1/Condition: Patient; `type` is what is
                                                     searched, NULL: every type */
    bool everything;                              /* Type/id/$everything, Type/$everything */
    bool lenient;                                 /* unknown search parameters are skipped */
    const char *path;                             /* as given, for links */
    const char *query;                            /* undecoded */
    size_t query_len;
    bool compact;
    bool keep; /* out: the answer depends on target and store alone and may be kept */
    /* an entry of a Bundle */
    bool nested;
    const char *new_id; /* what a created resource is to be called; NULL: any free id */
    const struct fhir_decision *decided; /* of its condition, when the transaction looked already */
    bool unmatched;                      /* out: a conditional reference has no match (yet) */
    int64_t updated_us;                  /* out: of the resource replied */
};

/* bundle.c: answers a search. `query`: undecoded parameters. */
int fhir_rest_search(struct fhir_exchange *x);
/* transaction.c: batch and transaction. */
int fhir_rest_bundle(struct fhir_exchange *x);
/* capability.c: the CapabilityStatement. */
int fhir_rest_metadata(struct fhir_exchange *x);
/* write.c */
int fhir_rest_create(struct fhir_exchange *x);
int fhir_rest_update(struct fhir_exchange *x);
int fhir_rest_delete(struct fhir_exchange *x);
int fhir_rest_patch(struct fhir_exchange *x);
/* history.c: one old version, all versions of a resource. */
int fhir_rest_version(struct fhir_exchange *x);
int fhir_rest_history(struct fhir_exchange *x);

void fhir_exchange_release(struct fhir_exchange *x);

/* Headers and body of a resource. */
void fhir_rest_reply_resource(struct fhir_exchange *x, int status, const struct fhir_record *r);
/* "2023-11-13T10:15:00.000+00:00" of microseconds. */
#define REST_TIME 48
void fhir_rest_time(int64_t us, char out[REST_TIME]);
/* The time that a write is stamped with. In an overlay it does not depend on the clock, so that a
 * rollout reads the same bytes whenever it is run. */
int64_t fhir_rest_now(const struct fhir_view *v);
/* The latest change that a view shows. */
int64_t fhir_rest_changed(const struct fhir_view *v);

#endif
