/*
 * fhir.h - a FHIR R4 mock server that can be used on its own: libfhir.
 *
 *     struct fhir_store *store = NULL;
 *     struct fhir_options o = {.base_url = "http://localhost:8080/fhir/"};
 *     if (fhir_open(&store, "clinic.db", &o) < 0) ...
 *     struct fhir_load_report report = {0};
 *     fhir_load_file(store, "Patient.ndjson", &report);
 *
 *     struct fhir_request rq = {.method = "GET", .target = "Observation?patient=S1&code=MG"};
 *     struct fhir_response rs = FHIR_RESPONSE_INIT;
 *     fhir_handle(store, &rq, &rs);     // rs.status, rs.body
 *     fhir_response_release(&rs);
 *     fhir_close(store);
 *
 * The same requests on the same data get the same bytes, whenever they are made: a searchset's id
 * is a hash of what it shows, its meta.lastUpdated the latest that any stored resource says, and
 * writes into an overlay are stamped with a time that follows it, not with the clock. A next link
 * names the last resource shown and how far the store had grown, so it stays valid while data
 * changes.
 *
 * One request function serves everybody (DESIGN.md D5). Resources are kept as the JSON text they
 * came in; searches run on indexes. A store may be used from several threads: readers run side by
 * side, writers one after the other. One process opens a store's directory once.
 */
#ifndef GRASP_FHIR_H
#define GRASP_FHIR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

struct fhir_store;
struct fhir_overlay;

#define FHIR_DEFAULT_BASE "http://localhost:8080/fhir/"

struct fhir_options {
    const char *base_url;       /* what fullUrl and links begin with, ends in '/'; default
                                   FHIR_DEFAULT_BASE */
    bool ignore_unknown_params; /* lenient reading: unknown search parameters are skipped */
    bool read_only;             /* create, update and delete answer 405 */
    bool no_sync;               /* no fsync per commit: for throw-away stores */
    bool keep_versions;         /* versions that were replaced or deleted stay readable: _history */
    bool look;                  /* it is there and stays as it is: nothing is made, grown, repaired;
                                   for fhir_check */
    const char *cors;           /* origins that browsers may call the HTTP front from, separated by
                                   blanks; "*": any; NULL: none */
};

/* Opens or creates the store in directory `dir`; NULL: a temporary one, removed by fhir_close. One
 * whose files may not be written is opened read-only; one whose making was interrupted is made anew.
 * GRASP_EIO, GRASP_EREFUSED (the directory holds something else or another version). */
int fhir_open(struct fhir_store **store, const char *dir, const struct fhir_options *options);
void fhir_close(struct fhir_store *store); /* NULL is fine */

struct fhir_request {
    const char *method; /* "GET", "POST", ... */
    const char *target; /* path and query after the base: "Patient/1", "Observation?code=MG" */
    const char *body;   /* may be NULL */
    size_t body_len;
    const char *content_type; /* NULL: application/fhir+json */
    const char *accept;       /* NULL: anything */
    const char *if_match;     /* header values, NULL where absent */
    const char *if_none_match;
    const char *if_none_exist;    /* create only when this search finds nothing */
    const char *prefer;           /* handling=strict|lenient, return=minimal|representation|... */
    struct fhir_overlay *overlay; /* NULL, or where this request's writes go and reads look first */
    bool agent_url; /* the target is what an agent wrote: a fragment ("#...") is cut off, as an HTTP
                       client does */
};

struct fhir_response {
    int status;
    struct buf body;          /* indented by two as HAPI does; compact with _pretty=false */
    const char *content_type; /* static */
    char etag[32];            /* W/"1", or empty */
    char last_modified[40];   /* HTTP date, or empty */
    char *location;           /* malloc'ed or NULL */
};
/* clang-format off */
#define FHIR_RESPONSE_INIT {.body = BUF_INIT}
/* clang-format on */

/* Answers a request; every problem of the request is a status and an OperationOutcome. Negative
 * only when the store itself failed (GRASP_EIO, GRASP_ENOMEM; the response is then a 500). */
int fhir_handle(struct fhir_store *store, const struct fhir_request *request,
                struct fhir_response *response);
void fhir_response_release(struct fhir_response *response);

/* All matches of a search as an array of resources, in load order, no paging, not a byte added:
 * what graders read. `query` as in target ("Observation?patient=S1&code=MG"). New reference in
 * *out; the same tree may be handed to others who ask the same: read it, do not change it. */
int fhir_search(struct fhir_store *store, struct fhir_overlay *overlay, const char *query,
                json_t **out);

/* Writes of one rollout that nobody else sees. NULL when out of memory. */
struct fhir_overlay *fhir_overlay_new(void);
void fhir_overlay_free(struct fhir_overlay *overlay);

/* Gives back what a load left free in the store's files, if that is much (*done) and nobody has the store
 * open, this process neither. What goes wrong leaves it as it is. */
int fhir_compact(const char *dir, bool *done);

/* How many resources (of a type; NULL: all). */
uint64_t fhir_count(struct fhir_store *store, const char *type);

/* Goes through everything, in a process of its own: LMDB's pages have no checksum, and a damaged one
 * can end whoever reads it. Memory does not grow with the store. 0: sound; GRASP_EREFUSED: the message
 * says what is damaged and the way out. This process has the store not open. */
struct fhir_check {
    int64_t resources; /* sound ones */
    int64_t damaged;   /* records, of resources or old versions, that have changed */
    int64_t missing;   /* entries of the indexes, by id or search parameter, that are not there */
    int64_t dangling;  /* entries that lead nowhere, to another resource or to a damaged one */
    int64_t
        unsummed; /* records of an older store, without a checksum: a changed text is not seen */
};
int fhir_check(const char *dir, struct fhir_check *out);

struct fhir_load_report {
    uint64_t loaded, bad; /* resources; lines or entries that were skipped */
    uint64_t unresolved; /* references that are searches ("Type?identifier=...") and find not one */
    bool strict;         /* in: stop at the first bad one */
};
/* Loads NDJSON, Bundles and single resources, gzip or not; streamed, so that memory does not grow
 * with the files. A path that is a folder stands for the JSON files in it, "-" for standard input.
 * What is bad is logged with file and line, skipped and counted. Of several versions of a resource
 * the newest stays. */
int fhir_load(struct fhir_store *store, const char *const *paths, size_t n,
              struct fhir_load_report *report);
/* The same with one path. */
int fhir_load_file(struct fhir_store *store, const char *path, struct fhir_load_report *report);
/* Copies a running server's resources by following search pages (types NULL: those of its
 * CapabilityStatement). GRASP_EOUTAGE when it does not answer. */
int fhir_import(struct fhir_store *store, const char *base_url, const char *const *types,
                struct fhir_load_report *report);

/* The HTTP front (libmicrohttpd) on its own threads; port 0: any free one. GRASP_EIO: port in use.
 * Its path is that of the store's base URL; a store without one of its own (FHIR_DEFAULT_BASE) is
 * told the address it is served at, so that its links lead back. */
struct fhir_server;
int fhir_serve(struct fhir_server **server, struct fhir_store *store, const char *host, int port);
/* Where it listens, "http://127.0.0.1:8080/fhir/"; good as long as the server. */
const char *fhir_server_url(const struct fhir_server *server);
void fhir_server_stop(struct fhir_server *server);

#endif
