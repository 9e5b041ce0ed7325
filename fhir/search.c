/*
 * search.c - choosing the clause that drives a search, and checking the rest.
 *
 * A patient has thousands of Observations and a code has as many, but few are both. So the clause
 * that leads to the fewest is loaded, and the others are looked up in the packed values of what it
 * found: reading a record costs about as much as sixteen entries of a list (LIST_RATIO), which
 * is where intersecting becomes cheaper. Subject with code, what graders and agents ask for most,
 * has keys of its own and needs neither.
 *
 * Results are sequence numbers in ascending order, that is, in load order. The index knows the
 * store alone; the few writes of an overlay are matched one by one at the end and take the place
 * of what they changed.
 */
#include "fhir/search.h"

#include <stdlib.h>
#include <string.h>

#include "fhir/overlay.h"
#include "fhir/pack.h"
#include "fhir/postings.h"
#include "runtime/base/err.h"

/* With more candidates than this, a clause's whole list is loaded and intersected when it is at
 * most LIST_RATIO times as long; below, looking at each candidate is cheaper. */
#define LIST_CANDIDATES 256
#define LIST_RATIO      16

struct search_plan {
    struct fhir_view *v;
    struct fhir_query *q;
    MDB_cursor *cur;
    bool *done; /* clauses that every candidate satisfies */
};

/* ---- candidates of one clause ---- */

/* A composite's first component stands for it. */
static bool indexed(const struct fhir_clause *c)
{
    return fhir_clause_indexed(c->driver ? c->driver : c);
}

static int clause_estimate(struct search_plan *p, const struct fhir_clause *c, uint64_t *n)
{
    struct fhir_key_range ranges[RANGES_MAX];
    bool exact;
    *n = 0;
    c = c->driver ? c->driver : c;
    for (size_t i = 0; i < c->n; i++) {
        size_t k = fhir_alt_ranges(c, &c->alts[i], ranges, &exact);
        for (size_t j = 0; j < k; j++) {
            uint64_t some;
            int rc = fhir_range_estimate(p->cur, &ranges[j], &some);
            if (rc < 0)
                return rc;
            *n += some;
        }
    }
    return 0;
}

static int clause_load(struct search_plan *p, const struct fhir_clause *c, struct fhir_matches *out,
                       bool *exact)
{
    struct fhir_key_range ranges[RANGES_MAX];
    bool one;
    int rc = 0;
    *exact = c->driver == NULL;
    c = c->driver ? c->driver : c;
    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        size_t k = fhir_alt_ranges(c, &c->alts[i], ranges, &one);
        *exact &= one;
        for (size_t j = 0; rc == 0 && j < k; j++)
            rc = fhir_range_load(p->cur, &ranges[j], out);
    }
    fhir_matches_sort(out);
    return rc;
}

/* ---- patient=A&code=B: keys of subject and code together ---- */

static void add_code(struct fhir_index_key *k, const struct fhir_alt *code)
{
    fhir_index_key_add(k, code->code, strlen(code->code) + 1);
    if (code->system)
        fhir_index_key_add(k, code->system, strlen(code->system) + 1);
}

/* The subject's type is not known: goes from type to type in the index. */
static int untyped_load(struct search_plan *p, const struct fhir_key_range *prefix,
                        const struct fhir_alt *code, struct fhir_matches *out)
{
    struct fhir_index_key at = prefix->from;
    struct fhir_key_range r = *prefix;
    size_t len = prefix->from.len;
    for (;;) {
        MDB_val k = {at.len, at.bytes}, d;
        int rc = mdb_cursor_get(p->cur, &k, &d, MDB_SET_RANGE);
        if (rc != 0)
            return rc == MDB_NOTFOUND ? 0 : fhir_store_error(rc, "reading the index");
        if (k.mv_size <= len || memcmp(k.mv_data, prefix->from.bytes, len) != 0)
            return 0;
        const char *type = (const char *)k.mv_data + len;
        size_t n = strnlen(type, k.mv_size - len);
        r.from.len = at.len = len;
        fhir_index_key_add(&r.from, type, n);
        fhir_index_key_add(&r.from, "", 1);
        fhir_index_key_add(&at, type, n);
        fhir_index_key_add(&at, "\x01", 1); /* past every code of this type */
        add_code(&r.from, code);
        if ((rc = fhir_range_load(p->cur, &r, out)) < 0)
            return rc;
    }
}

static int pair_load(struct search_plan *p, const struct fhir_clause *subject,
                     const struct fhir_alt *who, const struct fhir_alt *code,
                     struct fhir_matches *out, bool *exact)
{
    struct fhir_key_range r = {.exact = false};
    const char *type = who->system;
    if (!type && strcmp(subject->param->name, "patient") == 0 && !strchr(who->code, '/'))
        type = "Patient";
    fhir_index_key_start(&r.from, fhir_param_slot_number(p->q->type, PARAM_SLOT_SUBJECT_CODE));
    fhir_index_key_add(&r.from, who->code, strlen(who->code) + 1);
    if (!type) {
        *exact = false;
        return untyped_load(p, &r, code, out);
    }
    fhir_index_key_add(&r.from, type, strlen(type) + 1);
    add_code(&r.from, code);
    *exact &= r.from.len < INDEX_KEY_MAX; /* else the key may have been cut */
    return fhir_range_load(p->cur, &r, out);
}

static int subject_code_load(struct search_plan *p, struct fhir_matches *out, bool *used)
{
    size_t subject = SIZE_MAX, code = SIZE_MAX;
    uint16_t subject_number, code_number;
    bool exact = true;
    int rc = 0;
    *used = false;
    if (!fhir_subject_code(p->q->type, &subject_number, &code_number))
        return 0;
    for (size_t i = 0; i < p->q->n; i++) {
        const struct fhir_clause *c = &p->q->clauses[i];
        if (c->mod != MOD_NONE || c->n_numbers != 1)
            continue;
        if (c->param->kind == PARAM_REFERENCE &&
            (c->numbers[0] == subject_number || strcmp(c->param->name, "patient") == 0))
            subject = i;
        else if (c->numbers[0] == code_number)
            code = i;
    }
    if (subject == SIZE_MAX || code == SIZE_MAX)
        return 0;
    const struct fhir_clause *s = &p->q->clauses[subject], *c = &p->q->clauses[code];
    if (s->n * c->n > QUERY_VALUES_MAX)
        return 0;
    for (size_t i = 0; i < c->n; i++)
        if (!c->alts[i].code ||
            (c->alts[i].system && c->param->system)) /* it may stand as a mark */
            return 0;
    *used = true;
    for (size_t i = 0; rc == 0 && i < s->n; i++)
        for (size_t j = 0; rc == 0 && j < c->n; j++)
            rc = pair_load(p, s, &s->alts[i], &c->alts[j], out, &exact);
    fhir_matches_sort(out);
    p->done[subject] = p->done[code] = exact;
    return rc;
}

static int ids_load(struct search_plan *p, const struct fhir_clause *c, struct fhir_matches *out)
{
    for (size_t i = 0; i < c->n; i++) {
        struct fhir_record r;
        struct fhir_id_entry entry;
        struct fhir_view below = *p->v;
        below.overlay = NULL;
        int rc = fhir_view_get(&below, p->q->type->name, c->alts[i].raw, &r, &entry);
        if (rc < 0 && rc != GRASP_ENOTFOUND)
            return rc;
        if (rc == 0 && (rc = fhir_matches_add(out, entry.seq)) < 0)
            return rc;
    }
    fhir_matches_sort(out);
    return 0;
}

static int type_load(struct search_plan *p, struct fhir_matches *out)
{
    struct fhir_key_range r = {.exact = true};
    fhir_index_key_start(&r.from, fhir_param_slot_number(p->q->type, PARAM_SLOT_TYPE));
    return fhir_range_load(p->cur, &r, out);
}

/* Loads the candidates of the cheapest clause. */
static int drive(struct search_plan *p, struct fhir_matches *out)
{
    struct fhir_query *q = p->q;
    bool used, exact;
    size_t best = SIZE_MAX;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < q->n; i++)
        if (q->clauses[i].param->kind == PARAM_ID && q->clauses[i].mod == MOD_NONE) {
            p->done[i] = true;
            return ids_load(p, &q->clauses[i], out);
        }
    int rc = subject_code_load(p, out, &used);
    if (rc < 0 || used)
        return rc;
    size_t drivers = 0, last = 0;
    for (size_t i = 0; i < q->n; i++)
        if (indexed(&q->clauses[i])) {
            drivers++;
            last = i;
        }
    for (size_t i = 0; drivers > 1 && i < q->n; i++) {
        uint64_t n;
        if (!indexed(&q->clauses[i]))
            continue;
        if ((rc = clause_estimate(p, &q->clauses[i], &n)) < 0)
            return rc;
        if (n < least) {
            least = n;
            best = i;
        }
    }
    if (drivers == 1)
        best = last;
    if (best == SIZE_MAX)
        return type_load(p, out);
    rc = clause_load(p, &q->clauses[best], out, &exact);
    p->done[best] = exact;
    return rc;
}

/* ---- checking ---- */

static void intersect(struct fhir_matches *a, const struct fhir_matches *b)
{
    size_t n = 0, j = 0;
    for (size_t i = 0; i < a->n; i++) {
        while (j < b->n && b->v[j] < a->v[i])
            j++;
        if (j < b->n && b->v[j] == a->v[i])
            a->v[n++] = a->v[i];
    }
    a->n = n;
}

static int intersect_lists(struct search_plan *p, struct fhir_matches *out)
{
    struct fhir_matches list = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->q->n && out->n > LIST_CANDIDATES; i++) {
        const struct fhir_clause *c = &p->q->clauses[i];
        uint64_t n;
        bool exact;
        if (p->done[i] || !indexed(c) || c->mod == MOD_CONTAINS)
            continue;
        if ((rc = clause_estimate(p, c, &n)) < 0 || n > (uint64_t)out->n * LIST_RATIO)
            continue;
        list.n = 0;
        if ((rc = clause_load(p, c, &list, &exact)) == 0) {
            intersect(out, &list);
            p->done[i] = exact;
        }
    }
    fhir_matches_release(&list);
    return rc;
}

/* `fresh`: of the overlay, which the index did not answer for. */
static bool all_match(const struct search_plan *p, const struct fhir_record *r, bool fresh)
{
    for (size_t i = 0; i < p->q->n; i++)
        if ((fresh || !p->done[i]) && !fhir_clause_matches(&p->q->clauses[i], r))
            return false;
    return true;
}

static int check_candidates(struct search_plan *p, struct fhir_matches *out)
{
    bool todo = false;
    size_t n = 0;
    for (size_t i = 0; i < p->q->n; i++)
        todo |= !p->done[i];
    for (size_t i = 0; todo && i < out->n; i++) {
        struct fhir_record r;
        struct fhir_mark mark = fhir_view_mark(p->v);
        int rc = fhir_view_at(p->v, out->v[i], &r);
        if (rc < 0)
            return rc == GRASP_ENOTFOUND ? err_set(GRASP_EIO, "FHIR store: index without resource")
                                         : rc;
        if (all_match(p, &r, false))
            out->v[n++] = out->v[i];
        fhir_view_cut(p->v, mark);
    }
    if (todo)
        out->n = n;
    return 0;
}

/* ---- the overlay above ---- */

static int apply_overlay(struct search_plan *p, struct fhir_matches *out)
{
    const struct fhir_overlay *o = p->v->overlay;
    for (size_t i = 0; i < o->n; i++) {
        const struct fhir_overlay_entry *e = &o->v[i];
        if (e->type != p->q->type || e->superseded)
            continue;
        for (size_t j = 0; j < out->n; j++)
            if (out->v[j] == e->record.seq) {
                memmove(out->v + j, out->v + j + 1, (out->n - j - 1) * sizeof(*out->v));
                out->n--;
                break;
            }
        if (!e->deleted && all_match(p, &e->record, true)) {
            int rc = fhir_matches_add(out, e->record.seq);
            if (rc < 0)
                return rc;
        }
    }
    fhir_matches_sort(out);
    return 0;
}

int fhir_search_fetch(struct fhir_view *v, uint64_t seq, struct fhir_record *out)
{
    for (size_t i = v->overlay ? v->overlay->n : 0; i-- > 0;)
        if (v->overlay->v[i].record.seq == seq && !v->overlay->v[i].superseded) {
            *out = v->overlay->v[i].record;
            return 0;
        }
    int rc = fhir_view_at(v, seq, out);
    return rc == GRASP_ENOTFOUND ? err_set(GRASP_EIO, "FHIR store: index without resource") : rc;
}

/* ---- chains ---- */

/* Where a chain leads: "id" and type of each. */
struct ends {
    struct fhir_query *q;
    struct fhir_alt *v;
    size_t n, cap;
};

static int add_end(struct ends *e, const char *id, const char *type)
{
    if (e->n == QUERY_CHAIN_MAX)
        return err_set(GRASP_EINVAL, "a chain leads to more than %d resources: narrow it",
                       QUERY_CHAIN_MAX);
    if (e->n == e->cap) {
        size_t cap = e->cap ? 2 * e->cap : 64;
        struct fhir_alt *v = fhir_arena_alloc(&e->q->arena, cap * sizeof(*v));
        if (!v)
            return GRASP_ENOMEM;
        if (e->n)
            memcpy(v, e->v, e->n * sizeof(*v));
        e->v = v;
        e->cap = cap;
    }
    const char *own = fhir_arena_ndup(&e->q->arena, id, strlen(id));
    if (!own)
        return GRASP_ENOMEM;
    e->v[e->n++] = (struct fhir_alt){.raw = own, .code = own, .system = type};
    return 0;
}

/* What this record of a reverse chain refers to, as far as it is of the type that is searched. */
static int add_referred(struct ends *e, const struct fhir_chain *way, const struct fhir_record *r)
{
    struct fhir_value_iter it = {.p = r->values, .end = r->values + r->values_len};
    int rc = 0;
    while (rc == 0 && fhir_values_next_of(&it, way->back.numbers, way->back.n, 0)) {
        const char *id = (const char *)it.bytes, *type = id + strlen(id) + 1;
        if (strcmp(type, e->q->type->name) == 0)
            rc = add_end(e, id, NULL);
    }
    return rc;
}

static int follow(struct fhir_view *v, struct ends *e, struct fhir_chain *way)
{
    struct fhir_query *q = e->q, inner = {.arena = q->arena, .store = q->store, .type = way->type};
    struct fhir_matches found = {0};
    inner.clauses = way->clause;
    inner.n = 1;
    int rc = fhir_search_run(v, &inner, &found);
    q->arena = inner.arena;
    for (size_t i = 0; rc == 0 && i < found.n; i++) {
        struct fhir_record r;
        struct fhir_mark mark = fhir_view_mark(v);
        if ((rc = fhir_search_fetch(v, found.v[i], &r)) < 0)
            break;
        rc = way->back.param ? add_referred(e, way, &r) : add_end(e, r.id, way->type->name);
        fhir_view_cut(v, mark);
    }
    fhir_matches_release(&found);
    return rc;
}

static int by_id(const void *a, const void *b)
{
    const struct fhir_alt *x = a, *y = b;
    return strcmp(x->raw, y->raw);
}

/* Replaces patient.identifier=X by patient=A,B,..., and _has by _id=A,B,..., so that everything
 * after it sees one kind of clause. */
static int resolve_chain(struct fhir_view *v, struct fhir_query *q, struct fhir_clause *c)
{
    struct ends e = {.q = q};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->n_chains; i++)
        rc = follow(v, &e, &c->chains[i]);
    if (rc < 0)
        return rc;
    if (e.n)
        qsort(e.v, e.n, sizeof(*e.v), by_id);
    c->alts = e.v;
    c->n = e.n;
    c->sorted = e.n > 0;
    c->n_chains = 0;
    return 0;
}

/* Into an empty list: what it holds meanwhile are candidates. */
static int search_fresh(struct fhir_view *v, struct fhir_query *q, struct fhir_matches *out)
{
    struct search_plan p = {.v = v, .q = q};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < q->n; i++)
        if (q->clauses[i].n_chains)
            rc = resolve_chain(v, q, &q->clauses[i]);
    if (rc < 0)
        return rc;
    p.done = fhir_arena_alloc(&q->arena, q->n + 1);
    if (!p.done)
        return GRASP_ENOMEM;
    rc = fhir_store_error(mdb_cursor_open(v->txn, v->store->idx, &p.cur), "reading the index");
    if (rc == 0 && (rc = drive(&p, out)) == 0 && (rc = intersect_lists(&p, out)) == 0 &&
        (rc = check_candidates(&p, out)) == 0 && v->overlay)
        rc = apply_overlay(&p, out);
    if (p.cur)
        mdb_cursor_close(p.cur);
    return rc;
}

int fhir_search_run(struct fhir_view *v, struct fhir_query *q, struct fhir_matches *out)
{
    struct fhir_matches found = {0};
    if (out->n == 0)
        return search_fresh(v, q, out);
    int rc = search_fresh(v, q, &found);
    for (size_t i = 0; rc == 0 && i < found.n; i++)
        rc = fhir_matches_add(out, found.v[i]);
    fhir_matches_release(&found);
    return rc;
}

int fhir_search_referring(struct fhir_view *v, const struct fhir_resource_type *source,
                          const struct fhir_param_ref *by, const char *type, const char *id,
                          struct fhir_matches *out)
{
    struct fhir_alt a = {.code = id, .raw = id, .system = type};
    struct fhir_clause c = {.param = by->param, .n_numbers = by->n, .alts = &a, .n = 1};
    struct fhir_query q = {.store = v->store, .type = source, .clauses = &c, .n = 1};
    memcpy(c.numbers, by->numbers, sizeof(c.numbers));
    int rc = by->n ? fhir_search_run(v, &q, out) : 0;
    fhir_query_release(&q);
    return rc;
}
