/* hash.c - SHA-256 over libcrypto. */
#include "runtime/base/hash.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct hash {
    EVP_MD_CTX *ctx, *scratch;
};

static EVP_MD *sha256; /* fetched once: an implicit fetch on each use costs more than the hash */

struct hash *hash_new(void)
{
    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    struct hash *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->ctx = EVP_MD_CTX_new();
    h->scratch = EVP_MD_CTX_new();
    if (!sha256 || !h->ctx || !h->scratch || !EVP_DigestInit_ex(h->ctx, sha256, NULL)) {
        hash_free(h);
        return NULL;
    }
    return h;
}

void hash_free(struct hash *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    EVP_MD_CTX_free(h->scratch);
    free(h);
}

void hash_restart(struct hash *h)
{
    EVP_DigestInit_ex(h->ctx, sha256, NULL);
}

void hash_add(struct hash *h, const void *bytes, size_t len)
{
    EVP_DigestUpdate(h->ctx, bytes, len);
}

void hash_add_part(struct hash *h, const void *bytes, size_t len)
{
    uint8_t head[8];
    for (int i = 0; i < 8; i++)
        head[i] = (uint8_t)((uint64_t)len >> (8 * i));
    hash_add(h, head, sizeof(head));
    hash_add(h, bytes, len);
}

void hash_peek(const struct hash *h, uint8_t out[HASH_SIZE])
{
    unsigned int n;
    EVP_MD_CTX_copy_ex(h->scratch, h->ctx);
    EVP_DigestFinal_ex(h->scratch, out, &n);
}

void hash_copy(struct hash *dst, const struct hash *src)
{
    EVP_MD_CTX_copy_ex(dst->ctx, src->ctx);
}

void hash_once(const void *bytes, size_t len, uint8_t out[HASH_SIZE])
{
    unsigned int n;
    EVP_Digest(bytes, len, out, &n, sha256 ? sha256 : EVP_sha256(), NULL);
}

bool hash_git(const void *head, size_t head_len, const void *bytes, size_t len,
              uint8_t out[HASH_GIT])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
                EVP_DigestUpdate(ctx, head, head_len) == 1 &&
                EVP_DigestUpdate(ctx, bytes, len) == 1 && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

void hash_hex(const uint8_t digest[HASH_SIZE], char out[HASH_HEX])
{
    for (int i = 0; i < HASH_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
