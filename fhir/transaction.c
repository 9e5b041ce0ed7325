/* transaction.c - batch and transaction Bundles. Entries are requests of their own and go the way
 * of all requests (exchange.dispatch); a transaction runs them in one write, deletes first, and gives
 * each created resource its id beforehand so that references between entries can be resolved. */
#include <stdlib.h>

#include "fhir/jsontext.h"
#include "fhir/rest.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define ENTRIES_MAX 20000 /* of a Bundle that is processed */

struct bundle_entry {
    const char *method, *url, *full_url, *if_match, *if_none_match, *if_none_exist;
    const char *text; /* the resource, NULL: none */
    size_t len;
    char id[FHIR_ID_MAX + 1];      /* of a resource to create */
    struct fhir_decision decision; /* of its condition */
    bool decided, waiting;
    struct fhir_response rs;
    int64_t updated_us;
};

struct bundle {
    struct fhir_exchange *x;
    struct bundle_entry *steps;
    size_t n;
    json_t *tree;
    json_t *ids;   /* fullUrl -> "Type/id" */
    size_t failed; /* the step that undid the transaction, SIZE_MAX: none */
};

/* ---- reading ---- */

static int read_step(struct bundle *b, size_t i, const json_t *entry)
{
    struct bundle_entry *s = &b->steps[i];
    const json_t *rq = json_object_get(entry, "request");
    const char *base = b->x->store->base_url;
    s->method = json_string_value(json_object_get(rq, "method"));
    s->url = json_string_value(json_object_get(rq, "url"));
    s->if_match = json_string_value(json_object_get(rq, "ifMatch"));
    s->if_none_match = json_string_value(json_object_get(rq, "ifNoneMatch"));
    s->full_url = json_string_value(json_object_get(entry, "fullUrl"));
    if (!s->method || !s->url)
        return err_set(GRASP_EINVAL, "Bundle.entry[%zu] has no request.method or request.url", i);
    s->if_none_exist = json_string_value(json_object_get(rq, "ifNoneExist"));
    if (str_starts(s->url, base))
        s->url += strlen(base);
    while (*s->url == '/')
        s->url++;
    return 0;
}

static int read_bundle(struct bundle *b, bool *transaction)
{
    const struct fhir_request *rq = b->x->rq;
    json_error_t error;
    const char *text, *type;
    size_t len;
    if (!rq->body || rq->body_len == 0)
        return err_set(GRASP_EINVAL, "no body: send a Bundle of type batch or transaction");
    b->tree = json_loadb(rq->body, rq->body_len, JSON_ALLOW_NUL, &error);
    if (!b->tree)
        return err_set(GRASP_EPARSE, "the body is no JSON: line %d column %d: %s", error.line,
                       error.column, error.text);
    const char *resource = json_string_value(json_object_get(b->tree, "resourceType"));
    if (!resource || strcmp(resource, "Bundle") != 0)
        return err_set(GRASP_EINVAL, "POST to the base takes a Bundle; a %.64s goes to /%.64s",
                       resource ? resource : "resource", resource ? resource : "Type");
    type = json_string_value(json_object_get(b->tree, "type"));
    *transaction = type && strcmp(type, "transaction") == 0;
    if (!type || (!*transaction && strcmp(type, "batch") != 0))
        return err_set(GRASP_EINVAL, "Bundle.type '%.40s' is neither batch nor transaction",
                       type ? type : "");
    const json_t *entries = json_object_get(b->tree, "entry");
    if (entries && !json_is_array(entries))
        return err_set(GRASP_EINVAL, "Bundle.entry is no array");
    if (json_array_size(entries) > ENTRIES_MAX)
        return err_set(GRASP_ELIMIT, "a Bundle of more than %d entries: send it in parts",
                       ENTRIES_MAX);
    b->steps = calloc(json_array_size(entries) + 1, sizeof(*b->steps));
    if (!b->steps)
        return err_oom();
    if (!entries || !fhir_jsontext_find(rq->body, rq->body_len, "entry", &text, &len))
        return 0;
    struct fhir_jsontext_iter it = fhir_jsontext_walk(text, len);
    while (b->n < json_array_size(entries) && fhir_jsontext_next(&it)) {
        struct bundle_entry *s = &b->steps[b->n];
        buf_init(&s->rs.body);
        int rc = read_step(b, b->n, json_array_get(entries, b->n));
        b->n++;
        if (rc < 0)
            return rc;
        if (!fhir_jsontext_find(it.value, it.len, "resource", &s->text, &s->len))
            s->text = NULL;
    }
    return 0;
}

static void bundle_release(struct bundle *b)
{
    for (size_t i = 0; i < b->n; i++)
        fhir_response_release(&b->steps[i].rs);
    free(b->steps);
    json_decref(b->ids);
    json_decref(b->tree);
}

/* ---- running ---- */

/* The JSON Patch that a Binary holds (R4, http, transaction), decoded; NULL: it is none. */
static char *patch_of(const json_t *entry, size_t *len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *data = json_str_at(entry, "resource.data", NULL);
    if (!data || strcmp(json_str_at(entry, "resource.resourceType", ""), "Binary") != 0)
        return NULL;
    char *out = malloc(strlen(data) + 1);
    uint32_t bits = 0;
    int n = 0;
    *len = 0;
    for (; out && *data && *data != '='; data++) {
        const char *d = strchr(digits, *data);
        if (!d)
            continue; /* line breaks */
        bits = bits << 6 | (uint32_t)(d - digits);
        if ((n += 6) >= 8)
            out[(*len)++] = (char)(bits >> (n -= 8));
    }
    return out;
}

static int run_step(struct bundle *b, struct bundle_entry *s, struct fhir_view *v)
{
    struct fhir_request rq = {.method = s->method,
                              .target = s->url,
                              .body = s->text,
                              .body_len = s->text ? s->len : 0,
                              .if_match = s->if_match,
                              .if_none_match = s->if_none_match,
                              .if_none_exist = s->if_none_exist,
                              .prefer = b->x->rq->prefer,
                              .overlay = b->x->rq->overlay};
    struct fhir_exchange x = {.store = b->x->store,
                              .rq = &rq,
                              .rs = &s->rs,
                              .view = v,
                              .dispatch = b->x->dispatch,
                              .nested = true,
                              .new_id = *s->id ? s->id : NULL,
                              .decided = s->decided ? &s->decision : NULL};
    buf_reset(&s->rs.body);
    size_t len = 0;
    char *patch =
        strcmp(s->method, "PATCH") == 0
            ? patch_of(json_array_get(json_object_get(b->tree, "entry"), (size_t)(s - b->steps)),
                       &len)
            : NULL;
    if (patch) {
        rq.body = patch;
        rq.body_len = len;
    }
    int rc = x.dispatch(&x);
    free(patch);
    if (rc < 0)
        rc = fhir_outcome_of_error(&s->rs, rc);
    s->updated_us = x.updated_us;
    s->waiting = x.unmatched;
    fhir_exchange_release(&x);
    return rc;
}

static const char *resolve(const char *s, size_t len, void *arg)
{
    return json_string_value(json_object_getn(arg, s, len));
}

static int run_transaction_step(struct bundle *b, struct bundle_entry *s, struct fhir_view *v)
{
    struct buf text = BUF_INIT;
    const char *own = s->text;
    size_t own_len = s->len;
    int rc = 0;
    if (own && json_object_size(b->ids)) {
        fhir_jsontext_replace(&text, own, own_len, resolve, b->ids);
        rc = buf_check(&text);
        s->text = text.ptr;
        s->len = text.len;
    }
    if (rc == 0)
        rc = run_step(b, s, v);
    s->text = own; /* the transaction may be run again */
    s->len = own_len;
    buf_release(&text);
    return rc;
}

static bool is(const struct bundle_entry *s, const char *method)
{
    return strcmp(s->method, method) == 0;
}

/* An entry that is not as it should be undoes the transaction. */
static int fail(struct bundle *b, size_t i, int status, const char *why)
{
    b->failed = i;
    fhir_outcome_reply(&b->steps[i].rs, status, "%s", why);
    return GRASP_EINVAL;
}

/* Finds out what a conditional create, update or patch is about. Two entries with one condition are
 * about one resource. */
static int decide(struct bundle *b, size_t i, struct fhir_view *v,
                  const struct fhir_resource_type *type, json_t *conditions)
{
    struct bundle_entry *s = &b->steps[i];
    const char *criteria = is(s, "POST") ? s->if_none_exist : s->url + strcspn(s->url, "?") + 1;
    struct buf key = BUF_INIT;
    int rc = fhir_decide(v, type, criteria, strlen(criteria), &s->decision);
    if (rc < 0) {
        b->failed = i;
        return fhir_outcome_of_error(&s->rs, rc) < 0 ? rc : GRASP_EINVAL;
    }
    s->decided = true;
    if (s->decision.n > 0)
        return 0;
    buf_addf(&key, "%s?%s", type->name, criteria);
    const json_t *same = json_object_get(conditions, key.ptr);
    if (same && is(s, "POST")) {
        s->decision.n = 1;
        snprintf(s->decision.id, sizeof(s->decision.id), "%s", json_string_value(same));
    }
    buf_release(&key);
    return 0;
}

static bool is_conditional(const struct bundle_entry *s)
{
    if (is(s, "POST"))
        return s->if_none_exist != NULL;
    return (is(s, "PUT") || is(s, "PATCH")) && !memchr(s->url, '/', strcspn(s->url, "?"));
}

/* "Type/id" of what an entry writes; "": not known (a read, a conditional patch of nothing). */
static int target_of(struct bundle *b, size_t i, struct fhir_view *v, uint64_t *next,
                     json_t *conditions, char target[160])
{
    struct bundle_entry *s = &b->steps[i];
    size_t path = strcspn(s->url, "?");
    const struct fhir_resource_type *type = fhir_resource_type_find(s->url, strcspn(s->url, "/?"));
    bool post = is(s, "POST");
    int rc = 0;
    *target = '\0';
    if (!type || (post && path != strlen(type->name)) || /* a search */
        (!post && !is(s, "PUT") && !is(s, "PATCH") && !is(s, "DELETE")))
        return 0;
    if (!post && !is_conditional(s)) {
        if (path > strlen(type->name)) /* a conditional delete decides by itself */
            snprintf(target, 160, "%.*s", (int)(path < 150 ? path : 150), s->url);
        return 0;
    }
    if (is_conditional(s) && (rc = decide(b, i, v, type, conditions)) < 0)
        return rc;
    const char *own =
        json_str_at(json_array_get(json_object_get(b->tree, "entry"), i), "resource.id", "");
    if (s->decided && s->decision.n)
        snprintf(s->id, sizeof(s->id), "%s", s->decision.id);
    else if (is(s, "PATCH"))
        return 0;
    else if (is(s, "PUT") && *own) /* of no match: the id that it brings */
        snprintf(s->id, sizeof(s->id), "%s", own);
    else if ((rc = fhir_view_new_id(v, type->name, next, s->id)) < 0)
        return rc;
    if (post && s->if_none_exist && !s->decision.n) {
        struct buf key = BUF_INIT;
        buf_addf(&key, "%s?%s", type->name, s->if_none_exist);
        json_object_set_new(conditions, key.ptr, json_string(s->id));
        buf_release(&key);
    }
    snprintf(target, 160, "%s/%s", type->name, s->id);
    return 0;
}

/* Gives each resource to create its id, and notes what each entry's fullUrl will be. Two entries
 * about one resource are an error (R4, http, transaction), unless a condition made them so. */
static int assign_ids(struct bundle *b, struct fhir_view *v)
{
    json_auto_t *seen = json_object(), *conditions = json_object();
    uint64_t next = 0;
    if (!seen || !conditions)
        return err_oom();
    for (size_t i = 0; i < b->n; i++) {
        struct bundle_entry *s = &b->steps[i];
        char target[160];
        int rc = target_of(b, i, v, &next, conditions, target);
        if (rc < 0)
            return rc;
        if (!*target)
            continue;
        bool created_before = is(s, "POST") && s->decided && s->decision.n;
        if (json_object_get(seen, target) && !created_before) {
            char why[200];
            snprintf(why, sizeof(why), "two entries are about %s", target);
            return fail(b, i, 400, why);
        }
        json_object_set_new(seen, target, json_true());
        if (s->full_url && !is(s, "DELETE"))
            json_object_set_new(b->ids, s->full_url, json_string(target));
    }
    return 0;
}

static int run_now(struct bundle *b, size_t i, struct fhir_view *v, bool may_wait)
{
    struct bundle_entry *s = &b->steps[i];
    int rc = run_transaction_step(b, s, v);
    if (rc == 0 && s->rs.status >= 400 && !(may_wait && s->waiting)) {
        b->failed = i;
        rc = err_set(GRASP_EINVAL, "the transaction was undone");
    }
    return rc;
}

/* R4, http, transaction: deletes, creates, updates, then reads. References that are searches come
 * last of the writes: what they find may be of this very transaction, so an entry whose reference
 * finds nothing is tried again when all others were written. */
static int run_transaction(struct fhir_view *v, void *arg)
{
    static const char *const order[] = {"DELETE", "POST", "PUT", "PATCH", NULL /* what waits */,
                                        NULL /* whatever is left */};
    struct bundle *b = arg;
    size_t phases = sizeof(order) / sizeof(*order);
    int rc = 0;
    b->failed = SIZE_MAX;
    json_decref(b->ids);
    if (!(b->ids = json_object()))
        return err_oom();
    for (size_t i = 0; i < b->n; i++) {
        b->steps[i].decided = b->steps[i].waiting = false;
        *b->steps[i].id = '\0';
    }
    for (size_t k = 0; rc == 0 && k < phases; k++) {
        if (k == 1) /* conditions are about what is left after the deletes */
            rc = assign_ids(b, v);
        for (size_t i = 0; rc == 0 && i < b->n; i++) {
            struct bundle_entry *s = &b->steps[i];
            size_t own = 0;
            while (order[own] && !is(s, order[own]))
                own++;
            own = order[own] ? own : phases - 1;
            if (own == k || (k == phases - 2 && s->waiting))
                rc = run_now(b, i, v, k < phases - 2);
        }
    }
    return rc;
}

/* ---- answering ---- */

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {204, "No Content"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {406, "Not Acceptable"},
                   {409, "Conflict"},
                   {410, "Gone"},
                   {412, "Precondition Failed"},
                   {413, "Payload Too Large"},
                   {415, "Unsupported Media Type"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Internal Server Error";
}

static void add_answer(struct buf *out, const struct bundle_entry *s)
{
    bool show = s->rs.body.len > 0 && s->rs.status < 400 && strcmp(s->method, "GET") == 0;
    buf_addch(out, '{');
    if (show) {
        buf_adds(out, "\"resource\":");
        buf_add(out, s->rs.body.ptr, s->rs.body.len);
        buf_addch(out, ',');
    }
    buf_addf(out, "\"response\":{\"status\":\"%d %s\"", s->rs.status, reason(s->rs.status));
    if (s->rs.location) {
        buf_adds(out, ",\"location\":\"");
        buf_add_json(out, s->rs.location, strlen(s->rs.location), false);
        buf_addch(out, '"');
    }
    if (*s->rs.etag) {
        char time[REST_TIME];
        fhir_rest_time(s->updated_us, time);
        buf_adds(out, ",\"etag\":\"");
        buf_add_json(out, s->rs.etag, strlen(s->rs.etag), false);
        buf_addf(out, "\",\"lastModified\":\"%s\"", time);
    }
    if (s->rs.status >= 400) {
        buf_adds(out, ",\"outcome\":");
        buf_add(out, s->rs.body.ptr, s->rs.body.len);
    }
    buf_adds(out, "}}");
}

static int reply_bundle(struct bundle *b, bool transaction)
{
    struct buf *out = &b->x->rs->body;
    b->x->rs->status = 200;
    buf_addf(out, "{\"resourceType\":\"Bundle\",\"type\":\"%s-response\"",
             transaction ? "transaction" : "batch");
    for (size_t i = 0; i < b->n; i++) {
        buf_adds(out, i ? "," : ",\"entry\":[");
        add_answer(out, &b->steps[i]);
    }
    buf_adds(out, b->n ? "]}" : "}");
    return buf_check(out);
}

/* The outcome of the step that failed, as that of the whole. */
static int reply_undone(struct bundle *b)
{
    const struct bundle_entry *s = &b->steps[b->failed];
    json_auto_t *outcome = json_loadb(s->rs.body.ptr, s->rs.body.len, 0, NULL);
    const json_t *issue = json_array_get(json_object_get(outcome, "issue"), 0);
    const char *why = json_string_value(json_object_get(issue, "diagnostics"));
    return fhir_outcome_reply(
        b->x->rs, s->rs.status,
        "Bundle.entry[%zu] (%.20s %.80s): %s; nothing of the transaction was kept", b->failed,
        s->method, s->url, why ? why : "failed");
}

int fhir_rest_bundle(struct fhir_exchange *x)
{
    struct bundle b = {.x = x, .failed = SIZE_MAX};
    bool transaction = false;
    int rc = x->nested ? err_set(GRASP_EINVAL, "a Bundle within a Bundle is not processed")
                       : read_bundle(&b, &transaction);
    if (rc == 0 && transaction) {
        if (x->store->read_only && !x->rq->overlay)
            rc = fhir_outcome_reply(x->rs, 405,
                                    "this server is read-only: it takes batches of reads");
        else if ((rc = fhir_store_write(x->store, x->rq->overlay, run_transaction, &b)) == 0)
            rc = reply_bundle(&b, true);
        else if (b.failed != SIZE_MAX)
            rc = reply_undone(&b);
    } else if (rc == 0) {
        for (size_t i = 0; rc == 0 && i < b.n; i++)
            rc = run_step(&b, &b.steps[i], NULL);
        if (rc == 0)
            rc = reply_bundle(&b, false);
    }
    bundle_release(&b);
    return rc;
}
