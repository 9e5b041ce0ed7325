/*
 * postings.c - ranges of index keys and the sequence numbers they lead to.
 *
 * A clause is answered by walking keys in order, never by looking at resources: what satisfies it
 * lies together, because the keys are made so that their bytes compare as the values do. Where a
 * range holds more than the clause means (a prefix of a word, a quantity in another unit, an
 * interval that only begins within), it says so (*exact false) and the search checks what comes
 * out against the packed values. A range is never too small: what it leaves out cannot be found.
 */
#include "fhir/postings.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/err.h"

#define ESTIMATE_KEYS 16                  /* keys looked at before guessing */
#define ESTIMATE_MANY (UINT64_C(1) << 32) /* what a range is taken for that has more */

void fhir_matches_release(struct fhir_matches *m)
{
    free(m->v);
    *m = (struct fhir_matches){0};
}

static int matches_grow(struct fhir_matches *m, size_t extra)
{
    if (m->cap - m->n >= extra)
        return 0;
    size_t cap = m->cap ? 2 * m->cap : 64;
    while (cap - m->n < extra)
        cap *= 2;
    uint64_t *v = realloc(m->v, cap * sizeof(*v));
    if (!v)
        return err_oom();
    m->v = v;
    m->cap = cap;
    return 0;
}

int fhir_matches_add(struct fhir_matches *m, uint64_t seq)
{
    int rc = matches_grow(m, 1);
    if (rc == 0)
        m->v[m->n++] = seq;
    return rc;
}

static int by_seq(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void fhir_matches_sort(struct fhir_matches *m)
{
    size_t n = 0;
    bool sorted = true;
    for (size_t i = 1; i < m->n && sorted; i++)
        sorted = m->v[i - 1] < m->v[i];
    if (sorted)
        return;
    qsort(m->v, m->n, sizeof(*m->v), by_seq);
    for (size_t i = 0; i < m->n; i++)
        if (n == 0 || m->v[n - 1] != m->v[i])
            m->v[n++] = m->v[i];
    m->n = n;
}

/* ---- ranges ---- */

static void start(struct fhir_key_range *r, uint16_t number)
{
    r->exact = false;
    r->ending = r->holding = NULL;
    r->to.len = 0;
    fhir_index_key_start(&r->from, number);
}

/* Code comes first in a key, so a code of any system is a prefix. `system|` is not: every code of
 * the parameter is walked, which is rare enough not to pay for keys in the other order. */
static size_t token_ranges(const struct fhir_clause *c, uint16_t number, const struct fhir_alt *a,
                           struct fhir_key_range *r, bool *exact)
{
    /* written as itself or by its mark: a prefix holds both */
    bool own_system = a->system && c->param->system && strcmp(a->system, c->param->system) == 0;
    *exact &= !own_system;
    start(r, number);
    if (!a->code) {
        r->ending = own_system ? NULL : a->system;
        return 1;
    }
    fhir_index_key_add(&r->from, a->code, strlen(a->code) + 1);
    if (a->system && !own_system) {
        fhir_index_key_add(&r->from, a->system, strlen(a->system) + 1);
        r->exact = true;
    }
    return 1;
}

static size_t string_ranges(const struct fhir_clause *c, uint16_t number, const struct fhir_alt *a,
                            struct fhir_key_range *r)
{
    size_t n = a->norm_len;
    start(r, c->mod == MOD_TEXT ? number | PARAM_TEXT_BIT : number);
    if (c->mod == MOD_CONTAINS) { /* half a key: every stretch of that length is in some key */
        r->holding = a->norm;
        r->holding_len = n < INDEX_STRING_MAX / 2 ? n : INDEX_STRING_MAX / 2;
    } else {
        fhir_index_key_add(&r->from, a->norm, n < INDEX_STRING_MAX ? n : INDEX_STRING_MAX);
    }
    return 1;
}

/* Keys with 'L' begin with the lower end of the resource's interval, those with 'H' with the
 * upper. */
static void date_range(struct fhir_key_range *r, uint16_t number, char end, const int64_t *from,
                       const int64_t *below)
{
    uint8_t bytes[8];
    start(r, number);
    fhir_index_key_add(&r->from, &end, 1);
    r->to = r->from;
    if (from) {
        fhir_put_i64(bytes, *from);
        fhir_index_key_add(&r->from, bytes, 8);
    }
    if (below) {
        fhir_put_i64(bytes, *below);
        fhir_index_key_add(&r->to, bytes, 8);
    } else {
        r->to.bytes[2]++;
    }
}

/* Two orders of the same intervals, by beginning and by end, make each prefix one or two ranges:
 * "gt" asks where intervals end, "lt" where they begin. */
static size_t date_ranges(uint16_t number, const struct fhir_alt *a, struct fhir_key_range *r,
                          bool *exact)
{
    int64_t after = a->hi + 1, until = a->lo + 1;
    *exact = true;
    switch (a->prefix) {
    case PRE_NE:
        return 0;
    case PRE_GE: /* ends later, or lies within */
        date_range(&r[1], number, 'H', &after, NULL);
        date_range(&r[0], number, 'L', &a->lo, &a->hi);
        *exact = false; /* what begins within may end later: both are right, ends may not be */
        return 2;
    case PRE_LE:
        date_range(&r[1], number, 'L', NULL, &a->lo);
        date_range(&r[0], number, 'L', &a->lo, &a->hi);
        *exact = false;
        return 2;
    case PRE_EQ:
        date_range(r, number, 'L', &a->lo, &a->hi);
        *exact = false;
        return 1;
    case PRE_GT:
        date_range(r, number, 'H', &after, NULL);
        return 1;
    case PRE_LT:
        date_range(r, number, 'L', NULL, &a->lo);
        return 1;
    case PRE_SA:
        date_range(r, number, 'L', &a->hi, NULL);
        return 1;
    case PRE_EB:
        date_range(r, number, 'H', NULL, &until);
        return 1;
    case PRE_AP: /* begins before the end; whether it ends after the beginning is checked */
        date_range(r, number, 'L', NULL, &a->hi);
        *exact = false;
        return 1;
    }
    return 0;
}

static size_t quantity_ranges(uint16_t number, const struct fhir_alt *a, struct fhir_key_range *r)
{
    double lo = -INFINITY, hi = INFINITY;
    uint8_t bytes[8];
    switch (a->prefix) {
    case PRE_NE:
        return 0;
    case PRE_EQ:
    case PRE_AP:
        lo = a->low;
        hi = a->top;
        break;
    case PRE_GT:
    case PRE_SA:
    case PRE_GE:
        lo = a->num;
        break;
    case PRE_LT:
    case PRE_EB:
    case PRE_LE:
        hi = a->num;
        break;
    }
    start(r, number);
    r->to = r->from;
    fhir_put_double(bytes, lo);
    fhir_index_key_add(&r->from, bytes, 8);
    fhir_put_double(bytes, hi);
    fhir_index_key_add(&r->to, bytes, 8);
    fhir_index_key_add(&r->to, "", 1); /* and hi itself; what is too much is checked */
    return 1;
}

/* A uri, whole or as a beginning; one that was cut and hashed begins nothing. */
static size_t uri_ranges(const struct fhir_clause *c, uint16_t number, const struct fhir_alt *a,
                         struct fhir_key_range *r)
{
    size_t n = strlen(a->raw);
    start(r, number);
    if (c->mod == MOD_BELOW) {
        fhir_index_key_add(&r->from, a->raw, n < INDEX_PART_MAX - 40 ? n : INDEX_PART_MAX - 40);
        return 1;
    }
    fhir_index_key_add(&r->from, a->code, strlen(a->code) + 1);
    r->exact = true;
    return 1;
}

static size_t number_ranges(const struct fhir_clause *c, uint16_t number, const struct fhir_alt *a,
                            struct fhir_key_range *r, bool *exact)
{
    if (c->mod == MOD_TEXT || c->param->kind == PARAM_STRING) {
        *exact = false;
        return string_ranges(c, number, a, r);
    }
    if (c->mod == MOD_IDENTIFIER || c->mod == MOD_OF_TYPE)
        return token_ranges(c, number | PARAM_EXTRA_BIT, a, r, exact);
    switch (c->param->kind) {
    case PARAM_TOKEN:
    case PARAM_REFERENCE: /* the same form */
        return token_ranges(c, number, a, r, exact);
    case PARAM_DATE:
        return date_ranges(number, a, r, exact);
    case PARAM_QUANTITY:
    case PARAM_NUMBER:
        *exact = false;
        return quantity_ranges(number, a, r);
    case PARAM_URI:
        *exact &= c->mod == MOD_NONE;
        return uri_ranges(c, number, a, r);
    default:
        return 0;
    }
}

size_t fhir_alt_ranges(const struct fhir_clause *c, const struct fhir_alt *a,
                       struct fhir_key_range r[RANGES_MAX], bool *exact)
{
    size_t n = 0;
    *exact = true;
    for (size_t i = 0; i < c->n_numbers; i++) {
        bool one = true;
        n += number_ranges(c, c->numbers[i], a, r + n, &one);
        *exact &= one;
    }
    return n;
}

/* What has no value has no key, so :not, :missing and "ne" cannot drive a search. */
bool fhir_clause_indexed(const struct fhir_clause *c)
{
    if (c->mod == MOD_NOT || c->mod == MOD_MISSING || c->mod == MOD_ABOVE || c->n_numbers == 0)
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (c->alts[i].prefix == PRE_NE || (c->param->kind == PARAM_REFERENCE && !c->alts[i].code))
            return false;
    return true;
}

/* ---- walking keys ---- */

static bool has_prefix(const MDB_val *k, const struct fhir_index_key *prefix)
{
    return k->mv_size >= prefix->len && memcmp(k->mv_data, prefix->bytes, prefix->len) == 0;
}

static bool in_range(const MDB_val *k, const struct fhir_key_range *r)
{
    if (r->exact)
        return k->mv_size == r->from.len && has_prefix(k, &r->from);
    if (r->to.len == 0)
        return has_prefix(k, &r->from);
    size_t n = k->mv_size < r->to.len ? k->mv_size : r->to.len;
    int c = memcmp(k->mv_data, r->to.bytes, n);
    return c < 0 || (c == 0 && k->mv_size < r->to.len);
}

static bool passes(const MDB_val *k, const struct fhir_key_range *r)
{
    const char *s = (const char *)k->mv_data + 2;
    size_t len = k->mv_size - 2;
    if (r->ending) {
        size_t code = strnlen(s, len);
        return code + 1 < len && strcmp(s + code + 1, r->ending) == 0;
    }
    return !r->holding || memmem(s, len, r->holding, r->holding_len);
}

static int walk_error(int rc)
{
    return rc == MDB_NOTFOUND ? 0 : fhir_store_error(rc, "reading the index");
}

/* LMDB knows how many duplicates a key has without reading them: a few keys tell which clause is
 * the cheapest, and a range with more keys than that is surely not. */
int fhir_range_estimate(MDB_cursor *cur, const struct fhir_key_range *r, uint64_t *n)
{
    MDB_val k = {r->from.len, (void *)r->from.bytes}, d;
    size_t keys = 0, dups;
    int rc = mdb_cursor_get(cur, &k, &d, r->exact ? MDB_SET : MDB_SET_RANGE);
    *n = 0;
    for (; rc == 0 && in_range(&k, r); rc = mdb_cursor_get(cur, &k, &d, MDB_NEXT_NODUP)) {
        if (keys++ == ESTIMATE_KEYS || r->ending || r->holding) {
            *n = ESTIMATE_MANY;
            return 0;
        }
        rc = mdb_cursor_count(cur, &dups);
        if (rc != 0)
            break;
        *n += dups;
        if (r->exact)
            break;
    }
    return walk_error(rc);
}

/* A page of duplicates at a time: a common code leads to a hundred thousand resources, and a call
 * each would cost more than the copying. */
static int load_key(MDB_cursor *cur, const MDB_val *first, struct fhir_matches *out)
{
    size_t dups;
    uint64_t seq;
    MDB_val k, d;
    int rc = mdb_cursor_count(cur, &dups);
    if (rc != 0)
        return fhir_store_error(rc, "reading the index");
    if ((rc = matches_grow(out, dups)) < 0)
        return rc;
    if (dups == 1) {
        memcpy(&seq, first->mv_data, sizeof(seq));
        out->v[out->n++] = seq;
        return 0;
    }
    rc = mdb_cursor_get(cur, &k, &d, MDB_GET_MULTIPLE);
    while (rc == 0) {
        size_t n = d.mv_size / sizeof(seq);
        if (n > out->cap - out->n) /* cannot be: the count was asked for above */
            break;
        memcpy(out->v + out->n, d.mv_data, n * sizeof(seq));
        out->n += n;
        rc = mdb_cursor_get(cur, &k, &d, MDB_NEXT_MULTIPLE);
    }
    return walk_error(rc);
}

int fhir_range_load(MDB_cursor *cur, const struct fhir_key_range *r, struct fhir_matches *out)
{
    MDB_val k = {r->from.len, (void *)r->from.bytes}, d;
    int rc = mdb_cursor_get(cur, &k, &d, r->exact ? MDB_SET : MDB_SET_RANGE), err;
    for (; rc == 0 && in_range(&k, r); rc = mdb_cursor_get(cur, &k, &d, MDB_NEXT_NODUP)) {
        if (passes(&k, r) && (err = load_key(cur, &d, out)) < 0)
            return err;
        if (r->exact)
            break;
    }
    return walk_error(rc);
}
