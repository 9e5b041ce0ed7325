/* include.c - resources that come with a page: what it refers to, and what refers to it. */
#include "fhir/include.h"

#include <stdlib.h>
#include <string.h>

#include "fhir/pack.h"
#include "runtime/base/err.h"

struct include {
    struct fhir_view *v;
    const struct fhir_query *q;
    const uint64_t *page;
    size_t n;
    struct fhir_matches *included;
    uint8_t *types; /* of which there are resources: 1, none: 2; 0: not looked yet */
};

static int include_one(struct include *a, const char *type, const char *id)
{
    struct fhir_record r;
    struct fhir_id_entry entry;
    int rc = fhir_view_get(a->v, type, id, &r, &entry);
    if (rc == GRASP_ENOTFOUND)
        return 0; /* a reference to what is not here */
    return rc < 0 ? rc : fhir_matches_add(a->included, r.seq);
}

static bool is_reference(const struct fhir_include *inc, const struct fhir_resource_type *type,
                         uint16_t number)
{
    for (size_t i = 0; inc->by.param && i < inc->by.n; i++)
        if (inc->by.numbers[i] == number)
            return true;
    if (inc->by.param || number & (PARAM_TEXT_BIT | PARAM_EXTRA_BIT))
        return false;
    const struct fhir_search_param *p = fhir_param_at(type, number);
    return p && p->kind == PARAM_REFERENCE;
}

static int include_from(struct include *a, const struct fhir_include *inc,
                        const struct fhir_record *r)
{
    const struct fhir_resource_type *source = fhir_resource_type_find(r->type, strlen(r->type));
    struct fhir_value_iter it = {.p = r->values, .end = r->values + r->values_len};
    int rc = 0;
    if (inc->source && inc->source != source)
        return 0;
    while (rc == 0 && fhir_values_next(&it)) {
        if (!is_reference(inc, source, it.number))
            continue;
        const char *id = (const char *)it.bytes, *type = id + strlen(id) + 1;
        if (*type && (!inc->target || strcmp(inc->target, type) == 0))
            rc = include_one(a, type, id);
    }
    return rc;
}

static int include_by(struct include *a, const struct fhir_resource_type *source,
                      const struct fhir_param_ref *by, const struct fhir_record *r)
{
    struct fhir_matches some = {0};
    int rc = fhir_search_referring(a->v, source, by, r->type, r->id, &some);
    for (size_t j = 0; rc == 0 && j < some.n; j++)
        rc = fhir_matches_add(a->included, some.v[j]);
    fhir_matches_release(&some);
    return rc;
}

/* By every reference of a type that may lead to the record. */
static int include_by_all(struct include *a, const struct fhir_resource_type *source,
                          const struct fhir_record *r)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < source->n; i++) {
        const struct fhir_search_param *p = &source->params[i];
        struct fhir_param_ref by;
        if (p->kind == PARAM_REFERENCE && !p->shared &&
            (!p->targets || fhir_listed(p->targets, '|', r->type, strlen(r->type))) &&
            fhir_param_find(source, p->name, strlen(p->name), &by))
            rc = include_by(a, source, &by, r);
    }
    return rc;
}

static int include_to(struct include *a, const struct fhir_include *inc,
                      const struct fhir_record *r)
{
    int rc = 0;
    if (inc->by.param)
        return include_by(a, inc->source, &inc->by, r);
    for (size_t i = 0; rc == 0 && i < fhir_resource_type_count; i++) {
        if (inc->source && inc->source != &fhir_resource_types[i])
            continue;
        if (!a->types[i])
            a->types[i] = fhir_view_has(a->v, &fhir_resource_types[i]) ? 1 : 2;
        if (a->types[i] == 1)
            rc = include_by_all(a, &fhir_resource_types[i], r);
    }
    return rc;
}

static bool on_page(const struct include *a, uint64_t seq)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->page[i] == seq)
            return true;
    return false;
}

/* What one resource brings in; `again`: it was brought in itself, only :iterate goes on from it. */
static int include_for(struct include *a, uint64_t seq, bool again)
{
    const struct fhir_query *q = a->q;
    struct fhir_record r;
    struct fhir_mark mark = fhir_view_mark(a->v);
    int rc = fhir_search_fetch(a->v, seq, &r);
    for (size_t j = 0; rc == 0 && j < q->n_includes; j++)
        if (!again || q->includes[j].iterate)
            rc = include_from(a, &q->includes[j], &r);
    for (size_t j = 0; rc == 0 && j < q->n_revincludes; j++)
        if (!again || q->revincludes[j].iterate)
            rc = include_to(a, &q->revincludes[j], &r);
    fhir_view_cut(a->v, mark);
    if (rc == 0 && a->included->n > INCLUDED_MAX)
        fhir_matches_sort(a->included);
    if (rc == 0 && a->included->n > INCLUDED_MAX)
        rc = err_set(GRASP_EINVAL,
                     "more than %d resources would be included: ask for a smaller _count",
                     INCLUDED_MAX);
    return rc;
}

static bool iterates(const struct fhir_query *q)
{
    for (size_t j = 0; j < q->n_includes; j++)
        if (q->includes[j].iterate)
            return true;
    for (size_t j = 0; j < q->n_revincludes; j++)
        if (q->revincludes[j].iterate)
            return true;
    return false;
}

static bool holds(const struct fhir_matches *sorted, uint64_t seq)
{
    size_t lo = 0, hi = sorted->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (sorted->v[mid] == seq)
            return true;
        if (sorted->v[mid] < seq)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static int copy_matches(struct fhir_matches *to, const struct fhir_matches *from)
{
    int rc = 0;
    to->n = 0;
    for (size_t i = 0; rc == 0 && i < from->n; i++)
        rc = fhir_matches_add(to, from->v[i]);
    return rc;
}

/* Goes on from what was brought in until nothing new comes: each round looks only at what the one
 * before it added. */
static int iterate(struct include *a)
{
    struct fhir_matches seen = {0}, before = {0};
    bool new = true;
    int rc = 0;
    fhir_matches_sort(a->included);
    while (rc == 0 && new) {
        new = false;
        rc = copy_matches(&before, a->included);
        for (size_t i = 0; rc == 0 && i < before.n; i++)
            if (!holds(&seen, before.v[i])) {
                new = true;
                rc = include_for(a, before.v[i], true);
            }
        if (rc == 0)
            rc = copy_matches(&seen, &before);
        fhir_matches_sort(a->included);
    }
    fhir_matches_release(&seen);
    fhir_matches_release(&before);
    return rc;
}

int fhir_include(struct fhir_view *v, const struct fhir_query *q, const uint64_t *page, size_t n,
                 struct fhir_matches *included)
{
    struct include a = {.v = v, .q = q, .page = page, .n = n, .included = included};
    int rc = 0;
    a.types = calloc(fhir_resource_type_count, 1);
    if (!a.types)
        return err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = include_for(&a, page[i], false);
    if (rc == 0 && iterates(q))
        rc = iterate(&a);
    free(a.types);
    fhir_matches_sort(included);
    size_t left = 0;
    for (size_t i = 0; i < included->n; i++)
        if (!on_page(&a, included->v[i]))
            included->v[left++] = included->v[i];
    included->n = left;
    return rc;
}
