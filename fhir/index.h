/*
 * index.h - inside of libfhir: from a resource to what its searches look up.
 *
 * Two forms of the same facts. *Packed values* are kept with the resource: for each search
 * parameter the values it has, so that a candidate is checked, sorted and unindexed without parsing
 * its text. *Index keys* are kept in the index table, each leading to sequence numbers.
 *
 *   kind       packed value                    index key, after the parameter's two-byte number
 *   token      code 0 system 0                 the same
 *   reference  id 0 type 0                     the same (id: a whole URL when it is not ours)
 *   date       from, to (8 + 8)                'L' from to, and 'H' to from
 *   quantity,
 *     number   value (8) unit 0 system 0 code 0  value (8)
 *   uri        text 0                          the same
 *   string     text as written                 normalized text from each start of a word
 *   (derived)                                  id 0 type 0 code 0 system 0: subject with code
 *
 * Eight-byte numbers are big-endian with the sign flipped so that bytes compare as the numbers do.
 * Parts longer than INDEX_PART_MAX are cut and a hash takes the place of the rest.
 */
#ifndef GRASP_FHIR_INDEX_H
#define GRASP_FHIR_INDEX_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fhir/params.h"
#include "runtime/base/buf.h"

#define INDEX_PART_MAX   160   /* bytes of a code, system or id in a key */
#define INDEX_STRING_MAX 180   /* bytes of normalized text in a key */
#define INDEX_VALUES_MAX 16384 /* values of one resource */
#define INDEX_PAIRS_MAX  4096  /* subjects times codes of one resource */
#define INDEX_KEY_MAX    511   /* LMDB's */

/* Marks CodeableConcept.text where a token's system would stand: found by `code=TEXT`, not by
 * `code=|TEXT`. */
#define TOKEN_TEXT_SYSTEM "\x01"

/* Stands for the system of the parameter's plain codes, which is long and always the same. */
#define TOKEN_OWN_SYSTEM "\x02"

struct fhir_index_key {
    uint8_t bytes[INDEX_KEY_MAX + 1];
    size_t len;
};
void fhir_index_key_start(struct fhir_index_key *k, uint16_t number);
void fhir_index_key_add(struct fhir_index_key *k, const void *bytes, size_t len);

static inline void fhir_put_be64(uint8_t out[8], uint64_t x)
{
    x = __builtin_bswap64(x);
    memcpy(out, &x, 8);
}
static inline uint64_t fhir_get_be64(const uint8_t in[8])
{
    uint64_t x;
    memcpy(&x, in, 8);
    return __builtin_bswap64(x);
}
static inline void fhir_put_i64(uint8_t out[8], int64_t x)
{
    fhir_put_be64(out, (uint64_t)x ^ UINT64_C(1) << 63);
}
static inline int64_t fhir_get_i64(const uint8_t in[8])
{
    return (int64_t)(fhir_get_be64(in) ^ UINT64_C(1) << 63);
}
/* The same for doubles (no NaN). */
void fhir_put_double(uint8_t out[8], double d);
double fhir_get_double(const uint8_t in[8]);

/* Walks packed values. */
struct fhir_value_iter {
    const uint8_t *p, *end;
    uint16_t number;
    const uint8_t *bytes;
    size_t len;
};
bool fhir_values_next(struct fhir_value_iter *it);
/* Only those of these numbers, with these bits (PARAM_TEXT_BIT, PARAM_EXTRA_BIT, 0). */
bool fhir_values_next_of(struct fhir_value_iter *it, const uint16_t *numbers, size_t n,
                         uint16_t bits);

/* extract.c */

/* Appends the packed values of a resource. References to base_url become relative. GRASP_ELIMIT. */
int fhir_index_values(struct buf *values, const struct fhir_resource_type *type,
                      const json_t *resource, const char *base_url, int64_t updated_us);
/* The values of one parameter alone, found from `node` of the resource, under `number`. */
int fhir_param_values(struct buf *values, const struct fhir_search_param *param, uint16_t number,
                      const json_t *resource, const json_t *node, const char *base_url);

/* The parameters that make up the keys of subject with code; false: the type has no such keys. */
bool fhir_subject_code(const struct fhir_resource_type *type, uint16_t *subject, uint16_t *code);

/* Calls fn for each index key of packed values (a key may come twice); stops at a non-zero return
 * and hands it on. */
typedef int (*fhir_index_key_fn)(const struct fhir_index_key *key, void *arg);
int fhir_index_keys(const struct fhir_resource_type *type, const uint8_t *values, size_t len,
                    fhir_index_key_fn fn, void *arg);

/* Parts of a value, shared with the search side. */

/* Appends s, cut and hashed when it is too long for a key. */
void fhir_index_add_part(struct buf *out, const char *s, size_t len);
/* [*lo, *hi) in microseconds of the interval that a FHIR date, dateTime or instant stands for.
 * Without zone: UTC. A space before the offset is a plus that URL decoding took. */
bool fhir_date_interval(const char *s, size_t len, int64_t *lo, int64_t *hi);
/* "Type/id", an URL under base_url or anything else, as "id 0 type 0". False: nothing to index. */
bool fhir_reference_pack(struct buf *out, const char *s, size_t len, const char *base_url);
/* Lower case, accents off. */
void fhir_string_normalize(struct buf *out, const char *s, size_t len);
/* Offset of the next start of a word after `at` (SIZE_MAX: none); at == SIZE_MAX begins. */
size_t fhir_string_next_word(const char *norm, size_t len, size_t at);
/* 1-64 of A-Z a-z 0-9 - . */
bool fhir_id_valid(const char *id, size_t len);

#endif
