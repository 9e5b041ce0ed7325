/* alt.c - values of a search as a client writes them. */
#include <math.h>
#include <stdlib.h>

#include "fhir/query.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

/* ---- reading ---- */

/* Resolves "\," "\|" "\$" "\\" in a copy. */
static char *unescape(struct fhir_arena *arena, const char *s, size_t len)
{
    char *out = fhir_arena_alloc(arena, len + 1), *p = out;
    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\\' && i + 1 < len && strchr(",|$\\", s[i + 1]))
            i++;
        *p++ = s[i];
    }
    return out;
}

static const char *find_bar(const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (*s == '|')
            return s;
    }
    return NULL;
}

/* A code or system as it stands in index keys. */
static const char *part(struct fhir_query *q, const char *s, size_t len)
{
    char *plain = unescape(&q->arena, s, len);
    if (!plain || strlen(plain) <= INDEX_PART_MAX)
        return plain;
    struct buf b = BUF_INIT;
    fhir_index_add_part(&b, plain, strlen(plain));
    char *out = buf_check(&b) == 0 ? fhir_arena_ndup(&q->arena, b.ptr, b.len) : NULL;
    buf_release(&b);
    return out;
}

static int parse_token(struct fhir_query *q, struct fhir_alt *a, const char *raw)
{
    const char *bar = find_bar(raw), *code = bar ? bar + 1 : raw;
    a->system = NULL;
    if (bar && !(a->system = part(q, raw, (size_t)(bar - raw))))
        return GRASP_ENOMEM;
    if (*code && !(a->code = part(q, code, strlen(code))))
        return GRASP_ENOMEM;
    if (!a->code && !*a->system)
        return err_set(GRASP_EINVAL, "'|' alone names neither a system nor a code");
    return 0;
}

static int parse_string(struct fhir_query *q, struct fhir_alt *a, const char *raw)
{
    struct buf norm = BUF_INIT;
    a->raw = unescape(&q->arena, raw, strlen(raw));
    if (!a->raw)
        return GRASP_ENOMEM;
    fhir_string_normalize(&norm, a->raw, strlen(a->raw));
    a->norm_len = norm.len;
    a->norm = buf_check(&norm) == 0 ? fhir_arena_ndup(&q->arena, norm.ptr, norm.len) : NULL;
    buf_release(&norm);
    return a->norm ? 0 : GRASP_ENOMEM;
}

static int parse_reference(struct fhir_query *q, const struct fhir_clause *c, struct fhir_alt *a,
                           const char *raw)
{
    struct buf packed = BUF_INIT;
    const char *plain = unescape(&q->arena, raw, strlen(raw)), *type;
    int rc = 0;
    if (!plain)
        return GRASP_ENOMEM;
    const char *slash = strchr(plain, '/');
    if (slash && !strchr(slash + 1, '/') && !strpbrk(plain, ":#|") &&
        !fhir_resource_type_find(plain, (size_t)(slash - plain)))
        return err_set(GRASP_EINVAL, "'%.80s': '%.*s' is no resource type that '%s' could lead to",
                       plain, (int)(slash - plain < 60 ? slash - plain : 60), plain,
                       c->param->name);
    if (!fhir_reference_pack(&packed, plain, strlen(plain), q->store->base_url)) {
        a->code = ""; /* "#contained" and the like: matches nothing */
        goto out;
    }
    if ((rc = buf_check(&packed)) < 0)
        goto out;
    type = packed.ptr + strlen(packed.ptr) + 1;
    a->code = fhir_arena_ndup(&q->arena, packed.ptr, strlen(packed.ptr));
    if (*type) {
        if (a->system && strcmp(a->system, type) != 0) /* subject:Patient=Group/1 */
            a->code = "";
        a->system = fhir_arena_ndup(&q->arena, type, strlen(type));
    }
    rc = a->code ? 0 : GRASP_ENOMEM;
out:
    buf_release(&packed);
    return rc;
}

static size_t parse_prefix(const char *s, enum fhir_prefix *out)
{
    static const char *const names[] = {
        [PRE_EQ] = "eq", [PRE_NE] = "ne", [PRE_GT] = "gt", [PRE_LT] = "lt", [PRE_GE] = "ge",
        [PRE_LE] = "le", [PRE_SA] = "sa", [PRE_EB] = "eb", [PRE_AP] = "ap"};
    *out = PRE_EQ;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (s[0] == names[i][0] && s[1] == names[i][1]) {
            *out = (enum fhir_prefix)i;
            return 2;
        }
    return 0;
}

static int parse_date(struct fhir_clause *c, struct fhir_alt *a, const char *raw)
{
    const char *s = raw + parse_prefix(raw, &a->prefix);
    if (!fhir_date_interval(s, strlen(s), &a->lo, &a->hi))
        return err_set(GRASP_EINVAL,
                       "'%.80s' is no date for '%s': write [prefix]YYYY-MM-DD[Thh:mm:ss[+hh:mm]], "
                       "prefix one of eq ne gt lt ge le sa eb ap",
                       raw, c->param->name);
    if (a->prefix == PRE_AP) { /* a tenth of the distance to now, on both sides */
        int64_t now = clock_stamp() / 1000;
        int64_t far = a->lo > now ? a->lo - now : now - a->lo;
        a->lo -= far / 10;
        a->hi += far / 10;
    }
    return 0;
}

/* "5.40" stands for [5.395, 5.405): half of the last digit given, to both sides. */
static double precision(const char *s)
{
    int decimals = 0;
    long exponent = 0;
    bool dot = false;
    for (; *s; s++) {
        if (*s == 'e' || *s == 'E') {
            exponent = strtol(s + 1, NULL, 10);
            break;
        }
        decimals += dot;
        dot |= *s == '.';
    }
    return 0.5 * pow(10, (double)exponent - decimals);
}

static int parse_quantity(struct fhir_query *q, struct fhir_clause *c, struct fhir_alt *a,
                          const char *raw)
{
    const char *s = raw + parse_prefix(raw, &a->prefix), *bar = find_bar(s);
    const char *number = fhir_arena_ndup(&q->arena, s, bar ? (size_t)(bar - s) : strlen(s));
    a->system = NULL;
    if (!number)
        return GRASP_ENOMEM;
    if (!str_to_double(number, &a->num))
        return err_set(GRASP_EINVAL,
                       "'%.80s' is no %s for '%s': write [prefix]number[|system|code]", raw,
                       fhir_param_kind_name(c->param->kind), c->param->name);
    double around = a->prefix == PRE_AP ? fabs(a->num) / 10 : precision(number);
    a->low = a->num - around;
    a->top = a->num + around;
    if (!bar)
        return 0;
    if (c->param->kind == PARAM_NUMBER)
        return err_set(GRASP_EINVAL, "'%.80s': the number '%s' has no unit", raw, c->param->name);
    const char *unit = find_bar(bar + 1);
    if (!unit)
        return err_set(GRASP_EINVAL, "'%.80s': after the number comes |system|code or ||unit", raw);
    if (unit > bar + 1 && !(a->system = part(q, bar + 1, (size_t)(unit - bar - 1))))
        return GRASP_ENOMEM;
    if (unit[1] && !(a->unit = part(q, unit + 1, strlen(unit + 1))))
        return GRASP_ENOMEM;
    return 0;
}

/* "system|code|value" of :of-type, as the index has it: code "code|value" and system. */
static int parse_of_type(struct fhir_query *q, struct fhir_alt *a, const char *raw)
{
    const char *code = find_bar(raw), *value = code ? find_bar(code + 1) : NULL;
    if (!value || !value[1])
        return err_set(GRASP_EINVAL, "'%.80s': write :of-type=system|code|value", raw);
    const char *both = unescape(&q->arena, code + 1, strlen(code + 1));
    a->system = part(q, raw, (size_t)(code - raw));
    a->code = both ? part(q, both, strlen(both)) : NULL;
    if (a->system && !*a->system)
        a->system = NULL;
    return a->code ? 0 : GRASP_ENOMEM;
}

static int parse_uri(struct fhir_query *q, struct fhir_alt *a, const char *raw)
{
    a->raw = unescape(&q->arena, raw, strlen(raw));
    a->code = a->raw ? part(q, a->raw, strlen(a->raw)) : NULL;
    return a->code ? 0 : GRASP_ENOMEM;
}

/* "code$value": a value for each component, read as its own parameter's are. */
static int parse_composite(struct fhir_query *q, struct fhir_clause *c, struct fhir_alt *a,
                           const char *raw)
{
    a->parts = fhir_arena_alloc(&q->arena, c->n_components * sizeof(*a->parts));
    if (!a->parts)
        return GRASP_ENOMEM;
    for (size_t i = 0; i < c->n_components; i++) {
        const char *end = raw;
        for (; *end && *end != '$'; end++)
            if (*end == '\\' && end[1])
                end++;
        const char *one = fhir_arena_ndup(&q->arena, raw, (size_t)(end - raw));
        struct fhir_clause own = {.param = &c->components[i]};
        if (!one)
            return GRASP_ENOMEM;
        if (!*one || (*end == '$') != (i + 1 < c->n_components))
            return err_set(GRASP_EINVAL, "'%s' takes %zu values joined by '$'", c->param->name,
                           c->n_components);
        int rc = fhir_alt_parse(q, &own, &a->parts[i], one);
        if (rc < 0)
            return rc;
        raw = end + (*end == '$');
    }
    return 0;
}

int fhir_alt_parse(struct fhir_query *q, struct fhir_clause *c, struct fhir_alt *a, const char *raw)
{
    if (c->mod == MOD_TEXT)
        return parse_string(q, a, raw);
    if (c->mod == MOD_IDENTIFIER)
        return parse_token(q, a, raw);
    if (c->mod == MOD_OF_TYPE)
        return parse_of_type(q, a, raw);
    switch (c->param->kind) {
    case PARAM_TOKEN:
        return parse_token(q, a, raw);
    case PARAM_STRING:
        return parse_string(q, a, raw);
    case PARAM_REFERENCE:
        return parse_reference(q, c, a, raw);
    case PARAM_DATE:
        return parse_date(c, a, raw);
    case PARAM_QUANTITY:
    case PARAM_NUMBER:
        return parse_quantity(q, c, a, raw);
    case PARAM_URI:
        return parse_uri(q, a, raw);
    case PARAM_COMPOSITE:
        return parse_composite(q, c, a, raw);
    case PARAM_ID:
        a->raw = strrchr(raw, '/') ? strrchr(raw, '/') + 1 : raw;
        return 0;
    }
    return 0;
}
