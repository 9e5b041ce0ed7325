/* write.c - create, update, delete. What a client sends is kept as it was written but for id and
 * meta.versionId, meta.lastUpdated, which the server sets. */
#include <stdio.h>
#include <stdlib.h>

#include "fhir/jsontext.h"
#include "fhir/patch.h"
#include "fhir/rest.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

/* What a write does, inside a transaction. The text is the client's resource. */
struct put_request {
    const struct fhir_resource_type *type;
    const char *id; /* where it goes */
    const char *text;
    size_t len;
    const char *if_match; /* NULL: none */
    bool only_new;        /* If-None-Match: * */
};

/* Checks a client's body: JSON object of this type. GRASP_EPARSE, GRASP_EINVAL. `id`: what it says
 * its id is, "" when nothing. */
static int check_body(const char *text, size_t len, const struct fhir_resource_type *type,
                      char id[FHIR_ID_MAX + 1])
{
    json_error_t error;
    /* of two members with one name somebody else would read the other */
    json_t *tree =
        text ? json_loadb(text, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error) : NULL;
    int rc = 0;
    *id = '\0';
    if (!text || len == 0)
        rc = err_set(GRASP_EINVAL, "no body: send the %s as JSON", type->name);
    else if (len > FHIR_TEXT_MAX)
        rc = err_set(GRASP_ELIMIT, "a resource of more than %u bytes", FHIR_TEXT_MAX);
    else if (!tree)
        rc = err_set(GRASP_EPARSE, "the body is no JSON: line %d column %d: %s", error.line,
                     error.column, error.text);
    else if (!json_is_object(tree))
        rc = err_set(GRASP_EINVAL, "the body is no JSON object");
    if (rc < 0)
        goto out;
    const char *got = json_string_value(json_object_get(tree, "resourceType"));
    const char *said = json_string_value(json_object_get(tree, "id"));
    if (!got || strcmp(got, type->name) != 0)
        rc = err_set(GRASP_EINVAL, "resourceType is '%.64s', the URL says %s", got ? got : "",
                     type->name);
    else if (said)
        snprintf(id, FHIR_ID_MAX + 1, "%s", said);
out:
    json_decref(tree);
    return rc;
}

static int check_id(const char *body_id, const char *id)
{
    return strcmp(body_id, id) == 0
               ? 0
               : err_set(GRASP_EINVAL, "the body's id is '%.80s', the URL says '%s'", body_id, id);
}

/* The client's text with our id and meta; everything else byte for byte. */
static void add_stamped(struct buf *out, const struct put_request *put, uint32_t version,
                        int64_t now)
{
    char stamp[REST_TIME];
    const char *meta = NULL;
    size_t meta_len = 0;
    fhir_rest_time(now, stamp);
    buf_addf(out,
             "{\"resourceType\":\"%s\",\"id\":\"%s\",\"meta\":{\"versionId\":\"%u\","
             "\"lastUpdated\":\"%s\"",
             put->type->name, put->id, version, stamp);
    fhir_jsontext_find(put->text, put->len, "meta", &meta, &meta_len);
    struct fhir_jsontext_iter it = fhir_jsontext_walk(meta ? meta : "{}", meta ? meta_len : 2);
    while (meta && *meta == '{' && fhir_jsontext_next(&it)) {
        if (fhir_jsontext_key_is(&it, "versionId") || fhir_jsontext_key_is(&it, "lastUpdated"))
            continue;
        buf_addf(out, ",\"%.*s\":", (int)it.key_len, it.key);
        buf_add(out, it.value, it.len);
    }
    buf_addch(out, '}');
    it = fhir_jsontext_walk(put->text, put->len);
    while (fhir_jsontext_next(&it)) {
        if (fhir_jsontext_key_is(&it, "resourceType") || fhir_jsontext_key_is(&it, "id") ||
            fhir_jsontext_key_is(&it, "meta"))
            continue;
        buf_addf(out, ",\"%.*s\":", (int)it.key_len, it.key);
        buf_add(out, it.value, it.len);
    }
    buf_addch(out, '}');
}

/* If-Match: W/"3" or "3"; a comma list, or "*" for any version there is. */
static bool etag_matches(const char *header, uint32_t version)
{
    char want[16];
    snprintf(want, sizeof(want), "\"%u\"", version);
    return strcmp(header, "*") == 0 ? version > 0 : strstr(header, want) != NULL;
}

static int check_match(const char *if_match, bool there, const struct fhir_id_entry *entry)
{
    if (!if_match || (there && etag_matches(if_match, entry->version)))
        return 0;
    if (!there)
        return err_set(GRASP_ECONFLICT, "If-Match %.40s: there is no such resource", if_match);
    return err_set(GRASP_ECONFLICT,
                   "If-Match %.40s: the resource is at version W/\"%u\" now: read it and try again",
                   if_match, entry->version);
}

/* Stores it with meta.versionId and meta.lastUpdated, references that are searches resolved.
 * *created: it was not there. On 412 returns GRASP_ECONFLICT; GRASP_ENOTFOUND: a reference leads
 * nowhere. `out` borrows from `p`, which the caller releases. */
static int write_put(struct fhir_view *v, const struct put_request *put, struct fhir_prepared *p,
                     struct fhir_record *out, bool *created)
{
    struct fhir_record old;
    struct fhir_id_entry entry;
    struct buf text = BUF_INIT, resolved = BUF_INIT;
    struct put_request own = *put;
    size_t found;
    int64_t now = fhir_rest_now(v);
    *p = (struct fhir_prepared){.values = BUF_INIT};
    int rc = fhir_view_get(v, put->type->name, put->id, &old, &entry);
    if (rc < 0 && rc != GRASP_ENOTFOUND)
        return rc;
    *created = rc == GRASP_ENOTFOUND;
    if (put->only_new && !*created)
        return err_set(GRASP_ECONFLICT, "If-None-Match *: there is a %s/%s already",
                       put->type->name, put->id);
    if ((rc = check_match(put->if_match, !*created, &entry)) < 0)
        return rc;
    uint32_t version = entry.version + 1;
    if ((rc = fhir_decide_references(v, put->text, put->len, &resolved, &found, NULL)) < 0)
        goto out;
    if (found) {
        own.text = resolved.ptr;
        own.len = resolved.len;
    }
    add_stamped(&text, &own, version, now);
    if ((rc = buf_check(&text)) < 0 ||
        (rc = fhir_prepared_init(p, v->store, text.ptr, text.len, NULL)) < 0)
        goto out;
    if (p->type != put->type || strcmp(p->id, put->id) != 0) { /* "\u0069d" is an id, too */
        rc = err_set(GRASP_EINVAL, "the body's id or resourceType is written with escapes");
        goto out;
    }
    rc = fhir_view_put(v, p, version, now);
    *out = (struct fhir_record){.version = version,
                                .updated_us = now,
                                .type = put->type->name,
                                .id = p->id,
                                .text = p->text,
                                .text_len = p->text_len};
out:
    buf_release(&text);
    buf_release(&resolved);
    return rc;
}

static int write_delete(struct fhir_view *v, const struct fhir_resource_type *type, const char *id,
                        const char *if_match)
{
    struct fhir_record old;
    struct fhir_id_entry entry;
    int rc = fhir_view_get(v, type->name, id, &old, &entry);
    if (rc < 0 && rc != GRASP_ENOTFOUND)
        return rc;
    bool there = rc == 0;
    if ((rc = check_match(if_match, there, &entry)) < 0)
        return rc;
    return there ? fhir_view_delete(v, type->name, id) : 0;
}

/* ---- the interactions ---- */

struct put_task {
    struct fhir_exchange *x;
    struct put_request put;
    const char *criteria; /* NULL: not conditional */
    size_t criteria_len;
    const char *body_id;
};

/* The condition's outcome: the transaction's, when it looked already. Several matches are
 * GRASP_ECONFLICT. */
static int decide(struct fhir_exchange *x, struct fhir_view *v, const char *criteria, size_t len,
                  struct fhir_decision *d)
{
    int rc = 0;
    if (x->decided)
        *d = *x->decided;
    else
        rc = fhir_decide(v, x->type, criteria, len, d);
    if (rc == 0 && d->n > 1)
        rc = err_set(GRASP_ECONFLICT, "more than one %s matches '%.*s'", x->type->name,
                     (int)(len < 200 ? len : 200), criteria);
    return rc;
}

static int set_location(struct fhir_exchange *x, const struct fhir_record *r)
{
    free(x->rs->location);
    x->rs->location = NULL;
    if (asprintf(&x->rs->location, "%s%s/%s/_history/%u", x->store->base_url, r->type, r->id,
                 r->version) >= 0)
        return 0;
    x->rs->location = NULL;
    return err_oom();
}

/* If-None-Exist found one: that is the answer. */
static int reply_found(struct fhir_exchange *x, struct fhir_view *v, const char *id)
{
    struct fhir_record r;
    struct fhir_id_entry entry;
    int rc = fhir_view_get(v, x->type->name, id, &r, &entry);
    if (rc < 0)
        return rc;
    fhir_rest_reply_resource(x, 200, &r);
    return set_location(x, &r);
}

/* Where a conditional write goes. *done: it was answered. */
static int choose_id(struct put_task *t, struct fhir_view *v, const char **id,
                     struct fhir_decision *d, bool *done)
{
    struct fhir_exchange *x = t->x;
    struct fhir_record r;
    struct fhir_id_entry entry;
    bool update = strcmp(x->rq->method, "PUT") == 0;
    int rc = decide(x, v, t->criteria, t->criteria_len, d);
    *done = false;
    if (rc < 0)
        return rc;
    if (!update && d->n) {
        *done = true;
        return reply_found(x, v, d->id);
    }
    if (d->n) {
        *id = d->id;
        return *t->body_id ? check_id(t->body_id, d->id) : 0;
    }
    if (!update || !*t->body_id)
        return 0;
    *id = t->body_id;
    if (!fhir_id_valid(*id, strlen(*id)))
        return err_set(GRASP_EINVAL, "id '%.80s' is not 1 to 64 characters of A-Z a-z 0-9 '-' '.'",
                       *id);
    rc = fhir_view_get(v, x->type->name, *id, &r, &entry);
    if (rc == 0) { /* R4, http, conditional update */
        *done = true;
        return fhir_outcome_reply(x->rs, 409,
                                  "nothing matches the condition, but there is a %s/%s already",
                                  x->type->name, *id);
    }
    return rc == GRASP_ENOTFOUND ? 0 : rc;
}

static int put_and_reply(struct fhir_exchange *x, struct fhir_view *v,
                         const struct put_request *put, struct fhir_prepared *p)
{
    struct fhir_record r;
    bool created;
    int rc = write_put(v, put, p, &r, &created);
    x->unmatched = rc == GRASP_ENOTFOUND;
    if (rc < 0)
        return rc;
    fhir_rest_reply_resource(x, created ? 201 : 200, &r);
    free(x->rs->location);
    x->rs->location = NULL;
    return created ? set_location(x, &r) : 0;
}

static int run_put(struct fhir_view *v, void *arg)
{
    struct put_task *t = arg;
    struct fhir_exchange *x = t->x;
    struct put_request put = t->put;
    struct fhir_decision d;
    struct fhir_prepared p;
    char id[FHIR_ID_MAX + 1];
    uint64_t next = 0;
    bool done;
    int rc = 0;
    if (t->criteria && ((rc = choose_id(t, v, &put.id, &d, &done)) < 0 || done)) {
        x->unmatched = rc == GRASP_ENOTFOUND; /* another entry with this condition waits itself */
        return rc;
    }
    if (!put.id)
        put.id = x->new_id;
    if (!put.id) {
        if ((rc = fhir_view_new_id(v, put.type->name, &next, id)) < 0)
            return rc;
        put.id = id;
    }
    rc = put_and_reply(x, v, &put, &p);
    fhir_prepared_release(&p);
    return rc;
}

static int put_with(struct fhir_exchange *x, const char *id, const char *criteria, size_t len)
{
    char body_id[FHIR_ID_MAX + 1];
    bool update = strcmp(x->rq->method, "PUT") == 0;
    const char *only_new = update ? x->rq->if_none_match : NULL;
    struct put_task t = {.x = x,
                         .put = {.type = x->type,
                                 .id = id,
                                 .text = x->rq->body,
                                 .len = x->rq->body_len,
                                 .if_match = update ? x->rq->if_match : NULL,
                                 .only_new = only_new && strcmp(only_new, "*") == 0},
                         .criteria = criteria,
                         .criteria_len = len,
                         .body_id = body_id};
    int rc = check_body(t.put.text, t.put.len, x->type, body_id);
    if (rc == 0 && id)
        rc = check_id(body_id, id);
    if (rc < 0)
        return rc;
    return x->view ? run_put(x->view, &t) : fhir_store_write(x->store, x->rq->overlay, run_put, &t);
}

int fhir_rest_create(struct fhir_exchange *x)
{
    const char *condition = x->rq->if_none_exist;
    return put_with(x, NULL, condition, condition ? strlen(condition) : 0);
}

int fhir_rest_update(struct fhir_exchange *x)
{
    if (!x->id)
        return put_with(x, NULL, x->query, x->query_len);
    if (!fhir_id_valid(x->id, strlen(x->id)))
        return err_set(GRASP_EINVAL, "id '%.80s' is not 1 to 64 characters of A-Z a-z 0-9 '-' '.'",
                       x->id);
    return put_with(x, x->id, NULL, 0);
}

static int run_delete(struct fhir_view *v, void *arg)
{
    struct fhir_exchange *x = arg;
    struct fhir_decision d;
    if (x->id)
        return write_delete(v, x->type, x->id, x->rq->if_match);
    int rc = decide(x, v, x->query, x->query_len, &d);
    return rc == 0 && d.n ? write_delete(v, x->type, d.id, x->rq->if_match) : rc;
}

int fhir_rest_delete(struct fhir_exchange *x)
{
    int rc = x->view ? run_delete(x->view, x)
                     : fhir_store_write(x->store, x->rq->overlay, run_delete, x);
    if (rc == 0)
        x->rs->status = 204;
    return rc;
}

/* ---- patch ---- */

/* One version of it, patched, is the next. */
static int patch_record(struct fhir_exchange *x, struct fhir_view *v, const struct fhir_record *old)
{
    struct buf text = BUF_INIT;
    struct fhir_prepared p = {.values = BUF_INIT};
    char body_id[FHIR_ID_MAX + 1], id[FHIR_ID_MAX + 1];
    snprintf(id, sizeof(id), "%s", old->id); /* the page it lies in may be written */
    int rc = fhir_patch(&text, old->text, old->text_len, x->rq->body, x->rq->body_len);
    if (rc == 0)
        rc = check_body(text.ptr, text.len, x->type, body_id);
    if (rc == 0)
        rc = check_id(body_id, id);
    if (rc == 0) {
        struct put_request put = {.type = x->type,
                                  .id = id,
                                  .text = text.ptr,
                                  .len = text.len,
                                  .if_match = x->rq->if_match};
        rc = put_and_reply(x, v, &put, &p);
    }
    fhir_prepared_release(&p);
    buf_release(&text);
    return rc;
}

static int run_patch(struct fhir_view *v, void *arg)
{
    struct fhir_exchange *x = arg;
    struct fhir_decision d = {.n = 1};
    struct fhir_record r;
    struct fhir_id_entry entry = {0};
    int rc = x->id ? 0 : decide(x, v, x->query, x->query_len, &d);
    if (rc == 0 && d.n)
        rc = fhir_view_get(v, x->type->name, x->id ? x->id : d.id, &r, &entry);
    if (rc == GRASP_ENOTFOUND || (rc == 0 && !d.n))
        return fhir_outcome_reply(x->rs, entry.deleted ? 410 : 404,
                                  "there is no %s to patch at '%.80s'", x->type->name,
                                  x->rq->target);
    return rc < 0 ? rc : patch_record(x, v, &r);
}

int fhir_rest_patch(struct fhir_exchange *x)
{
    const char *type = x->rq->content_type;
    json_error_t error;
    if (type && *type && !str_casestr(type, "json-patch") && !x->nested)
        return fhir_outcome_reply(
            x->rs, 415, "PATCH takes application/json-patch+json (RFC 6902), not '%.80s'", type);
    json_t *patch =
        x->rq->body ? json_loadb(x->rq->body, x->rq->body_len, JSON_ALLOW_NUL, &error) : NULL;
    if (!patch)
        return err_set(GRASP_EPARSE, "the body is no JSON Patch%s%s",
                       x->rq->body ? ": " : ": there is none", x->rq->body ? error.text : "");
    json_decref(patch);
    return x->view ? run_patch(x->view, x)
                   : fhir_store_write(x->store, x->rq->overlay, run_patch, x);
}
