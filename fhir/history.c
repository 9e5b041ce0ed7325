/* history.c - versions of a resource: vread and _history. */
#include <stdio.h>
#include <string.h>

#include "fhir/rest.h"
#include "fhir/search.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

int fhir_rest_version(struct fhir_exchange *x)
{
    struct fhir_view own = {0}, *v = x->view;
    struct fhir_record r;
    int64_t version = 0;
    bool number = str_to_i64(x->version, 1, UINT32_MAX, &version);
    int rc = v ? 0 : fhir_view_open(v = &own, x->store, x->rq->overlay);
    if (rc < 0)
        return rc;
    rc = number ? fhir_view_version(v, x->type->name, x->id, (uint32_t)version, &r)
                : GRASP_ENOTFOUND;
    if (rc == GRASP_ENOTFOUND)
        rc = fhir_outcome_reply(x->rs, 404, "there is no version '%.40s' of %s/%.80s%s", x->version,
                                x->type->name, x->id,
                                x->store->keep_versions ? "" : " (old versions are not kept)");
    else if (rc == 0 && r.text_len == 0)
        rc = fhir_outcome_reply(x->rs, 410, "version %s of %s/%.80s is its deletion", x->version,
                                x->type->name, x->id);
    else if (rc == 0)
        fhir_rest_reply_resource(x, 200, &r);
    fhir_view_close(&own);
    return rc;
}

struct history_frame {
    int64_t count, since;
    uint32_t below; /* versions from here on were shown before */
};

static int read_frame(struct fhir_exchange *x, struct history_frame *f)
{
    struct fhir_pair *pairs;
    size_t n;
    int64_t unused, below = UINT32_MAX;
    int rc = fhir_query_pairs(&x->arena, x->query, x->query_len, &pairs, &n);
    *f = (struct history_frame){.count = QUERY_COUNT_MAX, .since = INT64_MIN};
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *name = pairs[i].name, *value = pairs[i].value;
        if (strcmp(name, "_pretty") == 0)
            x->compact = strcmp(value, "false") == 0;
        else if (strcmp(name, "_count") == 0 && str_to_i64(value, 0, QUERY_COUNT_MAX, &f->count))
            continue;
        else if (strcmp(name, "_since") == 0 &&
                 fhir_date_interval(value, strlen(value), &f->since, &unused))
            continue;
        else if (strcmp(name, "_page") == 0 && str_to_i64(value, 1, UINT32_MAX, &below))
            continue;
        else if (strcmp(name, "_format") != 0)
            rc = err_set(GRASP_EINVAL,
                         "'%.80s=%.80s': _history takes _count, _since and the _page of its links",
                         name, value);
    }
    f->below = (uint32_t)below;
    return rc;
}

static void add_version(struct buf *out, struct fhir_exchange *x, const struct fhir_record *r)
{
    char time[REST_TIME];
    const char *base = x->store->base_url;
    bool deleted = r->text_len == 0;
    fhir_rest_time(r->updated_us, time);
    buf_adds(out, "{\"fullUrl\":\"");
    buf_add_json(out, base, strlen(base), false);
    buf_addf(out, "%s/%s\"", r->type, r->id);
    if (!deleted) {
        buf_adds(out, ",\"resource\":");
        buf_add(out, r->text, r->text_len);
    }
    buf_addf(out,
             ",\"request\":{\"method\":\"%s\",\"url\":\"%s/%s\"},\"response\":{\"status\":\"%s\","
             "\"etag\":\"W/\\\"%u\\\"\",\"lastModified\":\"%s\"}}",
             deleted           ? "DELETE"
             : r->version == 1 ? "POST"
                               : "PUT",
             r->type, r->id,
             deleted           ? "204 No Content"
             : r->version == 1 ? "201 Created"
                               : "200 OK",
             r->version, time);
}

static int add_versions(struct fhir_exchange *x, struct fhir_view *v, const struct history_frame *f)
{
    struct fhir_matches versions = {0};
    struct buf entries = BUF_INIT, *out = &x->rs->body;
    struct fhir_record r;
    size_t total = 0, shown = 0;
    uint32_t next = 0;
    int rc = fhir_view_versions(v, x->type->name, x->id, &versions);
    for (size_t i = versions.n; rc == 0 && i-- > 0;) { /* the newest first */
        uint32_t version = (uint32_t)versions.v[i];
        rc = fhir_view_version(v, x->type->name, x->id, version, &r);
        if (rc == GRASP_ENOTFOUND || (rc == 0 && r.updated_us < f->since)) {
            rc = 0;
            continue;
        }
        total += rc == 0;
        if (rc < 0 || version >= f->below)
            continue;
        if (shown == (size_t)f->count) {
            next = next ? next : version + 1;
            continue;
        }
        buf_adds(&entries, shown++ ? "," : ",\"entry\":[");
        add_version(&entries, x, &r);
    }
    x->rs->status = 200;
    buf_addf(out, "{\"resourceType\":\"Bundle\",\"type\":\"history\",\"total\":%zu,\"link\":[",
             total);
    const char *base = x->store->base_url;
    for (int link = 0; link < (next && f->count ? 2 : 1); link++) {
        buf_addf(out, "%s{\"relation\":\"%s\",\"url\":\"", link ? "," : "", link ? "next" : "self");
        buf_add_json(out, base, strlen(base), false);
        buf_addf(out, "%s/%s/_history", x->type->name, x->id);
        if (f->count != QUERY_COUNT_MAX)
            buf_addf(out, "?_count=%lld", (long long)f->count);
        if (link)
            buf_addf(out, "&_page=%u", next);
        buf_adds(out, "\"}");
    }
    buf_addch(out, ']');
    buf_add(out, entries.ptr ? entries.ptr : "", entries.len);
    buf_adds(out, shown ? "]}" : "}");
    if (rc == 0)
        rc = buf_check(&entries);
    buf_release(&entries);
    fhir_matches_release(&versions);
    return rc < 0 ? rc : buf_check(out);
}

int fhir_rest_history(struct fhir_exchange *x)
{
    struct fhir_view own = {0}, *v = x->view;
    struct fhir_record r;
    struct fhir_id_entry entry = {0};
    struct history_frame f;
    if (!x->store->keep_versions)
        return fhir_outcome_unsupported(x->rs,
                                        "_history: this server does not keep old versions (it was "
                                        "not started with --history)");
    int rc = read_frame(x, &f);
    if (rc == 0 && !v)
        rc = fhir_view_open(v = &own, x->store, x->rq->overlay);
    if (rc < 0)
        return rc;
    rc = fhir_view_get(v, x->type->name, x->id, &r, &entry);
    if (rc == GRASP_ENOTFOUND && !entry.version)
        rc = fhir_outcome_reply(x->rs, 404, "there is no %s/%.80s", x->type->name, x->id);
    else if (rc == 0 || rc == GRASP_ENOTFOUND)
        rc = add_versions(x, v, &f);
    fhir_view_close(&own);
    return rc;
}
