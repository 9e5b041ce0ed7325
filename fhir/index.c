/*
 * index.c - packed values and index keys of a resource; see index.h for their forms.
 *
 * Keys are derived from packed values and not from the JSON, so that a resource is taken out of the
 * index by the very keys it was put in with, whatever its text and the tables say by then.
 */
#include "fhir/index.h"

#include <math.h>
#include <stdio.h>
#include <xxhash.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define STRING_VALUE_MAX 2000 /* bytes of a string that are kept for searching */
#define WORDS_MAX        64   /* starts of words that are indexed */

void fhir_index_key_start(struct fhir_index_key *k, uint16_t number)
{
    k->bytes[0] = (uint8_t)(number >> 8);
    k->bytes[1] = (uint8_t)number;
    k->len = 2;
}

void fhir_index_key_add(struct fhir_index_key *k, const void *bytes, size_t len)
{
    if (len > INDEX_KEY_MAX - k->len)
        len = INDEX_KEY_MAX - k->len;
    memcpy(k->bytes + k->len, bytes, len);
    k->len += len;
}

void fhir_put_double(uint8_t out[8], double d)
{
    uint64_t bits;
    if (d == 0)
        d = 0; /* no negative zero */
    memcpy(&bits, &d, 8);
    fhir_put_be64(out, bits >> 63 ? ~bits : bits | UINT64_C(1) << 63);
}

double fhir_get_double(const uint8_t in[8])
{
    uint64_t bits = fhir_get_be64(in);
    double d;
    bits = bits >> 63 ? bits & ~(UINT64_C(1) << 63) : ~bits;
    memcpy(&d, &bits, 8);
    return d;
}

bool fhir_values_next(struct fhir_value_iter *it)
{
    uint16_t head[2];
    if ((size_t)(it->end - it->p) < sizeof(head))
        return false;
    memcpy(head, it->p, sizeof(head));
    it->p += sizeof(head);
    if (head[1] > it->end - it->p)
        return false;
    it->number = head[0];
    it->bytes = it->p;
    it->len = head[1];
    it->p += it->len;
    return true;
}

bool fhir_values_next_of(struct fhir_value_iter *it, uint16_t number)
{
    while (fhir_values_next(it))
        if (it->number == number)
            return true;
    return false;
}

static void values_add(struct buf *values, uint16_t number, const void *bytes, size_t len)
{
    uint16_t head[2] = {number, (uint16_t)len};
    buf_add(values, head, sizeof(head));
    buf_add(values, bytes, len);
}

void fhir_index_add_part(struct buf *out, const char *s, size_t len)
{
    if (len <= INDEX_PART_MAX) {
        buf_add(out, s, len);
        return;
    }
    XXH128_hash_t h = XXH3_128bits(s, len);
    buf_add(out, s, INDEX_PART_MAX - 33);
    buf_addf(out, "#%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

/* ---- references in one form: "id 0 type 0" for ours, a whole URL for others' ---- */

bool fhir_id_valid(const char *id, size_t len)
{
    if (len == 0 || len > 64)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!ascii_isalnum(id[i]) && id[i] != '-' && id[i] != '.')
            return false;
    return true;
}

bool fhir_reference_pack(struct buf *out, const char *s, size_t len, const char *base_url)
{
    size_t base_len = strlen(base_url);
    if (len > base_len && memcmp(s, base_url, base_len) == 0) {
        s += base_len;
        len -= base_len;
    }
    if (len == 0 || *s == '#')
        return false;
    const char *history = memmem(s, len, "/_history/", 10);
    if (history)
        len = (size_t)(history - s);
    const char *slash = memchr(s, '/', len);
    if (slash && fhir_resource_type_find(s, (size_t)(slash - s)) &&
        fhir_id_valid(slash + 1, len - (size_t)(slash + 1 - s))) {
        fhir_index_add_part(out, slash + 1, len - (size_t)(slash + 1 - s));
        buf_addch(out, '\0');
        buf_add(out, s, (size_t)(slash - s));
    } else {
        fhir_index_add_part(out, s, len);
        buf_addch(out, '\0');
    }
    buf_addch(out, '\0');
    return true;
}

/* ---- packed values out of JSON ---- */

struct extract {
    struct buf *values;
    struct buf scratch;
    const struct fhir_search_param *param;
    uint16_t number;
    const char *base_url;
    size_t n, refs;
};

static void emit(struct extract *x, uint16_t number, const void *bytes, size_t len)
{
    x->n++;
    if (x->n <= INDEX_VALUES_MAX)
        values_add(x->values, number, bytes, len);
}

static void emit_token(struct extract *x, const char *code, size_t code_len, const char *system)
{
    /* NUL separates the parts: what follows one inside a code is not searchable. */
    buf_reset(&x->scratch);
    fhir_index_add_part(&x->scratch, code, strnlen(code, code_len));
    buf_addch(&x->scratch, '\0');
    fhir_index_add_part(&x->scratch, system, strlen(system));
    buf_addch(&x->scratch, '\0');
    emit(x, x->number, x->scratch.ptr, x->scratch.len);
}

static void emit_text(struct extract *x, uint16_t number, const json_t *text)
{
    size_t len = json_string_length(text);
    if (!json_is_string(text) || len == 0)
        return;
    emit(x, number, json_string_value(text),
         utf8_cut(json_string_value(text), len, STRING_VALUE_MAX));
}

static const char *string_of(const json_t *object, const char *key, const char *fallback)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : fallback;
}

static void coding_token(struct extract *x, const json_t *coding)
{
    const json_t *code = json_object_get(coding, "code");
    if (json_is_string(code))
        emit_token(x, json_string_value(code), json_string_length(code),
                   string_of(coding, "system", ""));
    emit_text(x, x->number | PARAM_TEXT_BIT, json_object_get(coding, "display"));
}

/* A code, boolean, Coding, CodeableConcept, Identifier or ContactPoint. */
static void add_token(struct extract *x, const json_t *v)
{
    const char *arg = x->param->arg;
    const char *want = arg && *arg == '=' ? arg + 1 : NULL;
    if (json_is_string(v)) {
        emit_token(x, json_string_value(v), json_string_length(v), arg && !want ? arg : "");
    } else if (json_is_boolean(v)) {
        const char *s = json_is_true(v) ? "true" : "false";
        emit_token(x, s, strlen(s), "http://terminology.hl7.org/CodeSystem/special-values");
    } else if (json_is_object(v)) {
        const json_t *value = json_object_get(v, "value"), *codings, *coding, *text;
        size_t i;
        if (json_is_string(value)) {
            if (!want || strcmp(string_of(v, "system", ""), want) == 0)
                emit_token(x, json_string_value(value), json_string_length(value),
                           string_of(v, "system", ""));
            emit_text(x, x->number | PARAM_TEXT_BIT,
                      json_object_get(json_object_get(v, "type"), "text"));
            return;
        }
        coding_token(x, v);
        codings = json_object_get(v, "coding");
        json_array_foreach (codings, i, coding)
            coding_token(x, coding);
        text = json_object_get(v, "text");
        if (json_is_string(text))
            emit_token(x, json_string_value(text), json_string_length(text), TOKEN_TEXT_SYSTEM);
        emit_text(x, x->number | PARAM_TEXT_BIT, text);
    }
}

/* Is the type of packed reference `ref` among "A|B"? A foreign URL's type stands before its id. */
static bool reference_counts(const struct buf *ref, const char *types)
{
    const char *type = ref->ptr + strlen(ref->ptr) + 1;
    size_t len = strlen(type);
    if (!types)
        return true;
    if (len == 0) {
        const char *slash = strrchr(ref->ptr, '/');
        if (!slash)
            return false;
        for (type = slash; type > ref->ptr && type[-1] != '/'; type--)
            ;
        len = (size_t)(slash - type);
    }
    while (types) {
        const char *bar = strchr(types, '|');
        size_t n = bar ? (size_t)(bar - types) : strlen(types);
        if (n == len && memcmp(types, type, len) == 0)
            return true;
        types = bar ? bar + 1 : NULL;
    }
    return false;
}

static void add_reference(struct extract *x, const json_t *v)
{
    const char *s = string_of(v, "reference", NULL);
    if (!s)
        return;
    buf_reset(&x->scratch);
    if (!fhir_reference_pack(&x->scratch, s, strlen(s), x->base_url) ||
        !reference_counts(&x->scratch, x->param->arg))
        return;
    if (++x->refs > INDEX_REFS_MAX)
        x->n = INDEX_VALUES_MAX; /* the next one is too many */
    emit(x, x->number, x->scratch.ptr, x->scratch.len);
}

static void emit_interval(struct extract *x, int64_t lo, int64_t hi)
{
    uint8_t bytes[16];
    fhir_put_i64(bytes, lo);
    fhir_put_i64(bytes + 8, hi);
    emit(x, x->number, bytes, sizeof(bytes));
}

/* A date, dateTime, instant or Period. */
static void add_date(struct extract *x, const json_t *v)
{
    int64_t lo = INT64_MIN, hi = INT64_MAX, unused;
    if (json_is_string(v)) {
        if (fhir_date_interval(json_string_value(v), json_string_length(v), &lo, &hi))
            emit_interval(x, lo, hi);
        return;
    }
    const char *start = string_of(v, "start", NULL), *end = string_of(v, "end", NULL);
    bool has_start = start && fhir_date_interval(start, strlen(start), &lo, &unused);
    bool has_end = end && fhir_date_interval(end, strlen(end), &unused, &hi);
    if (has_start || has_end)
        emit_interval(x, lo, hi);
}

static void add_quantity(struct extract *x, const json_t *v)
{
    const json_t *value = json_object_get(v, "value");
    uint8_t number[8];
    if (!json_is_number(value))
        return;
    fhir_put_double(number, json_number_value(value));
    buf_reset(&x->scratch);
    buf_add(&x->scratch, number, sizeof(number));
    static const char *const keys[] = {"unit", "system", "code"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const char *s = string_of(v, keys[i], "");
        fhir_index_add_part(&x->scratch, s, strlen(s));
        buf_addch(&x->scratch, '\0');
    }
    emit(x, x->number, x->scratch.ptr, x->scratch.len);
}

static void add_value(struct extract *x, const json_t *v)
{
    switch (x->param->kind) {
    case PARAM_TOKEN:
        add_token(x, v);
        break;
    case PARAM_STRING:
        emit_text(x, x->number, v);
        break;
    case PARAM_REFERENCE:
        add_reference(x, v);
        break;
    case PARAM_DATE:
        add_date(x, v);
        break;
    case PARAM_QUANTITY:
        add_quantity(x, v);
        break;
    case PARAM_ID:
        break;
    }
}

/* Follows one alternative of a path ("name.given|..."); the depth is that of the table's path. */
static void walk(struct extract *x, const json_t *v, const char *path)
{
    if (json_is_array(v)) {
        size_t i;
        const json_t *item;
        json_array_foreach ((json_t *)v, i, item)
            if (!json_is_array(item))
                walk(x, item, path);
        return;
    }
    size_t n = strcspn(path, ".|");
    if (n == 0) {
        add_value(x, v);
        return;
    }
    const json_t *next = json_object_getn(v, path, n);
    if (next)
        walk(x, next, path[n] == '.' ? path + n + 1 : "");
}

int fhir_index_values(struct buf *values, const struct fhir_resource_type *type,
                      const json_t *resource, const char *base_url, int64_t updated_us)
{
    struct extract x = {.values = values, .scratch = BUF_INIT, .base_url = base_url};
    for (size_t i = 0; i < type->n; i++) {
        x.param = &type->params[i];
        x.number = fhir_param_slot_number(type, PARAM_SLOT_OWN + (unsigned)i);
        x.refs = 0;
        for (const char *path = x.param->path; path; path = strchr(path, '|')) {
            path += *path == '|';
            walk(&x, resource, path);
        }
    }
    x.number = fhir_param_slot_number(type, PARAM_SLOT_LAST_UPDATED);
    emit_interval(&x, updated_us, updated_us + 1);
    int rc = buf_check(values);
    if (rc == 0)
        rc = buf_check(&x.scratch);
    if (rc == 0 && x.n > INDEX_VALUES_MAX)
        rc = err_set(GRASP_ELIMIT,
                     "more than %d values to index (or %d references of one parameter)",
                     INDEX_VALUES_MAX, INDEX_REFS_MAX);
    buf_release(&x.scratch);
    return rc;
}

/* ---- index keys out of packed values ---- */

/* From each start of a word; of a long text also from every INDEX_STRING_MAX / 2 bytes, so that
 * :contains finds what lies behind the cut. */
static int string_keys(const struct fhir_value_iter *it, struct buf *norm, index_key_fn fn,
                       void *arg)
{
    struct fhir_index_key key;
    int rc = 0, words = 0;
    buf_reset(norm);
    fhir_string_normalize(norm, (const char *)it->bytes, it->len);
    for (size_t at = fhir_string_next_word(norm->ptr, norm->len, SIZE_MAX);
         rc == 0 && at < norm->len && words < WORDS_MAX;
         at = fhir_string_next_word(norm->ptr, norm->len, at), words++) {
        size_t n = norm->len - at;
        fhir_index_key_start(&key, it->number);
        fhir_index_key_add(&key, norm->ptr + at, n < INDEX_STRING_MAX ? n : INDEX_STRING_MAX);
        rc = fn(&key, arg);
    }
    for (size_t at = INDEX_STRING_MAX / 2; rc == 0 && at + INDEX_STRING_MAX / 2 < norm->len;
         at += INDEX_STRING_MAX / 2) {
        size_t n = norm->len - at;
        fhir_index_key_start(&key, it->number);
        fhir_index_key_add(&key, norm->ptr + at, n < INDEX_STRING_MAX ? n : INDEX_STRING_MAX);
        rc = fn(&key, arg);
    }
    return rc;
}

static int date_keys(const struct fhir_value_iter *it, index_key_fn fn, void *arg)
{
    struct fhir_index_key key;
    fhir_index_key_start(&key, it->number);
    fhir_index_key_add(&key, "L", 1);
    fhir_index_key_add(&key, it->bytes, 16);
    int rc = fn(&key, arg);
    if (rc)
        return rc;
    fhir_index_key_start(&key, it->number);
    fhir_index_key_add(&key, "H", 1);
    fhir_index_key_add(&key, it->bytes + 8, 8);
    fhir_index_key_add(&key, it->bytes, 8);
    return fn(&key, arg);
}

/* Every subject with every code: "this patient's potassium" is one key to look up instead of two
 * long lists to intersect. */
static int subject_code_keys(const struct fhir_resource_type *type, const uint8_t *values,
                             size_t len, index_key_fn fn, void *arg)
{
    uint16_t subject, code;
    struct fhir_index_key key;
    int rc = 0;
    if (!fhir_param_find(type, "code", 4, &code) ||
        (!fhir_param_find(type, "subject", 7, &subject) &&
         !fhir_param_find(type, "patient", 7, &subject)))
        return 0;
    struct fhir_value_iter s = {.p = values, .end = values + len};
    while (rc == 0 && fhir_values_next_of(&s, subject)) {
        struct fhir_value_iter c = {.p = values, .end = values + len};
        while (rc == 0 && fhir_values_next_of(&c, code)) {
            fhir_index_key_start(&key, fhir_param_slot_number(type, PARAM_SLOT_SUBJECT_CODE));
            fhir_index_key_add(&key, s.bytes, s.len);
            fhir_index_key_add(&key, c.bytes, c.len);
            rc = fn(&key, arg);
        }
    }
    return rc;
}

int fhir_index_keys(const struct fhir_resource_type *type, const uint8_t *values, size_t len,
                    index_key_fn fn, void *arg)
{
    struct fhir_value_iter it = {.p = values, .end = values + len};
    struct buf norm = BUF_INIT;
    struct fhir_index_key key;
    fhir_index_key_start(&key, fhir_param_slot_number(type, PARAM_SLOT_TYPE));
    int rc = fn(&key, arg);
    while (rc == 0 && fhir_values_next(&it)) {
        unsigned slot = it.number & 31;
        enum fhir_param_kind kind = it.number & PARAM_TEXT_BIT ? PARAM_STRING
                                    : slot < PARAM_SLOT_OWN
                                        ? PARAM_DATE
                                        : type->params[slot - PARAM_SLOT_OWN].kind;
        if (kind == PARAM_STRING) {
            rc = string_keys(&it, &norm, fn, arg);
        } else if (kind == PARAM_DATE) {
            rc = date_keys(&it, fn, arg);
        } else {
            fhir_index_key_start(&key, it.number);
            fhir_index_key_add(&key, it.bytes, kind == PARAM_QUANTITY ? 8 : it.len);
            rc = fn(&key, arg);
        }
    }
    if (rc == 0)
        rc = subject_code_keys(type, values, len, fn, arg);
    if (rc == 0)
        rc = buf_check(&norm);
    buf_release(&norm);
    return rc;
}
