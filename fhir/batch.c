/* batch.c - loading many resources: checked one by one, committed by the thousand. */
#include "fhir/store.h"

#include <stdlib.h>
#include <string.h>

#include "fhir/index.h"
#include "fhir/pending.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define BATCH_RESOURCES 16384
#define BATCH_BYTES     (64u << 20)

struct fhir_batch {
    struct fhir_store *store;
    struct prepared *v;
    size_t n, bytes;
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
    if (updated && date_interval(updated, strlen(updated), &lo, &hi))
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
    }
    if (cur)
        mdb_cursor_close(cur);
    pending_clear(p);
    v->full |= rc == MDB_MAP_FULL;
    return store_error(rc, "writing the index");
}

/* ---- the batch ---- */

static int write_batch(struct view *v, void *arg)
{
    struct fhir_batch *b = arg;
    int rc = 0;
    pending_clear(&b->pending);
    v->pending = &b->pending;
    for (size_t i = 0; rc == 0 && i < b->n; i++)
        rc = view_put(v, &b->v[i], 0, b->v[i].updated_us);
    if (rc == 0)
        rc = pending_flush(&b->pending, v);
    v->pending = NULL;
    return rc;
}

static int batch_flush(struct fhir_batch *b)
{
    int rc = b->n ? store_write(b->store, NULL, write_batch, b) : 0;
    for (size_t i = 0; i < b->n; i++)
        prepared_release(&b->v[i]);
    b->n = b->bytes = 0;
    return rc;
}

int fhir_batch_begin(struct fhir_store *store, struct fhir_batch **batch)
{
    struct fhir_batch *b = calloc(1, sizeof(*b));
    if (b)
        b->v = malloc(BATCH_RESOURCES * sizeof(*b->v));
    if (!b || !b->v) {
        free(b);
        return err_set(GRASP_ENOMEM, "out of memory");
    }
    b->store = store;
    buf_init(&b->pending.keys);
    *batch = b;
    return 0;
}

int fhir_batch_put_text(struct fhir_batch *b, const char *text, size_t len, const json_t *tree)
{
    int rc = prepared_init(&b->v[b->n], b->store, text, len, tree);
    if (rc < 0)
        return rc;
    b->bytes += b->v[b->n].text_len + b->v[b->n].values.len;
    b->n++;
    return b->n == BATCH_RESOURCES || b->bytes >= BATCH_BYTES ? batch_flush(b) : 0;
}

int fhir_batch_commit(struct fhir_batch *b)
{
    if (!b)
        return 0;
    int rc = batch_flush(b);
    fhir_batch_abort(b);
    return rc;
}

void fhir_batch_abort(struct fhir_batch *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        prepared_release(&b->v[i]);
    pending_release(&b->pending);
    free(b->v);
    free(b);
}
