/*
 * pending.c - index entries of a bulk load, written in key order.
 *
 * An entry costs a page of the index, and a resource has twenty entries all over the key space: at
 * random, each would read, copy and dirty a page of its own. Sorted, neighbours share theirs.
 */
#include "fhir/pending.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/err.h"

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
    *p = (struct fhir_pending){.keys = BUF_INIT};
}

void fhir_pending_clear(struct fhir_pending *p)
{
    buf_reset(&p->keys);
    p->n = 0;
}

int fhir_pending_add(struct fhir_pending *p, const struct fhir_index_key *key, uint64_t seq)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 4096;
        struct fhir_pending_entry *v = realloc(p->v, cap * sizeof(*v));
        if (!v)
            return err_oom();
        p->v = v;
        p->cap = cap;
    }
    uint8_t head[8] = {0};
    memcpy(head, key->bytes, key->len < 8 ? key->len : 8);
    p->v[p->n++] = (struct fhir_pending_entry){
        .at = p->keys.len, .seq = seq, .len = (uint32_t)key->len, .head = fhir_get_be64(head)};
    buf_add(&p->keys, key->bytes, key->len);
    return buf_check(&p->keys);
}

static int by_key(const void *a, const void *b, void *keys)
{
    const struct fhir_pending_entry *x = a, *y = b;
    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    uint32_t n = x->len < y->len ? x->len : y->len;
    int c = memcmp((char *)keys + x->at, (char *)keys + y->at, n);
    if (c != 0)
        return c;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void fhir_pending_sort(struct fhir_pending *p)
{
    if (p->n)
        qsort_r(p->v, p->n, sizeof(*p->v), by_key, p->keys.ptr);
}

int fhir_pending_flush(struct fhir_pending *p, struct fhir_view *v)
{
    MDB_cursor *cur = NULL;
    int rc = mdb_cursor_open(v->txn, v->store->idx, &cur);
    fhir_pending_sort(p);
    for (size_t i = 0; rc == 0 && i < p->n; i++) {
        MDB_val k = {p->v[i].len, p->keys.ptr + p->v[i].at};
        MDB_val d = {sizeof(p->v[i].seq), &p->v[i].seq};
        rc = mdb_cursor_put(cur, &k, &d, MDB_NODUPDATA);
        if (rc == MDB_KEYEXIST)
            rc = 0;
        if (i % PENDING_TRIM_EVERY == PENDING_TRIM_EVERY - 1)
            fhir_pending_trim(v);
    }
    if (cur)
        mdb_cursor_close(cur);
    fhir_pending_clear(p);
    v->full |= rc == MDB_MAP_FULL;
    return fhir_store_error(rc, "writing the index");
}
