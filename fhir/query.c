/* query.c - parameters of a search: names, modifiers, chains, and those that shape the answer. */
#include "fhir/query.h"

#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"

/* ---- percent decoding ---- */

static int hex(char c)
{
    return ascii_isdigit(c)       ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static const char *decode(struct fhir_arena *arena, const char *s, size_t len)
{
    char *out = fhir_arena_alloc(arena, len + 1), *p = out;
    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '+') {
            *p++ = ' ';
        } else if (s[i] == '%') {
            int hi = i + 2 < len ? hex(s[i + 1]) : -1;
            int lo = i + 2 < len ? hex(s[i + 2]) : -1;
            if (hi == 0 && lo == 0) {
                err_set(GRASP_EINVAL, "a percent-encoded NUL (%%00) in the URL is no text");
                return NULL;
            }
            if (hi < 0 || lo < 0) {
                err_set(GRASP_EINVAL,
                        "malformed percent-encoding in the URL at '%.20s': write %%25 for a "
                        "percent sign",
                        s + i);
                return NULL;
            }
            *p++ = (char)(hi << 4 | lo);
            i += 2;
        } else {
            *p++ = s[i];
        }
    }
    if (!utf8_valid(out, (size_t)(p - out)) || strlen(out) != (size_t)(p - out)) {
        err_set(GRASP_EINVAL, "the URL's parameters are not UTF-8 text");
        return NULL;
    }
    return out;
}

int fhir_query_pairs(struct fhir_arena *arena, const char *text, size_t len,
                     struct fhir_pair **pairs, size_t *n)
{
    const char *end = text + len;
    *n = 0;
    if (len > QUERY_TARGET_MAX)
        return err_set(GRASP_EINVAL, "a query of more than %u bytes", QUERY_TARGET_MAX);
    size_t most = 1;
    for (const char *p = text; p < end; p++)
        most += *p == '&';
    if (most > QUERY_PARAMS_MAX)
        return err_set(GRASP_EINVAL, "more than %d parameters", QUERY_PARAMS_MAX);
    *pairs = fhir_arena_alloc(arena, most * sizeof(**pairs));
    if (!*pairs)
        return GRASP_ENOMEM;
    while (text < end) {
        const char *amp = memchr(text, '&', (size_t)(end - text));
        const char *stop = amp ? amp : end;
        const char *eq = memchr(text, '=', (size_t)(stop - text));
        if (stop > text) {
            struct fhir_pair *p = &(*pairs)[(*n)++];
            p->name = decode(arena, text, (size_t)((eq ? eq : stop) - text));
            p->value = eq ? decode(arena, eq + 1, (size_t)(stop - eq - 1)) : "";
            if (!p->name || !p->value)
                return GRASP_EINVAL;
        }
        text = amp ? amp + 1 : end;
    }
    return 0;
}

void fhir_query_add_url(const struct fhir_query *q, struct buf *out, const char *skip)
{
    char sep = '?';
    for (size_t i = 0; i < q->n_pairs; i++) {
        const struct fhir_pair *p = &q->pairs[i];
        if (p->skipped || (skip && strcmp(p->name, skip) == 0))
            continue;
        buf_addch(out, sep);
        buf_add_url(out, p->name, strlen(p->name));
        buf_addch(out, '=');
        buf_add_url(out, p->value, strlen(p->value));
        sep = '&';
    }
}

/* ---- parameters that shape the answer ---- */

static int set_count(struct fhir_query *q, const char *value)
{
    if (!str_to_i64(value, 0, INT64_MAX, &q->count))
        return err_set(GRASP_EINVAL, "_count '%.40s' is no whole number from 0 to %d", value,
                       QUERY_COUNT_MAX);
    if (q->count > QUERY_COUNT_MAX)
        q->count = QUERY_COUNT_MAX;
    if (q->count == 0)
        q->count_only = true;
    return 0;
}

static int set_summary(struct fhir_query *q, const char *value)
{
    static const struct {
        const char *name;
        enum fhir_summary summary;
    } names[] = {{"false", SUMMARY_NONE},
                 {"true", SUMMARY_TRUE},
                 {"text", SUMMARY_TEXT},
                 {"data", SUMMARY_DATA}};
    if (strcmp(value, "count") == 0) {
        q->count_only = true;
        return 0;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(value, names[i].name) == 0) {
            q->summary = names[i].summary;
            return 0;
        }
    return err_set(GRASP_EINVAL, "_summary '%.40s' is none of count, true, text, data, false",
                   value);
}

static int set_total(struct fhir_query *q, const char *value)
{
    if (strcmp(value, "none") == 0)
        q->total = TOTAL_NONE;
    else if (strcmp(value, "accurate") != 0 && strcmp(value, "estimate") != 0)
        return err_set(GRASP_EINVAL, "_total '%.40s' is none of none, estimate, accurate", value);
    return 0;
}

static int set_sort(struct fhir_query *q, const char *value)
{
    while (*value) {
        size_t n = strcspn(value, ",");
        struct fhir_sort_key *k = &q->sort[q->n_sort];
        bool descending = *value == '-';
        const char *name = value + descending;
        size_t len = n - descending;
        if (q->n_sort == QUERY_SORTS_MAX)
            return err_set(GRASP_EINVAL, "_sort by more than %d parameters", QUERY_SORTS_MAX);
        if (!fhir_param_find(q->type, name, len, &k->by) ||
            (k->by.n == 0 && k->by.param->kind != PARAM_ID))
            return err_set(GRASP_EINVAL,
                           "_sort by '%.*s': %s has no such search parameter (see metadata); a "
                           "leading '-' sorts descending",
                           (int)(len < 60 ? len : 60), name, q->type->name);
        k->descending = descending;
        q->n_sort++;
        value += n + (value[n] == ',');
    }
    return 0;
}

static int set_elements(struct fhir_query *q, const char *value)
{
    q->elements = value;
    return 0;
}

static int set_page(struct fhir_query *q, const char *value)
{
    q->page = value;
    return 0;
}

static int set_format(struct fhir_query *q, const char *value)
{
    q->format = value;
    return 0;
}

static int set_pretty(struct fhir_query *q, const char *value)
{
    q->compact = strcmp(value, "false") == 0;
    if (!q->compact && strcmp(value, "true") != 0)
        return err_set(GRASP_EINVAL, "_pretty '%.40s' is neither true nor false", value);
    return 0;
}

/* "Type:parameter", "Type:parameter:Target", "Type:*" or "*". */
static int add_include(struct fhir_query *q, const char *value, bool rev, bool iterate)
{
    struct fhir_include **list = rev ? &q->revincludes : &q->includes;
    size_t *n = rev ? &q->n_revincludes : &q->n_includes;
    const char *what = rev ? "_revinclude" : "_include";
    size_t type_len = strcspn(value, ":");
    const char *name = value[type_len] ? value + type_len + 1 : "";
    size_t name_len = strcspn(name, ":");
    const char *target = name[name_len] ? name + name_len + 1 : NULL;
    struct fhir_include inc = {
        .source = fhir_resource_type_find(value, type_len), .target = target, .iterate = iterate};
    if (strcmp(value, "*") == 0)
        name = "*";
    else if (!inc.source)
        return err_set(GRASP_EINVAL,
                       "%s '%.60s' does not begin with a resource type: write "
                       "Type:parameter",
                       what, value);
    if (!rev && !iterate && inc.source && inc.source != q->type)
        return err_set(GRASP_EINVAL,
                       "_include '%.60s' is not about %s, which is searched: _include:iterate goes "
                       "on from what was included",
                       value, q->type->name);
    if (strcmp(name, "*") != 0 && (!fhir_param_find(inc.source, name, name_len, &inc.by) ||
                                   inc.by.param->kind != PARAM_REFERENCE))
        return err_set(GRASP_EINVAL, "%s '%.60s': %s has no such reference parameter", what, value,
                       inc.source->name);
    if (target && !fhir_resource_type_find(target, strlen(target)))
        return err_set(GRASP_EINVAL, "%s '%.60s': '%.40s' is no resource type", what, value,
                       target);
    if (!*list && !(*list = fhir_arena_alloc(&q->arena, q->n_pairs * sizeof(inc))))
        return GRASP_ENOMEM;
    (*list)[(*n)++] = inc;
    return 0;
}

static int set_include(struct fhir_query *q, const char *value)
{
    return add_include(q, value, false, false);
}

static int set_include_iterate(struct fhir_query *q, const char *value)
{
    return add_include(q, value, false, true);
}

static int set_revinclude(struct fhir_query *q, const char *value)
{
    return add_include(q, value, true, false);
}

static int set_revinclude_iterate(struct fhir_query *q, const char *value)
{
    return add_include(q, value, true, true);
}

static const struct {
    const char *name;
    int (*set)(struct fhir_query *q, const char *value);
} result_params[] = {
    {"_count", set_count},
    {"_sort", set_sort},
    {"_summary", set_summary},
    {"_total", set_total},
    {"_elements", set_elements},
    {"_include", set_include},
    {"_include:iterate", set_include_iterate},
    {"_include:recurse", set_include_iterate},
    {"_revinclude", set_revinclude},
    {"_revinclude:iterate", set_revinclude_iterate},
    {"_revinclude:recurse", set_revinclude_iterate},
    {"_format", set_format},
    {"_pretty", set_pretty},
    {"_page", set_page},
};

/* ---- search parameters ---- */

/* What parsing a clause needs besides its text. */
struct parse {
    struct fhir_query *q;
    const struct fhir_query_source *source;
    bool known; /* out: every name on the way is a parameter */
    bool asks;  /* out: it has a value */
};

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

static int parse_clause(struct parse *p, struct fhir_clause *c,
                        const struct fhir_resource_type *type, const char *name, const char *value,
                        unsigned depth);

/* Reads the rest of a chain for one type that it may lead to; what that type does not know is no
 * way. */
static int add_way(struct parse *p, struct fhir_clause *c, const struct fhir_resource_type *type,
                   const struct fhir_param_ref *back, const char *rest, const char *value,
                   unsigned depth)
{
    struct parse own = {.q = p->q, .source = p->source};
    struct fhir_clause *next = fhir_arena_alloc(&p->q->arena, sizeof(*next));
    if (!next)
        return GRASP_ENOMEM;
    int rc = parse_clause(&own, next, type, rest, value, depth + 1);
    if (rc < 0 || !own.known)
        return rc;
    p->known = true;
    p->asks |= own.asks;
    c->chains[c->n_chains++] =
        (struct fhir_chain){type, next, back ? *back : (struct fhir_param_ref){0}};
    return 0;
}

/* subject.name=..., subject:Patient.name=...: to every type that the reference may lead to. */
static int parse_chain(struct parse *p, struct fhir_clause *c, const char *ref_type,
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
static int parse_has(struct parse *p, struct fhir_clause *c, const char *name, const char *value,
                     unsigned depth)
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

static int find_param(struct parse *p, struct fhir_clause *c, const struct fhir_resource_type *type,
                      const char *name, size_t len)
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

static int parse_clause(struct parse *p, struct fhir_clause *c,
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

/* What a client most likely meant by an unknown parameter. */
static const char *nearest(const struct fhir_resource_type *type, const char *name)
{
    const char *best = NULL;
    size_t best_distance = 3;
    if (strlen(name) > 40)
        return NULL;
    for (size_t i = 0; i < type->n; i++) {
        size_t d = str_distance(name, type->params[i].name);
        if (d < best_distance) {
            best_distance = d;
            best = type->params[i].name;
        }
    }
    for (size_t i = 0; i < sizeof(result_params) / sizeof(*result_params); i++)
        if (str_distance(name, result_params[i].name) < best_distance) {
            best_distance = str_distance(name, result_params[i].name);
            best = result_params[i].name;
        }
    return best;
}

static int unknown_param(const struct fhir_query *q, const char *name)
{
    struct buf names = BUF_INIT;
    const char *near = nearest(q->type, name);
    for (size_t i = 0; i < q->type->n; i++)
        buf_addf(&names, "%s, ", q->type->params[i].name);
    err_set(GRASP_EINVAL,
            "unknown search parameter '%.80s' of %s%s%s%s; known are: %s_id, "
            "_lastUpdated, _tag, _profile, _security, _source",
            name, q->type->name, near ? " (did you mean '" : "", near ? near : "",
            near ? "'?)" : "", names.ptr);
    buf_release(&names);
    return GRASP_EINVAL;
}

static int parse_pair(struct fhir_query *q, const struct fhir_query_source *source,
                      struct fhir_pair *pair)
{
    struct parse p = {.q = q, .source = source};
    for (size_t i = 0; i < sizeof(result_params) / sizeof(*result_params); i++)
        if (strcmp(pair->name, result_params[i].name) == 0)
            return *pair->value ? result_params[i].set(q, pair->value) : 0;
    struct fhir_clause *c = &q->clauses[q->n];
    *c = (struct fhir_clause){0};
    if (fhir_param_refused(q->type, pair->name))
        return err_set(GRASP_EINVAL, "search parameter '%.80s' is not supported by this server",
                       pair->name);
    int rc = parse_clause(&p, c, q->type, pair->name, pair->value, 0);
    if (rc < 0)
        return rc;
    if (!p.known) {
        pair->skipped = q->lenient;
        return pair->skipped ? 0 : unknown_param(q, pair->name);
    }
    q->n += p.asks; /* an empty value asks nothing */
    return 0;
}

/* As HAPI: one parameter cannot equal two dates. */
static int check_dates(const struct fhir_query *q)
{
    for (size_t i = 0; i < q->n; i++)
        for (size_t j = 0; j < i; j++) {
            const struct fhir_clause *a = &q->clauses[i], *b = &q->clauses[j];
            if (a->param == b->param && a->n && b->n && !a->n_chains && !b->n_chains &&
                a->param->kind == PARAM_DATE && a->alts->prefix == PRE_EQ &&
                b->alts->prefix == PRE_EQ)
                return err_set(GRASP_EINVAL,
                               "'%s' is asked to equal two dates: write %s=ge...&%s=le... for an "
                               "interval",
                               a->param->name, a->param->name, a->param->name);
        }
    return 0;
}

int fhir_query_init(struct fhir_query *q, const struct fhir_query_source *source,
                    const struct fhir_resource_type *type, const char *text, size_t len)
{
    *q = (struct fhir_query){.store = source->view->store,
                             .type = type,
                             .path = type->name,
                             .lenient = source->lenient,
                             .count = QUERY_COUNT};
    int rc = fhir_query_pairs(&q->arena, text, len, &q->pairs, &q->n_pairs);
    if (rc < 0)
        return rc;
    /* two more: a compartment, dates of $everything */
    q->clauses = fhir_arena_alloc(&q->arena, (q->n_pairs + 3) * sizeof(*q->clauses));
    if (!q->clauses)
        return GRASP_ENOMEM;
    for (size_t i = 0; i < q->n_pairs; i++)
        if ((rc = parse_pair(q, source, &q->pairs[i])) < 0)
            return rc;
    return check_dates(q);
}

bool fhir_query_add_compartment(struct fhir_query *q, const char *type, const char *id)
{
    struct fhir_clause *c = &q->clauses[q->n];
    const char *list = q->type->compartments;
    size_t len = strlen(type);
    while (list && !(strncmp(list, type, len) == 0 && list[len] == '=')) {
        list = strchr(list, ';');
        list += list != NULL;
    }
    *c = (struct fhir_clause){.base_url = q->store->base_url};
    for (const char *p = list ? list + len + 1 : ""; *p && *p != ';';) {
        struct fhir_param_ref by;
        size_t n = strcspn(p, ",;");
        if (fhir_param_find(q->type, p, n, &by) && by.param->kind == PARAM_REFERENCE && by.n == 1 &&
            c->n_numbers < PARAM_NUMBERS_MAX) {
            c->param = by.param;
            c->numbers[c->n_numbers++] = by.numbers[0];
        }
        p += n + (p[n] == ',');
    }
    c->alts = fhir_arena_alloc(&q->arena, sizeof(*c->alts));
    if (!c->param || !c->alts)
        return false;
    *c->alts = (struct fhir_alt){.code = id, .raw = id, .system = type};
    c->n = 1;
    q->n++;
    return true;
}

void fhir_query_release(struct fhir_query *q)
{
    fhir_arena_release(&q->arena);
}
