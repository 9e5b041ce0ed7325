/* rest.c - the REST function: what a request is about, and which interaction answers it. */
#include "fhir/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fhir/cache.h"
#include "fhir/custom.h"
#include "fhir/jsontext.h"
#include "fhir/overlay.h"
#include "fhir/pack.h"
#include "fhir/search.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define PATH_PARTS 5

/* What the path names. */
enum fhir_shape {
    AT_SYSTEM,
    AT_METADATA,
    AT_TYPE,
    AT_SEARCH, /* Type/_search, _search, Patient/1/Condition/_search */
    AT_INSTANCE,
    AT_VERSION,
    AT_HISTORY, /* Type/id/_history */
    AT_COMPARTMENT,
    AT_EVERYTHING,
    AT_OPERATION, /* a $name or _history that this server does not have */
    AT_OTHER
};

/* ---- replies ---- */

static int reply_missing(struct fhir_exchange *x, const struct fhir_id_entry *entry)
{
    if (entry->deleted)
        return fhir_outcome_reply(x->rs, 410, "%s/%s was deleted", x->type->name, x->id);
    return fhir_outcome_reply(x->rs, 404, "there is no %s/%.80s", x->type->name, x->id);
}

/* ---- read ---- */

/* _format and _pretty are taken with every request, other parameters only with searches. */
static int read_params(struct fhir_exchange *x)
{
    struct fhir_pair *pairs;
    size_t n;
    int rc = fhir_query_pairs(&x->arena, x->query, x->query_len, &pairs, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (strcmp(pairs[i].name, "_pretty") == 0)
            x->compact = strcmp(pairs[i].value, "false") == 0;
        else if (strcmp(pairs[i].name, "_format") != 0 && strcmp(pairs[i].name, "_summary") != 0 &&
                 !x->store->ignore_unknown_params)
            rc = err_set(GRASP_EINVAL,
                         "parameter '%.80s' does not go with reading one resource: search with "
                         "%s?... instead",
                         pairs[i].name, x->type ? x->type->name : "Type");
    }
    return rc;
}

static int rest_read(struct fhir_exchange *x)
{
    struct fhir_view own = {0}, *v = x->view;
    struct fhir_record r;
    struct fhir_id_entry entry;
    int rc = read_params(x);
    if (rc < 0)
        return rc;
    if (x->version)
        return fhir_rest_version(x);
    if (!v && (rc = fhir_view_open(v = &own, x->store, x->rq->overlay)) < 0)
        return rc;
    rc = fhir_view_get(v, x->type->name, x->id, &r, &entry);
    if (rc == GRASP_ENOTFOUND) {
        rc = reply_missing(x, &entry);
    } else if (rc == 0) {
        char etag[32];
        snprintf(etag, sizeof(etag), "\"%u\"", r.version);
        fhir_rest_reply_resource(x, 200, &r);
        if (x->rq->if_none_match && strstr(x->rq->if_none_match, etag)) {
            x->rs->status = 304;
            buf_reset(&x->rs->body);
        }
    }
    fhir_view_close(&own);
    return rc;
}

/* POST Type/_search: parameters in the URL and in the form count together. */
static int rest_post_search(struct fhir_exchange *x)
{
    const struct fhir_request *rq = x->rq;
    if (rq->content_type && *rq->content_type &&
        !str_casestr(rq->content_type, "application/x-www-form-urlencoded"))
        return fhir_outcome_reply(x->rs, 415,
                                  "_search takes application/x-www-form-urlencoded, not '%.80s'",
                                  rq->content_type);
    char *both = fhir_arena_alloc(&x->arena, x->query_len + rq->body_len + 2);
    if (!both)
        return GRASP_ENOMEM;
    memcpy(both, x->query, x->query_len);
    both[x->query_len] = '&';
    if (rq->body_len)
        memcpy(both + x->query_len + 1, rq->body, rq->body_len);
    x->query = both;
    x->query_len += 1 + rq->body_len;
    while (x->query_len > 0 && ascii_isspace(both[x->query_len - 1]))
        x->query_len--;
    return fhir_rest_search(x);
}

/* ---- what is asked for ---- */

static const struct {
    const char *method;
    enum fhir_shape shape;
    int (*run)(struct fhir_exchange *x);
    bool writes, body;
} interactions[] = {
    {"GET", AT_METADATA, fhir_rest_metadata, false, false},
    {"GET", AT_INSTANCE, rest_read, false, false},
    {"GET", AT_VERSION, rest_read, false, false},
    {"GET", AT_HISTORY, fhir_rest_history, false, false},
    {"GET", AT_TYPE, fhir_rest_search, false, false},
    {"GET", AT_SEARCH, fhir_rest_search, false, false},
    {"GET", AT_SYSTEM, fhir_rest_search, false, false},
    {"GET", AT_COMPARTMENT, fhir_rest_search, false, false},
    {"GET", AT_EVERYTHING, fhir_rest_search, false, false},
    {"POST", AT_SEARCH, rest_post_search, false, false},
    {"POST", AT_TYPE, fhir_rest_create, true, true},
    {"PUT", AT_INSTANCE, fhir_rest_update, true, true},
    {"PUT", AT_TYPE, fhir_rest_update, true, true},
    {"PATCH", AT_INSTANCE, fhir_rest_patch, true, true},
    {"PATCH", AT_TYPE, fhir_rest_patch, true, true},
    {"DELETE", AT_INSTANCE, fhir_rest_delete, true, false},
    {"DELETE", AT_TYPE, fhir_rest_delete, true, false},
    {"POST", AT_SYSTEM, fhir_rest_bundle, false, true},
};

static bool has_compartment(const struct fhir_resource_type *type)
{
    static const char *const types[] = {"Device", "Encounter", "Patient", "Practitioner",
                                        "RelatedPerson"};
    for (size_t i = 0; type && i < sizeof(types) / sizeof(*types); i++)
        if (strcmp(types[i], type->name) == 0)
            return true;
    return false;
}

/* Patient/1/Condition, Patient/1/Condition/_search, Patient/1/<star>. */
static bool read_compartment(struct fhir_exchange *x, const char *const *parts, size_t n,
                             enum fhir_shape *shape)
{
    bool search = n == 4 && strcmp(parts[3], "_search") == 0;
    const struct fhir_resource_type *type =
        n > 2 ? fhir_resource_type_find(parts[2], strlen(parts[2])) : NULL;
    if (!has_compartment(x->type) || n < 3 || (n > 3 && !search) ||
        (!type && strcmp(parts[2], "*") != 0))
        return false;
    x->compartment = x->type;
    x->type = type;
    *shape = search ? AT_SEARCH : AT_COMPARTMENT;
    return true;
}

static bool is_everything(const struct fhir_exchange *x, const char *name)
{
    return strcmp(name, "$everything") == 0 && x->type &&
           (strcmp(x->type->name, "Patient") == 0 || strcmp(x->type->name, "Encounter") == 0);
}

static void read_parts(struct fhir_exchange *x, const char *const *parts, size_t n,
                       enum fhir_shape *shape)
{
    const char *last = n > 0 ? parts[n - 1] : "";
    x->type = n > 0 ? fhir_resource_type_find(parts[0], strlen(parts[0])) : NULL;
    x->id = n > 1 && *parts[1] != '_' && *parts[1] != '$' ? parts[1] : NULL;
    x->version = n > 3 ? parts[3] : NULL;
    if (n == 0)
        *shape = AT_SYSTEM;
    else if (n == 1 && strcmp(last, "metadata") == 0)
        *shape = AT_METADATA;
    else if (n <= 2 && strcmp(last, "_search") == 0)
        *shape = AT_SEARCH;
    else if (n > 1 && n < 4 && is_everything(x, last) && (n == 2 || x->id)) {
        x->everything = true;
        x->compartment = x->type;
        x->type = NULL;
        *shape = AT_EVERYTHING;
    } else if (n == 3 && x->id && strcmp(last, "_history") == 0)
        *shape = AT_HISTORY;
    else if (*last == '$' || strcmp(last, "_history") == 0)
        *shape = AT_OPERATION;
    else if (n == 1)
        *shape = AT_TYPE;
    else if (n == 2 && x->id)
        *shape = AT_INSTANCE;
    else if (n == 4 && x->id && strcmp(parts[2], "_history") == 0)
        *shape = AT_VERSION;
    else if (!read_compartment(x, parts, n, shape))
        *shape = AT_OTHER;
}

/* Takes the target apart. No path of FHIR has an '&': harnesses of agents append "&_format=json" to
 * whatever the agent wrote, also where it has no query, and the first '&' then begins the query. */
static int read_target(struct fhir_exchange *x, enum fhir_shape *shape)
{
    const char *target = x->rq->target ? x->rq->target : "";
    size_t len = x->rq->agent_url ? strcspn(target, "#") : strlen(target);
    if (len > QUERY_TARGET_MAX)
        return err_set(GRASP_EINVAL, "a URL of more than %u bytes", QUERY_TARGET_MAX);
    while (len > 0 && *target == '/')
        target++, len--;
    size_t path = 0;
    while (path < len && target[path] != '?' && target[path] != '&')
        path++;
    x->query = path < len ? target + path + 1 : "";
    x->query_len = path < len ? len - path - 1 : 0;
    while (path > 0 && target[path - 1] == '/')
        path--;
    const char *parts[PATH_PARTS] = {0};
    size_t n = 0;
    for (size_t at = 0; at < path && n < PATH_PARTS;) {
        size_t part = 0;
        while (at + part < path && target[at + part] != '/')
            part++;
        if (!(parts[n++] = fhir_arena_ndup(&x->arena, target + at, part)))
            return GRASP_ENOMEM;
        at += part + 1;
    }
    x->path = fhir_arena_ndup(&x->arena, target, path);
    if (!x->path)
        return GRASP_ENOMEM;
    read_parts(x, parts, n, shape);
    return 0;
}

/* Is "application/fhir+json;charset=UTF-8" or the like JSON? A plus may have become a space. */
static bool means_json(const char *s)
{
    return str_casestr(s, "json") != NULL;
}

static bool accepts_json(const struct fhir_request *rq)
{
    const char *a = rq->accept;
    return !a || !*a || means_json(a) || strstr(a, "*/*") || str_casestr(a, "application/*");
}

/* _format has the last word; several must all mean JSON. */
static int check_format(struct fhir_exchange *x, bool *json)
{
    struct fhir_pair *pairs;
    size_t n;
    bool given = false;
    *json = true;
    if (!memmem(x->query, x->query_len, "_format", 7)) {
        *json = accepts_json(x->rq);
        return 0;
    }
    int rc = fhir_query_pairs(&x->arena, x->query, x->query_len, &pairs, &n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (strcmp(pairs[i].name, "_format") == 0 && *pairs[i].value) {
            given = true;
            *json &= means_json(pairs[i].value);
        }
    if (!given)
        *json = accepts_json(x->rq);
    return rc;
}

static int no_interaction(struct fhir_exchange *x, enum fhir_shape shape)
{
    const char *method = x->rq->method, *target = x->rq->target ? x->rq->target : "";
    bool other_method = false;
    for (size_t i = 0; i < sizeof(interactions) / sizeof(*interactions); i++)
        other_method |= interactions[i].shape == shape;
    if (other_method && shape != AT_SYSTEM)
        return fhir_outcome_reply(x->rs, 405, "%.20s does not go with '%.80s'", method, target);
    return fhir_outcome_reply(x->rs, 400,
                              "'%.20s %.80s' is no interaction of this server (see metadata)",
                              method, target);
}

/* Prefer: handling=lenient; return=minimal (RFC 7240; R4, http). */
static void read_prefer(struct fhir_exchange *x)
{
    const char *p = x->rq->prefer;
    x->lenient = x->store->ignore_unknown_params;
    if (p && str_casestr(p, "handling=strict"))
        x->lenient = false;
    else if (p && str_casestr(p, "handling=lenient"))
        x->lenient = true;
}

/* What a write answers with, by the client's preference. */
static void apply_return(struct fhir_exchange *x)
{
    const char *p = x->rq->prefer;
    int status = x->rs->status;
    if (!p || status >= 300 || x->rs->body.len == 0)
        return;
    if (str_casestr(p, "return=minimal"))
        buf_reset(&x->rs->body);
    else if (str_casestr(p, "return=OperationOutcome"))
        fhir_outcome_reply(x->rs, status, "%s", status == 201 ? "created" : "done");
}

static int rest_dispatch(struct fhir_exchange *x)
{
    enum fhir_shape shape = AT_OTHER;
    bool json = true;
    size_t i, n = sizeof(interactions) / sizeof(*interactions);
    int rc = read_target(x, &shape);
    read_prefer(x);
    if (rc < 0 || (rc = check_format(x, &json)) < 0)
        return rc;
    if (!json)
        return fhir_outcome_reply(x->rs, 406,
                                  "this server answers in JSON: ask for "
                                  "application/fhir+json or leave _format and Accept away");
    if (shape == AT_OPERATION)
        return fhir_outcome_unsupported(x->rs,
                                        "'%.20s %.80s' is an operation that this server "
                                        "does not support (see metadata)",
                                        x->rq->method ? x->rq->method : "", x->path);
    bool every_type = x->compartment || shape == AT_SYSTEM ||
                      (shape == AT_SEARCH && strcmp(x->path, "_search") == 0);
    if (shape >= AT_TYPE && shape != AT_OTHER && !x->type && !every_type)
        return fhir_outcome_reply(x->rs, 404, "'%.80s' is no resource type of FHIR R4",
                                  x->rq->target ? x->rq->target : "");
    for (i = 0; i < n; i++)
        if (interactions[i].shape == shape && x->rq->method &&
            strcmp(interactions[i].method, x->rq->method) == 0)
            break;
    bool bare = shape == AT_SYSTEM && x->rq->method && strcmp(x->rq->method, "GET") == 0 &&
                !memmem(x->query, x->query_len, "_type=", 6);
    if (i == n || bare) /* a search over everything there is wants to be asked for */
        return no_interaction(x, shape);
    if (interactions[i].writes && x->store->read_only && !x->rq->overlay)
        return fhir_outcome_reply(x->rs, 405, "this server is read-only");
    const char *type = x->rq->content_type;
    if (interactions[i].body && type && *type && !means_json(type))
        return fhir_outcome_reply(x->rs, 415,
                                  "this server reads application/fhir+json, not '%.80s'", type);
    rc = interactions[i].run(x);
    if (rc == 0 && interactions[i].writes)
        apply_return(x);
    return rc;
}

static void finish_body(struct fhir_exchange *x)
{
    struct buf out = BUF_INIT;
    struct buf *body = &x->rs->body;
    if (body->len == 0)
        return;
    if (x->compact)
        fhir_jsontext_compact(&out, body->ptr, body->len);
    else
        fhir_jsontext_indent(&out, body->ptr, body->len);
    buf_release(body);
    *body = out;
}

/* An overlay without writes hides nothing. */
static bool plain_view(const struct fhir_overlay *overlay)
{
    return !overlay || overlay->n == 0;
}

int fhir_handle(struct fhir_store *store, const struct fhir_request *request,
                struct fhir_response *response)
{
    struct fhir_exchange x = {
        .store = store, .rq = request, .rs = response, .dispatch = rest_dispatch};
    uint64_t generation = atomic_load(&store->generation);
    enum fhir_cache_kind kind = request->agent_url ? CACHE_BODY_AGENT : CACHE_BODY;
    bool cached = request->method && strcmp(request->method, "GET") == 0 && request->target &&
                  plain_view(request->overlay) && accepts_json(request) && !request->prefer;
    response->content_type = "application/fhir+json;charset=UTF-8";
    if (cached &&
        fhir_cache_get(store->cache, kind, request->target, generation, &response->body, NULL)) {
        response->status = 200;
        return buf_check(&response->body);
    }
    int rc = rest_dispatch(&x);
    if (rc < 0)
        rc = fhir_outcome_of_error(response, rc);
    finish_body(&x);
    fhir_exchange_release(&x);
    if (rc == 0 && (rc = buf_check(&response->body)) < 0)
        response->status = 500;
    if (rc == 0 && cached && x.keep && response->status == 200)
        fhir_cache_put(store->cache, kind, request->target, generation, &response->body, NULL,
                       response->body.len);
    return rc;
}

/* ---- searches of graders ---- */

int fhir_search(struct fhir_store *store, struct fhir_overlay *overlay, const char *query,
                json_t **out)
{
    const char *mark = strchr(query, '?');
    size_t type_len = mark ? (size_t)(mark - query) : strlen(query);
    const struct fhir_resource_type *type = fhir_resource_type_find(query, type_len);
    struct fhir_query q = {0};
    struct fhir_view v = {0};
    struct fhir_matches found = {0};
    json_t *list = NULL;
    uint64_t generation = atomic_load(&store->generation);
    size_t cost = 0;
    int rc;
    *out = NULL;
    if (!type)
        return err_set(GRASP_EINVAL, "'%.80s' does not begin with a resource type", query);
    if (plain_view(overlay) &&
        fhir_cache_get(store->cache, CACHE_TREE, query, generation, NULL, out))
        return 0;
    const char *text = mark ? mark + 1 : "";
    struct fhir_query_source source = {
        .view = &v, .custom = fhir_custom_param, .lenient = store->ignore_unknown_params};
    if ((rc = fhir_view_open(&v, store, overlay)) < 0 ||
        (rc = fhir_query_init(&q, &source, type, text, strlen(text))) < 0 ||
        (rc = fhir_search_run(&v, &q, &found)) < 0)
        goto out;
    list = json_array();
    for (size_t i = 0; rc == 0 && i < found.n; i++) {
        struct fhir_record r;
        struct fhir_mark before = fhir_view_mark(&v);
        if ((rc = fhir_search_fetch(&v, found.v[i], &r)) < 0)
            break;
        if (json_array_append_new(list, json_loadb(r.text, r.text_len, JSON_ALLOW_NUL, NULL)) < 0)
            rc = err_oom();
        cost += CACHE_TREE_COST * r.text_len;
        fhir_view_cut(&v, before);
    }
    if (rc == 0) {
        if (plain_view(overlay) && !strstr(query, "=ap"))
            fhir_cache_put(store->cache, CACHE_TREE, query, generation, NULL, list, cost);
        *out = list;
        list = NULL;
    }
out:
    json_decref(list);
    fhir_matches_release(&found);
    fhir_view_close(&v);
    fhir_query_release(&q);
    return rc;
}
