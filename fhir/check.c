/*
 * check.c - looks for damage in a store.
 *
 * Whoever looks something up follows the trees, whoever searches a range walks them: both are done.
 * Each entry that a record must have is looked up; that there are no others shows in their number.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fhir/index.h"
#include "fhir/pack.h"
#include "fhir/pending.h"
#include "fhir/quickjson.h"
#include "fhir/store.h"
#include "runtime/base/damage.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

#define KEYS_MAX 65536 /* looked up together, in their order */
struct check {
    struct fhir_view v;
    struct fhir_check *out;
    struct fhir_pending keys; /* that the records so far must have */
    uint64_t indexed;         /* of these, found */
    uint64_t walked;          /* entries of the table walked last */
};

static int spoiled(const char *what)
{
    return err_set(GRASP_EREFUSED, "%s", what);
}

typedef int (*walk_fn)(struct check *c, const MDB_val *k, const MDB_val *d);

/* Calls fn for each entry of a table whose keys are unique, and finds each again by its key. In
 * `idx` a key has several entries. A walk that is not in order, or longer than the table, goes in
 * circles. */
static int walk(struct check *c, MDB_dbi dbi, walk_fn fn)
{
    MDB_txn *txn = c->v.txn;
    MDB_cursor *cur;
    MDB_val k, d, last = {0}, last_d = {0}, got;
    MDB_stat st;
    size_t n = 0, of_key = 0;
    struct fhir_mark mark = fhir_view_mark(&c->v);
    int rc = mdb_stat(txn, dbi, &st), err = 0;
    if (rc == 0)
        rc = mdb_cursor_open(txn, dbi, &cur);
    if (rc)
        return fhir_store_error(rc, "reading a table");
    while (err == 0 && (rc = mdb_cursor_get(cur, &k, &d, MDB_NEXT)) == 0) {
        bool sized = fn ? dbi != c->v.store->res || k.mv_size == sizeof(uint64_t)
                        : d.mv_size == sizeof(uint64_t);
        int order = !sized ? 1 : n == 0 ? -1 : mdb_cmp(txn, dbi, &last, &k);
        if (!fn && order == 0 && of_key > 0 && mdb_dcmp(txn, dbi, &last_d, &d) < 0)
            of_key--;
        else if (order >= 0 || of_key > 0)
            err = spoiled("entries out of order");
        else if (!fn && mdb_cursor_count(cur, &of_key) == 0)
            of_key--;
        else if (!fn || mdb_get(txn, dbi, &k, &got) != 0 || got.mv_data != d.mv_data)
            err = spoiled("an entry that cannot be found by its key");
        last = k;
        last_d = d;
        if (++n > st.ms_entries)
            err = spoiled("more entries than there are");
        if (fn && err == 0)
            err = fn(c, &k, &d);
        fhir_view_cut(&c->v, mark);
        if (n % PENDING_TRIM_EVERY == 0)
            fhir_pending_trim(&c->v);
    }
    mdb_cursor_close(cur);
    c->walked = n;
    if (err == 0 && rc == MDB_NOTFOUND && (n != st.ms_entries || of_key > 0))
        err = spoiled("fewer entries than there are");
    return err < 0 || rc == MDB_NOTFOUND ? err : fhir_store_error(rc, "reading a table");
}

/* ---- records ---- */

static int look_up_keys(struct check *c)
{
    struct fhir_pending *p = &c->keys;
    MDB_cursor *cur;
    int rc = mdb_cursor_open(c->v.txn, c->v.store->idx, &cur);
    if (rc)
        return fhir_store_error(rc, "reading the index");
    fhir_pending_sort(p);
    for (size_t i = 0; i < p->n_keys && (rc == 0 || rc == MDB_NOTFOUND); i++) {
        size_t n;
        const uint64_t *seqs = fhir_pending_seqs(p, &p->key[i], &n);
        if (!seqs)
            rc = ENOMEM;
        for (size_t s = 0; seqs && s < n && (rc == 0 || rc == MDB_NOTFOUND); s++) {
            MDB_val k = {p->key[i].len, p->keys.ptr + p->key[i].at};
            MDB_val d = {sizeof(seqs[s]), (void *)&seqs[s]};
            rc = mdb_cursor_get(cur, &k, &d, MDB_GET_BOTH);
            c->indexed += rc == 0;
            c->out->missing += rc == MDB_NOTFOUND;
        }
        if (i % PENDING_TRIM_EVERY == PENDING_TRIM_EVERY - 1)
            fhir_pending_trim(&c->v);
    }
    mdb_cursor_close(cur);
    fhir_pending_clear(p, &c->v);
    return rc == MDB_NOTFOUND ? 0 : fhir_store_error(rc, "reading the index");
}

/* Is the text a resource, the one that the record says it is? */
static bool is_resource(const struct fhir_record *r)
{
    json_t *tree = fhir_quickjson(r->text, r->text_len);
    if (!tree)
        tree = json_loadb(r->text, r->text_len, JSON_ALLOW_NUL, NULL);
    bool is = tree && strcmp(json_str_at(tree, "resourceType", ""), r->type) == 0 &&
              strcmp(json_str_at(tree, "id", ""), r->id) == 0;
    json_decref(tree);
    return is;
}

struct key_of {
    struct check *c;
    uint64_t seq;
};

static int add_key(const struct fhir_index_key *key, void *arg)
{
    struct key_of *of = arg;
    return fhir_pending_add(&of->c->keys, key, of->seq);
}

static int check_record(struct check *c, const MDB_val *k, const MDB_val *d)
{
    struct key_of of = {.c = c};
    struct fhir_record r, found;
    struct fhir_id_entry entry;
    memcpy(&of.seq, k->mv_data, sizeof(of.seq));
    if (of.seq >= c->v.next_seq)
        return spoiled("a resource after the last one");
    const struct fhir_resource_type *type = NULL;
    if (fhir_record_decode(&c->v, d, of.seq, &r) == 0 && is_resource(&r))
        type = fhir_resource_type_find(r.type, strlen(r.type));
    if (!type) {
        c->out->damaged++;
        return 0;
    }
    c->out->resources++;
    c->out->unsummed += !r.summed;
    if (fhir_view_get(&c->v, r.type, r.id, &found, &entry) < 0 || entry.seq != of.seq ||
        entry.version != r.version)
        c->out->missing++;
    int rc = fhir_index_keys(type, r.values, r.values_len, add_key, &of);
    return rc == 0 && c->keys.n >= KEYS_MAX ? look_up_keys(c) : rc;
}

static int check_id(struct check *c, const MDB_val *k, const MDB_val *d)
{
    struct fhir_id_entry entry;
    struct fhir_record r;
    char key[160];
    if (d->mv_size != sizeof(entry))
        return spoiled("an id that leads nowhere");
    memcpy(&entry, d->mv_data, sizeof(entry));
    bool leads = entry.seq < c->v.next_seq && entry.deleted <= 1;
    if (leads && !entry.deleted) {
        leads = fhir_view_at(&c->v, entry.seq, &r) == 0;
        int n = leads ? snprintf(key, sizeof(key), "%s/%s", r.type, r.id) : 0;
        leads = leads && (size_t)n == k->mv_size && memcmp(key, k->mv_data, k->mv_size) == 0;
    }
    c->out->dangling += !leads;
    return 0;
}

static int check_version(struct check *c, const MDB_val *k, const MDB_val *d)
{
    struct fhir_record r;
    char key[176];
    if (fhir_record_decode(&c->v, d, 0, &r) < 0 || (r.text_len && !is_resource(&r))) {
        c->out->damaged++;
        return 0;
    }
    c->out->unsummed += !r.summed;
    size_t len = (size_t)snprintf(key, 160, "%s/%s", r.type, r.id) + 1;
    uint32_t big = __builtin_bswap32(r.version);
    if (len < 160)
        memcpy(key + len, &big, sizeof(big));
    c->out->dangling +=
        len >= 160 || k->mv_size != len + sizeof(big) || memcmp(k->mv_data, key, k->mv_size) != 0;
    return 0;
}

/* ---- the file ---- */

/* LMDB writes its roots to two pages in turn, each with its transaction's number, and takes the later
 * one. A flipped bit there shows the store as it was before its last change. */
static int check_roots(struct check *c)
{
    enum { NUMBER_AT = 144 };
    uint64_t number[2] = {0};
    MDB_stat st;
    int fd, rc = mdb_env_stat(c->v.store->env, &st);
    if (rc == 0)
        rc = mdb_env_get_fd(c->v.store->env, &fd);
    if (rc)
        return fhir_store_error(rc, "reading its roots");
    for (int tries = 0; tries < 5; tries++) { /* somebody may be writing between our two looks */
        for (off_t i = 0; i < 2; i++)
            if (pread(fd, &number[i], sizeof(number[i]), i * st.ms_psize + NUMBER_AT) !=
                sizeof(number[i]))
                return spoiled("its first pages are cut off");
        uint64_t ahead = number[0] - number[1] + 1; /* 0 or 2 */
        if ((ahead & ~UINT64_C(2)) == 0 && !(number[0] & 1)) {
            /* a compacted copy begins anew with 1 */
            size_t last = mdb_txn_id(c->v.txn);
            if (c->v.state_txn && last > 1 && c->v.state_txn != last)
                break;
            return 0;
        }
    }
    return spoiled("what was written last is not shown");
}

static int check_tables(struct check *c)
{
    const struct fhir_store *s = c->v.store;
    int rc = check_roots(c);
    if (rc == 0)
        rc = walk(c, s->res, check_record);
    if (rc == 0)
        rc = look_up_keys(c);
    if (rc == 0)
        rc = walk(c, s->ids, check_id);
    if (rc == 0)
        rc = walk(c, s->hist, check_version);
    if (rc == 0)
        rc = walk(c, s->idx, NULL);
    if (rc == 0)
        c->out->dangling += (int64_t)(c->walked - c->indexed);
    return rc < 0 ? rc : fhir_store_error(damage_free_pages(s->env, c->v.txn), "its free pages");
}

static int look(const char *dir, void *out)
{
    struct fhir_store *s = NULL;
    struct check c = {.out = out, .keys = {.keys = BUF_INIT}};
    char why[512];
    int rc = fhir_open(&s, dir, &(struct fhir_options){.look = true});
    if (rc < 0)
        return rc;
    if ((rc = fhir_view_open(&c.v, s, NULL)) == 0)
        rc = check_tables(&c);
    fhir_view_close(&c.v);
    fhir_pending_release(&c.keys);
    fhir_close(s);
    if (rc != GRASP_EREFUSED && rc != GRASP_EIO)
        return rc;
    snprintf(why, sizeof(why), "%s", err_msg());
    why[strcspn(why, ";")] = '\0'; /* what to do about it comes below */
    return err_set(GRASP_EREFUSED, "FHIR store '%s' is damaged: it cannot be read whole (%s); %s",
                   dir, why, FHIR_WAY_OUT);
}

int fhir_check(const char *dir, struct fhir_check *out)
{
    *out = (struct fhir_check){0};
    int rc = damage_look(look, dir, out, sizeof(*out), "FHIR store", FHIR_WAY_OUT);
    if (rc < 0 || (!out->damaged && !out->missing && !out->dangling))
        return rc;
    return err_set(GRASP_EREFUSED,
                   "FHIR store '%s' is damaged (resources that have changed: %" PRId64
                   ", entries that its indexes lack: %" PRId64 ", that lead nowhere: %" PRId64
                   "); %s",
                   dir, out->damaged, out->missing, out->dangling, FHIR_WAY_OUT);
}
