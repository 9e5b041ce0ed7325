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
            if (hi < 0 || lo < 0 || hi + lo == 0) {
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
    static const char *const full[] = {"true", "text", "data", "false"};
    if (strcmp(value, "count") == 0) {
        q->count_only = true;
        return 0;
    }
    /* A server may answer with more than the summary that was asked for (R4, search, _summary). */
    for (size_t i = 0; i < sizeof(full) / sizeof(*full); i++)
        if (strcmp(value, full[i]) == 0)
            return 0;
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
        k->param = fhir_param_find(q->type, name, len, &k->number);
        if (!k->param)
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

static int add_include(struct fhir_query *q, const char *value, bool rev)
{
    struct fhir_include **list = rev ? &q->revincludes : &q->includes;
    size_t *n = rev ? &q->n_revincludes : &q->n_includes;
    const char *what = rev ? "_revinclude" : "_include";
    size_t type_len = strcspn(value, ":");
    const char *name = value[type_len] ? value + type_len + 1 : "";
    size_t name_len = strcspn(name, ":");
    const char *target = name[name_len] ? name + name_len + 1 : NULL;
    struct fhir_include inc = {.source = fhir_resource_type_find(value, type_len),
                               .target = target};
    if (!inc.source)
        return err_set(GRASP_EINVAL,
                       "%s '%.60s' does not begin with a resource type: write "
                       "Type:parameter",
                       what, value);
    if (!rev && inc.source != q->type)
        return err_set(GRASP_EINVAL, "_include '%.60s' is not about %s, which is searched", value,
                       q->type->name);
    if (strcmp(name, "*") != 0) {
        inc.param = fhir_param_find(inc.source, name, name_len, &inc.number);
        if (!inc.param || inc.param->kind != PARAM_REFERENCE)
            return err_set(GRASP_EINVAL, "%s '%.60s': %s has no such reference parameter", what,
                           value, inc.source->name);
    }
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
    return add_include(q, value, false);
}

static int set_revinclude(struct fhir_query *q, const char *value)
{
    return add_include(q, value, true);
}

static const struct {
    const char *name;
    int (*set)(struct fhir_query *q, const char *value);
} result_params[] = {
    {"_count", set_count},       {"_sort", set_sort},
    {"_summary", set_summary},   {"_total", set_total},
    {"_elements", set_elements}, {"_include", set_include},
    {"_format", set_format},     {"_revinclude", set_revinclude},
    {"_pretty", set_pretty},     {"_page", set_page},
};

/* ---- search parameters ---- */

static const struct {
    const char *name;
    enum fhir_modifier mod;
    unsigned kinds; /* bits of enum fhir_param_kind */
} modifiers[] = {
    {"missing", MOD_MISSING, ~(1u << PARAM_ID)},    {"exact", MOD_EXACT, 1u << PARAM_STRING},
    {"contains", MOD_CONTAINS, 1u << PARAM_STRING}, {"not", MOD_NOT, 1u << PARAM_TOKEN},
    {"text", MOD_TEXT, 1u << PARAM_TOKEN},
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
    c->alts = fhir_arena_alloc(&q->arena, most * sizeof(*c->alts));
    if (!c->alts)
        return GRASP_ENOMEM;
    for (const char *p = value;; p++) {
        const char *start = p;
        for (; *p && *p != ','; p++)
            if (*p == '\\' && p[1])
                p++;
        if (p > start) {
            const char *raw = fhir_arena_ndup(&q->arena, start, (size_t)(p - start));
            struct fhir_alt *a = &c->alts[c->n];
            if (!raw)
                return GRASP_ENOMEM;
            a->system = ref_type;
            int rc = fhir_alt_parse(q, c, a, raw);
            if (rc < 0)
                return rc;
            c->n++;
        }
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

static const struct fhir_resource_type *chain_target(const struct fhir_clause *c,
                                                     const char *ref_type)
{
    const char *name = ref_type ? ref_type : c->param->arg ? c->param->arg : "Patient";
    return fhir_resource_type_find(name, strcspn(name, "|"));
}

static int parse_clause(struct fhir_query *q, struct fhir_clause *c,
                        const struct fhir_resource_type *type, const char *name, const char *value,
                        bool *known, bool chained)
{
    size_t base = strcspn(name, ":."), mod = 0;
    const char *ref_type = NULL;
    int rc;
    c->param = fhir_param_find(type, name, base, &c->number);
    *known = c->param != NULL;
    if (!c->param)
        return 0;
    if (name[base] == ':') {
        mod = strcspn(name + base + 1, ".");
        if ((rc = set_modifier(c, name + base + 1, mod, &ref_type)) < 0)
            return rc;
        base += 1 + mod;
    }
    if (name[base] == '.') {
        if (c->param->kind != PARAM_REFERENCE || c->mod != MOD_NONE || chained) {
            *known = false;
            return 0;
        }
        c->chain_type = chain_target(c, ref_type);
        c->chain = fhir_arena_alloc(&q->arena, sizeof(*c->chain));
        return c->chain
                   ? parse_clause(q, c->chain, c->chain_type, name + base + 1, value, known, true)
                   : GRASP_ENOMEM;
    }
    if (c->mod == MOD_MISSING) {
        c->missing = strcmp(value, "true") == 0;
        if (!c->missing && strcmp(value, "false") != 0)
            return err_set(GRASP_EINVAL, "'%.60s' is neither true nor false", name);
        return 0;
    }
    return parse_values(q, c, value, ref_type);
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
            "_lastUpdated",
            name, q->type->name, near ? " (did you mean '" : "", near ? near : "",
            near ? "'?)" : "", names.ptr);
    buf_release(&names);
    return GRASP_EINVAL;
}

static int parse_pair(struct fhir_query *q, struct fhir_pair *p)
{
    bool known = true;
    for (size_t i = 0; i < sizeof(result_params) / sizeof(*result_params); i++)
        if (strcmp(p->name, result_params[i].name) == 0)
            return *p->value ? result_params[i].set(q, p->value) : 0;
    struct fhir_clause *c = &q->clauses[q->n];
    *c = (struct fhir_clause){0};
    int rc = parse_clause(q, c, q->type, p->name, p->value, &known, false);
    if (!known) {
        p->skipped = q->store->ignore_unknown_params;
        return p->skipped ? 0 : unknown_param(q, p->name);
    }
    const struct fhir_clause *leaf = c->chain ? c->chain : c;
    if (rc == 0 && (leaf->n > 0 || leaf->mod == MOD_MISSING)) /* an empty value asks nothing */
        q->n++;
    return rc;
}

/* As HAPI: one parameter cannot equal two dates. */
static int check_dates(const struct fhir_query *q)
{
    for (size_t i = 0; i < q->n; i++)
        for (size_t j = 0; j < i; j++) {
            const struct fhir_clause *a = &q->clauses[i], *b = &q->clauses[j];
            if (a->number == b->number && a->n && b->n && !a->chain && !b->chain &&
                a->param->kind == PARAM_DATE && a->alts->prefix == PRE_EQ &&
                b->alts->prefix == PRE_EQ)
                return err_set(GRASP_EINVAL,
                               "'%s' is asked to equal two dates: write %s=ge...&%s=le... for an "
                               "interval",
                               a->param->name, a->param->name, a->param->name);
        }
    return 0;
}

int fhir_query_init(struct fhir_query *q, struct fhir_store *store,
                    const struct fhir_resource_type *type, const char *text, size_t len)
{
    *q = (struct fhir_query){.store = store, .type = type, .count = QUERY_COUNT};
    int rc = fhir_query_pairs(&q->arena, text, len, &q->pairs, &q->n_pairs);
    if (rc < 0)
        return rc;
    q->clauses = fhir_arena_alloc(&q->arena, (q->n_pairs + 1) * sizeof(*q->clauses));
    if (!q->clauses)
        return GRASP_ENOMEM;
    for (size_t i = 0; i < q->n_pairs; i++)
        if ((rc = parse_pair(q, &q->pairs[i])) < 0)
            return rc;
    return check_dates(q);
}

void fhir_query_release(struct fhir_query *q)
{
    fhir_arena_release(&q->arena);
}
