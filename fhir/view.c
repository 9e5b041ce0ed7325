/* view.c - reading and writing single resources inside a transaction, overlay first. */
#include "fhir/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fhir/index.h"
#include "fhir/jsontext.h"
#include "fhir/overlay.h"
#include "fhir/pack.h"
#include "fhir/pending.h"
#include "fhir/search.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

/* A record in the store begins with this; type, id (both with NUL), values and text follow, or their
 * frame. */
struct record_head {
    int64_t updated_us;
    uint32_t version;
    uint32_t values_len;
    uint8_t type_len, id_len; /* with NUL */
    uint8_t dictionary;       /* of the frame; 0: none, they are plain */
    uint8_t unused;
    uint32_t sum; /* CRC-32 of the record with 0 here; 0: an older store, which has none */
};

static uint32_t record_sum(struct record_head h, const char *record, size_t len)
{
    h.sum = 0;
    uLong sum = crc32_z(0, (const Bytef *)&h, sizeof(h));
    sum = crc32_z(sum, (const Bytef *)record + sizeof(h), len - sizeof(h));
    return sum ? (uint32_t)sum : 1;
}

static int write_error(struct fhir_view *v, int rc, const char *what)
{
    v->full |= rc == MDB_MAP_FULL;
    return fhir_store_error(rc, what);
}

int fhir_record_decode(struct fhir_view *v, const MDB_val *val, uint64_t seq,
                       struct fhir_record *out)
{
    struct record_head h;
    const char *p = val->mv_data;
    if (val->mv_size < sizeof(h))
        return err_set(GRASP_EIO, "FHIR store: a damaged record; " FHIR_WAY_OUT);
    memcpy(&h, p, sizeof(h));
    if (h.sum && !v->store->temporary && h.sum != record_sum(h, p, val->mv_size))
        return err_set(GRASP_EIO, "FHIR store: a damaged record; " FHIR_WAY_OUT);
    size_t head = sizeof(h) + h.type_len + h.id_len;
    bool short_of_values = !h.dictionary && h.values_len > val->mv_size - head;
    if (head > val->mv_size || short_of_values || !h.type_len || !h.id_len ||
        p[sizeof(h) + h.type_len - 1] || p[head - 1])
        return err_set(GRASP_EIO, "FHIR store: a damaged record; " FHIR_WAY_OUT);
    *out = (struct fhir_record){.seq = seq,
                                .version = h.version,
                                .updated_us = h.updated_us,
                                .type = p + sizeof(h),
                                .id = p + sizeof(h) + h.type_len,
                                .values_len = h.values_len,
                                .summed = h.sum != 0};
    if (h.dictionary) {
        int rc = fhir_unpack(v, h.dictionary, p + head, val->mv_size - head, out);
        return rc > 0 ? fhir_store_error(rc, "reading a dictionary") : rc;
    }
    out->values = (const uint8_t *)p + head;
    out->text = p + head + h.values_len;
    out->text_len = val->mv_size - head - h.values_len;
    /* a page that is not there reads as zeros */
    if (out->text_len && !out->text[out->text_len - 1])
        return err_set(GRASP_EIO, "FHIR store: a damaged record; " FHIR_WAY_OUT);
    return 0;
}

int fhir_view_at(struct fhir_view *v, uint64_t seq, struct fhir_record *out)
{
    MDB_val k = {sizeof(seq), &seq}, got;
    int rc = mdb_get(v->txn, v->store->res, &k, &got);
    if (rc == MDB_NOTFOUND)
        return GRASP_ENOTFOUND;
    return rc ? fhir_store_error(rc, "reading a resource") : fhir_record_decode(v, &got, seq, out);
}

static size_t id_key(char out[160], const char *type, const char *id)
{
    return (size_t)snprintf(out, 160, "%s/%s", type, id);
}

static int get_id(struct fhir_view *v, const char *type, const char *id,
                  struct fhir_id_entry *entry)
{
    char key[160];
    size_t len = id_key(key, type, id);
    MDB_val k = {len, key}, got;
    *entry = (struct fhir_id_entry){0};
    if (len >= sizeof(key))
        return GRASP_ENOTFOUND;
    int rc = mdb_get(v->txn, v->store->ids, &k, &got);
    if (rc == MDB_NOTFOUND)
        return GRASP_ENOTFOUND;
    if (rc != 0)
        return fhir_store_error(rc, "looking up an id");
    memcpy(entry, got.mv_data, sizeof(*entry));
    return entry->deleted ? GRASP_ENOTFOUND : 0;
}

int fhir_view_get(struct fhir_view *v, const char *type, const char *id, struct fhir_record *out,
                  struct fhir_id_entry *entry)
{
    struct fhir_id_entry unused = {0};
    entry = entry ? entry : &unused;
    const struct fhir_overlay_entry *e =
        v->overlay ? fhir_overlay_find(v->overlay, type, id) : NULL;
    if (e) {
        *out = e->record;
        *entry = (struct fhir_id_entry){e->record.seq, e->record.version, e->deleted};
        return e->deleted ? GRASP_ENOTFOUND : 0;
    }
    int rc = get_id(v, type, id, entry);
    return rc < 0 ? rc : fhir_view_at(v, entry->seq, out);
}

/* ---- writing ---- */

struct index_write {
    struct fhir_view *view;
    uint64_t seq;
    bool remove;
};

static int write_key(const struct fhir_index_key *key, void *arg)
{
    struct index_write *w = arg;
    struct fhir_view *v = w->view;
    if (v->pending && !w->remove)
        return fhir_pending_add(v->pending, key, w->seq);
    MDB_val k = {key->len, (void *)key->bytes}, d = {sizeof(w->seq), &w->seq};
    int rc;
    if (w->remove) {
        rc = mdb_del(v->txn, v->store->idx, &k, &d);
        rc = rc == MDB_NOTFOUND ? 0 : rc; /* a key that came twice */
    } else {
        rc = mdb_put(v->txn, v->store->idx, &k, &d, MDB_NODUPDATA);
        rc = rc == MDB_KEYEXIST ? 0 : rc;
    }
    return write_error(v, rc, "writing the index");
}

static int index_write(struct fhir_view *v, const struct fhir_record *r, bool remove)
{
    struct index_write w = {v, r->seq, remove};
    const struct fhir_resource_type *type = fhir_resource_type_find(r->type, strlen(r->type));
    if (!type)
        return err_set(GRASP_EIO, "FHIR store: unknown resource type '%s'", r->type);
    if (remove && v->pending) {
        int rc = fhir_pending_flush(v->pending, v);
        if (rc < 0)
            return rc;
    }
    return fhir_index_keys(type, r->values, r->values_len, write_key, &w);
}

static int put_id(struct fhir_view *v, const char *type, const char *id,
                  const struct fhir_id_entry *entry)
{
    char key[160];
    MDB_val k = {id_key(key, type, id), key}, d = {sizeof(*entry), (void *)entry};
    return write_error(v, mdb_put(v->txn, v->store->ids, &k, &d, 0), "writing an id");
}

/* A record as it is stored. */
static int encode_record(struct fhir_view *v, const struct fhir_record *r, struct buf *out)
{
    struct record_head h = {.updated_us = r->updated_us,
                            .version = r->version,
                            .values_len = (uint32_t)r->values_len,
                            .type_len = (uint8_t)(strlen(r->type) + 1),
                            .id_len = (uint8_t)(strlen(r->id) + 1)};
    buf_add(out, &h, sizeof(h));
    buf_add(out, r->type, h.type_len);
    buf_add(out, r->id, h.id_len);
    int rc = v->packer ? fhir_pack(v, r, out, &h.dictionary) : 0;
    if (rc > 0)
        rc = fhir_store_error(rc, "reading a dictionary");
    if (rc == 0 && !h.dictionary) {
        buf_add(out, r->values, r->values_len);
        buf_add(out, r->text, r->text_len);
    }
    if (rc == 0)
        rc = buf_check(out);
    if (rc < 0)
        return rc;
    memcpy(out->ptr, &h, sizeof(h));
    h.sum = record_sum(h, out->ptr, out->len);
    memcpy(out->ptr, &h, sizeof(h));
    return 0;
}

static int put_record(struct fhir_view *v, const struct fhir_record *r, bool append)
{
    uint64_t seq = r->seq;
    struct buf own = BUF_INIT, *record = v->packer ? fhir_pack_room(v) : &own;
    int rc = encode_record(v, r, record);
    MDB_val k = {sizeof(seq), &seq}, d = {record->len, record->ptr};
    if (rc == 0)
        rc = write_error(v, mdb_put(v->txn, v->store->res, &k, &d, append ? MDB_APPEND : 0),
                         "writing a resource");
    buf_release(&own);
    return rc;
}

/* ---- versions that were ---- */

static size_t version_key(char out[176], const char *type, const char *id, uint32_t version)
{
    size_t len = id_key(out, type, id) + 1; /* with its NUL */
    uint32_t big = __builtin_bswap32(version);
    memcpy(out + len, &big, sizeof(big));
    return len + sizeof(big);
}

/* Keeps what a version was, without its index values. */
static int keep_version(struct fhir_view *v, const struct fhir_record *r)
{
    char key[176];
    struct fhir_record own = *r;
    own.values_len = 0;
    struct buf record = BUF_INIT;
    MDB_val k = {version_key(key, r->type, r->id, r->version), key};
    int rc = encode_record(v, &own, &record);
    MDB_val d = {record.len, record.ptr};
    if (rc == 0)
        rc = write_error(v, mdb_put(v->txn, v->store->hist, &k, &d, 0), "keeping a version");
    buf_release(&record);
    return rc;
}

int fhir_view_version(struct fhir_view *v, const char *type, const char *id, uint32_t version,
                      struct fhir_record *out)
{
    char key[176];
    if (strlen(type) + strlen(id) > 150)
        return GRASP_ENOTFOUND;
    MDB_val k = {version_key(key, type, id, version), key}, got;
    for (size_t i = 0; v->overlay && i < v->overlay->n; i++) {
        const struct fhir_overlay_entry *e = &v->overlay->v[i];
        if (e->record.version == version && strcmp(e->record.type, type) == 0 &&
            strcmp(e->record.id, id) == 0) {
            *out = e->record;
            return 0;
        }
    }
    struct fhir_id_entry entry;
    int rc = get_id(v, type, id, &entry);
    if (rc == 0 && entry.version == version)
        return fhir_view_at(v, entry.seq, out);
    rc = mdb_get(v->txn, v->store->hist, &k, &got);
    if (rc == MDB_NOTFOUND)
        return GRASP_ENOTFOUND;
    return rc ? fhir_store_error(rc, "reading a version") : fhir_record_decode(v, &got, 0, out);
}

static int add_kept(struct fhir_view *v, const char *type, const char *id, struct fhir_matches *out)
{
    char key[176];
    size_t len = version_key(key, type, id, 0), prefix = len - sizeof(uint32_t);
    MDB_val k = {len, key}, d;
    MDB_cursor *cur = NULL;
    int rc = mdb_cursor_open(v->txn, v->store->hist, &cur), err = 0;
    if (rc == 0)
        rc = mdb_cursor_get(cur, &k, &d, MDB_SET_RANGE);
    for (; rc == 0 && err == 0 && k.mv_size == len && memcmp(k.mv_data, key, prefix) == 0;
         rc = mdb_cursor_get(cur, &k, &d, MDB_NEXT)) {
        uint32_t big;
        memcpy(&big, (char *)k.mv_data + prefix, sizeof(big));
        err = fhir_matches_add(out, __builtin_bswap32(big));
    }
    if (cur)
        mdb_cursor_close(cur);
    return err < 0 ? err : rc == MDB_NOTFOUND ? 0 : fhir_store_error(rc, "reading versions");
}

int fhir_view_versions(struct fhir_view *v, const char *type, const char *id,
                       struct fhir_matches *out)
{
    struct fhir_id_entry entry;
    int rc = strlen(type) + strlen(id) > 150 ? 0 : add_kept(v, type, id, out);
    if (rc == 0 && get_id(v, type, id, &entry) == 0)
        rc = fhir_matches_add(out, entry.version);
    for (size_t i = 0; rc == 0 && v->overlay && i < v->overlay->n; i++) {
        const struct fhir_record *r = &v->overlay->v[i].record;
        if (strcmp(r->type, type) == 0 && strcmp(r->id, id) == 0)
            rc = fhir_matches_add(out, r->version);
    }
    fhir_matches_sort(out);
    return rc;
}

/* Takes a stored record and its index entries out. */
static int remove_record(struct fhir_view *v, uint64_t seq)
{
    struct fhir_record old;
    MDB_val k = {sizeof(seq), &seq};
    int rc = fhir_view_at(v, seq, &old);
    if (rc < 0)
        return rc;
    /* The old bytes lie in a page that this transaction may rewrite. */
    struct buf copy = BUF_INIT;
    if (v->store->keep_versions && (rc = keep_version(v, &old)) < 0)
        return rc;
    if (v->store->keep_versions &&
        (rc = fhir_view_at(v, seq, &old)) < 0) /* the page may be another */
        return rc;
    buf_add(&copy, old.values, old.values_len);
    old.values = (const uint8_t *)copy.ptr;
    if ((rc = buf_check(&copy)) == 0) {
        const struct fhir_resource_type *type = fhir_resource_type_find(old.type, strlen(old.type));
        old.type = type ? type->name : "";
        rc = index_write(v, &old, true);
    }
    if (rc == 0)
        rc = write_error(v, mdb_del(v->txn, v->store->res, &k, NULL), "removing a resource");
    buf_release(&copy);
    return rc;
}

/* Does the store hold a later version than this one, by what both say of themselves? A history
 * Bundle has several of one resource, the newest first or last. */
static bool is_older_copy(struct fhir_view *v, uint64_t seq, const struct fhir_prepared *p,
                          int64_t updated_us)
{
    struct fhir_record old;
    const char *meta, *version;
    size_t len;
    int64_t number;
    char text[24];
    if (!p->version || fhir_view_at(v, seq, &old) < 0 ||
        !fhir_jsontext_find(old.text, old.text_len, "meta", &meta, &len) ||
        !fhir_jsontext_find(meta, len, "versionId", &version, &len) || len < 3 ||
        len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)len - 2, version + 1);
    return str_to_i64(text, 1, UINT32_MAX, &number) && number > p->version &&
           !(p->updated_given && updated_us > old.updated_us);
}

int fhir_view_put(struct fhir_view *v, const struct fhir_prepared *p, uint32_t version,
                  int64_t updated_us)
{
    struct fhir_record r = {.type = p->type->name,
                            .id = p->id,
                            .updated_us = updated_us,
                            .values = (const uint8_t *)p->values.ptr,
                            .values_len = p->values.len,
                            .text = p->text,
                            .text_len = p->text_len};
    struct fhir_record old;
    struct fhir_id_entry entry;
    int rc;
    if (p->updated_given && updated_us > v->changed_us)
        v->changed_us = updated_us;
    if (v->overlay) {
        rc = fhir_view_get(v, r.type, r.id, &old, &entry);
        if (rc < 0 && rc != GRASP_ENOTFOUND)
            return rc;
        r.seq = entry.seq ? entry.seq : OVERLAY_SEQ + v->overlay->n;
        r.version = version ? version : entry.version + 1;
        return fhir_overlay_put(v->overlay, p->type, &r, false);
    }
    rc = get_id(v, r.type, r.id, &entry);
    if (rc < 0 && rc != GRASP_ENOTFOUND)
        return rc;
    bool fresh = rc == GRASP_ENOTFOUND;
    if (!fresh && !version && is_older_copy(v, entry.seq, p, updated_us))
        return 0;
    if (!fresh && (rc = remove_record(v, entry.seq)) < 0)
        return rc;
    r.seq = fresh ? v->next_seq++ : entry.seq;
    r.version = version             ? version
                : entry.version > 0 ? entry.version + 1
                : p->version > 0    ? p->version
                                    : 1;
    entry = (struct fhir_id_entry){.seq = r.seq, .version = r.version};
    if ((rc = put_id(v, r.type, r.id, &entry)) < 0 || (rc = put_record(v, &r, fresh)) < 0)
        return rc;
    return index_write(v, &r, false);
}

int fhir_view_delete(struct fhir_view *v, const char *type, const char *id)
{
    struct fhir_record old;
    struct fhir_id_entry entry;
    int rc = fhir_view_get(v, type, id, &old, &entry);
    if (rc < 0)
        return rc;
    if (v->overlay) {
        old.version++;
        old.text_len = old.values_len = 0;
        return fhir_overlay_put(v->overlay, fhir_resource_type_find(type, strlen(type)), &old,
                                true);
    }
    if ((rc = remove_record(v, entry.seq)) < 0)
        return rc;
    entry.version++;
    entry.deleted = 1;
    if (v->store->keep_versions) {
        struct fhir_record gone = {.version = entry.version,
                                   .updated_us = clock_stamp() / 1000000 * 1000,
                                   .type = type,
                                   .id = id};
        if ((rc = keep_version(v, &gone)) < 0)
            return rc;
    }
    return put_id(v, type, id, &entry);
}

int fhir_view_new_id(struct fhir_view *v, const char *type, uint64_t *next,
                     char out[FHIR_ID_MAX + 1])
{
    struct fhir_record r;
    struct fhir_id_entry entry;
    if (*next == 0)
        *next = v->next_seq + (v->overlay ? v->overlay->n : 0);
    for (;;) {
        snprintf(out, FHIR_ID_MAX + 1, "%llu", (unsigned long long)(*next)++);
        int rc = fhir_view_get(v, type, out, &r, &entry);
        if (rc == GRASP_ENOTFOUND && !entry.version)
            return 0;
        if (rc < 0 && rc != GRASP_ENOTFOUND)
            return rc;
    }
}

/* Resources of a type in the store alone. */
static uint64_t view_count(struct fhir_view *v, const struct fhir_resource_type *type)
{
    struct fhir_index_key key;
    MDB_cursor *cur = NULL;
    size_t n = 0;
    fhir_index_key_start(&key, fhir_param_slot_number(type, PARAM_SLOT_TYPE));
    MDB_val k = {key.len, key.bytes}, d;
    if (mdb_cursor_open(v->txn, v->store->idx, &cur) != 0)
        return 0;
    if (mdb_cursor_get(cur, &k, &d, MDB_SET) != 0 || mdb_cursor_count(cur, &n) != 0)
        n = 0;
    mdb_cursor_close(cur);
    return n;
}

uint64_t fhir_count(struct fhir_store *store, const char *type)
{
    struct fhir_view v;
    uint64_t n = 0;
    MDB_stat stat;
    const struct fhir_resource_type *t = type ? fhir_resource_type_find(type, strlen(type)) : NULL;
    if ((type && !t) || fhir_view_open(&v, store, NULL) < 0)
        return 0;
    if (t)
        n = view_count(&v, t);
    else if (mdb_stat(v.txn, store->res, &stat) == 0)
        n = stat.ms_entries;
    fhir_view_close(&v);
    return n;
}

bool fhir_view_has(struct fhir_view *v, const struct fhir_resource_type *type)
{
    for (size_t i = 0; v->overlay && i < v->overlay->n; i++)
        if (v->overlay->v[i].type == type)
            return true;
    return view_count(v, type) > 0;
}
