/* match.c - when a resource satisfies a clause: by its packed values, or by its text where a
 * parameter keeps none. */
#include <math.h>
#include <stdlib.h>

#include "fhir/path.h"
#include "fhir/query.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

static bool token_matches(const struct fhir_clause *c, const struct fhir_alt *a, const char *code)
{
    const char *system = code + strlen(code) + 1;
    if (strcmp(system, TOKEN_OWN_SYSTEM) == 0 && c->param->system)
        system = c->param->system;
    if (a->code && strcmp(a->code, code) != 0)
        return false;
    return !a->system || strcmp(a->system, system) == 0;
}

static bool reference_matches(const struct fhir_alt *a, const char *id)
{
    const char *type = id + strlen(id) + 1;
    return (!a->code || strcmp(a->code, id) == 0) && (!a->system || strcmp(a->system, type) == 0);
}

static bool starts_a_word(const struct buf *norm, const struct fhir_alt *a)
{
    for (size_t at = fhir_string_next_word(norm->ptr, norm->len, SIZE_MAX); at < norm->len;
         at = fhir_string_next_word(norm->ptr, norm->len, at))
        if (norm->len - at >= a->norm_len && memcmp(norm->ptr + at, a->norm, a->norm_len) == 0)
            return true;
    return false;
}

static bool string_matches(const struct fhir_clause *c, const struct fhir_alt *a,
                           const struct fhir_value_iter *it)
{
    if (c->mod == MOD_EXACT)
        return strlen(a->raw) == it->len && memcmp(a->raw, it->bytes, it->len) == 0;
    struct buf norm = BUF_INIT;
    fhir_string_normalize(&norm, (const char *)it->bytes, it->len);
    bool hit = c->mod == MOD_CONTAINS ? memmem(norm.ptr, norm.len, a->norm, a->norm_len) != NULL
                                      : starts_a_word(&norm, a);
    buf_release(&norm);
    return hit;
}

/* R4, search, prefixes, on the intervals [lo, hi) of the resource and [a->lo, a->hi). */
static bool date_matches(const struct fhir_alt *a, int64_t lo, int64_t hi)
{
    bool within = lo >= a->lo && hi <= a->hi;
    switch (a->prefix) {
    case PRE_EQ:
        return within;
    case PRE_NE:
        return !within;
    case PRE_GT:
        return hi > a->hi;
    case PRE_LT:
        return lo < a->lo;
    case PRE_GE:
        return hi > a->hi || within;
    case PRE_LE:
        return lo < a->lo || within;
    case PRE_SA:
        return lo >= a->hi;
    case PRE_EB:
        return hi <= a->lo;
    case PRE_AP:
        return lo < a->hi && hi > a->lo;
    }
    return false;
}

static bool quantity_matches(const struct fhir_alt *a, const uint8_t *bytes)
{
    double x = fhir_get_double(bytes);
    const char *unit = (const char *)bytes + 8, *system = unit + strlen(unit) + 1;
    const char *code = system + strlen(system) + 1;
    /* a unit is taken for a code's as well: what clients see and write back */
    if ((a->system && strcmp(a->system, system) != 0) ||
        (a->unit && strcmp(a->unit, code) != 0 && !str_caseeq(a->unit, unit)))
        return false;
    switch (a->prefix) {
    case PRE_EQ:
        return x >= a->low && (x < a->top || x == a->num);
    case PRE_AP:
        return x >= a->low && x <= a->top;
    case PRE_NE:
        return x < a->low || x >= a->top;
    case PRE_GT:
    case PRE_SA:
        return x > a->num;
    case PRE_LT:
    case PRE_EB:
        return x < a->num;
    case PRE_GE:
        return x >= a->num;
    case PRE_LE:
        return x <= a->num;
    }
    return false;
}

/* :below: what begins with the value; :above: what the value begins with (R4, search, uri). */
static bool uri_matches(const struct fhir_clause *c, const struct fhir_alt *a, const char *uri)
{
    if (c->mod == MOD_BELOW)
        return str_starts(uri, a->raw);
    return c->mod == MOD_ABOVE ? *uri && str_starts(a->raw, uri) : strcmp(a->code, uri) == 0;
}

static bool value_matches(const struct fhir_clause *c, const struct fhir_alt *a,
                          const struct fhir_value_iter *it)
{
    if (c->mod == MOD_TEXT)
        return string_matches(c, a, it);
    if (it->len == 0) /* something is there that is no value */
        return false;
    if (c->mod == MOD_IDENTIFIER || c->mod == MOD_OF_TYPE)
        return token_matches(c, a, (const char *)it->bytes);
    switch (c->param->kind) {
    case PARAM_TOKEN:
        return token_matches(c, a, (const char *)it->bytes);
    case PARAM_STRING:
        return string_matches(c, a, it);
    case PARAM_REFERENCE:
        return reference_matches(a, (const char *)it->bytes);
    case PARAM_DATE:
        return date_matches(a, fhir_get_i64(it->bytes), fhir_get_i64(it->bytes + 8));
    case PARAM_QUANTITY:
    case PARAM_NUMBER:
        return quantity_matches(a, it->bytes);
    case PARAM_URI:
        return uri_matches(c, a, (const char *)it->bytes);
    case PARAM_COMPOSITE:
    case PARAM_ID:
        break;
    }
    return false;
}

static int compare_id(const void *key, const void *alt)
{
    const struct fhir_alt *a = alt;
    return strcmp(key, a->raw);
}

/* Of what a chain led to, which may be thousands. */
static bool sorted_matches(const struct fhir_clause *c, const char *id)
{
    return bsearch(id, c->alts, c->n, sizeof(*c->alts), compare_id) != NULL;
}

static bool alts_match(const struct fhir_clause *c, const struct fhir_value_iter *it)
{
    size_t from = 0, to = c->n;
    if (c->sorted &&
        c->param->kind == PARAM_REFERENCE) { /* by id; the types of one stand together */
        const char *id = (const char *)it->bytes;
        const struct fhir_alt *a =
            it->len ? bsearch(id, c->alts, c->n, sizeof(*c->alts), compare_id) : NULL;
        if (!a)
            return false;
        from = to = (size_t)(a - c->alts);
        while (from > 0 && strcmp(c->alts[from - 1].raw, id) == 0)
            from--;
        while (to < c->n && strcmp(c->alts[to].raw, id) == 0)
            to++;
    }
    for (; from < to; from++)
        if (value_matches(c, &c->alts[from], it))
            return true;
    return false;
}

static uint16_t bits_of(const struct fhir_clause *c)
{
    return c->mod == MOD_TEXT                                  ? PARAM_TEXT_BIT
           : c->mod == MOD_IDENTIFIER || c->mod == MOD_OF_TYPE ? PARAM_EXTRA_BIT
                                                               : 0;
}

static bool any_value_matches(const struct fhir_clause *c, const uint16_t *numbers, size_t n,
                              const uint8_t *values, size_t len)
{
    struct fhir_value_iter it = {.p = values, .end = values + len};
    while (fhir_values_next_of(&it, numbers, n, bits_of(c)))
        if (alts_match(c, &it))
            return true;
    return false;
}

static bool has_value(const uint16_t *numbers, size_t n, const uint8_t *values, size_t len)
{
    static const uint16_t bits[] = {0, PARAM_EXTRA_BIT, PARAM_TEXT_BIT};
    for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
        struct fhir_value_iter it = {.p = values, .end = values + len};
        if (fhir_values_next_of(&it, numbers, n, bits[i]))
            return true;
    }
    return false;
}

/* ---- in the text ---- */

struct text_check {
    const struct fhir_clause *clause;
    const json_t *resource;
    bool there, hit;
};

static const uint16_t text_number = 1; /* any will do: nothing else is in the buffer */

/* Do the values of one component, found from this element, satisfy its part of an alternative? */
static bool component_matches(struct text_check *t, const json_t *node, size_t i,
                              struct fhir_alt *part, bool *there)
{
    struct fhir_clause one = {.param = &t->clause->components[i], .alts = part, .n = 1};
    struct buf values = BUF_INIT;
    const char *base = t->clause->base_url;
    bool hit = false;
    *there = false;
    if (fhir_param_values(&values, one.param, text_number, t->resource, node, base) == 0) {
        const uint8_t *bytes = (const uint8_t *)values.ptr;
        *there = values.len > 0;
        hit = part && any_value_matches(&one, &text_number, 1, bytes, values.len);
    }
    buf_release(&values);
    return hit;
}

static void check_element(const json_t *node, void *arg)
{
    struct text_check *t = arg;
    const struct fhir_clause *c = t->clause;
    bool all = true, there;
    for (size_t i = 0; i < c->n_components; i++) {
        component_matches(t, node, i, NULL, &there);
        all &= there;
    }
    t->there |= all;
    for (size_t j = 0; all && j < c->n; j++) {
        bool fits = true;
        for (size_t i = 0; fits && i < c->n_components; i++)
            fits = component_matches(t, node, i, &c->alts[j].parts[i], &there);
        t->hit |= fits;
    }
}

static bool text_matches(const struct fhir_clause *c, const struct fhir_record *r)
{
    json_t *tree = json_loadb(r->text, r->text_len, JSON_ALLOW_NUL, NULL);
    struct text_check t = {.clause = c, .resource = tree};
    struct buf values = BUF_INIT;
    if (c->param->kind == PARAM_COMPOSITE) {
        fhir_path_walk(tree, tree, c->param->path, check_element, &t);
    } else if (fhir_param_values(&values, c->param, text_number, tree, tree, c->base_url) == 0) {
        const uint8_t *bytes = (const uint8_t *)values.ptr;
        t.there = has_value(&text_number, 1, bytes, values.len);
        t.hit = any_value_matches(c, &text_number, 1, bytes, values.len);
    }
    buf_release(&values);
    json_decref(tree);
    return c->mod == MOD_MISSING ? t.there != c->missing : t.hit != (c->mod == MOD_NOT);
}

bool fhir_clause_matches(const struct fhir_clause *c, const struct fhir_record *r)
{
    if (c->param->kind == PARAM_ID) {
        bool hit = c->sorted && sorted_matches(c, r->id);
        for (size_t i = 0; !c->sorted && !hit && i < c->n; i++)
            hit = strcmp(c->alts[i].raw, r->id) == 0;
        return hit != (c->mod == MOD_NOT);
    }
    if (c->n_numbers == 0)
        return text_matches(c, r);
    if (c->mod == MOD_MISSING)
        return has_value(c->numbers, c->n_numbers, r->values, r->values_len) != c->missing;
    return any_value_matches(c, c->numbers, c->n_numbers, r->values, r->values_len) !=
           (c->mod == MOD_NOT);
}
