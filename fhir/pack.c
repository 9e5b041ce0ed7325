/* pack.c - dictionaries of resource types, and records packed with them. */
#include "fhir/pack.h"

#include <endian.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zdict.h>
#include <zlib.h>
#include <zstd.h>

#include "runtime/base/err.h"

#define DICTIONARIES    255 /* a record has a byte for the number */
#define DICTIONARY_MAX  ((size_t)32 << 10)
#define DICTIONARY_PART 32  /* of what it is made of */
#define SAMPLES_MIN     100 /* resources of a type */
#define SAMPLES_MAX     1000
#define SAMPLE_BYTES    ((size_t)4 << 10) /* of one: the rest is much of the same */
#define LEVEL           1
#define PACK_MIN        64 /* bytes: less is not worth a frame */
#define SPARE           8
#define CHUNK           ((size_t)64 << 10) /* of unpacked records; each is twice the one before */
#define CHUNKS          24
#define CHUNKS_KEPT     4 /* by a packer that waits */

struct dictionary {
    ZSTD_DDict *in;
    ZSTD_CDict *out; /* made by the first writer */
    const struct fhir_resource_type *type;
    size_t len;
    char bytes[];
};

struct fhir_packs {
    _Atomic(struct dictionary *) v[DICTIONARIES + 1]; /* by number */
    _Atomic(struct fhir_packer *) spare[SPARE];
    /* the writer's */
    unsigned n;       /* as many are in the store */
    uint8_t *of_type; /* which is a type's; 0: none */
};

struct fhir_packer {
    ZSTD_DCtx *in;
    ZSTD_CCtx *out;
    struct buf both, room;
    struct {
        char *bytes;
        size_t size;
    } chunk[CHUNKS];
    size_t at, used; /* in chunk[at] */
    unsigned n_new;  /* dictionaries of this write */
    struct dictionary *new[DICTIONARIES];
};

static struct fhir_packs *packs_of(const struct fhir_view *v)
{
    return v->store->packs;
}

static void dictionary_free(struct dictionary *d)
{
    if (!d)
        return;
    ZSTD_freeDDict(d->in);
    ZSTD_freeCDict(d->out);
    free(d);
}

static void packer_free(struct fhir_packer *p)
{
    if (!p)
        return;
    ZSTD_freeDCtx(p->in);
    ZSTD_freeCCtx(p->out);
    buf_release(&p->both);
    buf_release(&p->room);
    for (size_t i = 0; i < CHUNKS; i++)
        free(p->chunk[i].bytes);
    free(p);
}

struct fhir_packs *fhir_packs_new(void)
{
    struct fhir_packs *p = calloc(1, sizeof(*p));
    if (p && !(p->of_type = calloc(fhir_resource_type_count, 1))) {
        free(p);
        return NULL;
    }
    return p;
}

void fhir_packs_free(struct fhir_packs *p)
{
    if (!p)
        return;
    for (size_t i = 0; i <= DICTIONARIES; i++)
        dictionary_free(atomic_load(&p->v[i]));
    for (size_t i = 0; i < SPARE; i++)
        packer_free(atomic_load(&p->spare[i]));
    free(p->of_type);
    free(p);
}

int fhir_packer_take(struct fhir_view *v)
{
    struct fhir_packs *packs = packs_of(v);
    if (!packs)
        return 0;
    for (size_t i = 0; i < SPARE && !v->packer; i++)
        v->packer = atomic_exchange(&packs->spare[i], NULL);
    if (v->packer)
        return 0;
    if (!(v->packer = calloc(1, sizeof(*v->packer))))
        return err_oom();
    buf_init(&v->packer->both);
    buf_init(&v->packer->room);
    return 0;
}

void fhir_packer_give(struct fhir_view *v)
{
    struct fhir_packer *p = v->packer;
    v->packer = NULL;
    if (!p)
        return;
    p->at = p->used = 0;
    for (size_t i = CHUNKS_KEPT; i < CHUNKS; i++) {
        free(p->chunk[i].bytes);
        p->chunk[i].bytes = NULL;
        p->chunk[i].size = 0;
    }
    for (size_t i = 0; i < SPARE; i++) {
        struct fhir_packer *none = NULL;
        if (atomic_compare_exchange_strong(&packs_of(v)->spare[i], &none, p))
            return;
    }
    packer_free(p);
}

/* ---- what is unpacked ---- */

struct fhir_mark fhir_view_mark(const struct fhir_view *v)
{
    return v->packer ? (struct fhir_mark){v->packer->at, v->packer->used} : (struct fhir_mark){0};
}

void fhir_view_cut(struct fhir_view *v, struct fhir_mark mark)
{
    if (!v->packer)
        return;
    v->packer->at = mark.chunk;
    v->packer->used = mark.used;
}

static char *room_for(struct fhir_packer *p, size_t len)
{
    while (p->chunk[p->at].size - p->used < len) {
        size_t i = p->used ? p->at + 1 : p->at, size = CHUNK << i;
        if (i == CHUNKS)
            return NULL;
        if (p->chunk[i].size < len) { /* nothing is in it yet */
            size = size < len ? len : size;
            free(p->chunk[i].bytes);
            p->chunk[i].bytes = malloc(size);
            p->chunk[i].size = p->chunk[i].bytes ? size : 0;
            if (!p->chunk[i].bytes)
                return NULL;
        }
        p->at = i;
        p->used = 0;
    }
    char *at = p->chunk[p->at].bytes + p->used;
    p->used += len;
    return at;
}

/* ---- dictionaries ---- */

static size_t dictionary_key(char out[16], unsigned number)
{
    return (size_t)snprintf(out, 16, "dict %u", number);
}

static int dictionary_new(struct dictionary **out, const struct fhir_resource_type *type,
                          const void *bytes, size_t len)
{
    struct dictionary *d = malloc(sizeof(*d) + len);
    *out = d;
    if (!d)
        return err_oom();
    *d = (struct dictionary){.type = type, .len = len};
    memcpy(d->bytes, bytes, len);
    if ((d->in = ZSTD_createDDict(d->bytes, len)))
        return 0;
    dictionary_free(d);
    *out = NULL;
    return err_set(GRASP_EIO, "FHIR store: a damaged dictionary");
}

/* The one in the store; *out NULL: it is not there. */
static int dictionary_read(struct fhir_view *v, unsigned number, struct dictionary **out)
{
    char key[16];
    MDB_val k = {dictionary_key(key, number), key}, got;
    uint32_t sum;
    *out = NULL;
    int rc = mdb_get(v->txn, v->store->meta, &k, &got);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return rc;
    const char *p = got.mv_data, *end = p + got.mv_size;
    const char *nul =
        got.mv_size > sizeof(sum) ? memchr(p + sizeof(sum), 0, got.mv_size - sizeof(sum)) : NULL;
    const struct fhir_resource_type *type = NULL;
    if (nul) {
        memcpy(&sum, p, sizeof(sum));
        p += sizeof(sum);
        if (le32toh(sum) == crc32_z(0, (const Bytef *)p, (size_t)(end - p)))
            type = fhir_resource_type_find(p, (size_t)(nul - p));
    }
    if (!type)
        return err_set(GRASP_EIO,
                       "FHIR store: a damaged dictionary; load it anew, or put back a copy");
    return dictionary_new(out, type, nul + 1, (size_t)(end - nul - 1));
}

static int dictionary_write(struct fhir_view *v, unsigned number, const struct dictionary *d)
{
    char key[16];
    size_t name = strlen(d->type->name) + 1;
    uint32_t sum = htole32((uint32_t)crc32_z(crc32_z(0, (const Bytef *)d->type->name, name),
                                             (const Bytef *)d->bytes, d->len));
    MDB_val k = {dictionary_key(key, number), key}, val = {sizeof(sum) + name + d->len, NULL};
    int rc = mdb_put(v->txn, v->store->meta, &k, &val, MDB_RESERVE);
    v->full |= rc == MDB_MAP_FULL;
    if (rc != 0)
        return rc;
    char *p = mempcpy(val.mv_data, &sum, sizeof(sum));
    memcpy(mempcpy(p, d->type->name, name), d->bytes, d->len);
    return 0;
}

/* For a reader of records; those of a write that goes on are the writer's alone. */
static int dictionary_find(struct fhir_view *v, unsigned number, struct dictionary **out)
{
    struct fhir_packs *packs = packs_of(v);
    struct dictionary *none = NULL;
    int rc;
    if (v->packer->n_new && number > packs->n && number <= packs->n + v->packer->n_new) {
        *out = v->packer->new[number - packs->n - 1];
        return 0;
    }
    if ((*out = atomic_load_explicit(&packs->v[number], memory_order_acquire)))
        return 0;
    if ((rc = dictionary_read(v, number, out)) != 0)
        return rc;
    if (*out && !atomic_compare_exchange_strong(&packs->v[number], &none, *out)) {
        dictionary_free(*out); /* another reader was faster */
        *out = none;
    }
    return 0;
}

int fhir_packs_begin(struct fhir_view *v)
{
    struct fhir_packs *packs = packs_of(v);
    struct dictionary *d;
    int rc = 0;
    if (!packs)
        return 0;
    /* others may have added some */
    while (packs->n < DICTIONARIES && (rc = dictionary_find(v, packs->n + 1, &d)) == 0 && d)
        packs->of_type[d->type - fhir_resource_types] = (uint8_t)++packs->n;
    return rc;
}

void fhir_packs_end(struct fhir_view *v, bool committed)
{
    struct fhir_packs *packs = packs_of(v);
    for (unsigned i = 0; packs && i < v->packer->n_new; i++) {
        struct dictionary *d = v->packer->new[i], *none = NULL;
        if (!committed)
            packs->of_type[d->type - fhir_resource_types] = 0;
        if (!committed || !atomic_compare_exchange_strong(&packs->v[++packs->n], &none, d))
            dictionary_free(d); /* undone, or a reader was faster */
    }
    if (packs)
        v->packer->n_new = 0;
}

/* ---- training ---- */

/* Values and text of resources evenly from all of them, one after the other. */
static int gather_samples(const struct fhir_prepared *p, size_t n,
                          const struct fhir_resource_type *type, size_t of_type, struct buf *bytes,
                          size_t *sizes)
{
    size_t every = of_type / SAMPLES_MAX + 1, seen = 0, k = 0;
    for (size_t i = 0; i < n && k < SAMPLES_MAX; i++) {
        if (p[i].type != type || seen++ % every)
            continue;
        size_t room = p[i].values.len < SAMPLE_BYTES ? SAMPLE_BYTES - p[i].values.len : 0;
        size_t text = p[i].text_len < room ? p[i].text_len : room;
        size_t values = p[i].values.len < SAMPLE_BYTES ? p[i].values.len : SAMPLE_BYTES;
        buf_add(bytes, p[i].values.ptr, values);
        buf_add(bytes, p[i].text, text);
        sizes[k++] = values + text;
    }
    return (int)k;
}

static int train(struct fhir_view *v, const struct fhir_prepared *p, size_t n,
                 const struct fhir_resource_type *type, size_t of_type)
{
    struct fhir_packs *packs = packs_of(v);
    struct fhir_packer *packer = v->packer;
    struct buf bytes = BUF_INIT;
    size_t sizes[SAMPLES_MAX];
    unsigned k = (unsigned)gather_samples(p, n, type, of_type, &bytes, sizes);
    size_t cap =
        bytes.len / DICTIONARY_PART < DICTIONARY_MAX ? bytes.len / DICTIONARY_PART : DICTIONARY_MAX;
    char *out = malloc(cap + 1);
    int rc = out ? buf_check(&bytes) : err_oom();
    size_t len = rc == 0 ? ZDICT_trainFromBuffer(out, cap, bytes.ptr, sizes, k) : 0;
    /* too little, or nothing that they share: then they stay plain */
    if (rc == 0 && !ZDICT_isError(len)) {
        struct dictionary *d;
        rc = dictionary_new(&d, type, out, len);
        if (rc == 0 && (rc = dictionary_write(v, packs->n + packer->n_new + 1, d)) != 0) {
            dictionary_free(d);
        } else if (rc == 0) {
            packer->new[packer->n_new++] = d;
            packs->of_type[type - fhir_resource_types] = (uint8_t)(packs->n + packer->n_new);
        }
    }
    free(out);
    buf_release(&bytes);
    return rc;
}

int fhir_packs_train(struct fhir_view *v, const struct fhir_prepared *prepared, size_t n)
{
    struct fhir_packs *packs = packs_of(v);
    if (!packs || n < SAMPLES_MIN)
        return 0;
    size_t *count = calloc(fhir_resource_type_count, sizeof(*count));
    int rc = count ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++)
        count[prepared[i].type - fhir_resource_types]++;
    for (size_t i = 0; rc == 0 && i < fhir_resource_type_count; i++)
        if (count[i] >= SAMPLES_MIN && !packs->of_type[i] &&
            packs->n + v->packer->n_new < DICTIONARIES)
            rc = train(v, prepared, n, &fhir_resource_types[i], count[i]);
    free(count);
    return rc;
}

/* ---- records ---- */

struct buf *fhir_pack_room(struct fhir_view *v)
{
    buf_reset(&v->packer->room);
    return &v->packer->room;
}

static int writer_of(struct fhir_view *v, struct dictionary *d)
{
    struct fhir_packer *p = v->packer;
    if (!d->out)
        d->out = ZSTD_createCDict(d->bytes, d->len, LEVEL);
    if (!p->out && (p->out = ZSTD_createCCtx())) {
        ZSTD_CCtx_setParameter(p->out, ZSTD_c_dictIDFlag, 0); /* the record has the number */
        ZSTD_CCtx_setParameter(p->out, ZSTD_c_checksumFlag, 0);
    }
    return d->out && p->out ? 0 : err_oom();
}

int fhir_pack(struct fhir_view *v, const struct fhir_record *r, struct buf *out,
              uint8_t *dictionary)
{
    struct fhir_packs *packs = packs_of(v);
    const struct fhir_resource_type *type = NULL;
    struct dictionary *d = NULL;
    struct buf *both = &v->packer->both;
    size_t len = r->values_len + r->text_len, bound = ZSTD_compressBound(len);
    int rc;
    *dictionary = 0;
    if (len < PACK_MIN || !(type = fhir_resource_type_find(r->type, strlen(r->type))))
        return 0;
    unsigned number = packs->of_type[type - fhir_resource_types];
    if (!number || (rc = dictionary_find(v, number, &d)) != 0 || !d)
        return number ? rc : 0;
    if ((rc = writer_of(v, d)) < 0)
        return rc;
    buf_reset(both);
    buf_add(both, r->values, r->values_len);
    buf_add(both, r->text, r->text_len);
    buf_grow(out, bound);
    if (both->failed || out->failed)
        return err_oom();
    ZSTD_CCtx_refCDict(v->packer->out, d->out);
    size_t n = ZSTD_compress2(v->packer->out, out->ptr + out->len, bound, both->ptr, both->len);
    if (ZSTD_isError(n) || n >= len)
        return 0;
    out->len += n;
    *dictionary = (uint8_t)number;
    return 0;
}

static int damaged(void)
{
    return err_set(GRASP_EIO, "FHIR store: a damaged record; load it anew, or put back a copy");
}

int fhir_unpack(struct fhir_view *v, uint8_t number, const void *frame, size_t len,
                struct fhir_record *r)
{
    struct fhir_packer *p = v->packer;
    struct dictionary *d;
    int rc;
    unsigned long long size = ZSTD_getFrameContentSize(frame, len);
    if (!p || size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
        size < r->values_len || size - r->values_len > FHIR_TEXT_MAX)
        return damaged();
    if ((rc = dictionary_find(v, number, &d)) != 0)
        return rc;
    if (!d)
        return damaged();
    if (!p->in)
        p->in = ZSTD_createDCtx();
    char *room = p->in ? room_for(p, (size_t)size) : NULL;
    if (!room)
        return err_oom();
    if (ZSTD_decompress_usingDDict(p->in, room, (size_t)size, frame, len, d->in) != size)
        return damaged();
    r->values = (const uint8_t *)room;
    r->text = room + r->values_len;
    r->text_len = (size_t)size - r->values_len;
    return 0;
}
