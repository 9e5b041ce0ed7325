/* pack.c - see pack.h. */
#include "skills/pack.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"

/* Where an object is in the pack, and the check of its bytes there. */
struct place {
    uint32_t at, crc;
};

static void add_u32(struct buf *b, uint32_t v)
{
    v = htobe32(v);
    buf_add(b, &v, sizeof(v));
}

/* Four bits of the length and its type, then seven bits a byte. */
static void add_head(struct buf *b, int type, size_t len)
{
    unsigned char c = (unsigned char)((type << 4) | (len & 15));
    for (len >>= 4; len; len >>= 7) {
        buf_addch(b, (char)(c | 0x80));
        c = len & 0x7f;
    }
    buf_addch(b, (char)c);
}

static int add_object(struct buf *pack, const struct pack_object *o, struct place *place)
{
    uLong room = compressBound(o->len);
    if (pack->len + room > INT32_MAX)
        return err_set(GRASP_ELIMIT, "a pack of objects would be longer than 2 GiB");
    place->at = (uint32_t)pack->len;
    add_head(pack, o->type, o->len);
    if (!buf_grow(pack, room + 1))
        return buf_check(pack);
    if (compress2((Bytef *)pack->ptr + pack->len, &room, o->bytes, o->len, Z_BEST_SPEED) != Z_OK)
        return err_oom();
    pack->len += room;
    pack->ptr[pack->len] = '\0';
    place->crc =
        (uint32_t)crc32(0, (const Bytef *)pack->ptr + place->at, (uInt)(pack->len - place->at));
    return 0;
}

/* Both files end with the hash of what is before it. */
static int add_hash(struct buf *b, uint8_t hash[HASH_GIT])
{
    if (b->failed || !hash_git("", 0, b->ptr, b->len, hash))
        return err_oom();
    buf_add(b, hash, HASH_GIT);
    return buf_check(b);
}

static int add_index(struct buf *b, const struct pack_object *v, const struct place *places,
                     size_t n, const uint8_t pack[HASH_GIT])
{
    uint8_t hash[HASH_GIT];
    buf_add(b, "\377tOc", 4);
    add_u32(b, 2);
    for (unsigned byte = 0, below = 0; byte < 256; byte++) {
        while (below < n && v[below].id[0] <= byte)
            below++;
        add_u32(b, below);
    }
    for (size_t i = 0; i < n; i++)
        buf_add(b, v[i].id, HASH_GIT);
    for (size_t i = 0; i < n; i++)
        add_u32(b, places[i].crc);
    for (size_t i = 0; i < n; i++)
        add_u32(b, places[i].at);
    buf_add(b, pack, HASH_GIT);
    return add_hash(b, hash);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct pack_object *)a)->id, ((const struct pack_object *)b)->id,
                  HASH_GIT);
}

int pack_make(struct pack_object *v, size_t n, struct buf *pack, struct buf *index,
              char name[2 * HASH_GIT + 1])
{
    struct place *places = calloc(n + 1, sizeof(*places));
    uint8_t hash[HASH_GIT] = {0};
    int rc = places ? 0 : err_oom();
    if (n)
        qsort(v, n, sizeof(*v), by_id);
    buf_adds(pack, "PACK");
    add_u32(pack, 2);
    add_u32(pack, (uint32_t)n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_object(pack, &v[i], &places[i]);
    if (rc == 0)
        rc = add_hash(pack, hash);
    if (rc == 0)
        rc = add_index(index, v, places, n, hash);
    for (size_t i = 0; rc == 0 && i < HASH_GIT; i++)
        snprintf(name + 2 * i, 3, "%02x", hash[i]);
    free(places);
    return rc;
}
