/* batch.c - loading many resources: checked one by one, committed by the thousand. */
#include "fhir/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fhir/index.h"
#include "fhir/pending.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define BATCH_RESOURCES 16384
#define BATCH_BYTES     (32u << 20)
#define TRIM_EVERY      4096 /* puts between two rounds of letting go of resident pages */

/* Two gatherings: one fills while the other is written by a thread. */
struct gathering {
    struct prepared *v;
    size_t n, bytes;
};

struct fhir_batch {
    struct fhir_store *store;
    struct gathering both[2];
    struct gathering *filling, *writing;
    pthread_t writer;
    bool writer_runs;
    int rc; /* the writer's, with its message */
    char why[512];
    uint64_t committed;
    struct pending pending;
};

/* ---- one resource ---- */

static int read_meta(struct prepared *p, const json_t *tree)
{
    const json_t *meta = json_object_get(tree, "meta");
    const char *version = json_string_value(json_object_get(meta, "versionId"));
    const char *updated = json_string_value(json_object_get(meta, "lastUpdated"));
    int64_t number, lo, hi;
    p->version = 0;
    if (version && str_to_i64(version, 1, UINT32_MAX, &number))
        p->version = (uint32_t)number;
    p->updated_given = updated && date_interval(updated, strlen(updated), &lo, &hi);
    if (p->updated_given)
        p->updated_us = lo;
    else
        p->updated_us = clock_stamp() / 1000;
    return 0;
}

static int read_identity(struct prepared *p, const json_t *tree)
{
    const json_t *type = json_object_get(tree, "resourceType"), *id = json_object_get(tree, "id");
    if (!json_is_object(tree))
        return err_set(GRASP_EINVAL, "not a JSON object");
    if (!json_is_string(type))
        return err_set(GRASP_EINVAL, "no resourceType");
    p->type = resource_type_find(json_string_value(type), json_string_length(type));
    if (!p->type)
        return err_set(GRASP_EINVAL, "resourceType '%.64s' is no resource type of FHIR R4",
                       json_string_value(type));
    if (!json_is_string(id))
        return err_set(GRASP_EINVAL, "%s without id", p->type->name);
    if (!id_valid(json_string_value(id), json_string_length(id)))
        return err_set(GRASP_EINVAL,
                       "%s id '%.80s' is not 1 to 64 characters of A-Z a-z 0-9 '-' '.'",
                       p->type->name, json_string_value(id));
    memcpy(p->id, json_string_value(id), json_string_length(id) + 1);
    return 0;
}

int prepared_init(struct prepared *p, struct fhir_store *store, const char *text, size_t len,
                  const json_t *tree)
{
    json_t *own = NULL;
    json_error_t error;
    int rc;
    *p = (struct prepared){.values = BUF_INIT};
    while (len > 0 && ascii_isspace(text[len - 1]))
        len--;
    while (len > 0 && ascii_isspace(*text))
        text++, len--;
    if (len > FHIR_TEXT_MAX)
        return err_set(GRASP_ELIMIT, "a resource of more than %u bytes", FHIR_TEXT_MAX);
    if (!tree) {
        tree = own = json_loadb(text, len, JSON_ALLOW_NUL, &error);
        if (!tree)
            return err_set(GRASP_EPARSE, "line %d column %d: %s", error.line, error.column,
                           error.text);
    }
    if ((rc = read_identity(p, tree)) < 0 || (rc = read_meta(p, tree)) < 0 ||
        (rc = index_values(&p->values, p->type, tree, store->base_url, p->updated_us)) < 0)
        goto out;
    p->text = str_ndup(text, len);
    p->text_len = len;
    if (!p->text)
        rc = err_set(GRASP_ENOMEM, "out of memory");
out:
    json_decref(own);
    if (rc < 0)
        prepared_release(p);
    return rc;
}

void prepared_release(struct prepared *p)
{
    free(p->text);
    p->text = NULL;
    buf_release(&p->values);
}

/* ---- index entries in key order ---- */

/* The pages of LMDB's map that a bulk write has read stay resident, which looks as if memory grew
 * with the store. Lets go of them; the system keeps them in its cache. LMDB does not tell where the
 * map is: it is the mapping that holds one of its values. */
static void trim_map(struct view *v)
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

void pending_release(struct pending *p)
{
    buf_release(&p->keys);
    free(p->v);
    *p = (struct pending){.keys = BUF_INIT};
}

void pending_clear(struct pending *p)
{
    buf_reset(&p->keys);
    p->n = 0;
}

int pending_add(struct pending *p, const struct index_key *key, uint64_t seq)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 4096;
        struct pending_entry *v = realloc(p->v, cap * sizeof(*v));
        if (!v)
            return err_set(GRASP_ENOMEM, "out of memory");
        p->v = v;
        p->cap = cap;
    }
    uint8_t head[8] = {0};
    memcpy(head, key->bytes, key->len < 8 ? key->len : 8);
    p->v[p->n++] = (struct pending_entry){
        .at = p->keys.len, .seq = seq, .len = (uint32_t)key->len, .head = get_be64(head)};
    buf_add(&p->keys, key->bytes, key->len);
    return buf_check(&p->keys);
}

static int by_key(const void *a, const void *b, void *keys)
{
    const struct pending_entry *x = a, *y = b;
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

int pending_flush(struct pending *p, struct view *v)
{
    MDB_cursor *cur = NULL;
    int rc = mdb_cursor_open(v->txn, v->store->idx, &cur);
    if (p->n)
        qsort_r(p->v, p->n, sizeof(*p->v), by_key, p->keys.ptr);
    for (size_t i = 0; rc == 0 && i < p->n; i++) {
        MDB_val k = {p->v[i].len, p->keys.ptr + p->v[i].at};
        MDB_val d = {sizeof(p->v[i].seq), &p->v[i].seq};
        rc = mdb_cursor_put(cur, &k, &d, MDB_NODUPDATA);
        if (rc == MDB_KEYEXIST)
            rc = 0;
        if (i % TRIM_EVERY == TRIM_EVERY - 1)
            trim_map(v);
    }
    if (cur)
        mdb_cursor_close(cur);
    pending_clear(p);
    v->full |= rc == MDB_MAP_FULL;
    return store_error(rc, "writing the index");
}

/* ---- the batch ---- */

static int write_gathering(struct view *v, void *arg)
{
    struct fhir_batch *b = arg;
    struct gathering *g = b->writing;
    int rc = 0;
    pending_clear(&b->pending);
    v->pending = &b->pending;
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        rc = view_put(v, &g->v[i], 0, g->v[i].updated_us);
        if (i % TRIM_EVERY == TRIM_EVERY - 1)
            trim_map(v);
    }
    if (rc == 0)
        rc = pending_flush(&b->pending, v);
    v->pending = NULL;
    return rc;
}

static void gathering_clear(struct gathering *g)
{
    for (size_t i = 0; i < g->n; i++)
        prepared_release(&g->v[i]);
    g->n = g->bytes = 0;
}

static void *write_thread(void *arg)
{
    struct fhir_batch *b = arg;
    b->rc = store_write(b->store, NULL, write_gathering, b);
    if (b->rc < 0)
        snprintf(b->why, sizeof(b->why), "%s", err_msg());
    else
        b->committed += b->writing->n;
    gathering_clear(b->writing);
    return NULL;
}

/* Waits for the writer. */
static int batch_wait(struct fhir_batch *b)
{
    if (b->writer_runs)
        pthread_join(b->writer, NULL);
    b->writer_runs = false;
    return b->rc < 0 ? err_set(b->rc, "%s", b->why) : 0;
}

/* Hands what was gathered to a writer thread. */
static int batch_flush(struct fhir_batch *b)
{
    int rc = batch_wait(b);
    if (rc < 0 || b->filling->n == 0)
        return rc;
    b->writing = b->filling;
    b->filling = &b->both[b->filling == b->both];
    if (!b->filling->v)
        b->filling->v = malloc(BATCH_RESOURCES * sizeof(*b->filling->v));
    if (!b->filling->v)
        return err_set(GRASP_ENOMEM, "out of memory");
    b->writer_runs = pthread_create(&b->writer, NULL, write_thread, b) == 0;
    if (!b->writer_runs)
        write_thread(b);
    return 0;
}

int fhir_batch_begin(struct fhir_store *store, struct fhir_batch **batch)
{
    struct fhir_batch *b = calloc(1, sizeof(*b));
    if (b)
        b->both[0].v = malloc(BATCH_RESOURCES * sizeof(*b->both[0].v));
    if (!b || !b->both[0].v) {
        free(b);
        return err_set(GRASP_ENOMEM, "out of memory");
    }
    b->store = store;
    b->filling = b->both;
    buf_init(&b->pending.keys);
    *batch = b;
    return 0;
}

int fhir_batch_put_text(struct fhir_batch *b, const char *text, size_t len, const json_t *tree)
{
    struct gathering *g = b->filling;
    int rc = prepared_init(&g->v[g->n], b->store, text, len, tree);
    if (rc < 0)
        return rc;
    g->bytes += g->v[g->n].text_len + g->v[g->n].values.len;
    g->n++;
    rc = g->n == BATCH_RESOURCES || g->bytes >= BATCH_BYTES ? batch_flush(b) : 0;
    /* the codes that mean "this one is bad" are not for what the writer says */
    return rc < 0 && rc != GRASP_ENOMEM ? GRASP_EIO : rc;
}

int fhir_batch_flush(struct fhir_batch *b, uint64_t *committed)
{
    int rc = batch_flush(b);
    if (rc == 0)
        rc = batch_wait(b);
    *committed = b->committed;
    return rc;
}

int fhir_batch_commit(struct fhir_batch *b)
{
    uint64_t committed;
    int rc = b ? fhir_batch_flush(b, &committed) : 0;
    fhir_batch_abort(b);
    return rc;
}

void fhir_batch_abort(struct fhir_batch *b)
{
    if (!b)
        return;
    if (b->writer_runs)
        pthread_join(b->writer, NULL);
    for (int i = 0; i < 2; i++) {
        gathering_clear(&b->both[i]);
        free(b->both[i].v);
    }
    pending_release(&b->pending);
    free(b);
}
