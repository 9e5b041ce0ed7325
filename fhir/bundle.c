/* bundle.c - the answer to a search: order, pages, included resources, the searchset. */
#include <stdlib.h>
#include <xxhash.h>

#include "fhir/jsontext.h"
#include "fhir/overlay.h"
#include "fhir/page.h"
#include "fhir/rest.h"
#include "fhir/search.h"
#include "runtime/base/err.h"

#define ENTRY_GUESS  1500  /* bytes of a typical entry */
#define INCLUDED_MAX 10000 /* resources that _include and _revinclude may add to a page */

struct searchset {
    struct fhir_exchange *x;
    struct fhir_view *v;
    struct fhir_query *q;
    struct fhir_matches all; /* in the order asked for */
    size_t first, after;     /* the page */
    bool has_next;
    struct fhir_matches included;
    struct fhir_page_token token;
};

/* ---- resources in entries ---- */

/* meta with the tag that says "not the whole resource" (R4, search, _elements). */
static void add_subsetted_meta(struct buf *out, const char *meta, size_t len)
{
    json_t *m = meta ? json_loadb(meta, len, JSON_ALLOW_NUL, NULL) : NULL;
    m = json_is_object(m) ? m : (json_decref(m), json_object());
    json_t *tags = json_object_get(m, "tag");
    if (!json_is_array(tags)) {
        tags = json_array();
        json_object_set_new(m, "tag", tags);
    }
    json_array_append_new(tags,
                          json_pack("{s:s,s:s}", "system",
                                    "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
                                    "code", "SUBSETTED"));
    char *text = json_dumps(m, JSON_COMPACT);
    buf_adds(out, text ? text : "{}");
    free(text);
    json_decref(m);
}

static bool listed(const char *elements, const struct fhir_jsontext_iter *it)
{
    static const char *const always[] = {"resourceType", "id"};
    for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
        if (fhir_jsontext_key_is(it, always[i]))
            return true;
    for (const char *p = elements; *p;) {
        size_t n = strcspn(p, ",");
        if (n == it->key_len && memcmp(p, it->key, n) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static void add_elements(struct buf *out, const struct fhir_record *r, const char *elements)
{
    struct fhir_jsontext_iter it = fhir_jsontext_walk(r->text, r->text_len);
    const char *meta = NULL;
    size_t meta_len = 0;
    bool first = true;
    fhir_jsontext_find(r->text, r->text_len, "meta", &meta, &meta_len);
    buf_addch(out, '{');
    while (fhir_jsontext_next(&it)) {
        if (fhir_jsontext_key_is(&it, "meta") || !listed(elements, &it))
            continue;
        buf_addf(out, "%s\"%.*s\":", first ? "" : ",", (int)it.key_len, it.key);
        buf_add(out, it.value, it.len);
        first = false;
    }
    buf_adds(out, first ? "\"meta\":" : ",\"meta\":");
    add_subsetted_meta(out, meta, meta_len);
    buf_addch(out, '}');
}

static int add_entry(struct searchset *a, struct buf *out, uint64_t seq, const char *mode,
                     bool first)
{
    struct fhir_record r;
    int rc = fhir_search_fetch(a->v, seq, &r);
    if (rc < 0)
        return rc;
    buf_adds(out, first ? "{\"fullUrl\":\"" : ",{\"fullUrl\":\"");
    const char *base = a->q->store->base_url;
    buf_add_json(out, base, strlen(base), false);
    buf_adds(out, r.type);
    buf_addch(out, '/');
    buf_adds(out, r.id);
    buf_adds(out, "\",\"resource\":");
    if (a->q->elements)
        add_elements(out, &r, a->q->elements);
    else
        buf_add(out, r.text, r.text_len);
    buf_adds(out, ",\"search\":{\"mode\":\"");
    buf_adds(out, mode);
    buf_adds(out, "\"}}");
    return 0;
}

/* ---- included resources ---- */

static int include_one(struct searchset *a, const char *type, const char *id)
{
    struct fhir_record r;
    struct fhir_id_entry entry;
    int rc = fhir_view_get(a->v, type, id, &r, &entry);
    if (rc == GRASP_ENOTFOUND)
        return 0; /* a reference to what is not here */
    return rc < 0 ? rc : fhir_matches_add(&a->included, r.seq);
}

static int include_from(struct searchset *a, const struct fhir_include *inc,
                        const struct fhir_record *r)
{
    struct fhir_value_iter it = {.p = r->values, .end = r->values + r->values_len};
    int rc = 0;
    while (rc == 0 && fhir_values_next(&it)) {
        unsigned slot = it.number & 31;
        if (inc->param ? it.number != inc->number
                       : it.number & PARAM_TEXT_BIT || slot < PARAM_SLOT_OWN ||
                             inc->source->params[slot - PARAM_SLOT_OWN].kind != PARAM_REFERENCE)
            continue;
        const char *id = (const char *)it.bytes, *type = id + strlen(id) + 1;
        if (*type && (!inc->target || strcmp(inc->target, type) == 0))
            rc = include_one(a, type, id);
    }
    return rc;
}

static int include_to(struct searchset *a, const struct fhir_include *inc,
                      const struct fhir_record *r)
{
    struct fhir_matches some = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < inc->source->n; i++) {
        const struct fhir_search_param *p = &inc->source->params[i];
        if (p->kind != PARAM_REFERENCE || (inc->param && inc->param != p))
            continue;
        some.n = 0;
        rc = fhir_search_referring(
            a->v, inc->source, fhir_param_slot_number(inc->source, PARAM_SLOT_OWN + (unsigned)i),
            r->type, r->id, &some);
        for (size_t j = 0; rc == 0 && j < some.n; j++)
            rc = fhir_matches_add(&a->included, some.v[j]);
    }
    fhir_matches_release(&some);
    return rc;
}

static bool on_page(const struct searchset *a, uint64_t seq)
{
    for (size_t i = a->first; i < a->after; i++)
        if (a->all.v[i] == seq)
            return true;
    return false;
}

static int collect_included(struct searchset *a)
{
    struct fhir_query *q = a->q;
    int rc = 0;
    for (size_t i = a->first; rc == 0 && i < a->after; i++) {
        struct fhir_record r;
        if ((rc = fhir_search_fetch(a->v, a->all.v[i], &r)) < 0)
            return rc;
        for (size_t j = 0; rc == 0 && j < q->n_includes; j++)
            rc = include_from(a, &q->includes[j], &r);
        for (size_t j = 0; rc == 0 && j < q->n_revincludes; j++)
            rc = include_to(a, &q->revincludes[j], &r);
        if (a->included.n > INCLUDED_MAX) {
            fhir_matches_sort(&a->included);
            if (a->included.n > INCLUDED_MAX)
                return err_set(GRASP_EINVAL,
                               "more than %d resources would be included: ask for a smaller _count",
                               INCLUDED_MAX);
        }
    }
    fhir_matches_sort(&a->included);
    size_t n = 0;
    for (size_t i = 0; i < a->included.n; i++)
        if (!on_page(a, a->included.v[i]))
            a->included.v[n++] = a->included.v[i];
    a->included.n = n;
    return rc;
}

/* ---- the Bundle ---- */

static void add_link(struct buf *out, const struct searchset *a, const char *relation,
                     const char *page)
{
    struct buf url = BUF_INIT;
    buf_addf(&url, "%s%s", a->q->store->base_url, a->q->type->name);
    fhir_query_add_url(a->q, &url, page ? "_page" : NULL);
    if (page)
        buf_addf(&url, "%c_page=%s", strchr(url.ptr, '?') ? '&' : '?', page);
    buf_addf(out, "{\"relation\":\"%s\",\"url\":\"", relation);
    buf_add_json(out, url.ptr, url.len, false);
    buf_adds(out, "\"}");
    if (url.failed)
        out->failed = true;
    buf_release(&url);
}

/* The same search on the same data has the same id: a rollout that is run again reads the same
 * bytes. */
static void add_head(struct buf *out, const struct searchset *a)
{
    char changed[REST_TIME];
    struct buf self = BUF_INIT;
    fhir_query_add_url(a->q, &self, NULL);
    XXH128_hash_t h = XXH3_128bits_withSeed(self.ptr, self.len, (uint64_t)fhir_rest_changed(a->v));
    h.low64 ^= XXH3_64bits_withSeed(a->all.v, a->all.n * sizeof(*a->all.v),
                                    (uint64_t)(a->q->type - fhir_resource_types));
    buf_release(&self);
    fhir_rest_time(fhir_rest_changed(a->v), changed);
    buf_addf(out,
             "{\"resourceType\":\"Bundle\",\"id\":\"%08x-%04x-4%03x-%04x-%012llx\",\"meta\":{"
             "\"lastUpdated\":\"%s\"},\"type\":\"searchset\"",
             (unsigned)(h.high64 >> 32), (unsigned)(h.high64 >> 16 & 0xffff),
             (unsigned)(h.high64 & 0xfff), (unsigned)(0x8000 | (h.low64 >> 48 & 0x3fff)),
             (unsigned long long)(h.low64 & 0xffffffffffff), changed);
    if (a->q->total != TOTAL_NONE || a->q->count_only)
        buf_addf(out, ",\"total\":%zu", a->all.n);
}

static int add_bundle(struct searchset *a, struct buf *out)
{
    int rc = 0;
    buf_grow(out, 1024 + ENTRY_GUESS * (a->after - a->first + a->included.n));
    add_head(out, a);
    buf_adds(out, ",\"link\":[");
    add_link(out, a, "self", NULL);
    if (a->has_next) {
        struct buf token = BUF_INIT;
        rc = fhir_page_token_write(&token, a->v, a->q, a->all.v[a->after - 1], &a->token);
        buf_addch(out, ',');
        add_link(out, a, "next", token.ptr);
        buf_release(&token);
    }
    buf_addch(out, ']');
    bool first = true;
    for (size_t i = a->first; rc == 0 && i < a->after; i++, first = false) {
        if (first)
            buf_adds(out, ",\"entry\":[");
        rc = add_entry(a, out, a->all.v[i], "match", first);
    }
    for (size_t i = 0; rc == 0 && i < a->included.n; i++)
        rc = add_entry(a, out, a->included.v[i], "include", false);
    buf_adds(out, first ? "}" : "]}");
    return rc < 0 ? rc : buf_check(out);
}

static int answer_search(struct searchset *a)
{
    struct fhir_query *q = a->q;
    int rc = fhir_search_run(a->v, q, &a->all);
    if (rc == 0)
        rc = fhir_page_start(a->v, q, &a->all, &a->token, &a->first);
    if (rc < 0)
        return rc;
    a->after = a->first;
    if (!q->count_only) {
        size_t left = a->all.n - a->first;
        a->after += left < (size_t)q->count ? left : (size_t)q->count;
        a->has_next = a->after < a->all.n;
        if ((q->n_includes || q->n_revincludes) && (rc = collect_included(a)) < 0)
            return rc;
    }
    a->x->rs->status = 200;
    return add_bundle(a, &a->x->rs->body);
}

/* "ap" depends on the time of day. */
static bool depends_on_clock(const struct fhir_query *q)
{
    for (size_t i = 0; i < q->n; i++) {
        const struct fhir_clause *c = q->clauses[i].chain ? q->clauses[i].chain : &q->clauses[i];
        for (size_t j = 0; j < c->n; j++)
            if (c->param->kind == PARAM_DATE && c->alts[j].prefix == PRE_AP)
                return true;
    }
    return false;
}

int fhir_rest_search(struct fhir_exchange *x)
{
    struct fhir_query q;
    struct fhir_view own = {0};
    struct searchset a = {.x = x, .q = &q, .v = x->view};
    int rc = fhir_query_init(&q, x->store, x->type, x->query, x->query_len);
    if (rc < 0)
        goto out;
    x->compact = q.compact;
    x->keep = !depends_on_clock(&q);
    if (!a.v) {
        if ((rc = fhir_view_open(&own, x->store, x->rq->overlay)) < 0)
            goto out;
        a.v = &own;
    }
    rc = answer_search(&a);
out:
    fhir_view_close(&own);
    fhir_matches_release(&a.all);
    fhir_matches_release(&a.included);
    fhir_query_release(&q);
    return rc;
}
