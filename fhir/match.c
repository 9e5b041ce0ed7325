/* match.c - values of a search: how they are read and when a resource satisfies them. */
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

static int parse_reference(struct fhir_query *q, struct fhir_alt *a, const char *raw)
{
    struct buf packed = BUF_INIT;
    const char *plain = unescape(&q->arena, raw, strlen(raw)), *type;
    int rc = 0;
    if (!plain)
        return GRASP_ENOMEM;
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
                       "'%.80s' is no quantity for '%s': write [prefix]number[|system|code]", raw,
                       c->param->name);
    double around = a->prefix == PRE_AP ? fabs(a->num) / 10 : precision(number);
    a->low = a->num - around;
    a->top = a->num + around;
    if (!bar)
        return 0;
    const char *unit = find_bar(bar + 1);
    if (!unit)
        return err_set(GRASP_EINVAL, "'%.80s': after the number comes |system|code or ||unit", raw);
    if (unit > bar + 1 && !(a->system = part(q, bar + 1, (size_t)(unit - bar - 1))))
        return GRASP_ENOMEM;
    if (unit[1] && !(a->unit = part(q, unit + 1, strlen(unit + 1))))
        return GRASP_ENOMEM;
    return 0;
}

int fhir_alt_parse(struct fhir_query *q, struct fhir_clause *c, struct fhir_alt *a, const char *raw)
{
    if (c->mod == MOD_TEXT)
        return parse_string(q, a, raw);
    switch (c->param->kind) {
    case PARAM_TOKEN:
        return parse_token(q, a, raw);
    case PARAM_STRING:
        return parse_string(q, a, raw);
    case PARAM_REFERENCE:
        return parse_reference(q, a, raw);
    case PARAM_DATE:
        return parse_date(c, a, raw);
    case PARAM_QUANTITY:
        return parse_quantity(q, c, a, raw);
    case PARAM_ID:
        a->raw = strrchr(raw, '/') ? strrchr(raw, '/') + 1 : raw;
        return 0;
    }
    return 0;
}

/* ---- matching ---- */

static bool token_matches(const struct fhir_alt *a, const char *code)
{
    const char *system = code + strlen(code) + 1;
    if (a->code && strcmp(a->code, code) != 0)
        return false;
    return !a->system || strcmp(a->system, system) == 0;
}

static bool reference_matches(const struct fhir_alt *a, const char *id)
{
    const char *type = id + strlen(id) + 1;
    return strcmp(a->code, id) == 0 && (!a->system || strcmp(a->system, type) == 0);
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
    if ((a->system && strcmp(a->system, system) != 0) ||
        (a->unit && strcmp(a->unit, code) != 0 && (a->system || strcmp(a->unit, unit) != 0)))
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

static bool value_matches(const struct fhir_clause *c, const struct fhir_alt *a,
                          const struct fhir_value_iter *it)
{
    if (c->mod == MOD_TEXT)
        return string_matches(c, a, it);
    switch (c->param->kind) {
    case PARAM_TOKEN:
        return token_matches(a, (const char *)it->bytes);
    case PARAM_STRING:
        return string_matches(c, a, it);
    case PARAM_REFERENCE:
        return reference_matches(a, (const char *)it->bytes);
    case PARAM_DATE:
        return date_matches(a, fhir_get_i64(it->bytes), fhir_get_i64(it->bytes + 8));
    case PARAM_QUANTITY:
        return quantity_matches(a, it->bytes);
    case PARAM_ID:
        break;
    }
    return false;
}

static bool any_value_matches(const struct fhir_clause *c, const struct fhir_record *r)
{
    uint16_t number = c->mod == MOD_TEXT ? c->number | PARAM_TEXT_BIT : c->number;
    struct fhir_value_iter it = {.p = r->values, .end = r->values + r->values_len};
    while (fhir_values_next_of(&it, number))
        for (size_t i = 0; i < c->n; i++)
            if (value_matches(c, &c->alts[i], &it))
                return true;
    return false;
}

bool fhir_clause_matches(const struct fhir_clause *c, const struct fhir_record *r)
{
    if (c->param->kind == PARAM_ID) {
        for (size_t i = 0; i < c->n; i++)
            if (strcmp(c->alts[i].raw, r->id) == 0)
                return true;
        return false;
    }
    if (c->mod == MOD_MISSING) {
        struct fhir_value_iter it = {.p = r->values, .end = r->values + r->values_len};
        return fhir_values_next_of(&it, c->number) != c->missing;
    }
    return any_value_matches(c, r) != (c->mod == MOD_NOT);
}
