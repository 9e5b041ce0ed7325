/* decide.c - search, then decide. */
#include "fhir/decide.h"

#include "fhir/custom.h"
#include "fhir/jsontext.h"
#include "fhir/query.h"
#include "fhir/search.h"
#include "runtime/base/err.h"

int fhir_decide(struct fhir_view *v, const struct fhir_resource_type *type, const char *criteria,
                size_t len, struct fhir_decision *out)
{
    struct fhir_query q = {0};
    struct fhir_matches found = {0};
    size_t name = strlen(type->name), base = strlen(v->store->base_url);
    *out = (struct fhir_decision){0};
    /* clients write it as parameters, with a question mark, and as the whole URL of the search */
    if (len > base && memcmp(criteria, v->store->base_url, base) == 0) {
        criteria += base;
        len -= base;
    }
    if (len > 0 && *criteria == '/') {
        criteria++;
        len--;
    }
    if (len > 0 && *criteria == '?') {
        criteria++;
        len--;
    } else if (len > name && criteria[name] == '?' && memcmp(criteria, type->name, name) == 0) {
        criteria += name + 1;
        len -= name + 1;
    }
    struct fhir_query_source source = {.view = v, .custom = fhir_custom_param};
    int rc = fhir_query_init(&q, &source, type, criteria, len);
    if (rc == 0 && q.n == 0)
        rc = err_set(GRASP_EINVAL, "which %s? The condition '%.*s' has no search parameter",
                     type->name, (int)(len < 80 ? len : 80), criteria);
    if (rc == 0)
        rc = fhir_search_run(v, &q, &found);
    if (rc == 0 && found.n > 0) {
        struct fhir_record r;
        out->n = found.n < 2 ? 1 : 2;
        rc = fhir_search_fetch(v, found.v[0], &r);
        if (rc == 0)
            snprintf(out->id, sizeof(out->id), "%s", r.id);
    }
    fhir_matches_release(&found);
    fhir_query_release(&q);
    return rc;
}

/* ---- references that are searches ---- */

const struct fhir_resource_type *fhir_conditional_reference(const char *s, size_t len)
{
    const char *mark = memchr(s, '?', len);
    return mark ? fhir_resource_type_find(s, (size_t)(mark - s)) : NULL;
}

struct resolver {
    struct fhir_view *v;
    char target[FHIR_ID_MAX + 64]; /* the last replacement */
    size_t found, unresolved;
    bool keep; /* what is not resolved */
    int rc;
};

/* Undoes the JSON escapes of a string; NULL: there are none. */
static json_t *plain_string(const char *s, size_t len)
{
    struct buf quoted = BUF_INIT;
    json_t *out = NULL;
    if (memchr(s, '\\', len)) {
        buf_addch(&quoted, '"');
        buf_add(&quoted, s, len);
        buf_addch(&quoted, '"');
        out = json_loadb(quoted.ptr, quoted.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        buf_release(&quoted);
    }
    return out;
}

static const char *resolve(const char *s, size_t len, void *arg)
{
    struct resolver *r = arg;
    struct fhir_decision d;
    const struct fhir_resource_type *type = fhir_conditional_reference(s, len);
    if (!type || r->rc < 0)
        return NULL;
    json_t *plain = plain_string(s, len);
    const char *query = plain ? json_string_value(plain) : s;
    size_t n = plain ? json_string_length(plain) : len;
    r->found++;
    r->rc = fhir_decide(r->v, type, query, n, &d);
    int shown = (int)(n < 200 ? n : 200);
    if (r->rc == 0 && d.n == 0)
        r->rc = err_set(GRASP_ENOTFOUND, "reference '%.*s': there is no such %s", shown, query,
                        type->name);
    else if (r->rc == 0 && d.n > 1)
        r->rc = err_set(GRASP_ECONFLICT, "reference '%.*s': more than one %s matches", shown, query,
                        type->name);
    snprintf(r->target, sizeof(r->target), "%s/%s", type->name, d.id);
    json_decref(plain);
    bool failed = r->rc < 0;
    if (r->keep &&
        (r->rc == GRASP_ENOTFOUND || r->rc == GRASP_ECONFLICT || r->rc == GRASP_EINVAL)) {
        r->unresolved++;
        r->rc = 0;
    }
    return failed ? NULL : r->target;
}

int fhir_decide_references(struct fhir_view *v, const char *text, size_t len, struct buf *out,
                           size_t *found, size_t *unresolved)
{
    struct resolver r = {.v = v, .keep = unresolved != NULL};
    fhir_jsontext_replace_references(out, text, len, resolve, &r);
    *found = r.found;
    if (unresolved)
        *unresolved = r.unresolved;
    return r.rc < 0 ? r.rc : buf_check(out);
}
