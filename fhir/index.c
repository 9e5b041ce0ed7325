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

#define WORDS_MAX 64 /* starts of words that are indexed */

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

bool fhir_values_next_of(struct fhir_value_iter *it, const uint16_t *numbers, size_t n,
                         uint16_t bits)
{
    while (fhir_values_next(it))
        for (size_t i = 0; i < n; i++)
            if (it->number == (numbers[i] | bits))
                return true;
    return false;
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

/* ---- index keys out of packed values ---- */

/* From each start of a word; of a long text also from every INDEX_STRING_MAX / 2 bytes, so that
 * :contains finds what lies behind the cut. */
static int string_keys(const struct fhir_value_iter *it, struct buf *norm, fhir_index_key_fn fn,
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

static int date_keys(const struct fhir_value_iter *it, fhir_index_key_fn fn, void *arg)
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

bool fhir_subject_code(const struct fhir_resource_type *type, uint16_t *subject, uint16_t *code)
{
    struct fhir_param_ref s, c;
    if (!fhir_param_find(type, "code", 4, &c) || c.param->kind != PARAM_TOKEN || c.n != 1 ||
        (!fhir_param_find(type, "subject", 7, &s) && !fhir_param_find(type, "patient", 7, &s)) ||
        s.param->kind != PARAM_REFERENCE || s.n != 1)
        return false;
    *subject = s.numbers[0];
    *code = c.numbers[0];
    return true;
}

/* Every subject with every code: "this patient's potassium" is one key to look up instead of two
 * long lists to intersect. */
static int subject_code_keys(const struct fhir_resource_type *type, const uint8_t *values,
                             size_t len, fhir_index_key_fn fn, void *arg)
{
    uint16_t subject, code;
    struct fhir_index_key key;
    int rc = 0;
    if (!fhir_subject_code(type, &subject, &code))
        return 0;
    struct fhir_value_iter s = {.p = values, .end = values + len};
    while (rc == 0 && fhir_values_next_of(&s, &subject, 1, 0)) {
        struct fhir_value_iter c = {.p = values, .end = values + len};
        while (rc == 0 && fhir_values_next_of(&c, &code, 1, 0)) {
            fhir_index_key_start(&key, fhir_param_slot_number(type, PARAM_SLOT_SUBJECT_CODE));
            fhir_index_key_add(&key, s.bytes, s.len);
            fhir_index_key_add(&key, c.bytes, c.len);
            rc = fn(&key, arg);
        }
    }
    return rc;
}

static enum fhir_param_kind kind_of(const struct fhir_resource_type *type, uint16_t number)
{
    const struct fhir_search_param *p =
        fhir_param_at(type, number & ~(PARAM_TEXT_BIT | PARAM_EXTRA_BIT));
    return number & PARAM_TEXT_BIT    ? PARAM_STRING
           : number & PARAM_EXTRA_BIT ? PARAM_TOKEN
           : p                        ? p->kind
                                      : PARAM_TOKEN;
}

int fhir_index_keys(const struct fhir_resource_type *type, const uint8_t *values, size_t len,
                    fhir_index_key_fn fn, void *arg)
{
    struct fhir_value_iter it = {.p = values, .end = values + len};
    struct buf norm = BUF_INIT;
    struct fhir_index_key key;
    fhir_index_key_start(&key, fhir_param_slot_number(type, PARAM_SLOT_TYPE));
    int rc = fn(&key, arg);
    while (rc == 0 && fhir_values_next(&it)) {
        enum fhir_param_kind kind = kind_of(type, it.number);
        if (kind == PARAM_STRING) {
            rc = string_keys(&it, &norm, fn, arg);
        } else if (kind == PARAM_DATE) {
            rc = date_keys(&it, fn, arg);
        } else if (it.len > 0) { /* nothing: it is there, and that is all */
            fhir_index_key_start(&key, it.number);
            fhir_index_key_add(&key, it.bytes,
                               kind == PARAM_QUANTITY || kind == PARAM_NUMBER ? 8 : it.len);
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
