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

#define QUERY_CHAIN_DEPTH 4 /* links of a chain: a.b.c.d.name */

enum fhir_modifier {
    MOD_NONE,
    MOD_EXACT,
    MOD_CONTAINS,
    MOD_MISSING,
    MOD_NOT,
    MOD_TEXT,
    MOD_IDENTIFIER,
    MOD_OF_TYPE,
    MOD_BELOW,
    MOD_ABOVE
};
enum fhir_prefix { PRE_EQ, PRE_NE, PRE_GT, PRE_LT, PRE_GE, PRE_LE, PRE_SA, PRE_EB, PRE_AP };

/* One value of a clause. Which members count depends on the parameter's kind. */
struct fhir_alt {
    const char *raw;  /* as given, escapes resolved: _id, uri, string with :exact */
    const char *code; /* token: NULL when only a system was given; reference: id or URL, NULL any */
    const char *system; /* token: NULL any, "" none; reference: type or NULL; quantity */
    const char *norm;   /* string: normalized */
    size_t norm_len;
    enum fhir_prefix prefix; /* date, quantity */
    int64_t lo, hi;          /* date: [lo, hi) in microseconds */
    double num, low, top;    /* quantity: the value and [low, top) that it stands for */
    const char *unit;        /* quantity: unit or code, NULL any */
    struct fhir_alt *parts;  /* composite: one for each component */
};

struct fhir_chain;

struct fhir_clause {
    const struct fhir_search_param *param;
    uint16_t numbers[PARAM_NUMBERS_MAX]; /* where its values are; n_numbers 0: in the text */
    size_t n_numbers;
    enum fhir_modifier mod;
    bool missing; /* of MOD_MISSING */
    bool sorted;  /* alts are in the order of code (or raw) */
    struct fhir_alt *alts;
    size_t n;
    struct fhir_chain *chains; /* patient.identifier=..., _has: alts once they were followed */
    size_t n_chains;
    struct fhir_search_param *components; /* of a composite */
    size_t n_components;
    struct fhir_clause *driver; /* composite: its first component as a clause; NULL: none */
    const char *base_url;       /* what references in the text are relative to */
};

/* One way a chain may go: resources of `type` that satisfy `clause`. Without `back` the clause's
 * reference leads to them; with it they lead to what is searched, by these numbers (_has). */
struct fhir_chain {
    const struct fhir_resource_type *type;
    struct fhir_clause *clause;
    struct fhir_param_ref back;
};

struct fhir_sort_key {
    struct fhir_param_ref by;
    bool descending;
};

enum fhir_total_mode { TOTAL_ACCURATE, TOTAL_NONE };
enum fhir_summary { SUMMARY_NONE, SUMMARY_TRUE, SUMMARY_TEXT, SUMMARY_DATA };

struct fhir_include {
    const struct fhir_resource_type *source; /* whose parameter it is; NULL: any */
    struct fhir_param_ref by;                /* param NULL: every reference parameter of source */
    const char *target;                      /* type, NULL: any */
    bool iterate;                            /* also from what was included */
};

struct fhir_pair { /* a decoded name=value */
    const char *name, *value;
    bool skipped; /* unknown and ignored: not part of the self link */
};

struct fhir_query {
    struct fhir_arena arena;
    struct fhir_store *store;
    const struct fhir_resource_type *type;
    const char *path; /* what the search's links begin with: "Observation", "Patient/1/Condition" */
    bool lenient;     /* unknown parameters are skipped */
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
    enum fhir_summary summary;
    int64_t count;
    bool count_only;
    bool compact; /* _pretty=false */
};

/* Finds a parameter that the tables do not know (custom.h). 0: *param is set, or NULL for none. */
typedef int (*fhir_param_source)(struct fhir_view *v, const struct fhir_resource_type *type,
                                 const char *name, size_t len, struct fhir_arena *arena,
                                 const struct fhir_search_param **param);

/* How a search is to be read. */
struct fhir_query_source {
    struct fhir_view *view;
    fhir_param_source custom;
    bool lenient; /* unknown parameters are skipped */
};

/* Reads the parameters of a search over `type`. GRASP_EINVAL with a message for the client. Release
 * it in any case. */
int fhir_query_init(struct fhir_query *q, const struct fhir_query_source *source,
                    const struct fhir_resource_type *type, const char *text, size_t len);
/* Adds the condition that a resource is in the compartment of `type`/`id`, or (id NULL) in that of
 * any. False: it cannot be. */
bool fhir_query_add_compartment(struct fhir_query *q, const char *type, const char *id);
void fhir_query_release(struct fhir_query *q);
/* Decodes name=value&...; shared by all interactions. */
int fhir_query_pairs(struct fhir_arena *arena, const char *text, size_t len,
                     struct fhir_pair **pairs, size_t *n);
/* Appends the applied parameters, encoded, "?" first when there are any; without `skip`. */
void fhir_query_add_url(const struct fhir_query *q, struct buf *out, const char *skip);

/* Does the resource with these packed values and this id satisfy the clause? */
bool fhir_clause_matches(const struct fhir_clause *c, const struct fhir_record *r);

/* alt.c: reads one value of a clause, escapes and prefix resolved. GRASP_EINVAL, GRASP_ENOMEM. */
int fhir_alt_parse(struct fhir_query *q, struct fhir_clause *c, struct fhir_alt *a,
                   const char *raw);

#endif
