/* bundle.c - the answer to a search: order, pages, included resources, the searchset. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fhir/custom.h"
#include "fhir/include.h"
#include "fhir/jsontext.h"
#include "fhir/overlay.h"
#include "fhir/pack.h"
#include "fhir/page.h"
#include "fhir/rest.h"
#include "fhir/search.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define ENTRY_GUESS 1500 /* bytes of a typical entry */

struct searchset {
    struct fhir_exchange *x;
    struct fhir_view *v;
    struct fhir_query *queries; /* one a type */
    size_t n_queries;
    struct fhir_query *q;    /* the first: what shapes the answer is the same in all */
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

/* Is the member one of "status,value[x]", or of "Observation.status" for an Observation? */
static bool listed(const char *elements, const char *type, const struct fhir_jsontext_iter *it)
{
    size_t type_len = strlen(type);
    for (const char *p = elements; p && *p;) {
        size_t n = strcspn(p, ","), len = n;
        const char *name = p;
        if (len > type_len && name[type_len] == '.' && memcmp(name, type, type_len) == 0) {
            name += type_len + 1;
            len -= type_len + 1;
        }
        bool choice = len > 3 && memcmp(name + len - 3, "[x]", 3) == 0;
        len -= choice ? 3 : 0;
        if (it->key_len >= len && memcmp(name, it->key, len) == 0 &&
            (choice ? it->key_len > len && it->key[len] >= 'A' && it->key[len] <= 'Z'
                    : it->key_len == len))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static bool shown(const struct fhir_query *q, const struct fhir_resource_type *type,
                  const struct fhir_jsontext_iter *it)
{
    if (fhir_jsontext_key_is(it, "resourceType") || fhir_jsontext_key_is(it, "id"))
        return true;
    if (q->elements)
        return listed(q->elements, type->name, it);
    if (q->summary == SUMMARY_TRUE)
        return listed(type->summary, type->name, it);
    bool text = fhir_jsontext_key_is(it, "text");
    return q->summary == SUMMARY_DATA ? !text : text || listed(type->mandatory, type->name, it);
}

/* What _elements or _summary asks for, with the tag that it is not everything. */
static void add_part(struct buf *out, const struct fhir_record *r, const struct fhir_query *q)
{
    const struct fhir_resource_type *type = fhir_resource_type_find(r->type, strlen(r->type));
    struct fhir_jsontext_iter it = fhir_jsontext_walk(r->text, r->text_len);
    const char *meta = NULL;
    size_t meta_len = 0;
    bool first = true;
    fhir_jsontext_find(r->text, r->text_len, "meta", &meta, &meta_len);
    buf_addch(out, '{');
    while (fhir_jsontext_next(&it)) {
        if (fhir_jsontext_key_is(&it, "meta") || !shown(q, type, &it))
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
    struct fhir_mark mark = fhir_view_mark(a->v);
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
    if (a->q->elements || a->q->summary != SUMMARY_NONE)
        add_part(out, &r, a->q);
    else
        buf_add(out, r.text, r.text_len);
    buf_adds(out, ",\"search\":{\"mode\":\"");
    buf_adds(out, mode);
    buf_adds(out, "\"}}");
    fhir_view_cut(a->v, mark);
    return 0;
}

/* ---- the Bundle ---- */

/* `page`: NULL: the page this is, "": the first one, else the token of another. */
static void add_link(struct buf *out, const struct searchset *a, const char *relation,
                     const char *page)
{
    struct buf url = BUF_INIT;
    buf_addf(&url, "%s%s", a->q->store->base_url, a->q->path);
    fhir_query_add_url(a->q, &url, page ? "_page" : NULL);
    if (page && *page)
        buf_addf(&url, "%c_page=%s", strchr(url.ptr, '?') ? '&' : '?', page);
    buf_addf(out, "{\"relation\":\"%s\",\"url\":\"", relation);
    buf_add_json(out, url.ptr, url.len, false);
    buf_adds(out, "\"}");
    if (url.failed)
        out->failed = true;
    buf_release(&url);
}

/* To the page after that resource. */
static int add_page_link(struct buf *out, const struct searchset *a, const char *relation,
                         uint64_t last)
{
    struct buf token = BUF_INIT;
    int rc = fhir_page_token_write(&token, a->v, a->q, last, &a->token);
    buf_addch(out, ',');
    if (rc == 0)
        add_link(out, a, relation, token.ptr);
    buf_release(&token);
    return rc;
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
    if (a->has_next)
        rc = add_page_link(out, a, "next", a->all.v[a->after - 1]);
    if (rc == 0 && a->token.given && a->first > (size_t)a->q->count) {
        rc = add_page_link(out, a, "previous", a->all.v[a->first - (size_t)a->q->count - 1]);
    } else if (rc == 0 && a->token.given) { /* the first page is the search itself */
        buf_addch(out, ',');
        add_link(out, a, "previous", "");
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
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->n_queries; i++)
        rc = fhir_search_run(a->v, &a->queries[i], &a->all);
    if (a->n_queries > 1 || a->x->everything)
        fhir_matches_sort(&a->all);
    if (rc == 0)
        rc = fhir_page_start(a->v, q, &a->all, &a->token, &a->first);
    if (rc < 0)
        return rc;
    a->after = a->first;
    if (!q->count_only) {
        size_t left = a->all.n - a->first;
        a->after += left < (size_t)q->count ? left : (size_t)q->count;
        a->has_next = a->after < a->all.n;
        if ((q->n_includes || q->n_revincludes) && left > 0 &&
            (rc = fhir_include(a->v, q, a->all.v + a->first, a->after - a->first, &a->included)) <
                0)
            return rc;
    }
    a->x->rs->status = 200;
    return add_bundle(a, &a->x->rs->body);
}

/* "ap" depends on the time of day. */
static bool clause_on_clock(const struct fhir_clause *c)
{
    for (size_t i = 0; i < c->n_chains; i++)
        if (clause_on_clock(c->chains[i].clause))
            return true;
    for (size_t j = 0; j < c->n; j++)
        if (c->param->kind == PARAM_DATE && c->alts[j].prefix == PRE_AP)
            return true;
    return false;
}

static bool depends_on_clock(const struct fhir_query *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (clause_on_clock(&q->clauses[i]))
            return true;
    return false;
}

/* ---- what is searched ---- */

/* The types that a request is about, as "A,B" (NULL: all that can be meant). */
static bool wanted(const struct fhir_exchange *x, const char *types,
                   const struct fhir_resource_type *t)
{
    if (x->type && t != x->type)
        return false;
    return !types || fhir_listed(types, ',', t->name, strlen(t->name));
}

static int check_types(const char *types)
{
    for (const char *p = types; p && *p;) {
        size_t n = strcspn(p, ",");
        if (!fhir_resource_type_find(p, n))
            return err_set(GRASP_EINVAL, "_type: '%.*s' is no resource type",
                           (int)(n < 60 ? n : 60), p);
        p += n + (p[n] == ',');
    }
    return 0;
}

/* Takes the parameters that are not about single types out of the rest: _type, and of $everything
 * start, end, _since. `rest`: what each type's query is made of. */
struct bundle_frame {
    const char *types, *start, *end, *since;
    struct buf rest;
};

static int read_frame(struct fhir_exchange *x, struct bundle_frame *f)
{
    struct fhir_pair *pairs;
    size_t n;
    int rc = fhir_query_pairs(&x->arena, x->query, x->query_len, &pairs, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *name = pairs[i].name, *value = pairs[i].value;
        if (strcmp(name, "_type") == 0)
            f->types = value;
        else if (x->everything && strcmp(name, "start") == 0)
            f->start = value;
        else if (x->everything && strcmp(name, "end") == 0)
            f->end = value;
        else if (x->everything && strcmp(name, "_since") == 0)
            f->since = value;
        else if (!x->type && *name != '_' && !x->lenient)
            rc = err_set(GRASP_EINVAL,
                         "unknown search parameter '%.80s': over several types only those that all "
                         "of them have are known, like _id and _lastUpdated",
                         name);
        else if (x->type || *name == '_') {
            buf_addf(&f->rest, "%s", f->rest.len ? "&" : "");
            buf_add_url(&f->rest, name, strlen(name));
            buf_addch(&f->rest, '=');
            buf_add_url(&f->rest, value, strlen(value));
        }
    }
    return rc < 0 ? rc : check_types(f->types);
}

static void add_condition(struct buf *out, const char *param, const char *prefix, const char *value)
{
    if (!value)
        return;
    buf_addf(out, "%s%s=%s", out->len ? "&" : "", param, prefix);
    buf_add_url(out, value, strlen(value));
}

/* Reads one type's query. */
static int add_query(struct searchset *a, const struct fhir_query_source *source,
                     const struct fhir_resource_type *t, const struct bundle_frame *f)
{
    struct fhir_exchange *x = a->x;
    struct fhir_query *q = &a->queries[a->n_queries];
    struct fhir_param_ref date;
    struct buf text = BUF_INIT;
    buf_add(&text, f->rest.ptr ? f->rest.ptr : "", f->rest.len);
    add_condition(&text, "_lastUpdated", "ge", f->since);
    if (x->everything && fhir_param_find(t, "date", 4, &date) && date.param->kind == PARAM_DATE) {
        add_condition(&text, "date", "ge", f->start);
        add_condition(&text, "date", "le", f->end);
    }
    int rc = buf_check(&text);
    if (rc == 0) {
        const char *own = fhir_arena_ndup(&x->arena, text.ptr ? text.ptr : "", text.len);
        rc = own ? fhir_query_init(q, source, t, own, text.len) : GRASP_ENOMEM;
        a->n_queries++;
    }
    buf_release(&text);
    if (rc == 0 && x->compartment &&
        !fhir_query_add_compartment(q, x->compartment->name, x->id)) { /* it has no such types */
        fhir_query_release(q);
        a->n_queries--;
    }
    return rc;
}

/* The Patient of Patient/1/$everything itself, or all of them. */
static int add_subject(struct searchset *a)
{
    struct fhir_exchange *x = a->x;
    struct fhir_record r;
    struct fhir_id_entry entry;
    if (!x->id) {
        struct fhir_query all = {.store = x->store, .type = x->compartment};
        int rc = fhir_search_run(a->v, &all, &a->all);
        fhir_query_release(&all);
        return rc;
    }
    int rc = fhir_view_get(a->v, x->compartment->name, x->id, &r, &entry);
    if (rc == GRASP_ENOTFOUND)
        return err_set(GRASP_ENOTFOUND, "there is no %s/%.80s", x->compartment->name, x->id);
    return rc < 0 ? rc : fhir_matches_add(&a->all, r.seq);
}

/* What resources of $everything refer to comes with them. */
static int shape_everything(struct searchset *a)
{
    struct fhir_query *q = a->q;
    bool counted = false;
    for (size_t i = 0; i < q->n_pairs; i++)
        counted |= strcmp(q->pairs[i].name, "_count") == 0;
    if (!counted)
        q->count = QUERY_COUNT_MAX;
    q->includes = fhir_arena_alloc(&q->arena, sizeof(*q->includes));
    if (!q->includes)
        return GRASP_ENOMEM;
    *q->includes = (struct fhir_include){0};
    q->n_includes = 1;
    return 0;
}

static int run_search(struct searchset *a, const struct bundle_frame *f)
{
    struct fhir_exchange *x = a->x;
    bool several = !x->type || x->compartment;
    struct fhir_query_source source = {
        .view = a->v, .custom = fhir_custom_param, .lenient = x->lenient};
    size_t n = 0;
    int rc = 0;
    for (size_t i = 0; i < fhir_resource_type_count; i++)
        n += wanted(x, f->types, &fhir_resource_types[i]);
    a->queries = calloc(n + 1, sizeof(*a->queries));
    if (!a->queries)
        return err_oom();
    for (size_t i = 0; rc == 0 && i < fhir_resource_type_count; i++)
        if (wanted(x, f->types, &fhir_resource_types[i]))
            rc = add_query(a, &source, &fhir_resource_types[i], f);
    if (rc == 0 && a->n_queries == 0)
        rc = err_set(GRASP_EINVAL, "nothing of %s is in a compartment of %s",
                     f->types  ? f->types
                     : x->type ? x->type->name
                               : "any type",
                     x->compartment ? x->compartment->name : "any type");
    a->q = a->queries;
    if (rc == 0 && several) {
        /* links show what was asked, not what it became for the first type */
        rc = fhir_query_pairs(&a->q->arena, x->query, x->query_len, &a->q->pairs, &a->q->n_pairs);
        a->q->path = x->path;
    }
    if (rc == 0 && x->everything)
        rc = shape_everything(a);
    if (rc == 0 && x->everything &&
        (!f->types ||
         fhir_listed(f->types, ',', x->compartment->name, strlen(x->compartment->name))))
        rc = add_subject(a);
    if (rc < 0)
        return rc;
    x->compact = a->q->compact;
    x->keep = true;
    for (size_t i = 0; i < a->n_queries; i++)
        x->keep &= !depends_on_clock(&a->queries[i]);
    return answer_search(a);
}

int fhir_rest_search(struct fhir_exchange *x)
{
    struct fhir_view own = {0};
    struct searchset a = {.x = x, .v = x->view};
    struct bundle_frame f = {.rest = BUF_INIT};
    int rc = 0;
    if (!x->type || x->compartment)
        rc = read_frame(x, &f);
    else
        buf_add(&f.rest, x->query, x->query_len);
    if (rc == 0)
        rc = buf_check(&f.rest);
    if (rc == 0 && !a.v && (rc = fhir_view_open(&own, x->store, x->rq->overlay)) == 0)
        a.v = &own;
    if (rc == 0)
        rc = run_search(&a, &f);
    fhir_view_close(&own);
    fhir_matches_release(&a.all);
    fhir_matches_release(&a.included);
    for (size_t i = 0; i < a.n_queries; i++)
        fhir_query_release(&a.queries[i]);
    free(a.queries);
    buf_release(&f.rest);
    return rc;
}
