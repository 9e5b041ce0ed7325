/* batch.c - loading many resources: checked one by one, committed by the thousand. */
#include "fhir/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fhir/index.h"
#include "fhir/pack.h"
#include "fhir/pending.h"
#include "fhir/quickjson.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define BATCH_RESOURCES 16384
#define BATCH_BYTES     (32u << 20)

/* Two gatherings: one fills while the other is written by a thread. */
struct gathering {
    struct fhir_prepared *v;
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
    struct fhir_pending pending;
};

/* ---- one resource ---- */

static int read_meta(struct fhir_prepared *p, const json_t *tree)
{
    const json_t *meta = json_object_get(tree, "meta");
    const char *version = json_string_value(json_object_get(meta, "versionId"));
    const char *updated = json_string_value(json_object_get(meta, "lastUpdated"));
    int64_t number, lo, hi;
    p->version = 0;
    if (version && str_to_i64(version, 1, UINT32_MAX, &number))
        p->version = (uint32_t)number;
    p->updated_given = updated && fhir_date_interval(updated, strlen(updated), &lo, &hi);
    if (p->updated_given)
        p->updated_us = lo;
    else
        p->updated_us = clock_stamp() / 1000;
    return 0;
}

static int read_identity(struct fhir_prepared *p, const json_t *tree)
{
    const json_t *type = json_object_get(tree, "resourceType"), *id = json_object_get(tree, "id");
    if (!json_is_object(tree))
        return err_set(GRASP_EINVAL, "not a JSON object");
    if (!json_is_string(type))
        return err_set(GRASP_EINVAL, "no resourceType");
    p->type = fhir_resource_type_find(json_string_value(type), json_string_length(type));
    if (!p->type)
        return err_set(GRASP_EINVAL, "resourceType '%.64s' is no resource type of FHIR R4",
                       json_string_value(type));
    if (!json_is_string(id))
        return err_set(GRASP_EINVAL, "%s without id", p->type->name);
    if (!fhir_id_valid(json_string_value(id), json_string_length(id)))
        return err_set(GRASP_EINVAL,
                       "%s id '%.80s' is not 1 to 64 characters of A-Z a-z 0-9 '-' '.'",
                       p->type->name, json_string_value(id));
    memcpy(p->id, json_string_value(id), json_string_length(id) + 1);
    return 0;
}

int fhir_prepared_init(struct fhir_prepared *p, struct fhir_store *store, const char *text,
                       size_t len, const json_t *tree)
{
    json_t *own = NULL;
    json_error_t error;
    int rc;
    *p = (struct fhir_prepared){.values = BUF_INIT};
    while (len > 0 && ascii_isspace(text[len - 1]))
        len--;
    while (len > 0 && ascii_isspace(*text))
        text++, len--;
    if (len > FHIR_TEXT_MAX)
        return err_set(GRASP_ELIMIT, "a resource of more than %u bytes", FHIR_TEXT_MAX);
    if (!tree)
        tree = own = fhir_quickjson(text, len);
    if (!tree) {
        tree = own = json_loadb(text, len, JSON_ALLOW_NUL, &error);
        if (!tree)
            return err_set(GRASP_EPARSE, "line %d column %d: %s", error.line, error.column,
                           error.text);
    }
    if ((rc = read_identity(p, tree)) < 0 || (rc = read_meta(p, tree)) < 0 ||
        (rc = fhir_index_values(&p->values, p->type, tree, store->base_url, p->updated_us)) < 0)
        goto out;
    p->text = str_ndup(text, len);
    p->text_len = len;
    if (!p->text)
        rc = err_oom();
out:
    json_decref(own);
    if (rc < 0)
        fhir_prepared_release(p);
    return rc;
}

void fhir_prepared_release(struct fhir_prepared *p)
{
    free(p->text);
    p->text = NULL;
    buf_release(&p->values);
}

/* ---- the batch ---- */

static int write_gathering(struct fhir_view *v, void *arg)
{
    struct fhir_batch *b = arg;
    struct gathering *g = b->writing;
    int rc = fhir_packs_train(v, g->v, g->n);
    if (rc > 0)
        rc = fhir_store_error(rc, "writing a dictionary");
    struct fhir_mark mark = fhir_view_mark(v);
    fhir_pending_clear(&b->pending, v);
    v->pending = &b->pending;
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        rc = fhir_view_put(v, &g->v[i], 0, g->v[i].updated_us);
        fhir_view_cut(v, mark); /* what it looked at */
        if (i % PENDING_TRIM_EVERY == PENDING_TRIM_EVERY - 1)
            fhir_pending_trim(v);
    }
    if (rc == 0)
        rc = fhir_pending_flush(&b->pending, v);
    v->pending = NULL;
    return rc;
}

static void gathering_clear(struct gathering *g)
{
    for (size_t i = 0; i < g->n; i++)
        fhir_prepared_release(&g->v[i]);
    g->n = g->bytes = 0;
}

static void *write_thread(void *arg)
{
    struct fhir_batch *b = arg;
    b->rc = fhir_store_write(b->store, NULL, write_gathering, b);
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
        return err_oom();
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
        return err_oom();
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
    int rc = fhir_prepared_init(&g->v[g->n], b->store, text, len, tree);
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
    fhir_pending_release(&b->pending);
    free(b);
}
