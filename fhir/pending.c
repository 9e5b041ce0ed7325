/*
 * pending.c - index entries of a bulk load, written in key order.
 *
 * An entry costs a page of the index, and a resource has twenty entries all over the key space: at
 * random, each would read, copy and dirty a page of its own. Sorted, neighbours share theirs. Most keys
 * come again and again (a status, a category, a patient), so they are kept once, with their sequence
 * numbers in a chain: there is little to sort, and what is new goes to the end of a key's list at once.
 */
#include "fhir/pending.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"

/* The pages of LMDB's map that a bulk write has read stay resident, which looks as if memory grew
 * with the store. Lets go of them; the system keeps them in its cache. LMDB does not tell where the
 * map is: it is the mapping that holds one of its values. */
void fhir_pending_trim(struct fhir_view *v)
{
    char line[512];
    MDB_val key = {6, (void *)"format"}, value;
    FILE *maps = fopen("/proc/self/maps", "re");
    bool found = maps && mdb_get(v->txn, v->store->meta, &key, &value) == 0;
    while (found && fgets(line, sizeof(line), maps)) {
        uintptr_t from, to, at = (uintptr_t)value.mv_data;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2 && from <= at && at < to) {
            if (strstr(line, "data.mdb")) /* a written page lies in private memory */
                madvise((void *)from, to - from, MADV_DONTNEED);
            break;
        }
    }
    if (maps)
        fclose(maps);
}

void fhir_pending_release(struct fhir_pending *p)
{
    buf_release(&p->keys);
    free(p->v);
    free(p->key);
    free(p->slots);
    free(p->seqs);
    *p = (struct fhir_pending){.keys = BUF_INIT};
}

void fhir_pending_clear(struct fhir_pending *p, const struct fhir_view *v)
{
    buf_reset(&p->keys);
    p->n = p->n_keys = 0;
    p->fresh = v->next_seq;
    if (p->slots)
        memset(p->slots, 0, p->n_slots * sizeof(*p->slots));
}

/* Twice as many, with room for as many keys as are. */
static int grow_slots(struct fhir_pending *p)
{
    size_t n = p->n_slots ? 2 * p->n_slots : 4096;
    uint32_t *slots = calloc(n, sizeof(*slots));
    if (!slots)
        return err_oom();
    for (size_t i = 0; i < p->n_keys; i++) {
        size_t at = p->key[i].hash & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(p->slots);
    p->slots = slots;
    p->n_slots = n;
    return 0;
}

static int find_key(struct fhir_pending *p, const struct fhir_index_key *key,
                    struct fhir_pending_key **out)
{
    uint8_t head[8] = {0};
    int rc = 2 * p->n_keys >= p->n_slots ? grow_slots(p) : 0;
    if (rc == 0)
        rc = grow(&p->key, &p->cap_keys, p->n_keys + 1);
    if (rc < 0)
        return rc;
    uint32_t hash = (uint32_t)XXH3_64bits(key->bytes, key->len);
    size_t at = hash & (p->n_slots - 1);
    for (; p->slots[at]; at = (at + 1) & (p->n_slots - 1)) {
        struct fhir_pending_key *k = *out = &p->key[p->slots[at] - 1];
        if (k->hash == hash && k->len == key->len &&
            memcmp(p->keys.ptr + k->at, key->bytes, k->len) == 0)
            return 0;
    }
    memcpy(head, key->bytes, key->len < 8 ? key->len : 8);
    *out = &p->key[p->n_keys++];
    **out = (struct fhir_pending_key){
        .head = fhir_get_be64(head), .at = p->keys.len, .len = (uint32_t)key->len, .hash = hash};
    p->slots[at] = (uint32_t)p->n_keys;
    buf_add(&p->keys, key->bytes, key->len);
    return buf_check(&p->keys);
}

int fhir_pending_add(struct fhir_pending *p, const struct fhir_index_key *key, uint64_t seq)
{
    struct fhir_pending_key *k;
    int rc = find_key(p, key, &k);
    if (rc == 0)
        rc = grow(&p->v, &p->cap, p->n + 1);
    if (rc < 0)
        return rc;
    p->v[p->n++] = (struct fhir_pending_entry){.seq = seq};
    if (k->n++)
        p->v[k->last - 1].next = (uint32_t)p->n;
    else
        k->first = (uint32_t)p->n;
    k->last = (uint32_t)p->n;
    return 0;
}

static int by_key(const void *a, const void *b, void *keys)
{
    const struct fhir_pending_key *x = a, *y = b;
    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    uint32_t n = x->len < y->len ? x->len : y->len;
    int c = memcmp((char *)keys + x->at, (char *)keys + y->at, n);
    return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

void fhir_pending_sort(struct fhir_pending *p)
{
    if (p->n_keys)
        qsort_r(p->key, p->n_keys, sizeof(*p->key), by_key, p->keys.ptr);
}

static int by_seq(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

const uint64_t *fhir_pending_seqs(struct fhir_pending *p, const struct fhir_pending_key *key,
                                  size_t *n)
{
    bool sorted = true;
    size_t k = 0;
    if (grow(&p->seqs, &p->cap_seqs, key->n) < 0)
        return NULL;
    for (uint32_t i = key->first; i; i = p->v[i - 1].next) {
        uint64_t seq = p->v[i - 1].seq;
        if (k && p->seqs[k - 1] == seq) /* a key that came twice */
            continue;
        sorted &= !k || p->seqs[k - 1] < seq;
        p->seqs[k++] = seq;
    }
    *n = k;
    if (sorted)
        return p->seqs;
    qsort(p->seqs, k, sizeof(*p->seqs), by_seq);
    *n = 1;
    for (size_t i = 1; i < k; i++)
        if (p->seqs[*n - 1] != p->seqs[i])
            p->seqs[(*n)++] = p->seqs[i];
    return p->seqs;
}

/* All of a key: in one call where they are later than any that it has, which also fills its pages. */
static int write_seqs(MDB_cursor *cur, MDB_val *k, const uint64_t *seqs, size_t n, bool fresh)
{
    MDB_val d[2] = {{sizeof(*seqs), (void *)seqs}, {n, NULL}};
    int rc = 0;
    if (fresh && n > 1)
        return mdb_cursor_put(cur, k, d, MDB_MULTIPLE | MDB_APPENDDUP);
    if (fresh)
        return mdb_cursor_put(cur, k, d, MDB_APPENDDUP);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        d[0].mv_data = (void *)&seqs[i];
        rc = mdb_cursor_put(cur, k, d, MDB_NODUPDATA);
        if (rc == MDB_KEYEXIST)
            rc = 0;
    }
    return rc;
}

int fhir_pending_flush(struct fhir_pending *p, struct fhir_view *v)
{
    MDB_cursor *cur = NULL;
    int rc = mdb_cursor_open(v->txn, v->store->idx, &cur);
    fhir_pending_sort(p);
    for (size_t i = 0; rc == 0 && i < p->n_keys; i++) {
        size_t n;
        MDB_val k = {p->key[i].len, p->keys.ptr + p->key[i].at};
        const uint64_t *seqs = fhir_pending_seqs(p, &p->key[i], &n);
        rc = seqs ? write_seqs(cur, &k, seqs, n, seqs[0] >= p->fresh) : ENOMEM;
        if (i % PENDING_TRIM_EVERY == PENDING_TRIM_EVERY - 1)
            fhir_pending_trim(v);
    }
    if (cur)
        mdb_cursor_close(cur);
    fhir_pending_clear(p, v);
    v->full |= rc == MDB_MAP_FULL;
    return fhir_store_error(rc, "writing the index");
}
