/*
 * extract.c - from JSON to packed values; see index.h for their forms.
 *
 * A value is read by what it looks like (an object with codings, with a value and a unit, with a
 * beginning and an end), because one parameter may lead to several types: effectiveDateTime,
 * effectivePeriod, effectiveTiming. What no form fits leaves a mark that something is there, which
 * is all that :missing asks.
 */
#include <string.h>

#include "fhir/index.h"
#include "fhir/path.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define STRING_VALUE_MAX 2000 /* bytes of a string that are kept for searching */

struct extract {
    struct buf *values;
    struct buf scratch;
    const struct fhir_search_param *param;
    uint16_t number;
    const char *base_url;
    const json_t *last_text; /* the last one that was kept, and under which number */
    uint16_t last_number;
    size_t n;
};

static void values_add(struct buf *values, uint16_t number, const void *bytes, size_t len)
{
    uint16_t head[2] = {number, (uint16_t)len};
    buf_add(values, head, sizeof(head));
    buf_add(values, bytes, len);
}

static void emit(struct extract *x, uint16_t number, const void *bytes, size_t len)
{
    x->n++;
    if (x->n <= INDEX_VALUES_MAX)
        values_add(x->values, number, bytes, len);
}

static void emit_presence(struct extract *x)
{
    emit(x, x->number | PARAM_EXTRA_BIT, "", 0);
}

/* NUL separates the parts: what follows one inside a code is not searchable. */
static void emit_token_as(struct extract *x, uint16_t number, const char *code, size_t code_len,
                          const char *system)
{
    buf_reset(&x->scratch);
    fhir_index_add_part(&x->scratch, code, strnlen(code, code_len));
    buf_addch(&x->scratch, '\0');
    fhir_index_add_part(&x->scratch, system, strlen(system));
    buf_addch(&x->scratch, '\0');
    emit(x, number, x->scratch.ptr, x->scratch.len);
}

static void emit_token(struct extract *x, const json_t *code, const char *system)
{
    emit_token_as(x, x->number, json_string_value(code), json_string_length(code), system);
}

static void emit_text(struct extract *x, uint16_t number, const json_t *text)
{
    size_t len = json_string_length(text);
    if (!json_is_string(text) || len == 0)
        return;
    len = utf8_cut(json_string_value(text), len, STRING_VALUE_MAX);
    /* a code's display and its concept's text are mostly the same words */
    if (x->last_number == number && x->last_text &&
        json_string_length(x->last_text) == json_string_length(text) &&
        strcmp(json_string_value(x->last_text), json_string_value(text)) == 0)
        return;
    x->last_number = number;
    x->last_text = text;
    emit(x, number, json_string_value(text), len);
}

static const char *string_of(const json_t *object, const char *key, const char *fallback)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : fallback;
}

/* ---- token ---- */

static void add_coding(struct extract *x, const json_t *coding)
{
    const json_t *code = json_object_get(coding, "code");
    if (json_is_string(code))
        emit_token(x, code, string_of(coding, "system", ""));
    emit_text(x, x->number | PARAM_TEXT_BIT, json_object_get(coding, "display"));
}

/* Contact points have a code for a system, identifiers a URI. */
static bool contact_system(const char *s)
{
    static const char *const systems[] = {"phone", "fax", "email", "pager", "url", "sms", "other"};
    for (size_t i = 0; i < sizeof(systems) / sizeof(*systems); i++)
        if (strcmp(s, systems[i]) == 0)
            return true;
    return false;
}

/* "MR|12345" with the type's system: what :of-type asks for. */
static void add_identifier_type(struct extract *x, const json_t *type, const json_t *value)
{
    const json_t *coding;
    size_t i;
    json_array_foreach (json_object_get(type, "coding"), i, coding) {
        struct buf both = BUF_INIT;
        const char *code = string_of(coding, "code", NULL);
        if (!code)
            continue;
        buf_addf(&both, "%s|%s", code, json_string_value(value));
        if (both.ptr && !both.failed)
            emit_token_as(x, x->number | PARAM_EXTRA_BIT, both.ptr, both.len,
                          string_of(coding, "system", ""));
        buf_release(&both);
    }
    emit_text(x, x->number | PARAM_TEXT_BIT, json_object_get(type, "text"));
}

/* An Identifier or ContactPoint. */
static void add_identifier(struct extract *x, const json_t *v, const json_t *value)
{
    const char *system = string_of(v, "system", "");
    emit_token(x, value, system);
    if (contact_system(system)) /* R4 gives a contact point's token no system of its own */
        emit_token(x, value, "");
    else
        add_identifier_type(x, json_object_get(v, "type"), value);
}

/* A code, boolean, Coding, CodeableConcept, Identifier or ContactPoint. */
static void add_token(struct extract *x, const json_t *v)
{
    const json_t *value = json_object_get(v, "value"), *coding, *text;
    size_t i, before = x->n;
    if (json_is_string(v)) {
        emit_token(x, v, x->param->system ? TOKEN_OWN_SYSTEM : "");
    } else if (json_is_boolean(v)) {
        const char *s = json_is_true(v) ? "true" : "false";
        emit_token_as(x, x->number, s, strlen(s),
                      "http://terminology.hl7.org/CodeSystem/special-values");
    } else if (json_is_string(value)) {
        add_identifier(x, v, value);
    } else if (json_is_object(v)) {
        add_coding(x, v);
        json_array_foreach (json_object_get(v, "coding"), i, coding)
            add_coding(x, coding);
        text = json_object_get(v, "text");
        if (json_is_string(text))
            emit_token(x, text, TOKEN_TEXT_SYSTEM);
        emit_text(x, x->number | PARAM_TEXT_BIT, text);
        if (x->n == before)
            emit_presence(x);
    }
}

/* ---- reference ---- */

static void emit_reference(struct extract *x, const char *s, size_t len)
{
    buf_reset(&x->scratch);
    if (fhir_reference_pack(&x->scratch, s, len, x->base_url))
        emit(x, x->number, x->scratch.ptr, x->scratch.len);
    else
        emit_presence(x); /* "#contained" */
}

/* A Reference, a canonical or other URI, or a resource that stands where a reference would. */
static void add_reference(struct extract *x, const json_t *v)
{
    const json_t *text = json_is_string(v) ? v : json_object_get(v, "reference");
    const char *s = json_string_value(text), *bar;
    size_t before = x->n;
    if (s) {
        emit_reference(x, s, json_string_length(text));
        if (json_is_string(v) && (bar = strchr(s, '|'))) /* a canonical with a version */
            emit_reference(x, s, (size_t)(bar - s));
    }
    const json_t *identifier = json_object_get(v, "identifier"),
                 *value = json_object_get(identifier, "value");
    if (json_is_string(value))
        emit_token_as(x, x->number | PARAM_EXTRA_BIT, json_string_value(value),
                      json_string_length(value), string_of(identifier, "system", ""));
    const char *type = string_of(v, "resourceType", NULL), *id = string_of(v, "id", NULL);
    if (type && id) {
        struct buf both = BUF_INIT;
        buf_addf(&both, "%s/%s", type, id);
        if (both.ptr)
            emit_reference(x, both.ptr, both.len);
        buf_release(&both);
    }
    if (x->n == before && json_is_object(v))
        emit_presence(x);
}

/* ---- date ---- */

static void emit_interval(struct extract *x, int64_t lo, int64_t hi)
{
    uint8_t bytes[16];
    fhir_put_i64(bytes, lo);
    fhir_put_i64(bytes + 8, hi);
    emit(x, x->number, bytes, sizeof(bytes));
}

/* A date, dateTime, instant, Period, or Timing (its events and bounds). */
static void add_date(struct extract *x, const json_t *v)
{
    int64_t lo = INT64_MIN, hi = INT64_MAX, unused;
    size_t before = x->n, i;
    if (json_is_string(v)) {
        if (fhir_date_interval(json_string_value(v), json_string_length(v), &lo, &hi))
            emit_interval(x, lo, hi);
    } else {
        const char *start = string_of(v, "start", NULL), *end = string_of(v, "end", NULL);
        bool has_start = start && fhir_date_interval(start, strlen(start), &lo, &unused);
        bool has_end = end && fhir_date_interval(end, strlen(end), &unused, &hi);
        if (has_start || has_end)
            emit_interval(x, lo, hi);
        const json_t *event, *bounds;
        json_array_foreach (json_object_get(v, "event"), i, event)
            if (json_is_string(event))
                add_date(x, event);
        bounds = json_object_get(json_object_get(v, "repeat"), "boundsPeriod");
        if (json_is_object(bounds) && !json_object_get(bounds, "repeat"))
            add_date(x, bounds);
    }
    if (x->n == before)
        emit_presence(x);
}

/* ---- quantity, number ---- */

static void emit_quantity(struct extract *x, const json_t *value, const char *unit,
                          const char *system, const char *code)
{
    uint8_t number[8];
    fhir_put_double(number, json_number_value(value));
    buf_reset(&x->scratch);
    buf_add(&x->scratch, number, sizeof(number));
    const char *const parts[] = {unit, system, code};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        fhir_index_add_part(&x->scratch, parts[i], strlen(parts[i]));
        buf_addch(&x->scratch, '\0');
    }
    emit(x, x->number, x->scratch.ptr, x->scratch.len);
}

/* A number, Quantity, Money, or Range (its two ends). */
static void add_quantity(struct extract *x, const json_t *v)
{
    static const char *const ends[] = {"low", "high"};
    const json_t *value = json_is_number(v) ? v : json_object_get(v, "value");
    size_t before = x->n;
    if (json_is_number(value)) {
        const char *currency = string_of(v, "currency", NULL);
        if (currency)
            emit_quantity(x, value, currency, "urn:iso:std:iso:4217", currency);
        else
            emit_quantity(x, value, string_of(v, "unit", ""), string_of(v, "system", ""),
                          string_of(v, "code", ""));
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        const json_t *end = json_object_get(v, ends[i]);
        value = json_object_get(end, "value");
        if (json_is_number(value))
            emit_quantity(x, value, string_of(end, "unit", ""), string_of(end, "system", ""),
                          string_of(end, "code", ""));
    }
    if (x->n == before)
        emit_presence(x);
}

/* ---- string, uri ---- */

/* A string, HumanName or Address. */
static void add_string(struct extract *x, const json_t *v)
{
    static const char *const keys[] = {"family", "given",      "text",   "prefix",
                                       "suffix", "line",       "city",   "district",
                                       "state",  "postalCode", "country"};
    size_t before = x->n, j;
    if (json_is_string(v)) {
        emit_text(x, x->number, v);
        return;
    }
    for (size_t i = 0; json_is_object(v) && i < sizeof(keys) / sizeof(*keys); i++) {
        const json_t *part = json_object_get(v, keys[i]), *item;
        emit_text(x, x->number, part);
        json_array_foreach (part, j, item)
            emit_text(x, x->number, item);
    }
    if (x->n == before)
        emit_presence(x);
}

static void add_uri(struct extract *x, const json_t *v)
{
    const char *s = json_string_value(v);
    if (!s || !*s)
        return;
    buf_reset(&x->scratch);
    fhir_index_add_part(&x->scratch, s, strlen(s));
    buf_addch(&x->scratch, '\0');
    emit(x, x->number, x->scratch.ptr, x->scratch.len);
}

static void add_value(const json_t *v, void *arg)
{
    struct extract *x = arg;
    static void (*const adders[])(struct extract * x,
                                  const json_t *v) = {[PARAM_TOKEN] = add_token,
                                                      [PARAM_STRING] = add_string,
                                                      [PARAM_REFERENCE] = add_reference,
                                                      [PARAM_DATE] = add_date,
                                                      [PARAM_QUANTITY] = add_quantity,
                                                      [PARAM_NUMBER] = add_quantity,
                                                      [PARAM_URI] = add_uri,
                                                      [PARAM_COMPOSITE] = NULL,
                                                      [PARAM_ID] = NULL};
    if (adders[x->param->kind])
        adders[x->param->kind](x, v);
}

static int finish(struct extract *x)
{
    int rc = buf_check(x->values);
    if (rc == 0)
        rc = buf_check(&x->scratch);
    if (rc == 0 && x->n > INDEX_VALUES_MAX)
        rc = err_set(GRASP_ELIMIT, "more than %d values to index", INDEX_VALUES_MAX);
    buf_release(&x->scratch);
    return rc;
}

int fhir_param_values(struct buf *values, const struct fhir_search_param *param, uint16_t number,
                      const json_t *resource, const json_t *node, const char *base_url)
{
    struct extract x = {.values = values,
                        .scratch = BUF_INIT,
                        .param = param,
                        .number = number,
                        .base_url = base_url};
    fhir_path_walk(resource, node, param->path, add_value, &x);
    return finish(&x);
}

static size_t count(const struct buf *values, uint16_t number)
{
    struct fhir_value_iter it = {.p = (const uint8_t *)values->ptr,
                                 .end = (const uint8_t *)values->ptr + values->len};
    size_t n = 0;
    while (fhir_values_next_of(&it, &number, 1, 0))
        n++;
    return n;
}

/* One subject and a few codes, or somebody wants the index to burst. */
static int check_pairs(const struct fhir_resource_type *type, const struct buf *values)
{
    uint16_t subject, code;
    if (!fhir_subject_code(type, &subject, &code) ||
        count(values, subject) * count(values, code) <= INDEX_PAIRS_MAX)
        return 0;
    return err_set(GRASP_ELIMIT, "more than %d pairs of subject and code", INDEX_PAIRS_MAX);
}

int fhir_index_values(struct buf *values, const struct fhir_resource_type *type,
                      const json_t *resource, const char *base_url, int64_t updated_us)
{
    struct extract x = {.values = values, .scratch = BUF_INIT, .base_url = base_url};
    for (size_t i = 0; i < type->n; i++) {
        x.param = &type->params[i];
        if (x.param->shared || x.param->kind == PARAM_COMPOSITE)
            continue;
        x.number = fhir_param_slot_number(type, PARAM_SLOT_OWN + (unsigned)i);
        fhir_path_walk(resource, resource, x.param->path, add_value, &x);
    }
    x.number = fhir_param_slot_number(type, PARAM_SLOT_LAST_UPDATED);
    emit_interval(&x, updated_us, updated_us + 1);
    for (unsigned i = 2; json_object_get(resource, "meta") && i < fhir_common_param_count; i++) {
        x.param = &fhir_common_params[i];
        x.number = fhir_param_slot_number(type, PARAM_SLOT_COMMON + i - 1);
        fhir_path_walk(resource, resource, x.param->path, add_value, &x);
    }
    int rc = finish(&x);
    return rc < 0 ? rc : check_pairs(type, values);
}
