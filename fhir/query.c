/* query.c - parameters of a search: names, modifiers, chains, and those that shape the answer. */
#include "fhir/query.h"

#include <stdlib.h>

#include "fhir/clause.h"
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
    struct fhir_parse p = {.q = q, .source = source};
    for (size_t i = 0; i < sizeof(result_params) / sizeof(*result_params); i++)
        if (strcmp(pair->name, result_params[i].name) == 0)
            return *pair->value ? result_params[i].set(q, pair->value) : 0;
    struct fhir_clause *c = &q->clauses[q->n];
    *c = (struct fhir_clause){0};
    if (fhir_param_refused(q->type, pair->name))
        return err_set(GRASP_EINVAL, "search parameter '%.80s' is not supported by this server",
                       pair->name);
    int rc = fhir_clause_parse(&p, c, q->type, pair->name, pair->value, 0);
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
        list = list ? list + 1 : NULL;
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
