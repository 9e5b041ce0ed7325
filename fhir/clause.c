/*
 * clause.c - search parameters as clients write them: modifiers, comma lists, composites, chains.
 *
 * A chain is not followed here. It becomes a tree of clauses, one way for each type that a reference
 * may lead to and that knows the rest of the chain; the search follows it (search.c).
 */
#include "fhir/clause.h"

#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define KIND(k) (1u << PARAM_##k)
static const struct {
    const char *name;
    enum fhir_modifier mod;
    unsigned kinds; /* bits of enum fhir_param_kind */
} modifiers[] = {
    {"missing", MOD_MISSING, ~KIND(ID)},      {"exact", MOD_EXACT, KIND(STRING)},
    {"contains", MOD_CONTAINS, KIND(STRING)}, {"not", MOD_NOT, KIND(TOKEN) | KIND(ID)},
    {"text", MOD_TEXT, KIND(TOKEN)},          {"identifier", MOD_IDENTIFIER, KIND(REFERENCE)},
    {"of-type", MOD_OF_TYPE, KIND(TOKEN)},    {"below", MOD_BELOW, KIND(URI)},
    {"above", MOD_ABOVE, KIND(URI)},
};

static int set_modifier(struct fhir_clause *c, const char *name, size_t len, const char **ref_type)
{
    for (size_t i = 0; i < sizeof(modifiers) / sizeof(*modifiers); i++)
        if (strlen(modifiers[i].name) == len && memcmp(modifiers[i].name, name, len) == 0 &&
            modifiers[i].kinds >> c->param->kind & 1) {
            c->mod = modifiers[i].mod;
            return 0;
        }
    const struct fhir_resource_type *type = fhir_resource_type_find(name, len);
    if (type && c->param->kind == PARAM_REFERENCE) {
        *ref_type = type->name;
        return 0;
    }
    return err_set(GRASP_EINVAL, "modifier ':%.*s' does not go with %s parameter '%s'",
                   (int)(len < 40 ? len : 40), name, fhir_param_kind_name(c->param->kind),
                   c->param->name);
}

/* The next comma that no backslash precedes, or the end. */
static const char *value_end(const char *p, char stop)
{
    for (; *p && *p != stop; p++)
        if (*p == '\\' && p[1])
            p++;
    return p;
}

static int add_alt(struct fhir_query *q, struct fhir_clause *c, const char *from, size_t len,
                   const char *ref_type)
{
    const char *raw = fhir_arena_ndup(&q->arena, from, len);
    struct fhir_alt *a = &c->alts[c->n];
    if (!raw)
        return GRASP_ENOMEM;
    a->system = ref_type;
    int rc = fhir_alt_parse(q, c, a, raw);
    c->n += rc == 0;
    return rc;
}

/* "A,B$1,2" of a composite, where a list stands on both sides: every A, B with every 1, 2. */
static int parse_cross(struct fhir_query *q, struct fhir_clause *c, const char *value)
{
    const char *left = value, *dollar = value_end(value, '$'), *right = dollar + 1;
    size_t most = 1, lefts = 1;
    for (const char *p = value; *p; p++) {
        most += *p == ',';
        lefts += *p == ',' && p < dollar;
    }
    c->alts = fhir_arena_alloc(&q->arena, lefts * most * sizeof(*c->alts));
    if (!c->alts)
        return GRASP_ENOMEM;
    for (const char *l = left; l < dollar;) {
        const char *l_end = value_end(l, ',');
        l_end = l_end < dollar ? l_end : dollar;
        for (const char *r = right; *r;) {
            const char *r_end = value_end(r, ',');
            struct buf both = BUF_INIT;
            buf_addf(&both, "%.*s$%.*s", (int)(l_end - l), l, (int)(r_end - r), r);
            int rc = buf_check(&both);
            if (rc == 0)
                rc = add_alt(q, c, both.ptr, both.len, NULL);
            buf_release(&both);
            if (rc < 0)
                return rc;
            r = r_end + (*r_end == ',');
        }
        l = l_end + (l_end < dollar);
    }
    return 0;
}

/* Has a composite's value one '$' for all of a comma list? */
static bool is_cross(const struct fhir_clause *c, const char *value)
{
    const char *dollar = value_end(value, '$'), *comma = value_end(value, ',');
    if (c->param->kind != PARAM_COMPOSITE || c->n_components != 2 || !*dollar || !*comma ||
        *value_end(dollar + 1, '$'))
        return false;
    return true;
}

/* Splits at commas that no backslash precedes; each part is given to fhir_alt_parse. */
static int parse_values(struct fhir_query *q, struct fhir_clause *c, const char *value,
                        const char *ref_type)
{
    size_t most = 1;
    for (const char *p = value; *p; p++)
        most += *p == ',';
    if (most > QUERY_VALUES_MAX)
        return err_set(GRASP_EINVAL, "more than %d values of '%s'", QUERY_VALUES_MAX,
                       c->param->name);
    if (is_cross(c, value))
        return parse_cross(q, c, value);
    c->alts = fhir_arena_alloc(&q->arena, most * sizeof(*c->alts));
    if (!c->alts)
        return GRASP_ENOMEM;
    for (const char *p = value;; p++) {
        const char *end = value_end(p, ',');
        int rc = end > p ? add_alt(q, c, p, (size_t)(end - p), ref_type) : 0;
        if (rc < 0)
            return rc;
        p = end;
        if (!*p)
            break;
    }
    /* HAPI takes no comma list of dates: an interval is two parameters, ge... and le... */
    if (c->param->kind == PARAM_DATE && c->n > 1)
        return err_set(GRASP_EINVAL,
                       "'%s' takes one date a parameter: write %s=ge...&%s=le... for an interval",
                       c->param->name, c->param->name, c->param->name);
    return 0;
}

/* ---- composites ---- */

/* "token code code;quantity value-quantity value.as(Quantity)" */
static int set_components(struct fhir_query *q, struct fhir_clause *c)
{
    size_t most = 1;
    for (const char *p = c->param->parts; *p; p++)
        most += *p == ';';
    c->components = fhir_arena_alloc(&q->arena, most * sizeof(*c->components));
    if (!c->components)
        return GRASP_ENOMEM;
    for (const char *p = c->param->parts; *p; c->n_components++) {
        size_t kind = strcspn(p, " "), name = strcspn(p + kind + 1, " ");
        const char *path = p + kind + 1 + name + 1;
        size_t len = strcspn(path, ";");
        struct fhir_search_param *own = &c->components[c->n_components];
        own->name = fhir_arena_ndup(&q->arena, p + kind + 1, name);
        own->path = fhir_arena_ndup(&q->arena, path, len);
        if (!own->name || !own->path)
            return GRASP_ENOMEM;
        fhir_param_kind_find(p, kind, &own->kind);
        p = path + len + (path[len] == ';');
    }
    return 0;
}

/* The first component as a clause of its own: its index leads to candidates. */
static int set_driver(struct fhir_query *q, struct fhir_clause *c,
                      const struct fhir_resource_type *type)
{
    struct fhir_param_ref by;
    const char *name = c->components[0].name;
    if (c->n == 0 || !fhir_param_find(type, name, strlen(name), &by) || by.n == 0)
        return 0;
    struct fhir_clause *d = fhir_arena_alloc(&q->arena, sizeof(*d));
    struct fhir_alt *alts = fhir_arena_alloc(&q->arena, c->n * sizeof(*alts));
    if (!d || !alts)
        return GRASP_ENOMEM;
    for (size_t i = 0; i < c->n; i++)
        alts[i] = c->alts[i].parts[0];
    *d = (struct fhir_clause){.param = by.param, .alts = alts, .n = c->n, .n_numbers = by.n};
    memcpy(d->numbers, by.numbers, sizeof(d->numbers));
    c->driver = d;
    return 0;
}

/* ---- chains ---- */

/* Reads the rest of a chain for one type that it may lead to; what that type does not know is no
 * way. */
static int add_way(struct fhir_parse *p, struct fhir_clause *c,
                   const struct fhir_resource_type *type, const struct fhir_param_ref *back,
                   const char *rest, const char *value, unsigned depth)
{
    struct fhir_parse own = {.q = p->q, .source = p->source};
    struct fhir_clause *next = fhir_arena_alloc(&p->q->arena, sizeof(*next));
    if (!next)
        return GRASP_ENOMEM;
    int rc = fhir_clause_parse(&own, next, type, rest, value, depth + 1);
    if (rc < 0 || !own.known)
        return rc;
    p->known = true;
    p->asks |= own.asks;
    c->chains[c->n_chains++] =
        (struct fhir_chain){type, next, back ? *back : (struct fhir_param_ref){0}};
    return 0;
}

/* subject.name=..., subject:Patient.name=...: to every type that the reference may lead to. */
static int parse_chain(struct fhir_parse *p, struct fhir_clause *c, const char *ref_type,
                       const char *rest, const char *value, unsigned depth)
{
    const char *targets = ref_type ? ref_type : c->param->targets;
    int rc = 0;
    p->known = false;
    if (c->param->kind != PARAM_REFERENCE || c->mod != MOD_NONE)
        return 0;
    if (depth >= QUERY_CHAIN_DEPTH)
        return err_set(GRASP_EINVAL, "a chain of more than %d links", QUERY_CHAIN_DEPTH);
    c->chains = fhir_arena_alloc(&p->q->arena, fhir_resource_type_count * sizeof(*c->chains));
    if (!c->chains)
        return GRASP_ENOMEM;
    for (size_t i = 0; rc == 0 && i < fhir_resource_type_count; i++) {
        const struct fhir_resource_type *t = &fhir_resource_types[i];
        if (!targets || fhir_listed(targets, '|', t->name, strlen(t->name)))
            rc = add_way(p, c, t, NULL, rest, value, depth);
    }
    return rc;
}

/* _has:Observation:patient:code=...: what is referred to by resources that satisfy the rest. */
static int parse_has(struct fhir_parse *p, struct fhir_clause *c, const char *name,
                     const char *value, unsigned depth)
{
    struct fhir_param_ref id, by;
    const char *type_name = name + strlen("_has:");
    size_t type_len = strcspn(type_name, ":");
    const char *ref = type_name[type_len] ? type_name + type_len + 1 : "";
    size_t ref_len = strcspn(ref, ":");
    const struct fhir_resource_type *type = fhir_resource_type_find(type_name, type_len);
    if (!type || !ref[ref_len] || !fhir_param_find(type, ref, ref_len, &by) ||
        by.param->kind != PARAM_REFERENCE)
        return err_set(GRASP_EINVAL,
                       "'%.100s': write _has:Type:reference:parameter, with a reference parameter "
                       "of Type",
                       name);
    if (depth >= QUERY_CHAIN_DEPTH)
        return err_set(GRASP_EINVAL, "a chain of more than %d links", QUERY_CHAIN_DEPTH);
    fhir_param_find(type, "_id", 3, &id);
    c->param = id.param;
    c->chains = fhir_arena_alloc(&p->q->arena, sizeof(*c->chains));
    if (!c->chains)
        return GRASP_ENOMEM;
    p->known = false;
    return add_way(p, c, type, &by, ref + ref_len + 1, value, depth);
}

static int find_param(struct fhir_parse *p, struct fhir_clause *c,
                      const struct fhir_resource_type *type, const char *name, size_t len)
{
    struct fhir_param_ref by;
    int rc = 0;
    if (fhir_param_find(type, name, len, &by)) {
        c->param = by.param;
        c->n_numbers = by.n;
        memcpy(c->numbers, by.numbers, sizeof(c->numbers));
    } else if (p->source->custom) {
        rc = p->source->custom(p->source->view, type, name, len, &p->q->arena, &c->param);
    }
    p->known = rc == 0 && c->param;
    c->base_url = p->q->store->base_url;
    return rc;
}

int fhir_clause_parse(struct fhir_parse *p, struct fhir_clause *c,
                      const struct fhir_resource_type *type, const char *name, const char *value,
                      unsigned depth)
{
    size_t base = strcspn(name, ":."), mod = 0;
    const char *ref_type = NULL;
    int rc;
    if (str_starts(name, "_has:"))
        return parse_has(p, c, name, value, depth);
    if ((rc = find_param(p, c, type, name, base)) < 0 || !p->known)
        return rc;
    if (name[base] == ':') {
        mod = strcspn(name + base + 1, ".");
        if ((rc = set_modifier(c, name + base + 1, mod, &ref_type)) < 0)
            return rc;
        base += 1 + mod;
    }
    if (name[base] == '.')
        return parse_chain(p, c, ref_type, name + base + 1, value, depth);
    if (c->param->kind == PARAM_COMPOSITE && (rc = set_components(p->q, c)) < 0)
        return rc;
    if (c->mod == MOD_MISSING) {
        c->missing = strcmp(value, "true") == 0;
        p->asks = true;
        if (!c->missing && strcmp(value, "false") != 0)
            return err_set(GRASP_EINVAL, "'%.60s' is neither true nor false", name);
        return 0;
    }
    rc = parse_values(p->q, c, value, ref_type);
    p->asks = c->n > 0;
    if (rc == 0 && c->param->kind == PARAM_COMPOSITE)
        rc = set_driver(p->q, c, type);
    return rc;
}
