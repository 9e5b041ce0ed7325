/*
 * query.h - inside of libfhir: a search as it was asked for.
 *
 * "Observation?patient=S1&code=A,B&date=ge2023" becomes three clauses, all of which must hold; a
 * clause holds when one of its alternatives (the comma list) does. What is no search parameter but
 * shapes the answer (_count, _sort, ...) is kept beside them. All memory is the query's arena.
 */
#ifndef GRASP_FHIR_QUERY_H
#define GRASP_FHIR_QUERY_H

#include "fhir/arena.h"
#include "fhir/index.h"
#include "fhir/params.h"
#include "fhir/store.h"

#define QUERY_PARAMS_MAX 256  /* parameters of one request */
#define QUERY_VALUES_MAX 1024 /* alternatives of one clause as written */
#define QUERY_SORTS_MAX  8
#define QUERY_COUNT      20 /* page size, as HAPI */
#define QUERY_COUNT_MAX  5000
#define QUERY_CHAIN_MAX  5000 /* resources a chained parameter may lead to */
#define QUERY_TARGET_MAX (1u << 20)

enum fhir_modifier { MOD_NONE, MOD_EXACT, MOD_CONTAINS, MOD_MISSING, MOD_NOT, MOD_TEXT };
enum fhir_prefix { PRE_EQ, PRE_NE, PRE_GT, PRE_LT, PRE_GE, PRE_LE, PRE_SA, PRE_EB, PRE_AP };

/* One value of a clause. Which members count depends on the parameter's kind. */
struct fhir_alt {
    const char *raw;    /* as given, escapes resolved: _id, string with :exact */
    const char *code;   /* token: NULL when only a system was given; reference: id or URL */
    const char *system; /* token: NULL any, "" none; reference: type or NULL; quantity */
    const char *norm;   /* string: normalized */
    size_t norm_len;
    enum fhir_prefix prefix; /* date, quantity */
    int64_t lo, hi;          /* date: [lo, hi) in microseconds */
    double num, low, top;    /* quantity: the value and [low, top) that it stands for */
    const char *unit;        /* quantity: unit or code, NULL any */
};

struct fhir_clause {
    const struct fhir_search_param *param;
    uint16_t number;
    enum fhir_modifier mod;
    bool missing; /* of MOD_MISSING */
    struct fhir_alt *alts;
    size_t n;
    const struct fhir_resource_type *chain_type; /* patient.identifier=... */
    struct fhir_clause *chain;
};

struct fhir_sort_key {
    const struct fhir_search_param *param;
    uint16_t number;
    bool descending;
};

enum fhir_total_mode { TOTAL_ACCURATE, TOTAL_NONE };

struct fhir_include {
    const struct fhir_resource_type *source; /* whose parameter it is */
    const struct fhir_search_param *param;   /* NULL: every reference parameter of source */
    uint16_t number;
    const char *target; /* type, NULL: any */
};

struct fhir_pair { /* a decoded name=value */
    const char *name, *value;
    bool skipped; /* unknown and ignored: not part of the self link */
};

struct fhir_query {
    struct fhir_arena arena;
    struct fhir_store *store;
    const struct fhir_resource_type *type;
    struct fhir_pair *pairs;
    size_t n_pairs;
    struct fhir_clause *clauses;
    size_t n;
    struct fhir_sort_key sort[QUERY_SORTS_MAX];
    size_t n_sort;
    struct fhir_include *includes, *revincludes;
    size_t n_includes, n_revincludes;
    const char *elements; /* comma list or NULL */
    const char *page;     /* token of a next link or NULL */
    const char *format;   /* _format as given or NULL */
    enum fhir_total_mode total;
    int64_t count;
    bool count_only;
    bool compact; /* _pretty=false */
};

/* Reads `target` ("Observation?code=MG" or only its query when `type` is given). GRASP_EINVAL with
 * a message for the client. Release it in any case. */
int fhir_query_init(struct fhir_query *q, struct fhir_store *store,
                    const struct fhir_resource_type *type, const char *query_text, size_t len);
void fhir_query_release(struct fhir_query *q);
/* Decodes name=value&...; shared by all interactions. */
int fhir_query_pairs(struct fhir_arena *arena, const char *text, size_t len,
                     struct fhir_pair **pairs, size_t *n);
/* Appends the applied parameters, encoded, "?" first when there are any; without `skip`. */
void fhir_query_add_url(const struct fhir_query *q, struct buf *out, const char *skip);

/* Does the resource with these packed values and this id satisfy the clause? */
bool fhir_clause_matches(const struct fhir_clause *c, const struct fhir_record *r);

/* match.c: reads one value of a clause, escapes and prefix resolved. GRASP_EINVAL, GRASP_ENOMEM. */
int fhir_alt_parse(struct fhir_query *q, struct fhir_clause *c, struct fhir_alt *a,
                   const char *raw);

#endif
