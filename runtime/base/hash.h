/* hash.h - SHA-256 (FIPS 180-4) over libcrypto, incremental and copyable: the hash of a
 * conversation grows with it, so that a later turn only pays for its new bytes. */
#ifndef GRASP_RUNTIME_BASE_HASH_H
#define GRASP_RUNTIME_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE 32
#define HASH_HEX  65 /* with the terminator */

struct hash;
struct hash *hash_new(void); /* NULL when out of memory */
void hash_free(struct hash *h);
void hash_restart(struct hash *h);
void hash_add(struct hash *h, const void *bytes, size_t len);
/* Adds the length as 8 little-endian bytes, then the bytes: no two lists of parts hash alike. */
void hash_add_part(struct hash *h, const void *bytes, size_t len);
/* The digest so far; h can go on growing. */
void hash_peek(const struct hash *h, uint8_t out[HASH_SIZE]);
/* dst becomes a copy of src. */
void hash_copy(struct hash *dst, const struct hash *src);
void hash_once(const void *bytes, size_t len, uint8_t out[HASH_SIZE]);
/* SHA-1 of two parts, one after the other: what git names its objects by. False: out of memory. */
enum { HASH_GIT = 20 };
bool hash_git(const void *head, size_t head_len, const void *bytes, size_t len,
              uint8_t out[HASH_GIT]);
void hash_hex(const uint8_t digest[HASH_SIZE], char out[HASH_HEX]);

#endif
